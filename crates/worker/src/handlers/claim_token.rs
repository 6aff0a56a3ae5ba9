//! Asks Apple what a token opens, claims the location for us and has Apple send its notifications here.

use russet_apple::{Answer, AppleError, ClientConfig, NewClientConfig, NotificationTarget};
use russet_domain::token::{Claim, TokenState, judge_claim};
use russet_domain::{Secret, TokenId};
use russet_queue::jobs::{ApplyChanges, CheckEvent, ClaimToken, SyncToken};
use russet_queue::{Class, Ending, When};
use russet_store::requests;
use russet_store::tokens::{self, Location, Token};

use crate::call::Judge;
use crate::context::Context;
use crate::error::JobError;

/// The most open requests that are asked after when a token works again; the sweep finds the rest.
const OPEN_MAX: usize = 1_000;

/// What we want to hear from Apple.
const WANTED: [&str; 4] = ["ASSET_MANAGEMENT", "ASSET_COUNT", "USER_MANAGEMENT", "USER_ASSOCIATED"];

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
        Claim::Ours if is_registered(ctx, token, &config).await? => {
            ctx.set_state(token, TokenState::Valid, TokenState::Valid.sentence(), None).await
        }
        Claim::Free | Claim::Ours | Claim::Foreign => take(ctx, token, &config).await,
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

/// Whether Apple already calls us at the right address.
async fn is_registered(
    ctx: &Context,
    token: &Token,
    config: &Answer<ClientConfig>,
) -> Result<bool, JobError> {
    let Some(url) = ctx.notification_url(token.id) else { return Ok(true) };
    if config.value.notification_url.as_deref() != Some(url.as_str()) {
        return Ok(false);
    }
    let mut db = ctx.store.read().await?;
    let known = tokens::notification_secret(&mut db, token.id).await?;
    Ok(known.is_some() && known == config.value.notification_secret)
}

/// Claims the location. When Apple cannot reach our address the claim is made without it, and Russet polls.
async fn take(ctx: &Context, token: &Token, config: &Answer<ClientConfig>) -> Result<(), JobError> {
    if config.seen.mdm.as_ref().is_some_and(|mdm| mdm.id != ctx.ours.id) {
        tracing::warn!(token.id = token.id.0, other.mdm = ?config.seen.mdm, "taking the location over from another MDM server");
    }
    let mut reason = TokenState::Valid.sentence().to_owned();
    if let Some(url) = ctx.notification_url(token.id) {
        let secret = new_secret();
        // Apple calls the address before it answers, so that the secret must be known here first.
        let mut tx = ctx.begin().await?;
        tokens::set_notification(&mut tx, token.id, Some(&url), Some(&secret), ctx.now()).await?;
        tx.commit().await?;
        match post(
            ctx,
            token,
            Some(NotificationTarget { url, secret, types: WANTED.map(str::to_owned).to_vec() }),
        )
        .await
        {
            Ok(()) => return ctx.set_state(token, TokenState::Valid, &reason, None).await,
            Err(JobError::Apple(error)) if is_about_the_address(&error) => {
                tracing::error!(token.id = token.id.0, error = %error, "Apple does not take our notification address");
                reason = format!("{reason} Apple cannot call {}: Russet polls instead.", ctx.public_url);
                let mut tx = ctx.begin().await?;
                tokens::set_notification(&mut tx, token.id, None, None, ctx.now()).await?;
                tx.commit().await?;
            }
            Err(error) => return Err(error),
        }
    }
    post(ctx, token, None).await?;
    ctx.set_state(token, TokenState::Valid, &reason, None).await
}

async fn post(
    ctx: &Context,
    token: &Token,
    notification: Option<NotificationTarget>,
) -> Result<(), JobError> {
    let wanted = NewClientConfig { mdm: Some(ctx.ours.clone()), notification };
    let turn = ctx.book(token.id, Class::Interactive).await?;
    // Apple's answer may still show the former owner, so that it is not judged as a foreign claim: the next one is.
    ctx.call(token, turn, Judge::Nothing, async |apple, secret| {
        apple.set_client_config(&secret, &wanted).await
    })
    .await?;
    Ok(())
}

/// 9710 to 9712 and 9728 are about the address, not about the claim.
fn is_about_the_address(error: &AppleError) -> bool {
    matches!(error.number(), Some(9710..=9712 | 9728))
}

fn new_secret() -> Secret {
    let bytes: [u8; 32] = rand::random();
    Secret::new(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
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
