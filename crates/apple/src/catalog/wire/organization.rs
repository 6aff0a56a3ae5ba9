//! The answer of the metadata API for organizations.
//!
//! Apple documents attributes of one kind and answers with another, where what differs between platforms stands below
//! `platformAttributes`; both are read
//! (<https://developer.apple.com/documentation/devicemanagement/appsresponse>).

use russet_domain::catalog::{AppFacts, Platform, PlatformFacts};
use serde_json::Value;

use super::lenient::{items, named, text, whole};
use super::product::{facts, icon, main_platform};
use crate::catalog::Found;

/// The products of an answer; nothing when it is none.
pub(in crate::catalog) fn read(body: &Value, asked: &Platform) -> Option<Found> {
    let records = records(body)?;
    let mut found = Found::default();
    for record in records {
        match product(record, asked) {
            Some(app) => found.apps.push(app),
            None => found.skipped += 1,
        }
    }
    Some(found)
}

/// `data`, or for mixed purchases the `data` of each kind below `results`.
fn records(body: &Value) -> Option<Vec<&Value>> {
    if let Some(data) = body.as_object()?.get("data") {
        return (data.is_array() || data.is_object()).then(|| items(data));
    }
    let results = body.get("results")?;
    let kinds = results.as_object()?.values();
    Some(kinds.filter_map(|kind| named(kind, &["data"])).flat_map(items).collect())
}

fn product(record: &Value, asked: &Platform) -> Option<AppFacts> {
    let attributes = named(record, &["attributes"]).filter(|value| value.is_object()).unwrap_or(&Value::Null);
    let id =
        named(record, &["id"]).and_then(text).or_else(|| named(attributes, &["id", "adamId"]).and_then(text));
    let mut app = facts(id?, attributes);
    let platforms = named(attributes, &["platformAttributes"]).and_then(Value::as_object);
    match platforms.filter(|platforms| !platforms.is_empty()) {
        Some(platforms) => {
            for (name, values) in platforms {
                app.fill(of_platform(&app.adam_id, name, values));
            }
        }
        None => flat(&mut app, attributes, asked),
    }
    Some(app)
}

/// What stands below one platform: also what Apple's pages show above it.
fn of_platform(adam_id: &str, name: &str, values: &Value) -> AppFacts {
    let mut app = facts(adam_id.to_owned(), values);
    // A platform's seller is no name, and its age no age of the product.
    (app.released_on, app.sold) = (None, None);
    app.icon = named(values, &["artwork"]).and_then(icon);
    app.platforms.push(version(Platform::from_text(name), values));
    app
}

fn version(platform: Platform, values: &Value) -> PlatformFacts {
    let word = |from: &Value, names: &[&str]| named(from, names).and_then(text);
    let latest = named(values, &["latestVersionInfo"])
        .and_then(|latest| items(latest).into_iter().next())
        .or_else(|| named(values, &["versionHistory"]).and_then(|history| items(history).into_iter().next()))
        .unwrap_or(&Value::Null);
    PlatformFacts {
        bundle_id: word(values, &["bundleId"]),
        external_version: named(values, &["externalVersionId"])
            .or_else(|| named(latest, &["externalVersionId"]))
            .and_then(whole),
        shown_version: word(latest, &["versionDisplay"]),
        minimum_os: minimum(&platform, values),
        released_on: word(latest, &["releaseDate", "releaseTimestamp"]),
        platform,
    }
}

fn minimum(platform: &Platform, values: &Value) -> Option<String> {
    let own: &[&str] = match platform {
        Platform::Macos => &["minimumMacOSVersion", "minimumOSVersion"],
        Platform::Visionos => &["minimumVisionOSVersion", "minimumXROSVersion", "minimumOSVersion"],
        Platform::Ios | Platform::Tvos | Platform::Watchos | Platform::Other(_) => &["minimumOSVersion"],
    };
    named(values, own).and_then(text)
}

/// The documented shape: one version, that of the device asked for, and what else it says of Mac and Vision.
fn flat(app: &mut AppFacts, attributes: &Value, asked: &Platform) {
    let says = ["externalVersionId", "minimumOSVersion", "latestVersionInfo", "versionHistory", "bundleId"];
    if named(attributes, &says).is_none() {
        return;
    }
    let main = main_platform(&app.families, asked);
    app.add(version(main, attributes));
    let families: Vec<Platform> = app.families.iter().map(|family| Platform::from_text(family)).collect();
    for other in [Platform::Macos, Platform::Visionos] {
        if families.contains(&other) && app.on(&other).is_none() {
            app.add(PlatformFacts {
                minimum_os: own_minimum(&other, attributes),
                ..PlatformFacts::of(other)
            });
        }
    }
}

