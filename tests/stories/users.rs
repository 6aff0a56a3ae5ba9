//! The people of a location: registered, invited, associated, changed, retired, and given licenses.

use std::collections::BTreeSet;

use reqwest::Method;
use russet_tests::{Answer, Profile, Setup, Token, World, app, eventually, on_both_profiles, users};
use serde_json::{Value, json};

on_both_profiles!(
    a_new_user_is_invited_and_associated_when_he_accepts,
    a_managed_apple_account_associates_at_once,
    a_user_whom_apple_knows_already_is_taken_as_he_is,
    two_users_on_one_apple_account_are_named,
    a_retired_user_gives_back_what_can_be_taken_back_and_loses_his_books,
    a_user_who_was_retired_comes_back_under_the_same_id,
    one_person_is_at_several_locations,
    what_is_known_of_a_user_is_changed,
    a_list_of_users_with_bad_rows_is_refused_whole_or_taken_in_part,
    licenses_wait_for_users_who_are_being_registered,
    a_license_for_nobody_is_refused_by_name,
    users_of_apples_list_are_read_and_what_changed_since,
    people_do_all_of_it_on_the_command_line,
);

/// Registers a user and waits for the job's end.
pub(crate) async fn registered(world: &World, body: &Value) -> Value {
    let made = world.api.post("/users", body).await.with(202);
    let mut ended = Value::Null;
    for job in made["jobs"].as_array().expect("jobs") {
        ended = world.end_of(job["id"].as_i64().expect("a number")).await;
    }
    ended
}

/// A user's registration at the location of a token.
pub(crate) async fn the(world: &World, token: &Token, id: &str) -> Value {
    let person = world.api.get(&format!("/users/{id}?token={}", token.id)).await;
    person["registrations"][0].clone()
}

/// Waits until a registration has this status.
pub(crate) async fn until(world: &World, token: &Token, id: &str, status: &str) -> Value {
    eventually(&format!("{id} to be {status}"), async || {
        let seen = the(world, token, id).await;
        if seen["status"] == status { Ok(seen) } else { Err(seen.to_string()) }
    })
    .await
}

async fn a_new_user_is_invited_and_associated_when_he_accepts(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 2, 50, 0).await;
    let token = world.token(&location, "north").await;

    let body = json!({ "token": token.id, "email": "a.person@example.org" });
    let made = world.api.post("/users", &body).await.with(202);
    let id = made["client_user_id"].as_str().expect("an id is made").to_owned();
    assert_eq!(id.len(), 36, "a UUID: {id}");
    let ended = world.end_of(made["jobs"][0]["id"].as_i64().expect("a job")).await;
    world.must_have_succeeded(&ended);

    let user = until(&world, &token, &id, "registered").await;
    assert_eq!(user["email"], "a.person@example.org", "{user}");
    assert_eq!(user["invitation"], "pending", "{user}");
    let link = user["invitation_url"].as_str().expect("a link").to_owned();
    assert!(link.contains("inviteCode=") && !link.contains("%25inviteCode"), "{link}");
    for (name, log) in world.logs() {
        assert!(!log.contains("a.person@example.org") && !log.contains(&link), "{name} tells who it is");
    }

    world.apple.accept_invitation(&location.uid, &id, "person's own account").await;
    let user = until(&world, &token, &id, "associated").await;
    assert_eq!((&user["invitation"], &user["invitation_url"]), (&json!("accepted"), &Value::Null), "{user}");
    assert!(user["id_hash"].is_string(), "{user}");
    world.must_be_clean().await;
}

async fn a_managed_apple_account_associates_at_once(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 1, 50, 0).await;
    let token = world.token(&location, "north").await;
    let body =
        json!({ "token": token.id, "client_user_id": "u1", "managed_apple_id": "person@school.example" });
    world.must_have_succeeded(&registered(&world, &body).await);
    let user = until(&world, &token, "u1", "associated").await;
    assert_eq!((&user["invitation"], &user["invitation_url"]), (&json!("accepted"), &Value::Null), "{user}");
    world.must_be_clean().await;
}

