//! The catalog: what is to be asked, what was said, and how it is listed.

#![allow(clippy::unwrap_used, reason = "a step that cannot be taken fails its test")]

mod common;

use common::*;
use russet_domain::asset::UNLIMITED_TOTAL;
use russet_domain::catalog::{AppFacts, Icon, Listing, Platform, PlatformFacts, Price};
use russet_domain::job::JobKind;
use russet_domain::token::TokenState;
use russet_domain::{Asset, AssetKey, Pricing, ProductType, Timestamp, TokenId};
use russet_store::catalog::{self, After, Filter, Place, Progress, Said, Storefront, Verdict};
use russet_store::{Store, assets, jobs, tokens};

fn german() -> Storefront {
    Storefront { country: "DE".to_owned(), account_type: "education".to_owned() }
}

/// A valid token in the German store with these assets.
async fn owner(store: &Store, name: &str, owned: &[Asset]) -> TokenId {
    let mut tx = store.begin().await.unwrap();
    let token = tokens::insert(&mut tx, &new_token(name), NOW).await.unwrap();
    tokens::set_state(&mut tx, token, TokenState::Valid, None, None, NOW).await.unwrap();
    assets::upsert_all(&mut tx, token, reading(1), owned).await.unwrap();
    tx.commit().await.unwrap();
    token
}

fn facts(adam_id: &str, name: &str, version: i64) -> AppFacts {
    let mut facts = AppFacts {
        name: Some(name.to_owned()),
        artist: Some("Müller Lernen".to_owned()),
        bundle_id: Some(format!("org.example.{adam_id}")),
        icon: Some(Icon {
            template: "https://example.com/{w}x{h}bb.{f}".into(),
            width: Some(1024),
            height: None,
        }),
        families: vec!["iphone".to_owned(), "mac".to_owned()],
        price: Some(Price { amount: "4.99".into(), currency: Some("EUR".into()) }),
        custom: Some(false),
        device_licensable: Some(true),
        ..AppFacts::of(adam_id)
    };
    for (platform, number) in [(Platform::Ios, version), (Platform::Macos, version + 1)] {
        facts.add(PlatformFacts {
            external_version: Some(number),
            shown_version: Some(format!("1.{number}")),
            minimum_os: Some("16.0".into()),
            ..PlatformFacts::of(platform)
        });
    }
    facts
}

fn listed(adam_id: &str, name: &str, version: i64, at: Timestamp) -> Verdict {
    let said = Said { facts: facts(adam_id, name, version), source: "organization".into(), at };
    Verdict { adam_id: adam_id.into(), listing: Listing::Listed, since: at, found_in: None, said: Some(said) }
}

fn gone(adam_id: &str, since: Timestamp) -> Verdict {
    Verdict { adam_id: adam_id.into(), listing: Listing::Gone, since, found_in: None, said: None }
}

async fn write(store: &Store, verdicts: &[Verdict], now: Timestamp) {
    let mut tx = store.begin().await.unwrap();
    catalog::write(&mut tx, "DE", "", verdicts, now).await.unwrap();
    tx.commit().await.unwrap();
}

async fn due_ids(store: &Store, before: Timestamp, after: &After) -> Vec<String> {
    let mut db = store.read().await.unwrap();
    let due = catalog::due(&mut db, &german(), "", before, after, 100).await.unwrap();
    due.into_iter().map(|due| due.adam_id).collect()
}

