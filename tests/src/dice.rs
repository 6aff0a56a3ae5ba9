//! Random numbers from a seed, so that a run that failed can be repeated as far as time allows.

use std::ops::Range;

/// SplitMix64.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// Dice that fall the same for the same seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number.
    pub fn any(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to the one before `end`, which is at least 1.
    ///
    /// # Panics
    ///
    /// When `end` is 0.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.any() % (end as u64)).expect("below a number of that size")
    }

    /// A number of this range, its end left out.
    ///
    /// # Panics
    ///
    /// When the range is empty.
    pub fn within(&mut self, range: Range<u64>) -> u64 {
        range.start + self.any() % (range.end - range.start)
    }

    /// A part of `0..end` that is not empty.
    ///
    /// # Panics
    ///
    /// When `end` is 0.
    pub fn range(&mut self, end: usize) -> Range<usize> {
        let first = self.below(end);
        first..first + 1 + self.below(end - first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_falls_the_same_and_another_one_differently() {
        let throw = |seed| -> Vec<u64> {
            let mut dice = Dice::new(seed);
            (0..5).map(|_| dice.any()).collect()
        };
        assert_eq!(throw(7), throw(7));
        assert_ne!(throw(7), throw(8));
    }

    #[test]
    fn a_part_is_never_empty_and_never_outside() {
        let mut dice = Dice::new(1);
        for _ in 0..1_000 {
            let part = dice.range(4);
            assert!(part.start < part.end && part.end <= 4, "{part:?}");
        }
    }
}
