//! Has Apple send a location's notifications here, and sees to it that it stays so
//! (<https://developer.apple.com/documentation/devicemanagement/subscribing-to-notifications>).
//!
//! Apple keeps one address a location and tells nobody when somebody changes it. It calls the address before it takes it,
//! so that a new secret is taken here first, beside the one in use.

use russet_apple::{Answer, AppleError, ClientConfig, NewClientConfig, NotificationTarget};
use russet_domain::registration::{SecretSeen, Seen, Standing, judge, wanted_types};
use russet_domain::token::MdmInfo;
use russet_domain::{Secret, apple_error};
use russet_queue::Class;
use russet_store::tokens::{self, Token};
use russet_store::{StoreError, meta};

use crate::call::Judge;
use crate::context::Context;
use crate::error::JobError;

/// Under which name the types that Apple offers are kept. Every worker of every version reads it; it never changes.
pub(crate) const TYPES_KEY: &str = "apple_notification_types";

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Registered {
    /// There is no address that Apple could call: it is polled.
    Polling,
    /// Apple calls us.
    Yes,
    /// Apple does not take the address, for the reason of this stable name: it is polled.
    Refused(&'static str),
}

/// Compares what Apple shows with what we want, and registers again what is not as it should be. Costs nothing at Apple
/// when all is. May be repeated.
pub(crate) async fn keep(
    ctx: &Context,
    token: &Token,
    config: &ClientConfig,
) -> Result<Registered, JobError> {
    let Some(url) = ctx.notification_url(token.id) else { return poll(ctx, token).await };
    let standing = standing(ctx, token, &url, config).await?;
    if standing.is_good() {
        note_kept(ctx, token, &url, standing).await?;
        return Ok(Registered::Yes);
    }
    tracing::warn!(
        token.id = token.id.0,
        "notifications are registered again, because {}",
        standing.because()
    );
    register(ctx, token, None, new_secret(), standing).await
}

/// How the registration stands by what Apple shows.
pub(crate) async fn standing(
    ctx: &Context,
    token: &Token,
    url: &str,
    config: &ClientConfig,
) -> Result<Standing, JobError> {
    let types = types(ctx).await?;
    let mut db = ctx.store.read().await?;
    let current = tokens::notification_secret(&mut db, token.id).await?;
    let next = tokens::next_secret(&mut db, token.id).await?;
    drop(db);
    let shown = config.notification_secret.as_ref();
    let secret = match shown {
        Some(shown) if current.as_ref() == Some(shown) => SecretSeen::Current,
        Some(shown) if next.as_ref() == Some(shown) => SecretSeen::Next,
        Some(_) | None => SecretSeen::Other,
    };
    let seen = Seen { url: config.notification_url.as_deref(), secret, types: &config.notification_types };
    Ok(judge(url, &types, &seen))
}

/// Writes down that the registration is as it should be.
pub(crate) async fn note_kept(
    ctx: &Context,
    token: &Token,
    url: &str,
    standing: Standing,
) -> Result<(), JobError> {
    let types = types(ctx).await?;
    let mut tx = ctx.begin().await?;
    if standing == Standing::Confirmed {
        tokens::confirm_secret(&mut tx, token.id, ctx.now()).await?;
    }
    tokens::keep_registration(&mut tx, token.id, url, &types, ctx.now()).await?;
    Ok(tx.commit().await?)
}

/// Tells Apple where notifications go and with which secret, in one request with a claim when `mdm` is given. When Apple
/// does not take the address, the claim is made without it. `before` is how the registration stood.
pub(crate) async fn register(
    ctx: &Context,
    token: &Token,
    mdm: Option<MdmInfo>,
    secret: Secret,
    before: Standing,
) -> Result<Registered, JobError> {
    let Some(url) = ctx.notification_url(token.id) else {
        if mdm.is_some() {
            post(ctx, token, NewClientConfig { mdm, notification: None }).await?;
        }
        return poll(ctx, token).await;
    };
    let types = types(ctx).await?;
    let mut tx = ctx.begin().await?;
    tokens::offer_secret(&mut tx, token.id, &secret, ctx.now()).await?;
    tx.commit().await?;
    let target = NotificationTarget { url: url.clone(), secret, types };
    // Should no answer come, both secrets are taken, and the next look at Apple tells which one it has.
    match post(ctx, token, NewClientConfig { mdm: mdm.clone(), notification: Some(target) }).await {
        Ok(()) => {
            note_kept(ctx, token, &url, Standing::Confirmed).await?;
            Ok(Registered::Yes)
        }
        Err(JobError::Apple(error)) if is_about_the_address(&error) => {
            let code = error.number().map_or("apple_error", apple_error::code);
            tracing::error!(token.id = token.id.0, error = %error, "Apple does not take our notification address");
            let still_called = match before {
                Standing::Kept | Standing::Confirmed | Standing::OtherTypes => true,
                Standing::Lost | Standing::Moved | Standing::OtherSecret => false,
            };
            let mut tx = ctx.begin().await?;
            tokens::refuse_registration(&mut tx, token.id, code, still_called, ctx.now()).await?;
            tx.commit().await?;
            if mdm.is_some() {
                post(ctx, token, NewClientConfig { mdm, notification: None }).await?;
            }
            Ok(Registered::Refused(code))
        }
        Err(error) => Err(error),
    }
}

/// Writes down that nobody calls us.
async fn poll(ctx: &Context, token: &Token) -> Result<Registered, JobError> {
    if token.notification_url.is_some() || token.registration.error.is_some() {
        let mut tx = ctx.begin().await?;
        tokens::unregister(&mut tx, token.id, ctx.now()).await?;
        tx.commit().await?;
    }
    Ok(Registered::Polling)
}

/// Writes a part of the configuration.
pub(crate) async fn post(ctx: &Context, token: &Token, wanted: NewClientConfig) -> Result<(), JobError> {
    let turn = ctx.book(token.id, Class::Interactive).await?;
    // Apple's answer may still show the former owner, so that it is not judged as a foreign claim: the next one is.
    ctx.call(token, turn, Judge::Nothing, async |apple, secret| {
        apple.set_client_config(&secret, &wanted).await
    })
    .await?;
    Ok(())
}

/// Reads what Apple shows of a location, with an eye on who has claimed it.
pub(crate) async fn read(ctx: &Context, token: &Token) -> Result<Answer<ClientConfig>, JobError> {
    let turn = ctx.book(token.id, Class::Interactive).await?;
    ctx.call(token, turn, Judge::Claim, async |apple, secret| apple.client_config(&secret).await).await
}

/// The types to subscribe to, by what Apple last said that it offers.
async fn types(ctx: &Context) -> Result<Vec<String>, StoreError> {
    let mut db = ctx.store.read().await?;
    let kept = meta::get(&mut db, TYPES_KEY).await?.unwrap_or_default();
    let listed: Vec<String> = serde_json::from_str(&kept).unwrap_or_default();
    Ok(wanted_types(&listed))
}

/// 9710 to 9712 and 9728 are about the address, not about the claim.
fn is_about_the_address(error: &AppleError) -> bool {
    matches!(error.number(), Some(9710..=9712 | 9728))
}

pub(crate) fn new_secret() -> Secret {
    let bytes: [u8; 32] = rand::random();
    Secret::new(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}
