//! What is sent to move licenses, and the event that answers it.

use std::fmt;

use russet_domain::AssetKey;

/// A full rectangle: every asset times every holder, devices and users together.
///
/// The lists must be within the live limits and free of duplicates, otherwise Apple refuses the whole request
/// (<https://developer.apple.com/documentation/devicemanagement/managing-assets>).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Write<'a> {
    /// The assets.
    pub assets: &'a [AssetKey],
    /// Devices, by serial number.
    pub devices: &'a [String],
    /// Users, by `client_user_id`.
    pub users: &'a [String],
}

/// Apple's name for the asynchronous work that a write began.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(pub String);

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
