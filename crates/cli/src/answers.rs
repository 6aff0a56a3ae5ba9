//! What the API answers, as far as the command line looks at it. Unknown fields are left alone.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why the server refused.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Problem {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) detail: String,
    pub(crate) errors: Vec<FieldError>,
}

/// One place in a request and what is wrong there.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct FieldError {
    pub(crate) field: String,
    pub(crate) detail: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.detail, self.code)?;
        self.errors.iter().try_for_each(|error| write!(f, "\n  {}: {}", error.field, error.detail))
    }
}

/// A token.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Token {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) state: String,
    #[serde(default)]
    pub(crate) state_detail: String,
    #[serde(default)]
    pub(crate) org_name: String,
    #[serde(default)]
    pub(crate) location: Option<Location>,
    #[serde(default)]
    pub(crate) account_type: String,
    #[serde(default)]
    pub(crate) country: Option<String>,
    #[serde(default)]
    pub(crate) auto_update: bool,
    #[serde(default)]
    pub(crate) take_over: bool,
    #[serde(default)]
    pub(crate) handed_over_at: Option<String>,
    #[serde(default)]
    pub(crate) take_overs: Vec<TakeOver>,
    #[serde(default)]
    pub(crate) same_location: Vec<Sibling>,
    #[serde(default)]
    pub(crate) expires_at: String,
    #[serde(default)]
    pub(crate) other_mdm: Option<OtherMdm>,
    #[serde(default)]
    pub(crate) notifications: Notifications,
    #[serde(default)]
    pub(crate) sync_schedule: String,
    #[serde(default)]
    pub(crate) consent: Consent,
    #[serde(default)]
    pub(crate) apple_id: Option<String>,
    #[serde(default)]
    pub(crate) last_sync: Option<LastSync>,
}

/// The location a token opens.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Location {
    pub(crate) uid: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) country: Option<String>,
}

/// Who else has claimed the location.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct OtherMdm {
    pub(crate) id: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) metadata: Option<String>,
}

/// From whom a location was taken.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct TakeOver {
    pub(crate) taken_from: OtherMdm,
    pub(crate) ordered_by: String,
    pub(crate) taken_at: Option<String>,
}

/// Another token of the same location.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Sibling {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) state: String,
}

/// Who agreed to what is sent to Apple.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Consent {
    pub(crate) at: String,
    pub(crate) by: String,
    pub(crate) version: u32,
}

/// Whether Apple calls.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Notifications {
    pub(crate) registered: bool,
    pub(crate) url: Option<String>,
    pub(crate) error: Option<Fault>,
}

/// One of Apple's notifications.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Notification {
    pub(crate) id: i64,
    pub(crate) notification_id: String,
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    pub(crate) received_at: String,
    pub(crate) verdict: Option<String>,
}

/// What came of a test notification.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct NotificationTest {
    pub(crate) came: bool,
    pub(crate) detail: String,
    pub(crate) look_at: Vec<String>,
}

/// How the last sync went.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct LastSync {
    pub(crate) at: Option<String>,
    pub(crate) state: String,
    pub(crate) error: Option<String>,
}

/// A job.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Job {
    pub(crate) id: i64,
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) token: Option<i64>,
    pub(crate) state: String,
    #[serde(default)]
    pub(crate) priority: String,
    #[serde(default)]
    pub(crate) progress: Progress,
    #[serde(default)]
    pub(crate) sync: Option<SyncProgress>,
    #[serde(default)]
    pub(crate) notes: Vec<String>,
    #[serde(default)]
    pub(crate) error: Option<Fault>,
    #[serde(default)]
    pub(crate) created_at: String,
    #[serde(default)]
    pub(crate) ended_at: Option<String>,
}

/// A job's changes by state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Progress {
    pub(crate) total: u64,
    pub(crate) planned: u64,
    pub(crate) sending: u64,
    pub(crate) accepted: u64,
    pub(crate) settled: u64,
    pub(crate) refused: u64,
    pub(crate) waitlisted: u64,
    pub(crate) held: u64,
    pub(crate) cancelled: u64,
}

/// How far a sync has got.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct SyncProgress {
    pub(crate) mode: String,
    pub(crate) pages_done: u64,
    pub(crate) pages_total: Option<u64>,
    pub(crate) licenses: u64,
}

/// Why a job or a change failed.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Fault {
    pub(crate) code: String,
    pub(crate) number: Option<i64>,
    pub(crate) detail: String,
}

/// One wanted movement of one license.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Change {
    pub(crate) adam_id: String,
    pub(crate) name: Option<String>,
    pub(crate) pricing_param: String,
    pub(crate) serial: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) action: String,
    pub(crate) state: String,
    pub(crate) error: Option<Fault>,
}

