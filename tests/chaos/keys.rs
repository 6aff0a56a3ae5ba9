//! Judges Redis: once all is done nothing is left in it but what always is (I9).

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use russet_services::ServicesError;

use crate::say::say;
use crate::stage::Stage;

const PREFIX: &str = "{russet}:";
/// Messages that the leader pushes by the clock; one of them may always wait.
const BY_THE_CLOCK: [&str; 3] = ["sweep", "refresh_limits", "refresh_catalog"];
/// What is always there, or may be.
const CONSTANT: [&str; 10] =
    ["layout", "kinds", "fence", "beat", "wake", "next", "limiter", "turns", "workers", "worker_kinds"];
/// What goes by itself.
const FLEETING: [&str; 4] = ["apple", "failing", "working", "amnesty"];
/// The beginnings of keys that there are many of and that go by themselves.
const FLEETING_MANY: [&str; 3] = ["memo:", "pace:", "lead:"];
/// How long the queue may take to run empty.
const EMPTY_WITHIN: Duration = Duration::from_secs(30);

/// Starts the workers again without a schedule and waits until the queue has run empty.
pub(crate) async fn drain(stage: &Stage) {
    say("the schedule ends; waiting for the queue to run empty");
    for worker in &stage.workers {
        let mut worker = worker.lock().await;
        worker.end().await;
        worker.set("RUSSET_SCHEDULE__SYNC_TOKEN", "");
        worker.start();
    }
    let start = Instant::now();
    loop {
        let left = match messages(stage).await {
            Ok(left) if left.is_empty() => return,
            Ok(left) => left,
            Err(error) => BTreeSet::from([error.to_string()]),
        };
        if start.elapsed() > EMPTY_WITHIN {
            stage.report.count("keys_left", left.len() as u64);
            stage.report.finding(format!("the queue does not run empty: {left:?}"));
            return;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Messages that wait or run, but for those that come by the clock.
async fn messages(stage: &Stage) -> Result<BTreeSet<String>, ServicesError> {
    let ids = lines(stage, &["HKEYS", &key("msg")]).await?;
    Ok(ids.into_iter().filter(|id| !is_by_the_clock(id)).collect())
}

fn is_by_the_clock(id: &str) -> bool {
    BY_THE_CLOCK.contains(&id.split(':').next().unwrap_or_default())
}

/// Ends the workers and finds what is left in Redis and should not be.
pub(crate) async fn judge(stage: &Stage) {
    for worker in &stage.workers {
        worker.lock().await.end().await;
    }
    let left = match left(stage).await {
        Ok(left) => left,
        Err(error) => vec![format!("Redis cannot be looked at: {error}")],
    };
    stage.report.count("keys_left", left.len() as u64);
    for what in left {
        stage.report.finding(format!("left in Redis: {what}"));
    }
}

async fn left(stage: &Stage) -> Result<Vec<String>, ServicesError> {
    let mut wrong = Vec::new();
    let mut lanes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for full in lines(stage, &["KEYS", "*"]).await? {
        let name = full.strip_prefix(PREFIX).unwrap_or(&full).to_owned();
        if name.starts_with("due:") {
            lanes.insert(full.clone(), lines(stage, &["ZRANGE", &full, "0", "-1"]).await?);
        } else if FLEETING.contains(&name.as_str()) || FLEETING_MANY.iter().any(|many| name.starts_with(many))
        {
            if lines(stage, &["PTTL", &full]).await?.iter().any(|ttl| ttl == "-1") {
                wrong.push(format!("{name} would stay for ever"));
            }
        } else if name != "msg" && !CONSTANT.contains(&name.as_str()) {
            wrong.push(format!("{name} of type {}", lines(stage, &["TYPE", &full]).await?.join(" ")));
        }
    }
    // Every message is in one lane, every lane holds messages, and the index knows the lanes.
    let known: BTreeSet<String> = lines(stage, &["HKEYS", &key("msg")]).await?.into_iter().collect();
    let waiting: Vec<String> = lanes.values().flatten().cloned().collect();
    let distinct: BTreeSet<String> = waiting.iter().cloned().collect();
    if distinct.len() != waiting.len() {
        wrong.push(format!("messages in two lanes: {waiting:?}"));
    }
    wrong.extend(
        known.symmetric_difference(&distinct).map(|id| format!("{id} is in msg or in a lane, not in both")),
    );
    wrong.extend(known.iter().filter(|id| !is_by_the_clock(id)).map(|id| format!("the message {id}")));
    let index: BTreeSet<String> =
        lines(stage, &["ZRANGE", &key("next"), "0", "-1"]).await?.into_iter().collect();
    wrong.extend(
        lanes
            .keys()
            .filter(|lane| !index.contains(*lane))
            .map(|lane| format!("the lane {lane}, unknown to the index")),
    );
    wrong.extend(registers(stage).await?);
    Ok(wrong)
}

/// What is kept of tokens and workers has a place for each of them and no more.
async fn registers(stage: &Stage) -> Result<Vec<String>, ServicesError> {
    let mut wrong = Vec::new();
    let turns = lines(stage, &["ZRANGE", &key("turns"), "0", "-1"]).await?;
    let tokens = stage.tokens.get().map_or(0, Vec::len);
    if turns.len() > tokens {
        wrong.push(format!("turns of {} tokens, and there are {tokens}: {turns:?}", turns.len()));
    }
    let workers: BTreeSet<String> =
        lines(stage, &["ZRANGE", &key("workers"), "0", "-1"]).await?.into_iter().collect();
    let kinds: BTreeSet<String> = lines(stage, &["HKEYS", &key("worker_kinds")]).await?.into_iter().collect();
    let alone: Vec<&String> = workers.symmetric_difference(&kinds).collect();
    if !alone.is_empty() {
        wrong.push(format!("workers without kinds, or kinds without workers: {alone:?}"));
    }
    Ok(wrong)
}

fn key(name: &str) -> String {
    format!("{PREFIX}{name}")
}

async fn lines(stage: &Stage, words: &[&str]) -> Result<Vec<String>, ServicesError> {
    let redis = stage.redis.lock().await;
    let answer = tokio::task::block_in_place(|| redis.command(words))?;
    Ok(answer.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect())
}
