//! Every license that changed hands is written down, who held what can be told of any moment since, and whoever alters what was written
//! is seen.

#![allow(clippy::unwrap_used, reason = "a step that cannot be taken fails its test")]

mod common;

use std::collections::HashMap;

use common::*;
use russet_domain::change::Action;
use russet_domain::forecast::Moved;
use russet_domain::job::JobKind;
use russet_domain::{AssetKey, Holder, Pricing, Timestamp, TokenId};
use russet_store::history::{self, Cause, Filter};
use russet_store::walks::WalkId;
use russet_store::{Snapshot, Store, audit, chain, licenses, supply, tokens};

fn key(number: usize) -> AssetKey {
    AssetKey::new(format!("{}", 500_000_000 + number), Pricing::Standard)
}

async fn movements(store: &Store, filter: &Filter) -> Vec<(String, Action, Cause)> {
    let mut db = store.read().await.unwrap();
    let all = history::list(&mut db, filter, 100, None).await.unwrap();
    all.into_iter().rev().map(|one| (one.holder.id().to_owned(), one.action, one.cause)).collect()
}

async fn held_at(store: &Store, token: TokenId, at: Timestamp) -> Vec<String> {
    let mut db = store.read().await.unwrap();
    let (mut all, mut after) = (Vec::new(), None::<(russet_domain::AssetId, Holder)>);
    loop {
        let filter = licenses::Filter::default();
        let page = history::held_at(&mut db, (token, at), &filter, 1, after.as_ref()).await.unwrap();
        let Some(row) = page.into_iter().next() else { return all };
        all.push(row.holder.id().to_owned());
        after = Some((row.asset, row.holder));
    }
}

/// A whole reading of a location of one app, by these holders, that began and ended at a moment.
async fn read(store: &Store, token: TokenId, walk: i64, at: i64, holders: &[Holder]) {
    let rows: Vec<_> = holders.iter().map(|holder| (key(0), holder.clone())).collect();
    let mut tx = store.begin().await.unwrap();
    licenses::observe_page(&mut tx, token, (WalkId(walk), later(at)), &rows, later(at)).await.unwrap();
    licenses::drop_unseen(&mut tx, token, WalkId(walk), later(at), later(at)).await.unwrap();
    let end = tokens::SyncEnd::Completed { whole: true, assets_version: None, assignments_version: None };
    tokens::sync_ended(&mut tx, token, &end, later(at)).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn what_readings_notifications_and_changes_move_is_told_of_every_moment_since_the_first_reading() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, assets) = location(store, "North", 1).await;
        side.run("UPDATE tokens SET history_since = NULL, synced_whole_at = NULL").await;
        read(store, token, 10, 100, &[device(1), device(2)]).await;
        assert_eq!(movements(store, &Filter::default()).await, [], "history begins with the first reading");
        let begins = history::begins(&mut store.read().await.unwrap(), token).await.unwrap();
        assert_eq!(begins, Some(later(100)));

        read(store, token, 11, 200, &[device(2), device(3)]).await;
        let mut tx = store.begin().await.unwrap();
        let pairs = [(key(0), device(4)), (key(0), device(3))];
        licenses::observe_moved(&mut tx, token, (Action::Assign, "their-event"), &pairs, later(300))
            .await
            .unwrap();
        tx.commit().await.unwrap();
        submitted(store, JobKind::RevokeLicense, token, wishes(&assets, &[device(2)])).await;
        for (_, changes) in send_all(store, token, NOW).await {
            finished(store, token, &settled(&changes), later(400)).await;
        }

        let of = |number: usize| device(number).id().to_owned();
        let all = [
            (of(3), Action::Assign, Cause::Sync),
            (of(1), Action::Revoke, Cause::Sync),
            (of(4), Action::Assign, Cause::Notification),
            (of(2), Action::Revoke, Cause::Change),
        ];
        assert_eq!(movements(store, &Filter::default()).await, all);
        let since = Filter { since: Some(later(200)), until: Some(later(400)), ..Filter::default() };
        assert_eq!(movements(store, &since).await, all[..3]);
        let one = Filter { holder: Some(device(2)), token: Some(token), ..Filter::default() };
        assert_eq!(movements(store, &one).await, all[3..]);
        let mut db = store.snapshot().await.unwrap();
        let moved = async |db: &mut Snapshot, since| supply::demand(db, token, since).await.unwrap();
        assert!(moved(&mut db, None).await.is_empty());
        let wanted = supply::Demand { waiting: 0, moved: Moved { given: 2, back: 2 } };
        assert_eq!(moved(&mut db, Some(later(200))).await, HashMap::from([(assets[0], wanted)]));
        let wanted = supply::Demand { waiting: 0, moved: Moved { given: 1, back: 1 } };
        assert_eq!(moved(&mut db, Some(later(201))).await, HashMap::from([(assets[0], wanted)]));
        let last = history::list(&mut db, &one, 1, None).await.unwrap().remove(0);
        assert!(last.job.is_some() && last.change.is_some() && last.event.unwrap().starts_with("event-"));
        drop(db);

        for (at, holders) in
            [(100, vec![1, 2]), (199, vec![1, 2]), (200, vec![2, 3]), (300, vec![2, 3, 4]), (400, vec![3, 4])]
        {
            let holders: Vec<String> = holders.into_iter().map(of).collect();
            assert_eq!(held_at(store, token, later(at)).await, holders, "at {at}");
        }
    })
    .await;
}

