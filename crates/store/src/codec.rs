//! Spells domain values as columns, and reads them back.

use russet_domain::change::Action;
use russet_domain::{AssetId, AssetKey, Holder, Pricing, Timestamp, TokenId};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::engine::{Row, Statement};
use crate::error::StoreError;

/// What stands in `holder_kind` for a device. Rows hold it; it never changes.
const DEVICE: &str = "d";
/// What stands in `holder_kind` for a user. Rows hold it; it never changes.
const USER: &str = "u";

/// The column `holder_kind`.
pub(crate) fn kind_of(holder: &Holder) -> &'static str {
    match holder {
        Holder::Device(_) => DEVICE,
        Holder::User(_) => USER,
    }
}

/// The holder of the columns `holder_kind` and `holder_id`.
pub(crate) fn holder(kind: &str, id: String) -> Result<Holder, StoreError> {
    match kind {
        DEVICE => Ok(Holder::Device(id)),
        USER => Ok(Holder::User(id)),
        other => Err(StoreError::Unreadable {
            what: "a holder_kind",
            why: format!("{other:?} is neither d nor u"),
        }),
    }
}

impl Statement {
    /// Binds the three values that name a license: asset, kind of holder, holder.
    pub(crate) fn bind_license(self, asset: AssetId, holder: &Holder) -> Self {
        self.bind(asset.0).bind(kind_of(holder)).bind(holder.id())
    }
}

/// Which way a license moves, from the column `action`.
pub(crate) fn action(text: &str) -> Result<Action, StoreError> {
    word("an action", text, Action::from_text)
}

/// An asset's name from the columns `adam_id` and `pricing_param`.
pub(crate) fn asset_key(adam_id: String, pricing: &str) -> AssetKey {
    AssetKey { adam_id, pricing: Pricing::from_text(pricing) }
}

/// A stored word, read by the domain's own reader.
pub(crate) fn word<T>(
    what: &'static str,
    text: &str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<T, StoreError> {
    read(text)
        .ok_or_else(|| StoreError::Unreadable { what, why: format!("{text:?} is not a word it can hold") })
}

/// A column that holds one of the domain's words.
pub(crate) fn word_in<T>(
    row: &Row,
    column: &'static str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<T, StoreError> {
    word(column, &row.get::<String>(column)?, read)
}

/// A moment.
pub(crate) fn time(row: &Row, column: &'static str) -> Result<Timestamp, StoreError> {
    row.get(column).map(Timestamp)
}

/// A moment that may not have come.
pub(crate) fn maybe_time(row: &Row, column: &'static str) -> Result<Option<Timestamp>, StoreError> {
    Ok(row.get::<Option<i64>>(column)?.map(Timestamp))
}

/// A count of rows or pairs, which is never negative.
pub(crate) fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// A number of rows as a bound value. No list here is longer than this holds.
pub(crate) fn int(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The tokens that something is narrowed to, as a bulk input; nothing when it is not.
pub(crate) fn among(tokens: Option<&[TokenId]>) -> Result<Option<String>, StoreError> {
    tokens.map(|tokens| json(&tokens.iter().map(|token| token.0).collect::<Vec<_>>())).transpose()
}

/// A JSON text, for bulk input and for columns that hold lists.
pub(crate) fn json<T: Serialize + ?Sized>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value)
        .map_err(|error| StoreError::Unreadable { what: "a list to be stored", why: error.to_string() })
}

/// Reads a column that holds a JSON text of ours.
pub(crate) fn from_json<T: DeserializeOwned>(what: &'static str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Unreadable { what, why: error.to_string() })
}
