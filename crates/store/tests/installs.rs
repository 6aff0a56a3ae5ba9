//! Installs: one for a device and an app, counted by every job that waits for it, sealed secrets beside them, and forgotten in the end.

#![allow(clippy::unwrap_used, reason = "a step that cannot be taken fails its test")]

mod common;

use std::collections::HashMap;

use common::*;
use russet_domain::connector::ConnectorKind;
use russet_domain::install::{InstallState, Step};
use russet_domain::job::{JobKind, JobState};
use russet_domain::{AssetId, DeviceId, InstallId, JobId, Secret, Timestamp, TokenId};
use russet_store::awaited::{self, Polled};
use russet_store::commands::{self, CommandKind};
use russet_store::connectors::{self, Declarations, NewConnector, Secrets};
use russet_store::directory::devices::{self, NewDevice};
use russet_store::installs::{self, Shift, Wanted};
use russet_store::{Store, jobs};

/// A token with an app, a connector, and devices D0 to D2 of which the last is managed by nobody that is known.
async fn school(store: &Store) -> (TokenId, AssetId, Vec<DeviceId>) {
    let (token, assets) = location(store, "north", 1).await;
    let mut tx = store.begin().await.unwrap();
    let secrets = Secrets {
        api_key: Secret::new("opaque-api-key"),
        webhook_key: Secret::new("opaque-webhook-key"),
        forward_to: Some(Secret::new("https://elsewhere.example/opaque")),
        declarations_key: Some(Secret::new("opaque-declarations-key")),
    };
    let url = "https://mdm.example.org".to_owned();
    let declarations = Declarations::Beside("https://ddm.example.org".to_owned());
    let new =
        NewConnector { name: "nano".to_owned(), kind: ConnectorKind::Nanomdm, url, declarations, secrets };
    connectors::insert(&mut tx, &new, NOW).await.unwrap().unwrap();
    assert_eq!(connectors::insert(&mut tx, &new, NOW).await.unwrap(), None, "a name is one connector's");
    let told: Vec<NewDevice> = (0..3)
        .map(|number| NewDevice {
            serial: format!("D{number}"),
            mdm: Some(if number < 2 { "nano" } else { "elsewhere" }.to_owned()),
            mdm_enrollment_id: Some(format!("E{number}")),
            ..NewDevice::default()
        })
        .collect();
    devices::tell(&mut tx, &told, NOW).await.unwrap();
    let mut ids = Vec::new();
    for number in 0..3 {
        ids.push(devices::find(&mut tx, &format!("D{number}")).await.unwrap().unwrap().id);
    }
    tx.commit().await.unwrap();
    (token, assets[0], ids)
}

fn wanted(asset: AssetId, device: DeviceId, target: i64) -> Wanted {
    Wanted { asset, device, bundle_id: None, target: Some(target), before: None, due: NOW, window: None }
}

async fn job_of(store: &Store, token: TokenId) -> JobId {
    let mut tx = store.begin().await.unwrap();
    let id = jobs::insert(&mut tx, &job(JobKind::PushUpdate, token), NOW).await.unwrap();
    tx.commit().await.unwrap();
    id
}

/// What became of wishes: how many installs are new, and which carry them out.
struct Joined {
    new: u64,
    installs: HashMap<(AssetId, DeviceId), InstallId>,
}

async fn want(store: &Store, token: TokenId, job: JobId, all: &[Wanted]) -> Joined {
    let mut tx = store.begin().await.unwrap();
    let new = installs::want(&mut tx, token, Some(job), all, NOW).await.unwrap();
    let installs = installs::wanted_now(&mut tx, all, NOW).await.unwrap();
    tx.commit().await.unwrap();
    Joined { new, installs }
}

async fn shift(store: &Store, id: InstallId, from: InstallState, to: InstallState, now: Timestamp) -> usize {
    let mut tx = store.begin().await.unwrap();
    let step = Step { to, code: None, due: None };
    let moved = installs::shift(&mut tx, &[Shift { id, from, step, detail: None }], now).await.unwrap();
    tx.commit().await.unwrap();
    moved.len()
}

