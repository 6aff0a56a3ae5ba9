//! Which state an error of Apple's puts a token into, and how much Apple lets us know of the cause.

use std::time::Duration;

use super::TokenState;
use crate::Timestamp;
use crate::apple_error::{self, Meaning};

/// A state with its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// What the token is good for.
    pub state: TokenState,
    /// The stable name of the reason. Rows and clients hold it; it never changes.
    pub code: &'static str,
    /// The reason for an administrator: what is known, what is not, and what to do.
    pub sentence: &'static str,
}

/// The state and reason that an error gives a token, when it says something about the token at all.
///
/// Which cause has which number is documented for the expiry (9621) and the revocation (9625) alone. That a token stops
/// working with its owner's password, or when the owner leaves, is documented without a number, so that the sentences
/// of the others name both and claim neither. Any 401 or 403 on a write means that the token may not write
/// (<https://developer.apple.com/documentation/devicemanagement/handling-error-responses>,
/// <https://support.apple.com/guide/business/manage-content-tokens-axme0f8659ec/web>).
#[must_use]
pub fn standing_after_error(number: Option<i32>, http_status: u16, on_write: bool) -> Option<Standing> {
    match number.map(|number| (number, apple_error::meaning(number))) {
        Some((number, Meaning::TokenDead)) => Some(dead(number)),
        Some((number, Meaning::Forbidden)) => Some(forbidden(number)),
        Some((number, _)) if apple_error::row(number).is_some() => None,
        _ if on_write && matches!(http_status, 401 | 403) => Some(MAY_NOT_WRITE),
        _ if http_status == 401 => Some(UNAUTHORIZED),
        _ => None,
    }
}

/// The state alone, see [`standing_after_error`].
#[must_use]
pub fn state_after_error(number: Option<i32>, http_status: u16, on_write: bool) -> Option<TokenState> {
    standing_after_error(number, http_status, on_write).map(|standing| standing.state)
}

/// The state of a token that works, by how long it still does. `soon` is when a person should think of the next one.
#[must_use]
pub fn working(expires_at: Timestamp, now: Timestamp, soon: Duration) -> TokenState {
    if expires_at <= now.plus(soon) { TokenState::ExpiresSoon } else { TokenState::Valid }
}

const MAY_NOT_WRITE: Standing = Standing {
    state: TokenState::ReadOnly,
    code: "may_not_write",
    sentence: "Apple lets this token read but not write: its owner may not manage apps. Give the owner that right at Apple, then renew the token here.",
};

const UNAUTHORIZED: Standing = Standing {
    state: TokenState::Invalid,
    code: "unauthorized",
    sentence: "Apple does not accept the token (HTTP 401) and gives no number that says why; download a new one and renew it here.",
};

fn dead(number: i32) -> Standing {
    let (state, code, sentence) = match number {
        9621 => (TokenState::Expired, "token_expired", TokenState::Expired.sentence()),
        9625 => (
            TokenState::Invalid,
            "token_revoked",
            "Apple says that the token was revoked (9625), and not by whom or why; download a new one and renew it here.",
        ),
        9622 => (
            TokenState::Invalid,
            "token_invalid",
            "Apple does not accept the token (9622) and does not say why. Usual causes: the password of the account that downloaded it was changed or has expired, or that account was disabled or left the organization. Download a new token and renew it here.",
        ),
        9601 => (
            TokenState::Invalid,
            "login_required",
            "Apple wants a new login for the token (9601) and does not say why. Usual causes: the password of the account that downloaded it was changed or has expired, or that account was disabled or left the organization. Download a new token and renew it here.",
        ),
        9611 => (
            TokenState::Invalid,
            "account_gone",
            "Apple does not find the account behind the token (9611), as when its owner left the organization; download a token with another account and renew it here.",
        ),
        9722 => (
            TokenState::Invalid,
            "token_malformed",
            "Apple cannot read the token (9722): its text is damaged; download it again and renew it here.",
        ),
        _ => (TokenState::Invalid, apple_error::code(number), TokenState::Invalid.sentence()),
    };
    Standing { state, code, sentence }
}

