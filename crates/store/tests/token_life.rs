//! The life of a token: its states over time, probes, who had its location, hand-overs and what they are signed with.

#![allow(clippy::unwrap_used, reason = "a step that cannot be taken fails its test")]

mod common;

use common::*;
use russet_domain::job::{JobKind, JobState};
use russet_domain::token::{MdmInfo, TokenState};
use russet_domain::{JobId, Secret, TokenId};
use russet_store::hand_overs::{self, Stage};
use russet_store::installation::{SigningKey, public_key, signing_key};
use russet_store::take_overs::{self, TakeOver};
use russet_store::tokens::{self, Location, NewStanding};
use russet_store::{KeyRing, Settings, Store, jobs, rotate};

async fn token(tx: &mut russet_store::Tx, name: &str, state: TokenState, expires_in: i64) -> TokenId {
    let id = tokens::insert(tx, &new_token(name), NOW).await.unwrap();
    let location = Location {
        uid: Some(format!("uid of {name}")),
        expires_at: Some(later(expires_in)),
        ..Location::default()
    };
    tokens::set_location(tx, id, &location, NOW).await.unwrap();
    tokens::set_state(tx, id, state, None, None, NOW).await.unwrap();
    id
}

#[tokio::test]
async fn tokens_that_expire_soon_are_told_from_the_others_and_back() {
    on_both(|side| async move {
        let mut tx = side.store.begin().await.unwrap();
        let soon = token(&mut tx, "soon", TokenState::Valid, 5).await;
        let late = token(&mut tx, "late", TokenState::ExpiresSoon, 50).await;
        let dead = token(&mut tx, "dead", TokenState::Invalid, 5).await;
        assert_eq!(tokens::mark_expiring(&mut tx, later(10), later(1)).await.unwrap(), 2);
        assert_eq!(tokens::mark_expiring(&mut tx, later(10), later(2)).await.unwrap(), 0);
        let mut states = Vec::new();
        for id in [soon, late, dead] {
            let token = tokens::find(&mut tx, id).await.unwrap().unwrap();
            states.push((token.state, token.state_since));
        }
        let now = Some(later(1));
        let wanted =
            [(TokenState::ExpiresSoon, now), (TokenState::Valid, now), (TokenState::Invalid, Some(NOW))];
        assert_eq!(states, wanted);
        let expiries = tokens::expiries(&mut tx, 2).await.unwrap();
        assert_eq!(expiries.iter().map(|expiry| expiry.id).collect::<Vec<_>>(), [soon, dead]);
        let counts = tokens::by_state(&mut tx).await.unwrap();
        assert_eq!(counts, [(TokenState::ExpiresSoon, 1), (TokenState::Invalid, 1), (TokenState::Valid, 1)]);
    })
    .await;
}

#[tokio::test]
async fn a_probe_is_due_until_it_is_done_and_a_year_that_ended_makes_one_due() {
    on_both(|side| async move {
        let mut tx = side.store.begin().await.unwrap();
        let north = token(&mut tx, "north", TokenState::Valid, 5).await;
        let south = token(&mut tx, "south", TokenState::Expired, 5).await;
        assert_eq!(tokens::ids(&mut tx, 10, None).await.unwrap(), [north, south]);
        assert_eq!(tokens::probe_due(&mut tx, 10).await.unwrap(), []);
        tokens::set_probes_due(&mut tx, &[north, south], NOW).await.unwrap();
        tokens::set_probes_due(&mut tx, &[north], later(1)).await.unwrap();
        assert_eq!(tokens::probe_due(&mut tx, 10).await.unwrap(), [north, south]);
        tokens::probed(&mut tx, north, later(2)).await.unwrap();
        tokens::probed(&mut tx, south, later(2)).await.unwrap();
        assert_eq!(tokens::probe_due(&mut tx, 10).await.unwrap(), []);

        assert_eq!(tokens::overdue_to_probe(&mut tx, later(4), 10).await.unwrap(), []);
        assert_eq!(tokens::overdue_to_probe(&mut tx, later(6), 10).await.unwrap(), [north]);
        tokens::probed(&mut tx, north, later(6)).await.unwrap();
        assert_eq!(tokens::overdue_to_probe(&mut tx, later(7), 10).await.unwrap(), [], "once is enough");
    })
    .await;
}

