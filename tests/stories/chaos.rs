//! Everything goes wrong at once: random wishes, random faults, and workers and servers that die at random moments.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use russet_tests::{Dice, License, Profile, Setup, World, app, on_both_profiles, serial, serials};
use serde_json::{Value, json};

on_both_profiles!(whatever_goes_wrong_each_license_ends_as_it_was_wished_last);

const APPS: usize = 4;
const DEVICES: usize = 40;
const STEPS: usize = 25;

async fn whatever_goes_wrong_each_license_ends_as_it_was_wished_last(profile: Profile) {
    // `STORY_SEED` tells another story.
    let seed = std::env::var("STORY_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let mut dice = Dice::new(seed);
    let setup = Setup::of(profile).setting("APPLE__TIMEOUT_MS", "700").apple(|rules| {
        rules.limits.max_serial_numbers = 11;
        rules.page_size = 20;
    });
    let mut world = World::start(setup).await;
    let location = world.apple.location("North", APPS, 2 * DEVICES, 0).await;
    let token = world.token(&location, "north").await;
    order_faults(&world).await;

    let mut jobs = Vec::new();
    let mut wanted: BTreeMap<License, bool> = BTreeMap::new();
    for _ in 0..STEPS {
        match dice.below(12) {
            0..=6 => {
                let is_assign = dice.below(5) < 3;
                let (apps, devices) = (dice.range(APPS), dice.range(DEVICES));
                for number in apps.clone() {
                    let holders = devices.clone().map(|device| format!("device {}", serial(device)));
                    wanted.extend(holders.map(|holder| ((app(number + 1), holder), is_assign)));
                }
                let apps: Vec<String> = apps.map(|number| app(number + 1)).collect();
                let job = if is_assign {
                    token.assign(&apps, &serials(devices), &[])
                } else {
                    token.revoke(&apps, &serials(devices), &[])
                };
                jobs.push(world.submit(&job).await);
            }
            7 => jobs.push(world.submit(&token.full_sync()).await),
            8 | 9 if profile == Profile::Cluster => {
                let redis = world.redis();
                redis.kill().expect("Redis is killed");
                redis.start_again().expect("Redis starts again");
            }
            10 if profile == Profile::Cluster => world.cut_database_connections(),
            _ => {
                world.kill_oldest_worker();
                world.start_worker().await;
            }
        }
        // Not a wait for anything: things happen at random moments.
        tokio::time::sleep(Duration::from_millis(dice.below(150) as u64)).await;
    }
    world.apple.heal().await;

    for job in jobs {
        let ended = world.end_of(job).await;
        assert_eq!(ended["progress"]["refused"], 0, "seed {seed}: {ended}");
        assert_ne!(ended["state"], "failed", "seed {seed}: {ended}");
    }
    let wanted: BTreeSet<License> =
        wanted.into_iter().filter(|(_, held)| *held).map(|(license, _)| license).collect();
    let held = world.must_agree(&token).await;
    let (missing, surplus): (Vec<_>, Vec<_>) =
        (wanted.difference(&held).take(5).collect(), held.difference(&wanted).take(5).collect());
    assert!(held == wanted, "seed {seed}: missing {missing:?}, surplus {surplus:?}");
    // A Redis that is killed forgets what was sent within the last second.
    world.must_be_clean_but_for(if profile == Profile::Cluster { &["rate"] } else { &[] }).await;
}

/// Each of them often enough to strike in a story, and seldom enough for jobs to get through. None asks for a wait: who
/// is killed forgets for how long Apple has asked it to wait.
async fn order_faults(world: &World) {
    let faults: [(&str, Value, f64); 12] = [
        ("any_write", json!({ "kind": "reset_before" }), 0.04),
        ("any_write", json!({ "kind": "reset_after" }), 0.06),
        ("any_write", json!({ "kind": "truncate" }), 0.04),
        ("any_write", json!({ "kind": "timeout", "ms": 2_000, "processed": true }), 0.04),
        ("any_write", json!({ "kind": "timeout", "ms": 2_000, "processed": false }), 0.03),
        ("any", json!({ "kind": "status", "status": 429, "error_number": 9646 }), 0.02),
        ("any", json!({ "kind": "status", "status": 500, "error_number": 9603 }), 0.04),
        ("any", json!({ "kind": "not_json", "status": 502 }), 0.03),
        ("any_write", json!({ "kind": "event_fails_in_part", "fraction": 0.3, "error_number": 9603 }), 0.1),
        ("notifications", json!({ "kind": "lost" }), 0.2),
        ("notifications", json!({ "kind": "doubled" }), 0.2),
        ("notifications", json!({ "kind": "late", "ms": 300 }), 0.3),
    ];
    for (endpoint, what, probability) in faults {
        let order = json!({ "on": { "endpoint": endpoint }, "what": what, "probability": probability });
        world.apple.fault(&order).await;
    }
}
