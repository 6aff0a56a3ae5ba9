//! Claims messages while there is room for them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::crew::{Crew, Hold, about, put_back};
use super::ear::Ear;
use super::feed::Delivery;
use crate::contract::{Ask, CLAIM_MAX, Claimed, Taken};

/// Signals do not get lost, except with a worker that dies between hearing one and claiming. So everyone looks
/// without being told, but rarely.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// The first pause after a claim that failed, and the longest.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// Claims until told to stop. What was claimed and cannot be delivered any more is put back.
///
/// What one claim has brought is delivered while the next is on its way, so that neither waits for the other.
pub(super) async fn claim(crew: Arc<Crew>, ear: Arc<Ear>, deliveries: mpsc::Sender<Delivery>) {
    let mut request = 0;
    let mut brought = Vec::new();
    // When the next message is due, as far as this worker knows.
    let mut next_due: Option<Instant> = None;
    while !crew.stop.is_cancelled() {
        let room = crew.room();
        if room == 0 {
            deliver(&crew, std::mem::take(&mut brought), &deliveries).await;
            // Others may have room, and what we know or heard they may not.
            if ear.take() || next_due.is_some_and(|due| due <= Instant::now()) {
                next_due = None;
                pass_on(&crew).await;
            }
            tokio::select! {
                () = crew.made_room() => {}
                () = ear.told() => {}
                () = reached(next_due) => {}
                () = crew.stop.cancelled() => {}
            }
            continue;
        }
        ear.take();
        request += 1;
        let max = room.min(CLAIM_MAX);
        let before = deliver(&crew, std::mem::take(&mut brought), &deliveries);
        let (answer, ()) = tokio::join!(ask(&crew, request, max), before);
        let Some((claimed, sent)) = answer else { break };
        let full = claimed.taken.len() == max || claimed.more;
        next_due = claimed.next_in_ms.map(|millis| Instant::now() + Duration::from_millis(millis));
        brought = take_on(&crew, claimed, sent);
        if full {
            continue;
        }
        deliver(&crew, std::mem::take(&mut brought), &deliveries).await;
        tokio::select! {
            () = ear.signal() => {}
            () = reached(next_due) => {}
            () = tokio::time::sleep(about(LOOK_EVERY)) => {}
            () = crew.stop.cancelled() => {}
        }
    }
    deliver(&crew, brought, &deliveries).await;
    // A signal that came too late for us is still good for another.
    pass_on(&crew).await;
}

/// Waits for a moment; for ever when there is none.
async fn reached(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment.into()).await,
        None => std::future::pending().await,
    }
}

/// Asks until there is an answer. The request keeps its number, so an answer that was lost comes again. Nothing once
/// the worker is to stop and Redis is away, when only the leases' end can hand back what may have been claimed.
async fn ask(crew: &Crew, request: u64, max: usize) -> Option<(Claimed, Instant)> {
    let (mut pause, longest) = PAUSE;
    let mut failed = false;
    loop {
        let sent = Instant::now();
        match crew.queue.claim(&crew.claimant, Ask { request, max }).await {
            Ok(claimed) => {
                if failed {
                    tracing::info!("messages can be claimed again");
                }
                return Some((claimed, sent));
            }
            Err(error) if failed => tracing::debug!(%error, "still no messages can be claimed"),
            Err(error) => tracing::warn!(%error, "no messages can be claimed for the moment"),
        }
        failed = true;
        if crew.stop.is_cancelled() {
            return None;
        }
        tokio::time::sleep(about(pause)).await;
        pause = (pause * 2).min(longest);
    }
}

/// Takes charge of what a claim has brought.
fn take_on(crew: &Crew, claimed: Claimed, sent: Instant) -> Vec<(Taken, Hold)> {
    let hold = |taken: Taken| {
        let hold = crew.take_on(&taken, sent);
        (taken, hold)
    };
    claimed.taken.into_iter().map(hold).collect()
}

async fn deliver(crew: &Arc<Crew>, brought: Vec<(Taken, Hold)>, deliveries: &mpsc::Sender<Delivery>) {
    for (taken, hold) in brought {
        if crew.stop.is_cancelled() {
            crew.end(&taken, &hold, put_back(&taken));
            continue;
        }
        match Crew::read(&taken) {
            Ok(job) => {
                // There is a place for each, so this does not wait; a delivery that fails puts its message back.
                let _ = deliveries.send(Delivery::new(Arc::clone(crew), taken, job, hold)).await;
            }
            Err(error) => {
                tracing::error!(message.id = &*taken.id, %error, "a message cannot be read and is set aside");
                crew.end(&taken, &hold, Crew::unreadable(&taken, &error));
            }
        }
    }
}

async fn pass_on(crew: &Crew) {
    if let Err(error) = crew.queue.signal().await {
        tracing::debug!(%error, "cannot wake another worker for the moment");
    }
}