fn forbidden(number: i32) -> Standing {
    match number {
        9645 => Standing {
            state: TokenState::ReadOnly,
            code: "managed_by_apple",
            sentence: "Apple's own device management has the location (9645): others may read it and not write. Move the location back at Apple to use it here, or remove the token.",
        },
        9647 => Standing {
            state: TokenState::Legacy,
            code: "legacy_token",
            sentence: TokenState::Legacy.sentence(),
        },
        _ => MAY_NOT_WRITE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every number that changes what a token is good for, and no other does.
    const CHANGES: &[(i32, TokenState, &str)] = &[
        (9601, TokenState::Invalid, "login_required"),
        (9606, TokenState::Invalid, "token_unusable"),
        (9611, TokenState::Invalid, "account_gone"),
        (9621, TokenState::Expired, "token_expired"),
        (9622, TokenState::Invalid, "token_invalid"),
        (9625, TokenState::Invalid, "token_revoked"),
        (9645, TokenState::ReadOnly, "managed_by_apple"),
        (9647, TokenState::Legacy, "legacy_token"),
        (9722, TokenState::Invalid, "token_malformed"),
    ];

    #[test]
    fn every_number_of_apples_table_puts_a_token_where_it_belongs() {
        for row in apple_error::TABLE {
            let wanted = CHANGES.iter().find(|(number, ..)| *number == row.number);
            // The number decides, whatever the status and the call: an invalid token was seen with HTTP 200.
            for (http, on_write) in
                [(200, false), (400, true), (401, true), (403, true), (401, false), (500, false)]
            {
                let got = standing_after_error(Some(row.number), http, on_write);
                let got = got.map(|got| (row.number, got.state, got.code));
                assert_eq!(got.as_ref(), wanted, "{} with HTTP {http}", row.number);
            }
        }
    }

    #[test]
    fn without_a_number_that_we_know_the_status_of_a_write_decides() {
        for number in [None, Some(9999)] {
            for http in [401, 403] {
                let got = standing_after_error(number, http, true);
                assert_eq!(
                    got.map(|got| (got.state, got.code)),
                    Some((TokenState::ReadOnly, "may_not_write"))
                );
            }
            assert_eq!(state_after_error(number, 401, false), Some(TokenState::Invalid));
            for (http, on_write) in [(403, false), (400, true), (429, true), (503, true), (404, false)] {
                assert_eq!(state_after_error(number, http, on_write), None, "{http}");
            }
        }
    }

    #[test]
    fn a_reason_claims_no_more_than_apple_says() {
        for (number, ..) in CHANGES {
            let sentence = standing_after_error(Some(*number), 401, false).map(|standing| standing.sentence);
            assert!(sentence.is_some_and(|sentence| sentence.ends_with('.')), "{number}");
        }
        for number in [9622, 9601] {
            let sentence = dead(number).sentence;
            assert!(sentence.contains("does not say why") && sentence.contains("password"), "{sentence}");
        }
        assert!(!dead(9625).sentence.contains("password"));
    }

    #[test]
    fn a_token_expires_soon_from_the_day_that_was_set() {
        let day = |n: u64| Duration::from_secs(n * 86_400);
        let now = Timestamp(0);
        assert_eq!(working(now.plus(day(31)), now, day(30)), TokenState::Valid);
        assert_eq!(working(now.plus(day(30)), now, day(30)), TokenState::ExpiresSoon);
        // Over by its date, but Apple answered: the answer decides.
        assert_eq!(working(now.minus(day(1)), now, day(30)), TokenState::ExpiresSoon);
        assert_eq!(working(now.plus(day(1)), now, day(0)), TokenState::Valid);
    }
}
