//! What a person does with tokens, licenses and jobs.

use serde_json::json;

use crate::setup::Machine;

#[tokio::test]
async fn serve_in_one_terminal_and_token_add_in_another_work_without_a_setting() {
    let machine = Machine::new().await;
    let file = machine.token_file("my.vpptoken").await;
    let _server = machine.serve().await;

    let added = machine.run(&["token", "add", &file, "--consent"]).await;
    assert!(added.with(0).contains("valid: "), "{}", added.out);
    assert!(added.out.contains("(sync_token) succeeded"), "{}", added.out);
    let listed = machine.run(&["token", "list"]).await;
    assert!(listed.with(0).contains("Example School"), "{}", listed.out);
    let shown = machine.run(&["token", "show", "my", "--json"]).await.json();
    assert_eq!((&shown["id"], &shown["state"]), (&json!(1), &json!("valid")));
}

#[tokio::test]
async fn without_consent_nothing_is_uploaded() {
    let machine = Machine::new().await;
    let file = machine.token_file("my.vpptoken").await;
    let _server = machine.serve().await;

    let refused = machine.run(&["token", "add", &file]).await;
    refused.with(2);
    for thing in ["generated id", "location token", "Managed Apple ID", "serial numbers"] {
        assert!(refused.err.contains(thing), "{}", refused.err);
    }
    assert_eq!(machine.run(&["token", "list", "--json"]).await.json(), json!({ "items": [] }));
}

#[tokio::test]
async fn licenses_are_assigned_and_revoked_by_option_and_by_file() {
    let machine = Machine::new().await;
    let file = machine.token_file("my.vpptoken").await;
    let _server = machine.serve().await;
    machine.run(&["token", "add", &file, "--consent"]).await.with(0);

    let apps = [
        "assign",
        "--token",
        "my",
        "--app",
        "500000001,500000002",
        "--serial",
        "S1",
        "S2",
        "--user",
        "user-1",
    ];
    let assigned = machine.run(&apps).await;
    assert!(assigned.with(0).contains("succeeded: 6 settled"), "{}", assigned.out);

    let pairs = machine.file("pairs.csv", "adam_id,serial,user\n500000001,S3,\n500000002,,user-2\n");
    let job = machine.run(&["assign", "--token", "1", "--pairs", &pairs, "--json"]).await;
    job.with(0);
    assert_eq!(job.json()["progress"]["settled"], 2);

    let revoked = machine.run(&["revoke", "--token", "my", "--serial", "S1"]).await;
    assert!(revoked.with(0).contains("succeeded: 2 settled"), "{}", revoked.out);
    let jobs = machine.run(&["job", "list", "--kind", "assign_license", "--json"]).await.json();
    assert_eq!(jobs["items"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn what_apple_refuses_is_listed_and_makes_exit_code_1() {
    let machine = Machine::new().await;
    let file = machine.token_file("my.vpptoken").await;
    let _server = machine.serve().await;
    machine.run(&["token", "add", &file, "--consent"]).await.with(0);

    let assign = ["assign", "--token", "my", "--app", "500000001", "--user", "user-1", "nobody"];
    let assigned = machine.run(&assign).await;
    assigned.with(1);
    assert!(assigned.out.contains("1 settled, 1 refused"), "{}", assigned.out);
    assert!(
        assigned.out.contains("nobody") && assigned.out.contains("user_not_registered"),
        "{}",
        assigned.out
    );

    let job =
        machine.run(&["job", "list", "--kind", "assign_license", "--json"]).await.json()["items"][0]["id"]
            .clone();
    let id = job.to_string();
    let shown = machine.run(&["job", "show", &id, "--changes", "refused", "--json"]).await.json();
    assert_eq!(shown["changes"].as_array().map(Vec::len), Some(1));
    machine.run(&["job", "watch", &id]).await.with(1);
    machine.run(&["job", "retry", &id]).await.with(1);
    machine.run(&["job", "cancel", &id]).await.with(0);
}

#[tokio::test]
async fn a_faulty_file_is_refused_by_its_lines_before_anything_is_sent() {
    let machine = Machine::new().await;
    let file = machine.token_file("my.vpptoken").await;
    let _server = machine.serve().await;
    machine.run(&["token", "add", &file, "--consent"]).await.with(0);

    let pairs = machine.file("pairs.csv", "adam_id,serial,user\n500000001,S3,user-1\n,S4,\n");
    let refused = machine.run(&["assign", "--token", "my", "--pairs", &pairs]).await;
    refused.with(2);
    assert!(refused.err.contains("line 2: has a serial and a user"), "{}", refused.err);
    assert!(refused.err.contains("line 3: lacks an adam_id"), "{}", refused.err);
}

#[tokio::test]
async fn exit_codes_tell_usage_from_unreachable_from_refused() {
    let machine = Machine::new().await;
    machine.run(&["assign", "--token", "my"]).await.with(2);
    machine.run(&["assign", "--tokn", "my"]).await.with(2);
    let nowhere = machine.run(&["token", "list"]).await;
    nowhere.with(2);
    assert!(nowhere.err.contains("russet serve"), "{}", nowhere.err);

    let _server = machine.serve().await;
    let unreachable = machine.run(&["token", "list", "--url", "http://127.0.0.1:1"]).await;
    unreachable.with(3);
    assert!(
        unreachable.err.contains("http://127.0.0.1:1 cannot be reached: Connection refused"),
        "{}",
        unreachable.err
    );
    let apple = machine.apple.url();
    machine.run(&["token", "list", "--url", &apple]).await.with(3);
    let refused = machine.run(&["job", "show", "99", "--json"]).await;
    refused.with(4);
    let error: serde_json::Value = serde_json::from_str(&refused.err).unwrap();
    assert_eq!(error["error"]["code"], "no_such_job");
    machine.run(&["sync", "no such token"]).await.with(2);
}

#[tokio::test]
async fn a_token_is_renewed_and_removed() {
    let machine = Machine::new().await;
    let file = machine.token_file("my.vpptoken").await;
    let other = machine.token_file("other.vpptoken").await;
    let _server = machine.serve().await;
    machine.run(&["token", "add", &file, "--consent", "--no-sync"]).await.with(0);

    let refused = machine.run(&["token", "renew", "my", &other]).await;
    refused.with(4);
    assert!(refused.err.contains("token_of_other_location"), "{}", refused.err);
    let unsaid = machine.run(&["token", "remove", "my"]).await;
    unsaid.with(2);
    assert!(unsaid.err.contains("revoke_first"), "{}", unsaid.err);
    machine.run(&["token", "remove", "my", "--licenses", "keep"]).await.with(0);
    assert_eq!(machine.run(&["token", "list", "--json"]).await.json(), json!({ "items": [] }));
}
