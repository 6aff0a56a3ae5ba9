//! What both services say about a product in the same words.

use russet_domain::catalog::{AppFacts, Icon, Platform, Price};
use serde_json::Value;

use super::lenient::{flag, items, named, text, texts, whole};

/// The widest icon that is taken from a list of sizes.
const ICON_MAX: i64 = 1024;

/// Everything but platforms.
pub(super) fn facts(adam_id: String, from: &Value) -> AppFacts {
    let word = |names: &[&str]| named(from, names).and_then(text);
    AppFacts {
        adam_id,
        name: word(&["name", "nameRaw"]),
        artist: word(&["artistName"]),
        bundle_id: word(&["bundleId"]),
        watch_bundle_id: word(&["watchBundleId"]),
        icon: named(from, &["artwork"]).and_then(icon),
        families: named(from, &["deviceFamilies"]).map(texts).unwrap_or_default(),
        price: offer(from).and_then(price),
        sold: named(from, &["offers"]).and_then(sold),
        custom: named(from, &["isB2BCustomApp"]).and_then(flag),
        device_licensable: named(from, &["isVppDeviceBasedLicensingEnabled"]).and_then(flag),
        released_on: word(&["releaseDate"]),
        store_url: word(&["url"]).filter(|url| is_link(url)),
        platforms: Vec::new(),
    }
}

/// The first offer that says anything.
pub(super) fn offer(from: &Value) -> Option<&Value> {
    items(named(from, &["offers"])?).into_iter().find(|offer| offer.is_object())
}

/// Whether any offer is one to buy it: what was bought can be had again without being sold.
fn sold(offers: &Value) -> Option<bool> {
    if !offers.is_array() && !offers.is_object() {
        return None;
    }
    let kinds = items(offers).into_iter().filter(|offer| offer.is_object());
    let mut kinds = kinds.map(|offer| named(offer, &["type"]).and_then(text));
    Some(kinds.any(|kind| kind.as_deref() != Some("redownload")))
}

fn price(offer: &Value) -> Option<Price> {
    let amount = named(offer, &["price"]).and_then(text)?;
    // A number that is whole may be written with a fraction.
    let amount = amount.strip_suffix(".0").map_or_else(|| amount.clone(), str::to_owned);
    let currency = named(offer, &["currencyCode", "currency"]).and_then(text);
    Some(Price { amount, currency })
}

/// An object with an address, a list of them (the widest that is not huge counts), or the address alone.
pub(super) fn icon(artwork: &Value) -> Option<Icon> {
    let read = |one: &Value| {
        let template =
            named(one, &["url"]).and_then(text).or_else(|| text(one).filter(|_| one.is_string()))?;
        let size = |name| named(one, &[name]).and_then(whole).filter(|pixels| *pixels > 0);
        is_link(&template).then(|| Icon { template, width: size("width"), height: size("height") })
    };
    let all: Vec<Icon> = items(artwork).into_iter().filter_map(read).collect();
    let fits = |icon: &&Icon| icon.width.unwrap_or(0) <= ICON_MAX;
    let widest = all.iter().filter(fits).max_by_key(|icon| icon.width.unwrap_or(0));
    widest.or(all.first()).cloned()
}

/// An address is shown by others as a picture or a link, so that it must be one of the web.
fn is_link(text: &str) -> bool {
    let start = text.get(..8).unwrap_or(text).to_ascii_lowercase();
    start.starts_with("https://") || start.starts_with("http://")
}

/// The platform that an answer without platforms is about: the one that was asked for, unless the product is for other
/// devices only.
pub(super) fn main_platform(families: &[String], asked: &Platform) -> Platform {
    let platforms: Vec<Platform> = families.iter().map(|family| Platform::from_text(family)).collect();
    if platforms.is_empty() || platforms.contains(asked) {
        return asked.clone();
    }
    let known = platforms.iter().find(|platform| match platform {
        Platform::Ios | Platform::Macos | Platform::Tvos | Platform::Visionos => true,
        Platform::Watchos | Platform::Other(_) => false,
    });
    known.unwrap_or(asked).clone()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn artwork_is_read_as_an_object_a_list_and_an_address() {
        let template = "https://example.com/{w}x{h}bb.{f}";
        let one = icon(&json!({ "url": template, "width": "1024", "height": 1024 })).unwrap();
        assert_eq!((one.width, one.height), (Some(1024), Some(1024)));
        let sizes = json!([{ "url": "https://x/a", "width": 100 }, { "url": "https://x/b", "width": 512 },
            { "url": "https://x/c", "width": 4096 }, null, 7]);
        assert_eq!(icon(&sizes).unwrap().template, "https://x/b");
        assert_eq!(icon(&json!(template)).unwrap().template, template);
        assert_eq!(icon(&json!({ "url": "javascript:alert(1)" })), None);
        assert_eq!(icon(&json!([])), None);
    }

    #[test]
    fn a_price_stays_as_it_is_written() {
        let of = |offers: Value| facts("1".into(), &json!({ "offers": offers })).price;
        let price = of(json!([{ "price": 4.99, "currencyCode": "EUR" }])).unwrap();
        assert_eq!((price.amount.as_str(), price.currency.as_deref()), ("4.99", Some("EUR")));
        assert_eq!(of(json!({ "price": 0.0 })).unwrap().amount, "0");
        assert_eq!(of(json!([null, { "price": "1.00" }])).unwrap().amount, "1.00");
        assert_eq!(of(json!([])), None);
    }

    #[test]
    fn what_can_only_be_had_again_is_not_sold() {
        let of = |offers: Value| facts("1".into(), &json!({ "offers": offers })).sold;
        assert_eq!(of(json!([{ "type": "get", "price": 0 }])), Some(true));
        assert_eq!(of(json!([{ "version": {} }])), Some(true));
        assert_eq!((of(json!([])), of(json!([{ "type": "redownload" }]))), (Some(false), Some(false)));
        assert_eq!((of(Value::Null), of(json!(7))), (None, None));
    }

    #[test]
    fn a_mac_app_asked_for_an_iphone_is_a_mac_app() {
        let families = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(main_platform(&families(&["mac"]), &Platform::Ios), Platform::Macos);
        assert_eq!(main_platform(&families(&["iphone", "mac"]), &Platform::Ios), Platform::Ios);
        assert_eq!(main_platform(&families(&["iphone", "mac"]), &Platform::Macos), Platform::Macos);
        assert_eq!(main_platform(&families(&["watch"]), &Platform::Ios), Platform::Ios);
        assert_eq!(main_platform(&[], &Platform::Macos), Platform::Macos);
    }
}
