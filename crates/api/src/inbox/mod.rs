//! Writes down what servers tell us by webhook: what arrives at once shares one transaction.
//!
//! Apple sends hundreds of notifications within seconds after one large request, and a thousand devices that wake up in the
//! morning make an MDM server tell thousands of things. All of them give up on an answer that takes long, and some never call
//! again. A letter is answered only once it stands in the database.

mod message;
mod note;

pub(crate) use message::Message;
pub(crate) use note::Note;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use russet_domain::Timestamp;
use russet_store::{Store, StoreError, Tx};
use tokio::sync::{mpsc, oneshot};

use crate::error::ApiError;
use crate::metrics::{Metrics, more};
use crate::problem::chain;
use crate::push::Pusher;
use crate::retrying::retrying;
use crate::time;

/// The most letters that share a transaction, and that wait for one.
const BATCH_MAX: usize = 256;
/// How long a letter waits for its turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// Something that came by webhook, as it came.
pub(crate) trait Letter: Send + Sync + 'static {
    /// Whom it is for.
    type Recipient: Ord + Copy + Send + Sync;

    fn recipient(&self) -> Self::Recipient;

    /// Writes it down. Tells whether it was new.
    fn keep(&self, tx: &mut Tx, now: Timestamp) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Where it is counted.
    fn counters(metrics: &Metrics) -> Counters<'_>;

    /// Has the letters of these recipients read.
    fn wake(push: &Pusher, recipients: BTreeSet<Self::Recipient>) -> impl Future<Output = ()> + Send;
}

/// What is counted of one kind of letters.
pub(crate) struct Counters<'a> {
    /// Transactions.
    pub(crate) batches: &'a AtomicU64,
    /// Letters that were new.
    pub(crate) stored: &'a AtomicU64,
    /// Letters that had come before.
    pub(crate) repeated: &'a AtomicU64,
}

/// Where letters of one kind are handed in.
pub(crate) struct Inbox<L> {
    arrivals: mpsc::Sender<Arrival<L>>,
}

struct Arrival<L> {
    letter: L,
    /// Told whether it was new, once it stands.
    written: oneshot::Sender<Result<bool, ApiError>>,
}

impl<L: Letter> Inbox<L> {
    /// Starts the task that writes; it ends with the inbox.
    pub(crate) fn open(store: Store, metrics: Arc<Metrics>, push: Pusher) -> Self {
        let (arrivals, queue) = mpsc::channel(BATCH_MAX);
        tokio::spawn(write_all(Writer { store, metrics, push }, queue));
        Self { arrivals }
    }

    /// Writes a letter down. Tells whether it was new. May be repeated.
    ///
    /// # Errors
    /// When the database cannot take it, or not in time.
    pub(crate) async fn write(&self, letter: L) -> Result<bool, ApiError> {
        let (written, answer) = oneshot::channel();
        let arrival = Arrival { letter, written };
        self.arrivals.send_timeout(arrival, PATIENCE).await.map_err(|_| ApiError::Overloaded)?;
        answer.await.map_err(|_| ApiError::Overloaded)?
    }
}

struct Writer {
    store: Store,
    metrics: Arc<Metrics>,
    push: Pusher,
}

async fn write_all<L: Letter>(writer: Writer, mut queue: mpsc::Receiver<Arrival<L>>) {
    let mut batch = Vec::with_capacity(BATCH_MAX);
    while queue.recv_many(&mut batch, BATCH_MAX).await > 0 {
        let (letters, waiting): (Vec<_>, Vec<_>) =
            batch.drain(..).map(|arrival| (arrival.letter, arrival.written)).unzip();
        match writer.write(&letters).await {
            Ok(news) => writer.tell(&letters, waiting, news).await,
            // One of them may be at fault, such as one for a token removed meanwhile: the others must not suffer.
            Err(error) => {
                tracing::debug!(error = %chain(&error), "letters are written one by one");
                for (letter, written) in letters.iter().zip(waiting) {
                    let letter = std::slice::from_ref(letter);
                    match writer.write(letter).await {
                        Ok(news) => writer.tell(letter, vec![written], news).await,
                        Err(error) => drop(written.send(Err(error))),
                    }
                }
            }
        }
    }
}

impl Writer {
    /// Writes letters in one transaction; tells of each whether it was new.
    async fn write<L: Letter>(&self, letters: &[L]) -> Result<Vec<bool>, ApiError> {
        let news = retrying(|| async {
            let now = time::now();
            let mut tx = self.store.begin().await?;
            let mut news = Vec::with_capacity(letters.len());
            for letter in letters {
                news.push(letter.keep(&mut tx, now).await?);
            }
            tx.commit().await?;
            Ok(news)
        })
        .await?;
        more(L::counters(&self.metrics).batches);
        Ok(news)
    }

    async fn tell<L: Letter>(
        &self,
        letters: &[L],
        waiting: Vec<oneshot::Sender<Result<bool, ApiError>>>,
        news: Vec<bool>,
    ) {
        let counters = L::counters(&self.metrics);
        let mut recipients = BTreeSet::new();
        for ((letter, written), new) in letters.iter().zip(waiting).zip(news) {
            if new {
                recipients.insert(letter.recipient());
            }
            let counter = if new { counters.stored } else { counters.repeated };
            counter.fetch_add(1, Ordering::Relaxed);
            // Whoever sent it may have gone; it is written down all the same.
            let _ = written.send(Ok(new));
        }
        if !recipients.is_empty() {
            L::wake(&self.push, recipients).await;
        }
    }
}
