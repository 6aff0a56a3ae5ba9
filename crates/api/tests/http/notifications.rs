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
