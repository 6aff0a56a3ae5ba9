//! The answer of Event Status.
//!
//! <https://developer.apple.com/documentation/devicemanagement/statusresponse>

use russet_domain::event::{EventKind, EventStatus};

use crate::report::{EventReport, Failure};
use crate::wire::error::failure;
use crate::wire::{Fault, Object};

/// `StatusResponse`.
pub(crate) fn report(object: &Object<'_>) -> Result<EventReport, Fault> {
    let word = object.filled("eventStatus")?;
    let status = match word.as_str() {
        "PENDING" => EventStatus::Pending,
        "COMPLETE" => EventStatus::Complete,
        "FAILED" => EventStatus::Failed,
        _ => EventStatus::OtherWord,
    };
    Ok(EventReport {
        status,
        word,
        kind: object.soft_text("eventType").map(|kind| EventKind::from_text(&kind)),
        requested: object.soft(object.whole("numRequested")),
        completed: object.soft(object.whole("numCompleted")),
        failures: failures(object),
    })
}

/// What failed. A failure that cannot be read is still one, of nobody knows what.
fn failures(object: &Object<'_>) -> Vec<Failure> {
    match object.records("failures", |record| Ok(failure(record))) {
        Ok(None) => Vec::new(),
        Ok(Some(records)) => {
            let unread = std::iter::repeat_with(Failure::unread).take(records.skipped);
            records.items.into_iter().chain(unread).collect()
        }
        Err(fault) => {
            object.note(fault);
            vec![Failure::unread()]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{read_odd, read_plain};

    fn status(text: &str) -> EventReport {
        read_plain(text, report)
    }

    #[test]
    fn a_partial_failure_is_not_clean_and_keeps_what_it_names() {
        let report = status(
            r#"{"eventStatus":"FAILED","eventType":"ASSOCIATE","numRequested":16,"numCompleted":14,
            "failures":[{"errorNumber":9609,"errorMessage":"x","errorInfo":{"clientUserIds":["u1"]}},{"errorNumber":9999}]}"#,
        );
        assert_eq!((report.status, report.kind.as_ref()), (EventStatus::Failed, Some(&EventKind::Associate)));
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
        assert!(!status(r#"{"eventStatus":"COMPLETE","numRequested":0,"numCompleted":0}"#).clean());
        let failed = r#"{"eventStatus":"COMPLETE","numRequested":2,"numCompleted":2,"failures":[{}]}"#;
        assert!(!status(failed).clean());
    }

    #[test]
    fn a_failure_that_cannot_be_read_is_still_a_failure() {
        for failures in
            [r#"["x"]"#, r#""x""#, r#"{"errorNumber":{}}"#, r#"[],"failures":[{"errorNumber":9609}]"#]
        {
            let text = format!(
                r#"{{"eventStatus":"COMPLETE","numRequested":2,"numCompleted":2,"failures":{failures}}}"#
            );
            let (read, notes) = read_odd(&text, report);
            let read = read.unwrap();
            assert!(!read.clean() && read.failures == [Failure::unread()], "{text}");
            assert_eq!(notes.len(), 1, "{text}");
        }
    }

    #[test]
    fn an_event_about_users_names_those_it_failed_for() {
        let report = status(
            r#"{"eventStatus":"FAILED","eventType":"CREATE","numRequested":3,"numCompleted":1,
            "failures":[{"errorNumber":9716,"errorInfo":{"clientUserIds":["u1","u2"]}}]}"#,
        );
        assert_eq!(report.kind, Some(EventKind::Create));
        assert_eq!((report.failures[0].number, report.failures[0].users.len()), (Some(9716), 2));
    }

    #[test]
    fn a_word_that_apple_adds_is_unknown_and_not_fatal() {
        let report = status(r#"{"eventStatus":"PAUSED","eventType":"MERGE"}"#);
        assert_eq!((report.status, report.word.as_str()), (EventStatus::OtherWord, "PAUSED"));
        assert_eq!(report.kind, Some(EventKind::Other("MERGE".into())));
        let (none, _) = read_odd("{}", super::report);
        assert_eq!(none.unwrap_err(), "`eventStatus` is missing or empty");
    }
}
