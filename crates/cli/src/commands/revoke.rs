//! Takes licenses back.

use std::path::Path;

use clap::Args;
use serde_json::json;

use crate::access::AccessArgs;
use crate::commands::assign::Which;
use crate::commands::{lint, token};
use crate::error::CliError;
use crate::follow::WaitArgs;
use crate::{access, follow};

/// Without --app, all that the holders hold; without --serial and --user, from all holders of the apps.
#[derive(Debug, Args)]
pub(crate) struct RevokeArgs {
    /// The token's id or name.
    #[arg(long)]
    token: String,
    #[command(flatten)]
    which: Which,
    /// Have the apps go from the devices too, through their MDM servers.
    #[arg(long)]
    remove_app: bool,
    /// Say what Apple would refuse, and submit nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    wait: WaitArgs,
    #[command(flatten)]
    pub(crate) access: AccessArgs,
}

pub(crate) async fn run(args: RevokeArgs, config: Option<&Path>) -> Result<(), CliError> {
    if !args.which.has_assets() && !args.which.has_holders() {
        let say = "say what to take back: --app ADAM_ID…, --serial SERIAL…, --user ID…, --group NAME…, or --pairs FILE";
        return Err(CliError::Usage(say.to_owned()));
    }
    let client = access::client(&args.access, config)?;
    let token = token::find(&client, &args.token).await?;
    let mut job = args.which.job("revoke_license", token.id)?;
    if args.remove_app {
        job["remove_app"] = json!(true);
    }
    if args.dry_run {
        return lint::look(&client, &job, args.access.json).await;
    }
    let answer = client.post("jobs", &job).await?;
    follow::submitted(&client, &args.access, args.wait, answer.body).await
}
