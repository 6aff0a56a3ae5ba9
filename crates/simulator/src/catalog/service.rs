//! The metadata services by their names and paths.

/// What can be asked of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    OwnedApps,
    OwnedBooks,
    Purchases,
    Apps,
    Books,
    /// The older lookup, which needs no developer's key.
    Lookup,
}

impl Service {
    /// In the order of their numbers, which the ledger counts by.
    pub(crate) const ALL: [Self; 6] =
        [Self::OwnedApps, Self::OwnedBooks, Self::Purchases, Self::Apps, Self::Books, Self::Lookup];

    /// The name in the ledger.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::OwnedApps => "owned_apps",
            Self::OwnedBooks => "owned_books",
            Self::Purchases => "purchases",
            Self::Apps => "apps",
            Self::Books => "books",
            Self::Lookup => "lookup",
        }
    }

    /// The service of a path behind the storefront, and the one product that it names.
    pub(crate) fn at(path: &str) -> Option<(Self, Option<&str>)> {
        match path.split_once('/') {
            None => match path {
                "stoken-authenticated-apps" => Some((Self::OwnedApps, None)),
                "stoken-authenticated-books" => Some((Self::OwnedBooks, None)),
                "stoken-authenticated-purchases" => Some((Self::Purchases, None)),
                "apps" => Some((Self::Apps, None)),
                "books" => Some((Self::Books, None)),
                _ => None,
            },
            Some(("apps", id)) => Some((Self::Apps, Some(id))),
            Some(("books", id)) => Some((Self::Books, Some(id))),
            Some(_) => None,
        }
    }

    /// Whether it shows only what the location of a token owns.
    pub(crate) fn is_owned_only(self) -> bool {
        match self {
            Self::OwnedApps | Self::OwnedBooks | Self::Purchases => true,
            Self::Apps | Self::Books | Self::Lookup => false,
        }
    }

    /// Whether it must be told for which platform.
    pub(crate) fn needs_platform(self) -> bool {
        match self {
            Self::OwnedApps | Self::Apps => true,
            Self::OwnedBooks | Self::Books | Self::Purchases | Self::Lookup => false,
        }
    }
}
