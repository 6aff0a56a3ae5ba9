//! The metadata services: what is sent to them, and what becomes of their answers.

use std::io::Write as _;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use russet_apple::Settings;
use russet_apple::catalog::{
    Account, Catalog, CatalogError, Device, Lookup, NoKey, Organization, Store, What,
};
use russet_domain::catalog::Platform;
use tempfile::NamedTempFile;
use tokio::net::TcpListener;

use super::server::token;

type Heard = Arc<Mutex<Vec<(Uri, HeaderMap)>>>;

/// A service that answers everything in one way, and what it heard.
async fn service(
    status: u16,
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
) -> (u16, Heard) {
    type Says = (Heard, u16, &'static [(&'static str, &'static str)], &'static str);
    async fn answer(
        State((heard, status, extra, body)): State<Says>,
        uri: Uri,
        headers: HeaderMap,
    ) -> Response {
        heard.lock().unwrap().push((uri, headers));
        let mut response = (StatusCode::from_u16(status).unwrap(), body).into_response();
        for (name, value) in extra {
            response.headers_mut().insert(*name, value.parse().unwrap());
        }
        response
    }
    let heard = Heard::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let app = Router::new().fallback(answer).with_state((heard.clone(), status, headers, body));
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (port, heard)
}

/// A key as the Apple Developer account gives it.
fn key_file() -> NamedTempFile {
    let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
    let text = base64::prelude::BASE64_STANDARD.encode(der.as_ref());
    let mut file = NamedTempFile::new().unwrap();
    write!(file, "-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n").unwrap();
    file
}

fn catalog(port: u16, key: Option<&NamedTempFile>) -> Catalog {
    let mut settings = Settings {
        base_url: format!("http://127.0.0.1:{port}/mdm/v2"),
        allow_http: true,
        catalog_business_url: format!("http://127.0.0.1:{port}/business/v1/"),
        catalog_education_url: format!("http://127.0.0.1:{port}/education/v1"),
        catalog_language: "nl-NL".to_owned(),
        ..Settings::default()
    };
    if let Some(key) = key {
        settings.catalog_key_file = key.path().display().to_string();
        settings.catalog_key_id = "ABC123DEFG".to_owned();
        settings.catalog_team_id = "TEAM000001".to_owned();
    }
    Catalog::new(&settings).unwrap()
}

async fn ask(
    catalog: &Catalog,
    account: Account,
    device: Device,
) -> Result<russet_apple::catalog::Found, CatalogError> {
    let (ids, token) = (["500000001".to_owned(), "500000002".to_owned()], token());
    let ask = Organization { account, country: "NL", what: What::Apps, device, ids: &ids, token: &token };
    catalog.organization(&ask).await
}

