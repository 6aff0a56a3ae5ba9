//! Who changed what, and whether anybody altered what is written of it.

use std::path::Path;

use clap::{Args, Subcommand};
use russet_config::Settings;
use russet_store::chain::{self, Verdict};
use serde_json::json;

use super::listed::list;
use crate::access::{self, AccessArgs};
use crate::error::{CliError, failed};
use crate::{clock, keyring, print};

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// List who changed what, the newest first.
    List(ListArgs),
    /// Compute the chain of the audit log and of all license movements anew; reads the database itself.
    Verify(VerifyArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Only what was done to this, as \"job 7\" or \"token 1\".
    #[arg(long)]
    subject: Option<String>,
    /// The most that are listed.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    limit: u32,
    #[command(flatten)]
    access: AccessArgs,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// A hash that was printed or logged before: it has to be in the chain still.
    #[arg(long, value_name = "HASH")]
    expect: Option<String>,
    /// Print JSON for programs.
    #[arg(long)]
    json: bool,
}

impl AuditCommand {
    pub(crate) fn wants_json(&self) -> bool {
        match self {
            Self::List(args) => args.access.json,
            Self::Verify(args) => args.json,
        }
    }
}

pub(crate) async fn run(command: AuditCommand, config: Option<&Path>) -> Result<(), CliError> {
    match command {
        AuditCommand::List(args) => {
            let client = access::client(&args.access, config)?;
            let query: Vec<_> = args.subject.map(|subject| ("subject", subject)).into_iter().collect();
            let columns = [
                ("ID", "id"),
                ("AT", "at"),
                ("WHO", "actor"),
                ("DID", "action"),
                ("TO", "subject"),
                ("MORE", "detail"),
            ];
            list(&client, &args.access, ("audit", &query), args.limit, columns).await
        }
        AuditCommand::Verify(args) => verify(&args, config).await,
    }
}

async fn verify(args: &VerifyArgs, config: Option<&Path>) -> Result<(), CliError> {
    let settings = Settings::load(config)?;
    let store = keyring::open_without(&settings).await?;
    store.check_schema().await.map_err(failed)?;
    let mut db = store.read().await.map_err(failed)?;
    let verdict = chain::verify(&mut db, args.expect.as_deref()).await.map_err(failed)?;
    drop(db);
    store.close().await;
    tell(&verdict, args.json);
    if let Some(broken) = verdict.broken {
        return Err(CliError::Failed(format!(
            "the audit chain is broken: {broken}. Somebody altered the database; compare it with a backup"
        )));
    }
    if !verdict.found {
        return Err(CliError::Failed(
            "the hash that was expected is not in the chain: it was written anew, or its end was cut off. Compare the database with a backup"
                .to_owned(),
        ));
    }
    Ok(())
}

fn tell(verdict: &Verdict, json: bool) {
    let head = verdict.head.as_ref();
    if json {
        print::json(&json!({
            "blocks": verdict.blocks,
            "audit_lines": verdict.audit,
            "movements": verdict.movements,
            "unsealed": verdict.unsealed,
            "head": head.map(|head| json!({ "block": head.id, "at": clock::text(head.at), "hash": head.hash })),
            "broken": verdict.broken,
            "expected_found": verdict.found,
        }));
        return;
    }
    print::line(format!(
        "{} blocks are as they were sealed, with {} lines of the audit log and {} movements of licenses; {} rows wait to be sealed",
        verdict.blocks, verdict.audit, verdict.movements, verdict.unsealed
    ));
    if let Some(head) = head {
        print::line(format!("block {} of {}: {}", head.id, clock::text(head.at), head.hash));
        print::remark(
            "keep that hash elsewhere; later, --expect HASH finds whether the chain was written anew",
        );
    }
}
