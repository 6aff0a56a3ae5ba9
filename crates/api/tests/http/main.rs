//! The API over real HTTP, on a real store and the queue in process.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod apps;
mod errors;
mod harness;
mod health;
mod jobs;
mod keys;
mod lint;
mod notifications;
mod openapi;
mod postgres;
mod queue;
mod settings;
mod token_life;
mod tokens;
mod users;
mod watching;
