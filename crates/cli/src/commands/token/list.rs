//! Lists tokens, and shows one.

use clap::Args;
use serde_json::json;

use crate::access::AccessArgs;
use crate::answers::{OtherMdm, Sibling, TakeOver, Token};
use crate::client::Client;
use crate::error::CliError;
use crate::print;

/// More tokens than a server has.
const TOKENS_MAX: usize = 100_000;

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Only those in this state.
    #[arg(long)]
    state: Option<String>,
    /// Only those with this text in their name, location or organization.
    #[arg(long)]
    text: Option<String>,
    /// Only those that expire before this day, such as 2031-04-09, or moment.
    #[arg(long, value_name = "DAY")]
    expires_before: Option<String>,
    /// Only those of this country, as two letters.
    #[arg(long, value_name = "CC")]
    country: Option<String>,
    /// Only business or education ones.
    #[arg(long, value_name = "TYPE")]
    account_type: Option<String>,
    /// Only those whose last sync is none, in_progress, completed or failed.
    #[arg(long, value_name = "STATE")]
    sync: Option<String>,
    #[command(flatten)]
    pub(super) access: AccessArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The token's id or name.
    token: String,
    #[command(flatten)]
    pub(super) access: AccessArgs,
}

pub(super) async fn all(client: &Client, args: &ListArgs) -> Result<(), CliError> {
    let narrowed = [
        ("state", &args.state),
        ("text", &args.text),
        ("expires_before", &args.expires_before),
        ("country", &args.country),
        ("account_type", &args.account_type),
        ("sync", &args.sync),
    ];
    let query: Vec<_> =
        narrowed.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))).collect();
    let items = client.list("tokens", &query, TOKENS_MAX).await?;
    if args.access.json {
        print::json(&json!({ "items": items }));
        return Ok(());
    }
    let tokens: Vec<Token> =
        items.iter().map(|item| super::token_of(client, item)).collect::<Result<_, _>>()?;
    let rows = tokens.into_iter().map(|token| {
        let location = token.location.and_then(|location| location.name).unwrap_or_default();
        let synced = token.last_sync.map(|sync| match sync.at {
            Some(at) => format!("{} {}", print::moment(&at), sync.state),
            None => sync.state,
        });
        let expires = print::moment(&token.expires_at);
        [
            token.id.to_string(),
            token.name,
            token.state,
            location,
            token.org_name,
            expires,
            synced.unwrap_or_default(),
        ]
    });
    print::table(["ID", "NAME", "STATE", "LOCATION", "ORGANIZATION", "EXPIRES", "LAST SYNC"], rows);
    Ok(())
}

pub(super) async fn one(client: &Client, args: &ShowArgs) -> Result<(), CliError> {
    let id = super::find(client, &args.token).await?.id;
    // Alone, a token is shown with more than in a list.
    let value = client.get(&format!("tokens/{id}"), &[]).await?;
    let token = super::token_of(client, &value)?;
    if args.access.json {
        print::json(&value);
    } else {
        show(&token);
    }
    Ok(())
}

/// Who else has the location: name, id and remark, as far as they are known.
fn claimed_by(other: &OtherMdm) -> String {
    let parts = [&other.name, &other.id, &other.metadata];
    parts.into_iter().flatten().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join(", ")
}

/// From whom the location was taken, the newest first.
fn taken_from(token: &Token) -> String {
    let told = |taken: &TakeOver| {
        let name = taken.taken_from.name.clone().unwrap_or_default();
        let when = taken.taken_at.as_deref().map_or_else(|| "not confirmed".to_owned(), print::moment);
        format!("{name} ({when}, ordered by {})", taken.ordered_by)
    };
    token.take_overs.iter().map(told).collect::<Vec<_>>().join("; ")
}

/// Other tokens of the same location.
fn same_location(token: &Token) -> String {
    let told = |other: &Sibling| format!("{} (id {}, {})", other.name, other.id, other.state);
    token.same_location.iter().map(told).collect::<Vec<_>>().join("; ")
}

/// Prints a token, a fact a line.
pub(super) fn show(token: &Token) {
    let yes = |truth: bool| if truth { "yes" } else { "no" }.to_owned();
    let location = token.location.clone().unwrap_or_default();
    let sync = token.last_sync.clone().unwrap_or_default();
    let other = token.other_mdm.clone().unwrap_or_default();
    let notified = token.notifications.url.clone().unwrap_or_else(|| yes(token.notifications.registered));
    let not_notified = token.notifications.error.clone().unwrap_or_default().detail;
    let consent = match token.consent.version {
        0 => String::new(),
        version => format!("version {version}, {} by {}", token.consent.at, token.consent.by),
    };
    let mut facts = vec![
        ("id", token.id.to_string()),
        ("name", token.name.clone()),
        ("state", format!("{}: {}", token.state, token.state_detail)),
        ("organization", token.org_name.clone()),
        ("location", location.name.unwrap_or_default()),
        ("location id", location.uid.unwrap_or_default()),
        ("country", token.country.clone().or(location.country).unwrap_or_default()),
        ("account", token.account_type.clone()),
        ("expires", token.expires_at.clone()),
        ("automatic updates", yes(token.auto_update)),
        ("take-over ordered", if token.take_over { "yes".to_owned() } else { String::new() }),
        ("handed over", token.handed_over_at.clone().unwrap_or_default()),
        ("Apple notifies", notified),
        ("notifications", not_notified),
        ("syncs", token.sync_schedule.clone()),
        ("Apple ID", token.apple_id.clone().unwrap_or_default()),
        ("consent", consent),
        ("claimed by", claimed_by(&other)),
        ("taken from", taken_from(token)),
        ("same location", same_location(token)),
        ("last sync", sync.at.map(|at| format!("{at} {}", sync.state)).unwrap_or_default()),
        ("sync error", sync.error.unwrap_or_default()),
    ];
    facts.retain(|(_, value)| !value.is_empty());
    print::facts(&facts);
}
