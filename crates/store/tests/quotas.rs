//! Quotas of assignments: what counts for one, who is served past those whom it keeps waiting, and what they are told.

#![allow(clippy::unwrap_used, reason = "a step that cannot be taken fails its test")]

mod common;

use common::*;
use russet_domain::grant::Quota;
use russet_domain::job::JobKind;
use russet_domain::{AssetId, AssetKey, AssignmentId, ChangeId, Pricing, TokenId};
use russet_store::changes::waitlist::{self, Filter};
use russet_store::jobs::NewJob;
use russet_store::{Snapshot, Store, changes, policies, quotas, submit, supply};

/// An assignment with a quota of an asset, and who is to have the asset through it.
async fn assignment(
    side: &Side,
    (token, asset): (TokenId, AssetId),
    id: i64,
    quota: &str,
    devices: &[usize],
) {
    side.run(&format!(
        "INSERT INTO assignments (id, token_id, asset_id, group_id, intent, license, created_by, created_at, updated_at, quota)
         VALUES ({id}, {token}, {asset}, {id}, 'required', 'device', 'key 1', 0, 0, {quota})"
    ))
    .await;
    for number in devices {
        side.run(&format!(
            "INSERT INTO entitlements (asset_id, holder_kind, holder_id, assignment_id, intent, state, since)
             VALUES ({asset}, 'd', '{}', {id}, 'required', 'wanted', 0)",
            device(*number).id()
        ))
        .await;
    }
}

async fn ask(store: &Store, token: TokenId, asset: AssetId, devices: &[usize], line: i64) {
    let new = NewJob { line: Some(line), ..job(JobKind::AssignLicense, token) };
    let holders: Vec<_> = devices.iter().map(|number| device(*number)).collect();
    let mut tx = store.begin().await.unwrap();
    submit::submit(&mut tx, &new, wishes(&[asset], &holders), NOW).await.unwrap();
    tx.commit().await.unwrap();
}

async fn join_all(store: &Store, token: TokenId) {
    let sendable = changes::sendable(&mut store.read().await.unwrap(), token, NOW, 100).await.unwrap();
    let ids: Vec<ChangeId> = sendable.into_iter().map(|change| change.id).collect();
    let mut tx = store.begin().await.unwrap();
    waitlist::join(&mut tx, token, &ids, NOW).await.unwrap();
    tx.commit().await.unwrap();
}

/// Who is planned when as many are let in as can be.
async fn admitted(store: &Store, token: TokenId) -> Vec<String> {
    let mut tx = store.begin().await.unwrap();
    waitlist::admit(&mut tx, token, 100, NOW).await.unwrap();
    tx.commit().await.unwrap();
    let sendable = changes::sendable(&mut store.read().await.unwrap(), token, NOW, 100).await.unwrap();
    sendable.into_iter().map(|change| change.holder.id().to_owned()).collect()
}

fn names(numbers: &[usize]) -> Vec<String> {
    numbers.iter().map(|number| device(*number).id().to_owned()).collect()
}

async fn used(store: &Store, token: TokenId) -> Option<Quota> {
    let all = quotas::of_token(&mut store.read().await.unwrap(), Some(token)).await.unwrap();
    all.get(&AssignmentId(1)).copied()
}

