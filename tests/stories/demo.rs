//! The main job from end to end: three tokens, overlapping wishes, a fifth taken back, and Apple's ledger as judge.

use std::collections::BTreeSet;
use std::ops::Range;

use russet_domain::coalesce::{Pair, lower_bound};
use russet_domain::limits::Limits;
use russet_tests::{License, Profile, Token, World, app, on_both_profiles, serial, serials, users};

on_both_profiles!(every_license_ends_where_it_is_wanted_in_few_requests);

const APPS: usize = 5;
const DEVICES: usize = 60;
const USERS: usize = 21;

/// Apps for holders: what one job asks for. Apps and users are numbered from 1.
struct Group {
    apps: Range<usize>,
    devices: Range<usize>,
    users: Range<usize>,
}

/// The wishes of one location. They overlap in apps and in holders.
fn groups() -> [Group; 4] {
    [
        Group { apps: 1..4, devices: 0..40, users: 1..11 },
        Group { apps: 3..6, devices: 20..DEVICES, users: 0..0 },
        Group { apps: 2..5, devices: 0..0, users: 5..USERS },
        Group { apps: 1..APPS + 1, devices: 30..35, users: 1..3 },
    ]
}

fn apps(numbers: &Range<usize>) -> Vec<String> {
    numbers.clone().map(app).collect()
}

async fn every_license_ends_where_it_is_wanted_in_few_requests(profile: Profile) {
    let world = World::of(profile).await;
    let mut tokens = Vec::new();
    for name in ["North", "South", "Library"] {
        let location = world.apple.location(name, APPS, DEVICES + USERS, USERS).await;
        tokens.push(world.token(&location, name).await);
    }
    world.apple.forget().await;

    let mut jobs = Vec::new();
    for token in &tokens {
        for group in groups() {
            let job = token.assign(&apps(&group.apps), &serials(group.devices), &users(group.users));
            jobs.push(world.submit(&job).await);
        }
    }
    for job in &jobs {
        world.must_have_succeeded(&world.end_of(*job).await);
    }
    let wanted = wanted();
    for token in &tokens {
        assert_eq!(world.must_agree(token).await, wanted);
        must_have_been_few(&world, token, "associate", &wanted, groups().len()).await;
    }

    world.apple.forget().await;
    let back: BTreeSet<License> = wanted.iter().filter(|license| gives_back(&license.1)).cloned().collect();
    let devices: Vec<String> = (0..DEVICES).step_by(5).map(serial).collect();
    let people: Vec<String> = (1..USERS).step_by(5).map(|user| format!("user-{user}")).collect();
    let mut jobs = Vec::new();
    for token in &tokens {
        jobs.push(world.submit(&token.revoke(&[], &devices, &people)).await);
    }
    for job in jobs {
        let ended = world.end_of(job).await;
        world.must_have_succeeded(&ended);
        assert_eq!(ended["progress"]["total"], back.len(), "{ended}");
    }
    let kept: BTreeSet<License> = wanted.difference(&back).cloned().collect();
    for token in &tokens {
        assert_eq!(world.must_agree(token).await, kept);
        must_have_been_few(&world, token, "disassociate", &back, groups().len()).await;
    }
    world.must_be_clean().await;
}

/// Every license that the groups want, once.
fn wanted() -> BTreeSet<License> {
    let mut wanted = BTreeSet::new();
    for group in groups() {
        for app in apps(&group.apps) {
            let devices = serials(group.devices.clone()).into_iter().map(|serial| format!("device {serial}"));
            let users = users(group.users.clone()).into_iter().map(|user| format!("user {user}"));
            wanted.extend(devices.chain(users).map(|holder| (app.clone(), holder)));
        }
    }
    wanted
}

/// Every fifth device and user gives everything back.
fn gives_back(holder: &str) -> bool {
    let digits: String = holder.chars().rev().take_while(char::is_ascii_digit).collect();
    let number: usize =
        digits.chars().rev().collect::<String>().parse().expect("a holder ends with its number");
    if holder.starts_with("device ") { number.is_multiple_of(5) } else { number % 5 == 1 }
}

/// No fewer requests than anybody could do with, and no more than three for each job, as many as two overlapping
/// rectangles leave at most of one of them.
async fn must_have_been_few(
    world: &World,
    token: &Token,
    endpoint: &str,
    moved: &BTreeSet<License>,
    jobs: usize,
) {
    let apps: Vec<&String> = moved.iter().map(|(app, _)| app).collect::<BTreeSet<_>>().into_iter().collect();
    let holders: Vec<&String> =
        moved.iter().map(|(_, holder)| holder).collect::<BTreeSet<_>>().into_iter().collect();
    let place = |list: &[&String], wanted: &String| {
        let place = list.iter().position(|known| *known == wanted).expect("it is in the list");
        u32::try_from(place).expect("a small number")
    };
    let pairs: Vec<Pair> = moved
        .iter()
        .map(|(app, holder)| Pair { asset: place(&apps, app), holder: place(&holders, holder) })
        .collect();
    let is_device = |holder: u32| holders[holder as usize].starts_with("device ");
    let bound = lower_bound(&pairs, is_device, &Limits::default()) as u64;
    let used = world.apple.requests(&token.uid, endpoint).await;
    assert!(used >= bound, "{used} requests cannot be fewer than the bound, {bound}");
    assert!(used <= 3 * jobs as u64, "{used} requests to {endpoint} are too many; the bound is {bound}");
}
