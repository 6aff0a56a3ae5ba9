//! A statement with its values, run on either database.

use futures::TryStreamExt;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{Decode, Executor, Postgres, Row as _, Sqlite, Type};

use super::db::{Db, Wire};
use super::failure::failure;
use crate::error::StoreError;

/// The text of a statement, for each database. Most are the same for both.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sql {
    pub(crate) sqlite: &'static str,
    pub(crate) postgres: &'static str,
}

impl From<&'static str> for Sql {
    fn from(text: &'static str) -> Self {
        Self { sqlite: text, postgres: text }
    }
}

/// A statement whose bulk input is `$1`: a JSON array of arrays, read as a table `x` of the named columns.
///
/// ```text
/// bulk!("UPDATE changes SET state = x.state FROM ", (0 id BIGINT, 1 state TEXT), " WHERE changes.id = x.id")
/// ```
///
/// What stands before and after it may be a macro that makes a text, where several statements share one.
///
/// Join tables to it with `CROSS JOIN` and say how in `WHERE`. SQLite takes that order literally; otherwise it may
/// walk the other table and read the JSON again for every row. An `UPDATE` has no such order to give: put a `+`
/// before a number, or `|| ''` behind a word, that an index could tempt it to start from. PostgreSQL needs the same: it
/// takes a list of JSON for a hundred rows, and a table that has just grown for a small one.
macro_rules! bulk {
    ($before:expr, ($n0:literal $name0:ident $kind0:ident $(, $n:literal $name:ident $kind:ident)*), $after:expr) => {
        $crate::engine::Sql {
            sqlite: concat!(
                $before,
                "(SELECT value->>", $n0, " AS ", stringify!($name0),
                $(", value->>", $n, " AS ", stringify!($name),)*
                " FROM json_each($1)) AS x",
                $after
            ),
            postgres: concat!(
                $before,
                "(SELECT (value->>", $n0, ")::", stringify!($kind0), " AS ", stringify!($name0),
                $(", (value->>", $n, ")::", stringify!($kind), " AS ", stringify!($name),)*
                " FROM jsonb_array_elements($1::jsonb)) AS x",
                $after
            ),
        }
    };
}
pub(crate) use bulk;

/// A value bound to a statement.
#[derive(Debug)]
pub(crate) enum Value {
    Int(Option<i64>),
    Bool(Option<bool>),
    Text(Option<String>),
    Bytes(Option<Vec<u8>>),
}

macro_rules! values {
    ($($from:ty, $value:ident => $to:expr;)*) => {$(
        impl From<$from> for Value {
            fn from($value: $from) -> Self {
                $to
            }
        }
    )*};
}

values! {
    i64, value => Self::Int(Some(value));
    Option<i64>, value => Self::Int(value);
    bool, value => Self::Bool(Some(value));
    Option<bool>, value => Self::Bool(value);
    &str, value => Self::Text(Some(value.to_owned()));
    Option<&str>, value => Self::Text(value.map(str::to_owned));
    String, value => Self::Text(Some(value));
    Option<String>, value => Self::Text(value);
    Vec<u8>, value => Self::Bytes(Some(value));
    Option<Vec<u8>>, value => Self::Bytes(value);
}

/// A statement with the values bound to it so far.
#[must_use = "a statement does nothing until it is run"]
pub(crate) struct Statement {
    doing: &'static str,
    text: Sql,
    values: Vec<Value>,
}

/// A statement, and what it is for, in words that follow “while”.
pub(crate) fn sql(doing: &'static str, text: impl Into<Sql>) -> Statement {
    Statement { doing, text: text.into(), values: Vec::new() }
}

impl Statement {
    /// Binds the next value.
    pub(crate) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Runs it and tells how many rows it changed.
    pub(crate) async fn run(self, db: &mut Db) -> Result<u64, StoreError> {
        match db.wire() {
            Wire::Sqlite(connection) => connection
                .execute(query::<Sqlite>(self.text.sqlite, self.values))
                .await
                .map(|done| done.rows_affected()),
            Wire::Postgres(connection) => connection
                .execute(query::<Postgres>(self.text.postgres, self.values))
                .await
                .map(|done| done.rows_affected()),
        }
        .map_err(failure(self.doing))
    }

