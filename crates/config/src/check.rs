//! Asks every section what is wrong with its values, and puts the answers into one form.

use std::net::IpAddr;

use russet_apple::AppleError;
use russet_queue::QueueError;
use russet_worker::{Cron, CronError, ScheduleSettings};

/// One wrong value: its full name, and what it is and should be.
pub(crate) struct Wrong {
    pub(crate) key: String,
    pub(crate) why: String,
}

impl Wrong {
    pub(crate) fn new(key: impl Into<String>, why: impl Into<String>) -> Self {
        Self { key: key.into(), why: why.into() }
    }
}

pub(crate) fn store(settings: &russet_store::Settings) -> Vec<Wrong> {
    let url = &settings.url;
    let known = ["sqlite:", "postgres://", "postgresql://"];
    if url.is_empty() || known.iter().any(|scheme| url.starts_with(scheme)) {
        return Vec::new();
    }
    // The value may hold a password, so it is not repeated.
    let why = "is not an address of a database; it should be empty, sqlite:///path/russet.db or \
               postgres://user:password@host/database";
    vec![Wrong::new("store.url", why)]
}

pub(crate) fn queue(settings: &russet_queue::Settings) -> Vec<Wrong> {
    match settings.validate() {
        Ok(()) => Vec::new(),
        Err(QueueError::Setting { name, expected }) => {
            vec![Wrong::new(name, format!("should be {expected}"))]
        }
        Err(other) => vec![Wrong::new("queue.url", format!("cannot be used: {other}"))],
    }
}

pub(crate) fn api(settings: &russet_api::Settings) -> Vec<Wrong> {
    let split = |sentence: String| match sentence.split_once(' ') {
        Some((key, why)) => Wrong::new(key, why.trim_end_matches('.')),
        None => Wrong::new("api", sentence),
    };
    settings.problems().into_iter().map(split).collect()
}

pub(crate) fn apple(settings: &russet_apple::Settings) -> Vec<Wrong> {
    match settings.check() {
        Ok(()) => Vec::new(),
        Err(AppleError::BadSetting { name, why }) => vec![Wrong::new(name, why)],
        Err(other) => vec![Wrong::new("apple.base_url", format!("cannot be used: {other}"))],
    }
}

pub(crate) fn mdm(settings: &russet_mdm::Settings) -> Vec<Wrong> {
    settings.problems().into_iter().map(|(key, why)| Wrong::new(key, why)).collect()
}

pub(crate) fn worker(settings: &russet_worker::Settings) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    let ranges = [
        ("concurrency", settings.concurrency as u64, 1, 1_024),
        ("grace_ms", settings.grace_ms, 1, 600_000),
        ("slice_ms", settings.slice_ms, 100, 600_000),
        ("plan_max", settings.plan_max as u64, 1, 1_000_000),
        ("notifications_max", settings.notifications_max as u64, 1, 10_000),
        ("pages_at_once", settings.pages_at_once as u64, 1, 5),
        ("writes_at_once", settings.writes_at_once as u64, 1, 50),
        ("sweep_every_ms", settings.sweep_every_ms, 100, 3_600_000),
        ("leader_lease_ms", settings.leader_lease_ms, 1_000, 600_000),
        ("keep_hours", settings.keep_hours, 24, 87_600),
        ("rotate_secret_days", settings.rotate_secret_days, 0, 3_650),
        ("expires_soon_days", u64::from(settings.expires_soon_days), 0, 365),
    ];
    for (name, value, least, most) in ranges {
        if value < least || value > most {
            wrong.push(Wrong::new(
                format!("worker.{name}"),
                format!("is {value}; it should be from {least} to {most}"),
            ));
        }
    }
    wrong
}

pub(crate) fn schedule(settings: &ScheduleSettings) -> Vec<Wrong> {
    let expressions = [
        ("schedule.sync_token", &settings.sync_token),
        ("schedule.refresh_catalog", &settings.refresh_catalog),
        ("schedule.probe_token", &settings.probe_token),
        ("schedule.check_notifications", &settings.check_notifications),
    ];
    let mut wrong: Vec<Wrong> = Vec::new();
    for (key, text) in expressions {
        match Cron::read(text, &settings.time_zone) {
            Ok(_) => {}
            // It is wrong for all of them.
            Err(error @ CronError::Zone(_)) => {
                return vec![Wrong::new("schedule.time_zone", error.to_string())];
            }
            Err(error @ CronError::Expression { .. }) => wrong.push(Wrong::new(key, error.to_string())),
        }
    }
    wrong
}

/// What no section can see by itself: Apple calls plain HTTP only on this machine, and only for a simulator.
pub(crate) fn public_url(api: &russet_api::Settings, apple: &russet_apple::Settings) -> Option<Wrong> {
    let rest = api.public_url.strip_prefix("http://")?;
    let authority = rest.split('/').next().unwrap_or(rest);
    let host = match authority.strip_prefix('[') {
        Some(inside) => inside.split(']').next().unwrap_or(inside),
        None => authority.split(':').next().unwrap_or(authority),
    };
    let loopback = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    if apple.allow_http && loopback {
        return None;
    }
    let why = "begins with http://; it should begin with https://. Only with apple.allow_http, for a simulator, \
               may it be a plain address of this machine";
    Some(Wrong::new("api.public_url", why))
}

/// For the sections of this crate, which find one fault at a time.
pub(crate) fn own(found: Result<(), (&'static str, String)>) -> Vec<Wrong> {
    found.err().into_iter().map(|(key, why)| Wrong::new(key, why)).collect()
}
