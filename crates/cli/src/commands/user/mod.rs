//! Users: registers, imports, lists, shows, retires and invites them.

mod add;
mod import;
mod list;
mod retire;
mod show;

use std::path::Path;

use clap::Subcommand;
use serde_json::Value;

use crate::access;
use crate::access::AccessArgs;
use crate::answers::UserJobs;
use crate::client::{Client, spelled};
use crate::error::CliError;
use crate::follow::WaitArgs;
use crate::{follow, print};

#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Register a user, or change what Apple knows of one.
    Add(add::AddArgs),
    /// Register many users from a CSV or NDJSON file.
    Import(import::ImportArgs),
    /// List users.
    List(list::ListArgs),
    /// Show one user in every location.
    Show(show::ShowArgs),
    /// Take a user out of the program; what can be taken back of his licenses comes free.
    Retire(retire::RetireArgs),
    /// Print the link that invites a user. Whoever opens it binds an Apple Account to him.
    Invite(show::InviteArgs),
}

impl UserCommand {
    pub(crate) fn access(&self) -> &AccessArgs {
        match self {
            Self::Add(args) => &args.access,
            Self::Import(args) => &args.access,
            Self::List(args) => &args.access,
            Self::Show(args) => &args.access,
            Self::Retire(args) => &args.access,
            Self::Invite(args) => &args.access,
        }
    }
}

pub(crate) async fn run(command: UserCommand, config: Option<&Path>) -> Result<(), CliError> {
    let client = access::client(command.access(), config)?;
    match command {
        UserCommand::Add(args) => add::run(&client, args).await,
        UserCommand::Import(args) => import::run(&client, args).await,
        UserCommand::List(args) => list::run(&client, args).await,
        UserCommand::Show(args) => show::run(&client, args).await,
        UserCommand::Retire(args) => retire::run(&client, args).await,
        UserCommand::Invite(args) => show::invite(&client, args).await,
    }
}

/// Follows the jobs of one user, one for each location, to their ends. For programs, prints the answer as it came, with
/// the jobs as they are then.
async fn follow_all(
    client: &Client,
    access: &AccessArgs,
    wait: WaitArgs,
    mut answer: Value,
) -> Result<(), CliError> {
    let user: UserJobs = serde_json::from_value(answer.clone()).map_err(|error| {
        client.unreachable(format!("the answer has no jobs ({error}); is this the address of a Russet?"))
    })?;
    if !access.json {
        print::line(format!("user {}", print::plain(&user.client_user_id)));
    }
    let mut failed = None;
    for (place, job) in user.jobs.iter().enumerate() {
        if access.json {
            if wait.no_wait {
                continue;
            }
            let (ended, value) = follow::to_the_end(client, job.id, wait, true).await?;
            answer["jobs"][place] = value;
            if !ended.has_succeeded() {
                let why = format!("job {} {}", ended.id, ended.state.replace('_', " "));
                failed = failed.or(Some(CliError::Job(why)));
            }
        } else if let Some(value) = answer["jobs"].get(place).cloned()
            && let Err(error) = follow::submitted(client, access, wait, value).await
        {
            match error {
                // The other locations are worth telling of.
                CliError::Job(_) => failed = failed.or(Some(error)),
                other => return Err(other),
            }
        }
    }
    if access.json {
        print::json(&answer);
    }
    failed.map_or(Ok(()), Err)
}

/// The address of a user's own page.
fn page_of(id: &str) -> String {
    format!("users/{}", spelled(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_cannot_lead_to_another_address() {
        assert_eq!(page_of("a.person@example.org"), "users/a.person@example.org");
        assert_eq!(page_of("../jobs?x#y"), "users/..%2Fjobs%3Fx%23y");
    }
}
