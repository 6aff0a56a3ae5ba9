//! The queue, the pace and the lead in this process: the same contract in plain Rust.

mod choose;
mod inspect;
mod state;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use russet_domain::TokenId;
use tokio::sync::Notify;

use self::choose::Moment;
use self::state::State;
use crate::clock::Clock;
use crate::contract::{Ask, Claimant, Claimed, End, Named, Rescued, forgotten_ms};
use crate::lock::lock;
use crate::pace::{Gate, Paces};
use crate::{Push, Settings, Term};

/// A queue that lives as long as the process. It is empty at start: the database knows what is to be done.
pub(crate) struct Memory {
    settings: Settings,
    clock: Clock,
    state: Mutex<State>,
    leads: Mutex<HashMap<String, (Term, i64)>>,
    pub(crate) paces: Mutex<Paces>,
    wake: Notify,
}

impl Memory {
    pub(crate) fn new(settings: &Settings, clock: Clock) -> Self {
        let mut paces = Paces::default();
        paces.begin(clock.now_ms());
        Self {
            settings: settings.clone(),
            clock,
            state: Mutex::default(),
            leads: Mutex::default(),
            paces: Mutex::new(paces),
            wake: Notify::new(),
        }
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    pub(crate) fn push(&self, messages: &[Push]) {
        let now = self.now_ms();
        if self.state().push(messages, now) {
            self.wake.notify_one();
        }
    }

    pub(crate) fn claim(&self, claimant: &Claimant, ask: Ask) -> Claimed {
        let moment = Moment { settings: &self.settings, now: self.now_ms(), micros: self.clock.now_us() };
        // Always in this order: first the messages, then the paces.
        let mut state = self.state();
        let mut paces = lock(&self.paces);
        let claimed = state.claim(claimant, ask, &mut paces, &moment);
        drop((state, paces));
        if claimed.more {
            self.wake.notify_one();
        }
        claimed
    }

    pub(crate) fn end(&self, ends: &[End]) -> Vec<usize> {
        let now = self.now_ms();
        let (refused, tell) = self.state().end(ends, now, self.settings.dead_max as usize);
        if tell {
            self.wake.notify_one();
        }
        refused
    }

    pub(crate) fn renew(&self, leases: &[Named]) -> Vec<usize> {
        let until = self.now_ms() + i64::try_from(self.settings.lease_ms).unwrap_or(i64::MAX);
        self.state().renew(leases, until)
    }

    pub(crate) fn attend(&self, claimant: &Claimant) {
        let now = self.now_ms();
        let oldest = now - i64::try_from(forgotten_ms(&self.settings)).unwrap_or(i64::MAX);
        let mut state = self.state();
        state.workers.insert(claimant.worker.to_string(), (now, claimant.kinds.clone()));
        state.workers.retain(|_, (seen, _)| *seen > oldest);
    }

    pub(crate) fn leave(&self, claimant: &Claimant) {
        self.state().workers.remove(&*claimant.worker);
    }

    /// Notes that a token's request failed or worked; true while Apple is closed.
    pub(crate) fn report(&self, token: TokenId, failed: bool) -> bool {
        let (mut paces, now) = (lock(&self.paces), self.now_ms());
        let before = paces.gate(now);
        let closed = paces.report(token, failed, now, &self.settings);
        if before != Gate::Open && !closed {
            // Claims have passed over whatever calls Apple; now they need not.
            self.wake.notify_one();
        }
        closed
    }

    /// Takes note that the token's probe of a closed Apple is not made.
    pub(crate) fn give_back_probe(&self, token: TokenId) {
        lock(&self.paces).give_back_probe(token);
        self.wake.notify_one();
    }

    pub(crate) fn rescue(&self) -> Rescued {
        let now = self.now_ms();
        let (rescued, tell) = self.state().rescue(&self.settings, now);
        if tell {
            self.wake.notify_one();
        }
        rescued
    }

    /// Waits for the signal that there is something to claim.
    pub(crate) async fn woken(&self) {
        self.wake.notified().await;
    }

    /// Passes the signal on to another worker.
    pub(crate) fn signal(&self) {
        self.wake.notify_one();
    }

    pub(crate) fn lead(&self, role: &str, who: &str, ttl: Duration) -> Option<Term> {
        let (now, micros) = (self.now_ms(), self.clock.now_us());
        let until = now.saturating_add(i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX));
        let mut leads = lock(&self.leads);
        if let Some((term, held_until)) = leads.get_mut(role)
            && *held_until > now
        {
            if term.who != who {
                return None;
            }
            *held_until = until;
            return Some(term.clone());
        }
        let fence = self.state().next_fence(micros);
        let term = Term { role: role.to_owned(), who: who.to_owned(), fence };
        leads.insert(role.to_owned(), (term.clone(), until));
        Some(term)
    }

    pub(crate) fn resign(&self, term: &Term) {
        let mut leads = lock(&self.leads);
        if leads.get(&term.role).is_some_and(|(held, _)| held == term) {
            leads.remove(&term.role);
        }
    }
}
