//! Reads from Apple's stores what they say about the products that tokens own.
//!
//! Products are asked for by store and not by token: thousands of tokens of one country that own the same apps cost as
//! many requests as one.

mod ask;
mod jobs;
mod judge;
mod stop;

use russet_apple::catalog::Catalog;
use russet_domain::{Timestamp, TokenId};
use russet_queue::When;
use russet_queue::jobs::RefreshCatalog;
use russet_store::Tx;
use russet_store::catalog::{self, Storefront};

pub(crate) use ask::Asker;
pub(crate) use jobs::{close_jobs, due_before, start_jobs};
pub(crate) use judge::judge;
pub(crate) use stop::Stop;

use crate::context::Context;
use crate::error::JobError;

/// Under which name the address of Apple's legacy lookup is kept. Every worker of every version reads it; it never changes.
pub(crate) const LOOKUP_META_KEY: &str = "apple_lookup_url";

/// Where names and versions of products come from.
#[derive(Clone, Debug)]
pub struct CatalogSource {
    /// Apple's metadata services.
    pub client: Catalog,
    /// Whether they are asked at all.
    pub is_on: bool,
    /// Requests a second to each of them, over all workers.
    pub rate_per_s: f64,
    /// The countries whose stores are asked for products that a token's own has not.
    pub fallback_countries: Vec<String>,
}

/// Notes in a transaction that the store of a token's country is to be read, when the token owns something that nobody has
/// asked it about: something bought a moment ago, or everything after its country was changed.
pub(crate) async fn want_if_incomplete(
    ctx: &Context,
    tx: &mut Tx,
    token: TokenId,
    now: Timestamp,
) -> Result<Option<Storefront>, JobError> {
    if !ctx.catalog.is_on {
        return Ok(None);
    }
    let found = catalog::is_incomplete(tx, token, ctx.catalog.client.language()).await?;
    if let Some(storefront) = &found {
        catalog::want(tx, std::slice::from_ref(storefront), now).await?;
    }
    Ok(found)
}

/// Has a store read that was noted to be wanted.
pub(crate) async fn wake(ctx: &Context, storefront: Option<Storefront>) -> Result<(), JobError> {
    let Some(storefront) = storefront else { return Ok(()) };
    ctx.push(&message(storefront), When::default()).await
}

/// The message about a storefront.
pub(crate) fn message(storefront: Storefront) -> RefreshCatalog {
    RefreshCatalog { country: storefront.country, account_type: storefront.account_type }
}
