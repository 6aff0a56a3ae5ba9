//! Whatever happens in whatever order, the database stays of one mind about who holds what and who waits for what.

#![allow(clippy::unwrap_used, reason = "a step that cannot be taken fails its test")]

mod common;

use std::collections::HashMap;

use common::*;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use russet_domain::brake::PATIENCE;
use russet_domain::change::{Action, Outcome};
use russet_domain::job::JobKind;
use russet_domain::policy::find;
use russet_domain::{AssetId, AssetKey, ChangeId, Holder, JobId, Pricing, RequestId, Timestamp, TokenId};
use russet_store::changes::held;
use russet_store::requests::NewRequest;
use russet_store::submit::Wish;
use russet_store::{Tx, changes, history, jobs, licenses, policies, requests};

const ASSETS: usize = 2;
const HOLDERS: usize = 3;

/// Something that may happen to a location.
#[derive(Clone, Debug)]
enum Step {
    /// A job asks for some pairs, by the bits of a number.
    Submit { revoke: bool, pairs: u8 },
    /// Some of what can be sent is.
    Write { at_most: usize },
    /// Apple takes a request.
    Accept { which: usize },
    /// Apple has a word for some changes of a request: for each, one of three.
    Finish { which: usize, words: Vec<u8> },
    /// Apple took nothing of a request.
    GiveBack { which: usize },
    /// A job is withdrawn.
    Cancel { which: usize },
    /// What was refused of a job is wished for again.
    Retry { which: usize },
    /// Something planned is refused.
    Refuse { which: usize },
    /// A person moves licenses in the portal.
    Portal { revoke: bool, pairs: u8 },
    /// So many may be taken back within an hour; none is any number.
    Brake { most: u8 },
    /// What waits of a job is approved.
    Approve { which: usize },
    /// A week goes by without an approval.
    Expire,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (any::<bool>(), 1_u8..64).prop_map(|(revoke, pairs)| Step::Submit { revoke, pairs }),
        4 => (1_usize..6).prop_map(|at_most| Step::Write { at_most }),
        1 => (0_usize..8).prop_map(|which| Step::Accept { which }),
        4 => (0_usize..8, prop::collection::vec(0_u8..4, 1..6))
            .prop_map(|(which, words)| Step::Finish { which, words }),
        1 => (0_usize..8).prop_map(|which| Step::GiveBack { which }),
        1 => (0_usize..8).prop_map(|which| Step::Cancel { which }),
        1 => (0_usize..8).prop_map(|which| Step::Retry { which }),
        1 => (0_usize..8).prop_map(|which| Step::Refuse { which }),
        1 => (any::<bool>(), 1_u8..64).prop_map(|(revoke, pairs)| Step::Portal { revoke, pairs }),
        1 => (0_u8..4).prop_map(|most| Step::Brake { most }),
        1 => (0_usize..8).prop_map(|which| Step::Approve { which }),
        1 => Just(Step::Expire),
    ]
}

/// One location, and what the test knows of it.
struct World<'a> {
    side: &'a Side,
    token: TokenId,
    assets: Vec<AssetId>,
    /// How many changes each job was written with.
    jobs: Vec<(JobId, u64)>,
    requests: Vec<RequestId>,
    clock: i64,
}

