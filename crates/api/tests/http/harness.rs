//! Starts an API of its own for each test and talks to it.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::{Client, Method, RequestBuilder};
use russet_api::{Api, NewKey, Settings, serve};
use russet_domain::asset::Supply;
use russet_domain::change::Action;
use russet_domain::job::JobState;
use russet_domain::token::TokenState;
use russet_domain::{Asset, AssetKey, Holder, JobId, Pricing, ProductType, RequestId, Timestamp, TokenId};
use russet_queue::Queue;
use russet_store::assets::Reading;
use russet_store::keys::{self, Role};
use russet_store::requests::NewRequest;
use russet_store::walks::WalkId;
use russet_store::{KeyRing, Store, assets, changes, jobs, licenses, requests, tokens};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

/// A moment for rows that tests write past the API.
pub(crate) const NOW: Timestamp = Timestamp(1_800_000_000_000);

/// A running API. It stops, and its files go, with it.
pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) store: Store,
    pub(crate) queue: Queue,
    pub(crate) stop: CancellationToken,
    client: Client,
    key: String,
    _folder: tempfile::TempDir,
}

/// What came back.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Value,
    pub(crate) text: String,
}

impl Reply {
    /// The problem's stable code.
    pub(crate) fn code(&self) -> &str {
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.text);
        self.body["code"].as_str().unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The status with the code, for comparing both at once.
    pub(crate) fn problem(&self) -> (u16, &str) {
        (self.status, self.code())
    }

    pub(crate) fn id(&self) -> i64 {
        self.body["id"].as_i64().unwrap_or_else(|| panic!("{} {}", self.status, self.text))
    }
}

impl Server {
    /// An API with a SQLite file and the usual settings.
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(crate) async fn start_with(set: impl FnOnce(&mut Settings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("russet.db").display());
        Self::start_on(folder, url, set).await
    }

    /// An API with a queue of its own in the Redis at this address, or in process.
    pub(crate) async fn start_with_queue(url: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = format!("sqlite://{}", folder.path().join("russet.db").display());
        let prefix = folder.path().file_name().unwrap().to_string_lossy().trim_start_matches('.').to_owned();
        let queue =
            russet_queue::Settings { url: url.to_owned(), prefix, ..russet_queue::Settings::default() };
        Self::start_whole(folder, store, &queue, |_| {}).await
    }

    pub(crate) async fn start_on(
        folder: tempfile::TempDir,
        url: String,
        set: impl FnOnce(&mut Settings),
    ) -> Self {
        Self::start_whole(folder, url, &russet_queue::Settings::default(), set).await
    }

    async fn start_whole(
        folder: tempfile::TempDir,
        url: String,
        queue: &russet_queue::Settings,
        set: impl FnOnce(&mut Settings),
    ) -> Self {
        // Some test of this process may have been first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let store = Store::open(&russet_store::Settings { url }, KeyRing::generate()).await.unwrap();
        store.migrate().await.unwrap();
        let queue = Queue::open(queue).await.unwrap();
        let mut settings =
            Settings { listen: "127.0.0.1:0".into(), renewal_wait_ms: 5_000, ..Settings::default() };
        set(&mut settings);
        let listener = tokio::net::TcpListener::bind(&settings.listen).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        let callbacks = russet_domain::callback::Rules::default();
        let servers = russet_domain::callback::Rules { allow_inside: true, allow_http: true };
        let api = Api { store: store.clone(), queue: queue.clone(), settings, callbacks, servers };
        tokio::spawn(serve(listener, api, stop.clone()));
        let client = Client::builder().timeout(Duration::from_secs(30)).build().unwrap();
        let mut server = Self { url, store, queue, stop, client, key: String::new(), _folder: folder };
        server.key = server.new_key(Role::Admin, None).await;
        server
    }

    /// A new key of a role, bound to tokens or not.
    pub(crate) async fn new_key(&self, role: Role, bound: Option<&[TokenId]>) -> String {
        let new = NewKey::generate();
        let mut tx = self.store.begin().await.unwrap();
        keys::create(&mut tx, "test", role, &new.hash, bound, NOW).await.unwrap();
        tx.commit().await.unwrap();
        new.text.reveal().to_owned()
    }

