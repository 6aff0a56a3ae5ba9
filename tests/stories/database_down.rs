//! The database goes away for a while, and comes back.

use reqwest::Method;
use russet_tests::{Profile, Setup, World, app, eventually, serials};
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_goes_away_in_mid_job_is_waited_for() {
    let setup = Setup::of(Profile::Cluster).apple(|rules| rules.limits.max_serial_numbers = 5);
    let mut world = World::start(setup).await;
    let location = world.apple.location("North", 2, 200, 0).await;
    let token = world.token(&location, "north").await;
    world
        .apple
        .fault(&json!({ "on": { "endpoint": "associate" }, "what": { "kind": "latency", "ms": 200 } }))
        .await;
    let job = world.submit(&token.assign(&[app(1), app(2)], &serials(0..40), &[])).await;
    eventually("the first part of the job to be done", async || {
        match world.apple.held(&token.uid).await.len() {
            0 => Err("no license".to_owned()),
            _ => Ok(()),
        }
    })
    .await;

    world.set_database_reachable(false);
    let refused = world.api.post("/jobs", &token.assign(&[app(1)], &serials(50..60), &[])).await;
    assert_eq!(refused.status, 503, "{refused}");
    assert_eq!(refused.problem().0, "database_unreachable");
    assert!(refused.headers.contains_key("retry-after"), "{refused}");
    let ready = world.api.send(Method::GET, "//readyz", None).await;
    assert_eq!(ready.status, 503, "{ready}");
    let alive = world.api.send(Method::GET, "//healthz", None).await;
    assert_eq!(alive.status, 200, "{alive}");
    // Apple calls while nothing can be written down; it is to be told so, and what it said is found out otherwise.
    let held = world.apple.held(&token.uid).await.len();
    assert!(held < 80, "the job was over before the database went away");
    for worker in world.workers() {
        assert!(!worker.has_ended(), "{} ended because the database was away", worker.name());
    }
    world.apple.heal().await;
    world.set_database_reachable(true);

    world.must_have_succeeded(&world.end_of(job).await);
    world.succeed(&token.assign(&[app(1)], &serials(50..60), &[])).await;
    assert_eq!(world.must_agree(&token).await.len(), 90);
    assert_eq!(world.apple.ledger().await["licenses_moved"]["associated"], 90);
    world.must_be_clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_goes_away_while_a_worker_starts_is_waited_for() {
    let mut world = World::start(Setup::of(Profile::Cluster).workers(0)).await;
    let location = world.apple.location("North", 2, 50, 0).await;
    let log = |world: &World| -> String {
        world.logs().into_iter().filter(|(name, _)| name == "worker-1").map(|(_, log)| log).collect()
    };

    // Between finding the database and using it, a worker waits for its queue.
    world.redis().stop().expect("Redis stops");
    world.start_worker().await;
    eventually("the worker to wait for its queue", async || {
        let log = log(&world);
        if log.contains("the queue cannot be used yet") { Ok(()) } else { Err(log) }
    })
    .await;
    world.set_database_reachable(false);
    world.redis().start_again().expect("Redis starts again");
    eventually("the worker to have missed its database", async || {
        let log = log(&world);
        if log.contains("the database cannot be used yet") { Ok(()) } else { Err(log) }
    })
    .await;
    world.set_database_reachable(true);

    let token = world.token(&location, "north").await;
    world.succeed(&token.assign(&[app(1)], &serials(0..10), &[])).await;
    assert_eq!(world.must_agree(&token).await.len(), 10);
    world.must_be_clean().await;
}
