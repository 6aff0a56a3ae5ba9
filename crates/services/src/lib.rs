//! Finds or starts a PostgreSQL and a Redis for tests, demos and benchmarks.
//!
//! Nothing here belongs to a running Russet: a real installation is told its addresses by its settings. What is
//! started here is private to one process, throws its data away, and trusts everybody on this machine.

mod address;
mod database;
mod error;
mod found;
mod install;
mod port;
mod postgres;
mod postgres_probe;
mod programs;
mod redis;
mod redis_client;
mod redis_probe;
mod system_user;
mod watchdog;

pub use database::Database;
pub use error::ServicesError;
pub use found::{Origin, Services, Wanted};
pub use postgres::PrivatePostgres;
pub use redis::{PrivateRedis, RedisOptions};
pub use redis_client::RedisClient;
