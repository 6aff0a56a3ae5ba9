//! Handlers, schedule and leader duties.
