//! Values and decisions of Russet: what a license, a change and a token are, and what is to be done about them.
//!
//! Everything here is a function from values to values. Nothing here waits, reads a clock, speaks JSON or
//! knows a database: callers pass the time in, and carry out what they are told.

pub mod apple_error;
pub mod asset;
pub mod assignment;
pub mod brake;
pub mod callback;
pub mod catalog;
pub mod change;
pub mod coalesce;
pub mod connector;
pub mod consent;
pub mod cron;
pub mod directory;
pub mod drift;
pub mod event;
pub mod explain;
pub mod forecast;
pub mod gate;
pub mod grant;
pub mod holder;
pub mod id;
pub mod install;
pub mod intake;
pub mod job;
pub mod limits;
pub mod lint;
pub mod moving;
pub mod patience;
pub mod policy;
pub mod prompts;
pub mod purchase;
pub mod read_back;
pub mod reconcile;
pub mod registration;
pub mod removal;
pub mod rollout;
pub mod secret;
pub mod sync_schedule;
pub mod time;
pub mod token;
pub mod user;
pub mod user_record;
pub mod user_registration;

pub use asset::{Asset, AssetKey, Pricing, ProductType};
pub use holder::{Holder, HolderError};
pub use id::{
    AssetId, AssignmentId, ChangeId, CommandId, ConnectorId, DeviceId, GateId, GroupId, InstallId, JobId,
    KeyId, MoveId, PersonId, RequestId, TokenId, UserId,
};
pub use secret::Secret;
pub use time::Timestamp;
pub use user::UserStatus;
pub use user_record::UserRecord;
