//! Spells a product as the metadata service for organizations does, in both shapes that it has.
//!
//! Apple's schema is flat: <https://developer.apple.com/documentation/devicemanagement/apps/attributes-data.dictionary>.
//! Its samples and its answers keep what differs between platforms in `platformAttributes`.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::product::{Edition, Facts, Platform, Seen, Version};
use crate::rules::CatalogShape;
use crate::world::asset::Product;

/// What is asked for beside the ids.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    /// Two small letters.
    pub(crate) storefront: String,
    pub(crate) platforms: Vec<Platform>,
    /// Attributes that come only when they are named.
    pub(crate) extend: Vec<String>,
    pub(crate) shape: CatalogShape,
}

impl Wanted {
    fn extends(&self, name: &str) -> bool {
        self.extend.iter().any(|wanted| wanted == name)
    }
}

/// One resource of an answer; none when the product is not there for whoever asks.
pub(crate) fn resource(facts: &Facts, is_owned: bool, wanted: &Wanted) -> Option<Value> {
    let storefront = &wanted.storefront;
    let seen = facts.seen(storefront, is_owned);
    if seen == Seen::No {
        return None;
    }
    let (kind, attributes) = match facts.product_type {
        Product::App => ("apps", app(facts, seen, wanted)?),
        Product::Book => ("books", book(facts, seen, storefront)),
    };
    let id = &facts.adam_id;
    let href = format!("/v1/catalog/{storefront}/{kind}/{id}");
    Some(json!({ "id": id, "type": kind, "href": href, "attributes": attributes }))
}

fn app(facts: &Facts, seen: Seen, wanted: &Wanted) -> Option<Value> {
    let storefront = &wanted.storefront;
    let shown: Vec<(Platform, &Edition, Vec<&Version>)> = wanted
        .platforms
        .iter()
        .filter_map(|platform| {
            let edition = facts.editions.get(platform)?;
            let versions = edition.out_in(storefront);
            (!versions.is_empty()).then_some((*platform, edition, versions))
        })
        .collect();
    // The platform that is asked for first decides where an answer has room for one only.
    let (platform, _, versions) = shown.first()?;
    let is_on = |platform| facts.editions.contains_key(&platform);
    let mut attributes = json!({
        "name": facts.name,
        "artistName": facts.artist,
        "deviceFamilies": facts.device_families,
        "genreDisplayName": facts.genre,
        "hasEula": false,
        "isB2BCustomApp": facts.custom,
        "isFirstPartyHideableApp": false,
        "isIOSBinaryMacOSCompatible": is_on(Platform::Ios) && !is_on(Platform::Osx),
        "isVisionOSCompatible": is_on(Platform::Ios),
        "isVppDeviceBasedLicensingEnabled": facts.device_licensing,
        "supportsDeviceSharing": false,
        "offers": offers(facts, seen, storefront, flavor(*platform), versions[0].external_id),
        "url": format!("https://apps.apple.com/{storefront}/app/id{}", facts.adam_id),
    });
    match wanted.shape {
        CatalogShape::Flat => {
            let (platform, edition, versions) = &shown[0];
            extend(&mut attributes, of_platform(facts, *platform, edition, versions, wanted));
        }
        CatalogShape::PlatformAttributes => {
            let by_platform: Map<String, Value> = shown
                .iter()
                .map(|(platform, edition, versions)| {
                    let values = of_platform(facts, *platform, edition, versions, wanted);
                    (platform.as_str().to_owned(), values)
                })
                .collect();
            attributes["platformAttributes"] = by_platform.into();
        }
    }
    Some(attributes)
}

