//! Judges what is left: every job there and ended once, every license where it was wished last, Apple's rules kept.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use reqwest::Method;
use russet_tests::{License, license};
use serde_json::Value;

use crate::say::say;
use crate::stage::{CLIENT_PATIENCE, Stage};
use crate::weather::SLOWED;
use crate::work::Wishes;

/// How long after the healing every job has to have ended (I8).
const RECOVERED_WITHIN: Duration = Duration::from_secs(60);
/// The same for a token that Apple has told to slow down: its pace climbs back by a tenth a minute.
const SLOWED_WITHIN: Duration = Duration::from_secs(240);
/// How long one question may go unanswered while nothing is broken.
const ANSWERED_WITHIN: Duration = Duration::from_secs(20);
const EVERY: Duration = Duration::from_millis(150);
/// Pages that one list is followed over.
const PAGES_MAX: usize = 1_000;
/// Examples in a finding.
const EXAMPLES: usize = 5;

/// Broken rules of Apple's that are told and not held against anybody. Who is killed, or forgets, between hearing how long to
/// wait and writing it down does not wait. And the five pages at once are kept by each message, but not by all messages of a
/// token together: a slow Apple can see a walk and some questions after lost replies at the same time.
const FORGIVEN: [&str; 2] = ["before_retry_after", "parallel_pages"];

/// Asks any API, and once more until one answers. A question that is not answered in calm is a finding.
pub(crate) async fn ask(stage: &Stage, path: &str) -> Option<(u16, Value)> {
    let start = Instant::now();
    let mut last = String::new();
    for turn in 0.. {
        if start.elapsed() > ANSWERED_WITHIN {
            break;
        }
        let client = &stage.clients[turn % stage.clients.len()];
        let sent = client.request(Method::GET, path).timeout(CLIENT_PATIENCE).send().await;
        match sent {
            Ok(answer) if answer.status().as_u16() < 500 => {
                let status = answer.status().as_u16();
                if let Ok(text) = answer.text().await {
                    return Some((status, serde_json::from_str(&text).unwrap_or(Value::String(text))));
                }
            }
            Ok(answer) => last = format!("{}", answer.status()),
            Err(error) => last = format!("{error:?}"),
        }
        tokio::time::sleep(EVERY).await;
    }
    stage.report.finding(format!("GET {path} is not answered though nothing is broken any more: {last}"));
    None
}

/// A whole list, page after page.
pub(crate) async fn list(stage: &Stage, path: &str) -> Option<Vec<Value>> {
    let separator = if path.contains('?') { '&' } else { '?' };
    let (mut items, mut cursor) = (Vec::new(), String::new());
    for _ in 0..PAGES_MAX {
        let (status, page) = ask(stage, &format!("{path}{separator}limit=1000{cursor}")).await?;
        let Some(more) = page["items"].as_array() else {
            stage.report.finding(format!("GET {path} answers {status} {page}"));
            return None;
        };
        items.extend(more.iter().cloned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Some(items),
        }
    }
    stage.report.finding(format!("the list {path} does not end"));
    None
}

/// Waits until every acknowledged job has ended (I1, I2, I8).
pub(crate) async fn ends(stage: &Stage, wishes: &[Wishes], healed: Instant) {
    let within = |token: usize| if token < SLOWED { SLOWED_WITHIN } else { RECOVERED_WITHIN };
    let of_token =
        |(token, one): (usize, &Wishes)| one.jobs.iter().map(|job| (*job, within(token))).collect::<Vec<_>>();
    let mut open: Vec<(i64, Duration)> = wishes.iter().enumerate().flat_map(of_token).collect();
    while open.iter().any(|(_, within)| healed.elapsed() < *within) {
        let mut still = Vec::new();
        for (job, within) in open {
            match ask(stage, &format!("/jobs/{job}")).await {
                Some((200, seen)) if matches!(seen["state"].as_str(), Some("queued" | "running")) => {
                    still.push((job, within));
                }
                Some((200, seen)) => ended(stage, &seen),
                Some((status, answer)) => {
                    stage.report.count("lost", 1);
                    stage
                        .report
                        .finding(format!("job {job} was acknowledged and is not there: {status} {answer}"));
                }
                None => still.push((job, within)),
            }
        }
        open = still;
        tokio::time::sleep(EVERY).await;
    }
    for (job, within) in &open {
        stage.report.count("stuck", 1);
        let seen = ask(stage, &format!("/jobs/{job}")).await.map(|(_, seen)| seen).unwrap_or_default();
        let within = within.as_secs();
        stage.report.finding(format!("job {job} has not ended {within} s after the healing: {seen}"));
    }
}

