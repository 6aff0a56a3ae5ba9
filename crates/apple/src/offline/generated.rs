//! Tries every answer and notification with every field missing, null, of another type, twice, or new; then many at once.
//!
//! What must hold: nothing panics; a record is read, or counted as skipped; what cannot be read is named by its field;
//! and what one field spoils costs at most its record.

use proptest::prelude::*;
use proptest::sample::Index;

use super::mutation::{Json, Mutation, Step, shown};
use super::{Outcome, RESPONSES, Reader, notification, samples};

/// Every sample with what reads it and where its records are.
fn table() -> Vec<(&'static str, Reader, Json)> {
    let reader = |name: &str| RESPONSES.iter().find(|(known, _)| *known == name).unwrap().1;
    let responses = samples::RESPONSES.iter().map(|(name, body)| (*name, reader(name), Json::read(body)));
    let notifications =
        samples::NOTIFICATIONS.iter().map(|body| ("notification", notification as Reader, Json::read(body)));
    responses.chain(notifications).collect()
}

/// The lists of records that the readers count, by their paths.
const LISTS: [&[&str]; 8] = [
    &["assets"],
    &["unlimitedAssets"],
    &["assignments"],
    &["users"],
    &["failures"],
    &["notification", "assignments"],
    &["notification", "users"],
    &["notification", "associatedUsers"],
];

/// How many records the body has, whatever they look like. Failures count as one: a list that cannot be read is a failure
/// of everything.
fn records_in(json: &Json) -> usize {
    let count = |path: &&[&str]| {
        let steps: Vec<Step> = path.iter().map(|name| Step::Field((*name).to_owned())).collect();
        match json.at(&steps) {
            Some(Json::List(list)) if **path == ["failures"] => list.len().min(1),
            Some(Json::List(list)) => list.len(),
            Some(Json::Leaf(text)) if text == "null" => 0,
            Some(Json::Leaf(_) | Json::Object(_)) => 1,
            None => 0,
        }
    };
    LISTS.iter().map(count).sum()
}

/// How many records a page says it has.
fn size_of(json: &Json) -> usize {
    match json.at(&[Step::Field("size".to_owned())]) {
        Some(Json::Leaf(text)) => text.trim_matches('"').parse().unwrap_or(0),
        Some(Json::List(_) | Json::Object(_)) | None => 0,
    }
}

/// Whether a fault is about a place: it names the place, or something in it or around it.
fn names(fault: &str, path: &[Step]) -> bool {
    let place = shown(path);
    let field = path.iter().rev().find_map(|step| match step {
        Step::Field(name) => Some(name.as_str()),
        Step::Element(_) => None,
    });
    let inside = |inner: &str, outer: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    let told: Vec<&str> = fault.split('`').skip(1).step_by(2).collect();
    told.iter().any(|told| inside(told, &place) || inside(&place, told) || field == Some(told))
}

/// Whether a value of this kind is one that the field may have, if in another type's clothes.
fn is_of_kind(before: &Json, after: &Json) -> bool {
    let is_text = |text: &str| text.starts_with('"') && !text.contains("\\ud800");
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    match (before, after) {
        (Json::Leaf(before), Json::Leaf(after)) if before.starts_with('"') => {
            is_text(after) || is_digits(after)
        }
        (Json::Leaf(before), Json::Leaf(after)) if matches!(before.as_str(), "true" | "false") => {
            matches!(after.trim_matches('"'), "true" | "false" | "0" | "1")
        }
        (Json::Leaf(_), Json::Leaf(after)) => {
            let number = after.trim_matches('"');
            !number.is_empty() && (is_digits(number) || number == "1e999")
        }
        // A record in place of its list, or a list of one in place of its record.
        (Json::List(_), _) | (Json::Object(_), Json::Object(_) | Json::List(_)) => true,
        (Json::Leaf(_), Json::List(_) | Json::Object(_)) | (Json::Object(_), Json::Leaf(_)) => false,
    }
}

