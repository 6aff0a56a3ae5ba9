//! Assets, assignments and users in pages, with filters, and what came since a version.

use std::collections::BTreeSet;

use crate::support::{Sim, quick};
use reqwest::Method;
use russet_simulator::Rules;
use serde_json::{Value, json};

async fn with_assignments(count: usize, page_size: usize) -> Sim {
    let sim = Sim::start(Rules { page_size, ..quick() }).await;
    let assets = json!({ "assets": [{ "adam_id": "501", "total": 1 }, { "adam_id": "502", "total": 1 }] });
    sim.post("/_sim/locations/{uid}/assets", assets).await;
    sim.post("/_sim/locations/{uid}/assignments", json!({ "generate": { "count": count } })).await;
    sim
}

fn names(page: &Value) -> Vec<String> {
    let list = page["assignments"].as_array().unwrap();
    list.iter()
        .map(|one| {
            let holder = one["serialNumber"].as_str().or(one["clientUserId"].as_str()).unwrap();
            format!("{}/{holder}", one["adamId"].as_str().unwrap())
        })
        .collect()
}

/// Follows `nextPageIndex` to the end.
async fn walk(sim: &Sim, query: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut index = 0;
    loop {
        let (status, page) = sim.get(&format!("assignments?pageIndex={index}{query}")).await;
        assert_eq!(status, 200, "{page}");
        assert_eq!(page["currentPageIndex"], index);
        all.extend(names(&page));
        match page["nextPageIndex"].as_u64() {
            Some(next) => index = next,
            None => return all,
        }
    }
}

async fn disassociate(sim: &Sim, serial: &str) {
    let assets = json!([{ "adamId": "501" }, { "adamId": "502" }]);
    sim.accepted("assets/disassociate", json!({ "assets": assets, "serialNumbers": [serial] })).await;
}

async fn buy_ten(sim: &Sim) {
    sim.post("/_sim/locations/{uid}/assets/buy", json!({ "adam_id": "501", "delta": 10 })).await;
}

async fn associate(sim: &Sim, serial: &str) {
    sim.accepted("assets/associate", json!({ "assets": [{ "adamId": "501" }], "serialNumbers": [serial] }))
        .await;
}

#[tokio::test]
async fn a_walk_sees_everything_once_and_the_pages_add_up() {
    let sim = with_assignments(25, 10).await;
    let (_, first) = sim.get("assignments").await;
    assert_eq!(
        (&first["totalPages"], &first["size"], &first["nextPageIndex"]),
        (&json!(3), &json!(10), &json!(1))
    );
    assert_eq!(first["uId"], sim.uid);
    let all = walk(&sim, "").await;
    assert_eq!(all.len(), 25);
    assert_eq!(all.iter().cloned().collect::<BTreeSet<_>>(), sim.assignments().await.into_iter().collect());
    let (status, answer) = sim.get("assignments?pageIndex=3").await;
    assert_eq!((status, &answer["errorNumber"]), (400, &json!(9650)));
}

#[tokio::test]
async fn what_is_taken_away_during_a_walk_hides_nothing_else() {
    let sim = with_assignments(40, 10).await;
    let (_, first) = sim.get("assignments").await;
    for device in 1..=3 {
        disassociate(&sim, &format!("SIM{device:09}")).await;
    }
    let mut seen: BTreeSet<String> = names(&first).into_iter().collect();
    for index in 1..4 {
        let (_, page) = sim.get(&format!("assignments?pageIndex={index}")).await;
        assert_ne!(page["versionId"], first["versionId"]);
        seen.extend(names(&page));
    }
    let left: BTreeSet<String> = sim.assignments().await.into_iter().collect();
    assert_eq!(left.len(), 34);
    assert!(left.is_subset(&seen));
}

#[tokio::test]
async fn a_new_walk_after_a_great_revoke_has_no_empty_pages() {
    let sim = with_assignments(40, 10).await;
    for device in 1..=15 {
        disassociate(&sim, &format!("SIM{device:09}")).await;
    }
    let (_, page) = sim.get("assignments").await;
    assert_eq!((&page["totalPages"], &page["size"]), (&json!(1), &json!(10)));
    assert_eq!(walk(&sim, "&adamId=501").await.len(), 5);
}

