//! What the simulator promises, over HTTP and with nothing in between. One program, so that it links once.
#![allow(clippy::unwrap_used)] // A helper that fails fails its test.

mod access;
mod catalog;
mod events;
mod faults;
mod fleet;
mod notifications;
mod pace;
mod portal;
mod reading;
mod readme;
mod support;
mod users;
