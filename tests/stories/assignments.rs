//! Who should have what: groups get apps, and whoever comes, leaves, asks or is deleted gets or gives back what follows.

use std::collections::BTreeSet;

use reqwest::Method;
use russet_tests::{Location, Profile, Setup, Token, World, app, eventually, on_both_profiles, serials};
use serde_json::{Value, json};

on_both_profiles!(
    s_33_who_joins_a_group_gets_its_required_apps_in_one_request,
    s_34_licenses_are_devices_or_users_as_the_assignment_says,
    s_35_available_is_refused_for_a_group_of_devices,
    s_42_a_removed_assignment_frees_its_licenses_unless_the_policy_keeps_them,
    s_44_uninstall_frees_what_anybody_gave_and_is_stricter_than_required,
    s_45_who_leaves_the_group_or_is_deleted_gives_the_license_back,
    s_46_an_unenrolled_device_keeps_its_license_unless_the_policy_frees_it,
    n_6_an_available_app_takes_a_license_when_it_is_asked_for,
    n_14_who_takes_back_what_an_assignment_wants_is_told_that_it_comes_again,
    n_16_what_no_assignment_gave_is_let_alone,
    members_of_an_excluded_group_are_left_out,
    what_did_not_come_to_be_is_tried_again_after_a_sync,
    a_rule_or_an_unknown_name_refuses_an_assignment_in_words,
);

/// A location with two apps, its token, and these devices.
async fn school(profile: Profile, devices: usize) -> (World, Token) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 2, 100, 3).await;
    let token = world.token(&location, "north").await;
    tell(&world, &serials(0..devices)).await;
    (world, token)
}

async fn tell(world: &World, devices: &[String]) {
    let rows: String = devices
        .iter()
        .map(|serial| format!("{}\n", json!({ "serial": serial, "platform": "ipados", "supervised": true })))
        .collect();
    let told = world.api.upload("/devices/import", "application/x-ndjson", rows).await.with(200);
    assert_eq!(told["taken"], devices.len(), "{told}");
}

async fn group(world: &World, name: &str, kind: &str, members: &[String]) {
    let _ = world.api.post("/groups", &json!({ "name": name, "kind": kind })).await.with(200);
    replace(world, name, members).await;
}

async fn replace(world: &World, name: &str, members: &[String]) -> Value {
    let body = json!({ "members": members });
    world.api.send(Method::PUT, &format!("/groups/{name}/members"), Some(&body)).await.with(200)
}

async fn assign(world: &World, token: &Token, adam_id: &str, group: &str, more: Value) -> Value {
    let mut body = json!({ "token": token.id, "adam_id": adam_id, "group": group, "intent": "required" });
    for (name, value) in more.as_object().expect("fields") {
        body[name] = value.clone();
    }
    world.api.post("/assignments", &body).await.with(201)
}

/// Waits until exactly these hold an app at Apple, and our list agrees.
async fn held_by(world: &World, token: &Token, adam_id: &str, holders: &[String]) {
    let wanted: BTreeSet<&str> = holders.iter().map(String::as_str).collect();
    eventually(&format!("{adam_id} to be held by {wanted:?}"), async || {
        let held = world.apple.held(&token.uid).await;
        let held: BTreeSet<String> = held
            .into_iter()
            .filter(|(asset, _)| asset == adam_id)
            .map(|(_, holder)| plain(&holder))
            .collect();
        if held.iter().map(String::as_str).eq(wanted.iter().copied()) {
            Ok(())
        } else {
            Err(format!("{held:?}"))
        }
    })
    .await;
}

/// The serial number or id alone of `device X` or `user X`.
fn plain(holder: &str) -> String {
    holder.split_once(' ').map_or(holder, |(_, id)| id).to_owned()
}

async fn decide(world: &World, token: &Token, policy: &str, value: &str) {
    let path = format!("/tokens/{}/policies", token.id);
    let _ = world.api.send(Method::PATCH, &path, Some(&json!({ policy: value }))).await.with(200);
}

