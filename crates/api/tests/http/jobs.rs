//! Jobs: submitted, listed, cancelled, retried.

use reqwest::Method;
use russet_domain::token::TokenState;
use russet_domain::{ChangeId, Holder, JobId, TokenId};
use russet_store::{assets, changes, jobs, tokens};
use serde_json::{Value, json};

use crate::harness::{NOW, Reply, Server, app, key, reading, send};

fn assign(token: TokenId, devices: &[&str]) -> Value {
    json!({"kind":"assign_license","token":token.0,"assets":[{"adam_id":"500000000"}],"devices":devices})
}

#[tokio::test]
async fn a_job_is_written_down_with_all_its_changes_before_it_is_answered() {
    let server = Server::start().await;
    let token = server.location("Lab", 2).await;
    let body = json!({"kind":"assign_license","token":token.0,
        "assets":[{"adam_id":"500000000"},{"adam_id":"500000001","pricing_param":"STDQ"}],
        "devices":["A","B","A"],"users":["u1"],"priority":"high"});
    let reply = server.post("/api/v1/jobs", &body).await;
    assert_eq!(reply.status, 202, "{}", reply.text);
    assert_eq!(reply.header("location"), format!("/api/v1/jobs/{}", reply.id()));
    let job = &reply.body;
    assert_eq!((&job["kind"], &job["state"]), (&json!("assign_license"), &json!("queued")));
    assert_eq!((&job["progress"]["total"], &job["progress"]["planned"]), (&json!(6), &json!(6)));
    assert_eq!(job["notes"], json!(["1 duplicate serial number was folded."]));
    assert_eq!((&job["priority"], &job["origin"]), (&json!("high"), &json!("api")));
    assert_eq!(server.waiting("apply_changes").await, 1);

    let shown = server.get(reply.header("location")).await;
    assert_eq!(&shown.body, job);
    let listed = server.get(&format!("/api/v1/jobs/{}/changes?state=planned&limit=4", reply.id())).await;
    let items = listed.body["items"].as_array().unwrap();
    assert_eq!(items.len(), 4);
    assert_eq!((&items[0]["action"], &items[0]["error"]), (&json!("assign"), &Value::Null));
    let cursor = listed.body["next_cursor"].as_str().unwrap();
    let rest = server.get(&format!("/api/v1/jobs/{}/changes?cursor={cursor}", reply.id())).await;
    assert_eq!(rest.body["items"].as_array().unwrap().len(), 2);
    let users =
        items.iter().chain(rest.body["items"].as_array().unwrap()).filter(|item| item["user"] == "u1");
    assert_eq!(users.count(), 2);
}

#[tokio::test]
async fn any_set_of_pairs_can_be_asked_for() {
    let server = Server::start().await;
    let token = server.location("Lab", 2).await;
    let body = json!({"kind":"assign_license","token":token.0,"pairs":[
        {"adam_id":"500000000","serial":"A"},{"adam_id":"500000001","user":"u1"},{"adam_id":"500000000","serial":"A"}]});
    let reply = server.post("/api/v1/jobs", &body).await;
    assert_eq!((reply.status, &reply.body["progress"]["total"]), (202, &json!(2)), "{}", reply.text);
    assert_eq!(reply.body["notes"], json!(["1 duplicate pair was folded."]));
}

#[tokio::test]
async fn bad_wishes_are_refused_whole_with_what_is_wrong() {
    let server = Server::start().await;
    let token = server.location("Lab", 1).await;
    let with = |change: &dyn Fn(&mut Value)| {
        let mut body = assign(token, &["A"]);
        change(&mut body);
        body
    };
    let cases: [(&str, Value); 9] = [
        ("unknown_token", with(&|body| body["token"] = json!(4711))),
        ("unknown_asset", with(&|body| body["assets"] = json!([{"adam_id":"500000000"},{"adam_id":"7"}]))),
        ("unknown_asset", with(&|body| body["assets"][0]["pricing_param"] = json!("PLUS"))),
        ("bad_holder", with(&|body| body["devices"] = json!(["A B"]))),
        ("empty_list", with(&|body| body["devices"] = json!([]))),
        ("pairs_or_lists", with(&|body| body["pairs"] = json!([{"adam_id":"500000000","serial":"A"}]))),
        (
            "too_many_pairs",
            with(&|body| {
                body["devices"] = (0..100_001).map(|nth| format!("S{nth}")).collect();
            }),
        ),
        ("invalid_field", with(&|body| body["kind"] = json!("renew_token"))),
        ("invalid_field", with(&|body| body["priority"] = json!("urgent"))),
    ];
    for (code, body) in cases {
        let reply = server.post("/api/v1/jobs", &body).await;
        assert_eq!(reply.problem(), (422, code), "{}", reply.text);
    }
    assert_eq!(server.get("/api/v1/jobs").await.body["items"], json!([]));
    assert_eq!(server.waiting("apply_changes").await, 0);
}

