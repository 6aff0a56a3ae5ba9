//! Says whether everything is in order, a line for each thing, and what to do where it is not.

mod apple;
mod catalog;
mod clock;
mod connectors;
mod database;
mod keys;
mod notifications;
mod queue;
mod settings;
mod tokens;

use std::path::Path;
use std::time::Duration;

use clap::Args;
use russet_config::Settings;
use serde_json::{Value, json};

use crate::error::CliError;
use crate::print;

/// The longest that one check takes.
const CHECK_MAX: Duration = Duration::from_secs(20);

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Print JSON for programs.
    #[arg(long)]
    pub(crate) json: bool,
}

/// How one thing stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Ok,
    Warn,
    Fail,
}

impl Verdict {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// One line of the result.
#[derive(Debug)]
struct Finding {
    about: &'static str,
    verdict: Verdict,
    detail: String,
    /// What to do about it; empty when nothing is to be done or the detail says it.
    advice: String,
}

impl Finding {
    fn ok(about: &'static str, detail: impl Into<String>) -> Self {
        Self { about, verdict: Verdict::Ok, detail: detail.into(), advice: String::new() }
    }

    fn warn(about: &'static str, detail: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { about, verdict: Verdict::Warn, detail: detail.into(), advice: advice.into() }
    }

    fn fail(about: &'static str, detail: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { about, verdict: Verdict::Fail, detail: detail.into(), advice: advice.into() }
    }

    fn json(&self) -> Value {
        json!({ "about": self.about, "verdict": self.verdict.as_str(), "detail": self.detail, "advice": self.advice })
    }

    fn print(&self) {
        let advice = if self.advice.is_empty() { String::new() } else { format!("; {}", self.advice) };
        print::line(format!("{:4}  {:10}  {}{advice}", self.verdict.as_str(), self.about, self.detail));
    }
}

pub(crate) async fn run(args: DoctorArgs, config: Option<&Path>) -> Result<(), CliError> {
    let findings = match Settings::load(config) {
        Ok(settings) => examine(&settings, config).await,
        Err(error) => settings::wrong(&error),
    };
    let failures = findings.iter().filter(|finding| finding.verdict == Verdict::Fail).count();
    if args.json {
        let checks: Vec<Value> = findings.iter().map(Finding::json).collect();
        print::json(&json!({ "ok": failures == 0, "checks": checks }));
    } else {
        findings.iter().for_each(Finding::print);
    }
    match failures {
        0 => Ok(()),
        1 => Err(CliError::Failed("one check failed".to_owned())),
        count => Err(CliError::Failed(format!("{count} checks failed"))),
    }
}

async fn examine(settings: &Settings, config: Option<&Path>) -> Vec<Finding> {
    let mut findings = settings::right(settings, config);
    let store = within("store", database::open(settings), &mut findings).await.flatten();
    if let Some(store) = &store {
        within("schema", database::schema(store), &mut findings).await;
        within("tokens", tokens::examine(store), &mut findings).await;
        within("mdm", connectors::examine(store), &mut findings).await;
    }
    within("key", keys::examine(settings, store.as_ref()), &mut findings).await;
    let queue = within("queue", queue::open(settings), &mut findings).await.flatten();
    within("clock", clock::examine(settings, queue.as_ref()), &mut findings).await;
    within("apple", apple::reachable(settings), &mut findings).await;
    within("catalog", catalog::examine(settings), &mut findings).await;
    within("public_url", apple::public_url(settings), &mut findings).await;
    if let Some(store) = &store {
        within("notify", notifications::examine(settings, store), &mut findings).await;
    }
    findings
}

/// Does one check, and notes its findings; one that takes too long has failed.
async fn within<T>(
    about: &'static str,
    check: impl Future<Output = (Vec<Finding>, T)>,
    findings: &mut Vec<Finding>,
) -> Option<T> {
    match tokio::time::timeout(CHECK_MAX, check).await {
        Ok((found, value)) => {
            findings.extend(found);
            Some(value)
        }
        Err(_) => {
            let detail = format!("no answer within {} s", CHECK_MAX.as_secs());
            findings.push(Finding::fail(about, detail, "check the address and the network"));
            None
        }
    }
}