async fn settle(world: &World, token: &Token) {
    eventually("all jobs to have ended and nothing to be marked", async || {
        let jobs = world.api.list(&format!("/jobs?token={}", token.id)).await;
        let open = jobs.iter().filter(|job| job["state"] == "queued" || job["state"] == "running").count();
        if open == 0 { Ok(()) } else { Err(format!("{open} jobs are open")) }
    })
    .await;
    world.must_agree(token).await;
    world.must_be_clean().await;
}

async fn s_33_who_joins_a_group_gets_its_required_apps_in_one_request(profile: Profile) {
    let (world, token) = school(profile, 20).await;
    group(&world, "5b", "devices", &serials(0..10)).await;
    let made = assign(&world, &token, &app(1), "5b", json!({})).await;
    assert_eq!((&made["license"], &made["notes"]), (&json!("device"), &json!([])), "N-2: {made}");
    held_by(&world, &token, &app(1), &serials(0..10)).await;
    assert_eq!(world.apple.requests(&token.uid, "associate").await, 1);

    // Five more, and the same list again.
    let changed = replace(&world, "5b", &serials(0..15)).await;
    assert_eq!(
        (&changed["added"], &changed["removed"], &changed["members"]),
        (&json!(5), &json!(0), &json!(15))
    );
    held_by(&world, &token, &app(1), &serials(0..15)).await;
    let again = replace(&world, "5b", &serials(0..15)).await;
    assert_eq!((&again["added"], &again["removed"]), (&json!(0), &json!(0)), "{again}");
    settle(&world, &token).await;
    assert_eq!(world.apple.requests(&token.uid, "associate").await, 2, "the same wish twice makes nothing");
    let shown = world.api.get(&format!("/assignments/{}", made["id"])).await;
    assert_eq!((&shown["wanted"], &shown["held"]), (&json!(15), &json!(15)), "{shown}");
    let jobs = world.api.list(&format!("/jobs?token={}&kind=assign_license", token.id)).await;
    assert!(jobs.iter().all(|job| job["origin"] == "assignment"), "{jobs:?}");
}

async fn s_34_licenses_are_devices_or_users_as_the_assignment_says(profile: Profile) {
    let (world, token) = school(profile, 4).await;
    // Two devices of user-1, one of user-2, one of nobody.
    for (serial, user) in [(0, "user-1"), (1, "user-1"), (2, "user-2")] {
        let body = json!({ "serial": serials(serial..serial + 1)[0], "user": user });
        let _ = world.api.post("/devices", &body).await.with(200);
    }
    let people: Vec<String> = ["user-1", "user-2"].map(str::to_owned).to_vec();
    group(&world, "teachers", "people", &people).await;
    assign(&world, &token, &app(1), "teachers", json!({})).await;
    assign(&world, &token, &app(2), "teachers", json!({ "license": "user" })).await;
    held_by(&world, &token, &app(1), &serials(0..3)).await;
    held_by(&world, &token, &app(2), &people).await;

    // A device that becomes somebody else's: its license goes with it.
    let _ = world.api.post("/devices", &json!({ "serial": serials(0..1)[0], "user": "" })).await.with(200);
    held_by(&world, &token, &app(1), &serials(1..3)).await;
    settle(&world, &token).await;
}

async fn s_35_available_is_refused_for_a_group_of_devices(profile: Profile) {
    let (world, token) = school(profile, 1).await;
    group(&world, "5b", "devices", &serials(0..1)).await;
    let body = json!({ "token": token.id, "adam_id": app(1), "group": "5b", "intent": "available" });
    let (code, detail) = world.api.post("/assignments", &body).await.problem();
    assert_eq!(code, "available_for_devices");
    assert!(detail.contains("S-35"), "{detail}");
    assert!(world.api.list("/assignments").await.is_empty());
}

