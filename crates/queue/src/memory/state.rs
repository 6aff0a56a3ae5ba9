//! The queue's contract in plain Rust: what the Redis scripts do, without Redis, told the time.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::choose::{Chosen, Entries, Lane, Moment, choose};
use crate::contract::{
    APART_MS, Ask, CLAIM_MAX, Claimant, Claimed, End, Fate, Lease, Named, POISON, RESCUE_MAX, Record,
    Rescued, Taken, lane_of,
};
use crate::message::split;
use crate::pace::{Gate, Paces, RESERVED_MS};
use crate::{AnyJob, Due, Priority, Push, Settings};

/// Everything the queue holds.
#[derive(Default)]
pub(super) struct State {
    pub(super) messages: HashMap<String, Message>,
    pub(super) lanes: BTreeMap<Lane, Entries>,
    pub(super) running: BTreeSet<(i64, String)>,
    pub(super) dead: HashMap<String, Dead>,
    pub(super) dead_order: BTreeMap<String, BTreeSet<(i64, String)>>,
    pub(super) kinds: BTreeSet<String>,
    pub(super) paused: HashSet<String>,
    /// When each worker was last heard of, and the kinds it takes.
    pub(super) workers: BTreeMap<String, (i64, Vec<String>)>,
    /// What each run of a worker was last given, by the number of its request.
    memos: HashMap<String, (u64, Vec<String>)>,
    fence: u64,
    beat: Option<i64>,
    amnesty_until: i64,
}

/// A message that waits or runs.
pub(super) struct Message {
    pub(super) record: Record,
    pub(super) place: Place,
    /// What was pushed while it ran: when it is due, and its record.
    pub(super) again: Option<(i64, Record)>,
}

/// Where a message is.
pub(super) enum Place {
    /// In its lane.
    Waiting { due: i64 },
    /// In a worker's hands.
    Running { lease: Lease, until: i64 },
}

/// A message set aside.
pub(super) struct Dead {
    pub(super) reason: String,
    pub(super) died_at: i64,
    pub(super) record: Record,
}

impl State {
    /// Adds messages; true when a worker should hear of it.
    pub(super) fn push(&mut self, messages: &[Push], now: i64) -> bool {
        let mut tell = false;
        for message in messages {
            let due = match message.when.due {
                Due::Now => now,
                Due::In(delay) => now.saturating_add(i64::try_from(delay.as_millis()).unwrap_or(i64::MAX)),
                Due::At(moment) => moment.0.max(now),
            };
            self.kinds.insert(message.kind.to_string());
            tell |=
                self.push_one(message.id(), due, Record::fresh(message.when.priority, &message.payload), now);
        }
        tell
    }

    fn push_one(&mut self, id: String, due: i64, record: Record, now: i64) -> bool {
        let Some(message) = self.messages.get_mut(&id) else {
            return self.put(id, due, record, now);
        };
        match message.place {
            Place::Running { .. } => {
                message.again = Some(merged(due, record, message.again.take()));
                false
            }
            Place::Waiting { due: before } => {
                let raised = raised(message.record.clone(), Some(record.priority));
                let due = due.min(before);
                if due == before && raised.priority == message.record.priority {
                    return false;
                }
                self.take_out(&id);
                self.put(id, due, raised, now)
            }
        }
    }

    /// Puts a message in its lane; true when a worker should hear of it.
    fn put(&mut self, id: String, due: i64, record: Record, now: i64) -> bool {
        let lane = self.lanes.entry(lane(&id, &record)).or_default();
        lane.insert((due, id.clone()));
        let first = lane.first().is_some_and(|first| first.1 == id);
        self.messages.insert(id, Message { record, place: Place::Waiting { due }, again: None });
        first || due <= now
    }

    /// Takes a message out of its lane, or off the running ones.
    fn take_out(&mut self, id: &str) -> Option<Message> {
        let message = self.messages.remove(id)?;
        match &message.place {
            Place::Waiting { due } => {
                let lane = lane(id, &message.record);
                if let Some(entries) = self.lanes.get_mut(&lane) {
                    entries.remove(&(*due, id.to_owned()));
                    if entries.is_empty() {
                        self.lanes.remove(&lane);
                    }
                }
            }
            Place::Running { until, .. } => {
                self.running.remove(&(*until, id.to_owned()));
            }
        }
        Some(message)
    }

    /// Fencing numbers never repeat, not even after a restart: they are at least the time in microseconds.
    pub(super) fn next_fence(&mut self, micros: i64) -> u64 {
        self.fence = self.fence.max(u64::try_from(micros).unwrap_or(0)) + 1;
        self.fence
    }

