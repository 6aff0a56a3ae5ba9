//! Creating, updating and retiring users, their invitations, and what becomes of their licenses.

use crate::support::{Receiver, Sim, quick};
use reqwest::Method;
use serde_json::{Value, json};

const ALL_TYPES: &[&str] = &["USER_MANAGEMENT", "USER_ASSOCIATED"];

async fn with_assets() -> Sim {
    let sim = Sim::start(quick()).await;
    let assets = json!({ "assets": [
        { "adam_id": "501", "total": 10 }, { "adam_id": "601", "product_type": "Book", "total": 10 },
    ] });
    sim.post("/_sim/locations/{uid}/assets", assets).await;
    sim
}

fn users(ids: &[&str]) -> Value {
    let list: Vec<Value> = ids.iter().map(|id| json!({ "clientUserId": id })).collect();
    json!({ "users": list })
}

/// Creates one user and fails when that does.
async fn create(sim: &Sim, user: Value) {
    let event = sim.accepted("users/create", json!({ "users": [user] })).await;
    let status = sim.status(&event).await;
    assert_eq!(status["eventStatus"], "COMPLETE", "{status}");
}

/// The error number of a request for one user that fails.
async fn refused(sim: &Sim, path: &str, user: Value) -> Value {
    let event = sim.accepted(path, json!({ "users": [user] })).await;
    let status = sim.status(&event).await;
    assert_eq!(status["eventStatus"], "FAILED", "{status}");
    status["failures"][0]["errorNumber"].clone()
}

async fn records(sim: &Sim, query: &str) -> Vec<Value> {
    let (status, page) = sim.get(&format!("users?{query}")).await;
    assert_eq!(status, 200, "{page}");
    page["users"].as_array().unwrap().clone()
}

async fn assign(sim: &Sim, user: &str) {
    let body = json!({ "assets": [{ "adamId": "501" }, { "adamId": "601" }], "clientUserIds": [user] });
    let event = sim.accepted("assets/associate", body).await;
    assert_eq!(sim.status(&event).await["eventStatus"], "COMPLETE");
}

async fn accept(sim: &Sim, user: &str, account: &str) -> (u16, Value) {
    let body = json!({ "client_user_id": user, "apple_account": account });
    sim.try_control(Method::POST, "/_sim/locations/{uid}/users/accept", Some(body)).await
}

async fn subscribe(sim: &Sim) -> Receiver {
    let receiver = Receiver::start().await;
    let body = json!({
        "notificationUrl": receiver.url, "notificationAuthToken": "s", "notificationTypes": ALL_TYPES,
    });
    assert_eq!(sim.write("client/config", body).await.0, 200);
    receiver
}

#[tokio::test]
async fn a_created_user_is_registered_and_has_an_invitation() {
    let sim = with_assets().await;
    let body = json!({ "users": [{ "clientUserId": "ann", "email": "ann@school.example" }, { "clientUserId": "bob" }] });
    let event = sim.accepted("users/create", body).await;
    let status = sim.status(&event).await;
    assert_eq!((&status["eventType"], &status["eventStatus"]), (&json!("CREATE"), &json!("COMPLETE")));
    assert_eq!((&status["numRequested"], &status["numCompleted"]), (&json!(2), &json!(2)));
    let found = records(&sim, "").await;
    assert_eq!(
        (&found[0]["status"], &found[0]["email"]),
        (&json!("Registered"), &json!("ann@school.example"))
    );
    assert_eq!(found[0]["inviteCode"].as_str().unwrap().len(), 32);
    assert_ne!(found[0]["inviteCode"], found[1]["inviteCode"]);
    assert_eq!(found[0].get("idHash"), None);
    assert_eq!(sim.ledger().await["users"]["created"], 2);
}

#[tokio::test]
async fn a_managed_account_of_the_organization_associates_at_once_and_another_cannot() {
    let sim = with_assets().await;
    sim.patch_settings(json!({ "managed_domains": ["school.example"] })).await;
    create(&sim, json!({ "clientUserId": "ann", "managedAppleId": "Ann@School.example" })).await;
    let found = records(&sim, "clientUserId=ann").await;
    assert_eq!(found[0]["status"], "Associated");
    assert_eq!(found[0]["idHash"].as_str().unwrap().len(), 28);
    assert_eq!(found[0].get("inviteCode"), None);
    let foreign = json!({ "clientUserId": "bob", "managedAppleId": "bob@elsewhere.example" });
    assert_eq!(refused(&sim, "users/create", foreign).await, 9635);
    let second = json!({ "clientUserId": "cid", "managedAppleId": "ann@school.example" });
    assert_eq!(refused(&sim, "users/create", second).await, 9641);
    assert_eq!(records(&sim, "").await.len(), 1, "those who were refused are not there");
}

