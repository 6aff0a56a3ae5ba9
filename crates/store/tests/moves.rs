//! Moves: written, taken step by step, confirmed, withdrawn, wished for again.

#![allow(clippy::unwrap_used, reason = "a step that cannot be taken fails its test")]

mod common;

use std::time::Duration;

use common::*;
use russet_domain::change::{Action, Outcome, State};
use russet_domain::job::{JobKind, JobState};
use russet_domain::moving::{Confirm, First, MoveState, Together};
use russet_domain::{AssetId, Holder, JobId, MoveId, Secret, TokenId};
use russet_store::moves::{Callback, Fact, NewMove, NewOrder, Outcome as Installed, Pair, Shift};
use russet_store::submit::{self, Wish};
use russet_store::walks::WalkId;
use russet_store::{Store, assets, changes, jobs, licenses, moves, requests, rotate, sweep, tokens};

fn order(confirm: Confirm) -> NewOrder {
    let callback = Callback { url: Secret::new("https://mdm.example.org/x"), secret: Secret::new("opaque") };
    let callback = (confirm == Confirm::Callback).then_some(callback);
    NewOrder { confirm, within: Duration::from_secs(60), callback }
}

fn planned(asset: AssetId, user: usize, device: usize) -> NewMove {
    NewMove { asset, user: format!("user-{user}"), serial: serial(device), first: First::Plan }
}

fn serial(number: usize) -> String {
    device(number).id().to_owned()
}

async fn submitted(store: &Store, token: TokenId, confirm: Confirm, new: &[NewMove]) -> JobId {
    let mut tx = store.begin().await.unwrap();
    let (job, _) =
        moves::submit(&mut tx, &job(JobKind::MoveLicense, token), &order(confirm), new, NOW).await.unwrap();
    tx.commit().await.unwrap();
    job
}

async fn found(store: &Store, id: JobId) -> jobs::Job {
    jobs::find(&mut store.read().await.unwrap(), id).await.unwrap().unwrap()
}

async fn ids(store: &Store, job: JobId, state: MoveState) -> Vec<MoveId> {
    let mut db = store.read().await.unwrap();
    moves::list(&mut db, job, Some(state), 1_000, None).await.unwrap().iter().map(|moved| moved.id).collect()
}

/// Takes all moves of a state a step further, as a worker does.
async fn step(store: &Store, token: TokenId, job: JobId, from: MoveState, to: MoveState) {
    let ids = ids(store, job, from).await;
    let mut tx = store.begin().await.unwrap();
    tokens::lock(&mut tx, token).await.unwrap();
    let shifts: Vec<Shift> = ids.iter().map(|id| Shift::new(*id, to)).collect();
    let taken = moves::shift(&mut tx, job, from, &shifts, later(1)).await.unwrap();
    assert_eq!(taken, ids.len() as u64);
    // Taken again, nothing is left in that state.
    assert_eq!(moves::shift(&mut tx, job, from, &shifts, later(2)).await.unwrap(), 0);
    tx.commit().await.unwrap();
}

