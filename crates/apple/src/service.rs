//! The service configuration: what Apple allows at the moment.

use std::collections::BTreeMap;

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
    /// Where Apple's services are.
    pub urls: Urls,
    /// Apple's numbers with its texts for them. The texts differ between Apple's own pages: for people only.
    pub error_codes: Vec<ErrorCode>,
}

/// Addresses that Apple names. None of them was checked: look before a secret goes there.
///
/// <https://developer.apple.com/documentation/devicemanagement/serviceconfigresponse/urls-data.dictionary>
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Urls {
    /// Where users are invited (`invitationEmail`); it holds the literal `%25inviteCode%25` in place of the code. See
    /// [`invitation_link`](russet_domain::user::invitation_link).
    pub invitation: Option<String>,
    /// Where products are looked up without a developer token (`contentMetadataLookup`).
    pub content_lookup: Option<String>,
    /// All of them by Apple's names, those above included.
    pub all: BTreeMap<String, String>,
}

/// One of Apple's error numbers, in its own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorCode {
    /// The number.
    pub number: i32,
    /// Apple's text, which may be empty.
    pub message: String,
}
