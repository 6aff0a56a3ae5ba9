//! The settings under `[apple]`: where Apple is, and how patient to be with it.

use std::net::IpAddr;
use std::time::Duration;

use reqwest::Url;
use russet_domain::event::Patience;
use serde::{Deserialize, Serialize};

use crate::error::AppleError;

/// The whole `[apple]` section.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Where Apple's API is; any path prefix, with or without a slash at the end.
    pub base_url: String,
    /// Allows plain HTTP, to this machine only: for simulators.
    pub allow_http: bool,
    /// How long one request may take, from the first connection to the last byte, in milliseconds.
    pub timeout_ms: u64,
    /// How long connecting may take, in milliseconds.
    pub connect_timeout_ms: u64,
    /// What to call ourselves.
    pub user_agent: String,
    /// The largest answer that is read, in bytes.
    pub body_max_bytes: usize,
    /// How long to wait for notifications before the first status question, in seconds.
    pub poll_after_s: u64,
    /// How long between two status questions, in seconds. Apple asks for 30.
    pub poll_every_s: u64,
    /// When to stop asking and read the assignments back, in seconds.
    pub read_back_after_s: u64,
    /// How often Apple's limits are read, in seconds. Apple asks for 300.
    pub limits_every_s: u64,
    /// Which part of Apple's request rate to use, above 0 and up to 1.
    pub rate_share: f64,
    /// Whether names, icons and versions of products are read from Apple's stores.
    pub catalog: bool,
    /// The key of an Apple Developer account for the metadata API, a `.p8` file. Empty: the legacy lookup is used.
    pub catalog_key_file: String,
    /// The key's id, ten characters.
    pub catalog_key_id: String,
    /// The developer account's team id.
    pub catalog_team_id: String,
    /// The root of the metadata API for Apple Business Manager.
    pub catalog_business_url: String,
    /// The root of the metadata API for Apple School Manager.
    pub catalog_education_url: String,
    /// The language of names, such as `nl-NL`; empty for each store's own.
    pub catalog_language: String,
    /// How many products one request to the metadata API asks for.
    pub catalog_ids_max: usize,
    /// Requests a second to each metadata service, over all workers. Apple publishes no limit.
    pub catalog_rate_per_s: f64,
    /// The countries whose stores are asked, in this order, for a product that its own country does not have.
    pub catalog_fallback_countries: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            base_url: "https://vpp.itunes.apple.com/mdm/v2".to_owned(),
            allow_http: false,
            timeout_ms: 60_000,
            connect_timeout_ms: 10_000,
            user_agent: concat!("russet/", env!("CARGO_PKG_VERSION")).to_owned(),
            body_max_bytes: 16 * 1024 * 1024,
            poll_after_s: 300,
            poll_every_s: 30,
            read_back_after_s: 600,
            limits_every_s: 300,
            rate_share: 0.9,
            catalog: true,
            catalog_key_file: String::new(),
            catalog_key_id: String::new(),
            catalog_team_id: String::new(),
            catalog_business_url: "https://api.ent.apple.com/v1".to_owned(),
            catalog_education_url: "https://api.edu.apple.com/v1".to_owned(),
            catalog_language: String::new(),
            catalog_ids_max: 150,
            catalog_rate_per_s: 2.0,
            catalog_fallback_countries: ["US", "GB", "DE"].map(str::to_owned).to_vec(),
        }
    }
}

impl Settings {
    /// When an accepted request is asked after.
    #[must_use]
    pub fn patience(&self) -> Patience {
        Patience {
            poll_after: Duration::from_secs(self.poll_after_s),
            poll_every: Duration::from_secs(self.poll_every_s),
            read_back_after: Duration::from_secs(self.read_back_after_s),
        }
    }

    /// Looks at every value.
    ///
    /// # Errors
    /// [`AppleError::BadSetting`] for the first value that cannot be used, by its name and with what it should be.
    pub fn check(&self) -> Result<(), AppleError> {
        self.base()?;
        let at_least = |name, value: u64, least: u64| {
            if value >= least {
                Ok(())
            } else {
                Err(bad(name, format!("is {value}; it must be at least {least}")))
            }
        };
        at_least("apple.timeout_ms", self.timeout_ms, 1)?;
        at_least("apple.connect_timeout_ms", self.connect_timeout_ms, 1)?;
        at_least("apple.body_max_bytes", self.body_max_bytes as u64, 64 * 1024)?;
        at_least("apple.poll_every_s", self.poll_every_s, 1)?;
        at_least("apple.limits_every_s", self.limits_every_s, 1)?;
        if self.read_back_after_s < self.poll_after_s {
            let why = format!(
                "is {}; it must not be less than apple.poll_after_s, which is {}",
                self.read_back_after_s, self.poll_after_s
            );
            return Err(bad("apple.read_back_after_s", why));
        }
        if !(self.rate_share > 0.0 && self.rate_share <= 1.0) {
            let why = format!("is {}; it must be above 0 and at most 1, such as 0.9", self.rate_share);
            return Err(bad("apple.rate_share", why));
        }
        self.check_catalog()
    }

