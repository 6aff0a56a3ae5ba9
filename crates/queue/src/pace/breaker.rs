//! Closes all of Apple when many tokens fail at once, and lets a single request find out whether it is back.

use std::collections::HashMap;

use russet_domain::TokenId;

use crate::Settings;

/// How long the one request that probes a closed Apple may take.
pub(crate) const PROBE_MS: i64 = 30_000;
/// The longest Apple is closed before it is probed.
pub(crate) const APPLE_PAUSE_MAX_MS: i64 = 300_000;
/// How long the one message that may probe a closed Apple gets to take its turn.
pub(crate) const RESERVED_MS: i64 = 5_000;

/// Whether all of Apple is closed, and what that is judged by.
#[derive(Clone, Debug, Default)]
pub(super) struct Apple {
    closed: Option<Closed>,
    failing: HashMap<TokenId, i64>,
    working: HashMap<TokenId, i64>,
}

#[derive(Clone, Debug)]
struct Closed {
    until: i64,
    pause: i64,
    probe: Option<Probe>,
}

/// The one request that finds out whether Apple is back.
#[derive(Clone, Copy, Debug)]
struct Probe {
    until: i64,
    token: TokenId,
    /// Whether it is only a message that was handed out for it, which has not taken its turn.
    reserved: bool,
}

/// Whether a claim may hand out messages that call Apple.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    /// As many as there are.
    Open,
    /// Not before then, in milliseconds.
    Shut(i64),
    /// A single one, which finds out whether Apple is back.
    Probe,
}

impl Apple {
    /// Whether messages that call Apple may be handed out.
    pub(super) fn gate(&self, now_ms: i64) -> Gate {
        self.gate_unless(now_ms, |_| false)
    }

    /// Until when the token may not take a turn. Its own probe is not in its way before it has taken its turn.
    pub(super) fn shut_for_turn(&self, token: TokenId, now_ms: i64) -> Option<i64> {
        shut(self.gate_unless(now_ms, |probe| probe.reserved && probe.token == token))
    }

    /// Until when the token may not use the turn it has.
    pub(super) fn shut_for_call(&self, token: TokenId, now_ms: i64) -> Option<i64> {
        shut(self.gate_unless(now_ms, |probe| probe.token == token))
    }

    fn gate_unless(&self, now_ms: i64, own: impl Fn(&Probe) -> bool) -> Gate {
        let Some(closed) = &self.closed else { return Gate::Open };
        if now_ms < closed.until {
            return Gate::Shut(closed.until);
        }
        match closed.probe.filter(|probe| now_ms < probe.until && !own(probe)) {
            Some(probe) => Gate::Shut(probe.until),
            None => Gate::Probe,
        }
    }

    /// Lets the token's message be the one that finds out; returns until when it may.
    pub(super) fn reserve(&mut self, token: TokenId, now_ms: i64) -> i64 {
        let until = now_ms + RESERVED_MS;
        if let Some(closed) = &mut self.closed {
            closed.probe = Some(Probe { until, token, reserved: true });
        }
        until
    }

    /// Notes that the token has a turn at `at_us`; true when that is the probe of a closed Apple.
    pub(super) fn has_turn(&mut self, token: TokenId, at_us: i64) -> bool {
        let Some(closed) = &mut self.closed else { return false };
        let until = (at_us + 999) / 1_000 + PROBE_MS;
        closed.probe = Some(Probe { until, token, reserved: false });
        true
    }

    /// Takes note that the token's probe is not made, so that another may be.
    pub(super) fn give_back(&mut self, token: TokenId) {
        if let Some(closed) = &mut self.closed {
            closed.probe = closed.probe.filter(|probe| probe.token != token);
        }
    }

    /// Notes that a token's request failed or worked; true while Apple is closed.
    pub(super) fn report(&mut self, token: TokenId, failed: bool, now_ms: i64, settings: &Settings) -> bool {
        let window = i64::try_from(settings.breaker_window_ms).unwrap_or(i64::MAX);
        let (gains, loses) = if failed {
            (&mut self.failing, &mut self.working)
        } else {
            (&mut self.working, &mut self.failing)
        };
        loses.remove(&token);
        gains.insert(token, now_ms);
        self.failing.retain(|_, at| *at > now_ms - window);
        self.working.retain(|_, at| *at > now_ms - window);
        let pause = match &self.closed {
            Some(closed) if closed.probe.is_none_or(|probe| probe.token != token) => return true,
            Some(_) if !failed => {
                self.closed = None;
                self.failing.clear();
                return false;
            }
            Some(closed) => (closed.pause * 2).min(APPLE_PAUSE_MAX_MS),
            None => {
                let failing = self.failing.len();
                if !failed || failing < settings.breaker_tokens as usize || failing <= self.working.len() {
                    return false;
                }
                i64::try_from(settings.breaker_pause_ms).unwrap_or(i64::MAX)
            }
        };
        self.closed = Some(Closed { until: now_ms + pause, pause, probe: None });
        true
    }
}

fn shut(gate: Gate) -> Option<i64> {
    match gate {
        Gate::Shut(until) => Some(until),
        Gate::Open | Gate::Probe => None,
    }
}
