//! Newer versions: found by number, pushed where the rules allow, and never without end (pains 31 to 33).

use std::time::Duration;

use reqwest::Method;
use russet_tests::{Profile, Setup, Token, World, app, eventually, on_both_profiles, serials, users};
use serde_json::{Value, json};

use crate::gate::quick;

on_both_profiles!(
    s_23_an_app_with_a_persons_license_is_updated_on_that_persons_devices,
    s_38_a_newer_version_is_pushed_and_the_device_reports_it,
    n_1_a_device_with_a_license_gets_its_app_and_its_updates_through_the_mdm_server,
    n_7_an_update_that_takes_its_time_is_looked_at_until_it_is_there,
    n_8_a_device_that_has_left_the_assignment_gets_no_more_updates,
    n_9_a_device_that_sleeps_gets_its_update_when_it_wakes,
    n_10_who_was_required_to_have_an_app_and_may_ask_for_it_now_gets_no_updates_until_he_asks,
    n_11_a_switched_off_token_or_assignment_is_left_alone,
    n_12_a_person_who_declines_is_not_asked_again_for_this_version,
    n_13_a_device_in_single_app_mode_rests_in_words,
    pain_31_the_same_update_is_asked_for_once_however_often_it_is_found,
    pain_32_a_device_that_never_gets_the_version_ends_in_words,
    pain_33_a_store_that_offers_the_device_another_version_ends_in_words,
    pain_33_a_system_that_is_too_old_gets_no_update,
);

/// Devices with the first app in the version that the store had.
pub(crate) struct Fleet {
    pub(crate) world: World,
    pub(crate) token: Token,
    pub(crate) devices: Vec<String>,
    bundle_id: String,
}

impl Fleet {
    /// Devices that hold licenses for the first app and report it, and a store that was read.
    pub(crate) async fn start(setup: Setup, devices: usize) -> Self {
        Self::start_on(setup, devices, async |world| world.connect("nano").await).await
    }

    /// The same on another MDM server, which is connected so.
    pub(crate) async fn start_on(setup: Setup, devices: usize, connect: impl AsyncFnOnce(&World)) -> Self {
        let world = World::start(setup).await;
        let location = world.apple.location("North", 2, 1_000, 0).await;
        let token = world.token(&location, "north").await;
        let switch = json!({ "auto_update": true });
        let _ =
            world.api.send(Method::PATCH, &format!("/tokens/{}", token.id), Some(&switch)).await.with(200);
        connect(&world).await;
        let product = world.apple.product(Method::GET, &app(1), "", &Value::Null).await;
        let versions = product["editions"]["ios"]["versions"].as_array().expect("versions").clone();
        let current = versions.last().expect("a version")["external_id"].clone();
        let bundle_id = product["bundle_id"].as_str().expect("a bundle").to_owned();
        let devices = serials(0..devices);
        world.succeed(&token.assign(&[app(1)], &devices, &[])).await;
        let has = json!({ bundle_id.clone(): { "adam_id": app(1), "external_id": current } });
        world.enroll(&devices, &json!({ "apps": has })).await;
        world.until_apps_were_told(&devices).await;
        let fleet = Self { world, token, devices, bundle_id };
        fleet.read_store().await;
        fleet
    }

    pub(crate) async fn read_store(&self) {
        self.world.refresh(&json!({ "token": self.token.id })).await;
    }

    /// Publishes a version and has the store read; what follows from it follows by itself.
    pub(crate) async fn publish(&self, external_id: u64) {
        let version = json!({ "version": format!("9.{external_id}"), "external_id": external_id });
        self.world.apple.product(Method::POST, &app(1), "/versions", &version).await;
        self.read_store().await;
    }

    pub(crate) async fn push(&self, more: Value) -> Value {
        let mut job = json!({ "kind": "push_update", "token": self.token.id });
        for (name, value) in more.as_object().expect("an object") {
            job[name] = value.clone();
        }
        let id = self.world.submit(&job).await;
        self.world.end_of(id).await
    }

