//! Gives licenses to devices and users.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::access::AccessArgs;
use crate::commands::lint::{self, AboutArgs};
use crate::commands::token;
use crate::error::CliError;
use crate::follow::WaitArgs;
use crate::{access, follow, pairs};

#[derive(Debug, Args)]
pub(crate) struct AssignArgs {
    /// The token's id or name.
    #[arg(long)]
    token: String,
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    about: AboutArgs,
    /// Say what Apple would refuse and what would not work well, and submit nothing.
    #[arg(long)]
    dry_run: bool,
    /// What becomes of those for whom no license is free.
    #[arg(long, value_enum, default_value_t = IfNoneFree::Refuse)]
    if_none_free: IfNoneFree,
    #[command(flatten)]
    wait: WaitArgs,
    #[command(flatten)]
    pub(crate) access: AccessArgs,
}

/// Which licenses: every asset for every holder, or the pairs of a file.
#[derive(Debug, Args)]
pub(crate) struct Which {
    /// Apps or books, as ADAM_ID or ADAM_ID:PRICING_PARAM.
    #[arg(long, value_name = "ADAM_ID", num_args = 1.., value_delimiter = ',')]
    app: Vec<String>,
    /// Serial numbers of devices.
    #[arg(long, num_args = 1.., value_delimiter = ',')]
    serial: Vec<String>,
    /// Client user ids.
    #[arg(long, num_args = 1.., value_delimiter = ',')]
    user: Vec<String>,
    /// Groups: whoever is a member now.
    #[arg(long, num_args = 1.., value_delimiter = ',')]
    group: Vec<String>,
    /// A CSV file whose first line is adam_id,serial,user (or with pricing_param), one license a line.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["app", "serial", "user", "group"])]
    pairs: Option<PathBuf>,
    /// How urgent it is.
    #[arg(long, value_enum, default_value_t = Urgency::Normal)]
    priority: Urgency,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum IfNoneFree {
    /// They are refused.
    Refuse,
    /// They wait in line until licenses are bought or come back.
    Wait,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Urgency {
    Low,
    Normal,
    High,
}

impl Urgency {
    fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
        }
    }
}

impl Which {
    pub(crate) fn has_assets(&self) -> bool {
        !self.app.is_empty() || self.pairs.is_some()
    }

    pub(crate) fn has_holders(&self) -> bool {
        !self.serial.is_empty() || !self.user.is_empty() || !self.group.is_empty() || self.pairs.is_some()
    }

    /// The job as the API takes it.
    pub(crate) fn job(&self, kind: &str, token: i64) -> Result<Value, CliError> {
        let mut job = json!({ "kind": kind, "token": token, "priority": self.priority.as_str() });
        if let Some(path) = &self.pairs {
            job["pairs"] = Value::Array(pairs::read(path)?);
            return Ok(job);
        }
        let assets: Vec<Value> = self.app.iter().map(|app| asset(app)).collect();
        for (name, list) in [
            ("assets", assets),
            ("devices", texts(&self.serial)),
            ("users", texts(&self.user)),
            ("groups", texts(&self.group)),
        ] {
            if !list.is_empty() {
                job[name] = Value::Array(list);
            }
        }
        Ok(job)
    }
}

/// An asset as the API takes it.
pub(crate) fn asset(text: &str) -> Value {
    match text.split_once(':') {
        Some((adam_id, pricing)) => json!({ "adam_id": adam_id, "pricing_param": pricing }),
        None => json!({ "adam_id": text }),
    }
}

fn texts(list: &[String]) -> Vec<Value> {
    list.iter().map(|text| json!(text)).collect()
}

pub(crate) async fn run(args: AssignArgs, config: Option<&Path>) -> Result<(), CliError> {
    if !args.which.has_assets() {
        return Err(CliError::Usage("say which apps: --app ADAM_ID…, or --pairs FILE".to_owned()));
    }
    if !args.which.has_holders() {
        return Err(CliError::Usage(
            "say who gets them: --serial SERIAL…, --user ID… or --group NAME…, or --pairs FILE".to_owned(),
        ));
    }
    let client = access::client(&args.access, config)?;
    let token = token::find(&client, &args.token).await?;
    let mut job = args.which.job("assign_license", token.id)?;
    args.about.add_to(&mut job)?;
    if args.if_none_free == IfNoneFree::Wait {
        job["if_none_free"] = json!("wait");
    }
    if args.dry_run {
        return lint::look(&client, &job, args.access.json).await;
    }
    let answer = client.post("jobs", &job).await?;
    follow::submitted(&client, &args.access, args.wait, answer.body).await
}
