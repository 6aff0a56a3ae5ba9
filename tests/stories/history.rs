//! What happened to licenses can be told afterwards: when, by whom, and who held what at any moment; and nobody alters it unseen.

use reqwest::Method;
use russet_tests::{Profile, Token, World, app, eventually, on_both_profiles, serials};
use serde_json::{Value, json};

on_both_profiles!(
    every_movement_is_told_with_what_moved_it_and_the_past_can_be_asked_for,
    the_audit_chain_is_whole_and_a_kept_hash_is_found_in_it,
    a_key_for_one_token_sees_its_movements_alone,
);

async fn school(profile: Profile) -> (World, Token) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 2, 100, 0).await;
    world.apple.assign(&location.uid, &app(2), &serials(50..53)).await;
    let token = world.token(&location, "north").await;
    (world, token)
}

/// Now, by the server's own clock, and surely after all that was seen so far.
async fn now(world: &World) -> String {
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    let made = world.api.post("/groups", &json!({ "name": uuid(), "kind": "devices" })).await.with(200);
    let at = made["created_at"].as_str().expect("a moment").to_owned();
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    at
}

fn uuid() -> String {
    format!(
        "g{}",
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a time").as_nanos()
    )
}

async fn held_at(world: &World, token: &Token, at: &str) -> usize {
    world.api.list(&format!("/licenses?token={}&at={at}", token.id)).await.len()
}

async fn every_movement_is_told_with_what_moved_it_and_the_past_can_be_asked_for(profile: Profile) {
    let (world, token) = school(profile).await;
    let movements = async |more: &str| world.api.list(&format!("/movements?token={}{more}", token.id)).await;
    assert_eq!(movements("").await.len(), 0, "what the first reading found has not moved");
    let first = now(&world).await;

    let given = world.succeed(&token.assign(&[app(1)], &serials(0..5), &[])).await;
    let second = now(&world).await;
    world.apple.unassign(&token.uid, &app(2), &serials(50..52)).await;
    world.succeed(&token.full_sync()).await;
    world.succeed(&token.revoke(&[app(1)], &serials(0..2), &[])).await;
    let last = now(&world).await;

    let all = movements("").await;
    assert_eq!(all.len(), 9, "{all:?}");
    let given_to = movements(&format!("&serial={}", serials(4..5)[0])).await;
    let [one] = &given_to[..] else { panic!("{given_to:?}") };
    assert_eq!((&one["action"], &one["cause"]), (&json!("assign"), &json!("change")), "{one}");
    assert_eq!((&one["job"], &one["origin"]), (&given["id"], &json!("api")), "{one}");
    assert!(one["event"].is_string() && one["key"].is_string(), "{one}");
    let by_others: Vec<&Value> = all.iter().filter(|one| one["cause"] != "change").collect();
    assert_eq!(by_others.len(), 2, "{all:?}");
    assert!(by_others.iter().all(|one| one["action"] == "revoke" && one["job"].is_null()), "{by_others:?}");
    assert_eq!(movements(&format!("&since={second}")).await.len(), 4);
    assert_eq!(movements(&format!("&until={second}")).await.len(), 5);

    assert_eq!(held_at(&world, &token, &first).await, 3);
    assert_eq!(held_at(&world, &token, &second).await, 8);
    assert_eq!(held_at(&world, &token, &last).await, 4);
    let (code, detail) = world
        .api
        .send(Method::GET, &format!("/licenses?token={}&at=2001-01-01", token.id), None)
        .await
        .problem();
    assert!(code == "invalid_query" && detail.contains("history begins"), "{code}: {detail}");
    let answer = world.api.send(Method::GET, &format!("/licenses?at={first}"), None).await;
    assert!(answer.problem().1.contains("`at` needs `token`"));

    let table =
        world.command(&["history", "--token", "north", "--serial", &serials(0..1)[0]]).good().to_owned();
    assert!(table.contains("assign") && table.contains("revoke"), "{table}");
    let csv = world.command(&["history", "--token", "north", "--at", &second, "--csv"]).good().to_owned();
    assert_eq!(csv.lines().count(), 9, "{csv}");
    assert!(csv.starts_with("token,adam_id,name,serial,user"), "{csv}");
    world.must_be_clean().await;
}

async fn the_audit_chain_is_whole_and_a_kept_hash_is_found_in_it(profile: Profile) {
    let (world, token) = school(profile).await;
    world.succeed(&token.assign(&[app(1)], &serials(0..5), &[])).await;
    let look = async || {
        let seen = world.russet(&["audit", "verify", "--json"]).json();
        let is_sealed = seen["movements"] == 5 && seen["unsealed"] == 0;
        if is_sealed { Ok(seen) } else { Err(seen.to_string()) }
    };
    let seen = eventually("everything to be sealed", look).await;
    assert!(seen["broken"].is_null() && seen["audit_lines"].as_u64() >= Some(3), "{seen}");
    let hash = seen["head"]["hash"].as_str().expect("a hash");
    let found = world.russet(&["audit", "verify", "--expect", hash]).good().to_owned();
    assert!(found.contains(hash), "{found}");
    let other = world.russet(&["audit", "verify", "--expect", "0123"]);
    assert!(other.code == Some(1) && other.stderr.contains("not in the chain"), "{other:?}");

    let lines = world.api.list("/audit").await;
    assert!(
        lines.iter().any(|line| line["action"] == "job.submit" && line["actor"].is_string()),
        "{lines:?}"
    );
    let about = world.api.list(&format!("/audit?subject=token%20{}", token.id)).await;
    assert!(!about.is_empty() && about.len() < lines.len(), "{about:?}");
    let listed = world.command(&["audit", "list"]).good().to_owned();
    assert!(
        listed.contains("token.add") || listed.contains("token.upload") || listed.contains("job.submit"),
        "{listed}"
    );
    let operator = world.another_key("operator", &["--role", "operator"]);
    assert_eq!(operator.send(Method::GET, "/audit", None).await.problem().0, "role_forbids");
    world.must_be_clean().await;
}

async fn a_key_for_one_token_sees_its_movements_alone(profile: Profile) {
    let (world, token) = school(profile).await;
    let south = world.apple.location("South", 1, 10, 0).await;
    let other = world.token(&south, "south").await;
    world.succeed(&token.assign(&[app(1)], &serials(0..5), &[])).await;
    let south_app = world.api.list(&format!("/assets?token={}", other.id)).await[0]["adam_id"].clone();
    let south_app = south_app.as_str().expect("an app").to_owned();
    world.succeed(&other.assign(&[south_app], &serials(0..2), &[])).await;
    let id = other.id.to_string();
    let bound = world.another_key("south", &["--role", "viewer", "--token", &id]);
    assert_eq!(bound.list("/movements").await.len(), 2);
    let path = format!("/movements?token={}", token.id);
    assert_eq!(bound.send(Method::GET, &path, None).await.problem().0, "no_such_token");
    assert_eq!(bound.send(Method::GET, "/audit", None).await.problem().0, "role_forbids");
    let admin = world.another_key("south admin", &["--role", "admin", "--token", &id]);
    assert_eq!(admin.send(Method::GET, "/audit", None).await.problem().0, "key_is_bound");
    world.must_be_clean().await;
}
