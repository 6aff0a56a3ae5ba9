//! Apple's metadata services: what its stores say about products.
//!
//! The management API gives ids and counts only. [`Catalog::organization`] asks the metadata API for organizations, for
//! which a developer key is needed; [`Catalog::lookup`] asks the legacy lookup, which needs none. Both answer with the
//! same [`AppFacts`](russet_domain::catalog::AppFacts). As everywhere in this crate a call is one request, nothing is
//! repeated and no redirect is followed; pace and patience belong to the caller, who reads
//! [`CatalogError`].
//!
//! The metadata API: <https://developer.apple.com/documentation/devicemanagement/apps-and-books-metadata-for-organizations>;
//! the lookup: <https://developer.apple.com/documentation/devicemanagement/getting-app-and-book-information-legacy>.

mod address;
mod error;
mod exchange;
mod key;
mod lookup;
mod organization;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, Url, redirect, retry};
use russet_domain::catalog::AppFacts;

pub use error::CatalogError;
pub use lookup::{Lookup, Store};
pub use organization::{Account, Device, Organization, What};

use crate::error::AppleError;
use crate::exchange::causes;
use crate::settings::{Settings, is_loopback};
use key::DeveloperKey;

/// The metadata services. Cloning it is cheap.
#[derive(Clone, Debug)]
pub struct Catalog(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    http: Client,
    key: Result<DeveloperKey, NoKey>,
    business: Url,
    education: Url,
    language: String,
    allow_http: bool,
    body_max: usize,
    ids_max: usize,
}

/// Why there is no developer key to use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoKey {
    /// None is set. That is no fault.
    NotSet,
    /// The one that is set cannot be used: why, and what to do.
    Unusable(String),
}

/// Products that an answer tells of. Those that it does not tell of are not in the store that was asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The products.
    pub apps: Vec<AppFacts>,
    /// Records that could not be understood: they name no product.
    pub skipped: usize,
    /// How long Apple wants to be left alone, if it says so beside an answer.
    pub retry_after: Option<Duration>,
}

/// Reads a body as the answer of each service, and as an error, without a connection: for tests and fuzzing.
#[cfg(any(test, fuzzing))]
pub(crate) fn read_offline(body: &serde_json::Value) -> ([Option<Found>; 2], (String, String)) {
    let asked = russet_domain::catalog::Platform::Ios;
    let found = [wire::organization::read(body, &asked), wire::lookup::read(body, &asked)];
    (found, wire::errors::first(body))
}

impl Catalog {
    /// Prepares the connections and reads the developer key; nothing is sent. A key that cannot be used is no error
    /// here: see [`Self::no_key`].
    ///
    /// # Errors
    /// [`AppleError::BadSetting`] for a setting that cannot be used, and for a system without certificates.
    pub fn new(settings: &Settings) -> Result<Self, AppleError> {
        settings.check()?;
        let business = settings.catalog_root("apple.catalog_business_url", &settings.catalog_business_url)?;
        let education =
            settings.catalog_root("apple.catalog_education_url", &settings.catalog_education_url)?;
        // Someone else may have installed one before; then that one is used.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Ok(Self(Arc::new(Inner {
            http: client(settings)?,
            key: DeveloperKey::read(settings),
            business,
            education,
            language: settings.catalog_language.clone(),
            allow_http: settings.allow_http,
            body_max: settings.body_max_bytes,
            ids_max: settings.catalog_ids_max,
        })))
    }

    /// Why [`Self::organization`] cannot be asked; nothing when it can.
    #[must_use]
    pub fn no_key(&self) -> Option<&NoKey> {
        self.0.key.as_ref().err()
    }

    /// The language that is asked for; empty for each store's own.
    #[must_use]
    pub fn language(&self) -> &str {
        &self.0.language
    }

    /// How many products one request of [`Self::organization`] may ask for.
    #[must_use]
    pub fn ids_max(&self) -> usize {
        self.0.ids_max
    }
}

fn client(settings: &Settings) -> Result<Client, AppleError> {
    let base = settings.base()?;
    let mut builder = Client::builder()
        .user_agent(&settings.user_agent)
        .timeout(Duration::from_millis(settings.timeout_ms))
        .connect_timeout(Duration::from_millis(settings.connect_timeout_ms))
        // A redirect would take the token to an address that nobody chose.
        .redirect(redirect::Policy::none())
        // Each request was counted by the limiter.
        .retry(retry::never())
        .referer(false)
        .pool_idle_timeout(Duration::from_secs(20));
    if is_loopback(&base) {
        builder = builder.no_proxy();
    }
    if base.scheme() == "http" {
        // Without TLS there is nothing to verify: a simulator works on a system without certificates.
        builder = builder.tls_certs_only([]);
    }
    builder.build().map_err(|error| AppleError::BadSetting {
        name: "apple.user_agent",
        why: format!(
            "or the system's certificates cannot be used: {}; install the package ca-certificates",
            causes(error)
        ),
    })
}
