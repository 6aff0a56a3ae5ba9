//! Shows one app or book.

use clap::Args;

use super::list::{count, name, state};
use crate::access::AccessArgs;
use crate::answers::AppDetail;
use crate::client::Client;
use crate::error::CliError;
use crate::print;

/// The most versions and tokens that are printed.
const ROWS_MAX: usize = 50;

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The product's number in Apple's stores.
    adam_id: String,
    #[command(flatten)]
    pub(super) access: AccessArgs,
}

pub(super) async fn run(client: &Client, args: &ShowArgs) -> Result<(), CliError> {
    let is_number = !args.adam_id.is_empty() && args.adam_id.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number {
        return Err(CliError::Usage(format!(
            "{:?} is no product's number; `russet app list {}` looks for a text",
            args.adam_id, args.adam_id
        )));
    }
    let value = client.get(&format!("apps/{}", args.adam_id), &[]).await?;
    if args.access.json {
        print::json(&value);
        return Ok(());
    }
    let detail: AppDetail = serde_json::from_value(value).map_err(|error| {
        client.unreachable(format!("the answer is no app ({error}); is this the address of a Russet?"))
    })?;
    facts(&detail);
    versions(&detail);
    owners(&detail);
    Ok(())
}

fn facts(detail: &AppDetail) {
    let app = &detail.app;
    let price = app.price.clone().map(|price| match &app.currency {
        Some(currency) => format!("{price} {currency}"),
        None => price,
    });
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let mut facts = vec![
        ("id", app.adam_id.clone()),
        ("name", name(app)),
        ("maker", text(&app.artist)),
        ("kind", app.product_type.clone()),
        ("bundle id", text(&app.bundle_id)),
        ("platforms", app.platforms.join(", ")),
        ("price", price.unwrap_or_default()),
        ("state", state(app)),
        ("store", text(&app.country)),
        ("page", text(&app.store_url)),
        ("read", app.fetched_at.as_deref().map(print::moment).unwrap_or_default()),
        ("used", app.used.to_string()),
        ("free", count(app.free, app.unlimited)),
        ("total", count(app.total, app.unlimited)),
    ];
    if app.retired > 0 {
        facts.push(("retired", app.retired.to_string()));
    }
    if app.qualities.len() > 1 {
        let of_quality = app.qualities.iter().map(|quality| {
            let (total, unlimited) = (quality.total, quality.unlimited);
            format!("{} {} of {}", quality.pricing_param, quality.used, count(total, unlimited))
        });
        facts.push(("qualities", of_quality.collect::<Vec<_>>().join(", ")));
    }
    facts.retain(|(_, value)| !value.is_empty());
    print::facts(&facts);
}

fn versions(detail: &AppDetail) {
    if detail.history.is_empty() {
        return;
    }
    print::line("");
    let rows = detail.history.iter().take(ROWS_MAX).map(|version| {
        [
            version.platform.clone(),
            version.country.clone(),
            version.version.clone().unwrap_or_default(),
            version.external_version_id.map(|id| id.to_string()).unwrap_or_default(),
            version.minimum_os.clone().unwrap_or_default(),
            if version.current { "now".to_owned() } else { print::moment(&version.last_seen_at) },
            print::moment(&version.first_seen_at),
        ]
    });
    print::table(
        ["PLATFORM", "STORE", "VERSION", "EXTERNAL ID", "MINIMUM OS", "LAST SEEN", "FIRST SEEN"],
        rows,
    );
}

fn owners(detail: &AppDetail) {
    print::line("");
    let rows = detail.owners.iter().take(ROWS_MAX).map(|app| {
        [
            app.token.map(|id| id.to_string()).unwrap_or_default(),
            app.token_name.clone().unwrap_or_default(),
            app.used.to_string(),
            count(app.free, app.unlimited),
            count(app.total, app.unlimited),
        ]
    });
    print::table(["TOKEN", "NAME", "USED", "FREE", "TOTAL"], rows);
    if detail.owners.len() > ROWS_MAX {
        let more = detail.owners.len() - ROWS_MAX;
        print::line(format!("and {more} more: russet app list {} --per-token", detail.app.adam_id));
    }
}
