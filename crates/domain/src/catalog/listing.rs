//! Whether a store has a product, since when, and where else to look for one that it has not.

use super::AppFacts;
use crate::Timestamp;

/// The store of a token of which neither a person nor Apple has said the country.
pub const DEFAULT_COUNTRY: &str = "US";

/// Whether the store of a country has a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Listing {
    /// It has.
    Listed,
    /// It has not, and what is known comes from the store of another country.
    NotInStore,
    /// No store that was asked sells it. What was known of it is kept, and what its owners are still shown is taken.
    Gone,
}

impl Listing {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Listed, Self::NotInStore, Self::Gone];

    /// The word stored and shown. Rows and clients hold it; it never changes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Listed => "listed",
            Self::NotInStore => "not_in_store",
            Self::Gone => "gone",
        }
    }

    /// Reads the stored word.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|listing| listing.as_str() == text)
    }
}

/// What is known of a product in the store of a country.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Whether the store has it.
    pub listing: Listing,
    /// Since when.
    pub since: Timestamp,
    /// The country that what is known comes from, when it is another.
    pub found_in: Option<String>,
    /// Whether anything but its number is known.
    pub has_facts: bool,
}

/// Where a product was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Looked {
    /// In the store of its country.
    Here,
    /// In the store of its country, which shows it to its owners and sells it no more.
    Unsold,
    /// In the store of another country only.
    Elsewhere,
    /// In none that was asked.
    Nowhere,
}

/// Where a product was found that the store of its country answered about. Apps made for an organization alone are not sold
/// to anybody else, whatever their offers say.
#[must_use]
pub fn looked_here(facts: &AppFacts) -> Looked {
    if facts.sold == Some(false) && facts.custom != Some(true) { Looked::Unsold } else { Looked::Here }
}

/// What becomes of a product after a look, and since when it is so.
#[must_use]
pub fn judge(known: Option<&Known>, looked: Looked, now: Timestamp) -> (Listing, Timestamp) {
    let listing = match looked {
        Looked::Here => Listing::Listed,
        Looked::Elsewhere => Listing::NotInStore,
        Looked::Unsold | Looked::Nowhere => Listing::Gone,
    };
    match known {
        Some(known) if known.listing == listing => (listing, known.since),
        Some(_) | None => (listing, now),
    }
}

/// What to do about a product that the store of its country does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Search {
    /// Take over what is known here of the store of this country, without asking Apple.
    TakeOver {
        /// The country.
        country: String,
    },
    /// Ask the stores of other countries.
    Ask,
}

/// Where to look for a product that its own store does not have.
///
/// What another token's store says, or said of this one before its country was changed, is taken over as it is: a
/// change of country leaves a product unchanged that the new store does not have (rule S-9). Otherwise others are
/// asked, also when the store had it once and has it no more.
///
/// `elsewhere` is a country whose store is known to have it.
#[must_use]
pub fn search(known: Option<&Known>, elsewhere: Option<&str>) -> Search {
    let was_here = known.is_some_and(|known| known.has_facts && known.found_in.is_none());
    match elsewhere {
        Some(country) if !was_here => Search::TakeOver { country: country.to_owned() },
        Some(_) | None => Search::Ask,
    }
}

/// The country of a token's store, in upper case: as a person set it, else as Apple says.
#[must_use]
pub fn store_country(set: Option<&str>, apple: Option<&str>) -> String {
    let named = set.or(apple).map(str::trim).filter(|country| !country.is_empty());
    named.unwrap_or(DEFAULT_COUNTRY).to_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(listing: Listing, found_in: Option<&str>, has_facts: bool) -> Known {
        Known { listing, since: Timestamp(5), found_in: found_in.map(str::to_owned), has_facts }
    }

    #[test]
    fn a_state_that_stays_keeps_its_beginning() {
        let listed = known(Listing::Listed, None, true);
        assert_eq!(judge(Some(&listed), Looked::Here, Timestamp(9)), (Listing::Listed, Timestamp(5)));
        assert_eq!(judge(Some(&listed), Looked::Nowhere, Timestamp(9)), (Listing::Gone, Timestamp(9)));
        assert_eq!(judge(None, Looked::Elsewhere, Timestamp(9)), (Listing::NotInStore, Timestamp(9)));
    }

    #[test]
    fn a_product_without_an_offer_has_left_unless_it_is_the_organizations_own() {
        let unsold = AppFacts { sold: Some(false), ..AppFacts::of("1") };
        assert_eq!(looked_here(&unsold), Looked::Unsold);
        assert_eq!(judge(None, Looked::Unsold, Timestamp(9)).0, Listing::Gone);
        assert_eq!(looked_here(&AppFacts { custom: Some(true), ..unsold }), Looked::Here);
        assert_eq!(looked_here(&AppFacts::of("1")), Looked::Here);
    }

    #[test]
    fn a_product_that_the_new_country_does_not_sell_stays_as_it_was() {
        let take = Search::TakeOver { country: "NL".into() };
        assert_eq!(search(None, Some("NL")), take);
        assert_eq!(search(Some(&known(Listing::NotInStore, Some("NL"), true)), Some("NL")), take);
        assert_eq!(search(Some(&known(Listing::Gone, None, false)), Some("NL")), take);
    }

    #[test]
    fn a_product_that_has_left_its_store_is_looked_for_elsewhere() {
        assert_eq!(search(Some(&known(Listing::Listed, None, true)), Some("NL")), Search::Ask);
        assert_eq!(search(None, None), Search::Ask);
    }

    #[test]
    fn what_a_person_says_of_the_country_counts_before_what_apple_says() {
        assert_eq!(store_country(Some("NL"), Some("US")), "NL");
        assert_eq!(store_country(None, Some("gb")), "GB");
        assert_eq!(store_country(None, Some(" ")), "US");
    }
}
