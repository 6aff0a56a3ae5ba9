//! One story a rule.

use std::collections::{HashMap, HashSet};

use super::*;

const APP: &str = "500000001";

fn key(adam_id: &str) -> AssetKey {
    AssetKey::new(adam_id, Pricing::Standard)
}

fn app(key: AssetKey) -> Asset {
    Asset {
        key,
        product_type: ProductType::App,
        device_assignable: true,
        revocable: true,
        supply: Supply::Limited { total: 10, available: 10 },
        assigned: 0,
        retired: 0,
        platforms: vec![],
    }
}

fn book() -> Asset {
    Asset {
        product_type: ProductType::Book,
        device_assignable: false,
        revocable: false,
        ..app(key("600000001"))
    }
}

fn device(serial: &str) -> Holder {
    Holder::Device(serial.to_owned())
}

fn user(id: &str) -> Holder {
    Holder::User(id.to_owned())
}

/// A small world that a story changes.
struct World {
    assets: Vec<Asset>,
    about: About,
    held: Vec<(AssetKey, Holder)>,
    wanted: Vec<(AssetKey, Holder)>,
    country: Option<&'static str>,
}

impl World {
    fn new() -> Self {
        Self {
            assets: vec![app(key(APP)), book()],
            about: About::default(),
            held: vec![],
            wanted: vec![],
            country: Some("NL"),
        }
    }

    fn device(mut self, serial: &str, facts: DeviceFacts) -> Self {
        self.about.devices.insert(serial.to_owned(), facts);
        self
    }

    fn user(mut self, id: &str, facts: UserFacts) -> Self {
        self.about.users.insert(id.to_owned(), facts);
        self
    }

    fn lint(&self, action: Action, pairs: &[(AssetKey, Holder)]) -> Report {
        let assets: HashMap<_, _> =
            self.assets.iter().map(|asset| (asset.key.clone(), asset.clone())).collect();
        let held: HashSet<_> = self.held.iter().cloned().collect();
        let wanted: HashSet<_> = self.wanted.iter().cloned().collect();
        let (country, about) = (self.country, &self.about);
        lint(&Situation { action, pairs, assets: &assets, country, about, held: &held, wanted: &wanted })
    }

    fn codes(&self, action: Action, pairs: &[(AssetKey, Holder)]) -> Vec<&'static str> {
        self.lint(action, pairs).findings().iter().map(|finding| finding.kind.code()).collect()
    }

    fn assigning(&self, adam_id: &str, holder: Holder) -> Vec<&'static str> {
        self.codes(Action::Assign, &[(key(adam_id), holder)])
    }
}

fn of_user(id: &str) -> DeviceFacts {
    DeviceFacts { user: Some(id.to_owned()), ..DeviceFacts::default() }
}

#[test]
fn what_an_assignment_wants_is_not_taken_back_for_long() {
    let pair = (key(APP), device("A"));
    let world = World { wanted: vec![pair.clone()], ..World::new() };
    assert_eq!(world.codes(Action::Revoke, std::slice::from_ref(&pair)), ["still_assigned"]);
    assert!(world.codes(Action::Revoke, &[(key(APP), device("B"))]).is_empty());
    assert!(world.codes(Action::Assign, &[pair]).is_empty());
}

#[test]
fn nothing_known_gives_nothing_found() {
    assert!(World::new().assigning(APP, device("A")).is_empty());
    assert!(World::new().assigning(APP, user("u1")).is_empty());
    assert!(World::new().codes(Action::Revoke, &[(key(APP), user("u1"))]).is_empty());
}

#[test]
fn a_book_goes_to_users_only_and_stays_for_ever() {
    assert_eq!(World::new().assigning("600000001", device("A")), ["book_to_device"]);
    assert_eq!(World::new().assigning("600000001", user("u1")), ["stays_for_ever"]);
    assert_eq!(World::new().codes(Action::Revoke, &[(key("600000001"), user("u1"))]), ["not_revocable"]);
}

#[test]
fn an_app_for_users_only_is_refused_to_devices() {
    let mut world = World::new();
    world.assets[0].device_assignable = false;
    assert_eq!(world.assigning(APP, device("A")), ["not_device_assignable"]);
}

#[test]
fn an_asset_that_the_location_does_not_own_is_named() {
    assert_eq!(World::new().assigning("1", device("A")), ["unknown_asset"]);
    assert_eq!(World::new().codes(Action::Revoke, &[(key("1"), device("A"))]), ["unknown_asset"]);
}

#[test]
fn both_kinds_of_licenses_for_one_devices_user_are_found_from_either_side() {
    let mut world = World::new().device("A", of_user("u1"));
    let both = [(key(APP), device("A")), (key(APP), user("u1"))];
    assert_eq!(world.lint(Action::Assign, &both).find(Kind::BothLicenseKinds).unwrap().count, 1);
    assert!(world.assigning(APP, device("A")).is_empty());
    world.held = vec![(key(APP), user("u1"))];
    assert_eq!(world.assigning(APP, device("A")), ["both_license_kinds"]);
    world.held = vec![(key(APP), device("A"))];
    assert_eq!(world.assigning(APP, user("u1")), ["both_license_kinds"]);
    // Another app of theirs is no conflict.
    world.held = vec![(key("2"), device("A"))];
    assert!(world.assigning(APP, user("u1")).is_empty());
}

