//! Writes gates down: those of a token that are asked for while others of it are being written share the next transaction.
//!
//! A crowd of devices that enroll at once asks for a thousand gates within a second. All of them wait for the lock of the same
//! token, so that one transaction for each would make a queue of it, and a wave of changes too long for one request to Apple.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use russet_domain::TokenId;
use tokio::sync::oneshot;

use super::write::{Answers, Asked, write};
use crate::error::ApiError;
use crate::once::Answer;
use crate::problem::chain;
use crate::retrying::retrying;
use crate::state::App;

/// The most submissions that share a transaction.
const TOGETHER_MAX: usize = 128;
/// The most pairs of app and holder that submissions which share one have, unless a single one has more.
const PAIRS_TOGETHER_MAX: usize = 5_000;
/// The most submissions that wait for a token's turn.
const WAITING_MAX: usize = 5_000;

/// Where gates are handed in. A lane is there as long as somebody writes for its token.
#[derive(Default)]
pub(crate) struct Desk {
    lanes: Mutex<HashMap<TokenId, Vec<Arrival>>>,
}

struct Arrival {
    asked: Asked,
    done: Done,
}

type Done = oneshot::Sender<Result<Answer, ApiError>>;
type Written = Result<Answers, ApiError>;

impl Desk {
    /// Writes gates down and answers what was known at once. May be repeated with an `Idempotency-Key`.
    ///
    /// # Errors
    /// When what is asked for cannot be, or the database cannot take it.
    pub(super) async fn submit(self: &Arc<Self>, app: &App, asked: Asked) -> Result<Answer, ApiError> {
        let (done, answer) = oneshot::channel();
        let token = asked.token();
        if self.line_up(token, Arrival { asked, done })? {
            let turn = Turn { desk: Arc::clone(self), token, ended: false };
            tokio::spawn(turn.write_all(app.clone()));
        }
        answer.await.map_err(|_| ApiError::Overloaded)?
    }

    /// Takes a place in the lane of a token. Tells whether nobody writes for it, so that the caller has to see to it.
    fn line_up(&self, token: TokenId, arrival: Arrival) -> Result<bool, ApiError> {
        let mut lanes = self.lanes();
        if let Some(lane) = lanes.get_mut(&token) {
            if lane.len() >= WAITING_MAX {
                return Err(ApiError::Overloaded);
            }
            lane.push(arrival);
            return Ok(false);
        }
        lanes.insert(token, vec![arrival]);
        Ok(true)
    }

    /// The next who share a transaction. When there are none the lane is closed.
    fn next(&self, token: TokenId) -> Vec<Arrival> {
        let mut lanes = self.lanes();
        let Some(lane) = lanes.get_mut(&token).filter(|lane| !lane.is_empty()) else {
            lanes.remove(&token);
            return Vec::new();
        };
        let (mut number, mut pairs) = (0, 0_usize);
        for arrival in lane.iter().take(TOGETHER_MAX) {
            pairs = pairs.saturating_add(arrival.asked.pairs());
            if number > 0 && pairs > PAIRS_TOGETHER_MAX {
                break;
            }
            number += 1;
        }
        lane.drain(..number).collect()
    }

    fn lanes(&self) -> MutexGuard<'_, HashMap<TokenId, Vec<Arrival>>> {
        // Nothing that holds it can leave it half done.
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whose turn it is to write for a token. Whoever still waits when it ends, which only a mistake of ours can cause, is told so.
struct Turn {
    desk: Arc<Desk>,
    token: TokenId,
    /// Whether the lane is closed; another one may be there by now, which is somebody else's.
    ended: bool,
}

impl Turn {
    async fn write_all(mut self, app: App) {
        loop {
            let (asked, waiting): (Vec<Asked>, Vec<_>) =
                self.desk.next(self.token).into_iter().map(|arrival| (arrival.asked, arrival.done)).unzip();
            if asked.is_empty() {
                self.ended = true;
                return;
            }
            let written = retrying(|| write(&app, self.token, &asked)).await;
            self.answer(&app, asked, waiting, written).await;
        }
    }

    /// Answers those whose gates were written together. When that failed as a whole, each is tried for itself, so that nobody suffers
    /// for another one.
    async fn answer(&self, app: &App, asked: Vec<Asked>, waiting: Vec<Done>, written: Written) {
        match written {
            // Whoever asked may have gone; it is written down all the same.
            Ok(answers) => {
                answers.into_iter().zip(waiting).for_each(|(answer, done)| drop(done.send(answer)));
            }
            Err(error) if asked.len() == 1 => {
                waiting.into_iter().next().map(|done| done.send(Err(error)));
            }
            Err(error) => {
                tracing::debug!(error = %chain(&error), "gates are written one by one");
                for (asked, done) in asked.into_iter().zip(waiting) {
                    let one = [asked];
                    let written = retrying(|| write(app, self.token, &one)).await;
                    let _ = done.send(written.and_then(|mut one| one.pop().ok_or(ApiError::Overloaded)?));
                }
            }
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if !self.ended {
            self.desk.lanes().remove(&self.token);
        }
    }
}
