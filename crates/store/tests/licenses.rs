//! What a location owns, and who holds it.

#![allow(clippy::unwrap_used, reason = "a step that cannot be taken fails its test")]

mod common;

use common::*;
use russet_domain::asset::Supply;
use russet_domain::change::Action;
use russet_domain::job::JobKind;
use russet_domain::{Asset, AssetId, AssetKey, Holder, Pricing, ProductType, TokenId};
use russet_store::licenses::Filter;
use russet_store::walks::WalkId;
use russet_store::{Store, assets, licenses};

fn key(number: usize) -> AssetKey {
    AssetKey::new(format!("{}", 500_000_000 + number), Pricing::Standard)
}

async fn page(store: &Store, token: TokenId, walk: i64, started: i64, rows: &[(AssetKey, Holder)]) {
    let mut tx = store.begin().await.unwrap();
    licenses::observe_page(&mut tx, token, (WalkId(walk), later(started)), rows, later(started))
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

async fn held(store: &Store, token: TokenId) -> Vec<(AssetId, Holder)> {
    let mut db = store.read().await.unwrap();
    let mut held = licenses::held(&mut db, token, 1000).await.unwrap();
    held.sort();
    assert_eq!(licenses::count(&mut db, token).await.unwrap(), held.len() as u64);
    held
}

async fn move_all(
    store: &Store,
    token: TokenId,
    kind: JobKind,
    assets: &[AssetId],
    holders: &[Holder],
    at: i64,
) {
    submitted(store, kind, token, wishes(assets, holders)).await;
    for (_, changes) in send_all(store, token, NOW).await {
        finished(store, token, &settled(&changes), later(at)).await;
    }
}

#[tokio::test]
async fn assets_are_written_read_counted_and_gone() {
    on_both(|side| async move {
        let (token, ids) = location(&side.store, "north", 3).await;
        let (other, _) = location(&side.store, "south", 1).await;
        let book = Asset {
            key: AssetKey::new("700", Pricing::Plus),
            product_type: ProductType::Book,
            device_assignable: false,
            revocable: false,
            supply: Supply::Unlimited,
            assigned: 3,
            retired: 1,
            platforms: vec![],
        };
        let mut tx = side.store.begin().await.unwrap();
        let newer = Asset { assigned: 5, ..app("500000000", 9) };
        assets::upsert_all(&mut tx, token, reading(2), &[book.clone(), book.clone(), newer.clone()])
            .await
            .unwrap();
        let rows = assets::list(&mut tx, token, 10, None).await.unwrap();
        assert_eq!(rows.len(), 4);
        assert_eq!(rows[0].asset, newer);
        assert_eq!(rows[3].asset, book);
        assert_eq!(assets::list(&mut tx, token, 10, Some(rows[2].id)).await.unwrap(), rows[3..]);
        assert_eq!(assets::list(&mut tx, token, 1, None).await.unwrap(), rows[..1]);

        let wanted = [book.key.clone(), key(1), AssetKey::new("700", Pricing::Standard)];
        let found = assets::by_keys(&mut tx, token, &wanted).await.unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!(found[&book.key].id, rows[3].id);
        assert!(assets::by_keys(&mut tx, other, &[key(1)]).await.unwrap().is_empty());
        let many = assets::get_many(&mut tx, &[ids[1], AssetId(999)]).await.unwrap();
        assert_eq!((many.len(), many[&ids[1]].token), (1, token));

        tx.commit().await.unwrap();

        // Nobody refers to the third app; somebody holds the second.
        page(&side.store, token, 3, 0, &[(key(1), device(1))]).await;
        let mut tx = side.store.begin().await.unwrap();
        assert_eq!(assets::mark_unseen_gone(&mut tx, token, reading(2)).await.unwrap(), 2);
        let rows = assets::list(&mut tx, token, 10, None).await.unwrap();
        let gone: Vec<_> = rows.iter().map(|row| (row.id == ids[1], row.gone)).collect();
        assert_eq!(gone, [(false, false), (true, true), (false, false)]);
        assets::upsert_all(&mut tx, token, reading(3), &[app("500000001", 9)]).await.unwrap();
        assert!(!assets::find(&mut tx, ids[1]).await.unwrap().unwrap().gone);
        assert_eq!(assets::list(&mut tx, other, 10, None).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn licenses_are_listed_by_token_product_and_holder_in_pages() {
    on_both(|side| async move {
        let store = &side.store;
        let (north, apps) = location(store, "north", 2).await;
        let (south, more) = location(store, "south", 1).await;
        let rows = [(key(0), device(1)), (key(0), device(2)), (key(1), device(1)), (key(1), user(1))];
        page(store, north, 1, 0, &rows).await;
        page(store, south, 1, 0, &[(key(0), device(1))]).await;
        move_all(store, north, JobKind::RevokeLicense, &apps[..1], &[device(2)], 1).await;

        let mut db = store.read().await.unwrap();
        let all = Filter::default();
        let listed = licenses::list(&mut db, &all, 10, None).await.unwrap();
        assert_eq!(listed.len(), 4);
        let mut paged = Vec::new();
        while let Some(license) = {
            let after = paged.last().map(|last: &licenses::License| (last.asset, last.holder.clone()));
            licenses::list(&mut db, &all, 1, after.as_ref()).await.unwrap().pop()
        } {
            paged.push(license);
        }
        assert_eq!(paged, listed);
        let count = async |db: &mut russet_store::Reader, filter: Filter| {
            licenses::list(db, &filter, 10, None).await.unwrap().len()
        };
        let of = |token| Filter { token: Some(token), ..Filter::default() };
        assert_eq!(count(&mut db, of(north)).await, 3);
        let by = |holder| Filter { holder: Some(holder), ..Filter::default() };
        assert_eq!(count(&mut db, by(device(1))).await, 3);
        assert_eq!(count(&mut db, by(device(2))).await, 0);
        assert_eq!(count(&mut db, by(Holder::User("SERIAL000001".to_owned()))).await, 0);
        let product = Filter { adam_id: Some("500000001".to_owned()), ..by(device(1)) };
        assert_eq!(count(&mut db, product).await, 1);
        let product = Filter { adam_id: Some("500000000".to_owned()), ..of(south) };
        assert_eq!(count(&mut db, product).await, 1);
        let holder_and_token = Filter { token: Some(south), ..by(device(1)) };
        assert_eq!(count(&mut db, holder_and_token).await, 1);

        let held = licenses::held_by(&mut db, north, &[device(1), device(2)], 10).await.unwrap();
        assert_eq!(held.len(), 2);
        assert_eq!(licenses::held_by(&mut db, north, &[device(1)], 1).await.unwrap().len(), 1);
        assert_eq!(licenses::held_of(&mut db, north, &[apps[1], more[0]], 10).await.unwrap().len(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_walk_finds_what_is_held_and_forgets_what_is_not() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, apps) = location(store, "north", 2).await;
        page(store, token, 1, 0, &[(key(0), device(1)), (key(0), device(1)), (key(1), user(1))]).await;
        assert_eq!(held(store, token).await, [(apps[0], device(1)), (apps[1], user(1))]);
        // The next walk sees only the second.
        page(store, token, 2, 10, &[(key(1), user(1))]).await;
        let mut tx = store.begin().await.unwrap();
        let unseen = licenses::unseen(&mut tx, token, WalkId(2), later(10), 10).await.unwrap();
        assert_eq!(unseen, [(apps[0], key(0), device(1))]);
        assert_eq!(licenses::drop_unseen(&mut tx, token, WalkId(2), later(10), later(10)).await.unwrap(), 1);
        tx.commit().await.unwrap();
        assert_eq!(held(store, token).await, [(apps[1], user(1))]);
        let mut tx = store.begin().await.unwrap();
        let pairs = [(apps[1], user(1)), (apps[1], user(2))];
        assert_eq!(licenses::drop_pairs(&mut tx, &pairs, later(20), later(20)).await.unwrap(), 1);
        tx.commit().await.unwrap();
        assert_eq!(held(store, token).await, []);
    })
    .await;
}

#[tokio::test]
async fn an_older_page_does_not_undo_what_was_settled_since_the_walk_began() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, apps) = location(store, "north", 1).await;
        page(store, token, 1, 0, &[(key(0), device(1)), (key(0), device(2))]).await;
        // The walk begins at 10; one license comes back and another is given out at 15.
        move_all(store, token, JobKind::RevokeLicense, &apps, &[device(1)], 15).await;
        move_all(store, token, JobKind::AssignLicense, &apps, &[device(3)], 15).await;
        // Its page shows the world as it was, and the walk ends.
        page(store, token, 2, 10, &[(key(0), device(1)), (key(0), device(2))]).await;
        let mut tx = store.begin().await.unwrap();
        assert_eq!(licenses::unseen(&mut tx, token, WalkId(2), later(10), 10).await.unwrap(), []);
        assert_eq!(licenses::drop_unseen(&mut tx, token, WalkId(2), later(10), later(10)).await.unwrap(), 0);
        assert_eq!(
            licenses::drop_pairs(&mut tx, &[(apps[0], device(3))], later(10), later(10)).await.unwrap(),
            0
        );
        tx.commit().await.unwrap();
        assert_eq!(held(store, token).await, [(apps[0], device(2)), (apps[0], device(3))]);
        // A walk that began later is right about all of it.
        page(store, token, 3, 20, &[(key(0), device(1))]).await;
        let mut tx = store.begin().await.unwrap();
        licenses::drop_unseen(&mut tx, token, WalkId(3), later(20), later(20)).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(held(store, token).await, [(apps[0], device(1))]);
    })
    .await;
}

#[tokio::test]
async fn a_license_of_an_unknown_asset_gives_the_asset_a_row() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, _) = location(store, "north", 0).await;
        page(store, token, 1, 0, &[(key(7), device(1)), (key(7), device(2))]).await;
        assert_eq!(held(store, token).await.len(), 2);
        let mut tx = store.begin().await.unwrap();
        let row = assets::list(&mut tx, token, 10, None).await.unwrap().remove(0);
        assert_eq!((row.asset.key, row.asset.supply.free()), (key(7), 0));
    })
    .await;
}

