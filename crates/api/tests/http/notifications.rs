//! Apple's notifications: known by their secret, kept as they came, quick also when many come.

use std::time::Instant;

use reqwest::Method;
use russet_api::hash_key;
use russet_domain::{Secret, TokenId};
use russet_store::{notifications, tokens};
use serde_json::json;

use crate::harness::{NOW, Reply, Server, send};

async fn registered(server: &Server) -> TokenId {
    let token = server.location("Lab", 0).await;
    let mut tx = server.store.begin().await.unwrap();
    let secret = Secret::new("shared-secret");
    tokens::set_notification(&mut tx, token, Some("https://here.example"), Some(&secret), NOW).await.unwrap();
    tx.commit().await.unwrap();
    token
}

async fn notify(server: &Server, token: TokenId, secret: &str, body: String) -> Reply {
    let path = format!("/api/v1/apple/notifications/{token}");
    send(server.bare(Method::POST, &path).bearer_auth(secret).body(body)).await
}

#[tokio::test]
async fn a_notification_is_kept_as_it_came_and_only_once() {
    let server = Server::start().await;
    let token = registered(&server).await;
    assert_eq!(
        server.get(&format!("/api/v1/tokens/{token}")).await.body["notifications"]["registered"],
        json!(true)
    );
    let body = r#"{"notificationId":"n-1", "notificationType":"TEST_NOTIFICATION","notification":{}}"#;
    for _ in 0..2 {
        let reply = notify(&server, token, "shared-secret", body.to_owned()).await;
        assert_eq!((reply.status, reply.text.as_str()), (200, ""));
    }
    assert_eq!(notify(&server, token, "shared-secret", "rubbish".to_owned()).await.status, 200);
    let unread = notifications::unread(&mut server.store.read().await.unwrap(), token, 10).await.unwrap();
    assert_eq!(unread.len(), 2);
    assert_eq!((unread[0].notification_id.as_str(), unread[0].body.as_slice()), ("n-1", body.as_bytes()));
    assert_eq!(server.waiting("read_notification").await, 1);
    let metrics = send(server.bare(Method::GET, "/metrics")).await.text;
    assert!(metrics.contains("russet_notifications_total{outcome=\"stored\"} 2"), "{metrics}");
    assert!(metrics.contains("russet_notifications_total{outcome=\"repeated\"} 1"), "{metrics}");
}

#[tokio::test]
async fn a_wrong_secret_is_refused_and_counted_and_tells_nothing() {
    let server = Server::start().await;
    let token = registered(&server).await;
    let wrong = notify(&server, token, "guess", "{}".to_owned()).await;
    let absent = notify(&server, TokenId(4711), "shared-secret", "{}".to_owned()).await;
    let hash = notify(&server, token, &hash_key("shared-secret"), "{}".to_owned()).await;
    let none = send(server.bare(Method::POST, &format!("/api/v1/apple/notifications/{token}"))).await;
    for reply in [&wrong, &absent, &hash, &none] {
        assert_eq!(reply.problem(), (401, "notification_secret_wrong"));
        assert_eq!(reply.body["detail"], wrong.body["detail"]);
    }
    let metrics = send(server.bare(Method::GET, "/metrics")).await.text;
    assert!(metrics.contains("russet_notifications_total{outcome=\"refused\"} 4"), "{metrics}");
    let large = notify(&server, token, "shared-secret", "x".repeat(1024 * 1024 + 1)).await;
    assert_eq!(large.problem(), (413, "body_too_large"));
}

#[tokio::test]
async fn many_at_once_share_transactions_and_all_of_them_stand() {
    let server = Server::start().await;
    let token = registered(&server).await;
    let started = Instant::now();
    let all = (0..1000).map(|nth| {
        let body =
            json!({"notificationId":format!("n-{nth}"),"notification":{"assignments":"x".repeat(8_000)}});
        notify(&server, token, "shared-secret", body.to_string())
    });
    let replies = futures::future::join_all(all).await;
    let took = started.elapsed();
    assert!(replies.iter().all(|reply| reply.status == 200));
    let unread = notifications::unread(&mut server.store.read().await.unwrap(), token, 2000).await.unwrap();
    assert_eq!(unread.len(), 1000);
    let metrics = send(server.bare(Method::GET, "/metrics")).await.text;
    let batches =
        metrics.lines().find_map(|line| line.strip_prefix("russet_notification_batches_total ")).unwrap();
    println!("1000 notifications in {took:?}, {batches} transactions");
    assert!(batches.parse::<u32>().unwrap() < 900, "{batches}");
}

