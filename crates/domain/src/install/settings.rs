//! How an app is to stand on devices, beyond being there (rule N-23).

/// What an assignment says of the installs through it; the default says nothing, and Apple's defaults hold
/// (<https://developer.apple.com/documentation/devicemanagement/install-application-command>). What the app itself is told, its
/// configuration, is kept apart: it may hold secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct InstallSettings {
    /// The UUID of the VPN that the app's traffic goes through, as the VPN's profile names it. On iPhones and iPads; Macs have no such
    /// setting.
    pub vpn_uuid: Option<String>,
    /// Whether the person cannot delete the app. On iPhones and iPads.
    pub prevent_removal: bool,
    /// Whether what the app keeps is left out of backups.
    pub prevent_backup: bool,
    /// Whether the app goes when the device leaves its MDM server.
    pub remove_with_enrollment: bool,
}