    /// Makes a group of these devices and assigns the app to it.
    pub(crate) async fn assign_group(&self, name: &str, members: &[String], more: &Value) {
        let api = &self.world.api;
        let _ = api.post("/groups", &json!({ "name": name, "kind": "devices" })).await.with(200);
        let path = format!("/groups/{name}/members");
        let _ = api.send(Method::PUT, &path, Some(&json!({ "members": members }))).await.with(200);
        let mut new =
            json!({ "token": self.token.id, "adam_id": app(1), "group": name, "intent": "required" });
        new.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        let _ = api.post("/assignments", &new).await.with(201);
    }

    /// Waits until an assignment gives the app to a device, or none does any more.
    pub(crate) async fn until_assigned(&self, serial: &str, wanted: bool) {
        let why = format!("/explain?token={}&serial={serial}&adam_id={}", self.token.id, app(1));
        eventually(&format!("{serial} to be assigned the app: {wanted}"), async || {
            let explained = self.world.api.get(&why).await;
            let assignments = explained["items"][0]["assignments"].as_array().cloned().unwrap_or_default();
            let holds = assignments.iter().any(|assignment| assignment["holds"] == true);
            if holds == wanted { Ok(()) } else { Err(explained.to_string()) }
        })
        .await;
    }

    pub(crate) async fn installs(&self) -> Vec<Value> {
        self.world.api.list(&format!("/installs?token={}", self.token.id)).await
    }

    pub(crate) async fn policy(&self, policies: Value) {
        let path = format!("/tokens/{}/policies", self.token.id);
        let _ = self.world.api.send(Method::PATCH, &path, Some(&policies)).await.with(200);
    }

    /// How many installs all devices were given.
    pub(crate) async fn given(&self) -> usize {
        let mut given = 0;
        for serial in &self.devices {
            given += self.world.installs_given(serial).await.len();
        }
        given
    }

    pub(crate) async fn version_of(&self, serial: &str) -> Value {
        let device = self.world.virtual_device(serial).await;
        device["apps"][&self.bundle_id]["external_id"].clone()
    }
}

/// The number of a version that is newer than all that stores begin with.
pub(crate) const NEWER: u64 = 990_000_001;

/// Two people with a device each that has an old version of the app; one of them holds a license.
async fn world_with_a_person(profile: Profile) -> (World, Token) {
    let world = World::start(quick(Setup::of(profile))).await;
    let location = world.apple.location("North", 1, 10, 2).await;
    let token = world.token(&location, "north").await;
    let switch = json!({ "auto_update": true });
    let _ = world.api.send(Method::PATCH, &format!("/tokens/{}", token.id), Some(&switch)).await.with(200);
    world.connect("nano").await;
    let people = users(1..3);
    world.succeed(&token.assign(&[app(1)], &[], &people[..1])).await;
    let product = world.apple.product(Method::GET, &app(1), "", &Value::Null).await;
    let has = json!({ product["bundle_id"].as_str().expect("a bundle"): { "adam_id": app(1), "external_id": 100 } });
    for (serial, person) in serials(0..2).iter().zip(&people) {
        let told = json!({ "serial": serial, "user": person });
        let _ = world.api.post("/devices", &told).await.with(200);
        world.enroll(std::slice::from_ref(serial), &json!({ "apps": has, "user": person })).await;
    }
    world.until_apps_were_told(&serials(0..2)).await;
    (world, token)
}

async fn s_23_an_app_with_a_persons_license_is_updated_on_that_persons_devices(profile: Profile) {
    let (world, token) = world_with_a_person(profile).await;
    world.refresh(&json!({ "token": token.id })).await;
    let install = world.until_install(&serials(0..1)[0], "installed").await;
    assert!(install["reported_version"].as_i64().is_some_and(|version| version > 100), "{install}");
    // Whose person holds no license has the app by other means, and nothing is sent.
    assert_eq!(world.api.list(&format!("/installs?serial={}", serials(1..2)[0])).await, Vec::<Value>::new());
}

