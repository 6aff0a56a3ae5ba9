//! The HTTP API.
//!
//! Everything under `/api/v1` needs an API key; errors are problem details with a stable code; everything that talks to
//! Apple is a job that is written down here and done by a worker. This crate knows nothing of Apple's client and of
//! what a job does.
//!
//! ```no_run
//! # async fn example(store: russet_store::Store, queue: russet_queue::Queue) -> std::io::Result<()> {
//! use russet_api::{Api, Settings, serve};
//! use tokio_util::sync::CancellationToken;
//!
//! let settings = Settings::default();
//! let listener = tokio::net::TcpListener::bind(&settings.listen).await?;
//! let stop = CancellationToken::new();
//! serve(listener, Api { store, queue, settings, callbacks: Default::default(), servers: Default::default() }, stop).await
//! # }
//! ```

mod audit;
mod auth;
mod body;
mod error;
mod inbox;
mod metrics;
mod observe;
mod once;
mod openapi;
mod page;
mod problem;
mod push;
mod query;
mod request_id;
mod retrying;
mod routes;
mod rows;
mod server;
mod settings;
mod state;
mod time;
mod token_file;
mod touches;
mod view;

pub use auth::{NewKey, hash as hash_key};
pub use openapi::openapi;
pub use server::{Api, serve};
pub use settings::Settings;
