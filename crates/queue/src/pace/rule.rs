//! The limiter's arithmetic in plain Rust: what the Redis scripts do, without Redis, told the time.

use std::collections::HashMap;

use russet_domain::{Timestamp, TokenId};

use super::breaker::{Apple, Gate};
use super::{Class, Wait};
use crate::Settings;

/// How late a turn may be used without pushing the next one back, in microseconds. The turns of a second are spread over
/// that much more than a second, so that no sliding second ever holds more than the rate, rounded up.
const TOLERANCE_US: i64 = 5_000;
/// A class keeps to its share while another has asked within this time.
const CONTENDED_US: i64 = 5_000_000;
/// No token is slowed below one request a minute.
const SLOWEST: f64 = 1.0 / 60.0;
/// How long one step of recovery takes, in milliseconds, and by how much of the rate.
const STEP_MS: i64 = 60_000;
/// Refusals closer together than this are one refusal.
const TOGETHER_MS: i64 = 1_000;
/// The first pause after a refusal, and the longest.
pub(crate) const REFUSED_PAUSE_MS: (i64, i64) = (1_000, 60_000);
/// The longest a token is closed, whatever `Retry-After` says.
pub(crate) const CLOSED_MAX_MS: i64 = 86_400_000;
/// How long a token's pace is remembered after it was last used.
pub(crate) const KEEP_MS: i64 = 86_400_000;
/// For so long nobody calls after the limiter's memory has begun, as it does not know what was sent just before: the
/// second that Apple counts, and a little for what was still on its way.
pub(crate) const SETTLE_MS: i64 = 1_200;
/// A claim hands out a message whose token's turn is so far off, in microseconds: a handler has reading to do first.
const AHEAD_US: i64 = 100_000;

/// The answer to a request for a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) verdict: Verdict,
    /// When to go, or when to ask again, in microseconds.
    pub(crate) at_us: i64,
    pub(crate) now_us: i64,
    /// Whether this turn probes a closed Apple.
    pub(crate) probe: bool,
}

/// Whether to go, and if not, why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Go,
    Pace,
    TokenClosed,
    AppleClosed,
}

/// The share of turns a class keeps to while `others` classes want turns too. What any of them may take together leaves
/// something for the last, and what all may take is more than there is, so that nothing is left unused.
fn share(class: Class, others: usize) -> f64 {
    match (class, others) {
        (_, 0) => 1.0,
        (Class::Interactive, 1) => 0.9,
        (Class::Status, 1) => 0.5,
        (Class::Bulk, 1) => 0.7,
        (Class::Interactive | Class::Bulk, _) => 0.45,
        (Class::Status, _) => 0.35,
    }
}

/// How far apart turns are at `rate` a second, in microseconds.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "rates are between 1/60 and 1000, so intervals are small"
)]
pub(crate) fn interval_us(rate: f64) -> i64 {
    ((1_000_000 + TOLERANCE_US) as f64 / rate.max(SLOWEST)).ceil() as i64
}

/// One token's pace.
#[derive(Clone, Debug)]
pub(crate) struct TokenPace {
    rate: Option<f64>,
    /// The part of the rate left after the last refusal, and when that was.
    cut: f64,
    cut_at: i64,
    strikes: u32,
    /// When the next turn is due in theory (GCRA's theoretical arrival time).
    tat: i64,
    closed: i64,
    own: [i64; 3],
    seen: [i64; 3],
    touched: i64,
}

impl TokenPace {
    fn new() -> Self {
        Self {
            rate: None,
            cut: 1.0,
            cut_at: 0,
            strikes: 0,
            tat: 0,
            closed: 0,
            own: [0; 3],
            seen: [0; 3],
            touched: 0,
        }
    }

    /// When the token's next turn is, in microseconds; a moment that has passed means now.
    fn free_us(&self) -> i64 {
        (self.tat - TOLERANCE_US).max(self.closed * 1_000)
    }

