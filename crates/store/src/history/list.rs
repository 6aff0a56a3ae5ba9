//! Movements, listed.

use russet_domain::change::Action;
use russet_domain::{AssetKey, ChangeId, Holder, JobId, Timestamp, TokenId};

use super::Cause;
use crate::codec::{among, asset_key, holder, int, kind_of, word};
use crate::engine::{Db, Row, Sql, sql};
use crate::error::StoreError;

/// One license that changed hands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Movement {
    /// Its number; later ones of a token have higher ones.
    pub id: i64,
    /// When it was learned.
    pub at: Timestamp,
    /// Whose asset it was.
    pub token: TokenId,
    /// The asset.
    pub key: AssetKey,
    /// Who has it since, or no more.
    pub holder: Holder,
    /// Which way it went.
    pub action: Action,
    /// What it was learned from.
    pub cause: Cause,
    /// The change of ours that moved it.
    pub change: Option<ChangeId>,
    /// The first job that had asked for that.
    pub job: Option<JobId>,
    /// Who wanted that job.
    pub origin: Option<String>,
    /// The name of the API key that submitted it.
    pub key_name: Option<String>,
    /// Apple's event.
    pub event: Option<String>,
}

/// Which movements. Everything that is given has to fit.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Those of this token.
    pub token: Option<TokenId>,
    /// Those of this product.
    pub adam_id: Option<String>,
    /// Those of this holder.
    pub holder: Option<Holder>,
    /// Those from this moment on.
    pub since: Option<Timestamp>,
    /// Those before this moment.
    pub until: Option<Timestamp>,
    /// Those of these tokens: what the asking API key may see. `None` is all.
    pub among: Option<Vec<TokenId>>,
}

macro_rules! list {
    ($among:literal) => {
        concat!(
            "SELECT m.id, m.at, m.token_id, m.adam_id, m.pricing_param, m.holder_kind, m.holder_id, m.gained, m.cause,
                    m.change_id, m.job_id, j.origin, k.name, m.event_id
             FROM movements m
             LEFT JOIN jobs j ON j.id = m.job_id
             LEFT JOIN api_keys k ON k.id = j.key_id
             WHERE m.id < $1
               AND ($2 IS NULL OR m.token_id = $2)
               AND ($3 IS NULL OR m.adam_id = $3)
               AND ($4 IS NULL OR (m.holder_kind = $4 AND m.holder_id = $5))
               AND ($6 IS NULL OR m.at >= $6)
               AND ($7 IS NULL OR m.at < $7)
               AND ($8 IS NULL OR m.token_id IN (SELECT ",
            $among,
            "))
             ORDER BY m.id DESC
             LIMIT $9"
        )
    };
}

/// Movements, the newest first, before a number.
///
/// # Errors
/// As any statement.
pub async fn list(
    db: &mut Db,
    filter: &Filter,
    limit: usize,
    before: Option<i64>,
) -> Result<Vec<Movement>, StoreError> {
    const LIST: Sql = Sql {
        sqlite: list!("value FROM json_each($8)"),
        postgres: list!("value::BIGINT FROM jsonb_array_elements_text($8::jsonb)"),
    };
    sql("listing which licenses moved", LIST)
        .bind(before.unwrap_or(i64::MAX))
        .bind(filter.token.map(|token| token.0))
        .bind(filter.adam_id.as_deref())
        .bind(filter.holder.as_ref().map(kind_of))
        .bind(filter.holder.as_ref().map(Holder::id))
        .bind(filter.since.map(|since| since.0))
        .bind(filter.until.map(|until| until.0))
        .bind(among(filter.among.as_deref())?)
        .bind(int(limit))
        .all(db, movement)
        .await
}

fn movement(row: &Row) -> Result<Movement, StoreError> {
    let gained: bool = row.at(7)?;
    Ok(Movement {
        id: row.at(0)?,
        at: Timestamp(row.at(1)?),
        token: TokenId(row.at(2)?),
        key: asset_key(row.at(3)?, &row.at::<String>(4)?),
        holder: holder(&row.at::<String>(5)?, row.at(6)?)?,
        action: if gained { Action::Assign } else { Action::Revoke },
        cause: word("a cause", &row.at::<String>(8)?, Cause::from_text)?,
        change: row.at::<Option<i64>>(9)?.map(ChangeId),
        job: row.at::<Option<i64>>(10)?.map(JobId),
        origin: row.at(11)?,
        key_name: row.at(12)?,
        event: row.at(13)?,
    })
}
