//! Has apps installed that devices are to have and lack (rule S-33).

use std::collections::BTreeSet;

use russet_domain::{DeviceId, TokenId};
use russet_store::{installs, tokens};

use super::commands;
use crate::context::Context;
use crate::error::JobError;

/// Devices looked at in one transaction.
const BATCH: usize = 2_000;

/// Has what these devices lack installed, whichever token it comes from. May be repeated.
pub(crate) async fn install(ctx: &Context, devices: &[DeviceId]) -> Result<(), JobError> {
    let mut db = ctx.store.read().await?;
    let missing = installs::missing(&mut db, devices, ctx.now()).await?;
    drop(db);
    let lacking: BTreeSet<TokenId> = missing.iter().map(|missing| missing.token).collect();
    let mut new = 0;
    for token in lacking {
        new += install_of(ctx, token, devices).await?;
    }
    if new > 0 {
        commands::wake(ctx).await?;
    }
    Ok(())
}

/// The same for all devices that a token gives apps to.
pub(crate) async fn install_all(ctx: &Context, token: TokenId) -> Result<(), JobError> {
    let mut db = ctx.store.read().await?;
    let devices = installs::devices_of_token(&mut db, token).await?;
    drop(db);
    for some in devices.chunks(BATCH) {
        install_of(ctx, token, some).await?;
    }
    Ok(())
}

async fn install_of(ctx: &Context, token: TokenId, devices: &[DeviceId]) -> Result<u64, JobError> {
    if ctx.is_read_only(token).await? {
        return Ok(0);
    }
    let mut tx = ctx.begin().await?;
    tokens::lock(&mut tx, token).await?;
    let new = installs::want_missing(&mut tx, token, devices, ctx.now()).await?;
    tx.commit().await?;
    if new > 0 {
        tracing::info!(token.id = token.0, installs = new, "apps are on their way that devices lack");
    }
    Ok(new)
}
