//! Products with their counts: added up over tokens, or one row a token (rule S-20).

use std::collections::HashMap;

use russet_domain::catalog::{Listing, Platform};
use russet_domain::{Pricing, ProductType, TokenId};

use super::counts::{Countries, Scope, counts};
use super::{App, Version, apps, language, store_country, versions};
use crate::codec::{among, int, json};
use crate::engine::{Db, Row, Sql, sql};
use crate::error::StoreError;

/// What a list of products is narrowed to.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only those of this token.
    pub token: Option<TokenId>,
    /// Only those of these tokens: what the asking API key may see. `None` is all.
    pub among: Option<Vec<TokenId>>,
    /// Only this one.
    pub adam_id: Option<String>,
    /// Only those in whose name, maker, bundle id or number this text stands.
    pub text: Option<String>,
    /// Only those for this platform.
    pub platform: Option<Platform>,
    /// Only apps, or only books.
    pub product_type: Option<ProductType>,
    /// Only those made for the organization alone, or only others.
    pub custom: Option<bool>,
    /// Only those without a limit, or only those with one.
    pub unlimited: Option<bool>,
    /// Only those of which the store says this.
    pub listing: Option<Listing>,
    /// One row a token instead of one for all.
    pub per_token: bool,
}

/// A place in the list: a product, and with one row a token the token.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The product.
    pub adam_id: String,
    /// The token; 0 in a row for all.
    pub token: i64,
}

/// A product that locations own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owned {
    /// Where it stands in the list.
    pub place: Place,
    /// How many tokens own it.
    pub tokens: u64,
    /// The token's name, in a row of one.
    pub token_name: Option<String>,
    /// App or book.
    pub product_type: ProductType,
    /// Whether a device can hold a license of it.
    pub device_assignable: bool,
    /// Whether a license can be taken back.
    pub revocable: bool,
    /// Platforms in Apple's spelling.
    pub platforms: Vec<String>,
    /// The counts of each quality that is owned.
    pub qualities: Vec<Quality>,
    /// What stores say: that of the most tokens first, and one that has it before one that has not.
    pub stores: Vec<App>,
    /// The versions that those stores have now.
    pub versions: Vec<Version>,
}

/// The counts of one quality of a product, added up over tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quality {
    /// The quality.
    pub pricing: Pricing,
    /// How many tokens own it.
    pub tokens: u64,
    /// How many of those own it without a limit.
    pub unlimited: u64,
    /// Licenses bought, where there is a limit.
    pub total: i64,
    /// Licenses that nobody holds, where there is a limit.
    pub available: i64,
    /// Licenses that somebody holds.
    pub assigned: i64,
    /// Licenses lost with retired users.
    pub retired: i64,
}

/// The most versions that are read beside a page.
const VERSIONS_MAX: usize = 20_000;

/// Products in the order of their numbers, after a place. Costs time by the number of assets of those on the page.
///
/// # Errors
/// As any statement.
pub async fn list(
    db: &mut Db,
    filter: &Filter,
    limit: usize,
    after: Option<&Place>,
) -> Result<Vec<Owned>, StoreError> {
    let language = language(db).await?;
    let places = page(db, filter, &language, limit, after).await?;
    let mut ids: Vec<&str> = places.iter().map(|place| place.adam_id.as_str()).collect();
    ids.dedup();
    let scope = Scope {
        ids: json(&ids)?,
        among: among(filter.among.as_deref())?,
        token: filter.token,
        per_token: filter.per_token,
    };
    let (mut counted, countries) = counts(db, &scope).await?;
    let named: Vec<(String, String)> = countries
        .iter()
        .flat_map(|(place, stores)| stores.keys().map(|country| (place.adam_id.clone(), country.clone())))
        .collect();
    let mut known = apps(db, &named, &language).await?;
    let mut current: HashMap<(String, String), Vec<Version>> = HashMap::new();
    for version in versions(db, &named, &language, true, VERSIONS_MAX).await? {
        current.entry((version.adam_id.clone(), version.country.clone())).or_default().push(version);
    }
    if filter.per_token {
        // Several rows may share a store.
        return Ok(rows(
            places,
            &mut counted,
            &countries,
            |key| known.get(key).cloned(),
            |key| current.get(key).cloned().unwrap_or_default(),
        ));
    }
    Ok(rows(
        places,
        &mut counted,
        &countries,
        |key| known.remove(key),
        |key| current.remove(key).unwrap_or_default(),
    ))
}

fn rows(
    places: Vec<Place>,
    counted: &mut HashMap<Place, Owned>,
    countries: &Countries,
    mut app_of: impl FnMut(&(String, String)) -> Option<App>,
    mut versions_of: impl FnMut(&(String, String)) -> Vec<Version>,
) -> Vec<Owned> {
    let mut rows = Vec::with_capacity(places.len());
    for place in places {
        // One that was sold between two statements is not shown.
        let Some(mut row) = counted.remove(&place) else { continue };
        let mut stores: Vec<(u64, App)> = Vec::new();
        for (country, tokens) in countries.get(&place).into_iter().flatten() {
            let key = (place.adam_id.clone(), country.clone());
            row.versions.extend(versions_of(&key));
            stores.extend(app_of(&key).map(|app| (*tokens, app)));
        }
        row.tokens = countries.get(&place).map_or(0, |stores| stores.values().sum());
        stores.sort_by_key(|(tokens, app)| (app.listing, std::cmp::Reverse(*tokens)));
        row.stores = stores.into_iter().map(|(_, app)| app).collect();
        rows.push(row);
    }
    rows
}

