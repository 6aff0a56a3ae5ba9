//! What a person sees when a licensed app is installed: the invitation, the install prompt, the sign-in prompt.
//!
//! The table is rule S-39, its last row as the newer page has it (conflict C-6): a kiosk with *user* licenses is not
//! recommended (rule S-40). It is Microsoft's table about what Apple's devices do
//! (<https://learn.microsoft.com/intune/app-management/deployment/manage-vpp-apple>); Apple states no such table.

/// Who owns a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ownership {
    /// The person does (BYOD).
    Personal,
    /// The organization does.
    Corporate,
}

impl Ownership {
    /// Every ownership.
    pub const ALL: [Self; 2] = [Self::Personal, Self::Corporate];

    /// The word taken and shown. Clients hold it; it never changes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Personal => "personal",
            Self::Corporate => "corporate",
        }
    }
}

/// Whose license it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LicenseKind {
    /// A device's: no Apple Account is needed.
    Device,
    /// A user's: for the devices where the user's Apple Account is signed in.
    User,
}

impl LicenseKind {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::Device, Self::User];

    /// The word taken and shown. Clients hold it; it never changes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::User => "user",
        }
    }
}

/// A device and the license it gets, as far as prompts depend on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Case {
    /// Who owns the device.
    pub ownership: Ownership,
    /// Whether it is supervised.
    pub supervised: bool,
    /// Whose license it gets.
    pub license: LicenseKind,
    /// Whether it is a kiosk: shared, without a user of its own.
    pub kiosk: bool,
    /// Whether it is enrolled by User Enrollment.
    pub user_enrollment: bool,
}

/// Which prompts come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shown {
    /// The invitation to join the organization's program.
    pub invite: bool,
    /// The question whether the app may be installed.
    pub install: bool,
    /// The request to sign in with an Apple Account.
    pub apple_id: bool,
}

impl Shown {
    /// Whether nobody sees anything.
    #[must_use]
    pub fn is_silent(self) -> bool {
        !(self.invite || self.install || self.apple_id)
    }
}

/// What the table says about a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Prompts {
    /// These prompts come.
    Shown(Shown),
    /// It works badly; do something else.
    NotRecommended {
        /// The rule that says so.
        rule: &'static str,
        /// Why, and what to do.
        why: &'static str,
    },
    /// It cannot work.
    Impossible {
        /// The rule that says so.
        rule: &'static str,
        /// Why, and what to do.
        why: &'static str,
    },
    /// The table has no such row, and nothing is made up.
    Unstated {
        /// What is missing.
        why: &'static str,
    },
}

/// The prompts of a case.
///
/// ```
/// use russet_domain::prompts::{Case, LicenseKind, Ownership, Prompts, Shown, prompts};
///
/// let case = Case {
///     ownership: Ownership::Corporate,
///     supervised: true,
///     license: LicenseKind::Device,
///     kiosk: false,
///     user_enrollment: false,
/// };
/// assert_eq!(prompts(case), Prompts::Shown(Shown { invite: false, install: false, apple_id: false }));
/// ```
#[must_use]
pub fn prompts(case: Case) -> Prompts {
    match (case.user_enrollment, case.kiosk, case.license) {
        (true, _, LicenseKind::Device) => Prompts::Impossible {
            rule: "S-24",
            why: "A device enrolled by User Enrollment takes user licenses only; use a user license with a Managed Apple Account.",
        },
        (_, true, LicenseKind::User) => Prompts::NotRecommended {
            rule: "S-40",
            why: "User licenses on a kiosk are not recommended, as nobody is signed in there; use device licenses.",
        },
        (true, _, LicenseKind::User) => Prompts::Unstated {
            why: "The table leaves out user licenses under User Enrollment; the Managed Apple Account is signed in from the enrollment on.",
        },
        (false, true, LicenseKind::Device) if case.supervised => shown(false, false, false),
        (false, true, LicenseKind::Device) => Prompts::Unstated {
            why: "The table has no row for a kiosk that is not supervised; supervise it, then nobody is asked.",
        },
        (false, false, license) => personal_or_corporate(case.ownership, case.supervised, license),
    }
}