async fn a_user_whom_apple_knows_already_is_taken_as_he_is(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 1, 50, 0).await;
    let there = json!([
        { "client_user_id": "u1", "status": "Registered", "email": "old@example.org" },
        { "client_user_id": "u2", "status": "Associated" },
    ]);
    world.apple.put_users(&location.uid, &there).await;
    // The list of users was never read, so that nothing is known of them.
    let token = world.token_in_state(&location, "north", "valid").await;

    let body = json!({ "token": token.id, "client_user_id": "u1", "email": "new@example.org" });
    world.must_have_succeeded(&registered(&world, &body).await);
    let body = json!({ "token": token.id, "client_user_id": "u2" });
    world.must_have_succeeded(&registered(&world, &body).await);

    let user = until(&world, &token, "u1", "registered").await;
    assert_eq!(
        (&user["email"], &user["invitation"]),
        (&json!("new@example.org"), &json!("pending")),
        "{user}"
    );
    until(&world, &token, "u2", "associated").await;
    let there = world.apple.users(&location.uid).await;
    assert_eq!(there.len(), 2, "{there:?}");
    assert_eq!(there[0]["email"], "new@example.org", "{there:?}");
    world.must_be_clean().await;
}

async fn two_users_on_one_apple_account_are_named(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 1, 50, 0).await;
    let token = world.token(&location, "north").await;
    let with = |id: &str| json!({ "token": token.id, "client_user_id": id, "managed_apple_id": "one@school.example" });
    world.must_have_succeeded(&registered(&world, &with("u1")).await);
    let ended = registered(&world, &with("u2")).await;
    assert_eq!(ended["state"], "failed", "{ended}");

    let user = the(&world, &token, "u2").await;
    assert_eq!((&user["work"], &user["status"]), (&json!("refused"), &Value::Null), "{user}");
    assert_eq!(
        (&user["error"]["code"], &user["error"]["number"]),
        (&json!("account_of_another_user"), &json!(9641)),
        "{user}"
    );
    assert_eq!(user["shares_account_with"], json!(["u1"]), "{user}");
    let entries = world.api.list(&format!("/jobs/{}/users?state=refused", ended["id"])).await;
    assert_eq!(entries[0]["client_user_id"], "u2", "{entries:?}");

    // The account comes free at Apple, and what was refused is tried again.
    let gone = world.api.send(Method::DELETE, "/users/u1", None).await.with(202);
    world.must_have_succeeded(&world.end_of(gone["jobs"][0]["id"].as_i64().expect("a job")).await);
    let again = world.api.post(&format!("/jobs/{}/retry", ended["id"]), &json!({})).await.with(202);
    world.must_have_succeeded(&world.end_of(again["id"].as_i64().expect("a job")).await);
    until(&world, &token, "u2", "associated").await;
    world.must_be_clean().await;
}

async fn a_retired_user_gives_back_what_can_be_taken_back_and_loses_his_books(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 2, 50, 2).await;
    let book = json!([{ "adam_id": "600000001", "product_type": "Book", "total": 50 }]);
    world.apple.put_assets(&location.uid, &book).await;
    let token = world.token(&location, "north").await;
    let products = [app(1), app(2), "600000001".to_owned()];
    world.succeed(&token.assign(&products, &[], &users(1..3))).await;

    let answer = world.api.send(Method::DELETE, "/users/user-1", None).await.with(202);
    assert_eq!(answer["lost"].as_array().map(Vec::len), Some(1), "{answer}");
    assert_eq!(answer["lost"][0]["adam_id"], "600000001", "{answer}");
    let ended = world.end_of(answer["jobs"][0]["id"].as_i64().expect("a job")).await;
    world.must_have_succeeded(&ended);
    assert!(ended["notes"][0].as_str().is_some_and(|note| note.contains("never be taken back")), "{ended}");

    until(&world, &token, "user-1", "retired").await;
    let held = world.must_agree(&token).await;
    assert_eq!(held.len(), 4, "{held:?}");
    // The apps are free again, and the book is not.
    let assets = eventually("the counts to be read", async || {
        let assets = world.api.list(&format!("/assets?token={}", token.id)).await;
        if assets.iter().any(|asset| asset["retired"] == 1) { Ok(assets) } else { Err(format!("{assets:?}")) }
    })
    .await;
    let free = |adam_id: &str| {
        assets.iter().find(|asset| asset["adam_id"] == adam_id).expect("an asset")["available"].clone()
    };
    assert_eq!((free(&app(1)), free("600000001")), (json!(49), json!(48)));
    // Retiring one who is out is no work, and the answer says so.
    let answer = world.api.send(Method::DELETE, "/users/user-1", None).await.with(202);
    assert_eq!(answer["jobs"][0]["state"], "succeeded", "{answer}");
    world.must_be_clean().await;
}