fn ended(stage: &Stage, job: &Value) {
    if job["state"] == "failed" || job["progress"]["refused"].as_u64().unwrap_or(0) > 0 {
        stage.report.count("failed", 1);
        stage.report.finding(format!("a job that Apple has no reason to refuse has failed: {job}"));
    }
    let progress = |name: &str| job["progress"][name].as_u64().unwrap_or(0);
    if progress("settled") + progress("cancelled") != progress("total") {
        stage.report.finding(format!("a job has ended and its changes have not: {job}"));
    }
}

/// Judges everything that is to be seen once all has ended.
pub(crate) async fn all(stage: &Stage, wishes: &[Wishes]) {
    let ledger = stage.apple.ledger().await;
    for one in wishes {
        promised(stage, one).await;
        let held = stage.apple.held(&one.token.uid).await;
        agree(stage, one, &held).await;
        as_wished(stage, one, &held);
        moved_once(stage, one, &ledger).await;
    }
    rules(stage, &ledger);
    dead(stage).await;
    panics(stage);
}

/// Each submission has become one job, and no job came from nowhere (I1, I7).
async fn promised(stage: &Stage, one: &Wishes) {
    let Some(jobs) = list(stage, &format!("/jobs?token={}", one.token.id)).await else { return };
    let is_wish = |job: &&Value| job["origin"] == "api" && job["kind"] != "claim_token";
    let there: BTreeSet<i64> = jobs.iter().filter(is_wish).filter_map(|job| job["id"].as_i64()).collect();
    let promised: BTreeSet<i64> = one.jobs.iter().copied().collect();
    if promised.len() < one.jobs.len() {
        stage.report.count("doubled", (one.jobs.len() - promised.len()) as u64);
        stage
            .report
            .finding(format!("token {}: two submissions were answered with the same job", one.token.id));
    }
    // One that made the token ready belongs to nobody's wishes; an unanswered one may have become a job or not.
    let surplus = there.difference(&promised).count().saturating_sub(1 + one.unanswered);
    if surplus > 0 {
        stage.report.count("doubled", surplus as u64);
        stage.report.finding(format!("token {}: {surplus} jobs came from nobody's submission", one.token.id));
    }
}

/// Russet knows what Apple knows.
async fn agree(stage: &Stage, one: &Wishes, held: &BTreeSet<License>) {
    let Some(items) = list(stage, &format!("/licenses?token={}", one.token.id)).await else { return };
    let known: BTreeSet<License> = items.iter().map(license).collect();
    if known != *held || known.len() != items.len() {
        let only_here: Vec<_> = known.difference(held).take(EXAMPLES).collect();
        let only_there: Vec<_> = held.difference(&known).take(EXAMPLES).collect();
        stage.report.count("wrong_licenses", 1);
        let token = one.token.id;
        stage.report.finding(format!(
            "token {token}: {} licenses here and {} at Apple; only here {only_here:?}, only at Apple {only_there:?}",
            items.len(),
            held.len()
        ));
    }
}

