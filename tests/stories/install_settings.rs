//! How an app is to stand on devices, from the assignment to the device.

use reqwest::Method;
use russet_tests::{Profile, Setup, app, eventually, on_both_profiles};
use serde_json::{Value, json};

use crate::gate::quick;
use crate::updates::{Fleet, NEWER};

on_both_profiles!(n_23_what_an_assignment_says_of_installs_reaches_the_device_and_can_be_taken_back);

const VPN: &str = "7E1B2F44-0A0C-4E57-9D0A-8F5B5F0C3D11";
const SECRET: &str = "a-secret-of-this-app";

async fn n_23_what_an_assignment_says_of_installs_reaches_the_device_and_can_be_taken_back(profile: Profile) {
    let fleet = Fleet::start(quick(Setup::of(profile)), 2).await;
    let api = &fleet.world.api;
    let install = json!({
        "vpn_uuid": VPN, "prevent_removal": true, "prevent_backup": true, "remove_with_enrollment": true,
        "configuration": { "server": "https://app.example.org", "key": SECRET, "retries": 3 },
    });
    fleet.assign_group("class", &fleet.devices[..1], &json!({ "install": install })).await;
    fleet.until_assigned(&fleet.devices[0], true).await;
    let assignment = api.list(&format!("/assignments?token={}", fleet.token.id)).await.remove(0);
    let names = json!(["key", "retries", "server"]);
    assert_eq!(assignment["install"]["configuration_keys"], names, "{assignment}");
    fleet.publish(NEWER).await;
    let given = given(&fleet, 0, 1).await;
    assert_eq!(given["ManagementFlags"], 5, "{given}");
    assert_eq!(given["Attributes"], json!({ "VPNUUID": VPN, "Removable": false }));
    assert_eq!(
        given["Configuration"],
        json!({ "server": "https://app.example.org", "key": SECRET, "retries": 3 })
    );
    let other = self::given(&fleet, 1, 1).await;
    assert_eq!((&other["ManagementFlags"], &other["Configuration"]), (&json!(0), &Value::Null), "{other}");

    for serial in &fleet.devices {
        fleet.world.until_install(serial, "installed").await;
    }
    let path = format!("/assignments/{}", assignment["id"]);
    let change = json!({ "install": { "vpn_uuid": "", "prevent_removal": false, "configuration": {} } });
    let changed = api.send(Method::PATCH, &path, Some(&change)).await.with(200);
    assert_eq!(changed["install"]["prevent_backup"], true, "what is left out stays: {changed}");
    fleet.publish(NEWER + 1).await;
    let given = self::given(&fleet, 0, 2).await;
    assert_eq!((&given["ManagementFlags"], &given["Attributes"]), (&json!(5), &Value::Null), "{given}");
    assert_eq!(given["Configuration"], Value::Null);

    let refused = json!({ "install": { "configuration": { "a": { "b": null } } } });
    let refused = api.send(Method::PATCH, &path, Some(&refused)).await.with(422);
    assert!(refused.to_string().contains("install.configuration.a.b"), "{refused}");
    let audit = api.list("/audit").await;
    assert!(
        !json!(audit).to_string().contains(SECRET),
        "the audit log holds what the app {} is told",
        app(1)
    );
}

/// The last of as many installs as a device was given.
async fn given(fleet: &Fleet, device: usize, count: usize) -> Value {
    let serial = &fleet.devices[device];
    eventually(&format!("{count} installs on {serial}"), async || {
        let given = fleet.world.installs_given(serial).await;
        let last = given.last().cloned().filter(|_| given.len() == count);
        last.ok_or_else(|| json!(given).to_string())
    })
    .await
}
