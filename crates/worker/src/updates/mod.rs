//! Newer versions: to whom they go, and when they go no further.

pub(crate) mod rings;
