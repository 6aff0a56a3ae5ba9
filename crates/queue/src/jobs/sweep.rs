//! Asks for a look at the database for work that nobody has moved.

use super::payload;
use crate::{Job, Unreadable};

/// Find work in the database that no message points at, and push messages for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sweep;

impl Job for Sweep {
    const KIND: &'static str = "sweep";

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
