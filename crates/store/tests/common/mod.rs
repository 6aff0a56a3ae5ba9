//! A store of its own for each test, on either engine, gone when the test is over.

#![allow(dead_code, reason = "each test file uses its own part of this")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot be set up has failed")]

use std::future::Future;
use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use russet_domain::asset::Supply;
use russet_domain::change::{Action, Outcome};
use russet_domain::job::{JobKind, Priority};
use russet_domain::sync_schedule::SyncSchedule;
use russet_domain::{
    Asset, AssetId, AssetKey, ChangeId, Holder, Pricing, ProductType, Secret, Timestamp, TokenId,
};
use russet_store::assets::Reading;
use russet_store::jobs::{NewJob, Origin};
use russet_store::notifications::Named;
use russet_store::requests::NewRequest;
use russet_store::submit::{Submitted, Wish, submit};
use russet_store::tokens::NewToken;
use russet_store::walks::WalkId;
use russet_store::{KeyRing, Settings, Store, assets, changes, requests, tokens};
use sqlx::{Connection, Row};
use tokio::sync::Mutex;

/// One of the two databases, for one test.
pub(crate) struct Side {
    pub(crate) store: Store,
    pub(crate) url: String,
    pub(crate) postgres: bool,
    /// The test's own connection, past the store.
    own: Mutex<Own>,
}

enum Own {
    Sqlite(sqlx::SqliteConnection),
    Postgres(sqlx::PgConnection),
}

impl Side {
    /// A number that a statement of the test's own finds, past the store.
    pub(crate) async fn number(&self, text: &str) -> i64 {
        let text = sqlx::AssertSqlSafe(text.to_owned());
        match &mut *self.own.lock().await {
            Own::Sqlite(own) => sqlx::query(text).fetch_one(own).await.unwrap().get(0),
            Own::Postgres(own) => sqlx::query(text).fetch_one(own).await.unwrap().get(0),
        }
    }

    /// Runs a statement of the test's own, past the store.
    pub(crate) async fn run(&self, text: &str) {
        let text = sqlx::AssertSqlSafe(text.to_owned());
        match &mut *self.own.lock().await {
            Own::Sqlite(own) => drop(sqlx::raw_sql(text).execute(own).await.unwrap()),
            Own::Postgres(own) => drop(sqlx::raw_sql(text).execute(own).await.unwrap()),
        }
    }

    /// Texts that a statement of the test's own finds, past the store.
    pub(crate) async fn texts(&self, text: &str) -> Vec<String> {
        let text = sqlx::AssertSqlSafe(text.to_owned());
        match &mut *self.own.lock().await {
            Own::Sqlite(own) => {
                let rows = sqlx::query(text).fetch_all(own).await.unwrap();
                rows.iter().map(|row| row.get(0)).collect()
            }
            Own::Postgres(own) => {
                let rows = sqlx::query(text).fetch_all(own).await.unwrap();
                rows.iter().map(|row| row.get(0)).collect()
            }
        }
    }
}

/// Runs a story on a migrated SQLite file, then on a migrated PostgreSQL database of its own.
pub(crate) async fn on_both<F, Fut>(story: F)
where
    F: Fn(Side) -> Fut,
    Fut: Future<Output = ()>,
{
    on_both_with(KeyRing::generate, true, story).await;
}

/// As [`on_both`], with keys of the test's choice, and with tables or without.
pub(crate) async fn on_both_with<F, Fut>(keys: impl Fn() -> KeyRing, migrate: bool, story: F)
where
    F: Fn(Side) -> Fut,
    Fut: Future<Output = ()>,
{
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("russet.db").display());
    let side = open(url, keys(), migrate, false).await;
    let store = side.store.clone();
    story(side).await;
    store.close().await;
    on_postgres(keys(), migrate, story).await;
}

/// Runs a story on a migrated PostgreSQL database of its own.
pub(crate) async fn on_postgres<F, Fut>(keys: KeyRing, migrate: bool, story: F)
where
    F: Fn(Side) -> Fut,
    Fut: Future<Output = ()>,
{
    let server = std::env::var("DATABASE_URL")
        .unwrap_or_else(|_| "postgres://postgres@127.0.0.1:5432/postgres".to_owned());
    let (base, _) = server.rsplit_once('/').unwrap();
    let name = format!("russet_test_{}", uuid::Uuid::new_v4().simple());
    admin(&server, &format!("CREATE DATABASE {name}")).await;
    let side = open(format!("{base}/{name}"), keys, migrate, true).await;
    let store = side.store.clone();
    let told = AssertUnwindSafe(story(side)).catch_unwind().await;
    store.close().await;
    admin(&server, &format!("DROP DATABASE {name} WITH (FORCE)")).await;
    if let Err(panic) = told {
        std::panic::resume_unwind(panic);
    }
}

async fn admin(server: &str, statement: &str) {
    let mut connection =
        sqlx::PgConnection::connect(server).await.expect("PostgreSQL answers on DATABASE_URL");
    sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned())).execute(&mut connection).await.unwrap();
}

async fn open(url: String, keys: KeyRing, migrate: bool, postgres: bool) -> Side {
    let store = Store::open(&Settings { url: url.clone() }, keys).await.unwrap();
    if migrate {
        store.migrate().await.unwrap();
    }
    let own = if postgres {
        Own::Postgres(sqlx::PgConnection::connect(&url).await.unwrap())
    } else {
        Own::Sqlite(sqlx::SqliteConnection::connect(&url).await.unwrap())
    };
    Side { store, url, postgres, own: Mutex::new(own) }
}

