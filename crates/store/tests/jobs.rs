//! Jobs: listed, withdrawn, wished for again, and ended.

#![allow(clippy::unwrap_used, reason = "a step that cannot be taken fails its test")]

mod common;

use common::*;
use russet_domain::change::{Outcome, State};
use russet_domain::job::{JobKind, JobState, Progress};
use russet_domain::{JobId, KeyId, TokenId};
use russet_store::jobs::{Filter, NewJob};
use russet_store::{Store, StoreError, changes, jobs, sweep};

const ASSIGN: JobKind = JobKind::AssignLicense;
const REVOKE: JobKind = JobKind::RevokeLicense;

async fn found(store: &Store, id: JobId) -> jobs::Job {
    let mut db = store.read().await.unwrap();
    jobs::find(&mut db, id).await.unwrap().unwrap()
}

async fn cancel(store: &Store, id: JobId) -> u64 {
    let mut tx = store.begin().await.unwrap();
    let withdrawn = jobs::cancel(&mut tx, id, later(3)).await.unwrap();
    tx.commit().await.unwrap();
    withdrawn
}

#[tokio::test]
async fn a_sync_is_queued_started_and_ended_once() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, _) = location(store, "north", 0).await;
        let mut tx = store.begin().await.unwrap();
        let new = NewJob { key: Some(KeyId(7)), ..job(JobKind::SyncToken, token) };
        let id = jobs::insert(&mut tx, &new, NOW).await.unwrap();
        let open = jobs::open_syncs(&mut tx, token).await.unwrap();
        assert_eq!((open.len(), open[0].id, open[0].key), (1, id, Some(KeyId(7))));
        assert_eq!(sweep::tokens_with_open(&mut tx, JobKind::SyncToken, 10).await.unwrap(), [token]);
        jobs::started(&mut tx, id, later(1)).await.unwrap();
        jobs::started(&mut tx, id, later(2)).await.unwrap();
        let error = Some(("apple_away", "Apple is away."));
        assert!(jobs::ended(&mut tx, id, JobState::Failed, error, Some("{}"), later(3)).await.unwrap());
        assert!(!jobs::ended(&mut tx, id, JobState::Succeeded, None, None, later(4)).await.unwrap());
        jobs::started(&mut tx, id, later(5)).await.unwrap();
        let job = jobs::find(&mut tx, id).await.unwrap().unwrap();
        assert_eq!(
            (job.state, job.started_at, job.ended_at),
            (JobState::Failed, Some(later(1)), Some(later(3)))
        );
        assert_eq!((job.error_code.as_deref(), job.result.as_deref()), (Some("apple_away"), Some("{}")));
        assert_eq!(jobs::open_syncs(&mut tx, token).await.unwrap(), []);
        assert_eq!(jobs::open_of_token(&mut tx, token, 10).await.unwrap(), []);
        let other = jobs::insert(&mut tx, &job_of_sync(token), NOW).await.unwrap();
        assert_eq!(jobs::cancel(&mut tx, other, NOW).await.unwrap(), 0);
        assert_eq!(jobs::find(&mut tx, other).await.unwrap().unwrap().state, JobState::Cancelled);
    })
    .await;
}

fn job_of_sync(token: TokenId) -> NewJob {
    job(JobKind::SyncToken, token)
}

