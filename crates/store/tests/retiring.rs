//! Retirements that would take back more licenses than the brakes allow: held whole, let go, called off, and given up on.

#![allow(clippy::unwrap_used, reason = "a step that cannot be taken fails its test")]

mod common;

use common::*;
use russet_domain::brake::PATIENCE;
use russet_domain::job::{JobKind, JobState};
use russet_domain::user_registration::{Deed, Profile, Wish, Word, after};
use russet_domain::{AssetId, JobId, Timestamp, TokenId};
use russet_store::changes::held;
use russet_store::submit::Submitted;
use russet_store::users::{self, Report, UserWish};
use russet_store::{Store, jobs, policies, tokens};

/// A location in which three users hold two apps and a book that never comes back, and four licenses may be taken back within an hour.
async fn school(side: &Side) -> (TokenId, Vec<AssetId>) {
    let store = &side.store;
    let (token, assets) = location(store, "North", 3).await;
    side.run(&format!("UPDATE assets SET revocable = false WHERE id = {}", assets[2])).await;
    for number in 1..=3 {
        side.run(&format!(
            "INSERT INTO users (token_id, client_user_id, wish, status, work, wished_at, created_at, updated_at)
             VALUES ({token}, 'user-{number}', 'active', 'Associated', 'none', 1, 1, 1)"
        ))
        .await;
        for asset in &assets {
            side.run(&format!("INSERT INTO licenses VALUES ({asset}, 'u', 'user-{number}', true, 0, 1)"))
                .await;
        }
    }
    let policy = russet_domain::policy::find("brake_revocations").unwrap();
    let mut tx = store.begin().await.unwrap();
    policies::decide(&mut tx, token, policy, Some("4")).await.unwrap();
    tx.commit().await.unwrap();
    (token, assets)
}

async fn ask(
    store: &Store,
    token: TokenId,
    (kind, wish): (JobKind, Wish),
    numbers: &[usize],
    now: Timestamp,
) -> Submitted {
    let named = |number: &usize| UserWish {
        client_user_id: user(*number).id().to_owned(),
        wish,
        profile: Profile::default(),
    };
    let mut tx = store.begin().await.unwrap();
    let wishes = numbers.iter().map(named).collect();
    let done = users::submit(&mut tx, &job(kind, token), wishes, now).await.unwrap();
    tx.commit().await.unwrap();
    done
}

const RETIRE: (JobKind, Wish) = (JobKind::RetireUsers, Wish::Retired);

async fn sendable(store: &Store, token: TokenId) -> Vec<String> {
    let found = users::sendable(&mut store.read().await.unwrap(), token, later(1), 100).await.unwrap();
    found.into_iter().map(|user| user.client_user_id).collect()
}

async fn state(store: &Store, id: JobId) -> (JobState, u64) {
    let job = jobs::find(&mut store.read().await.unwrap(), id).await.unwrap().unwrap();
    (job.state, job.progress.held)
}

#[tokio::test]
async fn a_list_of_users_is_held_whole_and_goes_when_one_of_its_jobs_is_approved() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, _) = school(&side).await;
        let all = ask(store, token, RETIRE, &[1, 2, 3], NOW).await;
        assert_eq!(
            (all.counts.held, all.counts.planned),
            (3, 0),
            "books count for nothing, and six are too many"
        );
        let again = ask(store, token, RETIRE, &[2], NOW).await;
        assert_eq!(again.counts.held, 1);
        assert!(sendable(store, token).await.is_empty());
        let notes = side.texts(&format!("SELECT notes FROM jobs WHERE id = {}", all.job)).await;
        assert!(notes[0].contains("6 licenses"), "{notes:?}");

        let mut tx = store.begin().await.unwrap();
        assert_eq!(held::approve(&mut tx, token, again.job, NOW).await.unwrap(), 1);
        tx.commit().await.unwrap();
        assert_eq!(sendable(store, token).await, ["user-2"]);
        assert_eq!((state(store, all.job).await.1, state(store, again.job).await.1), (2, 0));
        let mut tx = store.begin().await.unwrap();
        assert_eq!(held::approve(&mut tx, token, all.job, NOW).await.unwrap(), 2);
        assert_eq!(held::approve(&mut tx, token, all.job, NOW).await.unwrap(), 0);
        tx.commit().await.unwrap();
        assert_eq!(sendable(store, token).await, ["user-1", "user-2", "user-3"]);
        // What was approved counts for no brake.
        let made = submitted(store, JobKind::RevokeLicense, token, Vec::new()).await;
        assert_eq!(made.counts.held, 0);
    })
    .await;
}

