//! What can go wrong with a request to Apple, and what each of it means for us.

use std::fmt;
use std::time::Duration;

use russet_domain::AssetKey;
use russet_domain::apple_error::{self, Meaning};
use russet_domain::token::{Standing, TokenState, standing_after_error};

use crate::answer::Seen;
use crate::endpoint::Endpoint;

/// Why a request to Apple brought nothing. No message holds a token or a body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppleError {
    /// Apple, or something before it, answered that it will not.
    #[error("{0}")]
    Refused(Box<Refusal>),
    /// No answer came.
    #[error("could not reach Apple to {} ({} {url}): {why}", endpoint.aim(), method(*endpoint))]
    Unreachable {
        /// What was attempted.
        endpoint: Endpoint,
        /// The address, without its query.
        url: String,
        /// Whether the request may have arrived.
        sent: Sent,
        /// What happened.
        why: String,
    },
    /// The answer claims success but cannot be read: cut short, too large, not JSON, not what was asked for.
    #[error("could not read Apple's answer when asking it to {} ({} {url}, HTTP {http}): {why}", endpoint.aim(), method(*endpoint))]
    Unreadable {
        /// What was attempted.
        endpoint: Endpoint,
        /// The address, without its query.
        url: String,
        /// The answer's status.
        http: u16,
        /// What is wrong with it.
        why: String,
    },
    /// The token cannot even be sent; nothing was.
    #[error("the token cannot be sent to Apple: {why}; upload the text of the .vpptoken file again")]
    BadToken {
        /// What is wrong with it.
        why: &'static str,
    },
    /// A setting cannot be used.
    #[error("the setting {name} {why}")]
    BadSetting {
        /// The setting's full name.
        name: &'static str,
        /// What is wrong with it and what it should be.
        why: String,
    },
}

/// Whether a request without an answer may have arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// Surely not: no connection came about.
    No,
    /// Perhaps: it ended after the request had begun.
    Maybe,
}

/// Apple's refusal of one request. Nothing of the request was queued
/// (<https://developer.apple.com/documentation/devicemanagement/handling-error-responses>).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What was attempted.
    pub endpoint: Endpoint,
    /// Apple's `errorNumber`; none when somebody else answered, such as a proxy.
    pub number: Option<i32>,
    /// The answer's status, which may be 200 beside an error number.
    pub http: u16,
    /// Apple's text, cut and cleaned; for people only, never to be matched on. May be empty.
    pub message: String,
    /// How long Apple wants to be left alone.
    pub retry_after: Option<Duration>,
    /// Who and what the refusal names.
    pub subjects: Subjects,
    /// What the answer said about the location.
    pub seen: Seen,
}

/// Who and what a refusal names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subjects {
    /// Assets.
    pub assets: Vec<AssetKey>,
    /// Devices, by serial number.
    pub devices: Vec<String>,
    /// Users, by `client_user_id`.
    pub users: Vec<String>,
}

/// What an error asks of whoever made the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Consequence {
    /// Stop everything of this token and tell a person.
    TokenDead,
    /// Stop the token's writes and tell a person.
    Forbidden,
    /// Slow the token down, then repeat.
    TooFast,
    /// Repeat the same request after a while.
    Later,
    /// Do not repeat it: it stays wrong.
    Wrong,
    /// Refresh limits or state and build a new request.
    Replan,
    /// No license is free.
    NoLicense,
    /// The wish is already fulfilled.
    AlreadySo,
    /// A person has to act; until then it fails.
    NeedsPerson,
    /// Apple may have taken the write, and its event is unknown: read back before sending again.
    LostReply,
    /// Nothing arrived at Apple: repeat the same request after a while.
    NotSent,
}

impl AppleError {
    /// What the error asks of us: the whole table, in one place.
    #[must_use]
    pub fn consequence(&self) -> Consequence {
        match self {
            _ if self.reply_lost() => Consequence::LostReply,
            Self::Refused(refusal) => refusal.consequence(),
            Self::Unreachable { sent: Sent::No, .. } => Consequence::NotSent,
            Self::Unreachable { sent: Sent::Maybe, .. } | Self::Unreadable { .. } => Consequence::Later,
            Self::BadToken { .. } => Consequence::TokenDead,
            Self::BadSetting { .. } => Consequence::NeedsPerson,
        }
    }

