//! `/api/v1/apps`: what there is, by product instead of by token.

pub(crate) mod devices;
pub(crate) mod list;
pub(crate) mod refresh;
pub(crate) mod show;