async fn found(store: &Store, id: JobId) -> jobs::Job {
    jobs::find(&mut store.read().await.unwrap(), id).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_second_wish_joins_the_first_and_both_jobs_end_with_it() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, asset, devices) = school(store).await;
        let (first, second) = (job_of(store, token).await, job_of(store, token).await);
        let one = want(store, token, first, &[wanted(asset, devices[0], 7)]).await;
        let other = want(store, token, second, &[wanted(asset, devices[0], 9)]).await;
        assert_eq!((one.new, other.new), (1, 0));
        assert_eq!(one.installs, other.installs);
        let id = one.installs[&(asset, devices[0])];
        // What was not sent yet goes for the newer version.
        let due = installs::due_to_send(
            &mut store.read().await.unwrap(),
            connectors::by_name(&mut store.read().await.unwrap(), "nano").await.unwrap().unwrap().id,
            NOW,
            10,
        )
        .await
        .unwrap();
        assert_eq!((due.len(), due[0].install.standing.target), (1, Some(9)));
        assert_eq!(shift(store, id, InstallState::Ready, InstallState::Sent, later(1)).await, 1);
        // Taken again from where it was, nothing moves.
        assert_eq!(shift(store, id, InstallState::Ready, InstallState::Installed, later(1)).await, 0);
        assert_eq!(shift(store, id, InstallState::Sent, InstallState::Installed, later(2)).await, 1);
        for job in [first, second] {
            let job = found(store, job).await;
            assert_eq!((job.state, job.progress.settled, job.progress.total()), (JobState::Succeeded, 1, 1));
        }
        // Wished for again, it is a new one.
        let third = job_of(store, token).await;
        assert_eq!(want(store, token, third, &[wanted(asset, devices[0], 9)]).await.new, 1);
    })
    .await;
}

#[tokio::test]
async fn everything_that_is_due_for_a_device_is_sent_together() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, asset, devices) = school(store).await;
        let (other, assets) = location(store, "south", 2).await;
        let due = |asset, device, due| Wanted { due, ..wanted(asset, device, 7) };
        let job = job_of(store, token).await;
        want(store, token, job, &[due(asset, devices[0], later(3)), due(asset, devices[1], later(1))]).await;
        let rest = [
            due(assets[0], devices[1], later(4)),
            due(assets[1], devices[1], later(9)),
            due(assets[1], devices[0], later(2)),
        ];
        want(store, other, job, &rest).await;
        let mut db = store.read().await.unwrap();
        let nano = connectors::by_name(&mut db, "nano").await.unwrap().unwrap().id;
        let mut sent = async |now, most| {
            let due = installs::due_to_send(&mut db, nano, now, most).await.unwrap();
            due.into_iter().map(|due| (due.install.device, due.install.asset)).collect::<Vec<_>>()
        };
        assert_eq!(sent(NOW, 10).await, []);
        // The device that has waited longest, with all that is due for it by now, and not the one that waits since later.
        assert_eq!(sent(later(5), 1).await, [(devices[1], asset), (devices[1], assets[0])]);
        let both =
            [(devices[0], asset), (devices[1], asset), (devices[1], assets[0]), (devices[0], assets[1])];
        assert_eq!(sent(later(5), 2).await, both, "those of one app together");
    })
    .await;
}

#[tokio::test]
async fn a_device_whose_server_nobody_knows_fails_at_once_in_words() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, asset, devices) = school(store).await;
        let job = job_of(store, token).await;
        let all = [wanted(asset, devices[1], 7), wanted(asset, devices[2], 7)];
        want(store, token, job, &all).await;
        let job = found(store, job).await;
        assert_eq!((job.progress.planned, job.progress.refused), (1, 1));
        let mut db = store.read().await.unwrap();
        let rows = installs::of_job(&mut db, job.id, 10, None).await.unwrap();
        let codes: Vec<_> = rows.iter().map(|row| (row.serial.as_str(), row.code.as_deref())).collect();
        assert_eq!(codes, [("D1", None), ("D2", Some("no_connector"))]);
    })
    .await;
}