    /// The part of the rate that may be used: it climbs back by a tenth a minute.
    #[expect(clippy::cast_precision_loss, reason = "minutes since a refusal are few")]
    fn part(&self, now_ms: i64) -> f64 {
        if self.cut < 1.0 {
            (self.cut + ((now_ms - self.cut_at) / STEP_MS) as f64 / 10.0).min(1.0)
        } else {
            1.0
        }
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "intervals are small")]
    fn take(&mut self, now_us: i64, class: Class, ahead_us: i64, default_rate: f64) -> (Verdict, i64) {
        let which = class as usize;
        let interval = interval_us(self.rate.unwrap_or(default_rate) * self.part(now_us / 1_000));
        let others =
            (0..3).filter(|other| *other != which && now_us - self.seen[*other] < CONTENDED_US).count();
        let own_interval = (interval as f64 / share(class, others)).ceil() as i64;
        let own_free = if others > 0 { self.own[which] - own_interval } else { 0 };
        let closed = self.closed * 1_000;
        let free = now_us.max(self.tat - TOLERANCE_US).max(closed);
        let ahead = if class == Class::Bulk { ahead_us.min(2 * interval) } else { ahead_us };
        self.seen[which] = now_us;
        self.touched = now_us / 1_000;
        if own_free > now_us || free - now_us > ahead {
            let verdict = if closed > now_us { Verdict::TokenClosed } else { Verdict::Pace };
            return (verdict, free.max(own_free));
        }
        self.own[which] = (self.own[which].max(free) + own_interval).min(free + 2 * own_interval);
        self.tat = self.tat.max(free) + interval;
        (Verdict::Go, free)
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "pauses are at most a minute"
    )]
    fn slow_down(&mut self, now: i64, unit: f64, default_rate: f64) {
        if now - self.cut_at < TOGETHER_MS {
            return;
        }
        let rate = self.rate.unwrap_or(default_rate);
        if now - self.cut_at > STEP_MS {
            self.strikes = 0;
        }
        self.strikes = (self.strikes + 1).min(30);
        self.cut = (self.part(now) / 2.0).max(SLOWEST / rate);
        self.cut_at = now;
        let (first, longest) = REFUSED_PAUSE_MS;
        let pause = (first as f64 * 2_f64.powi(self.strikes as i32 - 1)).min(longest as f64) * unit;
        self.closed = self.closed.max(now + pause.floor() as i64);
    }
}

/// Every token's pace, and Apple's state.
#[derive(Clone, Debug, Default)]
pub(crate) struct Paces {
    tokens: HashMap<TokenId, TokenPace>,
    apple: Apple,
    swept: i64,
    /// Since when this remembers.
    since: Option<i64>,
}

impl Paces {
    fn token(&mut self, token: TokenId, now_ms: i64) -> &mut TokenPace {
        if now_ms - self.swept > KEEP_MS / 24 {
            self.swept = now_ms;
            self.tokens.retain(|_, pace| now_ms - pace.touched < KEEP_MS);
        }
        let pace = self.tokens.entry(token).or_insert_with(TokenPace::new);
        pace.touched = now_ms;
        pace
    }

    /// Gives a turn at most `ahead_us` from now, or says when to ask again.
    pub(crate) fn take(
        &mut self,
        token: TokenId,
        class: Class,
        now_us: i64,
        ahead_us: i64,
        default_rate: f64,
    ) -> Answer {
        let now_ms = now_us / 1_000;
        let settled = *self.since.get_or_insert(now_ms) + SETTLE_MS;
        if now_ms < settled {
            return Answer { verdict: Verdict::Pace, at_us: settled * 1_000, now_us, probe: false };
        }
        if let Some(until) = self.apple.shut_for_turn(token, now_ms) {
            return Answer { verdict: Verdict::AppleClosed, at_us: until * 1_000, now_us, probe: false };
        }
        let (verdict, at_us) = self.token(token, now_ms).take(now_us, class, ahead_us, default_rate);
        let probe = verdict == Verdict::Go && self.apple.has_turn(token, at_us);
        Answer { verdict, at_us, now_us, probe }
    }

