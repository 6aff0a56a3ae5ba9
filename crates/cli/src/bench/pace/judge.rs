//! Works out from the simulator's ledger how well the pace was used, and how fairly.

use serde_json::Value;

use super::super::queue::percentile;
use super::Phase;
use super::jobs::Submitted;
use crate::error::CliError;

/// What came out of one phase.
#[derive(Debug)]
pub(super) struct Figures {
    /// Requests a second of the big token, or of the first one, while it had work: the writes after the first, over the
    /// time from the first to the last. A token has work all that time, because it has a single job.
    pub(super) big_per_s: f64,
    /// The same as a mean over all tokens, each weighing as much as it has writes.
    pub(super) mean_per_s: f64,
    /// Jain's index over the small tokens' rates of service: writes over the time from the submission to the last write.
    /// It is 1 when equal jobs are served equally fast, and falls toward 1/n when one gets everything. See
    /// <https://arxiv.org/abs/cs/9809099>.
    pub(super) jain: f64,
    /// How long small jobs waited for their first request to reach Apple: half of them, and 99 of 100.
    pub(super) wait_ms: [f64; 2],
    /// How long they took until the last of their licenses had moved.
    pub(super) done_ms: [f64; 2],
}

/// One job as Apple saw it.
struct Seen {
    big: bool,
    writes: f64,
    per_s: f64,
    wait_ms: f64,
    done_ms: f64,
    service_per_s: f64,
}

pub(super) fn figures(phase: &Phase) -> Result<Figures, CliError> {
    let seen: Vec<Seen> =
        phase.submitted.iter().map(|job| look(&phase.ledger, job)).collect::<Result<_, _>>()?;
    let first = seen.iter().find(|seen| seen.big).or(seen.first());
    let of_small =
        |figure: fn(&Seen) -> f64| -> Vec<f64> { seen.iter().filter(|seen| !seen.big).map(figure).collect() };
    let both = |values: &[f64]| [percentile(values, 0.5), percentile(values, 0.99)];
    let writes: f64 = seen.iter().map(|seen| seen.writes).sum();
    Ok(Figures {
        big_per_s: first.map_or(0.0, |seen| seen.per_s),
        mean_per_s: seen.iter().map(|seen| seen.per_s * seen.writes).sum::<f64>() / writes,
        jain: jain(&of_small(|seen| seen.service_per_s)),
        wait_ms: both(&of_small(|seen| seen.wait_ms)),
        done_ms: both(&of_small(|seen| seen.done_ms)),
    })
}

fn look(ledger: &Value, job: &Submitted) -> Result<Seen, CliError> {
    let uid = &job.uid;
    let number = |name: &str| {
        let found = ledger.pointer(&format!("/by_location/{uid}/arrivals/{name}")).and_then(Value::as_i64);
        found.ok_or_else(|| CliError::Job(format!("the ledger has no {name} of location {uid}")))
    };
    let (writes, from, to) = (number("writes")? as f64, number("first_write_ms")?, number("last_write_ms")?);
    let seconds = |millis: i64| (millis.max(1)) as f64 / 1_000.0;
    Ok(Seen {
        big: job.big,
        writes,
        per_s: (writes - 1.0) / seconds(to - from),
        wait_ms: (from - job.at_ms) as f64,
        done_ms: (job.ended_ms - job.at_ms) as f64,
        service_per_s: writes / seconds(to - job.at_ms),
    })
}

/// Jain's index of fairness; 1 when there is nobody to be unfair to.
fn jain(rates: &[f64]) -> f64 {
    let (sum, squares) =
        rates.iter().fold((0.0, 0.0), |(sum, squares), rate| (sum + rate, squares + rate * rate));
    if squares > 0.0 { sum * sum / (rates.len() as f64 * squares) } else { 1.0 }
}

/// How often Apple's rules were broken.
pub(super) fn violations(ledger: &Value) -> u64 {
    ledger.pointer("/violations/total").and_then(Value::as_u64).unwrap_or(0)
}

/// How many requests came in.
pub(super) fn requests(ledger: &Value) -> u64 {
    ledger.pointer("/requests/total").and_then(Value::as_u64).unwrap_or(0)
}

/// How many requests a second came in, from the first to the last.
pub(super) fn requests_per_s(ledger: &Value) -> f64 {
    let moment = |name: &str| ledger.pointer(&format!("/arrivals/{name}")).and_then(Value::as_i64);
    let millis = moment("last_ms").zip(moment("first_ms")).map_or(0, |(last, first)| last - first);
    requests(ledger) as f64 * 1_000.0 / millis.max(1) as f64
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn job(uid: &str, big: bool, at_ms: i64) -> Submitted {
        Submitted { id: 1, uid: uid.to_owned(), big, at_ms, ended_ms: at_ms + 3_000 }
    }

    #[test]
    fn a_rate_counts_the_writes_after_the_first() {
        let arrivals = |writes, from, to| json!({"arrivals": {"writes": writes, "first_write_ms": from, "last_write_ms": to}});
        let ledger = json!({"by_location": {"a": arrivals(28, 1_000, 3_000), "b": arrivals(2, 500, 1_500)}});
        let submitted = vec![job("a", true, 0), job("b", false, 100)];
        let figures = figures(&Phase { submitted, ledger, seconds: 3.0 }).unwrap();
        assert_eq!((figures.big_per_s, figures.jain), (13.5, 1.0));
        assert_eq!((figures.wait_ms, figures.done_ms), ([400.0; 2], [3_000.0; 2]));
        assert!((figures.mean_per_s - (13.5 * 28.0 + 2.0) / 30.0).abs() < 1e-9);
    }

    #[test]
    fn one_who_gets_everything_makes_it_as_unfair_as_it_can_be() {
        assert_eq!(jain(&[1.0, 1.0, 1.0, 1.0]), 1.0);
        assert_eq!(jain(&[1.0, 0.0, 0.0, 0.0]), 0.25);
    }

    #[test]
    fn a_job_that_never_reached_apple_is_named() {
        let phase = Phase { submitted: vec![job("a", false, 0)], ledger: json!({}), seconds: 1.0 };
        assert!(figures(&phase).unwrap_err().to_string().contains("location a"));
    }
}
