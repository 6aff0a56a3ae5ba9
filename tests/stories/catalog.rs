//! The catalog: names, versions and prices from Apple's stores, with a developer key and without one.

use reqwest::Method;
use russet_tests::{Location, Profile, Setup, Token, World, app, eventually, on_both_profiles, serials};
use serde_json::{Value, json};
use tempfile::TempDir;

on_both_profiles!(
    a_purchase_has_its_name_within_seconds,
    names_and_versions_come_with_a_developer_key_in_both_of_apples_shapes,
    an_app_that_its_country_does_not_sell_is_found_elsewhere_and_says_so,
    an_app_that_has_left_the_store_is_marked_and_not_dropped,
    a_change_of_country_asks_the_new_store_and_leaves_alone_what_it_does_not_sell,
    a_custom_app_is_seen_with_the_token_that_owns_it,
    a_wrong_key_is_said_in_words_and_the_lookup_is_used,
    a_store_that_was_asked_too_often_and_one_that_refuses_good_tokens_are_asked_again,
    a_new_version_is_seen_by_the_schedule_and_the_old_one_kept,
    tokens_that_own_the_same_apps_share_the_requests,
    an_app_of_which_no_license_is_left_is_not_listed_any_more,
);

/// The products of a list by number.
async fn apps(world: &World, query: &str) -> Vec<Value> {
    world.api.list(&format!("/apps{query}")).await
}

async fn shown(world: &World, adam_id: &str) -> Value {
    world.api.get(&format!("/apps/{adam_id}")).await
}

/// Waits until a product looks as wanted.
async fn until(world: &World, adam_id: &str, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    eventually(&format!("{adam_id} to be {what}"), async || {
        let answer = world.api.send(Method::GET, &format!("/apps/{adam_id}"), None).await;
        if answer.status != 200 {
            return Err(answer.to_string());
        }
        let app = answer.json();
        if is_so(&app) { Ok(app) } else { Err(app.to_string()) }
    })
    .await
}

fn is_named(app: &Value) -> bool {
    app["name"].is_string()
}

/// A world whose Apple knows a developer key, and whose Russet has it; the key's file goes with the folder.
async fn with_key(setup: Setup) -> (World, TempDir) {
    let folder = TempDir::with_prefix("russet-key-").expect("a folder");
    let file = folder.path().join("AuthKey_ABC123DEFG.p8");
    let setup = setup
        .setting("APPLE__CATALOG_KEY_FILE", &file.display().to_string())
        .setting("APPLE__CATALOG_KEY_ID", "ABC123DEFG")
        .setting("APPLE__CATALOG_TEAM_ID", "TEAM000001");
    let world = World::start_after(setup, async |apple| {
        let key = json!({ "key_id": "ABC123DEFG", "team_id": "TEAM000001" });
        let made = apple.control(Method::POST, "catalog/keys", &key).await;
        std::fs::write(&file, made["private_key"].as_str().expect("a private key")).expect("a file");
    })
    .await;
    (world, folder)
}

async fn north(world: &World, apps: usize) -> (Location, Token) {
    let location = world.apple.location("North", apps, 10, 0).await;
    let token = world.token(&location, "north").await;
    (location, token)
}

/// The requests to metadata services so far.
async fn requests(world: &World, service: &str) -> u64 {
    world.apple.ledger().await["catalog"]["requests"][service].as_u64().unwrap_or(0)
}

async fn must_be_clean(world: &World) {
    let ledger = world.apple.ledger().await;
    assert_eq!(ledger["catalog"]["violations"]["total"], 0, "{ledger:#}");
    world.must_be_clean().await;
}

