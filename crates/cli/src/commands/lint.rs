//! Looks a job through without submitting it.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Deserialize;
use serde_json::Value;

use crate::access::AccessArgs;
use crate::client::Client;
use crate::commands::assign::Which;
use crate::commands::token;
use crate::error::CliError;
use crate::{access, print};

/// The largest file of what is known that is read.
const ABOUT_MAX_BYTES: u64 = 16 * 1024 * 1024;
/// The most places that are printed for one finding.
const PLACES_SHOWN: usize = 3;

/// Says what Apple would refuse and what would not work well; nothing is submitted. Exit code 1 when something is an error.
#[derive(Debug, Args)]
pub(crate) struct LintArgs {
    /// The token's id or name.
    #[arg(long)]
    token: String,
    /// Look through taking licenses back rather than giving them.
    #[arg(long)]
    revoke: bool,
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    about: AboutArgs,
    #[command(flatten)]
    pub(crate) access: AccessArgs,
}

/// What is known of devices and users.
#[derive(Clone, Debug, Args)]
pub(crate) struct AboutArgs {
    /// A JSON file of what is known: {"devices": [{"serial", "user", "enrollment", "kiosk", …}], "users": [{"user",
    /// "status", "country", "app_store_blocked"}]}.
    #[arg(long, value_name = "FILE")]
    about: Option<PathBuf>,
}

impl AboutArgs {
    /// Adds what is known to a job.
    pub(crate) fn add_to(&self, job: &mut Value) -> Result<(), CliError> {
        let Some(path) = &self.about else { return Ok(()) };
        let cannot = |why: String| CliError::Usage(format!("{} cannot be read: {why}", path.display()));
        let size = std::fs::metadata(path).map_err(|error| cannot(error.to_string()))?.len();
        if size > ABOUT_MAX_BYTES {
            return Err(cannot(format!("it is larger than {ABOUT_MAX_BYTES} bytes")));
        }
        let text = std::fs::read_to_string(path).map_err(|error| cannot(error.to_string()))?;
        job["about"] = serde_json::from_str(&text).map_err(|error| cannot(error.to_string()))?;
        Ok(())
    }
}

/// What was found.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Report {
    errors: u64,
    warnings: u64,
    hints: u64,
    findings: Vec<Finding>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Finding {
    code: String,
    rule: String,
    severity: String,
    detail: String,
    advice: String,
    count: u64,
    examples: Vec<Subject>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Subject {
    adam_id: Option<String>,
    serial: Option<String>,
    user: Option<String>,
}

impl Subject {
    fn words(&self) -> String {
        let holder = self.serial.as_ref().or(self.user.as_ref());
        let parts = [self.adam_id.as_ref(), holder];
        parts.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" for ")
    }
}

pub(crate) async fn run(args: LintArgs, config: Option<&Path>) -> Result<(), CliError> {
    let client = access::client(&args.access, config)?;
    let token = token::find(&client, &args.token).await?;
    let kind = if args.revoke { "revoke_license" } else { "assign_license" };
    let mut job = args.which.job(kind, token.id)?;
    args.about.add_to(&mut job)?;
    look(&client, &job, args.access.json).await
}

/// Looks a job through and prints what was found. Fails when an error was.
pub(crate) async fn look(client: &Client, job: &Value, json: bool) -> Result<(), CliError> {
    let found = client.post("lint", job).await?.body;
    let report: Report = serde_json::from_value(found.clone()).unwrap_or_default();
    if json {
        print::json(&found);
    } else {
        show(&report);
    }
    match report.errors {
        0 => Ok(()),
        errors => Err(CliError::Job(format!("{errors} errors were found; nothing was submitted"))),
    }
}

/// Prints what was found, for a person.
pub(crate) fn show(report: &Report) {
    for finding in &report.findings {
        let Finding { code, rule, severity, detail, advice, count, examples } = finding;
        print::line(format!("{severity}: {detail} {advice} ({code}, rule {rule}; {count} found)"));
        for place in examples.iter().map(Subject::words).filter(|words| !words.is_empty()).take(PLACES_SHOWN)
        {
            print::line(format!("  {}", print::plain(&place)));
        }
    }
    let Report { errors, warnings, hints, .. } = report;
    print::line(format!("{errors} errors, {warnings} warnings, {hints} hints; nothing was submitted"));
}
