//! Stories of the client over real HTTP: small servers that answer well, badly or not at all.

// The helpers of tests may fail like the tests themselves.
#![allow(clippy::unwrap_used)]

mod http {
    mod answers;
    mod catalog;
    mod failures;
    mod server;
    mod users;
}
