//! What assignments want and what is, side by side, for the domain to decide about; and what it decided, written down.

mod claims;
mod standings;
mod write;

pub use claims::{Looked, holders_of};
pub use standings::{of_asset, of_holders};
pub use write::{Decision, write};

use std::collections::HashMap;

use russet_domain::reconcile::{Claim, Standing};
use russet_domain::{AssetId, Holder, TokenId};

/// All that decides about some holders and assets.
#[derive(Debug, Default)]
pub struct Picture {
    /// By asset and holder. Only pairs about which there is something to decide.
    pub pairs: HashMap<(AssetId, Holder), Pair>,
    /// Whose assets they are.
    pub tokens: HashMap<AssetId, TokenId>,
}

/// One asset and one holder.
#[derive(Clone, Debug)]
pub struct Pair {
    /// The assignments that reach the holder.
    pub claims: Vec<Claim>,
    /// What is.
    pub standing: Standing,
}
