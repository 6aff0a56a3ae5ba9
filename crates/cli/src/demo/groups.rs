//! The demo's wishes: overlapping groups of apps for devices and users, as an administrator makes them.

use std::collections::BTreeSet;

use russet_domain::coalesce::{Pair, lower_bound};
use russet_domain::limits::Limits;

/// Devices known to the demo, over all locations.
pub(crate) const DEVICES: u32 = 2_000;
/// Users known to the demo, over all locations.
pub(crate) const USERS: u32 = 500;
/// Apps of each location: 25 in all.
pub(crate) const APPS: [u32; 3] = [9, 8, 8];

/// Some apps for some holders: what one job asks for.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) apps: std::ops::Range<u32>,
    pub(crate) devices: std::ops::Range<u32>,
    pub(crate) users: std::ops::Range<u32>,
}

/// The groups of one location. They overlap in apps and in holders, so that the same license is wanted by several jobs.
pub(crate) fn groups(location: usize) -> Vec<Group> {
    let apps = APPS[location];
    let shift = u32::try_from(location).unwrap_or(0) * 100;
    vec![
        // Everybody's tools.
        Group { apps: 0..3, devices: 0..DEVICES, users: 0..USERS },
        // Two departments that share devices and an app.
        Group { apps: 2..5, devices: shift..1_200 + shift, users: 0..0 },
        Group { apps: 4..apps, devices: 900 + shift..1_700 + shift, users: 0..0 },
        // Teachers, some of whom are also in the last group.
        Group { apps: 3..apps - 1, devices: 0..0, users: 0..300 },
        Group { apps: 1..apps, devices: 1_700 + shift..1_800 + shift, users: 200..350 },
    ]
}

/// Every pair that the groups of a location want, once. Users are numbered after the devices.
pub(crate) fn wanted(location: usize) -> BTreeSet<Pair> {
    let mut pairs = BTreeSet::new();
    for group in groups(location) {
        for asset in group.apps.clone() {
            pairs.extend(group.devices.clone().map(|holder| Pair { asset, holder }));
            pairs.extend(group.users.clone().map(|user| Pair { asset, holder: DEVICES + user }));
        }
    }
    pairs
}

/// Whether a holder gives everything back in the demo's second half: every fifth does.
pub(crate) fn gives_back(holder: u32) -> bool {
    let number = if holder < DEVICES { holder } else { holder - DEVICES };
    number % 5 == 0
}

/// The fewest requests that could possibly carry out these pairs.
pub(crate) fn bound(pairs: &BTreeSet<Pair>) -> usize {
    let pairs: Vec<Pair> = pairs.iter().copied().collect();
    lower_bound(&pairs, |holder| holder < DEVICES, &Limits::default())
}

/// The serial number of a device.
pub(crate) fn serial(device: u32) -> String {
    format!("RUSSET{device:06}")
}

/// The id of a user; the simulator numbers them from one.
pub(crate) fn user(user: u32) -> String {
    format!("user-{}", user + 1)
}

/// The product number of an app.
pub(crate) fn adam_id(location: usize, app: u32) -> String {
    format!("{}", 500_000_000 + 1_000 * location + app as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_groups_use_every_app_and_every_holder() {
        for (location, apps) in APPS.iter().enumerate() {
            let wanted = wanted(location);
            let used: BTreeSet<u32> = wanted.iter().map(|pair| pair.asset).collect();
            assert_eq!(used.len(), *apps as usize);
            let holders: BTreeSet<u32> = wanted.iter().map(|pair| pair.holder).collect();
            assert_eq!(holders.len(), (DEVICES + USERS) as usize);
        }
        assert_eq!(APPS.iter().sum::<u32>(), 25);
    }

    #[test]
    fn planned_together_the_groups_reach_the_bound() {
        for location in 0..APPS.len() {
            let pairs: Vec<Pair> = wanted(location).into_iter().collect();
            let plan = russet_domain::coalesce::plan(&pairs, |holder| holder < DEVICES, &Limits::default());
            assert_eq!(plan.rectangles.len(), plan.lower_bound, "location {location}");
        }
    }

    #[test]
    fn about_a_fifth_of_the_licenses_is_given_back() {
        let wanted = wanted(0);
        let back = wanted.iter().filter(|pair| gives_back(pair.holder)).count();
        let share = back as f64 / wanted.len() as f64;
        assert!((0.19..0.21).contains(&share), "{share}");
    }
}
