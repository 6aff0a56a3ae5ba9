//! Uploads many token files at once and says of each what became of it. Done again it finds them all there already.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use futures::stream::{self, StreamExt as _};
use russet_domain::token::TokenState;
use serde_json::{Value, json};

use super::add::AddArgs;
use super::files::{self, Found};
use crate::answers::Token;
use crate::client::Client;
use crate::error::CliError;
use crate::print;

/// Uploads under way at once.
const AT_ONCE: usize = 8;
/// How long Apple's verdict on one token is waited for, and how often it is looked for.
const VERDICT_WAIT: Duration = Duration::from_secs(10);
const VERDICT_LOOK: Duration = Duration::from_millis(250);

/// What became of one file.
struct Report {
    place: String,
    outcome: Outcome,
    token: Option<i64>,
    detail: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// It is a new token.
    Created,
    /// The very file was there.
    AlreadyThere,
    /// It took the place of an older file of the same location.
    Renewed,
    /// Another token here opens the same location.
    Duplicate,
    /// Nothing became of it.
    Refused,
}

impl Outcome {
    fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::AlreadyThere => "already_there",
            Self::Renewed => "renewed",
            Self::Duplicate => "duplicate",
            Self::Refused => "refused",
        }
    }
}

/// Uploads all token files in these places. Fails when one of them was refused, after the others are through.
pub(super) async fn run(client: &Client, args: &AddArgs, places: &[PathBuf]) -> Result<(), CliError> {
    let found = files::find(places)?;
    if found.is_empty() {
        return Err(CliError::Usage("there is no .vpptoken file in there".to_owned()));
    }
    if args.name.is_some() {
        return Err(CliError::Usage(
            "--name is for a single file; many are called by their files' names".to_owned(),
        ));
    }
    args.agree()?;
    let total = found.len();
    let mut reports = Vec::with_capacity(total);
    // In the order of the files: a person reads the lines beside a list of them.
    let mut all = stream::iter(found).map(|found| one(client, args, found)).buffered(AT_ONCE);
    while let Some(report) = all.next().await {
        let report = report?;
        if !args.access.json {
            line(&report);
        }
        reports.push(report);
    }
    sum_up(&reports, args.access.json);
    let refused = reports.iter().filter(|report| report.outcome == Outcome::Refused).count();
    if refused == 0 { Ok(()) } else { Err(CliError::Job(format!("{refused} of {total} files were refused"))) }
}

/// Uploads one file. That the server says no is a report; that it cannot be reached ends everything.
async fn one(client: &Client, args: &AddArgs, found: Found) -> Result<Report, CliError> {
    let Found { place, stem, content } = found;
    let report = |outcome, token, detail: String| Report { place: place.clone(), outcome, token, detail };
    let content = match content {
        Ok(content) => content,
        Err(why) => return Ok(report(Outcome::Refused, None, format!("cannot be read: {why}"))),
    };
    let answer = client.post("tokens", &args.body(&stem, &content)).await;
    let id = match answer {
        Ok(answer) => super::token_of(client, &answer.body)?.id,
        Err(CliError::Refused(problem)) if problem.code == "token_already_uploaded" => {
            return Ok(report(Outcome::AlreadyThere, None, problem.detail));
        }
        Err(CliError::Refused(problem)) => {
            return Ok(report(Outcome::Refused, None, problem.to_string()));
        }
        Err(error) => return Err(error),
    };
    let token = verdict(client, id, args.wait.no_wait).await?;
    let detail = format!("{}, {}: {}", token.name, token.state, token.state_detail);
    let state = TokenState::from_text(&token.state);
    if state == Some(TokenState::Duplicate) {
        if args.renew {
            return renew(client, &token, &content, &place).await;
        }
        let detail = format!("{detail} With --renew the file takes the older one's place.");
        return Ok(report(Outcome::Duplicate, Some(id), detail));
    }
    if matches!(state, Some(TokenState::Expired | TokenState::Invalid)) {
        return Ok(report(Outcome::Refused, Some(id), detail));
    }
    first_sync(client, args, &token).await?;
    Ok(report(Outcome::Created, Some(id), detail))
}

