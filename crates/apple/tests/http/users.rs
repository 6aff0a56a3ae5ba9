//! Users over HTTP: what is sent, what is read, and what becomes of writes without an answer.

use axum::http::{Method, StatusCode};
use russet_apple::{Apple, AppleError, Consequence, Endpoint, EventId, NewUser, UserFilter};
use russet_domain::UserStatus;
use russet_domain::event::{EventKind, EventStatus};

use super::server::{BEARER, answering, answering_json, client, nobody, saying, token};

fn user(id: &str) -> NewUser {
    NewUser { id: id.into(), email: Some("a.person@example.com".into()), managed_apple_id: None }
}

async fn create(apple: &Apple) -> AppleError {
    apple.create_users(&token(), &[user("u1")]).await.unwrap_err()
}

#[tokio::test]
async fn users_are_registered_changed_and_retired_in_requests_of_their_own() {
    let (apple, ledger) = answering_json(r#"{"eventId":"e1","uId":"1"}"#).await;
    let users = [user("u1")];
    assert_eq!(apple.create_users(&token(), &users).await.unwrap().value, EventId("e1".into()));
    apple.update_users(&token(), &users).await.unwrap();
    apple.retire_users(&token(), &users).await.unwrap();

    let seen = ledger.lock().unwrap().clone();
    let sent: Vec<_> = seen.iter().map(|seen| (seen.uri.path(), seen.body.as_str())).collect();
    let whole = r#"{"users":[{"clientUserId":"u1","email":"a.person@example.com"}]}"#;
    let expected = [
        ("/some/where/mdm/v2/users/create", whole),
        ("/some/where/mdm/v2/users/update", whole),
        ("/some/where/mdm/v2/users/retire", r#"{"users":[{"clientUserId":"u1"}]}"#),
    ];
    assert_eq!(sent, expected);
    assert!(seen.iter().all(|seen| seen.method == Method::POST && seen.headers["authorization"] == BEARER));
}

#[tokio::test]
async fn users_are_read_with_a_filter_as_apple_spells_it() {
    let (apple, ledger) = answering_json(
        r#"{"users":[{"clientUserId":"a&b","status":"Retired"}],"currentPageIndex":2,"totalPages":3,"versionId":"v2"}"#,
    )
    .await;
    let filter = UserFilter {
        active_only: true,
        retired_only: true,
        user: Some("a&b".into()),
        since_version: Some("v1".into()),
    };
    let page = apple.users(&token(), &filter, 2).await.unwrap().value;
    assert_eq!((page.items[0].id.as_str(), &page.items[0].status), ("a&b", &UserStatus::Retired));
    assert_eq!(
        ledger.lock().unwrap()[0].uri.query(),
        Some("activeOnly=true&retiredOnly=true&clientUserId=a%26b&sinceVersionId=v1&pageIndex=2")
    );
    let (apple, ledger) = answering_json(r#"{"users":[]}"#).await;
    apple.users(&token(), &UserFilter::default(), 0).await.unwrap();
    assert_eq!(ledger.lock().unwrap()[0].uri.query(), None);
}

#[tokio::test]
async fn nothing_changed_is_an_empty_page_of_users() {
    let (apple, _) = answering_json(r#"{"versionId":"v1","uId":"1"}"#).await;
    let since = UserFilter { since_version: Some("v1".into()), ..UserFilter::default() };
    assert_eq!(apple.users(&token(), &since, 0).await.unwrap().value.items.len(), 0);
    let all = apple.users(&token(), &UserFilter::default(), 0).await.unwrap_err();
    assert!(all.to_string().contains("`users` is missing"), "{all}");
}

#[tokio::test]
async fn a_user_write_without_its_answer_may_have_been_done() {
    assert_eq!(create(&client(saying(b"").await)).await.consequence(), Consequence::LostReply);
    let (apple, _) = answering((StatusCode::BAD_GATEWAY, "<html></html>")).await;
    assert_eq!(create(&apple).await.consequence(), Consequence::LostReply);
    let (apple, _) = answering_json(r#"{"uId":"1"}"#).await;
    let error = create(&apple).await;
    assert_eq!(error.consequence(), Consequence::LostReply);
    assert!(error.to_string().contains("`eventId` is missing"), "{error}");
    // Surely not done: nobody listens, or Apple said no.
    assert_eq!(create(&client(nobody().await)).await.consequence(), Consequence::NotSent);
    let (apple, _) = answering((StatusCode::BAD_REQUEST, r#"{"errorNumber":9714}"#)).await;
    assert_eq!(create(&apple).await.consequence(), Consequence::Replan);
}

#[tokio::test]
async fn a_refusal_names_the_users_and_repeats_no_address() {
    let body = r#"{"errorNumber":9717,"errorMessage":"Invalid email a.person@example.com for u1",
        "errorInfo":{"clientUserIds":["u1"]}}"#;
    let (apple, _) = answering((StatusCode::BAD_REQUEST, body)).await;
    let error = create(&apple).await;
    assert_eq!(error.refusal().unwrap().subjects.users, ["u1"]);
    let shown = format!("{error} {error:?}");
    assert!(shown.contains("register users") && !shown.contains("person"), "{shown}");
}

#[tokio::test]
async fn an_event_about_users_says_what_it_does_and_whom_it_failed_for() {
    let (apple, _) = answering_json(
        r#"{"eventStatus":"FAILED","eventType":"RETIRE","numRequested":2,"numCompleted":1,"uId":"1",
        "failures":[{"errorNumber":9609,"errorInfo":{"clientUserIds":["u2"]}}]}"#,
    )
    .await;
    let report = apple.status(&token(), &EventId("e1".into())).await.unwrap().value;
    assert_eq!((report.status, report.kind.as_ref()), (EventStatus::Failed, Some(&EventKind::Retire)));
    assert_eq!(report.failures[0].users, ["u2"]);
}

#[tokio::test]
async fn an_error_number_that_cannot_be_read_is_no_success() {
    let (apple, _) = answering_json(r#"{"errorNumber":{"n":9622},"eventId":"e1"}"#).await;
    let error = create(&apple).await;
    assert!(error.to_string().contains("`errorNumber` is not a whole number"), "{error}");
    assert_eq!(error.consequence(), Consequence::LostReply);
}

#[tokio::test]
async fn what_cannot_be_read_of_an_answer_is_told_beside_it() {
    let (apple, _) = answering_json(r#"{"users":[{"clientUserId":"u1","idHash":[]},{}],"uId":{}}"#).await;
    let answer = apple.users(&token(), &UserFilter::default(), 0).await.unwrap();
    assert_eq!((answer.value.items.len(), answer.value.skipped, answer.odd.count), (1, 1, 3));
    let whole = answer.value.clone().whole(Endpoint::Users).unwrap_err();
    assert!(whole.to_string().contains("1 of its records cannot be read"), "{whole}");
    assert_eq!(
        answer.odd.to_string(),
        "`uId` is not a text; `users[0].idHash` is not a text; `users[1].clientUserId` is missing or empty"
    );
}
