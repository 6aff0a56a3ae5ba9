//! What is known of tokens.

#![allow(clippy::unwrap_used, reason = "a step that cannot be taken fails its test")]

mod common;

use common::*;
use russet_domain::token::{MdmInfo, TokenState};
use russet_domain::{JobId, Secret, TokenId};
use russet_store::tokens::{Filter, Location, Patch, SyncEnd, SyncState};
use russet_store::walks::{Advance, WalkKind};
use russet_store::{StoreError, jobs, notifications, requests, sweep, tokens, walks};

#[tokio::test]
async fn an_uploaded_token_is_found_and_listed_without_its_content() {
    on_both(|side| async move {
        let mut tx = side.store.begin().await.unwrap();
        let north = tokens::insert(&mut tx, &new_token("north"), NOW).await.unwrap();
        let south = tokens::insert(&mut tx, &new_token("south"), NOW).await.unwrap();
        tx.commit().await.unwrap();
        let mut db = side.store.read().await.unwrap();
        let token = tokens::find(&mut db, north).await.unwrap().unwrap();
        assert_eq!((token.name.as_str(), token.state), ("north", TokenState::New));
        assert_eq!((token.last_sync_state, token.consent_at), (SyncState::None, NOW));
        assert!(token.auto_update && !token.take_over && !token.removing);
        assert!(!format!("{token:?}").contains("content of"));
        assert_eq!(tokens::find(&mut db, TokenId(99)).await.unwrap(), None);

        let names =
            |tokens: Vec<tokens::Token>| tokens.into_iter().map(|token| token.name).collect::<Vec<_>>();
        let all = Filter::default();
        assert_eq!(names(tokens::list(&mut db, &all, 10, None).await.unwrap()), ["north", "south"]);
        assert_eq!(names(tokens::list(&mut db, &all, 1, None).await.unwrap()), ["north"]);
        assert_eq!(names(tokens::list(&mut db, &all, 10, Some(north)).await.unwrap()), ["south"]);
        let valid = Filter { state: Some(TokenState::Valid), ..Filter::default() };
        assert_eq!(names(tokens::list(&mut db, &valid, 10, None).await.unwrap()), [""; 0]);
        let named = Filter { name: Some("south".to_owned()), ..Filter::default() };
        assert_eq!(names(tokens::list(&mut db, &named, 10, None).await.unwrap()), ["south"]);
        assert_eq!(tokens::count(&mut db).await.unwrap(), 2);
        assert_eq!(sweep::new_tokens(&mut db, 10).await.unwrap(), [north, south]);
        let error = tokens::content(&mut db, TokenId(99)).await.unwrap_err();
        assert!(matches!(error, StoreError::Missing(_)), "{error}");
    })
    .await;
}

