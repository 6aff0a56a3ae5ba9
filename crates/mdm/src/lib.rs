//! The MDM side: tells it over HTTP what it has to do, at addresses that users give.
//!
//! Nothing here knows a database or a queue. Every call is one request, signed, bounded in time, and never to an address
//! inside the network unless the settings allow it.

mod callbacks;
mod error;
mod news;
mod resolver;
mod settings;
mod signature;

pub use callbacks::{Callbacks, Told};
pub use error::TellError;
pub use news::{MovedLicense, MovedNews};
pub use settings::Settings;
pub use signature::{SIGNATURE_HEADER, TIMESTAMP_HEADER, sign};
