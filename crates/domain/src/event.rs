//! What an event's status means for the changes of its request.

use std::time::Duration;

use crate::time::Timestamp;

/// Apple's word about an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventStatus {
    /// Apple is still at it.
    Pending,
    /// Apple calls it done.
    Complete,
    /// Apple calls it failed, in whole or in part.
    Failed,
    /// Apple does not know the event (9708), or answered a word that we do not know.
    Unknown,
}

/// When an accepted request is asked after.
///
/// Apple asks for five minutes without news before the first question, 30 seconds between two, and to send again after
/// ten minutes (<https://developer.apple.com/documentation/devicemanagement/subscribing-to-notifications>).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// How long to wait for notifications before the first status question.
    pub poll_after: Duration,
    /// How long between two status questions.
    pub poll_every: Duration,
    /// When to stop asking and read the assignments back.
    pub read_back_after: Duration,
}

/// What to do about a request that has changes still open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing yet.
    Wait {
        /// When to look again.
        until: Timestamp,
    },
    /// Ask Apple for the event's status.
    AskStatus,
    /// Read the assignments back from Apple and compare.
    ReadBack,
}

/// What to do about a request that was written down at `sent` and is still open, before asking Apple anything.
///
/// `accepted` says whether Apple's answer, with the event's id, reached us. Without it there is no event to ask for:
/// after the same wait the assignments are read back.
#[must_use]
pub fn next(patience: Patience, sent: Timestamp, accepted: bool, now: Timestamp) -> Next {
    let first_look = sent.plus(patience.poll_after.min(patience.read_back_after));
    if now < first_look {
        return Next::Wait { until: first_look };
    }
    if accepted { Next::AskStatus } else { Next::ReadBack }
}

/// What the status means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every open change of the request has moved.
    AllMoved,
    /// The failures and counts do not say for sure which moved: read back.
    ReadBack,
    /// Ask again at `until`.
    AskAgain {
        /// When.
        until: Timestamp,
    },
}

/// Judges a status answer: success only if the counts match and there are no failures.
///
/// A failure may name only one dimension of the request, so that in all other cases only reading back is certain.
#[must_use]
pub fn judge(
    patience: Patience,
    status: EventStatus,
    clean: bool,
    sent: Timestamp,
    now: Timestamp,
) -> Verdict {
    match status {
        EventStatus::Complete if clean => Verdict::AllMoved,
        EventStatus::Complete | EventStatus::Failed | EventStatus::Unknown => Verdict::ReadBack,
        EventStatus::Pending if now >= sent.plus(patience.read_back_after) => Verdict::ReadBack,
        EventStatus::Pending => Verdict::AskAgain { until: now.plus(patience.poll_every) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience {
        poll_after: Duration::from_secs(300),
        poll_every: Duration::from_secs(30),
        read_back_after: Duration::from_secs(600),
    };

    fn at(seconds: i64) -> Timestamp {
        Timestamp(seconds * 1000)
    }

    #[test]
    fn a_lost_reply_is_read_back_and_never_sent_again_blindly() {
        assert_eq!(next(PATIENCE, at(0), false, at(301)), Next::ReadBack);
    }

    #[test]
    fn nothing_is_asked_before_five_minutes() {
        assert_eq!(next(PATIENCE, at(0), true, at(299)), Next::Wait { until: at(300) });
        assert_eq!(next(PATIENCE, at(0), true, at(300)), Next::AskStatus);
    }

    #[test]
    fn complete_with_failures_is_not_success() {
        assert_eq!(judge(PATIENCE, EventStatus::Complete, false, at(0), at(400)), Verdict::ReadBack);
        assert_eq!(judge(PATIENCE, EventStatus::Complete, true, at(0), at(400)), Verdict::AllMoved);
    }

    #[test]
    fn a_pending_event_is_read_back_after_ten_minutes() {
        let soon = judge(PATIENCE, EventStatus::Pending, true, at(0), at(400));
        assert_eq!(soon, Verdict::AskAgain { until: at(430) });
        assert_eq!(judge(PATIENCE, EventStatus::Pending, true, at(0), at(600)), Verdict::ReadBack);
    }
}