#[tokio::test]
async fn the_same_file_is_known_again_also_while_it_is_a_renewal() {
    on_both(|side| async move {
        let mut tx = side.store.begin().await.unwrap();
        let north = tokens::insert(&mut tx, &new_token("north"), NOW).await.unwrap();
        let renewed = Secret::new("renewed content");
        tokens::set_pending(&mut tx, north, &renewed, "Orchard College", later(50), NOW).await.unwrap();
        let known = async |tx: &mut russet_store::Tx, content: &Secret| {
            tokens::by_fingerprint(tx, &tokens::fingerprint(content)).await.unwrap().map(|token| token.id)
        };
        assert_eq!(known(&mut tx, &Secret::new("content of north")).await, Some(north));
        assert_eq!(known(&mut tx, &renewed).await, Some(north));
        assert_eq!(known(&mut tx, &Secret::new("something else")).await, None);
        tx.commit().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_renewal_waits_beside_the_content_until_it_is_promoted_or_dropped() {
    on_both(|side| async move {
        let mut tx = side.store.begin().await.unwrap();
        let north = tokens::insert(&mut tx, &new_token("north"), NOW).await.unwrap();
        assert!(!tokens::promote_pending(&mut tx, north, NOW).await.unwrap());
        let set = async |tx: &mut russet_store::Tx, content: &str| {
            tokens::set_pending(tx, north, &Secret::new(content), "Orchard College", later(50), NOW)
                .await
                .unwrap();
        };
        set(&mut tx, "wrong").await;
        assert_eq!(sweep::tokens_with_pending(&mut tx, 10).await.unwrap(), [north]);
        tokens::drop_pending(&mut tx, north, NOW).await.unwrap();
        assert_eq!(tokens::pending_content(&mut tx, north).await.unwrap(), None);
        assert_eq!(tokens::find(&mut tx, north).await.unwrap().unwrap().pending, None);
        set(&mut tx, "right").await;
        let pending = tokens::find(&mut tx, north).await.unwrap().unwrap().pending.unwrap();
        assert_eq!((pending.org_name.as_str(), pending.expires_at), ("Orchard College", later(50)));
        assert_eq!(tokens::content(&mut tx, north).await.unwrap().reveal(), "content of north");
        assert!(tokens::promote_pending(&mut tx, north, later(1)).await.unwrap());
        assert_eq!(tokens::content(&mut tx, north).await.unwrap().reveal(), "right");
        let token = tokens::find(&mut tx, north).await.unwrap().unwrap();
        assert_eq!((token.pending, token.expires_at), (None, later(50)));
        assert_eq!(token.org_name, "Orchard College");
        tokens::set_content(&mut tx, north, &Secret::new("newest"), "Orchard", later(90), NOW).await.unwrap();
        assert_eq!(tokens::content(&mut tx, north).await.unwrap().reveal(), "newest");
    })
    .await;
}

#[tokio::test]
async fn what_a_person_patches_changes_and_the_rest_stays() {
    on_both(|side| async move {
        let mut tx = side.store.begin().await.unwrap();
        let north = tokens::insert(&mut tx, &new_token("north"), NOW).await.unwrap();
        let patch = Patch { take_over: Some(true), country: Some("FR".to_owned()), ..Patch::default() };
        assert!(tokens::update(&mut tx, north, &patch, later(1)).await.unwrap());
        let token = tokens::find(&mut tx, north).await.unwrap().unwrap();
        assert_eq!((token.name.as_str(), token.country.as_deref()), ("north", Some("FR")));
        assert!(token.take_over && token.auto_update);
        assert_eq!(token.updated_at, later(1));
        let patch = Patch { name: Some("up".to_owned()), auto_update: Some(false), ..Patch::default() };
        assert!(tokens::update(&mut tx, north, &patch, NOW).await.unwrap());
        let token = tokens::find(&mut tx, north).await.unwrap().unwrap();
        assert!(token.name == "up" && !token.auto_update && token.take_over);
        assert!(!tokens::update(&mut tx, TokenId(99), &patch, NOW).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn what_apple_says_of_a_location_is_kept_and_decides_who_syncs() {
    on_both(|side| async move {
        let mut tx = side.store.begin().await.unwrap();
        let north = tokens::insert(&mut tx, &new_token("north"), NOW).await.unwrap();
        let copy = tokens::insert(&mut tx, &new_token("copy"), NOW).await.unwrap();
        let location = Location {
            uid: Some("uid-1".to_owned()),
            location_name: Some("Orchard North".to_owned()),
            expires_at: Some(later(7)),
            ..Location::default()
        };
        tokens::set_location(&mut tx, north, &location, later(1)).await.unwrap();
        tokens::set_location(&mut tx, north, &Location::default(), later(2)).await.unwrap();
        tokens::set_location(&mut tx, copy, &location, later(2)).await.unwrap();
        let token = tokens::find(&mut tx, north).await.unwrap().unwrap();
        assert_eq!(token.location_name.as_deref(), Some("Orchard North"));
        assert_eq!((token.expires_at, token.checked_at), (later(7), Some(later(2))));
        let same = tokens::by_uid(&mut tx, "uid-1").await.unwrap();
        assert_eq!(same.iter().map(|token| token.id).collect::<Vec<_>>(), [north, copy]);

        let other = MdmInfo { id: "x".into(), name: "Other".into(), metadata: "m".into() };
        let foreign = TokenState::AssignedToExternalMdm;
        tokens::set_state(&mut tx, north, foreign, Some("taken"), Some(&other), NOW).await.unwrap();
        let token = tokens::find(&mut tx, north).await.unwrap().unwrap();
        assert_eq!((token.state, token.other_mdm), (foreign, Some(other)));
        assert_eq!(token.state_reason.as_deref(), Some("taken"));
        tokens::set_state(&mut tx, copy, TokenState::Duplicate, None, None, NOW).await.unwrap();
        assert_eq!(tokens::ids_that_may_sync(&mut tx).await.unwrap(), [north]);
        assert_eq!(sweep::duplicates_of_none(&mut tx, 10).await.unwrap(), []);
        tokens::set_state(&mut tx, north, TokenState::Valid, None, None, NOW).await.unwrap();
        assert_eq!(tokens::find(&mut tx, north).await.unwrap().unwrap().other_mdm, None);
        tokens::set_removing(&mut tx, north, true, NOW).await.unwrap();
        assert_eq!(tokens::ids_that_may_sync(&mut tx).await.unwrap(), []);
        assert_eq!(sweep::removing_tokens(&mut tx, 10).await.unwrap(), [north]);
        tokens::set_checked(&mut tx, north, later(9)).await.unwrap();
        assert_eq!(tokens::find(&mut tx, north).await.unwrap().unwrap().checked_at, Some(later(9)));
    })
    .await;
}

#[tokio::test]
async fn a_sync_that_failed_leaves_the_last_whole_reading_as_it_was() {
    on_both(|side| async move {
        let mut tx = side.store.begin().await.unwrap();
        let north = tokens::insert(&mut tx, &new_token("north"), NOW).await.unwrap();
        tokens::sync_started(&mut tx, north, later(1)).await.unwrap();
        let token = tokens::find(&mut tx, north).await.unwrap().unwrap();
        assert_eq!((token.last_sync_state, token.last_sync_at), (SyncState::InProgress, Some(later(1))));
        let version = |text: &str| Some(text.to_owned());
        let end = SyncEnd::Completed {
            whole: true,
            assets_version: version("a1"),
            assignments_version: version("b1"),
        };
        tokens::sync_ended(&mut tx, north, &end, later(2)).await.unwrap();
        let part =
            SyncEnd::Completed { whole: false, assets_version: None, assignments_version: version("b2") };
        tokens::sync_ended(&mut tx, north, &part, later(3)).await.unwrap();
        let failed = SyncEnd::Failed { why: "Apple is away.".to_owned() };
        tokens::sync_ended(&mut tx, north, &failed, later(4)).await.unwrap();
        let token = tokens::find(&mut tx, north).await.unwrap().unwrap();
        assert_eq!((token.last_sync_state, token.synced_whole_at), (SyncState::Failed, Some(later(2))));
        assert_eq!(token.last_sync_error.as_deref(), Some("Apple is away."));
        assert_eq!(token.assets_version.as_deref(), Some("a1"));
        assert_eq!(token.assignments_version.as_deref(), Some("b2"));
    })
    .await;
}

#[tokio::test]
async fn a_deleted_token_takes_all_with_it_but_its_jobs() {
    on_both(|side| async move {
        let store = &side.store;
        let (north, apps) = location(store, "north", 2).await;
        let (south, more) = location(store, "south", 1).await;
        let kind = russet_domain::job::JobKind::AssignLicense;
        let done = submitted(store, kind, north, wishes(&apps[..1], &[device(1)])).await;
        let sent = send_all(store, north, NOW).await;
        finished(store, north, &settled(&sent[0].1), NOW).await;
        let flying = submitted(store, kind, north, wishes(&apps, &[device(2)])).await;
        send_all(store, north, NOW).await;
        let planned = submitted(store, kind, north, wishes(&apps, &[device(3)])).await;
        let other = submitted(store, kind, south, wishes(&more, &[device(3)])).await;
        let mut tx = store.begin().await.unwrap();
        let sync =
            jobs::insert(&mut tx, &job(russet_domain::job::JobKind::SyncToken, north), NOW).await.unwrap();
        notifications::store(&mut tx, north, "n-1", b"{}", NOW).await.unwrap();
        let walk = walks::start(&mut tx, north, WalkKind::Assets, &[sync], NOW).await.unwrap();
        walks::advance(&mut tx, walk.id, &Advance::default()).await.unwrap();
        tx.commit().await.unwrap();

        let mut tx = store.begin().await.unwrap();
        tokens::delete(&mut tx, north, later(5)).await.unwrap();
        tokens::delete(&mut tx, north, later(6)).await.unwrap();
        tx.commit().await.unwrap();
        let mut db = store.read().await.unwrap();
        assert_eq!(tokens::find(&mut db, north).await.unwrap(), None);
        assert_eq!(requests::open(&mut db, north, 10).await.unwrap(), []);
        let state = async |db: &mut russet_store::Reader, id: JobId| {
            let job = jobs::find(db, id).await.unwrap().unwrap();
            (job.state.as_str(), job.progress.settled, job.progress.refused, job.ended_at)
        };
        assert_eq!(state(&mut db, done.job).await, ("succeeded", 1, 0, Some(NOW)));
        assert_eq!(state(&mut db, flying.job).await, ("failed", 0, 2, Some(later(5))));
        assert_eq!(state(&mut db, planned.job).await, ("failed", 0, 2, Some(later(5))));
        assert_eq!(state(&mut db, sync).await, ("failed", 0, 0, Some(later(5))));
        assert_eq!(state(&mut db, other.job).await, ("queued", 0, 0, None));
        let left = side
            .number(
                "SELECT (SELECT count(*) FROM changes) * 100 + (SELECT count(*) FROM job_changes) * 10
                        + (SELECT count(*) FROM assets)",
            )
            .await;
        assert_eq!(left, 111);
        // Nothing more comes of its jobs, and asking for it is no error.
        let mut tx = store.begin().await.unwrap();
        assert_eq!(jobs::cancel(&mut tx, flying.job, NOW).await.unwrap(), 0);
        assert_eq!(jobs::close_ended(&mut tx, &[flying.job], NOW).await.unwrap(), []);
        assert!(jobs::retry(&mut tx, flying.job, NOW).await.is_err());
    })
    .await;
}
