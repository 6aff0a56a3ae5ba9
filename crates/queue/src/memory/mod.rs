//! The queue, the pace and the lead in this process: the same contract in plain Rust.

mod inspect;
mod state;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use self::state::State;
use crate::clock::Clock;
use crate::contract::{Ask, Claimant, Claimed, End, Rescued};
use crate::pace::Paces;
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
        Self {
            settings: settings.clone(),
            clock,
            state: Mutex::default(),
            leads: Mutex::default(),
            paces: Mutex::default(),
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
        let (now, fence) = (self.now_ms(), self.clock.now_us());
        let claimed = self.state().claim(&self.settings, claimant, ask, now, fence);
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

    pub(crate) fn renew(&self, leases: &[(String, String)]) -> Vec<usize> {
        let until = self.now_ms() + i64::try_from(self.settings.lease_ms).unwrap_or(i64::MAX);
        self.state().renew(leases, until)
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
        let fence = self.state().next_fence(1, micros);
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

/// A mutex whose holder panicked is still sound: every change here is complete before anything can panic.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
