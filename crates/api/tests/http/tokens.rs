//! Tokens: uploaded, shown, changed, renewed, removed.

use std::time::Duration;

use reqwest::Method;
use russet_domain::job::{JobKind, JobState};
use russet_domain::token::TokenState;
use russet_domain::{Holder, TokenId};
use russet_store::{audit, jobs, tokens};
use serde_json::{Value, json};

use crate::harness::{NOW, Reply, Server, key, send, token_file, token_file_until, upload};

#[tokio::test]
async fn an_uploaded_token_is_new_and_shows_no_secret() {
    let server = Server::start().await;
    let mut body = upload("  Lab  ");
    body["country"] = json!("nl");
    let reply = server.post("/api/v1/tokens", &body).await;
    assert_eq!(reply.status, 201, "{}", reply.text);
    assert_eq!(reply.header("location"), format!("/api/v1/tokens/{}", reply.id()));
    let token = &reply.body;
    assert_eq!((token["name"].as_str(), token["state"].as_str()), (Some("Lab"), Some("new")));
    assert_eq!((token["country"].as_str(), token["auto_update"].as_bool()), (Some("NL"), Some(false)));
    assert_eq!(token["expires_at"], "2039-04-09T10:20:30.000Z");
    assert_eq!(
        (&token["notifications"]["registered"], &token["sync_schedule"]),
        (&json!(false), &json!("default"))
    );
    assert!(token["consent"]["by"].as_str().unwrap().contains("test"));
    assert_eq!(token["consent"]["version"], 1);
    assert!(!reply.text.contains(&token_file("  Lab  ")[..16]), "{}", reply.text);
    assert_eq!(server.waiting("claim_token").await, 1);
}

