//! Why a message is where it is: one sentence for whoever waits for it.

use std::fmt;

use russet_domain::Timestamp;

use crate::contract::{Lease, Record, lane_of};
use crate::pace::Wait;

/// One message, and what keeps it from running now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Why {
    /// What names the message: kind, colon, key.
    pub id: String,
    /// Its kind.
    pub kind: String,
    /// Its key.
    pub key: String,
    /// Where it is.
    pub standing: Standing,
}

/// Where a message is, and what is in its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Neither waiting, nor running, nor set aside: it is through, or was never pushed.
    Absent,
    /// In a worker's hands.
    Running {
        /// Whose.
        worker: String,
        /// Since when.
        since: Timestamp,
        /// When the lease ends unless renewed.
        lease_until: Timestamp,
        /// Whether it was pushed meanwhile, and so runs once more afterwards.
        again: bool,
    },
    /// Set aside.
    Dead {
        /// Why.
        reason: String,
        /// When.
        died_at: Timestamp,
    },
    /// Its kind is paused.
    Paused,
    /// No worker that was heard of lately takes its kind.
    NoWorker,
    /// Its time has not come.
    Later {
        /// When it comes.
        due: Timestamp,
        /// How many attempts failed.
        attempts: u32,
        /// Why the last of them did.
        last_error: Option<String>,
    },
    /// Its token has used its turns to call Apple.
    Paced {
        /// When the next turn comes.
        until: Timestamp,
    },
    /// Apple asked to leave its token alone.
    TokenClosed {
        /// Until when.
        until: Timestamp,
    },
    /// Many tokens failed at once, so nobody calls Apple.
    AppleClosed {
        /// When it is tried again.
        until: Timestamp,
    },
    /// It could run, and others go first.
    Behind {
        /// How many, at least.
        ahead: u64,
    },
    /// It goes next, as soon as a worker has a free place.
    Next,
}

impl Standing {
    /// A stable name of the state. Clients hold it; it never changes.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Running { .. } => "running",
            Self::Dead { .. } => "dead",
            Self::Paused => "paused",
            Self::NoWorker => "no_worker",
            Self::Later { .. } => "later",
            Self::Paced { .. } => "paced",
            Self::TokenClosed { .. } => "token_closed",
            Self::AppleClosed { .. } => "apple_closed",
            Self::Behind { .. } => "behind",
            Self::Next => "next",
        }
    }

    /// The moment that the sentence names as the one to wait for, if it names one.
    #[must_use]
    pub fn until(&self) -> Option<Timestamp> {
        match self {
            Self::Running { lease_until, .. } => Some(*lease_until),
            Self::Later { due, .. } => Some(*due),
            Self::Paced { until } | Self::TokenClosed { until } | Self::AppleClosed { until } => Some(*until),
            Self::Absent
            | Self::Dead { .. }
            | Self::Paused
            | Self::NoWorker
            | Self::Behind { .. }
            | Self::Next => None,
        }
    }
}

/// The sentence. Moments are left to whoever shows it, as only they know the time zone: see [`Standing::until`].
impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = &self.kind;
        match &self.standing {
            Standing::Absent => {
                write!(f, "It is not in the queue: it is through, or nobody has asked for it.")
            }
            Standing::Running { worker, again: false, .. } => {
                write!(f, "It is running now, in the hands of worker {worker}.")
            }
            Standing::Running { worker, again: true, .. } => {
                write!(
                    f,
                    "It is running now, in the hands of worker {worker}, and runs once more afterwards."
                )
            }
            Standing::Dead { reason, .. } => {
                let reason = reason.trim_end_matches('.');
                write!(f, "It was set aside and runs only when it is retried: {reason}.")
            }
            Standing::Paused => {
                write!(f, "Its kind {kind} is paused; it runs after the kind is resumed.")
            }
            Standing::NoWorker => {
                write!(f, "No worker that takes {kind} was heard of lately; start one.")
            }
            Standing::Later { attempts: 0, .. } => write!(f, "Its time has not come yet."),
            Standing::Later { attempts, last_error, .. } => write!(
                f,
                "It failed {attempts} times and is tried again later; the last time: {}.",
                last_error.as_deref().unwrap_or("nobody wrote down why")
            ),
            Standing::Paced { .. } => {
                write!(f, "Its token has used its turns to call Apple and waits for the next.")
            }
            Standing::TokenClosed { .. } => {
                write!(f, "Apple asked to leave its token alone for a while.")
            }
            Standing::AppleClosed { .. } => {
                write!(
                    f,
                    "Many tokens failed at once, so Apple is left alone until a single call has worked."
                )
            }
            Standing::Behind { ahead } => {
                write!(f, "It could run now and {ahead} others go first; more workers would help.")
            }
            Standing::Next => write!(f, "It goes next, as soon as a worker has a free place."),
        }
    }
}

/// What decides about one message, as the queue has it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    pub(crate) now: i64,
    /// The lease, and when it ends.
    pub(crate) running: Option<(Lease, i64)>,
    /// Whether it was pushed while it ran.
    pub(crate) again: bool,
    pub(crate) waiting: Option<Waiting>,
    /// The reason, and when it died.
    pub(crate) dead: Option<(String, i64)>,
    pub(crate) is_paused: bool,
    /// Whether a worker takes its kind.
    pub(crate) is_served: bool,
    /// What keeps its token from calling Apple, and until when.
    pub(crate) gate: Option<(Wait, Timestamp)>,
    /// How many ready messages go first.
    pub(crate) ahead: u64,
}

/// A message in its lane.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    pub(crate) due: i64,
    pub(crate) record: Record,
}

/// Before which due time a message of the priority `digit` goes before `waiting`.
pub(crate) fn rank_before(waiting: &Waiting, digit: u8, head_start_ms: u64) -> i64 {
    let step = i64::try_from(head_start_ms).unwrap_or(i64::MAX);
    waiting.due + (i64::from(digit) - i64::from(lane_of(waiting.record.priority))) * step
}

/// Where the message is: what runs or waits counts before what is dead, as it was pushed again since.
pub(crate) fn standing(facts: Facts) -> Standing {
    if let Some((lease, until)) = facts.running {
        return Standing::Running {
            worker: lease.worker.to_string(),
            since: Timestamp(lease.since),
            lease_until: Timestamp(until),
            again: facts.again,
        };
    }
    let Some(waiting) = facts.waiting else {
        return facts.dead.map_or(Standing::Absent, |(reason, died_at)| Standing::Dead {
            reason,
            died_at: Timestamp(died_at),
        });
    };
    if facts.is_paused {
        return Standing::Paused;
    }
    if !facts.is_served {
        return Standing::NoWorker;
    }
    match facts.gate {
        // A claim puts a message off to a moment before its token's turn, so that this is what it waits for.
        Some((wait, until)) if until.0 >= waiting.due => match wait {
            Wait::Pace => Standing::Paced { until },
            Wait::TokenClosed => Standing::TokenClosed { until },
            Wait::AppleClosed => Standing::AppleClosed { until },
        },
        Some(_) | None if waiting.due > facts.now => Standing::Later {
            due: Timestamp(waiting.due),
            attempts: waiting.record.attempts,
            last_error: Some(waiting.record.why).filter(|why| !why.is_empty()),
        },
        Some(_) | None if facts.ahead > 0 => Standing::Behind { ahead: facts.ahead },
        Some(_) | None => Standing::Next,
    }
}
