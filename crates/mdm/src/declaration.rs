//! Declarations, as Apple spells them (<https://developer.apple.com/documentation/devicemanagement/appmanaged>), and what ours are
//! called.

use ring::digest::{SHA256, digest};
use russet_domain::install::InstallSettings;
use serde::Serialize;

/// The set that has devices tell of their declared apps.
pub(crate) const STATUS_SET: &str = "russet.status";
/// What the names of all our apps' declarations begin with. Devices hold them; it never changes.
const APP: &str = "russet.app.";
/// How many bytes of a digest stand for a device.
const NAME_BYTES: usize = 16;

/// An app that devices are to have by declaration, for any number of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredApp {
    /// The product's number in Apple's stores.
    pub adam_id: u64,
    /// Whose license it comes with.
    pub license: LicenseOf,
    /// The external version that it is to have; any without one.
    pub version: Option<i64>,
    /// Whether devices may update it as their stores' settings say, while no version is named.
    pub updates_itself: bool,
    /// Whether it is a Mac, which knows fewer settings.
    pub is_mac: bool,
    /// How the app is to stand on the device.
    pub settings: InstallSettings,
}

/// Who holds the license that an app comes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LicenseOf {
    /// The device.
    Device,
    /// Its person.
    User,
}

/// What a server takes.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Declaration<'a, P: Serialize> {
    identifier: &'a str,
    r#type: &'static str,
    payload: P,
}

