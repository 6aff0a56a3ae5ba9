//! Where metadata services are, and which of them may be sent a location's token.

use reqwest::Url;

use crate::error::AppleError;
use crate::settings::{Settings, is_loopback};

impl Settings {
    /// The root of the metadata API for organizations.
    ///
    /// # Errors
    /// [`AppleError::BadSetting`] by its name.
    pub(crate) fn catalog_root(&self, name: &'static str, text: &str) -> Result<Url, AppleError> {
        let bad = |why: String| AppleError::BadSetting { name, why };
        let mut url = Url::parse(text.trim()).map_err(|error| bad(format!("is not an address: {error}")))?;
        let plain = url.username().is_empty() && url.password().is_none();
        if !plain || url.query().is_some() || url.fragment().is_some() || url.host_str().is_none() {
            return Err(bad(
                "must be a host and a path only, such as https://api.ent.apple.com/v1".to_owned()
            ));
        }
        if !is_safe(&url, self.allow_http) {
            let why = format!(
                "is {url}; it must begin with https://, or with http:// for a simulator on this machine when \
                 apple.allow_http is set"
            );
            return Err(bad(why));
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(url)
    }
}

/// The address of the lookup as Apple's service configuration gives it. It comes over the network, so that it has to lead
/// to Apple, or to a simulator on this machine.
pub(super) fn lookup(text: &str, allow_http: bool) -> Result<Url, String> {
    let url = Url::parse(text.trim()).map_err(|error| format!("its address cannot be read: {error}"))?;
    if takes_tokens(&url, allow_http) {
        Ok(url)
    } else {
        let host = url.host_str().unwrap_or_default();
        Err(format!("its address leads to {host} by {}, which is not Apple's", url.scheme()))
    }
}

/// Whether a location's token may go there: to Apple's hosts over TLS, and to a simulator.
pub(super) fn takes_tokens(url: &Url, allow_http: bool) -> bool {
    let host = url.host_str().unwrap_or_default();
    let is_apple = host == "apple.com" || host.ends_with(".apple.com");
    match url.scheme() {
        "https" => is_apple,
        "http" => allow_http && is_loopback(url),
        _ => false,
    }
}

fn is_safe(url: &Url, allow_http: bool) -> bool {
    match url.scheme() {
        "https" => true,
        "http" => allow_http && is_loopback(url),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may(text: &str, allow_http: bool) -> bool {
        takes_tokens(&Url::parse(text).unwrap(), allow_http)
    }

    #[test]
    fn a_token_goes_to_apple_over_tls_or_to_a_simulator_here() {
        assert!(may("https://uclient-api.itunes.apple.com/wa/lookup", false));
        assert!(may("http://127.0.0.1:9000/lookup", true));
        for text in [
            "http://uclient-api.itunes.apple.com/wa/lookup",
            "https://apple.com.example.net/",
            "https://notapple.com/",
            "https://proxy.example.org/v1",
            "ftp://api.ent.apple.com/",
        ] {
            assert!(!may(text, true), "{text}");
        }
        assert!(!may("http://127.0.0.1:9000/lookup", false));
    }

    #[test]
    fn a_lookup_address_from_the_network_must_lead_to_apple() {
        assert!(lookup("https://uclient-api.itunes.apple.com/wa/lookup", false).is_ok());
        let why = lookup("https://example.net/lookup?token=1", false).unwrap_err();
        assert!(why.contains("example.net") && !why.contains("token"), "{why}");
    }

    #[test]
    fn a_root_is_refused_by_the_name_of_its_setting() {
        let settings = Settings::default();
        let root = |text: &str| settings.catalog_root("apple.catalog_business_url", text);
        assert_eq!(root("https://api.ent.apple.com/v1/").unwrap().path(), "/v1");
        for text in
            ["api.ent.apple.com", "http://api.ent.apple.com/v1", "https://a:b@x/v1", "https://x/v1?a=b"]
        {
            let error = root(text).unwrap_err().to_string();
            assert!(error.contains("apple.catalog_business_url"), "{text}: {error}");
        }
    }
}