/// Judges one mutation of a full sample.
fn judge(was: &Outcome, sample: &Json, path: &[Step], mutation: Mutation, after: &Json, now: &Outcome) {
    let story = || format!("{} {mutation:?}\nbody {after}\nwas {was:?}\nnow {now:?}", shown(path));
    count(after, now, &story);
    let value = match &now.value {
        Err(why) => {
            assert!(names(why, path), "the error names another field: {}", story());
            return;
        }
        Ok(value) => value,
    };
    if mutation == Mutation::NewBeside || mutation == Mutation::TwiceAlike {
        let is_payload = now.is_raw && matches!(&path[0], Step::Field(name) if name == "notification");
        assert!(Some(value) == was.value.as_ref().ok() || is_payload, "{}", story());
        return;
    }
    kept(was, path, now, &story);
    let (before, new) = (sample.at(path).unwrap(), after.at(path));
    let is_absent = match new {
        None => true,
        Some(Json::Leaf(text)) => text == "null" || (text == "\"\"" && matches!(before, Json::Leaf(_))),
        Some(Json::List(_) | Json::Object(_)) => false,
    };
    let may_differ = is_absent
        || (mutation != Mutation::TwiceDifferent && new.is_some_and(|new| is_of_kind(before, new)))
        || mutation == Mutation::Missing
        || now.is_raw;
    let is_named = now.odd.iter().any(|fault| names(fault, path));
    assert!(may_differ || is_named || Some(value) == was.value.as_ref().ok(), "lost silently: {}", story());
}

/// Each record is read or skipped.
fn count(after: &Json, now: &Outcome, story: &dyn Fn() -> String) {
    if let (Ok(_), Some((read, skipped))) = (&now.value, now.records) {
        let there = records_in(after).max(size_of(after));
        assert!(read + skipped >= there, "{there} records became {read} and {skipped}: {}", story());
        assert!(skipped == 0 || now.odd_count > 0, "skipped without a word: {}", story());
    }
}

/// A field within a record costs at most that record; one beside the lists costs none.
fn kept(was: &Outcome, path: &[Step], now: &Outcome, story: &dyn Fn() -> String) {
    let (Some((before, _)), Some((read, _))) = (was.records, now.records) else { return };
    let names: Vec<&str> = path
        .iter()
        .filter_map(|step| match step {
            Step::Field(name) => Some(name.as_str()),
            Step::Element(_) => None,
        })
        .collect();
    let list = LISTS.iter().find(|list| names.starts_with(list));
    let least = match list {
        // The list itself.
        Some(list) if path.len() == list.len() => return,
        Some(_) => before - 1,
        None if path.len() == 1 && now.is_raw => return,
        None => before,
    };
    assert!(read >= least, "{before} records became {read}: {}", story());
}

#[test]
fn every_full_sample_is_read_without_a_question() {
    for (name, read, sample) in table() {
        let outcome = read(sample.to_string().as_bytes());
        assert!(outcome.value.is_ok() && outcome.odd.is_empty(), "{name}: {outcome:?}");
        let (read, skipped) = outcome.records.unwrap_or_default();
        assert_eq!(
            read.min(if name == "status" { 1 } else { read }),
            expected_records(name, &sample),
            "{name}"
        );
        assert_eq!(skipped, 0, "{name}");
    }
}

#[test]
fn every_sample_is_tried() {
    for (folder, tried) in
        [("responses", samples::RESPONSES.len()), ("notifications", samples::NOTIFICATIONS.len())]
    {
        let path = format!("{}/samples/{folder}", env!("CARGO_MANIFEST_DIR"));
        assert_eq!(std::fs::read_dir(path).unwrap().count(), tried, "{folder}");
    }
    for (name, _) in RESPONSES {
        assert!(samples::RESPONSES.iter().any(|(sample, _)| *sample == name), "{name} has no sample");
    }
}

/// Subscriptions are kept as they came, without a look at their records.
fn expected_records(name: &str, sample: &Json) -> usize {
    let is_raw = name == "notification" && sample.to_string().contains("\"SUBSCRIPTION_");
    if is_raw { 0 } else { records_in(sample) }
}

#[test]
fn every_field_of_every_body_may_be_wrong_in_every_way() {
    let mut tried = 0;
    for (_, read, sample) in table() {
        let was = read(sample.to_string().as_bytes());
        for path in sample.paths() {
            for mutation in Mutation::ALL {
                let mut after = sample.clone();
                if after.mutate(&path, mutation) {
                    judge(&was, &sample, &path, mutation, &after, &read(after.to_string().as_bytes()));
                    tried += 1;
                }
            }
        }
    }
    assert!(tried > 4_000, "only {tried} mutations were tried");
}

