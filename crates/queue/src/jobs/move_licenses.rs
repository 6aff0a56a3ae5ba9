//! Asks for the moves of a job to be taken a step further.

use russet_domain::JobId;

use super::payload;
use crate::{Job, Unreadable};

/// Take the moves of a job from users to devices as far as they go now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MoveLicenses {
    /// The job.
    pub job: JobId,
}

impl Job for MoveLicenses {
    const KIND: &'static str = "move_licenses";

    fn key(&self) -> String {
        // Not the bare number, which would be taken for a token's where all messages of a token are looked for.
        format!("job-{}", self.job)
    }

    fn payload(&self) -> String {
        payload::write_id("job", self.job.0)
    }

    fn read(payload: &str) -> Result<Self, Unreadable> {
        payload::read_id(payload, "job").map(|id| Self { job: JobId(id) })
    }
}