/// What differs from platform to platform.
fn of_platform(
    facts: &Facts,
    platform: Platform,
    edition: &Edition,
    versions: &[&Version],
    wanted: &Wanted,
) -> Value {
    let newest = versions[0];
    let mut values = json!({
        "artwork": artwork(&facts.adam_id, platform.as_str()),
        "bundleId": facts.bundle_id,
        "externalVersionId": newest.external_id,
        "minimumOSVersion": edition.minimum_os,
        "requiredCapabilities": "arm64 ",
        "seller": facts.artist,
    });
    if let Some(watch) = facts.watch_bundle_id.as_ref().filter(|_| platform == Platform::Ios) {
        values["watchBundleId"] = watch.clone().into();
    }
    let minimum =
        |platform| facts.editions.get(&platform).map(|edition: &Edition| edition.minimum_os.clone());
    if wanted.shape == CatalogShape::Flat {
        let others = [("minimumMacOSVersion", Platform::Osx), ("minimumVisionOSVersion", Platform::Xros)];
        for (name, platform) in others {
            if let Some(version) = minimum(platform) {
                values[name] = version.into();
            }
        }
    }
    if wanted.extends("latestVersionInfo") {
        values["latestVersionInfo"] = version_info(newest);
    }
    if wanted.extends("versionHistory") {
        values["versionHistory"] = versions.iter().map(|version| version_info(version)).collect();
    }
    if wanted.extends("description") {
        values["description"] = json!({ "standard": format!("{} does what its name says.", facts.name) });
    }
    if wanted.extends("languageList") {
        values["languageList"] = json!(["English", "German"]);
    }
    values
}

fn version_info(version: &Version) -> Value {
    let released = time(version.released_ms);
    json!({
        "externalVersionId": version.external_id,
        "versionDisplay": version.display,
        "releaseDate": released.format("%Y-%m-%d").to_string(),
        "releaseTimestamp": released.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "releaseNotes": version.notes,
    })
}

fn book(facts: &Facts, seen: Seen, storefront: &str) -> Value {
    json!({
        "name": facts.name,
        "artistName": facts.artist,
        "artwork": artwork(&facts.adam_id, "book"),
        "genreNames": [facts.genre, "Books"],
        "isbn": format!("978{:0>10}", facts.adam_id),
        "offers": offers(facts, seen, storefront, "plusPublication", 0),
        "url": format!("https://books.apple.com/{storefront}/book/id{}", facts.adam_id),
    })
}

/// What it costs; nothing when it is not sold here any more.
pub(super) fn offers(facts: &Facts, seen: Seen, storefront: &str, flavor: &str, external_id: u64) -> Value {
    if seen != Seen::ForSale {
        return json!([]);
    }
    let (currency, formatted) = price(facts.price, storefront);
    let milli = (facts.price * 1000.0).round();
    let kind = if facts.product_type == Product::App { "C" } else { "PUB" };
    let version = if external_id == 0 { String::new() } else { format!("&appExtVrsId={external_id}") };
    let buy_params = format!(
        "productType={kind}&price={milli}&salableAdamId={}&pricingParameters=STDQ&pg=default{version}",
        facts.adam_id
    );
    json!([{
        "type": if facts.price > 0.0 { "buy" } else { "get" },
        "price": facts.price,
        "priceFormatted": formatted,
        "currencyCode": currency,
        "buyParams": buy_params,
        "assets": [{ "flavor": flavor, "size": 20_000_000 + external_id % 400_000_000 }],
    }])
}

pub(super) fn flavor(platform: Platform) -> &'static str {
    match platform {
        Platform::Ios | Platform::Xros => "iosSoftware",
        Platform::Osx => "macSoftware",
        Platform::Appletvos => "tvSoftware",
    }
}

/// The currency of a storefront, and a price as people read it there. Storefronts that are not named pay dollars.
fn price(price: f64, storefront: &str) -> (&'static str, String) {
    match storefront {
        "at" | "be" | "de" | "es" | "fi" | "fr" | "ie" | "it" | "nl" | "pt" => {
            ("EUR", format!("{price:.2} \u{20ac}").replace('.', ","))
        }
        "gb" => ("GBP", format!("\u{a3}{price:.2}")),
        "jp" => ("JPY", format!("\u{a5}{:.0}", price * 150.0)),
        _ => ("USD", format!("${price:.2}")),
    }
}

pub(super) fn artwork(adam_id: &str, what: &str) -> Value {
    let url = format!("https://artwork.example/image/thumb/{what}/{adam_id}/AppIcon.png/{{w}}x{{h}}bb.{{f}}");
    json!({ "url": url, "width": 1024, "height": 1024, "bgColor": "ffffff" })
}

pub(super) fn time(ms: i64) -> DateTime<Utc> {
    DateTime::<Utc>::from_timestamp_millis(ms).unwrap_or(DateTime::<Utc>::UNIX_EPOCH)
}

fn extend(object: &mut Value, more: Value) {
    if let (Value::Object(object), Value::Object(more)) = (object, more) {
        object.extend(more);
    }
}