    pub(super) fn claim(
        &mut self,
        claimant: &Claimant,
        ask: Ask,
        paces: &mut Paces,
        moment: &Moment<'_>,
    ) -> Claimed {
        match self.memos.get(&*claimant.worker) {
            Some((request, _)) if *request > ask.request => return Claimed::default(),
            Some((request, ids)) if *request == ask.request => {
                let taken = ids.iter().filter_map(|id| self.held_by(id, &claimant.worker)).collect();
                return Claimed { taken, next_in_ms: None, more: true };
            }
            Some(_) | None => {}
        }
        let gate = paces.gate(moment.now);
        let mut chosen = choose(self.open_lanes(claimant), ask.max.clamp(1, CLAIM_MAX), paces, moment);
        for (id, due) in &chosen.put_off {
            if let Some(message) = self.take_out(id) {
                self.put(id.clone(), *due, message.record, moment.now);
            }
        }
        let taken = self.hand_out(claimant, std::mem::take(&mut chosen.taken), moment);
        let memo = taken.iter().map(|taken| taken.id.to_string()).collect();
        self.memos.insert(claimant.worker.to_string(), (ask.request, memo));
        self.outlook(claimant, taken, &chosen, gate, moment.now)
    }

    /// What the claimant is told beside its messages: whether there is more, and when.
    fn outlook(
        &self,
        claimant: &Claimant,
        taken: Vec<Taken>,
        chosen: &Chosen,
        gate: Gate,
        now: i64,
    ) -> Claimed {
        let first = |(lane, entries): (&Lane, &Entries)| {
            let due = entries.first()?.0;
            let shut_until = match gate {
                Gate::Shut(reopens) if AnyJob::is_paced(&lane.0) => Some(reopens),
                Gate::Probe if chosen.shut.contains(lane) => Some(now + RESERVED_MS),
                Gate::Shut(_) | Gate::Probe | Gate::Open => None,
            };
            Some(shut_until.filter(|_| due <= now).unwrap_or(due))
        };
        let firsts: Vec<i64> = self.open_lanes(claimant).filter_map(first).collect();
        let next_due = firsts.iter().filter(|due| **due > now).min();
        Claimed {
            taken,
            next_in_ms: next_due.and_then(|due| u64::try_from(due - now).ok()),
            more: firsts.iter().any(|due| *due <= now),
        }
    }

    /// Gives each chosen message its lease.
    fn hand_out(
        &mut self,
        claimant: &Claimant,
        chosen: Vec<(i64, String)>,
        moment: &Moment<'_>,
    ) -> Vec<Taken> {
        if chosen.is_empty() {
            return Vec::new();
        }
        let fence = self.next_fence(moment.micros);
        let until = moment.now + i64::try_from(moment.settings.lease_ms).unwrap_or(i64::MAX);
        let mut taken = Vec::with_capacity(chosen.len());
        for (due, id) in chosen {
            let Some(mut message) = self.take_out(&id) else { continue };
            let lease = Lease { fence, due, since: moment.now, worker: claimant.worker.clone() };
            message.place = Place::Running { lease: lease.clone(), until };
            taken.push(Taken::new(&id, lease, message.record.clone()));
            self.running.insert((until, id.clone()));
            self.messages.insert(id, message);
        }
        taken
    }

