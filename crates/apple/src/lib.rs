//! Apple's Apps and Books API v2 over HTTP: the only place that speaks to Apple, and the only one that knows its JSON.
//!
//! [`Apple`] makes exactly one request a call. It retries nothing, follows no redirect and keeps no state but its
//! connections: pace, patience and retries belong to the caller, who reads [`AppleError::consequence`]. Apple's
//! spelling stays in `wire`; what leaves this crate are the domain's types.
//!
//! The API: <https://developer.apple.com/documentation/devicemanagement/app-and-book-management>.

mod answer;
mod assignment;
pub mod catalog;
mod client;
mod date;
mod endpoint;
mod error;
mod exchange;
mod location;
pub mod notification;
#[cfg(any(test, fuzzing))]
pub mod offline;
mod report;
mod retry_after;
mod service;
mod settings;
mod user;
mod wire;
mod write;

pub use answer::{Answer, Page, Seen};
pub use assignment::{Assignment, Filter};
pub use client::Apple;
pub use date::parse_date;
pub use endpoint::Endpoint;
pub use error::{AppleError, Consequence, Refusal, Sent, Subjects};
pub use location::{ClientConfig, NewClientConfig, NotificationTarget};
pub use report::{EventReport, Failure};
pub use service::{ErrorCode, ServiceConfig, Urls};
pub use settings::Settings;
pub use user::{NewUser, User, UserFilter};
pub use wire::fault::Oddities;
pub use write::{EventId, Write};
