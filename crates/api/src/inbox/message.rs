//! Webhooks of MDM servers.

use std::collections::BTreeSet;

use bytes::Bytes;
use russet_domain::{ConnectorId, Timestamp};
use russet_store::mdm_messages::{self, NewMessage};
use russet_store::{StoreError, Tx};

use super::{Counters, Letter};
use crate::metrics::Metrics;
use crate::push::Pusher;

/// A webhook as it came.
pub(crate) struct Message {
    /// Which server told it.
    pub(crate) connector: ConnectorId,
    /// What names it: a hash of its body.
    pub(crate) hash: String,
    /// The body.
    pub(crate) body: Bytes,
    /// The signature it came with.
    pub(crate) signature: Option<String>,
    /// Whether it is to be passed on.
    pub(crate) forward: bool,
}

impl Letter for Message {
    type Recipient = ConnectorId;

    fn recipient(&self) -> ConnectorId {
        self.connector
    }

    async fn keep(&self, tx: &mut Tx, now: Timestamp) -> Result<bool, StoreError> {
        let new = NewMessage {
            connector: self.connector,
            hash: &self.hash,
            body: &self.body,
            signature: self.signature.as_deref(),
            forward: self.forward,
        };
        mdm_messages::store(tx, new, now).await
    }

    fn counters(metrics: &Metrics) -> Counters<'_> {
        Counters {
            batches: &metrics.mdm_message_batches,
            stored: &metrics.mdm_messages_stored,
            repeated: &metrics.mdm_messages_repeated,
        }
    }

    async fn wake(push: &Pusher, recipients: BTreeSet<ConnectorId>) {
        push.read_mdm_messages(recipients.into_iter()).await;
    }
}
