//! A job is looked through: by a call of its own, and whenever one is submitted.

use russet_tests::{Profile, World, app, on_both_profiles, serials, users};
use serde_json::{Value, json};

on_both_profiles!(
    what_is_known_of_devices_and_users_is_found_before_apple_is_asked,
    what_apple_would_refuse_is_refused_at_the_door_and_warnings_are_noted,
    how_users_stand_is_looked_up_where_nobody_told,
    people_are_told_what_they_will_see,
);

fn finding<'a>(report: &'a Value, code: &str) -> &'a Value {
    let all = report["findings"].as_array().expect("findings");
    all.iter().find(|finding| finding["code"] == code).unwrap_or_else(|| panic!("no {code} in {report}"))
}

async fn what_is_known_of_devices_and_users_is_found_before_apple_is_asked(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 2, 3, 5).await;
    let free = json!({ "adam_id": "500000900", "unlimited": true });
    let plus = json!({ "adam_id": app(1), "pricing_param": "PLUS", "total": 5 });
    world.apple.put_assets(&location.uid, &json!([free, plus])).await;
    let token = world.token(&location, "north").await;
    world.succeed(&token.assign(&[app(2)], &[], &users(2..3))).await;
    world.apple.forget().await;

    let devices = serials(0..5);
    let mut job = token.assign(&[app(1), app(2)], &devices, &users(1..3));
    job["assets"] = json!([
        { "adam_id": app(1) }, { "adam_id": app(1), "pricing_param": "PLUS" }, { "adam_id": app(2) },
        { "adam_id": "500000900" }, { "adam_id": "999999999" },
    ]);
    job["about"] = json!({
        "devices": [
            { "serial": devices[0], "user": "user-1", "enrollment": "account_driven_user", "ownership": "personal" },
            { "serial": devices[1], "user": "user-1", "enrollment": "automated", "kiosk": true },
            { "serial": devices[2], "user": "user-2", "country": "DE" },
        ],
        "users": [
            { "user": "user-1", "status": "registered", "app_store_blocked": true },
            { "user": "user-2", "status": "unknown" },
        ],
    });
    let report = world.api.post("/lint", &job).await.with(200);
    let found = |code: &str, severity: &str, rule: &str| {
        let finding = finding(&report, code);
        assert_eq!((&finding["severity"], &finding["rule"]), (&json!(severity), &json!(rule)), "{finding}");
        assert!(finding["detail"].is_string() && finding["advice"].is_string(), "{finding}");
        finding["count"].as_u64().expect("a count")
    };
    // Seven holders have no such asset, and each of the others has five assets.
    assert_eq!(found("unknown_asset", "error", "S-1"), 7);
    assert_eq!(found("device_license_for_user_enrollment", "error", "S-24"), 4);
    assert_eq!(found("user_not_registered", "error", "S-21"), 4);
    assert_eq!(found("app_store_blocked", "error", "S-22"), 4);
    // Both devices of user-1 and the one of user-2, each with its user in the same job.
    assert_eq!(found("both_license_kinds", "warning", "N-4"), 12);
    assert_eq!(found("user_license_for_kiosk", "warning", "S-40"), 4);
    assert_eq!(found("country_mismatch", "warning", "S-9"), 4);
    assert_eq!(found("mixed_enrollments", "warning", "N-5"), 1);
    // Seven are wished of app 1, three of which there are, and of app 2, one of which user-2 has already; PLUS has five.
    assert_eq!(found("no_license_free", "warning", "S-37"), 3);
    assert_eq!(found("mixed_qualities", "warning", "N-4"), 1);
    assert_eq!(found("unlimited_counts", "hint", "S-1"), 1);
    assert_eq!(finding(&report, "unlimited_counts")["examples"][0]["adam_id"], "500000900");

    // What a user holds already counts as much as what the job names.
    let mut job = token.assign(&[app(2)], &devices[2..3], &[]);
    job["about"] = json!({ "devices": [{ "serial": devices[2], "user": "user-2" }] });
    let report = world.api.post("/lint", &job).await.with(200);
    assert_eq!(finding(&report, "both_license_kinds")["count"], 1, "{report}");

    assert!(world.api.list("/jobs").await.len() == 2, "looking through a job submits none");
    let ledger = world.apple.ledger().await;
    assert_eq!(ledger["requests"]["associate"], 0, "{ledger:#}");
    world.must_be_clean().await;
}

