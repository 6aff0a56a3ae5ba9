//! Waits for a condition, never for a time.

use std::time::{Duration, Instant};

/// How long anything in a story may take.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How often is looked.
const EVERY: Duration = Duration::from_millis(40);

/// Looks again and again until what is awaited is there; until then `look` says what it saw instead.
///
/// # Panics
///
/// When it does not come within [`PATIENCE`], with what was awaited and what was seen last.
pub async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Result<T, String>) -> T {
    let start = Instant::now();
    loop {
        match look().await {
            Ok(found) => return found,
            Err(seen) => {
                assert!(
                    start.elapsed() < PATIENCE,
                    "still awaited after {} s: {what}; last seen: {seen}",
                    PATIENCE.as_secs()
                );
            }
        }
        tokio::time::sleep(EVERY).await;
    }
}
