//! Apple's notifications: what a body that Apple posted says.
//!
//! They come up to three times, out of order or not at all, and nothing in them proves itself: whoever receives them
//! compares the bearer first (<https://developer.apple.com/documentation/devicemanagement/subscribing-to-notifications>).

use russet_domain::{AssetKey, Holder, Secret};

pub use crate::user::User;
use crate::wire::fault::{Notes, Oddities};
use crate::wire::{Fault, Object, notification as wire};
use crate::write::EventId;

/// The types that are read here, of those that can be subscribed to. Of the others only the name and the payload are kept.
pub const TYPES_READ: [&str; 4] = ["ASSET_COUNT", "ASSET_MANAGEMENT", "USER_MANAGEMENT", "USER_ASSOCIATED"];

/// One notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// Names this notification, however often it comes. Opaque.
    pub id: String,
    /// The location it is about; to be compared with the one it was sent to.
    pub uid: Option<String>,
    /// What happened.
    pub what: What,
    /// Licenses or users in it that could not be read and were left out; the event's status tells of them.
    pub skipped: usize,
    /// What could not be read and was passed over, records that were left out included.
    pub odd: Oddities,
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
    /// Something that this version does not read: a type that Apple added, one of a product that is not used (unlimited
    /// assets, subscriptions), or one with a word or a field in it that cannot be read. A reason to read the location
    /// again.
    Other {
        /// Apple's name of it, which may be missing.
        kind: String,
        /// The payload as it came, in JSON. It may hold what is personal, so that it is not shown by accident.
        payload: Secret,
        /// Why it could not be read, by the field, when its type is one that is read here.
        why: Option<String>,
    },
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

/// Why a body is no notification. Says where, never what stood there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("could not read a notification: {why}")]
pub struct Unreadable {
    why: String,
}

/// Reads a notification. Types, words and fields that Apple adds later are kept as [`What::Other`].
///
/// # Errors
/// When the body is not a JSON object, or names no notification.
pub fn read(body: &[u8]) -> Result<Notification, Unreadable> {
    let notes = Notes::default();
    let read = Object::read(body, &notes).and_then(|object| wire::notification(&object));
    let mut notification = read.map_err(|fault: Fault| Unreadable { why: fault.to_string() })?;
    notification.odd = notes.into_oddities();
    Ok(notification)
}

/// The id alone, to tell a repeated notification early; `None` when there is none that could be kept.
#[must_use]
pub fn notification_id(body: &[u8]) -> Option<String> {
    let notes = Notes::default();
    Object::read(body, &notes).and_then(|object| wire::id(&object)).ok()
}
