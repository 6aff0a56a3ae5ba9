//! Whose a location is, and what is done about it.

use super::TokenState;

/// What the id begins with that an installation leaves when it lets go of a location. Locations at Apple hold it; it
/// never changes.
const RELEASED: &str = "released-by-russet:";

/// Who has claimed a location, as Apple reports it on every answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MdmInfo {
    /// The identity: compared on every answer.
    pub id: String,
    /// A readable name.
    pub name: String,
    /// A readable remark.
    pub metadata: String,
}

/// What is left in a location when this installation lets go of it. How a claim is cleared is not documented, so it is
/// overwritten by one that says in words that it is none.
#[must_use]
pub fn released(installation: &str, on: &str) -> MdmInfo {
    let cut = |text: String, max: usize| text.chars().filter(char::is_ascii).take(max).collect();
    MdmInfo {
        id: cut(format!("{RELEASED}{installation}"), 100),
        name: "Released by Russet".to_owned(),
        metadata: cut(format!("No server manages this location since {on}; any may claim it."), 255),
    }
}

/// Whose a location is, judged by the `mdmInfo` of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Nobody has claimed it.
    Free,
    /// A Russet, this one or another, had it and has let go of it.
    Released,
    /// We have.
    Ours,
    /// Somebody else has.
    Foreign,
}

/// Judges the `mdmInfo` of an answer. Identity is the `id`, never the name
/// (<https://developer.apple.com/documentation/devicemanagement/protecting-your-vpp-account>).
#[must_use]
pub fn judge_claim(ours: &str, seen: Option<&MdmInfo>) -> Claim {
    match seen {
        None => Claim::Free,
        Some(info) if info.id == ours => Claim::Ours,
        Some(info) if info.id.starts_with(RELEASED) => Claim::Released,
        Some(_) => Claim::Foreign,
    }
}

/// What is to be done about a location whose claim was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is ours, and nothing says that the token may not write.
    Keep,
    /// Write our claim.
    Take,
    /// Somebody else has it: write nothing, and say who it is.
    Freeze,
    /// We have let go of it, and nobody has ordered to take it again.
    LeaveAlone,
}

/// Decides about a claim. A location is taken from somebody else only by an order, and each order is good for once; one
/// that was handed over is not taken again without an order either, even if nobody has it.
#[must_use]
pub fn verdict(state: TokenState, handed_over: bool, claim: Claim, ordered: bool) -> Verdict {
    if handed_over && !ordered {
        return Verdict::LeaveAlone;
    }
    match (claim, state) {
        (Claim::Foreign, _) if !ordered => Verdict::Freeze,
        (Claim::Foreign | Claim::Free | Claim::Released, _) => Verdict::Take,
        // Whether a token may write again shows only when it writes: our claim once more changes nothing.
        (Claim::Ours, TokenState::ReadOnly | TokenState::Legacy) => Verdict::Take,
        (
            Claim::Ours,
            TokenState::New
            | TokenState::Valid
            | TokenState::ExpiresSoon
            | TokenState::Expired
            | TokenState::Invalid
            | TokenState::Duplicate
            | TokenState::AssignedToExternalMdm
            | TokenState::HandedOver,
        ) => Verdict::Keep,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(id: &str) -> MdmInfo {
        MdmInfo { id: id.into(), name: "russet".into(), metadata: String::new() }
    }

    #[test]
    fn a_claim_is_judged_by_id_and_not_by_name() {
        assert_eq!(judge_claim("a", Some(&info("b"))), Claim::Foreign);
        assert_eq!(judge_claim("b", Some(&info("b"))), Claim::Ours);
        assert_eq!(judge_claim("a", None), Claim::Free);
    }

    #[test]
    fn what_a_russet_has_let_go_of_is_nobodys() {
        let left = released("0b7f2a52-6f1c-4c7e-9d55-1a2b3c4d5e6f", "2026-11-26");
        assert_eq!(judge_claim("a", Some(&left)), Claim::Released);
        assert!(left.id.len() <= 100 && left.name.len() <= 100 && left.metadata.len() <= 255);
        assert!(left.metadata.contains("2026-11-26"));
    }

    #[test]
    fn nothing_is_taken_from_somebody_else_without_an_order() {
        for state in TokenState::ALL {
            for handed_over in [false, true] {
                let without = verdict(state, handed_over, Claim::Foreign, false);
                assert!(matches!(without, Verdict::Freeze | Verdict::LeaveAlone), "{state:?}");
                assert_eq!(verdict(state, handed_over, Claim::Foreign, true), Verdict::Take, "{state:?}");
            }
        }
    }

    #[test]
    fn what_was_handed_over_stays_so_until_it_is_ordered_back() {
        for claim in [Claim::Free, Claim::Released, Claim::Ours, Claim::Foreign] {
            assert_eq!(verdict(TokenState::HandedOver, true, claim, false), Verdict::LeaveAlone, "{claim:?}");
            assert_ne!(verdict(TokenState::HandedOver, true, claim, true), Verdict::LeaveAlone, "{claim:?}");
        }
    }

    #[test]
    fn a_token_that_could_not_write_proves_itself_by_writing() {
        assert_eq!(verdict(TokenState::ReadOnly, false, Claim::Ours, false), Verdict::Take);
        assert_eq!(verdict(TokenState::Valid, false, Claim::Ours, false), Verdict::Keep);
        assert_eq!(verdict(TokenState::New, false, Claim::Free, false), Verdict::Take);
    }
}
