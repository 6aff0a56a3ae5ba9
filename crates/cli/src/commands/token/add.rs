//! Uploads a token, or many: asks for consent, waits for Apple's verdict, and starts the first sync.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use russet_domain::consent;
use russet_domain::token::TokenState;
use serde_json::{Value, json};

use super::{files, many};
use crate::access::AccessArgs;
use crate::answers::Token;
use crate::client::Client;
use crate::error::CliError;
use crate::follow::WaitArgs;
use crate::{ask, follow, print, report};

/// How long Apple's verdict is waited for, and how often it is looked for.
const VERDICT_WAIT: Duration = Duration::from_secs(10);
const VERDICT_LOOK: Duration = Duration::from_millis(250);

#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// The .vpptoken file as downloaded from Apple Business Manager or Apple School Manager. Several of them, a folder or a
    /// zip archive of them are uploaded together.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// What to call it; without it, the file's name.
    #[arg(long)]
    pub(super) name: Option<String>,
    /// Which kind of account it belongs to.
    #[arg(long, value_enum, default_value_t = AccountType::Business)]
    account_type: AccountType,
    /// The country of the store, as two letters.
    #[arg(long, value_name = "CC")]
    country: Option<String>,
    /// The Managed Apple ID that the token belongs to.
    #[arg(long, value_name = "ID")]
    apple_id: Option<String>,
    /// Keep its apps up to date on the devices.
    #[arg(long)]
    auto_update: bool,
    /// Take the location over, once, should another MDM server have claimed it.
    #[arg(long)]
    take_over: bool,
    /// When to read its licenses by itself: default, never, or a cron expression of five fields.
    #[arg(long, value_name = "CRON")]
    sync_schedule: Option<String>,
    /// Of many files: let one of a location that is here already take the older file's place.
    #[arg(long)]
    pub(super) renew: bool,
    /// Consent, without being asked, to what is sent to Apple.
    #[arg(long, visible_alias = "yes")]
    consent: bool,
    /// Do not read the location's licenses yet.
    #[arg(long)]
    pub(super) no_sync: bool,
    #[command(flatten)]
    pub(super) wait: WaitArgs,
    #[command(flatten)]
    pub(super) access: AccessArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum AccountType {
    Business,
    Education,
}

impl AccountType {
    fn as_str(self) -> &'static str {
        match self {
            Self::Business => "business",
            Self::Education => "education",
        }
    }
}

pub(super) async fn run(client: &Client, args: AddArgs) -> Result<(), CliError> {
    let [file] = args.files.as_slice() else { return many::run(client, &args, &args.files).await };
    if !files::is_single(file) {
        return many::run(client, &args, &args.files).await;
    }
    let content = files::read_file(file)?;
    args.agree()?;
    let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let answer = client.post("tokens", &args.body(&stem, &content)).await?;
    let id = super::token_of(client, &answer.body)?.id;
    let (token, mut value) = verdict(client, id).await?;
    if !args.access.json {
        super::list::show(&token);
    }
    let synced = first_sync(client, &args, &token).await;
    if args.access.json {
        value["sync_job"] = match &synced {
            Ok(job) => job.clone().unwrap_or(Value::Null),
            Err(_) => Value::Null,
        };
        print::json(&value);
    }
    let job = synced?;
    if matches!(TokenState::from_text(&token.state), Some(TokenState::Expired | TokenState::Invalid)) {
        return Err(CliError::Job(format!(
            "the token {} is {}: {}",
            token.id, token.state, token.state_detail
        )));
    }
    match job {
        Some(job) => ended_well(&follow::job_of(client, &job)?, args.wait),
        None => Ok(()),
    }
}

impl AddArgs {
    /// What is sent for a file of this name.
    pub(super) fn body(&self, stem: &str, content: &str) -> Value {
        let mut body = json!({
            "name": self.name.as_deref().unwrap_or(stem),
            "content": content,
            "consent": { "agreed": true, "version": consent::VERSION },
            "account_type": self.account_type.as_str(),
            "auto_update": self.auto_update,
            "take_over": self.take_over,
        });
        let more = [
            ("country", &self.country),
            ("apple_id", &self.apple_id),
            ("sync_schedule", &self.sync_schedule),
        ];
        for (field, value) in more {
            if let Some(value) = value {
                body[field] = json!(value);
            }
        }
        body
    }

    /// Asks the person at the terminal to agree to what is sent to Apple, unless that was done by the option. Where there is
    /// no person, it has to be.
    pub(super) fn agree(&self) -> Result<(), CliError> {
        if self.consent {
            return Ok(());
        }
        let text = consent::text();
        match ask::person(&format!("{text}\nDo you agree?"))? {
            Some(true) => Ok(()),
            Some(false) => Err(CliError::Usage("without consent nothing was uploaded".to_owned())),
            None => Err(CliError::Usage(format!("{text}\nAgree to that with --consent."))),
        }
    }
}

/// The token as soon as Apple was asked about it, or as it is after some seconds.
async fn verdict(client: &Client, id: i64) -> Result<(Token, Value), CliError> {
    let until = Instant::now() + VERDICT_WAIT;
    loop {
        let value = client.get(&format!("tokens/{id}"), &[]).await?;
        let token = super::token_of(client, &value)?;
        let undecided = TokenState::from_text(&token.state).is_some_and(TokenState::is_undecided);
        if !undecided || Instant::now() >= until {
            return Ok((token, value));
        }
        tokio::time::sleep(VERDICT_LOOK).await;
    }
}

/// Starts the first sync where the token's state allows one, and follows it unless told otherwise.
async fn first_sync(client: &Client, args: &AddArgs, token: &Token) -> Result<Option<Value>, CliError> {
    let may_sync =
        TokenState::from_text(&token.state).is_some_and(|state| state.may_sync() || state.is_undecided());
    if args.no_sync || !may_sync {
        return Ok(None);
    }
    let body = json!({ "kind": "sync_token", "token": token.id, "mode": "full" });
    let value = client.post("jobs", &body).await?.body;
    let job = follow::job_of(client, &value)?;
    if args.wait.no_wait {
        if !args.access.json {
            print::line(format!(
                "job {} reads its licenses; `russet job watch {}` follows it",
                job.id, job.id
            ));
        }
        return Ok(Some(value));
    }
    let (job, value) = follow::to_the_end(client, job.id, args.wait, args.access.json).await?;
    if !args.access.json {
        print::line(report::sentence(&job));
    }
    Ok(Some(value))
}

fn ended_well(job: &crate::answers::Job, wait: WaitArgs) -> Result<(), CliError> {
    if wait.no_wait || job.has_succeeded() {
        return Ok(());
    }
    let why = job.error.as_ref().map(|error| error.detail.as_str()).unwrap_or_default();
    Err(CliError::Job(format!("the first sync, job {}, {}: {why}", job.id, job.state.replace('_', " "))))
}
