//! Makes thousands of locations with an app each, uploads their tokens, and waits until Russet has synced them.

use std::time::{Duration, Instant};

use futures::stream::{StreamExt as _, TryStreamExt as _};
use serde_json::json;

use super::super::setup::Setup;
use crate::answers;
use crate::error::{CliError, failed};

/// The one app of every location.
pub(super) const APP: &str = "500000001";
/// How many locations are made at once.
const AT_ONCE: usize = 16;
/// How long Russet may take to sync all, and how often it is looked.
const SYNC_MAX: Duration = Duration::from_secs(900);
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A token that can be used.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) id: i64,
    pub(super) uid: String,
}

/// Makes as many locations with `licenses` each, and returns their tokens.
pub(super) async fn build(setup: &mut Setup, count: usize, licenses: u32) -> Result<Vec<Token>, CliError> {
    let all = futures::stream::iter(0..count).map(|number| one(setup, number, licenses));
    let tokens: Vec<Token> = all.buffer_unordered(AT_ONCE).try_collect().await?;
    let began = Instant::now();
    loop {
        let synced = synced(setup, count).await?;
        if synced >= count {
            return Ok(tokens);
        }
        setup.stack.check()?;
        if began.elapsed() > SYNC_MAX {
            return Err(CliError::Job(format!(
                "only {synced} of {count} tokens were synced within {} s",
                SYNC_MAX.as_secs()
            )));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn one(setup: &Setup, number: usize, licenses: u32) -> Result<Token, CliError> {
    let name = format!("Location {number}");
    let (uid, content) = setup.location(&name).await?;
    let assets = json!({"assets": [{"adam_id": APP, "product_type": "App", "total": licenses}]});
    setup.apple.post(&format!("/_sim/locations/{uid}/assets"), &assets).await?;
    let id = setup.upload(&name, &content).await?;
    // Jobs can only name apps that a sync has seen.
    setup.client.post("jobs", &json!({"kind": "sync_token", "token": id, "mode": "full"})).await?;
    Ok(Token { id, uid })
}

async fn synced(setup: &Setup, count: usize) -> Result<usize, CliError> {
    let tokens = setup.client.list("tokens", &[], count).await?;
    let mut synced = 0;
    for token in tokens {
        let token: answers::Token = serde_json::from_value(token).map_err(failed)?;
        synced += usize::from(token.last_sync.is_some_and(|sync| sync.state == "completed"));
    }
    Ok(synced)
}