async fn s_38_a_newer_version_is_pushed_and_the_device_reports_it(profile: Profile) {
    let fleet = Fleet::start(quick(Setup::of(profile)), 5).await;
    let calls = fleet.world.mdm(&json!({})).await["counts"]["enqueue_calls"].as_u64().expect("calls");
    fleet.publish(NEWER).await;
    for serial in &fleet.devices {
        let install = fleet.world.until_install(serial, "installed").await;
        assert_eq!(
            (&install["target_version"], &install["reported_version"]),
            (&json!(NEWER), &json!(NEWER))
        );
        assert_eq!(fleet.version_of(serial).await, json!(NEWER));
    }
    // One call for all of them, and one to see whether it is there.
    let after = fleet.world.mdm(&json!({})).await["counts"]["enqueue_calls"].as_u64().expect("calls");
    assert!(after - calls <= 4, "{} calls for 5 devices", after - calls);
    assert_eq!(fleet.given().await, 5);
    let rollouts = fleet.world.api.list(&format!("/tokens/{}/rollouts", fleet.token.id)).await;
    assert_eq!((&rollouts[0]["version"], &rollouts[0]["installs"]["installed"]), (&json!(NEWER), &json!(5)));
}

async fn n_1_a_device_with_a_license_gets_its_app_and_its_updates_through_the_mdm_server(profile: Profile) {
    let fleet = Fleet::start(quick(Setup::of(profile)), 1).await;
    let serial = &fleet.devices[0];
    let body = json!({ "token": fleet.token.id, "serial": serial, "apps": [{ "adam_id": app(2) }], "install": true });
    let job = fleet.world.api.post("/gate", &body).await.with(202)["job"]["id"].as_i64().expect("a job");
    fleet.world.end_of(job).await;
    fleet.publish(NEWER).await;
    eventually("the update", async || {
        let version = fleet.version_of(serial).await;
        if version == json!(NEWER) { Ok(()) } else { Err(version.to_string()) }
    })
    .await;
    let given = fleet.world.installs_given(serial).await;
    assert_eq!(given.len(), 2, "one install and one update, both as commands: {given:?}");
}

async fn n_7_an_update_that_takes_its_time_is_looked_at_until_it_is_there(profile: Profile) {
    let fleet = Fleet::start(quick(Setup::of(profile)).setting("MDM__INSTALL_WITHIN_S", "30"), 1).await;
    fleet.world.behave(&fleet.devices, &json!({ "install_ms": 2_500 })).await;
    fleet.publish(NEWER).await;
    let install = fleet.world.until_install(&fleet.devices[0], "installed").await;
    assert_eq!((&install["tries"], &install["reported_version"]), (&json!(1), &json!(NEWER)), "{install}");
}

async fn n_8_a_device_that_has_left_the_assignment_gets_no_more_updates(profile: Profile) {
    let fleet = Fleet::start(quick(Setup::of(profile)), 2).await;
    let world = &fleet.world;
    // The licenses stay with whoever leaves; the updates do not.
    fleet.policy(json!({ "on_leave_ios": "keep" })).await;
    fleet.assign_group("class", &fleet.devices, &json!({})).await;
    fleet.until_assigned(&fleet.devices[1], true).await;
    let left = json!({ "remove": [fleet.devices[1]] });
    let _ = world.api.send(Method::PATCH, "/groups/class/members", Some(&left)).await.with(200);
    fleet.until_assigned(&fleet.devices[1], false).await;
    world.until_reconciled().await;
    fleet.publish(NEWER).await;
    world.until_install(&fleet.devices[0], "installed").await;
    let ended = fleet.push(json!({})).await;
    world.must_have_succeeded(&ended);
    assert_eq!(world.installs_given(&fleet.devices[1]).await, Vec::<Value>::new());
}