/// The token as soon as Apple was asked about it, or as it is after some seconds.
async fn verdict(client: &Client, id: i64, at_once: bool) -> Result<Token, CliError> {
    let until = Instant::now() + VERDICT_WAIT;
    loop {
        let value = client.get(&format!("tokens/{id}"), &[]).await?;
        let token = super::token_of(client, &value)?;
        let undecided = TokenState::from_text(&token.state).is_some_and(TokenState::is_undecided);
        if at_once || !undecided || Instant::now() >= until {
            return Ok(token);
        }
        tokio::time::sleep(VERDICT_LOOK).await;
    }
}

/// Puts a file that was taken for another token in the place of the older token's file. The other one has no licenses of
/// its own, so that nothing is lost with it.
async fn renew(client: &Client, token: &Token, content: &str, place: &str) -> Result<Report, CliError> {
    let report =
        |outcome, token, detail| Report { place: place.to_owned(), outcome, token: Some(token), detail };
    let uid = token.location.as_ref().and_then(|location| location.uid.clone()).unwrap_or_default();
    let same = client.list("tokens", &[("location", uid)], 2).await?;
    let older = same.first().map(|value| super::token_of(client, value)).transpose()?;
    let Some(older) = older.filter(|older| older.id != token.id) else {
        return Ok(report(Outcome::Created, token.id, "the older token is gone; this one stays".to_owned()));
    };
    // The same file cannot be two tokens, so the newer one goes first.
    let keep = [("licenses", "keep".to_owned())];
    client.delete(&format!("tokens/{}", token.id), &keep).await?;
    let body = json!({ "content": content });
    match client.put(&format!("tokens/{}/content", older.id), &body).await {
        Ok(answer) if answer.status == reqwest::StatusCode::ACCEPTED => {
            Ok(report(Outcome::Renewed, older.id, "Apple has not confirmed it yet".to_owned()))
        }
        Ok(answer) => {
            let renewed = super::token_of(client, &answer.body)?;
            Ok(report(
                Outcome::Renewed,
                older.id,
                format!("{}, expires {}", renewed.name, renewed.expires_at),
            ))
        }
        Err(CliError::Refused(problem)) => Ok(report(Outcome::Refused, older.id, problem.to_string())),
        Err(error) => Err(error),
    }
}

/// Starts the first sync where the token's state allows one; nobody waits for thousands of them.
async fn first_sync(client: &Client, args: &AddArgs, token: &Token) -> Result<(), CliError> {
    let may_sync =
        TokenState::from_text(&token.state).is_some_and(|state| state.may_sync() || state.is_undecided());
    if args.no_sync || !may_sync {
        return Ok(());
    }
    let body = json!({ "kind": "sync_token", "token": token.id, "mode": "full", "priority": "low" });
    match client.post("jobs", &body).await {
        // Its state has just changed: the schedule syncs it when it can be.
        Ok(_) | Err(CliError::Refused(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

fn line(report: &Report) {
    let token = report.token.map(|id| format!(" as token {id}")).unwrap_or_default();
    let what = report.outcome.as_str().replace('_', " ");
    print::line(print::plain(&format!("{}: {what}{token}: {}", report.place, report.detail)));
}

fn sum_up(reports: &[Report], as_json: bool) {
    let all =
        [Outcome::Created, Outcome::AlreadyThere, Outcome::Renewed, Outcome::Duplicate, Outcome::Refused];
    let count = |outcome| reports.iter().filter(|report| report.outcome == outcome).count();
    if as_json {
        let items: Vec<Value> = reports
            .iter()
            .map(|report| {
                json!({
                    "file": report.place,
                    "outcome": report.outcome.as_str(),
                    "token": report.token,
                    "detail": report.detail,
                })
            })
            .collect();
        let mut value = json!({ "items": items });
        for outcome in all {
            value[outcome.as_str()] = json!(count(outcome));
        }
        print::json(&value);
        return;
    }
    let parts: Vec<String> = all
        .into_iter()
        .map(|outcome| (outcome.as_str().replace('_', " "), count(outcome)))
        .filter(|(_, count)| *count > 0)
        .map(|(what, count)| format!("{count} {what}"))
        .collect();
    print::line(format!("{} files: {}", reports.len(), parts.join(", ")));
}
