//! Every state of a token, and each way into it and out of it that needs no renewal.

use russet_tests::{Location, Profile, Setup, Token, World, app, eventually, on_both_profiles, serials};
use serde_json::{Value, json};

on_both_profiles!(
    a_token_that_expires_soon_works_as_before_and_is_named_until_it_is_renewed,
    a_token_that_expired_is_noticed_by_a_probe_and_recovers_by_one,
    the_reason_of_an_invalid_token_says_what_apple_said_and_no_more,
    a_token_that_may_not_write_recovers_by_itself_when_it_may,
    a_location_that_apples_own_management_has_is_named_as_such,
    a_legacy_token_is_named_as_such,
    a_location_that_another_server_takes_is_noticed_without_a_job_and_let_alone,
    a_location_that_another_server_has_claimed_becomes_ours_once_it_is_free,
    a_claim_that_somebody_removed_is_made_again,
);

/// A world in which Apple is asked every second whether tokens work.
async fn probing(profile: Profile) -> World {
    let setup = Setup::of(profile)
        .setting("SCHEDULE__PROBE_TOKEN", "* * * * * *")
        .setting("SCHEDULE__SPREAD", "false");
    World::start(setup).await
}

async fn north(world: &World) -> (Location, Token) {
    let location = world.apple.location("North", 2, 100, 0).await;
    let token = world.token(&location, "north").await;
    (location, token)
}

/// A location whose token expires after so many seconds.
async fn expiring(world: &World, name: &str, seconds: i64) -> Location {
    let location = world.apple.location(name, 2, 100, 0).await;
    Location { content: token_file(world, &location.uid, seconds).await, ..location }
}

async fn token_file(world: &World, uid: &str, seconds: i64) -> String {
    let body = json!({ "expires_in_s": seconds });
    let made = world.apple.control(reqwest::Method::POST, &format!("locations/{uid}/tokens"), &body).await;
    made["content"].as_str().expect("a token").to_owned()
}

fn detail(token: &Value) -> &str {
    token["state_detail"].as_str().unwrap_or_default()
}

/// Waits until Apple was asked after a token a few times more.
async fn some_probes(world: &World, uid: &str) {
    let before = world.apple.requests(uid, "client_config").await;
    eventually("some probes", async || {
        let now = world.apple.requests(uid, "client_config").await;
        if now >= before + 3 { Ok(()) } else { Err(format!("{before} and now {now}")) }
    })
    .await;
}

async fn a_token_that_expires_soon_works_as_before_and_is_named_until_it_is_renewed(profile: Profile) {
    let world = probing(profile).await;
    let location = expiring(&world, "North", 10 * 86_400).await;
    let token = world.token_in_state(&location, "north", "expires_soon").await;
    world.succeed(&token.full_sync()).await;
    world.succeed(&token.assign(&[app(1)], &serials(0..5), &[])).await;
    assert_eq!(world.must_agree(&token).await.len(), 5);

    let seen = world.state_of(token.id, "expires_soon").await;
    assert!(detail(&seen).contains("renew it here"), "{seen}");
    let listed = world.api.list("/tokens?state=expires_soon").await;
    assert_eq!(listed.len(), 1, "{listed:?}");
    let metrics = world.api.send(reqwest::Method::GET, "//metrics", None).await.text;
    assert!(metrics.contains("russet_tokens{state=\"expires_soon\"} 1"), "{metrics}");
    let line = format!("russet_token_expires_seconds{{token=\"{}\"}} ", token.id);
    let left =
        metrics.lines().find_map(|text| text.strip_prefix(&line)).and_then(|text| text.parse::<i64>().ok());
    assert!(left.is_some_and(|left| (9 * 86_400..=10 * 86_400).contains(&left)), "{left:?}");
    let doctor = world.russet(&["doctor"]);
    let text = doctor.stdout.clone() + &doctor.stderr;
    assert!(text.contains("1 expires soon: north (id "), "{text}");
    eventually("the log to say so", async || {
        let said = world.logs().iter().any(|(_, log)| log.contains("a token expires soon"));
        if said { Ok(()) } else { Err("nobody said so".to_owned()) }
    })
    .await;

    // The new date is shown at once, and with it the state goes.
    let content = json!({ "content": token_file(&world, &token.uid, 365 * 86_400).await });
    let path = format!("/tokens/{}/content", token.id);
    let renewed = world.api.send(reqwest::Method::PUT, &path, Some(&content)).await.with(200);
    assert_ne!(renewed["expires_at"], seen["expires_at"]);
    let later = world.state_of(token.id, "valid").await;
    assert_eq!(later["expires_at"], renewed["expires_at"]);
    assert_eq!(world.must_agree(&token).await.len(), 5);
    world.must_be_clean().await;
}

