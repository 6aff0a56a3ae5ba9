//! Holds the repository to what its pages promise: edges between crates, files, settings.

#![allow(clippy::unwrap_used, reason = "a gate that cannot look fails")]

mod apple;
mod edges;
mod faults;
mod pages;
mod repository;
mod rows;
mod rules;
mod settings;
mod sources;
