//! The database: SQLite and PostgreSQL with one set of statements.
//!
//! [`Store::open`] gives a store, [`Store::begin`] a write transaction and [`Store::read`] a connection to read from.
//! Everything else is a free function in the module named for the noun it is about, and takes one of the two: whoever
//! calls owns the transaction.
//!
//! Two rules hold everywhere. Whoever moves changes of a token holds that token's lock ([`tokens::lock`]; the
//! functions here take it themselves). And bulk input is one JSON text, so that a hundred thousand rows are one
//! statement.

mod codec;
mod engine;
mod error;
mod migrations;

mod seal;
mod sealed;
mod settings;

pub mod assets;
pub mod assignments;
pub mod audit;
pub mod awaited;
pub mod catalog;
pub mod chain;
pub mod changes;
pub mod commands;
pub mod connectors;
pub mod declared;
pub mod device_apps;
pub mod directory;
pub mod drift;
pub mod forwarding;
pub mod gates;
pub mod hand_overs;
pub mod history;
pub mod idempotency;
pub mod installation;
pub mod installs;
pub mod jobs;
pub mod keys;
pub mod licenses;
pub mod limits;
pub mod marks;
pub mod mdm_messages;
pub mod meta;
pub mod moves;
pub mod notifications;
pub mod pins;
pub mod policies;
pub mod quotas;
pub mod reconcile;
pub mod recounts;
pub mod requests;
pub mod rollouts;
pub mod schedule;
pub mod submit;
pub mod supply;
pub mod sweep;
pub mod take_overs;
pub mod tokens;
pub mod users;
pub mod walks;

pub use engine::{Db, Reader, Snapshot, Store, Tx};
pub use error::StoreError;
pub use seal::{KeyRing, rotate};
pub use sealed::Callback;
pub use settings::Settings;
