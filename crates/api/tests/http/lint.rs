//! Jobs looked through, prompts, and moves from users to devices, as far as the API goes without a worker.

use reqwest::Method;
use russet_domain::{Holder, TokenId};
use russet_store::assets;
use russet_store::keys::Role;
use serde_json::{Value, json};

use crate::harness::{Server, app, key, reading, send};

fn move_job(token: TokenId, moves: &Value) -> Value {
    json!({"kind":"move_license","token":token.0,"assets":[{"adam_id":"500000000"}],"moves":moves,"required":true})
}

#[tokio::test]
async fn a_viewer_may_look_a_job_through_and_not_submit_it() {
    let server = Server::start().await;
    let token = server.location("Lab", 1).await;
    let viewer = server.new_key(Role::Viewer, None).await;
    let job = json!({"kind":"assign_license","token":token.0,"assets":[{"adam_id":"1"}],"devices":["A"]});
    let reply = send(server.request_as(&viewer, Method::POST, "/api/v1/lint").json(&job)).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert_eq!(reply.body["findings"][0]["code"], "unknown_asset");
    let reply = send(server.request_as(&viewer, Method::POST, "/api/v1/jobs").json(&job)).await;
    assert_eq!(reply.problem(), (403, "role_forbids"));
    let other = server.new_key(Role::Viewer, Some(&[TokenId(99)])).await;
    let reply = send(server.request_as(&other, Method::POST, "/api/v1/lint").json(&job)).await;
    assert_eq!(reply.problem(), (422, "unknown_token"));
    let sync = json!({"kind":"sync_token","token":token.0});
    assert_eq!(server.post("/api/v1/lint", &sync).await.problem(), (422, "invalid_field"));
}

#[tokio::test]
async fn what_is_told_of_devices_is_read_strictly() {
    let server = Server::start().await;
    let token = server.location("Lab", 1).await;
    let lint = async |about: Value| {
        let job = json!({"kind":"assign_license","token":token.0,"assets":[{"adam_id":"500000000"}],
            "devices":["A"],"about":about});
        server.post("/api/v1/lint", &job).await
    };
    assert_eq!(
        lint(json!({"devices":[{"serial":"A","enrollment":"magic"}]})).await.problem(),
        (422, "invalid_field")
    );
    assert_eq!(
        lint(json!({"devices":[{"serial":"A","enrolment":"user"}]})).await.problem(),
        (422, "unknown_field")
    );
    let reply = lint(json!({"devices":[{"serial":"A","enrollment":"user"}]})).await;
    assert_eq!((&reply.body["errors"], &reply.body["warnings"]), (&json!(1), &json!(0)), "{}", reply.text);
}

#[tokio::test]
async fn a_move_is_written_down_before_it_is_answered_and_hides_its_secret() {
    let server = Server::start().await;
    let token = server.location("Lab", 1).await;
    server.hold(token, &[(key("500000000"), Holder::User("u1".into()))]).await;
    let mut job = move_job(token, &json!([{"user":"u1","serial":"A"},{"user":"u2","serial":"B"}]));
    job["confirm"] = json!("callback");
    job["callback"] =
        json!({"url":"https://mdm.example.org/hook?key=opaque-path","secret":"opaque-secret-0123"});
    let reply = server.post("/api/v1/jobs", &job).await;
    assert_eq!(reply.status, 202, "{}", reply.text);
    assert!(!reply.text.contains("opaque"), "{}", reply.text);
    assert_eq!(reply.body["args"]["callback"], "https://mdm.example.org");
    assert_eq!((&reply.body["moves"]["planned"], &reply.body["moves"]["refused"]), (&json!(1), &json!(1)));
    assert_eq!((&reply.body["progress"]["total"], &reply.body["state"]), (&json!(2), &json!("running")));
    assert_eq!(server.waiting("move_licenses").await, 1);
    let listed = server.get(&format!("/api/v1/jobs/{}/moves?state=refused", reply.id())).await;
    assert_eq!(listed.body["items"][0]["error"]["code"], "not_held_by_user");
    assert_eq!(listed.body["items"][0]["error"]["rule"], "S-27");

    let cancelled = server.post(&format!("/api/v1/jobs/{}/cancel", reply.id()), &json!({})).await;
    assert_eq!(cancelled.body["moves"]["cancelled"], 1, "{}", cancelled.text);
    let confirm = format!("/api/v1/jobs/{}/confirm", reply.id());
    assert_eq!(server.post(&confirm, &json!({})).await.problem(), (409, "nothing_to_confirm"));
    // What was withdrawn stays so; what was refused is wished for again.
    let again = server.post(&format!("/api/v1/jobs/{}/retry", reply.id()), &json!({})).await;
    assert_eq!((again.status, &again.body["moves"]["planned"]), (202, &json!(1)), "{}", again.text);
}

#[tokio::test]
async fn what_cannot_move_is_refused_at_the_door() {
    let server = Server::start().await;
    let token = server.location("Lab", 1).await;
    let mut only_for_users = app("500000009");
    only_for_users.device_assignable = false;
    let mut tx = server.store.begin().await.unwrap();
    assets::upsert_all(&mut tx, token, reading(1), &[only_for_users]).await.unwrap();
    tx.commit().await.unwrap();
    server.hold(token, &[(key("500000009"), Holder::User("u1".into()))]).await;
    let moves = json!([{"user":"u1","serial":"A"}]);
    let mut job = move_job(token, &moves);
    job["assets"] = json!([{"adam_id":"500000009"}]);
    let reply = server.post("/api/v1/jobs", &job).await;
    assert_eq!(reply.problem(), (422, "not_device_assignable"));
    assert!(reply.text.contains("S-25"), "{}", reply.text);
    let preview = server.post("/api/v1/moves/preview", &job).await;
    assert_eq!((preview.status, &preview.body["refused"]), (200, &json!(1)), "{}", preview.text);
    assert_eq!(preview.body["refused_moves"][0]["rule"], "S-25");

    job["assets"] = json!([{"adam_id":"1"}]);
    assert_eq!(server.post("/api/v1/jobs", &job).await.problem(), (422, "unknown_asset"));
    let mut job = move_job(token, &moves);
    job["about"] = json!({"devices":[{"serial":"A","enrollment":"user"}]});
    let reply = server.post("/api/v1/jobs", &job).await;
    assert_eq!(reply.problem(), (422, "device_license_for_user_enrollment"));
    job["to"] = json!("user");
    assert_eq!(server.post("/api/v1/jobs", &job).await.problem(), (422, "wrong_way"));
    assert_eq!(server.get("/api/v1/jobs").await.body["items"], json!([]));
}