#[tokio::test]
async fn bad_lists_of_users_are_refused_whole_with_their_number_and_counted() {
    let sim = with_assets().await;
    sim.patch_settings(json!({ "limits": { "max_users": 2 } })).await;
    let cases = [
        (9720, json!({})),
        (9720, json!({ "users": [] })),
        (9714, users(&["a", "b", "c"])),
        (9715, users(&["a", "a"])),
        (9717, json!({ "users": [{ "clientUserId": "a", "email": "nobody" }] })),
        (9602, json!({ "users": [{ "email": "a@b.example" }] })),
        (9602, json!({ "users": "a" })),
    ];
    for path in ["users/create", "users/update", "users/retire"] {
        for (number, body) in &cases {
            let (status, answer) = sim.write(path, body.clone()).await;
            assert_eq!((status, &answer["errorNumber"]), (400, &json!(number)), "{path}: {body}");
        }
    }
    let (_, answer) = sim.write("users/create", users(&["a", "a"])).await;
    assert_eq!(answer["errorInfo"]["clientUserIds"], json!(["a"]));
    let violations = sim.ledger().await["violations"].clone();
    assert_eq!((&violations["list_too_long"], &violations["duplicates"]), (&json!(3), &json!(4)));
    assert!(records(&sim, "").await.is_empty());
}

#[tokio::test]
async fn users_that_are_there_already_fail_and_the_others_do_not() {
    let sim = with_assets().await;
    create(&sim, json!({ "clientUserId": "ann" })).await;
    let event = sim.accepted("users/create", users(&["ann", "bob"])).await;
    let status = sim.status(&event).await;
    assert_eq!((&status["eventStatus"], &status["numCompleted"]), (&json!("FAILED"), &json!(1)));
    let failures = status["failures"].as_array().unwrap();
    assert_eq!(failures.len(), 1);
    assert_eq!(failures[0]["errorNumber"], 9716);
    assert_eq!(failures[0]["errorInfo"], json!({ "clientUserIds": ["ann"] }));
    assert_eq!(records(&sim, "activeOnly=true").await.len(), 2);
}

#[tokio::test]
async fn an_update_changes_what_it_names_and_fails_for_whom_is_not_there() {
    let sim = with_assets().await;
    create(&sim, json!({ "clientUserId": "ann", "email": "a@old.example" })).await;
    let code = records(&sim, "").await[0]["inviteCode"].clone();
    let changed = json!({ "users": [{ "clientUserId": "ann", "email": "a@new.example" }] });
    let event = sim.accepted("users/update", changed).await;
    assert_eq!(sim.status(&event).await["eventType"], "UPDATE");
    let found = records(&sim, "").await;
    assert_eq!((&found[0]["email"], &found[0]["inviteCode"]), (&json!("a@new.example"), &code));
    let managed = json!({ "users": [{ "clientUserId": "ann", "managedAppleId": "ann@school.example" }] });
    sim.accepted("users/update", managed).await;
    let found = records(&sim, "").await;
    assert_eq!((&found[0]["status"], &found[0]["email"]), (&json!("Associated"), &json!("a@new.example")));
    let other = json!({ "clientUserId": "ann", "managedAppleId": "other@school.example" });
    assert_eq!(refused(&sim, "users/update", other).await, 9635);
    assert_eq!(refused(&sim, "users/update", json!({ "clientUserId": "nobody" })).await, 9609);
    assert_eq!(sim.ledger().await["users"]["updated"], 2);
}

