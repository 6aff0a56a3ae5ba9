//! Changes on their way: refused before, covered by requests, found again by what Apple says.

#![allow(clippy::unwrap_used, reason = "a step that cannot be taken fails its test")]

mod common;

use common::*;
use russet_domain::change::{Action, State};
use russet_domain::job::{JobKind, JobState, Priority, Progress};
use russet_domain::{AssetKey, ChangeId, JobId, Pricing, Timestamp};
use russet_store::changes::Change;
use russet_store::requests::NewRequest;
use russet_store::submit::{Wish, submit};
use russet_store::{Store, StoreError, changes, jobs, requests};

const ASSIGN: JobKind = JobKind::AssignLicense;

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

#[tokio::test]
async fn planned_changes_can_be_refused_one_by_one_or_all() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, apps) = location(store, "north", 1).await;
        let given = submitted(store, ASSIGN, token, wishes(&apps, &[device(1), device(2), device(3)])).await;
        let ids = sendable(store, token, NOW).await;
        let mut tx = store.begin().await.unwrap();
        let codes = [(ids[0], "no_license_available"), (ids[1], "other"), (ChangeId(999), "other")];
        assert_eq!(changes::refuse(&mut tx, token, &codes, NOW).await.unwrap(), []);
        assert_eq!(changes::refuse(&mut tx, token, &[], NOW).await.unwrap(), []);
        tx.commit().await.unwrap();
        let codes: Vec<_> =
            listed(store, given.job, Some(State::Refused)).await.into_iter().map(|c| c.error_code).collect();
        assert_eq!(codes, [Some("no_license_available".to_owned()), Some("other".to_owned())]);
        let mut tx = store.begin().await.unwrap();
        let ended = changes::refuse_all_planned(&mut tx, token, "token_expired", NOW).await.unwrap();
        assert_eq!(ended, [given.job]);
        assert_eq!(changes::refuse_all_planned(&mut tx, token, "token_expired", NOW).await.unwrap(), []);
        tx.commit().await.unwrap();
        let progress = Progress { refused: 3, ..Progress::default() };
        assert_eq!(state_of(store, given.job).await, (JobState::Failed, progress));
    })
    .await;
}

#[tokio::test]
async fn a_request_never_covers_a_change_that_is_no_longer_planned() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, apps) = location(store, "north", 1).await;
        let given = submitted(store, ASSIGN, token, wishes(&apps, &[device(1), device(2)])).await;
        let read = sendable(store, token, NOW).await;
        let mut tx = store.begin().await.unwrap();
        changes::refuse(&mut tx, token, &[(read[0], "other")], NOW).await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = store.begin().await.unwrap();
        let request = NewRequest {
            what: russet_store::requests::What::Licenses(Action::Assign),
            assets: vec![],
            devices: vec![],
            users: vec![],
            changes: read,
        };
        let error = requests::write(&mut tx, token, &[request], NOW).await.unwrap_err();
        assert!(matches!(error, StoreError::Stale { .. }) && error.passes(), "{error}");
        drop(tx);
        assert_eq!(side.number("SELECT count(*) FROM requests").await, 0);
        assert_eq!(state_of(store, given.job).await.1.planned, 1);
    })
    .await;
}

