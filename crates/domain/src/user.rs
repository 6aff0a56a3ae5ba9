//! The people that Apple knows by our ids: what a state allows, and the link that invites one of them.

use std::fmt::Write as _;

use crate::secret::Secret;

/// Apple's word for how a user stands.
///
/// A location has at most one active record of a user and any number of retired ones
/// (<https://developer.apple.com/documentation/devicemanagement/managing-users>).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UserStatus {
    /// Known, without an Apple Account yet: the invitation is open.
    Registered,
    /// An Apple Account is bound; licenses can be used.
    Associated,
    /// Out of the program. Licenses that can be taken back were.
    Retired,
    /// Retired, and its Apple Account has gone to a newer record of the same id. A word of Apple's older API.
    Deleted,
    /// A word that Apple added later, as it came; empty when Apple gave none.
    Other(String),
}

impl UserStatus {
    /// Reads Apple's spelling.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        match text {
            "Registered" => Self::Registered,
            "Associated" => Self::Associated,
            "Retired" => Self::Retired,
            "Deleted" => Self::Deleted,
            other => Self::Other(other.to_owned()),
        }
    }

    /// Apple's spelling.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Registered => "Registered",
            Self::Associated => "Associated",
            Self::Retired => "Retired",
            Self::Deleted => "Deleted",
            Self::Other(word) => word,
        }
    }

    /// Whether the record is in the program, so that it can be given licenses, changed and retired.
    ///
    /// A word that we do not know counts as active: it is not retired for sure, and what does not hold Apple refuses.
    #[must_use]
    pub fn is_active(&self) -> bool {
        match self {
            Self::Registered | Self::Associated | Self::Other(_) => true,
            Self::Retired | Self::Deleted => false,
        }
    }

    /// Whether the user can install what is assigned. A registered one has to accept the invitation first.
    #[must_use]
    pub fn can_install(&self) -> bool {
        match self {
            Self::Associated => true,
            Self::Registered | Self::Retired | Self::Deleted | Self::Other(_) => false,
        }
    }

    /// Whether an invitation is waiting to be accepted.
    #[must_use]
    pub fn is_invited(&self) -> bool {
        match self {
            Self::Registered => true,
            Self::Associated | Self::Retired | Self::Deleted | Self::Other(_) => false,
        }
    }
}

/// What Apple's invitation template holds in place of the code.
pub const INVITE_CODE_MARK: &str = "%25inviteCode%25";

/// The longest template and the longest code taken.
const TEMPLATE_MAX: usize = 2_000;
const CODE_MAX: usize = 500;

/// Why no invitation link can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvitationError {
    /// The template leads to somewhere else, where the code must not go.
    #[error("the invitation template does not lead to an https address of apple.com; check apple.base_url")]
    NotApples,
    /// The template has no place for the code.
    #[error("the invitation template has no {INVITE_CODE_MARK} to put the code in; Russet needs an update")]
    NoPlace,
    /// The code is none.
    #[error("the invitation code is empty or endless; read the user from Apple again")]
    BadCode,
}

/// The link that invites a user: Apple's template with the code in it, percent-encoded.
///
/// The link is as secret as the code: whoever has it can bind an Apple Account to the user. `allow_http` takes a plain
/// address of this machine too, for a simulator (the setting `apple.allow_http`).
///
/// <https://developer.apple.com/documentation/devicemanagement/managing-users>
///
/// # Errors
/// When the template is not Apple's, or has no place for the code, or the code is none.
pub fn invitation_link(template: &str, code: &Secret, allow_http: bool) -> Result<Secret, InvitationError> {
    if template.len() > TEMPLATE_MAX || !is_apples(template, allow_http) {
        return Err(InvitationError::NotApples);
    }
    if !template.contains(INVITE_CODE_MARK) {
        return Err(InvitationError::NoPlace);
    }
    let code = code.reveal().trim();
    if code.is_empty() || code.len() > CODE_MAX {
        return Err(InvitationError::BadCode);
    }
    Ok(Secret::new(template.replace(INVITE_CODE_MARK, &percent_encoded(code))))
}

/// Whether an address is one of Apple's. Stricter than a browser reads: whatever a browser might understand in another
/// way (a backslash, a user name, a blank) is refused.
fn is_apples(address: &str, allow_http: bool) -> bool {
    if !address.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') {
        return false;
    }
    let authority = |rest: &str| rest.split(['/', '?', '#']).next().unwrap_or(rest).to_ascii_lowercase();
    if let Some(rest) = address.strip_prefix("https://") {
        let authority = authority(rest);
        let host = without_port(&authority);
        return host.is_some_and(|host| host == "apple.com" || host.ends_with(".apple.com"));
    }
    let Some(rest) = address.strip_prefix("http://") else { return false };
    allow_http && without_port(&authority(rest)).is_some_and(is_this_machine)
}

