//! The schedule: once a tick over all workers, and once for all that was missed.

use std::time::Duration;

use russet_tests::{Profile, Setup, World, eventually, millis, now_ms, on_both_profiles};
use serde_json::Value;

on_both_profiles!(every_tick_syncs_once_over_all_workers, ticks_missed_while_all_was_down_are_caught_up_once,);

async fn every_tick_syncs_once_over_all_workers(profile: Profile) {
    const TICK_MS: i64 = 2_000;
    let world = World::start(
        Setup::of(profile)
            .setting("SCHEDULE__SYNC_TOKEN", "*/2 * * * * *")
            .setting("SCHEDULE__SPREAD", "false"),
    )
    .await;
    let location = world.apple.location("North", 1, 10, 0).await;
    let token = world.token_in_state(&location, "north", "valid").await;

    let ticks = eventually("three ticks to have passed", async || {
        let ticks = ticks(&world, token.id).await;
        if ticks.len() >= 3 { Ok(ticks) } else { Err(format!("{ticks:?}")) }
    })
    .await;
    // The first is late by what is left to do when a worker starts: each tick counts, not the time between two.
    for pair in ticks.windows(2) {
        let passed = pair[1] / TICK_MS - pair[0] / TICK_MS;
        assert_eq!(passed, 1, "not one sync for each tick: {ticks:?}");
    }
    world.must_be_clean().await;
}

async fn ticks_missed_while_all_was_down_are_caught_up_once(profile: Profile) {
    const TICK_MS: i64 = 3_000;
    let mut world = World::start(
        Setup::of(profile)
            .setting("SCHEDULE__SYNC_TOKEN", "*/3 * * * * *")
            .setting("SCHEDULE__SPREAD", "false")
            .workers(2),
    )
    .await;
    let location = world.apple.location("North", 1, 10, 0).await;
    let token = world.token_in_state(&location, "north", "valid").await;
    let seen = eventually("a first tick to be done", async || {
        let jobs = scheduled(&world, token.id).await;
        match jobs.first() {
            Some(job) if job["state"] == "succeeded" => Ok(ticks(&world, token.id).await.len()),
            _ => Err(format!("{jobs:?}")),
        }
    })
    .await;

    world.stop_workers().await;
    let stopped = now_ms();
    // Two ticks pass while nobody is there; then some time is left before the third.
    let until = (stopped / TICK_MS + 2) * TICK_MS + 200;
    tokio::time::sleep(Duration::from_millis(u64::try_from(until - stopped).expect("a time to come"))).await;
    world.start_worker().await;
    let next_tick = (until / TICK_MS + 1) * TICK_MS;
    eventually("the tick after to be done", async || {
        let ticks = ticks(&world, token.id).await;
        if ticks.last().is_some_and(|last| *last >= next_tick) { Ok(()) } else { Err(format!("{ticks:?}")) }
    })
    .await;

    let ticks = ticks(&world, token.id).await;
    let caught_up: Vec<&i64> =
        ticks.iter().skip(seen).filter(|at| (until..next_tick).contains(*at)).collect();
    assert_eq!(caught_up.len(), 1, "stopped {stopped}, back {until}, next tick {next_tick}: {ticks:?}");
    world.must_be_clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schedule_whose_leaders_die_misses_no_tick_and_fires_none_twice() {
    const TICK_MS: i64 = 2_000;
    let mut world = World::start(
        Setup::of(Profile::Cluster)
            .setting("SCHEDULE__SYNC_TOKEN", "*/2 * * * * *")
            .setting("SCHEDULE__SPREAD", "false"),
    )
    .await;
    let location = world.apple.location("North", 1, 10, 0).await;
    let token = world.token_in_state(&location, "north", "valid").await;
    let start = eventually("a first tick", async || {
        ticks(&world, token.id).await.first().copied().ok_or_else(|| "none".to_owned())
    })
    .await;

    for _ in 0..3 {
        let seen = ticks(&world, token.id).await.len();
        // The oldest worker is, or was, the one that leads.
        world.kill_oldest_worker();
        world.start_worker().await;
        eventually("a tick after the blow", async || {
            let ticks = ticks(&world, token.id).await;
            if ticks.len() > seen { Ok(()) } else { Err(format!("{ticks:?}")) }
        })
        .await;
    }
    let ticks = ticks(&world, token.id).await;
    let last = *ticks.last().expect("a tick");
    // A tick that nobody led in is caught up within the leader's lease, before the next one.
    let passed = last / TICK_MS - start / TICK_MS + 1;
    assert_eq!(i64::try_from(ticks.len()).expect("a small number"), passed, "{ticks:?}");
    let of_tick: std::collections::BTreeSet<i64> = ticks.iter().map(|at| at / TICK_MS).collect();
    assert_eq!(of_tick.len(), ticks.len(), "a tick was fired twice: {ticks:?}");
    world.must_be_clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_stands_still_over_a_tick_fires_it_neither_late_nor_twice() {
    const TICK_MS: i64 = 2_000;
    let mut world = World::start(
        Setup::of(Profile::Cluster)
            .workers(2)
            .setting("SCHEDULE__SYNC_TOKEN", "*/2 * * * * *")
            .setting("SCHEDULE__SPREAD", "false"),
    )
    .await;
    let location = world.apple.location("North", 1, 10, 0).await;
    let token = world.token_in_state(&location, "north", "valid").await;
    let count = async |world: &World, at_least: usize| {
        eventually("more ticks", async || {
            let ticks = ticks(world, token.id).await;
            if ticks.len() >= at_least { Ok(ticks.len()) } else { Err(format!("{ticks:?}")) }
        })
        .await
    };

    // Each leads in turn: who stood still comes back to find the other one leading, and believes for a moment to lead.
    let mut seen = count(&world, 1).await;
    for round in 0..4 {
        let which = round % 2;
        world.workers()[which].freeze();
        seen = count(&world, seen + 2).await;
        world.workers()[which].thaw();
        seen = count(&world, seen + 1).await;
    }
    let ticks = ticks(&world, token.id).await;
    let of_tick: std::collections::BTreeSet<i64> = ticks.iter().map(|at| at / TICK_MS).collect();
    assert_eq!(of_tick.len(), ticks.len(), "a tick was fired twice: {ticks:?}");
    let passed = ticks.last().expect("a tick") / TICK_MS - ticks[0] / TICK_MS + 1;
    assert_eq!(i64::try_from(ticks.len()).expect("a small number"), passed, "a tick is missing: {ticks:?}");
    world.must_be_clean().await;
}

/// The scheduled syncs of a token, the oldest first.
async fn scheduled(world: &World, token: i64) -> Vec<Value> {
    let mut jobs = world.api.list(&format!("/jobs?kind=sync_token&token={token}")).await;
    jobs.retain(|job| job["origin"] == "schedule");
    jobs.sort_by_key(|job| job["id"].as_i64());
    jobs
}

/// When they were made, in milliseconds.
async fn ticks(world: &World, token: i64) -> Vec<i64> {
    scheduled(world, token)
        .await
        .iter()
        .map(|job| millis(job["created_at"].as_str().expect("a time")))
        .collect()
}
