//! Delivers notifications: at most three attempts each, many at a time, over connections that are kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Semaphore, mpsc};

use crate::faults::NotificationFate;
use crate::notification::Notification;
use crate::schedule::Action;
use crate::shared::Shared;
use crate::world::location::Receiver;

/// Attempts before a notification is given up.
const ATTEMPTS: u32 = 3;

/// Deliveries under way at the same time. A receiver that is slow holds up the rest only beyond these.
const AT_ONCE: usize = 32;

/// How long notifications are held back to be sent in reverse order.
const HELD_BACK_US: i64 = 200_000;

/// A notification on its way.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    pub(crate) uid: Arc<str>,
    notification: Arc<Notification>,
    attempt: u32,
    /// Only the first copy of a doubled notification is counted.
    is_copy: bool,
}

/// The HTTP client toward the receivers, and what is on its way to them.
pub(crate) struct Notifier {
    client: reqwest::Client,
    queue: mpsc::UnboundedSender<Vec<Delivery>>,
    held: Mutex<HashMap<Arc<str>, Vec<Delivery>>>,
}

/// Deliveries that wait for their turn; those in one batch go one after another.
pub(crate) type Batches = mpsc::UnboundedReceiver<Vec<Delivery>>;

impl Notifier {
    pub(crate) fn new(client: reqwest::Client) -> (Self, Batches) {
        let (queue, batches) = mpsc::unbounded_channel();
        (Self { client, queue, held: Mutex::default() }, batches)
    }

    /// Sends one request and says whether it was answered with 2xx.
    pub(crate) async fn post(&self, receiver: &Receiver, body: Bytes, timeout: Duration) -> bool {
        let request = self
            .client
            .post(&receiver.url)
            .timeout(timeout)
            .bearer_auth(&receiver.auth_token)
            .header("content-type", "application/json")
            .body(body);
        match request.send().await {
            Ok(response) => {
                let is_taken = response.status().is_success();
                // The connection can be used again only when the answer was read to its end.
                let _ = response.bytes().await;
                is_taken
            }
            Err(_) => false,
        }
    }
}

impl Shared {
    /// Takes in a new notification, decides its fate, and sends it when it is time.
    pub(crate) fn notify(&self, uid: &Arc<str>, notification: Notification, at_us: i64) {
        let notification = Arc::new(notification);
        let delivery = Delivery { uid: Arc::clone(uid), notification, attempt: 1, is_copy: false };
        self.ledger.notified(|counts| counts.sent += 1);
        match self.faults.for_notification(uid) {
            NotificationFate::Usual => self.deliver_at(at_us, delivery),
            NotificationFate::Lost => self.ledger.notified(|counts| counts.lost += 1),
            NotificationFate::Late { ms } => {
                self.deliver_at(at_us + i64::try_from(ms).unwrap_or(0) * 1000, delivery);
            }
            NotificationFate::Doubled => {
                self.deliver_at(at_us, Delivery { is_copy: true, ..delivery.clone() });
                self.deliver_at(at_us, delivery);
            }
            NotificationFate::HeldBack => self.hold_back(at_us, delivery),
        }
    }

    fn deliver_at(&self, at_us: i64, delivery: Delivery) {
        if at_us <= self.clock.now_us() {
            self.deliver(vec![delivery]);
        } else {
            self.schedule.put(at_us, Action::Deliver(delivery));
        }
    }

    /// Sends these one after another, as soon as there is a free place.
    pub(crate) fn deliver(&self, batch: Vec<Delivery>) {
        // Sending fails only when the simulator is being stopped, and then nobody waits for it.
        let _ = self.notifier.queue.send(batch);
    }

    fn hold_back(&self, at_us: i64, delivery: Delivery) {
        let uid = Arc::clone(&delivery.uid);
        let mut held = self.notifier.held.lock().unwrap_or_else(PoisonError::into_inner);
        let list = held.entry(Arc::clone(&uid)).or_default();
        list.push(delivery);
        if list.len() == 1 {
            self.schedule.put(at_us + HELD_BACK_US, Action::DeliverHeld { uid });
        }
    }

    pub(crate) fn deliver_held(&self, uid: &Arc<str>) {
        let mut held = self.notifier.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mut list) = held.remove(uid) {
            list.reverse();
            self.deliver(list);
        }
    }

    /// Makes one attempt and plans the next one if it fails.
    async fn attempt(&self, mut delivery: Delivery) {
        let rendered = {
            let organization = self.organization();
            let Some(location) = organization.locations.get(&delivery.uid) else { return };
            let receiver = location.receiver.clone();
            receiver.map(|receiver| (receiver, delivery.notification.render(location)))
        };
        let rules = self.rules();
        let is_taken = match rendered {
            Some((receiver, body)) => {
                self.ledger.notified(|counts| counts.attempts += 1);
                let timeout = Duration::from_millis(rules.notification_timeout_ms);
                self.notifier.post(&receiver, body, timeout).await
            }
            None => false,
        };
        let is_copy = delivery.is_copy;
        if is_taken {
            self.ledger.notified(|counts| counts.delivered += u64::from(!is_copy));
        } else if delivery.attempt >= ATTEMPTS {
            self.ledger.notified(|counts| counts.failed += u64::from(!is_copy));
        } else {
            delivery.attempt += 1;
            let wait_us = i64::try_from(rules.notification_retry_ms).unwrap_or(0) * 1000;
            self.schedule.put(self.clock.now_us() + wait_us, Action::Deliver(delivery));
        }
    }
}

/// Sends what comes into the queue until the simulator is stopped.
pub(crate) async fn run(shared: Arc<Shared>, mut batches: Batches) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    while let Some(batch) = batches.recv().await {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            for delivery in batch {
                tokio::select! {
                    () = shared.attempt(delivery) => {}
                    () = shared.stopping.cancelled() => break,
                }
            }
            drop(place);
        });
    }
}