#[tokio::test]
async fn the_metadata_api_is_asked_with_a_signed_token_and_the_locations_own_as_a_cookie() {
    let (port, heard) =
        service(200, &[], r#"{"data":[{"id":"500000001","attributes":{"name":"Board"}}]}"#).await;
    let key = key_file();
    let catalog = catalog(port, Some(&key));
    let found = ask(&catalog, Account::Business, Device::Iphone).await.unwrap();
    assert_eq!(found.apps[0].name.as_deref(), Some("Board"));
    ask(&catalog, Account::Education, Device::Mac).await.unwrap();
    let (business, education) = {
        let heard = heard.lock().unwrap();
        (heard[0].clone(), heard[1].clone())
    };
    assert_eq!(business.0.path(), "/business/v1/catalog/nl/stoken-authenticated-apps");
    let query = business.0.query().unwrap();
    for part in ["ids=500000001%2C500000002", "platform=iphone", "additionalPlatforms=ipad%2Cmac", "l=nl-NL"]
    {
        assert!(query.contains(part), "{part} is not in {query}");
    }
    assert!(query.contains("extend%5Bapps%5D=latestVersionInfo"), "{query}");
    assert_eq!(business.1["cookie"], "itvt=eyJ0b2tlbiI6Im9wYXF1ZSJ9==");
    let bearer = business.1["authorization"].to_str().unwrap();
    assert!(bearer.starts_with("Bearer eyJ") && bearer.split('.').count() == 3, "{bearer}");
    assert_eq!(education.0.path(), "/education/v1/catalog/nl/stoken-authenticated-apps");
    assert!(education.0.query().unwrap().contains("platform=mac"));
    assert_eq!(education.1["authorization"], bearer, "a token in use is used again");
}

#[tokio::test]
async fn the_lookup_is_asked_as_apple_documents_it_and_without_a_key() {
    let (port, heard) = service(200, &[], r#"{"isAuthenticated":false,"results":{}}"#).await;
    let catalog = catalog(port, None);
    assert_eq!(catalog.no_key(), Some(&NoKey::NotSet));
    let (url, ids, token) =
        (format!("http://127.0.0.1:{port}/wa/lookup"), ["1".to_owned(), "2".to_owned()], token());
    let ask = Lookup { url: &url, store: Store::Volume, country: "NL", ids: &ids, token: Some(&token) };
    assert_eq!(catalog.lookup(&ask).await.unwrap().apps, []);
    catalog.lookup(&Lookup { store: Store::Mac, token: None, ..ask }).await.unwrap();
    let heard = heard.lock().unwrap();
    let query = heard[0].0.query().unwrap();
    for part in
        ["version=2", "id=1%2C2", "p=mdm-lockup", "caller=MDM", "platform=volumestore", "cc=nl", "l=nl-NL"]
    {
        assert!(query.contains(part), "{part} is not in {query}");
    }
    assert!(heard[0].1.get("authorization").is_none());
    assert_eq!(heard[0].1["cookie"], "itvt=eyJ0b2tlbiI6Im9wYXF1ZSJ9==");
    assert!(
        heard[1].0.query().unwrap().contains("platform=macappstore") && heard[1].1.get("cookie").is_none()
    );
}

#[tokio::test]
async fn an_address_that_is_not_apples_is_not_asked() {
    let (port, heard) = service(200, &[], "{}").await;
    let catalog = catalog(port, None);
    let (ids, token) = (["1".to_owned()], token());
    for url in ["https://example.net/lookup", "http://192.0.2.7/lookup", "file:///etc/passwd", "lookup"] {
        let ask = Lookup { url, store: Store::Enterprise, country: "NL", ids: &ids, token: Some(&token) };
        let error = catalog.lookup(&ask).await.unwrap_err();
        assert!(matches!(error, CatalogError::Address { .. }), "{url}: {error}");
    }
    assert!(heard.lock().unwrap().is_empty());
}

#[tokio::test]
async fn every_refusal_has_its_consequence_and_tells_no_secret() {
    let key = key_file();
    let refused = async |status, headers, body| {
        let (port, _) = service(status, headers, body).await;
        let error = ask(&catalog(port, Some(&key)), Account::Business, Device::Iphone).await.unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(!text.contains("eyJ"), "{text}");
        error
    };
    let sporadic =
        r#"{"errors":[{"status":"403","code":"40300","title":"Forbidden","detail":"Invalid Stoken"}]}"#;
    assert!(matches!(refused(403, &[], sporadic).await, CatalogError::Token { http: 403, .. }));
    assert!(matches!(refused(401, &[], "").await, CatalogError::Key { .. }));
    assert!(matches!(refused(400, &[], "{}").await, CatalogError::Ids { http: 400, .. }));
    let CatalogError::TooFast { retry_after } = refused(429, &[("retry-after", "7")], "").await else {
        panic!()
    };
    assert_eq!(retry_after.unwrap().as_secs(), 7);
    assert!(matches!(refused(503, &[], "").await, CatalogError::Later { .. }));
    // Neither followed nor taken for an answer.
    let elsewhere = &[("location", "https://example.net/")];
    assert!(matches!(refused(302, elsewhere, "").await, CatalogError::Later { .. }));
    for unreadable in ["", "<html>", r#"{"data":"#, "{}", r#"{"data":null}"#, "[]"] {
        assert!(matches!(refused(200, &[], unreadable).await, CatalogError::Later { .. }), "{unreadable}");
    }
}

#[tokio::test]
async fn a_key_that_cannot_be_used_is_said_in_words_and_asks_nobody() {
    let (port, heard) = service(200, &[], r#"{"data":[]}"#).await;
    let mut file = NamedTempFile::new().unwrap();
    write!(file, "no key at all").unwrap();
    let catalog = catalog(port, Some(&file));
    assert!(matches!(catalog.no_key(), Some(NoKey::Unusable(why)) if why.contains(".p8")));
    let error = ask(&catalog, Account::Business, Device::Iphone).await.unwrap_err();
    assert!(matches!(&error, CatalogError::Key { why } if why.contains("BEGIN PRIVATE KEY")), "{error}");
    assert!(heard.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_key_is_tried_without_any_locations_token() {
    let (port, heard) = service(200, &[], r#"{"data":[]}"#).await;
    let key = key_file();
    catalog(port, Some(&key)).try_key(Account::Business, "US").await.unwrap();
    let heard = heard.lock().unwrap();
    assert_eq!(heard[0].0.path(), "/business/v1/catalog/us/apps");
    assert!(heard[0].1.get("cookie").is_none() && heard[0].1.get("authorization").is_some());
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_not_read() {
    let body: &'static str = Box::leak(format!(r#"{{"data":["{}"]}}"#, "x".repeat(200_000)).into_boxed_str());
    let (port, _) = service(200, &[], body).await;
    let key = key_file();
    let mut settings = Settings {
        base_url: format!("http://127.0.0.1:{port}/mdm/v2"),
        allow_http: true,
        body_max_bytes: 64 * 1024,
        catalog_business_url: format!("http://127.0.0.1:{port}/v1"),
        catalog_key_id: "ABC123DEFG".to_owned(),
        catalog_team_id: "TEAM000001".to_owned(),
        ..Settings::default()
    };
    settings.catalog_key_file = key.path().display().to_string();
    let error = ask(&Catalog::new(&settings).unwrap(), Account::Business, Device::Iphone).await.unwrap_err();
    assert!(error.to_string().contains("apple.body_max_bytes"), "{error}");
    assert_eq!(Device::Vision.platform(), Platform::Visionos);
}