async fn what_apple_would_refuse_is_refused_at_the_door_and_warnings_are_noted(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 1, 2, 2).await;
    let token = world.token(&location, "north").await;
    let devices = serials(0..3);

    let mut job = token.assign(&[app(1)], &devices, &[]);
    job["about"] = json!({ "devices": [{ "serial": devices[0], "enrollment": "user" }] });
    let (code, detail) = world.api.post("/jobs", &job).await.problem();
    assert_eq!(code, "device_license_for_user_enrollment");
    assert!(detail.contains("S-24"), "{detail}");

    let mut job = token.assign(&[app(1)], &devices, &[]);
    job["about"] = json!({ "devices": [{ "serial": devices[1], "country": "DE" }] });
    let id = world.submit(&job).await;
    let ended = world.end_of(id).await;
    assert_eq!(
        (&ended["progress"]["settled"], &ended["progress"]["refused"]),
        (&json!(2), &json!(1)),
        "{ended}"
    );
    let notes = ended["notes"].to_string();
    assert!(notes.contains("country_mismatch") && notes.contains("no_license_free"), "{notes}");

    let looked = world.command(&["lint", "--token", "north", "--app", &app(1), "--serial", "NEW1"]);
    assert_eq!(looked.code, Some(0), "{looked:?}");
    assert!(looked.stdout.contains("no_license_free"), "{looked:?}");
    let looked =
        world.command(&["assign", "--token", "north", "--app", "999999999", "--serial", "NEW1", "--dry-run"]);
    assert_eq!(looked.code, Some(1), "{looked:?}");
    assert!(looked.stdout.contains("unknown_asset"), "{looked:?}");
    assert_eq!(world.api.list("/jobs").await.len(), 2);
    world.must_be_clean().await;
}

async fn how_users_stand_is_looked_up_where_nobody_told(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 1, 50, 1).await;
    let there = json!([
        { "client_user_id": "invited", "status": "Registered" },
        { "client_user_id": "gone", "status": "Retired" },
    ]);
    world.apple.put_users(&location.uid, &there).await;
    let token = world.token(&location, "north").await;
    let all = ["user-1", "invited", "gone", "nobody"].map(str::to_owned);

    let report = world.api.post("/lint", &token.assign(&[app(1)], &[], &all)).await.with(200);
    for (code, user) in
        [("user_not_associated", "invited"), ("user_retired", "gone"), ("user_not_registered", "nobody")]
    {
        let found = finding(&report, code);
        assert_eq!((&found["count"], &found["examples"][0]["user"]), (&json!(1), &json!(user)), "{found}");
    }
    // What is told counts more than what is known.
    let mut job = token.assign(&[app(1)], &[], &all);
    job["about"] = json!({ "users": [{ "user": "invited", "status": "associated" }] });
    let report = world.api.post("/lint", &job).await.with(200);
    let codes = report["findings"].to_string();
    assert!(!codes.contains("user_not_associated") && codes.contains("user_retired"), "{report}");

    // A job is not refused for some of its users; each license ends by itself.
    let ended = world.end_of(world.submit(&token.assign(&[app(1)], &[], &all)).await).await;
    assert_eq!(
        (&ended["state"], &ended["progress"]["settled"], &ended["progress"]["refused"]),
        (&json!("partly_failed"), &json!(2), &json!(2)),
        "{ended}"
    );
    let notes = ended["notes"].to_string();
    assert!(notes.contains("user_not_associated") && notes.contains("invited"), "{notes}");
    world.must_be_clean().await;
}

async fn people_are_told_what_they_will_see(profile: Profile) {
    let world = World::of(profile).await;
    let case = |ownership: &str, supervised: bool, license: &str, kiosk: bool| json!({ "ownership": ownership, "supervised": supervised, "license": license, "kiosk": kiosk });
    let question = json!({ "cases": [
        case("personal", false, "user", false),
        case("corporate", true, "user", false),
        case("corporate", true, "device", false),
        case("corporate", true, "user", true),
        json!({ "ownership": "personal", "license": "device", "user_enrollment": true }),
    ]});
    let answer = world.api.post("/prompts", &question).await.with(200);
    let seen = |nth: usize| {
        let answer = &answer["answers"][nth];
        (
            answer["verdict"].clone(),
            answer["invite"].clone(),
            answer["install"].clone(),
            answer["apple_id"].clone(),
        )
    };
    assert_eq!(seen(0), (json!("shown"), json!(true), json!(true), json!(true)));
    assert_eq!(seen(1), (json!("shown"), json!(true), json!(false), json!(true)));
    assert_eq!(seen(2), (json!("shown"), json!(false), json!(false), json!(false)));
    assert_eq!(answer["answers"][2]["silent"], true);
    assert_eq!(answer["answers"][3]["verdict"], "not_recommended");
    assert_eq!(answer["answers"][3]["rule"], "S-40");
    assert_eq!(answer["answers"][4]["verdict"], "impossible");
    let (code, _) = world.api.post("/prompts", &json!({ "cases": [] })).await.problem();
    assert_eq!(code, "empty_list");
    let table = world.command(&["prompts"]);
    assert!(table.good().lines().count() >= 9 && table.stdout.contains("S-40"), "{table:?}");
}
