//! Remembers which pace the limiter was told for which token, so that it is told again only when it changes.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use russet_domain::TokenId;

/// The limiter may lose everything with its Redis, so it is told again after this long.
const GOOD_FOR: Duration = Duration::from_secs(60);
/// More tokens than one installation holds; beyond it everything is told anew.
const TOKENS_MAX: usize = 10_000;

#[derive(Default)]
pub(crate) struct Rates(Mutex<HashMap<TokenId, (f64, Instant)>>);

impl Rates {
    /// Whether the limiter may not know that `token` has the pace `rate`.
    pub(crate) fn differs(&self, token: TokenId, rate: f64) -> bool {
        let told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.get(&token).is_none_or(|(known, at)| *known != rate || at.elapsed() > GOOD_FOR)
    }

    pub(crate) fn remember(&self, token: TokenId, rate: f64) {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() >= TOKENS_MAX {
            told.clear();
        }
        told.insert(token, (rate, Instant::now()));
    }
}
