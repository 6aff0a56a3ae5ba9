//! Registrations where something goes wrong: answers and workers are lost, Apple refuses, and people change their minds.

use std::collections::BTreeSet;

use reqwest::Method;
use russet_tests::{Profile, Setup, World, eventually, on_both_profiles};
use serde_json::json;

use crate::users::{registered, table, the, until, upload};

on_both_profiles!(
    a_lost_answer_about_users_is_read_back_and_nothing_is_sent_twice,
    a_worker_killed_after_apple_registered_users_registers_nobody_twice,
    users_end_right_whatever_becomes_of_notifications,
    what_apple_refuses_of_some_users_is_named_and_the_rest_is_registered,
    an_import_that_is_cancelled_sends_nothing_more,
);

async fn a_lost_answer_about_users_is_read_back_and_nothing_is_sent_twice(profile: Profile) {
    let world = World::start(Setup::of(profile).without_notifications()).await;
    let location = world.apple.location("North", 1, 50, 0).await;
    let token = world.token(&location, "north").await;
    for (verb, what) in
        [("create_users", json!({ "kind": "reset_after" })), ("retire_users", json!({ "kind": "truncate" }))]
    {
        let fault = world.apple.fault(&json!({ "on": { "endpoint": verb }, "what": what, "times": 1 })).await;
        let made = if verb == "create_users" {
            let body = json!({ "token": token.id, "client_user_id": "u1", "email": "a@example.org" });
            world.api.post("/users", &body).await.with(202)
        } else {
            world.api.send(Method::DELETE, "/users/u1", None).await.with(202)
        };
        world.must_have_succeeded(&world.end_of(made["jobs"][0]["id"].as_i64().expect("a job")).await);
        assert_eq!(world.apple.struck(fault).await, 1);
        assert_eq!(world.apple.requests(&token.uid, verb).await, 1, "after {what}");
        let status = if verb == "create_users" { "registered" } else { "retired" };
        until(&world, &token, "u1", status).await;
    }
    assert_eq!(world.apple.users(&location.uid).await.len(), 1);
    world.must_be_clean().await;
}

async fn a_worker_killed_after_apple_registered_users_registers_nobody_twice(profile: Profile) {
    let setup = Setup::of(profile).workers(1).without_notifications().setting("APPLE__TIMEOUT_MS", "25000");
    let mut world = World::start(setup).await;
    let location = world.apple.location("North", 1, 50, 0).await;
    let token = world.token(&location, "north").await;
    let hang = json!({ "kind": "timeout", "ms": 20_000, "processed": true });
    world.apple.fault(&json!({ "on": { "endpoint": "create_users" }, "what": hang, "times": 1 })).await;

    let taken =
        upload(&world, &format!("/users/import?token={}", token.id), &table(30, 1_000)).await.with(202);
    eventually("Apple to have registered them while the worker waits", async || {
        match world.apple.users(&location.uid).await.len() {
            30 => Ok(()),
            there => Err(format!("{there} users")),
        }
    })
    .await;
    if profile == Profile::Cluster {
        world.start_worker().await;
    }
    world.kill_oldest_worker();
    if profile == Profile::Single {
        world.start_worker().await;
    }

    world.must_have_succeeded(&world.end_of(taken["id"].as_i64().expect("a job")).await);
    let ledger = world.apple.ledger().await;
    assert_eq!(ledger["requests"]["create_users"], 1, "what Apple did is not sent again: {ledger:#}");
    let here = world.api.list(&format!("/users?token={}&status=registered", token.id)).await;
    assert_eq!(here.len(), 30);
    assert!(here.iter().all(|user| user["invitation"] == "pending"), "{:?}", here[0]);
    world.must_be_clean().await;
}

