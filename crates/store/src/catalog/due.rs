//! Finds the products that a store is to be asked about, and whose token may ask.

use std::collections::HashMap;

use russet_domain::catalog::{Known, Listing};
use russet_domain::token::TokenState;
use russet_domain::{ProductType, Timestamp, TokenId};

use super::{Storefront, store_country};
use crate::codec::{from_json, int, json, word};
use crate::engine::{Db, Row, Sql, Tx, bulk, sql};
use crate::error::StoreError;

/// A product that a store is to be asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// Its number.
    pub adam_id: String,
    /// App or book.
    pub product_type: ProductType,
    /// The platforms that Apple names for it, in Apple's spelling.
    pub platforms: Vec<String>,
    /// A token that owns it and may ask, the oldest one: so that few tokens ask for many products.
    pub token: TokenId,
    /// What is known of it.
    pub known: Option<Known>,
}

/// Where a reading has got to: products are asked about token by token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct After {
    /// The token that asked last.
    pub token: i64,
    /// The last product that it asked about.
    pub adam_id: String,
}

/// Products of a storefront's tokens that are not known yet, or were last looked for before `before`, in the order of
/// the tokens that are to ask and of their numbers, after a place.
///
/// Costs time by the number of different products; for those that no token of the storefront owns, also by their owners.
///
/// # Errors
/// As any statement.
pub async fn due(
    db: &mut Db,
    storefront: &Storefront,
    language: &str,
    before: Timestamp,
    after: &After,
    limit: usize,
) -> Result<Vec<Due>, StoreError> {
    // Steps from one number to the next, of which there are few, rather than through all assets, of which there are many.
    const DUE: Sql = bulk!(
        concat!(
            "WITH RECURSIVE ids (adam_id) AS (
                 SELECT min(adam_id) FROM assets
                 UNION ALL
                 SELECT (SELECT min(a.adam_id) FROM assets a WHERE a.adam_id > ids.adam_id)
                 FROM ids
                 WHERE ids.adam_id IS NOT NULL)
             SELECT a.adam_id, a.token_id, a.product_type, a.platforms, d.state, d.state_since, d.found_in, d.fetched_at
             FROM (SELECT ids.adam_id, p.state, p.state_since, p.found_in, p.fetched_at,
                          (SELECT o.id
                           FROM assets o
                           JOIN tokens t ON t.id = o.token_id
                           WHERE o.adam_id = ids.adam_id
                             AND NOT o.gone
                             AND NOT t.removing
                             AND t.account_type = $4
                             AND ",
            store_country!("t"),
            " = $2
                             AND t.state IN (SELECT x.state FROM "
        ),
        (0 state TEXT),
        ")
                       ORDER BY o.token_id, o.id
                       LIMIT 1) AS asset_id
               FROM ids
               LEFT JOIN apps p ON p.adam_id = ids.adam_id AND p.country = $2 AND p.language = $3
               WHERE ids.adam_id IS NOT NULL AND (p.adam_id IS NULL OR p.looked_at < $7)) AS d
         JOIN assets a ON a.id = d.asset_id
         WHERE a.token_id > $5 OR (a.token_id = $5 AND a.adam_id > $6)
         ORDER BY a.token_id, a.adam_id
         LIMIT $8"
    );
    sql("looking for products to ask a store about", DUE)
        .bind(states_that_ask()?)
        .bind(storefront.country.as_str())
        .bind(language)
        .bind(storefront.account_type.as_str())
        .bind(after.token)
        .bind(after.adam_id.as_str())
        // One that is to be asked about again was last looked for at 0.
        .bind(before.0.max(1))
        .bind(int(limit))
        .all(db, read)
        .await
}

fn read(row: &Row) -> Result<Due, StoreError> {
    let known = match row.get::<Option<String>>("state")? {
        None => None,
        Some(state) => Some(Known {
            listing: word("apps.state", &state, Listing::from_text)?,
            since: Timestamp(row.get::<Option<i64>>("state_since")?.unwrap_or(0)),
            found_in: row.get("found_in")?,
            has_facts: row.get::<Option<i64>>("fetched_at")?.is_some(),
        }),
    };
    Ok(Due {
        adam_id: row.get("adam_id")?,
        product_type: ProductType::from_text(&row.get::<String>("product_type")?),
        platforms: from_json("assets.platforms", &row.get::<String>("platforms")?)?,
        token: TokenId(row.get("token_id")?),
        known,
    })
}

