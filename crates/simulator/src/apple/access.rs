//! Finds out which location a request is for, and whether its token still opens it.

use std::sync::Arc;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;

use super::errors::AppleError;
use crate::world::Organization;
use crate::world::token::{Token, TokenState};

/// What a token without the privilege answers on writes. Apple documents no number, so this is none of Apple's.
pub(crate) const READ_ONLY: u16 = 9999;

/// What the `Authorization` header led to.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    /// The location, also when the token is no longer good: its requests are counted all the same.
    pub(crate) uid: Option<Arc<str>>,
    pub(crate) verdict: Result<Pass, AppleError>,
}

/// A token that opens its location.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pass {
    pub(crate) uid: Arc<str>,
    pub(crate) expires_ms: i64,
    /// Whether it may write, or with which number it may not.
    pub(crate) may_write: Result<(), u16>,
}

/// Apple's own device management comes before what the owner of a token may do.
fn may_write(token: &Token, organization: &Organization) -> Result<(), u16> {
    if organization.locations.get(&token.uid).is_some_and(|location| location.is_managed_by_apple) {
        return Err(9645);
    }
    if token.state == TokenState::ReadOnly { Err(READ_ONLY) } else { Ok(()) }
}

impl Access {
    pub(crate) fn look_up(headers: &HeaderMap, organization: &Organization, now_ms: i64) -> Self {
        let refused = |number| Self { uid: None, verdict: Err(AppleError::new(number)) };
        let Some(header) = headers.get(AUTHORIZATION) else { return refused(9601) };
        let bearer = header.to_str().ok().and_then(|text| {
            let (scheme, content) = text.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| content.trim())
        });
        match bearer.filter(|content| !content.is_empty()) {
            Some(content) => Self::of_token(content, organization, now_ms),
            None => refused(9722),
        }
    }

    /// What the text of a token leads to.
    pub(crate) fn of_token(content: &str, organization: &Organization, now_ms: i64) -> Self {
        // The whole text is compared: a token that was decoded and encoded again is another text.
        let Some(token) = organization.tokens.get(content) else {
            return Self { uid: None, verdict: Err(AppleError::new(9622)) };
        };
        let verdict = match token.state {
            TokenState::Revoked => Err(AppleError::new(9625)),
            TokenState::Invalid => Err(AppleError::new(token.invalid_number)),
            TokenState::Legacy => Err(AppleError::new(9647)),
            TokenState::Expired => Err(AppleError::new(9621)),
            TokenState::Valid | TokenState::ReadOnly if token.expires_ms <= now_ms => {
                Err(AppleError::new(9621))
            }
            TokenState::Valid | TokenState::ReadOnly => Ok(Pass {
                uid: Arc::clone(&token.uid),
                expires_ms: token.expires_ms,
                may_write: may_write(token, organization),
            }),
        };
        Self { uid: Some(Arc::clone(&token.uid)), verdict }
    }
}
