//! Connectors, gates and installs as clients see them.

use russet_domain::Holder;
use russet_domain::install::{InstallState, explain};
use russet_store::connectors::{Connector, Declarations};
use russet_store::device_apps::DeviceApp;
use russet_store::forwarding::{self, Backlog};
use russet_store::gates::{Gate, OnDevice};
use russet_store::installs::Entry;
use russet_store::rollouts::Rollout;
use russet_store::{Db, StoreError};
use serde::Serialize;
use utoipa::ToSchema;

use crate::time;

/// A connector to an MDM server.
#[derive(Serialize, ToSchema)]
#[schema(as = Connector)]
pub(crate) struct ConnectorView {
    /// Its name.
    pub(super) name: String,
    /// `nanomdm`, `nanohub`, `micromdm`, `fleet` or `webhook`.
    kind: &'static str,
    /// The root of the server's API.
    url: String,
    /// Whether its webhooks are passed on.
    forwards: bool,
    /// What of them waits to be passed on.
    #[serde(skip_serializing_if = "Option::is_none")]
    forwarding: Option<ForwardingView>,
    /// Whether apps are declared for devices that can have it so, in place of commands.
    declares: bool,
    /// The root of the server beside it that has the declarations; null when there is none.
    declarations_url: Option<String>,
    /// `active`, or `parked` when nothing is sent until somebody acts.
    state: &'static str,
    /// Why it is parked, or why the last call failed.
    reason: Option<String>,
    /// Since when it is in this state.
    state_at: String,
    /// How often in a row the server did not take what was sent.
    failures: u64,
    /// When address and key were last seen to be right; null until a worker has looked.
    checked_at: Option<String>,
    /// Which version the server said to be.
    version: Option<String>,
    /// When its last webhook came; of `fleet`, when it last said what devices answered.
    heard_at: Option<String>,
    /// Where the server sends its webhooks; null for `fleet`, which is asked instead.
    webhook: Option<String>,
    /// When it was made.
    created_at: String,
}

impl ConnectorView {
    /// A connector, with what of its webhooks waits to be passed on.
    pub(super) async fn read(db: &mut Db, connector: Connector) -> Result<Self, StoreError> {
        let forwarding = match connector.forwards {
            true => Some(forwarding::backlog(db, connector.id).await?.into()),
            false => None,
        };
        Ok(Self {
            webhook: connector.kind.proof().map(|_| format!("/api/v1/mdm/{}/webhook", connector.name)),
            name: connector.name,
            kind: connector.kind.as_str(),
            url: connector.url,
            forwards: connector.forwards,
            forwarding,
            declares: connector.declarations.are_there(),
            declarations_url: match connector.declarations {
                Declarations::None | Declarations::Within => None,
                Declarations::Beside(url) => Some(url),
            },
            state: connector.state.as_str(),
            reason: connector.reason,
            state_at: time::text(connector.state_at),
            failures: connector.failures,
            checked_at: connector.checked_at.map(time::text),
            version: connector.version,
            heard_at: connector.heard_at.map(time::text),
            created_at: time::text(connector.created_at),
        })
    }
}

/// What of a server's webhooks waits to be passed on.
#[derive(Serialize, ToSchema)]
#[schema(as = Forwarding)]
pub(crate) struct ForwardingView {
    /// How many webhooks.
    waiting: u64,
    /// When the oldest of them came.
    since: Option<String>,
    /// Why they could not be passed on the last time; null when they could.
    reason: Option<String>,
}

impl From<Backlog> for ForwardingView {
    fn from(backlog: Backlog) -> Self {
        let Backlog { waiting, since, reason } = backlog;
        Self { waiting, since: since.map(time::text), reason }
    }
}

/// One app that one holder is made ready for.
#[derive(Serialize, ToSchema)]
#[schema(as = Gate)]
pub(crate) struct GateView {
    /// The product's number in Apple's stores.
    adam_id: String,
    /// The quality.
    pricing_param: String,
    /// The device, if one is to hold the license.
    #[serde(skip_serializing_if = "Option::is_none")]
    serial: Option<String>,
    /// The user, if one is to hold the license.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    /// `licensing`, `waitlisted`, `ready`, `installing`, `installed`, `refused`, `failed` or `cancelled`.
    state: &'static str,
    /// The stable name of why.
    code: Option<String>,
    /// The reason in a sentence.
    detail: Option<String>,
    /// Apple's number, where it gave one.
    error_number: Option<i32>,
    /// Of a user's app that is installed: how that stands on each device of the person.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    devices: Vec<GateDeviceView>,
    /// When it got there.
    updated_at: String,
}

/// How the install of a user's app stands on one device.
#[derive(Serialize, ToSchema)]
#[schema(as = GateDevice)]
pub(crate) struct GateDeviceView {
    /// The device.
    serial: String,
    /// `ready`, `sending`, `sent`, `verifying`, `installed`, `resting`, `failed` or `cancelled`.
    state: &'static str,
    /// The stable name of why.
    code: Option<String>,
    /// The reason in a sentence.
    detail: Option<String>,
}

impl From<OnDevice> for GateDeviceView {
    fn from(device: OnDevice) -> Self {
        Self {
            serial: device.serial,
            state: device.state.as_str(),
            detail: device.code.as_deref().map(sentence),
            code: device.code,
        }
    }
}