    /// Runs it and reads every row as it comes, so that the drivers' rows are never all in memory.
    pub(crate) async fn all<T>(
        self,
        db: &mut Db,
        mut read: impl FnMut(&Row) -> Result<T, StoreError> + Send,
    ) -> Result<Vec<T>, StoreError> {
        let doing = self.doing;
        let mut found = Vec::new();
        match db.wire() {
            Wire::Sqlite(connection) => {
                let mut rows = connection.fetch(query::<Sqlite>(self.text.sqlite, self.values));
                while let Some(row) = rows.try_next().await.map_err(failure(doing))? {
                    found.push(read(&Row { doing, inner: Inner::Sqlite(row) })?);
                }
            }
            Wire::Postgres(connection) => {
                let mut rows = connection.fetch(query::<Postgres>(self.text.postgres, self.values));
                while let Some(row) = rows.try_next().await.map_err(failure(doing))? {
                    found.push(read(&Row { doing, inner: Inner::Postgres(row) })?);
                }
            }
        }
        Ok(found)
    }

    /// Runs it and reads the only row, if there is one.
    pub(crate) async fn maybe<T>(
        self,
        db: &mut Db,
        read: impl FnMut(&Row) -> Result<T, StoreError> + Send,
    ) -> Result<Option<T>, StoreError> {
        Ok(self.all(db, read).await?.pop())
    }

    /// Runs it and reads the one row that is always there.
    pub(crate) async fn one<T>(
        self,
        db: &mut Db,
        read: impl FnMut(&Row) -> Result<T, StoreError> + Send,
    ) -> Result<T, StoreError> {
        let doing = self.doing;
        self.maybe(db, read)
            .await?
            .ok_or_else(|| StoreError::Refused { doing, source: "it gave no row".into() })
    }
}

type Query<DB> = sqlx::query::Query<'static, DB, <DB as sqlx::Database>::Arguments>;

fn query<DB>(text: &'static str, values: Vec<Value>) -> Query<DB>
where
    DB: sqlx::Database,
    Option<i64>: for<'q> sqlx::Encode<'q, DB> + Type<DB>,
    Option<bool>: for<'q> sqlx::Encode<'q, DB> + Type<DB>,
    Option<String>: for<'q> sqlx::Encode<'q, DB> + Type<DB>,
    Option<Vec<u8>>: for<'q> sqlx::Encode<'q, DB> + Type<DB>,
    <DB as sqlx::Database>::Arguments: sqlx::IntoArguments<DB>,
{
    values.into_iter().fold(sqlx::query(text), |query, value| match value {
        Value::Int(value) => query.bind(value),
        Value::Bool(value) => query.bind(value),
        Value::Text(value) => query.bind(value),
        Value::Bytes(value) => query.bind(value),
    })
}

/// One row of an answer.
pub(crate) struct Row {
    doing: &'static str,
    inner: Inner,
}

enum Inner {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

/// A type that a column of either database can be read as.
pub(crate) trait Column:
    for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres>
{
}

impl<T> Column for T where
    T: for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres>
{
}

impl Row {
    /// Reads the column of that name.
    pub(crate) fn get<T: Column>(&self, name: &'static str) -> Result<T, StoreError> {
        match &self.inner {
            Inner::Sqlite(row) => row.try_get(name),
            Inner::Postgres(row) => row.try_get(name),
        }
        .map_err(failure(self.doing))
    }

    /// Reads the column at that place, counted from 0: quicker, for answers of many rows.
    pub(crate) fn at<T: Column>(&self, place: usize) -> Result<T, StoreError> {
        match &self.inner {
            Inner::Sqlite(row) => row.try_get(place),
            Inner::Postgres(row) => row.try_get(place),
        }
        .map_err(failure(self.doing))
    }
}
