//! A turn that was booked ahead: it comes, or it is void by then.

use std::time::{Duration, Instant};

use russet_domain::{Timestamp, TokenId};

use super::{Pace, Turn, reason, until};
use crate::QueueError;
use crate::pace::{Class, Wait};

/// A turn that is further off than this is checked again before it is used.
const RECHECK_AFTER: Duration = Duration::from_millis(50);
/// A turn that is used later than this is void, as it would come close to those that follow it: its holder was busy with
/// something else, or its whole process was frozen.
const LATE_MAX: Duration = Duration::from_millis(50);

/// What a booking brought.
#[derive(Debug)]
pub enum Booking {
    /// A turn, now or soon.
    Turn(Booked),
    /// None within the patience. No turn is used up.
    Wait {
        /// When asking again makes sense.
        until: Timestamp,
        /// What is in the way.
        why: Wait,
    },
}

/// A turn that is the caller's, at a moment that is close. One that is not needed after all is to be
/// [given back](Self::give_back).
#[derive(Debug)]
#[must_use]
pub struct Booked {
    pub(super) pace: Pace,
    pub(super) token: TokenId,
    pub(super) class: Class,
    /// Until when the caller waits in place.
    pub(super) deadline: Instant,
    pub(super) at: Instant,
    /// How far off it was when it was booked.
    pub(super) off: Duration,
    /// When it was booked, on the queue's clock.
    pub(super) booked_us: i64,
    /// Whether it finds out for all whether Apple is back.
    pub(super) is_probe: bool,
}

impl Booked {
    /// Waits for the turn. One that was missed is void, and another is taken if it comes in time.
    ///
    /// # Errors
    ///
    /// [`QueueError::Unavailable`] when Redis does not answer: then nobody may call.
    pub async fn come(self) -> Result<Turn, QueueError> {
        tokio::time::sleep_until(self.at.into()).await;
        if self.at.elapsed() > LATE_MAX {
            self.give_back().await?;
            let left = self.deadline.saturating_duration_since(Instant::now());
            return Box::pin(self.pace.turn(self.token, self.class, left)).await;
        }
        if self.off < RECHECK_AFTER {
            return Ok(Turn::Go);
        }
        let holds = self.pace.holds(self.token, self.booked_us).await?;
        let Some(why) = reason(holds.verdict) else { return Ok(Turn::Go) };
        self.give_back().await?;
        Ok(Turn::Wait { until: until(holds.at_us), why })
    }

    /// Whether it is the call that finds out for all whether Apple is back.
    #[must_use]
    pub fn is_probe(&self) -> bool {
        self.is_probe
    }

    /// Tells that no call is made. The turn is used up all the same; but if it was to find out whether Apple is back,
    /// another may do that at once.
    ///
    /// # Errors
    ///
    /// [`QueueError::Unavailable`] when Redis does not answer: then the others wait until the probe would have ended.
    pub async fn give_back(&self) -> Result<(), QueueError> {
        if self.is_probe { self.pace.give_back_probe(self.token).await } else { Ok(()) }
    }
}