    fn check_catalog(&self) -> Result<(), AppleError> {
        self.catalog_root("apple.catalog_business_url", &self.catalog_business_url)?;
        self.catalog_root("apple.catalog_education_url", &self.catalog_education_url)?;
        let named = |id: &str| {
            !id.is_empty() && id.len() <= 32 && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
        };
        if !self.catalog_key_file.is_empty() {
            let ids = [
                ("apple.catalog_key_id", &self.catalog_key_id),
                ("apple.catalog_team_id", &self.catalog_team_id),
            ];
            for (name, id) in ids {
                if !named(id) {
                    let why = format!(
                        "is {id:?}; beside apple.catalog_key_file it must be the ten letters and digits that the Apple \
                         Developer account shows"
                    );
                    return Err(bad(name, why));
                }
            }
        }
        let tag = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if self.catalog_language.len() > 35 || !self.catalog_language.chars().all(tag) {
            let why =
                format!("is {:?}; it must be empty or a language, such as nl-NL", self.catalog_language);
            return Err(bad("apple.catalog_language", why));
        }
        if !(1..=300).contains(&self.catalog_ids_max) {
            let why = format!("is {}; it must be from 1 to 300", self.catalog_ids_max);
            return Err(bad("apple.catalog_ids_max", why));
        }
        if !(0.02..=100.0).contains(&self.catalog_rate_per_s) {
            let why = format!("is {}; it must be from 0.02 to 100", self.catalog_rate_per_s);
            return Err(bad("apple.catalog_rate_per_s", why));
        }
        let is_country =
            |text: &String| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase());
        if self.catalog_fallback_countries.len() > 10
            || !self.catalog_fallback_countries.iter().all(is_country)
        {
            let why = "must be a list of at most ten countries, each as two capital letters, such as [\"US\", \"GB\"]";
            return Err(bad("apple.catalog_fallback_countries", why.to_owned()));
        }
        Ok(())
    }

    /// The base address, without a slash at its end.
    pub(crate) fn base(&self) -> Result<Url, AppleError> {
        let name = "apple.base_url";
        // The value is not repeated in the message before it is known to hold no password.
        let mut url = Url::parse(self.base_url.trim()).map_err(|why| {
            bad(
                name,
                format!("is not an address ({why}); it should be like https://vpp.itunes.apple.com/mdm/v2"),
            )
        })?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(bad(name, "must not hold a user name or password".to_owned()));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(bad(name, "must end with its path: no “?” and no “#”".to_owned()));
        }
        match url.scheme() {
            "https" => {}
            "http" if !self.allow_http => {
                let why = format!(
                    "is {url}; it must begin with https:// unless apple.allow_http is set, for a simulator on this machine"
                );
                return Err(bad(name, why));
            }
            "http" if !is_loopback(&url) => {
                let why = format!(
                    "is {url}; plain HTTP is only allowed to this machine, such as 127.0.0.1, even with apple.allow_http, because tokens travel with it"
                );
                return Err(bad(name, why));
            }
            "http" => {}
            other => return Err(bad(name, format!("begins with {other}:; it must begin with https://"))),
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(url)
    }
}

/// Whether an address leads to this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn bad(name: &'static str, why: String) -> AppleError {
    AppleError::BadSetting { name, why }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(text: &str, allow_http: bool) -> Result<String, String> {
        let settings = Settings { base_url: text.to_owned(), allow_http, ..Settings::default() };
        settings.base().map(|url| url.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn plain_http_is_refused_by_name_unless_allowed_and_to_this_machine() {
        assert!(base("http://127.0.0.1:9000/mdm/v2", false).unwrap_err().contains("apple.allow_http"));
        assert!(base("http://192.0.2.7/mdm/v2", true).unwrap_err().contains("apple.base_url"));
        assert!(base("http://127.0.0.1.example.net/", true).is_err());
        for ours in
            ["http://127.0.0.1:9000/a", "http://127.8.8.8/a", "http://[::1]:9000/a", "http://localhost/a"]
        {
            assert!(base(ours, true).is_ok(), "{ours}");
        }
    }

    #[test]
    fn a_slash_at_the_end_makes_no_difference() {
        assert_eq!(base("https://example.com/x/v2/", false), base("https://example.com/x/v2", false));
    }

    #[test]
    fn a_password_in_the_address_is_refused_and_not_repeated() {
        let error = base("https://someone:opaque@example.com/", false).unwrap_err();
        assert!(error.contains("apple.base_url") && !error.contains("opaque"), "{error}");
    }

    #[test]
    fn a_share_of_nothing_is_refused_by_name() {
        for rate_share in [0.0, -1.0, 1.1, f64::NAN] {
            let error = Settings { rate_share, ..Settings::default() }.check().unwrap_err();
            assert!(error.to_string().contains("apple.rate_share"), "{error}");
        }
        Settings::default().check().unwrap();
    }

    #[test]
    fn a_setting_of_the_catalog_is_refused_by_its_name() {
        let wrong = |change: fn(&mut Settings)| {
            let mut settings = Settings::default();
            change(&mut settings);
            settings.check().unwrap_err().to_string()
        };
        assert!(wrong(|s| s.catalog_key_file = "a.p8".into()).contains("apple.catalog_key_id"));
        assert!(
            wrong(|s| s.catalog_education_url = "http://x".into()).contains("apple.catalog_education_url")
        );
        assert!(wrong(|s| s.catalog_ids_max = 0).contains("apple.catalog_ids_max"));
        assert!(wrong(|s| s.catalog_rate_per_s = f64::NAN).contains("apple.catalog_rate_per_s"));
        assert!(wrong(|s| s.catalog_fallback_countries = vec!["us".into()]).contains("fallback_countries"));
        assert!(wrong(|s| s.catalog_language = "nl NL".into()).contains("apple.catalog_language"));
    }

    #[test]
    fn an_unknown_key_is_refused() {
        assert!(serde_json::from_str::<Settings>(r#"{"base_uri":"x"}"#).is_err());
        let few: Settings = serde_json::from_str(r#"{"poll_after_s":1}"#).unwrap();
        assert_eq!(few.patience().poll_after, Duration::from_secs(1));
        assert_eq!(few.timeout_ms, 60_000);
    }
}
