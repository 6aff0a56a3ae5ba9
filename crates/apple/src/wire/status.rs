//! The answer of Event Status.
//!
//! <https://developer.apple.com/documentation/devicemanagement/statusresponse>

use russet_domain::event::EventStatus;
use serde::Deserialize;

use crate::report::EventReport;
use crate::wire::Fault;
use crate::wire::error::ErrorResponse;
use crate::wire::scalar::{Text, Whole};

/// `StatusResponse`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Status<'a> {
    #[serde(borrow)]
    event_status: Option<Text<'a>>,
    num_requested: Option<Whole>,
    num_completed: Option<Whole>,
    #[serde(borrow)]
    failures: Option<Vec<ErrorResponse<'a>>>,
}

impl Status<'_> {
    pub(crate) fn into_value(self) -> Result<EventReport, Fault> {
        let Some(Text(word)) = self.event_status else {
            return Err(Fault::Sense("it is JSON, but not the status of an event"));
        };
        let status = match &*word {
            "PENDING" => EventStatus::Pending,
            "COMPLETE" => EventStatus::Complete,
            "FAILED" => EventStatus::Failed,
            _ => EventStatus::Unknown,
        };
        Ok(EventReport {
            status,
            requested: self.num_requested.map(|Whole(number)| number),
            completed: self.num_completed.map(|Whole(number)| number),
            failures: self.failures.into_iter().flatten().map(ErrorResponse::into_failure).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::read;

    fn status(text: &str) -> EventReport {
        read::<Status<'_>>(text.as_bytes()).unwrap().into_value().unwrap()
    }

    #[test]
    fn a_partial_failure_is_not_clean_and_keeps_what_it_names() {
        let report = status(
            r#"{"eventStatus":"FAILED","eventType":"ASSOCIATE","numRequested":16,"numCompleted":14,
            "failures":[{"errorNumber":9609,"errorMessage":"x","errorInfo":{"clientUserIds":["u1"]}},{"errorNumber":9999}]}"#,
        );
        assert_eq!(report.status, EventStatus::Failed);
        assert!(!report.clean());
        assert_eq!(
            (report.failures[0].number, report.failures[0].users.as_slice()),
            (Some(9609), &["u1".to_owned()][..])
        );
        assert_eq!(report.failures[1].number, Some(9999));
    }

    #[test]
    fn complete_is_clean_only_with_counts_that_match() {
        assert!(
            status(r#"{"eventStatus":"COMPLETE","numRequested":2,"numCompleted":2,"failures":[]}"#).clean()
        );
        assert!(!status(r#"{"eventStatus":"COMPLETE","numRequested":2,"numCompleted":1}"#).clean());
        assert!(!status(r#"{"eventStatus":"COMPLETE"}"#).clean());
    }

    #[test]
    fn a_word_that_apple_adds_is_unknown_and_not_fatal() {
        assert_eq!(status(r#"{"eventStatus":"PAUSED"}"#).status, EventStatus::Unknown);
        assert!(read::<Status<'_>>(b"{}").unwrap().into_value().is_err());
    }
}
