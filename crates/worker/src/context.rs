//! What every handler has at hand: the store, the queue, Apple, the settings and the time.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use russet_apple::Apple;
use russet_domain::event::Patience;
use russet_domain::limits::Limits;
use russet_domain::token::MdmInfo;
use russet_domain::{Timestamp, TokenId};
use russet_mdm::{Callbacks, Connectors};
use russet_queue::{Job, Pace, Places, Queue, When};
use russet_store::tokens::Token;
use russet_store::{Store, StoreError, Tx, limits as kept_limits, policies, tokens};
use tokio_util::sync::CancellationToken;

use crate::Settings;
use crate::catalog::CatalogSource;
use crate::error::JobError;
use crate::rates::Rates;

/// How many more slices work may take while the worker has free places.
const MORE_SLICES: u32 = 4;
/// How long the limits read from the database are good for before they are read again.
const LIMITS_FRESH: Duration = Duration::from_secs(10);

/// Shared by all handlers of a process; cheap to clone.
#[derive(Clone)]
pub(crate) struct Context {
    inner: Arc<Inner>,
    /// What long work goes by, so that it ends at the next good moment.
    run: Option<(CancellationToken, Places)>,
}

pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) queue: Queue,
    pub(crate) apple: Apple,
    pub(crate) catalog: CatalogSource,
    pub(crate) mdm: Callbacks,
    pub(crate) servers: Connectors,
    pub(crate) mdm_settings: russet_mdm::Settings,
    pub(crate) settings: Settings,
    pub(crate) patience: Patience,
    pub(crate) rate_share: f64,
    /// Where Apple can reach us; empty when it cannot.
    pub(crate) public_url: String,
    /// How we claim a location.
    pub(crate) ours: MdmInfo,
    pub(crate) pace: Pace,
    pub(crate) rates: Rates,
    limits: Mutex<Option<(Instant, Limits)>>,
}

impl std::ops::Deref for Context {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.inner
    }
}

impl Context {
    pub(crate) fn new(wiring: crate::Wiring, ours: MdmInfo) -> Self {
        let inner = Inner {
            store: wiring.store,
            pace: wiring.queue.pace(),
            queue: wiring.queue,
            rates: Rates::default(),
            apple: wiring.apple,
            catalog: wiring.catalog,
            mdm: wiring.mdm,
            servers: wiring.servers,
            mdm_settings: wiring.mdm_settings,
            patience: wiring.patience,
            rate_share: wiring.rate_share,
            public_url: wiring.public_url.trim_end_matches('/').to_owned(),
            settings: wiring.settings,
            ours,
            limits: Mutex::new(None),
        };
        Self { inner: Arc::new(inner), run: None }
    }

    /// The same for one run of a message.
    pub(crate) fn for_run(&self, stopping: CancellationToken, places: Places) -> Self {
        Self { inner: Arc::clone(&self.inner), run: Some((stopping, places)) }
    }

    /// The moment, by the queue's clock, which all replicas share.
    pub(crate) fn now(&self) -> Timestamp {
        self.queue.about_now()
    }

    /// How long before its end a token is said to expire soon.
    pub(crate) fn soon(&self) -> Duration {
        Duration::from_secs(u64::from(self.settings.expires_soon_days) * 86_400)
    }

    /// A random number in `[0, 1)`.
    pub(crate) fn unit(&self) -> f64 {
        rand::random()
    }

    /// Until when one piece of work may go on before others get their turn.
    pub(crate) fn slice(&self) -> Slice {
        let slice = Duration::from_millis(self.settings.slice_ms);
        let end = Instant::now() + slice;
        Slice { end, last: end + slice * MORE_SLICES, run: self.run.clone() }
    }

    pub(crate) async fn token(&self, id: TokenId) -> Result<Option<Token>, StoreError> {
        let mut db = self.store.read().await?;
        tokens::find(&mut db, id).await
    }

    pub(crate) async fn begin(&self) -> Result<Tx, StoreError> {
        self.store.begin().await
    }

    pub(crate) async fn push<J: Job>(&self, job: &J, when: When) -> Result<(), JobError> {
        Ok(self.queue.push(job, when).await?)
    }

    /// Whether nothing is to be sent for a token that changes anything. What is planned stays so, and the policy's change wakes it.
    pub(crate) async fn is_read_only(&self, token: TokenId) -> Result<bool, StoreError> {
        let mut db = self.store.read().await?;
        Ok(policies::read(&mut db, token).await?.is_read_only())
    }

    /// Apple's limits as last read, or the documented samples.
    pub(crate) async fn limits(&self) -> Result<Limits, StoreError> {
        let known = *self.limits.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some((read, limits)) = known
            && read.elapsed() < LIMITS_FRESH
        {
            return Ok(limits);
        }
        let mut db = self.store.read().await?;
        // Before the first reading the samples have to do, and only until a worker, maybe another one, has read them.
        let Some(limits) = kept_limits::kept(&mut db).await? else { return Ok(Limits::default()) };
        self.remember_limits(limits);
        Ok(limits)
    }

    pub(crate) fn remember_limits(&self, limits: Limits) {
        let mut known = self.limits.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *known = Some((Instant::now(), limits));
    }

    /// The address that Apple is to call for a token, when there is one.
    pub(crate) fn notification_url(&self, token: TokenId) -> Option<String> {
        let base = &self.public_url;
        (!base.is_empty()).then(|| format!("{base}/api/v1/apple/notifications/{token}"))
    }
}

/// A fair share of time.
pub(crate) struct Slice {
    end: Instant,
    last: Instant,
    run: Option<(CancellationToken, Places)>,
}

impl Slice {
    /// Whether others are to get their turn: at once when the worker is to stop, and later when nobody waits for a
    /// place; but not much later, as what has come meanwhile may be more urgent.
    pub(crate) fn is_over(&self) -> bool {
        let now = Instant::now();
        let (stopping, in_the_way) = match &self.run {
            Some((stopping, places)) => (stopping.is_cancelled(), !places.any_free()),
            None => (false, true),
        };
        stopping || now >= self.last || (now >= self.end && in_the_way)
    }
}
