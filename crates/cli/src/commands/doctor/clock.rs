//! Compares this machine's clock with the queue's and Apple's. Leases, due times and expiry dates go by them.

use std::time::Duration;

use chrono::{DateTime, Utc};
use russet_config::Settings;
use russet_domain::Timestamp;
use russet_queue::Queue;

use super::Finding;
use crate::{client, clock};

/// Off by more than this is worth a word.
const WARN: Duration = Duration::from_secs(3);
/// Off by more than this, tokens expire and schedules fire at the wrong time.
const FAIL: Duration = Duration::from_secs(60);

pub(super) async fn examine(settings: &Settings, queue: Option<&Queue>) -> (Vec<Finding>, ()) {
    let mut compared = Vec::new();
    if let Some(queue) = queue {
        let before = clock::now();
        if let Ok(theirs) = queue.now().await {
            compared.push(("Redis", off(before, theirs, theirs)));
        }
    }
    let before = clock::now();
    if let Some(theirs) = apple_date(&settings.apple.base_url).await {
        // It is told in whole seconds.
        compared.push(("Apple", off(before, theirs, theirs.plus(Duration::from_secs(1)))));
    }
    (vec![finding(&compared)], ())
}

/// How far their clock is from ours at least, when it was read between `before` and now and showed something from
/// `earliest` to `latest`.
fn off(before: Timestamp, earliest: Timestamp, latest: Timestamp) -> Duration {
    before.since(latest).max(earliest.since(clock::now()))
}

fn finding(compared: &[(&str, Duration)]) -> Finding {
    let Some((_, worst)) = compared.iter().max_by_key(|(_, off)| *off) else {
        return Finding::ok("clock", "nobody to compare it with");
    };
    let said: Vec<String> =
        compared.iter().map(|(whose, off)| format!("{:.1} s from {whose}'s", off.as_secs_f64())).collect();
    let said = said.join(", ");
    match *worst {
        off if off > FAIL => Finding::fail("clock", said, "set the clock; run a time service such as chrony"),
        off if off > WARN => Finding::warn("clock", said, "run a time service such as chrony"),
        _ => Finding::ok("clock", said),
    }
}

/// The `Date` of an answer of Apple's. Any answer has one; no token is sent.
async fn apple_date(base_url: &str) -> Option<Timestamp> {
    let http = client::plain(base_url, Duration::from_secs(10)).ok()?;
    let response = http.head(base_url).send().await.ok()?;
    let date = response.headers().get(reqwest::header::DATE)?.to_str().ok()?;
    let moment = DateTime::parse_from_rfc2822(date).ok()?.with_timezone(&Utc);
    Some(Timestamp(moment.timestamp_millis()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::Verdict;

    #[test]
    fn a_clock_that_is_far_off_fails() {
        let seconds = Duration::from_secs;
        assert_eq!(finding(&[("Redis", seconds(0)), ("Apple", seconds(100))]).verdict, Verdict::Fail);
        assert_eq!(finding(&[("Redis", seconds(5))]).verdict, Verdict::Warn);
        assert_eq!(finding(&[("Apple", seconds(1))]).verdict, Verdict::Ok);
        assert_eq!(finding(&[]).verdict, Verdict::Ok);
    }

    #[test]
    fn a_clock_read_in_between_is_not_off() {
        let now = clock::now();
        let (later, earlier) = (now.plus(Duration::from_secs(90)), now.minus(Duration::from_secs(90)));
        assert_eq!(off(now, now, now), Duration::ZERO);
        assert!(off(now, later, later) > Duration::from_secs(80));
        assert!(off(now, earlier, earlier) > Duration::from_secs(80));
    }
}
