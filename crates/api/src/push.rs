//! Taps workers on the shoulder. A tap that fails costs seconds: the sweep finds what nobody has moved.

use std::sync::Arc;
use std::time::Duration;

use russet_domain::{ConnectorId, JobId, TokenId};
use russet_queue::jobs::{
    ApplyChanges, ApplyUsers, ClaimToken, HandOverToken, MoveLicenses, OpenGates, PushUpdates,
    ReadMdmMessages, ReadNotifications, Reconcile, RefreshCatalog, RegisterNotifications, RemoveToken,
    RenewToken, SendCommands, Sweep, SyncToken,
};
use russet_queue::{Job, Priority, Push, Queue, When};
use russet_store::catalog::Storefront;

use crate::metrics::{Metrics, more};

/// How long an answer waits for the queue to take a message. The push itself goes on.
const PATIENCE: Duration = Duration::from_millis(250);

/// Connectors that are woken together; the sweep finds the others.
pub(crate) const CONNECTORS_TOGETHER: usize = 100;

/// Pushes messages and counts what fails.
#[derive(Clone)]
pub(crate) struct Pusher {
    queue: Queue,
    metrics: Arc<Metrics>,
}

impl Pusher {
    pub(crate) fn new(queue: Queue, metrics: Arc<Metrics>) -> Self {
        Self { queue, metrics }
    }

    /// Asks for a token's planned changes to be taken to Apple. The worker decides how long they wait for company.
    pub(crate) async fn apply_changes(&self, token: TokenId, priority: Priority) {
        self.push(&[ApplyChanges { token }], When::priority(priority)).await;
    }

    /// Asks for what is wished for a token's users to be taken to Apple.
    pub(crate) async fn apply_users(&self, token: TokenId, priority: Priority) {
        self.push(&[ApplyUsers { token }], When::priority(priority)).await;
    }

    /// Asks for a new token to be checked and claimed.
    pub(crate) async fn claim_token(&self, token: TokenId) {
        self.push(&[ClaimToken { token }], When::priority(Priority::High)).await;
    }

    /// Asks for a token's sync jobs to be done.
    pub(crate) async fn sync_token(&self, token: TokenId, priority: Priority) {
        self.push(&[SyncToken { token }], When::priority(priority)).await;
    }

    /// Asks for stores to be read.
    pub(crate) async fn refresh_catalog(&self, storefronts: Vec<Storefront>) {
        let message =
            |store: Storefront| RefreshCatalog { country: store.country, account_type: store.account_type };
        let jobs: Vec<_> = storefronts.into_iter().map(message).collect();
        self.push(&jobs, When::default()).await;
    }

    /// Asks for a renewed token to be checked; somebody waits for it.
    pub(crate) async fn renew_token(&self, token: TokenId) {
        self.push(&[RenewToken { token }], When::priority(Priority::High)).await;
    }

    /// Asks for a token's notifications to be registered; somebody waits for it.
    pub(crate) async fn register_notifications(&self, token: TokenId) {
        self.push(&[RegisterNotifications { token }], When::priority(Priority::High)).await;
    }

    /// Asks for a token to be removed.
    pub(crate) async fn remove_token(&self, token: TokenId) {
        self.push(&[RemoveToken { token }], When::default()).await;
    }

    /// Asks for a job's moves to be taken further.
    pub(crate) async fn move_licenses(&self, job: JobId) {
        self.push(&[MoveLicenses { job }], When::default()).await;
    }

    /// Asks for an MDM server's commands to be sent.
    pub(crate) async fn send_commands(&self, connector: ConnectorId) {
        self.push(&[SendCommands { connector }], When::default()).await;
    }

    /// The same of each of these.
    pub(crate) async fn send_commands_of(&self, connectors: Vec<ConnectorId>) {
        let jobs: Vec<_> = connectors.into_iter().map(|connector| SendCommands { connector }).collect();
        self.push(&jobs, When::default()).await;
    }

    /// Asks for what MDM servers told to be read.
    pub(crate) async fn read_mdm_messages(&self, connectors: impl Iterator<Item = ConnectorId>) {
        let jobs: Vec<_> = connectors.map(|connector| ReadMdmMessages { connector }).collect();
        self.push(&jobs, When::default()).await;
    }

    /// Asks for gates to be opened.
    pub(crate) async fn open_gates(&self, token: TokenId) {
        self.push(&[OpenGates { token }], When::default()).await;
    }

    /// Asks for newer versions of a token's apps to be pushed.
    pub(crate) async fn push_updates(&self, token: TokenId, priority: Priority) {
        self.push(&[PushUpdates { token }], When::priority(priority)).await;
    }

    /// Asks for the hand-over of a token to go on.
    pub(crate) async fn hand_over_token(&self, token: TokenId) {
        self.push(&[HandOverToken { token }], When::default()).await;
    }

    /// Asks for what is marked to be compared with what assignments want.
    pub(crate) async fn reconcile(&self) {
        self.push(&[Reconcile], When::default()).await;
    }

    /// Asks for a look at the database for work that nobody has moved.
    pub(crate) async fn sweep(&self) {
        self.push(&[Sweep], When::default()).await;
    }

    /// Asks for tokens' notifications to be read.
    pub(crate) async fn read_notifications(&self, tokens: impl Iterator<Item = TokenId>) {
        let jobs: Vec<_> = tokens.map(|token| ReadNotifications { token }).collect();
        self.push(&jobs, When::default()).await;
    }

    async fn push<J: Job>(&self, jobs: &[J], when: When) {
        let messages: Vec<Push> = jobs.iter().map(|job| Push::of(job, when)).collect();
        let this = self.clone();
        let pushing = tokio::spawn(async move {
            if let Err(error) = this.queue.push_many(messages).await {
                more(&this.metrics.pushes_failed);
                tracing::warn!(kind = J::KIND, error = %error, "a message was not pushed; the sweep will");
            }
        });
        // A queue that does not answer must not hold up a submission that already stands in the database.
        let _ = tokio::time::timeout(PATIENCE, pushing).await;
    }
}
