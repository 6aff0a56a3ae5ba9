//! Licenses move from users to their devices, and never the other way.

use std::time::Duration;

use russet_tests::{
    Profile, Receiver, Setup, Token, World, app, eventually, on_both_profiles, serials, users,
};
use serde_json::{Value, json};

on_both_profiles!(
    a_device_has_its_license_before_the_users_is_taken_back,
    a_preview_says_what_would_move_and_does_nothing,
    where_no_license_is_free_the_user_keeps_the_old_one,
    a_user_keeps_the_license_until_all_of_the_users_devices_are_done,
    a_person_confirms_and_only_what_was_confirmed_is_taken_back,
    what_nobody_confirms_stays_with_the_user,
    the_mdm_side_is_told_and_told_again_until_it_listens,
    an_mdm_side_that_never_listens_leaves_the_license_with_the_user,
    the_mdm_side_may_take_its_time_and_confirm_later,
    nobody_inside_the_network_is_called,
    the_other_way_round_is_refused,
    a_move_that_is_withdrawn_leaves_the_users_license,
    workers_killed_at_every_step_go_on_where_they_were,
    books_do_not_move_and_the_rest_does,
);

const SECRET: &str = "a-secret-of-this-story";

/// Gives each user the apps, as before a move.
async fn world_of_users(setup: Setup, apps: usize, total: usize, people: usize) -> (World, Token) {
    let world = World::start(setup).await;
    let location = world.apple.location("North", apps, total, people).await;
    let token = world.token(&location, "north").await;
    let all: Vec<String> = (1..=apps).map(app).collect();
    world.succeed(&token.assign(&all, &[], &users(1..people + 1))).await;
    (world, token)
}

/// User 1 has device 0, user 2 device 1, and so on.
fn one_device_each(people: usize) -> Vec<Value> {
    let pairs = users(1..people + 1).into_iter().zip(serials(0..people));
    pairs.map(|(user, serial)| json!({ "user": user, "serial": serial })).collect()
}

fn moving(token: &Token, apps: &[String], moves: &[Value]) -> Value {
    let assets: Vec<Value> = apps.iter().map(|app| json!({ "adam_id": app })).collect();
    json!({ "kind": "move_license", "token": token.id, "assets": assets, "moves": moves, "required": true })
}

/// The settings of a world that may call a receiver on this machine.
fn may_call(setup: Setup) -> Setup {
    setup
        .setting("MDM__ALLOW_INSIDE", "true")
        .setting("MDM__ALLOW_HTTP", "true")
        .setting("MDM__RETRY_BASE_MS", "50")
        .setting("MDM__RETRY_CAP_MS", "200")
}

fn calling(mut job: Value, receiver: &Receiver) -> Value {
    job["confirm"] = json!("callback");
    job["callback"] = json!({ "url": receiver.url(), "secret": SECRET });
    job
}

/// How many licenses devices hold, and users.
async fn held(world: &World, token: &Token) -> (usize, usize) {
    let held = world.must_agree(token).await;
    let devices = held.iter().filter(|(_, holder)| holder.starts_with("device ")).count();
    (devices, held.len() - devices)
}

async fn moves_in(world: &World, job: i64, state: &str, count: usize) {
    eventually(&format!("{count} moves to be {state}"), async || {
        let moves = world.api.list(&format!("/jobs/{job}/moves?state={state}")).await;
        if moves.len() == count { Ok(()) } else { Err(format!("{} moves", moves.len())) }
    })
    .await;
}

async fn a_device_has_its_license_before_the_users_is_taken_back(profile: Profile) {
    let (world, token) = world_of_users(Setup::of(profile), 2, 50, 4).await;
    world.apple.forget().await;
    let ended = world.succeed(&moving(&token, &[app(1), app(2)], &one_device_each(4))).await;
    assert_eq!((&ended["kind"], &ended["progress"]["total"]), (&json!("move_license"), &json!(8)), "{ended}");
    assert_eq!(ended["moves"]["done"], 8, "{ended}");
    assert_eq!(held(&world, &token).await, (8, 0));
    // Two requests did it, and the first of all was for the devices.
    let ledger = world.apple.ledger().await;
    assert_eq!(
        (&ledger["requests"]["associate"], &ledger["requests"]["disassociate"]),
        (&json!(1), &json!(1))
    );
    let id = ended["id"].as_i64().expect("a job");
    let changes = world.changes(id).await;
    assert_eq!(changes.len(), 16);
    let ends = |action: &str| {
        let of_action = changes.iter().filter(|change| change["action"] == action);
        of_action.map(|change| change["ended_at"].as_str().expect("an end").to_owned()).collect::<Vec<_>>()
    };
    assert!(ends("assign").iter().max() <= ends("revoke").iter().min(), "{changes:?}");

    // Asked for again, nothing is left to be done.
    let again = world.succeed(&moving(&token, &[app(1), app(2)], &one_device_each(4))).await;
    let moves = world.api.list(&format!("/jobs/{}/moves", again["id"])).await;
    assert!(moves.iter().all(|moved| moved["error"]["code"] == "already_moved"), "{moves:?}");
    world.must_be_clean().await;
}

