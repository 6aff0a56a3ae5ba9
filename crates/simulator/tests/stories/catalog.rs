//! The metadata services: who may ask, what is answered in which shape, and what changes in the store.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use reqwest::Method;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use russet_simulator::Rules;
use serde_json::{Value, json};

use crate::support::{Sim, quick, send};

/// A developer who has got a key.
struct Developer {
    key_id: String,
    team_id: String,
    private_key: String,
}

impl Developer {
    async fn new(sim: &Sim) -> Self {
        let made = sim.post("/_sim/catalog/keys", json!({})).await;
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        Self { key_id: text("key_id"), team_id: text("team_id"), private_key: text("private_key") }
    }

    /// A token that was issued then and ends then.
    fn token_for(&self, iat: i64, exp: i64) -> String {
        let lines = self.private_key.lines().filter(|line| !line.starts_with('-'));
        let der = STANDARD.decode(lines.collect::<String>()).unwrap();
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der, &random).unwrap();
        let encode = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let header = encode(json!({ "alg": "ES256", "kid": self.key_id }));
        let signed = format!("{header}.{}", encode(json!({ "iss": self.team_id, "iat": iat, "exp": exp })));
        let signature = pair.sign(&random, signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    async fn token(&self, sim: &Sim) -> String {
        let now_s = now_ms(sim).await / 1000;
        self.token_for(now_s, now_s + 600)
    }
}

async fn now_ms(sim: &Sim) -> i64 {
    sim.control(Method::GET, "/_sim/clock", None).await["now_ms"].as_i64().unwrap()
}

async fn with_assets(rules: Rules) -> (Sim, Developer) {
    let sim = Sim::start(rules).await;
    let assets = json!({ "assets": [
        { "adam_id": "501", "supported_platforms": ["iOS", "macOS"] },
        { "adam_id": "502", "supported_platforms": ["macOS"] },
        { "adam_id": "503", "supported_platforms": ["iOS", "watchOS"] },
        { "adam_id": "601", "product_type": "Book" },
    ] });
    sim.post("/_sim/locations/{uid}/assets", assets).await;
    let developer = Developer::new(&sim).await;
    (sim, developer)
}

/// Asks the service for organizations, with the token of the location.
async fn ask(sim: &Sim, developer: &Developer, path: &str) -> (u16, Value) {
    let url = format!("{}/catalog/{path}", sim.simulator.catalog_url());
    let cookie = format!("other=1; itvt={}", sim.token);
    send(sim.client.get(url).bearer_auth(developer.token(sim).await).header("cookie", cookie)).await
}

/// Asks it without the token of the location.
async fn ask_publicly(sim: &Sim, developer: &Developer, path: &str) -> (u16, Value) {
    let url = format!("{}/catalog/{path}", sim.simulator.catalog_url());
    send(sim.client.get(url).bearer_auth(developer.token(sim).await)).await
}

/// Asks the older lookup at the URL that is announced.
async fn look_up(sim: &Sim, query: &str, cookie: Option<&str>) -> Value {
    let (_, config) = sim.get("service/config").await;
    let url = config["urls"]["contentMetadataLookup"].as_str().unwrap();
    let mut request = sim.client.get(format!("{url}?version=2&p=mdm-lockup&caller=MDM&{query}"));
    if let Some(token) = cookie {
        request = request.header("cookie", format!("itvt={token}"));
    }
    let (status, answer) = send(request).await;
    assert_eq!((status, &answer["isAuthenticated"]), (200, &json!(false)), "{answer}");
    answer["results"].clone()
}

fn ids(answer: &Value) -> Vec<&str> {
    answer["data"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect()
}

async fn patch(sim: &Sim, adam_id: &str, change: Value) -> Value {
    sim.control(Method::PATCH, &format!("/_sim/catalog/products/{adam_id}"), Some(change)).await
}

const OWNED: &str = "us/stoken-authenticated-apps";

#[tokio::test]
async fn owned_apps_come_with_what_differs_between_platforms_apart() {
    let (sim, developer) = with_assets(quick()).await;
    let query =
        "ids=501,502,503,601,999&platform=iphone&additionalPlatforms=ipad,mac&extend[apps]=latestVersionInfo";
    let (status, answer) = ask(&sim, &developer, &format!("{OWNED}?{query}")).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(ids(&answer), ["501", "502", "503"], "neither the book nor what there is not");
    let app = &answer["data"][0];
    assert_eq!((&app["type"], &app["href"]), (&json!("apps"), &json!("/v1/catalog/us/apps/501")));
    let attributes = &app["attributes"];
    assert!(attributes["name"].is_string() && attributes["offers"][0]["price"].is_number());
    assert_eq!(attributes.get("bundleId"), None);
    assert_eq!(attributes["deviceFamilies"], json!(["iphone", "ipad", "ipod", "mac"]));
    let (ios, mac) = (&attributes["platformAttributes"]["ios"], &attributes["platformAttributes"]["osx"]);
    assert!(ios["externalVersionId"].is_number());
    assert_ne!(ios["externalVersionId"], mac["externalVersionId"]);
    assert!(ios["latestVersionInfo"]["versionDisplay"].is_string());
    assert!(ios["artwork"]["url"].as_str().unwrap().ends_with("{w}x{h}bb.{f}"));
    let watch = &answer["data"][2]["attributes"]["platformAttributes"]["ios"]["watchBundleId"];
    assert!(watch.as_str().unwrap().ends_with(".watchkitapp"));
}

#[tokio::test]
async fn an_app_that_is_not_for_the_platform_is_left_out_and_extras_must_be_named() {
    let (sim, developer) = with_assets(quick()).await;
    let (_, phone) = ask(&sim, &developer, &format!("{OWNED}?ids=501,502&platform=iphone")).await;
    assert_eq!(ids(&phone), ["501"]);
    let platforms = &phone["data"][0]["attributes"]["platformAttributes"];
    assert_eq!(platforms.get("osx"), None);
    assert_eq!(platforms["ios"].get("latestVersionInfo"), None);
    let (_, mac) = ask(&sim, &developer, &format!("{OWNED}?ids=501,502&platform=mac")).await;
    assert_eq!(ids(&mac), ["501", "502"]);
}

#[tokio::test]
async fn the_flat_shape_has_every_attribute_in_one_place() {
    let (sim, developer) = with_assets(quick()).await;
    sim.patch_settings(json!({ "catalog": { "shape": "flat" } })).await;
    let query = "ids=501&platform=iphone&extend=latestVersionInfo,versionHistory,description";
    let (_, answer) = ask(&sim, &developer, &format!("{OWNED}?{query}")).await;
    let attributes = &answer["data"][0]["attributes"];
    assert_eq!(attributes.get("platformAttributes"), None);
    for name in ["bundleId", "externalVersionId", "minimumOSVersion", "minimumMacOSVersion", "artwork"] {
        assert!(!attributes[name].is_null(), "{name}: {attributes}");
    }
    let newest = &attributes["versionHistory"][0];
    assert_eq!(newest["externalVersionId"], attributes["externalVersionId"]);
    assert_eq!(newest["versionDisplay"], attributes["latestVersionInfo"]["versionDisplay"]);
    assert!(attributes["description"]["standard"].is_string());
}

#[tokio::test]
async fn books_and_purchases_have_their_own_addresses() {
    let (sim, developer) = with_assets(quick()).await;
    let (_, books) = ask(&sim, &developer, "us/stoken-authenticated-books?ids=601,501").await;
    assert_eq!(ids(&books), ["601"]);
    assert_eq!(books["data"][0]["type"], "books");
    assert!(books["data"][0]["attributes"]["isbn"].is_string());
    let query = "us/stoken-authenticated-purchases?ids[apps]=501&ids%5Bbooks%5D=601&platform=web";
    let (_, mixed) = ask(&sim, &developer, query).await;
    assert_eq!(ids(&mixed), ["501", "601"]);
    let (_, public) = ask_publicly(&sim, &developer, "us/apps?ids=501&platform=iphone").await;
    assert_eq!(ids(&public), ["501"]);
    let (_, one) = ask_publicly(&sim, &developer, "us/books/601").await;
    assert_eq!(ids(&one), ["601"]);
    let (status, none) = ask_publicly(&sim, &developer, "us/apps/999?platform=web").await;
    assert_eq!((status, &none["errors"][0]["code"]), (404, &json!("40403")));
}

#[tokio::test]
async fn only_a_good_developer_token_is_let_in() {
    let (sim, developer) = with_assets(quick()).await;
    let url = format!("{}/catalog/{OWNED}?ids=501&platform=iphone", sim.simulator.catalog_url());
    let cookie = format!("itvt={}", sim.token);
    let status = async |token: Option<String>| {
        let mut request = sim.client.get(&url).header("cookie", &cookie);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let (status, answer) = send(request).await;
        assert_eq!(status == 401, answer["errors"][0]["status"] == "401");
        status
    };
    let now_s = now_ms(&sim).await / 1000;
    assert_eq!(status(None).await, 401);
    assert_eq!(status(Some(developer.token_for(now_s, now_s + 60))).await, 200);
    assert_eq!(status(Some(developer.token_for(now_s - 60, now_s - 1))).await, 401);
    assert_eq!(status(Some(developer.token_for(now_s, now_s + 15_777_001))).await, 401);
    let other = Developer { key_id: "ABCDEFGHIJ".to_owned(), ..Developer::new(&sim).await };
    assert_eq!(status(Some(other.token_for(now_s, now_s + 60))).await, 401);

    let keys = sim.control(Method::GET, "/_sim/catalog/keys", None).await["keys"].clone();
    assert_eq!(keys.as_array().unwrap().len(), 2);
    assert_eq!(keys[0].get("private_key"), None);
    let path = format!("/_sim/catalog/keys/{}", developer.key_id);
    sim.control(Method::DELETE, &path, None).await;
    assert_eq!(status(Some(developer.token_for(now_s, now_s + 60))).await, 401);
    let again = json!({
        "key_id": developer.key_id, "team_id": developer.team_id, "public_key": keys[0]["public_key"],
    });
    sim.post("/_sim/catalog/keys", again).await;
    assert_eq!(status(Some(developer.token_for(now_s, now_s + 60))).await, 200);
    let bad = json!({ "key_id": "ABCDEFGHIJ", "team_id": "T", "public_key": "nothing" });
    assert_eq!(sim.try_control(Method::POST, "/_sim/catalog/keys", Some(bad)).await.0, 400);
}

#[tokio::test]
async fn what_is_owned_needs_the_token_of_the_location_and_questions_must_be_whole() {
    let (sim, developer) = with_assets(quick()).await;
    let (status, answer) = ask_publicly(&sim, &developer, &format!("{OWNED}?ids=501&platform=iphone")).await;
    assert_eq!((status, &answer["errors"][0]["code"]), (403, &json!("40300")));
    sim.patch_settings(json!({ "catalog": { "max_ids": 2 } })).await;
    let bad = ["platform=iphone", "ids=501", "ids=501&platform=fridge", "ids=1,2,3&platform=iphone"];
    for query in bad {
        let (status, _) = ask(&sim, &developer, &format!("{OWNED}?{query}")).await;
        assert_eq!(status, 400, "{query}");
    }
    let (status, _) =
        ask(&sim, &developer, "everywhere/stoken-authenticated-apps?ids=501&platform=web").await;
    assert_eq!(status, 404);
    let (_, upper) = ask(&sim, &developer, "US/stoken-authenticated-apps?ids=501&platform=web").await;
    assert_eq!(ids(&upper), ["501"]);
}

#[tokio::test]
async fn custom_apps_are_seen_only_by_those_who_own_them() {
    let (sim, developer) = with_assets(quick()).await;
    let facts = patch(&sim, "501", json!({ "custom": true, "name": "Only Ours", "price": 2.99 })).await;
    assert_eq!((&facts["custom"], &facts["name"]), (&json!(true), &json!("Only Ours")));
    let (_, owned) = ask(&sim, &developer, &format!("{OWNED}?ids=501&platform=iphone")).await;
    let attributes = &owned["data"][0]["attributes"];
    assert_eq!((&attributes["isB2BCustomApp"], &attributes["name"]), (&json!(true), &json!("Only Ours")));
    assert_eq!(attributes["offers"][0]["priceFormatted"], "$2.99");
    let (_, public) = ask_publicly(&sim, &developer, "us/apps?ids=501&platform=iphone").await;
    assert!(ids(&public).is_empty());
    assert_eq!(look_up(&sim, "id=501&cc=us", None).await, json!({}));
    assert_eq!(look_up(&sim, "id=501&cc=us", Some("not a token")).await, json!({}));
    assert_eq!(look_up(&sim, "id=501&cc=us", Some(&sim.token)).await["501"]["isB2BCustomApp"], true);
}

#[tokio::test]
async fn an_app_shows_only_where_it_is_sold_and_leaves_and_comes_back() {
    let (sim, developer) = with_assets(quick()).await;
    let seen = async |storefront: &str| {
        let path = format!("{storefront}/stoken-authenticated-apps?ids=501&platform=iphone");
        ids(&ask(&sim, &developer, &path).await.1).len()
    };
    patch(&sim, "501", json!({ "storefronts": ["DE", "fr"] })).await;
    assert_eq!((seen("us").await, seen("de").await), (0, 1));
    let act =
        async |what: &str, body: Value| sim.post(&format!("/_sim/catalog/products/501/{what}"), body).await;
    act("withdraw", json!({ "storefronts": ["de"] })).await;
    assert_eq!((seen("de").await, seen("fr").await), (0, 1));
    act("return", json!({ "storefronts": ["de"] })).await;
    assert_eq!(seen("de").await, 1);
    act("withdraw", json!({})).await;
    assert_eq!((seen("de").await, seen("fr").await), (0, 0));
    act("withdraw", json!({ "redownloadable": true })).await;
    let (_, owned) = ask(&sim, &developer, "de/stoken-authenticated-apps?ids=501&platform=iphone").await;
    assert_eq!(owned["data"][0]["attributes"]["offers"], json!([]));
    let (_, public) = ask_publicly(&sim, &developer, "de/apps?ids=501&platform=iphone").await;
    assert!(ids(&public).is_empty());
    act("return", json!({})).await;
    assert_eq!(seen("us").await, 1);
}

#[tokio::test]
async fn a_new_version_has_a_new_number_and_may_come_out_in_one_country_first() {
    let (sim, developer) = with_assets(quick()).await;
    let versions = async |storefront: &str| {
        let path = format!(
            "{storefront}/stoken-authenticated-apps?ids=501&platform=iphone&additionalPlatforms=mac&extend[apps]=latestVersionInfo"
        );
        let answer = ask(&sim, &developer, &path).await.1;
        let platforms = answer["data"][0]["attributes"]["platformAttributes"].clone();
        let of = |name: &str| {
            let info = &platforms[name];
            (info["externalVersionId"].as_u64().unwrap(), info["latestVersionInfo"]["versionDisplay"].clone())
        };
        (of("ios"), of("osx"))
    };
    let before = versions("us").await;
    let body = json!({ "version": "9.9", "platforms": ["ios"], "storefronts": ["de"], "minimum_os": "18.0" });
    sim.post("/_sim/catalog/products/501/versions", body).await;
    assert_eq!(versions("us").await, before);
    let (ios, mac) = versions("de").await;
    assert!(ios.0 > before.0.0 && ios.1 == "9.9");
    assert_eq!(mac, before.1);
    sim.post(
        "/_sim/catalog/products/501/versions",
        json!({ "version": " 10.0", "external_id": 999_000_000 }),
    )
    .await;
    let (ios, mac) = versions("us").await;
    assert_eq!((ios.0, mac.0, ios.1), (999_000_000, 999_000_001, json!(" 10.0")));
    let (status, _) = sim
        .try_control(Method::POST, "/_sim/catalog/products/601/versions", Some(json!({ "version": "1" })))
        .await;
    assert_eq!(status, 409, "a book has no versions");
}

#[tokio::test]
async fn the_older_lookup_is_keyed_by_id_and_spells_artwork_and_id_in_two_ways() {
    let (sim, _) = with_assets(quick()).await;
    let both = json!([["object", "number"], ["array", "string"]]);
    for case in both.as_array().unwrap() {
        sim.patch_settings(json!({ "catalog": { "lookup_artwork": case[0], "lookup_id": case[1] } })).await;
        let results = look_up(&sim, "id=501,503,999&platform=enterprisestore&cc=de&l=en", None).await;
        assert_eq!(results.as_object().unwrap().len(), 2);
        let app = &results["501"];
        assert_eq!(
            (app["artwork"].is_object(), app["id"].is_number()),
            (case[0] == "object", case[1] == "number")
        );
        assert_eq!(app["kind"], "iosSoftware");
        assert!(app["deviceFamilies"].as_array().unwrap().contains(&json!("mac")));
        let version = &app["offers"][0]["version"];
        assert!(version["display"].is_string() && version["externalId"].is_number());
        assert!(app["offers"][0]["priceFormatted"].as_str().unwrap().ends_with('\u{20ac}'));
        assert!(app["bundleId"].is_string() && app["latestVersionReleaseDate"].is_string());
    }
    let mac = look_up(&sim, "id=501,502,503&platform=macappstore&cc=us", None).await;
    assert_eq!(mac.as_object().unwrap().keys().collect::<Vec<_>>(), ["501", "502"]);
    assert_eq!(mac["502"]["kind"], "desktopApp");
    assert_eq!(look_up(&sim, "id=502&platform=enterprisestore&cc=us", None).await, json!({}));
    let url = format!("{}/WebObjects/MZStorePlatform.woa/wa/lookup?id=501&p=lookup", sim.simulator.url());
    assert_eq!(send(sim.client.get(url)).await.1["results"], json!({}), "it is called mdm-lockup");
}

#[tokio::test]
async fn the_same_seed_knows_the_same_names_and_a_purchase_is_known_at_once() {
    let mut names = Vec::new();
    for seed in [7, 7, 8] {
        let sim = Sim::start_with_seed(quick(), seed).await;
        sim.post("/_sim/locations/{uid}/assets/buy", json!({ "adam_id": "501", "delta": 5 })).await;
        names.push(look_up(&sim, "id=501&cc=us", None).await["501"]["bundleId"].clone());
    }
    assert!(names[0].is_string());
    assert_eq!(names[0], names[1]);
    assert_ne!(names[0], names[2]);
}

#[tokio::test]
async fn the_rate_is_that_of_the_key_and_none_of_the_locations() {
    let (sim, developer) = with_assets(Rules { rate_limit: true, ..quick() }).await;
    sim.patch_settings(json!({ "catalog": { "rate_per_second": 3 } })).await;
    let now_ms = sim.post("/_sim/clock", json!({ "mode": "manual" })).await["now_ms"].as_i64().unwrap();
    let path = format!("{OWNED}?ids=501,502&platform=iphone");
    for _ in 0..3 {
        assert_eq!(ask(&sim, &developer, &path).await.0, 200);
    }
    let (status, answer) = ask(&sim, &developer, &path).await;
    assert_eq!((status, &answer["errors"][0]["status"]), (429, &json!("429")));
    let other = Developer::new(&sim).await;
    assert_eq!(ask(&sim, &other, &path).await.0, 200);
    sim.post("/_sim/clock", json!({ "now_ms": now_ms + 2_000 })).await;
    assert_eq!(ask(&sim, &developer, &path).await.0, 200);
    let ledger = sim.ledger().await;
    let store = &ledger["catalog"];
    assert_eq!(store["violations"], json!({ "rate": 1, "before_retry_after": 0, "total": 1 }));
    assert_eq!((&store["requests"]["owned_apps"], &store["requests"]["total"]), (&json!(6), &json!(6)));
    assert_eq!((&store["ids"], &store["answers"]), (&json!(10), &json!({ "200": 5, "429": 1 })));
    assert_eq!(store["max_in_any_second"][&developer.key_id], 4);
    assert_eq!((&ledger["requests"]["total"], &ledger["violations"]["total"]), (&json!(0), &json!(0)));
    sim.post("/_sim/ledger/reset", json!({})).await;
    assert_eq!(sim.ledger().await["catalog"]["requests"]["total"], 0);
}

#[tokio::test]
async fn metadata_goes_wrong_on_command_and_any_leaves_it_alone() {
    let (sim, developer) = with_assets(quick()).await;
    let path = format!("{OWNED}?ids=501&platform=iphone");
    sim.fault(json!({ "on": { "endpoint": "any" }, "what": { "kind": "status", "status": 500 } })).await;
    assert_eq!(ask(&sim, &developer, &path).await.0, 200);
    sim.clear_faults().await;
    let forbidden = json!({ "kind": "status", "status": 403, "error_number": 40300, "retry_after": 60 });
    sim.fault(json!({ "on": { "endpoint": "catalog", "uid": sim.uid }, "what": forbidden, "times": 1 }))
        .await;
    assert_eq!(look_up(&sim, "id=501&cc=us", None).await["501"]["kind"], "iosSoftware");
    let (status, answer) = ask(&sim, &developer, &path).await;
    assert_eq!((status, &answer["errors"][0]["code"]), (403, &json!("40300")));
    tokio::time::sleep(std::time::Duration::from_millis(150)).await;
    assert_eq!(ask(&sim, &developer, &path).await.0, 200);
    assert_eq!(sim.ledger().await["catalog"]["violations"]["before_retry_after"], 1);
    sim.fault(
        json!({ "on": { "endpoint": "lookup" }, "what": { "kind": "not_json", "status": 503 }, "times": 1 }),
    )
    .await;
    let url = format!("{}/WebObjects/MZStorePlatform.woa/wa/lookup?id=501&p=mdm-lockup", sim.simulator.url());
    assert_eq!(sim.client.get(&url).send().await.unwrap().status(), 503);
    sim.fault(json!({ "on": { "endpoint": "lookup" }, "what": { "kind": "reset_before" }, "times": 1 }))
        .await;
    assert!(sim.client.get(&url).send().await.is_err());
    sim.patch_settings(json!({ "catalog": { "forbidden_every": 2 } })).await;
    let mut statuses = vec![ask(&sim, &developer, &path).await.0, ask(&sim, &developer, &path).await.0];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 403]);
}