async fn a_user_who_was_retired_comes_back_under_the_same_id(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 1, 50, 1).await;
    let token = world.token(&location, "north").await;
    for round in 1..3 {
        let gone = world.api.send(Method::DELETE, "/users/user-1", None).await.with(202);
        world.must_have_succeeded(&world.end_of(gone["jobs"][0]["id"].as_i64().expect("a job")).await);
        let body = json!({ "token": token.id, "client_user_id": "user-1" });
        world.must_have_succeeded(&registered(&world, &body).await);
        let user = until(&world, &token, "user-1", "registered").await;
        assert_eq!(user["retired_records"], round, "{user}");
        assert_eq!(user["id_hash"], Value::Null, "the old account is not the new record's: {user}");
        world.apple.accept_invitation(&location.uid, "user-1", &format!("account {round}")).await;
        until(&world, &token, "user-1", "associated").await;
    }
    // A whole reading counts the same.
    world.succeed(&token.full_sync()).await;
    let user = the(&world, &token, "user-1").await;
    assert_eq!((&user["status"], &user["retired_records"]), (&json!("associated"), &json!(2)), "{user}");
    assert_eq!(world.apple.users(&location.uid).await.len(), 3);
    world.must_be_clean().await;
}

async fn one_person_is_at_several_locations(profile: Profile) {
    let world = World::of(profile).await;
    let mut tokens = Vec::new();
    for name in ["North", "South", "West"] {
        let location = world.apple.location(name, 1, 50, 0).await;
        tokens.push(world.token(&location, name).await);
    }
    let ids: Vec<i64> = tokens.iter().map(|token| token.id).collect();
    let body = json!({ "tokens": ids, "client_user_id": "u1", "email": "u1@example.org" });
    let made = world.api.post("/users", &body).await.with(202);
    assert_eq!(made["jobs"].as_array().map(Vec::len), Some(3), "{made}");
    for token in &tokens {
        until(&world, token, "u1", "registered").await;
    }
    let person = world.api.get("/users/u1").await;
    let links: BTreeSet<&str> = person["registrations"]
        .as_array()
        .expect("registrations")
        .iter()
        .map(|one| one["invitation_url"].as_str().expect("a link"))
        .collect();
    assert_eq!(links.len(), 3, "each location invites for itself: {person}");

    // Retired at one, he stays at the others.
    let path = format!("/users/u1?token={}", tokens[1].id);
    let gone = world.api.send(Method::DELETE, &path, None).await.with(202);
    assert_eq!(gone["jobs"].as_array().map(Vec::len), Some(1), "{gone}");
    until(&world, &tokens[1], "u1", "retired").await;
    assert_eq!(the(&world, &tokens[0], "u1").await["status"], "registered");
    world.must_be_clean().await;
}

async fn what_is_known_of_a_user_is_changed(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 1, 50, 0).await;
    let token = world.token(&location, "north").await;
    let body = json!({ "token": token.id, "client_user_id": "u1", "email": "a@example.org" });
    world.must_have_succeeded(&registered(&world, &body).await);
    until(&world, &token, "u1", "registered").await;

    let patch = json!({ "email": "b@example.org", "managed_apple_id": "b@school.example" });
    let made = world.api.send(Method::PATCH, "/users/u1", Some(&patch)).await.with(202);
    world.must_have_succeeded(&world.end_of(made["jobs"][0]["id"].as_i64().expect("a job")).await);
    let user = until(&world, &token, "u1", "associated").await;
    assert_eq!(user["email"], "b@example.org", "{user}");
    assert_eq!(world.apple.users(&location.uid).await[0]["email"], "b@example.org");

    // The same again is no work.
    let before = world.apple.requests(&token.uid, "update_users").await;
    let made = world.api.send(Method::PATCH, "/users/u1", Some(&patch)).await.with(202);
    assert_eq!(made["jobs"][0]["state"], "succeeded", "{made}");
    assert_eq!(world.apple.requests(&token.uid, "update_users").await, before);
    let _ = world.api.send(Method::PATCH, "/users/nobody", Some(&patch)).await.with(404);
    let _ = world.api.send(Method::PATCH, "/users/u1", Some(&json!({}))).await.with(422);
    world.must_be_clean().await;
}

