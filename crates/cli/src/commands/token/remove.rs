//! Removes a token; the person says what happens to the licenses that it gave.

use clap::{Args, ValueEnum};
use reqwest::StatusCode;
use serde_json::json;

use crate::access::AccessArgs;
use crate::client::Client;
use crate::error::CliError;
use crate::follow::WaitArgs;
use crate::{follow, print};

#[derive(Debug, Args)]
pub(crate) struct RemoveArgs {
    /// The token's id or name.
    token: String,
    /// What happens to the licenses that its devices and users hold.
    #[arg(long, value_enum, value_name = "keep|revoke_first|revoke_what_can_be")]
    licenses: Licenses,
    #[command(flatten)]
    wait: WaitArgs,
    #[command(flatten)]
    pub(super) access: AccessArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Licenses {
    /// They stay with their holders; nobody here can take them back any more.
    #[value(name = "keep")]
    Keep,
    /// They are taken back first, then the token goes.
    #[value(name = "revoke_first")]
    RevokeFirst,
    /// As revoke_first, but books and the like, which nobody can take back, stay with their holders.
    #[value(name = "revoke_what_can_be")]
    RevokeWhatCanBe,
}

pub(super) async fn run(client: &Client, args: RemoveArgs) -> Result<(), CliError> {
    let token = super::find(client, &args.token).await?;
    let licenses = match args.licenses {
        Licenses::Keep => "keep",
        Licenses::RevokeFirst => "revoke_first",
        Licenses::RevokeWhatCanBe => "revoke_what_can_be",
    };
    let query = [("licenses", licenses.to_owned())];
    let answer = client.delete(&format!("tokens/{}", token.id), &query).await?;
    if answer.status == StatusCode::ACCEPTED {
        return follow::submitted(client, &args.access, args.wait, answer.body).await;
    }
    let successor = &answer.body["successor"];
    if args.access.json {
        print::json(&json!({ "id": token.id, "removed": true, "successor": successor }));
        return Ok(());
    }
    print::line(format!(
        "the token {} ({}) was removed; its licenses stay where they are",
        token.id, token.name
    ));
    if let (Some(id), Some(name)) = (successor["id"].as_i64(), successor["name"].as_str()) {
        print::line(format!("the token {id} ({}) takes its place", print::plain(name)));
    }
    Ok(())
}