impl From<Gate> for GateView {
    fn from(gate: Gate) -> Self {
        let (serial, user) = match gate.holder {
            Holder::Device(serial) => (Some(serial), None),
            Holder::User(user) => (None, Some(user)),
        };
        Self {
            adam_id: gate.key.adam_id,
            pricing_param: gate.key.pricing.as_str().to_owned(),
            serial,
            user,
            state: gate.state.as_str(),
            detail: gate.code.as_deref().map(sentence),
            code: gate.code,
            error_number: gate.number,
            devices: gate.devices.into_iter().map(GateDeviceView::from).collect(),
            updated_at: time::text(gate.updated_at),
        }
    }
}

/// What a code means, be it of a license or of an install.
fn sentence(code: &str) -> String {
    explain(code).unwrap_or_else(|| russet_domain::apple_error::sentence(code)).to_owned()
}

/// An app, or a version of it, that a device is to have.
#[derive(Serialize, ToSchema)]
#[schema(as = Install)]
pub(crate) struct InstallView {
    /// Its number.
    id: i64,
    /// The token.
    token: i64,
    /// The product's number in Apple's stores.
    adam_id: String,
    /// The device.
    serial: String,
    /// `install`, or `remove` when the app is to go.
    act: &'static str,
    /// What devices know the app by.
    bundle_id: Option<String>,
    /// The external version that is wanted; null when any will do.
    target_version: Option<i64>,
    /// The external version that the device reports now.
    reported_version: Option<i64>,
    /// The version that people read, as the device reports it.
    shown_version: Option<String>,
    /// `ready`, `sending`, `sent`, `verifying`, `installed`, `removed`, `resting`, `failed` or `cancelled`.
    state: &'static str,
    /// The stable name of why.
    code: Option<String>,
    /// The reason in a sentence, with what to do.
    explanation: Option<&'static str>,
    /// The device's error in its own words.
    detail: Option<String>,
    /// How often the command was sent.
    tries: u64,
    /// When something is to be done about it next.
    due_at: Option<String>,
    /// The part of the day, by the clock of the device, that it keeps to; null when it goes at any time.
    window: Option<String>,
    /// When it was wished for.
    created_at: String,
    /// When anything of it last changed.
    updated_at: String,
    /// When it ended.
    ended_at: Option<String>,
}

impl From<Entry> for InstallView {
    fn from(entry: Entry) -> Self {
        let explanation = entry.code.as_deref().map_or_else(|| waits_for_window(&entry), explain);
        Self {
            id: entry.id.0,
            token: entry.token.0,
            adam_id: entry.key.adam_id,
            serial: entry.serial,
            act: if entry.removes { "remove" } else { "install" },
            bundle_id: entry.bundle_id,
            target_version: entry.target,
            reported_version: entry.reported,
            shown_version: entry.shown,
            state: entry.state.as_str(),
            explanation,
            code: entry.code,
            detail: entry.detail,
            tries: entry.tries,
            due_at: entry.due_at.map(time::text),
            window: entry.window,
            created_at: time::text(entry.created_at),
            updated_at: time::text(entry.updated_at),
            ended_at: entry.ended_at.map(time::text),
        }
    }
}

/// What there is to say of an install that nothing holds up but its window.
fn waits_for_window(entry: &Entry) -> Option<&'static str> {
    let waits = entry.window.is_some() && entry.state == InstallState::Ready;
    waits.then_some("It goes out in the token's update window, by the clock of the device.")
}

/// A managed app as a device reports it.
#[derive(Serialize, ToSchema)]
#[schema(as = DeviceApp)]
pub(crate) struct DeviceAppView {
    /// What devices know the app by.
    bundle_id: String,
    /// Apple's external version id, which decides whether there is an update.
    version: Option<i64>,
    /// The version that people read.
    shown_version: Option<String>,
    /// Apple's word for how it stands, such as `Managed`.
    status: String,
    /// When the device reported it.
    reported_at: String,
}

impl From<DeviceApp> for DeviceAppView {
    fn from(app: DeviceApp) -> Self {
        Self {
            bundle_id: app.bundle_id,
            version: app.version,
            shown_version: app.shown,
            status: app.status,
            reported_at: time::text(app.reported_at),
        }
    }
}

/// A newer version on its way to all devices.
#[derive(Serialize, ToSchema)]
#[schema(as = Rollout)]
pub(crate) struct RolloutView {
    /// The product's number in Apple's stores.
    adam_id: String,
    /// The external version.
    version: i64,
    /// To how many percent of the devices it goes by now.
    percent: u8,
    /// Whether it goes to no more devices until somebody lets it go on.
    halted: bool,
    /// Why.
    reason: Option<String>,
    /// Installs by state.
    installs: std::collections::BTreeMap<&'static str, u64>,
    /// When it began.
    started_at: String,
    /// When it reached its ring.
    ring_at: String,
}

impl RolloutView {
    pub(super) fn new(
        rollout: Rollout,
        percent: u8,
        installs: std::collections::BTreeMap<&'static str, u64>,
    ) -> Self {
        Self {
            adam_id: rollout.key.adam_id,
            version: rollout.target,
            percent,
            halted: rollout.halted,
            reason: rollout.reason,
            installs,
            started_at: time::text(rollout.started_at),
            ring_at: time::text(rollout.ring_at),
        }
    }
}
