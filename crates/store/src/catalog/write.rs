//! Writes down what a look at a store brought.

use russet_domain::Timestamp;
use russet_domain::catalog::{AppFacts, Listing, PlatformFacts};
use serde_json::{Value, json};

use crate::codec::json as text;
use crate::engine::{Sql, Tx, bulk, sql};
use crate::error::StoreError;

/// What becomes of a product after a look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The product.
    pub adam_id: String,
    /// Whether the store has it.
    pub listing: Listing,
    /// Since when.
    pub since: Timestamp,
    /// The country whose store said what is known, when it is another.
    pub found_in: Option<String>,
    /// What was said. Nothing leaves what is known as it is.
    pub said: Option<Said>,
}

/// What a store said about a product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// What it said, with versions.
    pub facts: AppFacts,
    /// Which of Apple's services: `organization` or `lookup`.
    pub source: String,
    /// When.
    pub at: Timestamp,
}

/// Writes verdicts about a country's store. May be repeated.
///
/// # Errors
/// As any statement.
pub async fn write(
    tx: &mut Tx,
    country: &str,
    language: &str,
    verdicts: &[Verdict],
    now: Timestamp,
) -> Result<(), StoreError> {
    let (told, silent): (Vec<&Verdict>, Vec<&Verdict>) =
        verdicts.iter().partition(|verdict| verdict.said.is_some());
    write_told(tx, country, language, &told, now).await?;
    write_silent(tx, country, language, &silent, now).await?;
    write_versions(tx, country, language, &told).await
}

async fn write_told(
    tx: &mut Tx,
    country: &str,
    language: &str,
    verdicts: &[&Verdict],
    now: Timestamp,
) -> Result<(), StoreError> {
    const UPSERT: Sql = bulk!(
        "INSERT INTO apps
             (adam_id, country, language, state, state_since, found_in, source, name, artist, bundle_id,
              watch_bundle_id, icon_template, icon_width, icon_height, families, price, currency, custom,
              device_licensable, released_on, store_url, search, first_seen_at, looked_at, fetched_at)
         SELECT x.adam_id, $2, $3, x.state, x.state_since, x.found_in, x.source, x.name, x.artist, x.bundle_id,
                x.watch_bundle_id, x.icon_template, x.icon_width, x.icon_height, x.families, x.price, x.currency,
                x.custom, x.device_licensable, x.released_on, x.store_url, x.search, $4, $4, x.fetched_at
         FROM ",
        (0 adam_id TEXT, 1 state TEXT, 2 state_since BIGINT, 3 found_in TEXT, 4 source TEXT, 5 name TEXT,
         6 artist TEXT, 7 bundle_id TEXT, 8 watch_bundle_id TEXT, 9 icon_template TEXT, 10 icon_width BIGINT,
         11 icon_height BIGINT, 12 families TEXT, 13 price TEXT, 14 currency TEXT, 15 custom BIGINT,
         16 device_licensable BIGINT, 17 released_on TEXT, 18 store_url TEXT, 19 search TEXT, 20 fetched_at BIGINT),
        " WHERE true
         ON CONFLICT (adam_id, country, language) DO UPDATE
         SET state = excluded.state,
             state_since = excluded.state_since,
             found_in = excluded.found_in,
             source = excluded.source,
             name = coalesce(excluded.name, apps.name),
             artist = coalesce(excluded.artist, apps.artist),
             bundle_id = coalesce(excluded.bundle_id, apps.bundle_id),
             watch_bundle_id = excluded.watch_bundle_id,
             icon_template = coalesce(excluded.icon_template, apps.icon_template),
             icon_width = excluded.icon_width,
             icon_height = excluded.icon_height,
             families = excluded.families,
             price = excluded.price,
             currency = excluded.currency,
             custom = coalesce(excluded.custom, apps.custom),
             device_licensable = coalesce(excluded.device_licensable, apps.device_licensable),
             released_on = coalesce(excluded.released_on, apps.released_on),
             store_url = coalesce(excluded.store_url, apps.store_url),
             search = excluded.search,
             looked_at = excluded.looked_at,
             fetched_at = excluded.fetched_at"
    );
    if verdicts.is_empty() {
        return Ok(());
    }
    let rows: Vec<Value> = verdicts.iter().filter_map(|verdict| row(verdict)).collect::<Result<_, _>>()?;
    sql("writing products", UPSERT)
        .bind(text(&rows)?)
        .bind(country)
        .bind(language)
        .bind(now.0)
        .run(tx)
        .await?;
    Ok(())
}

