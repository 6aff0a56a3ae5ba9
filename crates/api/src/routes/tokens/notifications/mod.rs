//! `/api/v1/tokens/{token}/notifications`: what Apple sent for a token, and whether it still does.

pub(crate) mod list;
mod registering;
pub(crate) mod rotate;
pub(crate) mod show;
pub(crate) mod test;
