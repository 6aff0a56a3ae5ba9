//! How long bulk work takes; run by hand: `cargo test --release -p russet-store --test bulk -- --ignored --nocapture`.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "its output is what it is for")]

mod common;

use std::time::Instant;

use common::*;
use russet_domain::change::{Action, Outcome};
use russet_domain::job::JobKind;
use russet_domain::{AssetKey, ChangeId, Holder, Pricing, TokenId};
use russet_store::requests::NewRequest;
use russet_store::submit::Wish;
use russet_store::walks::WalkId;
use russet_store::{Store, changes, jobs, licenses, requests};

const DEVICES: usize = 4_000;
const APPS: usize = 25;
const BATCH: usize = 2_000;

/// Tells how long each step took, and how much of a processor's time: this process's and, on PostgreSQL, the server's.
/// On a machine that others use too, the latter say more.
struct Clock {
    name: &'static str,
    servers: Vec<String>,
    started: Instant,
    spent: (f64, f64),
}

impl Clock {
    async fn start(side: &Side) -> Self {
        // Take the connection that transactions will use, so that its server process is there to be seen.
        side.store.begin().await.unwrap().commit().await.unwrap();
        side.store.read().await.unwrap();
        let servers = if side.postgres {
            side.texts(
                "SELECT pid::text FROM pg_stat_activity
                 WHERE datname = current_database() AND application_name = 'russet'",
            )
            .await
        } else {
            Vec::new()
        };
        let name = if side.postgres { "postgres" } else { "sqlite" };
        let mut clock = Self { name, servers, started: Instant::now(), spent: (0.0, 0.0) };
        clock.spent = clock.spent_now();
        clock
    }

    fn lap(&mut self, what: &str) {
        let spent = self.spent_now();
        println!(
            "{:9} {what:36} {:8.1} ms, processor {:8.1} here {:8.1} server",
            self.name,
            self.started.elapsed().as_secs_f64() * 1000.0,
            spent.0 - self.spent.0,
            spent.1 - self.spent.1,
        );
        (self.started, self.spent) = (Instant::now(), spent);
    }

    fn spent_now(&self) -> (f64, f64) {
        (processor_ms("self"), self.servers.iter().map(|pid| processor_ms(pid)).sum())
    }
}

/// A process's processor time, by the kernel's count of hundredths of a second.
fn processor_ms(pid: &str) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after_name = text.rsplit(')').next().unwrap_or_default();
    let ticks: Vec<f64> = after_name.split_whitespace().skip(11).take(2).flat_map(str::parse).collect();
    ticks.iter().sum::<f64>() * 10.0
}