impl World<'_> {
    fn pairs(&self, bits: u8) -> Vec<Wish> {
        (0..ASSETS * HOLDERS)
            .filter(|place| bits & (1 << place) != 0)
            .map(|place| Wish { asset: self.assets[place % ASSETS], holder: device(place / ASSETS) })
            .collect()
    }

    /// The same, as Apple names them.
    fn named_pairs(&self, bits: u8) -> Vec<(AssetKey, Holder)> {
        let name = |wish: Wish| {
            let place = self.assets.iter().position(|id| *id == wish.asset).unwrap();
            (AssetKey::new(format!("{}", 500_000_000 + place), Pricing::Standard), wish.holder)
        };
        self.pairs(bits).into_iter().map(name).collect()
    }

    async fn write(&mut self, tx: &mut Tx, at_most: usize, now: Timestamp) {
        let ready = changes::sendable(tx, self.token, now, at_most).await.unwrap();
        for action in [Action::Assign, Action::Revoke] {
            let ids: Vec<ChangeId> =
                ready.iter().filter(|one| one.action == action).map(|one| one.id).collect();
            if !ids.is_empty() {
                let new = NewRequest {
                    what: russet_store::requests::What::Licenses(action),
                    assets: vec![],
                    devices: vec![],
                    users: vec![],
                    changes: ids,
                };
                self.requests.extend(requests::write(tx, self.token, &[new], now).await.unwrap());
            }
        }
    }

    async fn take(&mut self, step: &Step) {
        self.clock += 10;
        let now = later(self.clock);
        let mut tx = self.side.store.begin().await.unwrap();
        let token = self.token;
        match step {
            Step::Submit { revoke, pairs } => {
                let kind = if *revoke { JobKind::RevokeLicense } else { JobKind::AssignLicense };
                let wishes = self.pairs(*pairs);
                let total = wishes.len() as u64;
                let new = job(kind, token);
                let done = russet_store::submit::submit(&mut tx, &new, wishes, now).await.unwrap();
                self.jobs.push((done.job, total));
            }
            Step::Write { at_most } => self.write(&mut tx, *at_most, now).await,
            Step::Accept { which } => {
                if let Some(id) = pick(&self.requests, *which) {
                    requests::accepted(&mut tx, id, &format!("event-{id}"), now).await.unwrap();
                }
            }
            Step::Finish { which, words } => {
                if let Some(id) = pick(&self.requests, *which) {
                    let open = changes::open_of_request(&mut tx, id).await.unwrap();
                    let outcomes: Vec<_> =
                        open.iter().zip(words).map(|(open, word)| (open.id, outcome(*word))).collect();
                    changes::finish(&mut tx, token, &outcomes, now).await.unwrap();
                }
            }
            Step::GiveBack { which } => {
                if let Some(id) = pick(&self.requests, *which) {
                    changes::give_back(&mut tx, token, id, now, now).await.unwrap();
                }
            }
            Step::Cancel { which } => {
                if let Some((id, _)) = pick(&self.jobs, *which) {
                    jobs::cancel(&mut tx, id, now).await.unwrap();
                }
            }
            Step::Retry { which } => {
                if let Some((id, _)) = pick(&self.jobs, *which) {
                    jobs::retry(&mut tx, id, now).await.unwrap();
                }
            }
            Step::Refuse { which } => {
                let ready = changes::sendable(&mut tx, token, now, 100).await.unwrap();
                if let Some(one) = pick(&ready, *which) {
                    changes::refuse(&mut tx, token, &[(one.id, "no")], now).await.unwrap();
                }
            }
            Step::Brake { .. } | Step::Approve { .. } | Step::Expire => {
                self.take_of_brakes(&mut tx, step, now).await;
            }
            Step::Portal { revoke, pairs } => {
                let action = if *revoke { Action::Revoke } else { Action::Assign };
                let moved = self.named_pairs(*pairs);
                licenses::observe_moved(&mut tx, token, (action, "elsewhere"), &moved, now).await.unwrap();
            }
        }
        tx.commit().await.unwrap();
    }

    async fn take_of_brakes(&self, tx: &mut Tx, step: &Step, now: Timestamp) {
        match step {
            Step::Brake { most } => {
                let policy = find("brake_revocations").unwrap();
                let value = most.to_string();
                let value = (*most > 0).then_some(value.as_str());
                policies::decide(tx, self.token, policy, value).await.unwrap();
            }
            Step::Approve { which } => {
                if let Some((id, _)) = pick(&self.jobs, *which) {
                    held::approve(tx, self.token, id, now).await.unwrap();
                }
            }
            _ => {
                let week = now.plus(PATIENCE);
                held::expire(tx, self.token, week).await.unwrap();
            }
        }
    }

    async fn check(&self) -> Vec<String> {
        let mut wrong = self.side.texts(WRONG).await;
        let mut db = self.side.store.read().await.unwrap();
        let known: HashMap<JobId, u64> = self.jobs.iter().copied().collect();
        for (id, total) in known {
            let job = jobs::find(&mut db, id).await.unwrap().unwrap();
            if job.progress.total() != total {
                wrong.push(format!("job {id} was of {total} changes: {:?}", job.progress));
            }
            let open = job.progress.ended() < total;
            if open == job.state.has_ended() || open == job.ended_at.is_some() {
                wrong.push(format!("job {id} is {:?} with {:?}", job.state, job.progress));
            }
        }
        wrong
    }
}

/// Not in the order of time: any of them, over and over.
fn pick<T: Clone>(from: &[T], which: usize) -> Option<T> {
    from.get(which % from.len().max(1)).cloned()
}

fn outcome(word: u8) -> Outcome {
    match word {
        0 | 1 => Outcome::Settled,
        2 => Outcome::Refused { code: "no".to_owned(), number: Some(9709) },
        _ => Outcome::Again { not_before: NOW, number: None },
    }
}

/// Who holds what: asset, and holder by name.
type Held = Vec<(AssetId, String)>;

impl World<'_> {
    async fn held(&self) -> Held {
        let mut db = self.side.store.read().await.unwrap();
        let held = licenses::held(&mut db, self.token, 1000).await.unwrap();
        let mut held: Held = held.into_iter().map(|(asset, holder)| (asset, holder.to_string())).collect();
        held.sort();
        held
    }

    /// What history says of the moment of each step is what was.
    async fn check_history(&self, seen: &[(i64, Held)]) {
        let mut db = self.side.store.read().await.unwrap();
        for (clock, held) in seen {
            let at = (self.token, later(*clock));
            let told = history::held_at(&mut db, at, &licenses::Filter::default(), 1000, None).await.unwrap();
            let mut told: Held = told.into_iter().map(|one| (one.asset, one.holder.to_string())).collect();
            told.sort();
            assert_eq!(&told, held, "at {clock} of {}", self.clock);
        }
    }
}