async fn hold(store: &Store, token: TokenId, asset: AssetId, holder: Holder) {
    let mut tx = store.begin().await.unwrap();
    let key = assets::find(&mut tx, asset).await.unwrap().unwrap().asset.key;
    licenses::observe_page(&mut tx, token, (WalkId(1), NOW), &[(key, holder)], NOW).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_jobs_counts_are_those_of_its_moves_and_its_changes_are_listed_and_not_counted() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, apps) = location(store, "north", 1).await;
        let refused = NewMove { first: First::Refuse("not_held_by_user"), ..planned(apps[0], 3, 3) };
        let done = NewMove { first: First::AlreadyDone, ..planned(apps[0], 4, 4) };
        let new = [planned(apps[0], 1, 1), planned(apps[0], 2, 2), refused, done];
        let job = submitted(store, token, Confirm::None, &new).await;
        let seen = found(store, job).await;
        let progress = seen.progress;
        assert_eq!((progress.planned, progress.refused, progress.settled, progress.total()), (2, 1, 1, 4));
        assert_eq!(seen.state, JobState::Running);

        let mut tx = store.begin().await.unwrap();
        let wishes: Vec<Wish> =
            [1, 2].iter().map(|number| Wish { asset: apps[0], holder: device(*number) }).collect();
        let taken = submit::follow(&mut tx, job, Action::Assign, &wishes, NOW).await.unwrap();
        assert_eq!(taken.planned, 2);
        tx.commit().await.unwrap();
        assert_eq!(found(store, job).await.progress, progress);
        step(store, token, job, MoveState::Planned, MoveState::Assigning).await;
        assert_eq!(found(store, job).await.progress.accepted, 2);

        let sent = send_all(store, token, NOW).await;
        let no = Outcome::Refused { code: "no_license_available".into(), number: Some(9709) };
        let outcomes = [(sent[0].1[0], Outcome::Settled), (sent[0].1[1], no)];
        let finished = finished(store, token, &outcomes, later(3)).await;
        assert_eq!((finished.changes, finished.ended_jobs), (2, vec![]));
        let mut db = store.read().await.unwrap();
        let ended = moves::ended(&mut db, job, MoveState::Assigning).await.unwrap();
        let states: Vec<_> =
            ended.iter().map(|ended| (ended.state, ended.code.as_deref(), ended.number)).collect();
        assert_eq!(
            states,
            [(State::Settled, None, None), (State::Refused, Some("no_license_available"), Some(9709))]
        );
        assert_eq!(changes::list_of_job(&mut db, job, None, 10, None).await.unwrap().len(), 2);
        drop(db);

        let mut tx = store.begin().await.unwrap();
        tokens::lock(&mut tx, token).await.unwrap();
        let shifts = [
            Shift::new(ended[0].id, MoveState::Assigned),
            Shift::refuse(ended[1].id, "no_license_available"),
        ];
        moves::shift(&mut tx, job, MoveState::Assigning, &shifts, later(4)).await.unwrap();
        tx.commit().await.unwrap();
        step(store, token, job, MoveState::Assigned, MoveState::Told).await;
        step(store, token, job, MoveState::Told, MoveState::Revoking).await;
        assert_eq!(found(store, job).await.state, JobState::Running);
        step(store, token, job, MoveState::Revoking, MoveState::Done).await;
        let seen = found(store, job).await;
        assert_eq!(
            (seen.state, seen.progress.settled, seen.progress.refused),
            (JobState::PartlyFailed, 2, 2)
        );
        assert!(seen.ended_at.is_some());
    })
    .await;
}

#[tokio::test]
async fn a_users_license_goes_when_all_the_users_devices_are_ready() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, apps) = location(store, "north", 1).await;
        let new = [planned(apps[0], 1, 1), planned(apps[0], 1, 2), planned(apps[0], 2, 3)];
        let job = submitted(store, token, Confirm::None, &new).await;
        let group = async || {
            let mut db = store.read().await.unwrap();
            let mut groups = moves::groups(&mut db, job, 10).await.unwrap();
            groups.sort_by(|one, other| one.user.cmp(&other.user));
            groups.into_iter().map(|group| group.together).collect::<Vec<_>>()
        };
        assert_eq!(group().await, []);
        for (from, to) in
            [(MoveState::Planned, MoveState::Assigning), (MoveState::Assigning, MoveState::Assigned)]
        {
            step(store, token, job, from, to).await;
        }
        hold(store, token, apps[0], device(1)).await;
        hold(store, token, apps[0], device(3)).await;
        let first = ids(store, job, MoveState::Assigned).await;
        let mut tx = store.begin().await.unwrap();
        let ready = [Shift::new(first[0], MoveState::Told), Shift::new(first[2], MoveState::Told)];
        moves::shift(&mut tx, job, MoveState::Assigned, &ready, NOW).await.unwrap();
        tx.commit().await.unwrap();
        let waits = Together { not_ready: 1, ..Together::default() };
        assert_eq!(group().await, [waits, Together::default()]);

        // Another job still moves the second user's license to another device.
        let other = submitted(store, token, Confirm::None, &[planned(apps[0], 2, 4)]).await;
        assert_eq!(group().await, [waits, waits]);
        let mut tx = store.begin().await.unwrap();
        assert_eq!(jobs::cancel(&mut tx, other, NOW).await.unwrap(), 1);
        tx.commit().await.unwrap();
        assert_eq!(group().await, [waits, Together::default()]);
        assert_eq!(found(store, other).await.state, JobState::Cancelled);

        let mut tx = store.begin().await.unwrap();
        let no = [Shift::refuse(first[1], "no_license_available")];
        moves::shift(&mut tx, job, MoveState::Assigned, &no, NOW).await.unwrap();
        tx.commit().await.unwrap();
        let failed = Together { failed: 1, ..Together::default() };
        assert_eq!(group().await, [failed, Together::default()]);

        // A device that lost its license meanwhile is found out.
        side.run("UPDATE licenses SET held = false").await;
        let lost = Together { lost: 1, ..Together::default() };
        assert_eq!(group().await, [Together { lost: 1, ..failed }, lost]);
        let mut db = store.read().await.unwrap();
        let groups = moves::groups(&mut db, job, 10).await.unwrap();
        drop(db);
        let mut tx = store.begin().await.unwrap();
        let all: Vec<_> =
            groups.iter().map(|group| (group, MoveState::Refused, Some("device_license_gone"))).collect();
        assert_eq!(moves::shift_groups(&mut tx, job, &all, NOW).await.unwrap(), 2);
        tx.commit().await.unwrap();
        assert_eq!(found(store, job).await.state, JobState::Failed);
    })
    .await;
}