#[tokio::test]
async fn jobs_are_listed_newest_first_by_kind_state_and_token() {
    on_both(|side| async move {
        let store = &side.store;
        let (north, apps) = location(store, "north", 1).await;
        let (south, _) = location(store, "south", 0).await;
        let one = submitted(store, ASSIGN, north, wishes(&apps, &[device(1)])).await.job;
        let mut tx = store.begin().await.unwrap();
        let two = jobs::insert(&mut tx, &job_of_sync(south), NOW).await.unwrap();
        let three = jobs::insert(&mut tx, &job_of_sync(north), NOW).await.unwrap();
        jobs::started(&mut tx, three, NOW).await.unwrap();
        let list = async |tx: &mut russet_store::Tx, filter: Filter, limit, after| {
            let jobs = jobs::list(tx, &filter, limit, after).await.unwrap();
            jobs.into_iter().map(|job| job.id).collect::<Vec<_>>()
        };
        let all = Filter::default();
        assert_eq!(list(&mut tx, all.clone(), 10, None).await, [three, two, one]);
        assert_eq!(list(&mut tx, all.clone(), 2, None).await, [three, two]);
        assert_eq!(list(&mut tx, all.clone(), 2, Some(two)).await, [one]);
        let kind = Filter { kind: Some(ASSIGN), ..all.clone() };
        assert_eq!(list(&mut tx, kind, 10, None).await, [one]);
        let state = Filter { state: Some(JobState::Running), ..all.clone() };
        assert_eq!(list(&mut tx, state, 10, None).await, [three]);
        let token = Filter { token: Some(north), ..all.clone() };
        assert_eq!(list(&mut tx, token, 10, None).await, [three, one]);
        let among = Filter { among: Some(vec![south, TokenId(99)]), ..all.clone() };
        assert_eq!(list(&mut tx, among, 10, None).await, [two]);
        let none = Filter { among: Some(vec![]), ..all };
        assert_eq!(list(&mut tx, none, 10, None).await, []);
        let open = jobs::open_of_token(&mut tx, north, 10).await.unwrap();
        assert_eq!(open.iter().map(|job| job.id).collect::<Vec<_>>(), [one, three]);
    })
    .await;
}

#[tokio::test]
async fn a_cancelled_job_withdraws_what_is_not_sent_and_ends_with_what_is() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, apps) = location(store, "north", 1).await;
        let id = submitted(store, ASSIGN, token, wishes(&apps, &[device(1)])).await.job;
        let sent = send_all(store, token, NOW).await;
        let mut tx = store.begin().await.unwrap();
        let more = [russet_store::submit::Wish { asset: apps[0], holder: device(2) }];
        russet_store::submit::add(&mut tx, id, &more, NOW).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(cancel(store, id).await, 1);
        assert_eq!(cancel(store, id).await, 0);
        let job = found(store, id).await;
        let progress = Progress { accepted: 1, cancelled: 1, ..Progress::default() };
        assert_eq!((job.state, job.progress), (JobState::Running, progress));
        let done = finished(store, token, &settled(&sent[0].1), NOW).await;
        assert_eq!(done.ended_jobs, [id]);
        assert_eq!(found(store, id).await.state, JobState::PartlyFailed);
    })
    .await;
}

#[tokio::test]
async fn what_a_cancelled_job_has_in_flight_is_not_sent_again() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, apps) = location(store, "north", 1).await;
        let first = submitted(store, ASSIGN, token, wishes(&apps, &[device(1), device(2)])).await.job;
        let sent = send_all(store, token, NOW).await;
        let second = submitted(store, ASSIGN, token, wishes(&apps, &[device(2)])).await.job;
        assert_eq!(cancel(store, first).await, 0);
        let again = |id| (id, Outcome::Again { not_before: NOW, number: None });
        let outcomes: Vec<_> = sent[0].1.iter().copied().map(again).collect();
        finished(store, token, &outcomes, NOW).await;
        let progress = found(store, first).await.progress;
        assert_eq!((progress.cancelled, progress.planned), (1, 1));
        assert_eq!(found(store, second).await.progress.planned, 1);
        // Cancelled once more, it lets go of what the other job still wants.
        assert_eq!(cancel(store, first).await, 1);
        assert_eq!(found(store, first).await.state, JobState::Cancelled);
        assert_eq!(send_all(store, token, NOW).await[0].1.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_cancelled_job_leaves_to_others_what_they_want_too() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, apps) = location(store, "north", 1).await;
        let first = submitted(store, ASSIGN, token, wishes(&apps, &[device(1), device(2)])).await.job;
        let second = submitted(store, ASSIGN, token, wishes(&apps, &[device(2)])).await.job;
        assert_eq!(cancel(store, first).await, 2);
        let job = found(store, first).await;
        let progress = Progress { cancelled: 2, ..Progress::default() };
        assert_eq!((job.state, job.progress, job.ended_at), (JobState::Cancelled, progress, Some(later(3))));
        assert_eq!(found(store, second).await.progress, Progress { planned: 1, ..Progress::default() });
        let mut db = store.read().await.unwrap();
        let listed = changes::list_of_job(&mut db, first, None, 10, None).await.unwrap();
        assert!(listed.iter().all(|change| change.state == State::Cancelled));
        assert!(listed.iter().all(|change| change.error_code.as_deref() == Some("withdrawn")));
        let page = changes::list_of_job(&mut db, first, None, 1, Some(listed[0].id)).await.unwrap();
        assert_eq!(page, listed[1..]);
        let sent = send_all(store, token, NOW).await;
        assert_eq!(sent[0].1.len(), 1);
        assert_eq!(finished(store, token, &settled(&sent[0].1), NOW).await.ended_jobs, [second]);
        // A third job may want again what nobody did.
        let third = submitted(store, ASSIGN, token, wishes(&apps, &[device(1)])).await;
        assert_eq!(third.counts.planned, 1);
    })
    .await;
}