async fn a_preview_says_what_would_move_and_does_nothing(profile: Profile) {
    let (world, token) = world_of_users(Setup::of(profile), 2, 6, 4).await;
    let mut moves = one_device_each(4);
    moves.push(json!({ "user": "nobody", "serial": "C0NOBODY" }));
    let mut job = moving(&token, &[app(1)], &moves);
    job["about"] = json!({ "devices": [
        { "serial": serials(0..1)[0], "ownership": "corporate", "supervised": true },
        { "serial": serials(1..2)[0], "ownership": "personal" },
    ]});
    let preview = world.api.post("/moves/preview", &job).await.with(200);
    let counts = (&preview["to_move"], &preview["already_moved"], &preview["refused"]);
    assert_eq!(counts, (&json!(4), &json!(0), &json!(1)), "{preview}");
    assert_eq!(preview["refused_moves"][0]["code"], "not_held_by_user", "{preview}");
    // Six licenses, four of which the users have: two are free, and four are needed until the users' come back.
    let need = &preview["assets"][0];
    assert_eq!(
        (&need["extra_at_peak"], &need["free"], &need["enough"]),
        (&json!(4), &json!(2), &json!(false))
    );
    assert_eq!(
        (&need["freed_afterwards"], &preview["enough_licenses"]),
        (&json!(4), &json!(false)),
        "{preview}"
    );
    let prompts = preview["prompts"].as_array().expect("prompts");
    let shown =
        |ownership: &str| prompts.iter().find(|group| group["ownership"] == ownership).expect("a group");
    assert_eq!(shown("corporate")["prompts"]["silent"], true);
    assert_eq!(shown("personal")["prompts"]["install"], true);
    assert_eq!(preview["silent"], false, "{preview}");
    assert!(preview["lint"]["findings"].to_string().contains("no_license_free"), "{preview}");

    let printed =
        world.command(&["move", "--token", "north", "--app", &app(1), "--move", "user-1=C0X", "--preview"]);
    assert!(printed.good().contains("1 would move") && printed.stdout.contains("not_silent"), "{printed:?}");
    assert_eq!(world.api.list("/jobs?kind=move_license").await.len(), 0);
    assert_eq!(held(&world, &token).await, (0, 8));
    world.must_be_clean().await;
}

async fn where_no_license_is_free_the_user_keeps_the_old_one(profile: Profile) {
    let (world, token) = world_of_users(Setup::of(profile), 1, 6, 4).await;
    let id = world.submit(&moving(&token, &[app(1)], &one_device_each(4))).await;
    let ended = world.end_of(id).await;
    // Two were free; what they freed came too late for the others of this job.
    assert_eq!(ended["state"], "partly_failed", "{ended}");
    assert_eq!((&ended["moves"]["done"], &ended["moves"]["refused"]), (&json!(2), &json!(2)), "{ended}");
    for moved in world.api.list(&format!("/jobs/{id}/moves?state=refused")).await {
        assert_eq!(moved["error"]["code"], "no_license_available", "{moved}");
    }
    assert_eq!(held(&world, &token).await, (2, 2));

    // Tried again, the freed ones do.
    let _ = world.api.post(&format!("/jobs/{id}/retry"), &json!({})).await.with(202);
    world.must_have_succeeded(&world.end_of(id).await);
    assert_eq!(held(&world, &token).await, (4, 0));
    world.must_be_clean().await;
}