async fn a_purchase_has_its_name_within_seconds(profile: Profile) {
    let world = World::of(profile).await;
    let (location, token) = north(&world, 3).await;
    for number in 1..=3 {
        let seen = until(&world, &app(number), "named", is_named).await;
        let facts = (&seen["state"], &seen["source"], &seen["country"]);
        assert_eq!(facts, (&json!("listed"), &json!("lookup"), &json!("NL")));
        assert!(seen["versions"][0]["external_version_id"].is_i64(), "{seen}");
        let truth = world.apple.product(Method::GET, &app(number), "", &Value::Null).await;
        assert_eq!(seen["name"], truth["name"]);
        assert_eq!(seen["bundle_id"], truth["bundle_id"]);
    }
    // Bought: Apple notifies, and nobody syncs.
    world
        .apple
        .put_assets(
            &location.uid,
            &json!([{ "adam_id": "600000001", "total": 0, "supported_platforms": ["macOS"] }]),
        )
        .await;
    world.apple.buy(&location.uid, "600000001", 5).await;
    let bought = until(&world, "600000001", "named", is_named).await;
    assert_eq!((&bought["total"], &bought["versions"][0]["platform"]), (&json!(5), &json!("macOS")));

    // The name is beside the number wherever the number stands.
    let asset = world.api.list(&format!("/assets?token={}", token.id)).await;
    assert!(asset.iter().all(|asset| asset["name"].is_string()), "{asset:?}");
    let job = world.succeed(&token.assign(&[app(1)], &serials(0..2), &[])).await;
    let changes = world.changes(job["id"].as_i64().expect("a number")).await;
    let licenses = world.api.list(&format!("/licenses?token={}", token.id)).await;
    let name = shown(&world, &app(1)).await["name"].clone();
    assert!(changes.iter().chain(&licenses).all(|row| row["name"] == name), "{changes:?} {licenses:?}");
    let key = key_file(&world);
    let russet = |arguments: &[&str]| {
        let access = ["--url", world.api.url(), "--key-file", &key];
        world.russet(&[arguments, &access].concat()).good().to_owned()
    };
    let printed = russet(&["app", "list"]);
    assert!(printed.contains(name.as_str().expect("a name")) && printed.contains("600000001"), "{printed}");
    let printed = russet(&["app", "show", "600000001"]);
    assert!(printed.contains("macOS") && printed.contains("north"), "{printed}");
    must_be_clean(&world).await;
}

/// A file with the story's API key.
fn key_file(world: &World) -> String {
    let path = world.directory().join("story.key");
    std::fs::write(&path, world.api.key()).expect("a file");
    path.display().to_string()
}

async fn names_and_versions_come_with_a_developer_key_in_both_of_apples_shapes(profile: Profile) {
    let (world, _key) = with_key(Setup::of(profile)).await;
    let location = world.apple.location("North", 1, 10, 0).await;
    let both = json!([
        { "adam_id": "600000001", "total": 5, "supported_platforms": ["iOS", "macOS", "tvOS", "visionOS"] },
        { "adam_id": "600000002", "total": 5, "product_type": "Book" },
    ]);
    world.apple.put_assets(&location.uid, &both).await;
    world.token(&location, "north").await;
    let truth = world.apple.product(Method::GET, "600000001", "", &Value::Null).await;
    let newest = |platform: &str| {
        let versions = truth["editions"][platform]["versions"].as_array().expect("versions");
        versions.last().expect("a version")["external_id"].clone()
    };
    let wanted = json!({ "iOS": newest("ios"), "macOS": newest("osx"), "tvOS": newest("appletvos"), "visionOS": newest("xros") });
    let versions = |app: &Value| {
        let list = app["versions"].as_array().expect("versions").iter();
        list.map(|version| {
            (
                version["platform"].as_str().unwrap_or_default().to_owned(),
                version["external_version_id"].clone(),
            )
        })
        .collect::<serde_json::Map<_, _>>()
    };
    let seen = until(&world, "600000001", "named", is_named).await;
    assert_eq!(seen["source"], "organization", "{seen}");
    assert_eq!(Value::Object(versions(&seen)), wanted, "{seen}");
    assert!(seen["versions"].as_array().is_some_and(|list| list.iter().all(|version| {
        version["version"].as_str().is_some_and(|text| text == text.trim())
            && version["minimum_os"].is_string()
    })));
    assert!(seen["icon_url"].as_str().is_some_and(|url| url.contains("128x128")), "{seen}");
    let book = until(&world, "600000002", "named", is_named).await;
    assert_eq!((&book["product_type"], book["versions"].as_array().map(Vec::len)), (&json!("Book"), Some(0)));

    world.apple.behave(&json!({ "catalog": { "shape": "flat" } })).await;
    let ended = world.refresh(&json!({})).await;
    assert_eq!((&ended["state"], &ended["result"]["listed"]), (&json!("succeeded"), &json!(3)), "{ended}");
    let flat = shown(&world, "600000001").await;
    assert_eq!(Value::Object(versions(&flat)), wanted, "{flat}");
    assert_eq!(requests(&world, "lookup").await, 0);
    must_be_clean(&world).await;
}

