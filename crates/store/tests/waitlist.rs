//! The line: who joins it, in which order it is served, and how it ends.

#![allow(clippy::unwrap_used, reason = "a step that cannot be taken fails its test")]

mod common;

use common::{NOW, Side, device, job, location, on_both, wishes};
use russet_domain::job::JobKind;
use russet_domain::{AssetId, ChangeId, TokenId};
use russet_store::changes::waitlist::{self, Filter};
use russet_store::jobs::NewJob;
use russet_store::{Store, changes, policies, submit, sweep};

/// A job for these devices, whose licenses wait with this urgency or not at all.
async fn ask(store: &Store, token: TokenId, asset: AssetId, devices: &[usize], line: Option<i64>) {
    let new = NewJob { line, ..job(JobKind::AssignLicense, token) };
    let holders: Vec<_> = devices.iter().map(|number| device(*number)).collect();
    let mut tx = store.begin().await.unwrap();
    submit::submit(&mut tx, &new, wishes(&[asset], &holders), NOW).await.unwrap();
    tx.commit().await.unwrap();
}

async fn planned(store: &Store, token: TokenId) -> Vec<(ChangeId, String)> {
    let mut db = store.read().await.unwrap();
    let sendable = changes::sendable(&mut db, token, NOW, 100).await.unwrap();
    sendable.into_iter().map(|change| (change.id, change.holder.id().to_owned())).collect()
}

/// Puts everybody who is planned into the line.
async fn join_all(store: &Store, token: TokenId) {
    let ids: Vec<_> = planned(store, token).await.into_iter().map(|(id, _)| id).collect();
    let mut tx = store.begin().await.unwrap();
    waitlist::join(&mut tx, token, &ids, NOW).await.unwrap();
    tx.commit().await.unwrap();
}

async fn line(store: &Store, token: TokenId) -> Vec<String> {
    let filter = Filter { token: Some(token), ..Filter::default() };
    let mut db = store.snapshot().await.unwrap();
    let line = waitlist::list(&mut db, &filter, 100, None).await.unwrap();
    assert!(line.iter().zip(1..).all(|(entry, place)| entry.place == place), "{line:?}");
    line.into_iter().map(|entry| entry.holder.id().to_owned()).collect()
}

async fn admit(store: &Store, token: TokenId) -> usize {
    let mut tx = store.begin().await.unwrap();
    let admitted = waitlist::admit(&mut tx, token, 100, NOW).await.unwrap();
    tx.commit().await.unwrap();
    admitted
}

async fn free(side: &Side, number: i64) {
    side.run(&format!("UPDATE assets SET total = {number}, available = {number}, assigned = 0")).await;
}

fn names(numbers: &[usize]) -> Vec<String> {
    numbers.iter().map(|number| device(*number).id().to_owned()).collect()
}

#[tokio::test]
async fn the_line_is_served_from_its_head_as_far_as_licenses_go() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, assets) = location(store, "North", 1).await;
        free(&side, 0).await;
        ask(store, token, assets[0], &[1, 2], Some(0)).await;
        ask(store, token, assets[0], &[3], Some(5)).await;
        join_all(store, token).await;
        assert_eq!(line(store, token).await, names(&[3, 1, 2]));
        assert_eq!(admit(store, token).await, 0, "no license is free");
        assert!(
            sweep::tokens_with_sendable(&mut store.read().await.unwrap(), NOW, 10).await.unwrap().is_empty()
        );
        free(&side, 2).await;
        let due = sweep::tokens_with_sendable(&mut store.read().await.unwrap(), NOW, 10).await.unwrap();
        assert_eq!(due, [token]);
        assert_eq!(admit(store, token).await, 2);
        let served: Vec<_> = planned(store, token).await.into_iter().map(|(_, name)| name).collect();
        assert_eq!(served, names(&[3, 1]));
        assert_eq!(line(store, token).await, names(&[2]));
        // Whoever comes back has his old place.
        join_all(store, token).await;
        assert_eq!(line(store, token).await, names(&[3, 1, 2]));
    })
    .await;
}

#[tokio::test]
async fn nobody_joins_a_line_that_the_policy_does_not_allow_and_a_dissolved_one_ends_its_jobs() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, assets) = location(store, "North", 1).await;
        ask(store, token, assets[0], &[1, 2], Some(0)).await;
        join_all(store, token).await;
        let waitlist = russet_domain::policy::find("waitlist").unwrap();
        let mut tx = store.begin().await.unwrap();
        policies::decide(&mut tx, token, waitlist, Some("off")).await.unwrap();
        let ended = waitlist::dissolve(&mut tx, token, NOW).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(ended.len(), 1);
        assert!(line(store, token).await.is_empty());
        assert_eq!(side.number("SELECT count(*) FROM changes WHERE state = 'refused'").await, 2);
        ask(store, token, assets[0], &[3], Some(0)).await;
        join_all(store, token).await;
        assert!(line(store, token).await.is_empty());
        assert_eq!(planned(store, token).await.len(), 1, "it stays as it was");
    })
    .await;
}

#[tokio::test]
async fn who_joins_a_wish_that_waits_may_make_it_more_urgent_and_never_less() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, assets) = location(store, "North", 1).await;
        ask(store, token, assets[0], &[1, 2, 3], Some(0)).await;
        join_all(store, token).await;
        ask(store, token, assets[0], &[2], Some(7)).await;
        assert_eq!(line(store, token).await, names(&[2, 1, 3]));
        ask(store, token, assets[0], &[2], Some(-7)).await;
        ask(store, token, assets[0], &[2], None).await;
        assert_eq!(line(store, token).await, names(&[2, 1, 3]));
    })
    .await;
}
