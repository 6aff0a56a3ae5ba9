//! Settings of the worker and its schedule.

use serde::Deserialize;

/// The `[worker]` section.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How many messages one process works on at a time.
    pub concurrency: usize,
    /// How long running work may take to end after SIGTERM, in milliseconds; then it is handed back.
    pub grace_ms: u64,
    /// After how many milliseconds one piece of work goes to the end of the line, so that others get their turn;
    /// five times as long while nobody waits for a place.
    pub slice_ms: u64,
    /// How long planned changes wait for company, in milliseconds, so that jobs submitted together share requests to Apple.
    /// Changes of high priority do not wait.
    pub linger_ms: u64,
    /// How many planned changes of one token are looked at together. More share requests better and take more memory.
    pub plan_max: usize,
    /// How many requests of one token may be under way at once, so that Apple's latency does not keep a token below its
    /// pace. A run of work begins with one and goes up by one with each that Apple takes.
    pub writes_at_once: usize,
    /// How many notifications of one token are read together.
    pub notifications_max: usize,
    /// How many pages of a walk are fetched at once. Apple allows five.
    pub pages_at_once: usize,
    /// How often the database is searched for work that nobody moves, in milliseconds.
    pub sweep_every_ms: u64,
    /// How long a leader may be silent before another worker takes the schedule over, in milliseconds.
    pub leader_lease_ms: u64,
    /// How long read notifications, answered idempotency keys and the files of hand-overs are kept, in hours.
    pub keep_hours: u64,
    /// After how many days Apple is given a new secret to send along with notifications; 0 for never.
    pub rotate_secret_days: u64,
    /// How many days before its end a token is said to expire soon.
    pub expires_soon_days: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            concurrency: 32,
            grace_ms: 20_000,
            slice_ms: 2_000,
            linger_ms: 500,
            plan_max: 100_000,
            writes_at_once: 5,
            notifications_max: 100,
            pages_at_once: 5,
            sweep_every_ms: 10_000,
            leader_lease_ms: 10_000,
            keep_hours: 168,
            rotate_secret_days: 90,
            expires_soon_days: 30,
        }
    }
}

/// The `[schedule]` section: one cron expression per kind of work; an empty one switches it off.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScheduleSettings {
    /// When every token is synced: five fields (minute, hour, day, month, weekday), or six with seconds in front.
    pub sync_token: String,
    /// When names, icons and versions of all products are read again from Apple's stores.
    pub refresh_catalog: String,
    /// When devices are looked through for apps that they lack, and for older versions than the stores have.
    pub push_updates: String,
    /// When it is looked whether Apple still sends every token's notifications here, and registered again if not.
    pub check_notifications: String,
    /// When Apple is asked whether every token still works, and whose its location is.
    pub probe_token: String,
    /// The time zone of the expressions, by its IANA name.
    pub time_zone: String,
    /// Whether the tokens are spread over the time until the next tick, each at its own place.
    pub spread: bool,
}

impl Default for ScheduleSettings {
    fn default() -> Self {
        Self {
            sync_token: "0 */12 * * *".to_owned(),
            refresh_catalog: "30 3 * * *".to_owned(),
            push_updates: "17 * * * *".to_owned(),
            check_notifications: "0 0 * * *".to_owned(),
            probe_token: "0 3 * * *".to_owned(),
            time_zone: "UTC".to_owned(),
            spread: true,
        }
    }
}
