//! The limiter over Redis.

use russet_domain::{Timestamp, TokenId};

use super::{Redis, reply};
use crate::QueueError;
use crate::pace::{
    APPLE_PAUSE_MAX_MS, Answer, CLOSED_MAX_MS, Class, KEEP_MS, PROBE_MS, REFUSED_PAUSE_MS, SETTLE_MS, Verdict,
};

impl Redis {
    /// Gives a turn at most `ahead_us` from now, or says when to ask again.
    pub(crate) async fn pace_take(
        &self,
        token: TokenId,
        class: Class,
        ahead_us: i64,
    ) -> Result<Answer, QueueError> {
        self.pace_ask(token, class, ahead_us, None).await
    }

    /// Whether a turn that was booked at `booked_us` still holds.
    pub(crate) async fn pace_holds(&self, token: TokenId, booked_us: i64) -> Result<Answer, QueueError> {
        self.pace_ask(token, Class::Bulk, 0, Some(booked_us)).await
    }

    async fn pace_ask(
        &self,
        token: TokenId,
        class: Class,
        ahead_us: i64,
        booked_us: Option<i64>,
    ) -> Result<Answer, QueueError> {
        let doing = "asking for a turn to call Apple";
        let mut args = self.args(8);
        args.number(class as u8)
            .number(ahead_us)
            .number(self.settings.default_rate)
            .number(PROBE_MS)
            .number(KEEP_MS)
            .number(token)
            .text(booked_us.map_or_else(String::new, |booked| booked.to_string()))
            .number(SETTLE_MS);
        let one = |name| self.keys.one(name);
        let keys = [self.keys.pace(token), one("apple"), one("turns"), one("limiter")];
        let answer = reply::numbers(doing, self.run(doing, &self.scripts().pace_take, &keys, &args).await?)?;
        let [verdict, at_us, now_us, probe] = answer[..] else { return Err(reply::surprise(doing)) };
        let verdict = match verdict {
            0 => Verdict::Go,
            1 => Verdict::Pace,
            2 => Verdict::TokenClosed,
            _ => Verdict::AppleClosed,
        };
        Ok(Answer { verdict, at_us, now_us, probe: probe == 1 })
    }

    pub(crate) async fn pace_rate(&self, token: TokenId, rate: f64) -> Result<(), QueueError> {
        self.pace_change("setting a token's rate", token, "rate", &[rate.to_string()]).await.map(drop)
    }

    pub(crate) async fn pace_close(&self, token: TokenId, until: Timestamp) -> Result<(), QueueError> {
        let args = [until.0.to_string(), CLOSED_MAX_MS.to_string()];
        self.pace_change("closing a token", token, "close", &args).await.map(drop)
    }

    /// Halves a token's rate and closes it for a moment; returns until when.
    pub(crate) async fn pace_slow(&self, token: TokenId, unit: f64) -> Result<Timestamp, QueueError> {
        let (first, longest) = REFUSED_PAUSE_MS;
        let args = [
            unit.to_string(),
            first.to_string(),
            longest.to_string(),
            self.settings.default_rate.to_string(),
        ];
        self.pace_change("slowing a token down", token, "slow", &args).await
    }

    async fn pace_change(
        &self,
        doing: &'static str,
        token: TokenId,
        what: &str,
        more: &[String],
    ) -> Result<Timestamp, QueueError> {
        let mut args = self.args(3 + more.len());
        args.number(KEEP_MS).text(what);
        for arg in more {
            args.text(arg.as_str());
        }
        args.number(token);
        let keys = [self.keys.pace(token), self.keys.one("turns")];
        let value = self.run(doing, &self.scripts().pace_change, &keys, &args).await?;
        reply::read(doing, value).map(Timestamp)
    }

    /// Notes that a token's request failed or worked; true while Apple is closed.
    pub(crate) async fn pace_report(&self, token: TokenId, failed: bool) -> Result<bool, QueueError> {
        self.pace_tell(token, if failed { "failed" } else { "worked" }).await
    }

    /// Takes note that the token's probe of a closed Apple is not made.
    pub(crate) async fn pace_unused(&self, token: TokenId) -> Result<(), QueueError> {
        self.pace_tell(token, "unused").await.map(drop)
    }

    async fn pace_tell(&self, token: TokenId, what: &str) -> Result<bool, QueueError> {
        let doing = "reporting how a request to Apple went";
        let mut args = self.args(6);
        args.number(token)
            .text(what)
            .number(self.settings.breaker_window_ms)
            .number(self.settings.breaker_tokens)
            .number(self.settings.breaker_pause_ms)
            .number(APPLE_PAUSE_MAX_MS);
        let keys = ["apple", "failing", "working", "wake"].map(|name| self.keys.one(name));
        let value = self.run(doing, &self.scripts().pace_report, &keys, &args).await?;
        reply::read::<i64>(doing, value).map(|closed| closed == 1)
    }
}