async fn a_user_keeps_the_license_until_all_of_the_users_devices_are_done(profile: Profile) {
    // One user with three devices, and two licenses for them.
    let (world, token) = world_of_users(Setup::of(profile), 1, 3, 1).await;
    let devices = serials(0..3);
    let moves: Vec<Value> =
        devices.iter().map(|serial| json!({ "user": "user-1", "serial": serial })).collect();
    let id = world.submit(&moving(&token, &[app(1)], &moves)).await;
    let ended = world.end_of(id).await;
    assert_eq!(ended["state"], "failed", "{ended}");
    let codes: Vec<String> = world
        .api
        .list(&format!("/jobs/{id}/moves"))
        .await
        .iter()
        .map(|moved| moved["error"]["code"].to_string())
        .collect();
    assert_eq!(codes.iter().filter(|code| *code == "\"kept_for_other_device\"").count(), 2, "{codes:?}");
    assert_eq!(codes.iter().filter(|code| *code == "\"no_license_available\"").count(), 1, "{codes:?}");
    assert_eq!(held(&world, &token).await, (2, 1));

    world.apple.buy(&token.uid, &app(1), 1).await;
    let _ = world.api.post(&format!("/jobs/{id}/retry"), &json!({})).await.with(202);
    world.must_have_succeeded(&world.end_of(id).await);
    assert_eq!(held(&world, &token).await, (3, 0));
    world.must_be_clean().await;
}

async fn a_person_confirms_and_only_what_was_confirmed_is_taken_back(profile: Profile) {
    let (world, token) = world_of_users(Setup::of(profile), 1, 50, 3).await;
    let devices = serials(0..3);
    let mut job = moving(&token, &[app(1)], &one_device_each(3));
    job["confirm"] = json!("manual");
    let id = world.submit(&job).await;
    moves_in(&world, id, "telling", 3).await;
    assert_eq!(held(&world, &token).await, (3, 3));

    let confirm = async |body: Value| world.api.post(&format!("/jobs/{id}/confirm"), &body).await.with(200);
    assert_eq!(confirm(json!({ "devices": [devices[0], "C0UNKNOWN"] })).await["confirmed"], 1);
    moves_in(&world, id, "done", 1).await;
    assert_eq!(held(&world, &token).await, (3, 2));
    assert_eq!(confirm(json!({ "devices": [devices[1]], "outcome": "failed" })).await["confirmed"], 1);
    let printed = world.command(&["job", "confirm", &id.to_string()]);
    assert!(printed.good().contains("1 moves were confirmed"), "{printed:?}");
    let ended = world.end_of(id).await;
    assert_eq!((&ended["moves"]["done"], &ended["moves"]["refused"]), (&json!(2), &json!(1)), "{ended}");
    let refused = world.api.list(&format!("/jobs/{id}/moves?state=refused")).await;
    assert_eq!(refused[0]["error"]["code"], "mdm_failed", "{refused:?}");
    assert_eq!(held(&world, &token).await, (3, 1));
    let (code, _) = world.api.post(&format!("/jobs/{id}/confirm"), &json!({})).await.problem();
    assert_eq!(code, "nothing_to_confirm");
    world.must_be_clean().await;
}

async fn what_nobody_confirms_stays_with_the_user(profile: Profile) {
    let (world, token) = world_of_users(Setup::of(profile), 1, 50, 2).await;
    let mut job = moving(&token, &[app(1)], &one_device_each(2));
    job["confirm"] = json!("manual");
    job["confirm_within_s"] = json!(2);
    let id = world.submit(&job).await;
    let ended = world.end_of(id).await;
    assert_eq!(ended["state"], "failed", "{ended}");
    for moved in world.api.list(&format!("/jobs/{id}/moves")).await {
        assert_eq!(moved["error"]["code"], "not_confirmed", "{moved}");
    }
    assert_eq!(held(&world, &token).await, (2, 2));
    world.must_be_clean().await;
}

async fn the_mdm_side_is_told_and_told_again_until_it_listens(profile: Profile) {
    let receiver = Receiver::start().await;
    receiver.answer(503);
    let (world, token) = world_of_users(may_call(Setup::of(profile)), 2, 50, 3).await;
    let id = world.submit(&calling(moving(&token, &[app(1), app(2)], &one_device_each(3)), &receiver)).await;
    eventually("the MDM side to have been told three times", async || {
        let told = receiver.told().len();
        if told >= 3 { Ok(()) } else { Err(format!("{told} times")) }
    })
    .await;
    assert_eq!(held(&world, &token).await, (6, 6), "nothing is taken back before the MDM side knows");
    let job = world.job(id).await;
    assert!(job["moves"]["callback_error"].as_str().is_some_and(|why| why.contains("503")), "{job}");
    receiver.answer(204);
    world.must_have_succeeded(&world.end_of(id).await);
    assert_eq!(held(&world, &token).await, (6, 0));

    let told = receiver.told();
    let last = told.last().expect("news");
    assert!(last.is_signed_with(SECRET), "{last:?}");
    let news = last.json();
    assert_eq!(
        (&news["event"], &news["job"], &news["location"]),
        (&json!("license_moved"), &json!(id), &json!(token.uid))
    );
    let mut named: Vec<String> = told
        .iter()
        .flat_map(|news| news.json()["moves"].as_array().cloned().unwrap_or_default())
        .map(|moved| format!("{} {} {}", moved["adam_id"], moved["user"], moved["serial"]))
        .collect();
    named.sort();
    named.dedup();
    assert_eq!(named.len(), 6, "{named:?}");
    for (name, log) in world.logs() {
        assert!(!log.contains(SECRET), "{name} logged the secret");
    }
    assert!(!world.job(id).await.to_string().contains(SECRET));
    world.must_be_clean().await;
}