/// Every license is where it was wished last.
fn as_wished(stage: &Stage, one: &Wishes, held: &BTreeSet<License>) {
    if one.unanswered > 0 {
        return;
    }
    let wanted: BTreeSet<License> =
        one.wanted.iter().filter(|(_, held)| **held).map(|(license, _)| license.clone()).collect();
    let (missing, surplus): (Vec<_>, Vec<_>) =
        (wanted.difference(held).take(EXAMPLES).collect(), held.difference(&wanted).take(EXAMPLES).collect());
    if !missing.is_empty() || !surplus.is_empty() {
        stage.report.count("wrong_licenses", 1);
        let token = one.token.id;
        stage.report.finding(format!(
            "token {token}: licenses are not as wished last; missing {missing:?}, too many {surplus:?}"
        ));
    }
}

/// No license was moved more often than there were changes that moved it (I4), and nothing was sent to Apple that no change
/// was written down for (I3).
async fn moved_once(stage: &Stage, one: &Wishes, ledger: &Value) {
    let (mut moved, mut sent) = ([0_u64; 2], 0_u64);
    for job in &one.jobs {
        let Some(changes) = list(stage, &format!("/jobs/{job}/changes")).await else { return };
        for change in &changes {
            let went_out = change["request"].is_i64() && change["state"] == "settled";
            moved[usize::from(change["action"] == "revoke")] += u64::from(went_out);
            let attempts = change["attempts"].as_u64().unwrap_or(0);
            sent += attempts.max(u64::from(change["request"].is_i64()));
        }
    }
    let seen = &ledger["by_location"][&one.token.uid];
    let count = |pointer: &str| seen.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
    let really = [count("/licenses_moved/associated"), count("/licenses_moved/disassociated")];
    let doubled = really[0].saturating_sub(moved[0]) + really[1].saturating_sub(moved[1]);
    if doubled > 0 {
        stage.report.count("doubled", doubled);
        let token = one.token.id;
        stage.report.finding(format!(
            "token {token}: Apple moved {really:?} licenses (given, taken) for {moved:?} changes that went out"
        ));
    }
    let writes = count("/requests/associate") + count("/requests/disassociate");
    stage.report.count("writes", writes);
    if writes > sent {
        let token = one.token.id;
        stage
            .report
            .finding(format!("token {token}: {writes} writes at Apple, and changes were sent {sent} times"));
    }
}

/// Apple's rules were kept (I5).
fn rules(stage: &Stage, ledger: &Value) {
    let violations = ledger["violations"].as_object().cloned().unwrap_or_default();
    stage.report.figure("requests", ledger["requests"]["total"].clone());
    stage.report.figure("violations", violations.clone().into());
    for (name, count) in violations.iter().filter(|(name, _)| *name != "total") {
        let count = count.as_u64().unwrap_or(0);
        if name == "rate" {
            stage.report.count("rate_violations", count);
        }
        if count > 0 && !FORGIVEN.contains(&name.as_str()) {
            let most = &ledger["max_in_any_second"];
            stage
                .report
                .finding(format!("Apple's rule {name} was broken {count} times; most in a second: {most}"));
        } else if count > 0 {
            say(&format!("Apple's rule {name} was broken {count} times, which is told and forgiven"));
        }
    }
}

/// No message was set aside: everything that went wrong was somebody else's doing and passed.
async fn dead(stage: &Stage) {
    let Some((_, Value::String(metrics))) = ask(stage, "//metrics").await else { return };
    for line in metrics.lines().filter(|line| line.contains("place=\"dead\"") && !line.ends_with(" 0")) {
        stage.report.count("dead", 1);
        stage.report.finding(format!("messages were set aside: {line}"));
    }
}

fn panics(stage: &Stage) {
    for file in std::fs::read_dir(stage.logs()).into_iter().flatten().flatten() {
        let log = String::from_utf8_lossy(&std::fs::read(file.path()).unwrap_or_default()).into_owned();
        if let Some(at) = log.find("panicked at") {
            let said: String = log[at..].chars().take(300).collect();
            stage.report.count("panics", 1);
            stage.report.finding(format!("{:?} panicked: {said}", file.file_name()));
        }
    }
}