async fn s_42_a_removed_assignment_frees_its_licenses_unless_the_policy_keeps_them(profile: Profile) {
    let (world, token) = school(profile, 6).await;
    group(&world, "5b", "devices", &serials(0..6)).await;
    let first = assign(&world, &token, &app(1), "5b", json!({})).await;
    let second = assign(&world, &token, &app(2), "5b", json!({})).await;
    held_by(&world, &token, &app(2), &serials(0..6)).await;
    held_by(&world, &token, &app(1), &serials(0..6)).await;
    settle(&world, &token).await;

    let _ = world.api.send(Method::DELETE, &format!("/assignments/{}", first["id"]), None).await.with(200);
    held_by(&world, &token, &app(1), &[]).await;
    settle(&world, &token).await;
    let jobs = world.api.list(&format!("/jobs?token={}&kind=revoke_license", token.id)).await;
    assert_eq!(jobs[0]["args"]["remove_app"], 6, "on iPads the app goes as well: {jobs:?}");
    assert!(jobs[0]["notes"].to_string().contains("unassigned"), "{jobs:?}");

    decide(&world, &token, "on_unassign_ios", "keep").await;
    let _ = world.api.send(Method::DELETE, &format!("/assignments/{}", second["id"]), None).await.with(200);
    world.succeed(&token.full_sync()).await;
    settle(&world, &token).await;
    held_by(&world, &token, &app(2), &serials(0..6)).await;
    // What was kept by the policy goes when the policy changes.
    decide(&world, &token, "on_unassign_ios", "free").await;
    held_by(&world, &token, &app(2), &[]).await;
    settle(&world, &token).await;
}

async fn s_44_uninstall_frees_what_anybody_gave_and_is_stricter_than_required(profile: Profile) {
    let (world, token) = school(profile, 4).await;
    world.succeed(&token.assign(&[app(1)], &serials(0..2), &[])).await;
    group(&world, "all", "devices", &serials(0..4)).await;
    group(&world, "loaned", "devices", &serials(0..1)).await;
    assign(&world, &token, &app(1), "all", json!({ "priority": 100 })).await;
    held_by(&world, &token, &app(1), &serials(0..4)).await;
    let made = assign(&world, &token, &app(1), "loaned", json!({ "intent": "uninstall" })).await;
    assert!(made["notes"][0].as_str().is_some_and(|note| note.contains("stricter")), "{made}");
    held_by(&world, &token, &app(1), &serials(1..4)).await;
    settle(&world, &token).await;
}

async fn s_45_who_leaves_the_group_or_is_deleted_gives_the_license_back(profile: Profile) {
    let (world, token) = school(profile, 6).await;
    group(&world, "5b", "devices", &serials(0..6)).await;
    assign(&world, &token, &app(1), "5b", json!({})).await;
    held_by(&world, &token, &app(1), &serials(0..6)).await;
    let body = json!({ "remove": serials(0..2) });
    let _ = world.api.send(Method::PATCH, "/groups/5b/members", Some(&body)).await.with(200);
    held_by(&world, &token, &app(1), &serials(2..6)).await;
    let path = format!("/devices/{}", serials(2..3)[0]);
    let gone = world.api.send(Method::DELETE, &path, None).await.with(200);
    assert_eq!(gone["state"], "deleted", "{gone}");
    held_by(&world, &token, &app(1), &serials(3..6)).await;

    // Of a person who leaves, the devices give back what they had as the person's.
    let _ =
        world.api.post("/devices", &json!({ "serial": serials(0..1)[0], "user": "user-1" })).await.with(200);
    group(&world, "teachers", "people", &["user-1".to_owned()]).await;
    assign(&world, &token, &app(2), "teachers", json!({})).await;
    held_by(&world, &token, &app(2), &serials(0..1)).await;
    let _ = world.api.send(Method::DELETE, "/people/user-1", None).await.with(200);
    held_by(&world, &token, &app(2), &[]).await;
    settle(&world, &token).await;
}

async fn s_46_an_unenrolled_device_keeps_its_license_unless_the_policy_frees_it(profile: Profile) {
    let (world, token) = school(profile, 3).await;
    group(&world, "5b", "devices", &serials(0..3)).await;
    assign(&world, &token, &app(1), "5b", json!({})).await;
    held_by(&world, &token, &app(1), &serials(0..3)).await;
    let path = |device: usize| format!("/devices/{}/unenroll", serials(device..device + 1)[0]);
    let _ = world.api.post(&path(0), &json!({})).await.with(200);
    world.succeed(&token.full_sync()).await;
    settle(&world, &token).await;
    held_by(&world, &token, &app(1), &serials(0..3)).await;

    decide(&world, &token, "on_unenroll", "free").await;
    held_by(&world, &token, &app(1), &serials(1..3)).await;
    // Enrolled again it is in its group still, and gets it back.
    let _ =
        world.api.post("/devices", &json!({ "serial": serials(0..1)[0], "enrolled": true })).await.with(200);
    held_by(&world, &token, &app(1), &serials(0..3)).await;
    settle(&world, &token).await;
}