#[tokio::test]
async fn a_move_in_the_portal_is_counted_once_however_often_it_is_told() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, apps) = location(store, "north", 1).await;
        let pairs = [(key(0), device(1)), (key(0), device(2)), (key(0), device(2))];
        let tell = async |action| {
            let mut tx = store.begin().await.unwrap();
            let changed = licenses::observe_moved(&mut tx, token, (action, "elsewhere"), &pairs, later(1))
                .await
                .unwrap();
            tx.commit().await.unwrap();
            let mut db = store.read().await.unwrap();
            let asset = assets::find(&mut db, apps[0]).await.unwrap().unwrap().asset;
            (changed, asset.assigned, asset.supply.free())
        };
        assert_eq!(tell(Action::Assign).await, (2, 2, 999_998));
        assert_eq!(tell(Action::Assign).await, (0, 2, 999_998));
        assert_eq!(tell(Action::Revoke).await, (2, 0, 1_000_000));
        assert_eq!(tell(Action::Revoke).await, (0, 0, 1_000_000));
        assert_eq!(held(store, token).await, []);
        let mut tx = store.begin().await.unwrap();
        assert_eq!(licenses::sweep_tombstones(&mut tx, token, later(1), 10).await.unwrap(), 0);
        assert_eq!(licenses::sweep_tombstones(&mut tx, token, later(2), 1).await.unwrap(), 1);
        assert_eq!(licenses::sweep_tombstones(&mut tx, token, later(2), 10).await.unwrap(), 1);
    })
    .await;
}

