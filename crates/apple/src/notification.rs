//! Apple's notifications: what a body that Apple posted says.
//!
//! They come up to three times, out of order or not at all, and nothing in them proves itself: whoever receives them
//! compares the bearer first (<https://developer.apple.com/documentation/devicemanagement/subscribing-to-notifications>).

use russet_domain::{AssetKey, Holder};

use crate::wire::notification as wire;
use crate::write::EventId;

/// One notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// Names this notification, however often it comes. Opaque.
    pub id: String,
    /// The location it is about; to be compared with the one it was sent to.
    pub uid: Option<String>,
    /// What happened.
    pub what: What,
}

/// What a notification tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// Apple tests the address.
    Test,
    /// Licenses were bought, transferred or refunded.
    AssetCount {
        /// The asset.
        key: AssetKey,
        /// How many more (or fewer) there are than before. Best taken as a hint to read the asset again.
        delta: i64,
    },
    /// Some of an event's licenses moved, or did not.
    AssetManagement {
        /// The event; it may cause many notifications, some of success and some of failure.
        event: EventId,
        /// Which way.
        kind: Movement,
        /// Whether they moved.
        moved: bool,
        /// The licenses, at most a hundred.
        pairs: Vec<(AssetKey, Holder)>,
        /// Why they did not move: Apple's `errorNumber`, for all of them.
        error: Option<i32>,
    },
    /// Some of an event's users were registered, changed or retired, or were not.
    UserManagement {
        /// The event.
        event: EventId,
        /// What was done.
        kind: UserWork,
        /// Whether it was.
        done: bool,
        /// The users, at most a hundred.
        users: Vec<User>,
        /// Why not: Apple's `errorNumber`, for all of them.
        error: Option<i32>,
    },
    /// Users have accepted their invitation.
    UserAssociated {
        /// Who.
        users: Vec<User>,
    },
    /// Something that this version does not read, by Apple's name of it. A reason to read the location again.
    Other(String),
}

/// Which way an event moves licenses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Movement {
    /// Given out.
    Associate,
    /// Taken back.
    Disassociate,
    /// Taken back with everything else of the holder.
    Revoke,
}

/// What an event does with users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserWork {
    /// Registers them.
    Create,
    /// Changes them.
    Update,
    /// Retires them.
    Retire,
}

/// A user as a notification names it, without what is personal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The `client_user_id`.
    pub id: String,
    /// Apple's word for the user's state, such as `Associated`.
    pub status: Option<String>,
    /// Names the Apple Account once there is one.
    pub id_hash: Option<String>,
}

/// Why a body is no notification. Says where, never what stood there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("could not read a notification: {why}")]
pub struct Unreadable {
    why: String,
}

/// Reads a notification. Types, words and fields that Apple adds later are kept as [`What::Other`].
///
/// # Errors
/// When the body is not JSON, has a field of a wrong type, or names no notification.
pub fn read(body: &[u8]) -> Result<Notification, Unreadable> {
    let unreadable = |fault: crate::wire::Fault| Unreadable { why: fault.to_string() };
    crate::wire::read::<wire::Envelope<'_>>(body).and_then(wire::Envelope::into_value).map_err(unreadable)
}

/// The id alone, to tell a repeated notification early; `None` when there is none that could be kept.
#[must_use]
pub fn notification_id(body: &[u8]) -> Option<String> {
    crate::wire::read::<wire::Name<'_>>(body).ok()?.id()
}