#[tokio::test]
async fn an_app_that_is_wanted_again_is_not_removed_and_the_other_way_round() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, asset, devices) = school(store).await;
        let app = "INSERT INTO apps (adam_id, country, language, state, state_since, bundle_id, first_seen_at, looked_at)
                   SELECT a.adam_id, upper(coalesce(t.country, 'US')), 'en', 'listed', 0, 'com.a', 0, 0
                   FROM assets a JOIN tokens t ON t.id = a.token_id";
        side.run(app).await;
        side.run(&format!("INSERT INTO device_apps VALUES ({}, 'com.a', 7, NULL, 'Managed', 0, false)", devices[0].0)).await;
        let job = job_of(store, token).await;
        let install = want(store, token, job, &[wanted(asset, devices[0], 9)]).await.installs[&(asset, devices[0])];
        let mut tx = store.begin().await.unwrap();
        // The second device reports no such app, and there is nothing to remove.
        let pairs = [(asset, "D0".to_owned()), (asset, "D1".to_owned())];
        assert_eq!(installs::want_removed(&mut tx, token, &pairs, NOW).await.unwrap(), 1);
        tx.commit().await.unwrap();
        let codes = "SELECT state || ' ' || coalesce(code, '') FROM installs ORDER BY id";
        assert_eq!(side.texts(codes).await, ["cancelled left", "ready "]);
        assert_eq!(found(store, job).await.state, JobState::Cancelled);
        let again = job_of(store, token).await;
        let joined = want(store, token, again, &[wanted(asset, devices[0], 9)]).await;
        assert_ne!(joined.installs[&(asset, devices[0])], install);
        assert_eq!(side.texts(codes).await, ["cancelled left", "cancelled wanted_again", "ready "]);
    })
    .await;
}

#[tokio::test]
async fn what_ended_well_is_forgotten_after_a_while_and_what_rests_is_not() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, asset, devices) = school(store).await;
        let job = job_of(store, token).await;
        let all = [wanted(asset, devices[0], 7), wanted(asset, devices[1], 7)];
        let joined = want(store, token, job, &all).await;
        let of = |device: usize| joined.installs[&(asset, devices[device])];
        shift(store, of(0), InstallState::Ready, InstallState::Installed, later(5)).await;
        shift(store, of(1), InstallState::Ready, InstallState::Resting, later(5)).await;
        let mut tx = store.begin().await.unwrap();
        assert_eq!(installs::purge(&mut tx, later(5), 10).await.unwrap(), 0, "not old enough");
        assert_eq!(installs::purge(&mut tx, later(6), 10).await.unwrap(), 1);
        tx.commit().await.unwrap();
        assert_eq!(side.texts("SELECT state FROM installs").await, ["resting"]);
        assert_eq!(side.number("SELECT count(*) FROM job_installs").await, 1);
    })
    .await;
}