async fn n_6_an_available_app_takes_a_license_when_it_is_asked_for(profile: Profile) {
    let (world, token) = school(profile, 2).await;
    for serial in serials(0..2) {
        let _ = world.api.post("/devices", &json!({ "serial": serial, "user": "user-1" })).await.with(200);
    }
    let people: Vec<String> = ["user-1", "user-2"].map(str::to_owned).to_vec();
    let _ = world.api.post("/people", &json!({ "client_user_id": "user-2" })).await.with(200);
    group(&world, "teachers", "people", &people).await;
    assign(&world, &token, &app(1), "teachers", json!({ "intent": "available" })).await;
    assign(&world, &token, &app(2), "teachers", json!({ "intent": "available", "license": "user" })).await;
    settle(&world, &token).await;
    assert!(world.apple.held(&token.uid).await.is_empty(), "nobody has asked");

    let one = serials(1..2);
    let body = json!({ "user": "user-1", "serial": one[0], "adam_id": app(1) });
    let asked = world.api.post("/requests", &body).await.with(200);
    assert_eq!((&asked["devices"], &asked["changed"]), (&json!(one), &json!(true)), "{asked}");
    held_by(&world, &token, &app(1), &one).await;
    let _ = world.api.post("/requests", &json!({ "user": "user-2", "adam_id": app(2) })).await.with(200);
    held_by(&world, &token, &app(2), &["user-2".to_owned()]).await;
    let _ = world.api.send(Method::DELETE, "/requests", Some(&body)).await.with(200);
    held_by(&world, &token, &app(1), &[]).await;

    let (code, detail) =
        world.api.post("/requests", &json!({ "user": "user-2", "adam_id": "999" })).await.problem();
    assert!(code == "not_available" && detail.contains("N-6"), "{code}: {detail}");
    settle(&world, &token).await;
}

async fn n_14_who_takes_back_what_an_assignment_wants_is_told_that_it_comes_again(profile: Profile) {
    let (world, token) = school(profile, 3).await;
    group(&world, "5b", "devices", &serials(0..2)).await;
    assign(&world, &token, &app(1), "5b", json!({})).await;
    held_by(&world, &token, &app(1), &serials(0..2)).await;
    settle(&world, &token).await;
    for back in [token.revoke(&[app(1)], &serials(0..1), &[]), token.revoke(&[], &serials(1..2), &[])] {
        let ended = world.succeed(&back).await;
        let notes = ended["notes"].to_string();
        assert!(notes.contains("N-14") && notes.contains("still_assigned"), "{ended}");
    }
    held_by(&world, &token, &app(1), &[]).await;
    world.succeed(&token.full_sync()).await;
    held_by(&world, &token, &app(1), &serials(0..2)).await;
    // What no assignment wants goes without a word.
    world.succeed(&token.assign(&[app(2)], &serials(2..3), &[])).await;
    let ended = world.succeed(&token.revoke(&[app(2)], &serials(2..3), &[])).await;
    assert_eq!(ended["notes"], json!([]), "{ended}");
    settle(&world, &token).await;
}

async fn n_16_what_no_assignment_gave_is_let_alone(profile: Profile) {
    let (world, token) = school(profile, 4).await;
    world.succeed(&token.assign(&[app(1)], &serials(0..2), &[])).await;
    world.apple.assign(&token.uid, &app(1), &["FOREIGN1".to_owned()]).await;
    group(&world, "5b", "devices", &serials(2..4)).await;
    assign(&world, &token, &app(1), "5b", json!({})).await;
    world.succeed(&token.full_sync()).await;
    let all: Vec<String> = serials(0..4).into_iter().chain(["FOREIGN1".to_owned()]).collect();
    held_by(&world, &token, &app(1), &all).await;
    replace(&world, "5b", &[]).await;
    let kept: Vec<String> = serials(0..2).into_iter().chain(["FOREIGN1".to_owned()]).collect();
    held_by(&world, &token, &app(1), &kept).await;
    settle(&world, &token).await;
}

