//! Commands to devices, as Apple spells them (<https://developer.apple.com/documentation/devicemanagement/commands-and-queries>).

use plist::{Dictionary, Value};
use russet_domain::Secret;
use russet_domain::install::InstallSettings;

use crate::configuration;
use crate::declaration::DeclaredApp;

/// The number by which `iTunesStoreID` and `adamId` are the same, for a store app with a license of the organization.
const VOLUME_PURCHASE: i64 = 1;
/// The flag by which an app goes when the device leaves its MDM server.
const REMOVE_WITH_ENROLLMENT: i64 = 1;
/// The flag by which what an app keeps is left out of backups.
const PREVENT_BACKUP: i64 = 4;

/// A command: one text, for any number of devices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Its name, chosen by whoever sends it. A device answers under it.
    pub uuid: String,
    /// What the device is to do.
    pub act: Act,
}

/// What a device is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Install an app, or the newest version of one that it has.
    InstallApp(Install),
    /// Tell which managed apps it has, in which versions.
    ListApps,
    /// Remove a managed app.
    RemoveApp {
        /// What devices know it by.
        bundle_id: String,
    },
    /// Tell its serial number, system and time zone.
    Describe,
    /// Fetch its declarations, among them an app's. Only a server that has declarations takes it.
    DeclareApp(DeclaredApp),
    /// Fetch its declarations, an app's no more among them, so that the app goes. Only a server that has declarations takes it.
    WithdrawApp {
        /// The product's number in Apple's stores.
        adam_id: u64,
    },
}

/// An app that is to be installed, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Install {
    /// The product's number in Apple's stores.
    pub adam_id: u64,
    /// How the device is enrolled: a person's own device takes over no app that he had before.
    pub user_enrollment: bool,
    /// Whether it is a Mac, which knows fewer settings.
    pub is_mac: bool,
    /// How the app is to stand on the device.
    pub settings: InstallSettings,
    /// What the app is told: a JSON object as text.
    pub configuration: Option<Secret>,
}

impl Act {
    /// Apple's `RequestType`.
    #[must_use]
    pub fn request_type(&self) -> &'static str {
        match self {
            Self::InstallApp(_) => "InstallApplication",
            Self::ListApps => "ManagedApplicationList",
            Self::RemoveApp { .. } => "RemoveApplication",
            Self::Describe => "DeviceInformation",
            Self::DeclareApp(_) | Self::WithdrawApp { .. } => "DeclarativeManagement",
        }
    }

    fn fields(&self) -> Dictionary {
        let mut fields = Dictionary::new();
        fields.insert("RequestType".to_owned(), self.request_type().into());
        match self {
            Self::InstallApp(install) => install.write(&mut fields),
            // Without tokens in the command the device asks for them, as it has to when one text is for many devices.
            Self::ListApps | Self::DeclareApp(_) | Self::WithdrawApp { .. } => {}
            Self::RemoveApp { bundle_id } => {
                fields.insert("Identifier".to_owned(), bundle_id.as_str().into());
            }
            Self::Describe => {
                let asked = ["SerialNumber", "OSVersion", "ProductName", "TimeZone", "IsSupervised"];
                let asked = asked.into_iter().map(Value::from).collect();
                fields.insert("Queries".to_owned(), Value::Array(asked));
            }
        }
        fields
    }
}

impl Install {
    fn write(&self, fields: &mut Dictionary) {
        fields.insert("iTunesStoreID".to_owned(), Value::Integer(self.adam_id.into()));
        let mut options = Dictionary::new();
        options.insert("PurchaseMethod".to_owned(), VOLUME_PURCHASE.into());
        fields.insert("Options".to_owned(), Value::Dictionary(options));
        fields.insert("ManagementFlags".to_owned(), self.management_flags().into());
        fields.insert("InstallAsManaged".to_owned(), true.into());
        // With it a device under User Enrollment answers “The MDM request is invalid”.
        if !self.user_enrollment {
            fields.insert("ChangeManagementState".to_owned(), "Managed".into());
        }
        if let Some(attributes) = self.attributes() {
            fields.insert("Attributes".to_owned(), Value::Dictionary(attributes));
        }
        if let Some(told) = &self.configuration {
            fields.insert("Configuration".to_owned(), Value::Dictionary(configuration::dictionary(told)));
        }
    }

    fn management_flags(&self) -> i64 {
        let flag = |is_on: bool, flag: i64| if is_on { flag } else { 0 };
        flag(self.settings.remove_with_enrollment, REMOVE_WITH_ENROLLMENT)
            | flag(self.settings.prevent_backup, PREVENT_BACKUP)
    }

    /// What Macs do not know.
    fn attributes(&self) -> Option<Dictionary> {
        let mut attributes = Dictionary::new();
        if let Some(vpn_uuid) = &self.settings.vpn_uuid {
            attributes.insert("VPNUUID".to_owned(), vpn_uuid.as_str().into());
        }
        if self.settings.prevent_removal {
            attributes.insert("Removable".to_owned(), false.into());
        }
        (!attributes.is_empty() && !self.is_mac).then_some(attributes)
    }
}

