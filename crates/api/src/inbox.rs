//! Writes Apple's notifications down: many that arrive at once share one transaction.
//!
//! Apple sends hundreds within seconds after one large request, and gives up on an answer that takes long. A
//! notification is answered only once it stands in the database.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use russet_domain::TokenId;
use russet_store::Store;
use russet_store::notifications::{self, Named};
use tokio::sync::{mpsc, oneshot};

use crate::error::ApiError;
use crate::metrics::{Metrics, more};
use crate::problem::chain;
use crate::push::Pusher;
use crate::retrying::retrying;
use crate::time;

/// The most notifications that share a transaction, and that wait for one.
const BATCH_MAX: usize = 256;
/// How long a notification waits for its turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where notifications are handed in.
pub(crate) struct Inbox {
    arrivals: mpsc::Sender<Arrival>,
}

struct Arrival {
    note: Note,
    /// Told whether it was new, once it stands.
    written: oneshot::Sender<Result<bool, ApiError>>,
}

/// A notification as it came.
#[derive(Clone)]
pub(crate) struct Note {
    /// Whom it came for.
    pub(crate) token: TokenId,
    /// What names it.
    pub(crate) id: String,
    /// Apple's word for its type; empty when there is none.
    pub(crate) kind: String,
    /// What came.
    pub(crate) body: Bytes,
}

impl Inbox {
    /// Starts the task that writes; it ends with the inbox.
    pub(crate) fn open(store: Store, metrics: Arc<Metrics>, push: Pusher) -> Self {
        let (arrivals, queue) = mpsc::channel(BATCH_MAX);
        tokio::spawn(write_all(Writer { store, metrics, push }, queue));
        Self { arrivals }
    }

    /// Writes a notification down. Tells whether it was new. May be repeated.
    ///
    /// # Errors
    /// When the database cannot take it, or not in time.
    pub(crate) async fn write(&self, note: Note) -> Result<bool, ApiError> {
        let (written, answer) = oneshot::channel();
        let arrival = Arrival { note, written };
        self.arrivals.send_timeout(arrival, PATIENCE).await.map_err(|_| ApiError::Overloaded)?;
        answer.await.map_err(|_| ApiError::Overloaded)?
    }
}

struct Writer {
    store: Store,
    metrics: Arc<Metrics>,
    push: Pusher,
}

async fn write_all(writer: Writer, mut queue: mpsc::Receiver<Arrival>) {
    let mut batch = Vec::with_capacity(BATCH_MAX);
    while queue.recv_many(&mut batch, BATCH_MAX).await > 0 {
        let (notes, waiting): (Vec<_>, Vec<_>) =
            batch.drain(..).map(|arrival| (arrival.note, arrival.written)).unzip();
        match writer.write(&notes).await {
            Ok(news) => writer.tell(&notes, waiting, news).await,
            // One of them may be at fault, such as one for a token removed meanwhile: the others must not suffer.
            Err(error) => {
                tracing::debug!(error = %chain(&error), "notifications are written one by one");
                for (note, written) in notes.iter().zip(waiting) {
                    let note = std::slice::from_ref(note);
                    match writer.write(note).await {
                        Ok(news) => writer.tell(note, vec![written], news).await,
                        Err(error) => drop(written.send(Err(error))),
                    }
                }
            }
        }
    }
}

impl Writer {
    /// Writes notifications in one transaction; tells of each whether it was new.
    async fn write(&self, notes: &[Note]) -> Result<Vec<bool>, ApiError> {
        let news = retrying(|| async {
            let now = time::now();
            let mut tx = self.store.begin().await?;
            let mut news = Vec::with_capacity(notes.len());
            for note in notes {
                let named = Named { id: &note.id, kind: &note.kind };
                news.push(notifications::store(&mut tx, note.token, named, &note.body, now).await?);
            }
            tx.commit().await?;
            Ok(news)
        })
        .await?;
        more(&self.metrics.notification_batches);
        Ok(news)
    }

    async fn tell(
        &self,
        notes: &[Note],
        waiting: Vec<oneshot::Sender<Result<bool, ApiError>>>,
        news: Vec<bool>,
    ) {
        let mut tokens = BTreeSet::new();
        for ((note, written), new) in notes.iter().zip(waiting).zip(news) {
            if new {
                tokens.insert(note.token);
            }
            let counter =
                if new { &self.metrics.notifications_stored } else { &self.metrics.notifications_repeated };
            counter.fetch_add(1, Ordering::Relaxed);
            // Whoever sent it may have gone; it is written down all the same.
            let _ = written.send(Ok(new));
        }
        if !tokens.is_empty() {
            self.push.read_notifications(tokens.into_iter()).await;
        }
    }
}