async fn n_9_a_device_that_sleeps_gets_its_update_when_it_wakes(profile: Profile) {
    let fleet = Fleet::start(quick(Setup::of(profile)), 1).await;
    fleet.world.behave(&fleet.devices, &json!({ "asleep": true })).await;
    fleet.publish(NEWER).await;
    fleet.world.until_install(&fleet.devices[0], "sent").await;
    // Longer than an awake device may take for a try.
    tokio::time::sleep(Duration::from_secs(4)).await;
    let install = fleet.world.until_install(&fleet.devices[0], "sent").await;
    assert_eq!(install["tries"], 1, "{install}");
    fleet.world.behave(&fleet.devices, &json!({ "asleep": false, "not_now": 2 })).await;
    fleet.world.until_install(&fleet.devices[0], "installed").await;
}

async fn n_10_who_was_required_to_have_an_app_and_may_ask_for_it_now_gets_no_updates_until_he_asks(
    profile: Profile,
) {
    let (world, token) = world_with_a_person(profile).await;
    let keep = json!({ "on_leave_ios": "keep", "on_unassign_ios": "keep" });
    let policies = format!("/tokens/{}/policies", token.id);
    let _ = world.api.send(Method::PATCH, &policies, Some(&keep)).await.with(200);
    let _ = world.api.post("/groups", &json!({ "name": "staff", "kind": "people" })).await.with(200);
    let members = json!({ "members": users(1..2) });
    let _ = world.api.send(Method::PUT, "/groups/staff/members", Some(&members)).await.with(200);
    let required = json!({ "token": token.id, "adam_id": app(1), "group": "staff", "intent": "required", "license": "user" });
    let made = world.api.post("/assignments", &required).await.with(201);
    let wanted = async |count: u64| {
        eventually(&format!("{count} to be wanted"), async || {
            let assignment = world.api.get(&format!("/assignments/{}", made["id"])).await;
            if assignment["wanted"] == count { Ok(()) } else { Err(assignment.to_string()) }
        })
        .await;
    };
    wanted(1).await;
    let available = json!({ "intent": "available" });
    let path = format!("/assignments/{}", made["id"]);
    let _ = world.api.send(Method::PATCH, &path, Some(&available)).await.with(200);
    wanted(0).await;
    world.refresh(&json!({ "token": token.id })).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(world.installs_given(&serials(0..1)[0]).await, Vec::<Value>::new(), "he has not asked for it");
    let _ =
        world.api.post("/requests", &json!({ "user": users(1..2)[0], "adam_id": app(1) })).await.with(200);
    wanted(1).await;
    world.refresh(&json!({ "token": token.id })).await;
    world.until_install(&serials(0..1)[0], "installed").await;
}

async fn n_11_a_switched_off_token_or_assignment_is_left_alone(profile: Profile) {
    let fleet = Fleet::start(quick(Setup::of(profile)), 2).await;
    let world = &fleet.world;
    fleet.assign_group("still", &fleet.devices[1..], &json!({ "auto_update": false })).await;
    fleet.until_assigned(&fleet.devices[1], true).await;
    fleet.publish(NEWER).await;
    world.until_install(&fleet.devices[0], "installed").await;
    let token = format!("/tokens/{}", fleet.token.id);
    let _ = world.api.send(Method::PATCH, &token, Some(&json!({ "auto_update": false }))).await.with(200);
    fleet.publish(NEWER + 1).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(world.installs_given(&fleet.devices[0]).await.len(), 1, "the token's switch is off");
    assert_eq!(world.installs_given(&fleet.devices[1]).await.len(), 0, "the assignment's switch is off");
    // Who asks for it in so many words gets it.
    world.must_have_succeeded(&fleet.push(json!({})).await);
    assert_eq!(fleet.version_of(&fleet.devices[1]).await, json!(NEWER + 1));
}

async fn n_12_a_person_who_declines_is_not_asked_again_for_this_version(profile: Profile) {
    let fleet = Fleet::start(quick(Setup::of(profile)), 1).await;
    fleet.world.behave(&fleet.devices, &json!({ "refuses": true })).await;
    fleet.publish(NEWER).await;
    let install = fleet.world.until_install(&fleet.devices[0], "resting").await;
    assert_eq!((&install["code"], &install["tries"]), (&json!("user_refused"), &json!(1)), "{install}");
    fleet.read_store().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(fleet.given().await, 1);
}

