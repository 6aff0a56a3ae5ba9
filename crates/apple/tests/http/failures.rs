//! What becomes of bad answers and of none.

use std::time::{Duration, SystemTime};

use axum::http::StatusCode;
use russet_apple::{
    Apple, AppleError, Consequence, Filter, NewClientConfig, NotificationTarget, Sent, Settings, Write,
};
use russet_domain::token::TokenState;
use russet_domain::{AssetKey, Pricing, Secret};

use super::server::{answering, client, client_with, hanging_up, nobody, saying, token};

/// What a write ends with.
async fn associate(apple: &Apple) -> AppleError {
    let assets = [AssetKey::new("5", Pricing::Standard)];
    let devices = ["S1".to_owned()];
    let write = Write { assets: &assets, devices: &devices, users: &[] };
    told_nothing(apple.associate(&token(), &write).await.unwrap_err())
}

/// What reading ends with.
async fn assignments(apple: &Apple) -> AppleError {
    told_nothing(
        apple
            .assignments(&token(), &Filter { serial: Some("S1".into()), ..Filter::default() }, 0)
            .await
            .unwrap_err(),
    )
}

/// The error, once it is sure that it tells nothing of the token and shows no query.
fn told_nothing(error: AppleError) -> AppleError {
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains("eyJ0b2tlbiI6Im9wYXF1ZSJ9") && !shown.contains("serialNumber="), "{shown}");
    error
}

#[tokio::test]
async fn an_error_in_a_200_is_an_error() {
    let body = r#"{"errorNumber":9622,"errorMessage":"bad token eyJ0b2tlbiI6Im9wYXF1ZSJ9==\r\nx","uId":"1"}"#;
    let (apple, _) = answering(body).await;
    let error = assignments(&apple).await;
    assert_eq!(error.consequence(), Consequence::TokenDead);
    assert_eq!(error.token_state(), Some(TokenState::Invalid));
    let refusal = error.refusal().unwrap();
    assert_eq!((refusal.number, refusal.http, refusal.message.as_str()), (Some(9622), 200, "bad token …  x"));
    assert_eq!(refusal.seen.uid.as_deref(), Some("1"));
    let error = associate(&apple).await;
    assert_eq!(error.consequence(), Consequence::TokenDead);
}

#[tokio::test]
async fn a_refused_write_says_who_it_is_about() {
    let body = r#"{"errorNumber":9609,"errorMessage":"m","errorInfo":{"clientUserIds":["u1","u2"]}}"#;
    let (apple, _) = answering((StatusCode::BAD_REQUEST, body)).await;
    let error = associate(&apple).await;
    assert_eq!(error.refusal().unwrap().subjects.users, ["u1", "u2"]);
    assert!(!error.reply_lost());
}

#[tokio::test]
async fn a_proxys_page_in_place_of_apples_answer_is_no_answer() {
    let (apple, _) = answering((StatusCode::BAD_GATEWAY, "<html>opaque</html>")).await;
    let error = assignments(&apple).await;
    assert_eq!(error.consequence(), Consequence::Later);
    assert!(!error.to_string().contains("opaque"), "{error}");
    // The gateway does not know whether the write arrived.
    assert_eq!(associate(&apple).await.consequence(), Consequence::LostReply);
}

#[tokio::test]
async fn a_page_of_text_with_status_200_is_unreadable() {
    let (apple, _) = answering("<html>welcome to this network</html>").await;
    let error = assignments(&apple).await;
    assert!(matches!(error, AppleError::Unreadable { http: 200, .. }), "{error}");
    assert_eq!(error.consequence(), Consequence::Later);
    assert_eq!(associate(&apple).await.consequence(), Consequence::LostReply);
}

#[tokio::test]
async fn json_that_is_something_else_is_not_an_empty_location() {
    let (apple, _) = answering(r#"{"status":"ok"}"#).await;
    assert!(matches!(assignments(&apple).await, AppleError::Unreadable { .. }));
    assert!(associate(&apple).await.reply_lost());
}

#[tokio::test]
async fn a_body_that_is_cut_short_is_unreadable() {
    let port = saying(b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"eventId\":\"e1\",").await;
    let apple = client(port);
    assert!(matches!(assignments(&apple).await, AppleError::Unreadable { http: 200, .. }));
    assert!(associate(&apple).await.reply_lost());

    let (apple, _) = answering(r#"{"assignments":[{"adamId":"5","serialNum"#).await;
    let error = assignments(&apple).await;
    assert!(error.to_string().contains("ends too early"), "{error}");
}

#[tokio::test]
async fn a_body_over_the_bound_is_not_read_to_its_end() {
    let announced = saying(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n{").await;
    let endless = saying(ENDLESS.as_bytes()).await;
    for port in [announced, endless] {
        let apple = client_with(port, |settings| settings.body_max_bytes = 64 * 1024);
        let error = assignments(&apple).await;
        assert!(error.to_string().contains("apple.body_max_bytes (65536)"), "{error}");
    }
}

/// An answer without a length, of 256 kB.
static ENDLESS: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| {
    format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{}", " ".repeat(256 * 1024))
});

#[tokio::test]
async fn both_forms_of_retry_after_are_read_on_any_status() {
    let later = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(90));
    let number = r#"{"errorNumber":9646}"#;
    let statuses = [
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::SERVICE_UNAVAILABLE,
        StatusCode::OK,
        StatusCode::GATEWAY_TIMEOUT,
    ];
    for status in statuses {
        let (apple, _) = answering((status, [("retry-after", "7")], number)).await;
        assert_eq!(assignments(&apple).await.retry_after(), Some(Duration::from_secs(7)));
        let (apple, _) = answering((status, [("retry-after", later.clone())], number)).await;
        let wait = assignments(&apple).await.retry_after().unwrap();
        assert!(wait > Duration::from_secs(80) && wait <= Duration::from_secs(91), "{wait:?}");
    }
    let (apple, _) = answering((StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "soon")], "")).await;
    let error = associate(&apple).await;
    assert_eq!((error.retry_after(), error.consequence()), (None, Consequence::Later));
}