#[tokio::test]
async fn a_token_says_why_it_takes_no_job() {
    let server = Server::start().await;
    let fresh = server.upload("Fresh").await;
    assert_eq!(
        server.post("/api/v1/jobs", &assign(fresh, &["A"])).await.problem(),
        (409, "token_not_synced")
    );
    let revoke = json!({"kind":"revoke_license","token":fresh.0,"devices":["A"]});
    assert_eq!(server.post("/api/v1/jobs", &revoke).await.problem(), (409, "token_not_synced"));
    let token = server.location("Lab", 1).await;
    server.set_state(token, TokenState::AssignedToExternalMdm).await;
    let reply = server.post("/api/v1/jobs", &assign(token, &["A"])).await;
    assert_eq!(reply.problem(), (409, "token_not_usable"));
    assert!(reply.text.contains("Another MDM server has claimed the location"), "{}", reply.text);
    // New ones wait for Apple's verdict.
    server.set_state(token, TokenState::New).await;
    let reply = server.post("/api/v1/jobs", &assign(token, &["A"])).await;
    assert_eq!(reply.status, 202);
    assert!(reply.body["notes"][0].as_str().unwrap().contains("waits until Apple has confirmed it"));
}

#[tokio::test]
async fn pairs_that_a_rule_forbids_are_refused_and_the_rest_goes_on() {
    let server = Server::start().await;
    let token = server.location("Lab", 1).await;
    let mut tx = server.store.begin().await.unwrap();
    let mut only_for_users = app("500000009");
    only_for_users.device_assignable = false;
    assets::upsert_all(&mut tx, token, reading(1), &[only_for_users]).await.unwrap();
    tx.commit().await.unwrap();
    let mut body = assign(token, &["A"]);
    body["assets"] = json!([{"adam_id":"500000000"},{"adam_id":"500000009"}]);
    let reply = server.post("/api/v1/jobs", &body).await;
    assert_eq!(
        (&reply.body["progress"]["planned"], &reply.body["progress"]["refused"]),
        (&json!(1), &json!(1))
    );
    let refused = server.get(&format!("/api/v1/jobs/{}/changes?state=refused", reply.id())).await;
    let error = &refused.body["items"][0]["error"];
    assert_eq!(error["code"], "not_device_assignable");
    assert!(error["detail"].as_str().unwrap().contains("assign it to a user"));
}

#[tokio::test]
async fn a_revoke_that_leaves_one_side_out_means_all_of_it() {
    let server = Server::start().await;
    let token = server.location("Lab", 3).await;
    let device = |serial: &str| Holder::Device(serial.to_owned());
    server
        .hold(
            token,
            &[
                (key("500000000"), device("A")),
                (key("500000001"), device("A")),
                (key("500000000"), device("B")),
                (key("500000001"), Holder::User("u1".into())),
            ],
        )
        .await;
    let revoke = async |body: Value| {
        let mut body = body;
        body["kind"] = json!("revoke_license");
        body["token"] = json!(token.0);
        server.post("/api/v1/jobs", &body).await
    };
    let by_holder = revoke(json!({"devices":["A"]})).await;
    assert_eq!(by_holder.body["progress"]["planned"], json!(2), "{}", by_holder.text);
    let by_asset = revoke(json!({"assets":[{"adam_id":"500000001"}]})).await;
    // One of them is on its way back already; the job follows it.
    assert_eq!(by_asset.body["progress"]["planned"], json!(2), "{}", by_asset.text);
    let nothing = revoke(json!({"users":["u9"]})).await;
    assert_eq!((nothing.status, &nothing.body["state"]), (202, &json!("succeeded")));
    assert!(nothing.body["notes"][0].as_str().unwrap().contains("nothing to take back"));
}

#[tokio::test]
async fn a_revoke_of_everything_takes_what_is_on_its_way_too() {
    let server = Server::start().await;
    let token = server.location("Lab", 2).await;
    server.post("/api/v1/jobs", &assign(token, &["A", "B"])).await;
    // One request is under way to Apple, with one of the two changes.
    server.send_one(token).await;
    let body = json!({"kind":"revoke_license","token":token.0,"devices":["A","B","C"]});
    let reply = server.post("/api/v1/jobs", &body).await;
    let progress = &reply.body["progress"];
    // The one in flight is followed by a revoke; the one not sent is replaced, and nothing is left to be taken back.
    assert_eq!(
        (&progress["total"], &progress["planned"], &progress["settled"]),
        (&json!(2), &json!(1), &json!(1))
    );
}

