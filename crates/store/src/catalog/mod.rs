//! The catalog: what Apple's stores say about the products that locations own.
//!
//! A row stands for a product in the store of a country and a language, however many tokens own it: thousands of tokens
//! of one country share it.

mod counts;
mod due;
mod list;
mod names;
mod read;
mod refreshes;
mod write;

use russet_domain::Timestamp;
use russet_domain::catalog::{AppFacts, Known, Listing};

pub use due::{After, Due, due, elsewhere, is_incomplete, mark_due, owners, storefronts};
pub use list::{Filter, Owned, Place, Quality, list};
pub use names::names;
pub use read::{Version, apps, versions};
pub use refreshes::{
    Progress, Refresh, all, began, ended, failed, find, note_progress, open, set_note, want,
};
pub use write::{Said, Verdict, write};

use crate::engine::{Db, Tx};
use crate::error::StoreError;
use crate::meta;

/// The country whose store a token's products are looked for in, of tokens called `$tokens`.
macro_rules! store_country {
    ($tokens:literal) => {
        concat!(
            "upper(coalesce(nullif(",
            $tokens,
            ".country, ''), nullif(",
            $tokens,
            ".apple_country, ''), 'US'))"
        )
    };
}
pub(crate) use store_country;

/// Under this name stands the language that names are read in, which workers write and the API reads.
const LANGUAGE: &str = "catalog_language";

/// The store of a country, for the tokens of one kind of account: what is read from Apple in one go.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Storefront {
    /// ISO 3166-1 alpha-2, in upper case.
    pub country: String,
    /// `business` or `education`: each has a service of its own.
    pub account_type: String,
}

/// A product in the store of a country.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct App {
    /// The store's country.
    pub country: String,
    /// Whether the store has it.
    pub listing: Listing,
    /// Since when.
    pub since: Timestamp,
    /// The country whose store said what is known, when it is another.
    pub found_in: Option<String>,
    /// Which of Apple's services said it: `organization` or `lookup`.
    pub source: Option<String>,
    /// What is known, without versions: see [`versions`].
    pub facts: AppFacts,
    /// When it was first looked for.
    pub first_seen_at: Timestamp,
    /// When it was last looked for.
    pub looked_at: Timestamp,
    /// When a store last said something about it.
    pub fetched_at: Option<Timestamp>,
}

impl App {
    /// What the domain decides by.
    #[must_use]
    pub fn known(&self) -> Known {
        Known {
            listing: self.listing,
            since: self.since,
            found_in: self.found_in.clone(),
            has_facts: self.fetched_at.is_some(),
        }
    }
}

/// The language that names are read in; empty for each store's own.
///
/// # Errors
/// As any statement.
pub async fn language(db: &mut Db) -> Result<String, StoreError> {
    Ok(meta::get(db, LANGUAGE).await?.unwrap_or_default())
}

/// Notes the language that names are read in.
///
/// # Errors
/// As any statement.
pub async fn set_language(tx: &mut Tx, language: &str) -> Result<(), StoreError> {
    if self::language(tx).await? == language {
        return Ok(());
    }
    meta::set(tx, LANGUAGE, language).await
}