#[test]
fn a_body_that_is_cut_anywhere_is_an_error_and_never_a_value() {
    for (name, read, sample) in table() {
        let body = sample.to_string();
        for end in 0..body.len() {
            let outcome = read(&body.as_bytes()[..end]);
            assert!(outcome.value.is_err(), "{name} cut at {end}: {outcome:?}");
        }
    }
}

#[test]
fn no_fault_repeats_what_stood_in_the_body() {
    for (name, read, sample) in table() {
        for path in sample.paths() {
            let mut after = sample.clone();
            if !after.mutate(&path, Mutation::InObject) {
                continue;
            }
            let outcome = read(after.to_string().as_bytes());
            let told = [outcome.value.err().into_iter().collect(), outcome.odd].concat().join(" ");
            let hidden = ["example.com", "f551b37d", "bm90LWEt", "an-opaque-example", "SER0", "8f9c1a52"];
            assert!(!hidden.iter().any(|hidden| told.contains(hidden)), "{name} {}: {told}", shown(&path));
        }
    }
}

fn json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        prop::sample::select(vec!["null", "true", "false", "0", "-1", "1.5", "1e999", "\"\"", "\"PENDING\""]),
        prop::sample::select(vec![
            "\"STDQ\"",
            "\"SUCCESS\"",
            "\"CREATE\"",
            "9621",
            "\"2031-04-09T10:20:30+0000\""
        ]),
    ]
    .prop_map(|text| Json::Leaf(text.to_owned()));
    let names = prop::sample::select(vec![
        "assets",
        "assignments",
        "users",
        "failures",
        "errorNumber",
        "errorInfo",
        "adamId",
        "clientUserId",
        "serialNumber",
        "eventId",
        "eventStatus",
        "notification",
        "notificationId",
        "notificationType",
        "type",
        "result",
        "uId",
        "mdmInfo",
        "id",
        "size",
        "nextPageIndex",
        "totalPages",
        "limits",
        "urls",
        "error",
    ]);
    leaf.prop_recursive(5, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Json::List),
            prop::collection::vec((names.clone(), inner), 0..10).prop_map(|fields| Json::Object(
                fields.into_iter().map(|(n, j)| (n.to_owned(), j)).collect()
            )),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn many_wrong_fields_at_once_lose_nothing_silently(
        sample in any::<Index>(),
        wrongs in prop::collection::vec((any::<Index>(), any::<Index>()), 1..8),
    ) {
        let table = table();
        let (name, read, mut json) = table[sample.index(table.len())].clone();
        for (place, how) in wrongs {
            let paths = json.paths();
            if !paths.is_empty() {
                let mutation = Mutation::ALL[how.index(Mutation::ALL.len())];
                json.mutate(&paths[place.index(paths.len())].clone(), mutation);
            }
        }
        let outcome = read(json.to_string().as_bytes());
        count(&json, &outcome, &|| format!("{name} {json}\n{outcome:?}"));
        if let Err(why) = &outcome.value {
            prop_assert!(why.contains('`') || why.contains("Apple refused"), "{} names no field: {}", json, why);
        }
    }

    #[test]
    fn any_json_is_a_value_or_an_error_that_says_where(json in json()) {
        let body = json.to_string();
        for (_, read) in RESPONSES {
            super::catalog(body.as_bytes());
            let outcome = read(body.as_bytes());
            count(&Json::Leaf("null".to_owned()), &outcome, &|| body.clone());
            if let Err(why) = outcome.value {
                let says = why.contains('`') || why.contains("line 1") || why.contains("Apple refused");
                prop_assert!(says, "{body}: {why}");
            }
        }
        notification(body.as_bytes());
    }

    #[test]
    fn any_bytes_are_no_danger(body in prop::collection::vec(any::<u8>(), 0..200)) {
        for (_, read) in RESPONSES {
            read(&body);
        }
        super::catalog(&body);
        notification(&body);
        let _ = super::retry_after(&body, None);
        let _ = super::date(&String::from_utf8_lossy(&body));
    }
}
