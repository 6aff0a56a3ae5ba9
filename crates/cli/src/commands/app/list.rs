//! Lists apps and books.

use clap::Args;
use serde_json::json;

use crate::access::AccessArgs;
use crate::answers::App;
use crate::client::Client;
use crate::commands::token;
use crate::error::CliError;
use crate::print;

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Only those with this text in their name, maker, bundle id or number.
    text: Option<String>,
    /// Only those of this token, by its id or name.
    #[arg(long)]
    token: Option<String>,
    /// One row a token instead of one for all.
    #[arg(long)]
    per_token: bool,
    /// Only those for iOS, macOS, tvOS, watchOS or visionOS.
    #[arg(long)]
    platform: Option<String>,
    /// Only books.
    #[arg(long)]
    books: bool,
    /// Only apps made for the organization alone.
    #[arg(long)]
    custom: bool,
    /// Only those without a limit.
    #[arg(long)]
    unlimited: bool,
    /// Only those of which the store says listed, not_in_store or gone.
    #[arg(long)]
    state: Option<String>,
    /// How many at most.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    limit: u32,
    #[command(flatten)]
    pub(super) access: AccessArgs,
}

pub(super) async fn run(client: &Client, args: &ListArgs) -> Result<(), CliError> {
    let mut query = Vec::new();
    query.extend(args.text.clone().map(|text| ("text", text)));
    query.extend(args.platform.clone().map(|platform| ("platform", platform)));
    query.extend(args.state.clone().map(|state| ("state", state)));
    query.extend(args.books.then(|| ("product_type", "Book".to_owned())));
    let flags = [("per_token", args.per_token), ("custom", args.custom), ("unlimited", args.unlimited)];
    query.extend(flags.into_iter().filter(|(_, set)| *set).map(|(name, _)| (name, "true".to_owned())));
    if let Some(token) = &args.token {
        query.push(("token", token::find(client, token).await?.id.to_string()));
    }
    let items = client.list("apps", &query, args.limit as usize).await?;
    if args.access.json {
        print::json(&json!({ "items": items }));
        return Ok(());
    }
    let rows = items.into_iter().map(|item| row(&serde_json::from_value(item).unwrap_or_default()));
    print::table(["ID", "NAME", "TOKENS", "USED", "FREE", "TOTAL", "VERSION", "STATE"], rows);
    Ok(())
}

fn row(app: &App) -> [String; 8] {
    let version = app.versions.iter().filter_map(|version| {
        let shown = version.version.clone().or(version.external_version_id.map(|id| id.to_string()))?;
        Some(format!("{} {shown}", version.platform))
    });
    let tokens = match &app.token_name {
        Some(name) => format!("{} ({name})", app.token.unwrap_or_default()),
        None => app.tokens.to_string(),
    };
    [
        app.adam_id.clone(),
        name(app),
        tokens,
        app.used.to_string(),
        count(app.free, app.unlimited),
        count(app.total, app.unlimited),
        version.collect::<Vec<_>>().join(", "),
        state(app),
    ]
}

pub(super) fn name(app: &App) -> String {
    let name = app.name.clone().unwrap_or_default();
    if app.custom == Some(true) { format!("{name} (custom)") } else { name }
}

/// A count, and that there is no limit somewhere or anywhere.
pub(super) fn count(count: Option<i64>, unlimited: bool) -> String {
    match (count, unlimited) {
        (Some(count), false) => count.to_string(),
        (Some(count), true) => format!("{count} + unlimited"),
        (None, _) => "unlimited".to_owned(),
    }
}

pub(super) fn state(app: &App) -> String {
    match (&app.state, &app.found_in) {
        (Some(state), Some(country)) => format!("{} (from {country})", state.replace('_', " ")),
        (Some(state), None) => state.replace('_', " "),
        (None, _) => "not asked yet".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_limit_says_so() {
        assert_eq!(count(None, true), "unlimited");
        assert_eq!(count(Some(5), true), "5 + unlimited");
        assert_eq!(count(Some(5), false), "5");
    }
}
