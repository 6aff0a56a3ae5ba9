//! A token with very much work delays no other.

use std::time::{Duration, Instant};

use russet_tests::{Profile, Setup, World, app, on_both_profiles, serials};

on_both_profiles!(a_token_with_very_many_changes_delays_nobody);

/// So many requests that they take a token half a minute at its pace.
const MANY: usize = 400;

async fn a_token_with_very_many_changes_delays_nobody(profile: Profile) {
    // One license a request, and fewer places than tokens with work: who has one has to give it back.
    let setup =
        Setup::of(profile).workers(1).setting("WORKER__CONCURRENCY", "2").setting("WORKER__SLICE_MS", "500");
    let world = World::start(setup.apple(|rules| rules.limits.max_serial_numbers = 1)).await;
    let mut tokens = Vec::new();
    for name in ["heavy", "weighty", "first", "second", "third"] {
        let location = world.apple.location(name, 1, 1_000, 0).await;
        tokens.push(world.token(&location, name).await);
    }
    let mut heavy = Vec::new();
    for token in &tokens[..2] {
        heavy.push(world.submit(&token.assign(&[app(1)], &serials(0..MANY), &[])).await);
    }

    for token in &tokens[2..] {
        let start = Instant::now();
        world.succeed(&token.assign(&[app(1)], &serials(0..5), &[])).await;
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    }
    for job in &heavy {
        let seen = world.job(*job).await;
        assert_eq!(seen["state"], "running", "the others did not have to wait for its end: {seen}");
        assert!(seen["progress"]["settled"].as_u64() > Some(20), "nor did it stand still: {seen}");
    }
    for job in heavy {
        world.must_have_succeeded(&world.end_of(job).await);
    }
    // The rate above all: nobody is hurried beyond what Apple allows.
    world.must_be_clean().await;
}