#[tokio::test]
async fn open_changes_are_found_by_request_by_event_and_before_their_event_is_known() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, apps) = location(store, "north", 2).await;
        let given = submitted(store, ASSIGN, token, wishes(&apps, &[device(1), user(1)])).await;
        let ids = sendable(store, token, NOW).await;
        let request = |changes: &[ChangeId]| NewRequest {
            what: russet_store::requests::What::Licenses(Action::Assign),
            assets: vec![AssetKey::new("500000000", Pricing::Standard)],
            devices: vec!["SERIAL000001".to_owned()],
            users: vec![],
            changes: changes.to_vec(),
        };
        let mut tx = store.begin().await.unwrap();
        let new = [request(&ids[..1]), request(&ids[1..])];
        let written = requests::write(&mut tx, token, &new, NOW).await.unwrap();
        assert!(requests::accepted(&mut tx, written[1], "event-x", NOW).await.unwrap());
        tx.commit().await.unwrap();
        let progress = Progress { sending: 1, accepted: 3, ..Progress::default() };
        assert_eq!(state_of(store, given.job).await, (JobState::Running, progress));
        assert_eq!(listed(store, given.job, Some(State::Sending)).await.len(), 1);
        assert_eq!(listed(store, given.job, Some(State::Accepted)).await.len(), 3);

        let mut db = store.read().await.unwrap();
        let open = changes::open_of_request(&mut db, written[1]).await.unwrap();
        assert_eq!(open.iter().map(|open| open.id).collect::<Vec<_>>(), ids[1..]);
        assert_eq!((open[0].request, open[0].attempts, open[0].action), (written[1], 1, Action::Assign));
        let pairs: Vec<_> = listed(store, given.job, None)
            .await
            .into_iter()
            .map(|change| (change.key, change.holder))
            .chain([(AssetKey::new("9", Pricing::Plus), device(9))])
            .collect();
        let of_event = async |db: &mut russet_store::Reader, event: &str, action| {
            changes::open_of_event(db, token, event, action, &pairs).await.unwrap().len()
        };
        assert_eq!(of_event(&mut db, "event-x", Action::Assign).await, 3);
        assert_eq!(of_event(&mut db, "event-x", Action::Revoke).await, 0);
        assert_eq!(of_event(&mut db, "event-y", Action::Assign).await, 0);
        let without = changes::open_without_event(&mut db, token, Action::Assign, &pairs).await.unwrap();
        assert_eq!(without.iter().map(|open| open.id).collect::<Vec<_>>(), ids[..1]);
        let flying = changes::in_flight(&mut db, token).await.unwrap();
        assert_eq!((flying[&apps[0]].assigns, flying[&apps[0]].revokes), (2, 0));
        assert_eq!((flying[&apps[1]].assigns, flying[&apps[1]].revokes), (2, 0));
        drop(db);

        // The reply to the first was lost; that to the second was not, whatever is said of it.
        let mut tx = store.begin().await.unwrap();
        requests::reply_lost(&mut tx, written[1]).await.unwrap();
        assert!(!requests::any_reply_lost(&mut tx, token, NOW).await.unwrap());
        requests::reply_lost(&mut tx, written[0]).await.unwrap();
        assert!(requests::any_reply_lost(&mut tx, token, NOW).await.unwrap());
        assert!(!requests::any_reply_lost(&mut tx, token, later(1)).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn a_request_that_apple_did_not_take_costs_no_attempt() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, apps) = location(store, "north", 1).await;
        let given = submitted(store, ASSIGN, token, wishes(&apps, &[device(1)])).await;
        let sent = send_all(store, token, NOW).await;
        let mut tx = store.begin().await.unwrap();
        assert_eq!(changes::give_back(&mut tx, token, sent[0].0, later(9), NOW).await.unwrap(), 1);
        assert_eq!(changes::give_back(&mut tx, token, sent[0].0, later(9), NOW).await.unwrap(), 0);
        tx.commit().await.unwrap();
        let change = listed(store, given.job, None).await.remove(0);
        assert_eq!((change.state, change.attempts, change.not_before), (State::Planned, 0, later(9)));
    })
    .await;
}

#[tokio::test]
async fn how_long_changes_have_waited_is_told_of_those_that_can_be_sent() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, apps) = location(store, "north", 1).await;
        let mut tx = store.begin().await.unwrap();
        assert_eq!(changes::waiting(&mut tx, token, NOW).await.unwrap(), None);
        for (number, priority) in [(1, Priority::High), (2, Priority::Low)] {
            let new = jobs::NewJob { priority, ..job(ASSIGN, token) };
            let at = later(i64::try_from(number).unwrap());
            submit(&mut tx, &new, wishes(&apps, &[device(number)]), at).await.unwrap();
        }
        let waiting = changes::waiting(&mut tx, token, NOW).await.unwrap().unwrap();
        assert_eq!((waiting.oldest, waiting.newest, waiting.priority), (later(1), later(2), 1));
    })
    .await;
}

#[tokio::test]
async fn wishes_are_added_to_a_job_under_way() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, apps) = location(store, "north", 1).await;
        let given = submitted(store, ASSIGN, token, wishes(&apps, &[device(1)])).await;
        let mut tx = store.begin().await.unwrap();
        let more = [Wish { asset: apps[0], holder: device(2) }];
        let counts = russet_store::submit::add(&mut tx, given.job, &more, NOW).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(counts.planned, 1);
        assert_eq!(state_of(store, given.job).await.1.planned, 2);
    })
    .await;
}
