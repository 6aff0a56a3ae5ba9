//! Products as clients see them: what stores say, and how many licenses there are.

use russet_domain::catalog::{AppFacts, Platform};
use russet_store::catalog::{App, Owned, Quality, Version};
use serde::Serialize;
use utoipa::ToSchema;

use crate::time;

/// The size of the icon that is shown, in pixels.
const ICON_PIXELS: u32 = 128;

/// A product that locations own: with its counts added up over tokens, or of one token.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = App)]
pub(crate) struct AppView {
    /// The product's number in Apple's stores.
    adam_id: String,
    /// The token, in a list with one row a token; null in a row for all.
    token: Option<i64>,
    /// The token's name.
    token_name: Option<String>,
    /// How many tokens own it.
    tokens: u64,
    /// `App` or `Book`.
    product_type: String,
    /// Whether a device can hold a license of it.
    device_assignable: bool,
    /// Whether a license can be taken back.
    revocable: bool,
    /// Platforms, as far as Apple names them.
    platforms: Vec<String>,
    /// The counts of all qualities, added up.
    #[serde(flatten)]
    counts: CountsView,
    /// The counts of each quality that is owned, `STDQ` and `PLUS` apart.
    qualities: Vec<QualityView>,
    /// What the store says that most of its tokens are in; null until a store was asked.
    #[serde(flatten)]
    facts: FactsView,
}

/// Counts of licenses.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LicenseCounts)]
pub(crate) struct CountsView {
    /// Whether any of it can be assigned without limit.
    unlimited: bool,
    /// Licenses bought, where there is a limit; null when there is none anywhere.
    total: Option<i64>,
    /// Licenses that nobody holds, where there is a limit; null when there is none anywhere.
    free: Option<i64>,
    /// Licenses that somebody holds.
    used: i64,
    /// Licenses lost with retired users.
    retired: i64,
}

/// The counts of one quality.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Quality)]
pub(crate) struct QualityView {
    /// `STDQ` or `PLUS`.
    pricing_param: String,
    /// How many tokens own it.
    tokens: u64,
    #[serde(flatten)]
    counts: CountsView,
}

/// What a store says.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = AppFacts)]
pub(crate) struct FactsView {
    /// `listed`, `not_in_store` (another country's store has it), `gone` (none that was asked has it), or null before one
    /// was asked.
    state: Option<&'static str>,
    /// Since when.
    state_since: Option<String>,
    /// The country of the store.
    country: Option<String>,
    /// The country whose store said this, when it is another.
    found_in: Option<String>,
    /// Its name.
    name: Option<String>,
    /// Who made it.
    artist: Option<String>,
    /// What devices know the app by.
    bundle_id: Option<String>,
    /// What the watch app is known by.
    watch_bundle_id: Option<String>,
    /// Its icon, 128 pixels wide.
    icon_url: Option<String>,
    /// The icon's address with `{w}`, `{h}` and `{f}` for width, height and format.
    icon_template: Option<String>,
    /// The families of devices it is for.
    device_families: Vec<String>,
    /// What it costs, such as `4.99`; `0` is free.
    price: Option<String>,
    /// The currency of the price, ISO 4217.
    currency: Option<String>,
    /// Whether it was made for the organization alone.
    custom: Option<bool>,
    /// Whether Apple's store lets devices hold licenses of it.
    device_licensable: Option<bool>,
    /// When it came out, as Apple writes it.
    released_on: Option<String>,
    /// Its page in the store.
    store_url: Option<String>,
    /// Which of Apple's services said it: `organization` or `lookup`.
    source: Option<String>,
    /// When a store last said something about it.
    fetched_at: Option<String>,
    /// The version that the store has for each platform.
    versions: Vec<VersionView>,
}

/// A version of an app on a platform.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AppVersion)]
pub(crate) struct VersionView {
    /// `iOS`, `macOS`, `tvOS`, `watchOS` or `visionOS`.
    platform: String,
    /// The country of the store.
    country: String,
    /// The number by which a device's version is compared.
    external_version_id: Option<i64>,
    /// The version that people read.
    version: Option<String>,
    /// The oldest system it runs on.
    minimum_os: Option<String>,
    /// What the platform's devices know the app by, where it is another than elsewhere.
    bundle_id: Option<String>,
    /// When it came out, as Apple writes it.
    released_on: Option<String>,
    /// Whether the store has it now.
    current: bool,
    /// When it was first seen here.
    first_seen_at: String,
    /// When it was last seen here.
    last_seen_at: String,
}

/// All that is known of a product.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AppDetail)]
pub(crate) struct AppDetailView {
    #[serde(flatten)]
    pub(crate) app: AppView,
    /// What the store of each country says whose tokens own it.
    pub(crate) stores: Vec<FactsView>,
    /// Every version that was seen, the newest first.
    pub(crate) history: Vec<VersionView>,
    /// The tokens that own it, at most 1000; GET /api/v1/apps?adam_id=…&per_token=true lists them all.
    pub(crate) owners: Vec<AppView>,
}

