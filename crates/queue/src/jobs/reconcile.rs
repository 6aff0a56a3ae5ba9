//! Asks for what assignments want to be compared with what is.

use super::payload;
use crate::{Job, Unreadable};

/// Look at everything that is marked as having moved, and plan the changes that follow. There is one such message: what is
/// marked stands in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reconcile;

impl Job for Reconcile {
    const KIND: &'static str = "reconcile";

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
