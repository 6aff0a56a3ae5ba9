//! The MDM side of the work: commands that go out, and what devices say to them.

mod acts;
pub(crate) mod answers;
pub(crate) mod commands;
pub(crate) mod declared;
pub(crate) mod forward;
pub(crate) mod installs;
pub(crate) mod listing;
pub(crate) mod looks;
pub(crate) mod missing;
pub(crate) mod news;
pub(crate) mod questions;
pub(crate) mod rounds;
pub(crate) mod strangers;
