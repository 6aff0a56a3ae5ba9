//! Counts: what notifications, single readings and whole walks make of them, in whatever order they come.

#![allow(clippy::unwrap_used, reason = "a step that cannot be taken fails its test")]

mod common;

use common::*;
use russet_domain::asset::Supply;
use russet_domain::{Asset, AssetKey, Pricing, Timestamp, TokenId};
use russet_store::assets::{self, Bought};
use russet_store::recounts::{self, Subject};
use russet_store::{Store, sweep, tokens};

/// Long after everything that is read in these stories.
const HOUR: i64 = 3_600_000;

fn bought(adam_id: &str, delta: i64) -> Bought {
    let key = AssetKey::new(adam_id, Pricing::Standard);
    Bought { key, delta, received_at: later(HOUR) }
}

fn counted(adam_id: &str, total: i64, assigned: i64) -> Asset {
    Asset { supply: Supply::from_counts(total, total - assigned), assigned, ..app(adam_id, 0) }
}

async fn town(store: &Store) -> TokenId {
    let mut tx = store.begin().await.unwrap();
    let token = tokens::insert(&mut tx, &new_token("north"), NOW).await.unwrap();
    let all = [counted("1", 10, 6), counted("2", 5, 5)];
    assets::upsert_all(&mut tx, token, reading(1), &all).await.unwrap();
    tx.commit().await.unwrap();
    token
}

async fn counts(store: &Store, token: TokenId) -> Vec<(String, i64, i64, bool)> {
    let mut db = store.read().await.unwrap();
    let rows = assets::list(&mut db, token, 100, None).await.unwrap();
    let shown = |supply| match supply {
        Supply::Limited { total, available } => (total, available),
        Supply::Unlimited => (-1, -1),
    };
    rows.into_iter()
        .map(|row| {
            let (total, available) = shown(row.asset.supply);
            (row.asset.key.adam_id, total, available, row.gone)
        })
        .collect()
}

fn line(adam_id: &str, total: i64, available: i64) -> (String, i64, i64, bool) {
    (adam_id.to_owned(), total, available, false)
}

#[tokio::test]
async fn purchases_that_add_up_are_counted_at_once_and_the_others_are_asked_for() {
    on_both(|side| async move {
        let token = town(&side.store).await;
        let mut tx = side.store.begin().await.unwrap();
        let told = [bought("1", 5), bought("1", 2), bought("2", -3), bought("9", 4), bought("9", 1)];
        let ask = assets::take_in_purchases(&mut tx, token, &told, later(HOUR)).await.unwrap();
        assert_eq!(ask, ["2", "9"], "more taken back than are free, and one that nobody knows");
        tx.commit().await.unwrap();
        assert_eq!(counts(&side.store, token).await, [line("1", 17, 11), line("2", 5, 0)]);
        let mut tx = side.store.begin().await.unwrap();
        assert!(assets::take_in_purchases(&mut tx, token, &[], NOW).await.unwrap().is_empty());
        let soon = Bought { received_at: later(1_000), ..bought("1", 5) };
        let ask = assets::take_in_purchases(&mut tx, token, &[soon], later(1_000)).await.unwrap();
        assert_eq!(ask, ["1"], "the reading a second ago may hold it already");
    })
    .await;
}

#[tokio::test]
async fn a_walk_that_began_before_a_purchase_does_not_take_it_back() {
    on_both(|side| async move {
        let token = town(&side.store).await;
        let began = later(HOUR - 10);
        let mut tx = side.store.begin().await.unwrap();
        assets::take_in_purchases(&mut tx, token, &[bought("1", 5)], later(HOUR)).await.unwrap();
        // Meanwhile the walk has read what Apple said before.
        let walk = assets::Reading { walk: russet_store::walks::WalkId(2), began };
        let old = [counted("1", 10, 6), counted("2", 7, 5)];
        assets::upsert_all(&mut tx, token, walk, &old).await.unwrap();
        assert_eq!(assets::moved_since(&mut tx, token, began).await.unwrap(), ["1"]);
        tx.commit().await.unwrap();
        assert_eq!(counts(&side.store, token).await, [line("1", 15, 9), line("2", 7, 2)]);
        // The next one is right again.
        let mut tx = side.store.begin().await.unwrap();
        let walk = assets::Reading { walk: russet_store::walks::WalkId(3), began: later(HOUR + 10) };
        assets::upsert_all(&mut tx, token, walk, &[counted("1", 16, 6)]).await.unwrap();
        assert_eq!(assets::mark_unseen_gone(&mut tx, token, walk).await.unwrap(), 1);
        tx.commit().await.unwrap();
        assert_eq!(counts(&side.store, token).await, [line("1", 16, 10)]);
    })
    .await;
}