    /// The same server seen through another key.
    pub(crate) fn request_as(&self, key: &str, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url)).bearer_auth(key)
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.request_as(&self.key, method, path)
    }

    /// A request without any key.
    pub(crate) fn bare(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url))
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        send(self.request(Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Reply {
        send(self.request(Method::POST, path).json(body)).await
    }

    pub(crate) async fn post_once(&self, path: &str, key: &str, body: &Value) -> Reply {
        send(self.request(Method::POST, path).header("idempotency-key", key).json(body)).await
    }

    /// Uploads a token of that name; it stays `new`, as there is no worker.
    pub(crate) async fn upload(&self, name: &str) -> TokenId {
        let reply = self.post("/api/v1/tokens", &upload(name)).await;
        assert_eq!(reply.status, 201, "{}", reply.text);
        TokenId(reply.id())
    }

    /// A token that is valid and was read whole, with apps 500000000, 500000001, … of ten licenses each.
    pub(crate) async fn location(&self, name: &str, apps: usize) -> TokenId {
        let token = self.upload(name).await;
        let apps: Vec<Asset> = (0..apps).map(|nth| app(&(500_000_000 + nth).to_string())).collect();
        let mut tx = self.store.begin().await.unwrap();
        assets::upsert_all(&mut tx, token, reading(1), &apps).await.unwrap();
        let end = tokens::SyncEnd::Completed { whole: true, assets_version: None, assignments_version: None };
        tokens::sync_ended(&mut tx, token, &end, NOW).await.unwrap();
        tokens::set_state(&mut tx, token, TokenState::Valid, None, None, NOW).await.unwrap();
        tx.commit().await.unwrap();
        token
    }

    pub(crate) async fn set_state(&self, token: TokenId, state: TokenState) {
        let mut tx = self.store.begin().await.unwrap();
        tokens::set_state(&mut tx, token, state, None, None, NOW).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Writes down that these hold licenses, as a sync would.
    pub(crate) async fn hold(&self, token: TokenId, pairs: &[(AssetKey, Holder)]) {
        let mut tx = self.store.begin().await.unwrap();
        licenses::observe_page(&mut tx, token, (WalkId(1), NOW), pairs, NOW).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Writes one planned change down as on its way to Apple, in a request of its own.
    pub(crate) async fn send_one(&self, token: TokenId) -> RequestId {
        let mut tx = self.store.begin().await.unwrap();
        let sent = changes::sendable(&mut tx, token, NOW, 1).await.unwrap().remove(0);
        let request = NewRequest {
            what: russet_store::requests::What::Licenses(Action::Assign),
            assets: vec![sent.key.clone()],
            devices: vec![sent.holder.id().to_owned()],
            users: vec![],
            changes: vec![sent.id],
        };
        let ids = requests::write(&mut tx, token, &[request], NOW).await.unwrap();
        tx.commit().await.unwrap();
        ids[0]
    }

    /// Ends a job without changes, as a worker would.
    pub(crate) async fn end_job(&self, job: JobId, state: JobState, error: Option<(&str, &str)>) {
        let mut tx = self.store.begin().await.unwrap();
        jobs::ended(&mut tx, job, state, error, None, NOW).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// How many messages of a kind wait in the queue.
    pub(crate) async fn waiting(&self, kind: &str) -> u64 {
        let depths = self.queue.depths().await.unwrap();
        depths.iter().find(|depth| depth.kind == kind).map_or(0, |depth| depth.waiting)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

pub(crate) async fn send(request: RequestBuilder) -> Reply {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.unwrap();
    Reply { status, headers, body: serde_json::from_str(&text).unwrap_or_default(), text }
}

/// A walk over assets.
pub(crate) fn reading(walk: i64) -> Reading {
    Reading { walk: WalkId(walk), began: NOW }
}

/// A token file that expires far in the future; each name has another secret.
pub(crate) fn token_file(name: &str) -> String {
    token_file_until(name, "2039-04-09T10:20:30+0000")
}

pub(crate) fn token_file_until(name: &str, date: &str) -> String {
    BASE64_STANDARD
        .encode(json!({"token": format!("secret-{name}"), "expDate": date, "orgName": "Example"}).to_string())
}

pub(crate) fn upload(name: &str) -> Value {
    json!({"name": name, "content": token_file(name), "consent": true, "account_type": "business"})
}

pub(crate) fn app(adam_id: &str) -> Asset {
    Asset {
        key: key(adam_id),
        product_type: ProductType::App,
        device_assignable: true,
        revocable: true,
        supply: Supply::from_counts(10, 10),
        assigned: 0,
        retired: 0,
        platforms: vec!["iOS".to_owned()],
    }
}

pub(crate) fn key(adam_id: &str) -> AssetKey {
    AssetKey::new(adam_id, Pricing::Standard)
}
