//! Hears the signal that there is something to claim, and only listens while there is room for it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

use super::crew::about;
use crate::queue::Backing;
use crate::redis::Listener;
use crate::{Queue, QueueError};

/// How long to leave a Redis alone that does not answer.
const PAUSE: Duration = Duration::from_millis(400);

/// Hears the signal. It belongs to one task; another, for Redis only, does the listening.
pub(super) struct Ear {
    queue: Queue,
    listener: Option<Listener>,
    listening: AtomicBool,
    heard: AtomicBool,
    asked: Notify,
    told: Notify,
}

impl Ear {
    pub(super) fn new(queue: &Queue) -> Result<Self, QueueError> {
        Ok(Self {
            queue: queue.clone(),
            listener: queue.listener()?,
            listening: AtomicBool::new(false),
            heard: AtomicBool::new(false),
            asked: Notify::new(),
            told: Notify::new(),
        })
    }

    /// Waits for the signal. May be dropped and called again without losing one.
    pub(super) async fn signal(&self) {
        match self.queue.backing() {
            Backing::Memory(memory) => memory.woken().await,
            Backing::Redis(_) => {
                if !self.listening.swap(true, Ordering::AcqRel) {
                    self.asked.notify_one();
                }
                self.told().await;
            }
        }
    }

    /// Waits for a signal that was listened for earlier.
    pub(super) async fn told(&self) {
        self.told.notified().await;
    }

    /// Whether a signal came that nobody has followed yet; it counts as followed now.
    pub(super) fn take(&self) -> bool {
        self.heard.swap(false, Ordering::AcqRel)
    }

    /// Listens whenever asked. A lost connection counts as a signal, as one may have been lost with it.
    pub(super) async fn listen(&self) {
        let Some(listener) = &self.listener else { return };
        loop {
            self.asked.notified().await;
            loop {
                match listener.wait().await {
                    Ok(true) => break,
                    Ok(false) => {}
                    Err(error) => {
                        tracing::debug!(%error, "cannot hear of new messages for the moment");
                        tokio::time::sleep(about(PAUSE)).await;
                        break;
                    }
                }
            }
            self.listening.store(false, Ordering::Release);
            self.heard.store(true, Ordering::Release);
            self.told.notify_one();
        }
    }
}