/// What must never be found, a row for each find.
const WRONG: &str = "
    SELECT 'change ' || id || ' is ' || state || ' in slot ' || coalesce(CAST(slot AS TEXT), 'none')
    FROM changes
    WHERE (state IN ('planned', 'sent', 'waitlisted', 'held')) <> (slot IS NOT NULL)
       OR (state IN ('planned', 'sent', 'waitlisted', 'held')) <> (ended_at IS NULL)
       OR (state = 'sent' AND (slot <> 0 OR request_id IS NULL))
       OR (state = 'planned' AND request_id IS NOT NULL)
    UNION ALL
    SELECT 'change ' || b.id || ' waits behind nothing that is in flight the other way'
    FROM changes b
    WHERE b.slot = 1
      AND NOT EXISTS (
          SELECT 1
          FROM changes c
          WHERE c.asset_id = b.asset_id AND c.holder_kind = b.holder_kind AND c.holder_id = b.holder_id
            AND c.slot = 0 AND c.state = 'sent' AND c.action <> b.action)
    UNION ALL
    SELECT 'asset ' || a.id || ' counts ' || a.assigned || ' assigned and ' || a.available || ' free'
    FROM assets a
    WHERE a.assigned <> (SELECT count(*) FROM licenses l WHERE l.asset_id = a.id AND l.held)
       OR a.assigned + a.available <> a.total
    UNION ALL
    SELECT 'request ' || r.id || ' is ' || r.state || ' with ' || r.open_pairs || ' open'
    FROM requests r
    WHERE r.open_pairs <> (SELECT count(*) FROM changes c WHERE c.request_id = r.id AND c.state = 'sent')
       OR (r.state = 'closed') <> (r.open_pairs = 0)
    UNION ALL
    SELECT 'job ' || j.id || ' is miscounted'
    FROM jobs j
    JOIN (
        SELECT l.job_id,
               sum(CASE WHEN NOT l.withdrawn AND c.state = 'planned' THEN 1 ELSE 0 END) AS planned,
               sum(CASE WHEN NOT l.withdrawn AND c.state = 'sent' THEN 1 ELSE 0 END) AS sent,
               sum(CASE WHEN NOT l.withdrawn AND c.state = 'settled' THEN 1 ELSE 0 END) AS settled,
               sum(CASE WHEN NOT l.withdrawn AND c.state = 'refused' THEN 1 ELSE 0 END) AS refused,
               sum(CASE WHEN NOT l.withdrawn AND c.state = 'held' THEN 1 ELSE 0 END) AS held,
               sum(CASE WHEN l.withdrawn OR c.state = 'cancelled' THEN 1 ELSE 0 END) AS cancelled
        FROM job_changes l
        JOIN changes c ON c.id = l.change_id
        GROUP BY l.job_id) AS counted ON counted.job_id = j.id
    WHERE j.planned <> counted.planned
       OR j.sent <> counted.sent
       OR j.settled <> counted.settled
       OR j.refused <> counted.refused
       OR j.held <> counted.held
       OR j.cancelled <> counted.cancelled
    UNION ALL
    SELECT 'change ' || c.id || ' is planned though nobody wants it'
    FROM changes c
    WHERE c.state = 'planned'
      AND c.attempts = 0
      AND NOT EXISTS (SELECT 1 FROM job_changes l WHERE l.change_id = c.id AND NOT l.withdrawn)";

/// Plays sequences of steps, each on a location of its own, and looks at everything after each step.
async fn play(side: &Side, sequences: usize) {
    let mut runner = TestRunner::deterministic();
    let strategy = prop::collection::vec(step(), 10..40);
    for number in 0..sequences {
        let steps = strategy.new_tree(&mut runner).unwrap().current();
        let (token, assets) = location(&side.store, &format!("location {number}"), ASSETS).await;
        let mut world = World { side, token, assets, jobs: vec![], requests: vec![], clock: 0 };
        let mut seen = vec![(0, Vec::new())];
        for (place, step) in steps.iter().enumerate() {
            world.take(step).await;
            seen.push((world.clock, world.held().await));
            let wrong = world.check().await;
            assert!(wrong.is_empty(), "{wrong:#?}\nafter {:#?}", &steps[..=place]);
        }
        world.check_history(&seen).await;
    }
}

#[tokio::test]
async fn any_order_of_events_leaves_the_database_of_one_mind() {
    on_both(|side| async move { play(&side, if side.postgres { 20 } else { 60 }).await }).await;
}