    /// Whether a turn that was booked at `booked_us` still holds.
    pub(crate) fn holds(&mut self, token: TokenId, now_us: i64, booked_us: i64) -> Answer {
        let now_ms = now_us / 1_000;
        let answer = |verdict, at_us| Answer { verdict, at_us, now_us, probe: false };
        let since = *self.since.get_or_insert(now_ms);
        if since * 1_000 > booked_us {
            return answer(Verdict::Pace, (since + SETTLE_MS) * 1_000);
        }
        if let Some(until) = self.apple.shut_for_call(token, now_ms) {
            return answer(Verdict::AppleClosed, until * 1_000);
        }
        let closed = self.token(token, now_ms).closed * 1_000;
        if closed > now_us { answer(Verdict::TokenClosed, closed) } else { answer(Verdict::Go, now_us) }
    }

    /// Takes note that the token's probe of a closed Apple is not made, so that another may be.
    pub(crate) fn give_back_probe(&mut self, token: TokenId) {
        self.apple.give_back(token);
    }

    /// Notes that what was sent before `now_ms` is not known.
    pub(crate) fn begin(&mut self, now_ms: i64) {
        self.since = Some(now_ms);
    }

    /// Whether messages that call Apple may be handed out.
    pub(crate) fn gate(&self, now_ms: i64) -> Gate {
        self.apple.gate(now_ms)
    }

    /// Lets the token's message be the one that finds out whether Apple is back; returns until when it may.
    pub(crate) fn reserve_probe(&mut self, token: TokenId, now_ms: i64) -> i64 {
        self.apple.reserve(token, now_ms)
    }

    /// What keeps a token from calling Apple, and until when.
    pub(crate) fn in_the_way(&self, token: TokenId, now_us: i64) -> Option<(Wait, Timestamp)> {
        let now_ms = now_us / 1_000;
        if let Gate::Shut(until) = self.gate(now_ms) {
            return Some((Wait::AppleClosed, Timestamp(until)));
        }
        let pace = self.tokens.get(&token)?;
        if pace.closed > now_ms {
            return Some((Wait::TokenClosed, Timestamp(pace.closed)));
        }
        (pace.tat / 1_000 > now_ms).then_some((Wait::Pace, Timestamp(pace.tat / 1_000)))
    }

    /// When a token's `nth` message of one claim may be handed out, in milliseconds; nothing when it may now.
    pub(crate) fn too_early(&self, token: TokenId, nth: i64, now_us: i64, rate: f64) -> Option<i64> {
        let free =
            self.tokens.get(&token).map_or(0, TokenPace::free_us).max(now_us) + nth * interval_us(rate);
        let wait = free - AHEAD_US;
        (wait > now_us).then(|| {
            let at = wait.div_euclid(1_000) + i64::from(wait.rem_euclid(1_000) > 0);
            at.max(now_us / 1_000 + 1)
        })
    }

    pub(crate) fn set_rate(&mut self, token: TokenId, rate: f64, now_ms: i64) {
        self.token(token, now_ms).rate = Some(rate);
    }

    /// Closes a token; returns until when it is closed.
    pub(crate) fn close(&mut self, token: TokenId, until: i64, now_ms: i64) -> i64 {
        let pace = self.token(token, now_ms);
        pace.closed = pace.closed.max(until.min(now_ms + CLOSED_MAX_MS));
        pace.closed.max(now_ms)
    }

    /// Halves a token's rate and closes it for a moment; returns until when.
    pub(crate) fn slow_down(&mut self, token: TokenId, now_ms: i64, unit: f64, default_rate: f64) -> i64 {
        let pace = self.token(token, now_ms);
        pace.slow_down(now_ms, unit, default_rate);
        pace.closed.max(now_ms)
    }

    /// Notes that a token's request failed or worked; true while Apple is closed.
    pub(crate) fn report(&mut self, token: TokenId, failed: bool, now_ms: i64, settings: &Settings) -> bool {
        self.apple.report(token, failed, now_ms, settings)
    }
}
