//! Reads Apple's limits and addresses, which may change at any time.

use russet_domain::limits::Limits;
use russet_queue::Ending;
use russet_store::{limits as kept_limits, meta};

use crate::catalog::LOOKUP_META_KEY;
use crate::context::Context;
use crate::error::JobError;
use crate::registration::TYPES_KEY;

pub(crate) async fn refresh_limits(ctx: &Context) -> Result<Ending, JobError> {
    read_limits(ctx).await?;
    Ok(Ending::Done)
}

/// Asks Apple for its limits and keeps them for all workers. Needs no token and counts for none.
pub(crate) async fn read_limits(ctx: &Context) -> Result<Limits, JobError> {
    let config = ctx.apple.service_config().await?;
    let limits = config.limits;
    let types = serde_json::to_string(&config.notification_types).unwrap_or_default();
    let mut tx = ctx.begin().await?;
    if let Some(template) = &config.urls.invitation {
        meta::set(&mut tx, meta::INVITATION_TEMPLATE, template).await?;
    }
    kept_limits::keep(&mut tx, &limits).await?;
    meta::set(&mut tx, TYPES_KEY, &types).await?;
    meta::set(&mut tx, LOOKUP_META_KEY, &config.urls.content_lookup.unwrap_or_default()).await?;
    tx.commit().await?;
    ctx.remember_limits(limits);
    Ok(limits)
}
