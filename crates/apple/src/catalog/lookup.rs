//! Asks the legacy lookup, which needs no developer account.

use russet_domain::Secret;
use russet_domain::catalog::Platform;

use super::exchange::Call;
use super::{Catalog, CatalogError, Found, address, wire};

/// Which catalog is looked in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Store {
    /// That of businesses.
    Enterprise,
    /// That of schools and volume purchases.
    Volume,
    /// That of Mac apps.
    Mac,
}

impl Store {
    /// The store of a location, as its client configuration says (`defaultPlatform`).
    #[must_use]
    pub fn of_location(default_platform: Option<&str>) -> Self {
        match default_platform {
            Some("volumestore") => Self::Volume,
            Some(_) | None => Self::Enterprise,
        }
    }

    /// The platform that its answers are about.
    #[must_use]
    pub fn platform(self) -> Platform {
        match self {
            Self::Enterprise | Self::Volume => Platform::Ios,
            Self::Mac => Platform::Macos,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Enterprise => "enterprisestore",
            Self::Volume => "volumestore",
            Self::Mac => "macappstore",
        }
    }
}

/// A question to the legacy lookup.
#[derive(Clone, Copy, Debug)]
pub struct Lookup<'a> {
    /// Where it is, as Apple's service configuration says (`contentMetadataLookup`).
    pub url: &'a str,
    /// Which catalog is looked in.
    pub store: Store,
    /// The store's country, ISO 3166-1 alpha-2.
    pub country: &'a str,
    /// The products.
    pub ids: &'a [String],
    /// The token of a location that owns them: custom apps, and those that can no longer be bought, are shown to no
    /// other. An answer does not say whether it was taken.
    pub token: Option<&'a Secret>,
}

impl Catalog {
    /// Looks products up. An answer without any is no proof that there are none: the token may not have been taken. May
    /// be repeated.
    ///
    /// # Errors
    /// See [`CatalogError`]; never [`CatalogError::Key`].
    pub async fn lookup(&self, ask: &Lookup<'_>) -> Result<Found, CatalogError> {
        let mut url =
            address::lookup(ask.url, self.0.allow_http).map_err(|why| CatalogError::Address { why })?;
        let language = if self.0.language.is_empty() { "en" } else { self.0.language.as_str() };
        url.query_pairs_mut().extend_pairs([
            ("version", "2"),
            ("id", ask.ids.join(",").as_str()),
            ("p", "mdm-lockup"),
            ("caller", "MDM"),
            ("platform", ask.store.as_str()),
            ("cc", ask.country.to_ascii_lowercase().as_str()),
            ("l", language),
        ]);
        let host = url.host_str().unwrap_or_default().to_owned();
        let reply = self.0.call(Call { url, bearer: None, token: ask.token }).await.map_err(without_key)?;
        let mut found = wire::lookup::read(&reply.body, &ask.store.platform()).ok_or_else(|| {
            let why = "its answer is JSON, but not that of a lookup".to_owned();
            CatalogError::Later { host, why, retry_after: reply.retry_after }
        })?;
        found.retry_after = reply.retry_after;
        Ok(found)
    }
}

/// No developer key was sent, so that a refusal is about the location's token.
fn without_key(error: CatalogError) -> CatalogError {
    match error {
        CatalogError::Key { .. } => CatalogError::Token { http: 401, said: String::new() },
        CatalogError::Token { .. }
        | CatalogError::TooFast { .. }
        | CatalogError::Ids { .. }
        | CatalogError::Later { .. }
        | CatalogError::Address { .. } => error,
    }
}
