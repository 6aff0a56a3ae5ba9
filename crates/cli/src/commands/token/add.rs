//! Uploads a token: asks for consent, waits for Apple's verdict, and starts the first sync.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use russet_domain::token::TokenState;
use serde_json::{Value, json};

use crate::access::AccessArgs;
use crate::answers::Token;
use crate::client::Client;
use crate::error::CliError;
use crate::follow::WaitArgs;
use crate::{ask, follow, print, report};

/// How long Apple's verdict is waited for, and how often it is looked for.
const VERDICT_WAIT: Duration = Duration::from_secs(10);
const VERDICT_LOOK: Duration = Duration::from_millis(250);

/// What is agreed to.
const CONSENT: &str = "\
Russet will send four things to Apple, and nothing else:
  - a generated id for each user (not the person's name)
  - the location token itself
  - the Managed Apple ID that you give with the token, if any
  - the serial numbers of managed devices that get licenses
To stop this later, remove the token here and delete the account at Apple.";

#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// The .vpptoken file as downloaded from Apple Business Manager or Apple School Manager.
    file: PathBuf,
    /// What to call it; without it, the file's name.
    #[arg(long)]
    name: Option<String>,
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
    /// Take the location over when another MDM server has claimed it.
    #[arg(long)]
    take_over: bool,
    /// Consent, without being asked, to what is sent to Apple.
    #[arg(long, visible_alias = "yes")]
    consent: bool,
    /// Do not read the location's licenses yet.
    #[arg(long)]
    no_sync: bool,
    #[command(flatten)]
    wait: WaitArgs,
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
    let content = super::read_file(&args.file)?;
    if !args.consent && !asked_for_consent()? {
        return Err(CliError::Usage("without consent nothing was uploaded".to_owned()));
    }
    let answer = client.post("tokens", &body(&args, &content)).await?;
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

fn body(args: &AddArgs, content: &str) -> Value {
    let stem = args.file.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let mut body = json!({
        "name": args.name.clone().or(stem).unwrap_or_default(),
        "content": content,
        "consent": true,
        "account_type": args.account_type.as_str(),
        "auto_update": args.auto_update,
        "take_over": args.take_over,
    });
    for (field, value) in [("country", &args.country), ("apple_id", &args.apple_id)] {
        if let Some(value) = value {
            body[field] = json!(value);
        }
    }
    body
}

/// Asks the person at the terminal. Where there is none, consent has to be given by the option.
fn asked_for_consent() -> Result<bool, CliError> {
    let question = format!("{CONSENT}\nDo you agree?");
    ask::person(&question)?
        .ok_or_else(|| CliError::Usage(format!("{CONSENT}\nAgree to that with --consent.")))
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
