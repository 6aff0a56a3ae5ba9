//! What all requests and background tasks of one simulator share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::apple::endpoint::Endpoint;
use crate::catalog::store::Store;
use crate::clock::{Clock, Mode};
use crate::faults::{EventFate, Faults};
use crate::ledger::Ledger;
use crate::mdm::fleet::Fleet;
use crate::mdm::webhook::Webhooks;
use crate::notification::Notification;
use crate::notifier::Notifier;
use crate::rules::Rules;
use crate::schedule::{Action, Schedule};
use crate::world::Organization;
use crate::world::asset::AssetId;
use crate::world::event::{Event, LicenseAct, Progress, Settled, Spoil, Work};
use crate::world::location::Location;
use crate::world::user::User;

/// An event that a fault holds back.
struct HeldEvent {
    by: u64,
    due_us: i64,
    uid: Arc<str>,
    event: Arc<str>,
}

/// The whole simulator, but for its sockets.
///
/// Whoever takes several locks takes `organization` first; the others are never held over a call that
/// takes another one.
pub(crate) struct Shared {
    organization: Mutex<Organization>,
    rules: RwLock<Arc<Rules>>,
    held: Mutex<Vec<HeldEvent>>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) faults: Faults,
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) schedule: Schedule,
    pub(crate) notifier: Notifier,
    pub(crate) fleet: Fleet,
    pub(crate) webhooks: Webhooks,
    pub(crate) stopping: CancellationToken,
    pub(crate) url: String,
}

impl Shared {
    pub(crate) fn new(seed: u64, rules: Rules, notifier: Notifier, webhooks: Webhooks, url: String) -> Self {
        Self {
            organization: Mutex::new(Organization::new(seed)),
            rules: RwLock::new(Arc::new(rules)),
            held: Mutex::default(),
            ledger: Arc::default(),
            faults: Faults::new(seed),
            store: Store::new(seed),
            clock: Clock::real(),
            schedule: Schedule::default(),
            notifier,
            fleet: Fleet::default(),
            webhooks,
            stopping: CancellationToken::new(),
            url,
        }
    }

