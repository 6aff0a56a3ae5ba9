//! Opens the database and hands out connections.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgSslMode};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, PgPool, SqlitePool};

use super::db::{Db, Link, Reader, Snapshot, Tx};
use super::failure::{failure, no_connection};
use super::{Engine, sql};
use crate::error::StoreError;
use crate::seal::KeyRing;
use crate::settings::Settings;

/// Connections of one process to a PostgreSQL server.
const POSTGRES_CONNECTIONS: u32 = 10;
/// Connections of one process that read a SQLite file. One more writes.
const SQLITE_READERS: u32 = 6;
/// How long to wait for a connection, or for another process's write to a SQLite file.
const PATIENCE: Duration = Duration::from_secs(15);

/// An open database. Clones share its connections.
#[derive(Clone)]
pub struct Store {
    pools: Pools,
    keys: Arc<KeyRing>,
}

#[derive(Clone)]
enum Pools {
    /// SQLite lets one writer in at a time; a pool of one makes the others wait in line, in order.
    Sqlite {
        write: SqlitePool,
        read: SqlitePool,
    },
    Postgres(PgPool),
}

impl Store {
    /// Opens the database that the settings name. A SQLite file is made when it is missing; its tables are not.
    ///
    /// # Errors
    /// When the setting cannot be used or the database cannot be reached.
    pub async fn open(settings: &Settings, keys: KeyRing) -> Result<Self, StoreError> {
        let url = settings.url.as_str();
        let pools = if url.starts_with("sqlite:") {
            open_sqlite(url).await?
        } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            open_postgres(url).await?
        } else {
            // The text is not repeated: it may be a password in the wrong place.
            return Err(StoreError::Setting(
                "must be sqlite:///path/to/file.db or postgres://user:password@host:5432/database".to_owned(),
            ));
        };
        Ok(Self { pools, keys: Arc::new(keys) })
    }

    /// Begins a write transaction. Dropped without [`Tx::commit`], it changes nothing.
    ///
    /// On SQLite this waits for the one writer, so keep it short and do nothing else while it is open.
    ///
    /// # Errors
    /// [`StoreError::Busy`] when no connection came free in time, [`StoreError::Unreachable`] when there is none.
    pub async fn begin(&self) -> Result<Tx, StoreError> {
        const DOING: &str = "beginning a transaction";
        let link = match &self.pools {
            Pools::Sqlite { write, .. } => {
                Link::SqliteTx(write.begin_with("BEGIN IMMEDIATE").await.map_err(failure(DOING))?)
            }
            Pools::Postgres(pool) => Link::PostgresTx(pool.begin().await.map_err(no_connection(DOING))?),
        };
        Ok(Tx { db: Db { link, keys: Arc::clone(&self.keys) } })
    }

    /// A connection to read from. Each statement sees what is committed when it starts.
    ///
    /// # Errors
    /// As [`Store::begin`].
    pub async fn read(&self) -> Result<Reader, StoreError> {
        const DOING: &str = "taking a connection";
        let link = match &self.pools {
            Pools::Sqlite { read, .. } => Link::SqliteRead(read.acquire().await.map_err(failure(DOING))?),
            Pools::Postgres(pool) => Link::PostgresRead(pool.acquire().await.map_err(no_connection(DOING))?),
        };
        Ok(Reader { db: Db { link, keys: Arc::clone(&self.keys) } })
    }

    /// A connection to read from. All statements see what is committed when the first of them starts.
    ///
    /// # Errors
    /// As [`Store::begin`].
    pub async fn snapshot(&self) -> Result<Snapshot, StoreError> {
        const DOING: &str = "beginning to read";
        let link = match &self.pools {
            Pools::Sqlite { read, .. } => Link::SqliteTx(read.begin().await.map_err(failure(DOING))?),
            Pools::Postgres(pool) => {
                let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY";
                Link::PostgresTx(pool.begin_with(begin).await.map_err(no_connection(DOING))?)
            }
        };
        Ok(Snapshot { db: Db { link, keys: Arc::clone(&self.keys) } })
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// When it gives none.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let mut db = self.read().await?;
        sql("asking for a sign of life", "SELECT 1 AS one").run(&mut db).await?;
        Ok(())
    }

    /// Closes all connections, waiting for those in use.
    pub async fn close(&self) {
        match &self.pools {
            Pools::Sqlite { write, read } => {
                read.close().await;
                write.close().await;
            }
            Pools::Postgres(pool) => pool.close().await,
        }
    }

    /// The keys that secrets are sealed with.
    pub(crate) fn engine(&self) -> Engine {
        match &self.pools {
            Pools::Sqlite { .. } => Engine::Sqlite,
            Pools::Postgres(_) => Engine::Postgres,
        }
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("engine", &self.engine()).finish_non_exhaustive()
    }
}

