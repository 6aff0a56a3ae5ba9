//! Finds or starts a PostgreSQL and a Redis for tests, demos and benchmarks.
