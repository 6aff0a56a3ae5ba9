//! Turns a set of wanted pairs (asset, holder) into the fewest requests to Apple.
//!
//! One request covers a full rectangle: every asset it names for every holder it names
//! (<https://developer.apple.com/documentation/devicemanagement/managing-assets>). So the pairs are partitioned into rectangles
//! that hold no unwanted pair and keep Apple's limits. The exact minimum is NP-hard to find; several good partitions are
//! made, the best is taken, and a true lower bound is reported beside it.
//!
//! It is a partition, not a cover with overlaps, although a cover can save a request now and then: a license asked for
//! by two requests at once might count twice against what is free, and Apple documents no answer to the second.

mod bound;
mod cover;
mod matrix;

use crate::limits::Limits;
use matrix::Matrix;

/// One wanted pair, by the caller's own numbering of assets and holders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pair {
    /// Number of the asset.
    pub asset: u32,
    /// Number of the holder.
    pub holder: u32,
}

/// One request: every asset for every device and every user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rectangle {
    /// Assets, ascending.
    pub assets: Vec<u32>,
    /// Holders that are devices, ascending.
    pub devices: Vec<u32>,
    /// Holders that are users, ascending.
    pub users: Vec<u32>,
}

impl Rectangle {
    /// How many pairs it covers.
    #[must_use]
    pub fn pairs(&self) -> usize {
        self.assets.len() * (self.devices.len() + self.users.len())
    }
}

/// Requests for a set of pairs, and how good they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The requests. Each wanted pair is in exactly one of them, and nothing else is.
    pub rectangles: Vec<Rectangle>,
    /// No set of requests can be smaller than this.
    pub lower_bound: usize,
}

/// Plans requests for `pairs`; pairs given twice count once. `is_device` tells of each holder whether it is one.
///
/// Cost: near linear in the pairs while the holders fall into few groups with equal wishes, as people's do. With more
/// groups than [`cover::CLASSES_MAX`] only the two simplest covers are compared.
///
/// ```
/// use russet_domain::coalesce::{plan, Pair};
/// use russet_domain::limits::Limits;
///
/// // Two apps for three devices: six licenses, one request.
/// let pairs: Vec<Pair> =
///     (0..2).flat_map(|asset| (0..3).map(move |holder| Pair { asset, holder })).collect();
/// let plan = plan(&pairs, |_| true, &Limits::default());
/// assert_eq!(plan.rectangles.len(), 1);
/// assert_eq!(plan.lower_bound, 1);
/// ```
#[must_use]
pub fn plan(pairs: &[Pair], is_device: impl Fn(u32) -> bool, limits: &Limits) -> Plan {
    let matrix = Matrix::new(pairs, is_device);
    Plan { rectangles: cover::best(&matrix, limits), lower_bound: bound::lower(&matrix, limits) }
}

