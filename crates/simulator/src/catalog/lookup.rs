//! Spells a product as the older content lookup does, which needs no developer's key.
//!
//! See <https://developer.apple.com/documentation/devicemanagement/getting-app-and-book-information-legacy>.

use serde_json::{Map, Value, json};

use super::attributes::{artwork, flavor, offers, time};
use super::product::{Facts, Platform, Seen};
use crate::rules::{LookupArtwork, LookupId};
use crate::world::asset::Product;

/// How the answers are spelled where Apple's differ from one another.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spelling {
    pub(crate) artwork: LookupArtwork,
    pub(crate) id: LookupId,
}

/// Whether the Mac's data is asked for; any other name of a platform means that of iOS and the rest.
pub(crate) fn is_for_mac(platform: Option<&str>) -> bool {
    platform == Some("macappstore")
}

/// The whole answer. It never says that the token was good.
pub(crate) fn body(results: &Map<String, Value>, storefront: &str, language: &str) -> Value {
    let language = format!("{}-{storefront}", language.to_lowercase());
    json!({
        "results": results,
        "version": 2,
        "isAuthenticated": false,
        "meta": {
            "storefront": { "id": storefront_number(storefront), "cc": storefront.to_uppercase() },
            "language": { "tag": language },
        },
    })
}

/// The numbers of a few storefronts; all others are said to be the first.
fn storefront_number(storefront: &str) -> &'static str {
    match storefront {
        "de" => "143443",
        "fr" => "143442",
        "gb" => "143444",
        "nl" => "143452",
        "jp" => "143462",
        _ => "143441",
    }
}

/// One result; none when the product is not there for whoever asks.
pub(crate) fn result(
    facts: &Facts,
    is_owned: bool,
    storefront: &str,
    for_mac: bool,
    spelling: Spelling,
) -> Option<Value> {
    let seen = facts.seen(storefront, is_owned);
    if seen == Seen::No {
        return None;
    }
    let mut result = json!({
        "id": id(&facts.adam_id, spelling.id),
        "name": facts.name,
        "nameRaw": facts.name,
        "artistName": facts.artist,
        "artwork": artwork_of(&facts.adam_id, spelling.artwork),
        "genreNames": [facts.genre],
        "isB2BCustomApp": facts.custom,
        "isVppDeviceBasedLicensingEnabled": facts.device_licensing,
        "url": format!("https://apps.apple.com/{storefront}/app/id{}", facts.adam_id),
    });
    match facts.product_type {
        Product::App => app(&mut result, facts, seen, storefront, for_mac)?,
        Product::Book => {
            result["kind"] = "epubBook".into();
            result["offers"] = offers(facts, seen, storefront, "plusPublication", 0);
        }
    }
    Some(result)
}

fn app(result: &mut Value, facts: &Facts, seen: Seen, storefront: &str, for_mac: bool) -> Option<()> {
    let platforms: &[Platform] =
        if for_mac { &[Platform::Osx] } else { &[Platform::Ios, Platform::Xros, Platform::Appletvos] };
    let (platform, edition) =
        platforms.iter().find_map(|platform| Some((*platform, facts.editions.get(platform)?)))?;
    let newest = *edition.out_in(storefront).first()?;
    result["bundleId"] = facts.bundle_id.clone().into();
    result["deviceFamilies"] = json!(facts.device_families);
    // A universal app has `mac` among its families and is of the kind `iosSoftware`.
    result["kind"] = if platform == Platform::Osx { "desktopApp" } else { "iosSoftware" }.into();
    result["minimumOSVersion"] = edition.minimum_os.clone().into();
    let released = time(newest.released_ms);
    result["latestVersionReleaseDate"] = released.format("%b %-d, %Y").to_string().into();
    result["releaseDate"] = time(edition.versions[0].released_ms).format("%Y-%m-%d").to_string().into();
    result["whatsNew"] = newest.notes.clone().into();
    result["requiredCapabilities"] = "arm64 ".into();
    if let Some(watch) = &facts.watch_bundle_id {
        result["watchBundleId"] = watch.clone().into();
    }
    let mut offers = offers(facts, seen, storefront, flavor(platform), newest.external_id);
    if let Some(offer) = offers.get_mut(0) {
        offer["version"] = json!({ "display": newest.display, "externalId": newest.external_id });
    } else {
        // Who may download it again learns the version, though there is nothing to buy.
        let version = json!({ "display": newest.display, "externalId": newest.external_id });
        offers = json!([{ "type": "redownload", "version": version }]);
    }
    result["offers"] = offers;
    Some(())
}

fn id(adam_id: &str, spelling: LookupId) -> Value {
    let number = adam_id.parse::<u64>();
    match (spelling, number) {
        (LookupId::Number, Ok(number)) => number.into(),
        (LookupId::Mixed, Ok(number)) if number.is_multiple_of(2) => number.into(),
        (LookupId::Number | LookupId::String | LookupId::Mixed, _) => adam_id.into(),
    }
}

fn artwork_of(adam_id: &str, spelling: LookupArtwork) -> Value {
    let is_object = match spelling {
        LookupArtwork::Object => true,
        LookupArtwork::Array => false,
        LookupArtwork::Mixed => adam_id.bytes().map(u32::from).sum::<u32>().is_multiple_of(2),
    };
    if is_object {
        return artwork(adam_id, "lookup");
    }
    let sized = |size: u32| {
        let url =
            format!("https://artwork.example/image/thumb/lookup/{adam_id}/AppIcon.png/{size}x{size}bb.png");
        json!({ "url": url, "width": size, "height": size })
    };
    json!([sized(128), sized(512)])
}
