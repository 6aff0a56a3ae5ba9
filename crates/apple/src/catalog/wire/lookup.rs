//! The answer of the legacy lookup.
//!
//! <https://developer.apple.com/documentation/devicemanagement/getting-app-and-book-information-legacy>

use russet_domain::catalog::{AppFacts, Platform, PlatformFacts};
use serde_json::Value;

use super::lenient::{named, text, whole};
use super::product::{facts, main_platform, offer};
use crate::catalog::Found;

/// The products of an answer; nothing when it is none. `isAuthenticated` is always false and tells nothing.
pub(in crate::catalog) fn read(body: &Value, asked: &Platform) -> Option<Found> {
    let results = body.as_object()?.get("results")?;
    let mut found = Found::default();
    let records: Vec<(Option<&str>, &Value)> = match results {
        Value::Object(by_id) => by_id.iter().map(|(id, record)| (Some(id.as_str()), record)).collect(),
        Value::Array(list) => list.iter().map(|record| (None, record)).collect(),
        // Taking it for an empty list would mark every product as gone.
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return None,
    };
    for (key, record) in records {
        // The key is what was asked for; a record without one has to name itself.
        let id = key.map(str::to_owned).or_else(|| named(record, &["id"]).and_then(text));
        match id.filter(|id| !id.is_empty()) {
            Some(id) => found.apps.push(product(id, record, asked)),
            None => found.skipped += 1,
        }
    }
    Some(found)
}

fn product(id: String, record: &Value, asked: &Platform) -> AppFacts {
    let mut app = facts(id, record);
    let version = offer(record).and_then(|offer| named(offer, &["version"])).unwrap_or(&Value::Null);
    let facts = PlatformFacts {
        bundle_id: None,
        external_version: named(version, &["externalId"]).and_then(whole),
        shown_version: named(version, &["display"]).and_then(text),
        minimum_os: named(record, &["minimumOSVersion"]).and_then(text),
        // Written for people, in the language that was asked for; only a date is taken.
        released_on: named(record, &["latestVersionReleaseDate"]).and_then(text).filter(|text| is_date(text)),
        platform: main_platform(&app.families, asked),
    };
    if facts.has_version() || facts.minimum_os.is_some() {
        app.add(facts);
    }
    // A universal app is one of iOS that runs on a Mac as well: it is for the Mac, too.
    let kind = named(record, &["kind"]).and_then(text).unwrap_or_default();
    let for_mac = app.families.iter().any(|family| Platform::from_text(family) == Platform::Macos);
    if kind == "iosSoftware" && for_mac && app.on(&Platform::Macos).is_none() {
        app.add(PlatformFacts::of(Platform::Macos));
    }
    app
}

/// A date such as `2026-10-01`, also with a time behind it.
fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 10
        && bytes[..4].iter().all(u8::is_ascii_digit)
        && bytes[4] == b'-'
        && bytes[7] == b'-'
        && bytes[8..10].iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use serde_json::json;

    /// An answer as Apple gives it, with everything that is read.
    pub(in crate::catalog::wire) fn sample() -> Value {
        json!({ "isAuthenticated": false, "version": 2, "results": { "500000001": {
            "id": "500000001", "name": "Drawing Board", "artistName": "Example B.V.", "kind": "iosSoftware",
            "bundleId": "com.example.board", "watchBundleId": "com.example.board.watch",
            "deviceFamilies": ["iphone", "ipad", "mac"], "minimumOSVersion": "16.0", "releaseDate": "2020-05-06",
            "latestVersionReleaseDate": "2026-10-01", "isB2BCustomApp": false, "isVppDeviceBasedLicensingEnabled": true,
            "url": "https://apps.apple.com/nl/app/id500000001",
            "artwork": [{ "width": 512, "height": 512, "url": "https://example.com/512x512bb.png" }],
            "offers": [{ "price": 0, "currencyCode": "EUR", "version": { "display": " 3.5", "externalId": 861079254 },
                "assets": [{ "flavor": "iosSoftware", "size": 1000 }] }] } } })
    }

    #[test]
    fn a_record_is_read_with_its_version() {
        let found = read(&sample(), &Platform::Ios).unwrap();
        let app = &found.apps[0];
        assert_eq!((app.adam_id.as_str(), app.name.as_deref()), ("500000001", Some("Drawing Board")));
        assert_eq!(app.watch_bundle_id.as_deref(), Some("com.example.board.watch"));
        assert_eq!(app.icon.as_ref().unwrap().template, "https://example.com/512x512bb.png");
        let ios = app.on(&Platform::Ios).unwrap();
        assert_eq!((ios.external_version, ios.shown_version.as_deref()), (Some(861_079_254), Some("3.5")));
        assert_eq!(
            (ios.minimum_os.as_deref(), ios.released_on.as_deref()),
            (Some("16.0"), Some("2026-10-01"))
        );
        assert!(!app.on(&Platform::Macos).unwrap().has_version(), "a universal app is for the Mac, too");
    }

    #[test]
    fn the_mac_store_tells_of_the_mac() {
        let found = read(&sample(), &Platform::Macos).unwrap();
        assert_eq!(found.apps[0].on(&Platform::Macos).unwrap().external_version, Some(861_079_254));
        assert!(found.apps[0].on(&Platform::Ios).is_none());
    }

    #[test]
    fn both_kinds_of_artwork_and_id_are_read() {
        let mut body = sample();
        let record = &mut body["results"]["500000001"];
        record["id"] = json!(500_000_001);
        record["artwork"] =
            json!({ "url": "https://example.com/{w}x{h}{c}.{f}", "width": 1024, "height": 1024 });
        record["latestVersionReleaseDate"] = json!("1 okt. 2026");
        let app = read(&body, &Platform::Ios).unwrap().apps.remove(0);
        assert_eq!(app.icon.unwrap().at(100), "https://example.com/100x100bb.png");
        assert_eq!(app.platforms[0].released_on, None, "a date written for people is not one");
    }

    #[test]
    fn an_empty_answer_is_one_and_anything_else_is_none() {
        assert_eq!(read(&json!({ "results": {} }), &Platform::Ios), Some(Found::default()));
        assert_eq!(read(&json!({ "results": [{ "id": 7 }, {}] }), &Platform::Ios).unwrap().skipped, 1);
        assert_eq!(read(&json!({}), &Platform::Ios), None);
        assert_eq!(read(&json!({ "results": null }), &Platform::Ios), None);
        assert_eq!(read(&json!({ "results": "none" }), &Platform::Ios), None);
    }
}
