//! Keys: who may do what, and see what.

use reqwest::Method;
use russet_api::hash_key;
use russet_domain::TokenId;
use russet_store::changes;
use russet_store::keys::{self, Role};
use serde_json::json;

use crate::harness::{NOW, Reply, Server, send, upload};

#[tokio::test]
async fn without_a_good_key_nothing_is_told() {
    let server = Server::start().await;
    let reply = send(server.bare(Method::GET, "/api/v1/tokens")).await;
    assert_eq!(reply.problem(), (401, "key_missing"));
    assert_eq!(reply.header("www-authenticate"), "Bearer");
    let reply = send(server.request_as("rsk_nonsense", Method::GET, "/api/v1/tokens")).await;
    assert_eq!(reply.problem(), (401, "key_unknown"));
    // The key is looked at before the body, so that strangers learn nothing of what is wrong with theirs.
    let reply = send(server.bare(Method::POST, "/api/v1/jobs").body("nonsense")).await;
    assert_eq!(reply.problem(), (401, "key_missing"));
}

#[tokio::test]
async fn a_revoked_key_opens_nothing_from_that_moment_on() {
    let server = Server::start().await;
    let key = server.new_key(Role::Viewer, None).await;
    assert_eq!(send(server.request_as(&key, Method::GET, "/api/v1/jobs")).await.status, 200);
    let mut tx = server.store.begin().await.unwrap();
    let id = keys::by_hash(&mut tx, &hash_key(&key)).await.unwrap().unwrap().id;
    keys::revoke(&mut tx, id, NOW).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(
        send(server.request_as(&key, Method::GET, "/api/v1/jobs")).await.problem(),
        (401, "key_revoked")
    );
}

#[tokio::test]
async fn a_viewer_reads_and_an_operator_submits_but_only_an_admin_changes_tokens() {
    let server = Server::start().await;
    let token = server.location("Lab", 1).await;
    let viewer = server.new_key(Role::Viewer, None).await;
    let operator = server.new_key(Role::Operator, None).await;
    let sync = json!({"kind":"sync_token","token":token.0});
    let post = |key: &str| server.request_as(key, Method::POST, "/api/v1/jobs").json(&sync);
    assert_eq!(send(post(&viewer)).await.problem(), (403, "role_forbids"));
    assert_eq!(send(post(&operator)).await.status, 202);
    let path = format!("/api/v1/tokens/{token}");
    assert_eq!(send(server.request_as(&viewer, Method::GET, &path)).await.status, 200);
    let rename = |key: &str| server.request_as(key, Method::PATCH, &path).json(&json!({"name":"Other"}));
    assert_eq!(send(rename(&operator)).await.problem(), (403, "role_forbids"));
    let create = server.request_as(&operator, Method::POST, "/api/v1/tokens").json(&upload("Two"));
    let reply = send(create).await;
    assert_eq!(reply.problem(), (403, "role_forbids"));
    assert!(reply.text.contains("role operator and this needs admin"), "{}", reply.text);
}

#[tokio::test]
async fn a_bound_key_sees_nothing_of_other_tokens() {
    let server = Server::start().await;
    let (mine, other) = (server.location("Mine", 1).await, server.location("Other", 1).await);
    let key = server.new_key(Role::Admin, Some(&[mine, TokenId(99)])).await;
    let get = async |path: String| send(server.request_as(&key, Method::GET, &path)).await;
    assert_eq!(get(format!("/api/v1/tokens/{mine}")).await.status, 200);
    assert_eq!(get(format!("/api/v1/tokens/{other}")).await.problem(), (404, "no_such_token"));
    assert_eq!(get(format!("/api/v1/assets?token={other}")).await.problem(), (404, "no_such_token"));
    assert_eq!(get(format!("/api/v1/licenses?token={other}")).await.problem(), (404, "no_such_token"));
    let listed = get("/api/v1/tokens".to_owned()).await;
    assert_eq!(listed.body["items"].as_array().unwrap().len(), 1);
    assert_eq!(listed.body["items"][0]["name"], "Mine");

    let jobs: Vec<i64> = {
        let mut ids = Vec::new();
        for token in [mine, other] {
            ids.push(server.post("/api/v1/jobs", &json!({"kind":"sync_token","token":token.0})).await.id());
        }
        ids
    };
    let listed = get("/api/v1/jobs".to_owned()).await;
    assert_eq!(listed.body["items"].as_array().unwrap().len(), 1);
    assert_eq!(get(format!("/api/v1/jobs/{}", jobs[1])).await.problem(), (404, "no_such_job"));
    let post = |body: serde_json::Value| server.request_as(&key, Method::POST, "/api/v1/jobs").json(&body);
    let foreign = send(post(json!({"kind":"sync_token","token":other.0}))).await;
    let absent = send(post(json!({"kind":"sync_token","token":4711}))).await;
    assert_eq!(foreign.problem(), (422, "unknown_token"));
    assert_eq!(absent.problem(), (422, "unknown_token"));
    let reply = send(server.request_as(&key, Method::POST, "/api/v1/tokens").json(&upload("New"))).await;
    assert_eq!(reply.problem(), (403, "key_is_bound"));
}

#[tokio::test]
async fn a_bound_key_is_told_why_and_who_waits_for_its_own_tokens_however_many_there_are() {
    let server = Server::start().await;
    let other = server.location("Other", 1).await;
    // More tokens than one answer explains own the app before that of the key.
    for nth in 0..60 {
        server.location(&format!("Other {nth}"), 1).await;
    }
    let mine = server.location("Mine", 1).await;
    for token in [other, mine] {
        wait_for_one(&server, token).await;
    }
    let key = server.new_key(Role::Viewer, Some(&[mine])).await;
    let get = async |path: &str| send(server.request_as(&key, Method::GET, path)).await;
    let tokens = |reply: &Reply| -> Vec<i64> {
        let items = reply.body["items"].as_array().unwrap();
        items.iter().map(|item| item["token"].as_i64().unwrap()).collect()
    };
    let why = "/api/v1/explain?adam_id=500000000&serial=C0";
    let told = get(why).await;
    assert_eq!((tokens(&told), &told.body["items"][0]["state"]), (vec![mine.0], &json!("waiting")));
    assert_eq!(get(&format!("{why}&token={other}")).await.problem(), (404, "no_such_app"));
    assert_eq!(tokens(&get("/api/v1/waitlist").await), [mine.0]);
    assert!(tokens(&get(&format!("/api/v1/waitlist?token={other}")).await).is_empty());
    // Without the bond, as many as one answer holds, and both who wait.
    assert_eq!(tokens(&server.get(why).await).len(), 50);
    assert_eq!(tokens(&server.get("/api/v1/waitlist").await), [other.0, mine.0]);
}

/// Lets the device C0 wait in line for the app 500000000 of a token.
async fn wait_for_one(server: &Server, token: TokenId) {
    let body = json!({
        "kind": "assign_license", "token": token.0, "assets": [{ "adam_id": "500000000" }], "devices": ["C0"],
        "if_none_free": "wait",
    });
    let reply = server.post("/api/v1/jobs", &body).await;
    assert_eq!(reply.status, 202, "{}", reply.text);
    let mut tx = server.store.begin().await.unwrap();
    let planned = changes::sendable(&mut tx, token, NOW, 1).await.unwrap();
    changes::waitlist::join(&mut tx, token, &[planned[0].id], NOW).await.unwrap();
    tx.commit().await.unwrap();
}