async fn a_token_that_expired_is_noticed_by_a_probe_and_recovers_by_one(profile: Profile) {
    let world = probing(profile).await;
    let (_, token) = north(&world).await;
    world.apple.set_token_state(&token.content, "expired").await;
    let seen = world.state_of(token.id, "expired").await;
    assert_eq!(seen["state_code"], "token_expired", "{seen}");
    assert!(detail(&seen).contains("renew it here"), "{seen}");
    let (code, _) = world.api.post("/jobs", &token.assign(&[app(1)], &serials(0..1), &[])).await.problem();
    assert_eq!(code, "token_not_usable");

    world.apple.set_token_state(&token.content, "valid").await;
    let seen = world.state_of(token.id, "valid").await;
    assert_eq!(seen["state_code"], Value::Null, "{seen}");
    world.succeed(&token.assign(&[app(1)], &serials(0..3), &[])).await;
    assert_eq!(world.must_agree(&token).await.len(), 3);
    world.must_be_clean().await;
}

async fn the_reason_of_an_invalid_token_says_what_apple_said_and_no_more(profile: Profile) {
    let world = probing(profile).await;
    let (_, token) = north(&world).await;
    for (fate, code, says, says_not) in [
        ("revoked", "token_revoked", "revoked (9625)", "password"),
        ("invalid", "token_invalid", "does not say why", "revoked"),
    ] {
        world.apple.set_token_state(&token.content, fate).await;
        let seen = eventually("the reason to be told", async || {
            let seen = world.state_of(token.id, "invalid").await;
            if seen["state_code"] == code { Ok(seen) } else { Err(seen.to_string()) }
        })
        .await;
        assert!(detail(&seen).contains(says) && !detail(&seen).contains(says_not), "{seen}");
    }
    let since = world.state_of(token.id, "invalid").await["state_since"].clone();
    some_probes(&world, &token.uid).await;
    assert_eq!(
        world.state_of(token.id, "invalid").await["state_since"],
        since,
        "another look is no new state"
    );
    world.apple.set_token_state(&token.content, "valid").await;
    world.state_of(token.id, "valid").await;
    world.succeed(&token.full_sync()).await;
    world.must_be_clean().await;
}

async fn a_token_that_may_not_write_recovers_by_itself_when_it_may(profile: Profile) {
    let world = probing(profile).await;
    let (_, token) = north(&world).await;
    // Which number Apple gives is not documented; none is the least that it can say.
    let what = json!({ "kind": "status", "status": 403 });
    let fault = world.apple.fault(&json!({ "on": { "endpoint": "any_write" }, "what": what })).await;
    let job = world.submit(&token.assign(&[app(1)], &serials(0..5), &[])).await;
    let ended = world.end_of(job).await;
    assert_eq!(ended["state"], "failed", "{ended}");
    let seen = world.state_of(token.id, "read_only").await;
    assert_eq!(seen["state_code"], "may_not_write", "{seen}");
    some_probes(&world, &token.uid).await;
    world.state_of(token.id, "read_only").await;
    world.apple.assign(&token.uid, &app(2), &serials(0..3)).await;
    world.succeed(&token.full_sync()).await;
    assert_eq!(world.must_agree(&token).await.len(), 3);

    world.apple.call_off(fault).await;
    world.state_of(token.id, "valid").await;
    let again = world.api.post(&format!("/jobs/{job}/retry"), &json!({})).await.good();
    let ended = world.end_of(again["id"].as_i64().expect("a job")).await;
    assert_eq!(ended["state"], "succeeded", "{ended}");
    assert_eq!(world.must_agree(&token).await.len(), 8);
    world.must_be_clean().await;
}

/// Every write is refused with this number until the fault is called off.
async fn refuse_writes(world: &World, number: u16) -> u64 {
    let what = json!({ "kind": "status", "status": 403, "error_number": number });
    world.apple.fault(&json!({ "on": { "endpoint": "any_write" }, "what": what })).await
}

