//! The database: SQLite and PostgreSQL with one set of statements.