async fn an_mdm_side_that_never_listens_leaves_the_license_with_the_user(profile: Profile) {
    let receiver = Receiver::start().await;
    receiver.answer(500);
    let setup = may_call(Setup::of(profile)).setting("MDM__TRIES_MAX", "3");
    let (world, token) = world_of_users(setup, 1, 50, 2).await;
    let id = world.submit(&calling(moving(&token, &[app(1)], &one_device_each(2)), &receiver)).await;
    let ended = world.end_of(id).await;
    assert_eq!(ended["state"], "failed", "{ended}");
    for moved in world.api.list(&format!("/jobs/{id}/moves")).await {
        assert_eq!(moved["error"]["code"], "mdm_not_told", "{moved}");
    }
    assert_eq!(held(&world, &token).await, (2, 2));

    // Back again, and tried again.
    receiver.answer(200);
    let _ = world.api.post(&format!("/jobs/{id}/retry"), &json!({})).await.with(202);
    world.must_have_succeeded(&world.end_of(id).await);
    assert_eq!(held(&world, &token).await, (2, 0));

    // One that refuses is not asked again and again.
    receiver.answer(404);
    world.succeed(&token.assign(&[app(1)], &[], &users(1..2))).await;
    let told = receiver.told().len();
    let moves = [json!({ "user": "user-1", "serial": "C0OTHER" })];
    let id = world.submit(&calling(moving(&token, &[app(1)], &moves), &receiver)).await;
    let ended = world.end_of(id).await;
    assert_eq!((&ended["state"], receiver.told().len() - told), (&json!("failed"), 1), "{ended}");
    world.must_be_clean().await;
}

async fn the_mdm_side_may_take_its_time_and_confirm_later(profile: Profile) {
    let receiver = Receiver::start().await;
    receiver.answer(202);
    let (world, token) = world_of_users(may_call(Setup::of(profile)), 1, 50, 3).await;
    let id = world.submit(&calling(moving(&token, &[app(1)], &one_device_each(3)), &receiver)).await;
    eventually("all three to wait for a confirmation", async || {
        let moves = world.api.list(&format!("/jobs/{id}/moves?state=telling")).await;
        let told = moves.iter().filter(|moved| moved["told_at"].is_string()).count();
        if told == 3 { Ok(()) } else { Err(format!("{told} told")) }
    })
    .await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(held(&world, &token).await, (3, 3));
    let calls = receiver.told().len();
    let _ = world.api.post(&format!("/jobs/{id}/confirm"), &json!({})).await.with(200);
    world.must_have_succeeded(&world.end_of(id).await);
    assert_eq!(held(&world, &token).await, (3, 0));
    assert_eq!(receiver.told().len(), calls, "what was told is not told again");
    world.must_be_clean().await;
}

async fn nobody_inside_the_network_is_called(profile: Profile) {
    let receiver = Receiver::start().await;
    let (world, token) = world_of_users(Setup::of(profile), 1, 50, 1).await;
    let job = calling(moving(&token, &[app(1)], &one_device_each(1)), &receiver);
    for url in [receiver.url(), "https://127.0.0.1/hook".to_owned(), "https://metadata.internal/".to_owned()]
    {
        let mut job = job.clone();
        job["callback"]["url"] = json!(url);
        let (code, detail) = world.api.post("/jobs", &job).await.problem();
        assert_eq!(code, "invalid_field", "{detail}");
        assert!(detail.contains("callback.url"), "{detail}");
    }
    assert!(receiver.told().is_empty());
    assert_eq!(held(&world, &token).await, (0, 1));
}

