//! Apple's Apps and Books API v2 as a program: locations, licenses, events and notifications, with faults on
//! command and a ledger that judges its clients; and an MDM server with virtual devices that install what they are told.
//!
//! ```no_run
//! # async fn example() -> Result<(), russet_simulator::SimulatorError> {
//! use russet_simulator::{Settings, Simulator};
//!
//! let simulator = Simulator::start(Settings::default()).await?;
//! println!("Apple is at {}", simulator.apple_url());
//! simulator.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! Everything else is done over HTTP, below `/_sim/`; `GET /` lists it.

mod apple;
mod catalog;
mod clock;
mod control;
mod error;
mod faults;
mod ledger;
mod mdm;
mod notification;
mod notifier;
mod rules;
mod schedule;
mod seed;
mod server;
mod shared;
mod simulator;
mod world;

pub use control::start::World;
pub use error::SimulatorError;
pub use rules::{CatalogRules, CatalogShape, Limits, LookupArtwork, LookupId, Rules};
pub use simulator::{Settings, Simulator};

/// Compiles the example of the page that other projects read first.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
