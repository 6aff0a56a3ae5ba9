//! Adds licenses of products up over tokens.

use std::collections::{BTreeMap, HashMap};

use russet_domain::asset::UNLIMITED_TOTAL;
use russet_domain::{Pricing, ProductType, TokenId};

use super::list::place;
use super::{Owned, Place, Quality, store_country};
use crate::codec::{count, from_json, json};
use crate::engine::{Db, Row, Sql, sql};
use crate::error::StoreError;

/// Which assets are counted.
pub(super) struct Scope {
    pub(super) ids: String,
    pub(super) among: Option<String>,
    pub(super) token: Option<TokenId>,
    pub(super) per_token: bool,
}

macro_rules! scoped {
    ($select:expr, $ids:literal, $among:literal, $group:literal) => {
        concat!(
            $select,
            " FROM (SELECT ",
            $ids,
            ") AS x
              CROSS JOIN assets a
              JOIN tokens t ON t.id = a.token_id
              WHERE a.adam_id = x.adam_id
                AND NOT a.gone
                AND ($2 IS NULL OR a.token_id = $2)
                AND ($3 IS NULL OR a.token_id IN (SELECT ",
            $among,
            "))
              GROUP BY ",
            $group
        )
    };
}

macro_rules! on_both {
    ($select:expr, $group:literal) => {
        Sql {
            sqlite: scoped!(
                $select,
                "value AS adam_id FROM json_each($1)",
                "value FROM json_each($3)",
                $group
            ),
            postgres: scoped!(
                $select,
                "value AS adam_id FROM jsonb_array_elements_text($1::jsonb)",
                "value::BIGINT FROM jsonb_array_elements_text($3::jsonb)",
                $group
            ),
        }
    };
}

/// Adds up by product, quality and country, and with `$4 = 1` by token.
const COUNTS: Sql = on_both!(
    concat!(
        "SELECT a.adam_id,
                CASE WHEN $4 = 1 THEN a.token_id ELSE 0 END AS token_id,
                a.pricing_param, ",
        store_country!("t"),
        " AS country,
                min(t.name) AS token_name,
                min(a.product_type) AS product_type,
                min(a.platforms) AS platforms,
                CAST(max(CASE WHEN a.device_assignable THEN 1 ELSE 0 END) AS BIGINT) AS device_assignable,
                CAST(max(CASE WHEN a.revocable THEN 1 ELSE 0 END) AS BIGINT) AS revocable,
                CAST(count(*) AS BIGINT) AS tokens,
                CAST(sum(CASE WHEN a.total >= $5 THEN 1 ELSE 0 END) AS BIGINT) AS unlimited,
                CAST(sum(CASE WHEN a.total >= $5 THEN 0 ELSE a.total END) AS BIGINT) AS total,
                CAST(sum(CASE WHEN a.total >= $5 THEN 0 ELSE a.available END) AS BIGINT) AS available,
                CAST(sum(a.assigned) AS BIGINT) AS assigned,
                CAST(sum(a.retired) AS BIGINT) AS retired"
    ),
    "1, 2, 3, 4"
);

/// In how many tokens' countries each row is owned.
pub(super) type Countries = HashMap<Place, BTreeMap<String, u64>>;

/// The rows of a page, and in which countries' stores how many tokens own each.
pub(super) async fn counts(
    db: &mut Db,
    scope: &Scope,
) -> Result<(HashMap<Place, Owned>, Countries), StoreError> {
    let found = sql("adding up licenses of products", COUNTS)
        .bind(scope.ids.as_str())
        .bind(scope.token.map(|token| token.0))
        .bind(scope.among.as_deref())
        .bind(i64::from(scope.per_token))
        .bind(UNLIMITED_TOTAL)
        .all(db, |row| Ok((counted(row)?, row.get::<String>("country")?)))
        .await?;
    let mut rows: HashMap<Place, Owned> = HashMap::new();
    let mut countries = Countries::new();
    for (row, country) in found {
        // Who owns two qualities is one token all the same; those are counted below.
        let tokens = row.qualities[0].tokens;
        let known = countries.entry(row.place.clone()).or_default().entry(country).or_default();
        *known = tokens.max(*known);
        match rows.get_mut(&row.place) {
            Some(known) => row.qualities.into_iter().for_each(|quality| add(&mut known.qualities, quality)),
            None => drop(rows.insert(row.place.clone(), row)),
        }
    }
    for row in rows.values_mut() {
        row.qualities.sort_by(|left, right| left.pricing.cmp(&right.pricing));
    }
    let several: Vec<&str> = rows
        .values()
        .filter(|row| row.qualities.len() > 1 && !scope.per_token)
        .map(|row| row.place.adam_id.as_str())
        .collect();
    if !several.is_empty() {
        let scope = Scope { ids: json(&several)?, among: scope.among.clone(), ..*scope };
        countries.extend(self::countries(db, &scope).await?);
    }
    Ok((rows, countries))
}

fn add(qualities: &mut Vec<Quality>, more: Quality) {
    match qualities.iter_mut().find(|quality| quality.pricing == more.pricing) {
        Some(quality) => {
            quality.tokens += more.tokens;
            quality.unlimited += more.unlimited;
            quality.total += more.total;
            quality.available += more.available;
            quality.assigned += more.assigned;
            quality.retired += more.retired;
        }
        None => qualities.push(more),
    }
}

fn counted(row: &Row) -> Result<Owned, StoreError> {
    let place = place(row)?;
    let quality = Quality {
        pricing: Pricing::from_text(&row.get::<String>("pricing_param")?),
        tokens: count(row.get("tokens")?),
        unlimited: count(row.get("unlimited")?),
        total: row.get("total")?,
        available: row.get("available")?,
        assigned: row.get("assigned")?,
        retired: row.get("retired")?,
    };
    let token_name = if place.token == 0 { None } else { Some(row.get("token_name")?) };
    Ok(Owned {
        tokens: 0,
        token_name,
        product_type: ProductType::from_text(&row.get::<String>("product_type")?),
        device_assignable: row.get::<i64>("device_assignable")? == 1,
        revocable: row.get::<i64>("revocable")? == 1,
        platforms: from_json("assets.platforms", &row.get::<String>("platforms")?)?,
        qualities: vec![quality],
        stores: Vec::new(),
        versions: Vec::new(),
        place,
    })
}

/// In which countries' stores products are owned, by how many different tokens.
const COUNTRIES: Sql = on_both!(
    concat!(
        "SELECT a.adam_id,
                CASE WHEN $4 = 1 THEN a.token_id ELSE 0 END AS token_id, ",
        store_country!("t"),
        " AS country,
                CAST(count(DISTINCT a.token_id) AS BIGINT) AS tokens"
    ),
    "1, 2, 3"
);

async fn countries(db: &mut Db, scope: &Scope) -> Result<Countries, StoreError> {
    let found = sql("looking for stores of products", COUNTRIES)
        .bind(scope.ids.as_str())
        .bind(scope.token.map(|token| token.0))
        .bind(scope.among.as_deref())
        .bind(i64::from(scope.per_token))
        .all(db, |row| Ok((place(row)?, row.get::<String>("country")?, count(row.get("tokens")?))))
        .await?;
    let mut countries = Countries::new();
    for (place, country, tokens) in found {
        countries.entry(place).or_default().insert(country, tokens);
    }
    Ok(countries)
}