#[tokio::test]
async fn a_product_is_asked_about_once_however_many_tokens_own_it() {
    on_both(|side| async move {
        let store = &side.store;
        let owned = [app("1", 5), app("2", 5), app("3", 5)];
        let first = owner(store, "first", &owned).await;
        for name in ["second", "third"] {
            owner(store, name, &owned).await;
        }
        let mut db = store.read().await.unwrap();
        let due = catalog::due(&mut db, &german(), "", NOW, &After::default(), 100).await.unwrap();
        assert_eq!(due.iter().map(|due| due.adam_id.as_str()).collect::<Vec<_>>(), ["1", "2", "3"]);
        assert!(due.iter().all(|due| due.token == first && due.known.is_none()));
        assert_eq!(due[0].platforms, ["iOS"]);
        let business = Storefront { account_type: "business".into(), ..german() };
        assert_eq!(catalog::due(&mut db, &business, "", NOW, &After::default(), 100).await.unwrap(), []);
        assert_eq!(catalog::storefronts(&mut db, None).await.unwrap(), [german()]);
        drop(db);

        write(store, &[listed("1", "One", 7, NOW), gone("2", NOW)], NOW).await;
        assert_eq!(due_ids(store, NOW, &After::default()).await, ["3"], "what was looked for is not due");
        assert_eq!(due_ids(store, later(1), &After::default()).await, ["1", "2", "3"]);
        let after = After { token: first.0, adam_id: "2".to_owned() };
        assert_eq!(due_ids(store, later(1), &after).await, ["3"]);
        let after = After { token: first.0 + 1, adam_id: String::new() };
        assert_eq!(due_ids(store, later(1), &after).await, [""; 0]);
        let mut db = store.read().await.unwrap();
        assert_eq!(catalog::is_incomplete(&mut db, first, "").await.unwrap(), Some(german()));
        drop(db);
        write(store, &[gone("3", NOW)], NOW).await;
        let mut tx = store.begin().await.unwrap();
        assert_eq!(catalog::is_incomplete(&mut tx, first, "").await.unwrap(), None);
        assert_eq!(
            catalog::mark_due(&mut tx, Some("DE"), Some(first), Some(&["1".into()])).await.unwrap(),
            1
        );
        assert_eq!(catalog::mark_due(&mut tx, Some("NL"), None, None).await.unwrap(), 0);
        tx.commit().await.unwrap();
        assert_eq!(due_ids(store, Timestamp(0), &After::default()).await, ["1"]);
    })
    .await;
}

