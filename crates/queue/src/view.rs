//! What can be seen of the queue from outside.

use russet_domain::Timestamp;
use russet_domain::job::Priority;

/// How many messages of one kind there are, and where they have got to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Depth {
    /// The kind.
    pub kind: String,
    /// All that wait: the due and the delayed.
    pub waiting: u64,
    /// Those that could run now.
    pub due: u64,
    /// Those whose time has not come.
    pub delayed: u64,
    /// Those in a worker's hands. Counted up to ten thousand over all kinds.
    pub running: u64,
    /// Those set aside.
    pub dead: u64,
    /// How long the oldest due message has been due, in milliseconds.
    pub oldest_age_ms: Option<u64>,
    /// Whether workers leave the kind alone.
    pub paused: bool,
}

/// A message in a worker's hands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningMessage {
    /// What names the message: kind, colon, key.
    pub id: String,
    /// Its kind.
    pub kind: String,
    /// Its key.
    pub key: String,
    /// Whose hands.
    pub worker: String,
    /// The claim's fencing number.
    pub fence: u64,
    /// Since when.
    pub since: Timestamp,
    /// When the lease ends unless renewed.
    pub lease_until: Timestamp,
}

/// A message set aside, with the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadMessage {
    /// What names the message: kind, colon, key.
    pub id: String,
    /// Its kind.
    pub kind: String,
    /// Its key.
    pub key: String,
    /// Why.
    pub reason: String,
    /// When.
    pub died_at: Timestamp,
    /// How many attempts failed.
    pub attempts: u32,
    /// How often it was taken over from a worker that vanished.
    pub rescues: u32,
    /// How urgent it was.
    pub priority: Priority,
    /// What it carries.
    pub payload: String,
}

/// Some dead messages, the latest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeadPage {
    /// The messages.
    pub items: Vec<DeadMessage>,
    /// Where to go on; nothing when that was all.
    pub next_cursor: Option<String>,
}

/// A worker that was heard of lately.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenWorker {
    /// Its name, with a suffix that tells this run of it apart.
    pub name: String,
    /// The kinds it takes.
    pub kinds: Vec<String>,
    /// When it was last heard of.
    pub seen_at: Timestamp,
}