async fn an_app_that_its_country_does_not_sell_is_found_elsewhere_and_says_so(profile: Profile) {
    let world = World::start(Setup::of(profile).setting("APPLE__CATALOG_FALLBACK_COUNTRIES", "US,GB")).await;
    let location = world.apple.location("North", 3, 10, 0).await;
    world.apple.product(Method::PATCH, &app(1), "", &json!({ "storefronts": ["gb"] })).await;
    world.apple.product(Method::PATCH, &app(2), "", &json!({ "storefronts": ["jp"] })).await;
    world.token(&location, "north").await;
    let british = until(&world, &app(1), "found", is_named).await;
    assert_eq!(
        (&british["state"], &british["found_in"]),
        (&json!("not_in_store"), &json!("GB")),
        "{british}"
    );
    assert_eq!(british["currency"], "GBP");
    let nowhere = until(&world, &app(2), "looked for", |app| app["state"].is_string()).await;
    assert_eq!((&nowhere["state"], &nowhere["name"]), (&json!("gone"), &Value::Null), "{nowhere}");
    assert_eq!(shown(&world, &app(3)).await["state"], "listed");
    let by_state = |state: &str| format!("?state={state}");
    assert_eq!(apps(&world, &by_state("not_in_store")).await.len(), 1);
    assert_eq!(apps(&world, &by_state("gone")).await[0]["adam_id"], json!(app(2)));
    must_be_clean(&world).await;
}

async fn an_app_that_has_left_the_store_is_marked_and_not_dropped(profile: Profile) {
    let world = World::of(profile).await;
    north(&world, 3).await;
    let before = until(&world, &app(1), "named", is_named).await;
    until(&world, &app(2), "named", is_named).await;
    world.apple.product(Method::POST, &app(1), "/withdraw", &json!({})).await;
    world.apple.product(Method::POST, &app(2), "/withdraw", &json!({ "redownloadable": true })).await;
    let ended = world.refresh(&json!({ "country": "nl" })).await;
    assert_eq!((&ended["result"]["listed"], &ended["result"]["gone"]), (&json!(1), &json!(2)), "{ended}");
    let after = shown(&world, &app(1)).await;
    assert_eq!(after["state"], "gone", "{after}");
    assert_eq!(
        (&after["name"], &after["versions"]),
        (&before["name"], &before["versions"]),
        "what was known stays"
    );
    assert_ne!(after["state_since"], before["state_since"]);
    let owned = shown(&world, &app(2)).await;
    assert_eq!((&owned["state"], &owned["price"]), (&json!("gone"), &Value::Null), "{owned}");
    assert!(owned["versions"][0]["external_version_id"].is_i64(), "its owners are still shown it");

    world.apple.product(Method::POST, &app(1), "/return", &json!({})).await;
    world.refresh(&json!({ "adam_ids": [app(1)] })).await;
    assert_eq!(shown(&world, &app(1)).await["state"], "listed");
    must_be_clean(&world).await;
}

