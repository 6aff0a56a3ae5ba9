//! What assignments want and what is, side by side, for the domain to decide about; and what it decided, written down.

mod about;
mod claims;
mod plan;
mod standings;
mod unsettled;
mod wanted;
mod write;

pub use about::{About, about};
use claims::holders_of;
pub use plan::{Moves, Plan, look};
use standings::{of_asset, of_holders};
pub use wanted::wanted_among;
use write::Decision;

use std::collections::HashMap;

use russet_domain::reconcile::{Claim, Standing};
use russet_domain::{AssetId, Holder, TokenId};

/// All that decides about some holders and assets.
#[derive(Debug, Default)]
struct Picture {
    /// By asset and holder. Only pairs about which there is something to decide.
    pairs: HashMap<(AssetId, Holder), Pair>,
    /// Whose assets they are.
    tokens: HashMap<AssetId, TokenId>,
}

/// One asset and one holder.
#[derive(Clone, Debug)]
struct Pair {
    /// The assignments that reach the holder.
    claims: Vec<Claim>,
    /// What is.
    standing: Standing,
}
