//! The smaller tables: requests, notifications, walks, keys, audit, answers given, ticks and facts.

#![allow(clippy::unwrap_used, reason = "a step that cannot be taken fails its test")]

mod common;

use common::*;
use russet_domain::change::Action;
use russet_domain::job::JobKind;
use russet_domain::{AssetKey, JobId, KeyId, Pricing, RequestId, TokenId};
use russet_store::keys::Role;
use russet_store::requests::{NewRequest, Refusal, RequestState};
use russet_store::walks::{Advance, WalkKind};
use russet_store::{
    StoreError, audit, changes, idempotency, jobs, keys, meta, notifications, requests, schedule, sweep,
    walks,
};

#[tokio::test]
async fn a_request_is_written_before_it_is_sent_and_followed_to_its_end() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, apps) = location(store, "north", 1).await;
        submitted(store, JobKind::AssignLicense, token, wishes(&apps, &[device(1), user(1)])).await;
        let mut tx = store.begin().await.unwrap();
        let ready = changes::sendable(&mut tx, token, NOW, 10).await.unwrap();
        let new = NewRequest {
            what: russet_store::requests::What::Licenses(Action::Assign),
            assets: vec![AssetKey::new("500000000", Pricing::Standard)],
            devices: vec!["SERIAL000001".to_owned()],
            users: vec!["user-1".to_owned()],
            changes: ready.iter().map(|change| change.id).collect(),
        };
        let id = requests::write(&mut tx, token, std::slice::from_ref(&new), NOW).await.unwrap()[0];
        tx.commit().await.unwrap();
        let mut tx = store.begin().await.unwrap();
        let request = requests::find(&mut tx, id).await.unwrap().unwrap();
        assert_eq!((request.state, request.pairs, request.open_pairs), (RequestState::Sending, 2, 2));
        assert_eq!((request.assets, request.devices, request.users), (new.assets, new.devices, new.users));
        assert_eq!(requests::open_older_than(&mut tx, NOW, 10).await.unwrap(), []);
        assert_eq!(sweep::open_older_than(&mut tx, later(1), 10).await.unwrap(), [(id, token)]);
        assert!(requests::accepted(&mut tx, id, "event-1", later(1)).await.unwrap());
        requests::checked(&mut tx, id, later(2)).await.unwrap();
        requests::checked(&mut tx, id, later(3)).await.unwrap();
        let request = requests::by_event(&mut tx, token, "event-1").await.unwrap().unwrap();
        assert_eq!(
            (request.accepted_at, request.checked_at, request.checks),
            (Some(later(1)), Some(later(3)), 2)
        );
        assert_eq!(requests::by_event(&mut tx, token, "event-2").await.unwrap(), None);
        assert_eq!(requests::open(&mut tx, token, 10).await.unwrap(), [request]);
        let refusal = Refusal { code: Some("no".to_owned()), number: Some(9709), http_status: Some(400) };
        requests::close(&mut tx, id, &refusal, later(4)).await.unwrap();
        let request = requests::find(&mut tx, id).await.unwrap().unwrap();
        assert_eq!((request.state, request.http_status), (RequestState::Accepted, Some(400)));
        let ids: Vec<_> = ready.iter().map(|change| change.id).collect();
        changes::finish(&mut tx, token, &settled(&ids[..1]), later(5)).await.unwrap();
        assert_eq!(requests::find(&mut tx, id).await.unwrap().unwrap().open_pairs, 1);
        let done = changes::finish(&mut tx, token, &settled(&ids[1..]), later(6)).await.unwrap();
        assert_eq!(done.closed_requests, [id]);
        // An answer that comes after the last notification does not open it again.
        assert!(!requests::accepted(&mut tx, id, "event-1", later(7)).await.unwrap());
        requests::close(&mut tx, id, &Refusal::default(), later(8)).await.unwrap();
        let request = requests::find(&mut tx, id).await.unwrap().unwrap();
        assert_eq!((request.state, request.closed_at), (RequestState::Closed, Some(later(6))));
        assert_eq!(request.error_number, Some(9709));
        assert_eq!(requests::open(&mut tx, token, 10).await.unwrap(), []);
        assert_eq!(requests::find(&mut tx, RequestId(99)).await.unwrap(), None);
        assert_eq!(requests::write(&mut tx, token, &[], NOW).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn a_notification_is_kept_once_and_read_once() {
    on_both(|side| async move {
        let (token, _) = location(&side.store, "north", 0).await;
        let (other, _) = location(&side.store, "south", 0).await;
        let mut tx = side.store.begin().await.unwrap();
        assert!(notifications::store(&mut tx, token, named("n-1"), b"\xff{}", NOW).await.unwrap());
        assert!(!notifications::store(&mut tx, token, named("n-1"), b"{}", NOW).await.unwrap());
        assert!(notifications::store(&mut tx, token, named("n-2"), b"{}", later(1)).await.unwrap());
        assert!(notifications::store(&mut tx, other, named("n-1"), b"{}", later(1)).await.unwrap());
        assert_eq!(notifications::tokens_with_unread(&mut tx, 10).await.unwrap(), [token, other]);
        let unread = notifications::unread(&mut tx, token, 10).await.unwrap();
        assert_eq!((unread.len(), unread[0].body.as_slice()), (2, &b"\xff{}"[..]));
        assert_eq!(notifications::unread(&mut tx, token, 1).await.unwrap(), unread[..1]);
        let read: Vec<_> = unread.iter().map(|one| (one.id, "settled")).collect();
        notifications::mark_read(&mut tx, &read, later(5)).await.unwrap();
        assert_eq!(notifications::unread(&mut tx, token, 10).await.unwrap(), []);
        assert_eq!(sweep::tokens_with_unread(&mut tx, 10).await.unwrap(), [other]);
        assert_eq!(notifications::purge_read(&mut tx, later(5), 10).await.unwrap(), 0);
        assert_eq!(notifications::purge_read(&mut tx, later(6), 1).await.unwrap(), 1);
        assert_eq!(notifications::purge_read(&mut tx, later(6), 10).await.unwrap(), 1);
        drop(tx);
        let mut tx = side.store.begin().await.unwrap();
        let error = notifications::store(&mut tx, TokenId(99), named("n"), b"", NOW).await.unwrap_err();
        assert!(matches!(error, StoreError::Refused { .. }), "{error:?}");
    })
    .await;
}

#[tokio::test]
async fn notifications_are_listed_from_the_newest_and_shown_as_they_came() {
    on_both(|side| async move {
        let (token, _) = location(&side.store, "north", 0).await;
        let (other, _) = location(&side.store, "south", 0).await;
        let mut tx = side.store.begin().await.unwrap();
        let before = notifications::newest(&mut tx).await.unwrap();
        for (id, kind) in [("n-1", "ASSET_COUNT"), ("n-2", "TEST_NOTIFICATION"), ("n-3", "ASSET_COUNT")] {
            let named = notifications::Named { id, kind };
            assert!(notifications::store(&mut tx, token, named, b"{\"a\":1}", NOW).await.unwrap());
        }
        notifications::store(&mut tx, other, named("n-1"), b"", later(1)).await.unwrap();
        let ids = |rows: &[notifications::Entry]| {
            rows.iter().map(|row| row.notification_id.clone()).collect::<Vec<_>>()
        };
        let all = notifications::list(&mut tx, token, None, 10, None).await.unwrap();
        assert_eq!(ids(&all), ["n-3", "n-2", "n-1"]);
        let rest = notifications::list(&mut tx, token, None, 10, Some(all[0].id)).await.unwrap();
        assert_eq!(ids(&rest), ["n-2", "n-1"]);
        let some = notifications::list(&mut tx, token, Some("ASSET_COUNT"), 1, None).await.unwrap();
        assert_eq!(ids(&some), ["n-3"]);
        let first = notifications::first_after(&mut tx, token, "TEST_NOTIFICATION", before).await.unwrap();
        assert_eq!(first.as_ref().map(|row| row.id), Some(all[1].id));
        let again = notifications::first_after(&mut tx, token, "TEST_NOTIFICATION", all[1].id).await.unwrap();
        assert_eq!(again, None);
        let (entry, body) = notifications::find(&mut tx, token, all[2].id).await.unwrap().unwrap();
        assert_eq!((entry.kind.as_str(), body.as_slice()), ("ASSET_COUNT", &b"{\"a\":1}"[..]));
        assert_eq!((entry.received_at, entry.read_at, entry.verdict), (NOW, None, None));
        assert!(notifications::find(&mut tx, other, all[2].id).await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn the_same_job_is_written_for_many_tokens_at_once() {
    on_both(|side| async move {
        let (north, _) = location(&side.store, "north", 0).await;
        let (south, _) = location(&side.store, "south", 0).await;
        let mut tx = side.store.begin().await.unwrap();
        let (kind, both) = (JobKind::SyncToken, [north, south]);
        let (origin, low) = (russet_store::jobs::Origin::Schedule, russet_domain::job::Priority::Low);
        jobs::insert_for_tokens(&mut tx, kind, &both, origin, low, r#"{"mode":"full"}"#, NOW).await.unwrap();
        for token in both {
            let open = jobs::open_of_kind(&mut tx, token, kind, 10).await.unwrap();
            assert_eq!(open.len(), 1);
            assert_eq!((open[0].origin, open[0].priority, open[0].created_at), (origin, low, NOW));
            assert_eq!(open[0].args, r#"{"mode":"full"}"#);
        }
        assert_eq!(jobs::open_of_kind(&mut tx, north, JobKind::RegisterNotifications, 10).await.unwrap(), []);
        assert_eq!(sweep::tokens_with_open(&mut tx, kind, 10).await.unwrap(), both);
    })
    .await;
}

#[tokio::test]
async fn a_walk_goes_on_where_it_was() {
    on_both(|side| async move {
        let (token, _) = location(&side.store, "north", 0).await;
        let mut tx = side.store.begin().await.unwrap();
        let kind = WalkKind::Assignments;
        assert_eq!(walks::open(&mut tx, token, kind).await.unwrap(), None);
        let walk = walks::start(&mut tx, token, kind, &[JobId(5)], NOW).await.unwrap();
        assert_eq!((walk.next_page, walk.jobs.as_slice()), (0, &[JobId(5)][..]));
        let first = Advance {
            next_page: 3,
            total_pages: Some(9),
            version_id: Some("v1".to_owned()),
            moved: false,
            rows: 3000,
        };
        walks::advance(&mut tx, walk.id, &first).await.unwrap();
        let second = Advance {
            next_page: 4,
            total_pages: None,
            version_id: Some("v2".to_owned()),
            moved: true,
            rows: 3010,
        };
        walks::advance(&mut tx, walk.id, &second).await.unwrap();
        let third = Advance { moved: false, ..second };
        walks::advance(&mut tx, walk.id, &third).await.unwrap();
        let walk = walks::open(&mut tx, token, kind).await.unwrap().unwrap();
        assert_eq!((walk.next_page, walk.total_pages, walk.rows, walk.moved), (4, Some(9), 3010, true));
        assert_eq!(walk.version_id.as_deref(), Some("v1"));
        assert_eq!(walks::open(&mut tx, token, WalkKind::Changes).await.unwrap(), None);
        walks::end(&mut tx, walk.id, later(1)).await.unwrap();
        walks::end(&mut tx, walk.id, later(2)).await.unwrap();
        assert_eq!(walks::open(&mut tx, token, kind).await.unwrap(), None);
        let next = walks::start(&mut tx, token, kind, &[], NOW).await.unwrap();
        assert!(next.id > walk.id);
    })
    .await;
}

#[tokio::test]
async fn a_key_is_found_by_its_hash_until_it_is_revoked() {
    on_both(|side| async move {
        let mut tx = side.store.begin().await.unwrap();
        let bound = [TokenId(3), TokenId(4)];
        let id = keys::create(&mut tx, "console", Role::Operator, "h1", Some(&bound), NOW).await.unwrap();
        keys::create(&mut tx, "admin", Role::Admin, "h2", None, NOW).await.unwrap();
        let key = keys::by_hash(&mut tx, "h1").await.unwrap().unwrap();
        assert_eq!((key.id, key.role, key.tokens.as_deref()), (id, Role::Operator, Some(&bound[..])));
        assert_eq!(keys::by_hash(&mut tx, "h3").await.unwrap(), None);
        keys::touch(&mut tx, id, later(1)).await.unwrap();
        assert!(keys::revoke(&mut tx, id, later(2)).await.unwrap());
        assert!(!keys::revoke(&mut tx, id, later(3)).await.unwrap());
        let all = keys::list(&mut tx).await.unwrap();
        assert_eq!((all.len(), all[0].revoked_at, all[0].last_used_at), (2, Some(later(2)), Some(later(1))));
        assert_eq!((all[1].tokens.clone(), all[1].role), (None, Role::Admin));
        let error = keys::create(&mut tx, "again", Role::Viewer, "h2", None, NOW).await.unwrap_err();
        assert!(matches!(error, StoreError::Exists { .. }), "{error:?}");
    })
    .await;
}

#[tokio::test]
async fn the_audit_log_is_read_from_its_end() {
    on_both(|side| async move {
        let mut tx = side.store.begin().await.unwrap();
        for number in 0..3 {
            let subject = format!("token {number}");
            audit::write(&mut tx, "key 1", "token.add", &subject, "{}", later(number)).await.unwrap();
        }
        let entries = audit::list(&mut tx, None, 2, None).await.unwrap();
        let subjects: Vec<_> = entries.iter().map(|entry| entry.subject.as_str()).collect();
        assert_eq!(subjects, ["token 2", "token 1"]);
        let rest = audit::list(&mut tx, None, 10, Some(entries[1].id)).await.unwrap();
        assert_eq!((rest.len(), rest[0].at), (1, NOW));
    })
    .await;
}

#[tokio::test]
async fn an_answer_is_kept_once_for_each_key() {
    on_both(|side| async move {
        let mut tx = side.store.begin().await.unwrap();
        let answer = idempotency::Answer {
            fingerprint: "f".to_owned(),
            status: 202,
            body: "{}".to_owned(),
            created_at: NOW,
        };
        assert!(idempotency::insert(&mut tx, KeyId(1), "a", &answer).await.unwrap());
        assert!(!idempotency::insert(&mut tx, KeyId(1), "a", &answer).await.unwrap());
        assert!(idempotency::insert(&mut tx, KeyId(2), "a", &answer).await.unwrap());
        assert_eq!(idempotency::find(&mut tx, KeyId(1), "a").await.unwrap(), Some(answer));
        assert_eq!(idempotency::find(&mut tx, KeyId(1), "b").await.unwrap(), None);
        assert_eq!(idempotency::purge(&mut tx, NOW, 10).await.unwrap(), 0);
        assert_eq!(idempotency::purge(&mut tx, later(1), 1).await.unwrap(), 1);
        assert_eq!(idempotency::purge(&mut tx, later(1), 10).await.unwrap(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_tick_is_given_out_once_whoever_asks() {
    on_both(|side| async move {
        let store = &side.store;
        let claim = || async {
            let mut tx = store.begin().await.unwrap();
            let ours = schedule::fire(&mut tx, "sync", later(1000), later(1001)).await.unwrap();
            tx.commit().await.unwrap();
            ours
        };
        let claims = futures::future::join_all((0..8).map(|_| claim())).await;
        assert_eq!(claims.into_iter().filter(|ours| *ours).count(), 1);
        let mut tx = store.begin().await.unwrap();
        assert_eq!(schedule::last_tick(&mut tx, "sync").await.unwrap(), Some(later(1000)));
        assert_eq!(schedule::last_tick(&mut tx, "other").await.unwrap(), None);
        for tick in 2000..2150 {
            assert!(schedule::fire(&mut tx, "sync", later(tick), NOW).await.unwrap());
        }
        tx.commit().await.unwrap();
        assert_eq!(side.number("SELECT count(*) FROM schedule_ticks").await, 100);
    })
    .await;
}

#[tokio::test]
async fn the_installation_has_one_id_for_good() {
    on_both(|side| async move {
        let mut tx = side.store.begin().await.unwrap();
        let id = meta::server_id(&mut tx).await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = side.store.begin().await.unwrap();
        assert_eq!(meta::server_id(&mut tx).await.unwrap(), id);
        assert_eq!(id.len(), 36);
        meta::set(&mut tx, "color", "red").await.unwrap();
        meta::set(&mut tx, "color", "green").await.unwrap();
        assert_eq!(meta::get(&mut tx, "color").await.unwrap().as_deref(), Some("green"));
    })
    .await;
}
