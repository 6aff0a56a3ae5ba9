//! Users over HTTP: who may see what, what is refused, and what is written down.

use reqwest::Method;
use russet_domain::token::TokenState;
use russet_domain::{Secret, TokenId, UserRecord, UserStatus};
use russet_store::keys::Role;
use russet_store::users::{self, Count};
use russet_store::{audit, meta};
use serde_json::{Value, json};

use crate::harness::{NOW, Reply, Server, send};

async fn import(server: &Server, query: &str, media_type: &str, body: &str, once: Option<&str>) -> Reply {
    let mut request = server.request(Method::POST, &format!("/api/v1/users/import?{query}"));
    request = request.header("content-type", media_type).body(body.to_owned());
    if let Some(key) = once {
        request = request.header("idempotency-key", key);
    }
    send(request).await
}

async fn patch(server: &Server, path: &str, body: &Value) -> Reply {
    send(server.request(Method::PATCH, path).json(body)).await
}

/// Writes down what Apple has of a user, as a sync would.
async fn observe(server: &Server, token: TokenId, id: &str, status: UserStatus, code: Option<&str>) {
    let record =
        UserRecord { status: Some(status), invite_code: code.map(Secret::new), ..UserRecord::absent(id) };
    let mut tx = server.store.begin().await.unwrap();
    users::observe(&mut tx, token, Count::Exactly, &[record], NOW).await.unwrap();
    meta::set(&mut tx, meta::INVITATION_TEMPLATE, "https://buy.apple.com/?inviteCode=%25inviteCode%25")
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_user_is_registered_at_several_locations_with_one_id() {
    let server = Server::start().await;
    let (north, south) = (server.location("north", 1).await, server.location("south", 1).await);
    let body = json!({ "tokens": [north.0, south.0, north.0], "email": " a@example.org " });
    let made = server.post_once("/api/v1/users", "k1", &body).await;
    assert_eq!(made.status, 202, "{}", made.text);
    assert_eq!(made.body["jobs"].as_array().unwrap().len(), 2, "{}", made.text);
    assert_eq!(made.body["jobs"][0]["kind"], "import_users");
    assert_eq!(server.waiting("apply_users").await, 2);
    let id = made.body["client_user_id"].as_str().unwrap().to_owned();
    let again = server.post_once("/api/v1/users", "k1", &body).await;
    assert_eq!(again.body["client_user_id"], id.as_str(), "the id that was made is told again");

    let shown = server.get(&format!("/api/v1/users/{id}")).await;
    let registrations = shown.body["registrations"].as_array().unwrap();
    assert_eq!(registrations.len(), 2, "{}", shown.text);
    assert_eq!(
        (&registrations[0]["email"], &registrations[0]["work"]),
        (&json!("a@example.org"), &json!("planned"))
    );
    let listed = server.get(&format!("/api/v1/users?token={south}&work=planned&q=a@ex")).await;
    assert_eq!(listed.body["items"].as_array().unwrap().len(), 1, "{}", listed.text);

    let mut db = server.store.read().await.unwrap();
    let entries = audit::list(&mut db, None, 10, None).await.unwrap();
    let entry = entries.iter().find(|entry| entry.action == "user.create").unwrap();
    assert!(entry.subject.contains(&id) && !entry.detail.contains("example.org"), "{entry:?}");
}

#[tokio::test]
async fn an_invitation_is_for_those_who_may_write() {
    let server = Server::start().await;
    let token = server.location("north", 1).await;
    observe(&server, token, "u1", UserStatus::Registered, Some("se/sa me")).await;
    let seen_as = async |role| {
        let key = server.new_key(role, None).await;
        send(server.request_as(&key, Method::GET, "/api/v1/users/u1")).await
    };
    let operator = seen_as(Role::Operator).await;
    let link = &operator.body["registrations"][0]["invitation_url"];
    assert_eq!(*link, "https://buy.apple.com/?inviteCode=se%2Fsa%20me", "{}", operator.text);
    let viewer = seen_as(Role::Viewer).await;
    assert_eq!(viewer.body["registrations"][0]["invitation_url"], Value::Null, "{}", viewer.text);
    assert_eq!(viewer.body["registrations"][0]["invitation"], "pending");
    assert!(!server.get("/api/v1/users").await.text.contains("sa%20me"));
    let key = server.new_key(Role::Viewer, None).await;
    let refused = send(server.request_as(&key, Method::DELETE, "/api/v1/users/u1")).await;
    assert_eq!(refused.problem(), (403, "role_forbids"));
}

#[tokio::test]
async fn a_key_bound_to_a_token_knows_only_its_users() {
    let server = Server::start().await;
    let (north, south) = (server.location("north", 1).await, server.location("south", 1).await);
    observe(&server, north, "u1", UserStatus::Associated, None).await;
    observe(&server, south, "u1", UserStatus::Associated, None).await;
    observe(&server, south, "u2", UserStatus::Associated, None).await;
    let key = server.new_key(Role::Admin, Some(&[north])).await;
    let asked = async |method: Method, path: &str| send(server.request_as(&key, method, path)).await;
    let listed = asked(Method::GET, "/api/v1/users").await;
    assert_eq!(listed.body["items"].as_array().unwrap().len(), 1, "{}", listed.text);
    assert_eq!(asked(Method::GET, "/api/v1/users/u2").await.problem(), (404, "no_such_user"));
    assert_eq!(asked(Method::DELETE, "/api/v1/users/u2").await.problem(), (404, "no_such_user"));
    let retired = asked(Method::DELETE, "/api/v1/users/u1").await;
    assert_eq!(retired.body["jobs"].as_array().unwrap().len(), 1, "{}", retired.text);
}

#[tokio::test]
async fn an_import_is_written_once_and_names_its_wrong_rows() {
    let server = Server::start_with(|settings| settings.import_rows_max = 5).await;
    let token = server.location("north", 1).await;
    let good = "client_user_id,email\nu1,u1@example.org\nu2,\n";
    let (query, csv) = (format!("token={token}"), "text/csv; charset=utf-8");
    let first = import(&server, &query, csv, good, Some("k")).await;
    assert_eq!(first.status, 202, "{}", first.text);
    assert_eq!(
        (&first.body["kind"], &first.body["progress"]["planned"]),
        (&json!("import_users"), &json!(2))
    );
    assert_eq!(import(&server, &query, csv, good, Some("k")).await.id(), first.id());
    let other = import(&server, &format!("{query}&partial=true"), csv, good, Some("k")).await;
    assert_eq!(other.problem(), (422, "idempotency_key_reused"), "the query is part of the request");

    let bad = "client_user_id,email\nu3,\nu 4,\nu5,nonsense\n";
    let refused = import(&server, &query, csv, bad, None).await;
    assert_eq!(refused.problem(), (422, "bad_rows"));
    assert_eq!(refused.body["errors"][1]["field"], "line 4", "{}", refused.text);
    assert!(!refused.text.contains("nonsense"), "{}", refused.text);
    let taken = import(&server, &format!("{query}&partial=true"), csv, bad, None).await;
    assert_eq!(
        (&taken.body["progress"]["total"], &taken.body["rejected"]["count"]),
        (&json!(1), &json!(2)),
        "{}",
        taken.text
    );

    let many = "client_user_id\n1\n2\n3\n4\n5\n6\n";
    assert_eq!(import(&server, &query, csv, many, None).await.problem(), (422, "too_many_rows"));
    assert_eq!(
        import(&server, &query, "application/json", "{}", None).await.problem(),
        (415, "wrong_content_type")
    );
    assert_eq!(import(&server, "token=99", csv, good, None).await.problem(), (422, "unknown_token"));
    assert_eq!(import(&server, &query, csv, "email\n", None).await.problem(), (422, "invalid_field"));
}

#[tokio::test]
async fn what_cannot_be_a_user_is_refused_with_its_field() {
    let server = Server::start().await;
    let token = server.location("north", 1).await;
    let wrong = [
        (json!({ "client_user_id": "u1" }), "invalid_field"),
        (json!({ "token": token.0, "tokens": [token.0] }), "invalid_field"),
        (json!({ "tokens": [] }), "empty_list"),
        (json!({ "token": 99 }), "unknown_token"),
        (json!({ "token": token.0, "client_user_id": "a b" }), "invalid_field"),
        (json!({ "token": token.0, "email": "nobody" }), "invalid_field"),
        (json!({ "token": token.0, "mail": "a@example.org" }), "unknown_field"),
    ];
    for (body, code) in wrong {
        assert_eq!(server.post("/api/v1/users", &body).await.problem(), (422, code), "{body}");
    }
    assert_eq!(server.get("/api/v1/users?status=gone").await.problem(), (400, "invalid_query"));
    assert_eq!(server.get("/api/v1/users?token=99").await.problem(), (404, "no_such_token"));
    assert_eq!(server.get("/api/v1/users/nobody").await.problem(), (404, "no_such_user"));
    assert_eq!(
        patch(&server, "/api/v1/users/nobody", &json!({ "email": "a@b" })).await.problem(),
        (404, "no_such_user")
    );
    observe(&server, token, "u1", UserStatus::Retired, None).await;
    assert_eq!(
        patch(&server, "/api/v1/users/u1", &json!({ "email": "a@b" })).await.problem(),
        (409, "user_retired")
    );
    server.set_state(token, TokenState::ReadOnly).await;
    let refused = server.post("/api/v1/users", &json!({ "token": token.0 })).await;
    assert_eq!(refused.problem(), (409, "token_not_usable"));
}

#[tokio::test]
async fn a_job_about_users_is_listed_cancelled_and_shown_like_any_other() {
    let server = Server::start().await;
    let token = server.location("north", 1).await;
    let job =
        import(&server, &format!("token={token}"), "text/csv", "client_user_id\nu1\nu2\n", None).await.id();
    let listed = server.get("/api/v1/jobs?kind=import_users").await;
    assert_eq!(listed.body["items"][0]["id"], job, "{}", listed.text);
    let page = server.get(&format!("/api/v1/jobs/{job}/users?limit=1")).await;
    assert_eq!(page.body["items"][0], json!({ "client_user_id": "u1", "state": "planned", "error": null }));
    assert!(page.body["next_cursor"].is_string(), "{}", page.text);
    let cancelled = server.post(&format!("/api/v1/jobs/{job}/cancel"), &json!({})).await;
    assert_eq!(cancelled.body["state"], "cancelled", "{}", cancelled.text);
    let entries = server.get(&format!("/api/v1/jobs/{job}/users?state=cancelled")).await;
    assert_eq!(entries.body["items"][0]["error"]["code"], "withdrawn", "{}", entries.text);
    let wrong = server.post("/api/v1/jobs", &json!({ "kind": "import_users", "token": token.0 })).await;
    assert_eq!(wrong.problem(), (422, "invalid_field"));
}