async fn the_other_way_round_is_refused(profile: Profile) {
    let (world, token) = world_of_users(Setup::of(profile), 1, 50, 1).await;
    let mut job = moving(&token, &[app(1)], &one_device_each(1));
    job["from"] = json!("device");
    job["to"] = json!("user");
    for path in ["/jobs", "/moves/preview"] {
        let answer = world.api.post(path, &job).await;
        assert_eq!(answer.status, 422, "{answer}");
        let (code, detail) = answer.problem();
        assert_eq!(code, "wrong_way");
        assert!(detail.contains("S-27"), "{detail}");
    }
    assert_eq!(held(&world, &token).await, (0, 1));
}

async fn a_move_that_is_withdrawn_leaves_the_users_license(profile: Profile) {
    let (world, token) = world_of_users(Setup::of(profile), 1, 50, 3).await;
    let mut job = moving(&token, &[app(1)], &one_device_each(3));
    job["confirm"] = json!("manual");
    let id = world.submit(&job).await;
    moves_in(&world, id, "telling", 3).await;
    let first = serials(0..1);
    let _ = world.api.post(&format!("/jobs/{id}/confirm"), &json!({ "devices": first })).await.with(200);
    moves_in(&world, id, "done", 1).await;
    let _ = world.api.post(&format!("/jobs/{id}/cancel"), &json!({})).await.with(200);
    let ended = world.end_of(id).await;
    assert_eq!((&ended["moves"]["done"], &ended["moves"]["cancelled"]), (&json!(1), &json!(2)), "{ended}");
    assert_eq!(held(&world, &token).await, (3, 2));
    world.must_be_clean().await;
}

async fn workers_killed_at_every_step_go_on_where_they_were(profile: Profile) {
    let receiver = Receiver::start().await;
    receiver.answer(503);
    let setup = may_call(Setup::of(profile)).workers(1).setting("MDM__TRIES_MAX", "100");
    let (mut world, token) = world_of_users(setup, 2, 50, 3).await;
    let hold = |endpoint: &str| {
        let late = json!({ "kind": "latency", "ms": 1_500 });
        json!({ "on": { "endpoint": endpoint }, "what": late, "times": 1 })
    };
    let kill = async |world: &mut World| {
        if profile == Profile::Cluster {
            world.start_worker().await;
        }
        world.kill_oldest_worker();
        if profile == Profile::Single {
            world.start_worker().await;
        }
    };
    world.apple.fault(&hold("associate")).await;
    world.apple.fault(&hold("disassociate")).await;
    let id = world.submit(&calling(moving(&token, &[app(1), app(2)], &one_device_each(3)), &receiver)).await;
    kill(&mut world).await;
    moves_in(&world, id, "assigning", 6).await;
    kill(&mut world).await;
    moves_in(&world, id, "telling", 6).await;
    assert_eq!(held(&world, &token).await, (6, 6));
    kill(&mut world).await;
    receiver.answer(204);
    moves_in(&world, id, "revoking", 6).await;
    kill(&mut world).await;
    world.must_have_succeeded(&world.end_of(id).await);
    assert_eq!(held(&world, &token).await, (6, 0));
    let ledger = world.apple.ledger().await;
    assert_eq!(ledger["licenses_moved"]["associated"], 6 + 6, "{ledger:#}");
    assert_eq!(ledger["licenses_moved"]["disassociated"], 6, "{ledger:#}");
    world.must_be_clean().await;
}

async fn books_do_not_move_and_the_rest_does(profile: Profile) {
    let book = "600000001".to_owned();
    let world = World::of(profile).await;
    let location = world.apple.location("North", 2, 50, 2).await;
    let books = json!([{ "adam_id": book, "product_type": "Book", "total": 50 }]);
    world.apple.put_assets(&location.uid, &books).await;
    let token = world.token(&location, "north").await;
    world.succeed(&token.assign(&[app(1), app(2), book.clone()], &[], &users(1..3))).await;

    // By name it is refused with its rule, whole when there is nothing else.
    let (code, detail) = world
        .api
        .post("/jobs", &moving(&token, std::slice::from_ref(&book), &one_device_each(2)))
        .await
        .problem();
    assert_eq!(code, "book_to_device");
    assert!(detail.contains("S-25"), "{detail}");
    // All that the users hold: what can move does, and what stays is named.
    let mut job = moving(&token, &[], &one_device_each(2));
    job.as_object_mut().expect("a job").remove("assets");
    let ended = world.succeed(&job).await;
    assert_eq!(ended["moves"]["done"], 4, "{ended}");
    assert!(ended["notes"].to_string().contains(&book), "{ended}");
    assert_eq!(held(&world, &token).await, (4, 2));
    world.must_be_clean().await;
}
