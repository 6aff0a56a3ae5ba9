//! Renews leases and takes over what vanished workers held, whatever the handlers are doing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::crew::{Crew, about};
use crate::contract::BATCH_MAX;

/// How soon a renewal that failed is tried again.
const PAUSE: Duration = Duration::from_millis(200);

/// Renews and rescues for ever.
pub(super) async fn keep(crew: Arc<Crew>) {
    let every = Duration::from_millis(crew.queue.settings().renew_ms);
    // At once, because if nobody has looked for a while an amnesty is to pass first.
    rescue(&crew).await;
    loop {
        // At random, so that many workers do not come together; never later than the setting says.
        tokio::time::sleep(about(every).max(every.mul_f64(0.8))).await;
        renew(&crew).await;
        rescue(&crew).await;
    }
}

async fn renew(crew: &Crew) {
    let leases = crew.leases();
    for batch in leases.chunks(BATCH_MAX) {
        let (fences, named): (Vec<u64>, Vec<(String, String)>) = batch.iter().cloned().unzip();
        let mut failed = false;
        loop {
            let sent = Instant::now();
            match crew.queue.renew(&named).await {
                Ok(lost) => {
                    crew.renewed(&fences, sent);
                    lost.into_iter()
                        .filter_map(|position| fences.get(position))
                        .for_each(|fence| crew.lose(*fence));
                    break;
                }
                Err(error) if failed => tracing::debug!(%error, "still no leases can be renewed"),
                Err(error) => tracing::warn!(%error, "no leases can be renewed for the moment"),
            }
            failed = true;
            crew.lose_unrenewed();
            tokio::time::sleep(about(PAUSE)).await;
        }
    }
}

async fn rescue(crew: &Crew) {
    match crew.queue.rescue().await {
        Ok(rescued) => {
            if rescued.rescued > 0 {
                tracing::warn!(messages = rescued.rescued, "took messages over from a worker that vanished");
            }
            if rescued.poisoned > 0 {
                tracing::error!(
                    messages = rescued.poisoned,
                    "set messages aside that took too many workers down"
                );
            }
        }
        Err(error) => tracing::debug!(%error, "cannot look for abandoned messages for the moment"),
    }
}
