//! Columns of sealed texts whose rows say in `sealed_for` what they are bound to: a random name that never changes.

use russet_domain::{JobId, Secret};
use uuid::Uuid;

use crate::codec::{from_json, int, json};
use crate::engine::{Db, Tx, sql};
use crate::error::StoreError;
use crate::seal::{KeyRing, Place};

/// Rows sealed anew in one transaction.
const BATCH: usize = 100;

/// A column of sealed texts.
pub(crate) struct Sealed {
    table: &'static str,
    column: &'static str,
    /// Both, for errors.
    name: &'static str,
    /// Reads `sealed_for` and sealed text of a row that has one.
    find: &'static str,
    /// Reads number, `sealed_for` and sealed text of the rows after a number.
    read: &'static str,
    /// Writes the sealed text of a row.
    write: &'static str,
}

/// Says once what a column is called.
macro_rules! sealed {
    ($table:literal, $id:literal, $column:literal) => {
        Sealed {
            table: $table,
            column: $column,
            name: concat!($table, ".", $column),
            find: concat!(
                "SELECT sealed_for, ",
                $column,
                " FROM ",
                $table,
                " WHERE ",
                $id,
                " = $1 AND ",
                $column,
                " IS NOT NULL"
            ),
            read: concat!(
                "SELECT ",
                $id,
                ", sealed_for, ",
                $column,
                " FROM ",
                $table,
                " WHERE ",
                $id,
                " > $1 AND ",
                $column,
                " IS NOT NULL ORDER BY ",
                $id,
                " LIMIT $2"
            ),
            write: concat!("UPDATE ", $table, " SET ", $column, " = $2 WHERE ", $id, " = $1"),
        }
    };
}

/// Whom to tell of a job's moves.
pub(crate) const MOVE_CALLBACKS: Sealed = sealed!("move_orders", "job_id", "callback");
/// Whom to tell of a gate.
pub(crate) const GATE_CALLBACKS: Sealed = sealed!("gate_orders", "job_id", "callback");
/// What MDM servers are called with, and prove themselves with.
pub(crate) const CONNECTORS: Sealed = sealed!("connectors", "id", "secrets");
/// What apps are told.
pub(crate) const CONFIGURATIONS: Sealed = sealed!("assignments", "id", "configuration");

/// All of them, for whoever seals everything anew.
pub(crate) const ALL: [&Sealed; 4] = [&MOVE_CALLBACKS, &GATE_CALLBACKS, &CONNECTORS, &CONFIGURATIONS];

impl Sealed {
    fn place<'a>(&self, sealed_for: &'a str) -> Place<'a> {
        Place { table: self.table, column: self.column, row: sealed_for }
    }

    /// Seals a text for a row that is about to be written, or given a new text: what goes into `sealed_for`, and beside it.
    pub(crate) fn seal(&self, keys: &KeyRing, text: &Secret) -> Result<(String, Vec<u8>), StoreError> {
        let sealed_for = Uuid::new_v4().to_string();
        let whole = keys.seal(self.place(&sealed_for), text)?;
        Ok((sealed_for, whole))
    }

    /// The text of a row; `None` without one.
    pub(crate) async fn text(&self, db: &mut Db, id: i64) -> Result<Option<Secret>, StoreError> {
        let found = sql("reading a sealed text", self.find)
            .bind(id)
            .maybe(db, |row| Ok((row.at::<String>(0)?, row.at::<Vec<u8>>(1)?)))
            .await?;
        let Some((sealed_for, whole)) = found else { return Ok(None) };
        db.keys().open(self.place(&sealed_for), &whole).map(Some)
    }

    /// Seals whom to tell, if anybody, for a row that is about to be written.
    pub(crate) fn seal_callback(
        &self,
        keys: &KeyRing,
        callback: Option<&Callback>,
    ) -> Result<(String, Option<Vec<u8>>), StoreError> {
        let sealed_for = Uuid::new_v4().to_string();
        let seal = |callback: &Callback| keys.seal(self.place(&sealed_for), &callback.to_text()?);
        let whole = callback.map(seal).transpose()?;
        Ok((sealed_for, whole))
    }

    /// Whom to tell of a job.
    pub(crate) async fn callback(&self, db: &mut Db, job: JobId) -> Result<Option<Callback>, StoreError> {
        let text = self.text(db, job.0).await?;
        text.map(|text| Callback::from_text(self.name, &text)).transpose()
    }

    /// Seals some rows after a number with the current key. Answers how many it sealed anew and the last number it looked
    /// at; `None` when there is none more.
    pub(crate) async fn reseal(&self, tx: &mut Tx, after: i64) -> Result<Option<(u64, i64)>, StoreError> {
        let keys = tx.keys();
        let found = sql("reading sealed texts", self.read)
            .bind(after)
            .bind(int(BATCH))
            .all(tx, |row| Ok((row.at::<i64>(0)?, row.at::<String>(1)?, row.at::<Vec<u8>>(2)?)))
            .await?;
        let Some((last, _, _)) = found.last() else { return Ok(None) };
        let (last, mut moved) = (*last, 0);
        for (id, sealed_for, whole) in found {
            if keys.is_current(&whole) {
                continue;
            }
            let text = keys.open(self.place(&sealed_for), &whole)?;
            let anew = keys.seal(self.place(&sealed_for), &text)?;
            sql("sealing a text anew", self.write).bind(id).bind(anew).run(tx).await?;
            moved += 1;
        }
        Ok(Some((moved, last)))
    }
}

/// Whom to tell, and the secret that the news is signed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callback {
    /// The address; its path and query may hold a secret.
    pub url: Secret,
    /// The secret.
    pub secret: Secret,
}

impl Callback {
    /// As one text, to be sealed.
    fn to_text(&self) -> Result<Secret, StoreError> {
        Ok(Secret::new(json(&(self.url.reveal(), self.secret.reveal()))?))
    }

    /// From such a text.
    fn from_text(what: &'static str, text: &Secret) -> Result<Self, StoreError> {
        let (url, secret): (String, String) = from_json(what, text.reveal())?;
        Ok(Self { url: Secret::new(url), secret: Secret::new(secret) })
    }
}
