//! The simulated Apple, and what a story does there: locations, purchases, faults, and the ledger as judge.

use std::collections::BTreeSet;
use std::time::Duration;

use reqwest::Method;
use russet_simulator::{Rules, Settings, Simulator};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::api::http;

/// Who holds what: a product number, and a device or user as `device C0…` or `user …`.
pub type License = (String, String);

/// A simulator in this process.
pub struct Apple {
    simulator: Simulator,
    http: reqwest::Client,
}

/// A location of the simulator.
#[derive(Debug, Clone)]
pub struct Location {
    /// Apple's id.
    pub uid: String,
    /// The text of its first token file.
    pub content: String,
}

impl Apple {
    /// Starts a simulator that behaves like this.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub async fn start(rules: Rules) -> Self {
        let http = http();
        let settings = Settings { world: russet_simulator::World::with(rules), ..Settings::default() };
        let simulator = Simulator::start(settings).await.expect("the simulator starts");
        Self { simulator, http }
    }

    /// Moves its clock, by which tokens expire and devices report.
    pub async fn move_clock(&self, by: Duration) {
        self.control(Method::POST, "clock", &json!({ "advance_ms": by.as_millis() as u64 })).await;
    }

    /// The base of Apple's endpoints.
    #[must_use]
    pub fn base_url(&self) -> String {
        self.simulator.apple_url()
    }

    /// The root of Apple's metadata service for organizations.
    #[must_use]
    pub fn catalog_url(&self) -> String {
        format!("{}/v1", self.simulator.url())
    }

    /// The root of the API of the KMFDDM that has the declarations of the MDM server's devices.
    #[must_use]
    pub fn declarations_url(&self) -> String {
        self.simulator.declarations_url()
    }

    /// The root of the MDM server's API.
    #[must_use]
    pub fn mdm_url(&self) -> String {
        self.simulator.mdm_url()
    }

    /// The root of the API of another MDM server, through which the same devices are reached.
    #[must_use]
    pub fn mdm_url_as(&self, server: &str) -> String {
        self.simulator.mdm_url_as(server)
    }

    /// Changes what the stores know of a product, or makes something happen to it.
    pub async fn product(&self, method: Method, adam_id: &str, act: &str, body: &Value) -> Value {
        self.control(method, &format!("catalog/products/{adam_id}{act}"), body).await
    }

    /// Asks the simulator something it can answer.
    ///
    /// # Panics
    ///
    /// When it does not like the question.
    pub async fn control(&self, method: Method, path: &str, body: &Value) -> Value {
        let url = format!("{}/_sim/{path}", self.simulator.url());
        let request = self.http.request(method.clone(), url);
        // A question has no body.
        let request = if method == Method::GET { request } else { request.json(body) };
        let answer = Answer::try_to(format!("{method} /_sim/{path}"), request).await;
        answer.unwrap_or_else(|why| panic!("{why}")).good()
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        self.control(Method::POST, path, body).await
    }

    /// Makes a location with apps 1 to `apps` of which it owns `total` licenses each, and users 1 to `users`.
    pub async fn location(&self, name: &str, apps: usize, total: usize, users: usize) -> Location {
        let made = self.post("locations", &json!({ "name": name, "country": "NL" })).await;
        let text = |pointer| made.pointer(pointer).and_then(Value::as_str).expect("a location").to_owned();
        let location = Location { uid: text("/uid"), content: text("/token/content") };
        let assets = json!({ "generate": { "count": apps, "total": total } });
        self.post(&format!("locations/{}/assets", location.uid), &assets).await;
        let users = json!({ "generate": { "count": users, "prefix": "user-" } });
        self.post(&format!("locations/{}/users", location.uid), &users).await;
        location
    }

    /// Calls one of Apple's own endpoints as any other server that has this token could.
    ///
    /// # Panics
    ///
    /// When Apple does not like it.
    pub async fn as_another_server(&self, content: &str, method: Method, path: &str, body: &Value) -> Value {
        let url = format!("{}/{path}", self.base_url());
        let request = self.http.request(method.clone(), url).bearer_auth(content);
        let request = if method == Method::GET { request } else { request.json(body) };
        let answer = Answer::try_to(format!("{method} {path}"), request).await;
        answer.unwrap_or_else(|why| panic!("{why}")).good()
    }

    /// Where Apple sends a location's notifications, with which secret, and which types.
    pub async fn notified(&self, content: &str) -> Value {
        self.as_another_server(content, Method::GET, "client/config", &Value::Null).await
    }

    /// Where Apple sends a location's notifications and which types, as the simulator shows it: asking costs no token's pace.
    ///
    /// # Panics
    ///
    /// When there is no such location.
    pub async fn registered(&self, uid: &str) -> (String, Vec<String>) {
        let all = self.control(Method::GET, "locations", &Value::Null).await;
        let locations = all["locations"].as_array().expect("locations");
        let found = locations.iter().find(|location| location["uid"] == uid).expect("the location");
        let types = found["notification_types"].as_array().expect("types");
        let types = types.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        (found["notification_url"].as_str().unwrap_or_default().to_owned(), types)
    }

    /// What a location owns: product number, licenses, and how many are free.
    ///
    /// # Panics
    ///
    /// When the simulator does not say.
    pub async fn owned(&self, uid: &str) -> BTreeSet<(String, i64, i64)> {
        let all = self.control(Method::GET, &format!("locations/{uid}/assets"), &Value::Null).await;
        all["assets"].as_array().expect("assets").iter().map(owned).collect()
    }

    /// Makes another token of a location and returns its content.
    pub async fn another_token(&self, uid: &str) -> String {
        let made = self.post(&format!("locations/{uid}/tokens"), &json!({})).await;
        made["content"].as_str().expect("a token").to_owned()
    }

    /// Sets what has become of a token: `valid`, `expired`, `revoked`, `read_only` or `invalid`.
    pub async fn set_token_state(&self, content: &str, state: &str) {
        self.post("tokens/state", &json!({ "content": content, "state": state })).await;
    }

    /// Lets another MDM take a location.
    pub async fn give_to_mdm(&self, uid: &str, name: &str) {
        let mdm = json!({ "id": format!("id-of-{name}"), "name": name, "metadata": "other" });
        self.control(Method::PUT, &format!("locations/{uid}/mdm"), &mdm).await;
    }

    /// Who has claimed a location.
    pub async fn mdm_of(&self, uid: &str) -> Value {
        let all = self.control(Method::GET, "locations", &Value::Null).await;
        let locations = all["locations"].as_array().expect("locations");
        locations.iter().find(|location| location["uid"] == uid).expect("the location")["mdm"].clone()
    }

    /// Adds assets, or sets what they are.
    pub async fn put_assets(&self, uid: &str, assets: &Value) {
        self.post(&format!("locations/{uid}/assets"), &json!({ "assets": assets })).await;
    }

    /// Buys licenses of an app.
    pub async fn buy(&self, uid: &str, adam_id: &str, delta: i64) {
        let purchase = json!({ "adam_id": adam_id, "delta": delta });
        self.post(&format!("locations/{uid}/assets/buy"), &purchase).await;
    }

    /// Gives licenses to devices as somebody else would: without an event or a notification.
    pub async fn assign(&self, uid: &str, adam_id: &str, devices: &[String]) {
        self.post(&format!("locations/{uid}/assignments"), &by_device(adam_id, devices)).await;
    }

    /// Takes licenses from devices as somebody else would: without an event or a notification.
    pub async fn unassign(&self, uid: &str, adam_id: &str, devices: &[String]) {
        let path = format!("locations/{uid}/assignments");
        self.control(Method::DELETE, &path, &by_device(adam_id, devices)).await;
    }

    /// Lets a user accept the invitation with an Apple Account.
    pub async fn accept_invitation(&self, uid: &str, user: &str, account: &str) {
        let acceptance = json!({ "client_user_id": user, "apple_account": account });
        self.post(&format!("locations/{uid}/users/accept"), &acceptance).await;
    }

    /// Adds users, or sets what they are, as somebody else would.
    pub async fn put_users(&self, uid: &str, users: &Value) {
        self.post(&format!("locations/{uid}/users"), &json!({ "users": users })).await;
    }

    /// Everything that Apple has of users, retired records too.
    ///
    /// # Panics
    ///
    /// When the simulator does not say.
    pub async fn users(&self, uid: &str) -> Vec<Value> {
        let all = self.control(Method::GET, &format!("locations/{uid}/users"), &Value::Null).await;
        all["users"].as_array().expect("users").clone()
    }

    /// Orders a fault and returns its number.
    pub async fn fault(&self, order: &Value) -> u64 {
        self.post("faults", order).await["id"].as_u64().expect("a fault's number")
    }

    /// How often a fault has struck.
    pub async fn struck(&self, fault: u64) -> u64 {
        let all = self.control(Method::GET, "faults", &Value::Null).await;
        let faults = all["faults"].as_array().expect("faults");
        let found = faults.iter().find(|known| known["id"] == fault).expect("the fault");
        found["struck"].as_u64().expect("a count")
    }

    /// Calls off one fault; events that it held are carried out.
    pub async fn call_off(&self, fault: u64) {
        self.control(Method::DELETE, &format!("faults/{fault}"), &Value::Null).await;
    }

    /// Calls off all faults; events they held are carried out.
    pub async fn heal(&self) {
        self.control(Method::DELETE, "faults", &Value::Null).await;
    }

    /// Changes how the simulator behaves.
    pub async fn behave(&self, settings: &Value) {
        self.control(Method::PATCH, "settings", settings).await;
    }

    /// Everything that was asked, moved and done wrong.
    pub async fn ledger(&self) -> Value {
        self.control(Method::GET, "ledger", &Value::Null).await
    }

    /// How many requests of a kind came for a location.
    pub async fn requests(&self, uid: &str, endpoint: &str) -> u64 {
        self.ledger().await["by_location"][uid]["requests"][endpoint].as_u64().unwrap_or(0)
    }

    /// Starts counting anew.
    pub async fn forget(&self) {
        self.post("ledger/reset", &json!({})).await;
    }

    /// Who really holds what in a location.
    ///
    /// # Panics
    ///
    /// When the simulator does not say.
    pub async fn held(&self, uid: &str) -> BTreeSet<License> {
        let url = format!("{}/_sim/locations/{uid}/assignments", self.simulator.url());
        let answer = Answer::try_to("the simulator's assignments".to_owned(), self.http.get(url)).await;
        let answer = answer.unwrap_or_else(|why| panic!("{why}"));
        assert_eq!(answer.status, 200, "{answer}");
        let lines = answer.text.lines().filter(|line| !line.is_empty());
        lines.map(|line| license(&serde_json::from_str(line).expect("a line is JSON"))).collect()
    }
}

/// The license in one entry of the simulator's or of Russet's list.
pub fn license(entry: &Value) -> License {
    let holder = match (entry["serial"].as_str(), entry["user"].as_str()) {
        (Some(serial), None) => format!("device {serial}"),
        (None, Some(user)) => format!("user {user}"),
        _ => panic!("a license has one holder: {entry}"),
    };
    (entry["adam_id"].as_str().expect("a product number").to_owned(), holder)
}

/// An asset in the simulator's or in Russet's list.
pub(crate) fn owned(entry: &Value) -> (String, i64, i64) {
    let number = |name: &str| entry[name].as_i64().unwrap_or_else(|| panic!("{entry} has no {name}"));
    (entry["adam_id"].as_str().expect("a product number").to_owned(), number("total"), number("available"))
}

fn by_device(adam_id: &str, devices: &[String]) -> Value {
    let list: Vec<Value> =
        devices.iter().map(|serial| json!({ "adam_id": adam_id, "serial": serial })).collect();
    json!({ "assignments": list })
}