#[tokio::test]
async fn a_429_without_a_word_of_apples_is_too_fast() {
    let (apple, _) = answering((StatusCode::TOO_MANY_REQUESTS, "")).await;
    assert_eq!(associate(&apple).await.consequence(), Consequence::TooFast);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (apple, ledger) = answering((StatusCode::FOUND, [("location", "/elsewhere")], "")).await;
    let error = assignments(&apple).await;
    assert_eq!(error.consequence(), Consequence::NeedsPerson);
    assert_eq!(error.refusal().unwrap().http, 302);
    assert_eq!(ledger.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_connection_that_ends_before_the_answer_may_have_moved_licenses() {
    let apple = client(saying(b"").await);
    let error = associate(&apple).await;
    assert!(matches!(error, AppleError::Unreachable { sent: Sent::Maybe, .. }), "{error}");
    assert_eq!(error.consequence(), Consequence::LostReply);
    assert_eq!(assignments(&apple).await.consequence(), Consequence::Later);
}

#[tokio::test]
async fn a_request_that_takes_too_long_may_have_moved_licenses() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let apple = client_with(port, |settings| settings.timeout_ms = 200);
    let error = associate(&apple).await;
    assert!(error.reply_lost(), "{error}");
    assert!(error.to_string().contains("timed out"), "{error}");
}

#[tokio::test]
async fn a_refused_connection_has_surely_moved_nothing() {
    let error = associate(&client(nobody().await)).await;
    assert!(matches!(error, AppleError::Unreachable { sent: Sent::No, .. }), "{error}");
    assert_eq!(error.consequence(), Consequence::NotSent);
    let shown = error.to_string();
    assert!(
        shown.contains("assign licenses") && shown.contains("/some/where/mdm/v2/assets/associate"),
        "{shown}"
    );
}

#[tokio::test]
async fn a_failed_handshake_has_surely_moved_nothing() {
    let port = hanging_up().await;
    let apple = client_with(port, |settings| {
        settings.base_url = format!("https://127.0.0.1:{port}/mdm/v2");
        settings.allow_http = false;
    });
    let error = associate(&apple).await;
    assert_eq!(error.consequence(), Consequence::NotSent, "{error}");
}

#[tokio::test]
async fn an_unknown_host_has_surely_moved_nothing() {
    let settings = Settings { base_url: "https://no-such-host.invalid/mdm/v2".into(), ..Settings::default() };
    let error = associate(&Apple::new(&settings).unwrap()).await;
    assert_eq!(error.consequence(), Consequence::NotSent, "{error}");
}

#[tokio::test]
async fn a_token_that_cannot_be_sent_is_a_dead_one() {
    let apple = client(nobody().await);
    let error = apple.client_config(&Secret::new("opaque\ntext")).await.unwrap_err();
    assert_eq!(error.consequence(), Consequence::TokenDead);
    assert!(!format!("{error} {error:?}").contains("opaque"));
}

#[tokio::test]
async fn the_secret_for_notifications_is_not_repeated_by_an_error() {
    let body = r#"{"errorNumber":9711,"errorMessage":"too long: bm90aWZ5"}"#;
    let (apple, _) = answering((StatusCode::BAD_REQUEST, body)).await;
    let target = NotificationTarget {
        url: "https://vpp.example.net/n".into(),
        secret: Secret::new("bm90aWZ5"),
        types: vec![],
    };
    let new = NewClientConfig { mdm: None, notification: Some(target) };
    let error = apple.set_client_config(&token(), &new).await.unwrap_err();
    assert!(!format!("{new:?} {error} {error:?} {apple:?}").contains("bm90aWZ5"));
    assert_eq!(error.consequence(), Consequence::Wrong);
}

#[test]
fn plain_http_to_another_machine_is_refused_by_the_name_of_the_setting() {
    for (base_url, allow_http) in [("http://192.0.2.7/mdm/v2", true), ("http://127.0.0.1/mdm/v2", false)] {
        let settings = Settings { base_url: base_url.into(), allow_http, ..Settings::default() };
        let error = Apple::new(&settings).unwrap_err();
        assert!(error.to_string().contains("apple.base_url"), "{error}");
        assert_eq!(error.consequence(), Consequence::NeedsPerson);
    }
}