#[tokio::test]
async fn the_new_secret_and_the_old_one_are_both_taken_while_one_replaces_the_other() {
    let server = Server::start().await;
    let token = registered(&server).await;
    let mut tx = server.store.begin().await.unwrap();
    tokens::offer_secret(&mut tx, token, &Secret::new("newer-secret"), NOW).await.unwrap();
    tx.commit().await.unwrap();
    for (nth, secret) in ["shared-secret", "newer-secret"].into_iter().enumerate() {
        let body = json!({"notificationId": format!("n-{nth}")}).to_string();
        assert_eq!(notify(&server, token, secret, body).await.status, 200, "{secret}");
    }
    assert_eq!(notify(&server, token, "other-secret", "{}".to_owned()).await.status, 401);
    let refused = async || {
        let shown = server.get(&format!("/api/v1/tokens/{token}")).await.body;
        shown["notifications"]["refused_at"].is_string()
    };
    // It is written down beside the request.
    let until = Instant::now() + std::time::Duration::from_secs(10);
    while !refused().await {
        assert!(Instant::now() < until, "a refused caller is written down");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn what_came_is_listed_and_its_body_shown_to_administrators_without_secrets() {
    let server = Server::start().await;
    let token = registered(&server).await;
    let body = json!({
        "notificationId": "n-1", "notificationType": "BRAND_NEW", "uId": "u",
        "notification": {"adamId": "5", "inviteCode": "opaque-code"},
    });
    notify(&server, token, "shared-secret", body.to_string()).await;
    notify(&server, token, "shared-secret", "rubbish".to_owned()).await;
    let path = format!("/api/v1/tokens/{token}/notifications");
    let list = server.get(&path).await.body;
    assert_eq!(list["items"].as_array().map(Vec::len), Some(2));
    let newest = &list["items"][0];
    assert_eq!((&newest["type"], &newest["verdict"]), (&json!(null), &json!(null)));
    let only = server.get(&format!("{path}?type=BRAND_NEW&limit=1")).await.body;
    assert_eq!(only["items"][0]["notification_id"], "n-1");
    let shown = server.get(&format!("{path}/{}", only["items"][0]["id"])).await;
    assert_eq!(shown.body["body"]["notification"]["adamId"], "5", "{}", shown.text);
    assert!(!shown.text.contains("opaque-code") && shown.text.contains("(hidden)"), "{}", shown.text);
    let rubbish = server.get(&format!("{path}/{}", newest["id"])).await;
    assert_eq!(rubbish.body["body"], "rubbish");
    assert_eq!(server.get(&format!("{path}/4711")).await.problem(), (404, "no_such_notification"));
    assert_eq!(server.get(&format!("{path}/x")).await.problem(), (404, "no_such_notification"));
    let key = server.new_key(russet_store::keys::Role::Operator, None).await;
    let asked = send(server.request_as(&key, Method::GET, &format!("{path}/{}", newest["id"]))).await;
    assert_eq!(asked.problem(), (403, "role_forbids"));
    let asked = send(server.request_as(&key, Method::GET, &path)).await;
    assert_eq!(asked.status, 200);
}

#[tokio::test]
async fn a_notification_about_another_location_is_kept_and_counted_as_an_incident() {
    let server = Server::start().await;
    let token = registered(&server).await;
    let mut tx = server.store.begin().await.unwrap();
    let location = tokens::Location { uid: Some("1000".to_owned()), ..tokens::Location::default() };
    tokens::set_location(&mut tx, token, &location, NOW).await.unwrap();
    tx.commit().await.unwrap();
    for (id, uid) in [("n-1", json!("1000")), ("n-2", json!(1000)), ("n-3", json!("2000"))] {
        let body = json!({"notificationId": id, "uId": uid}).to_string();
        assert_eq!(notify(&server, token, "shared-secret", body).await.status, 200);
    }
    let metrics = send(server.bare(Method::GET, "/metrics")).await.text;
    assert!(metrics.contains("russet_notifications_total{outcome=\"other_location\"} 1"), "{metrics}");
    assert!(metrics.contains("russet_notifications_total{outcome=\"stored\"} 3"), "{metrics}");
}

#[tokio::test]
async fn a_test_and_a_new_secret_are_jobs_to_follow_when_nobody_does_them_in_time() {
    let server = Server::start_with(|settings| settings.renewal_wait_ms = 50).await;
    let token = registered(&server).await;
    let path = format!("/api/v1/tokens/{token}/notifications");
    for (what, field) in [("test", "test"), ("rotate", "rotate")] {
        let reply = server.post(&format!("{path}/{what}"), &json!({})).await;
        assert_eq!((reply.status, reply.body["kind"].as_str()), (202, Some("register_notifications")));
        assert_eq!(reply.body["args"][field], json!(true));
        assert_eq!(server.get(reply.header("location")).await.body["state"], "queued");
    }
    assert_eq!(server.waiting("register_notifications").await, 1);
    assert_eq!(server.post(&format!("{path}/test"), &json!({"now": true})).await.status, 422);
}
