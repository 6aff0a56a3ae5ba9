//! Who holds what, and how to ask for a part of it.

use russet_domain::{AssetKey, Holder, Pricing};

/// One license, held by one holder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Assignment {
    /// The asset.
    pub key: AssetKey,
    /// The device or user. It is as Apple has it and was not checked against the rules for new holders.
    pub holder: Holder,
}

/// Which assignments to read; the default is all of them. Conditions add up.
///
/// Every field but the last narrows the list, `since_version` turns it into a list of what changed: removals are not
/// in it (<https://developer.apple.com/documentation/devicemanagement/get-assignments-9wv1e>).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of one product.
    pub adam_id: Option<String>,
    /// Of one quality.
    pub pricing: Option<Pricing>,
    /// Of one device.
    pub serial: Option<String>,
    /// Of one user, by `client_user_id`.
    pub user: Option<String>,
    /// Changed since this version.
    pub since_version: Option<String>,
}
