//! The catalog: what Apple's stores say about products, and what becomes of one that a store no longer has.

mod facts;
mod listing;

pub use facts::{AppFacts, Icon, Platform, PlatformFacts, Price};
pub use listing::{
    DEFAULT_COUNTRY, Known, Listing, Looked, Search, judge, looked_here, search, store_country,
};
