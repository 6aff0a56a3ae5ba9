//! What is known of tokens.

#![allow(clippy::unwrap_used, reason = "a step that cannot be taken fails its test")]

mod common;

use common::*;
use russet_domain::policy::Leaving;
use russet_domain::sync_schedule::SyncSchedule;
use russet_domain::token::{MdmInfo, TokenState};
use russet_domain::{JobId, Secret, TokenId};
use russet_store::tokens::{Filter, Location, Patch, SyncEnd, SyncState};
use russet_store::walks::{Advance, WalkKind};
use russet_store::{StoreError, jobs, notifications, policies, requests, sweep, tokens, walks};

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
        let patch = Patch {
            apple_id: Some("apps@example.org".to_owned()),
            country: Some("FR".to_owned()),
            ..Patch::default()
        };
        assert!(tokens::update(&mut tx, north, &patch, later(1)).await.unwrap());
        let token = tokens::find(&mut tx, north).await.unwrap().unwrap();
        assert_eq!((token.name.as_str(), token.country.as_deref()), ("north", Some("FR")));
        assert!(token.apple_id.as_deref() == Some("apps@example.org") && token.auto_update);
        assert_eq!(token.updated_at, later(1));
        let patch = Patch { name: Some("up".to_owned()), auto_update: Some(false), ..Patch::default() };
        assert!(tokens::update(&mut tx, north, &patch, NOW).await.unwrap());
        let token = tokens::find(&mut tx, north).await.unwrap().unwrap();
        assert!(token.name == "up" && !token.auto_update && token.apple_id.is_some());
        assert!(!tokens::update(&mut tx, TokenId(99), &patch, NOW).await.unwrap());
    })
    .await;
}

