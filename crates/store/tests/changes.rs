//! The life of changes in the database, from the wish to the end.

#![allow(clippy::unwrap_used, reason = "a step that cannot be taken fails its test")]

mod common;

use common::*;
use russet_domain::change::{Outcome, State};
use russet_domain::job::{JobKind, JobState, Priority, Progress};
use russet_domain::{AssetId, ChangeId, JobId, Timestamp};
use russet_store::changes::Change;
use russet_store::submit::{IntakeCounts, submit};
use russet_store::{Store, assets, changes, jobs, licenses, sweep, tokens};

const ASSIGN: JobKind = JobKind::AssignLicense;
const REVOKE: JobKind = JobKind::RevokeLicense;

async fn state_of(store: &Store, job: JobId) -> (JobState, Progress) {
    let mut db = store.read().await.unwrap();
    let job = jobs::find(&mut db, job).await.unwrap().unwrap();
    (job.state, job.progress)
}

async fn listed(store: &Store, job: JobId, state: Option<State>) -> Vec<Change> {
    let mut db = store.read().await.unwrap();
    changes::list_of_job(&mut db, job, state, 100, None).await.unwrap()
}

async fn sendable(store: &Store, token: russet_domain::TokenId, now: Timestamp) -> Vec<ChangeId> {
    let mut db = store.read().await.unwrap();
    let sendable = changes::sendable(&mut db, token, now, 100).await.unwrap();
    sendable.into_iter().map(|change| change.id).collect()
}

fn again(id: ChangeId, at: i64) -> (ChangeId, Outcome) {
    (id, Outcome::Again { not_before: later(at), number: Some(9603) })
}

fn refused(id: ChangeId) -> (ChangeId, Outcome) {
    (id, Outcome::Refused { code: "no_license_available".to_owned(), number: Some(9709) })
}

#[tokio::test]
async fn a_wish_becomes_a_license_that_is_counted_and_listed() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, apps) = location(store, "north", 2).await;
        let given = submitted(store, ASSIGN, token, wishes(&apps, &[device(1), user(1)])).await;
        assert_eq!(given.counts, IntakeCounts { planned: 4, ..IntakeCounts::default() });
        assert_eq!(given.state, JobState::Queued);

        let sent = send_all(store, token, NOW).await;
        let accepted = Progress { accepted: 4, ..Progress::default() };
        assert_eq!(state_of(store, given.job).await, (JobState::Running, accepted));

        let done = finished(store, token, &settled(&sent[0].1), later(5)).await;
        assert_eq!(done.closed_requests, vec![sent[0].0]);
        assert_eq!((done.ended_jobs, done.changes, done.planned), (vec![given.job], 4, false));
        let mut db = store.read().await.unwrap();
        let job = jobs::find(&mut db, given.job).await.unwrap().unwrap();
        assert_eq!((job.state, job.ended_at), (JobState::Succeeded, Some(later(5))));
        let held = licenses::list(&mut db, &licenses::Filter::default(), 10, None).await.unwrap();
        assert_eq!(held.len(), 4);
        let asset = assets::find(&mut db, apps[0]).await.unwrap().unwrap().asset;
        assert_eq!((asset.assigned, asset.supply.free()), (2, 999_998));
        // Told once more, it stays as it is.
        let once_more = finished(store, token, &settled(&sent[0].1), later(6)).await;
        assert_eq!(once_more, changes::Finished::default());
    })
    .await;
}

#[tokio::test]
async fn wishes_that_are_fulfilled_end_at_once_and_twins_are_folded() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, apps) = location(store, "north", 1).await;
        submitted(store, ASSIGN, token, wishes(&apps, &[device(1)])).await;
        let sent = send_all(store, token, NOW).await;
        finished(store, token, &settled(&sent[0].1), NOW).await;

        let twice = submitted(store, ASSIGN, token, wishes(&apps, &[device(1), device(1)])).await;
        assert_eq!(twice.counts, IntakeCounts { already: 1, folded: 1, ..IntakeCounts::default() });
        assert_eq!(twice.state, JobState::Succeeded);
        let change = listed(store, twice.job, None).await.remove(0);
        assert_eq!((change.state, change.error_code.as_deref()), (State::Settled, Some("already_held")));
        assert_eq!((change.ended_at, change.key.adam_id.as_str()), (Some(NOW), "500000000"));
        let gone = submitted(store, REVOKE, token, wishes(&apps, &[device(2)])).await;
        assert_eq!(listed(store, gone.job, None).await[0].error_code.as_deref(), Some("already_gone"));
        let nothing = submitted(store, ASSIGN, token, vec![]).await;
        assert_eq!(nothing.state, JobState::Succeeded);
        assert_eq!(state_of(store, nothing.job).await, (JobState::Succeeded, Progress::default()));
    })
    .await;
}

