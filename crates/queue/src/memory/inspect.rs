//! Looks at the queue in this process, and pauses, revives and discards.

use russet_domain::Timestamp;

use super::Memory;
use super::state::{Dead, Place, State};
use crate::contract::{forgotten_ms, lane_of};
use crate::lock::lock;
use crate::message::{split, token_of};
use crate::why::{Facts, Waiting, rank_before};
use crate::{DeadMessage, Depth, Priority, RunningMessage, SeenWorker};

impl Memory {
    pub(crate) fn depths(&self, kinds: &[String]) -> Vec<Depth> {
        let now = self.now_ms();
        let state = self.state();
        let depth = |kind: &String| {
            let lanes = || Priority::ALL.iter().filter_map(|p| state.lanes.get(&(kind.clone(), lane_of(*p))));
            let waiting: usize = lanes().map(|lane| lane.len()).sum();
            let delayed: usize = lanes().map(|lane| lane.range((now + 1, String::new())..).count()).sum();
            let oldest =
                lanes().filter_map(|lane| lane.first()).map(|first| first.0).filter(|due| *due <= now).min();
            Depth {
                kind: kind.clone(),
                waiting: waiting as u64,
                due: (waiting - delayed) as u64,
                delayed: delayed as u64,
                running: state.running.iter().filter(|(_, id)| split(id).0 == kind).count() as u64,
                dead: state.dead_order.get(kind).map_or(0, |order| order.len() as u64),
                oldest_age_ms: oldest.map(|due| u64::try_from(now - due).unwrap_or(0)),
                paused: state.paused.contains(kind),
            }
        };
        kinds.iter().map(depth).collect()
    }

    /// All kinds that were ever pushed.
    pub(crate) fn kinds(&self) -> Vec<String> {
        self.state().kinds.iter().cloned().collect()
    }

    pub(crate) fn pause(&self, kind: &str, pause: bool) {
        if pause {
            self.state().paused.insert(kind.to_owned());
        } else {
            self.state().paused.remove(kind);
            self.signal();
        }
    }

    pub(crate) fn running(&self, limit: usize) -> Vec<RunningMessage> {
        let state = self.state();
        let show = |(until, id): &(i64, String)| match &state.messages.get(id)?.place {
            Place::Running { lease, .. } => {
                let (kind, key) = split(id);
                Some(RunningMessage {
                    id: id.clone(),
                    kind: kind.to_owned(),
                    key: key.to_owned(),
                    worker: lease.worker.to_string(),
                    fence: lease.fence,
                    since: Timestamp(lease.since),
                    lease_until: Timestamp(*until),
                })
            }
            Place::Waiting { .. } => None,
        };
        state.running.iter().filter_map(show).take(limit).collect()
    }

    /// Dead messages of all kinds that died before `before` (a moment and an id), the latest first.
    pub(crate) fn dead(&self, limit: usize, before: Option<&(i64, String)>) -> Vec<DeadMessage> {
        let state = self.state();
        let mut found: Vec<&(i64, String)> = state
            .dead_order
            .values()
            .flatten()
            .filter(|entry| before.is_none_or(|before| *entry < before))
            .collect();
        found.sort_by(|a, b| b.cmp(a));
        found.truncate(limit);
        found.into_iter().filter_map(|(_, id)| Some(dead_message(id, state.dead.get(id)?))).collect()
    }

    /// The dead messages among `ids`.
    pub(crate) fn dead_named(&self, ids: &[String]) -> Vec<DeadMessage> {
        let state = self.state();
        ids.iter().filter_map(|id| Some(dead_message(id, state.dead.get(id)?))).collect()
    }

    /// Workers that were heard of lately, by name.
    pub(crate) fn workers(&self) -> Vec<SeenWorker> {
        let oldest = self.now_ms() - i64::try_from(forgotten_ms(self.settings())).unwrap_or(i64::MAX);
        let state = self.state();
        let show = |(name, (seen, kinds)): (&String, &(i64, Vec<String>))| SeenWorker {
            name: name.clone(),
            kinds: kinds.clone(),
            seen_at: Timestamp(*seen),
        };
        state.workers.iter().filter(|(_, (seen, _))| *seen > oldest).map(show).collect()
    }

    /// What decides about a message just now.
    pub(crate) fn facts(&self, id: &str) -> Facts {
        let (now, kind) = (self.now_ms(), split(id).0);
        let workers = self.workers();
        let serves = |kind: &str| workers.iter().any(|worker| worker.kinds.iter().any(|known| known == kind));
        let gate = token_of(id).and_then(|token| lock(&self.paces).in_the_way(token, self.clock().now_us()));
        let state = self.state();
        let mut facts = Facts {
            now,
            gate,
            is_served: serves(kind),
            is_paused: state.paused.contains(kind),
            ..Facts::default()
        };
        facts.dead = state.dead.get(id).map(|dead| (dead.reason.clone(), dead.died_at));
        let Some(message) = state.messages.get(id) else { return facts };
        match &message.place {
            Place::Running { lease, until } => {
                facts.running = Some((lease.clone(), *until));
                facts.again = message.again.is_some();
            }
            Place::Waiting { due } => {
                let waiting = Waiting { due: *due, record: message.record.clone() };
                let open = |kind: &str| !state.paused.contains(kind) && serves(kind);
                let ahead =
                    state.lanes.iter().filter(|((kind, _), _)| open(kind)).map(|((_, digit), entries)| {
                        let before = rank_before(&waiting, *digit, self.settings().head_start_ms);
                        entries.range(..(before.min(now + 1), String::new())).count() as u64
                    });
                facts.ahead = ahead.sum();
                facts.waiting = Some(waiting);
            }
        }
        facts
    }

    /// Forgets these deaths, each an id and a moment; returns how many there were.
    pub(crate) fn forget_dead(&self, deaths: &[(String, i64)]) -> u64 {
        let mut state = self.state();
        // One that was retried may have died again meanwhile, which nobody has seen yet.
        let seen = |state: &State, (id, moment): &(String, i64)| {
            state.dead.get(id).is_some_and(|dead| dead.died_at == *moment)
        };
        deaths.iter().filter(|death| seen(&state, death) && state.discard(&death.0)).count() as u64
    }
}

fn dead_message(id: &str, dead: &Dead) -> DeadMessage {
    let (kind, key) = split(id);
    DeadMessage {
        id: id.to_owned(),
        kind: kind.to_owned(),
        key: key.to_owned(),
        reason: dead.reason.clone(),
        died_at: Timestamp(dead.died_at),
        attempts: dead.record.attempts,
        rescues: dead.record.rescues,
        priority: dead.record.priority,
        payload: dead.record.payload.clone(),
    }
}
