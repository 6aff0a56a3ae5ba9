//! Handlers, schedule and leader duties.

mod cron;
mod settings;

pub use settings::{ScheduleSettings, Settings};