#[tokio::test]
async fn a_location_never_read_takes_nothing_for_granted() {
    on_both(|side| async move {
        let store = &side.store;
        let mut tx = store.begin().await.unwrap();
        let token = tokens::insert(&mut tx, &new_token("north"), NOW).await.unwrap();
        let apps = [app("1", 5)];
        assets::upsert_all(&mut tx, token, reading(1), &apps).await.unwrap();
        let app = assets::list(&mut tx, token, 1, None).await.unwrap()[0].id;
        tx.commit().await.unwrap();
        let given = submitted(store, REVOKE, token, wishes(&[app], &[device(1)])).await;
        assert_eq!(given.counts.planned, 1);
    })
    .await;
}

#[tokio::test]
async fn what_a_rule_forbids_is_refused_and_the_rest_goes_on() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, apps) = location(store, "north", 2).await;
        side.run(&format!("UPDATE assets SET device_assignable = false WHERE id = {}", apps[0])).await;
        let given = submitted(store, ASSIGN, token, wishes(&apps, &[device(1)])).await;
        assert_eq!(given.counts, IntakeCounts { planned: 1, refused: 1, ..IntakeCounts::default() });
        let refused = listed(store, given.job, Some(State::Refused)).await;
        assert_eq!(refused[0].error_code.as_deref(), Some("not_device_assignable"));
        assert_eq!(state_of(store, given.job).await.0, JobState::Running);
        let sent = send_all(store, token, NOW).await;
        finished(store, token, &settled(&sent[0].1), NOW).await;
        assert_eq!(state_of(store, given.job).await.0, JobState::PartlyFailed);
    })
    .await;
}

#[tokio::test]
async fn a_wish_for_an_asset_of_another_token_writes_nothing() {
    on_both(|side| async move {
        let store = &side.store;
        let (north, _) = location(store, "north", 1).await;
        let (_, other) = location(store, "south", 1).await;
        for asset in [other[0], AssetId(999)] {
            let mut tx = store.begin().await.unwrap();
            let wish = wishes(&[asset], &[device(1)]);
            let error = submit(&mut tx, &job(ASSIGN, north), wish, NOW).await.unwrap_err();
            assert_eq!(error.to_string(), format!("there is no asset {asset} of token {north}"));
        }
        let mut tx = store.begin().await.unwrap();
        assert!(submit(&mut tx, &job(JobKind::SyncToken, north), vec![], NOW).await.is_err());
        drop(tx);
        assert_eq!(side.number("SELECT count(*) FROM jobs").await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_second_job_follows_the_change_that_is_there_and_hurries_it() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, apps) = location(store, "north", 1).await;
        let first = submitted(store, ASSIGN, token, wishes(&apps, &[device(1), device(2)])).await;
        let mut tx = store.begin().await.unwrap();
        let urgent = jobs::NewJob { priority: Priority::High, ..job(ASSIGN, token) };
        let second = submit(&mut tx, &urgent, wishes(&apps, &[device(2)]), NOW).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(second.counts, IntakeCounts { joined: 1, ..IntakeCounts::default() });
        let ids: Vec<_> = listed(store, first.job, None).await.iter().map(|change| change.id).collect();
        assert_eq!(sendable(store, token, NOW).await, [ids[1], ids[0]]);
        let sent = send_all(store, token, NOW).await;
        let third = submitted(store, ASSIGN, token, wishes(&apps, &[device(1)])).await;
        assert_eq!((third.counts.joined, third.state), (1, JobState::Running));
        let done = finished(store, token, &settled(&sent[0].1), NOW).await;
        let mut ended = done.ended_jobs;
        ended.sort();
        assert_eq!(ended, [first.job, second.job, third.job]);
    })
    .await;
}

#[tokio::test]
async fn a_newer_wish_replaces_one_that_was_not_sent() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, apps) = location(store, "north", 1).await;
        let first = submitted(store, ASSIGN, token, wishes(&apps, &[device(1), device(2)])).await;
        let second = submitted(store, REVOKE, token, wishes(&apps, &[device(1)])).await;
        // It is not held, so taking it back is done by not giving it.
        assert_eq!(second.counts, IntakeCounts { already: 1, replaced: 1, ..IntakeCounts::default() });
        let gone = listed(store, first.job, Some(State::Cancelled)).await;
        assert_eq!((gone.len(), gone[0].error_code.as_deref()), (1, Some("replaced")));
        assert_eq!(sendable(store, token, NOW).await.len(), 1);
        assert_eq!(second.state, JobState::Succeeded);
    })
    .await;
}

