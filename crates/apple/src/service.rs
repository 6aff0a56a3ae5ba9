//! The service configuration: what Apple allows at the moment.

use russet_domain::limits::Limits;

/// What Apple allows and offers, to be read again every five minutes. It says nothing about any token.
///
/// <https://developer.apple.com/documentation/devicemanagement/service-config>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceConfig {
    /// Request limits. One that Apple leaves out, or that is not above zero, has its documented sample value.
    pub limits: Limits,
    /// The kinds of notification that can be subscribed to.
    pub notification_types: Vec<String>,
    /// The address to invite users with; it holds the literal `%25inviteCode%25` in place of the code.
    pub invitation_url: Option<String>,
}
