//! What every endpoint has at hand.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use russet_domain::callback::Rules;
use russet_domain::{KeyId, TokenId};
use russet_queue::Queue;
use russet_store::Store;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::Settings;
use crate::inbox::{Inbox, Message, Note};
use crate::metrics::Metrics;
use crate::push::Pusher;
use crate::touches::Touches;

/// A key's last use is written down this often, not at every request.
const TOUCH_EVERY: Duration = Duration::from_secs(60);
/// So is a refused caller: strangers must not be able to make the database write.
const REFUSAL_EVERY: Duration = Duration::from_secs(2);

/// A handle on what every endpoint has at hand; cloning it is cheap.
#[derive(Clone)]
pub(crate) struct App(Arc<Shared>);

/// What every endpoint has at hand.
pub(crate) struct Shared {
    /// The database.
    pub(crate) store: Store,
    /// Where messages wait.
    pub(crate) queue: Queue,
    /// Pushes messages.
    pub(crate) push: Pusher,
    /// `[api]`.
    pub(crate) settings: Settings,
    /// Which addresses jobs may name to be called back.
    pub(crate) callbacks: Rules,
    /// Which addresses MDM servers may have.
    pub(crate) servers: Rules,
    /// What is counted.
    pub(crate) metrics: Arc<Metrics>,
    /// Writes notifications from Apple down.
    pub(crate) notifications: Inbox<Note>,
    /// Writes webhooks of MDM servers down.
    pub(crate) mdm_messages: Inbox<Message>,
    /// When each key was last written down as used.
    pub(crate) touches: Touches<KeyId>,
    /// When it was last written down of each token that somebody called with another secret.
    pub(crate) refusals: Touches<TokenId>,
    /// A permit for each stream of events.
    pub(crate) streams: Arc<Semaphore>,
    /// Asks streams to end.
    pub(crate) stop: CancellationToken,
}

impl App {
    pub(crate) fn new(
        store: Store,
        queue: Queue,
        settings: Settings,
        callbacks: Rules,
        servers: Rules,
        stop: CancellationToken,
    ) -> Self {
        let metrics = Arc::new(Metrics::default());
        let push = Pusher::new(queue.clone(), Arc::clone(&metrics));
        let notifications = Inbox::open(store.clone(), Arc::clone(&metrics), push.clone());
        let mdm_messages = Inbox::open(store.clone(), Arc::clone(&metrics), push.clone());
        let streams = Arc::new(Semaphore::new(settings.sse_streams_max));
        Self(Arc::new(Shared {
            store,
            queue,
            settings,
            callbacks,
            servers,
            metrics,
            push,
            notifications,
            mdm_messages,
            touches: Touches::new(TOUCH_EVERY),
            refusals: Touches::new(REFUSAL_EVERY),
            streams,
            stop,
        }))
    }
}

impl Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// A number of things, wide enough for any.
pub(crate) fn wide(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