/// The host of an authority; none when there is more to it than a host and a port.
fn without_port(authority: &str) -> Option<&str> {
    let (host, port) = match authority.strip_prefix("[::1]") {
        Some(rest) => ("[::1]", rest.strip_prefix(':').or_else(|| rest.is_empty().then_some(""))?),
        None => authority.split_once(':').unwrap_or((authority, "")),
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    let fits = host == "[::1]" || (!host.is_empty() && host.bytes().all(plain));
    (fits && port.bytes().all(|byte| byte.is_ascii_digit())).then_some(host)
}

fn is_this_machine(host: &str) -> bool {
    let loopback = host.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback());
    loopback || matches!(host, "localhost" | "[::1]")
}

/// Everything but letters, digits and `-._~` as `%XX`: fits any part of an address.
fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            // Writing to a text cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = "https://buy.itunes.apple.com/WebObjects/MZFinance.woa/wa/associateVPPUserWithITSAccount?inviteCode=%25inviteCode%25&mt=8";

    fn link(template: &str, code: &str, allow_http: bool) -> Result<String, InvitationError> {
        invitation_link(template, &Secret::new(code), allow_http).map(|link| link.reveal().to_owned())
    }

    #[test]
    fn the_code_takes_the_place_of_the_mark_and_nothing_else_moves() {
        assert_eq!(
            link(TEMPLATE, "a/b+c&d=%\u{fc}", false).unwrap(),
            "https://buy.itunes.apple.com/WebObjects/MZFinance.woa/wa/associateVPPUserWithITSAccount?inviteCode=a%2Fb%2Bc%26d%3D%25%C3%BC&mt=8"
        );
    }

    #[test]
    fn a_code_goes_to_nobody_but_apple() {
        for elsewhere in [
            "http://buy.itunes.apple.com/?c=%25inviteCode%25",
            "https://apple.com.example.net/?c=%25inviteCode%25",
            "https://notapple.com/?c=%25inviteCode%25",
            "https://someone@apple.com.example.net/?c=%25inviteCode%25",
            "https://buy.apple.com@example.net/?c=%25inviteCode%25",
            "https://buy.apple.com:pass@example.net/?c=%25inviteCode%25",
            "https://example.net\\.apple.com/?c=%25inviteCode%25",
            "https://example.net?.apple.com/%25inviteCode%25",
            "https://example.net#.apple.com/%25inviteCode%25",
            " https://apple.com/%25inviteCode%25",
            "javascript:alert(%25inviteCode%25)//.apple.com",
            "//apple.com/%25inviteCode%25",
            "%25inviteCode%25",
            "",
        ] {
            assert_eq!(link(elsewhere, "c", true), Err(InvitationError::NotApples), "{elsewhere}");
        }
    }

    #[test]
    fn a_simulator_on_this_machine_may_invite_when_plain_http_is_allowed() {
        for here in ["http://127.0.0.1:9000/i?c=", "http://localhost/i?c=", "http://[::1]:9000/i?c="] {
            let template = format!("{here}{INVITE_CODE_MARK}");
            assert_eq!(link(&template, "c", true).unwrap(), format!("{here}c"));
            assert_eq!(link(&template, "c", false), Err(InvitationError::NotApples));
        }
        for away in
            ["http://192.0.2.7/?c=", "http://127.0.0.1.example.net/?c=", "http://127.0.0.1@example.net/?c="]
        {
            let template = format!("{away}{INVITE_CODE_MARK}");
            assert_eq!(link(&template, "c", true), Err(InvitationError::NotApples), "{template}");
        }
    }

    #[test]
    fn a_template_or_a_code_that_is_none_makes_no_link() {
        assert_eq!(link("https://apple.com/?c=x", "c", false), Err(InvitationError::NoPlace));
        assert_eq!(link(TEMPLATE, " ", false), Err(InvitationError::BadCode));
        assert_eq!(link(TEMPLATE, &"c".repeat(501), false), Err(InvitationError::BadCode));
    }

    #[test]
    fn a_printout_of_a_link_does_not_hold_its_code() {
        let link = invitation_link(TEMPLATE, &Secret::new("opaque"), false).unwrap();
        assert!(!format!("{link:?}").contains("opaque"));
    }

    #[test]
    fn a_state_that_apple_adds_is_kept_and_counts_as_active() {
        let word = UserStatus::from_text("Suspended");
        assert_eq!((word.as_str(), word.is_active(), word.can_install()), ("Suspended", true, false));
        for word in ["Registered", "Associated", "Retired", "Deleted"] {
            let status = UserStatus::from_text(word);
            assert_eq!(status.as_str(), word);
            assert_eq!(status.is_active(), matches!(word, "Registered" | "Associated"));
            assert_eq!(status.is_invited(), word == "Registered");
        }
    }
}