#[tokio::test]
async fn a_job_sent_again_with_its_key_is_the_same_job() {
    let server = Server::start().await;
    let token = server.location("Lab", 1).await;
    let first = server.post_once("/api/v1/jobs", "order-1", &assign(token, &["A"])).await;
    let again = server.post_once("/api/v1/jobs", "order-1", &assign(token, &["A"])).await;
    assert_eq!((first.status, again.status, first.id()), (202, 202, again.id()));
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(again.header("location"), first.header("location"));
    let other = server.post_once("/api/v1/jobs", "order-1", &assign(token, &["B"])).await;
    assert_eq!(other.problem(), (422, "idempotency_key_reused"));
    let bad = server.post_once("/api/v1/jobs", "order 1", &assign(token, &["A"])).await;
    assert_eq!(bad.problem(), (400, "idempotency_key_invalid"));
    // A refusal is not kept: what was wrong may be put right and sent again.
    assert_eq!(server.post_once("/api/v1/jobs", "order-2", &assign(token, &[])).await.status, 422);
    assert_eq!(server.post_once("/api/v1/jobs", "order-2", &assign(token, &["C"])).await.status, 202);
    assert_eq!(server.get("/api/v1/jobs").await.body["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn the_same_job_sent_many_times_at_once_is_one_job() {
    let server = Server::start().await;
    let token = server.location("Lab", 1).await;
    let body = assign(token, &["A"]);
    let replies =
        futures::future::join_all((0..8).map(|_| server.post_once("/api/v1/jobs", "one", &body))).await;
    let ids: Vec<_> = replies.iter().map(Reply::id).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!(replies.iter().filter(|reply| reply.header("idempotency-replayed").is_empty()).count(), 1);
}

#[tokio::test]
async fn jobs_are_listed_newest_first_by_kind_state_and_token() {
    let server = Server::start().await;
    let (one, two) = (server.location("One", 1).await, server.location("Two", 1).await);
    let first = server.post("/api/v1/jobs", &assign(one, &["A"])).await.id();
    let second =
        server.post("/api/v1/jobs", &json!({"kind":"sync_token","token":two.0,"mode":"changes"})).await;
    assert_eq!(second.body["sync"]["mode"], "changes");
    assert_eq!(server.waiting("sync_token").await, 1);
    let ids = async |query: &str| -> Vec<i64> {
        let reply = server.get(&format!("/api/v1/jobs{query}")).await;
        reply.body["items"].as_array().unwrap().iter().map(|item| item["id"].as_i64().unwrap()).collect()
    };
    assert_eq!(ids("").await, [second.id(), first]);
    assert_eq!(ids("?kind=assign_license").await, [first]);
    assert_eq!(ids(&format!("?token={two}")).await, [second.id()]);
    assert_eq!(ids("?state=running").await, [0; 0]);
    let page = server.get("/api/v1/jobs?limit=1").await;
    let cursor = page.body["next_cursor"].as_str().unwrap();
    assert_eq!(ids(&format!("?limit=1&cursor={cursor}")).await, [first]);
}

#[tokio::test]
async fn a_cancelled_job_withdraws_what_was_not_sent_and_stays_so() {
    let server = Server::start().await;
    let token = server.location("Lab", 1).await;
    let job = server.post("/api/v1/jobs", &assign(token, &["A", "B"])).await.id();
    let path = format!("/api/v1/jobs/{job}/cancel");
    let reply = send(server.request(Method::POST, &path)).await;
    assert_eq!((reply.status, &reply.body["state"]), (200, &json!("cancelled")), "{}", reply.text);
    assert_eq!(reply.body["progress"]["cancelled"], json!(2));
    let again = send(server.request(Method::POST, &path)).await;
    assert_eq!((again.status, &again.body["state"]), (200, &json!("cancelled")));
    let changes = server.get(&format!("/api/v1/jobs/{job}/changes")).await;
    assert_eq!(changes.body["items"][0]["error"]["code"], "withdrawn");
    let reply = server.post(&path, &json!({"force":true})).await;
    assert_eq!(reply.problem(), (422, "unknown_field"));
}

/// Refuses what a job has planned, as a worker without licenses would.
async fn refuse_all(server: &Server, token: TokenId, job: i64) {
    let mut tx = server.store.begin().await.unwrap();
    tokens::lock(&mut tx, token).await.unwrap();
    let planned = changes::list_of_job(&mut tx, JobId(job), None, 1000, None).await.unwrap();
    let codes: Vec<(ChangeId, &str)> =
        planned.iter().map(|change| (change.id, "no_license_available")).collect();
    changes::refuse(&mut tx, token, &codes, NOW).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn what_was_refused_can_be_retried_under_the_same_job() {
    let server = Server::start().await;
    let token = server.location("Lab", 1).await;
    let job = server.post("/api/v1/jobs", &assign(token, &["A", "B"])).await.id();
    let path = format!("/api/v1/jobs/{job}/retry");
    assert_eq!(server.post(&path, &json!({})).await.problem(), (409, "job_still_running"));
    refuse_all(&server, token, job).await;
    let failed = server.get(&format!("/api/v1/jobs/{job}")).await;
    assert_eq!(failed.body["state"], "failed");
    let refused = server.get(&format!("/api/v1/jobs/{job}/changes")).await;
    assert!(refused.body["items"][0]["error"]["detail"].as_str().unwrap().starts_with("No license is free"));
    let retried = server.post_once(&path, "r1", &json!({})).await;
    assert_eq!((retried.status, &retried.body["progress"]["planned"]), (202, &json!(2)), "{}", retried.text);
    assert_eq!(server.post_once(&path, "r1", &json!({})).await.header("idempotency-replayed"), "true");
    let found = jobs::find(&mut server.store.read().await.unwrap(), JobId(job)).await.unwrap().unwrap();
    assert_eq!(found.progress.total(), 2);
    let sync = server.post("/api/v1/jobs", &json!({"kind":"sync_token","token":token.0})).await.id();
    server.end_job(JobId(sync), russet_domain::job::JobState::Failed, Some(("x", "y"))).await;
    assert_eq!(
        server.post(&format!("/api/v1/jobs/{sync}/retry"), &json!({})).await.problem(),
        (409, "nothing_to_retry")
    );
}

#[tokio::test]
async fn assets_and_licenses_are_listed() {
    let server = Server::start().await;
    let token = server.location("Lab", 3).await;
    let mut tx = server.store.begin().await.unwrap();
    let mut free = app("500000007");
    free.supply = russet_domain::asset::Supply::Unlimited;
    assets::upsert_all(&mut tx, token, reading(1), &[free]).await.unwrap();
    tx.commit().await.unwrap();
    let page = server.get(&format!("/api/v1/assets?token={token}&limit=3")).await;
    let cursor = page.body["next_cursor"].as_str().unwrap();
    let rest = server.get(&format!("/api/v1/assets?token={token}&cursor={cursor}")).await;
    let items = |reply: &Reply| reply.body["items"].as_array().unwrap().clone();
    let all = [items(&page), items(&rest)].concat();
    let counts = |adam_id: &str| {
        let asset = all.iter().find(|asset| asset["adam_id"] == adam_id).unwrap();
        ["unlimited", "total", "available"].map(|field| asset[field].clone())
    };
    assert_eq!(all.len(), 4);
    assert_eq!(counts("500000000"), [json!(false), json!(10), json!(10)]);
    assert_eq!(counts("500000007"), [json!(true), Value::Null, Value::Null]);

    let pairs: Vec<_> =
        ["A", "B", "C"].map(|serial| (key("500000000"), Holder::Device(serial.into()))).into();
    server.hold(token, &pairs).await;
    server.hold(token, &[(key("500000001"), Holder::User("A".into()))]).await;
    let count = async |query: &str| {
        server.get(&format!("/api/v1/licenses{query}")).await.body["items"].as_array().unwrap().len()
    };
    assert_eq!(count("").await, 4);
    assert_eq!(count("?serial=A").await, 1);
    assert_eq!(count(&format!("?token={token}&adam_id=500000000")).await, 3);
    assert_eq!(count("?pricing_param=PLUS").await, 0);
    let mut seen = Vec::new();
    let mut path = "/api/v1/licenses?limit=1".to_owned();
    loop {
        let page = server.get(&path).await;
        seen.extend(page.body["items"].as_array().unwrap().clone());
        let Some(cursor) = page.body["next_cursor"].as_str() else { break };
        path = format!("/api/v1/licenses?limit=1&cursor={cursor}");
    }
    assert_eq!(seen.len(), 4);
    let by_user =
        json!({"token":token.0,"adam_id":"500000001","pricing_param":"STDQ","name":null,"user":"A"});
    assert!(seen.contains(&by_user), "{seen:?}");
}
