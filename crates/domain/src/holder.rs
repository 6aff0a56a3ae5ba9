//! Who can hold a license: a device, by its serial number, or a user, by the id that we gave Apple.

use std::fmt;

/// The longest serial number taken. Apple's are 10 to 14 characters; virtual machines have longer ones.
pub const SERIAL_MAX: usize = 64;
/// The longest user id taken. Apple documents no limit and suggests a UUID.
pub const USER_ID_MAX: usize = 255;

/// Who holds, or is to hold, a license.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Holder {
    /// A device, by serial number.
    Device(String),
    /// A user, by `client_user_id`.
    User(String),
}

impl Holder {
    /// A device by serial number, as a person typed it.
    ///
    /// # Errors
    /// When it is empty, too long, or has anything but ASCII letters, digits and dashes: Apple checks nothing, and
    /// a meaningless serial costs a license that no device can use.
    pub fn device(serial: &str) -> Result<Self, HolderError> {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-';
        check(serial, SERIAL_MAX, fits).map_err(|why| HolderError {
            what: "serial number",
            text: shown(serial),
            why,
        })?;
        Ok(Self::Device(serial.to_owned()))
    }

    /// A user by `client_user_id`.
    ///
    /// # Errors
    /// When it is empty, too long, or has white space, control characters, quotes, angle brackets or backslashes.
    pub fn user(id: &str) -> Result<Self, HolderError> {
        let fits = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '<' | '>');
        check(id, USER_ID_MAX, fits).map_err(|why| HolderError { what: "user id", text: shown(id), why })?;
        Ok(Self::User(id.to_owned()))
    }

    /// The serial number or user id alone.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Device(id) | Self::User(id) => id,
        }
    }

    /// Whether this is a device.
    #[must_use]
    pub fn is_device(&self) -> bool {
        match self {
            Self::Device(_) => true,
            Self::User(_) => false,
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Device(serial) => write!(f, "device {serial}"),
            Self::User(id) => write!(f, "user {id}"),
        }
    }
}

/// Why a text cannot name a holder.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the {what} “{text}” {why}")]
pub struct HolderError {
    what: &'static str,
    text: String,
    why: String,
}

fn check(text: &str, max: usize, fits: impl Fn(char) -> bool) -> Result<(), String> {
    if text.is_empty() {
        return Err("is empty".to_owned());
    }
    if text.len() > max {
        return Err(format!("is longer than {max} characters"));
    }
    match text.chars().find(|c| !fits(*c)) {
        Some(c) => Err(format!("has the character {c:?}, which cannot be in one")),
        None => Ok(()),
    }
}

fn shown(text: &str) -> String {
    text.chars().take(40).flat_map(char::escape_default).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_with_a_blank_is_refused_and_named() {
        let error = Holder::device("C02 XYZ").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the serial number “C02 XYZ” has the character ' ', which cannot be in one"
        );
    }

    #[test]
    fn an_email_address_is_a_possible_user_id() {
        assert_eq!(Holder::user("a.person@example.com").unwrap().id(), "a.person@example.com");
    }

    #[test]
    fn an_endless_user_id_is_refused_without_being_repeated_whole() {
        let error = Holder::user(&"x".repeat(10_000)).unwrap_err();
        assert!(error.to_string().len() < 150);
    }
}