async fn open_sqlite(url: &str) -> Result<Pools, StoreError> {
    let options = SqliteConnectOptions::from_str(url)
        .map_err(|error| StoreError::Setting(format!("is not a usable sqlite address: {error}")))?
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .foreign_keys(true)
        .busy_timeout(PATIENCE)
        // Kibibytes of pages kept, and pages written before they are moved from the log to the file.
        .pragma("cache_size", "-32000")
        .pragma("wal_autocheckpoint", "4000")
        .pragma("temp_store", "memory")
        .row_buffer_size(1000)
        .disable_statement_logging();
    let write = SqlitePoolOptions::new()
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .acquire_timeout(PATIENCE)
        .connect_with(options.clone())
        .await
        .map_err(failure("opening the SQLite file that store.url names"))?;
    let read = SqlitePoolOptions::new()
        .max_connections(SQLITE_READERS)
        .acquire_timeout(PATIENCE)
        // Each has pages of its own, and what it lacks is in the cache of the system.
        .connect_lazy_with(options.pragma("query_only", "1").pragma("cache_size", "-8000"));
    Ok(Pools::Sqlite { write, read })
}

async fn open_postgres(url: &str) -> Result<Pools, StoreError> {
    let options = PgConnectOptions::from_str(url)
        .map_err(|error| StoreError::Setting(format!("is not a usable postgres address: {error}")))?;
    // Within one machine encryption protects nothing, and it costs 40 ms a bulk statement: it writes a message in
    // pieces, and this release of the driver leaves TCP to hold back the last one
    // (<https://github.com/transact-rs/sqlx/issues/4335>).
    let local = matches!(options.get_host(), "localhost" | "127.0.0.1" | "::1" | "[::1]");
    let options = if local && !url.contains("sslmode=") && !url.contains("ssl-mode=") {
        options.ssl_mode(PgSslMode::Disable)
    } else {
        options
    };
    let options = options
        .application_name("russet")
        // Compiling a plan costs more than any of our statements saves by it. And every statement here finds its rows by
        // an index: without this, a table that has just grown by a hundred thousand rows is read from end to end for each
        // row of a list, because the server still thinks it small. Neither does any gain by merging: a plan that was kept
        // since the tables were empty walks their whole indexes for a list of ten, until they are analyzed.
        .options([
            ("jit", "off"),
            ("enable_seqscan", "off"),
            ("enable_mergejoin", "off"),
            ("enable_hashjoin", "off"),
        ])
        .disable_statement_logging();
    // One connection outside the pool, which would try again and again before it told why.
    let first = options.connect().await;
    let first = first.map_err(failure("connecting to the PostgreSQL server that store.url names"))?;
    // Whether it is told goodbye is the server's affair.
    let _ = first.close().await;
    let pool = PgPoolOptions::new()
        .max_connections(POSTGRES_CONNECTIONS)
        .acquire_timeout(PATIENCE)
        .connect_lazy_with(options);
    Ok(Pools::Postgres(pool))
}