#[tokio::test]
async fn a_token_that_apple_refuses_asks_for_nothing_and_others_take_its_place() {
    on_both(|side| async move {
        let store = &side.store;
        let first = owner(store, "first", &[app("1", 5)]).await;
        let second = owner(store, "second", &[app("1", 5)]).await;
        let mut tx = store.begin().await.unwrap();
        tokens::set_state(&mut tx, first, TokenState::Expired, None, None, NOW).await.unwrap();
        let due = catalog::due(&mut tx, &german(), "", NOW, &After::default(), 100).await.unwrap();
        assert_eq!(due[0].token, second);
        let owners = catalog::owners(&mut tx, &german(), &["1".into()], &[]).await.unwrap();
        assert_eq!(owners.get("1"), Some(&second));
        assert!(catalog::owners(&mut tx, &german(), &["1".into()], &[second]).await.unwrap().is_empty());
        tokens::set_state(&mut tx, second, TokenState::New, None, None, NOW).await.unwrap();
        assert_eq!(catalog::due(&mut tx, &german(), "", NOW, &After::default(), 100).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn a_change_of_country_asks_another_store_and_finds_what_the_old_one_said() {
    on_both(|side| async move {
        let store = &side.store;
        let token = owner(store, "north", &[app("1", 5)]).await;
        write(store, &[listed("1", "Eins", 7, NOW)], NOW).await;
        let mut tx = store.begin().await.unwrap();
        let patch = tokens::Patch { country: Some("NL".into()), ..tokens::Patch::default() };
        tokens::update(&mut tx, token, &patch, NOW).await.unwrap();
        let dutch = catalog::is_incomplete(&mut tx, token, "").await.unwrap().unwrap();
        assert_eq!(dutch.country, "NL");
        let known = catalog::elsewhere(&mut tx, &["1".into(), "2".into()], "NL", "").await.unwrap();
        assert_eq!(known.get("1").map(String::as_str), Some("DE"));
        assert_eq!(known.len(), 1);
        assert!(catalog::elsewhere(&mut tx, &["1".into()], "DE", "").await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn versions_are_kept_with_when_they_were_first_seen() {
    on_both(|side| async move {
        let store = &side.store;
        owner(store, "north", &[app("1", 5)]).await;
        write(store, &[listed("1", "One", 7, NOW)], NOW).await;
        write(store, &[listed("1", "One", 7, later(10))], later(10)).await;
        write(store, &[listed("1", "One", 20, later(20))], later(20)).await;
        let named = [("1".to_owned(), "DE".to_owned())];
        let mut db = store.read().await.unwrap();
        let current = catalog::versions(&mut db, &named, "", true, 100).await.unwrap();
        let numbers: Vec<_> = current.iter().map(|version| version.facts.external_version.unwrap()).collect();
        assert_eq!(numbers, [20, 21]);
        assert!(current.iter().all(|version| version.is_current && version.first_seen_at == later(20)));
        let all = catalog::versions(&mut db, &named, "", false, 100).await.unwrap();
        assert_eq!(all.len(), 4);
        assert_eq!((all[3].first_seen_at, all[3].last_seen_at, all[3].is_current), (NOW, later(10), false));
        assert_eq!(catalog::versions(&mut db, &named, "", false, 1).await.unwrap().len(), 1);
        drop(db);
        // Gone: what was known stays, its versions too.
        write(store, &[gone("1", later(30))], later(30)).await;
        let mut db = store.read().await.unwrap();
        let app = catalog::apps(&mut db, &named, "").await.unwrap().remove(&named[0]).unwrap();
        assert_eq!((app.listing, app.since, app.looked_at), (Listing::Gone, later(30), later(30)));
        assert_eq!(app.fetched_at, Some(later(20)));
        assert_eq!((app.first_seen_at, app.source.as_deref()), (NOW, Some("organization")));
        assert_eq!(app.facts, AppFacts { platforms: Vec::new(), ..facts("1", "One", 20) });
        assert_eq!(catalog::versions(&mut db, &named, "", true, 100).await.unwrap().len(), 2);
    })
    .await;
}

fn asset(adam_id: &str, pricing: Pricing, total: i64, assigned: i64) -> Asset {
    Asset {
        key: AssetKey::new(adam_id, pricing),
        assigned,
        supply: russet_domain::asset::Supply::from_counts(total, total - assigned),
        ..app(adam_id, total)
    }
}

#[tokio::test]
async fn counts_are_added_up_over_tokens_or_shown_one_row_a_token() {
    on_both(|side| async move {
        let store = &side.store;
        let both = [asset("1", Pricing::Standard, 10, 4), asset("1", Pricing::Plus, 5, 1)];
        let first = owner(store, "first", &both).await;
        let free = [asset("1", Pricing::Standard, 20, 6), asset("2", Pricing::Standard, UNLIMITED_TOTAL, 9)];
        let second = owner(store, "second", &free).await;
        write(store, &[listed("1", "Größe", 7, NOW)], NOW).await;
        let mut db = store.read().await.unwrap();
        let rows = catalog::list(&mut db, &Filter::default(), 100, None).await.unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!((rows[0].tokens, rows[0].qualities.len(), rows[0].place.token), (2, 2, 0));
        let standard = &rows[0].qualities[0];
        assert_eq!(standard.pricing, Pricing::Standard);
        assert_eq!((standard.tokens, standard.total, standard.available, standard.assigned), (2, 30, 20, 10));
        assert_eq!((rows[0].qualities[1].total, rows[0].qualities[1].tokens), (5, 1));
        assert_eq!(rows[0].stores[0].facts.name.as_deref(), Some("Größe"));
        assert_eq!(rows[0].versions.len(), 2);
        let unlimited = &rows[1].qualities[0];
        assert_eq!((unlimited.unlimited, unlimited.total, unlimited.assigned), (1, 0, 9));
        assert!(rows[1].stores.is_empty());

        let per_token = Filter { per_token: true, ..Filter::default() };
        let rows = catalog::list(&mut db, &per_token, 100, None).await.unwrap();
        let places: Vec<_> = rows.iter().map(|row| (row.place.adam_id.as_str(), row.place.token)).collect();
        assert_eq!(places, [("1", first.0), ("1", second.0), ("2", second.0)]);
        assert_eq!(rows[1].token_name.as_deref(), Some("second"));
        assert_eq!(rows[1].stores[0].facts.name.as_deref(), Some("Größe"));
        let after = Place { adam_id: "1".into(), token: first.0 };
        assert_eq!(
            catalog::list(&mut db, &per_token, 1, Some(&after)).await.unwrap()[0].place.token,
            second.0
        );
        let after = Place { adam_id: "1".into(), token: 0 };
        assert_eq!(catalog::list(&mut db, &Filter::default(), 5, Some(&after)).await.unwrap().len(), 1);

        let names = catalog::names(&mut db, [(first, "1"), (second, "1"), (second, "2")]).await.unwrap();
        assert_eq!(names.len(), 2);
        assert_eq!(names.get(&(first, "1".to_owned())).map(String::as_str), Some("Größe"));
    })
    .await;
}

#[tokio::test]
async fn a_list_is_narrowed_by_everything_that_is_given() {
    on_both(|side| async move {
        let store = &side.store;
        let book = Asset { product_type: ProductType::Book, platforms: vec![], ..app("3", 7) };
        let mac = Asset { platforms: vec!["macOS".to_owned()], ..app("2", UNLIMITED_TOTAL) };
        let first = owner(store, "first", &[app("1", 5), mac]).await;
        let second = owner(store, "second", &[book]).await;
        let mut custom = listed("1", "100% Größe", 7, NOW);
        custom.said.as_mut().unwrap().facts.custom = Some(true);
        write(store, &[custom, gone("2", NOW)], NOW).await;
        let mut db = store.read().await.unwrap();
        let all = Filter::default;
        let cases = [
            (all(), vec!["1", "2", "3"]),
            (Filter { token: Some(first), ..all() }, vec!["1", "2"]),
            (Filter { among: Some(vec![second]), ..all() }, vec!["3"]),
            (Filter { among: Some(vec![second]), token: Some(first), ..all() }, vec![]),
            (Filter { adam_id: Some("2".into()), ..all() }, vec!["2"]),
            (Filter { text: Some("GRÖSSE".into()), ..all() }, vec![]),
            (Filter { text: Some("GRÖß".into()), ..all() }, vec!["1"]),
            (Filter { text: Some("0% g".into()), ..all() }, vec!["1"]),
            (Filter { text: Some("1%g".into()), ..all() }, vec![]),
            (Filter { text: Some("müller".into()), ..all() }, vec!["1"]),
            (Filter { text: Some("ORG.example.1".into()), ..all() }, vec!["1"]),
            (Filter { platform: Some(Platform::Macos), ..all() }, vec!["2"]),
            (Filter { product_type: Some(ProductType::Book), ..all() }, vec!["3"]),
            (Filter { custom: Some(true), ..all() }, vec!["1"]),
            (Filter { custom: Some(false), ..all() }, vec!["2", "3"]),
            (Filter { unlimited: Some(true), ..all() }, vec!["2"]),
            (Filter { unlimited: Some(false), ..all() }, vec!["1", "3"]),
            (Filter { listing: Some(Listing::Gone), ..all() }, vec!["2"]),
            (Filter { listing: Some(Listing::Gone), token: Some(second), ..all() }, vec![]),
        ];
        for (filter, wanted) in cases {
            for per_token in [false, true] {
                let filter = Filter { per_token, ..filter.clone() };
                let rows = catalog::list(&mut db, &filter, 100, None).await.unwrap();
                let ids: Vec<_> = rows.iter().map(|row| row.place.adam_id.as_str()).collect();
                assert_eq!(ids, wanted, "{filter:?}");
            }
        }
        drop(db);
        // Sold off: Apple lists it no more, and nothing refers to it.
        let mut tx = store.begin().await.unwrap();
        assets::mark_unseen_gone(&mut tx, first, reading(2)).await.unwrap();
        let rows = catalog::list(&mut tx, &all(), 100, None).await.unwrap();
        assert_eq!(rows.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_reading_is_followed_to_its_end_and_done_again_when_asked_for_meanwhile() {
    on_both(|side| async move {
        let store = &side.store;
        let stores = [german(), Storefront { country: "NL".into(), account_type: "business".into() }];
        let mut tx = store.begin().await.unwrap();
        catalog::want(&mut tx, &stores, NOW).await.unwrap();
        catalog::want(&mut tx, &[], NOW).await.unwrap();
        assert_eq!(catalog::open(&mut tx, NOW).await.unwrap().len(), 2);
        catalog::began(&mut tx, &german(), later(1)).await.unwrap();
        let place = After { token: 3, adam_id: "77".to_owned() };
        let step = Progress { requests: 2, listed: 3, elsewhere: 1, gone: 1, unjudged: 1 };
        catalog::note_progress(&mut tx, &german(), Some(&place), &step).await.unwrap();
        catalog::note_progress(&mut tx, &german(), None, &step).await.unwrap();
        let reading = catalog::find(&mut tx, &german()).await.unwrap().unwrap();
        assert_eq!((&reading.after, reading.progress.requests, reading.progress.listed), (&place, 4, 6));
        catalog::failed(&mut tx, &german(), 1, "no answer", later(500)).await.unwrap();
        assert_eq!(catalog::open(&mut tx, NOW).await.unwrap().len(), 1, "one that waits is not looked for");
        assert_eq!(catalog::open(&mut tx, later(500)).await.unwrap().len(), 2);
        let failed = catalog::find(&mut tx, &german()).await.unwrap().unwrap();
        assert_eq!((failed.failures, failed.note.as_deref()), (1, Some("no answer")));
        catalog::note_progress(&mut tx, &german(), None, &Progress::default()).await.unwrap();
        let on = catalog::find(&mut tx, &german()).await.unwrap().unwrap();
        assert_eq!((on.failures, on.note, on.not_before), (0, None, None));

        // Asked for again while it runs, in the same millisecond even.
        catalog::want(&mut tx, &[german()], NOW).await.unwrap();
        assert!(!catalog::ended(&mut tx, &german(), reading.wanted_at, None, later(2)).await.unwrap());
        catalog::began(&mut tx, &german(), later(3)).await.unwrap();
        let again = catalog::find(&mut tx, &german()).await.unwrap().unwrap();
        assert_eq!((again.progress, again.after), (Progress::default(), After::default()));
        assert!(catalog::ended(&mut tx, &german(), again.wanted_at, Some("a note"), later(4)).await.unwrap());
        assert!(!catalog::ended(&mut tx, &german(), again.wanted_at, None, later(5)).await.unwrap());
        let done = catalog::find(&mut tx, &german()).await.unwrap().unwrap();
        assert_eq!((done.ended_at, done.note.as_deref()), (Some(later(4)), Some("a note")));
        catalog::want(&mut tx, &[german()], later(9)).await.unwrap();
        let wanted = catalog::find(&mut tx, &german()).await.unwrap().unwrap();
        assert_eq!((wanted.started_at, wanted.ended_at), (None, None));
        assert_eq!(catalog::all(&mut tx).await.unwrap().len(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_job_about_no_token_is_found_among_the_readings_and_can_be_cancelled() {
    on_both(|side| async move {
        let mut tx = side.store.begin().await.unwrap();
        let new = job(JobKind::RefreshCatalog, TokenId(0));
        let id = jobs::insert_for_all(&mut tx, &new, NOW).await.unwrap();
        let open = jobs::open_refreshes(&mut tx, 10).await.unwrap();
        assert_eq!((open.len(), open[0].id, open[0].token), (1, id, None));
        jobs::cancel(&mut tx, id, later(1)).await.unwrap();
        assert!(jobs::find(&mut tx, id).await.unwrap().unwrap().state.has_ended());
        assert_eq!(jobs::open_refreshes(&mut tx, 10).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn the_language_is_known_to_all() {
    on_both(|side| async move {
        let mut tx = side.store.begin().await.unwrap();
        assert_eq!(catalog::language(&mut tx).await.unwrap(), "");
        catalog::set_language(&mut tx, "nl-NL").await.unwrap();
        catalog::set_language(&mut tx, "nl-NL").await.unwrap();
        assert_eq!(catalog::language(&mut tx).await.unwrap(), "nl-NL");
    })
    .await;
}
