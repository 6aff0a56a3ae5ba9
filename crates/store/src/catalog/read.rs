//! Reads what is known of products.

use std::collections::HashMap;

use russet_domain::Timestamp;
use russet_domain::catalog::{AppFacts, Icon, Listing, Platform, PlatformFacts, Price};

use super::App;
use crate::codec::{from_json, int, json, maybe_time, time, word_in};
use crate::engine::{Db, Row, Sql, bulk, sql};
use crate::error::StoreError;

/// Products in the stores of countries, by number and country.
///
/// # Errors
/// As any statement.
pub async fn apps(
    db: &mut Db,
    named: &[(String, String)],
    language: &str,
) -> Result<HashMap<(String, String), App>, StoreError> {
    const APPS: Sql = bulk!(
        "SELECT p.adam_id, p.country, p.state, p.state_since, p.found_in, p.source, p.name, p.artist, p.bundle_id,
                p.watch_bundle_id, p.icon_template, p.icon_width, p.icon_height, p.families, p.price, p.currency,
                p.custom, p.device_licensable, p.released_on, p.store_url, p.first_seen_at, p.looked_at, p.fetched_at
         FROM ",
        (0 adam_id TEXT, 1 country TEXT),
        " CROSS JOIN apps p
          WHERE p.adam_id = x.adam_id AND p.country = x.country AND p.language = $2"
    );
    let rows = sql("reading products", APPS).bind(json(&named)?).bind(language).all(db, app).await?;
    Ok(rows.into_iter().map(|app| ((app.facts.adam_id.clone(), app.country.clone()), app)).collect())
}

/// A version of a product on a platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// The product.
    pub adam_id: String,
    /// The country of the store.
    pub country: String,
    /// Platform, version and minimum system.
    pub facts: PlatformFacts,
    /// Whether it is the one that the store has now.
    pub is_current: bool,
    /// When it was first seen.
    pub first_seen_at: Timestamp,
    /// When it was last seen.
    pub last_seen_at: Timestamp,
}

/// Versions of products, the newest first: those that stores have now, or all that were ever seen, at most `limit`.
///
/// # Errors
/// As any statement.
pub async fn versions(
    db: &mut Db,
    named: &[(String, String)],
    language: &str,
    only_current: bool,
    limit: usize,
) -> Result<Vec<Version>, StoreError> {
    const VERSIONS: Sql = bulk!(
        "SELECT v.adam_id, v.country, v.platform, v.external_id, v.shown, v.minimum_os, v.bundle_id, v.released_on,
                v.first_seen_at, v.last_seen_at,
                CAST(CASE WHEN v.last_seen_at = p.fetched_at THEN 1 ELSE 0 END AS BIGINT) AS is_current
         FROM ",
        (0 adam_id TEXT, 1 country TEXT),
        " CROSS JOIN app_versions v
          JOIN apps p ON p.adam_id = v.adam_id AND p.country = v.country AND p.language = v.language
          WHERE v.adam_id = x.adam_id
            AND v.country = x.country
            AND v.language = $2
            AND ($3 = 0 OR v.last_seen_at = p.fetched_at)
          ORDER BY v.last_seen_at DESC, v.first_seen_at DESC, v.adam_id, v.country, v.platform, v.version DESC
          LIMIT $4"
    );
    sql("reading versions of products", VERSIONS)
        .bind(json(&named)?)
        .bind(language)
        .bind(i64::from(only_current))
        .bind(int(limit))
        .all(db, version)
        .await
}

fn version(row: &Row) -> Result<Version, StoreError> {
    Ok(Version {
        adam_id: row.get("adam_id")?,
        country: row.get("country")?,
        facts: PlatformFacts {
            platform: Platform::from_text(&row.get::<String>("platform")?),
            bundle_id: row.get("bundle_id")?,
            external_version: row.get("external_id")?,
            shown_version: row.get("shown")?,
            minimum_os: row.get("minimum_os")?,
            released_on: row.get("released_on")?,
        },
        is_current: row.get::<i64>("is_current")? == 1,
        first_seen_at: time(row, "first_seen_at")?,
        last_seen_at: time(row, "last_seen_at")?,
    })
}

fn app(row: &Row) -> Result<App, StoreError> {
    let flag = |column| Ok::<_, StoreError>(row.get::<Option<i64>>(column)?.map(|flag| flag == 1));
    let icon = match row.get::<Option<String>>("icon_template")? {
        Some(template) => {
            Some(Icon { template, width: row.get("icon_width")?, height: row.get("icon_height")? })
        }
        None => None,
    };
    let price = match row.get::<Option<String>>("price")? {
        Some(amount) => Some(Price { amount, currency: row.get("currency")? }),
        None => None,
    };
    Ok(App {
        country: row.get("country")?,
        listing: word_in(row, "state", Listing::from_text)?,
        since: time(row, "state_since")?,
        found_in: row.get("found_in")?,
        source: row.get("source")?,
        facts: AppFacts {
            adam_id: row.get("adam_id")?,
            name: row.get("name")?,
            artist: row.get("artist")?,
            bundle_id: row.get("bundle_id")?,
            watch_bundle_id: row.get("watch_bundle_id")?,
            icon,
            families: from_json("apps.families", &row.get::<String>("families")?)?,
            price,
            sold: None,
            custom: flag("custom")?,
            device_licensable: flag("device_licensable")?,
            released_on: row.get("released_on")?,
            store_url: row.get("store_url")?,
            platforms: Vec::new(),
        },
        first_seen_at: time(row, "first_seen_at")?,
        looked_at: time(row, "looked_at")?,
        fetched_at: maybe_time(row, "fetched_at")?,
    })
}