#[tokio::test]
async fn what_waits_is_confirmed_by_device_and_what_was_confirmed_needs_it_only_once() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, apps) = location(store, "north", 1).await;
        let new = [planned(apps[0], 1, 1), planned(apps[0], 2, 2), planned(apps[0], 3, 3)];
        let job = submitted(store, token, Confirm::Callback, &new).await;
        for (from, to) in [
            (MoveState::Planned, MoveState::Assigning),
            (MoveState::Assigning, MoveState::Assigned),
            (MoveState::Assigned, MoveState::Telling),
        ] {
            step(store, token, job, from, to).await;
        }
        let mut tx = store.begin().await.unwrap();
        assert_eq!(moves::untold(&mut tx, job, 2).await.unwrap().len(), 2);
        let told = ids(store, job, MoveState::Telling).await;
        moves::mark_told(&mut tx, job, &told[..2], later(10)).await.unwrap();
        assert_eq!(moves::untold(&mut tx, job, 10).await.unwrap().len(), 1);
        assert_eq!(moves::unconfirmed(&mut tx, job, later(9)).await.unwrap(), []);
        assert_eq!(moves::unconfirmed(&mut tx, job, later(10)).await.unwrap(), told[..2]);
        moves::tell_again(&mut tx, job, later(50), "it answered 503").await.unwrap();
        let order = moves::order(&mut tx, job).await.unwrap().unwrap();
        assert_eq!((order.tries, order.tell_after), (1, later(50)));
        let some = [serial(1), "NOBODY".to_owned()];
        assert_eq!(
            moves::confirm(&mut tx, job, Some(&some), Installed::Installed, later(11)).await.unwrap(),
            1
        );
        assert_eq!(
            moves::confirm(&mut tx, job, Some(&some), Installed::Installed, later(12)).await.unwrap(),
            0
        );
        assert_eq!(moves::confirm(&mut tx, job, None, Installed::Failed, later(12)).await.unwrap(), 2);
        let counts = moves::counts(&mut tx, job).await.unwrap();
        assert_eq!((counts[&MoveState::Told], counts[&MoveState::Refused]), (1, 2));
        let no = [Shift::refuse(told[0], "kept_for_other_device")];
        moves::shift(&mut tx, job, MoveState::Told, &no, later(13)).await.unwrap();
        assert_eq!(jobs::find(&mut tx, job).await.unwrap().unwrap().state, JobState::Failed);

        assert_eq!(moves::retry(&mut tx, job, later(14)).await.unwrap(), 3);
        let again = moves::list(&mut tx, job, None, 10, None).await.unwrap();
        let seen: Vec<_> = again
            .iter()
            .map(|moved| (moved.state, moved.confirmed_at, moved.told_at, &moved.error_code))
            .collect();
        assert_eq!(seen[0], (MoveState::Planned, Some(later(11)), Some(later(10)), &None));
        assert_eq!(seen[1], (MoveState::Planned, None, None, &None));
        let job_again = jobs::find(&mut tx, job).await.unwrap().unwrap();
        assert_eq!((job_again.state, job_again.ended_at), (JobState::Running, None));
        assert_eq!(moves::order(&mut tx, job).await.unwrap().unwrap().tries, 0);
        tx.commit().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_change_that_ended_before_a_retry_is_not_taken_for_the_one_after_it() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, apps) = location(store, "north", 1).await;
        let job = submitted(store, token, Confirm::None, &[planned(apps[0], 1, 1)]).await;
        let wish = [Wish { asset: apps[0], holder: device(1) }];
        let mut tx = store.begin().await.unwrap();
        submit::follow(&mut tx, job, Action::Assign, &wish, NOW).await.unwrap();
        tx.commit().await.unwrap();
        step(store, token, job, MoveState::Planned, MoveState::Assigning).await;
        let sent = send_all(store, token, NOW).await;
        let no = Outcome::Refused { code: "no_license_available".into(), number: Some(9709) };
        finished(store, token, &[(sent[0].1[0], no)], NOW).await;
        step(store, token, job, MoveState::Assigning, MoveState::Refused).await;

        let mut tx = store.begin().await.unwrap();
        moves::retry(&mut tx, job, NOW).await.unwrap();
        submit::follow(&mut tx, job, Action::Assign, &wish, NOW).await.unwrap();
        tx.commit().await.unwrap();
        step(store, token, job, MoveState::Planned, MoveState::Assigning).await;
        let mut db = store.read().await.unwrap();
        assert_eq!(moves::ended(&mut db, job, MoveState::Assigning).await.unwrap(), []);
        drop(db);
        let sent = send_all(store, token, NOW).await;
        finished(store, token, &settled(&sent[0].1), NOW).await;
        let mut db = store.read().await.unwrap();
        let ended = moves::ended(&mut db, job, MoveState::Assigning).await.unwrap();
        assert_eq!((ended.len(), ended[0].state), (1, State::Settled));
    })
    .await;
}