async fn n_13_a_device_in_single_app_mode_rests_in_words(profile: Profile) {
    let fleet = Fleet::start(quick(Setup::of(profile)), 1).await;
    let kiosk = json!({ "serial": fleet.devices[0], "kiosk": true });
    let _ = fleet.world.api.post("/devices", &kiosk).await.with(200);
    fleet.world.behave(&fleet.devices, &json!({ "single_app": true })).await;
    fleet.publish(NEWER).await;
    let install = fleet.world.until_install(&fleet.devices[0], "resting").await;
    assert_eq!((&install["code"], &install["tries"]), (&json!("single_app_mode"), &json!(3)), "{install}");
    assert!(
        install["explanation"].as_str().is_some_and(|text| text.contains("single app mode")),
        "{install}"
    );
}

async fn pain_31_the_same_update_is_asked_for_once_however_often_it_is_found(profile: Profile) {
    let fleet = Fleet::start(quick(Setup::of(profile)).setting("MDM__INSTALL_WITHIN_S", "60"), 3).await;
    fleet.world.behave(&fleet.devices, &json!({ "install_ms": 4_000 })).await;
    fleet.publish(NEWER).await;
    for _ in 0..5 {
        fleet.read_store().await;
    }
    let jobs = [fleet.push(json!({})).await, fleet.push(json!({})).await];
    let installs = fleet.installs().await;
    for job in &jobs {
        assert_eq!(job["state"], "succeeded", "{job} {installs:?}");
    }
    assert_eq!(installs.len(), 3);
    assert_eq!(fleet.given().await, 3);
}

async fn pain_32_a_device_that_never_gets_the_version_ends_in_words(profile: Profile) {
    let fleet = Fleet::start(quick(Setup::of(profile)), 1).await;
    fleet.world.behave(&fleet.devices, &json!({ "locked": true })).await;
    fleet.publish(NEWER).await;
    let install = fleet.world.until_install(&fleet.devices[0], "resting").await;
    assert_eq!((&install["code"], &install["tries"]), (&json!("no_progress"), &json!(3)), "{install}");
    for _ in 0..3 {
        fleet.read_store().await;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(fleet.given().await, 3, "it rests");
}

async fn pain_33_a_store_that_offers_the_device_another_version_ends_in_words(profile: Profile) {
    let fleet = Fleet::start(quick(Setup::of(profile)), 1).await;
    fleet.world.behave(&fleet.devices, &json!({ "storefront": "jp" })).await;
    let version = |id: u64, storefront: &str| json!({ "version": format!("9.{id}"), "external_id": id, "storefronts": [storefront] });
    fleet.world.apple.product(Method::POST, &app(1), "/versions", &version(NEWER - 1, "jp")).await;
    fleet.world.apple.product(Method::POST, &app(1), "/versions", &version(NEWER, "nl")).await;
    fleet.read_store().await;
    let install = fleet.world.until_install(&fleet.devices[0], "resting").await;
    assert_eq!(
        (&install["code"], &install["reported_version"]),
        (&json!("version_differs"), &json!(NEWER - 1)),
        "{install}"
    );
    fleet.read_store().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(fleet.given().await, 1);
}

async fn pain_33_a_system_that_is_too_old_gets_no_update(profile: Profile) {
    let fleet = Fleet::start(quick(Setup::of(profile)), 1).await;
    let version = json!({ "version": "9.9", "external_id": NEWER, "minimum_os": "99.0" });
    fleet.world.apple.product(Method::POST, &app(1), "/versions", &version).await;
    fleet.read_store().await;
    let ended = fleet.push(json!({})).await;
    assert_eq!(ended["result"], json!({ "updates": 0, "system_too_old": 1 }), "{ended}");
    assert_eq!(fleet.given().await, 0);
}