#[tokio::test]
async fn installs_of_a_command_that_is_over_are_found_stranded() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, asset, devices) = school(store).await;
        let job = job_of(store, token).await;
        let id =
            want(store, token, job, &[wanted(asset, devices[0], 7)]).await.installs[&(asset, devices[0])];
        let mut tx = store.begin().await.unwrap();
        let connector = connectors::by_name(&mut tx, "nano").await.unwrap().unwrap().id;
        let begin = commands::begin(&mut tx, connector, "u-1", CommandKind::Install, Some(asset), NOW);
        let command = begin.await.unwrap().unwrap();
        assert_eq!(installs::begin(&mut tx, command, &[id], NOW).await.unwrap(), [id]);
        // Begun twice, it goes out once.
        assert!(installs::begin(&mut tx, command, &[id], NOW).await.unwrap().is_empty());
        assert!(installs::stranded(&mut tx, connector, 10).await.unwrap().is_empty());
        assert_eq!(installs::of_command(&mut tx, command).await.unwrap().len(), 1);
        commands::end(&mut tx, command, Some("refused"), NOW).await.unwrap();
        assert_eq!(installs::stranded(&mut tx, connector, 10).await.unwrap(), [id]);
        tx.commit().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn answers_are_awaited_until_each_device_has_given_one_or_time_is_over() {
    on_both(|side| async move {
        let store = &side.store;
        school(store).await;
        let mut tx = store.begin().await.unwrap();
        let connector = connectors::by_name(&mut tx, "nano").await.unwrap().unwrap().id;
        let mut made = Vec::new();
        for uuid in ["u-1", "u-2", "u-3"] {
            let begin = commands::begin(&mut tx, connector, uuid, CommandKind::ListApps, None, NOW);
            let id = begin.await.unwrap().unwrap();
            let devices = ["E0".to_owned(), "E1".to_owned()];
            awaited::expect(&mut tx, id, &devices, later(5)).await.unwrap();
            made.push(id);
        }
        assert_eq!(installs::next_due(&mut tx, connector).await.unwrap(), Some(later(5)));
        assert!(awaited::to_poll(&mut tx, connector, later(5), 10).await.unwrap().is_empty(), "not sent yet");
        commands::end(&mut tx, made[0], None, NOW).await.unwrap();
        commands::end(&mut tx, made[1], None, NOW).await.unwrap();
        // What was refused is asked after by nobody.
        commands::end(&mut tx, made[2], Some("refused"), NOW).await.unwrap();
        assert!(awaited::of_command(&mut tx, made[2]).await.unwrap().is_empty());
        assert!(awaited::to_poll(&mut tx, connector, later(4), 10).await.unwrap().is_empty(), "not due yet");
        let due = awaited::to_poll(&mut tx, connector, later(5), 10).await.unwrap();
        assert_eq!(due.iter().map(|poll| poll.id).collect::<Vec<_>>(), made[..2]);
        let polled = |id, answered: &[&str], busy: &[(&str, &str)], again| Polled {
            id,
            answered: answered.iter().map(|id| (*id).to_owned()).collect(),
            busy: busy.iter().map(|(id, mark)| ((*id).to_owned(), (*mark).to_owned())).collect(),
            again,
        };
        awaited::polled(&mut tx, &polled(made[0], &["E0"], &[("E1", "NotNow 1")], Some(later(9))))
            .await
            .unwrap();
        let left = awaited::of_command(&mut tx, made[0]).await.unwrap();
        assert_eq!(left, [("E1".to_owned(), Some("NotNow 1".to_owned()))].into());
        // Time is over for the other.
        awaited::polled(&mut tx, &polled(made[1], &[], &[], None)).await.unwrap();
        assert_eq!(installs::next_due(&mut tx, connector).await.unwrap(), Some(later(9)));
        let due = awaited::to_poll(&mut tx, connector, later(9), 10).await.unwrap();
        assert_eq!((due.len(), due[0].polls), (1, 1));
        awaited::polled(&mut tx, &polled(made[0], &["E1"], &[], Some(later(20)))).await.unwrap();
        assert_eq!(installs::next_due(&mut tx, connector).await.unwrap(), None, "everybody has answered");
        awaited::expect(&mut tx, made[0], &["E0".to_owned()], later(30)).await.unwrap();
        assert_eq!(commands::purge(&mut tx, later(1), 10).await.unwrap(), 3);
        tx.commit().await.unwrap();
        assert_eq!(side.number("SELECT count(*) FROM mdm_awaited").await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_list_of_devices_goes_on_where_it_stopped() {
    on_both(|side| async move {
        let store = &side.store;
        school(store).await;
        let mut tx = store.begin().await.unwrap();
        let connector = connectors::by_name(&mut tx, "nano").await.unwrap().unwrap();
        assert_eq!((connector.list_at, connector.list_page), (None, 0));
        connectors::checked(&mut tx, connector.id, None, NOW).await.unwrap();
        assert!(installs::connectors_with_due(&mut tx, later(9), None, 10).await.unwrap().is_empty());
        connectors::list_next(&mut tx, connector.id, 3, later(5)).await.unwrap();
        let known = connectors::find(&mut tx, connector.id).await.unwrap().unwrap();
        assert_eq!((known.list_at, known.list_page), (Some(later(5)), 3));
        assert!(installs::connectors_with_due(&mut tx, later(4), None, 10).await.unwrap().is_empty());
        assert_eq!(installs::connectors_with_due(&mut tx, later(5), None, 10).await.unwrap(), [connector.id]);
        // Another address is another server, whose list begins anew.
        let patch =
            connectors::Patch { url: Some("https://other.example.org".to_owned()), ..Default::default() };
        connectors::change(&mut tx, connector.id, &patch, later(6)).await.unwrap();
        let changed = connectors::find(&mut tx, connector.id).await.unwrap().unwrap();
        assert_eq!((changed.list_at, changed.list_page), (None, 0));
        tx.commit().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn what_a_server_is_called_with_is_sealed() {
    on_both(|side| async move {
        let store = &side.store;
        school(store).await;
        let mut db = store.read().await.unwrap();
        let connector = connectors::by_name(&mut db, "nano").await.unwrap().unwrap();
        let secrets = connectors::secrets(&mut db, connector.id).await.unwrap();
        assert_eq!(secrets.api_key.reveal(), "opaque-api-key");
        assert!(connector.forwards);
        let clear = "SELECT count(*) FROM connectors WHERE CAST(secrets AS TEXT) LIKE '%opaque%'";
        assert_eq!(side.number(clear).await, 0);
    })
    .await;
}
