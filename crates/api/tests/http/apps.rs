//! Apps: listed over tokens and one row a token, shown, and asked about again.

use reqwest::Method;
use russet_domain::asset::Supply;
use russet_domain::catalog::{AppFacts, Listing, Platform, PlatformFacts};
use russet_domain::{Asset, AssetKey, JobId, Pricing, Timestamp, TokenId};
use russet_store::catalog::{self, After, Said, Verdict};
use russet_store::keys::Role;
use russet_store::{assets, jobs};
use serde_json::json;

use crate::harness::{NOW, Server, app, reading, send};

async fn own(server: &Server, token: TokenId, owned: &[Asset]) {
    let mut tx = server.store.begin().await.unwrap();
    assets::upsert_all(&mut tx, token, reading(1), owned).await.unwrap();
    tx.commit().await.unwrap();
}

/// What the American store says, which is asked for tokens without a country.
async fn know(server: &Server, adam_id: &str, name: &str) {
    let mut facts = AppFacts { name: Some(name.to_owned()), ..AppFacts::of(adam_id) };
    facts.add(PlatformFacts { external_version: Some(7), ..PlatformFacts::of(Platform::Ios) });
    let said = Some(Said { facts, source: "lookup".into(), at: NOW });
    let verdict =
        Verdict { adam_id: adam_id.into(), listing: Listing::Listed, since: NOW, found_in: None, said };
    let mut tx = server.store.begin().await.unwrap();
    catalog::write(&mut tx, "US", "", &[verdict], NOW).await.unwrap();
    tx.commit().await.unwrap();
}

fn plus(adam_id: &str, total: i64) -> Asset {
    Asset {
        key: AssetKey::new(adam_id, Pricing::Plus),
        supply: Supply::from_counts(total, total),
        assigned: 0,
        ..app(adam_id)
    }
}

#[tokio::test]
async fn an_app_of_several_tokens_is_one_row_and_its_qualities_are_counted_apart() {
    let server = Server::start().await;
    let (north, south) = (server.location("north", 2).await, server.location("south", 1).await);
    own(&server, south, &[plus("500000000", 5)]).await;
    own(&server, north, &[plus("500000001", 2_147_483_647)]).await;
    know(&server, "500000000", "Pages").await;
    let reply = server.get("/api/v1/apps").await;
    let items = reply.body["items"].as_array().unwrap();
    assert_eq!(items.len(), 2, "{}", reply.text);
    let pages = &items[0];
    assert_eq!(
        (&pages["name"], &pages["tokens"], &pages["token"]),
        (&json!("Pages"), &json!(2), &json!(null))
    );
    assert_eq!((&pages["total"], &pages["free"], &pages["used"]), (&json!(25), &json!(25), &json!(0)));
    let qualities: Vec<_> = pages["qualities"]
        .as_array()
        .unwrap()
        .iter()
        .map(|quality| (&quality["pricing_param"], &quality["total"]))
        .collect();
    assert_eq!(qualities, [(&json!("STDQ"), &json!(20)), (&json!("PLUS"), &json!(5))]);
    assert_eq!(pages["versions"][0]["external_version_id"], 7);
    let other = &items[1];
    assert_eq!(
        (&other["unlimited"], &other["total"], &other["state"]),
        (&json!(true), &json!(10), &json!(null))
    );
    let unlimited = &other["qualities"][1];
    assert_eq!(
        (&unlimited["unlimited"], &unlimited["total"], &unlimited["free"]),
        (&json!(true), &json!(null), &json!(null))
    );
    assert!(!reply.text.contains("2147483647"), "{}", reply.text);

    let rows = server.get("/api/v1/apps?per_token=true&limit=2").await;
    let first: Vec<_> = rows.body["items"].as_array().unwrap().iter().map(|row| &row["token"]).collect();
    assert_eq!(first, [&json!(north.0), &json!(south.0)]);
    let cursor = rows.body["next_cursor"].as_str().unwrap();
    let rest = server.get(&format!("/api/v1/apps?per_token=true&limit=2&cursor={cursor}")).await;
    assert_eq!(
        (&rest.body["items"][0]["token_name"], &rest.body["next_cursor"]),
        (&json!("north"), &json!(null))
    );
    let of_south = server.get(&format!("/api/v1/apps?token={south}")).await;
    assert_eq!(of_south.body["items"].as_array().unwrap().len(), 1);
    assert_eq!(of_south.body["items"][0]["token_name"], "south");
}