    /// Whether licenses may be moving, or users changing, in an event whose id never reached us. True only for requests
    /// that begin an event: all others may simply be repeated.
    ///
    /// That is so without an answer once the request had begun, with an answer of success that cannot be read, and
    /// with a 502, 504 or other 5xx of a gateway that does not know what became of the request. Apple's own 500 and 503,
    /// anything with an error number, and anything with `Retry-After` were answered: nothing was queued.
    #[must_use]
    pub fn reply_lost(&self) -> bool {
        match self {
            Self::Unreachable { endpoint, sent: Sent::Maybe, .. } | Self::Unreadable { endpoint, .. } => {
                endpoint.begins().is_some()
            }
            Self::Refused(refusal) => {
                let by_gateway = matches!(refusal.http, 500..=599) && !matches!(refusal.http, 500 | 503);
                refusal.endpoint.begins().is_some()
                    && refusal.number.is_none()
                    && refusal.retry_after.is_none()
                    && by_gateway
            }
            Self::Unreachable { sent: Sent::No, .. } | Self::BadToken { .. } | Self::BadSetting { .. } => {
                false
            }
        }
    }

    /// How long Apple wants to be left alone, at most a day. It goes for the whole token.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.refusal().and_then(|refusal| refusal.retry_after)
    }

    /// Apple's refusal, when it is one.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            Self::Unreachable { .. }
            | Self::Unreadable { .. }
            | Self::BadToken { .. }
            | Self::BadSetting { .. } => None,
        }
    }

    /// Apple's `errorNumber`, when it gave one.
    #[must_use]
    pub fn number(&self) -> Option<i32> {
        self.refusal().and_then(|refusal| refusal.number)
    }

    /// What the error number asks of us, when there is one.
    #[must_use]
    pub fn meaning(&self) -> Option<Meaning> {
        self.number().map(apple_error::meaning)
    }

    /// The state that the error puts the token into, when it says something about the token at all.
    #[must_use]
    pub fn token_state(&self) -> Option<TokenState> {
        self.token_standing().map(|standing| standing.state)
    }

    /// The same with its reason, as far as Apple lets us know it.
    #[must_use]
    pub fn token_standing(&self) -> Option<Standing> {
        match self {
            Self::Refused(refusal) => {
                standing_after_error(refusal.number, refusal.http, refusal.endpoint.is_write())
            }
            // The same as Apple says of a text that it cannot read.
            Self::BadToken { .. } => standing_after_error(Some(TOKEN_MALFORMED), 401, false),
            Self::Unreachable { .. } | Self::Unreadable { .. } | Self::BadSetting { .. } => None,
        }
    }
}

/// Apple's number for a token whose text it cannot read.
const TOKEN_MALFORMED: i32 = 9722;

impl Refusal {
    fn consequence(&self) -> Consequence {
        match self.number.and_then(apple_error::row) {
            Some(row) => self.of_meaning(row.number, row.meaning),
            // A number that Apple added later, or none: what is left is the status.
            None => self.of_status(),
        }
    }

    fn of_meaning(&self, number: i32, meaning: Meaning) -> Consequence {
        match meaning {
            Meaning::Wrong => Consequence::Wrong,
            Meaning::Later => Consequence::Later,
            Meaning::TooFast => Consequence::TooFast,
            Meaning::TokenDead => Consequence::TokenDead,
            Meaning::Forbidden => Consequence::Forbidden,
            Meaning::NeedsPerson => Consequence::NeedsPerson,
            Meaning::Replan => Consequence::Replan,
            Meaning::NoLicense => Consequence::NoLicense,
            Meaning::AlreadySo => match self.endpoint.begins() {
                // "Already assigned" is no comfort to someone who takes a license back.
                Some(kind) if !kind.already_so(number) => Consequence::Wrong,
                Some(_) | None => Consequence::AlreadySo,
            },
        }
    }

    fn of_status(&self) -> Consequence {
        match self.http {
            // Any 401 or 403 on a write means that the token may not write.
            401 | 403 if self.endpoint.is_write() => Consequence::Forbidden,
            401 => Consequence::TokenDead,
            429 => Consequence::TooFast,
            408 | 425 | 500..=599 => Consequence::Later,
            // Without a number of Apple's these come from something in between, or from a wrong apple.base_url.
            300..=399 | 403 | 404 | 405 | 407 | 410 | 421 | 451 if self.number.is_none() => {
                Consequence::NeedsPerson
            }
            _ => Consequence::Wrong,
        }
    }

