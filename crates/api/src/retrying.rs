//! Does a transaction again while others are in its way.

use std::time::Duration;

use crate::error::ApiError;

/// How often a transaction that others were in the way of is done again.
const TRIES_MAX: u32 = 6;

/// Does a whole transaction, and does it again a few times, within about a second, while others are in its way.
pub(crate) async fn retrying<T, F>(mut attempt: impl FnMut() -> F) -> Result<T, ApiError>
where
    F: Future<Output = Result<T, ApiError>>,
{
    let mut tries = 1;
    loop {
        match attempt().await {
            Err(error) if error.passes() && tries < TRIES_MAX => {
                let most = 20_u64 << tries;
                tokio::time::sleep(Duration::from_millis(rand::random_range(0..most))).await;
                tries += 1;
            }
            other => return other,
        }
    }
}