#[tokio::test]
async fn a_key_that_is_bound_sees_the_counts_of_its_tokens_only() {
    let server = Server::start().await;
    let (north, south) = (server.location("north", 2).await, server.location("south", 1).await);
    let key = server.new_key(Role::Operator, Some(&[south])).await;
    let seen = async |path: &str| send(server.request_as(&key, Method::GET, path)).await;
    let all = seen("/api/v1/apps").await;
    assert_eq!(all.body["items"].as_array().unwrap().len(), 1, "{}", all.text);
    assert_eq!((&all.body["items"][0]["tokens"], &all.body["items"][0]["total"]), (&json!(1), &json!(10)));
    let shown = seen("/api/v1/apps/500000000").await;
    assert_eq!((shown.status, shown.body["owners"].as_array().unwrap().len()), (200, 1));
    assert_eq!(seen("/api/v1/apps/500000001").await.problem(), (404, "no_such_app"));
    assert_eq!(seen(&format!("/api/v1/apps?token={north}")).await.problem(), (404, "no_such_token"));
    let post =
        async |body| send(server.request_as(&key, Method::POST, "/api/v1/apps/refresh").json(&body)).await;
    assert_eq!(post(json!({})).await.problem(), (422, "name_a_token"));
    let done = post(json!({ "token": south.0 })).await;
    assert_eq!((done.status, &done.body["token"]), (202, &json!(south.0)));
}

#[tokio::test]
async fn a_wrong_question_is_answered_with_what_would_be_right() {
    let server = Server::start().await;
    for (query, part) in [
        ("platform=windows", "visionOS"),
        ("product_type=Song", "Book"),
        ("state=sold", "not_in_store"),
        ("limit=0", "limit"),
        ("custom=maybe", "custom"),
        ("colour=red", "colour"),
        ("cursor=x", "cursor"),
    ] {
        let reply = server.get(&format!("/api/v1/apps?{query}")).await;
        assert_eq!(reply.status, 400, "{query}");
        assert!(reply.body["detail"].as_str().unwrap().contains(part), "{query}: {}", reply.text);
    }
    for id in ["7", "pages", "123456789012345678901"] {
        assert_eq!(server.get(&format!("/api/v1/apps/{id}")).await.problem(), (404, "no_such_app"));
    }
    let bad = [
        json!({ "country": "Holland" }),
        json!({ "adam_ids": ["x"] }),
        json!({ "adam_ids": [] }),
        json!({ "app": 1 }),
    ];
    for body in bad {
        assert_eq!(server.post("/api/v1/apps/refresh", &body).await.status, 422, "{body}");
    }
    assert_eq!(
        server.post("/api/v1/apps/refresh", &json!({ "token": 7 })).await.problem(),
        (404, "no_such_token")
    );
}

#[tokio::test]
async fn asking_again_is_a_job_that_is_written_down_once() {
    let server = Server::start().await;
    let empty = server.post("/api/v1/apps/refresh", &json!({})).await;
    assert_eq!((empty.status, &empty.body["state"]), (202, &json!("succeeded")), "{}", empty.text);
    server.location("north", 1).await;
    know(&server, "500000000", "Pages").await;
    let body = json!({ "adam_ids": ["500000000"] });
    let first = server.post_once("/api/v1/apps/refresh", "once", &body).await;
    assert_eq!(
        (first.status, &first.body["kind"], &first.body["token"]),
        (202, &json!("refresh_catalog"), &json!(null))
    );
    let again = server.post_once("/api/v1/apps/refresh", "once", &body).await;
    assert_eq!((again.id(), again.header("idempotency-replayed")), (first.id(), "true"));
    assert_eq!(server.waiting("refresh_catalog").await, 1);
    let mut tx = server.store.begin().await.unwrap();
    let open = catalog::open(&mut tx, NOW).await.unwrap();
    assert_eq!((open.len(), open[0].storefront.country.as_str()), (1, "US"));
    let due =
        catalog::due(&mut tx, &open[0].storefront, "", Timestamp(0), &After::default(), 10).await.unwrap();
    assert_eq!(due.len(), 1, "what was known is asked about again");
    assert!(jobs::find(&mut tx, JobId(first.id())).await.unwrap().is_some());
    drop(tx);
    let cancelled = server.post(&format!("/api/v1/jobs/{}/cancel", first.id()), &json!({})).await;
    assert_eq!((cancelled.status, &cancelled.body["state"]), (200, &json!("cancelled")));
}
