//! Puts every crate's settings together.