impl AppView {
    /// The row of a list.
    pub(crate) fn new(row: Owned) -> Self {
        let Owned { place, tokens, token_name, product_type, qualities, stores, versions, .. } = row;
        let facts = stores.first().map(|app| FactsView::new(app, &versions)).unwrap_or_default();
        Self {
            adam_id: place.adam_id,
            token: (place.token != 0).then_some(place.token),
            token_name,
            tokens,
            product_type: product_type.as_str().to_owned(),
            device_assignable: row.device_assignable,
            revocable: row.revocable,
            platforms: row.platforms,
            counts: CountsView::of(&qualities),
            qualities: qualities.into_iter().map(QualityView::from).collect(),
            facts,
        }
    }
}

impl CountsView {
    fn of(qualities: &[Quality]) -> Self {
        let sum = |count: fn(&Quality) -> i64| qualities.iter().map(count).sum();
        let has_limit = qualities.iter().any(|quality| quality.unlimited < quality.tokens);
        Self {
            unlimited: qualities.iter().any(|quality| quality.unlimited > 0),
            total: has_limit.then(|| sum(|quality| quality.total)),
            free: has_limit.then(|| sum(|quality| quality.available)),
            used: sum(|quality| quality.assigned),
            retired: sum(|quality| quality.retired),
        }
    }
}

impl From<Quality> for QualityView {
    fn from(quality: Quality) -> Self {
        Self {
            counts: CountsView::of(std::slice::from_ref(&quality)),
            pricing_param: quality.pricing.as_str().to_owned(),
            tokens: quality.tokens,
        }
    }
}

impl FactsView {
    /// What a store says, with those of the versions that are its own.
    pub(crate) fn new(app: &App, versions: &[Version]) -> Self {
        let AppFacts { icon, price, .. } = &app.facts;
        let facts = app.facts.clone();
        Self {
            state: Some(app.listing.as_str()),
            state_since: Some(time::text(app.since)),
            country: Some(app.country.clone()),
            found_in: app.found_in.clone(),
            name: facts.name,
            artist: facts.artist,
            bundle_id: facts.bundle_id,
            watch_bundle_id: facts.watch_bundle_id,
            icon_url: icon.as_ref().map(|icon| icon.at(ICON_PIXELS)),
            icon_template: icon.as_ref().map(|icon| icon.template.clone()),
            device_families: facts.families,
            price: price.as_ref().map(|price| price.amount.clone()),
            currency: price.as_ref().and_then(|price| price.currency.clone()),
            custom: facts.custom,
            device_licensable: facts.device_licensable,
            released_on: facts.released_on,
            store_url: facts.store_url,
            source: app.source.clone(),
            fetched_at: app.fetched_at.map(time::text),
            versions: versions
                .iter()
                .filter(|version| version.country == app.country && version.is_current)
                .map(VersionView::from)
                .collect(),
        }
    }
}

impl From<&Version> for VersionView {
    fn from(version: &Version) -> Self {
        let facts = version.facts.clone();
        Self {
            platform: facts.platform.as_str().to_owned(),
            country: version.country.clone(),
            external_version_id: facts.external_version,
            version: facts.shown_version,
            minimum_os: facts.minimum_os,
            bundle_id: facts.bundle_id,
            released_on: facts.released_on,
            current: version.is_current,
            first_seen_at: time::text(version.first_seen_at),
            last_seen_at: time::text(version.last_seen_at),
        }
    }
}

/// The platforms that a query may name.
pub(crate) const PLATFORMS: [Platform; 5] =
    [Platform::Ios, Platform::Macos, Platform::Tvos, Platform::Watchos, Platform::Visionos];

#[cfg(test)]
mod tests {
    use super::*;
    use russet_domain::Pricing;

    fn quality(tokens: u64, unlimited: u64, total: i64) -> Quality {
        Quality {
            pricing: Pricing::Standard,
            tokens,
            unlimited,
            total,
            available: total - 1,
            assigned: 1,
            retired: 0,
        }
    }

    #[test]
    fn what_has_no_limit_is_no_number() {
        let counts = CountsView::of(&[quality(2, 2, 0)]);
        assert!(counts.unlimited && counts.total.is_none() && counts.free.is_none());
        let counts = CountsView::of(&[quality(2, 1, 50), quality(1, 0, 5)]);
        assert_eq!((counts.unlimited, counts.total, counts.used), (true, Some(55), 2));
        let counts = CountsView::of(&[quality(1, 0, 5)]);
        assert_eq!((counts.unlimited, counts.free), (false, Some(4)));
    }
}