#[tokio::test]
async fn the_opposite_wish_waits_behind_the_one_in_flight() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, apps) = location(store, "north", 1).await;
        submitted(store, ASSIGN, token, wishes(&apps, &[device(1)])).await;
        let sent = send_all(store, token, NOW).await;
        let back = submitted(store, REVOKE, token, wishes(&apps, &[device(1)])).await;
        assert_eq!((back.counts.planned, back.state), (1, JobState::Queued));
        assert_eq!(sendable(store, token, NOW).await, []);
        let mut db = store.read().await.unwrap();
        assert_eq!(changes::next_due(&mut db, token).await.unwrap(), None);
        let done = finished(store, token, &settled(&sent[0].1), NOW).await;
        assert!(done.planned);
        assert_eq!(sendable(store, token, NOW).await.len(), 1);
        assert_eq!(changes::next_due(&mut db, token).await.unwrap(), Some(Timestamp(0)));
        let sent = send_all(store, token, NOW).await;
        finished(store, token, &settled(&sent[0].1), NOW).await;
        assert_eq!(state_of(store, back.job).await.0, JobState::Succeeded);
        let asset = assets::find(&mut db, apps[0]).await.unwrap().unwrap().asset;
        assert_eq!((asset.assigned, asset.supply.free()), (0, 1_000_000));
    })
    .await;
}

#[tokio::test]
async fn what_is_to_be_sent_again_gives_way_to_the_opposite_wish_behind_it() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, apps) = location(store, "north", 1).await;
        let first = submitted(store, ASSIGN, token, wishes(&apps, &[device(1)])).await;
        let sent = send_all(store, token, NOW).await;
        submitted(store, REVOKE, token, wishes(&apps, &[device(1)])).await;
        let done = finished(store, token, &[again(sent[0].1[0], 9)], NOW).await;
        assert_eq!(done.ended_jobs, [first.job]);
        let gone = listed(store, first.job, None).await.remove(0);
        assert_eq!((gone.state, gone.error_code.as_deref()), (State::Cancelled, Some("replaced")));
        let waiting = sendable(store, token, NOW).await;
        assert_eq!(waiting.len(), 1);
        assert_ne!(waiting[0], gone.id);
    })
    .await;
}

#[tokio::test]
async fn a_wish_renewed_in_flight_cancels_the_opposite_one_behind() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, apps) = location(store, "north", 1).await;
        submitted(store, ASSIGN, token, wishes(&apps, &[device(1)])).await;
        let sent = send_all(store, token, NOW).await;
        let back = submitted(store, REVOKE, token, wishes(&apps, &[device(1)])).await;
        let again = submitted(store, ASSIGN, token, wishes(&apps, &[device(1)])).await;
        assert_eq!(again.counts, IntakeCounts { joined: 1, replaced: 1, ..IntakeCounts::default() });
        assert_eq!(state_of(store, back.job).await.0, JobState::Cancelled);
        let done = finished(store, token, &settled(&sent[0].1), NOW).await;
        assert!(done.ended_jobs.contains(&again.job) && !done.planned);
    })
    .await;
}

#[tokio::test]
async fn apples_later_is_waited_for_and_its_no_is_final() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, apps) = location(store, "north", 1).await;
        let given = submitted(store, ASSIGN, token, wishes(&apps, &[device(1), device(2)])).await;
        let sent = send_all(store, token, NOW).await;
        let [one, two] = sent[0].1[..] else { panic!("two were sent") };
        let done = finished(store, token, &[again(one, 50), refused(two)], later(1)).await;
        assert_eq!((done.closed_requests.len(), done.ended_jobs.len(), done.planned), (1, 0, true));
        assert_eq!(sendable(store, token, later(49)).await, []);
        assert_eq!(sendable(store, token, later(50)).await, [one]);
        let mut db = store.read().await.unwrap();
        assert_eq!(changes::next_due(&mut db, token).await.unwrap(), Some(later(50)));
        assert_eq!(sweep::tokens_with_sendable(&mut db, later(49), 10).await.unwrap(), []);
        assert_eq!(sweep::tokens_with_sendable(&mut db, later(50), 10).await.unwrap(), [token]);
        assert_eq!(state_of(store, given.job).await.0, JobState::Running);
        let no = listed(store, given.job, Some(State::Refused)).await.remove(0);
        assert_eq!((no.error_code.as_deref(), no.error_number), (Some("no_license_available"), Some(9709)));
        let later_one = listed(store, given.job, Some(State::Planned)).await.remove(0);
        assert_eq!((later_one.attempts, later_one.error_number), (1, Some(9603)));
        assert_eq!(later_one.not_before, later(50));
        let sent = send_all(store, token, later(60)).await;
        finished(store, token, &[refused(one)], later(61)).await;
        assert_eq!(sent[0].1, [one]);
        assert_eq!(listed(store, given.job, None).await[0].attempts, 2);
        assert_eq!(state_of(store, given.job).await.0, JobState::Failed);
    })
    .await;
}
