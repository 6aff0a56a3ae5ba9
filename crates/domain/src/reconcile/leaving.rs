//! Why somebody is to have an app no more, and what the policies make of it.

use crate::directory::Platform;
use crate::policy::{Leaving, Policies};

/// Why a holder is to have an app no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Left {
    /// The assignment was removed (rule S-42).
    Unassigned,
    /// He is in none of its groups any more (rule S-45).
    LeftGroup,
    /// He is in a group that it leaves out.
    Excluded,
    /// He gave back what he had asked for.
    RequestWithdrawn,
    /// An assignment says that it is to go (rule S-44).
    Uninstall,
    /// The device is unenrolled (rule S-46).
    Unenrolled,
    /// The device or person was deleted (rules S-45, N-15).
    Deleted,
    /// The device is enrolled by User Enrollment, where device licenses do not work (rule S-24).
    UserEnrollment,
}

impl Left {
    /// Every reason.
    pub const ALL: [Self; 8] = [
        Self::Unassigned,
        Self::LeftGroup,
        Self::Excluded,
        Self::RequestWithdrawn,
        Self::Uninstall,
        Self::Unenrolled,
        Self::Deleted,
        Self::UserEnrollment,
    ];

    /// The word stored and shown. Rows and clients hold it; it never changes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unassigned => "unassigned",
            Self::LeftGroup => "left_group",
            Self::Excluded => "excluded",
            Self::RequestWithdrawn => "request_withdrawn",
            Self::Uninstall => "uninstall",
            Self::Unenrolled => "unenrolled",
            Self::Deleted => "deleted",
            Self::UserEnrollment => "user_enrollment",
        }
    }

    /// Reads the stored word.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|left| left.as_str() == text)
    }
}

/// What becomes of the license of somebody who is to have it no more, and the policy that says so, where one does.
#[must_use]
pub fn keeping(left: Left, platform: Platform, policies: &Policies) -> (Leaving, Option<&'static str>) {
    let by = |policy| (policies.leaving(policy), Some(policy));
    let by_platform = |ios, macos| by(if platform.is_mac() { macos } else { ios });
    match left {
        Left::Unassigned => by_platform("on_unassign_ios", "on_unassign_macos"),
        Left::LeftGroup | Left::Excluded | Left::RequestWithdrawn => {
            by_platform("on_leave_ios", "on_leave_macos")
        }
        Left::Uninstall => (Leaving::FreeAndRemove, None),
        Left::Unenrolled => by("on_unenroll"),
        Left::Deleted => by("on_delete"),
        Left::UserEnrollment => (Leaving::Free, None),
    }
}

/// Whether the app goes from the device as well.
pub(super) fn removes_app(left: Left, platform: Platform, policies: &Policies) -> bool {
    keeping(left, platform, policies).0 == Leaving::FreeAndRemove
}
