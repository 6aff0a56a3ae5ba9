//! What the store knows of a product: its names, its versions on each platform, its price, and where it is sold.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::world::asset::Product;

/// A platform as the store tells apart, by its name in `platformAttributes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Platform {
    /// iPhone and iPad, and the watch that goes with an iPhone.
    Ios,
    /// The Mac.
    Osx,
    /// Apple TV.
    Appletvos,
    /// Apple Vision Pro.
    Xros,
}

impl Platform {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Ios => "ios",
            Self::Osx => "osx",
            Self::Appletvos => "appletvos",
            Self::Xros => "xros",
        }
    }

    /// By the name that an asset's `supportedPlatforms` has.
    pub(crate) fn of_asset(name: &str) -> Option<Self> {
        match name {
            "iOS" | "watchOS" => Some(Self::Ios),
            "macOS" => Some(Self::Osx),
            "tvOS" => Some(Self::Appletvos),
            "visionOS" => Some(Self::Xros),
            _ => None,
        }
    }

    /// By the name that the parameter `platform` has; `web` is every platform.
    pub(crate) fn asked_for(name: &str) -> Option<&'static [Self]> {
        match name {
            "iphone" | "ipad" => Some(&[Self::Ios]),
            "mac" => Some(&[Self::Osx]),
            "appletv" => Some(&[Self::Appletvos]),
            "realityDevice" => Some(&[Self::Xros]),
            "web" => Some(&[Self::Ios, Self::Osx, Self::Appletvos, Self::Xros]),
            _ => None,
        }
    }

    /// The kinds of devices on which such an app runs.
    pub(crate) fn device_families(self) -> &'static [&'static str] {
        match self {
            Self::Ios => &["iphone", "ipad", "ipod"],
            Self::Osx => &["mac"],
            Self::Appletvos => &["tvos"],
            Self::Xros => &["realityDevice"],
        }
    }
}

/// One version of an app on one platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Version {
    /// Apple's number of it, which devices report, too.
    pub(crate) external_id: u64,
    /// As people read it. Apple has been seen to put white space around it.
    pub(crate) display: String,
    pub(crate) released_ms: i64,
    pub(crate) notes: String,
    /// Where it is out already; everywhere when nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) storefronts: Option<BTreeSet<String>>,
}

/// An app on one platform. There is always a version; the last is the newest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Edition {
    pub(crate) minimum_os: String,
    pub(crate) versions: Vec<Version>,
}

impl Edition {
    /// The versions that are out in a storefront, the newest first.
    pub(crate) fn out_in(&self, storefront: &str) -> Vec<&Version> {
        let is_out = |version: &&Version| {
            version.storefronts.as_ref().is_none_or(|storefronts| storefronts.contains(storefront))
        };
        self.versions.iter().rev().filter(is_out).collect()
    }
}

/// Where a product is sold. Storefronts are two small letters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Sold {
    /// Only here, when something is said.
    pub(crate) only_in: Option<BTreeSet<String>>,
    /// Not here any more.
    pub(crate) left: BTreeSet<String>,
    /// Nowhere any more.
    pub(crate) left_all: bool,
    /// Who owns it may still have it where it is not sold any more.
    pub(crate) redownloadable: bool,
}

/// Whether somebody sees a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    /// With what it costs.
    ForSale,
    /// Without an offer: it can be downloaded again and not be bought.
    Owned,
    /// As if there were no such product.
    No,
}

/// A product as the store knows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Facts {
    pub(crate) adam_id: String,
    pub(crate) product_type: Product,
    pub(crate) name: String,
    pub(crate) bundle_id: String,
    pub(crate) artist: String,
    pub(crate) genre: String,
    pub(crate) price: f64,
    /// Made for one organization: only who owns it sees it.
    pub(crate) custom: bool,
    pub(crate) device_licensing: bool,
    pub(crate) watch_bundle_id: Option<String>,
    pub(crate) device_families: Vec<String>,
    pub(crate) editions: BTreeMap<Platform, Edition>,
    pub(crate) sold: Sold,
}

impl Facts {
    /// Whether it shows in a storefront, to somebody who owns it or does not.
    pub(crate) fn seen(&self, storefront: &str, is_owned: bool) -> Seen {
        let was_there = self.sold.only_in.as_ref().is_none_or(|only| only.contains(storefront));
        let has_left = self.sold.left_all || self.sold.left.contains(storefront);
        match (was_there, has_left) {
            _ if self.custom && !is_owned => Seen::No,
            (true, false) => Seen::ForSale,
            (true, true) if is_owned && self.sold.redownloadable => Seen::Owned,
            (true, true) | (false, _) => Seen::No,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Seen, Sold};
    use crate::catalog::made_up::made_up;
    use crate::world::asset::Product;

    #[test]
    fn a_product_shows_where_it_is_sold_and_to_its_owners_where_it_was() {
        let mut facts = made_up(1, "501", Product::App, &["iOS".to_owned()]);
        assert_eq!(facts.seen("us", false), Seen::ForSale);
        facts.sold = Sold { only_in: Some(["de".to_owned()].into()), ..Sold::default() };
        assert_eq!((facts.seen("us", true), facts.seen("de", false)), (Seen::No, Seen::ForSale));
        facts.sold = Sold { left: ["us".to_owned()].into(), ..Sold::default() };
        assert_eq!((facts.seen("us", true), facts.seen("de", false)), (Seen::No, Seen::ForSale));
        facts.sold.redownloadable = true;
        assert_eq!((facts.seen("us", true), facts.seen("us", false)), (Seen::Owned, Seen::No));
        facts.custom = true;
        assert_eq!((facts.seen("de", true), facts.seen("de", false)), (Seen::ForSale, Seen::No));
    }
}
