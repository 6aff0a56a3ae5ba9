//! When a single token is synced: as all are, never, or at times of its own (conflict C-1 of the rules).

use crate::cron::{Cron, CronError};

/// A token's own say in when it is synced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SyncSchedule {
    /// As `schedule.sync_token` says for all.
    #[default]
    Default,
    /// Only when somebody asks.
    Never,
    /// By a cron expression of its own, read in `schedule.time_zone`.
    Own(String),
}

/// Why a text is no schedule.
#[derive(Debug, thiserror::Error)]
pub enum ScheduleError {
    /// It is no cron expression.
    #[error("{0}")]
    Expression(#[from] CronError),
    /// It ticks by the second, or is longer than any expression that people write.
    #[error(
        "“{0}” should be `default`, `never`, or five fields (minute hour day month weekday), as in “0 */6 * * *”"
    )]
    Fields(String),
}

/// The longest expression kept.
const LENGTH_MAX: usize = 200;

impl SyncSchedule {
    /// Reads what a person wrote: `default`, `never`, or a cron expression of five fields. Nobody needs a sync every
    /// second, and each is a row, so that there are no seconds here.
    ///
    /// # Errors
    /// When it is none of these.
    pub fn read(text: &str) -> Result<Self, ScheduleError> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        match fields.as_slice() {
            ["default"] => Ok(Self::Default),
            ["never"] => Ok(Self::Never),
            five if five.len() == 5 && text.len() <= LENGTH_MAX => {
                let text = five.join(" ");
                Cron::read(&text, "UTC")?;
                Ok(Self::Own(text))
            }
            _ => Err(ScheduleError::Fields(text.chars().take(LENGTH_MAX).collect())),
        }
    }

    /// As [`Self::read`] takes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Default => "default",
            Self::Never => "never",
            Self::Own(text) => text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        for text in ["default", "never", "0 */6 * * *"] {
            assert_eq!(SyncSchedule::read(text).unwrap().as_str(), text);
        }
        assert_eq!(SyncSchedule::read("  5  3 * *  1 ").unwrap(), SyncSchedule::Own("5 3 * * 1".to_owned()));
    }

    #[test]
    fn what_ticks_every_second_or_never_was_an_expression_is_refused() {
        for text in ["* * * * * *", "", "often", "61 * * * *", "0 0 1 1 mon extra"] {
            assert!(SyncSchedule::read(text).is_err(), "{text}");
        }
        assert!(SyncSchedule::read("99 * * * *").unwrap_err().to_string().contains("99 * * * *"));
    }
}