#[tokio::test]
async fn what_was_refused_is_wished_for_again_under_the_same_job() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, apps) = location(store, "north", 1).await;
        let id = submitted(store, ASSIGN, token, wishes(&apps, &[device(1), device(2), device(3)])).await.job;
        let sent = send_all(store, token, NOW).await;
        let no = || Outcome::Refused { code: "no".to_owned(), number: None };
        let ids = &sent[0].1;
        let outcomes = [(ids[0], Outcome::Settled), (ids[1], no()), (ids[2], no())];
        assert_eq!(finished(store, token, &outcomes, NOW).await.ended_jobs, [id]);
        assert_eq!(found(store, id).await.state, JobState::PartlyFailed);
        // Meanwhile another job has one of them in flight.
        submitted(store, ASSIGN, token, wishes(&apps, &[device(2)])).await;
        let flying = send_all(store, token, NOW).await;

        let mut tx = store.begin().await.unwrap();
        let counts = jobs::retry(&mut tx, id, later(5)).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!((counts.planned, counts.joined), (1, 1));
        let job = found(store, id).await;
        let progress = Progress { planned: 1, accepted: 1, settled: 1, ..Progress::default() };
        assert_eq!((job.state, job.progress, job.ended_at), (JobState::Running, progress, None));
        let sent = send_all(store, token, NOW).await;
        finished(store, token, &settled(&flying[0].1), NOW).await;
        let done = finished(store, token, &settled(&sent[0].1), later(6)).await;
        assert_eq!(done.ended_jobs, [id]);
        let job = found(store, id).await;
        assert_eq!((job.state, job.progress.settled, job.ended_at), (JobState::Succeeded, 3, Some(later(6))));
        let mut tx = store.begin().await.unwrap();
        assert_eq!(jobs::retry(&mut tx, id, NOW).await.unwrap().planned, 0);
        let error = jobs::retry(&mut tx, JobId(999), NOW).await.unwrap_err();
        assert!(matches!(error, StoreError::Missing(_)));
    })
    .await;
}

#[tokio::test]
async fn a_job_miscounted_by_a_hand_in_the_database_is_mended() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, apps) = location(store, "north", 1).await;
        let id = submitted(store, ASSIGN, token, wishes(&apps, &[device(1), device(2)])).await.job;
        let sent = send_all(store, token, NOW).await;
        finished(store, token, &settled(&sent[0].1), NOW).await;
        let other = submitted(store, REVOKE, token, wishes(&apps, &[device(1)])).await.job;
        side.run("UPDATE jobs SET settled = 1, planned = 1, state = 'running', ended_at = NULL WHERE id = 1")
            .await;
        let mut tx = store.begin().await.unwrap();
        assert_eq!(jobs::close_ended(&mut tx, &[id, other], later(9)).await.unwrap(), [id]);
        tx.commit().await.unwrap();
        let job = found(store, id).await;
        assert_eq!((job.state, job.progress.settled, job.progress.planned), (JobState::Succeeded, 2, 0));
        assert_eq!(found(store, other).await.state, JobState::Queued);
    })
    .await;
}