async fn members_of_an_excluded_group_are_left_out(profile: Profile) {
    let (world, token) = school(profile, 4).await;
    group(&world, "all", "devices", &serials(0..4)).await;
    group(&world, "exams", "devices", &serials(0..2)).await;
    let made = assign(&world, &token, &app(1), "all", json!({ "exclude": ["exams"] })).await;
    assert_eq!(made["exclude"], json!(["exams"]), "{made}");
    held_by(&world, &token, &app(1), &serials(2..4)).await;
    // Whoever comes into that group gives it back, and whoever leaves it gets it.
    replace(&world, "exams", &serials(1..3)).await;
    let wanted = [serials(0..1), serials(3..4)].concat();
    held_by(&world, &token, &app(1), &wanted).await;
    let (code, _) = world.api.send(Method::DELETE, "/groups/exams", None).await.problem();
    assert_eq!(code, "group_assigned");
    settle(&world, &token).await;
}

async fn what_did_not_come_to_be_is_tried_again_after_a_sync(profile: Profile) {
    let (world, token) = school(profile, 3).await;
    group(&world, "5b", "devices", &serials(0..3)).await;
    assign(&world, &token, &app(1), "5b", json!({})).await;
    held_by(&world, &token, &app(1), &serials(0..3)).await;
    settle(&world, &token).await;
    // Somebody takes two back in Apple's portal.
    world.apple.unassign(&token.uid, &app(1), &serials(0..2)).await;
    world.succeed(&token.full_sync()).await;
    held_by(&world, &token, &app(1), &serials(0..3)).await;
    settle(&world, &token).await;
}

async fn a_rule_or_an_unknown_name_refuses_an_assignment_in_words(profile: Profile) {
    let setup = Setup::of(profile);
    let world = World::start(setup).await;
    let location: Location = world.apple.location("North", 1, 10, 0).await;
    let book = json!([{ "adam_id": "600000001", "product_type": "Book", "total": 50 }]);
    world.apple.put_assets(&location.uid, &book).await;
    let token = world.token(&location, "north").await;
    tell(&world, &serials(0..1)).await;
    group(&world, "5b", "devices", &serials(0..1)).await;
    let body = |adam_id: &str, group: &str, intent: &str| json!({ "token": token.id, "adam_id": adam_id, "group": group, "intent": intent });
    let refusals = [
        (body("600000001", "5b", "required"), "book_to_device"),
        (body(&app(1), "nobody", "required"), "no_such_group"),
        (body("999", "5b", "required"), "invalid_field"),
        (body(&app(1), "5b", "perhaps"), "invalid_field"),
    ];
    for (body, wanted) in refusals {
        let (code, detail) = world.api.post("/assignments", &body).await.problem();
        assert_eq!(code, wanted, "{body}: {detail}");
    }
    assign(&world, &token, &app(1), "5b", json!({})).await;
    let (code, _) = world.api.post("/assignments", &body(&app(1), "5b", "uninstall")).await.problem();
    assert_eq!(code, "assignment_exists");

    let unknown = json!({ "members": ["GHOST1", serials(0..1)[0]] });
    let answer = world.api.send(Method::PUT, "/groups/5b/members", Some(&unknown)).await;
    assert!(answer.text.contains("GHOST1"), "{answer}");
    assert_eq!(answer.problem().0, "unknown_members");
    let people = json!({ "members": ["a.person@example.org"] });
    let (code, _) = world.api.send(Method::PUT, "/groups/5b/members", Some(&people)).await.problem();
    assert_eq!(code, "member_of_wrong_kind");
    let made =
        world.api.send(Method::PUT, "/groups/5b/members?create_missing=true", Some(&unknown)).await.with(200);
    assert_eq!(made["members"], 2, "{made}");
    world.must_be_clean().await;
}