#[tokio::test]
async fn who_has_a_license_through_it_counts_and_whoever_one_is_on_its_way_to_or_back_from() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, assets) = location(store, "North", 1).await;
        assert_eq!(used(store, token).await, None);
        assignment(&side, (token, assets[0]), 1, "3", &[1, 2]).await;
        assignment(&side, (token, assets[0]), 2, "NULL", &[3]).await;
        assert_eq!(used(store, token).await, Some(Quota { most: 3, used: 0, moving: 0 }));
        ask(store, token, assets[0], &[1, 2, 3, 4], 0).await;
        let sent = send_all(store, token, NOW).await;
        assert_eq!(used(store, token).await, Some(Quota { most: 3, used: 2, moving: 2 }));
        for (_, changes) in sent {
            finished(store, token, &settled(&changes), NOW).await;
        }
        assert_eq!(used(store, token).await, Some(Quota { most: 3, used: 2, moving: 0 }));
        // Who left and has it still counts until it is back.
        side.run("UPDATE entitlements SET state = 'left', reason = 'left_group' WHERE assignment_id = 1")
            .await;
        let new = job(JobKind::RevokeLicense, token);
        submitted(store, new.kind, token, wishes(&assets, &[device(1)])).await;
        let through = {
            let mut db = store.read().await.unwrap();
            let planned = changes::sendable(&mut db, token, NOW, 10).await.unwrap();
            quotas::through(&mut db, &[planned[0].id]).await.unwrap()
        };
        assert_eq!(through.into_values().collect::<Vec<_>>(), [AssignmentId(1)]);
        let sent = send_all(store, token, NOW).await;
        assert_eq!(used(store, token).await, Some(Quota { most: 3, used: 2, moving: 1 }));
        for (_, changes) in sent {
            finished(store, token, &settled(&changes), NOW).await;
        }
        assert_eq!(used(store, token).await, Some(Quota { most: 3, used: 1, moving: 0 }));
    })
    .await;
}

#[tokio::test]
async fn the_line_is_served_past_those_whom_a_quota_keeps_waiting() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, assets) = location(store, "North", 1).await;
        side.run("UPDATE assets SET total = 10, available = 10, assigned = 0").await;
        assignment(&side, (token, assets[0]), 1, "2", &[1, 2, 3, 4]).await;
        ask(store, token, assets[0], &[1, 2, 3, 4], 5).await;
        ask(store, token, assets[0], &[7, 8], 0).await;
        join_all(store, token).await;
        let filter = Filter { token: Some(token), ..Filter::default() };
        let line = waitlist::list(&mut store.snapshot().await.unwrap(), &filter, 100, None).await.unwrap();
        let told: Vec<_> = line.iter().map(|entry| (entry.place, entry.ahead, entry.quota)).collect();
        assert_eq!(
            told,
            [(1, 0, None), (2, 1, None), (3, 0, Some(2)), (4, 1, Some(2)), (5, 2, None), (6, 3, None)]
        );
        let demand = supply::demand(&mut store.snapshot().await.unwrap(), token, None).await.unwrap();
        assert_eq!(demand[&assets[0]].waiting, 4, "no purchase would help the other two");
        assert_eq!(admitted(store, token).await, names(&[1, 2, 7, 8]));
        // Raised, the next are let in; the first ones have theirs by then.
        for (_, changes) in send_all(store, token, NOW).await {
            finished(store, token, &settled(&changes), NOW).await;
        }
        assert_eq!(admitted(store, token).await, [""; 0]);
        side.run("UPDATE assignments SET quota = 3").await;
        assert_eq!(admitted(store, token).await, names(&[3]));
    })
    .await;
}

#[tokio::test]
async fn whom_a_quota_keeps_waiting_is_told_so_when_the_line_is_dissolved() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, assets) = location(store, "North", 1).await;
        assignment(&side, (token, assets[0]), 1, "1", &[1, 2]).await;
        ask(store, token, assets[0], &[1, 2], 0).await;
        join_all(store, token).await;
        let waitlist = russet_domain::policy::find("waitlist").unwrap();
        let mut tx = store.begin().await.unwrap();
        policies::decide(&mut tx, token, waitlist, Some("off")).await.unwrap();
        waitlist::dissolve(&mut tx, token, NOW).await.unwrap();
        tx.commit().await.unwrap();
        let codes = side.texts("SELECT error_code FROM changes ORDER BY id").await;
        assert_eq!(codes, ["no_license_available", "quota_used_up"]);
    })
    .await;
}

/// Who waits, and for which quota if not for a license.
async fn told(view: &mut Snapshot, token: TokenId) -> Vec<(String, Option<i64>)> {
    let filter = Filter { token: Some(token), ..Filter::default() };
    let line = waitlist::list(view, &filter, 100, None).await.unwrap();
    line.into_iter().map(|entry| (entry.holder.id().to_owned(), entry.quota)).collect()
}

