//! What was accepted before read-only mode was switched on waits while it is on, and goes to Apple once it is off, exactly once.

use reqwest::Method;
use russet_tests::{Profile, Token, World, app, eventually, on_both_profiles, serials};
use serde_json::{Value, json};

on_both_profiles!(
    what_a_token_had_accepted_before_it_was_read_only_waits_and_is_sent_once,
    what_all_tokens_had_accepted_before_everything_was_read_only_waits_and_is_sent_once,
);

/// What is sent to Apple that gives, takes or registers anything.
const WRITES: [&str; 5] = ["associate", "disassociate", "create_users", "update_users", "retire_users"];

/// The kinds of messages that send it.
const KINDS: [&str; 2] = ["apply_changes", "apply_users"];

/// How many full syncs go by meanwhile: each takes longer than a sweep for work that nobody moves.
const SYNCS: usize = 3;

async fn writes(world: &World, token: &Token) -> Vec<u64> {
    let mut found = Vec::new();
    for endpoint in WRITES {
        found.push(world.apple.requests(&token.uid, endpoint).await);
    }
    found
}

async fn steer(world: &World, act: &str) {
    for kind in KINDS {
        let _ = world.api.post(&format!("/queue/kinds/{kind}/{act}"), &json!({})).await.good();
    }
}

/// A location in which four devices hold the first app and one person is registered.
async fn school(world: &World, name: &str) -> Token {
    let token = world.token(&world.apple.location(name, 2, 50, 0).await, name).await;
    world.succeed(&token.assign(&[app(1)], &serials(0..4), &[])).await;
    let user = json!({ "token": token.id, "client_user_id": format!("{name}-old") });
    let made = world.api.post("/users", &user).await.with(202);
    let job = made["jobs"][0]["id"].as_i64().expect("a number");
    world.must_have_succeeded(&world.end_of(job).await);
    token
}

/// Jobs that give, take, register and retire, accepted while nobody carries them out.
async fn accepted(world: &World, token: &Token, name: &str) -> Vec<i64> {
    let mut jobs = vec![
        world.submit(&token.assign(&[app(2)], &serials(4..7), &[])).await,
        world.submit(&token.revoke(&[app(1)], &serials(0..2), &[])).await,
    ];
    let user = json!({ "token": token.id, "client_user_id": format!("{name}-new") });
    let made = world.api.post("/users", &user).await.with(202);
    let path = format!("/users/{name}-old?token={}", token.id);
    let gone = world.api.send(Method::DELETE, &path, None).await.with(202);
    for answer in [made, gone] {
        jobs.push(answer["jobs"][0]["id"].as_i64().expect("a number"));
    }
    jobs
}

/// Waits until no message is left that could send anything, and looks that nothing was sent.
async fn nothing_is_sent(world: &World, token: &Token, jobs: &[i64], before: &[u64]) {
    for _ in 0..SYNCS {
        world.succeed(&token.full_sync()).await;
    }
    assert_eq!(writes(world, token).await, before, "{WRITES:?}");
    for job in jobs {
        let seen = world.job(*job).await;
        assert_eq!(seen["state"], "queued", "{seen}");
    }
}

/// Waits until all is done, and looks that each kind of request was sent once and nothing twice.
async fn all_is_sent_once(world: &World, token: &Token, jobs: &[i64], before: &[u64]) {
    for job in jobs {
        world.must_have_succeeded(&world.end_of(*job).await);
    }
    let more: Vec<u64> =
        writes(world, token).await.iter().zip(before).map(|(after, before)| after - before).collect();
    assert_eq!(more, [1, 1, 1, 0, 1], "{WRITES:?}");
    eventually("five licenses to be held", async || {
        let held = world.apple.held(&token.uid).await;
        if held.len() == 5 { Ok(()) } else { Err(format!("{held:?}")) }
    })
    .await;
    world.must_agree(token).await;
}

async fn what_a_token_had_accepted_before_it_was_read_only_waits_and_is_sent_once(profile: Profile) {
    let world = World::of(profile).await;
    let token = school(&world, "north").await;
    let read_only = async |value: Value| {
        let path = format!("/tokens/{}/policies", token.id);
        let body = json!({ "read_only": value });
        let _ = world.api.send(Method::PATCH, &path, Some(&body)).await.with(200);
    };
    let before = writes(&world, &token).await;
    steer(&world, "pause").await;
    let jobs = accepted(&world, &token, "north").await;
    read_only(json!("on")).await;
    steer(&world, "resume").await;
    nothing_is_sent(&world, &token, &jobs, &before).await;
    read_only(Value::Null).await;
    all_is_sent_once(&world, &token, &jobs, &before).await;
    world.must_be_clean().await;
}

async fn what_all_tokens_had_accepted_before_everything_was_read_only_waits_and_is_sent_once(
    profile: Profile,
) {
    let world = World::of(profile).await;
    let tokens = [school(&world, "north").await, school(&world, "south").await];
    let mut waiting = Vec::new();
    steer(&world, "pause").await;
    for (token, name) in tokens.iter().zip(["north", "south"]) {
        let before = writes(&world, token).await;
        waiting.push((token, accepted(&world, token, name).await, before));
    }
    let _ = world.command(&["installation", "read-only", "on"]).good();
    steer(&world, "resume").await;
    for (token, jobs, before) in &waiting {
        nothing_is_sent(&world, token, jobs, before).await;
    }
    let _ = world.command(&["installation", "read-only", "off"]).good();
    for (token, jobs, before) in &waiting {
        all_is_sent_once(&world, token, jobs, before).await;
    }
    world.must_be_clean().await;
}
