//! Sorts the drivers' errors by what a caller can do about them.

use crate::error::StoreError;

/// Turns a driver's error into ours, with what was being done.
pub(super) fn failure(doing: &'static str) -> impl Fn(sqlx::Error) -> StoreError {
    move |error| {
        let kind = kind_of(&error);
        let source = Box::new(error);
        match kind {
            Kind::Unreachable => StoreError::Unreachable { doing, source },
            Kind::Busy => StoreError::Busy { doing, source },
            Kind::Exists => StoreError::Exists { doing, source },
            Kind::Refused => StoreError::Refused { doing, source },
        }
    }
}

/// As [`failure`], for what a server says instead of letting us in, such as during maintenance or while passwords change.
/// Nothing was attempted yet, and a moment later it may let us in.
pub(super) fn no_connection(doing: &'static str) -> impl Fn(sqlx::Error) -> StoreError {
    move |error| match failure(doing)(error) {
        StoreError::Refused { doing, source } => StoreError::Unreachable { doing, source },
        other => other,
    }
}

enum Kind {
    Unreachable,
    Busy,
    Exists,
    Refused,
}

fn kind_of(error: &sqlx::Error) -> Kind {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::BeginFailed => Kind::Unreachable,
        sqlx::Error::PoolTimedOut => Kind::Busy,
        sqlx::Error::Database(inner) if inner.is_unique_violation() => Kind::Exists,
        sqlx::Error::Database(inner) => {
            let code = inner.code().unwrap_or_default();
            if inner.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some() {
                sqlite_kind(&code)
            } else {
                postgres_kind(&code)
            }
        }
        _ => Kind::Refused,
    }
}

/// By SQLite's extended result codes (<https://www.sqlite.org/rescode.html>): the low byte is the class.
fn sqlite_kind(code: &str) -> Kind {
    match code.parse::<u32>().unwrap_or(0) & 0xff {
        // SQLITE_BUSY and SQLITE_LOCKED.
        5 | 6 => Kind::Busy,
        // SQLITE_IOERR and SQLITE_CANTOPEN.
        10 | 14 => Kind::Unreachable,
        _ => Kind::Refused,
    }
}

/// By PostgreSQL's codes (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).
fn postgres_kind(code: &str) -> Kind {
    match code {
        // Serialization failure, deadlock, lock not available, statement cancelled, too many connections.
        "40001" | "40P01" | "55P03" | "57014" | "53300" => Kind::Busy,
        // Shutting down, starting up, crashed; and all connection exceptions.
        "57P01" | "57P02" | "57P03" => Kind::Unreachable,
        other if other.starts_with("08") => Kind::Unreachable,
        _ => Kind::Refused,
    }
}