#[tokio::test]
#[ignore = "a measurement, not a promise"]
async fn a_hundred_thousand_changes_move_in_seconds() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, apps) = location(store, "north", APPS).await;
        let devices: Vec<Holder> = (0..DEVICES).map(device).collect();
        let all = wishes(&apps, &devices);
        let mut clock = Clock::start(&side).await;
        let given = submitted(store, JobKind::AssignLicense, token, all.clone()).await;
        clock.lap("submit 100k");

        let mut tx = store.begin().await.unwrap();
        let sendable = changes::sendable(&mut tx, token, NOW, 1_000_000).await.unwrap();
        assert_eq!(sendable.len(), APPS * DEVICES);
        clock.lap("sendable 100k");
        let ids: Vec<ChangeId> = sendable.iter().map(|change| change.id).collect();
        let new: Vec<NewRequest> = ids
            .chunks(APPS * DEVICES / 4)
            .map(|ids| NewRequest {
                what: russet_store::requests::What::Licenses(Action::Assign),
                assets: vec![],
                devices: vec![],
                users: vec![],
                changes: ids.to_vec(),
            })
            .collect();
        let written = requests::write(&mut tx, token, &new, NOW).await.unwrap();
        clock.lap("write 4 requests of 25k");
        tx.commit().await.unwrap();
        clock.lap("commit");

        let mut db = store.read().await.unwrap();
        jobs::progress(&mut db, given.job).await.unwrap();
        clock.lap("progress, 100k sending");
        let mut tx = store.begin().await.unwrap();
        for (number, id) in written.iter().enumerate() {
            requests::accepted(&mut tx, *id, &format!("event-{number}"), NOW).await.unwrap();
        }
        tx.commit().await.unwrap();
        clock.lap("accept 4 requests");
        jobs::progress(&mut db, given.job).await.unwrap();
        clock.lap("progress, 100k accepted");
        changes::in_flight(&mut db, token).await.unwrap();
        clock.lap("in_flight, 100k");
        changes::list_of_job(&mut db, given.job, None, 1000, None).await.unwrap();
        clock.lap("list_of_job 1000");
        assert_eq!(changes::open_of_request(&mut db, written[0]).await.unwrap().len(), 25_000);
        clock.lap("open_of_request 25k");
        let pairs: Vec<_> =
            sendable[..BATCH].iter().map(|one| (one.key.clone(), one.holder.clone())).collect();
        let open = changes::open_of_event(&mut db, token, "event-0", Action::Assign, &pairs).await.unwrap();
        assert_eq!(open.len(), BATCH);
        clock.lap("open_of_event 2,000");

        for batch in ids.chunks(BATCH) {
            let outcomes: Vec<_> = batch.iter().map(|id| (*id, Outcome::Settled)).collect();
            finished(store, token, &outcomes, later(5)).await;
        }
        clock.lap("finish 100k in batches of 2,000");
        let progress = jobs::progress(&mut db, given.job).await.unwrap();
        assert_eq!(progress.settled, 100_000);
        clock.lap("progress, 100k settled");
        submit_again(store, token, all, &mut clock).await;
    })
    .await;
}

/// The same wishes again, and their opposites.
async fn submit_again(store: &Store, token: TokenId, all: Vec<Wish>, clock: &mut Clock) {
    submitted(store, JobKind::AssignLicense, token, all.clone()).await;
    clock.lap("submit 100k that are there already");
    let revoked = submitted(store, JobKind::RevokeLicense, token, all.clone()).await;
    clock.lap("submit 100k to be revoked");
    submitted(store, JobKind::RevokeLicense, token, all.clone()).await;
    clock.lap("submit 100k that join");
    submitted(store, JobKind::AssignLicense, token, all.clone()).await;
    clock.lap("submit 100k that replace");
    let last = submitted(store, JobKind::RevokeLicense, token, all).await;
    clock.lap("submit 100k that replace");
    let mut db = store.read().await.unwrap();
    let mut tx = store.begin().await.unwrap();
    jobs::cancel(&mut tx, last.job, NOW).await.unwrap();
    tx.commit().await.unwrap();
    clock.lap("cancel 100k");
    assert_eq!(jobs::progress(&mut db, revoked.job).await.unwrap().cancelled, 100_000);
}

#[tokio::test]
#[ignore = "a measurement, not a promise"]
async fn a_million_licenses_are_walked() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, _) = location(store, "north", 100).await;
        let mut clock = Clock::start(&side).await;
        for (walk, what) in [(2, "first walk of a million"), (3, "second walk of a million")] {
            for page in 0..1000_usize {
                let rows: Vec<_> = (0..1000)
                    .map(|n| {
                        // Scattered over assets and holders, which is the worst that can come.
                        let n = (page * 1000 + n) * 7919 % 1_000_000;
                        let key = AssetKey::new(format!("{}", 500_000_000 + n % 100), Pricing::Standard);
                        (key, device(n / 100))
                    })
                    .collect();
                let mut tx = store.begin().await.unwrap();
                licenses::observe_page(&mut tx, token, (WalkId(walk), NOW), &rows, NOW).await.unwrap();
                tx.commit().await.unwrap();
            }
            clock.lap(what);
        }
        let mut tx = store.begin().await.unwrap();
        let dropped = licenses::drop_unseen(&mut tx, token, WalkId(3), NOW, NOW).await.unwrap();
        tx.commit().await.unwrap();
        clock.lap(&format!("drop_unseen ({dropped})"));
        let mut db = store.read().await.unwrap();
        println!("{} licenses", licenses::count(&mut db, token).await.unwrap());
        clock.lap("count");
    })
    .await;
}
