//! What an act would do, exactly; and the act itself, if it would still do just that.

use std::path::Path;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::assign::Which;
use super::assignment::NewAssignment;
use super::listed::text;
use crate::access::{self, AccessArgs};
use crate::client::Client;
use crate::commands::token;
use crate::error::CliError;
use crate::print;

#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    #[command(subcommand)]
    act: Act,
    /// Do it, if the plan with this hash is what it would still do.
    #[arg(long, global = true, value_name = "HASH")]
    apply: Option<String>,
    #[command(flatten)]
    pub(crate) access: AccessArgs,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Assign an app to a group.
    Assign(NewAssignment),
    /// Remove an assignment.
    Unassign {
        /// The assignment's number.
        assignment: i64,
    },
    /// Change who is in a group.
    Members(MembersArgs),
    /// Note that a device is not managed any more.
    Unenroll {
        /// The device's serial number.
        serial: String,
    },
    /// Delete a device.
    DeleteDevice {
        /// The device's serial number.
        serial: String,
    },
    /// Delete a person.
    DeletePerson {
        /// The person's id.
        person: String,
    },
    /// Look at everything that assignments of a token have to do with.
    Reconcile {
        /// The token's id or name.
        token: String,
    },
    /// Give licenses, as `russet assign` does.
    Give(JobArgs),
    /// Take licenses back, as `russet revoke` does.
    Revoke(JobArgs),
    /// Remove a token.
    RemoveToken {
        /// The token's id or name.
        token: String,
        /// What becomes of its licenses: keep, `revoke_first` or `revoke_what_can_be`.
        #[arg(long)]
        licenses: String,
    },
    /// Move back what a job moved and is still as it left it.
    Undo {
        /// The job's id.
        job: i64,
    },
}

#[derive(Debug, Args)]
struct JobArgs {
    /// The token's id or name.
    #[arg(long)]
    token: String,
    #[command(flatten)]
    which: Which,
}

#[derive(Debug, Args)]
struct MembersArgs {
    /// The group's name.
    group: String,
    /// Who comes.
    #[arg(long, value_delimiter = ',')]
    add: Vec<String>,
    /// Who goes.
    #[arg(long, value_delimiter = ',')]
    remove: Vec<String>,
}

pub(crate) async fn run(args: PlanArgs, config: Option<&Path>) -> Result<(), CliError> {
    let client = access::client(&args.access, config)?;
    let act = act(&client, &args.act).await?;
    let answer = match &args.apply {
        None => client.post("plans", &json!({ "act": act })).await?.body,
        Some(hash) => client.post("plans/apply", &json!({ "act": act, "hash": hash })).await?.body,
    };
    if args.access.json {
        print::json(&answer);
        return Ok(());
    }
    show(&answer);
    match &args.apply {
        None => print::line(format!(
            "nothing is done yet; the same command with --apply {} does it",
            text(Some(&answer["hash"]))
        )),
        Some(_) => print::line("done; `russet job list` shows the jobs that carry it out"),
    }
    Ok(())
}

/// The act as the API takes it.
async fn act(client: &Client, act: &Act) -> Result<Value, CliError> {
    Ok(match act {
        Act::Assign(new) => {
            let assignment = new.body(client).await?;
            json!({ "kind": "create_assignment", "assignment": assignment })
        }
        Act::Unassign { assignment } => json!({ "kind": "remove_assignment", "assignment": assignment }),
        Act::Members(args) => {
            json!({ "kind": "change_members", "group": args.group, "add": args.add, "remove": args.remove })
        }
        Act::Unenroll { serial } => json!({ "kind": "unenroll_device", "serial": serial }),
        Act::DeleteDevice { serial } => json!({ "kind": "delete_device", "serial": serial }),
        Act::DeletePerson { person } => json!({ "kind": "delete_person", "person": person }),
        Act::Reconcile { token } => {
            json!({ "kind": "reconcile", "token": token::find(client, token).await?.id })
        }
        Act::Give(args) => job(client, args, "assign_license").await?,
        Act::Revoke(args) => job(client, args, "revoke_license").await?,
        Act::RemoveToken { token, licenses } => {
            let id = token::find(client, token).await?.id;
            json!({ "kind": "remove_token", "token": id, "licenses": licenses })
        }
        Act::Undo { job } => json!({ "kind": "undo_job", "job": job }),
    })
}

async fn job(client: &Client, args: &JobArgs, kind: &str) -> Result<Value, CliError> {
    let id = token::find(client, &args.token).await?.id;
    Ok(json!({ "kind": "submit_job", "job": args.which.job(kind, id)? }))
}

/// What people see, by number.
fn prompts(plan: &Value) -> String {
    let words = [
        ("silent", "seen by nobody"),
        ("invitation", "with an invitation"),
        ("install", "with a question before the install"),
        ("sign_in", "with a sign-in"),
        ("not_recommended", "not recommended"),
        ("unknown", "on devices that too little is known of"),
    ];
    let told = words.iter().filter_map(|(name, words)| {
        let count = plan["prompts"][name].as_u64().filter(|count| *count > 0)?;
        Some(format!("{count} {words}"))
    });
    told.collect::<Vec<_>>().join(", ")
}

fn show(plan: &Value) {
    let number = |name: &str| plan[name].as_u64().unwrap_or(0);
    print::line(format!(
        "{} licenses are given and {} taken back; requests to Apple: {}, at its pace no sooner than in {} s",
        number("assigns"),
        number("revokes"),
        number("requests"),
        number("seconds"),
    ));
    if number("withdrawn") > 0 {
        print::line(format!("{} wishes are withdrawn before there is a license", number("withdrawn")));
    }
    let seen = prompts(plan);
    if !seen.is_empty() {
        print::line(format!("given: {seen}"));
    }
    let reasons = plan["reasons"].as_object().into_iter().flatten();
    for (reason, count) in reasons {
        print::line(format!("{count} taken back because of {}", print::plain(reason)));
    }
    let apps = plan["apps"].as_array().cloned().unwrap_or_default();
    if !apps.is_empty() {
        let row = |app: &Value| {
            ["token", "adam_id", "name", "assigns", "revokes", "free", "short", "over_quota"].map(|field| {
                match &app[field] {
                    Value::Null if field == "free" => "no limit".to_owned(),
                    value => text(Some(value)),
                }
            })
        };
        print::table(
            ["TOKEN", "APP", "NAME", "GIVEN", "TAKEN BACK", "FREE", "SHORT", "OVER QUOTA"],
            apps.iter().map(row),
        );
    }
    for note in plan["notes"].as_array().into_iter().flatten() {
        print::line(format!("note: {}", print::plain(&text(Some(note)))));
    }
}
