//! Renews leases and takes over what vanished workers held, whatever the handlers are doing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::crew::{Crew, about};
use crate::AnyJob;
use crate::contract::{BATCH_MAX, Named};

/// How soon a renewal that failed is tried again.
const PAUSE: Duration = Duration::from_millis(200);

/// In every how many rounds a worker tells that it is there and asks which kinds there are: often enough not to be
/// forgotten, seldom enough to cost an idle Redis nothing.
const ATTEND_EVERY: u64 = 3;

/// Renews and rescues for ever.
pub(super) async fn keep(crew: Arc<Crew>) {
    let every = Duration::from_millis(crew.queue.settings().renew_ms);
    let mut kinds: Vec<String> = AnyJob::KINDS.iter().map(|kind| (*kind).to_owned()).collect();
    for round in 0_u64.. {
        if round.is_multiple_of(ATTEND_EVERY) {
            attend(&crew, &mut kinds).await;
        }
        // At once, because if nobody has looked for a while an amnesty is to pass first.
        rescue(&crew, &kinds).await;
        // At random, so that many workers do not come together; never later than the setting says.
        tokio::time::sleep(about(every).max(every.mul_f64(0.8))).await;
        renew(&crew).await;
    }
}

/// Tells that this worker is there, for those who ask why a message waits.
async fn attend(crew: &Crew, kinds: &mut Vec<String>) {
    let attended = async {
        crew.queue.attend(&crew.claimant).await?;
        // So that this process knows the queue's time.
        crew.queue.now().await?;
        crew.queue.kinds().await
    };
    match attended.await {
        Ok(found) => *kinds = found,
        Err(error) if error.may_pass() => tracing::debug!(%error, "cannot tell that this worker is there"),
        Err(error) => tracing::error!(%error, "this worker should not be on this queue"),
    }
}

async fn renew(crew: &Crew) {
    let leases = crew.leases();
    for batch in leases.chunks(BATCH_MAX) {
        let (tickets, named): (Vec<u64>, Vec<Named>) = batch.iter().cloned().unzip();
        let mut failed = false;
        loop {
            let sent = Instant::now();
            match crew.queue.renew(&named).await {
                Ok(lost) => {
                    crew.renewed(&tickets, sent);
                    lost.into_iter()
                        .filter_map(|position| tickets.get(position))
                        .for_each(|ticket| crew.lose(*ticket));
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

async fn rescue(crew: &Crew, kinds: &[String]) {
    match crew.queue.rescue_of(kinds).await {
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