#[test]
fn a_device_license_does_not_work_under_user_enrollment() {
    for enrollment in Enrollment::ALL {
        let world =
            World::new().device("A", DeviceFacts { enrollment: Some(enrollment), ..DeviceFacts::default() });
        let found = world.assigning(APP, device("A"));
        let wanted: &[&str] =
            if enrollment.as_str().ends_with("user") { &["device_license_for_user_enrollment"] } else { &[] };
        assert_eq!(found, wanted, "{enrollment:?}");
    }
}

#[test]
fn a_user_license_on_a_kiosk_is_not_recommended() {
    let kiosk = DeviceFacts { kiosk: Some(true), ..of_user("u1") };
    let world = World::new().device("A", kiosk);
    assert_eq!(world.assigning(APP, user("u1")), ["user_license_for_kiosk"]);
    assert!(world.assigning(APP, device("A")).is_empty());
}

#[test]
fn what_apple_knows_of_a_user_decides() {
    let found = |standing, blocked| {
        let facts = UserFacts { standing, country: None, app_store_blocked: Some(blocked) };
        World::new().user("u1", facts).assigning(APP, user("u1"))
    };
    assert_eq!(found(Some(UserStanding::Unknown), false), ["user_not_registered"]);
    assert_eq!(found(Some(UserStanding::Retired), false), ["user_retired"]);
    assert_eq!(found(Some(UserStanding::Registered), false), ["user_not_associated"]);
    assert_eq!(found(Some(UserStanding::Registered), true), ["app_store_blocked"]);
    assert_eq!(found(None, true), ["app_store_blocked"]);
    // An account that is associated already needs no invitation.
    assert!(found(Some(UserStanding::Associated), true).is_empty());
}

#[test]
fn a_holder_in_another_country_is_found_whatever_the_case_of_letters() {
    let facts = |country: &str| DeviceFacts { country: Some(country.to_owned()), ..DeviceFacts::default() };
    assert_eq!(World::new().device("A", facts("DE")).assigning(APP, device("A")), ["country_mismatch"]);
    assert!(World::new().device("A", facts("nl")).assigning(APP, device("A")).is_empty());
    let mut world = World::new().device("A", facts("DE"));
    world.country = None;
    assert!(world.assigning(APP, device("A")).is_empty());
    let facts = UserFacts { country: Some("US".to_owned()), ..UserFacts::default() };
    assert_eq!(World::new().user("u1", facts).assigning(APP, user("u1")), ["country_mismatch"]);
}

#[test]
fn one_account_in_two_ways_of_enrollment_is_found() {
    let enrolled = |enrollment| DeviceFacts { enrollment: Some(enrollment), ..of_user("u1") };
    let world = World::new()
        .device("A", enrolled(Enrollment::AccountDrivenUser))
        .device("B", enrolled(Enrollment::Automated));
    assert_eq!(world.assigning(APP, user("u1")), ["mixed_enrollments"]);
}

#[test]
fn more_than_are_free_is_said_once_for_each_asset() {
    let pairs: Vec<_> = (0..11).map(|nth| (key(APP), device(&format!("S{nth}")))).collect();
    let mut world = World::new();
    let report = world.lint(Action::Assign, &pairs);
    assert_eq!(report.find(Kind::NoLicenseFree).unwrap().count, 1);
    // One that holds it already needs none.
    world.held = vec![pairs[0].clone()];
    assert!(world.codes(Action::Assign, &pairs).is_empty());
    world.assets[0].supply = Supply::Unlimited;
    assert_eq!(world.codes(Action::Assign, &pairs), ["unlimited_counts"]);
}

#[test]
fn both_qualities_of_one_product_are_found() {
    let plus = AssetKey::new(APP, Pricing::Plus);
    let mut world = World::new();
    world.assets.push(app(plus.clone()));
    let pairs = [(plus, device("A")), (key(APP), device("B"))];
    assert_eq!(world.codes(Action::Assign, &pairs), ["mixed_qualities"]);
}

#[test]
fn a_hundred_thousand_places_are_one_finding_with_a_count_and_twenty_examples() {
    let pairs: Vec<_> = (0..100_000).map(|nth| (key("600000001"), device(&format!("S{nth}")))).collect();
    let report = World::new().lint(Action::Assign, &pairs);
    let finding = report.find(Kind::BookToDevice).unwrap();
    assert_eq!((finding.count, finding.examples.len()), (100_000, EXAMPLES_MAX));
    assert_eq!((report.findings().len(), report.count(Severity::Error)), (1, 100_000));
}

#[test]
fn every_kind_has_a_code_of_its_own_a_rule_and_sentences_and_errors_come_first() {
    let codes: HashSet<_> = Kind::ALL.iter().map(|kind| kind.code()).collect();
    assert_eq!(codes.len(), Kind::ALL.len());
    for kind in Kind::ALL {
        let rule = kind.rule();
        let (letter, number) = rule.split_once('-').unwrap();
        assert!(["S", "N", "C"].contains(&letter) && number.parse::<u8>().is_ok(), "{rule}");
        assert!(kind.sentence().ends_with('.') && kind.advice().ends_with('.'), "{kind:?}");
        assert_eq!(Kind::from_code(kind.code()), Some(*kind));
    }
    assert!(Kind::ALL.is_sorted_by_key(|kind| kind.severity()));
}

#[test]
fn a_book_does_not_come_back() {
    assert!(comes_back(&app(key(APP))) && !comes_back(&book()));
}
