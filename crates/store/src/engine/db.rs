//! A connection, in or out of a transaction, whichever database it leads to.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use sqlx::pool::PoolConnection;
use sqlx::{Executor, PgConnection, Postgres, Sqlite, SqliteConnection, Transaction};

use super::failure::failure;
use super::{Engine, Sql};
use crate::error::StoreError;
use crate::seal::KeyRing;

/// A connection to the database: what every function that reads takes. Had from [`Tx`], [`Reader`] or [`Snapshot`].
pub struct Db {
    pub(super) link: Link,
    pub(super) keys: Arc<KeyRing>,
}

pub(super) enum Link {
    SqliteTx(Transaction<'static, Sqlite>),
    SqliteRead(PoolConnection<Sqlite>),
    PostgresTx(Transaction<'static, Postgres>),
    PostgresRead(PoolConnection<Postgres>),
}

/// The driver's connection behind a [`Db`].
pub(super) enum Wire<'a> {
    Sqlite(&'a mut SqliteConnection),
    Postgres(&'a mut PgConnection),
}

impl Db {
    pub(super) fn wire(&mut self) -> Wire<'_> {
        match &mut self.link {
            Link::SqliteTx(tx) => Wire::Sqlite(tx),
            Link::SqliteRead(connection) => Wire::Sqlite(connection),
            Link::PostgresTx(tx) => Wire::Postgres(tx),
            Link::PostgresRead(connection) => Wire::Postgres(connection),
        }
    }

    pub(crate) fn engine(&self) -> Engine {
        match &self.link {
            Link::SqliteTx(_) | Link::SqliteRead(_) => Engine::Sqlite,
            Link::PostgresTx(_) | Link::PostgresRead(_) => Engine::Postgres,
        }
    }

    /// Runs a text of several statements, such as a migration.
    pub(crate) async fn run_script(&mut self, doing: &'static str, text: Sql) -> Result<(), StoreError> {
        match self.wire() {
            Wire::Sqlite(connection) => connection.execute(sqlx::raw_sql(text.sqlite)).await.map(drop),
            Wire::Postgres(connection) => connection.execute(sqlx::raw_sql(text.postgres)).await.map(drop),
        }
        .map_err(failure(doing))
    }

    /// Whether PostgreSQL may put two lists side by side, until the transaction ends, in place of looking each row of the one up in
    /// the other: for statements about whole parts of tables, see `engine::connect`. SQLite decides by itself.
    ///
    /// # Errors
    /// As any statement.
    pub(crate) async fn put_side_by_side(&mut self, may: bool) -> Result<(), StoreError> {
        self.plan_with(if may { "SET LOCAL enable_hashjoin = on" } else { "SET LOCAL enable_hashjoin = off" })
            .await
    }

    /// Tells PostgreSQL how to plan what comes, until the transaction ends. SQLite decides by itself.
    async fn plan_with(&mut self, settings: &'static str) -> Result<(), StoreError> {
        match self.engine() {
            Engine::Sqlite => Ok(()),
            Engine::Postgres => {
                self.run_script("setting how to plan", Sql { sqlite: "", postgres: settings }).await
            }
        }
    }

    pub(crate) fn keys(&self) -> Arc<KeyRing> {
        Arc::clone(&self.keys)
    }
}

impl std::fmt::Debug for Db {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Db").field("engine", &self.engine()).finish_non_exhaustive()
    }
}

/// A write transaction. Nothing of it is seen by others until [`Tx::commit`]; dropped without, also when the future
/// that holds it is dropped half way, it is rolled back.
#[derive(Debug)]
pub struct Tx {
    pub(super) db: Db,
}

impl Tx {
    /// Makes everything that was written in it stand.
    ///
    /// # Errors
    /// When the database did not confirm it. After [`StoreError::Unreachable`] it may or may not stand.
    pub async fn commit(self) -> Result<(), StoreError> {
        match self.db.link {
            Link::SqliteTx(tx) => tx.commit().await,
            Link::PostgresTx(tx) => tx.commit().await,
            // Only `Store::begin` makes a `Tx`, and it makes one of the two above.
            Link::SqliteRead(_) | Link::PostgresRead(_) => Ok(()),
        }
        .map_err(failure("committing a transaction"))
    }
}

impl Tx {
    /// Joins tables in the order in which they are written, until the transaction ends: as SQLite does where a statement says
    /// CROSS JOIN. PostgreSQL would choose an order by what it believes of tables that have just grown by a million rows,
    /// and can be wrong by a factor of a thousand.
    ///
    /// # Errors
    /// As any statement.
    pub(crate) async fn join_as_written(&mut self) -> Result<(), StoreError> {
        self.plan_with("SET LOCAL join_collapse_limit = 1; SET LOCAL plan_cache_mode = force_custom_plan")
            .await
    }
}

impl Deref for Tx {
    type Target = Db;

    fn deref(&self) -> &Db {
        &self.db
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Db {
        &mut self.db
    }
}

/// A connection to read from.
#[derive(Debug)]
pub struct Reader {
    pub(super) db: Db,
}

impl Deref for Reader {
    type Target = Db;

    fn deref(&self) -> &Db {
        &self.db
    }
}

impl DerefMut for Reader {
    fn deref_mut(&mut self) -> &mut Db {
        &mut self.db
    }
}

/// A connection to read from that shows everything as it was at one moment, whatever is committed meanwhile: for whoever compares what
/// several statements read. Dropped, it lets go of that moment; the database keeps what is overwritten until then, so keep it short.
#[derive(Debug)]
pub struct Snapshot {
    pub(super) db: Db,
}

impl Snapshot {
    /// Lets tables be walked side by side in the order of their keys, until the snapshot ends: for what compares all of one with all
    /// of another. Elsewhere PostgreSQL may not, since it does so for a list of ten as well (see `open_postgres`). SQLite never does.
    ///
    /// # Errors
    /// As any statement.
    pub(crate) async fn compare_whole_tables(&mut self) -> Result<(), StoreError> {
        self.plan_with("SET LOCAL enable_mergejoin = on; SET LOCAL plan_cache_mode = force_custom_plan").await
    }
}

impl Deref for Snapshot {
    type Target = Db;

    fn deref(&self) -> &Db {
        &self.db
    }
}

impl DerefMut for Snapshot {
    fn deref_mut(&mut self) -> &mut Db {
        &mut self.db
    }
}