#[tokio::test]
async fn one_product_is_read_by_itself_with_both_its_qualities() {
    on_both(|side| async move {
        let token = town(&side.store).await;
        let plus = Asset { key: AssetKey::new("2", Pricing::Plus), ..counted("2", 3, 0) };
        let mut tx = side.store.begin().await.unwrap();
        let product = |adam_id: &'static str, whole| assets::Product { adam_id, whole };
        assets::write_product(&mut tx, token, product("1", false), &[], later(50)).await.unwrap();
        assets::write_product(&mut tx, token, product("2", true), &[plus], later(50)).await.unwrap();
        let nine = [counted("9", 4, 0)];
        assets::write_product(&mut tx, token, product("9", true), &nine, later(50)).await.unwrap();
        assets::write_product(&mut tx, token, product("10", true), &[], later(50)).await.unwrap();
        // A walk that began before that one does not take what it has not seen for gone.
        let walk = assets::Reading { walk: russet_store::walks::WalkId(2), began: later(40) };
        assets::upsert_all(&mut tx, token, walk, &[counted("1", 10, 6)]).await.unwrap();
        assert_eq!(assets::mark_unseen_gone(&mut tx, token, walk).await.unwrap(), 0);
        tx.commit().await.unwrap();
        let mut gone = line("2", 5, 0);
        gone.3 = true;
        let all = counts(&side.store, token).await;
        assert_eq!(all, [line("1", 10, 4), gone, line("2", 3, 3), line("9", 4, 4)]);
    })
    .await;
}

#[tokio::test]
async fn what_is_to_be_counted_stays_until_a_reading_that_began_later() {
    on_both(|side| async move {
        let token = town(&side.store).await;
        let product = |adam_id: &str| Subject::Product(adam_id.to_owned());
        let mut tx = side.store.begin().await.unwrap();
        recounts::ask(&mut tx, token, &[], NOW).await.unwrap();
        assert_eq!(sweep::tokens_to_recount(&mut tx, 10).await.unwrap(), []);
        let both = [product("1"), product("2"), product("1")];
        recounts::ask(&mut tx, token, &both, later(1)).await.unwrap();
        recounts::ask(&mut tx, token, &[product("1")], later(5)).await.unwrap();
        assert_eq!(recounts::open(&mut tx, token, 10).await.unwrap(), [product("2"), product("1")]);
        assert_eq!(recounts::open(&mut tx, token, 1).await.unwrap(), [product("2")]);
        assert_eq!(sweep::tokens_to_recount(&mut tx, 10).await.unwrap(), [token]);
        recounts::done(&mut tx, token, &product("1"), later(4)).await.unwrap();
        recounts::done(&mut tx, token, &product("2"), later(4)).await.unwrap();
        assert_eq!(recounts::open(&mut tx, token, 10).await.unwrap(), [product("1")]);
        recounts::ask(&mut tx, token, &[Subject::All], later(9)).await.unwrap();
        recounts::all_done(&mut tx, token, later(8)).await.unwrap();
        assert_eq!(recounts::open(&mut tx, token, 10).await.unwrap(), [Subject::All]);
        tokens::delete(&mut tx, token, Timestamp(0)).await.unwrap();
        assert_eq!(sweep::tokens_to_recount(&mut tx, 10).await.unwrap(), []);
    })
    .await;
}
