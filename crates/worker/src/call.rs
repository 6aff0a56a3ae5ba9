//! Calls Apple for a token: at its pace, with its secret, and with an eye on what every answer says of the location.

use std::time::Duration;

use russet_apple::{Answer, Apple, AppleError, Consequence, Seen};
use russet_domain::token::{Claim, MdmInfo, TokenState, judge_claim};
use russet_domain::{Secret, TokenId};
use russet_queue::{Booked, Booking, Class, Turn};
use russet_store::audit;
use russet_store::tokens::{self, NewStanding, Token};
use serde_json::json;

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
                if let Some(refusal) = error.refusal() {
                    // A refusal, too, may show that somebody else has the location now.
                    self.look_at(token, judge, &refusal.seen).await?;
                }
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

    /// Compares location and claim with what we know; freezes the token when somebody else has taken it. It is never taken
    /// back from here: that is for an administrator to order.
    async fn look_at(&self, token: &Token, judge: Judge, seen: &Seen) -> Result<(), JobError> {
        if let (Some(known), Some(found)) = (&token.uid, &seen.uid)
            && known != found
        {
            let reason = format!(
                "The token opens location {found} at Apple, but stands for {known} here; renew it with a token of {known}."
            );
            let standing = NewStanding {
                state: TokenState::Invalid,
                code: Some("other_location"),
                reason: Some(&reason),
                other: None,
            };
            self.set_standing(token.id, standing).await?;
            return Err(JobError::OtherLocation { known: known.clone(), found: found.clone() });
        }
        let is_foreign = judge_claim(&self.ours.id, seen.mdm.as_ref()) == Claim::Foreign;
        if let Some(other) = seen.mdm.as_ref().filter(|_| is_foreign && judge == Judge::Claim)
            && token.state.may_write()
        {
            self.freeze(token, other).await?;
        }
        Ok(())
    }

    /// Writes down that somebody else has the location. For the tokens that share it too: none of them may write.
    pub(crate) async fn freeze(&self, token: &Token, other: &MdmInfo) -> Result<(), JobError> {
        if token.state != TokenState::AssignedToExternalMdm {
            tracing::error!(token.id = token.id.0, other.mdm = %other.name, "another MDM server has taken the location");
        }
        let state = TokenState::AssignedToExternalMdm;
        let standing = NewStanding { state, code: None, reason: Some(state.sentence()), other: Some(other) };
        let now = self.now();
        let mut tx = self.begin().await?;
        let sharing = match &token.uid {
            Some(uid) => tokens::by_uid(&mut tx, uid).await?,
            None => Vec::new(),
        };
        tokens::set_standing(&mut tx, token.id, standing, now).await?;
        for sibling in sharing.iter().filter(|other| other.id != token.id && other.state.may_write()) {
            tokens::set_standing(&mut tx, sibling.id, standing, now).await?;
        }
        if token.state.may_write() {
            let detail =
                json!({ "other_mdm": { "id": other.id, "name": other.name, "metadata": other.metadata } });
            let (subject, detail) = (format!("token {}", token.id), detail.to_string());
            audit::write(&mut tx, WORKER, "token.taken_from_us", &subject, &detail, now).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Writes down what an error says of the token.
    async fn blame_token(&self, token: &Token, error: &AppleError) -> Result<(), JobError> {
        let Some(standing) = error.token_standing() else { return Ok(()) };
        if standing.state == token.state && token.state_code.as_deref() == Some(standing.code) {
            return Ok(());
        }
        let (state, code) = (standing.state.as_str(), standing.code);
        tracing::error!(token.id = token.id.0, token.state = state, code, error = %error, "Apple refuses the token");
        let new = NewStanding {
            state: standing.state,
            code: Some(standing.code),
            reason: Some(standing.sentence),
            other: None,
        };
        self.set_standing(token.id, new).await
    }

    pub(crate) async fn set_standing(&self, token: TokenId, new: NewStanding<'_>) -> Result<(), JobError> {
        let mut tx = self.begin().await?;
        tokens::set_standing(&mut tx, token, new, self.now()).await?;
        Ok(tx.commit().await?)
    }
}

/// How the audit log names a worker.
pub(crate) const WORKER: &str = "worker";

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
