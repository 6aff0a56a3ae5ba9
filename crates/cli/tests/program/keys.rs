//! What a person does with API keys.

use crate::setup::Machine;

#[tokio::test]
async fn a_key_made_beside_a_running_server_opens_it_until_it_is_revoked() {
    let machine = Machine::new().await;
    let _server = machine.serve().await;

    let made = machine.run(&["key", "create", "--name", "ci", "--role", "viewer", "--json"]).await.json();
    let (id, key) = (made["id"].to_string(), made["key"].as_str().unwrap_or_default().to_owned());
    assert_eq!((made["name"].as_str(), made["role"].as_str()), (Some("ci"), Some("viewer")));
    machine.run_with(&["token", "list"], &[("RUSSET_KEY", &key)]).await.with(0);
    let file = machine.file("key", &format!("{key}\n"));
    machine.run(&["token", "list", "--key-file", &file]).await.with(0);
    let sync = ["token", "add", &file, "--consent"];
    let refused = machine.run_with(&sync, &[("RUSSET_KEY", &key)]).await;
    refused.with(4);
    assert!(refused.err.contains("role_forbids"), "{}", refused.err);

    let listed = machine.run(&["key", "list"]).await;
    assert!(listed.with(0).contains("viewer") && !listed.out.contains(&key), "{}", listed.out);
    machine.run(&["key", "revoke", &id]).await.with(0);
    machine.run(&["key", "revoke", &id]).await.with(2);
    let refused = machine.run_with(&["token", "list"], &[("RUSSET_KEY", &key)]).await;
    refused.with(4);
    assert!(refused.err.contains("key_revoked") && !refused.err.contains(&key), "{}", refused.err);
}

#[tokio::test]
async fn a_key_can_be_made_before_the_first_start() {
    let machine = Machine::new().await;
    let made = machine.run(&["key", "create", "--name", "first", "--role", "admin"]).await;
    let key = made.with(0).trim().to_owned();
    let _server = machine.serve().await;
    machine.run_with(&["token", "list"], &[("RUSSET_KEY", &key)]).await.with(0);
    machine.run(&["token", "list"]).await.with(0);
}

#[tokio::test]
async fn a_key_without_a_name_is_refused() {
    let machine = Machine::new().await;
    machine.run(&["key", "create", "--name", "  ", "--role", "admin"]).await.with(2);
    machine.run(&["key", "create", "--name", "x", "--role", "king"]).await.with(2);
}
