//! Asks Apple what a token opens, claims the location for us and has Apple send its notifications here.

use russet_apple::{Answer, ClientConfig};
use russet_domain::TokenId;
use russet_domain::registration::Standing;
use russet_domain::token::{Claim, TokenState, judge_claim};
use russet_queue::jobs::{ApplyChanges, CheckEvent, ClaimToken, SyncToken};
use russet_queue::{Class, Ending, When};
use russet_store::requests;
use russet_store::tokens::{self, Location, Token};

use crate::call::Judge;
use crate::context::Context;
use crate::error::JobError;
use crate::registration;

/// The most open requests that are asked after when a token works again; the sweep finds the rest.
const OPEN_MAX: usize = 1_000;

pub(crate) async fn claim_token(job: ClaimToken, ctx: &Context) -> Result<Ending, JobError> {
    let Some(token) = ctx.token(job.token).await? else { return Ok(Ending::Done) };
    claim(ctx, &token).await?;
    wake(ctx, token.id).await?;
    Ok(Ending::Done)
}

/// Brings a token's state up to date. May be repeated at any time.
pub(crate) async fn claim(ctx: &Context, token: &Token) -> Result<(), JobError> {
    let turn = ctx.book(token.id, Class::Interactive).await?;
    let config = ctx
        .call(token, turn, Judge::Nothing, async |apple, secret| apple.client_config(&secret).await)
        .await?;
    let Some(uid) = config.seen.uid.clone() else {
        return ctx
            .set_state(token, TokenState::Invalid, "Apple names no location for the token.", None)
            .await;
    };
    let older = write_location(ctx, token, &uid, &config).await?;
    if let Some(older) = older {
        let reason = format!(
            "{} The older token is “{}” (id {}).",
            TokenState::Duplicate.sentence(),
            older.name,
            older.id
        );
        return ctx.set_state(token, TokenState::Duplicate, &reason, None).await;
    }
    match judge_claim(&ctx.ours.id, config.seen.mdm.as_ref()) {
        Claim::Foreign if !token.take_over => {
            let state = TokenState::AssignedToExternalMdm;
            ctx.set_state(token, state, state.sentence(), config.seen.mdm.as_ref()).await
        }
        Claim::Ours => {
            registration::keep(ctx, token, &config.value).await?;
            ctx.set_state(token, TokenState::Valid, TokenState::Valid.sentence(), None).await
        }
        Claim::Free | Claim::Foreign => take(ctx, token, &config).await,
    }
}

/// Writes down what the token opens; tells the older token of the same location, if there is one (rule S-11), and has a
/// younger one that took itself for the only one look again.
async fn write_location(
    ctx: &Context,
    token: &Token,
    uid: &str,
    config: &Answer<ClientConfig>,
) -> Result<Option<Token>, JobError> {
    let location = Location {
        uid: Some(uid.to_owned()),
        location_name: config.value.location_name.clone(),
        apple_country: config.value.country.clone(),
        default_platform: config.value.platform.clone(),
        expires_at: config.seen.expires,
    };
    let mut tx = ctx.begin().await?;
    tokens::set_location(&mut tx, token.id, &location, ctx.now()).await?;
    tx.commit().await?;
    // Only now: two tokens that are claimed at the same time see each other at the latest when the second is written.
    let mut db = ctx.store.read().await?;
    let all = tokens::by_uid(&mut db, uid).await?;
    drop(db);
    for younger in all.iter().filter(|other| other.id > token.id && other.state == TokenState::Valid) {
        ctx.push(&ClaimToken { token: younger.id }, When::default()).await?;
    }
    Ok(all.into_iter().find(|other| other.id < token.id))
}

/// Claims the location and has Apple send its notifications here. When Apple cannot reach our address the claim is made
/// without it, and Russet polls.
async fn take(ctx: &Context, token: &Token, config: &Answer<ClientConfig>) -> Result<(), JobError> {
    if config.seen.mdm.as_ref().is_some_and(|mdm| mdm.id != ctx.ours.id) {
        tracing::warn!(token.id = token.id.0, other.mdm = ?config.seen.mdm, "taking the location over from another MDM server");
    }
    let secret = registration::new_secret();
    registration::register(ctx, token, Some(ctx.ours.clone()), secret, Standing::Lost).await?;
    ctx.set_state(token, TokenState::Valid, TokenState::Valid.sentence(), None).await
}

/// Work that waited for the token goes on.
pub(crate) async fn wake(ctx: &Context, token: TokenId) -> Result<(), JobError> {
    let mut db = ctx.store.read().await?;
    let open = requests::open(&mut db, token, OPEN_MAX).await?;
    drop(db);
    for request in open {
        ctx.push(&CheckEvent { token, request: request.id }, When::default()).await?;
    }
    ctx.push(&SyncToken { token }, When::default()).await?;
    ctx.push(&ApplyChanges { token }, When::default()).await
}
