//! The kinds of findings: stable code, rule, severity, a sentence, and what to do.

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Apple will refuse it, or it cannot work.
    Error,
    /// It may work, and not as one would wish.
    Warning,
    /// Good to know.
    Hint,
}

impl Severity {
    /// Every severity.
    pub const ALL: [Self; 3] = [Self::Error, Self::Warning, Self::Hint];

    /// The word shown. Clients hold it; it never changes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Hint => "hint",
        }
    }
}

macro_rules! kinds {
    ($($name:ident $code:literal $rule:literal $severity:ident $sentence:literal $advice:literal;)*) => {
        /// A kind of finding. Their order is the order they are shown in: errors first.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind {
            $(#[doc = $sentence] $name,)*
        }

        impl Kind {
            /// Every kind, errors first.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The stable name. Clients hold it; it never changes.
            #[must_use]
            pub fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// The rule it comes from, as the reference names it.
            #[must_use]
            pub fn rule(self) -> &'static str {
                match self { $(Self::$name => $rule,)* }
            }

            /// How bad it is.
            #[must_use]
            pub fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity,)* }
            }

            /// What it means.
            #[must_use]
            pub fn sentence(self) -> &'static str {
                match self { $(Self::$name => $sentence,)* }
            }

            /// What to do.
            #[must_use]
            pub fn advice(self) -> &'static str {
                match self { $(Self::$name => $advice,)* }
            }
        }
    };
}

kinds! {
    UnknownAsset "unknown_asset" "S-1" Error
        "The location does not own this asset." "Buy it, or sync the token.";
    BookToDevice "book_to_device" "S-25" Error
        "A book can only go to a user, never to a device." "Assign it to a user.";
    NotDeviceAssignable "not_device_assignable" "S-25" Error
        "This license cannot go to a device." "Assign it to a user.";
    NotRevocable "not_revocable" "N-30" Error
        "A license that Apple calls irrevocable, such as a book's, can never be taken back."
        "Leave it out.";
    DeviceLicenseForUserEnrollment "device_license_for_user_enrollment" "S-24" Error
        "Under User Enrollment a device license does not work, and the app is not even offered there (S-28)."
        "Assign the license to the user, with a Managed Apple Account.";
    UserNotRegistered "user_not_registered" "S-21" Error
        "Apple does not know this user, and would refuse the license." "Register the user first.";
    UserRetired "user_retired" "S-21" Error
        "This user is retired at Apple, which would refuse the license." "Register the user anew.";
    AppStoreBlocked "app_store_blocked" "S-22" Error
        "The App Store is blocked and the user has no Apple Account associated: the invitation needs the App Store, so the license cannot be used."
        "Allow the App Store, use a Managed Apple Account, or assign device licenses.";
    BothLicenseKinds "both_license_kinds" "N-4" Warning
        "The device and its user would both have a license for the same app, which breaks installing and updating."
        "Keep one of them; move_license goes from the user to the device.";
    UserLicenseForKiosk "user_license_for_kiosk" "S-40" Warning
        "The user's device is a kiosk, where user licenses are not recommended." "Assign the license to the device.";
    UserNotAssociated "user_not_associated" "S-21" Warning
        "The user has not accepted the invitation yet; until then the license cannot be used."
        "Deliver the invitation, or use a Managed Apple Account.";
    CountryMismatch "country_mismatch" "S-9" Warning
        "The store's country of the holder is not the location's, and licenses are bought for one country's store."
        "Use a location of that country, or correct the country.";
    MixedEnrollments "mixed_enrollments" "N-5" Warning
        "The user's Managed Apple Account is used on devices with and without account-driven enrollment, where user licenses do not mix."
        "Enroll all devices of the user in one way, or assign device licenses.";
    StaysForEver "stays_for_ever" "N-30" Warning
        "Once assigned, this license can never be taken back." "Make sure that the right person gets it.";
    NoLicenseFree "no_license_free" "S-37" Warning
        "More licenses are wished for than were free at the last sync; those that come last are refused, or wait where the job says so."
        "Buy more, or take some back.";
    StillAssigned "still_assigned" "N-14" Warning
        "An assignment wants the holder to have the app, so that the license is given again after the next full sync."
        "Remove the assignment, or take the holder out of its group, instead.";
    MixedQualities "mixed_qualities" "N-4" Warning
        "The job names both qualities, STDQ and PLUS, of one product; they have separate counts, and a holder of both uses two licenses."
        "Name one of them.";
    NotSilent "not_silent" "C-8" Warning
        "The way from user to device licenses is silent only for apps that are required; for others people may be asked."
        "Make the app required while it moves, or tell people.";
    ManyDevices "many_devices" "S-26" Warning
        "A user's license serves at most five devices, and this job names more of one user."
        "Make sure that all of them are the user's.";
    UnlimitedCounts "unlimited_counts" "S-1" Hint
        "The asset is unlimited: it never runs out, and its counts say nothing." "Nothing is to be done.";
}

impl Kind {
    /// The kind of a stable name.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.code() == code)
    }
}

/// The rule behind a stable name, when one of the reference's rules is.
///
/// ```
/// assert_eq!(russet_domain::lint::rule_of("book_to_device"), Some("S-25"));
/// ```
#[must_use]
pub fn rule_of(code: &str) -> Option<&'static str> {
    match code {
        "not_held_by_user" | "wrong_way" => Some("S-27"),
        other => Kind::from_code(other).map(Kind::rule),
    }
}
