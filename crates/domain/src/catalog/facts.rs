//! What a store says about one product: names, icon, versions, price.
//!
//! Everything but the number may be missing. Apple's three metadata services say different parts of it in different
//! shapes; all of them end here
//! (<https://developer.apple.com/documentation/devicemanagement/apps-and-books-metadata-for-organizations>).

/// What a store says about a product.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AppFacts {
    /// The product's number in Apple's stores.
    pub adam_id: String,
    /// Its name in the store's language.
    pub name: Option<String>,
    /// Who made it.
    pub artist: Option<String>,
    /// What devices know the app by.
    pub bundle_id: Option<String>,
    /// What the watch app is known by.
    pub watch_bundle_id: Option<String>,
    /// Its icon or cover.
    pub icon: Option<Icon>,
    /// The families of devices it is for, as Apple spells them (`iphone`, `ipad`, `mac`, …).
    pub families: Vec<String>,
    /// What it costs.
    pub price: Option<Price>,
    /// Whether it can be bought. One that cannot may still be shown to those who own it.
    pub sold: Option<bool>,
    /// Whether it was made for this organization alone (rule S-30).
    pub custom: Option<bool>,
    /// Whether a device can hold a license of it.
    pub device_licensable: Option<bool>,
    /// When it came out, as Apple writes it.
    pub released_on: Option<String>,
    /// Its page in the store.
    pub store_url: Option<String>,
    /// What differs from platform to platform; one entry a platform.
    pub platforms: Vec<PlatformFacts>,
}

/// An icon's address, which may leave its size open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Icon {
    /// The address; `{w}`, `{h}`, `{c}` and `{f}` stand for width, height, crop and format.
    pub template: String,
    /// The greatest width there is, in pixels.
    pub width: Option<i64>,
    /// The greatest height there is, in pixels.
    pub height: Option<i64>,
}

impl Icon {
    /// The address of the icon at a size. One whose size is not open is what it is.
    ///
    /// ```
    /// use russet_domain::catalog::Icon;
    ///
    /// let icon = Icon { template: "https://example.com/{w}x{h}bb.{f}".into(), width: None, height: None };
    /// assert_eq!(icon.at(64), "https://example.com/64x64bb.png");
    /// ```
    #[must_use]
    pub fn at(&self, pixels: u32) -> String {
        let pixels = pixels.to_string();
        self.template
            .replace("{w}", &pixels)
            .replace("{h}", &pixels)
            .replace("{c}", "bb")
            .replace("{f}", "png")
    }
}

/// A price. Nothing is computed with it, so the amount stays as Apple writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    /// The amount, such as `4.99`; `0` is free.
    pub amount: String,
    /// ISO 4217, as far as Apple says.
    pub currency: Option<String>,
}

/// What a store says about a product on one platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlatformFacts {
    /// The platform.
    pub platform: Platform,
    /// What its devices know the app by, where it is another than elsewhere.
    pub bundle_id: Option<String>,
    /// The number that decides whether there is an update: compared with the one that a device reports.
    pub external_version: Option<i64>,
    /// The version that people read, without blanks around it. Apple promises no order between two of them.
    pub shown_version: Option<String>,
    /// The oldest system it runs on.
    pub minimum_os: Option<String>,
    /// When this version came out, as Apple writes it.
    pub released_on: Option<String>,
}

impl PlatformFacts {
    /// A platform of which nothing is known yet.
    #[must_use]
    pub fn of(platform: Platform) -> Self {
        Self {
            platform,
            bundle_id: None,
            external_version: None,
            shown_version: None,
            minimum_os: None,
            released_on: None,
        }
    }

    /// Whether it says which version there is.
    #[must_use]
    pub fn has_version(&self) -> bool {
        self.external_version.is_some() || self.shown_version.is_some()
    }

    fn fill(&mut self, other: Self) {
        // A version's number, text and date belong together.
        if !self.has_version() {
            self.external_version = other.external_version;
            self.shown_version = other.shown_version;
            self.released_on = other.released_on;
        }
        fill(&mut self.bundle_id, other.bundle_id);
        fill(&mut self.minimum_os, other.minimum_os);
    }
}

/// A system that apps run on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Platform {
    /// iPhone, iPad and iPod.
    Ios,
    /// Mac.
    Macos,
    /// Apple TV.
    Tvos,
    /// Apple Watch.
    Watchos,
    /// Apple Vision.
    Visionos,
    /// One that Apple added later; kept as it came.
    Other(String),
}