#[tokio::test]
async fn a_state_keeps_its_reason_and_since_when_it_is() {
    on_both(|side| async move {
        let mut tx = side.store.begin().await.unwrap();
        let north = token(&mut tx, "north", TokenState::Valid, 5).await;
        let state = TokenState::Invalid;
        let new = NewStanding { state, code: Some("token_revoked"), reason: Some("Revoked."), other: None };
        tokens::set_standing(&mut tx, north, new, later(1)).await.unwrap();
        let again = NewStanding { code: Some("token_invalid"), ..new };
        tokens::set_standing(&mut tx, north, again, later(2)).await.unwrap();
        let token = tokens::find(&mut tx, north).await.unwrap().unwrap();
        assert_eq!((token.state_code.as_deref(), token.state_since), (Some("token_invalid"), Some(later(1))));
        assert_eq!(token.state_reason.as_deref(), Some("Revoked."));
        tokens::set_state(&mut tx, north, TokenState::Valid, None, None, later(3)).await.unwrap();
        let token = tokens::find(&mut tx, north).await.unwrap().unwrap();
        assert_eq!((token.state_code, token.state_since), (None, Some(later(3))));
    })
    .await;
}

#[tokio::test]
async fn who_had_a_location_is_known_before_and_after_it_is_taken() {
    on_both(|side| async move {
        let mut tx = side.store.begin().await.unwrap();
        let north = token(&mut tx, "north", TokenState::Valid, 5).await;
        let job = jobs::insert(&mut tx, &job(JobKind::TakeOverToken, north), NOW).await.unwrap();
        let open = jobs::open_of_kind(&mut tx, north, JobKind::TakeOverToken, 10).await.unwrap();
        assert_eq!(open.iter().map(|job| job.id).collect::<Vec<_>>(), [job]);
        let other =
            |name: &str| MdmInfo { id: format!("id of {name}"), name: name.into(), metadata: "m".into() };
        let mut taken = TakeOver {
            job,
            other: other("Old"),
            ordered_by: "key 1 test".to_owned(),
            ordered_at: NOW,
            taken_at: None,
        };
        take_overs::begin(&mut tx, north, &taken).await.unwrap();
        taken.other = other("Older");
        take_overs::begin(&mut tx, north, &taken).await.unwrap();
        assert_eq!(take_overs::of_job(&mut tx, job).await.unwrap(), Some(taken.clone()));
        take_overs::taken(&mut tx, job, later(1)).await.unwrap();
        take_overs::taken(&mut tx, job, later(2)).await.unwrap();
        taken.taken_at = Some(later(1));
        assert_eq!(take_overs::of_token(&mut tx, north, 10).await.unwrap(), [taken]);
        tokens::delete(&mut tx, north, later(3)).await.unwrap();
        assert_eq!(take_overs::of_job(&mut tx, job).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn a_job_asks_for_its_sync_once() {
    on_both(|side| async move {
        let mut tx = side.store.begin().await.unwrap();
        let north = token(&mut tx, "north", TokenState::Valid, 5).await;
        let waiting = jobs::insert(&mut tx, &job(JobKind::HandOverToken, north), NOW).await.unwrap();
        let waiting = jobs::find(&mut tx, waiting).await.unwrap().unwrap();
        let sync = jobs::sync_for(&mut tx, &waiting, north, NOW).await.unwrap();
        assert_eq!((sync.kind, sync.state), (JobKind::SyncToken, JobState::Queued));
        jobs::ended(&mut tx, sync.id, JobState::Succeeded, None, None, later(1)).await.unwrap();
        let again = jobs::sync_for(&mut tx, &waiting, north, later(2)).await.unwrap();
        assert_eq!((again.id, again.state), (sync.id, JobState::Succeeded));
    })
    .await;
}

#[tokio::test]
async fn a_hand_over_keeps_who_held_what_at_its_moment_until_it_is_forgotten() {
    on_both(|side| async move {
        let store = &side.store;
        let (north, apps) = location(store, "north", 2).await;
        let holders = [device(1), device(2), user(1)];
        submitted(store, JobKind::AssignLicense, north, wishes(&apps, &holders)).await;
        for (_, changes) in send_all(store, north, NOW).await {
            finished(store, north, &settled(&changes), NOW).await;
        }
        let mut tx = store.begin().await.unwrap();
        let job = jobs::insert(&mut tx, &job(JobKind::HandOverToken, north), NOW).await.unwrap();
        hand_overs::insert(&mut tx, job, north, NOW).await.unwrap();
        assert_eq!(hand_overs::copy_licenses(&mut tx, job, north, NOW).await.unwrap(), 6);
        assert_eq!(
            hand_overs::copy_licenses(&mut tx, job, north, NOW).await.unwrap(),
            6,
            "it replaces itself"
        );
        assert_eq!(hand_overs::newest_job(&mut tx, north).await.unwrap(), Some(job));

        let first = hand_overs::page(&mut tx, job, 0, 4).await.unwrap();
        let rest = hand_overs::page(&mut tx, job, first.last().unwrap().place, 4).await.unwrap();
        assert_eq!((first.len(), rest.len()), (4, 2));
        let places: Vec<i64> = first.iter().chain(&rest).map(|license| license.place).collect();
        assert_eq!(places, [1, 2, 3, 4, 5, 6]);
        let counts = hand_overs::counts(&mut tx, job).await.unwrap();
        assert_eq!(
            counts.iter().map(|count| (count.devices, count.users)).collect::<Vec<_>>(),
            [(2, 1), (2, 1)]
        );

        hand_overs::set_signed(&mut tx, job, "{}", "sig", later(1)).await.unwrap();
        let over = hand_overs::find(&mut tx, job).await.unwrap().unwrap();
        assert_eq!((over.stage, over.summary.as_deref()), (Stage::Signed, Some("{}")));
        jobs::ended(&mut tx, job, JobState::Succeeded, None, None, later(2)).await.unwrap();
        // It outlives its token.
        tokens::delete(&mut tx, north, later(3)).await.unwrap();
        assert_eq!(hand_overs::purge(&mut tx, later(2), 10).await.unwrap(), 0);
        assert_eq!(hand_overs::page(&mut tx, job, 0, 10).await.unwrap().len(), 6);
        assert_eq!(hand_overs::purge(&mut tx, later(9), 4).await.unwrap(), 4);
        assert_eq!(hand_overs::purge(&mut tx, later(9), 4).await.unwrap(), 2);
        let over = hand_overs::find(&mut tx, job).await.unwrap().unwrap();
        assert!(over.files_gone && over.summary.is_some());
        assert_eq!(hand_overs::find(&mut tx, JobId(99)).await.unwrap(), None);
    })
    .await;
}

const OLD: &str = "old:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const NEW: &str = "new:IB8eHRwbGhkYFxYVFBMSERAPDg0MCwoJCAcGBQQDAgE=";

#[tokio::test]
async fn a_signing_key_is_made_once_and_follows_the_keys_it_is_sealed_with() {
    let old = || KeyRing::from_text(OLD).unwrap();
    on_both_with(old, true, |side| async move {
        let key = |name: &str| SigningKey {
            private: Secret::new(format!("private {name}")),
            public: name.to_owned(),
        };
        let mut tx = side.store.begin().await.unwrap();
        assert_eq!(public_key(&mut tx).await.unwrap(), None);
        assert_eq!(signing_key(&mut tx, || key("one"), NOW).await.unwrap().public, "one");
        let again = signing_key(&mut tx, || key("two"), NOW).await.unwrap();
        assert_eq!((again.public.as_str(), again.private.reveal()), ("one", "private one"));
        tx.commit().await.unwrap();

        let both = KeyRing::from_text(&format!("{NEW}\n{OLD}")).unwrap();
        let store = Store::open(&Settings { url: side.url.clone() }, both).await.unwrap();
        assert_eq!(rotate(&store).await.unwrap(), 1);
        assert_eq!(rotate(&store).await.unwrap(), 0);
        store.close().await;
        let new = KeyRing::from_text(NEW).unwrap();
        let store = Store::open(&Settings { url: side.url.clone() }, new).await.unwrap();
        let mut tx = store.begin().await.unwrap();
        let found = signing_key(&mut tx, || key("three"), NOW).await.unwrap();
        assert_eq!(found.private.reveal(), "private one");
        drop(tx);
        store.close().await;
    })
    .await;
}