/// An app or a book.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct App {
    pub(crate) adam_id: String,
    pub(crate) token: Option<i64>,
    pub(crate) token_name: Option<String>,
    pub(crate) tokens: u64,
    pub(crate) product_type: String,
    pub(crate) platforms: Vec<String>,
    pub(crate) unlimited: bool,
    pub(crate) total: Option<i64>,
    pub(crate) free: Option<i64>,
    pub(crate) used: i64,
    pub(crate) retired: i64,
    pub(crate) qualities: Vec<Quality>,
    pub(crate) state: Option<String>,
    pub(crate) country: Option<String>,
    pub(crate) found_in: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) artist: Option<String>,
    pub(crate) bundle_id: Option<String>,
    pub(crate) price: Option<String>,
    pub(crate) currency: Option<String>,
    pub(crate) custom: Option<bool>,
    pub(crate) store_url: Option<String>,
    pub(crate) fetched_at: Option<String>,
    pub(crate) versions: Vec<AppVersion>,
}

/// The counts of one quality.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Quality {
    pub(crate) pricing_param: String,
    pub(crate) unlimited: bool,
    pub(crate) total: Option<i64>,
    pub(crate) used: i64,
}

/// A version of an app.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct AppVersion {
    pub(crate) platform: String,
    pub(crate) country: String,
    pub(crate) external_version_id: Option<i64>,
    pub(crate) version: Option<String>,
    pub(crate) minimum_os: Option<String>,
    pub(crate) current: bool,
    pub(crate) first_seen_at: String,
    pub(crate) last_seen_at: String,
}

/// All that is known of an app or a book.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct AppDetail {
    #[serde(flatten)]
    pub(crate) app: App,
    #[serde(default)]
    pub(crate) history: Vec<AppVersion>,
    #[serde(default)]
    pub(crate) owners: Vec<App>,
}

/// One license that goes from a user to a device.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Move {
    pub(crate) adam_id: String,
    pub(crate) pricing_param: String,
    pub(crate) user: String,
    pub(crate) serial: String,
    pub(crate) state: String,
    pub(crate) error: Option<Fault>,
}

/// What is done for one user: a job for each location.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct UserJobs {
    pub(crate) client_user_id: String,
    pub(crate) jobs: Vec<Job>,
}

/// A user at one location.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct User {
    pub(crate) client_user_id: String,
    pub(crate) token: i64,
    pub(crate) email: Option<String>,
    pub(crate) managed_apple_id: Option<String>,
    pub(crate) status: Option<String>,
    pub(crate) invitation: String,
    pub(crate) invitation_url: Option<String>,
    pub(crate) retired_records: u64,
    pub(crate) wish: String,
    pub(crate) work: String,
    pub(crate) error: Option<Fault>,
}

/// One user of a job.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct JobUser {
    pub(crate) client_user_id: String,
    pub(crate) state: String,
    pub(crate) error: Option<Fault>,
}

/// The queue at a glance.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct QueueView {
    pub(crate) kinds: Vec<QueueKind>,
}

/// One kind of message.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct QueueKind {
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) due: u64,
    #[serde(default)]
    pub(crate) delayed: u64,
    #[serde(default)]
    pub(crate) running: u64,
    #[serde(default)]
    pub(crate) dead: u64,
    #[serde(default)]
    pub(crate) oldest_age_ms: Option<u64>,
    #[serde(default)]
    pub(crate) paused: bool,
    #[serde(default)]
    pub(crate) workers: u64,
}

/// A message in a worker's hands.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct RunningMessage {
    pub(crate) id: String,
    pub(crate) worker: String,
    pub(crate) since: String,
    pub(crate) lease_left_ms: u64,
}

/// A message set aside.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct DeadMessage {
    pub(crate) id: String,
    pub(crate) reason: String,
    pub(crate) died_at: String,
    pub(crate) payload: String,
}

/// Why a message is not running now.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Why {
    pub(crate) id: String,
    pub(crate) sentence: String,
}

/// What became of dead messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Handled {
    pub(crate) count: u64,
    pub(crate) more: bool,
}

impl Job {
    /// Whether nothing will happen to it any more. A state this program does not know is taken for one that goes on.
    pub(crate) fn has_ended(&self) -> bool {
        russet_domain::job::JobState::from_text(&self.state)
            .is_some_and(russet_domain::job::JobState::has_ended)
    }

    /// Whether all that is left of it waits: in line for licenses to come free, or for somebody to approve it.
    pub(crate) fn only_waits(&self) -> bool {
        let under_way = self.progress.planned + self.progress.sending + self.progress.accepted;
        self.progress.waitlisted + self.progress.held > 0 && under_way == 0
    }

    /// Whether it is about users rather than licenses.
    pub(crate) fn is_about_users(&self) -> bool {
        use russet_domain::job::JobKind;
        matches!(JobKind::from_text(&self.kind), Some(JobKind::ImportUsers | JobKind::RetireUsers))
    }

    /// Whether all of it was done.
    pub(crate) fn has_succeeded(&self) -> bool {
        self.state == russet_domain::job::JobState::Succeeded.as_str()
    }
}