#[tokio::test]
async fn what_is_known_of_wished_moves_is_looked_up_in_one_go() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, apps) = location(store, "north", 1).await;
        hold(store, token, apps[0], user(1)).await;
        hold(store, token, apps[0], device(2)).await;
        submitted_assign(store, token, apps[0], user(3)).await;
        let pair = |user: usize, device: usize| Pair {
            asset: apps[0],
            user: format!("user-{user}"),
            serial: serial(device),
        };
        let mut db = store.read().await.unwrap();
        let facts = moves::facts(&mut db, &[pair(1, 2), pair(3, 1), pair(4, 4)]).await.unwrap();
        let fact = |user_holds, device_holds| Fact { user_holds, device_holds };
        // What is on its way to the user counts as held.
        assert_eq!(facts, [fact(true, true), fact(true, false), fact(false, false)]);
    })
    .await;
}

async fn submitted_assign(store: &Store, token: TokenId, asset: AssetId, holder: Holder) {
    common::submitted(store, JobKind::AssignLicense, token, vec![Wish { asset, holder }]).await;
}

#[tokio::test]
async fn orders_are_found_when_they_are_due_sealed_anew_and_gone_with_their_token() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, apps) = location(store, "north", 1).await;
        let job = submitted(store, token, Confirm::Callback, &[planned(apps[0], 1, 1)]).await;
        let mut tx = store.begin().await.unwrap();
        assert_eq!(sweep::jobs_with_due_moves(&mut tx, NOW, 10).await.unwrap(), [job]);
        moves::set_due(&mut tx, job, Some(later(5))).await.unwrap();
        assert_eq!(sweep::jobs_with_due_moves(&mut tx, later(4), 10).await.unwrap(), []);
        assert_eq!(sweep::jobs_with_due_moves(&mut tx, later(5), 10).await.unwrap(), [job]);
        moves::set_due(&mut tx, job, None).await.unwrap();
        assert_eq!(sweep::jobs_with_due_moves(&mut tx, later(5), 10).await.unwrap(), []);
        let callback = moves::callback(&mut tx, job).await.unwrap().unwrap();
        assert_eq!(
            (callback.url.reveal(), callback.secret.reveal()),
            ("https://mdm.example.org/x", "opaque")
        );
        tx.commit().await.unwrap();
        assert_eq!(rotate(store).await.unwrap(), 0);
        let hex = if side.postgres { "encode(callback, 'hex')" } else { "lower(hex(callback))" };
        let text = side.texts(&format!("SELECT {hex} FROM move_orders")).await;
        let in_hex = |word: &str| word.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert!(!text[0].contains(&in_hex("opaque")) && !text[0].contains(&in_hex("example")), "{text:?}");

        let mut tx = store.begin().await.unwrap();
        tokens::delete(&mut tx, token, NOW).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(side.number("SELECT count(*) FROM moves").await, 0);
        assert_eq!(side.number("SELECT count(*) FROM move_orders").await, 0);
        assert_eq!(found(store, job).await.state, JobState::Failed);
        let mut db = store.read().await.unwrap();
        assert_eq!(requests::open(&mut db, token, 10).await.unwrap().len(), 0);
    })
    .await;
}

#[tokio::test]
async fn a_hundred_thousand_moves_are_written_and_withdrawn_within_seconds() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, apps) = location(store, "north", 25).await;
        let new: Vec<NewMove> =
            (0..100_000).map(|number| planned(apps[number % 25], number / 25, number / 25)).collect();
        let began = std::time::Instant::now();
        let job = submitted(store, token, Confirm::None, &new).await;
        assert_eq!(found(store, job).await.progress.planned, 100_000);
        let mut tx = store.begin().await.unwrap();
        assert_eq!(jobs::cancel(&mut tx, job, NOW).await.unwrap(), 100_000);
        tx.commit().await.unwrap();
        assert_eq!(found(store, job).await.state, JobState::Cancelled);
        assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    })
    .await;
}