async fn a_location_that_apples_own_management_has_is_named_as_such(profile: Profile) {
    let world = probing(profile).await;
    let (_, token) = north(&world).await;
    let fault = refuse_writes(&world, 9645).await;
    let ended = world.end_of(world.submit(&token.assign(&[app(1)], &serials(0..2), &[])).await).await;
    assert_eq!(ended["state"], "failed", "{ended}");
    let seen = world.state_of(token.id, "read_only").await;
    assert_eq!(seen["state_code"], "managed_by_apple", "{seen}");
    assert!(detail(&seen).contains("Apple's own device management"), "{seen}");
    // Whoever asks for more is told the same, and not to give the owner a right.
    let refused = world.api.post("/jobs", &token.assign(&[app(1)], &serials(0..1), &[])).await;
    assert_eq!(refused.problem(), ("token_not_usable".to_owned(), detail(&seen).to_owned()));
    some_probes(&world, &token.uid).await;
    assert_eq!(world.state_of(token.id, "read_only").await["state_code"], "managed_by_apple");
    world.apple.call_off(fault).await;
    world.state_of(token.id, "valid").await;
    world.must_be_clean().await;
}

async fn a_legacy_token_is_named_as_such(profile: Profile) {
    let world = probing(profile).await;
    let (_, token) = north(&world).await;
    let what = json!({ "kind": "status", "status": 403, "error_number": 9647 });
    let fault = world.apple.fault(&json!({ "on": { "endpoint": "any" }, "what": what })).await;
    let seen = world.state_of(token.id, "legacy").await;
    assert_eq!(seen["state_code"], "legacy_token", "{seen}");
    assert!(detail(&seen).contains("location"), "{seen}");
    for job in [token.full_sync(), token.assign(&[app(1)], &serials(0..1), &[])] {
        assert_eq!(world.api.post("/jobs", &job).await.problem().0, "token_not_usable");
    }
    world.apple.call_off(fault).await;
    world.state_of(token.id, "valid").await;
    world.succeed(&token.full_sync()).await;
    world.must_be_clean().await;
}

async fn a_location_that_another_server_takes_is_noticed_without_a_job_and_let_alone(profile: Profile) {
    let world = probing(profile).await;
    let (_, token) = north(&world).await;
    world.succeed(&token.assign(&[app(1)], &serials(0..4), &[])).await;
    world.apple.give_to_mdm(&token.uid, "Rival").await;
    let seen = world.state_of(token.id, "assigned_to_external_mdm").await;
    let rival = json!({ "id": "id-of-Rival", "name": "Rival", "metadata": "other" });
    assert_eq!(seen["other_mdm"], rival, "{seen}");
    some_probes(&world, &token.uid).await;
    assert_eq!(world.apple.mdm_of(&token.uid).await["name"], "Rival");
    // Reading goes on.
    world.apple.assign(&token.uid, &app(2), &serials(0..2)).await;
    world.succeed(&token.full_sync()).await;
    assert_eq!(world.must_agree(&token).await.len(), 6);
    world.must_be_clean().await;
}

async fn a_location_that_another_server_has_claimed_becomes_ours_once_it_is_free(profile: Profile) {
    let world = probing(profile).await;
    let location = world.apple.location("North", 2, 100, 0).await;
    world.apple.give_to_mdm(&location.uid, "Rival").await;
    let token = world.token_in_state(&location, "north", "assigned_to_external_mdm").await;
    let path = format!("locations/{}/mdm", token.uid);
    world.apple.control(reqwest::Method::PUT, &path, &Value::Null).await;
    let seen = world.state_of(token.id, "valid").await;
    assert_eq!((&seen["other_mdm"], &seen["take_overs"]), (&Value::Null, &json!([])), "{seen}");
    assert_eq!(world.apple.mdm_of(&token.uid).await["name"], "Russet");
    world.must_be_clean().await;
}

async fn a_claim_that_somebody_removed_is_made_again(profile: Profile) {
    let world = probing(profile).await;
    let (_, token) = north(&world).await;
    let path = format!("locations/{}/mdm", token.uid);
    world.apple.control(reqwest::Method::PUT, &path, &Value::Null).await;
    eventually("the claim to be made again", async || {
        let mdm = world.apple.mdm_of(&token.uid).await;
        if mdm["name"] == "Russet" { Ok(()) } else { Err(mdm.to_string()) }
    })
    .await;
    world.state_of(token.id, "valid").await;
    world.must_be_clean().await;
}
