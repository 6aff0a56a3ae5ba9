//! Asks for names and versions of products to be read from the store of a country.

use super::payload;
use crate::{Job, Unreadable};

/// Read what Apple's store of a country says about the products that tokens own. There is one such message for a country and
/// a kind of account, however many tokens there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshCatalog {
    /// The store's country, ISO 3166-1 alpha-2.
    pub country: String,
    /// `business` or `education`.
    pub account_type: String,
}

impl Job for RefreshCatalog {
    const KIND: &'static str = "refresh_catalog";

    fn key(&self) -> String {
        format!("{}.{}", self.country, self.account_type)
    }

    fn payload(&self) -> String {
        payload::write_words(&[("country", &self.country), ("account_type", &self.account_type)])
    }

    fn read(payload: &str) -> Result<Self, Unreadable> {
        let word = |field| payload::read_word(payload, field);
        Ok(Self { country: word("country")?, account_type: word("account_type")? })
    }
}