/// The lower bound alone, for reports over work that was planned in several goes.
#[must_use]
pub fn lower_bound(pairs: &[Pair], is_device: impl Fn(u32) -> bool, limits: &Limits) -> usize {
    bound::lower(&Matrix::new(pairs, is_device), limits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn grid(assets: std::ops::Range<u32>, holders: std::ops::Range<u32>) -> Vec<Pair> {
        assets.flat_map(|asset| holders.clone().map(move |holder| Pair { asset, holder })).collect()
    }

    fn covered(plan: &Plan) -> Vec<Pair> {
        let mut pairs: Vec<Pair> = plan
            .rectangles
            .iter()
            .flat_map(|r| {
                r.assets.iter().flat_map(move |asset| {
                    r.devices.iter().chain(&r.users).map(|holder| Pair { asset: *asset, holder: *holder })
                })
            })
            .collect();
        pairs.sort_unstable();
        pairs
    }

    #[test]
    fn a_hundred_thousand_pairs_of_one_grid_are_four_requests() {
        let plan = plan(&grid(0..25, 0..4000), |_| true, &Limits::default());
        assert_eq!((plan.rectangles.len(), plan.lower_bound), (4, 4));
    }

    #[test]
    fn devices_and_users_share_a_request() {
        let plan = plan(&grid(0..25, 0..2000), |holder| holder < 1000, &Limits::default());
        assert_eq!((plan.rectangles.len(), plan.lower_bound), (1, 1));
    }

    #[test]
    fn nothing_wanted_is_nothing_sent() {
        assert_eq!(plan(&[], |_| true, &Limits::default()), Plan::default());
    }

    #[test]
    fn overlapping_groups_reach_the_bound() {
        // Holders 0..300 want apps 0..10, holders 200..500 want apps 5..20: three kinds of holders.
        let mut pairs = grid(0..10, 0..300);
        pairs.extend(grid(5..20, 200..500));
        let plan = plan(&pairs, |_| true, &Limits::default());
        assert_eq!(plan.rectangles.len(), plan.lower_bound);
        assert!(plan.rectangles.len() <= 3);
    }

    #[test]
    fn a_bound_of_a_diagonal_is_its_length() {
        let pairs: Vec<Pair> = (0..40).map(|n| Pair { asset: n, holder: n }).collect();
        let plan = plan(&pairs, |_| true, &Limits::default());
        assert_eq!((plan.rectangles.len(), plan.lower_bound), (40, 40));
    }

    #[test]
    fn very_many_different_holders_are_still_planned_quickly() {
        let pairs: Vec<Pair> = (0..3000_u32)
            .flat_map(|holder| {
                (0..40_u32)
                    .filter(move |asset| (holder.wrapping_mul(2_654_435_761) >> (asset % 32)) & 1 == 1)
                    .map(move |asset| Pair { asset, holder })
            })
            .collect();
        let plan = plan(&pairs, |_| true, &Limits::default());
        // One asset after the other is at most this.
        assert!(plan.rectangles.len() <= 40 * 3);
    }

    /// Groups as administrators make them: some apps for some classes, overlapping.
    fn groups() -> impl Strategy<Value = Vec<Pair>> {
        proptest::collection::vec((0_u32..30, 1_u32..12, 0_u32..120, 1_u32..60), 1..6).prop_map(|groups| {
            let mut pairs = Vec::new();
            for (asset, assets, holder, holders) in groups {
                pairs.extend(grid(asset..asset + assets, holder..holder + holders));
            }
            pairs
        })
    }

    fn scattered() -> impl Strategy<Value = Vec<Pair>> {
        proptest::collection::vec((0_u32..12, 0_u32..25), 0..150)
            .prop_map(|pairs| pairs.into_iter().map(|(asset, holder)| Pair { asset, holder }).collect())
    }

    fn small_limits() -> impl Strategy<Value = Limits> {
        (1_usize..8, 1_usize..20, 1_usize..20).prop_map(|(max_assets, max_users, max_devices)| Limits {
            max_assets,
            max_user_holders: max_users,
            max_devices,
            ..Limits::default()
        })
    }

    proptest! {
        #[test]
        fn a_plan_covers_exactly_the_wanted_pairs_within_every_limit(
            pairs in prop_oneof![groups(), scattered()],
            limits in small_limits(),
            devices_below in 0_u32..120,
        ) {
            let plan = plan(&pairs, |holder| holder < devices_below, &limits);
            let wanted: Vec<Pair> = pairs.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
            prop_assert_eq!(covered(&plan), wanted);
            for rectangle in &plan.rectangles {
                prop_assert!(rectangle.assets.len() <= limits.max_assets);
                prop_assert!(rectangle.devices.len() <= limits.max_devices);
                prop_assert!(rectangle.users.len() <= limits.max_user_holders);
                prop_assert!(rectangle.devices.iter().all(|holder| *holder < devices_below));
                prop_assert!(rectangle.users.iter().all(|holder| *holder >= devices_below));
            }
            prop_assert!(plan.lower_bound <= plan.rectangles.len());
        }

        #[test]
        fn groups_within_apples_limits_stay_within_twice_the_bound(pairs in groups()) {
            let plan = plan(&pairs, |_| true, &Limits::default());
            prop_assert!(
                plan.rectangles.len() <= 2 * plan.lower_bound,
                "{} requests, bound {}", plan.rectangles.len(), plan.lower_bound
            );
        }
    }
}