fn row(verdict: &Verdict) -> Option<Result<Value, StoreError>> {
    let said = verdict.said.as_ref()?;
    let facts = &said.facts;
    let icon = facts.icon.as_ref();
    let price = facts.price.as_ref();
    let families = match text(&facts.families) {
        Ok(families) => families,
        Err(error) => return Some(Err(error)),
    };
    Some(Ok(json!([
        verdict.adam_id,
        verdict.listing.as_str(),
        verdict.since.0,
        verdict.found_in,
        said.source,
        facts.name,
        facts.artist,
        facts.bundle_id,
        facts.watch_bundle_id,
        icon.map(|icon| &icon.template),
        icon.and_then(|icon| icon.width),
        icon.and_then(|icon| icon.height),
        families,
        price.map(|price| &price.amount),
        price.and_then(|price| price.currency.as_ref()),
        facts.custom.map(i64::from),
        facts.device_licensable.map(i64::from),
        facts.released_on,
        facts.store_url,
        searched(facts),
        said.at.0,
    ])))
}

/// What a text is looked for in. Lower case of all languages is not to be had from the databases.
fn searched(facts: &AppFacts) -> String {
    let bundles = facts.platforms.iter().map(|platform| &platform.bundle_id);
    let mut parts: Vec<&str> = vec![&facts.adam_id];
    let words = [&facts.name, &facts.artist, &facts.bundle_id];
    for word in words.into_iter().chain(bundles).flatten() {
        if !parts.contains(&word.as_str()) {
            parts.push(word);
        }
    }
    parts.join("\n").to_lowercase()
}

async fn write_silent(
    tx: &mut Tx,
    country: &str,
    language: &str,
    verdicts: &[&Verdict],
    now: Timestamp,
) -> Result<(), StoreError> {
    const UPSERT: Sql = bulk!(
        "INSERT INTO apps (adam_id, country, language, state, state_since, first_seen_at, looked_at, search)
         SELECT x.adam_id, $2, $3, x.state, x.state_since, $4, $4, x.adam_id
         FROM ",
        (0 adam_id TEXT, 1 state TEXT, 2 state_since BIGINT),
        " WHERE true
         ON CONFLICT (adam_id, country, language) DO UPDATE
         SET state = excluded.state,
             state_since = excluded.state_since,
             looked_at = excluded.looked_at"
    );
    if verdicts.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = verdicts
        .iter()
        .map(|verdict| (&verdict.adam_id, verdict.listing.as_str(), verdict.since.0))
        .collect();
    sql("writing products that no store has", UPSERT)
        .bind(text(&rows)?)
        .bind(country)
        .bind(language)
        .bind(now.0)
        .run(tx)
        .await?;
    Ok(())
}

async fn write_versions(
    tx: &mut Tx,
    country: &str,
    language: &str,
    verdicts: &[&Verdict],
) -> Result<(), StoreError> {
    const UPSERT: Sql = bulk!(
        "INSERT INTO app_versions
             (adam_id, country, language, platform, version, external_id, shown, minimum_os, bundle_id, released_on,
              first_seen_at, last_seen_at)
         SELECT x.adam_id, $2, $3, x.platform, x.version, x.external_id, x.shown, x.minimum_os, x.bundle_id,
                x.released_on, x.seen_at, x.seen_at
         FROM ",
        (0 adam_id TEXT, 1 platform TEXT, 2 version TEXT, 3 external_id BIGINT, 4 shown TEXT, 5 minimum_os TEXT,
         6 bundle_id TEXT, 7 released_on TEXT, 8 seen_at BIGINT),
        " WHERE true
         ON CONFLICT (adam_id, country, language, platform, version) DO UPDATE
         SET shown = coalesce(excluded.shown, app_versions.shown),
             minimum_os = coalesce(excluded.minimum_os, app_versions.minimum_os),
             bundle_id = coalesce(excluded.bundle_id, app_versions.bundle_id),
             released_on = coalesce(excluded.released_on, app_versions.released_on),
             last_seen_at = excluded.last_seen_at"
    );
    let mut rows = Vec::new();
    for verdict in verdicts {
        let Some(said) = &verdict.said else { continue };
        for platform in &said.facts.platforms {
            rows.push((
                &verdict.adam_id,
                platform.platform.as_str(),
                name_of(platform),
                platform.external_version,
                &platform.shown_version,
                &platform.minimum_os,
                &platform.bundle_id,
                &platform.released_on,
                said.at.0,
            ));
        }
    }
    if rows.is_empty() {
        return Ok(());
    }
    sql("writing versions of products", UPSERT)
        .bind(text(&rows)?)
        .bind(country)
        .bind(language)
        .run(tx)
        .await?;
    Ok(())
}

fn name_of(platform: &PlatformFacts) -> String {
    match (platform.external_version, &platform.shown_version) {
        (Some(number), _) => number.to_string(),
        (None, Some(shown)) => format!("v{shown}"),
        (None, None) => String::new(),
    }
}
