//! The tables: made once, alike on both engines, and checked before anything starts.

#![allow(clippy::unwrap_used, reason = "a step that cannot be taken fails its test")]

mod common;

use common::*;
use russet_store::{KeyRing, Settings, Store, StoreError};

#[tokio::test]
async fn a_database_without_tables_says_how_to_get_them() {
    on_both_with(KeyRing::generate, false, |side| async move {
        let error = side.store.check_schema().await.unwrap_err();
        assert!(matches!(error, StoreError::SchemaBehind { found: 0, .. }), "{error}");
        assert!(error.to_string().contains("run `russet migrate`"), "{error}");
        side.store.migrate().await.unwrap();
        side.store.check_schema().await.unwrap();
        side.store.ping().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_database_made_by_a_newer_program_is_left_alone() {
    on_both(|side| async move {
        side.run("INSERT INTO schema_versions (version) VALUES (9999)").await;
        let error = side.store.check_schema().await.unwrap_err();
        assert!(matches!(error, StoreError::SchemaAhead { found: 9999, .. }), "{error}");
        let error = side.store.migrate().await.unwrap_err();
        assert!(matches!(error, StoreError::SchemaAhead { found: 9999, .. }), "{error}");
    })
    .await;
}

#[tokio::test]
async fn migrating_twice_and_at_once_does_it_once() {
    on_both_with(KeyRing::generate, false, |side| async move {
        let mut others = Vec::new();
        for _ in 0..4 {
            let settings = Settings { url: side.url.clone() };
            others.push(Store::open(&settings, KeyRing::generate()).await.unwrap());
        }
        let all = futures::future::join_all(others.iter().map(Store::migrate)).await;
        for done in all {
            done.unwrap();
        }
        let noted = side.number("SELECT count(*) FROM schema_versions").await;
        side.store.migrate().await.unwrap();
        assert_eq!(side.number("SELECT count(*) FROM schema_versions").await, noted);
        assert_eq!(side.number("SELECT min(version) FROM schema_versions").await, 1);
        for other in others {
            other.close().await;
        }
    })
    .await;
}

#[tokio::test]
async fn both_engines_have_the_same_tables_and_columns() {
    let found: std::sync::Mutex<Vec<Vec<String>>> = std::sync::Mutex::default();
    on_both(|side| {
        let found = &found;
        async move {
            let text = if side.postgres {
                "SELECT table_name || '.' || column_name || CASE is_nullable WHEN 'YES' THEN '?' ELSE '' END
                 FROM information_schema.columns
                 WHERE table_schema = 'public'"
            } else {
                r#"SELECT t.name || '.' || c.name || CASE WHEN c."notnull" OR c.pk THEN '' ELSE '?' END
                   FROM sqlite_master t, pragma_table_info(t.name) c
                   WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%'"#
            };
            let mut columns = side.texts(text).await;
            columns.sort();
            found.lock().unwrap().push(columns);
        }
    })
    .await;
    let found = found.into_inner().unwrap();
    assert!(found[0].len() > 100, "{}", found[0].len());
    assert_eq!(found[0], found[1]);
}

#[tokio::test]
async fn an_unusable_setting_is_named_and_not_repeated() {
    for url in ["", "mysql://me:hunter2@host/db", "postgres://me:hunter2@host:notaport/db"] {
        let error = Store::open(&Settings { url: url.to_owned() }, KeyRing::generate()).await.unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("store.url"), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unreachable() {
    let settings = Settings { url: "postgres://postgres@127.0.0.1:1/none".to_owned() };
    let error = Store::open(&settings, KeyRing::generate()).await.unwrap_err();
    assert!(matches!(error, StoreError::Unreachable { .. } | StoreError::Busy { .. }), "{error:?}");
    assert!(error.passes());
}