    /// What to do about it, in a sentence.
    #[must_use]
    pub fn sentence(&self) -> &'static str {
        match (self.number, self.http) {
            (Some(number), _) => apple_error::sentence(apple_error::code(number)),
            (None, 300..=399) => {
                "The answer leads to another address, and tokens are not sent there; check apple.base_url."
            }
            (None, 429) => apple_error::sentence("too_many_requests"),
            (None, 500..=599) => "Apple, or a proxy before it, has a problem; it is tried again.",
            (None, _) => "The answer is not in Apple's words; check apple.base_url and any proxy in between.",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Apple refused to {} ({}, HTTP {}", self.endpoint.aim(), self.endpoint, self.http)?;
        if let Some(number) = self.number {
            write!(f, ", error {number}")?;
        }
        write!(f, "): {}", self.sentence())?;
        if self.message.is_empty() { Ok(()) } else { write!(f, " Apple's words: “{}”", self.message) }
    }
}

fn method(endpoint: Endpoint) -> &'static str {
    if endpoint.is_write() { "POST" } else { "GET" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(endpoint: Endpoint, number: Option<i32>, http: u16) -> AppleError {
        AppleError::Refused(Box::new(Refusal {
            endpoint,
            number,
            http,
            message: String::new(),
            retry_after: None,
            subjects: Subjects::default(),
            seen: Seen::default(),
        }))
    }

    #[test]
    fn every_number_of_the_table_has_the_consequence_of_its_meaning() {
        for row in apple_error::TABLE {
            let got = refused(Endpoint::Assets, Some(row.number), 400).consequence();
            let name = format!("{got:?}");
            assert_eq!(name, format!("{:?}", row.meaning), "{}", row.number);
        }
    }

    #[test]
    fn the_number_decides_before_the_status_does() {
        assert_eq!(refused(Endpoint::Associate, Some(9709), 500).consequence(), Consequence::NoLicense);
        assert_eq!(refused(Endpoint::Associate, Some(9625), 200).consequence(), Consequence::TokenDead);
        assert_eq!(refused(Endpoint::Associate, Some(9603), 504).consequence(), Consequence::Later);
    }

    #[test]
    fn already_assigned_is_success_for_an_assignment_only() {
        assert_eq!(refused(Endpoint::Associate, Some(9616), 400).consequence(), Consequence::AlreadySo);
        assert_eq!(refused(Endpoint::Disassociate, Some(9616), 400).consequence(), Consequence::Wrong);
        assert_eq!(refused(Endpoint::Disassociate, Some(9619), 400).consequence(), Consequence::AlreadySo);
    }

    #[test]
    fn already_known_is_success_for_a_registration_and_already_retired_for_a_retirement() {
        assert_eq!(refused(Endpoint::CreateUsers, Some(9716), 400).consequence(), Consequence::AlreadySo);
        assert_eq!(refused(Endpoint::UpdateUsers, Some(9716), 400).consequence(), Consequence::Wrong);
        assert_eq!(refused(Endpoint::RetireUsers, Some(9618), 400).consequence(), Consequence::AlreadySo);
        assert_eq!(refused(Endpoint::RetireUsers, Some(9716), 400).consequence(), Consequence::Wrong);
    }

    #[test]
    fn without_a_number_the_status_decides() {
        let of = |endpoint, http| refused(endpoint, None, http).consequence();
        assert_eq!(of(Endpoint::Assets, 429), Consequence::TooFast);
        assert_eq!(of(Endpoint::Assets, 401), Consequence::TokenDead);
        assert_eq!(of(Endpoint::Associate, 403), Consequence::Forbidden);
        assert_eq!(of(Endpoint::Assets, 502), Consequence::Later);
        assert_eq!(of(Endpoint::Associate, 503), Consequence::Later);
        assert_eq!(of(Endpoint::Associate, 504), Consequence::LostReply);
        assert_eq!(of(Endpoint::Assets, 302), Consequence::NeedsPerson);
        assert_eq!(of(Endpoint::Associate, 400), Consequence::Wrong);
    }

    #[test]
    fn a_number_that_apple_adds_falls_back_to_the_status() {
        assert_eq!(refused(Endpoint::Assets, Some(9999), 503).consequence(), Consequence::Later);
        assert_eq!(refused(Endpoint::Assets, Some(9999), 400).consequence(), Consequence::Wrong);
        let read_only = refused(Endpoint::Associate, Some(9999), 403);
        assert_eq!(read_only.consequence(), Consequence::Forbidden);
        assert_eq!(read_only.token_state(), Some(TokenState::ReadOnly));
    }

    #[test]
    fn only_a_request_that_begins_an_event_can_lose_its_reply() {
        let cut = |endpoint| AppleError::Unreachable {
            endpoint,
            url: String::new(),
            sent: Sent::Maybe,
            why: String::new(),
        };
        assert_eq!(cut(Endpoint::Revoke).consequence(), Consequence::LostReply);
        assert_eq!(cut(Endpoint::RetireUsers).consequence(), Consequence::LostReply);
        assert_eq!(cut(Endpoint::Assignments).consequence(), Consequence::Later);
        assert_eq!(cut(Endpoint::Users).consequence(), Consequence::Later);
        assert_eq!(cut(Endpoint::SetClientConfig).consequence(), Consequence::Later);
    }

    #[test]
    fn a_refusal_says_what_was_attempted_and_what_to_do() {
        assert_eq!(
            refused(Endpoint::Associate, Some(9709), 400).to_string(),
            "Apple refused to assign licenses (POST /assets/associate, HTTP 400, error 9709): \
             No license is free; buy more or take some back, then retry the job."
        );
    }
}
