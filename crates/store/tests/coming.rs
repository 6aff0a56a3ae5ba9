//! Licenses that are not held yet but on their way, as a revocation of everything has to see them.

#![allow(clippy::unwrap_used, reason = "a step that cannot be taken fails its test")]

mod common;

use common::*;
use russet_domain::job::JobKind;
use russet_store::changes;

#[tokio::test]
async fn what_is_planned_or_in_flight_is_coming_and_what_is_held_is_not() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, apps) = location(store, "north", 2).await;
        submitted(store, JobKind::AssignLicense, token, wishes(&apps[..1], &[device(1)])).await;
        let sent = send_all(store, token, NOW).await;
        finished(store, token, &settled(&sent[0].1), NOW).await;
        submitted(store, JobKind::AssignLicense, token, wishes(&apps[..1], &[device(2)])).await;
        send_all(store, token, NOW).await;
        submitted(store, JobKind::AssignLicense, token, wishes(&apps, &[user(3)])).await;

        let mut db = store.read().await.unwrap();
        let mut of_first = changes::coming_of(&mut db, token, &apps[..1], 10).await.unwrap();
        of_first.sort();
        assert_eq!(of_first, [(apps[0], device(2)), (apps[0], user(3))]);
        let mut to_user = changes::coming_to(&mut db, token, &[user(3), device(1)], 10).await.unwrap();
        to_user.sort();
        assert_eq!(to_user, [(apps[0], user(3)), (apps[1], user(3))]);
        assert_eq!(changes::coming_of(&mut db, token, &apps, 2).await.unwrap().len(), 2);
    })
    .await;
}
