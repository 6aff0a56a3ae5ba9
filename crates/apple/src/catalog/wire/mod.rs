//! The JSON of the metadata services, read leniently: a field that is missing, null or of a neighboring kind costs that
//! field and never the product.

pub(super) mod errors;
mod lenient;
pub(super) mod lookup;
pub(super) mod organization;
mod product;

#[cfg(test)]
mod mutations;