/// Seals what there is, as soon as no transaction can add anything below it: those of other tests count as well.
async fn sealed(store: &Store, at: Timestamp) -> chain::Block {
    for _ in 0..1_000 {
        let mut tx = store.begin().await.unwrap();
        let block = chain::seal(&mut tx, at).await.unwrap();
        tx.commit().await.unwrap();
        if let Some(block) = block {
            return block;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("nothing is sealed");
}

#[tokio::test]
async fn what_commits_late_is_sealed_in_its_place() {
    on_postgres(russet_store::KeyRing::generate(), true, |side| async move {
        let store = &side.store;
        let line = async |tx: &mut russet_store::Tx, subject: &str| {
            audit::write(tx, "key 1", "job.submit", subject, "{}", NOW).await.unwrap();
        };
        // The first number is given out, and the second is committed before it.
        let mut late = store.begin().await.unwrap();
        line(&mut late, "first").await;
        let mut quick = store.begin().await.unwrap();
        line(&mut quick, "second").await;
        quick.commit().await.unwrap();
        for _ in 0..3 {
            let mut tx = store.begin().await.unwrap();
            assert_eq!(chain::seal(&mut tx, NOW).await.unwrap(), None, "one may still come below it");
            tx.commit().await.unwrap();
        }
        late.commit().await.unwrap();
        assert_eq!(sealed(store, NOW).await.audit.rows, 2);
        let whole = chain::verify(&mut store.read().await.unwrap(), None).await.unwrap();
        assert_eq!((whole.broken, whole.audit, whole.unsealed), (None, 2, 0));
    })
    .await;
}

#[tokio::test]
async fn whoever_alters_what_is_sealed_is_seen() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, assets) = location(store, "North", 1).await;
        let mut hashes = Vec::new();
        for round in 0..3_i64 {
            let mut tx = store.begin().await.unwrap();
            audit::write(&mut tx, "key 1", "job.submit", "job 1", "{}", later(round)).await.unwrap();
            tx.commit().await.unwrap();
            let holder = device(usize::try_from(round).unwrap());
            submitted(store, JobKind::AssignLicense, token, wishes(&assets, &[holder])).await;
            for (_, changes) in send_all(store, token, NOW).await {
                finished(store, token, &settled(&changes), later(round)).await;
            }
            hashes.push(sealed(store, later(round)).await.hash);
            let mut tx = store.begin().await.unwrap();
            assert_eq!(chain::seal(&mut tx, later(round)).await.unwrap(), None, "there is nothing more");
            tx.commit().await.unwrap();
        }
        let look = async |kept: Option<&str>| {
            let mut db = store.read().await.unwrap();
            chain::verify(&mut db, kept).await.unwrap()
        };
        let whole = look(Some(&hashes[1])).await;
        assert_eq!((whole.blocks, whole.audit, whole.movements, whole.unsealed), (3, 3, 3, 0));
        assert_eq!((whole.broken, whole.found), (None, true));
        assert!(!look(Some("another")).await.found);

        // Everything that somebody could do to what is sealed, and back again.
        for (alter, restore, says) in [
            (
                "UPDATE audit SET actor = 'key 2' WHERE id = 2",
                "UPDATE audit SET actor = 'key 1' WHERE id = 2",
                "block 2",
            ),
            (
                "UPDATE movements SET gained = false WHERE id = 1",
                "UPDATE movements SET gained = true WHERE id = 1",
                "block 1",
            ),
            (
                "UPDATE movements SET job_id = job_id + 1 WHERE id = 3",
                "UPDATE movements SET job_id = job_id - 1 WHERE id = 3",
                "block 3",
            ),
            (
                "UPDATE audit SET id = -2 WHERE id = 2",
                "UPDATE audit SET id = 2 WHERE id = -2",
                "sealed with 1 lines of the audit log and has 0",
            ),
            (
                "UPDATE movements SET id = 2 - 3 WHERE id = 2",
                "UPDATE movements SET id = 2 WHERE id = -1",
                "sealed with 1 movements of licenses and has 0",
            ),
            (
                "UPDATE chain_blocks SET at = at + 1 WHERE id = 2",
                "UPDATE chain_blocks SET at = at - 1 WHERE id = 2",
                "block 2",
            ),
            (
                "UPDATE chain_blocks SET audit_from = 1 WHERE id = 3",
                "UPDATE chain_blocks SET audit_from = 2 WHERE id = 3",
                "block 3 was sealed",
            ),
            (
                "UPDATE chain_blocks SET id = 9 WHERE id = 3",
                "UPDATE chain_blocks SET id = 3 WHERE id = 9",
                "block 3 is missing",
            ),
        ] {
            side.run(alter).await;
            let broken = look(None).await.broken.unwrap_or_default();
            assert!(broken.contains(says), "{alter}: {broken:?}");
            side.run(restore).await;
            assert_eq!(look(None).await.broken, None, "{restore}");
        }

        // The end cut off together with all that belongs to it is whole, and shorter than what somebody kept.
        for table in ["audit", "movements", "chain_blocks"] {
            side.run(&format!("DELETE FROM {table} WHERE id = 3")).await;
        }
        let cut = look(Some(&hashes[2])).await;
        assert_eq!((cut.broken, cut.blocks, cut.found), (None, 2, false));
    })
    .await;
}