pub(crate) const NOW: Timestamp = Timestamp(1_800_000_000_000);

pub(crate) fn later(ms: i64) -> Timestamp {
    Timestamp(NOW.0 + ms)
}

pub(crate) fn new_token(name: &str) -> NewToken {
    NewToken {
        name: name.to_owned(),
        org_name: "Orchard School".to_owned(),
        content: Secret::new(format!("content of {name}")),
        expires_at: later(1_000_000),
        country: Some("DE".to_owned()),
        account_type: "education".to_owned(),
        auto_update: true,
        take_over: false,
        apple_id: None,
        consent_by: "key 1".to_owned(),
        consent_version: 1,
        sync_schedule: SyncSchedule::Default,
    }
}

/// A walk over assets; a later one began a millisecond later.
pub(crate) fn reading(walk: i64) -> Reading {
    Reading { walk: WalkId(walk), began: later(walk) }
}

/// A notification of no type.
pub(crate) fn named(id: &str) -> Named<'_> {
    Named { id, kind: "" }
}

pub(crate) fn app(adam_id: &str, total: i64) -> Asset {
    Asset {
        key: AssetKey::new(adam_id, Pricing::Standard),
        product_type: ProductType::App,
        device_assignable: true,
        revocable: true,
        supply: Supply::from_counts(total, total),
        assigned: 0,
        retired: 0,
        platforms: vec!["iOS".to_owned()],
    }
}

pub(crate) fn device(number: usize) -> Holder {
    Holder::Device(format!("SERIAL{number:06}"))
}

pub(crate) fn user(number: usize) -> Holder {
    Holder::User(format!("user-{number}"))
}

/// A token, and as many assets of a thousand licenses each, with the licenses read whole.
pub(crate) async fn location(store: &Store, name: &str, number: usize) -> (TokenId, Vec<AssetId>) {
    let mut tx = store.begin().await.unwrap();
    let token = tokens::insert(&mut tx, &new_token(name), NOW).await.unwrap();
    let apps: Vec<Asset> = (0..number).map(|n| app(&format!("{}", 500_000_000 + n), 1_000_000)).collect();
    assets::upsert_all(&mut tx, token, reading(1), &apps).await.unwrap();
    let end = tokens::SyncEnd::Completed { whole: true, assets_version: None, assignments_version: None };
    tokens::sync_ended(&mut tx, token, &end, NOW).await.unwrap();
    let rows = assets::list(&mut tx, token, 1000, None).await.unwrap();
    tx.commit().await.unwrap();
    let mut rows: Vec<_> = rows.into_iter().map(|row| (row.asset.key, row.id)).collect();
    rows.sort();
    (token, rows.into_iter().map(|(_, id)| id).collect())
}

pub(crate) fn job(kind: JobKind, token: TokenId) -> NewJob {
    NewJob {
        kind,
        token,
        priority: Priority::Normal,
        origin: Origin::Api,
        key: None,
        args: "{}".to_owned(),
        notes: "[]".to_owned(),
        line: None,
    }
}

/// Every asset with every holder.
pub(crate) fn wishes(assets: &[AssetId], holders: &[Holder]) -> Vec<Wish> {
    assets
        .iter()
        .flat_map(|asset| holders.iter().map(|holder| Wish { asset: *asset, holder: holder.clone() }))
        .collect()
}

pub(crate) async fn submitted(store: &Store, kind: JobKind, token: TokenId, wishes: Vec<Wish>) -> Submitted {
    let mut tx = store.begin().await.unwrap();
    let submitted = submit(&mut tx, &job(kind, token), wishes, NOW).await.unwrap();
    tx.commit().await.unwrap();
    submitted
}

/// Sends everything that can be sent, in one request for each way, accepted with the events `event-1` and so on.
pub(crate) async fn send_all(
    store: &Store,
    token: TokenId,
    now: Timestamp,
) -> Vec<(russet_domain::RequestId, Vec<ChangeId>)> {
    let mut tx = store.begin().await.unwrap();
    let sendable = changes::sendable(&mut tx, token, now, 1_000_000).await.unwrap();
    let mut sent = Vec::new();
    for action in [Action::Assign, Action::Revoke] {
        let ids: Vec<ChangeId> =
            sendable.iter().filter(|change| change.action == action).map(|change| change.id).collect();
        if ids.is_empty() {
            continue;
        }
        let request = NewRequest {
            what: russet_store::requests::What::Licenses(action),
            assets: vec![],
            devices: vec![],
            users: vec![],
            changes: ids.clone(),
        };
        let written = requests::write(&mut tx, token, &[request], now).await.unwrap();
        requests::accepted(&mut tx, written[0], &format!("event-{}", written[0]), now).await.unwrap();
        sent.push((written[0], ids));
    }
    tx.commit().await.unwrap();
    sent
}

pub(crate) async fn finished(
    store: &Store,
    token: TokenId,
    outcomes: &[(ChangeId, Outcome)],
    now: Timestamp,
) -> changes::Finished {
    let mut tx = store.begin().await.unwrap();
    let finished = changes::finish(&mut tx, token, outcomes, now).await.unwrap();
    tx.commit().await.unwrap();
    finished
}

pub(crate) fn settled(ids: &[ChangeId]) -> Vec<(ChangeId, Outcome)> {
    ids.iter().map(|id| (*id, Outcome::Settled)).collect()
}