fn own_minimum(platform: &Platform, attributes: &Value) -> Option<String> {
    let name = match platform {
        Platform::Macos => "minimumMacOSVersion",
        Platform::Visionos => "minimumVisionOSVersion",
        Platform::Ios | Platform::Tvos | Platform::Watchos | Platform::Other(_) => return None,
    };
    named(attributes, &[name]).and_then(text)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use serde_json::json;

    /// An answer as Apple gives it, with everything that is read.
    pub(in crate::catalog::wire) fn sample() -> Value {
        json!({ "data": [{
            "id": "500000001", "type": "apps", "href": "/v1/catalog/nl/apps/500000001",
            "attributes": {
                "name": "Drawing Board", "artistName": "Example B.V.", "url": "https://apps.apple.com/nl/app/id500000001",
                "deviceFamilies": ["iphone", "ipad", "mac"], "isB2BCustomApp": false,
                "isVppDeviceBasedLicensingEnabled": true, "supportsDeviceSharing": false, "releaseDate": "2020-05-06",
                "offers": [{ "type": "get", "price": 4.99, "priceFormatted": "€ 4,99", "currencyCode": "EUR",
                    "assets": [{ "flavor": "iosSoftware", "size": 415137792 }] }],
                "platformAttributes": {
                    "ios": { "bundleId": "com.example.board", "externalVersionId": 861079254, "minimumOSVersion": "16.0",
                        "seller": "Example B.V.", "latestVersionInfo": { "versionDisplay": " 353.0", "releaseDate": "2026-10-01" },
                        "artwork": { "width": 1024, "height": 1024, "url": "https://example.com/{w}x{h}bb.{f}" } },
                    "osx": { "bundleId": "com.example.board.mac", "externalVersionId": "861079300", "minimumOSVersion": "13.0",
                        "latestVersionInfo": { "versionDisplay": "12.1" } }
                }
            } }] })
    }

    fn one(body: &Value) -> AppFacts {
        let found = read(body, &Platform::Ios).unwrap();
        assert_eq!((found.apps.len(), found.skipped), (1, 0));
        found.apps.into_iter().next().unwrap()
    }

    #[test]
    fn what_differs_between_platforms_is_read_from_below_them() {
        let app = one(&sample());
        assert_eq!(
            (app.name.as_deref(), app.artist.as_deref()),
            (Some("Drawing Board"), Some("Example B.V."))
        );
        assert_eq!(app.bundle_id.as_deref(), Some("com.example.board"));
        assert_eq!((app.custom, app.device_licensable), (Some(false), Some(true)));
        assert_eq!(app.icon.as_ref().unwrap().at(64), "https://example.com/64x64bb.png");
        assert_eq!(app.price.as_ref().unwrap().amount, "4.99");
        let (ios, mac) = (app.on(&Platform::Ios).unwrap(), app.on(&Platform::Macos).unwrap());
        assert_eq!((ios.external_version, ios.shown_version.as_deref()), (Some(861_079_254), Some("353.0")));
        assert_eq!(
            (ios.minimum_os.as_deref(), ios.released_on.as_deref()),
            (Some("16.0"), Some("2026-10-01"))
        );
        assert_eq!((mac.external_version, mac.shown_version.as_deref()), (Some(861_079_300), Some("12.1")));
        assert_eq!(mac.bundle_id.as_deref(), Some("com.example.board.mac"));
    }

    #[test]
    fn the_documented_flat_shape_is_read_as_well() {
        let body = json!({ "data": [{ "id": 500000001, "attributes": {
            "name": "Drawing Board", "bundleId": "com.example.board", "externalVersionId": 7, "minimumOSVersion": "16.0",
            "minimumMacOSVersion": "13.0", "deviceFamilies": ["iphone", "mac"],
            "artwork": { "url": "https://example.com/{w}x{h}bb.{f}" },
            "latestVersionInfo": { "versionDisplay": "3.5 ", "releaseDate": "2026-10-01" } } }] });
        let app = one(&body);
        assert_eq!(
            (app.adam_id.as_str(), app.bundle_id.as_deref()),
            ("500000001", Some("com.example.board"))
        );
        let (ios, mac) = (app.on(&Platform::Ios).unwrap(), app.on(&Platform::Macos).unwrap());
        assert_eq!((ios.external_version, ios.shown_version.as_deref()), (Some(7), Some("3.5")));
        assert!(!mac.has_version());
        assert_eq!(mac.minimum_os.as_deref(), Some("13.0"));
    }

    #[test]
    fn a_book_has_a_name_and_no_version() {
        let body = json!({ "data": [{ "id": "431617578", "type": "books", "attributes": { "name": "A Book",
            "artistName": "Somebody", "artwork": { "url": "https://example.com/{w}x{h}bb.{f}" },
            "offers": [{ "price": 14.99, "currencyCode": "USD" }], "url": "https://books.apple.com/us/book/id431617578" } }] });
        let book = one(&body);
        assert_eq!((book.name.as_deref(), book.platforms.len()), (Some("A Book"), 0));
    }

    #[test]
    fn mixed_purchases_are_read_and_what_is_no_list_is_refused() {
        let mixed = json!({ "results": { "apps": { "data": [{ "id": "1" }] }, "books": { "data": [{ "id": "2" }] } } });
        assert_eq!(read(&mixed, &Platform::Ios).unwrap().apps.len(), 2);
        assert_eq!(read(&json!({ "data": [] }), &Platform::Ios), Some(Found::default()));
        let skipped = read(&json!({ "data": [{ "attributes": {} }, 7, null] }), &Platform::Ios).unwrap();
        assert_eq!((skipped.apps.len(), skipped.skipped), (0, 3));
        for none in [json!({}), json!([]), json!("x"), json!({ "errors": [] }), json!({ "data": null })] {
            assert_eq!(read(&none, &Platform::Ios), None, "{none}");
        }
    }
}
