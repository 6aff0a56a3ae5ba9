//! A virtual device: who it is, how it behaves, and which apps it has.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::declared::Config;
use crate::catalog::product::Platform;

/// Commands that a device remembers to have been given; the oldest go.
const HISTORY_MAX: usize = 1_000;

/// How a device behaves. The default is one that does at once what it is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Behavior {
    /// How long after a push it checks in.
    pub(crate) check_in_ms: u64,
    /// How long an app takes to install or update.
    pub(crate) install_ms: u64,
    /// It hears no push until this is over.
    pub(crate) asleep: bool,
    /// It installs new apps and updates none.
    pub(crate) locked: bool,
    /// It runs one app alone, and installs and updates nothing.
    pub(crate) single_app: bool,
    /// Its person declines whatever is offered.
    pub(crate) refuses: bool,
    /// What it installs fails.
    pub(crate) fails: bool,
    /// How often it says that it is busy before it does something.
    pub(crate) not_now: u32,
    /// How often it finds no license, even if there is one.
    pub(crate) no_license: u32,
    /// How often it says that it has the request already.
    pub(crate) duplicate: u32,
    /// The storefront that its versions come from, in two small letters.
    pub(crate) storefront: String,
}

impl Default for Behavior {
    fn default() -> Self {
        Self {
            check_in_ms: 0,
            install_ms: 0,
            asleep: false,
            locked: false,
            single_app: false,
            refuses: false,
            fails: false,
            not_now: 0,
            no_license: 0,
            duplicate: 0,
            storefront: "us".to_owned(),
        }
    }
}

/// An app on a device.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Installed {
    pub(crate) adam_id: String,
    /// Apple's word for how it stands.
    pub(crate) status: &'static str,
    /// Apple's number of the version; none before there is one.
    pub(crate) external_id: Option<u64>,
    pub(crate) display: Option<String>,
    /// A status that is told once and then forgotten.
    pub(crate) told_once: Option<&'static str>,
    /// The version that it is on the way to, and when it gets there.
    #[serde(skip)]
    pub(crate) coming: Option<(i64, u64, String)>,
}

/// A command in a device's queue.
#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) uuid: String,
    pub(crate) request_type: String,
    pub(crate) fields: plist::Dictionary,
}

/// A command that a device was given, for whoever judges.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Given {
    pub(crate) uuid: String,
    pub(crate) request_type: String,
    pub(crate) adam_id: Option<String>,
    /// How an app is to stand on the device, as the command says it.
    #[serde(flatten)]
    pub(crate) settings: plist::Dictionary,
    pub(crate) status: &'static str,
    pub(crate) at_ms: i64,
}

/// A virtual device.
#[derive(Debug)]
pub(crate) struct Device {
    pub(crate) udid: Arc<str>,
    pub(crate) serial: String,
    pub(crate) model: String,
    pub(crate) os_version: String,
    pub(crate) time_zone: String,
    /// Whose it is, by `clientUserId`: an app can come with that person's license too.
    pub(crate) user: Option<String>,
    pub(crate) enrolled: bool,
    pub(crate) behavior: Behavior,
    pub(crate) apps: BTreeMap<String, Installed>,
    pub(crate) queue: VecDeque<Arc<Command>>,
    /// Apps that are declared for it, by declaration.
    pub(crate) declared: BTreeMap<String, Config>,
    /// What it reported of them last, by bundle id.
    pub(crate) told: BTreeMap<String, Value>,
    /// Whether it is to report of them.
    pub(crate) tells_of_apps: bool,
    /// Whether it is about to check in.
    pub(crate) awake: bool,
    pub(crate) given: VecDeque<Given>,
    /// When it was last there.
    pub(crate) seen_ms: i64,
}

impl Device {
    /// Its platform, by its model.
    pub(crate) fn platform(&self) -> Platform {
        match self.model.as_str() {
            model if model.starts_with("Mac") || model.starts_with("iMac") => Platform::Osx,
            model if model.starts_with("AppleTV") => Platform::Appletvos,
            model if model.starts_with("RealityDevice") => Platform::Xros,
            _ => Platform::Ios,
        }
    }

    /// Whether the app of this bundle is declared: commands do nothing to it, and lists leave it out.
    pub(crate) fn has_declared(&self, bundle_id: &str) -> bool {
        self.declared.values().any(|config| config.bundle_id == bundle_id)
    }

    /// Remembers what it was given.
    pub(crate) fn remember(&mut self, given: Given) {
        if self.given.len() >= HISTORY_MAX {
            self.given.pop_front();
        }
        self.given.push_back(given);
    }

    /// Lets what was on its way arrive.
    pub(crate) fn settle(&mut self, now_us: i64) {
        for app in self.apps.values_mut() {
            if let Some((at_us, external_id, display)) = app.coming.take() {
                if at_us > now_us {
                    app.coming = Some((at_us, external_id, display));
                    continue;
                }
                app.status = "Managed";
                app.external_id = Some(external_id);
                app.display = Some(display);
            }
        }
    }
}
