//! Shows one user in every location, and the links that invite him.

use clap::Args;
use serde_json::{Value, json};

use crate::access::AccessArgs;
use crate::answers::User;
use crate::client::Client;
use crate::commands::token;
use crate::error::CliError;
use crate::print;

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The user's id.
    user: String,
    /// Only at this token's location, by id or name.
    #[arg(long)]
    token: Option<String>,
    #[command(flatten)]
    pub(super) access: AccessArgs,
}

#[derive(Debug, Args)]
pub(crate) struct InviteArgs {
    /// The user's id.
    user: String,
    /// Only at this token's location, by id or name.
    #[arg(long)]
    token: Option<String>,
    #[command(flatten)]
    pub(super) access: AccessArgs,
}

pub(super) async fn run(client: &Client, args: ShowArgs) -> Result<(), CliError> {
    let person = person(client, &args.user, args.token.as_deref()).await?;
    if args.access.json {
        print::json(&person);
        return Ok(());
    }
    for (nth, (user, value)) in registrations(client, &person)?.into_iter().enumerate() {
        if nth > 0 {
            print::line("");
        }
        show(&user, &value);
    }
    Ok(())
}

pub(super) async fn invite(client: &Client, args: InviteArgs) -> Result<(), CliError> {
    let person = person(client, &args.user, args.token.as_deref()).await?;
    let links: Vec<(i64, String)> = registrations(client, &person)?
        .into_iter()
        .filter_map(|(user, _)| Some((user.token, user.invitation_url?)))
        .collect();
    if links.is_empty() {
        return Err(CliError::Failed(format!(
            "{} has no invitation that waits; `russet user show` tells how he stands",
            print::plain(&args.user)
        )));
    }
    if args.access.json {
        let links = links.iter().map(|(token, url)| json!({ "token": token, "invitation_url": url }));
        print::json(&json!({ "items": links.collect::<Vec<_>>() }));
    } else {
        links.iter().for_each(|(_, url)| print::line(print::plain(url)));
    }
    Ok(())
}

async fn person(client: &Client, user: &str, token: Option<&str>) -> Result<Value, CliError> {
    let mut query = Vec::new();
    if let Some(name) = token {
        query.push(("token", token::find(client, name).await?.id.to_string()));
    }
    client.get(&super::page_of(user), &query).await
}

fn registrations(client: &Client, person: &Value) -> Result<Vec<(User, Value)>, CliError> {
    let list = person.get("registrations").and_then(Value::as_array).ok_or_else(|| {
        client.unreachable("the answer is not a user; is this the address of a Russet?".to_owned())
    })?;
    Ok(list
        .iter()
        .map(|value| (serde_json::from_value(value.clone()).unwrap_or_default(), value.clone()))
        .collect())
}

fn show(user: &User, value: &Value) {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let licenses = value["licenses"].as_array().map_or(0, Vec::len);
    let shared: Vec<&str> = value["shares_account_with"]
        .as_array()
        .map(|list| list.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    let why = user.error.as_ref().map(|error| format!("{} ({})", error.detail, error.code));
    let mut facts = vec![
        ("user", user.client_user_id.clone()),
        ("token", user.token.to_string()),
        ("status", text(&user.status)),
        ("email", text(&user.email)),
        ("managed account", text(&user.managed_apple_id)),
        ("invitation", user.invitation.clone()),
        ("invitation link", text(&user.invitation_url)),
        ("wish", user.wish.clone()),
        ("work", user.work.clone()),
        ("refused because", why.unwrap_or_default()),
        ("shares account with", shared.join(", ")),
        ("retired records", user.retired_records.to_string()),
        ("licenses", licenses.to_string()),
    ];
    facts.retain(|(_, value)| !value.is_empty());
    print::facts(&facts);
}
