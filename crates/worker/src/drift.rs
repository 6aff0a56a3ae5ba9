//! Mends what the policies say is to be mended, once a token has been read whole.
//!
//! What is missing and what is too much of ours is the reconciler's business; the other classes are taken back here.

use russet_domain::TokenId;
use russet_domain::drift::{Class, Stance};
use russet_store::drift::{By, fix};
use russet_store::jobs::Origin;
use russet_store::{policies, tokens};

use crate::context::Context;
use crate::error::JobError;

/// Writes the jobs. May be repeated: what is on its way is in no class.
///
/// # Errors
/// As any statement.
pub(crate) async fn mend(ctx: &Context, id: TokenId) -> Result<(), JobError> {
    let mut db = ctx.store.read().await?;
    let policies = policies::read(&mut db, id).await?;
    drop(db);
    if policies.is_read_only() {
        return Ok(());
    }
    let is_ours = |class: &Class| {
        !class.is_reconcilers() && class.remedy().is_some() && class.stance(&policies) == Stance::Fix
    };
    for class in Class::ALL.into_iter().filter(is_ours) {
        let mut tx = ctx.begin().await?;
        tokens::lock(&mut tx, id).await?;
        let token = tokens::find(&mut tx, id).await?;
        if token.is_none_or(|token| token.removing || !token.state.may_write()) {
            return Ok(());
        }
        let by = By { origin: Origin::Drift, key: None };
        let fixed = fix(&mut tx, id, class, by, ctx.now()).await?;
        tx.commit().await?;
        if fixed.licenses > 0 {
            tracing::info!(
                token.id = id.0,
                class = class.as_str(),
                licenses = fixed.licenses,
                "licenses are taken back, as the policy says"
            );
        }
    }
    Ok(())
}