#[tokio::test]
async fn a_delta_shows_what_came_in_pages_and_not_what_went() {
    let sim = with_assignments(10, 2).await;
    buy_ten(&sim).await;
    let since = sim.get("assignments").await.1["versionId"].as_str().unwrap().to_owned();
    for serial in ["NEW1", "NEW2", "NEW3", "GONE"] {
        associate(&sim, serial).await;
    }
    disassociate(&sim, "SIM000000001").await;
    disassociate(&sim, "GONE").await;
    let delta = walk(&sim, &format!("&sinceVersionId={since}")).await;
    assert_eq!(delta, ["501/NEW1", "501/NEW2", "501/NEW3"]);
    let (_, page) = sim.get(&format!("assignments?sinceVersionId={since}")).await;
    assert_ne!(page["versionId"], since);
}

#[tokio::test]
async fn a_delta_still_works_after_the_list_was_put_in_order() {
    let sim = with_assignments(40, 10).await;
    buy_ten(&sim).await;
    let since = sim.get("assignments").await.1["versionId"].as_str().unwrap().to_owned();
    associate(&sim, "NEW1").await;
    for device in 1..=15 {
        disassociate(&sim, &format!("SIM{device:09}")).await;
    }
    sim.get("assignments").await;
    assert_eq!(walk(&sim, &format!("&sinceVersionId={since}")).await, ["501/NEW1"]);
}

#[tokio::test]
async fn an_empty_delta_is_no_error_and_keeps_the_version() {
    let sim = with_assignments(10, 100).await;
    let since = sim.get("assignments").await.1["versionId"].as_str().unwrap().to_owned();
    let (status, page) = sim.get(&format!("assignments?sinceVersionId={since}")).await;
    assert_eq!((status, &page["size"]), (200, &json!(0)));
    assert_eq!(page["versionId"], since);
}

#[tokio::test]
async fn a_version_that_was_never_given_out_is_9721() {
    let sim = with_assignments(10, 100).await;
    let of_assets = sim.get("assets").await.1["versionId"].as_str().unwrap().to_owned();
    for version in ["nonsense", "5d0c7a5e-1111-4222-8333-944455566677", &of_assets] {
        let (status, answer) = sim.get(&format!("assignments?sinceVersionId={version}")).await;
        assert_eq!((status, &answer["errorNumber"]), (400, &json!(9721)), "{version}");
    }
}

#[tokio::test]
async fn assignments_can_be_asked_for_by_asset_device_and_user() {
    let sim = with_assignments(20, 4).await;
    sim.post("/_sim/locations/{uid}/users", json!({ "users": [{ "client_user_id": "ann" }] })).await;
    sim.post("/_sim/locations/{uid}/assets/buy", json!({ "adam_id": "502", "delta": 5 })).await;
    let one = json!({ "assignments": [{ "adam_id": "502", "user": "ann" }] });
    sim.post("/_sim/locations/{uid}/assignments", one).await;
    assert_eq!(walk(&sim, "&adamId=502").await.len(), 11);
    assert_eq!(walk(&sim, "&adamId=502&pricingParam=PLUS").await.len(), 0);
    assert_eq!(walk(&sim, "&clientUserId=ann").await, ["502/ann"]);
    assert_eq!(walk(&sim, "&serialNumber=SIM000000002").await, ["501/SIM000000002", "502/SIM000000002"]);
    assert_eq!(walk(&sim, "&serialNumber=SIM000000002&adamId=501").await, ["501/SIM000000002"]);
    assert!(walk(&sim, "&serialNumber=NOBODY").await.is_empty());
    let (_, page) = sim.get("assignments?clientUserId=ann&includeUserState=true").await;
    assert_eq!(page["assignments"][0]["userStatus"], "Associated");
    assert!(page["assignments"][0]["idHash"].is_string());
}

#[tokio::test]
async fn the_version_moves_during_a_walk_when_the_settings_say_so() {
    let sim = with_assignments(40, 10).await;
    sim.patch_settings(json!({ "version_moves_every_pages": 2 })).await;
    let (_, first) = sim.get("assignments").await;
    let (_, second) = sim.get("assignments?pageIndex=1").await;
    let (_, third) = sim.get("assignments?pageIndex=2").await;
    assert_ne!(first["versionId"], second["versionId"]);
    assert_eq!(second["versionId"], third["versionId"]);
}