    /// The lanes that a worker may take from.
    pub(super) fn open_lanes<'a>(
        &'a self,
        claimant: &'a Claimant,
    ) -> impl Iterator<Item = (&'a Lane, &'a Entries)> {
        let open = |kind: &String| claimant.kinds.contains(kind) && !self.paused.contains(kind);
        self.lanes.iter().filter(move |((kind, _), _)| open(kind))
    }

    fn held_by(&self, id: &str, worker: &str) -> Option<Taken> {
        let message = self.messages.get(id)?;
        match &message.place {
            Place::Running { lease, .. } if *lease.worker == *worker => {
                Some(Taken::new(id, lease.clone(), message.record.clone()))
            }
            Place::Running { .. } | Place::Waiting { .. } => None,
        }
    }

    /// Ends runs; returns the positions of the refused, and whether a worker should hear of it.
    pub(super) fn end(&mut self, ends: &[End], now: i64, dead_max: usize) -> (Vec<usize>, bool) {
        let (mut refused, mut tell) = (Vec::new(), false);
        for (position, end) in ends.iter().enumerate() {
            let current = self.messages.get(&*end.id).is_some_and(
                |message| matches!(&message.place, Place::Running { lease, .. } if *lease.write() == *end.lease),
            );
            let taken = if current { self.take_out(&end.id) } else { None };
            let Some(message) = taken else {
                refused.push(position);
                continue;
            };
            let id = end.id.to_string();
            match &end.fate {
                Fate::Done => tell |= self.anew(id, message.again, now),
                Fate::Wait { again, record } => {
                    let due = again.at(now);
                    let (due, record) = merged(due, record.clone(), message.again);
                    tell |= self.put(id, due, record, now);
                }
                Fate::Bury { reason, record } => {
                    self.bury(&id, reason, record.clone(), now, dead_max);
                    tell |= self.anew(id, message.again, now);
                }
            }
        }
        (refused, tell)
    }

    /// A message that is through, but was pushed while it ran, starts anew.
    fn anew(&mut self, id: String, again: Option<(i64, Record)>, now: i64) -> bool {
        again.is_some_and(|(due, record)| self.put(id, due, record, now))
    }

    fn bury(&mut self, id: &str, reason: &str, record: Record, now: i64, max: usize) {
        // A second death is told from the first by its moment.
        let now = self.dead.get(id).map_or(now, |before| now.max(before.died_at + 1));
        self.discard(id);
        let order = self.dead_order.entry(split(id).0.to_owned()).or_default();
        order.insert((now, id.to_owned()));
        while order.len() > max {
            if let Some((_, oldest)) = order.pop_first() {
                self.dead.remove(&oldest);
            }
        }
        self.dead.insert(id.to_owned(), Dead { reason: reason.to_owned(), died_at: now, record });
    }

    /// Forgets a dead message; false when there is none.
    pub(super) fn discard(&mut self, id: &str) -> bool {
        let Some(dead) = self.dead.remove(id) else { return false };
        if let Some(order) = self.dead_order.get_mut(split(id).0) {
            order.remove(&(dead.died_at, id.to_owned()));
        }
        true
    }

    /// Prolongs leases; returns the positions of the lost.
    pub(super) fn renew(&mut self, leases: &[Named], new_until: i64) -> Vec<usize> {
        let mut lost = Vec::new();
        for (position, (id, given)) in leases.iter().enumerate() {
            let id = &**id;
            match self.messages.get_mut(id).map(|message| &mut message.place) {
                Some(Place::Running { lease, until }) if *lease.write() == **given => {
                    self.running.remove(&(*until, id.to_owned()));
                    *until = new_until;
                    self.running.insert((new_until, id.to_owned()));
                }
                Some(Place::Running { .. } | Place::Waiting { .. }) | None => lost.push(position),
            }
        }
        lost
    }

    /// Takes over what workers that vanished held; true when a worker should hear of it.
    pub(super) fn rescue(&mut self, settings: &Settings, now: i64) -> (Rescued, bool) {
        let renew = i64::try_from(settings.renew_ms).unwrap_or(i64::MAX);
        let (mut rescued, mut tell) = (Rescued::default(), false);
        if now - self.beat.replace(now).unwrap_or(now) > renew * 2 {
            self.amnesty_until = now + renew + renew / 5;
        }
        if self.amnesty_until > now {
            return (rescued, false);
        }
        let expired: Vec<_> =
            self.running.iter().take_while(|(until, _)| *until <= now).take(RESCUE_MAX).cloned().collect();
        let mut suspects = 0;
        for (_, id) in expired {
            let Some(mut message) = self.take_out(&id) else { continue };
            let mut due = match &message.place {
                Place::Running { lease, .. } => lease.due,
                Place::Waiting { due } => *due,
            };
            message.record.rescues += 1;
            if message.record.rescues > settings.max_rescues {
                self.bury(&id, POISON, message.record, now, settings.dead_max as usize);
                rescued.poisoned += 1;
                tell |= self.anew(id, message.again, now);
            } else {
                if message.record.rescues > 1 {
                    due = due.max(now + suspects * APART_MS);
                    suspects += 1;
                }
                let (due, record) = merged(due, message.record, message.again);
                tell |= self.put(id, due, record, now);
                rescued.rescued += 1;
            }
        }
        (rescued, tell)
    }
}

fn lane(id: &str, record: &Record) -> Lane {
    (split(id).0.to_owned(), lane_of(record.priority))
}

fn raised(mut record: Record, priority: Option<Priority>) -> Record {
    record.priority = priority.map_or(record.priority, |priority| priority.max(record.priority));
    record
}

/// A message that was pushed while it ran takes the earlier time and the higher priority.
fn merged(due: i64, record: Record, again: Option<(i64, Record)>) -> (i64, Record) {
    match again {
        Some((sooner, other)) => (due.min(sooner), raised(record, Some(other.priority))),
        None => (due, record),
    }
}