#[tokio::test]
async fn each_defect_of_a_token_file_has_its_own_code_and_nothing_is_kept() {
    let server = Server::start().await;
    let encode = |text: &str| {
        use base64::Engine as _;
        base64::prelude::BASE64_STANDARD.encode(text)
    };
    for (content, code) in [
        ("no base64!".to_owned(), "token_not_base64"),
        (encode("no json"), "token_not_json"),
        (encode(r#"{"token":"x","orgName":"E"}"#), "token_field_missing"),
        (token_file_until("Lab", "tomorrow"), "token_date_unreadable"),
        (token_file_until("Lab", "2020-01-01T00:00:00+0000"), "token_expired"),
        ("A".repeat(70_000), "token_too_large"),
    ] {
        let mut body = upload("Lab");
        body["content"] = json!(content);
        let reply = server.post("/api/v1/tokens", &body).await;
        assert_eq!(reply.problem(), (422, code));
        assert!(reply.body["detail"].as_str().unwrap().ends_with('.'), "{}", reply.text);
    }
    let mut body = upload("Lab");
    body["consent"] = json!(false);
    let reply = server.post("/api/v1/tokens", &body).await;
    assert_eq!(reply.problem(), (422, "consent_required"));
    assert!(reply.text.contains("serial numbers of managed devices"));
    for (field, value) in
        [("country", "XX"), ("account_type", "private"), ("name", " "), ("apple_id", "nobody")]
    {
        let mut body = upload("Lab");
        body[field] = json!(value);
        let reply = server.post("/api/v1/tokens", &body).await;
        assert_eq!(reply.problem(), (422, "invalid_field"), "{field}");
        assert_eq!(reply.body["errors"][0]["field"], field);
    }
    assert_eq!(server.get("/api/v1/tokens").await.body["items"], json!([]));
    assert_eq!(server.waiting("claim_token").await, 0);
}

#[tokio::test]
async fn the_same_file_again_is_refused_and_names_the_token_it_is() {
    let server = Server::start().await;
    let token = server.upload("Lab").await;
    let mut body = upload("Lab");
    // Line breaks do not make it another file.
    let content = token_file("Lab");
    body["content"] = json!(format!("{}\n{}\n", &content[..10], &content[10..]));
    let reply = server.post("/api/v1/tokens", &body).await;
    assert_eq!(reply.problem(), (409, "token_already_uploaded"));
    assert!(reply.text.contains(&format!("/api/v1/tokens/{token}/content")), "{}", reply.text);
}

#[tokio::test]
async fn an_upload_sent_again_with_its_key_is_answered_as_before() {
    let server = Server::start().await;
    let first = server.post_once("/api/v1/tokens", "k1", &upload("Lab")).await;
    let again = server.post_once("/api/v1/tokens", "k1", &upload("Lab")).await;
    assert_eq!((first.status, again.status), (201, 201));
    assert_eq!((first.header("idempotency-replayed"), again.header("idempotency-replayed")), ("", "true"));
    assert_eq!(first.body, again.body);
    assert_eq!(first.header("location"), again.header("location"));
    let other = server.post_once("/api/v1/tokens", "k1", &upload("Other")).await;
    assert_eq!(other.problem(), (422, "idempotency_key_reused"));
}

#[tokio::test]
async fn tokens_are_listed_in_pages_and_by_state_and_name() {
    let server = Server::start().await;
    for name in ["A", "B", "C"] {
        server.upload(name).await;
    }
    let first = server.get("/api/v1/tokens?limit=2").await;
    assert_eq!(names(&first), ["A", "B"]);
    let cursor = first.body["next_cursor"].as_str().unwrap();
    let second = server.get(&format!("/api/v1/tokens?limit=2&cursor={cursor}")).await;
    assert_eq!(names(&second), ["C"]);
    assert_eq!(second.body["next_cursor"], Value::Null);
    assert_eq!(names(&server.get("/api/v1/tokens?name=B").await), ["B"]);
    assert_eq!(names(&server.get("/api/v1/tokens?state=valid").await), [""; 0]);
}

fn names(reply: &Reply) -> Vec<&str> {
    reply.body["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_change_stands_and_is_in_the_audit_log_and_taking_over_asks_apple() {
    let server = Server::start().await;
    let token = server.location("Lab", 0).await;
    let path = format!("/api/v1/tokens/{token}");
    let before = server.waiting("claim_token").await;
    let body = json!({"name":"Lab 2","auto_update":true,"take_over":true,"country":"DE"});
    let reply = send(server.request(Method::PATCH, &path).json(&body)).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let shown = server.get(&path).await.body;
    assert_eq!((&shown["name"], &shown["country"]), (&json!("Lab 2"), &json!("DE")));
    assert_eq!((&shown["auto_update"], &shown["take_over"]), (&json!(true), &json!(true)));
    assert_eq!(shown["account_type"], "business");
    // The upload's own message may still wait: then it is the same one.
    assert!(before <= 1 && server.waiting("claim_token").await == 1);
    let entries = audit::list(&mut server.store.read().await.unwrap(), None, 10, None).await.unwrap();
    let actions: Vec<_> = entries.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions, ["token.change", "token.take_over", "token.upload"]);
    assert!(entries[0].actor.starts_with("key 1 test") && entries[0].subject == format!("token {token}"));
}

#[tokio::test]
async fn removing_a_token_asks_what_becomes_of_its_licenses() {
    let server = Server::start().await;
    let token = server.location("Lab", 1).await;
    let path = format!("/api/v1/tokens/{token}");
    for query in ["", "?licenses=maybe"] {
        let reply = send(server.request(Method::DELETE, &format!("{path}{query}"))).await;
        assert_eq!(reply.problem(), (422, "choose_licenses"));
        assert!(reply.text.contains("keep") && reply.text.contains("revoke_first"));
    }
    server.hold(token, &[(key("500000000"), Holder::Device("A".into()))]).await;
    let reply = send(server.request(Method::DELETE, &format!("{path}?licenses=keep"))).await;
    assert_eq!((reply.status, reply.text.as_str()), (204, ""));
    assert_eq!(server.get(&path).await.problem(), (404, "no_such_token"));
    assert_eq!(server.get("/api/v1/licenses").await.body["items"], json!([]));
    assert_eq!(send(server.request(Method::DELETE, &format!("{path}?licenses=keep"))).await.status, 404);
}

#[tokio::test]
async fn taking_licenses_back_first_is_one_job_however_often_it_is_asked_for() {
    let server = Server::start().await;
    let token = server.location("Lab", 1).await;
    let path = format!("/api/v1/tokens/{token}?licenses=revoke_first");
    let first = send(server.request(Method::DELETE, &path)).await;
    let again = send(server.request(Method::DELETE, &path)).await;
    assert_eq!((first.status, again.status), (202, 202));
    assert_eq!((first.id(), first.body["kind"].as_str()), (again.id(), Some("remove_token")));
    assert_eq!(server.waiting("remove_token").await, 1);
    let sync = server.post("/api/v1/jobs", &json!({"kind":"sync_token","token":token.0})).await;
    assert_eq!(sync.problem(), (409, "token_being_removed"));
    // Thought better of.
    let reply = server.post(&format!("/api/v1/jobs/{}/cancel", first.id()), &json!({})).await;
    assert_eq!((reply.status, reply.body["state"].as_str()), (200, Some("cancelled")));
    assert_eq!(server.get(&format!("/api/v1/tokens/{token}")).await.body["removing"], json!(false));
    server.set_state(token, TokenState::Expired).await;
    assert_eq!(send(server.request(Method::DELETE, &path)).await.problem(), (409, "token_not_usable"));
}

/// Plays the worker: waits for the renewal, and ends it.
async fn judge(server: &Server, token: TokenId, error: Option<(&str, &str)>) {
    let job = loop {
        let open = jobs::open_of_token(&mut server.store.read().await.unwrap(), token, 10).await.unwrap();
        match open.into_iter().find(|job| job.kind == JobKind::RenewToken) {
            Some(job) => break job.id,
            None => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    };
    let mut tx = server.store.begin().await.unwrap();
    if error.is_none() {
        tokens::promote_pending(&mut tx, token, NOW).await.unwrap();
    } else {
        tokens::drop_pending(&mut tx, token, NOW).await.unwrap();
    }
    tx.commit().await.unwrap();
    let state = if error.is_none() { JobState::Succeeded } else { JobState::Failed };
    server.end_job(job, state, error).await;
}

#[tokio::test]
async fn a_renewal_waits_for_apples_verdict() {
    let server = Server::start().await;
    let token = server.location("Lab", 0).await;
    let path = format!("/api/v1/tokens/{token}/content");
    let body = json!({"content": token_file_until("Lab", "2040-04-09T10:20:30+0000")});
    let renewal = send(server.request(Method::PUT, &path).json(&body));
    let (reply, ()) = tokio::join!(renewal, judge(&server, token, None));
    assert_eq!(
        (reply.status, &reply.body["expires_at"]),
        (200, &json!("2040-04-09T10:20:30.000Z")),
        "{}",
        reply.text
    );

    // As plain text, and of another location.
    let text = token_file_until("Far", "2040-04-09T10:20:30+0000");
    let renewal = server.request(Method::PUT, &path).header("content-type", "text/plain").body(text);
    let error = ("token_of_other_location", "The new token opens “Far” and this one opens “Lab”.");
    let (reply, ()) = tokio::join!(send(renewal), judge(&server, token, Some(error)));
    assert_eq!(reply.problem(), (409, "token_of_other_location"));
    assert_eq!(reply.body["detail"], error.1);

    let error = ("token_revoked", "Apple does not take it.");
    let body = json!({"content": token_file("Bad")});
    let renewal = send(server.request(Method::PUT, &path).json(&body));
    let (reply, ()) = tokio::join!(renewal, judge(&server, token, Some(error)));
    assert_eq!(reply.problem(), (422, "token_revoked"));
    assert_eq!(server.get(&format!("/api/v1/tokens/{token}")).await.body["renewal_pending"], json!(false));
}

#[tokio::test]
async fn a_renewal_that_takes_long_is_a_job_to_follow_and_a_newer_one_replaces_it() {
    let server = Server::start_with(|settings| settings.renewal_wait_ms = 50).await;
    let token = server.location("Lab", 0).await;
    server.upload("Other").await;
    let path = format!("/api/v1/tokens/{token}/content");
    let renew = async |name: &str| {
        send(server.request(Method::PUT, &path).json(&json!({"content": token_file(name)}))).await
    };
    let first = renew("New").await;
    assert_eq!((first.status, first.body["state"].as_str()), (202, Some("queued")));
    assert_eq!(first.header("location"), format!("/api/v1/jobs/{}", first.id()));
    let second = renew("Newer").await;
    assert_eq!(second.status, 202);
    let replaced = server.get(first.header("location")).await;
    assert_eq!(
        (&replaced.body["state"], &replaced.body["error"]["code"]),
        (&json!("cancelled"), &json!("replaced"))
    );
    assert_eq!(renew("Other").await.problem(), (409, "token_already_uploaded"));
    assert_eq!(server.waiting("renew_token").await, 1);
    let mut body = json!({"content": "nonsense!"});
    let reply = send(server.request(Method::PUT, &path).json(&body)).await;
    assert_eq!(reply.problem(), (422, "token_not_base64"));
    body["more"] = json!(1);
    assert_eq!(send(server.request(Method::PUT, &path).json(&body)).await.problem(), (422, "unknown_field"));
}
