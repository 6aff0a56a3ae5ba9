//! Tells how a job ended, and which of its changes were refused and why.

use serde_json::Value;

use crate::answers::{Change, Fault, Job, JobUser, Move};
use crate::client::Client;
use crate::error::CliError;
use crate::print;

/// The kind of jobs that count moves and not changes.
const MOVES: &str = "move_license";
/// The most refused changes that are listed.
const REFUSED_SHOWN: usize = 20;

/// Prints how a job ended. Fails when it did not succeed.
pub(crate) async fn end(client: &Client, job: &Job, value: &Value, json: bool) -> Result<(), CliError> {
    if json {
        print::json(value);
    } else {
        notes(job);
        print::line(sentence(job));
        if job.progress.refused > 0 {
            if job.kind == MOVES {
                moves(client, job.id, Some("refused"), REFUSED_SHOWN).await?;
            } else if job.is_about_users() {
                users(client, job.id, Some("refused"), REFUSED_SHOWN).await?;
            } else {
                changes(client, job.id, Some("refused"), REFUSED_SHOWN).await?;
            }
            if job.progress.refused > REFUSED_SHOWN as u64 {
                let more = job.progress.refused - REFUSED_SHOWN as u64;
                print::line(format!("and {more} more: russet job show {} --changes refused", job.id));
            }
        }
    }
    if job.only_waits() && job.progress.refused == 0 {
        if !json {
            if job.progress.held > 0 {
                print::remark(format!(
                    "the rest is held by the brakes; `russet job approve {}` with another key lets it go",
                    job.id
                ));
            } else {
                print::remark(
                    "no license is free for the rest; `russet waitlist` shows the places in the line",
                );
            }
        }
        return Ok(());
    }
    if job.has_succeeded() {
        return Ok(());
    }
    let reason = job.error.as_ref().map(|error| format!(": {} ({})", error.detail, error.code));
    Err(CliError::Job(format!("job {} {}{}", job.id, words(&job.state), reason.unwrap_or_default())))
}

/// Prints what the server had to say about the submission.
pub(crate) fn notes(job: &Job) {
    for note in &job.notes {
        print::remark(format!("note: {}", print::plain(note)));
    }
}

/// One sentence about a job as it is.
pub(crate) fn sentence(job: &Job) -> String {
    let mut parts = Vec::new();
    let progress = &job.progress;
    let counts = [
        (progress.settled, "settled"),
        (progress.refused, "refused"),
        (progress.cancelled, "cancelled"),
        (progress.waitlisted, "waiting for a license"),
        (progress.held, "waiting for an approval"),
        (progress.planned + progress.sending + progress.accepted, "under way"),
    ];
    for (count, what) in counts {
        if count > 0 {
            parts.push(format!("{count} {what}"));
        }
    }
    if let Some(sync) = &job.sync {
        parts.push(format!("{} licenses read", sync.licenses));
    }
    let counts = if parts.is_empty() { String::new() } else { format!(": {}", parts.join(", ")) };
    format!("job {} ({}) {}{counts}", job.id, job.kind, words(&job.state))
}

/// Prints a job's changes in a table.
pub(crate) async fn changes(
    client: &Client,
    job: i64,
    state: Option<&str>,
    limit: usize,
) -> Result<(), CliError> {
    let query: Vec<_> = state.map(|state| ("state", state.to_owned())).into_iter().collect();
    let items = client.list(&format!("jobs/{job}/changes"), &query, limit).await?;
    let rows = items.into_iter().map(|item| {
        let change: Change = serde_json::from_value(item).unwrap_or_default();
        let holder = change.serial.or(change.user).unwrap_or_default();
        let why = change.error.as_ref().map(why);
        let asset = asset(&change.adam_id, &change.pricing_param, change.name.as_deref());
        [change.action, asset, holder, change.state, why.unwrap_or_default()]
    });
    print::table(["ACTION", "ASSET", "HOLDER", "STATE", "WHY"], rows);
    Ok(())
}

/// Prints a job's moves in a table.
pub(crate) async fn moves(
    client: &Client,
    job: i64,
    state: Option<&str>,
    limit: usize,
) -> Result<(), CliError> {
    let query: Vec<_> = state.map(|state| ("state", state.to_owned())).into_iter().collect();
    let items = client.list(&format!("jobs/{job}/moves"), &query, limit).await?;
    let rows = items.into_iter().map(|item| {
        let moved: Move = serde_json::from_value(item).unwrap_or_default();
        let why = moved.error.map(|error| format!("{} ({})", error.detail, error.code)).unwrap_or_default();
        [asset(&moved.adam_id, &moved.pricing_param, None), moved.user, moved.serial, moved.state, why]
    });
    print::table(["ASSET", "USER", "DEVICE", "STATE", "WHY"], rows);
    Ok(())
}

/// Prints a job's users in a table.
pub(crate) async fn users(
    client: &Client,
    job: i64,
    state: Option<&str>,
    limit: usize,
) -> Result<(), CliError> {
    let query: Vec<_> = state.map(|state| ("state", state.to_owned())).into_iter().collect();
    let items = client.list(&format!("jobs/{job}/users"), &query, limit).await?;
    let rows = items.into_iter().map(|item| {
        let user: JobUser = serde_json::from_value(item).unwrap_or_default();
        let why = user.error.as_ref().map(why).unwrap_or_default();
        [user.client_user_id, user.state, why]
    });
    print::table(["USER", "STATE", "WHY"], rows);
    Ok(())
}

fn why(error: &Fault) -> String {
    match error.number {
        Some(number) => format!("{} ({}, Apple's {number})", error.detail, error.code),
        None => format!("{} ({})", error.detail, error.code),
    }
}

/// An asset as people write it, with its name where that is known: the standard pricing is left out.
fn asset(adam_id: &str, pricing_param: &str, name: Option<&str>) -> String {
    let id = match pricing_param {
        "" | "STDQ" => adam_id.to_owned(),
        other => format!("{adam_id}:{other}"),
    };
    match name {
        Some(name) => format!("{id} {name}"),
        None => id,
    }
}

/// A stored word as people write it.
fn words(state: &str) -> String {
    state.replace('_', " ")
}