#[tokio::test]
async fn a_reading_of_the_line_is_of_one_moment() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, assets) = location(store, "North", 1).await;
        assignment(&side, (token, assets[0]), 1, "1", &[1, 2]).await;
        ask(store, token, assets[0], &[1, 2], 0).await;
        join_all(store, token).await;
        let before = vec![(names(&[1])[0].clone(), None), (names(&[2])[0].clone(), Some(1))];
        let mut earlier = store.snapshot().await.unwrap();
        // The quotas are read here, and who waits after the only license of the quota was given to the first.
        let quotas = quotas::of_token(&mut earlier, Some(token)).await.unwrap();
        assert_eq!(admitted(store, token).await, names(&[1]));
        for (_, changes) in send_all(store, token, NOW).await {
            finished(store, token, &settled(&changes), NOW).await;
        }
        assert_eq!(quotas[&AssignmentId(1)].room(), 1);
        assert_eq!(told(&mut earlier, token).await, before);
        drop(earlier);
        let mut later = store.snapshot().await.unwrap();
        assert_eq!(told(&mut later, token).await, [(names(&[2])[0].clone(), Some(1))]);
    })
    .await;
}

#[tokio::test]
async fn a_reading_of_the_line_between_two_commits_never_takes_the_quota_for_the_licenses() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, assets) = location(store, "North", 1).await;
        assignment(&side, (token, assets[0]), 1, "1", &[1, 2]).await;
        ask(store, token, assets[0], &[1, 2], 0).await;
        join_all(store, token).await;
        let (one, two) = (names(&[1])[0].clone(), names(&[2])[0].clone());
        let waits = vec![(one, None), (two.clone(), Some(1))];
        let has_it = vec![(two, Some(1))];
        // In one commit each, the first gets the license and loses it again.
        let give = format!(
            "BEGIN;
             INSERT INTO licenses VALUES ({0}, 'd', '{1}', true, 0, 1);
             UPDATE changes SET state = 'settled', slot = NULL WHERE holder_id = '{1}';
             COMMIT;",
            assets[0],
            device(1).id()
        );
        let take = format!(
            "BEGIN;
             DELETE FROM licenses WHERE holder_id = '{0}';
             UPDATE changes SET state = 'waitlisted', slot = 0 WHERE holder_id = '{0}';
             COMMIT;",
            device(1).id()
        );
        let moving = async {
            for _ in 0..200 {
                side.run(&give).await;
                side.run(&take).await;
            }
        };
        let reading = async {
            loop {
                let seen = told(&mut store.snapshot().await.unwrap(), token).await;
                assert!(seen == waits || seen == has_it, "{seen:?}");
            }
        };
        tokio::select! {
            () = moving => {}
            () = reading => {}
        }
    })
    .await;
}

#[tokio::test]
async fn only_who_will_be_given_a_license_counts_against_what_a_location_can_spare() {
    on_both(|side| async move {
        let store = &side.store;
        let (north, _) = location(store, "North", 1).await;
        let (south, assets) = location(store, "South", 1).await;
        side.run("UPDATE assets SET total = 10, available = 10, assigned = 0").await;
        let key = [AssetKey::new("500000000", Pricing::Standard)];
        let spare = async || {
            let mut view = store.snapshot().await.unwrap();
            let found = supply::spare(&mut view, north, &key, None).await.unwrap();
            found.into_iter().map(|one| (one.token, one.free)).collect::<Vec<_>>()
        };
        assert_eq!(spare().await, [(south, 10)]);
        // Of four for whom there is a quota of one, three take none of what is free.
        assignment(&side, (south, assets[0]), 1, "1", &[1, 2, 3, 4]).await;
        ask(store, south, assets[0], &[1, 2, 3, 4], 5).await;
        ask(store, south, assets[0], &[7, 8], 0).await;
        join_all(store, south).await;
        assert_eq!(spare().await, [(south, 7)]);
        // What is kept is kept for somebody.
        side.run("UPDATE assets SET reserved = 5").await;
        assert_eq!(spare().await, [(south, 2)]);
        side.run("UPDATE assets SET reserved = 7").await;
        assert_eq!(spare().await, []);
    })
    .await;
}