#[tokio::test]
async fn what_is_set_about_a_product_is_kept_and_nonsense_is_refused() {
    let (sim, _) = with_assets(quick()).await;
    let facts =
        patch(&sim, "777", json!({ "platforms": ["iOS", "visionOS"], "minimum_os": { "ios": "18.1" } }))
            .await;
    assert_eq!(facts["editions"]["ios"]["minimum_os"], "18.1");
    assert!(facts["editions"]["xros"]["versions"][0]["external_id"].is_number());
    assert_eq!(look_up(&sim, "id=777&cc=us", None).await["777"]["minimumOSVersion"], "18.1");
    let shown = sim.control(Method::GET, "/_sim/catalog/products/777", None).await;
    assert_eq!(shown, facts);
    let facts = patch(&sim, "777", json!({ "device_families": ["iphone"] })).await;
    assert_eq!((&facts["device_families"], &facts["name"]), (&json!(["iphone"]), &shown["name"]));
    let cases = [
        ("777", json!({ "color": "red" })),
        ("777", json!({ "platforms": [] })),
        ("777", json!({ "platforms": ["Windows"] })),
        ("777", json!({ "price": -1.0 })),
        ("777", json!({ "storefronts": ["Germany"] })),
        ("abc", json!({ "name": "A" })),
    ];
    for (adam_id, change) in cases {
        let path = format!("/_sim/catalog/products/{adam_id}");
        let (status, answer) = sim.try_control(Method::PATCH, &path, Some(change.clone())).await;
        assert_eq!(status, 400, "{change}: {answer}");
    }
    let minimum = json!({ "minimum_os": { "osx": "14.0" } });
    assert_eq!(sim.try_control(Method::PATCH, "/_sim/catalog/products/777", Some(minimum)).await.0, 409);
}
