//! Columns of sealed texts whose rows say in `sealed_for` what they are bound to: a random name that never changes.

use russet_domain::Secret;

use crate::codec::{from_json, int, json};
use crate::engine::{Tx, sql};
use crate::error::StoreError;
use crate::seal::{KeyRing, Place};

/// Rows sealed anew in one transaction.
const BATCH: usize = 100;

/// A column of sealed texts.
pub(crate) struct Sealed {
    table: &'static str,
    column: &'static str,
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

/// All of them, for whoever seals everything anew.
pub(crate) const ALL: [&Sealed; 3] = [&MOVE_CALLBACKS, &GATE_CALLBACKS, &CONNECTORS];

impl Sealed {
    fn place<'a>(&self, sealed_for: &'a str) -> Place<'a> {
        Place { table: self.table, column: self.column, row: sealed_for }
    }

    /// Seals a text for a row.
    pub(crate) fn seal(
        &self,
        keys: &KeyRing,
        sealed_for: &str,
        text: &Secret,
    ) -> Result<Vec<u8>, StoreError> {
        keys.seal(self.place(sealed_for), text)
    }

    /// Opens the text of a row.
    pub(crate) fn open(&self, keys: &KeyRing, sealed_for: &str, whole: &[u8]) -> Result<Secret, StoreError> {
        keys.open(self.place(sealed_for), whole)
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
            let text = self.open(&keys, &sealed_for, &whole)?;
            let anew = self.seal(&keys, &sealed_for, &text)?;
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
    pub(crate) fn to_text(&self) -> Result<Secret, StoreError> {
        Ok(Secret::new(json(&(self.url.reveal(), self.secret.reveal()))?))
    }

    /// From such a text.
    pub(crate) fn from_text(what: &'static str, text: &Secret) -> Result<Self, StoreError> {
        let (url, secret): (String, String) = from_json(what, text.reveal())?;
        Ok(Self { url: Secret::new(url), secret: Secret::new(secret) })
    }
}