impl Command {
    /// The command as the XML property list that servers take.
    #[must_use]
    pub fn plist(&self) -> Vec<u8> {
        let mut whole = Dictionary::new();
        whole.insert("CommandUUID".to_owned(), self.uuid.as_str().into());
        whole.insert("Command".to_owned(), Value::Dictionary(self.act.fields()));
        let mut bytes = Vec::with_capacity(512);
        // Writing to memory does not fail, and a dictionary of texts and numbers can be spelled.
        if let Err(error) = Value::Dictionary(whole).to_writer_xml(&mut bytes) {
            tracing::error!(error = %error, "a command could not be spelled");
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(act: Act) -> String {
        String::from_utf8(Command { uuid: "u-1".to_owned(), act }.plist()).unwrap()
    }

    const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n<plist version=\"1.0\">\n<dict>\n\t<key>CommandUUID</key>\n\t<string>u-1</string>\n\t<key>Command</key>\n\t<dict>\n";
    const TAIL: &str = "\t</dict>\n</dict>\n</plist>";

    #[test]
    fn an_install_is_spelled_byte_for_byte_as_apple_wants_it() {
        let body = "\t\t<key>RequestType</key>\n\t\t<string>InstallApplication</string>\n\t\t<key>iTunesStoreID</key>\n\t\t<integer>361309726</integer>\n\t\t<key>Options</key>\n\t\t<dict>\n\t\t\t<key>PurchaseMethod</key>\n\t\t\t<integer>1</integer>\n\t\t</dict>\n\t\t<key>ManagementFlags</key>\n\t\t<integer>0</integer>\n\t\t<key>InstallAsManaged</key>\n\t\t<true/>\n\t\t<key>ChangeManagementState</key>\n\t\t<string>Managed</string>\n";
        assert_eq!(text(install(361_309_726)), format!("{HEAD}{body}{TAIL}"));
    }

    fn install(adam_id: u64) -> Act {
        Act::InstallApp(Install { adam_id, ..Install::default() })
    }

    #[test]
    fn n_23_settings_are_spelled_byte_for_byte_as_apple_wants_them() {
        let settings = InstallSettings {
            vpn_uuid: Some("7E1B2F44-0A0C-4E57-9D0A-8F5B5F0C3D11".to_owned()),
            prevent_removal: true,
            prevent_backup: true,
            remove_with_enrollment: true,
        };
        let told =
            r#"{"server":"https://a.example.org","retries":3,"ratio":0.5,"beta":false,"list":["a",{"b":1}]}"#;
        let act = |is_mac| {
            let (settings, configuration) = (settings.clone(), Some(Secret::new(told)));
            Act::InstallApp(Install { adam_id: 1, is_mac, settings, configuration, ..Install::default() })
        };
        let attributes = "\t\t<key>Attributes</key>\n\t\t<dict>\n\t\t\t<key>VPNUUID</key>\n\t\t\t<string>7E1B2F44-0A0C-4E57-9D0A-8F5B5F0C3D11</string>\n\t\t\t<key>Removable</key>\n\t\t\t<false/>\n\t\t</dict>\n";
        let configuration = "\t\t<key>Configuration</key>\n\t\t<dict>\n\t\t\t<key>beta</key>\n\t\t\t<false/>\n\t\t\t<key>list</key>\n\t\t\t<array>\n\t\t\t\t<string>a</string>\n\t\t\t\t<dict>\n\t\t\t\t\t<key>b</key>\n\t\t\t\t\t<integer>1</integer>\n\t\t\t\t</dict>\n\t\t\t</array>\n\t\t\t<key>ratio</key>\n\t\t\t<real>0.5</real>\n\t\t\t<key>retries</key>\n\t\t\t<integer>3</integer>\n\t\t\t<key>server</key>\n\t\t\t<string>https://a.example.org</string>\n\t\t</dict>\n";
        let flags = "<key>ManagementFlags</key>\n\t\t<integer>5</integer>";
        let (phone, mac) = (text(act(false)), text(act(true)));
        assert!(
            phone.ends_with(&format!("{attributes}{configuration}{TAIL}")) && phone.contains(flags),
            "{phone}"
        );
        assert!(mac.ends_with(&format!("{configuration}{TAIL}")) && mac.contains(flags), "{mac}");
        assert!(!mac.contains("Attributes"), "a Mac knows none: {mac}");
    }

    #[test]
    fn a_persons_own_device_is_not_asked_to_take_an_app_over() {
        let act = Act::InstallApp(Install { adam_id: 1, user_enrollment: true, ..Install::default() });
        assert!(!text(act).contains("ChangeManagementState"));
    }

    #[test]
    fn the_other_commands_are_spelled_byte_for_byte() {
        let list = "\t\t<key>RequestType</key>\n\t\t<string>ManagedApplicationList</string>\n";
        assert_eq!(text(Act::ListApps), format!("{HEAD}{list}{TAIL}"));
        let remove = "\t\t<key>RequestType</key>\n\t\t<string>RemoveApplication</string>\n\t\t<key>Identifier</key>\n\t\t<string>com.apple.Pages</string>\n";
        let act = Act::RemoveApp { bundle_id: "com.apple.Pages".to_owned() };
        assert_eq!(text(act), format!("{HEAD}{remove}{TAIL}"));
        let fetch = "\t\t<key>RequestType</key>\n\t\t<string>DeclarativeManagement</string>\n";
        assert_eq!(text(Act::WithdrawApp { adam_id: 1 }), format!("{HEAD}{fetch}{TAIL}"));
        let describe = "\t\t<key>RequestType</key>\n\t\t<string>DeviceInformation</string>\n\t\t<key>Queries</key>\n\t\t<array>\n\t\t\t<string>SerialNumber</string>\n\t\t\t<string>OSVersion</string>\n\t\t\t<string>ProductName</string>\n\t\t\t<string>TimeZone</string>\n\t\t\t<string>IsSupervised</string>\n\t\t</array>\n";
        assert_eq!(text(Act::Describe), format!("{HEAD}{describe}{TAIL}"));
    }
}