#[tokio::test]
async fn an_asset_without_a_limit_keeps_none() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, apps) = location(store, "north", 1).await;
        let mut tx = store.begin().await.unwrap();
        let free = Asset { supply: Supply::Unlimited, ..app("500000000", 0) };
        assets::upsert_all(&mut tx, token, reading(2), &[free]).await.unwrap();
        tx.commit().await.unwrap();
        move_all(store, token, JobKind::AssignLicense, &apps, &[device(1)], 1).await;
        let mut db = store.read().await.unwrap();
        let asset = assets::find(&mut db, apps[0]).await.unwrap().unwrap().asset;
        assert_eq!((asset.supply, asset.assigned), (Supply::Unlimited, 1));
    })
    .await;
}

#[tokio::test]
async fn licenses_outside_a_job_are_those_it_has_no_change_for() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, apps) = location(store, "north", 1).await;
        page(store, token, 1, 0, &[(key(0), device(1)), (key(0), device(2))]).await;
        let job = submitted(store, JobKind::RemoveToken, token, wishes(&apps, &[device(1)])).await.job;
        let mut db = store.read().await.unwrap();
        let rest = licenses::revocable_outside_job(&mut db, token, job, 10).await.unwrap();
        assert_eq!(rest, [(apps[0], device(2))]);
    })
    .await;
}
