//! The client configuration of a location: who has claimed it, and where its notifications go.

use russet_domain::Secret;
use russet_domain::token::MdmInfo;

/// A location as Apple describes it. Its id, its claim and the token's expiry stand beside it in
/// [`Seen`](crate::Seen).
///
/// <https://developer.apple.com/documentation/devicemanagement/clientconfigresponse>
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientConfig {
    /// The location's name, which is neither unique nor fixed.
    pub location_name: Option<String>,
    /// The country in two letters, such as `DE`.
    pub country: Option<String>,
    /// `volumestore` or `enterprisestore`: the platform to look products up on.
    pub platform: Option<String>,
    /// Where the organization manages its location.
    pub website: Option<String>,
    /// Where notifications go at the moment.
    pub notification_url: Option<String>,
    /// What Apple sends along with them. Every token of the location can read it.
    pub notification_secret: Option<Secret>,
    /// Which notifications are sent.
    pub notification_types: Vec<String>,
}

/// What to set in a location's client configuration; what is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewClientConfig {
    /// The claim on the location. Apple has no compare-and-swap: read again afterwards to see who won.
    pub mdm: Option<MdmInfo>,
    /// Where notifications go.
    pub notification: Option<NotificationTarget>,
}

/// Where Apple sends a location's notifications.
///
/// Setting it makes Apple send a test at once, and refuse with 9728 unless that gets a 2xx: the receiver has to be up
/// before (<https://developer.apple.com/documentation/devicemanagement/subscribing-to-notifications>).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotificationTarget {
    /// An https address of host and path only.
    pub url: String,
    /// The bearer that Apple is to send along.
    pub secret: Secret,
    /// The whole set of types wanted, such as `ASSET_MANAGEMENT`; it replaces the former one.
    pub types: Vec<String>,
}
