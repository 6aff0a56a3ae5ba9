//! Calls a server of the test's own.

#![allow(clippy::unwrap_used, reason = "a step that cannot be taken fails its test")]

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use russet_domain::Secret;
use russet_mdm::{
    Callbacks, MovedNews, News, SIGNATURE_HEADER, Settings, TIMESTAMP_HEADER, TellError, Told, sign,
};

type Seen = Arc<Mutex<Vec<(HeaderMap, Bytes)>>>;

/// A receiver that answers with this status and header; what it saw can be looked at.
async fn receiver(status: u16, header: Option<(&'static str, &'static str)>) -> (String, Seen) {
    let seen = Seen::default();
    let kept = Arc::clone(&seen);
    let answer = async move |headers: HeaderMap, body: Bytes| {
        kept.lock().unwrap().push((headers, body));
        let mut headers = HeaderMap::new();
        if let Some((name, value)) = header {
            headers.insert(name, value.parse().unwrap());
        }
        (StatusCode::from_u16(status).unwrap(), headers)
    };
    let app = Router::new().route("/hook", post(answer));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (url, seen)
}

fn inside() -> Settings {
    Settings { allow_inside: true, allow_http: true, timeout_ms: 2_000, ..Settings::default() }
}

fn news() -> MovedNews {
    MovedNews { delivery: "move-1-1".into(), job: 1, token: 1, location: None, moves: vec![] }
}

async fn tell(settings: &Settings, url: &str) -> Result<Told, TellError> {
    Callbacks::new(settings).unwrap().tell(url, &Secret::new("shared"), News::Moved(&news())).await
}

#[tokio::test]
async fn what_is_told_is_signed_over_time_and_body() {
    let (url, seen) = receiver(204, None).await;
    assert_eq!(tell(&inside(), &url).await.unwrap(), Told::Done);
    let seen = seen.lock().unwrap();
    let (headers, body) = &seen[0];
    let text = |name: &str| headers[name].to_str().unwrap().to_owned();
    let timestamp = text(TIMESTAMP_HEADER).parse().unwrap();
    assert_eq!(text(SIGNATURE_HEADER), sign(&Secret::new("shared"), timestamp, body));
    assert_eq!(text("content-type"), "application/json");
    assert!(body.starts_with(br#"{"event":"license_moved""#));
}

#[tokio::test]
async fn the_status_says_what_the_mdm_side_made_of_it() {
    for (status, may_pass) in [
        (408, true),
        (425, true),
        (429, true),
        (500, true),
        (503, true),
        (400, false),
        (404, false),
        (302, false),
    ] {
        let header = if status == 302 { Some(("location", "http://127.0.0.1:1/elsewhere")) } else { None };
        let (url, seen) = receiver(status, header).await;
        let error = tell(&inside(), &url).await.unwrap_err();
        assert_eq!(error.may_pass(), may_pass, "{status}: {error}");
        assert!(!error.to_string().contains("/hook"), "{error}");
        assert_eq!(seen.lock().unwrap().len(), 1);
    }
    let (url, _) = receiver(202, None).await;
    assert_eq!(tell(&inside(), &url).await.unwrap(), Told::Later);
}

#[tokio::test]
async fn a_receiver_may_put_us_off_but_not_for_ever() {
    for (sent, wanted_s) in [("7", 7), ("999999", 3_600)] {
        let (url, _) = receiver(503, Some(("retry-after", sent))).await;
        match tell(&inside(), &url).await.unwrap_err() {
            TellError::Later { after, .. } => assert_eq!(after.unwrap().as_secs(), wanted_s),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn nobody_inside_is_called_by_number_or_by_name() {
    let (url, seen) = receiver(204, None).await;
    let outside_only = Settings { allow_inside: false, ..inside() };
    assert!(matches!(tell(&outside_only, &url).await, Err(TellError::NotAllowed(_))));
    let named = url.replace("127.0.0.1", "localhost");
    assert!(matches!(tell(&outside_only, &named).await, Err(TellError::NotAllowed(_))));
    let plain = Settings { allow_http: false, ..inside() };
    assert!(matches!(tell(&plain, &url).await, Err(TellError::NotAllowed(_))));
    assert!(seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn nobody_there_is_tried_again() {
    let error = tell(&inside(), "http://127.0.0.1:1/hook").await.unwrap_err();
    assert!(error.may_pass(), "{error}");
}
