//! Apple's Apps and Books API v2 over HTTP.