#[derive(Serialize)]
struct Managed<'a> {
    #[serde(rename = "AppStoreID")]
    app_store_id: String,
    #[serde(rename = "InstallBehavior")]
    install: Install,
    #[serde(rename = "UpdateBehavior")]
    update: Update,
    #[serde(rename = "IncludeInBackup", skip_serializing_if = "Option::is_none")]
    backup: Option<bool>,
    #[serde(rename = "Attributes", skip_serializing_if = "Option::is_none")]
    attributes: Option<Attributes<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Install {
    install: &'static str,
    license: License,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<i64>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct License {
    assignment: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Update {
    automatic_app_updates: &'static str,
}

#[derive(Serialize)]
struct Attributes<'a> {
    #[serde(rename = "VPNUUID")]
    vpn_uuid: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Activation<'a> {
    standard_configurations: [&'a str; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Subscription {
    status_items: [StatusItem; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct StatusItem {
    name: &'static str,
}

impl DeclaredApp {
    /// The app's declaration for a device.
    pub(crate) fn declaration(&self, enrollment_id: &str) -> Vec<u8> {
        let assignment = match self.license {
            LicenseOf::Device => "Device",
            LicenseOf::User => "User",
        };
        let vpn = self.settings.vpn_uuid.as_deref().filter(|_| !self.is_mac);
        let payload = Managed {
            app_store_id: self.adam_id.to_string(),
            install: Install { install: "Required", license: License { assignment }, version: self.version },
            update: Update {
                automatic_app_updates: if self.updates_itself { "StoreSettings" } else { "AlwaysOff" },
            },
            backup: (self.settings.prevent_backup && !self.is_mac).then_some(false),
            attributes: vpn.map(|vpn_uuid| Attributes { vpn_uuid }),
        };
        let identifier = app_name(self.adam_id, enrollment_id);
        spell(&identifier, "com.apple.configuration.app.managed", payload)
    }
}

/// What puts a configuration into force.
pub(crate) fn activation(configuration: &str) -> Vec<u8> {
    let payload = Activation { standard_configurations: [configuration] };
    spell(&activation_name(configuration), "com.apple.activation.simple", payload)
}

/// What has devices tell of their declared apps.
pub(crate) fn subscription() -> Vec<u8> {
    let payload = Subscription { status_items: [StatusItem { name: "app.managed.list" }] };
    spell(STATUS_SET, "com.apple.configuration.management.status-subscriptions", payload)
}

/// What an app's declaration for a device is called. Enrollment ids can be as long as names may be, and stand in no name of ours.
pub(crate) fn app_name(adam_id: u64, enrollment_id: &str) -> String {
    format!("{APP}{adam_id}.{}", short(enrollment_id))
}

/// What the activation of a configuration is called.
pub(crate) fn activation_name(configuration: &str) -> String {
    format!("{configuration}.activation")
}

/// What a device's set of declarations is called.
pub(crate) fn set_name(enrollment_id: &str) -> String {
    format!("russet.device.{}", short(enrollment_id))
}

/// The product that a declaration of ours is about; nothing for somebody else's.
pub(crate) fn product(name: &str) -> Option<u64> {
    name.strip_prefix(APP)?.split('.').next()?.parse().ok()
}

fn short(enrollment_id: &str) -> String {
    let digest = digest(&SHA256, enrollment_id.as_bytes());
    digest.as_ref().iter().take(NAME_BYTES).map(|byte| format!("{byte:02x}")).collect()
}

fn spell(identifier: &str, r#type: &'static str, payload: impl Serialize) -> Vec<u8> {
    // Texts, numbers and lists of them can always be spelled.
    serde_json::to_vec(&Declaration { identifier, r#type, payload }).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> &str {
        std::str::from_utf8(bytes).unwrap()
    }

    fn app() -> DeclaredApp {
        DeclaredApp {
            adam_id: 361_309_726,
            license: LicenseOf::Device,
            version: None,
            updates_itself: false,
            is_mac: false,
            settings: InstallSettings::default(),
        }
    }

    #[test]
    fn an_app_is_declared_byte_for_byte_as_apple_wants_it() {
        let wanted = r#"{"Identifier":"russet.app.361309726.a25513c7e0f6eaa80a3337ee18081b9e","Type":"com.apple.configuration.app.managed","Payload":{"AppStoreID":"361309726","InstallBehavior":{"Install":"Required","License":{"Assignment":"Device"}},"UpdateBehavior":{"AutomaticAppUpdates":"AlwaysOff"}}}"#;
        assert_eq!(text(&app().declaration("U")), wanted);
    }

    #[test]
    fn a_version_is_pinned_and_settings_are_spelled_where_a_system_knows_them() {
        let settings = InstallSettings {
            vpn_uuid: Some("7E1B2F44-0A0C-4E57-9D0A-8F5B5F0C3D11".to_owned()),
            prevent_removal: true,
            prevent_backup: true,
            remove_with_enrollment: true,
        };
        let pinned = DeclaredApp {
            license: LicenseOf::User,
            version: Some(861_079_254),
            updates_itself: true,
            settings,
            ..app()
        };
        let head = r#"{"AppStoreID":"361309726","InstallBehavior":{"Install":"Required","License":{"Assignment":"User"},"Version":861079254},"UpdateBehavior":{"AutomaticAppUpdates":"StoreSettings"}"#;
        let phone = pinned.declaration("U");
        let wanted = format!(
            r#"{head},"IncludeInBackup":false,"Attributes":{{"VPNUUID":"7E1B2F44-0A0C-4E57-9D0A-8F5B5F0C3D11"}}}}}}"#
        );
        assert!(text(&phone).ends_with(&wanted), "{}", text(&phone));
        let mac = DeclaredApp { is_mac: true, ..pinned }.declaration("U");
        assert!(text(&mac).ends_with(&format!("{head}}}}}")), "{}", text(&mac));
    }

    #[test]
    fn the_others_are_spelled_byte_for_byte() {
        assert_eq!(
            text(&activation("russet.app.1.a")),
            r#"{"Identifier":"russet.app.1.a.activation","Type":"com.apple.activation.simple","Payload":{"StandardConfigurations":["russet.app.1.a"]}}"#
        );
        assert_eq!(
            text(&subscription()),
            r#"{"Identifier":"russet.status","Type":"com.apple.configuration.management.status-subscriptions","Payload":{"StatusItems":[{"Name":"app.managed.list"}]}}"#
        );
    }

    #[test]
    fn a_name_says_of_which_product_it_is() {
        let name = app_name(361_309_726, "UDID:user/../x");
        assert_eq!(product(&name), Some(361_309_726));
        assert!(name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'.'), "{name}");
        for other in ["com.example.app.1", "russet.app.", "russet.app.x.y", "russet.device.1"] {
            assert_eq!(product(other), None, "{other}");
        }
    }
}
