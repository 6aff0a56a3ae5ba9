//! Numbers that name a row, each a type of its own so that they cannot be mixed up.

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

macro_rules! id {
    ($(#[$meta:meta] $name:ident),* $(,)?) => {$(
        #[$meta]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = ParseIntError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    )*};
}

id! {
    /// A content token, and with it one location at Apple.
    TokenId,
    /// One asset of one token: the row behind an (`adam_id`, `pricing_param`) pair.
    AssetId,
    /// What a client submitted.
    JobId,
    /// One wanted movement of one license.
    ChangeId,
    /// One write request to Apple, written down before it is sent.
    RequestId,
    /// One license that goes from a user to a device.
    MoveId,
    /// One API key.
    KeyId,
    /// One user of one location: the row behind a (token, `client_user_id`) pair.
    UserId,
    /// One device of the directory.
    DeviceId,
    /// One person of the directory.
    PersonId,
    /// One group of devices or people.
    GroupId,
    /// One app for one group.
    AssignmentId,
    /// One MDM server that commands are sent to.
    ConnectorId,
    /// One command, written down before it is sent to the MDM server.
    CommandId,
    /// One app, or version of it, that one device is to have.
    InstallId,
    /// One app that one holder is to be made ready for.
    GateId,
}
