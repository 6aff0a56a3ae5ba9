//! What an event is about, and what its status means for the work of its request.

use std::time::Duration;

use crate::change::{self, Action};
use crate::time::Timestamp;

/// What Apple does in an event: its `eventType`
/// (<https://developer.apple.com/documentation/devicemanagement/statusresponse>).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventKind {
    /// Gives licenses out.
    Associate,
    /// Takes licenses back.
    Disassociate,
    /// Takes everything back from some holders.
    Revoke,
    /// Registers users.
    Create,
    /// Changes users.
    Update,
    /// Retires users.
    Retire,
    /// A word that Apple added later, as it came.
    Other(String),
}

impl EventKind {
    /// Reads Apple's spelling.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        match text {
            "ASSOCIATE" => Self::Associate,
            "DISASSOCIATE" => Self::Disassociate,
            "REVOKE" => Self::Revoke,
            "CREATE" => Self::Create,
            "UPDATE" => Self::Update,
            "RETIRE" => Self::Retire,
            other => Self::Other(other.to_owned()),
        }
    }

    /// Apple's spelling.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Associate => "ASSOCIATE",
            Self::Disassociate => "DISASSOCIATE",
            Self::Revoke => "REVOKE",
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Retire => "RETIRE",
            Self::Other(word) => word,
        }
    }

    /// Which way it moves licenses, when it moves any that were named one by one or by their holders.
    #[must_use]
    pub fn moves(&self) -> Option<Action> {
        match self {
            Self::Associate => Some(Action::Assign),
            Self::Disassociate | Self::Revoke => Some(Action::Revoke),
            Self::Create | Self::Update | Self::Retire | Self::Other(_) => None,
        }
    }

    /// Whether a number of [`Meaning::AlreadySo`](crate::apple_error::Meaning::AlreadySo) says that this very wish is
    /// fulfilled: that a license is already assigned comforts nobody who takes it back.
    #[must_use]
    pub fn already_so(&self, number: i32) -> bool {
        match self {
            Self::Associate => change::already_so(Action::Assign, number),
            Self::Disassociate | Self::Revoke => change::already_so(Action::Revoke, number),
            Self::Create => number == 9716,
            Self::Retire => matches!(number, 9618 | 9620),
            Self::Update | Self::Other(_) => false,
        }
    }
}

/// Apple's word about an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventStatus {
    /// Apple is still at it.
    Pending,
    /// Apple calls it done.
    Complete,
    /// Apple calls it failed, in whole or in part.
    Failed,
    /// Apple does not know the event (9708).
    Unknown,
    /// Apple answered a word that this version does not know. The event may well be running.
    OtherWord,
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
    /// All that the request asked for was done.
    AllMoved,
    /// The failures and counts do not say for sure which moved: read back.
    ReadBack,
    /// Ask again at `until`.
    AskAgain {
        /// When.
        until: Timestamp,
    },
}

/// Judges a status answer: success only if the counts match and there are no failures, which is `clean`.
///
/// A failure may name only one dimension of the request, so that in all other cases only reading back is certain. A word
/// that we do not know may mean that Apple is still at it: what is read back then and sent again could run beside the
/// first event, so that it is waited for as for a pending one.
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
        EventStatus::Pending | EventStatus::OtherWord if now >= sent.plus(patience.read_back_after) => {
            Verdict::ReadBack
        }
        EventStatus::Pending | EventStatus::OtherWord => {
            Verdict::AskAgain { until: now.plus(patience.poll_every) }
        }
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

    #[test]
    fn every_combination_of_status_and_counts_has_its_verdict() {
        let again = Verdict::AskAgain { until: at(430) };
        let table = [
            (EventStatus::Complete, true, Verdict::AllMoved),
            (EventStatus::Complete, false, Verdict::ReadBack),
            (EventStatus::Failed, true, Verdict::ReadBack),
            (EventStatus::Failed, false, Verdict::ReadBack),
            (EventStatus::Pending, true, again),
            (EventStatus::Pending, false, again),
            (EventStatus::OtherWord, true, again),
            (EventStatus::OtherWord, false, again),
            (EventStatus::Unknown, true, Verdict::ReadBack),
            (EventStatus::Unknown, false, Verdict::ReadBack),
        ];
        for (status, clean, verdict) in table {
            assert_eq!(judge(PATIENCE, status, clean, at(0), at(400)), verdict, "{status:?} {clean}");
        }
        assert_eq!(judge(PATIENCE, EventStatus::OtherWord, true, at(0), at(600)), Verdict::ReadBack);
    }

    #[test]
    fn only_the_number_of_its_own_kind_fulfills_a_wish() {
        let comforts = |kind: &str| -> Vec<i32> {
            let kind = EventKind::from_text(kind);
            [9616, 9618, 9619, 9620, 9716, 9609]
                .into_iter()
                .filter(|number| kind.already_so(*number))
                .collect()
        };
        assert_eq!(comforts("ASSOCIATE"), [9616]);
        assert_eq!(comforts("DISASSOCIATE"), [9619]);
        assert_eq!(comforts("REVOKE"), [9619]);
        assert_eq!(comforts("CREATE"), [9716]);
        assert_eq!(comforts("UPDATE"), [0_i32; 0]);
        assert_eq!(comforts("RETIRE"), [9618, 9620]);
        assert_eq!(comforts("MERGE"), [0_i32; 0]);
    }

    #[test]
    fn a_kind_of_event_that_apple_adds_is_kept_by_its_word() {
        for word in ["ASSOCIATE", "DISASSOCIATE", "REVOKE", "CREATE", "UPDATE", "RETIRE", "MERGE"] {
            assert_eq!(EventKind::from_text(word).as_str(), word);
        }
        assert_eq!(EventKind::from_text("MERGE").moves(), None);
    }
}