async fn a_change_of_country_asks_the_new_store_and_leaves_alone_what_it_does_not_sell(profile: Profile) {
    let world = World::start(Setup::of(profile).setting("APPLE__CATALOG_FALLBACK_COUNTRIES", "NL,US")).await;
    let location = world.apple.location("North", 2, 10, 0).await;
    world.apple.product(Method::PATCH, &app(1), "", &json!({ "storefronts": ["nl"] })).await;
    let token = world.token(&location, "north").await;
    let dutch = until(&world, &app(1), "named", is_named).await;
    until(&world, &app(2), "named", is_named).await;
    let country = json!({ "country": "JP" });
    let path = format!("/tokens/{}", token.id);
    let _ = world.api.send(Method::PATCH, &path, Some(&country)).await.with(200);
    // Apple goes on; what the new store does not sell stays as it was all the same.
    world.apple.product(Method::POST, &app(1), "/versions", &json!({ "version": "99.0" })).await;
    world.succeed(&token.full_sync()).await;
    let sold = until(&world, &app(2), "of Japan", |app| app["country"] == "JP" && is_named(app)).await;
    assert_eq!((&sold["state"], &sold["currency"]), (&json!("listed"), &json!("JPY")), "{sold}");
    assert!(sold["store_url"].as_str().is_some_and(|url| url.contains("/jp/")), "{sold}");
    let left = until(&world, &app(1), "of Japan", |app| app["country"] == "JP" && is_named(app)).await;
    assert_eq!((&left["state"], &left["found_in"]), (&json!("not_in_store"), &json!("NL")), "{left}");
    assert_eq!((&left["name"], &left["store_url"]), (&dutch["name"], &dutch["store_url"]));
    assert_eq!(left["versions"][0]["external_version_id"], dutch["versions"][0]["external_version_id"]);
    must_be_clean(&world).await;
}

async fn a_custom_app_is_seen_with_the_token_that_owns_it(profile: Profile) {
    for key in [false, true] {
        let setup = Setup::of(profile);
        let (world, _key) = if key {
            let (world, key) = with_key(setup).await;
            (world, Some(key))
        } else {
            (World::start(setup).await, None)
        };
        let location = world.apple.location("North", 2, 10, 0).await;
        world.apple.product(Method::PATCH, &app(1), "", &json!({ "custom": true, "name": "Our Own" })).await;
        world.token(&location, "north").await;
        let own = until(&world, &app(1), "named", is_named).await;
        assert_eq!(
            (&own["name"], &own["custom"], &own["state"]),
            (&json!("Our Own"), &json!(true), &json!("listed"))
        );
        until(&world, &app(2), "named", is_named).await;
        let custom = apps(&world, "?custom=true").await;
        assert_eq!((custom.len(), &custom[0]["adam_id"]), (1, &json!(app(1))));
        assert_eq!(apps(&world, "?custom=false").await.len(), 1);
        must_be_clean(&world).await;
    }
}

async fn a_wrong_key_is_said_in_words_and_the_lookup_is_used(profile: Profile) {
    let (world, _key) = with_key(Setup::of(profile)).await;
    // The developer takes the key back.
    world.apple.control(Method::DELETE, "catalog/keys/ABC123DEFG", &Value::Null).await;
    north(&world, 2).await;
    let seen = until(&world, &app(1), "named", is_named).await;
    assert_eq!(seen["source"], "lookup", "{seen}");
    let ended = world.refresh(&json!({})).await;
    let notes = ended["result"]["notes"].to_string();
    assert!(
        notes.contains("developer key does not work") && notes.contains("apple.catalog_key_id"),
        "{ended}"
    );
    assert_eq!(ended["state"], "succeeded");
    let logs = world.logs();
    assert!(
        logs.iter().any(|(_, log)| log.contains("the developer key for Apple's metadata API does not work"))
    );
    assert!(logs.iter().all(|(_, log)| !log.contains("eyJ")), "a token is in a log");
    let doctor = world.russet(&["doctor"]).stdout;
    assert!(doctor.contains("fail  catalog") && doctor.contains("apple.catalog_team_id"), "{doctor}");
    must_be_clean(&world).await;
}

async fn a_store_that_was_asked_too_often_and_one_that_refuses_good_tokens_are_asked_again(profile: Profile) {
    let (world, _key) = with_key(Setup::of(profile)).await;
    let busy = json!({ "on": { "endpoint": "catalog" }, "times": 2, "what": { "kind": "status", "status": 429, "retry_after": 1 } });
    let fault = world.apple.fault(&busy).await;
    north(&world, 3).await;
    until(&world, &app(3), "named", is_named).await;
    assert_eq!(world.apple.struck(fault).await, 2);
    world.apple.behave(&json!({ "catalog": { "forbidden_every": 2 } })).await;
    let ended = world.refresh(&json!({})).await;
    assert_eq!((&ended["state"], &ended["result"]["listed"]), (&json!("succeeded"), &json!(3)), "{ended}");
    assert_eq!(shown(&world, &app(1)).await["source"], "organization");
    world.apple.behave(&json!({ "catalog": { "forbidden_every": 0 } })).await;
    let down =
        json!({ "on": { "endpoint": "catalog" }, "times": 2, "what": { "kind": "status", "status": 503 } });
    world.apple.fault(&down).await;
    let ended = world.refresh(&json!({})).await;
    assert_eq!((&ended["state"], &ended["result"]["listed"]), (&json!("succeeded"), &json!(3)), "{ended}");
    must_be_clean(&world).await;
}