#[tokio::test]
async fn assets_are_filtered_and_counted_as_apple_does() {
    let sim = Sim::start(quick()).await;
    let assets = json!({ "assets": [
        { "adam_id": "501", "total": 10 }, { "adam_id": "501", "pricing_param": "PLUS", "total": 3 },
        { "adam_id": "502", "unlimited": true }, { "adam_id": "601", "product_type": "Book", "total": 5 },
        { "adam_id": "503", "total": 0, "device_assignable": false, "supported_platforms": ["macOS"] },
    ] });
    sim.post("/_sim/locations/{uid}/assets", assets).await;
    let count = async |query: &str| sim.get(&format!("assets?{query}")).await.1["size"].as_u64().unwrap();
    assert_eq!(count("").await, 5);
    assert_eq!(count("productType=Book").await, 1);
    assert_eq!(count("pricingParam=PLUS").await, 1);
    assert_eq!(count("adamId=501").await, 2);
    assert_eq!(count("revocable=false").await, 1);
    assert_eq!(count("deviceAssignable=true").await, 3);
    assert_eq!(count("minAvailableCount=5&maxAvailableCount=10").await, 2);
    assert_eq!(count("minAssignedCount=1").await, 0);
    assert_eq!(count("unlimited=false").await, 4);
    let (_, free) = sim.get("assets?unlimited=true").await;
    assert_eq!(free["assets"], json!([]));
    assert_eq!(free["unlimitedAssets"][0]["adamId"], "502");
    assert_eq!(free["unlimitedAssets"][0].get("totalCount"), None);
    let (_, all) = sim.get("assets?adamId=502").await;
    assert_eq!(all["assets"][0]["totalCount"], 2_147_483_647_i64);
    let (_, book) = sim.get("assets?adamId=601").await;
    assert_eq!(
        (&book["assets"][0]["revocable"], &book["assets"][0]["deviceAssignable"]),
        (&json!(false), &json!(false))
    );
    assert_eq!(sim.get("assets?revocable=perhaps").await.1["errorNumber"], 9602);
}

#[tokio::test]
async fn the_version_of_the_assets_moves_with_counts_and_purchases() {
    let sim = with_assignments(2, 10).await;
    let version = async || sim.get("assets").await.1["versionId"].clone();
    let first = version().await;
    assert_eq!(version().await, first);
    sim.post("/_sim/locations/{uid}/assets/buy", json!({ "adam_id": "501", "delta": 5 })).await;
    let second = version().await;
    assert_ne!(second, first);
    associate(&sim, "NEW1").await;
    assert_ne!(version().await, second);
}

#[tokio::test]
async fn users_are_filtered_and_their_changes_show_since_a_version() {
    let sim = Sim::start(Rules { page_size: 2, ..quick() }).await;
    sim.post("/_sim/locations/{uid}/users", json!({ "generate": { "count": 3, "prefix": "u" } })).await;
    let (_, first) = sim.get("users").await;
    assert_eq!((&first["size"], &first["totalPages"]), (&json!(2), &json!(2)));
    let since = first["versionId"].as_str().unwrap().to_owned();
    let changed = json!({ "users": [{ "client_user_id": "u2", "status": "Retired" }, { "client_user_id": "v", "status": "Registered" }] });
    sim.post("/_sim/locations/{uid}/users", changed).await;
    let (_, delta) = sim.get(&format!("users?sinceVersionId={since}")).await;
    assert_eq!(delta["users"][0]["clientUserId"], "u2");
    assert_eq!(delta["users"][1]["status"], "Registered");
    assert!(delta["users"][1]["inviteCode"].is_string());
    assert_eq!(sim.get("users?retiredOnly=true").await.1["size"], 1);
    assert_eq!(sim.get("users?clientUserId=u1").await.1["size"], 1);
    assert_eq!(sim.get("users?activeOnly=true").await.1["totalPages"], 2);
    assert_eq!(sim.get("users?sinceVersionId=x").await.1["errorNumber"], 9721);
}

#[tokio::test]
async fn what_is_done_in_the_portal_shows_and_cannot_go_beyond_the_counts() {
    let sim = with_assignments(2, 10).await;
    let one = json!({ "assignments": [{ "adam_id": "501", "serial": "A" }] });
    let path = "/_sim/locations/{uid}/assignments";
    let (status, answer) = sim.try_control(Method::POST, path, Some(one.clone())).await;
    assert_eq!(status, 409, "{answer}");
    sim.post("/_sim/locations/{uid}/assets/buy", json!({ "adam_id": "501", "delta": 1 })).await;
    sim.post(path, one.clone()).await;
    assert_eq!(sim.assignments().await, ["501/A", "501/SIM000000001", "502/SIM000000001"]);
    let removed = sim.control(Method::DELETE, path, Some(one)).await;
    assert_eq!(removed["removed"], 1);
    assert_eq!(sim.asset("501").await["available"], 1);
}