    pub(crate) fn organization(&self) -> MutexGuard<'_, Organization> {
        self.organization.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.rules.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn set_rules(&self, rules: Rules) {
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rules);
    }

    /// Accepts an event and returns its id. Without a delay it is carried out before this returns.
    pub(crate) fn accept(&self, location: &mut Location, endpoint: Endpoint, work: Work) -> Arc<str> {
        let id: Arc<str> = location.dice.uuid().into();
        let fate = self.faults.for_event(endpoint, &location.uid);
        let spoil: Option<Spoil> = match fate {
            EventFate::Spoiled(spoil) => Some(spoil),
            EventFate::Usual | EventFate::Held { .. } => None,
        };
        let requested = match &work {
            Work::Licenses { act: LicenseAct::Revoke, holders, .. } => location.count_revocable(holders),
            Work::Licenses { assets, holders, .. } => assets.len() * holders.len(),
            Work::Users { users, .. } => users.len(),
        };
        location.events.add(Event {
            id: Arc::clone(&id),
            kind: work.kind(),
            requested,
            progress: Progress::Pending { work, spoil },
            told_pending_us: None,
        });
        self.ledger.event_accepted(&location.uid);
        let delay_us = i64::try_from(self.rules().event_delay_ms).unwrap_or(0) * 1000;
        let due_us = self.clock.now_us() + delay_us;
        let (uid, event) = (Arc::clone(&location.uid), Arc::clone(&id));
        match fate {
            EventFate::Held { by } => self.held().push(HeldEvent { by, due_us, uid, event }),
            EventFate::Usual | EventFate::Spoiled(_) if delay_us == 0 => self.settle(location, &event),
            EventFate::Usual | EventFate::Spoiled(_) => {
                self.schedule.put(due_us, Action::Settle { uid, event });
            }
        }
        id
    }

    fn held(&self) -> MutexGuard<'_, Vec<HeldEvent>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the events go that no fault holds any more.
    pub(crate) fn release_held(&self) {
        let faults = self.faults.list();
        let is_held = |event: &mut HeldEvent| !faults.iter().any(|fault| fault.id == event.by);
        let released: Vec<HeldEvent> = self.held().extract_if(.., is_held).collect();
        for HeldEvent { due_us, uid, event, .. } in released {
            self.schedule.put(due_us, Action::Settle { uid, event });
        }
        self.run_due();
    }

    fn settle(&self, location: &mut Location, event: &Arc<str>) {
        let rules = self.rules();
        let Some(settled) = location.settle(event, &rules.managed_domains) else { return };
        self.ledger.event_settled(&location.uid, &settled);
        let notifications = match &settled {
            Settled::Licenses(act, outcome) if wants(location, "ASSET_MANAGEMENT") => {
                Notification::about_licenses(location, event, *act, outcome)
            }
            Settled::Users(act, outcome) if wants(location, "USER_MANAGEMENT") => {
                Notification::about_users(location, event, *act, outcome)
            }
            Settled::Licenses(..) | Settled::Users(..) => Vec::new(),
        };
        let delay_us = i64::try_from(rules.notification_delay_ms).unwrap_or(0) * 1000;
        let at_us = self.clock.now_us() + delay_us;
        for notification in notifications {
            self.notify(&location.uid, notification, at_us);
        }
    }

    /// Tells that users accepted their invitations.
    pub(crate) fn tell_associated(&self, location: &mut Location, users: &[User]) {
        self.ledger.users_associated(&location.uid, users.len());
        if wants(location, "USER_ASSOCIATED") {
            for notification in Notification::associated(location, users) {
                self.notify(&location.uid, notification, self.clock.now_us());
            }
        }
    }

    /// Tells that licenses were bought or withdrawn.
    pub(crate) fn tell_count(&self, location: &mut Location, asset: AssetId, delta: i64) {
        if wants(location, "ASSET_COUNT") {
            let notification = Notification::asset_count(location, asset, delta);
            self.notify(&location.uid, notification, self.clock.now_us());
        }
    }

    /// Tells that an asset is unlimited from now on, or is not.
    pub(crate) fn tell_unlimited(&self, location: &mut Location, asset: AssetId, unlimited: bool) {
        if wants(location, "UNLIMITED_ASSET") {
            let notification = Notification::unlimited_asset(location, asset, unlimited);
            self.notify(&location.uid, notification, self.clock.now_us());
        }
    }

    /// Does everything whose time has come.
    pub(crate) fn run_due(&self) {
        while let Some(action) = self.schedule.take_due(self.clock.now_us()) {
            match action {
                Action::Settle { uid, event } => {
                    if let Some(location) = self.organization().locations.get_mut(&uid) {
                        self.settle(location, &event);
                    }
                }
                Action::Deliver(delivery) => self.deliver(vec![delivery]),
                Action::DeliverHeld { uid } => self.deliver_held(&uid),
                Action::CheckIn { udid } => self.check_in(&udid),
                Action::Report { udid } => self.report(&udid, false),
            }
        }
    }
}

/// Whether somebody asked to be told of this.
fn wants(location: &Location, notification_type: &str) -> bool {
    location.receiver.is_some() && location.subscribed.iter().any(|wanted| wanted == notification_type)
}

/// Does what is planned when its time comes, until the simulator is stopped.
pub(crate) async fn keep_time(shared: Arc<Shared>) {
    loop {
        shared.run_due();
        let wait = match (shared.clock.mode(), shared.schedule.next_us()) {
            (Mode::Real, Some(at_us)) => {
                Duration::from_micros(u64::try_from(at_us - shared.clock.now_us()).unwrap_or(0))
            }
            // Nothing happens by itself; whoever plans something or moves the clock wakes this.
            (Mode::Real, None) | (Mode::Manual, _) => Duration::from_secs(3600),
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = shared.schedule.changed() => {}
            () = shared.stopping.cancelled() => return,
        }
    }
}
