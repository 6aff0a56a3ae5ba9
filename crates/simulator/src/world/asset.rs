//! One product of a location with its licenses counted.

use serde::{Deserialize, Serialize};

/// What Apple shows as the total of a product that is free without limit.
pub(crate) const UNLIMITED: i64 = 2_147_483_647;

/// The place of an asset in its location's list.
pub(crate) type AssetId = u32;

/// The quality of a product; with the store id it names an asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub(crate) enum Pricing {
    #[serde(rename = "PLUS")]
    Plus,
    #[default]
    #[serde(rename = "STDQ")]
    Standard,
}

impl Pricing {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "PLUS" => Some(Self::Plus),
            "STDQ" => Some(Self::Standard),
            _ => None,
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Plus => "PLUS",
            Self::Standard => "STDQ",
        }
    }
}

/// What kind of product it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) enum Product {
    #[default]
    App,
    Book,
}

impl Product {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::App => "App",
            Self::Book => "Book",
        }
    }
}

/// What names an asset: the pair, never the store id alone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct AssetKey {
    pub(crate) adam_id: String,
    pub(crate) pricing: Pricing,
}

#[derive(Debug)]
pub(crate) struct Asset {
    pub(crate) key: AssetKey,
    pub(crate) product: Product,
    pub(crate) device_assignable: bool,
    pub(crate) revocable: bool,
    pub(crate) unlimited: bool,
    pub(crate) platforms: Vec<String>,
    pub(crate) total: i64,
    pub(crate) assigned: i64,
    pub(crate) retired: i64,
    /// False for a product that somebody named in a request but that was never bought here.
    pub(crate) listed: bool,
}

impl Asset {
    /// A product that the location does not own: nothing can be assigned, and nobody sees it.
    pub(crate) fn unknown(key: AssetKey) -> Self {
        Self {
            key,
            product: Product::App,
            device_assignable: true,
            revocable: true,
            unlimited: false,
            platforms: vec!["iOS".to_owned()],
            total: 0,
            assigned: 0,
            retired: 0,
            listed: false,
        }
    }

    /// What is left to assign. The total always is assigned, available and retired together.
    pub(crate) fn available(&self) -> i64 {
        self.total - self.assigned - self.retired
    }
}