impl Platform {
    /// Reads any of Apple's spellings: of assets (`iOS`), of attributes (`osx`), of device families (`ipad`), and of the
    /// `platform` parameter (`realityDevice`).
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        match text.trim().to_ascii_lowercase().as_str() {
            "ios" | "ipados" | "iphone" | "ipad" | "ipod" => Self::Ios,
            "macos" | "osx" | "mac" => Self::Macos,
            "tvos" | "appletvos" | "appletv" | "tv" => Self::Tvos,
            "watchos" | "watch" | "applewatch" => Self::Watchos,
            "visionos" | "xros" | "realitydevice" | "vision" => Self::Visionos,
            _ => Self::Other(text.trim().to_owned()),
        }
    }

    /// The spelling of assets, which is also the one stored and shown.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Ios => "iOS",
            Self::Macos => "macOS",
            Self::Tvos => "tvOS",
            Self::Watchos => "watchOS",
            Self::Visionos => "visionOS",
            Self::Other(text) => text,
        }
    }
}

impl AppFacts {
    /// A product of which nothing but the number is known.
    #[must_use]
    pub fn of(adam_id: impl Into<String>) -> Self {
        Self { adam_id: adam_id.into(), ..Self::default() }
    }

    /// What it says of a platform.
    #[must_use]
    pub fn on(&self, platform: &Platform) -> Option<&PlatformFacts> {
        self.platforms.iter().find(|facts| facts.platform == *platform)
    }

    /// Adds what another answer about the same product says and this one does not.
    pub fn fill(&mut self, other: Self) {
        fill(&mut self.name, other.name);
        fill(&mut self.artist, other.artist);
        fill(&mut self.bundle_id, other.bundle_id);
        fill(&mut self.watch_bundle_id, other.watch_bundle_id);
        fill(&mut self.icon, other.icon);
        fill(&mut self.price, other.price);
        fill(&mut self.sold, other.sold);
        fill(&mut self.custom, other.custom);
        fill(&mut self.device_licensable, other.device_licensable);
        fill(&mut self.released_on, other.released_on);
        fill(&mut self.store_url, other.store_url);
        for family in other.families {
            if !self.families.contains(&family) {
                self.families.push(family);
            }
        }
        for facts in other.platforms {
            self.add(facts);
        }
    }

    /// Adds what is known of a platform.
    pub fn add(&mut self, facts: PlatformFacts) {
        match self.platforms.iter_mut().find(|known| known.platform == facts.platform) {
            Some(known) => known.fill(facts),
            None => self.platforms.push(facts),
        }
    }
}

fn fill<T>(known: &mut Option<T>, other: Option<T>) {
    if known.is_none() {
        *known = other;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_platform_is_one_platform() {
        for text in ["iOS", "ios", "iphone", "iPad", " ipod "] {
            assert_eq!(Platform::from_text(text), Platform::Ios);
        }
        for text in ["macOS", "osx", "mac"] {
            assert_eq!(Platform::from_text(text).as_str(), "macOS");
        }
        assert_eq!(Platform::from_text("realityDevice"), Platform::Visionos);
        assert_eq!(Platform::from_text("carOS").as_str(), "carOS");
    }

    #[test]
    fn a_second_answer_adds_and_replaces_nothing() {
        let mut first = AppFacts { name: Some("Pages".into()), ..AppFacts::of("1") };
        first.add(PlatformFacts { external_version: Some(7), ..PlatformFacts::of(Platform::Ios) });
        let mut second =
            AppFacts { name: Some("Pagina's".into()), artist: Some("Apple".into()), ..AppFacts::of("1") };
        let ios = PlatformFacts {
            external_version: Some(8),
            shown_version: Some("8.0".into()),
            minimum_os: Some("17.0".into()),
            ..PlatformFacts::of(Platform::Ios)
        };
        second.add(ios);
        second.add(PlatformFacts { external_version: Some(9), ..PlatformFacts::of(Platform::Macos) });
        first.fill(second);
        assert_eq!((first.name.as_deref(), first.artist.as_deref()), (Some("Pages"), Some("Apple")));
        let ios = first.on(&Platform::Ios).unwrap();
        // The text of another version would be a lie beside the number of this one.
        assert_eq!((ios.external_version, ios.shown_version.as_deref()), (Some(7), None));
        assert_eq!(ios.minimum_os.as_deref(), Some("17.0"));
        assert_eq!(first.on(&Platform::Macos).unwrap().external_version, Some(9));
    }
}
