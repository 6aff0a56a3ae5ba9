//! How long a full walk of a large location takes.

use clap::Args;
use serde_json::json;

use super::setup::{Setup, rounded};
use crate::error::CliError;
use crate::print;
use crate::stack::Profile;

#[derive(Debug, Args)]
pub(crate) struct SyncArgs {
    #[arg(long, value_enum, default_value = "single")]
    profile: Profile,
    /// How many licenses the location has, over 25 apps.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..=5_000_000))]
    licenses: u64,
}

pub(super) async fn run(args: SyncArgs) -> Result<(), CliError> {
    let mut setup = Setup::start(args.profile, 1).await?;
    let (uid, token) = setup.token().await?;
    let assets = json!({"generate": {"count": 25, "total": args.licenses.div_ceil(25)}});
    setup.apple.post(&format!("/_sim/locations/{uid}/assets"), &assets).await?;
    let assignments = json!({"generate": {"count": args.licenses}});
    setup.apple.post(&format!("/_sim/locations/{uid}/assignments"), &assignments).await?;

    let (_, seconds) = setup.job(&json!({"kind": "sync_token", "token": token, "mode": "full"})).await?;
    let read =
        setup.client.get("licenses", &[("token", token.to_string()), ("limit", "1".to_owned())]).await?;
    if read.get("items").and_then(|items| items.as_array()).is_none_or(Vec::is_empty) {
        return Err(CliError::Job("the sync has read no licenses".to_owned()));
    }
    let worker = match args.profile {
        Profile::Single => "serve",
        Profile::Cluster => "worker",
    };
    print::json(&json!({
        "bench": "sync",
        "profile": args.profile.as_str(),
        "licenses": args.licenses,
        "seconds": rounded(seconds),
        "rows_per_s": (args.licenses as f64 / seconds).round(),
        "peak_mb": setup.stack.peak_mb(worker).round(),
    }));
    Ok(())
}
