//! Asks the metadata API for organizations about products that a location owns.

use std::time::SystemTime;

use russet_domain::Secret;
use russet_domain::catalog::Platform;

use super::exchange::Call;
use super::{Catalog, CatalogError, Found, NoKey, wire};

/// What kind of account a location belongs to: each has a root of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Account {
    /// Apple Business Manager.
    Business,
    /// Apple School Manager.
    Education,
}

/// Which of a location's products are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum What {
    /// Apps.
    Apps,
    /// Books.
    Books,
}

/// The device that a product is asked for: a product may have another version on each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Device {
    /// iPhone, and with it all others as far as one answer holds them.
    Iphone,
    /// Mac.
    Mac,
    /// Apple TV.
    AppleTv,
    /// Apple Vision.
    Vision,
}

impl Device {
    /// Every device, the one first that is asked for first.
    pub const ALL: [Self; 4] = [Self::Iphone, Self::Mac, Self::AppleTv, Self::Vision];

    /// The platform that it is of.
    #[must_use]
    pub fn platform(self) -> Platform {
        match self {
            Self::Iphone => Platform::Ios,
            Self::Mac => Platform::Macos,
            Self::AppleTv => Platform::Tvos,
            Self::Vision => Platform::Visionos,
        }
    }

    /// Apple's spellings of the device itself, and of those that are asked for beside it.
    fn parameters(self) -> (&'static str, &'static str) {
        match self {
            Self::Iphone => ("iphone", "ipad,mac,appletv,realityDevice"),
            Self::Mac => ("mac", ""),
            Self::AppleTv => ("appletv", ""),
            Self::Vision => ("realityDevice", ""),
        }
    }
}

/// A question to the metadata API for organizations.
#[derive(Clone, Copy, Debug)]
pub struct Organization<'a> {
    /// Where to ask.
    pub account: Account,
    /// The store's country, ISO 3166-1 alpha-2.
    pub country: &'a str,
    /// Apps or books.
    pub what: What,
    /// For which device.
    pub device: Device,
    /// The products, at most [`Catalog::ids_max`].
    pub ids: &'a [String],
    /// The token of a location that owns them: custom apps are shown to no other.
    pub token: &'a Secret,
}

impl Catalog {
    /// Asks about products that a location owns. May be repeated.
    ///
    /// # Errors
    /// See [`CatalogError`].
    pub async fn organization(&self, ask: &Organization<'_>) -> Result<Found, CatalogError> {
        let path = match ask.what {
            What::Apps => "stoken-authenticated-apps",
            What::Books => "stoken-authenticated-books",
        };
        let (device, others) = ask.device.parameters();
        let mut query = vec![("ids", ask.ids.join(",")), ("platform", device.to_owned())];
        if !others.is_empty() {
            query.push(("additionalPlatforms", others.to_owned()));
        }
        if ask.what == What::Apps {
            query.push(("extend[apps]", "latestVersionInfo".to_owned()));
        }
        let found = self.ask(ask.account, ask.country, path, query, Some(ask.token), ask.device).await;
        if let (Err(CatalogError::Key { .. }), Ok(key)) = (&found, &self.0.key) {
            // Should the token in use be what Apple does not like, the next question has a new one.
            key.renew();
        }
        found
    }

    /// Asks the public catalog about one app, to find out whether Apple takes the developer key.
    ///
    /// # Errors
    /// [`CatalogError::Key`] when it does not; others as any question.
    pub async fn try_key(&self, account: Account, country: &str) -> Result<(), CatalogError> {
        // Pages, which every store has.
        let query = vec![("ids", "361309726".to_owned()), ("platform", "iphone".to_owned())];
        self.ask(account, country, "apps", query, None, Device::Iphone).await.map(drop)
    }

    async fn ask(
        &self,
        account: Account,
        country: &str,
        path: &str,
        mut query: Vec<(&'static str, String)>,
        token: Option<&Secret>,
        device: Device,
    ) -> Result<Found, CatalogError> {
        let key = self.0.key.as_ref().map_err(|no_key| CatalogError::Key {
            why: match no_key {
                NoKey::NotSet => "apple.catalog_key_file is empty".to_owned(),
                NoKey::Unusable(why) => why.clone(),
            },
        })?;
        let bearer = key.token(SystemTime::now()).map_err(|why| CatalogError::Key { why })?;
        let root = match account {
            Account::Business => &self.0.business,
            Account::Education => &self.0.education,
        };
        let mut url = root.clone();
        let storefront = country.to_ascii_lowercase();
        url.set_path(&format!("{}/catalog/{storefront}/{path}", root.path().trim_end_matches('/')));
        if !self.0.language.is_empty() {
            query.push(("l", self.0.language.clone()));
        }
        url.query_pairs_mut().extend_pairs(query);
        let reply = self.0.call(Call { url, bearer: Some(bearer), token }).await?;
        let host = root.host_str().unwrap_or_default();
        let mut found = wire::organization::read(&reply.body, &device.platform()).ok_or_else(|| {
            let why = "its answer is JSON, but no list of products".to_owned();
            CatalogError::Later { host: host.to_owned(), why, retry_after: reply.retry_after }
        })?;
        found.retry_after = reply.retry_after;
        Ok(found)
    }
}