async fn users_end_right_whatever_becomes_of_notifications(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 1, 50, 0).await;
    let token = world.token(&location, "north").await;
    let fates = [
        json!({ "kind": "lost" }),
        json!({ "kind": "doubled" }),
        json!({ "kind": "late", "ms": 2_500 }),
        json!({ "kind": "reordered" }),
    ];
    for (round, fate) in fates.iter().enumerate() {
        world.apple.heal().await;
        world.apple.fault(&json!({ "on": { "endpoint": "notifications" }, "what": fate })).await;
        let id = format!("u{round}");
        let body = json!({ "token": token.id, "client_user_id": id, "email": "a@example.org" });
        world.must_have_succeeded(&registered(&world, &body).await);
        let user = eventually("the invitation to be known", async || {
            let user = the(&world, &token, &id).await;
            if user["invitation_url"].is_string() { Ok(user) } else { Err(user.to_string()) }
        })
        .await;
        assert_eq!(user["status"], "registered", "notifications: {fate}: {user}");
        let gone = world.api.send(Method::DELETE, &format!("/users/{id}"), None).await.with(202);
        world.must_have_succeeded(&world.end_of(gone["jobs"][0]["id"].as_i64().expect("a job")).await);
        let body = json!({ "token": token.id, "client_user_id": id });
        world.must_have_succeeded(&registered(&world, &body).await);
    }
    world.apple.heal().await;
    world.succeed(&token.full_sync()).await;
    for round in 0..fates.len() {
        assert_eq!(the(&world, &token, &format!("u{round}")).await["status"], "registered");
    }
    world.must_be_clean().await;
}

async fn what_apple_refuses_of_some_users_is_named_and_the_rest_is_registered(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 1, 50, 0).await;
    let token = world.token(&location, "north").await;
    let fails = json!({ "kind": "event_fails_in_part", "fraction": 0.25, "error_number": 9635 });
    world.apple.fault(&json!({ "on": { "endpoint": "create_users" }, "what": fails, "times": 1 })).await;

    let taken =
        upload(&world, &format!("/users/import?token={}", token.id), &table(40, 1_000)).await.with(202);
    let ended = world.end_of(taken["id"].as_i64().expect("a job")).await;
    assert_eq!(
        (&ended["state"], &ended["progress"]["refused"]),
        (&json!("partly_failed"), &json!(10)),
        "{ended}"
    );
    let refused = world.api.list(&format!("/jobs/{}/users?state=refused", ended["id"])).await;
    assert_eq!(refused.len(), 10);
    assert!(refused.iter().all(|entry| entry["error"]["code"] == "account_not_associable"), "{refused:?}");
    let there: BTreeSet<String> = world
        .apple
        .users(&location.uid)
        .await
        .iter()
        .filter_map(|user| user["client_user_id"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(there.len(), 30);
    assert!(refused.iter().all(|entry| !there.contains(entry["client_user_id"].as_str().expect("an id"))));
    world.must_be_clean().await;
}

async fn an_import_that_is_cancelled_sends_nothing_more(profile: Profile) {
    let world = World::start(Setup::of(profile).apple(|rules| rules.limits.max_users = 5)).await;
    let location = world.apple.location("North", 1, 50, 0).await;
    let token = world.token(&location, "north").await;
    let slow = json!({ "on": { "endpoint": "create_users" }, "what": { "kind": "latency", "ms": 300 } });
    world.apple.fault(&slow).await;
    let taken =
        upload(&world, &format!("/users/import?token={}", token.id), &table(500, 1_000)).await.with(202);
    let job = taken["id"].as_i64().expect("a job");
    eventually("some to be registered", async || match world.apple.users(&location.uid).await.len() {
        0 => Err("nobody".to_owned()),
        _ => Ok(()),
    })
    .await;
    let _ = world.api.post(&format!("/jobs/{job}/cancel"), &json!({})).await.with(200);
    let ended = world.end_of(job).await;
    assert!(ended["progress"]["cancelled"].as_u64() > Some(0), "{ended}");
    let (there, settled) = (
        world.apple.users(&location.uid).await.len(),
        ended["progress"]["settled"].as_u64().expect("a count"),
    );
    assert_eq!(there as u64, settled, "{ended}");
    let here = world.api.list(&format!("/users?token={}&status=registered", token.id)).await;
    assert_eq!(here.len() as u64, settled);
    world.must_be_clean().await;
}