fn personal_or_corporate(ownership: Ownership, supervised: bool, license: LicenseKind) -> Prompts {
    match (ownership, license) {
        // The rows about personal devices do not ask whether they are supervised.
        (Ownership::Personal, LicenseKind::User) => shown(true, true, true),
        (Ownership::Personal, LicenseKind::Device) => shown(false, true, false),
        (Ownership::Corporate, LicenseKind::User) => shown(true, !supervised, true),
        (Ownership::Corporate, LicenseKind::Device) => shown(false, !supervised, false),
    }
}

fn shown(invite: bool, install: bool, apple_id: bool) -> Prompts {
    Prompts::Shown(Shown { invite, install, apple_id })
}

/// The rows of the table in its order, as it is printed: what each is called, and its case.
#[must_use]
pub fn rows() -> [(&'static str, Case); 8] {
    use LicenseKind::{Device, User};
    use Ownership::{Corporate, Personal};
    let case = |ownership, supervised, license, kiosk| Case {
        ownership,
        supervised,
        license,
        kiosk,
        user_enrollment: false,
    };
    [
        ("personal, user license (not User Enrollment)", case(Personal, false, User, false)),
        ("corporate, user license, not supervised", case(Corporate, false, User, false)),
        ("corporate, user license, supervised", case(Corporate, true, User, false)),
        ("personal, device license", case(Personal, false, Device, false)),
        ("corporate, device license, not supervised", case(Corporate, false, Device, false)),
        ("corporate, device license, supervised", case(Corporate, true, Device, false)),
        ("kiosk, supervised, device license", case(Corporate, true, Device, true)),
        ("kiosk, supervised, user license", case(Corporate, true, User, true)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table as it stands in the rules: invitation, install prompt, Apple ID prompt.
    #[test]
    fn every_row_of_the_table_comes_out_as_it_stands_there() {
        let wanted = [
            Some((true, true, true)),
            Some((true, true, true)),
            Some((true, false, true)),
            Some((false, true, false)),
            Some((false, true, false)),
            Some((false, false, false)),
            Some((false, false, false)),
            None,
        ];
        for ((name, case), wanted) in rows().into_iter().zip(wanted) {
            match (prompts(case), wanted) {
                (Prompts::Shown(seen), Some((invite, install, apple_id))) => {
                    assert_eq!(seen, Shown { invite, install, apple_id }, "{name}");
                }
                (Prompts::NotRecommended { rule, .. }, None) => assert_eq!(rule, "S-40", "{name}"),
                (other, wanted) => panic!("{name}: {other:?} and not {wanted:?}"),
            }
        }
    }

    #[test]
    fn a_kiosk_without_supervision_is_not_made_up() {
        let kiosk = Case { supervised: false, ..rows()[6].1 };
        assert!(matches!(prompts(kiosk), Prompts::Unstated { .. }));
        let with_users = Case { license: LicenseKind::User, ..kiosk };
        assert!(matches!(prompts(with_users), Prompts::NotRecommended { rule: "S-40", .. }));
    }

    #[test]
    fn user_enrollment_never_takes_a_device_license() {
        for (name, case) in rows() {
            let case = Case { user_enrollment: true, license: LicenseKind::Device, ..case };
            assert!(matches!(prompts(case), Prompts::Impossible { rule: "S-24", .. }), "{name}");
        }
    }

    #[test]
    fn supervision_takes_the_install_prompt_away_and_nothing_else() {
        for license in LicenseKind::ALL {
            let at = |supervised| match personal_or_corporate(Ownership::Corporate, supervised, license) {
                Prompts::Shown(shown) => shown,
                other => panic!("{other:?}"),
            };
            assert_eq!(Shown { install: true, ..at(true) }, at(false));
            assert!(!at(true).install);
        }
    }
}
