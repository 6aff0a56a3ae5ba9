//! Names of products, for lists that know only their numbers.

use std::collections::HashMap;

use russet_domain::TokenId;

use super::{language, store_country};
use crate::codec::json;
use crate::engine::{Db, Sql, bulk, sql};
use crate::error::StoreError;

/// The names of products in the store of a token's country, as far as they are known, by token and number.
///
/// # Errors
/// As any statement.
pub async fn names(
    db: &mut Db,
    of: impl IntoIterator<Item = (TokenId, &str)>,
) -> Result<HashMap<(TokenId, String), String>, StoreError> {
    const NAMES: Sql = bulk!(
        "SELECT x.token_id, p.adam_id, p.name
         FROM ",
        (0 token_id BIGINT, 1 adam_id TEXT),
        concat!(
            " CROSS JOIN tokens t
              CROSS JOIN apps p
              WHERE t.id = x.token_id
                AND p.adam_id = x.adam_id
                AND p.country = ",
            store_country!("t"),
            " AND p.language = $2 AND p.name IS NOT NULL"
        )
    );
    let mut pairs: Vec<(i64, &str)> = of.into_iter().map(|(token, id)| (token.0, id)).collect();
    pairs.sort_unstable();
    pairs.dedup();
    if pairs.is_empty() {
        return Ok(HashMap::new());
    }
    let language = language(db).await?;
    let found = sql("reading names of products", NAMES)
        .bind(json(&pairs)?)
        .bind(language)
        .all(db, |row| {
            let key = (TokenId(row.get("token_id")?), row.get::<String>("adam_id")?);
            Ok((key, row.get::<String>("name")?))
        })
        .await?;
    Ok(found.into_iter().collect())
}
