//! What is sent, and what becomes of good answers.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use russet_apple::{EventId, Filter, NewClientConfig, NotificationTarget, Write, parse_date};
use russet_domain::event::EventStatus;
use russet_domain::limits::Limits;
use russet_domain::token::MdmInfo;
use russet_domain::{AssetKey, Holder, Pricing, Secret};

use super::server::{BEARER, answering, answering_json, token};

#[tokio::test]
async fn the_whole_token_travels_as_bearer_without_the_white_space_around_it() {
    let (apple, ledger) = answering_json(r#"{"uId":"1","locationName":"North"}"#).await;
    apple.client_config(&token()).await.unwrap();
    let seen = ledger.lock().unwrap()[0].clone();
    assert_eq!(seen.headers["authorization"], BEARER);
    assert_eq!(
        (seen.method, seen.uri.to_string().as_str()),
        (Method::GET, "/some/where/mdm/v2/client/config")
    );
    assert!(seen.headers["user-agent"].to_str().unwrap().starts_with("russet/"));
}

#[tokio::test]
async fn the_service_configuration_is_read_without_a_token() {
    let (apple, ledger) = answering_json(r#"{"limits":{"maxAssets":7,"maxRequestPerSecond":20}}"#).await;
    let config = apple.service_config().await.unwrap();
    assert_eq!(config.limits, Limits { max_assets: 7, max_requests_per_second: 20, ..Limits::default() });
    assert!(!ledger.lock().unwrap()[0].headers.contains_key("authorization"));
}

#[tokio::test]
async fn every_answer_says_whose_location_it_is() {
    let (apple, _) = answering_json(
        r#"{"assignments":[],"uId":"1000000000000001","tokenExpirationDate":"2031-04-09T10:20:30+0000",
        "mdmInfo":{"id":"other","name":"Other server","metadata":"m"}}"#,
    )
    .await;
    let seen = apple.assignments(&token(), &Filter::default(), 0).await.unwrap().seen;
    assert_eq!(seen.uid.as_deref(), Some("1000000000000001"));
    assert_eq!(seen.mdm.unwrap().id, "other");
    assert_eq!(seen.expires, parse_date("2031-04-09T10:20:30+0000"));
}

#[tokio::test]
async fn a_filter_and_a_page_are_sent_as_apple_spells_them() {
    let (apple, ledger) = answering_json(
        r#"{"assignments":[{"adamId":"5","pricingParam":"STDQ","clientUserId":"a&b"}],"currentPageIndex":2,"totalPages":3}"#,
    )
    .await;
    let filter = Filter {
        adam_id: Some("5".into()),
        pricing: Some(Pricing::Standard),
        user: Some("a&b".into()),
        since_version: Some("v 1".into()),
        ..Filter::default()
    };
    let page = apple.assignments(&token(), &filter, 2).await.unwrap().value;
    assert_eq!((page.items[0].holder.clone(), page.next), (Holder::User("a&b".into()), None));
    assert_eq!(
        ledger.lock().unwrap()[0].uri.query(),
        Some("adamId=5&pricingParam=STDQ&clientUserId=a%26b&sinceVersionId=v+1&pageIndex=2")
    );
}

#[tokio::test]
async fn the_first_page_is_asked_for_without_an_index() {
    let (apple, ledger) = answering_json(r#"{"assets":[{"adamId":"5"}],"nextPageIndex":1}"#).await;
    let page = apple.assets(&token(), 0).await.unwrap().value;
    assert_eq!((page.items.len(), page.next), (1, Some(1)));
    assert_eq!(ledger.lock().unwrap()[0].uri.query(), None);
}

#[tokio::test]
async fn a_write_is_one_rectangle_and_answers_with_its_event() {
    let (apple, ledger) = answering_json(r#"{"eventId":"e1","uId":"1"}"#).await;
    let assets = [AssetKey::new("5", Pricing::Plus)];
    let (devices, users) = (["S1".to_owned()], ["u1".to_owned()]);
    let write = Write { assets: &assets, devices: &devices, users: &users };
    assert_eq!(apple.associate(&token(), &write).await.unwrap().value, EventId("e1".into()));
    apple.disassociate(&token(), &write).await.unwrap();
    apple.revoke(&token(), &devices, &[]).await.unwrap();

    let seen = ledger.lock().unwrap().clone();
    let pair =
        r#"{"assets":[{"adamId":"5","pricingParam":"PLUS"}],"clientUserIds":["u1"],"serialNumbers":["S1"]}"#;
    let sent: Vec<_> = seen.iter().map(|seen| (seen.uri.path(), seen.body.as_str())).collect();
    let expected = [
        ("/some/where/mdm/v2/assets/associate", pair),
        ("/some/where/mdm/v2/assets/disassociate", pair),
        ("/some/where/mdm/v2/assets/revoke", r#"{"serialNumbers":["S1"]}"#),
    ];
    assert_eq!(sent, expected);
    assert!(seen.iter().all(|seen| seen.headers["content-type"] == "application/json"));
    assert!(seen.iter().all(|seen| seen.method == Method::POST && seen.headers["authorization"] == BEARER));
}

#[tokio::test]
async fn an_event_that_apple_has_forgotten_is_an_answer() {
    let body = r#"{"errorNumber":9708,"errorMessage":"x","uId":"1"}"#;
    let (apple, ledger) = answering((StatusCode::BAD_REQUEST, body)).await;
    let answer = apple.status(&token(), &EventId("e/1".into())).await.unwrap();
    assert_eq!(answer.value.status, EventStatus::Unknown);
    assert_eq!(answer.seen.uid.as_deref(), Some("1"));
    assert_eq!(ledger.lock().unwrap()[0].uri.query(), Some("eventId=e%2F1"));
}

#[tokio::test]
async fn a_location_is_claimed_and_subscribed_in_one_request() {
    let (apple, ledger) =
        answering_json(r#"{"uId":"1","mdmInfo":{"id":"a","name":"n","metadata":"m"}}"#).await;
    let new = NewClientConfig {
        mdm: Some(MdmInfo { id: "a".into(), name: "n".into(), metadata: "m".into() }),
        notification: Some(NotificationTarget {
            url: "https://vpp.example.net/n".into(),
            secret: Secret::new("s"),
            types: vec!["ASSET_COUNT".into()],
        }),
    };
    let answer = apple.set_client_config(&token(), &new).await.unwrap();
    assert_eq!(answer.seen.mdm, new.mdm);
    let sent = ledger.lock().unwrap()[0].clone();
    assert_eq!(sent.method, Method::POST);
    assert!(sent.body.contains(r#""notificationAuthToken":"s""#), "{}", sent.body);
}

#[tokio::test]
async fn a_wait_that_comes_with_a_success_is_not_lost() {
    let (apple, _) = answering(([("retry-after", "12")], r#"{"assignments":[]}"#)).await;
    let answer = apple.assignments(&token(), &Filter::default(), 0).await.unwrap();
    assert_eq!(answer.retry_after, Some(Duration::from_secs(12)));
}
