//! Reading back from Apple what became of a request: which lists to ask for, and what they say of each change.

use std::collections::BTreeSet;

use crate::asset::AssetKey;
use crate::change::{Action, Word};
use crate::holder::Holder;

/// The shortest page that Apple was seen to send; only used to compare costs.
const PAGE: i64 = 500;

/// Lists of assignments that together show every pair in question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Walks {
    /// All holders of each of these assets.
    ByAsset(Vec<AssetKey>),
    /// All assets of each of these holders.
    ByHolder(Vec<Holder>),
}

/// Chooses the lists that take the fewest requests. `assigned` tells how many licenses of an asset are held.
///
/// A holder's own list is one page; an asset's has as many pages as its holders fill.
#[must_use]
pub fn walks(pairs: &[(AssetKey, Holder)], assigned: impl Fn(&AssetKey) -> i64) -> Walks {
    let assets: BTreeSet<&AssetKey> = pairs.iter().map(|(asset, _)| asset).collect();
    let holders: BTreeSet<&Holder> = pairs.iter().map(|(_, holder)| holder).collect();
    let by_asset: i64 = assets.iter().map(|asset| 1 + assigned(asset).max(0) / PAGE).sum();
    if i64::try_from(holders.len()).unwrap_or(i64::MAX) < by_asset {
        Walks::ByHolder(holders.into_iter().cloned().collect())
    } else {
        Walks::ByAsset(assets.into_iter().cloned().collect())
    }
}

/// One entry of Apple's list of failures. An empty side stands for all of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Apple's number.
    pub number: Option<i32>,
    /// The assets it is about.
    pub assets: Vec<AssetKey>,
    /// The holders it is about.
    pub holders: Vec<Holder>,
}

impl Failure {
    /// Whether it may be about a pair. Apple may name only one dimension of the request.
    #[must_use]
    pub fn covers(&self, asset: &AssetKey, holder: &Holder) -> bool {
        (self.assets.is_empty() || self.assets.contains(asset))
            && (self.holders.is_empty() || self.holders.contains(holder))
    }
}

/// What a read-back says of one change. `held` is whether Apple's list shows the license with the holder.
#[must_use]
pub fn word(action: Action, asset: &AssetKey, holder: &Holder, held: bool, failures: &[Failure]) -> Word {
    if held == (action == Action::Assign) {
        return Word::FoundInPlace;
    }
    match failures.iter().find(|failure| failure.covers(asset, holder)) {
        Some(failure) => Word::Failed { number: failure.number },
        None => Word::FoundMissing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asset::Pricing;

    fn app(n: u32) -> AssetKey {
        AssetKey::new(n.to_string(), Pricing::Standard)
    }

    fn device(n: u32) -> Holder {
        Holder::Device(format!("SER{n}"))
    }

    #[test]
    fn a_few_devices_of_a_big_app_are_asked_for_one_by_one() {
        let pairs = [(app(1), device(1)), (app(1), device(2))];
        assert_eq!(walks(&pairs, |_| 100_000), Walks::ByHolder(vec![device(1), device(2)]));
    }

    #[test]
    fn many_devices_of_a_small_app_are_one_list() {
        let pairs: Vec<_> = (0..300).map(|n| (app(1), device(n))).collect();
        assert_eq!(walks(&pairs, |_| 300), Walks::ByAsset(vec![app(1)]));
    }

    #[test]
    fn a_failure_that_names_only_the_user_is_about_all_assets() {
        let failure = Failure { number: Some(9609), assets: vec![], holders: vec![device(1)] };
        let failures = [failure];
        let said = word(Action::Assign, &app(7), &device(1), false, &failures);
        assert_eq!(said, Word::Failed { number: Some(9609) });
        assert_eq!(word(Action::Assign, &app(7), &device(2), false, &failures), Word::FoundMissing);
    }

    #[test]
    fn what_is_in_place_is_done_whatever_the_failures_say() {
        let failures = [Failure { number: Some(9603), assets: vec![], holders: vec![] }];
        assert_eq!(word(Action::Revoke, &app(1), &device(1), false, &failures), Word::FoundInPlace);
    }
}
