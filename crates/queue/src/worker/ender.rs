//! Writes down how runs ended, as many at once as have ended meanwhile.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::crew::{Crew, about};
use crate::QueueError;
use crate::contract::{BATCH_MAX, End};

/// The first pause after a failure, and the longest.
const PAUSE: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));
/// How often an ending that Redis refuses is tried; then its lease runs out and the message runs again.
const REFUSALS_MAX: u32 = 5;

/// Writes endings down for ever.
pub(super) async fn write(crew: Arc<Crew>, mut endings: mpsc::UnboundedReceiver<(u64, End)>) {
    let mut batch = Vec::with_capacity(BATCH_MAX);
    while endings.recv_many(&mut batch, BATCH_MAX).await > 0 {
        let (tickets, ends): (Vec<u64>, Vec<End>) = batch.drain(..).unzip();
        write_batch(&crew, &ends).await;
        crew.let_go(tickets.into_iter());
    }
}

async fn write_batch(crew: &Crew, ends: &[End]) {
    match attempt(crew, ends).await {
        Ok(()) => {}
        // One that Redis will not have must not keep the others from being written.
        Err(_) if ends.len() > 1 => {
            for end in ends {
                if let Err(error) = attempt(crew, std::slice::from_ref(end)).await {
                    tracing::error!(message.id = &*end.id, %error, "an ending cannot be written down; the message will run again");
                }
            }
        }
        Err(error) => {
            tracing::error!(message.id = &*ends[0].id, %error, "an ending cannot be written down; the message will run again");
        }
    }
}

/// Tries for as long as the trouble may pass, and a few times when it looks as if it may not.
async fn attempt(crew: &Crew, ends: &[End]) -> Result<(), QueueError> {
    let (mut pause, longest) = PAUSE;
    let (mut refusals, mut repeated) = (0, false);
    loop {
        match crew.queue.end(ends).await {
            Ok(refused) => {
                // A repeated ending is refused also when the first try went through and only its answer was lost.
                for end in refused.into_iter().filter(|_| !repeated).filter_map(|position| ends.get(position))
                {
                    tracing::warn!(
                        message.id = &*end.id,
                        "an ending came too late and is void: the lease was lost before"
                    );
                }
                return Ok(());
            }
            Err(error) => {
                if repeated {
                    tracing::debug!(%error, endings = ends.len(), "still no endings can be written down");
                } else {
                    tracing::warn!(%error, endings = ends.len(), "no endings can be written down for the moment");
                }
                if !error.may_pass() {
                    refusals += 1;
                    if refusals >= REFUSALS_MAX {
                        return Err(error);
                    }
                }
            }
        }
        repeated = true;
        tokio::time::sleep(about(pause)).await;
        pause = (pause * 2).min(longest);
    }
}