async fn to_sync(tx: &mut russet_store::Tx) -> Vec<TokenId> {
    tokens::to_sync(tx).await.unwrap().into_iter().map(|token| token.id).collect()
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
        assert_eq!(to_sync(&mut tx).await, [north]);
        assert_eq!(sweep::duplicates_of_none(&mut tx, 10).await.unwrap(), []);
        tokens::set_state(&mut tx, north, TokenState::Valid, None, None, NOW).await.unwrap();
        assert_eq!(tokens::find(&mut tx, north).await.unwrap().unwrap().other_mdm, None);
        tokens::set_removing(&mut tx, north, true, NOW).await.unwrap();
        assert_eq!(to_sync(&mut tx).await, []);
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
        notifications::store(&mut tx, north, named("n-1"), b"{}", NOW).await.unwrap();
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

#[tokio::test]
async fn tokens_are_found_by_whatever_is_known_of_them() {
    on_both(|side| async move {
        let mut tx = side.store.begin().await.unwrap();
        let french = russet_store::tokens::NewToken {
            country: Some("FR".to_owned()),
            account_type: "business".to_owned(),
            expires_at: later(10),
            ..new_token("Lycée_50%")
        };
        let north = tokens::insert(&mut tx, &new_token("North"), NOW).await.unwrap();
        let lycee = tokens::insert(&mut tx, &french, NOW).await.unwrap();
        let location = Location {
            uid: Some("uid-7".to_owned()),
            location_name: Some("Campus".to_owned()),
            ..Location::default()
        };
        tokens::set_location(&mut tx, north, &location, NOW).await.unwrap();
        tokens::sync_started(&mut tx, lycee, NOW).await.unwrap();
        let found = async |tx: &mut russet_store::Tx, filter: Filter| {
            let rows = tokens::list(tx, &filter, 10, None).await.unwrap();
            rows.into_iter().map(|token| token.id).collect::<Vec<_>>()
        };
        let text = |text: &str| Filter { text: Some(text.to_owned()), ..Filter::default() };
        assert_eq!(found(&mut tx, text("nORTH")).await, [north]);
        assert_eq!(found(&mut tx, text("campus")).await, [north]);
        assert_eq!(found(&mut tx, text("id-7")).await, [north]);
        assert_eq!(found(&mut tx, text("orchard")).await, [north, lycee]);
        assert_eq!(found(&mut tx, text("_50%")).await, [lycee]);
        assert_eq!(found(&mut tx, text("h_5")).await, []);
        let of = Filter { expires_before: Some(later(11)), ..Filter::default() };
        assert_eq!(found(&mut tx, of).await, [lycee]);
        let of = Filter { country: Some("DE".to_owned()), ..Filter::default() };
        assert_eq!(found(&mut tx, of).await, [north]);
        let of = Filter { account_type: Some("business".to_owned()), ..Filter::default() };
        assert_eq!(found(&mut tx, of).await, [lycee]);
        let of = Filter { sync: Some(SyncState::InProgress), ..Filter::default() };
        assert_eq!(found(&mut tx, of).await, [lycee]);
        let of = Filter { uid: Some("uid-7".to_owned()), ..Filter::default() };
        assert_eq!(found(&mut tx, of).await, [north]);
        let of = Filter { among: Some(vec![lycee, TokenId(99)]), ..Filter::default() };
        assert_eq!(found(&mut tx, of).await, [lycee]);
    })
    .await;
}

#[tokio::test]
async fn another_country_is_noted_and_the_same_one_is_not() {
    on_both(|side| async move {
        let mut tx = side.store.begin().await.unwrap();
        let north = tokens::insert(&mut tx, &new_token("north"), NOW).await.unwrap();
        let country = |country: &str| Patch { country: Some(country.to_owned()), ..Patch::default() };
        let changed = async |tx: &mut russet_store::Tx| {
            tokens::find(tx, north).await.unwrap().unwrap().storefront_changed_at
        };
        tokens::update(&mut tx, north, &country("DE"), later(1)).await.unwrap();
        assert_eq!(changed(&mut tx).await, None);
        tokens::update(&mut tx, north, &country("NL"), later(2)).await.unwrap();
        tokens::update(&mut tx, north, &Patch::default(), later(3)).await.unwrap();
        assert_eq!(changed(&mut tx).await, Some(later(2)));
    })
    .await;
}

#[tokio::test]
async fn a_token_may_have_a_schedule_of_its_own() {
    on_both(|side| async move {
        let mut tx = side.store.begin().await.unwrap();
        let north = tokens::insert(&mut tx, &new_token("north"), NOW).await.unwrap();
        tokens::set_state(&mut tx, north, TokenState::Valid, None, None, NOW).await.unwrap();
        let set = async |tx: &mut russet_store::Tx, text: &str, at| {
            let schedule = SyncSchedule::read(text).unwrap();
            let patch = Patch { sync_schedule: Some(schedule), ..Patch::default() };
            tokens::update(tx, north, &patch, later(at)).await.unwrap();
            let token = tokens::to_sync(tx).await.unwrap().remove(0);
            (token.schedule.as_str().to_owned(), token.since)
        };
        assert_eq!(tokens::to_sync(&mut tx).await.unwrap()[0].since, None);
        assert_eq!(set(&mut tx, "0 3 * * *", 1).await, ("0 3 * * *".to_owned(), Some(later(1))));
        assert_eq!(set(&mut tx, "never", 2).await, ("never".to_owned(), Some(later(2))));
        tokens::update(&mut tx, north, &Patch::default(), later(3)).await.unwrap();
        assert_eq!(set(&mut tx, "default", 4).await, ("default".to_owned(), Some(later(4))));
        assert_eq!(tokens::ids_to_keep_registered(&mut tx).await.unwrap(), [north]);
        tokens::set_state(&mut tx, north, TokenState::Duplicate, None, None, NOW).await.unwrap();
        assert_eq!(tokens::ids_to_keep_registered(&mut tx).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn a_new_secret_is_taken_beside_the_old_one_until_apple_has_it_and_the_old_one_a_while_longer() {
    on_both(|side| async move {
        let mut tx = side.store.begin().await.unwrap();
        let north = tokens::insert(&mut tx, &new_token("north"), NOW).await.unwrap();
        let (first, second) = (Secret::new("first"), Secret::new("second"));
        tokens::set_notification(&mut tx, north, Some("https://here/1"), Some(&first), NOW).await.unwrap();
        let taken = async |tx: &mut russet_store::Tx, at: i64| {
            tokens::callers(tx, north, later(at)).await.unwrap().unwrap().hashes
        };
        let registration =
            async |tx: &mut russet_store::Tx| tokens::find(tx, north).await.unwrap().unwrap().registration;
        let old = taken(&mut tx, 0).await;
        assert_eq!(old.len(), 1);
        tokens::offer_secret(&mut tx, north, &second, later(5)).await.unwrap();
        let both = taken(&mut tx, 5).await;
        assert_eq!((both.len(), &both[0]), (2, &old[0]));
        assert!(registration(&mut tx).await.rotating);
        assert_eq!(tokens::next_secret(&mut tx, north).await.unwrap(), Some(second.clone()));

        tokens::confirm_secret(&mut tx, north, later(9)).await.unwrap();
        tokens::confirm_secret(&mut tx, north, later(10)).await.unwrap();
        let after = taken(&mut tx, 10).await;
        assert_eq!(after, [both[1].clone(), old[0].clone()]);
        assert_eq!(taken(&mut tx, 10 + 3_600_000).await, [both[1].clone()]);
        assert_eq!(tokens::notification_secret(&mut tx, north).await.unwrap(), Some(second));
        let types = ["ASSET_COUNT".to_owned()];
        tokens::keep_registration(&mut tx, north, "https://here/1", &types, later(11)).await.unwrap();
        let seen = registration(&mut tx).await;
        assert_eq!((seen.secret_at, seen.checked_at), (Some(later(9)), Some(later(11))));
        assert_eq!((seen.types.as_slice(), seen.rotating), (&types[..], false));

        tokens::offer_secret(&mut tx, north, &Secret::new("third"), later(12)).await.unwrap();
        tokens::refuse_registration(&mut tx, north, "no", true, later(13)).await.unwrap();
        assert_eq!(tokens::next_secret(&mut tx, north).await.unwrap(), None);
        let token = tokens::find(&mut tx, north).await.unwrap().unwrap();
        assert_eq!(token.notification_url.as_deref(), Some("https://here/1"));
        assert_eq!(token.registration.error.as_deref(), Some("no"));
        tokens::refuse_registration(&mut tx, north, "no", false, later(13)).await.unwrap();
        tokens::note_refused_caller(&mut tx, north, later(14)).await.unwrap();
        let token = tokens::find(&mut tx, north).await.unwrap().unwrap();
        assert_eq!((token.notification_url, token.registration.refused_at), (None, Some(later(14))));
        tokens::unregister(&mut tx, north, later(15)).await.unwrap();
        assert_eq!(registration(&mut tx).await.error, None);
        assert_eq!(taken(&mut tx, 15).await.len(), 2, "who knows the secret is still listened to");
        assert_eq!(tokens::callers(&mut tx, TokenId(99), NOW).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn a_policy_holds_until_the_default_is_wished_again() {
    on_both(|side| async move {
        let mut tx = side.store.begin().await.unwrap();
        let north = tokens::insert(&mut tx, &new_token("north"), NOW).await.unwrap();
        let south = tokens::insert(&mut tx, &new_token("south"), NOW).await.unwrap();
        let unenroll = russet_domain::policy::find("on_unenroll").unwrap();
        for value in ["keep", "free"] {
            policies::decide(&mut tx, north, unenroll, Some(value)).await.unwrap();
        }
        assert_eq!(policies::read(&mut tx, north).await.unwrap().leaving("on_unenroll"), Leaving::Free);
        assert_eq!(policies::read(&mut tx, south).await.unwrap().leaving("on_unenroll"), Leaving::Keep);
        policies::decide(&mut tx, north, unenroll, None).await.unwrap();
        assert_eq!(policies::read(&mut tx, north).await.unwrap().leaving("on_unenroll"), Leaving::Keep);
    })
    .await;
}
