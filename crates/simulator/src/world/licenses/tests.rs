//! Random additions and removals against a plain map, which is slow and obviously right.

use std::collections::{BTreeMap, BTreeSet};

use super::{Licenses, Pair};
use crate::seed::Dice;

const ASSETS: u64 = 7;
const HOLDERS: u64 = 40;

/// Each pair with the version at which it came.
type Model = BTreeMap<Pair, u32>;

fn number(value: u64) -> u32 {
    u32::try_from(value).unwrap()
}

fn check(licenses: &Licenses, model: &Model, since: u32) {
    assert_eq!(licenses.len(), model.len());
    let everywhere: Vec<Pair> = licenses.in_places(0..licenses.places()).collect();
    assert_eq!(everywhere.len(), model.len());
    assert_eq!(everywhere.into_iter().collect::<BTreeSet<_>>(), model.keys().copied().collect());
    for asset in 0..number(ASSETS) {
        let places = licenses.places_of_asset(asset);
        let found: BTreeSet<Pair> = licenses.in_places_of_asset(asset, 0..places).collect();
        assert_eq!(found, model.keys().filter(|pair| pair.0 == asset).copied().collect());
    }
    for holder in 0..number(HOLDERS) {
        let found: BTreeSet<u32> = licenses.assets_of(holder).into_iter().collect();
        assert_eq!(found, model.keys().filter(|pair| pair.1 == holder).map(|pair| pair.0).collect());
    }
    let changes = licenses.changes_since(since).unwrap();
    let added: Vec<Pair> = licenses.added_since(since, 0..changes).collect();
    let expected: BTreeSet<Pair> =
        model.iter().filter(|(_, version)| **version >= since).map(|(pair, _)| *pair).collect();
    assert_eq!(added.len(), expected.len());
    assert_eq!(added.into_iter().collect::<BTreeSet<_>>(), expected);
}

#[test]
fn it_always_holds_what_a_plain_map_holds() {
    for seed in 0..20 {
        let mut dice = Dice::stream(seed, "licenses");
        let (mut licenses, mut model) = (Licenses::default(), Model::new());
        let mut since = 0;
        for step in 0..2_000_u32 {
            let pair = (number(dice.next() % ASSETS), number(dice.next() % HOLDERS));
            let version = licenses.version();
            // Times of growth and times of shrinking take turns, so that holes are made and closed.
            if dice.chance(if (step / 400).is_multiple_of(2) { 0.8 } else { 0.1 }) {
                assert_eq!(licenses.add(pair), !model.contains_key(&pair));
                model.entry(pair).or_insert(version);
            } else {
                assert_eq!(licenses.remove(pair), model.remove(&pair).is_some());
            }
            if dice.chance(0.01) {
                licenses.close_holes();
                assert!(licenses.places() <= licenses.len() * 2);
            }
            if dice.chance(0.01) {
                check(&licenses, &model, since);
                since = licenses.version();
            }
        }
        check(&licenses, &model, since);
    }
}

#[test]
fn a_version_of_the_future_is_unknown() {
    let mut licenses = Licenses::default();
    licenses.add((0, 0));
    assert_eq!(licenses.changes_since(1), Some(0));
    assert_eq!(licenses.changes_since(2), None);
}
