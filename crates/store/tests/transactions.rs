//! A transaction stands whole or not at all, wherever it is dropped.

#![allow(clippy::unwrap_used, reason = "a step that cannot be taken fails its test")]

mod common;

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use common::*;
use russet_domain::job::JobKind;
use russet_store::submit::submit;
use russet_store::{Store, StoreError, assets, meta, tokens};

/// A future that is dropped before it is polled once too often.
struct Dropped<F> {
    inner: Pin<Box<F>>,
    polls_left: usize,
}

impl<F: Future> Future for Dropped<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.polls_left == 0 {
            return Poll::Ready(None);
        }
        self.polls_left -= 1;
        self.inner.as_mut().poll(context).map(Some)
    }
}

async fn upload_and_assign(store: &Store) -> Result<(), StoreError> {
    let mut tx = store.begin().await?;
    let token = tokens::insert(&mut tx, &new_token("north"), NOW).await?;
    assets::upsert_all(&mut tx, token, reading(1), &[app("500000001", 10)]).await?;
    let rows = assets::list(&mut tx, token, 10, None).await?;
    let wishes = wishes(&[rows[0].id], &[device(1), device(2)]);
    submit(&mut tx, &job(JobKind::AssignLicense, token), wishes, NOW).await?;
    tx.commit().await
}

/// Every token has the one asset, the job, and the two changes with their links that were written with it.
async fn assert_whole(side: &Side, when: &str) {
    // In one statement: a commit whose answer nobody waited for may come to its end at any moment.
    let left_over = side
        .number(
            "SELECT (SELECT count(*) FROM assets) + (SELECT count(*) FROM jobs)
                    + (SELECT count(*) FROM changes) + (SELECT count(*) FROM job_changes)
                    - 6 * (SELECT count(*) FROM tokens)",
        )
        .await;
    assert_eq!(left_over, 0, "{when}");
}

#[tokio::test]
async fn a_transaction_dropped_at_any_await_leaves_nothing_half_done() {
    on_both(|side| async move {
        let mut polls = 0;
        loop {
            let future = Dropped { inner: Box::pin(upload_and_assign(&side.store)), polls_left: polls };
            let ended = future.await;
            assert_whole(&side, &format!("dropped after {polls} polls")).await;
            if let Some(done) = ended {
                done.unwrap();
                break;
            }
            polls += 1;
            assert!(polls < 10_000, "it never came to its end");
        }
        // How often it is polled is up to the machine; so drop it after times as well.
        for steps in 0..40 {
            let patience = Duration::from_micros(steps * 150);
            if let Ok(done) = tokio::time::timeout(patience, upload_and_assign(&side.store)).await {
                done.unwrap();
            }
            assert_whole(&side, &format!("dropped after {patience:?}")).await;
        }
        assert!(polls > 0);
        // The connections are all usable still.
        upload_and_assign(&side.store).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn what_is_not_committed_is_seen_by_nobody_and_forgotten() {
    on_both(|side| async move {
        let mut tx = side.store.begin().await.unwrap();
        meta::set(&mut tx, "color", "red").await.unwrap();
        assert_eq!(meta::get(&mut tx, "color").await.unwrap().as_deref(), Some("red"));
        let mut reader = side.store.read().await.unwrap();
        assert_eq!(meta::get(&mut reader, "color").await.unwrap(), None);
        drop(tx);
        let mut tx = side.store.begin().await.unwrap();
        assert_eq!(meta::get(&mut tx, "color").await.unwrap(), None);
        meta::set(&mut tx, "color", "green").await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(meta::get(&mut reader, "color").await.unwrap().as_deref(), Some("green"));
    })
    .await;
}

#[tokio::test]
async fn a_token_is_locked_by_one_at_a_time() {
    on_both(|side| async move {
        let (token, _) = location(&side.store, "north", 1).await;
        let mut tx = side.store.begin().await.unwrap();
        tokens::lock(&mut tx, token).await.unwrap();
        let store = side.store.clone();
        let second = tokio::spawn(async move {
            let mut tx = store.begin().await.unwrap();
            tokens::lock(&mut tx, token).await.unwrap();
            tx.commit().await.unwrap();
        });
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(!second.is_finished());
        tx.commit().await.unwrap();
        second.await.unwrap();
        let mut tx = side.store.begin().await.unwrap();
        let error = tokens::lock(&mut tx, russet_domain::TokenId(999)).await.unwrap_err();
        assert_eq!(error.to_string(), "there is no token 999");
    })
    .await;
}

#[tokio::test]
async fn two_transactions_that_wait_for_each_other_are_told_apart_as_busy() {
    on_postgres(russet_store::KeyRing::generate(), true, |side| async move {
        let (north, _) = location(&side.store, "north", 1).await;
        let (south, _) = location(&side.store, "south", 1).await;
        let cross = |first, then| {
            let store = side.store.clone();
            async move {
                let mut tx = store.begin().await?;
                tokens::lock(&mut tx, first).await?;
                tokio::time::sleep(Duration::from_millis(100)).await;
                tokens::lock(&mut tx, then).await?;
                tx.commit().await
            }
        };
        let (one, other) = tokio::join!(cross(north, south), cross(south, north));
        let failed = [one, other].into_iter().filter_map(Result::err).collect::<Vec<_>>();
        assert_eq!(failed.len(), 1);
        assert!(matches!(failed[0], StoreError::Busy { .. }), "{:?}", failed[0]);
        assert!(failed[0].passes());
    })
    .await;
}

#[tokio::test]
async fn a_server_that_drops_us_is_unreachable_and_then_reached_again() {
    on_postgres(russet_store::KeyRing::generate(), true, |side| async move {
        let mut tx = side.store.begin().await.unwrap();
        meta::set(&mut tx, "color", "red").await.unwrap();
        side.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        .await;
        let error = meta::set(&mut tx, "color", "green").await.unwrap_err();
        assert!(matches!(error, StoreError::Unreachable { .. }), "{error:?}");
        assert_eq!(error.to_string(), "the database could not be reached while writing a fact");
        drop(tx);
        let mut tx = side.store.begin().await.unwrap();
        meta::set(&mut tx, "color", "blue").await.unwrap();
        tx.commit().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn readers_of_a_file_go_on_while_it_is_written() {
    on_both(|side| async move {
        if side.postgres {
            return;
        }
        // Another process may hold the file for writing; readers go on.
        let mut tx = side.store.begin().await.unwrap();
        meta::set(&mut tx, "color", "red").await.unwrap();
        let mut readers = Vec::new();
        for _ in 0..6 {
            readers.push(side.store.read().await.unwrap());
        }
        for reader in &mut readers {
            assert_eq!(meta::get(reader, "color").await.unwrap(), None);
        }
        tx.commit().await.unwrap();
    })
    .await;
}
