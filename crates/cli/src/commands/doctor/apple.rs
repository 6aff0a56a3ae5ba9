//! Looks whether Apple can be reached, and whether Apple could reach us.

use std::time::Duration;

use russet_apple::Apple;
use russet_config::Settings;

use super::Finding;
use crate::client;
use crate::error::chain;

pub(super) async fn reachable(settings: &Settings) -> (Vec<Finding>, ()) {
    (vec![ask(settings).await], ())
}

async fn ask(settings: &Settings) -> Finding {
    let apple = match Apple::new(&settings.apple) {
        Ok(apple) => apple,
        Err(error) => return Finding::fail("apple", chain(&error), ""),
    };
    match apple.service_config().await {
        Ok(config) => {
            let rate = config.limits.max_requests_per_second;
            Finding::ok(
                "apple",
                format!("{} answers and allows {rate} requests a second", settings.apple.base_url),
            )
        }
        Err(error) => {
            let advice = "check the network, its proxies and firewalls, and apple.base_url";
            Finding::fail("apple", chain(&error), advice)
        }
    }
}

/// Calls our own public address as Apple would. That it cannot be reached from here does not prove that Apple cannot.
pub(super) async fn public_url(settings: &Settings) -> (Vec<Finding>, ()) {
    let base = settings.api.public_url.trim_end_matches('/');
    if base.is_empty() {
        let detail = "is empty: Apple sends no notifications and is polled";
        return (vec![Finding::ok("public_url", detail)], ());
    }
    let called = match client::plain(base, Duration::from_secs(10)) {
        Ok(http) => {
            http.get(format!("{base}/healthz")).send().await.map_err(|error| chain(&error.without_url()))
        }
        Err(error) => Err(chain(&error)),
    };
    let why = match called {
        Ok(response) if response.status().is_success() => {
            return (vec![Finding::ok("public_url", format!("{base} leads to a running API"))], ());
        }
        Ok(response) => format!("{base}/healthz answered {}", response.status()),
        Err(why) => format!("{base}/healthz cannot be reached from here: {why}"),
    };
    let advice = "start the API, and check DNS, certificate and proxy";
    (vec![Finding::warn("public_url", why, advice)], ())
}
