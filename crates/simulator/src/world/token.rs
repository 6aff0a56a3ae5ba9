//! A content token: what is in its text, and whether it still opens its location.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::clock::apple_date;

/// What somebody did to a token. Expiry by date comes on top.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TokenState {
    Valid,
    /// Over, whatever its date says: 9621.
    Expired,
    /// Taken back by an administrator: 9625.
    Revoked,
    /// Its owner may look and not touch: 403 on every write.
    ReadOnly,
    /// Nobody knows it any more: 9622, unless another number is said.
    Invalid,
    /// From before locations: 9647 on everything.
    Legacy,
}

impl TokenState {
    /// Whether it opens its location, as long as its date is not over.
    pub(crate) fn is_good(self) -> bool {
        match self {
            Self::Valid | Self::ReadOnly => true,
            Self::Expired | Self::Revoked | Self::Invalid | Self::Legacy => false,
        }
    }
}

/// What a token that nobody knows any more answers when nothing else is said.
pub(crate) const UNKNOWN_TOKEN: u16 = 9622;

pub(crate) struct Token {
    pub(crate) uid: Arc<str>,
    pub(crate) expires_ms: i64,
    pub(crate) state: TokenState,
    /// The Managed Apple Account that downloaded it.
    pub(crate) owner: String,
    /// What it answers while it is invalid: Apple does not tell which number belongs to which cause.
    pub(crate) invalid_number: u16,
}

/// What the base64 text holds.
#[derive(Serialize)]
struct Inside<'a> {
    token: String,
    #[serde(rename = "expDate")]
    exp_date: String,
    #[serde(rename = "orgName")]
    org_name: &'a str,
}

impl Token {
    /// Makes a token and the text by which it is known.
    pub(crate) fn issue(
        uid: Arc<str>,
        org_name: &str,
        owner: String,
        expires_ms: i64,
        secret: [u8; 32],
    ) -> (String, Self) {
        let inside = Inside { token: STANDARD.encode(secret), exp_date: apple_date(expires_ms), org_name };
        let json = serde_json::to_vec(&inside).unwrap_or_default();
        let (state, invalid_number) = (TokenState::Valid, UNKNOWN_TOKEN);
        (STANDARD.encode(json), Self { uid, expires_ms, state, owner, invalid_number })
    }
}