/// A table of users, with a bad row after every `bad_every` good ones.
pub(crate) fn table(rows: usize, bad_every: usize) -> String {
    let mut text = "client_user_id,email\n".to_owned();
    for number in 1..=rows {
        if number % bad_every == 0 {
            text.push_str("no blanks here,a@example.org\n");
        } else {
            text.push_str(&format!("u{number:06},u{number}@example.org\n"));
        }
    }
    text
}

pub(crate) async fn upload(world: &World, path: &str, table: &str) -> Answer {
    world.api.upload(path, "text/csv", table.to_owned()).await
}

async fn a_list_of_users_with_bad_rows_is_refused_whole_or_taken_in_part(profile: Profile) {
    let setup = Setup::of(profile).apple(|rules| rules.limits.max_users = 1_000);
    let world = World::start(setup).await;
    let location = world.apple.location("North", 1, 50, 0).await;
    let token = world.token(&location, "north").await;
    let text = table(100_000, 25_000);

    let path = format!("/users/import?token={}", token.id);
    let refused = upload(&world, &path, &text).await.with(422);
    assert_eq!(refused["code"], "bad_rows", "{refused}");
    let lines: Vec<&str> = refused["errors"]
        .as_array()
        .expect("errors")
        .iter()
        .filter_map(|error| error["field"].as_str())
        .collect();
    assert_eq!(lines, ["line 25001", "line 50001", "line 75001", "line 100001"], "{refused}");
    assert_eq!(world.api.list("/users").await.len(), 0, "nothing was taken in");

    let taken = upload(&world, &format!("{path}&partial=true"), &text).await.with(202);
    assert_eq!(taken["rejected"]["count"], 4, "{taken}");
    assert_eq!(taken["rejected"]["rows"][0]["line"], 25_001, "{taken}");
    assert_eq!(taken["progress"]["total"], 99_996, "{taken}");
    // They go in batches of Apple's limit.
    eventually("some thousands to be registered", async || {
        let job = world.job(taken["id"].as_i64().expect("a job")).await;
        let settled = job["progress"]["settled"].as_u64().unwrap_or(0);
        if settled >= 3_000 { Ok(()) } else { Err(job.to_string()) }
    })
    .await;
    // Counted in this order, since both still grow.
    let there = world.apple.users(&location.uid).await.len() as u64;
    let requests = world.apple.requests(&token.uid, "create_users").await;
    assert!(there <= requests * 1_000 && requests <= 101, "{there} in {requests} requests");
    let _ = world.api.post(&format!("/jobs/{}/cancel", taken["id"]), &json!({})).await.with(200);
    world.must_be_clean().await;
}

async fn licenses_wait_for_users_who_are_being_registered(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 2, 100, 0).await;
    let token = world.token(&location, "north").await;
    let slow = json!({ "on": { "endpoint": "create_users" }, "what": { "kind": "latency", "ms": 700 } });
    world.apple.fault(&slow).await;

    let text: String = users(1..41).iter().map(|id| format!("{{\"client_user_id\":\"{id}\"}}\n")).collect();
    let path = format!("/users/import?token={}", token.id);
    let import = world.api.upload(&path, "application/x-ndjson", text).await.with(202);
    let assign = world.submit(&token.assign(&[app(1), app(2)], &[], &users(1..41))).await;

    world.must_have_succeeded(&world.end_of(import["id"].as_i64().expect("a job")).await);
    world.must_have_succeeded(&world.end_of(assign).await);
    assert_eq!(world.must_agree(&token).await.len(), 80);
    assert_eq!(world.apple.requests(&token.uid, "create_users").await, 1);
    world.must_be_clean().await;
}

