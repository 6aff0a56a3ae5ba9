//! What Apple allows in one request and one second, as it last told us.

/// Apple's request limits.
///
/// They are declared dynamic and read every five minutes; the defaults are the documented samples, used until the
/// first reading (<https://developer.apple.com/documentation/devicemanagement/service-config>).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Distinct assets in one associate or disassociate.
    pub max_assets: usize,
    /// Users in one associate or disassociate (`maxClientUserIds`).
    pub max_user_holders: usize,
    /// Devices in one associate or disassociate.
    pub max_devices: usize,
    /// Users in one revoke of everything.
    pub max_revoke_users: usize,
    /// Devices in one revoke of everything.
    pub max_revoke_devices: usize,
    /// Users in one request that registers, changes or retires them (`maxUsers`).
    pub max_users: usize,
    /// Requests of all kinds in one second, for one location.
    pub max_requests_per_second: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_assets: 25,
            max_user_holders: 1000,
            max_devices: 1000,
            max_revoke_users: 100,
            max_revoke_devices: 100,
            max_users: 100,
            max_requests_per_second: 15,
        }
    }
}