#[tokio::test]
async fn retiring_frees_apps_counts_books_as_retired_and_works_once() {
    let sim = with_assets().await;
    create(&sim, json!({ "clientUserId": "ann" })).await;
    assign(&sim, "ann").await;
    let event = sim.accepted("users/retire", users(&["ann"])).await;
    assert_eq!(sim.status(&event).await["eventType"], "RETIRE");
    assert_eq!(sim.asset("501").await["available"], 10);
    let book = sim.asset("601").await;
    assert_eq!((&book["assigned"], &book["retired"], &book["available"]), (&json!(0), &json!(1), &json!(9)));
    assert_eq!(sim.ledger().await["licenses_moved"]["disassociated"], 1);
    assert_eq!(refused(&sim, "users/retire", json!({ "clientUserId": "ann" })).await, 9618);
    assert_eq!(refused(&sim, "users/retire", json!({ "clientUserId": "nobody" })).await, 9609);
    assert_eq!(refused(&sim, "users/update", json!({ "clientUserId": "ann" })).await, 9609);
    let body = json!({ "assets": [{ "adamId": "501" }], "clientUserIds": ["ann", "nobody"] });
    let event = sim.accepted("assets/associate", body).await;
    assert_eq!(sim.status(&event).await["failures"][0]["errorNumber"], 9609);
}

#[tokio::test]
async fn one_who_never_had_an_account_comes_back_as_the_same_record() {
    let sim = with_assets().await;
    create(&sim, json!({ "clientUserId": "ann" })).await;
    sim.accepted("users/retire", users(&["ann"])).await;
    create(&sim, json!({ "clientUserId": "ann" })).await;
    let found = records(&sim, "clientUserId=ann").await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["status"], "Registered");
}

