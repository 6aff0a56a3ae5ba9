//! Calls Apple for a token: at its pace, with its secret, and with an eye on what every answer says of the location.

use std::time::Duration;

use russet_apple::{Answer, Apple, AppleError, Consequence, Seen};
use russet_domain::token::{Claim, MdmInfo, TokenState, judge_claim};
use russet_domain::{Secret, TokenId};
use russet_queue::{Booked, Booking, Class, Turn};
use russet_store::tokens::{self, Token};

use crate::context::Context;
use crate::error::{JobError, chain};

/// A wait up to this long is waited in place; a longer one sends the message to sleep.
const IN_PLACE: Duration = Duration::from_secs(2);

/// The fastest and slowest pace that the limiter keeps, in requests a second.
const RATES: std::ops::RangeInclusive<f64> = 1.0 / 60.0..=1000.0;

/// What an answer's claim on the location means to the caller.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Judge {
    /// A foreign claim freezes the token.
    Claim,
    /// The caller looks at the claim itself.
    Nothing,
}

impl Context {
    /// Waits for the token's turn.
    pub(crate) async fn turn(&self, token: TokenId, class: Class) -> Result<(), JobError> {
        come(self.book(token, class).await?).await
    }

    /// Takes a turn for the token, to be waited for with [`come`] just before the call.
    pub(crate) async fn book(&self, token: TokenId, class: Class) -> Result<Booked, JobError> {
        let limits = self.limits().await?;
        let rate =
            (f64::from(limits.max_requests_per_second) * self.rate_share).clamp(*RATES.start(), *RATES.end());
        if self.rates.differs(token, rate) {
            self.pace.set_rate(token, rate).await?;
            self.rates.remember(token, rate);
        }
        match self.pace.book(token, class, IN_PLACE).await? {
            Booking::Turn(booked) => Ok(booked),
            Booking::Wait { until, .. } => Err(JobError::NotYet { until }),
        }
    }

    /// Calls Apple once, when the turn comes. Writes down what the answer says of token and location.
    ///
    /// # Errors
    /// [`JobError::NotYet`] when the turn was missed or is void, so that nothing was sent.
    pub(crate) async fn call<T, F>(
        &self,
        token: &Token,
        turn: Booked,
        judge: Judge,
        ask: impl FnOnce(Apple, Secret) -> F,
    ) -> Result<Answer<T>, JobError>
    where
        F: Future<Output = Result<Answer<T>, AppleError>>,
    {
        let secret = {
            let mut db = self.store.read().await?;
            tokens::content(&mut db, token.id).await?
        };
        // Only now, as a slow database must not make the call come later than the limiter thinks.
        come(turn).await?;
        let answer = ask(self.apple.clone(), secret).await;
        match answer {
            Ok(answer) => {
                unless_told(token.id, self.mind_success(token.id, answer.retry_after).await);
                self.look_at(token, judge, &answer.seen).await?;
                Ok(answer)
            }
            Err(error) => {
                unless_told(token.id, self.mind_error(token.id, &error).await);
                self.blame_token(token, &error).await?;
                Err(error.into())
            }
        }
    }

    /// [`Self::book`] and [`Self::call`] in one, for calls that write nothing down before.
    pub(crate) async fn ask<T, F>(
        &self,
        token: &Token,
        class: Class,
        ask: impl FnOnce(Apple, Secret) -> F,
    ) -> Result<T, JobError>
    where
        F: Future<Output = Result<Answer<T>, AppleError>>,
    {
        let turn = self.book(token.id, class).await?;
        Ok(self.call(token, turn, Judge::Claim, ask).await?.value)
    }

    async fn mind_success(&self, token: TokenId, retry_after: Option<Duration>) -> Result<(), JobError> {
        if let Some(wait) = retry_after {
            self.pace.close_until(token, self.now().plus(wait)).await?;
        }
        Ok(self.pace.worked(token).await?)
    }

    /// Tells the limiter how a call went wrong.
    pub(crate) async fn mind_error(&self, token: TokenId, error: &AppleError) -> Result<(), JobError> {
        if let Some(wait) = error.retry_after() {
            self.pace.close_until(token, self.now().plus(wait)).await?;
        }
        match error.consequence() {
            Consequence::TooFast => {
                self.pace.slow_down(token).await?;
            }
            Consequence::Later | Consequence::NotSent | Consequence::LostReply => {
                self.pace.failed(token).await?;
            }
            Consequence::TokenDead
            | Consequence::Forbidden
            | Consequence::Wrong
            | Consequence::Replan
            | Consequence::NoLicense
            | Consequence::AlreadySo
            | Consequence::NeedsPerson => self.pace.worked(token).await?,
        }
        Ok(())
    }

    /// Compares location and claim with what we know; freezes the token when somebody else has taken it.
    async fn look_at(&self, token: &Token, judge: Judge, seen: &Seen) -> Result<(), JobError> {
        if let (Some(known), Some(found)) = (&token.uid, &seen.uid)
            && known != found
        {
            let reason = format!(
                "The token opens location {found} at Apple, but stands for {known} here; renew it with a token of {known}."
            );
            self.set_state(token, TokenState::Invalid, &reason, None).await?;
            return Err(JobError::OtherLocation { known: known.clone(), found: found.clone() });
        }
        let claim = judge_claim(&self.ours.id, seen.mdm.as_ref());
        let taken = claim == Claim::Foreign && token.state == TokenState::Valid && judge == Judge::Claim;
        if taken && let Some(other) = &seen.mdm {
            tracing::error!(token.id = token.id.0, other.mdm = %other.name, "another MDM server has taken the location");
            let state = TokenState::AssignedToExternalMdm;
            self.set_state(token, state, state.sentence(), Some(other)).await?;
        }
        Ok(())
    }

    /// Writes down what an error says of the token.
    async fn blame_token(&self, token: &Token, error: &AppleError) -> Result<(), JobError> {
        match error.token_state() {
            Some(state) if state != token.state => {
                tracing::error!(token.id = token.id.0, token.state = state.as_str(), error = %error, "Apple refuses the token");
                self.set_state(token, state, state.sentence(), None).await
            }
            Some(_) | None => Ok(()),
        }
    }

    pub(crate) async fn set_state(
        &self,
        token: &Token,
        state: TokenState,
        reason: &str,
        other: Option<&MdmInfo>,
    ) -> Result<(), JobError> {
        let mut tx = self.begin().await?;
        tokens::set_state(&mut tx, token.id, state, Some(reason), other, self.now()).await?;
        Ok(tx.commit().await?)
    }
}

/// Waits for a turn that was booked.
async fn come(booked: Booked) -> Result<(), JobError> {
    match booked.come().await? {
        Turn::Go => Ok(()),
        Turn::Wait { until, .. } => Err(JobError::NotYet { until }),
    }
}

/// A limiter that cannot be told how a call went must not cost the caller Apple's answer.
fn unless_told(token: TokenId, told: Result<(), JobError>) {
    if let Err(error) = told {
        tracing::warn!(
            token.id = token.0,
            error = chain(&error),
            "the limiter was not told how a call to Apple went"
        );
    }
}
