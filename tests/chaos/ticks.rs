//! Judges the schedule: no tick twice, and after the healing none missing.

use std::collections::BTreeMap;
use std::time::Duration;

use russet_tests::{millis, now_ms};

use crate::judge;
use crate::stage::Stage;
use crate::work::Wishes;

/// When every token is synced.
pub(crate) const CRON: &str = "*/6 * * * * *";
/// The same in milliseconds.
const TICK_MS: i64 = 6_000;
/// How long after a tick its job has to be there while nothing is broken: a leader looks every tenth of its lease.
const LATE_MS: i64 = 2_500;
/// Ticks that must pass in calm.
const CALM_TICKS: i64 = 2;

/// Waits until enough ticks have passed in calm.
pub(crate) async fn calm(healed_ms: i64) {
    let until = first_calm(healed_ms) + CALM_TICKS * TICK_MS;
    let left = u64::try_from(until - now_ms()).unwrap_or(0);
    tokio::time::sleep(Duration::from_millis(left)).await;
}

/// The first tick for which nothing is an excuse any more: a leader that vanished has been replaced.
fn first_calm(healed_ms: i64) -> i64 {
    ((healed_ms + 5_000) / TICK_MS + 1) * TICK_MS
}

/// Counts ticks, and finds those that fired twice or, in calm, not at all.
pub(crate) async fn judge(stage: &Stage, wishes: &[Wishes], healed_ms: i64) {
    let (first, now) = (first_calm(healed_ms), now_ms());
    for one in wishes {
        let Some(jobs) = judge::list(stage, &format!("/jobs?kind=sync_token&token={}", one.token.id)).await
        else {
            return;
        };
        let mut fired: BTreeMap<i64, u64> = BTreeMap::new();
        for job in jobs.iter().filter(|job| job["origin"] == "schedule") {
            let at = millis(job["created_at"].as_str().expect("a job has a time"));
            *fired.entry(at / TICK_MS).or_default() += 1;
        }
        stage.report.count("ticks", fired.values().sum());
        for (tick, times) in fired.iter().filter(|(_, times)| **times > 1) {
            stage.report.count("ticks_doubled", times - 1);
            let token = one.token.id;
            stage.report.finding(format!("the tick {} of token {token} fired {times} times", tick * TICK_MS));
        }
        let (Some(start), Some(end)) = (fired.keys().next(), fired.keys().next_back()) else {
            stage.report.finding(format!("the schedule never fired for token {}", one.token.id));
            continue;
        };
        let missing = u64::try_from(end - start + 1).unwrap_or(0).saturating_sub(fired.len() as u64);
        stage.report.count("ticks_made_up", missing);
        for tick in
            (first..now - LATE_MS).step_by(6_000).filter(|tick| !fired.contains_key(&(tick / TICK_MS)))
        {
            stage.report.count("ticks_missed", 1);
            stage.report.finding(format!("the tick {tick} of token {} did not fire in calm", one.token.id));
        }
    }
}
