//! Notifications from Apple.

use std::collections::BTreeSet;

use bytes::Bytes;
use russet_domain::{Timestamp, TokenId};
use russet_store::notifications::{self, Named};
use russet_store::{StoreError, Tx};

use super::{Counters, Letter};
use crate::metrics::Metrics;
use crate::push::Pusher;

/// A notification as it came.
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

impl Letter for Note {
    type Recipient = TokenId;

    fn recipient(&self) -> TokenId {
        self.token
    }

    async fn keep(&self, tx: &mut Tx, now: Timestamp) -> Result<bool, StoreError> {
        let named = Named { id: &self.id, kind: &self.kind };
        notifications::store(tx, self.token, named, &self.body, now).await
    }

    fn counters(metrics: &Metrics) -> Counters<'_> {
        Counters {
            batches: &metrics.notification_batches,
            stored: &metrics.notifications_stored,
            repeated: &metrics.notifications_repeated,
        }
    }

    async fn wake(push: &Pusher, recipients: BTreeSet<TokenId>) {
        push.read_notifications(recipients.into_iter()).await;
    }
}