#[tokio::test]
async fn one_by_one_they_come_under_the_same_brake_as_what_jobs_take_back() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, assets) = school(&side).await;
        assert_eq!(ask(store, token, RETIRE, &[1], NOW).await.counts.planned, 1);
        let one = submitted(store, JobKind::RevokeLicense, token, wishes(&assets[..1], &[user(2)])).await;
        assert_eq!(one.counts.planned, 1);
        assert_eq!(ask(store, token, RETIRE, &[3], NOW).await.counts.held, 1, "three and two are five");
        let next = later(3_600_001);
        assert_eq!(ask(store, token, RETIRE, &[2], next).await.counts.planned, 1, "an hour has gone by");
    })
    .await;
}

#[tokio::test]
async fn who_is_wished_back_or_called_off_or_not_approved_in_time_stays_in_the_program() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, _) = school(&side).await;
        let all = ask(store, token, RETIRE, &[1, 2, 3], NOW).await;
        ask(store, token, (JobKind::ImportUsers, Wish::Active), &[1], NOW).await;
        assert_eq!(state(store, all.job).await.1, 2);
        assert!(sendable(store, token).await.is_empty(), "he is as he is wished");

        let late = later(i64::try_from(PATIENCE.as_millis()).unwrap() + 1);
        let overdue = held::overdue(&mut store.read().await.unwrap(), late, 10).await.unwrap();
        assert_eq!(overdue, [token]);
        let mut tx = store.begin().await.unwrap();
        assert_eq!(held::expire(&mut tx, token, late).await.unwrap(), [all.job]);
        tx.commit().await.unwrap();
        assert!(held::overdue(&mut store.read().await.unwrap(), late, 10).await.unwrap().is_empty());
        assert_eq!(
            side.number("SELECT count(*) FROM users WHERE wish = 'active' AND work = 'none'").await,
            3
        );
        let codes = side.texts("SELECT error_code FROM job_users WHERE job_id = 1 ORDER BY user_id").await;
        assert_eq!(codes, ["replaced", "not_approved", "not_approved"]);

        // Called off, and at last with the token.
        let job = ask(store, token, RETIRE, &[1, 2, 3], late).await;
        let mut tx = store.begin().await.unwrap();
        jobs::cancel(&mut tx, job.job, late).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(state(store, job.job).await, (JobState::Cancelled, 0));
        assert_eq!(
            side.number("SELECT count(*) FROM users WHERE wish = 'active' AND work = 'none'").await,
            3
        );
        let job = ask(store, token, RETIRE, &[1, 2, 3], late).await;
        assert_eq!(job.counts.held, 3);
        let mut tx = store.begin().await.unwrap();
        tokens::delete(&mut tx, token, late).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(state(store, job.job).await, (JobState::Failed, 0));
        assert_eq!(side.number("SELECT count(*) FROM retirements").await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_retirement_behind_a_request_in_flight_waits_for_its_approval_too() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, _) = school(&side).await;
        side.run("INSERT INTO licenses SELECT id, 'u', 'user-9', true, 0, 1 FROM assets").await;
        let known = ask(store, token, (JobKind::ImportUsers, Wish::Active), &[9], NOW).await;
        let mut tx = store.begin().await.unwrap();
        let found = users::sendable(&mut tx, token, NOW, 10).await.unwrap();
        let request = users::write(&mut tx, token, Deed::Create, &found, NOW).await.unwrap();
        tx.commit().await.unwrap();
        let job = ask(store, token, RETIRE, &[1, 2, 9], NOW).await;
        assert_eq!(job.counts.held, 3);
        let mut tx = store.begin().await.unwrap();
        let open = users::open_of_request(&mut tx, request).await.unwrap();
        let report =
            Report { user: open[0].id, outcome: after(Deed::Create, Word::Done, 1, NOW, 0.5), record: None };
        users::finish(&mut tx, token, &[report], NOW).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(state(store, known.job).await.0, JobState::Succeeded);
        assert!(sendable(store, token).await.is_empty());
        let mut tx = store.begin().await.unwrap();
        assert_eq!(held::approve(&mut tx, token, job.job, NOW).await.unwrap(), 3);
        tx.commit().await.unwrap();
        assert_eq!(sendable(store, token).await, ["user-1", "user-2", "user-9"]);
    })
    .await;
}
