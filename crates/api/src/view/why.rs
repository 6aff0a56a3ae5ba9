//! Why a message is not running now, as clients see it.

use russet_domain::Timestamp;
use russet_queue::{Standing, Why};
use serde::Serialize;
use utoipa::ToSchema;

use crate::time;

/// One message, and what keeps it from running now.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Why)]
pub(crate) struct WhyView {
    /// What names the message: kind, colon, key.
    id: String,
    /// Its kind.
    kind: String,
    /// What it is about.
    key: String,
    /// Where it is.
    #[schema(value_type = StandingName)]
    state: &'static str,
    /// The same in one sentence for people.
    sentence: String,
    /// The moment that the sentence names as the one to wait for, if it names one; RFC 3339.
    until: Option<String>,
    /// The worker that has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    worker: Option<String>,
    /// Since when it runs, or is dead.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    /// How many attempts failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<u32>,
    /// Why it is dead, or why its last attempt failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// How many others go first, at least.
    #[serde(skip_serializing_if = "Option::is_none")]
    ahead: Option<u64>,
}

/// Where a message can be.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[allow(dead_code, reason = "documents the words")]
pub(crate) enum StandingName {
    Absent,
    Running,
    Dead,
    Paused,
    NoWorker,
    Later,
    Paced,
    TokenClosed,
    AppleClosed,
    Behind,
    Next,
}

impl From<Why> for WhyView {
    fn from(why: Why) -> Self {
        let mut view = Self {
            sentence: sentence(&why),
            state: why.standing.code(),
            until: why.standing.until().map(time::text),
            id: why.id,
            kind: why.kind,
            key: why.key,
            worker: None,
            since: None,
            attempts: None,
            reason: None,
            ahead: None,
        };
        match why.standing {
            Standing::Running { worker, since, lease_until: _, again: _ } => {
                view.worker = Some(worker);
                view.since = Some(time::text(since));
            }
            Standing::Dead { reason, died_at } => {
                view.reason = Some(reason);
                view.since = Some(time::text(died_at));
            }
            Standing::Later { due: _, attempts, last_error } => {
                view.attempts = Some(attempts);
                view.reason = last_error;
            }
            Standing::Behind { ahead } => view.ahead = Some(ahead),
            Standing::Absent
            | Standing::Paused
            | Standing::NoWorker
            | Standing::Paced { .. }
            | Standing::TokenClosed { .. }
            | Standing::AppleClosed { .. }
            | Standing::Next => {}
        }
        view
    }
}

/// The queue's sentence with the moment in UTC, so that it is enough by itself.
fn sentence(why: &Why) -> String {
    let text = why.to_string();
    let with = |more: &str, at: Timestamp, end: &str| {
        format!("{}; {more} {}{end}.", text.trim_end_matches('.'), time::text(at))
    };
    match &why.standing {
        Standing::Running { lease_until, .. } => with("its lease ends at", *lease_until, " unless renewed"),
        Standing::Dead { died_at, .. } => with("that was at", *died_at, ""),
        Standing::Later { due, .. } => with("it is due at", *due, ""),
        Standing::Paced { until } => with("that one comes at", *until, ""),
        Standing::TokenClosed { until } => with("that ends at", *until, ""),
        Standing::AppleClosed { until } => with("that one is made at", *until, ""),
        Standing::Absent
        | Standing::Paused
        | Standing::NoWorker
        | Standing::Behind { .. }
        | Standing::Next => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(standing: Standing) -> String {
        let why = Why { id: "sync_token:7".into(), kind: "sync_token".into(), key: "7".into(), standing };
        WhyView::from(why).sentence
    }

    #[test]
    fn a_sentence_names_the_moment_it_speaks_of() {
        let at = Timestamp(1_933_496_430_007);
        assert_eq!(
            said(Standing::Later { due: at, attempts: 0, last_error: None }),
            "Its time has not come yet; it is due at 2031-04-09T10:20:30.007Z."
        );
        assert_eq!(
            said(Standing::TokenClosed { until: at }),
            "Apple asked to leave its token alone for a while; that ends at 2031-04-09T10:20:30.007Z."
        );
    }

    #[test]
    fn a_reason_that_ends_with_a_point_gets_no_second_one() {
        let dead = said(Standing::Dead { reason: "It broke.".into(), died_at: Timestamp(0) });
        assert!(dead.contains("It broke; that was at 1970-01-01T00:00:00.000Z."), "{dead}");
    }
}
