//! What becomes of the licenses of a token that is removed (conflict C-3: there is no default).

use crate::AssetKey;

/// The most assets that a sentence names.
const NAMED_MAX: usize = 5;

/// What becomes of the licenses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Licenses {
    /// They stay with their holders, and nobody here can take them back afterwards.
    Keep,
    /// All are taken back first. When one of them cannot be, nothing is done.
    RevokeFirst,
    /// What can be taken back is; the rest stays with its holders for good.
    RevokeWhatCanBe,
}

impl Licenses {
    /// Every choice.
    pub const ALL: [Self; 3] = [Self::Keep, Self::RevokeFirst, Self::RevokeWhatCanBe];

    /// The word in addresses and in a job's arguments. Clients hold it; it never changes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::RevokeFirst => "revoke_first",
            Self::RevokeWhatCanBe => "revoke_what_can_be",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|choice| choice.as_str() == text)
    }
}

/// An asset whose licenses can never be taken back, such as a book, and how many are held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Irrevocable {
    /// The asset.
    pub key: AssetKey,
    /// How many licenses are held.
    pub licenses: u64,
}

/// Why not everything can be taken back, naming the first few assets, and what to do.
#[must_use]
pub fn refusal(bound: &[Irrevocable]) -> String {
    let total: u64 = bound.iter().map(|asset| asset.licenses).sum();
    let named: Vec<String> =
        bound.iter().take(NAMED_MAX).map(|asset| format!("{} of {}", asset.licenses, asset.key)).collect();
    let more = match bound.len().saturating_sub(NAMED_MAX) {
        0 => String::new(),
        more => format!(" and {more} more assets"),
    };
    format!(
        "{total} licenses can never be taken back: {}{more}. Nothing was taken back and the token stays. Remove it with licenses=revoke_what_can_be to leave those with their holders for good, or with licenses=keep.",
        named.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Pricing;

    fn book(number: usize, licenses: u64) -> Irrevocable {
        let key = AssetKey { adam_id: format!("50{number}"), pricing: Pricing::from_text("STDQ") };
        Irrevocable { key, licenses }
    }

    #[test]
    fn what_cannot_be_taken_back_is_named_with_its_count() {
        let text = refusal(&[book(1, 3), book(2, 1)]);
        assert!(text.starts_with("4 licenses"), "{text}");
        assert!(text.contains("3 of 501, 1 of 502. "), "{text}");
    }

    #[test]
    fn a_sentence_does_not_name_a_thousand_assets() {
        let many: Vec<Irrevocable> = (0..1_000).map(|number| book(number, 1)).collect();
        let text = refusal(&many);
        assert!(text.contains("and 995 more assets") && text.len() < 600, "{text}");
    }

    #[test]
    fn every_choice_reads_back() {
        for choice in Licenses::ALL {
            assert_eq!(Licenses::from_text(choice.as_str()), Some(choice));
        }
        assert_eq!(Licenses::from_text("force"), None);
    }
}
