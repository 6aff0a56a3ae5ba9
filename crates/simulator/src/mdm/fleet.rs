//! All virtual devices and the server that manages them, and when each of them checks in.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use super::ddm::Ddm;
use super::device::{Command, Device};
use super::plists;
use super::raw::{Kept, Raw};
use super::webhook::{Hook, Post};
use crate::schedule::Action;
use crate::shared::Shared;

/// What is counted.
#[derive(Debug, Default, Clone, Serialize)]
pub(crate) struct Counts {
    /// Calls that were to enqueue something.
    pub(crate) enqueue_calls: u64,
    /// Calls that were refused as a whole.
    pub(crate) refused_calls: u64,
    /// Calls with a wrong key.
    pub(crate) unauthorized: u64,
    /// Commands put into queues, one for each device.
    pub(crate) enqueued: u64,
    /// Of these, installs.
    pub(crate) installs: u64,
    /// Pushes that were asked for, one for each device.
    pub(crate) pushes: u64,
    /// Calls that asked for the answers to a command.
    pub(crate) result_calls: u64,
    /// Calls of the API for declarations.
    pub(crate) declaration_calls: u64,
    /// Answers of devices.
    pub(crate) answers: u64,
    /// Webhooks that were to be sent.
    pub(crate) webhooks: u64,
    /// Webhooks that were answered with 200.
    pub(crate) webhooks_taken: u64,
    /// Webhooks that were lost: this server tries once.
    pub(crate) webhooks_lost: u64,
}

/// What can be set about the server.
pub(crate) struct Inner {
    pub(crate) api_key: String,
    pub(crate) hook: Option<Hook>,
    /// How many of the next calls are answered with 500 and nothing else.
    pub(crate) broken: u32,
    /// How many of the next calls are carried out and not answered.
    pub(crate) lost: u32,
    pub(crate) devices: HashMap<Arc<str>, Device>,
    pub(crate) by_serial: HashMap<String, Arc<str>>,
    /// Names of commands that it knows.
    pub(crate) known: std::collections::HashSet<String>,
    /// Commands whose answers are kept for whoever asks.
    pub(crate) raw: HashMap<String, Raw>,
    /// The declarations.
    pub(crate) ddm: Ddm,
    pub(crate) counts: Counts,
    pub(crate) events: u64,
}

/// The server with its devices.
pub(crate) struct Fleet(Mutex<Inner>);

impl Default for Fleet {
    fn default() -> Self {
        Self(Mutex::new(Inner {
            api_key: "nanomdm".to_owned(),
            hook: None,
            broken: 0,
            lost: 0,
            devices: HashMap::new(),
            by_serial: HashMap::new(),
            known: std::collections::HashSet::new(),
            raw: HashMap::new(),
            ddm: Ddm::default(),
            counts: Counts::default(),
            events: 0,
        }))
    }
}

impl Fleet {
    pub(crate) fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Counts a call that brings a command. Tells whether it is one of those that the server fails at.
    pub(crate) fn fails_call(&mut self) -> bool {
        self.counts.enqueue_calls += 1;
        let fails = self.broken > 0;
        self.broken -= u32::from(fails);
        fails
    }

    /// Puts a command into the queues of devices, of all or of none. The error is the database's.
    pub(crate) fn enqueue(&mut self, command: Command, ids: &[&str]) -> Result<(), String> {
        if self.known.contains(&command.uuid) {
            return Err(
                "ERROR: duplicate key value violates unique constraint \"commands_pkey\" (SQLSTATE 23505)"
                    .to_owned(),
            );
        }
        if ids.iter().any(|id| !self.devices.contains_key(*id)) {
            return Err(
                "ERROR: insert or update on table \"enrollment_queue\" violates foreign key constraint \
                        \"enrollment_queue_id_fkey\" (SQLSTATE 23503)"
                    .to_owned(),
            );
        }
        self.known.insert(command.uuid.clone());
        let command = Arc::new(command);
        for id in ids {
            self.put(&command, id);
        }
        Ok(())
    }

