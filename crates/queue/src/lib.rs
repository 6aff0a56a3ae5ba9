//! Job payloads, the queue and the pace limiter, over Redis and in process.
//!
//! A message is a tap on the shoulder: a kind and a key, and a payload that is an id. What the id points at is in
//! the database. [`Queue`] pushes messages and shows them, [`run`] takes them and hands them to a [`Handler`],
//! [`Pace`] says when Apple may be called. Which of Redis and this process holds it all, nobody else learns: no
//! type of the Redis client or of apalis leaves this crate.
//!
//! ```
//! use russet_domain::TokenId;
//! use russet_queue::{Queue, Settings, When, jobs::SyncToken};
//!
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! let queue = Queue::open(&Settings::default()).await?;
//! queue.push(&SyncToken { token: TokenId(7) }, When::default()).await?;
//! queue.push(&SyncToken { token: TokenId(7) }, When::default()).await?; // Still one message.
//! assert_eq!(queue.depths().await?.iter().map(|depth| depth.waiting).sum::<u64>(), 1);
//! # Ok::<_, russet_queue::QueueError>(())
//! # }).unwrap();
//! ```

mod clock;
mod contract;
mod error;
mod job;
pub mod jobs;
mod lead;
mod limiter;
mod lock;
mod look;
mod memory;
mod message;
mod pace;
mod queue;
mod redis;
mod settings;
#[cfg(test)]
mod tests;
mod view;
mod why;
mod work;
mod worker;

pub use error::QueueError;
pub use job::{Job, Unreadable};
pub use jobs::AnyJob;
pub use lead::Term;
pub use limiter::{Booked, Booking, Pace, Turn};
pub use message::{Due, Push, When};
pub use pace::{Class, Wait};
pub use queue::Queue;
pub use russet_domain::job::Priority;
pub use settings::Settings;
pub use view::{DeadMessage, DeadPage, Depth, RunningMessage, SeenWorker};
pub use why::{Standing, Why};
pub use worker::{Claim, Ending, Handler, Places, WorkerName, WorkerSettings, run};
