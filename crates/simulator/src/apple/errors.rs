//! Apple's error numbers with their status and a text, and the body in which they come.
//!
//! See <https://developer.apple.com/documentation/devicemanagement/handling-error-responses>. Texts are our own:
//! Apple's change, and no client may depend on them.

use serde::Serialize;

use super::access::READ_ONLY;
use super::reply::AssetRef;
use crate::world::asset::AssetKey;

/// Number, HTTP status of a synchronous answer, text.
pub(crate) const ERRORS: &[(u16, u16, &str)] = &[
    (9601, 401, "Login required."),
    (9602, 400, "Invalid argument."),
    (9603, 500, "Internal error."),
    (9609, 400, "Unable to find the registered user."),
    (9616, 400, "License already assigned."),
    (9618, 400, "The user is retired already."),
    (9619, 400, "License not associated."),
    (9620, 400, "The user is deleted already."),
    (9621, 401, "The token has expired."),
    (9622, 401, "Invalid authentication token."),
    (9623, 400, "Invalid Apple Push Notification token."),
    (9625, 401, "The token has been revoked."),
    (9634, 410, "The service is gone."),
    (9635, 400, "The Apple Account cannot be associated."),
    (9637, 403, "Not allowed for facilitator accounts."),
    (9641, 400, "The Apple Account is already associated with another user."),
    (9644, 503, "The service is in maintenance."),
    (9645, 403, "The location can only be read."),
    (9646, 429, "There are too many requests for the organization."),
    (9647, 403, "Not supported for legacy tokens."),
    (9650, 400, "The page index has to be greater than 0 and less than the number of pages."),
    (9700, 400, "The number of assets is over the limit."),
    (9701, 400, "The number of client user ids is over the limit."),
    (9702, 400, "The number of serial numbers is over the limit."),
    (9703, 400, "There are duplicate assets."),
    (9704, 400, "There are duplicate client user ids."),
    (9705, 400, "There are duplicate serial numbers."),
    (9706, 400, "The asset is not revocable."),
    (9707, 400, "The asset is not device assignable."),
    (9708, 400, "The event id was not found."),
    (9709, 400, "There are not enough assets available."),
    (9710, 400, "The notification URL and its token have to be given together."),
    (9711, 400, "The notification URL or its token is too long."),
    (9712, 400, "The notification URL is invalid or not HTTPS."),
    (9713, 400, "The metadata of the MDM is too long."),
    (9714, 400, "The number of users is over the limit."),
    (9715, 400, "There are duplicate users."),
    (9716, 400, "The user exists already."),
    (9717, 400, "The email address is invalid."),
    (9718, 400, "The assets are missing."),
    (9719, 400, "The client user ids and serial numbers are both missing."),
    (9720, 400, "The users are missing."),
    (9721, 400, "The version id is invalid."),
    (9722, 401, "The authorization header is malformed."),
    (9723, 400, "The information about the MDM is incomplete."),
    (9724, 400, "The id of the MDM is too long."),
    (9725, 400, "The name of the MDM is too long."),
    (9726, 405, "The HTTP method is not supported."),
    (9727, 415, "The content type is not supported."),
    (9728, 400, "The notification URL is not reachable."),
    (9729, 503, "The service is temporarily unavailable."),
    (READ_ONLY, 403, "The owner of the token may not manage content."),
];

/// The text of a number; of one that is not in the table, a text that says nothing.
pub(crate) fn message_of(number: u16) -> &'static str {
    ERRORS.iter().find(|(known, ..)| *known == number).map_or("Error.", |(_, _, text)| text)
}

/// A call that failed: nothing was queued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AppleError {
    pub(crate) number: u16,
    pub(crate) info: ErrorInfo,
}

/// What exactly was wrong, when Apple says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ErrorInfo {
    pub(crate) assets: Vec<AssetKey>,
    pub(crate) client_user_ids: Vec<String>,
    pub(crate) serial_numbers: Vec<String>,
}

impl AppleError {
    pub(crate) fn new(number: u16) -> Self {
        Self { number, info: ErrorInfo::default() }
    }

    /// About these assets.
    pub(crate) fn about(number: u16, assets: Vec<AssetKey>) -> Self {
        Self { number, info: ErrorInfo { assets, ..ErrorInfo::default() } }
    }

    pub(crate) fn status(&self) -> u16 {
        ERRORS.iter().find(|(known, ..)| *known == self.number).map_or(400, |(_, status, _)| *status)
    }

    pub(crate) fn body(&self) -> Vec<u8> {
        let info = ErrorInfoBody {
            assets: self.info.assets.iter().map(AssetRef::of).collect(),
            client_user_ids: self.info.client_user_ids.iter().map(String::as_str).collect(),
            serial_numbers: self.info.serial_numbers.iter().map(String::as_str).collect(),
        };
        let body = ErrorBody::new(self.number, message_of(self.number), info);
        serde_json::to_vec(&body).unwrap_or_default()
    }
}

/// Apple's `ErrorResponse`: a whole body, or one failure of an event.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ErrorBody<'a> {
    error_number: u16,
    error_message: &'a str,
    #[serde(skip_serializing_if = "ErrorInfoBody::is_empty")]
    error_info: ErrorInfoBody<'a>,
}

impl<'a> ErrorBody<'a> {
    pub(crate) fn new(error_number: u16, error_message: &'a str, error_info: ErrorInfoBody<'a>) -> Self {
        Self { error_number, error_message, error_info }
    }
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ErrorInfoBody<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) assets: Vec<AssetRef<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) client_user_ids: Vec<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) serial_numbers: Vec<&'a str>,
}

impl ErrorInfoBody<'_> {
    fn is_empty(&self) -> bool {
        self.assets.is_empty() && self.client_user_ids.is_empty() && self.serial_numbers.is_empty()
    }
}
