//! What a person decides about a token: consent, schedule, country; and how many there may be.

use reqwest::Method;
use russet_domain::token::TokenState;
use russet_store::keys::Role;
use russet_store::{audit, tokens};
use serde_json::{Value, json};

use crate::harness::{NOW, Server, send, upload};

#[tokio::test]
async fn a_token_is_created_only_with_consent_to_the_text_in_force() {
    let server = Server::start().await;
    let text = server.get("/api/v1/consent").await.body;
    for thing in ["generated id", "location token", "Managed Apple ID", "serial numbers"] {
        assert!(text["text"].as_str().unwrap().contains(thing), "{text}");
    }
    assert_eq!(text["things"].as_array().map(Vec::len), Some(4));
    let attempt = async |consent: Value| {
        let mut body = upload("Lab");
        body["consent"] = consent;
        server.post("/api/v1/tokens", &body).await
    };
    for consent in [json!(null), json!(false), json!({"agreed": false, "version": text["version"]})] {
        assert_eq!(attempt(consent).await.problem(), (422, "consent_required"));
    }
    let outdated = attempt(json!({"agreed": true, "version": 99})).await;
    assert_eq!(outdated.problem(), (422, "consent_outdated"));
    assert!(outdated.text.contains("/api/v1/consent"), "{}", outdated.text);
    assert_eq!(attempt(json!({"agreed": true})).await.problem(), (422, "invalid_field"));

    let reply = attempt(json!({"agreed": true, "version": text["version"]})).await;
    assert_eq!(reply.status, 201, "{}", reply.text);
    assert_eq!(reply.body["consent"]["version"], text["version"]);
    let entries = audit::list(&mut server.store.read().await.unwrap(), None, 1, None).await.unwrap();
    let detail: Value = serde_json::from_str(&entries[0].detail).unwrap();
    assert_eq!(
        (&detail["consent"]["version"], &detail["consent"]["things"]),
        (&text["version"], &text["things"])
    );
}

#[tokio::test]
async fn a_token_has_a_schedule_of_its_own_when_it_is_given_one() {
    let server = Server::start().await;
    let mut body = upload("Lab");
    body["sync_schedule"] = json!("0 3 * * *");
    let created = server.post("/api/v1/tokens", &body).await;
    assert_eq!(created.body["sync_schedule"], "0 3 * * *", "{}", created.text);
    let path = format!("/api/v1/tokens/{}", created.id());
    let set = async |schedule: &str| {
        send(server.request(Method::PATCH, &path).json(&json!({ "sync_schedule": schedule }))).await
    };
    for schedule in ["never", "*/30 * * * 1-5", "default"] {
        assert_eq!(set(schedule).await.body["sync_schedule"], schedule);
    }
    for wrong in ["* * * * * *", "at night", "99 * * * *", ""] {
        let reply = set(wrong).await;
        assert_eq!(reply.problem(), (422, "invalid_field"), "{wrong}");
        assert_eq!(reply.body["errors"][0]["field"], "sync_schedule");
    }
    assert_eq!(server.get(&path).await.body["sync_schedule"], "default");
}

#[tokio::test]
async fn there_are_no_more_tokens_than_allowed_and_the_error_names_the_setting() {
    let server = Server::start_with(|settings| settings.tokens_max = 2).await;
    server.upload("A").await;
    server.upload("B").await;
    let reply = server.post("/api/v1/tokens", &upload("C")).await;
    assert_eq!(reply.problem(), (409, "too_many_tokens"));
    assert!(reply.text.contains("api.tokens_max") && reply.text.contains('2'), "{}", reply.text);
    let open = Server::start_with(|settings| settings.tokens_max = 0).await;
    open.upload("A").await;
}

#[tokio::test]
async fn tokens_are_found_by_what_is_known_of_them_and_only_those_that_the_key_may_see() {
    let server = Server::start().await;
    let north = server.location("North Campus", 0).await;
    let mut body = upload("South");
    body["country"] = json!("FR");
    let south = server.post("/api/v1/tokens", &body).await.id();
    let found = async |query: &str| {
        let reply = server.get(&format!("/api/v1/tokens?{query}")).await;
        assert_eq!(reply.status, 200, "{query}: {}", reply.text);
        let items = reply.body["items"].as_array().unwrap();
        items.iter().map(|item| item["id"].as_i64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(found("text=campus").await, [north.0]);
    assert_eq!(found("text=example").await, [north.0, south]);
    assert_eq!(found("country=fr").await, [south]);
    assert_eq!(found("account_type=business&state=new").await, [south]);
    assert_eq!(found("sync=completed").await, [north.0]);
    assert_eq!(found("expires_before=2039-04-10").await, [north.0, south]);
    assert_eq!(found("expires_before=2039-04-09T10:20:30Z").await, [0; 0]);
    for wrong in ["country=XX", "account_type=private", "sync=maybe", "expires_before=soon", "state=odd"] {
        let reply = server.get(&format!("/api/v1/tokens?{wrong}")).await;
        assert_eq!(reply.problem(), (400, "invalid_query"), "{wrong}");
    }
    let key = server.new_key(Role::Viewer, Some(&[north])).await;
    let reply = send(server.request_as(&key, Method::GET, "/api/v1/tokens?text=example")).await;
    assert_eq!(reply.body["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(reply.body["items"][0]["id"], north.0);
}

#[tokio::test]
async fn five_thousand_tokens_are_listed_and_filtered_in_a_moment() {
    let server = Server::start_with(|settings| settings.tokens_max = 0).await;
    let mut tx = server.store.begin().await.unwrap();
    for number in 0..5_000 {
        let new = tokens::NewToken {
            name: format!("Token {number}"),
            org_name: "Example".to_owned(),
            content: russet_domain::Secret::new(format!("content {number}")),
            expires_at: NOW,
            country: None,
            account_type: "business".to_owned(),
            auto_update: false,
            take_over: false,
            apple_id: None,
            consent_by: "test".to_owned(),
            consent_version: 1,
            sync_schedule: russet_domain::sync_schedule::SyncSchedule::Default,
        };
        let id = tokens::insert(&mut tx, &new, NOW).await.unwrap();
        tokens::set_state(&mut tx, id, TokenState::Valid, None, None, NOW).await.unwrap();
    }
    tx.commit().await.unwrap();
    let began = std::time::Instant::now();
    let page = server.get("/api/v1/tokens?limit=1000&text=token%204&state=valid").await;
    let listed = began.elapsed();
    assert_eq!(page.body["items"].as_array().map(Vec::len), Some(1_000));
    let began = std::time::Instant::now();
    let all = tokens::to_sync(&mut server.store.read().await.unwrap()).await.unwrap();
    let looked = began.elapsed();
    assert_eq!(all.len(), 5_000);
    println!("a page of 1000 of 5000 tokens in {listed:?}; a look of the schedule in {looked:?}");
    // A debug build on a busy machine; the leader looks every second.
    assert!(listed.as_secs() < 5 && looked.as_millis() < 900, "{listed:?} {looked:?}");
}