#[tokio::test]
async fn one_who_had_an_account_gets_another_record_and_the_books_with_the_same_account() {
    let sim = with_assets().await;
    create(&sim, json!({ "clientUserId": "ann" })).await;
    assert_eq!(accept(&sim, "ann", "ann@example.org").await.0, 200);
    assign(&sim, "ann").await;
    sim.accepted("users/retire", users(&["ann"])).await;
    let (_, before) = sim.get("users").await;
    let since = before["versionId"].as_str().unwrap();
    create(&sim, json!({ "clientUserId": "ann" })).await;

    let states = async |query: &str| -> Vec<String> {
        let found = records(&sim, query).await;
        found.iter().map(|user| user["status"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(states("clientUserId=ann").await, ["Retired", "Registered"]);
    assert_eq!(states("activeOnly=true").await, ["Registered"]);
    assert_eq!(states("retiredOnly=true").await, ["Retired"]);
    assert_eq!(states(&format!("sinceVersionId={since}")).await, ["Registered"]);
    assert_eq!(sim.asset("601").await["retired"], 1, "the book is still the retired one's");
    let (_, held) = sim.get("assignments?clientUserId=ann&includeUserState=true").await;
    assert_eq!((&held["size"], &held["assignments"][0]["userStatus"]), (&json!(1), &json!("Retired")));

    assert_eq!(accept(&sim, "ann", "ann@example.org").await.0, 200);
    let book = sim.asset("601").await;
    assert_eq!((&book["assigned"], &book["retired"]), (&json!(1), &json!(0)));
    assert_eq!(states("clientUserId=ann").await, ["Deleted", "Associated"]);
    assert_eq!(states(&format!("sinceVersionId={since}")).await.len(), 2);
    assert_eq!(sim.assignments().await, ["601/ann"]);
}

#[tokio::test]
async fn an_accepted_invitation_is_told_and_the_account_is_no_other_users() {
    let sim = with_assets().await;
    let receiver = subscribe(&sim).await;
    sim.accepted("users/create", users(&["ann", "bob"])).await;
    receiver.wait_for(2).await;
    let code = records(&sim, "clientUserId=ann").await[0]["inviteCode"].clone();
    assert_eq!(accept(&sim, "ann", "one@example.org").await.0, 200);
    let bodies = receiver.wait_for(3).await;
    assert_eq!(bodies[2]["notificationType"], "USER_ASSOCIATED");
    let told = &bodies[2]["notification"];
    assert_eq!(told.get("eventId"), None);
    let user = &told["associatedUsers"][0];
    assert_eq!((&user["status"], &user["inviteCode"]), (&json!("Associated"), &code));
    assert!(user["idHash"].is_string());
    assert_eq!(records(&sim, "clientUserId=ann").await[0].get("inviteCode"), None);

    let (status, answer) = accept(&sim, "bob", "ONE@example.org").await;
    assert_eq!((status, &answer["error_number"]), (409, &json!(9641)));
    let (status, _) = accept(&sim, "ann", "two@example.org").await;
    assert_eq!(status, 409, "it was accepted already");
    let (status, _) = accept(&sim, "nobody", "two@example.org").await;
    assert_eq!(status, 404);
    sim.accepted("users/retire", users(&["ann"])).await;
    assert_eq!(accept(&sim, "bob", "one@example.org").await.0, 200, "a retired user's account is free");
    assert_eq!(sim.ledger().await["users"]["associated"], 2);
}

#[tokio::test]
async fn the_link_of_an_invitation_leads_to_a_page_where_it_is_accepted() {
    let sim = with_assets().await;
    create(&sim, json!({ "clientUserId": "ann" })).await;
    let code = records(&sim, "").await[0]["inviteCode"].as_str().unwrap().to_owned();
    let (_, config) = sim.get("service/config").await;
    let template = config["urls"]["invitationEmail"].as_str().unwrap();
    assert!(template.contains("inviteCode=%25inviteCode%25&mt=8"), "{template}");
    let link = template.replace("%25inviteCode%25", &code);
    let page = sim.client.get(&link).send().await.unwrap();
    assert_eq!(page.status(), 200);
    assert!(page.text().await.unwrap().contains("Test School"));
    let url = link.split('?').next().unwrap();
    let form = format!("inviteCode={code}&appleAccount=ann%40example.org");
    let post = sim.client.post(url).header("content-type", "application/x-www-form-urlencoded").body(form);
    assert_eq!(post.send().await.unwrap().status(), 200);
    assert_eq!(records(&sim, "").await[0]["status"], "Associated");
    assert_eq!(sim.client.get(&link).send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn changed_users_are_told_in_parts_of_a_hundred_success_and_failure_apart() {
    let sim = with_assets().await;
    sim.patch_settings(json!({ "limits": { "max_users": 500 } })).await;
    let receiver = subscribe(&sim).await;
    create(&sim, json!({ "clientUserId": "u0001" })).await;
    receiver.wait_for(2).await;
    let ids: Vec<String> = (1..=151).map(|number| format!("u{number:04}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let event = sim.accepted("users/create", users(&ids)).await;
    let bodies = receiver.wait_for(5).await;
    let mut parts: Vec<(&str, usize)> = Vec::new();
    for body in &bodies[2..] {
        let told = &body["notification"];
        assert_eq!((&body["notificationType"], &told["type"]), (&json!("USER_MANAGEMENT"), &json!("CREATE")));
        assert_eq!(told["eventId"], event);
        let list = told["users"].as_array().unwrap();
        parts.push((told["result"].as_str().unwrap(), list.len()));
        let is_success = told["result"] == "SUCCESS";
        assert_eq!(list[0]["inviteCode"].is_string(), is_success);
        assert_eq!(told["error"]["errorNumber"] == 9716, !is_success);
    }
    parts.sort_unstable();
    assert_eq!(parts, [("FAILURE", 1), ("SUCCESS", 50), ("SUCCESS", 100)]);
}

#[tokio::test]
async fn a_user_is_told_of_as_it_was_when_the_event_ended() {
    let sim = with_assets().await;
    let receiver = subscribe(&sim).await;
    sim.fault(
        json!({ "on": { "endpoint": "notifications" }, "what": { "kind": "late", "ms": 300 }, "times": 1 }),
    )
    .await;
    create(&sim, json!({ "clientUserId": "ann" })).await;
    sim.accepted("users/retire", users(&["ann"])).await;
    let bodies = receiver.wait_for(3).await;
    let states: Vec<(&Value, &Value)> = bodies[1..]
        .iter()
        .map(|body| (&body["notification"]["type"], &body["notification"]["users"][0]["status"]))
        .collect();
    assert_eq!(states, [(&json!("RETIRE"), &json!("Retired")), (&json!("CREATE"), &json!("Registered"))]);
}

#[tokio::test]
async fn writes_of_users_go_wrong_on_command_as_those_of_licenses_do() {
    let sim = with_assets().await;
    let fault = async |endpoint: &str, what: Value| {
        sim.fault(json!({ "on": { "endpoint": endpoint }, "what": what, "times": 1 })).await
    };
    fault("create_users", json!({ "kind": "reset_after" })).await;
    assert!(sim.apple_post("users/create", &users(&["ann"])).send().await.is_err());
    assert_eq!(records(&sim, "").await.len(), 1, "the answer was lost, not the work");

    let spoil = json!({ "kind": "event_fails_in_part", "fraction": 0.5, "error_number": 9644 });
    fault("create_users", spoil).await;
    let event = sim.accepted("users/create", users(&["b", "c", "d", "e"])).await;
    let status = sim.status(&event).await;
    assert_eq!((&status["numRequested"], &status["numCompleted"]), (&json!(4), &json!(2)));
    assert_eq!(status["failures"][0]["errorInfo"]["clientUserIds"], json!(["c", "e"]));

    let id = fault("retire_users", json!({ "kind": "event_pending" })).await;
    let event = sim.accepted("users/retire", users(&["ann"])).await;
    assert_eq!(sim.status(&event).await["eventStatus"], "PENDING");
    sim.control(Method::DELETE, &format!("/_sim/faults/{id}"), None).await;
    assert_eq!(sim.status(&event).await["eventStatus"], "COMPLETE");

    fault("update_users", json!({ "kind": "status", "status": 503, "error_number": 9729 })).await;
    let (status, _) = sim.write("users/update", users(&["b"])).await;
    assert_eq!(status, 503);
    fault("any_write", json!({ "kind": "event_fails", "error_number": 9603 })).await;
    assert_eq!(refused(&sim, "users/update", json!({ "clientUserId": "b" })).await, 9603);
}

#[tokio::test]
async fn a_license_that_waits_for_its_event_goes_to_the_record_that_is_there_then() {
    let sim = with_assets().await;
    create(&sim, json!({ "clientUserId": "ann", "managedAppleId": "ann@school.example" })).await;
    let held = json!({ "on": { "endpoint": "associate" }, "what": { "kind": "event_pending" }, "times": 1 });
    let fault = sim.fault(held).await;
    let body = json!({ "assets": [{ "adamId": "501" }], "clientUserIds": ["ann"] });
    let event = sim.accepted("assets/associate", body).await;
    sim.accepted("users/retire", users(&["ann"])).await;
    create(&sim, json!({ "clientUserId": "ann" })).await;
    sim.control(Method::DELETE, &format!("/_sim/faults/{fault}"), None).await;
    assert_eq!(sim.status(&event).await["eventStatus"], "COMPLETE");
    assert_eq!(sim.get("assignments?excludeInactiveUsers=true").await.1["size"], 1);
}

#[tokio::test]
async fn the_same_account_has_the_same_hash_in_two_locations() {
    let mut sim = with_assets().await;
    let mut hashes = Vec::new();
    for account in ["one@example.org", "one@example.org", "two@example.org"] {
        create(&sim, json!({ "clientUserId": "ann", "managedAppleId": account })).await;
        hashes.push(records(&sim, "").await[0]["idHash"].clone());
        let made = sim.post("/_sim/locations", json!({ "name": "Another School" })).await;
        sim.uid = made["uid"].as_str().unwrap().to_owned();
        sim.token = made["token"]["content"].as_str().unwrap().to_owned();
    }
    assert_eq!(hashes[0], hashes[1]);
    assert_ne!(hashes[0], hashes[2]);
}

#[tokio::test]
async fn users_can_be_put_in_place_with_accounts_and_all_accept_at_once() {
    let sim = with_assets().await;
    let three = json!({ "generate": { "count": 120, "prefix": "u", "status": "Registered" } });
    sim.post("/_sim/locations/{uid}/users", three).await;
    let receiver = subscribe(&sim).await;
    let answer = sim.post("/_sim/locations/{uid}/users/accept", json!({ "everybody": true })).await;
    assert_eq!(answer["users"].as_array().unwrap().len(), 120);
    receiver.wait_for(3).await;
    let put = |id: &str| json!({ "users": [{ "client_user_id": id, "apple_account": "x@example.org", "email": "x@e.example" }] });
    sim.post("/_sim/locations/{uid}/users", put("ann")).await;
    let (status, answer) =
        sim.try_control(Method::POST, "/_sim/locations/{uid}/users", Some(put("bob"))).await;
    assert_eq!((status, &answer["error_number"]), (409, &json!(9641)));
    let all = sim.control(Method::GET, "/_sim/locations/{uid}/users", None).await;
    let last = all["users"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&last["client_user_id"], &last["email"]), (&json!("ann"), &json!("x@e.example")));
    assert_eq!(last["status"], "Associated");
}
