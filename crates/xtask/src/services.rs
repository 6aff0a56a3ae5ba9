//! Gets the servers that a chore needs, and says which they are.

use std::ffi::OsString;

use russet_services::{Services, Wanted};

use crate::error::XtaskError;
use crate::say::say;

/// The servers, and the variables that tell programs where they are.
pub(crate) struct Found {
    pub(crate) variables: Vec<(&'static str, OsString)>,
    /// Kept, because dropping it stops the private ones.
    _services: Services,
}

/// Finds or starts both servers.
pub(crate) fn find() -> Result<Found, XtaskError> {
    let services = Services::find(&Wanted::BOTH)?;
    for line in services.description() {
        say(&line);
    }
    let mut variables = Vec::new();
    if let Some(url) = services.postgres_url() {
        variables.push(("DATABASE_URL", url.into()));
    }
    if let Some(url) = services.redis_url() {
        variables.push(("REDIS_URL", url.into()));
    }
    Ok(Found { variables, _services: services })
}