/// For each of these products another token of the storefront that owns it and may ask; those without one are missing.
///
/// # Errors
/// As any statement.
pub async fn owners(
    db: &mut Db,
    storefront: &Storefront,
    ids: &[String],
    without: &[TokenId],
) -> Result<HashMap<String, TokenId>, StoreError> {
    const OWNERS: Sql = bulk!(
        "SELECT a.adam_id, a.token_id, t.state
         FROM ",
        (0 adam_id TEXT),
        concat!(
            " CROSS JOIN assets a
              JOIN tokens t ON t.id = a.token_id
              WHERE a.adam_id = x.adam_id
                AND NOT a.gone
                AND NOT t.removing
                AND ",
            store_country!("t"),
            " = $2
                AND t.account_type = $3
              ORDER BY a.token_id
              LIMIT 100000"
        )
    );
    let ids: Vec<_> = ids.iter().map(|id| (id,)).collect();
    let found = sql("looking for owners of products", OWNERS)
        .bind(json(&ids)?)
        .bind(storefront.country.as_str())
        .bind(storefront.account_type.as_str())
        .all(db, |row| {
            let state = word("tokens.state", &row.get::<String>("state")?, TokenState::from_text)?;
            Ok((row.get::<String>("adam_id")?, TokenId(row.get("token_id")?), may_ask(state)))
        })
        .await?;
    let mut owners = HashMap::new();
    for (id, token, may_ask) in found {
        if may_ask && !without.contains(&token) {
            owners.entry(id).or_insert(token);
        }
    }
    Ok(owners)
}

/// The countries, other than one, whose stores are known to have these products: for each the one heard of last.
///
/// # Errors
/// As any statement.
pub async fn elsewhere(
    db: &mut Db,
    ids: &[String],
    country: &str,
    language: &str,
) -> Result<HashMap<String, String>, StoreError> {
    const ELSEWHERE: Sql = bulk!(
        "SELECT p.adam_id, p.country
         FROM ",
        (0 adam_id TEXT),
        " CROSS JOIN apps p
          WHERE p.adam_id = x.adam_id
            AND p.country <> $2
            AND p.language = $3
            AND p.state = 'listed'
          ORDER BY p.fetched_at"
    );
    let ids: Vec<_> = ids.iter().map(|id| (id,)).collect();
    let found = sql("looking for products in other stores", ELSEWHERE)
        .bind(json(&ids)?)
        .bind(country)
        .bind(language)
        .all(db, |row| Ok((row.get("adam_id")?, row.get("country")?)))
        .await?;
    // The later ones replace the earlier ones.
    Ok(found.into_iter().collect())
}

/// The storefront of a token that owns something its store was not asked about yet.
///
/// # Errors
/// As any statement.
pub async fn is_incomplete(
    db: &mut Db,
    token: TokenId,
    language: &str,
) -> Result<Option<Storefront>, StoreError> {
    sql(
        "looking whether a token's products are known",
        concat!(
            "SELECT ",
            store_country!("t"),
            " AS country, t.account_type
             FROM tokens t
             WHERE t.id = $1
               AND EXISTS (
                 SELECT 1
                 FROM assets a
                 WHERE a.token_id = t.id
                   AND NOT a.gone
                   AND NOT EXISTS (
                     SELECT 1
                     FROM apps p
                     WHERE p.adam_id = a.adam_id
                       AND p.country = ",
            store_country!("t"),
            "
                       AND p.language = $2))"
        ),
    )
    .bind(token.0)
    .bind(language)
    .maybe(db, storefront)
    .await
}

/// The storefronts that tokens have, or that one of them has.
///
/// # Errors
/// As any statement.
pub async fn storefronts(db: &mut Db, token: Option<TokenId>) -> Result<Vec<Storefront>, StoreError> {
    sql(
        "listing storefronts",
        concat!(
            "SELECT DISTINCT ",
            store_country!("t"),
            " AS country, t.account_type
             FROM tokens t
             WHERE NOT t.removing AND ($1 IS NULL OR t.id = $1)
             ORDER BY 1, 2"
        ),
    )
    .bind(token.map(|token| token.0))
    .all(db, storefront)
    .await
}

/// Has stores asked again about products: those of a country, those that a token owns, those of these numbers, or all.
///
/// # Errors
/// As any statement.
pub async fn mark_due(
    tx: &mut Tx,
    country: Option<&str>,
    token: Option<TokenId>,
    ids: Option<&[String]>,
) -> Result<u64, StoreError> {
    const MARK: Sql = bulk!(
        "UPDATE apps
         SET looked_at = 0
         WHERE ($2 IS NULL OR country = $2)
           AND ($3 IS NULL OR EXISTS (
               SELECT 1
               FROM assets a
               WHERE a.adam_id = apps.adam_id AND a.token_id = $3))
           AND ($4 IS NULL OR adam_id IN (SELECT x.adam_id FROM ",
        (0 adam_id TEXT),
        "))"
    );
    let named: Vec<_> = ids.unwrap_or_default().iter().map(|id| (id,)).collect();
    sql("marking products to be asked about", MARK)
        .bind(json(&named)?)
        .bind(country)
        .bind(token.map(|token| token.0))
        .bind(ids.map(|_| 1_i64))
        .run(tx)
        .await
}

fn storefront(row: &Row) -> Result<Storefront, StoreError> {
    Ok(Storefront { country: row.get("country")?, account_type: row.get("account_type")? })
}

/// Whose token Apple's services take: whoever has been confirmed and is not refused by Apple.
fn may_ask(state: TokenState) -> bool {
    state.may_ask() && !state.is_undecided()
}

fn states_that_ask() -> Result<String, StoreError> {
    let states: Vec<_> =
        TokenState::ALL.into_iter().filter(|state| may_ask(*state)).map(|state| (state.as_str(),)).collect();
    json(&states)
}
