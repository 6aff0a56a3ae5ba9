//! Asks for Apple's current limits to be read.

use super::payload;
use crate::{Job, Unreadable};

/// Read Apple's current limits from its service configuration. There is one such message for all of Apple.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefreshLimits;

impl Job for RefreshLimits {
    const KIND: &'static str = "refresh_limits";

    fn key(&self) -> String {
        "all".to_owned()
    }

    fn payload(&self) -> String {
        payload::write()
    }

    fn read(payload: &str) -> Result<Self, Unreadable> {
        payload::read(payload).map(|()| Self)
    }
}
