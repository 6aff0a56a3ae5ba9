//! Stories across crates: real processes, a real database, a real queue and a simulated Apple.

mod bad_input;
mod cancel;
mod chaos;
mod crash;
mod database_down;
mod demo;
mod fair;
mod garbage;
mod herd;
mod idempotency;
mod newcomer;
mod notifications;
mod outside;
mod partial;
mod poison;
mod redis_down;
mod refusals;
mod revoke;
mod schedule;
mod secrets;
mod signals;
mod storms;
mod tokens;
mod two_workers;
mod watching;
mod withdrawn_token;
