//! One product of a location, with its counts.

use std::fmt;

/// The quality that was bought. An organization may own both of one product, with separate counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pricing {
    /// Standard quality, `STDQ`.
    Standard,
    /// High quality, `PLUS`.
    Plus,
    /// A value that Apple added later; kept as it came.
    Other(String),
}

impl Pricing {
    /// Reads Apple's spelling.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        match text {
            "STDQ" => Self::Standard,
            "PLUS" => Self::Plus,
            other => Self::Other(other.to_owned()),
        }
    }

    /// Apple's spelling.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Standard => "STDQ",
            Self::Plus => "PLUS",
            Self::Other(text) => text,
        }
    }
}

/// What names an asset within a location.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AssetKey {
    /// The product's number in Apple's stores, which Apple writes as text.
    pub adam_id: String,
    /// The quality.
    pub pricing: Pricing,
}

impl AssetKey {
    /// An asset of the given quality.
    #[must_use]
    pub fn new(adam_id: impl Into<String>, pricing: Pricing) -> Self {
        Self { adam_id: adam_id.into(), pricing }
    }
}

impl fmt::Display for AssetKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.pricing {
            Pricing::Standard => f.write_str(&self.adam_id),
            other => write!(f, "{}/{}", self.adam_id, other.as_str()),
        }
    }
}

/// What kind of product an asset is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProductType {
    /// An app.
    App,
    /// A book: for users only, and never taken back.
    Book,
    /// A value that Apple added later; kept as it came.
    Other(String),
}

impl ProductType {
    /// Reads Apple's spelling.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        match text {
            "App" => Self::App,
            "Book" => Self::Book,
            other => Self::Other(other.to_owned()),
        }
    }

    /// Apple's spelling.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::App => "App",
            Self::Book => "Book",
            Self::Other(text) => text,
        }
    }
}

/// How many licenses of an asset there are.
///
/// Apple counts in 32 bits and writes 2147483647 for an asset without a limit; that number is not a count and is
/// never shown as one (<https://developer.apple.com/documentation/devicemanagement/managing-assets>).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Supply {
    /// Free content that can be assigned without limit.
    Unlimited,
    /// A number of licenses that was bought.
    Limited {
        /// All of them.
        total: i64,
        /// Those that nobody holds.
        available: i64,
    },
}

/// What Apple writes as the total of an asset without a limit.
pub const UNLIMITED_TOTAL: i64 = 2_147_483_647;

impl Supply {
    /// Reads Apple's counts.
    #[must_use]
    pub fn from_counts(total: i64, available: i64) -> Self {
        if total >= UNLIMITED_TOTAL { Self::Unlimited } else { Self::Limited { total, available } }
    }

    /// How many more can be assigned.
    #[must_use]
    pub fn free(self) -> i64 {
        match self {
            Self::Unlimited => i64::MAX,
            Self::Limited { available, .. } => available.max(0),
        }
    }

    /// How much of it is in use, in whole percent and rounded down, so that an alert is never told early; nothing where there is
    /// no limit or nothing was bought.
    #[must_use]
    pub fn used_percent(self) -> Option<i64> {
        match self {
            Self::Limited { total, available } if total > 0 => {
                // Apple's counts of a refund can be out of step for a moment.
                let used = total.saturating_sub(available).clamp(0, total);
                Some(used.saturating_mul(100) / total)
            }
            Self::Unlimited | Self::Limited { .. } => None,
        }
    }

    /// Whether so much of it is in use that somebody should think of buying more (rule N-28), which is from `alert_percent` percent on
    /// ([`Policies::alert_percent`](crate::policy::Policies::alert_percent)); never without one. It is a question to the counts alone, so
    /// the alert clears by itself as soon as they are better.
    #[must_use]
    pub fn is_running_low(self, alert_percent: Option<u64>) -> bool {
        let used = self.used_percent().and_then(|used| u64::try_from(used).ok());
        used.zip(alert_percent).is_some_and(|(used, alert)| used >= alert)
    }
}

/// An asset as Apple describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asset {
    /// Its name within the location.
    pub key: AssetKey,
    /// App or book.
    pub product_type: ProductType,
    /// Whether a device can hold a license of it.
    pub device_assignable: bool,
    /// Whether a license can be taken back.
    pub revocable: bool,
    /// Bought and free licenses.
    pub supply: Supply,
    /// Licenses that somebody holds.
    pub assigned: i64,
    /// Licenses lost with retired users.
    pub retired: i64,
    /// Platforms in Apple's spelling (`iOS`, `macOS`, …), as far as Apple names them.
    pub platforms: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policies;

    #[test]
    fn the_number_for_unlimited_is_not_a_count() {
        assert_eq!(Supply::from_counts(2_147_483_647, 2_147_483_647), Supply::Unlimited);
        assert_eq!(Supply::from_counts(50, -1).free(), 0);
    }

    #[test]
    fn n_28_half_of_the_licenses_in_use_is_an_alert_and_less_is_none() {
        for (total, available, used, is_low) in [
            (10, 5, Some(50), true),
            (10, 6, Some(40), false),
            (3, 2, Some(33), false),
            (3, 1, Some(66), true),
            (1, 0, Some(100), true),
            (200, 101, Some(49), false),
            (0, 0, None, false),
            (10, 12, Some(0), false),
            (10, -3, Some(100), true),
            (UNLIMITED_TOTAL, UNLIMITED_TOTAL, None, false),
        ] {
            let supply = Supply::from_counts(total, available);
            let usual = Policies::default().alert_percent();
            assert_eq!((supply.used_percent(), supply.is_running_low(usual)), (used, is_low), "{supply:?}");
        }
    }

    #[test]
    fn the_share_that_is_an_alert_can_be_another_or_none() {
        let supply = Supply::from_counts(10, 2);
        assert!(supply.is_running_low(Some(80)) && !supply.is_running_low(Some(81)));
        assert!(!Supply::from_counts(10, 0).is_running_low(None));
    }
}