async fn a_new_version_is_seen_by_the_schedule_and_the_old_one_kept(profile: Profile) {
    let world = World::start(Setup::of(profile).setting("SCHEDULE__REFRESH_CATALOG", "*/2 * * * * *")).await;
    north(&world, 1).await;
    let before = until(&world, &app(1), "named", is_named).await;
    let old = before["versions"][0]["external_version_id"].as_i64().expect("a version");
    world
        .apple
        .product(Method::POST, &app(1), "/versions", &json!({ "version": "77.0", "external_id": old + 5 }))
        .await;
    let after = until(&world, &app(1), "newer", |app| app["versions"][0]["version"] == "77.0").await;
    assert_eq!(after["versions"].as_array().map(Vec::len), Some(1), "{after}");
    let history: Vec<_> = after["history"].as_array().expect("a history").iter().collect();
    assert_eq!(history.len(), 2, "{after}");
    assert_eq!((&history[0]["external_version_id"], &history[0]["current"]), (&json!(old + 5), &json!(true)));
    assert_eq!((&history[1]["external_version_id"], &history[1]["current"]), (&json!(old), &json!(false)));
    assert!(history[0]["first_seen_at"].as_str() > history[1]["first_seen_at"].as_str(), "{after}");
    must_be_clean(&world).await;
}

async fn tokens_that_own_the_same_apps_share_the_requests(profile: Profile) {
    const TOKENS: usize = 12;
    const APPS: usize = 200;
    let (world, _key) = with_key(Setup::of(profile)).await;
    for number in 0..TOKENS {
        let location = world.apple.location(&format!("Campus {number}"), APPS, 10, 0).await;
        world.token(&location, &format!("campus {number}")).await;
    }
    until(&world, &app(APPS), "named", is_named).await;
    world.apple.forget().await;
    let ended = world.refresh(&json!({})).await;
    assert_eq!(ended["result"]["listed"], APPS, "{ended}");
    // 150 and 50 apps, for all tokens together.
    let owned = requests(&world, "owned_apps").await;
    assert_eq!((owned, &ended["result"]["requests"]), (2, &json!(2)), "{ended}");
    let rows = apps(&world, "").await;
    assert_eq!(rows.len(), APPS);
    assert!(rows.iter().all(|row| row["tokens"] == TOKENS && row["total"] == TOKENS * 10), "{}", rows[0]);
    assert_eq!(apps(&world, "?per_token=true").await.len(), TOKENS * APPS);
    must_be_clean(&world).await;
}

async fn an_app_of_which_no_license_is_left_is_not_listed_any_more(profile: Profile) {
    let world = World::of(profile).await;
    let (location, token) = north(&world, 2).await;
    until(&world, &app(1), "named", is_named).await;
    assert_eq!(apps(&world, "").await.len(), 2);
    world.apple.buy(&location.uid, &app(1), -10).await;
    world.succeed(&token.full_sync()).await;
    let left = apps(&world, "").await;
    assert_eq!((left.len(), &left[0]["adam_id"]), (1, &json!(app(2))), "{left:?}");
    let (code, _) = world.api.send(Method::GET, &format!("/apps/{}", app(1)), None).await.problem();
    assert_eq!(code, "no_such_app");
    // Bought again: it is there again, with the name that is known.
    world.apple.buy(&location.uid, &app(1), 3).await;
    world.succeed(&token.full_sync()).await;
    let back = shown(&world, &app(1)).await;
    assert!(is_named(&back) && back["total"] == 3, "{back}");
    must_be_clean(&world).await;
}