    /// Puts a command into the queue of a device, if there is such a one.
    pub(crate) fn put(&mut self, command: &Arc<Command>, id: &str) {
        let Some(device) = self.devices.get_mut(id) else { return };
        device.queue.push_back(Arc::clone(command));
        self.counts.enqueued += 1;
        self.counts.installs += u64::from(command.request_type == "InstallApplication");
    }
}

impl Shared {
    /// Wakes devices; those that sleep or are about to come anyway hear nothing.
    pub(crate) fn wake_devices(&self, ids: &[&str]) {
        let now_us = self.clock.now_us();
        let mut inner = self.fleet.inner();
        inner.counts.pushes += u64::try_from(ids.len()).unwrap_or(u64::MAX);
        for id in ids {
            let Some(device) = inner.devices.get_mut(*id) else { continue };
            if device.behavior.asleep || device.awake || !device.enrolled {
                continue;
            }
            device.awake = true;
            let at_us = now_us + i64::try_from(device.behavior.check_in_ms).unwrap_or(0) * 1000;
            self.schedule.put(at_us, Action::CheckIn { udid: Arc::clone(&device.udid) });
        }
    }

    /// Lets a device do the next thing that it was told, and come back if there is more.
    pub(crate) fn check_in(&self, udid: &Arc<str>) {
        let now_us = self.clock.now_us();
        let organization = self.organization();
        let mut inner = self.fleet.inner();
        let Some(device) = inner.devices.get_mut(udid) else { return };
        device.awake = false;
        if device.behavior.asleep || !device.enrolled {
            return;
        }
        device.settle(now_us);
        device.seen_ms = now_us / 1000;
        let Some(command) = device.queue.pop_front() else {
            self.post_event(&mut inner, udid, plists::idle(udid));
            return;
        };
        let answer = super::react::react(self, &organization, device, &command, now_us);
        let fetches = command.request_type == "DeclarativeManagement" && answer.status == "Acknowledged";
        let mut again_us = 0;
        if answer.status == "NotNow" {
            // It stays in the queue, and the device comes back when it has time.
            device.queue.push_front(Arc::clone(&command));
            again_us = 100_000;
        }
        device.remember(super::device::Given {
            uuid: command.uuid.clone(),
            request_type: command.request_type.clone(),
            adam_id: plists::adam_id(&command.fields),
            settings: plists::settings(&command.fields),
            status: answer.status,
            at_ms: now_us / 1000,
        });
        if !device.queue.is_empty() {
            device.awake = true;
            self.schedule.put(now_us + again_us, Action::CheckIn { udid: Arc::clone(udid) });
        }
        inner.counts.answers += 1;
        let status = answer.status;
        let event = plists::answered(udid, &command.uuid, answer);
        match inner.raw.get_mut(&command.uuid) {
            Some(raw) => {
                let kept = Kept { status, at_ms: now_us / 1000, result: event.into_plist() };
                raw.answers.insert(Arc::clone(udid), kept);
            }
            None => self.post_event(&mut inner, udid, event),
        }
        if fetches {
            self.post_event(&mut inner, udid, plists::declarative(udid, "declaration-items", None));
            let items = inner.ddm.items_of(udid);
            if let Some(device) = inner.devices.get_mut(udid) {
                super::declared::sync(self, &organization, device, &items, now_us);
            }
        }
        drop(inner);
        drop(organization);
        self.report(udid, false);
    }

    /// Sends an event to whoever listens.
    pub(crate) fn post_event(&self, inner: &mut Inner, udid: &Arc<str>, event: plists::Event) {
        inner.events += 1;
        let Some(hook) = inner.hook.clone() else { return };
        inner.counts.webhooks += 1;
        let body = event.into_json(udid, inner.events, self.clock.now_ms(), hook.form);
        self.webhooks.send(Post { hook, body });
    }
}
