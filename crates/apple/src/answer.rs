//! What every answer of Apple carries beside its value, and one page of a list.

use std::time::Duration;

use russet_domain::Timestamp;
use russet_domain::token::MdmInfo;

use crate::endpoint::Endpoint;
use crate::error::AppleError;
use crate::wire::fault::Oddities;

/// A value from Apple, with what its answer said about the location.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer<T> {
    /// What was asked for.
    pub value: T,
    /// Whose location answered.
    pub seen: Seen,
    /// How long Apple wants to be left alone, should it say so on a success.
    pub retry_after: Option<Duration>,
    /// What of the answer could not be read and was passed over. Logged already.
    pub odd: Oddities,
}

impl<T> Answer<T> {
    /// The same answer with another value.
    pub(crate) fn map<U>(self, with: impl FnOnce(T) -> U) -> Answer<U> {
        Answer { value: with(self.value), seen: self.seen, retry_after: self.retry_after, odd: self.odd }
    }
}

/// What an answer says about the location, to be compared each time: a foreign `mdm` means that another server has
/// taken it, a foreign `uid` that the token opens another location
/// (<https://developer.apple.com/documentation/devicemanagement/getting-started-with-the-management-api>).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The location's id. Errors and the service configuration do not carry it.
    pub uid: Option<String>,
    /// Who has claimed the location.
    pub mdm: Option<MdmInfo>,
    /// When the token expires, which Apple says at least in its last 15 days.
    pub expires: Option<Timestamp>,
}

/// One page of a list.
///
/// Ask for page 0 first and go on while there is a `next`; or fetch pages 1 to `total_pages - 1` side by side, at most
/// five at once (<https://developer.apple.com/documentation/devicemanagement/using-paginated-endpoints>).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The records that could be understood.
    pub items: Vec<T>,
    /// Records that could not be read, as they named no product or no holder, and were left out. A walk with such records
    /// is not the whole truth: nothing should be deleted because of it.
    pub skipped: usize,
    /// This page's index, counted from 0.
    pub index: u32,
    /// The next page, always a higher index than this one's; `None` on the last.
    pub next: Option<u32>,
    /// How many pages there are at the moment; may change during a walk.
    pub total_pages: u32,
    /// The version of the list. The one of the first page is what a later `since_version` takes.
    pub version: Option<String>,
}

impl<T> Page<T> {
    /// The page, if all of its records could be read: for whoever concludes something from what is not in the list.
    ///
    /// # Errors
    /// [`AppleError::Unreadable`] when records were left out.
    pub fn whole(self, endpoint: Endpoint) -> Result<Self, AppleError> {
        match self.skipped {
            0 => Ok(self),
            skipped => Err(AppleError::Unreadable {
                endpoint,
                url: endpoint.path().to_owned(),
                http: 200,
                why: format!("{skipped} of its records cannot be read; the log names their fields"),
            }),
        }
    }
}
