//! A simulator, a client of Apple's side, and a receiver of notifications, for the tests.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use reqwest::Method;
use russet_simulator::{Rules, Settings, Simulator, World};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// A running simulator with one location.
pub(crate) struct Sim {
    pub(crate) simulator: Simulator,
    pub(crate) client: reqwest::Client,
    pub(crate) uid: String,
    pub(crate) token: String,
}

/// Rules without waits, and with as many requests as a test likes.
pub(crate) fn quick() -> Rules {
    Rules { event_delay_ms: 0, rate_limit: false, notification_retry_ms: 10, ..Rules::default() }
}

impl Sim {
    /// Starts with these rules and seed 7.
    pub(crate) async fn start(rules: Rules) -> Self {
        Self::start_with_seed(rules, 7).await
    }

    pub(crate) async fn start_with_seed(rules: Rules, seed: u64) -> Self {
        let settings = Settings { seed, world: World::with(rules), ..Settings::default() };
        let simulator = Simulator::start(settings).await.unwrap();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut sim = Self { simulator, client, uid: String::new(), token: String::new() };
        let made = sim.post("/_sim/locations", json!({ "name": "Test School", "country": "DE" })).await;
        sim.uid = made["uid"].as_str().unwrap().to_owned();
        sim.token = made["token"]["content"].as_str().unwrap().to_owned();
        sim
    }

    /// A control request; anything but 200 fails the test.
    pub(crate) async fn control(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let (status, value) = self.try_control(method, path, body).await;
        assert_eq!(status, 200, "{path}: {value}");
        value
    }

    pub(crate) async fn try_control(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let path = path.replace("{uid}", &self.uid);
        let mut request = self.client.request(method, format!("{}{path}", self.simulator.url()));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        self.control(Method::POST, path, Some(body)).await
    }

    pub(crate) async fn patch_settings(&self, body: Value) -> Value {
        self.control(Method::PATCH, "/_sim/settings", Some(body)).await
    }

    pub(crate) async fn ledger(&self) -> Value {
        self.control(Method::GET, "/_sim/ledger", None).await
    }

    pub(crate) async fn fault(&self, body: Value) -> u64 {
        self.post("/_sim/faults", body).await["id"].as_u64().unwrap()
    }

    pub(crate) async fn clear_faults(&self) {
        self.control(Method::DELETE, "/_sim/faults", None).await;
    }

    pub(crate) fn apple_get(&self, path: &str) -> reqwest::RequestBuilder {
        self.client.get(format!("{}/{path}", self.simulator.apple_url())).bearer_auth(&self.token)
    }

    pub(crate) fn apple_post(&self, path: &str, body: &Value) -> reqwest::RequestBuilder {
        self.client.post(format!("{}/{path}", self.simulator.apple_url())).bearer_auth(&self.token).json(body)
    }

    /// A request to Apple's side: status and body.
    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        send(self.apple_get(path)).await
    }

    /// The status alone, when there may be no JSON.
    pub(crate) async fn client_status(&self, path: &str) -> u16 {
        self.apple_get(path).send().await.unwrap().status().as_u16()
    }

    pub(crate) async fn write(&self, path: &str, body: Value) -> (u16, Value) {
        send(self.apple_post(path, &body)).await
    }

    /// A write that is accepted; returns the event's id.
    pub(crate) async fn accepted(&self, path: &str, body: Value) -> String {
        let (status, answer) = self.write(path, body).await;
        assert_eq!(status, 200, "{answer}");
        answer["eventId"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn status(&self, event: &str) -> Value {
        let (status, answer) = self.get(&format!("status?eventId={event}")).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }

    /// What is assigned now, in the order of the stream, as `adam_id/holder`.
    pub(crate) async fn assignments(&self) -> Vec<String> {
        let url = format!("{}/_sim/locations/{}/assignments", self.simulator.url(), self.uid);
        let text = self.client.get(url).send().await.unwrap().text().await.unwrap();
        text.lines()
            .map(|line| {
                let line: Value = serde_json::from_str(line).unwrap();
                let holder = line["serial"].as_str().or(line["user"].as_str()).unwrap();
                format!("{}/{holder}", line["adam_id"].as_str().unwrap())
            })
            .collect()
    }

    /// One asset as the control side shows it.
    pub(crate) async fn asset(&self, adam_id: &str) -> Value {
        let assets = self.control(Method::GET, "/_sim/locations/{uid}/assets", None).await;
        let found = assets["assets"].as_array().unwrap().iter().find(|asset| asset["adam_id"] == adam_id);
        found.unwrap().clone()
    }

    /// Registers a receiver for everything.
    pub(crate) async fn subscribe(&self, receiver: &Receiver) {
        let body = json!({
            "notificationUrl": receiver.url, "notificationAuthToken": "secret-1",
            "notificationTypes": ["ASSET_COUNT", "ASSET_MANAGEMENT"],
        });
        let (status, answer) = self.write("client/config", body).await;
        assert_eq!(status, 200, "{answer}");
    }
}

pub(crate) async fn send(request: reqwest::RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

/// Takes notifications, and refuses as many as it is told to.
#[derive(Clone)]
pub(crate) struct Receiver {
    pub(crate) url: String,
    inner: Arc<Mutex<Inbox>>,
}

#[derive(Default)]
struct Inbox {
    bodies: Vec<Value>,
    tokens: Vec<String>,
    refuse: usize,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/notify", listener.local_addr().unwrap());
        let inner: Arc<Mutex<Inbox>> = Arc::default();
        let app = Router::new().route("/notify", post(take)).with_state(Arc::clone(&inner));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, inner }
    }

    pub(crate) fn refuse_next(&self, count: usize) {
        self.inner.lock().unwrap().refuse = count;
    }

    /// Everything that came, those refused included.
    pub(crate) fn bodies(&self) -> Vec<Value> {
        self.inner.lock().unwrap().bodies.clone()
    }

    pub(crate) fn tokens(&self) -> Vec<String> {
        self.inner.lock().unwrap().tokens.clone()
    }

    /// Waits until so many came, test notifications included.
    pub(crate) async fn wait_for(&self, count: usize) -> Vec<Value> {
        until("notifications to come", || async { self.bodies().len() >= count }).await;
        self.bodies()
    }
}

async fn take(State(inbox): State<Arc<Mutex<Inbox>>>, headers: HeaderMap, body: String) -> StatusCode {
    let mut inbox = inbox.lock().unwrap();
    inbox.bodies.push(serde_json::from_str(&body).unwrap());
    inbox.tokens.push(headers["authorization"].to_str().unwrap().to_owned());
    if inbox.refuse > 0 {
        inbox.refuse -= 1;
        return StatusCode::INTERNAL_SERVER_ERROR;
    }
    StatusCode::NO_CONTENT
}

/// Waits until something is true, for up to ten seconds.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut check: impl FnMut() -> F) {
    for _ in 0..1_000 {
        if check().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("waited ten seconds for {what}");
}