/// Which assets a row of the list may come from.
macro_rules! fits {
    ($among:literal) => {
        concat!(
            " NOT a.gone
              AND ($4 IS NULL OR a.token_id = $4)
              AND ($5 IS NULL OR a.token_id IN (SELECT ",
            $among,
            "))
              AND ($6 IS NULL OR a.adam_id = $6)
              AND ($7 IS NULL OR p.search LIKE $7 ESCAPE '!' OR a.adam_id LIKE $7 ESCAPE '!')
              AND ($8 IS NULL OR a.platforms LIKE $8 ESCAPE '!')
              AND ($9 IS NULL OR a.product_type = $9)
              AND ($10 IS NULL OR coalesce(p.custom, 0) = $10)
              AND ($11 IS NULL OR ($11 = 1 AND a.total >= 2147483647) OR ($11 = 0 AND a.total < 2147483647))
              AND ($12 IS NULL OR p.state = $12) "
        )
    };
}

/// An asset with its token and what the token's store says.
macro_rules! asset_in_store {
    () => {
        concat!(
            "assets a
             JOIN tokens t ON t.id = a.token_id
             LEFT JOIN apps p
               ON p.adam_id = a.adam_id
              AND p.country = ",
            store_country!("t"),
            " AND p.language = $1 "
        )
    };
}

/// Steps from one number to the next, of which there are few, rather than through all assets, of which there are many.
macro_rules! by_app {
    ($among:literal) => {
        concat!(
            "WITH RECURSIVE ids (adam_id) AS (
                 SELECT min(adam_id) FROM assets WHERE adam_id > $2
                 UNION ALL
                 SELECT (SELECT min(a.adam_id) FROM assets a WHERE a.adam_id > ids.adam_id)
                 FROM ids
                 WHERE ids.adam_id IS NOT NULL)
             SELECT ids.adam_id, CAST(0 AS BIGINT) AS token_id
             FROM ids
             WHERE ids.adam_id IS NOT NULL
               AND $3 IS NOT NULL
               AND EXISTS (SELECT 1 FROM ",
            asset_in_store!(),
            " WHERE a.adam_id = ids.adam_id AND ",
            fits!($among),
            ") ORDER BY ids.adam_id LIMIT $13"
        )
    };
}

macro_rules! by_token {
    ($among:literal) => {
        concat!(
            "SELECT DISTINCT a.adam_id, a.token_id FROM ",
            asset_in_store!(),
            " WHERE (a.adam_id, a.token_id) > ($2, $3) AND ",
            fits!($among),
            " ORDER BY a.adam_id, a.token_id LIMIT $13"
        )
    };
}

const BY_APP: Sql = Sql {
    sqlite: by_app!("value FROM json_each($5)"),
    postgres: by_app!("value::BIGINT FROM jsonb_array_elements_text($5::jsonb)"),
};

const BY_TOKEN: Sql = Sql {
    sqlite: by_token!("value FROM json_each($5)"),
    postgres: by_token!("value::BIGINT FROM jsonb_array_elements_text($5::jsonb)"),
};

async fn page(
    db: &mut Db,
    filter: &Filter,
    language: &str,
    limit: usize,
    after: Option<&Place>,
) -> Result<Vec<Place>, StoreError> {
    let like = |text: &str| {
        let escaped = text.replace('!', "!!").replace('%', "!%").replace('_', "!_");
        format!("%{escaped}%")
    };
    let flag = |flag: Option<bool>| flag.map(i64::from);
    sql("listing products", if filter.per_token { BY_TOKEN } else { BY_APP })
        .bind(language)
        .bind(after.map_or("", |after| after.adam_id.as_str()))
        .bind(after.map_or(0, |after| after.token))
        .bind(filter.token.map(|token| token.0))
        .bind(among(filter.among.as_deref())?)
        .bind(filter.adam_id.as_deref())
        .bind(filter.text.as_deref().map(|text| like(&text.to_lowercase())))
        .bind(filter.platform.as_ref().map(|platform| like(&format!("\"{}\"", platform.as_str()))))
        .bind(filter.product_type.as_ref().map(ProductType::as_str))
        .bind(flag(filter.custom))
        .bind(flag(filter.unlimited))
        .bind(filter.listing.map(Listing::as_str))
        .bind(int(limit))
        .all(db, place)
        .await
}

pub(super) fn place(row: &Row) -> Result<Place, StoreError> {
    Ok(Place { adam_id: row.get("adam_id")?, token: row.get("token_id")? })
}
