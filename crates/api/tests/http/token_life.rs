//! Orders about a token: taking over, handing over with its files, and what stands in the way of each.

use reqwest::Method;
use russet_domain::job::{JobKind, JobState};
use russet_domain::token::TokenState;
use russet_domain::{Asset, Holder, JobId, ProductType, Timestamp, TokenId};
use russet_store::keys::Role;
use russet_store::tokens::{self, Location};
use russet_store::{assets, hand_overs, jobs};
use serde_json::{Value, json};

use crate::harness::{NOW, Server, app, key, reading, send, upload};

fn take_over(token: TokenId) -> String {
    format!("/api/v1/tokens/{token}/take-over")
}

fn hand_over(token: TokenId) -> String {
    format!("/api/v1/tokens/{token}/hand-over")
}

async fn share_location(server: &Server, tokens: &[TokenId]) {
    let mut tx = server.store.begin().await.unwrap();
    let location = Location { uid: Some("uid-1".to_owned()), ..Location::default() };
    for token in tokens {
        tokens::set_location(&mut tx, *token, &location, NOW).await.unwrap();
    }
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn an_order_to_take_over_is_one_job_until_it_is_called_off() {
    let server = Server::start().await;
    let token = server.location("Lab", 0).await;
    let path = format!("/api/v1/tokens/{token}");
    let first = server.post(&take_over(token), &json!({})).await;
    assert_eq!((first.status, &first.body["kind"]), (202, &json!("take_over_token")), "{}", first.text);
    assert_eq!(server.post(&take_over(token), &json!({})).await.id(), first.id(), "one order waits");
    assert_eq!(server.get(&path).await.body["take_over"], true);
    let off = send(server.request(Method::PATCH, &path).json(&json!({"take_over": false}))).await;
    assert_eq!((off.status, &off.body["take_over"]), (200, &json!(false)), "{}", off.text);
    let job = server.get(&format!("/api/v1/jobs/{}", first.id())).await;
    assert_eq!(job.body["state"], "cancelled", "{}", job.text);
}

#[tokio::test]
async fn an_upload_with_take_over_brings_its_order_along_and_one_without_does_not() {
    let server = Server::start().await;
    let mut body = upload("Lab");
    body["take_over"] = json!(true);
    let made = server.post("/api/v1/tokens", &body).await;
    assert_eq!((made.status, &made.body["take_over"]), (201, &json!(true)), "{}", made.text);
    let jobs = server.get(&format!("/api/v1/jobs?token={}&kind=take_over_token", made.id())).await;
    assert_eq!(jobs.body["items"].as_array().unwrap().len(), 1, "{}", jobs.text);
    assert!(jobs.body["items"][0]["args"]["ordered_by"].as_str().unwrap().contains("test"), "{}", jobs.text);
    let plain = server.upload("Shop").await;
    let jobs = server.get(&format!("/api/v1/jobs?token={plain}")).await;
    assert_eq!(jobs.body["items"], json!([]));
}

#[tokio::test]
async fn a_token_that_cannot_take_or_hand_over_says_so_by_its_state() {
    let server = Server::start().await;
    let token = server.location("Lab", 0).await;
    for state in TokenState::ALL {
        server.set_state(token, state).await;
        let reply = server.post(&take_over(token), &json!({})).await;
        let wanted = if state.may_take_over() { 202 } else { 409 };
        assert_eq!(reply.status, wanted, "{state:?}: {}", reply.text);
        send(
            server
                .request(Method::PATCH, &format!("/api/v1/tokens/{token}"))
                .json(&json!({"take_over": false})),
        )
        .await;
        if !state.may_write() {
            let reply = server.post(&hand_over(token), &json!({})).await;
            assert_eq!(reply.problem(), (409, "token_not_usable"), "{state:?}");
        }
    }
}

#[tokio::test]
async fn only_an_administrator_decides_about_a_location() {
    let server = Server::start().await;
    let token = server.location("Lab", 0).await;
    let operator = server.new_key(Role::Operator, None).await;
    for path in [take_over(token), hand_over(token)] {
        let reply = send(server.request_as(&operator, Method::POST, &path)).await;
        assert_eq!(reply.problem(), (403, "role_forbids"));
    }
    let bound = server.new_key(Role::Admin, Some(&[TokenId(99)])).await;
    let reply = send(server.request_as(&bound, Method::POST, &take_over(token))).await;
    assert_eq!(reply.problem(), (404, "no_such_token"));
}

#[tokio::test]
async fn two_tokens_of_one_location_are_told_of_each_other() {
    let server = Server::start().await;
    let (first, second) = (server.location("first", 1).await, server.location("second", 0).await);
    share_location(&server, &[first, second]).await;
    server.set_state(second, TokenState::Duplicate).await;
    let shown = server.get(&format!("/api/v1/tokens/{first}")).await;
    assert_eq!(
        shown.body["same_location"],
        json!([{"id": second.0, "name": "second", "state": "duplicate"}])
    );
    assert_eq!(server.post(&take_over(second), &json!({})).await.problem(), (409, "token_duplicate"));
    for token in [first, second] {
        assert_eq!(server.post(&hand_over(token), &json!({})).await.problem(), (409, "location_shared"));
        let path = format!("/api/v1/tokens/{token}?licenses=revoke_first");
        assert_eq!(send(server.request(Method::DELETE, &path)).await.problem(), (409, "location_shared"));
    }
    let removed =
        send(server.request(Method::DELETE, &format!("/api/v1/tokens/{first}?licenses=keep"))).await;
    assert_eq!(
        (removed.status, &removed.body["successor"]["id"]),
        (200, &json!(second.0)),
        "{}",
        removed.text
    );
}

#[tokio::test]
async fn a_removal_names_what_can_never_be_taken_back() {
    let server = Server::start().await;
    let token = server.location("Lab", 1).await;
    let book = Asset { product_type: ProductType::Book, revocable: false, ..app("900000001") };
    let mut tx = server.store.begin().await.unwrap();
    assets::upsert_all(&mut tx, token, reading(1), &[book]).await.unwrap();
    tx.commit().await.unwrap();
    server.hold(token, &[(key("900000001"), Holder::User("pat".into()))]).await;
    let path = |choice: &str| format!("/api/v1/tokens/{token}?licenses={choice}");
    let refused = send(server.request(Method::DELETE, &path("revoke_first"))).await;
    assert_eq!(refused.problem(), (409, "not_revocable"));
    assert_eq!(refused.body["errors"][0]["field"], "900000001");
    let taken = send(server.request(Method::DELETE, &path("revoke_what_can_be"))).await;
    assert_eq!((taken.status, &taken.body["args"]["licenses"]), (202, &json!("revoke_what_can_be")));
    let none = send(server.request(Method::DELETE, &path("force"))).await;
    assert_eq!(none.problem(), (422, "choose_licenses"));
}

#[tokio::test]
async fn the_files_of_a_hand_over_come_whole_and_in_order_until_they_are_forgotten() {
    let server = Server::start().await;
    let token = server.location("Lab", 1).await;
    // More than are read at once.
    let pairs: Vec<_> =
        (0..12_345).map(|nth| (key("500000000"), Holder::Device(format!("C{nth:08}")))).collect();
    server.hold(token, &pairs).await;
    let job = JobId(server.post(&hand_over(token), &json!({})).await.id());
    assert_eq!(server.waiting("hand_over_token").await, 1);
    let path = |name: &str| format!("/api/v1/jobs/{job}/files/{name}");
    assert_eq!(server.get(&path("licenses.csv")).await.problem(), (409, "files_not_ready"));
    assert_eq!(server.get(&format!("/api/v1/jobs/{job}/files")).await.body["items"], json!([]));

    let mut tx = server.store.begin().await.unwrap();
    hand_overs::copy_licenses(&mut tx, job, token, NOW).await.unwrap();
    hand_overs::set_signed(&mut tx, job, "{\"licenses\":12345}\n", "{}\n", NOW).await.unwrap();
    jobs::ended(&mut tx, job, JobState::Succeeded, None, None, NOW).await.unwrap();
    tx.commit().await.unwrap();
    let table = server.get(&path("licenses.csv")).await;
    assert_eq!(table.header("content-type"), "text/csv; charset=utf-8");
    let lines: Vec<&str> = table.text.lines().collect();
    assert_eq!((lines.len(), lines[0]), (12_346, "adam_id,pricing_param,serial,client_user_id"));
    assert!(lines[1..].is_sorted() && lines[12_345] == "500000000,STDQ,C00012344,", "{}", lines[12_345]);
    let json_lines = server.get(&path("licenses.ndjson")).await.text;
    assert_eq!(json_lines.lines().count(), 12_345);
    assert_eq!(
        json_lines.lines().next(),
        Some(r#"{"adam_id":"500000000","pricing_param":"STDQ","serial":"C00000000"}"#)
    );
    assert_eq!(server.get(&path("summary.json")).await.body, json!({"licenses": 12_345}));
    assert_eq!(server.get(&path("other.txt")).await.problem(), (404, "no_such_file"));

    let mut tx = server.store.begin().await.unwrap();
    hand_overs::purge(&mut tx, Timestamp(NOW.0 + 1), 100_000).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(server.get(&path("licenses.csv")).await.problem(), (410, "files_gone"));
    assert_eq!(server.get(&path("summary.json")).await.status, 200);
    let names: Vec<Value> = server.get(&format!("/api/v1/jobs/{job}/files")).await.body["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| file["name"].clone())
        .collect();
    assert_eq!(names, ["summary.json", "signature.json"]);
}

#[tokio::test]
async fn a_hand_over_that_is_called_off_gives_the_token_back() {
    let server = Server::start().await;
    let token = server.location("Lab", 0).await;
    let busy = server.post("/api/v1/jobs", &json!({"kind": "sync_token", "token": token.0})).await;
    assert_eq!(busy.status, 202, "{}", busy.text);
    let begun = server.post(&hand_over(token), &json!({})).await;
    assert_eq!(begun.status, 202, "a sync is not in the way: {}", begun.text);
    let shown = server.get(&format!("/api/v1/tokens/{token}")).await;
    assert_eq!(shown.body["state"], "handed_over");
    assert!(shown.body["state_detail"].as_str().unwrap().contains(&format!("job {}", begun.id())));
    assert_eq!(server.post(&take_over(token), &json!({})).await.problem(), (409, "jobs_open"));
    let off = server.post(&format!("/api/v1/jobs/{}/cancel", begun.id()), &json!({})).await;
    assert_eq!((off.status, &off.body["state"]), (200, &json!("cancelled")), "{}", off.text);
    let shown = server.get(&format!("/api/v1/tokens/{token}")).await;
    assert_eq!((&shown.body["state"], &shown.body["handed_over_at"]), (&json!("new"), &Value::Null));
    let mut db = server.store.read().await.unwrap();
    let open = jobs::open_of_kind(&mut db, token, JobKind::HandOverToken, 1).await.unwrap();
    assert!(open.is_empty());
}
