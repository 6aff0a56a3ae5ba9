//! Tries every field of a full answer missing, null, of every other kind, doubled and beside an unknown one: nothing
//! panics, and no product is lost for a field that is not its number.

use proptest::prelude::*;
use russet_domain::catalog::Platform;
use serde_json::{Value, json};

use super::{lookup, organization};
use crate::catalog::Found;

type Read = fn(&Value, &Platform) -> Option<Found>;

/// The number of the product in both samples.
const ID: &str = "500000001";

fn samples() -> [(Value, Read); 2] {
    [
        (organization::tests::sample(), organization::read as Read),
        (lookup::tests::sample(), lookup::read as Read),
    ]
}

fn strangers() -> Vec<Value> {
    vec![
        Value::Null,
        json!(true),
        json!(0),
        json!(-1),
        json!(1.5),
        json!(1e300),
        json!(u64::MAX),
        json!(""),
        json!(" "),
        json!("text"),
        json!("x".repeat(5_000)),
        json!("\u{0}\u{7f}\u{202e}"),
        json!([]),
        json!([null]),
        json!([[]]),
        json!(["a", 1, {}]),
        json!({}),
        json!({ "a": null }),
        json!([{ "url": 5, "version": "x", "price": [] }]),
    ]
}

/// Every place in a value, the value itself left out.
fn places(value: &Value, here: &str, found: &mut Vec<String>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), value)).collect(),
        Value::Array(items) => {
            items.iter().enumerate().map(|(index, value)| (index.to_string(), value)).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    };
    for (name, child) in children {
        let place = format!("{here}/{}", name.replace('~', "~0").replace('/', "~1"));
        found.push(place.clone());
        places(child, &place, found);
    }
}

fn all_places(value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    places(value, "", &mut found);
    found
}

fn without(value: &Value, place: &str) -> Value {
    let mut value = value.clone();
    let (parent, name) = place.rsplit_once('/').unwrap();
    match value.pointer_mut(parent).unwrap() {
        Value::Object(fields) => drop(fields.remove(&name.replace("~1", "/").replace("~0", "~"))),
        Value::Array(items) => drop(items.remove(name.parse().unwrap())),
        other => panic!("{other} has no parts"),
    }
    value
}

fn with(value: &Value, place: &str, new: Value) -> Value {
    let mut value = value.clone();
    *value.pointer_mut(place).unwrap() = new;
    value
}

/// Whether the product cannot be found any more when this place is lost: its number, its record and what holds that.
fn holds_the_number(place: &str) -> bool {
    ["/data", "/data/0", "/data/0/id", "/results", &format!("/results/{ID}")].contains(&place)
}

#[test]
fn no_field_costs_the_product_and_nothing_panics() {
    let mut tried = 0;
    for (sample, read) in samples() {
        for place in all_places(&sample) {
            let mut changed: Vec<Value> =
                strangers().into_iter().map(|new| with(&sample, &place, new)).collect();
            changed.push(without(&sample, &place));
            for body in changed {
                for asked in [Platform::Ios, Platform::Macos, Platform::Visionos] {
                    let found = read(&body, &asked);
                    tried += 1;
                    if holds_the_number(&place) {
                        continue;
                    }
                    let kept = found.is_some_and(|found| found.apps.iter().any(|app| app.adam_id == ID));
                    assert!(kept, "{place} of {body} costs the product");
                }
            }
        }
    }
    assert!(tried > 3_000, "{tried}");
}

#[test]
fn a_field_that_is_new_changes_nothing() {
    for (sample, read) in samples() {
        let plain = read(&sample, &Platform::Ios);
        for place in all_places(&sample) {
            let mut body = sample.clone();
            let Some(Value::Object(fields)) = body.pointer_mut(&place) else { continue };
            // Below these every key is a product or a platform.
            if place == "/results" || place.ends_with("/platformAttributes") {
                continue;
            }
            fields.insert("somethingNew".to_owned(), json!({ "id": "1" }));
            assert_eq!(read(&body, &Platform::Ios), plain, "{place}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn several_strange_fields_at_once_cost_themselves(
        which in 0..2_usize,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..8),
    ) {
        let (sample, read) = samples()[which].clone();
        let strangers = strangers();
        let mut body = sample;
        for (place, new) in changes {
            let places: Vec<String> =
                all_places(&body).into_iter().filter(|place| !holds_the_number(place)).collect();
            if places.is_empty() {
                break;
            }
            let place: &String = place.get(&places);
            body = with(&body, place, new.get(&strangers).clone());
        }
        let found = read(&body, &Platform::Ios);
        prop_assert!(found.is_some_and(|found| found.apps.iter().any(|app| app.adam_id == ID)), "{body}");
    }
}
