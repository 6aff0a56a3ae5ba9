//! A turn that was booked ahead: it comes, or it is void by then.

use std::time::{Duration, Instant};

use russet_domain::{Timestamp, TokenId};

use super::{Class, Pace, Turn, Wait, reason, until};
use crate::QueueError;

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

/// A turn that is the caller's, at a moment that is close. Dropping it leaves it unused.
#[derive(Debug)]
pub struct Booked {
    pub(super) pace: Pace,
    pub(super) token: TokenId,
    pub(super) class: Class,
    /// Until when the caller waits in place.
    pub(super) deadline: Instant,
    pub(super) at: Instant,
    /// How far off it was when it was booked.
    pub(super) off: Duration,
}

impl Booked {
    /// Waits for the turn. One that was missed is void, and another is taken if it comes in time.
    ///
    /// # Errors
    ///
    /// [`QueueError::Unavailable`] when Redis does not answer: then nobody may call.
    pub async fn come(self) -> Result<Turn, QueueError> {
        let Self { pace, token, class, deadline, at, off } = self;
        tokio::time::sleep_until(at.into()).await;
        if at.elapsed() > LATE_MAX {
            let left = deadline.saturating_duration_since(Instant::now());
            return Box::pin(pace.turn(token, class, left)).await;
        }
        if off < RECHECK_AFTER {
            return Ok(Turn::Go);
        }
        let holds = pace.holds(token).await?;
        Ok(match reason(holds.verdict) {
            None => Turn::Go,
            Some(why) => Turn::Wait { until: until(holds.at_us), why },
        })
    }
}
