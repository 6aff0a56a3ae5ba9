//! Has apps installed that devices are to have and lack (rule S-33).

use std::collections::BTreeMap;

use russet_domain::{DeviceId, TokenId};
use russet_store::installs::{self, Missing};
use russet_store::tokens;

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
    let mut lacking: BTreeMap<TokenId, Vec<DeviceId>> = BTreeMap::new();
    for Missing { token, device, .. } in missing {
        lacking.entry(token).or_default().push(device);
    }
    let mut new = 0;
    for (token, mut devices) in lacking {
        devices.sort_unstable();
        devices.dedup();
        new += install_of(ctx, token, &devices).await?;
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