async fn a_license_for_nobody_is_refused_by_name(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 1, 50, 2).await;
    let token = world.token(&location, "north").await;
    // Known to Apple since the list was read: nobody is refused on an old list.
    world.apple.put_users(&location.uid, &json!([{ "client_user_id": "late" }])).await;
    let holders = ["user-1".to_owned(), "late".to_owned(), "nobody".to_owned()];
    let job = world.submit(&token.assign(&[app(1)], &[], &holders)).await;
    let ended = world.end_of(job).await;
    assert_eq!(
        (&ended["state"], &ended["progress"]["settled"]),
        (&json!("partly_failed"), &json!(2)),
        "{ended}"
    );
    let refused = world.api.list(&format!("/jobs/{job}/changes?state=refused")).await;
    assert_eq!(refused[0]["user"], "nobody", "{refused:?}");
    assert_eq!(refused[0]["error"]["code"], "user_not_registered", "{refused:?}");

    // Registered now, and what was refused is done.
    let body = json!({ "token": token.id, "client_user_id": "nobody" });
    world.must_have_succeeded(&registered(&world, &body).await);
    let _ = world.api.post(&format!("/jobs/{job}/retry"), &json!({})).await.with(202);
    world.must_have_succeeded(&world.end_of(job).await);
    assert_eq!(world.must_agree(&token).await.len(), 3);
    world.must_be_clean().await;
}

async fn users_of_apples_list_are_read_and_what_changed_since(profile: Profile) {
    let world = World::start(Setup::of(profile).apple(|rules| rules.page_size = 50)).await;
    let location = world.apple.location("North", 1, 50, 120).await;
    let token = world.token(&location, "north").await;
    assert_eq!(world.api.list(&format!("/users?token={}", token.id)).await.len(), 120);
    assert_eq!(world.api.list("/users?q=user-11").await.len(), 11);
    assert_eq!(world.apple.requests(&token.uid, "users").await, 3);

    let news = json!([
        { "client_user_id": "user-7", "status": "Retired" },
        { "client_user_id": "new", "status": "Registered", "email": "new@example.org" },
    ]);
    world.apple.put_users(&location.uid, &news).await;
    world.apple.forget().await;
    world.succeed(&json!({ "kind": "sync_token", "token": token.id, "mode": "changes" })).await;
    assert_eq!(the(&world, &token, "user-7").await["status"], "retired");
    let new = the(&world, &token, "new").await;
    assert_eq!((&new["email"], &new["wish"]), (&json!("new@example.org"), &json!("none")), "{new}");
    assert_eq!(world.apple.requests(&token.uid, "users").await, 1, "only what changed is read");
    assert_eq!(world.api.list("/users?status=retired").await.len(), 1);
    world.must_be_clean().await;
}

async fn people_do_all_of_it_on_the_command_line(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 1, 50, 0).await;
    let token = world.token(&location, "north").await;
    let (url, key) = (world.api.url().to_owned(), world.api.key().to_owned());
    let key_file = world.directory().join("story.key");
    std::fs::write(&key_file, key).expect("a file");
    let file = world.directory().join("people.csv");
    std::fs::write(&file, "client_user_id,email\nu1,u1@example.org\nu2,\nno body,\n").expect("a file");
    let run = |arguments: &[&str]| {
        let access = ["--url", &url, "--key-file", key_file.to_str().expect("a path")];
        world.russet(&[arguments, &access].concat())
    };
    let (file, north) = (file.to_str().expect("a path"), token.id.to_string());

    let refused = run(&["user", "import", file, "--token", "north"]);
    assert_eq!(refused.code, Some(4), "{refused:?}");
    assert!(refused.stderr.contains("line 4"), "{refused:?}");
    let taken = run(&["user", "import", file, "--token", "north", "--partial"]);
    assert!(taken.good().contains("succeeded") && taken.stderr.contains("line 4 was left out"), "{taken:?}");
    let made = run(&["user", "add", "--id", "u3", "--token", &north, "--json"]).json();
    assert_eq!(made["jobs"][0]["state"], "succeeded", "{made}");
    let listed = run(&["user", "list", "--token", "north", "--json"]).json();
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(3), "{listed}");
    until(&world, &token, "u1", "registered").await;
    assert!(run(&["user", "invite", "u1"]).good().trim().starts_with("http"));
    assert!(run(&["user", "show", "u1"]).good().contains("u1@example.org"));
    assert!(run(&["user", "retire", "u1"]).good().contains("succeeded"));
    let none = run(&["user", "invite", "u1"]);
    assert_eq!(none.code, Some(1), "{none:?}");
    world.must_be_clean().await;
}
