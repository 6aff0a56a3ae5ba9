//! Secrets in the database: sealed, bound to their place, and sealed anew with a newer key.

#![allow(clippy::unwrap_used, reason = "a step that cannot be taken fails its test")]

mod common;

use std::time::Duration;

use common::*;
use russet_domain::Secret;
use russet_domain::job::JobKind;
use russet_domain::moving::Confirm;
use russet_store::moves::{Callback, NewOrder};
use russet_store::{KeyRing, Settings, Store, StoreError, moves, rotate, tokens};

const OLD: &str = "old:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const NEW: &str = "new:IB8eHRwbGhkYFxYVFBMSERAPDg0MCwoJCAcGBQQDAgE=";

fn ring(lines: &[&str]) -> KeyRing {
    KeyRing::from_text(&lines.join("\n")).unwrap()
}

#[tokio::test]
async fn a_token_is_not_to_be_found_in_the_database_as_it_came() {
    on_both(|side| async move {
        let store = &side.store;
        let (token, _) = location(store, "north", 0).await;
        let mut tx = store.begin().await.unwrap();
        let secret = Secret::new("notify me");
        tokens::set_notification(&mut tx, token, Some("https://here/1"), Some(&secret), NOW).await.unwrap();
        tx.commit().await.unwrap();
        let mut db = store.read().await.unwrap();
        assert_eq!(tokens::content(&mut db, token).await.unwrap().reveal(), "content of north");
        assert_eq!(tokens::notification_secret(&mut db, token).await.unwrap(), Some(secret));
        let hash = tokens::callers(&mut db, token, NOW).await.unwrap().unwrap().hashes.remove(0);
        assert_eq!((hash.len(), &hash[..8]), (64, "b701effe"));
        let found = side
            .number(if side.postgres {
                "SELECT 0::bigint + position('content of north'::bytea IN content)
                        + position('notify me'::bytea IN notification_secret)
                 FROM tokens"
            } else {
                "SELECT instr(content, CAST('content of north' AS BLOB))
                        + instr(notification_secret, CAST('notify me' AS BLOB))
                 FROM tokens"
            })
            .await;
        assert_eq!(found, 0);
    })
    .await;
}

#[tokio::test]
async fn a_sealed_token_does_not_open_in_another_place() {
    on_both(|side| async move {
        let store = &side.store;
        let (north, _) = location(store, "north", 0).await;
        let (south, _) = location(store, "south", 0).await;
        side.run("UPDATE tokens SET content = (SELECT content FROM tokens WHERE id = 1) WHERE id = 2").await;
        let mut db = store.read().await.unwrap();
        assert!(tokens::content(&mut db, north).await.is_ok());
        let error = tokens::content(&mut db, south).await.unwrap_err();
        assert!(matches!(error, StoreError::Keys(_)), "{error}");
        assert!(error.to_string().contains("was changed after it was sealed"), "{error}");
        // Nor as a renewal of the same token.
        side.run("UPDATE tokens SET pending_content = content, pending_expires_at = 1 WHERE id = 1").await;
        assert!(tokens::pending_content(&mut db, north).await.is_err());
    })
    .await;
}

#[tokio::test]
async fn a_newer_key_takes_over_and_the_older_can_go() {
    on_both_with(
        || ring(&[OLD]),
        true,
        |side| async move {
            let (token, _) = location(&side.store, "north", 0).await;
            for number in 0..120 {
                location(&side.store, &format!("more {number}"), 0).await;
            }
            let mut tx = side.store.begin().await.unwrap();
            let secret = Secret::new("notify me");
            tokens::set_notification(&mut tx, token, None, Some(&secret), NOW).await.unwrap();
            let renewal = Secret::new("renewed");
            tokens::set_pending(&mut tx, token, &renewal, "Orchard", later(9), NOW).await.unwrap();
            let callback =
                Callback { url: Secret::new("https://mdm.example.org/x"), secret: Secret::new("shared") };
            let order = NewOrder {
                confirm: Confirm::Callback,
                within: Duration::from_secs(60),
                callback: Some(callback.clone()),
            };
            let (move_job, _) =
                moves::submit(&mut tx, &job(JobKind::MoveLicense, token), &order, &[], NOW).await.unwrap();
            tx.commit().await.unwrap();

            let settings = Settings { url: side.url.clone() };
            let both =
                Store::open(&settings, ring(&["# the new one goes on top", NEW, "", OLD])).await.unwrap();
            assert_eq!(rotate(&both).await.unwrap(), 124);
            assert_eq!(rotate(&both).await.unwrap(), 0);
            both.close().await;

            let only_new = Store::open(&settings, ring(&[NEW])).await.unwrap();
            let mut db = only_new.read().await.unwrap();
            assert_eq!(tokens::content(&mut db, token).await.unwrap().reveal(), "content of north");
            assert_eq!(tokens::notification_secret(&mut db, token).await.unwrap(), Some(secret));
            assert_eq!(tokens::pending_content(&mut db, token).await.unwrap(), Some(renewal));
            assert_eq!(moves::callback(&mut db, move_job).await.unwrap(), Some(callback));
            drop(db);
            only_new.close().await;
            let mut db = side.store.read().await.unwrap();
            let error = tokens::content(&mut db, token).await.unwrap_err().to_string();
            assert!(error.contains("the key new, which is not among the keys given"), "{error}");
        },
    )
    .await;
}

#[test]
fn a_key_file_is_made_once_for_its_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    let missing = KeyRing::read_file(&path).unwrap_err().to_string();
    assert!(missing.contains("cannot be read"), "{missing}");
    let made = KeyRing::create_file(&path).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let again = KeyRing::create_file(&path).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    assert_eq!(made.current_id(), again.current_id());
    assert_eq!(KeyRing::read_file(&path).unwrap().current_id(), made.current_id());
    let shown = format!("{made:?}");
    assert!(!shown.contains(text.trim().split_once(':').unwrap().1), "{shown}");
}

#[test]
fn a_wrong_line_of_a_key_file_is_named_and_not_repeated() {
    let cases = [
        ("", "there is none"),
        ("justtext", "line 1 of the keys is not id:base64"),
        ("a b:AAAA", "line 1 of the keys has an id"),
        ("a:AAAA", "line 1 of the keys does not hold 32 bytes"),
        ("a:???", "line 1 of the keys is not base64"),
    ];
    for (text, expected) in cases {
        let error = KeyRing::from_text(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert!(!error.contains("AAAA") && !error.contains("justtext"), "{error}");
    }
    let error = KeyRing::from_text(&[OLD, OLD].join("\n")).unwrap_err().to_string();
    assert!(error.contains("line 2 of the keys repeats the id old"), "{error}");
}
