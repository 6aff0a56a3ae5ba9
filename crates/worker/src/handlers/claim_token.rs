//! Asks Apple what a token opens, claims the location for us and has Apple send its notifications here.

use russet_apple::{Answer, ClientConfig, Consequence, NewClientConfig};
use russet_domain::TokenId;
use russet_domain::registration::Standing;
use russet_domain::token::{Claim, MdmInfo, TokenState, Verdict, judge_claim, verdict, working};
use russet_queue::jobs::{ApplyChanges, CheckEvent, ClaimToken, SyncToken};
use russet_queue::{Class, Ending, When};
use russet_store::tokens::{self, Location, NewStanding, Token};
use russet_store::{jobs, requests};

use crate::call::Judge;
use crate::context::Context;
use crate::error::JobError;
use crate::orders::Orders;
use crate::probes::probe;
use crate::registration;

/// The most open requests that are asked after when a token works again; the sweep finds the rest.
const OPEN_MAX: usize = 1_000;

pub(crate) async fn claim_token(job: ClaimToken, ctx: &Context) -> Result<Ending, JobError> {
    let Some(token) = ctx.token(job.token).await? else { return Ok(Ending::Done) };
    if token.probe_due_at.is_some() {
        probe(ctx, &token).await?;
    } else {
        claim(ctx, &token).await?;
        wake(ctx, token.id).await?;
    }
    Ok(Ending::Done)
}

/// Brings a token's state up to date. May be repeated at any time.
pub(crate) async fn claim(ctx: &Context, token: &Token) -> Result<(), JobError> {
    let orders = Orders::of(ctx, token).await?;
    let done = look(ctx, token, &orders).await;
    match &done {
        Ok(()) => {}
        Err(JobError::Apple(error)) => match error.consequence() {
            Consequence::TokenDead
            | Consequence::Forbidden
            | Consequence::Wrong
            | Consequence::NeedsPerson
            | Consequence::NoLicense
            | Consequence::AlreadySo => {
                let code = error.number().map_or("apple_error", russet_domain::apple_error::code);
                orders.fail(ctx, token, code, &error.to_string()).await?;
            }
            Consequence::TooFast
            | Consequence::Later
            | Consequence::NotSent
            | Consequence::LostReply
            | Consequence::Replan => {}
        },
        Err(error @ JobError::OtherLocation { .. }) => {
            orders.fail(ctx, token, "token_of_other_location", &error.to_string()).await?;
        }
        Err(JobError::NotYet { .. } | JobError::Broken(_) | JobError::Store(_) | JobError::Queue(_)) => {}
    }
    done
}

async fn look(ctx: &Context, token: &Token, orders: &Orders) -> Result<(), JobError> {
    let config = read(ctx, token).await?;
    let Some(uid) = config.seen.uid.clone() else {
        let reason =
            "Apple names no location for the token; download a token of a location and renew it here.";
        orders.fail(ctx, token, "no_location", reason).await?;
        return ctx.set_standing(token.id, standing(TokenState::Invalid, Some("no_location"), reason)).await;
    };
    let older = write_location(ctx, token, &uid, &config).await?;
    let mdm = config.seen.mdm.as_ref();
    let is_handed_over = token.handed_over_at.is_some();
    if let Some(older) = older.filter(|_| !is_handed_over) {
        let reason = duplicate_of(&older);
        orders.fail(ctx, token, "token_duplicate", &reason).await?;
        return ctx.set_standing(token.id, standing(TokenState::Duplicate, None, &reason)).await;
    }
    let claim = judge_claim(&ctx.ours.id, mdm);
    match verdict(token.state, is_handed_over, claim, orders.any()) {
        Verdict::LeaveAlone => leave_alone(ctx, token, mdm.filter(|_| claim == Claim::Foreign)).await,
        Verdict::Freeze => match mdm {
            Some(other) => ctx.freeze(token, other).await,
            None => Ok(()),
        },
        Verdict::Keep => {
            registration::keep(ctx, token, &config.value).await?;
            works(ctx, token, orders, &config).await
        }
        Verdict::Take => take(ctx, token, orders, &config).await,
    }
}

/// Reads the location's configuration; the caller judges the claim.
async fn read(ctx: &Context, token: &Token) -> Result<Answer<ClientConfig>, JobError> {
    let turn = ctx.book(token.id, Class::Interactive).await?;
    ctx.call(token, turn, Judge::Nothing, async |apple, secret| apple.client_config(&secret).await).await
}

fn standing<'a>(state: TokenState, code: Option<&'a str>, reason: &'a str) -> NewStanding<'a> {
    NewStanding { state, code, reason: Some(reason), other: None }
}

/// Writes down who has a location that was handed over, and keeps the words for that as they are by now: the hand-over may have ended
/// since the token was read.
async fn leave_alone(ctx: &Context, token: &Token, other: Option<&MdmInfo>) -> Result<(), JobError> {
    let mut tx = ctx.begin().await?;
    tokens::lock(&mut tx, token.id).await?;
    let Some(known) = tokens::find(&mut tx, token.id).await? else { return Ok(()) };
    if known.handed_over_at != token.handed_over_at {
        return Ok(());
    }
    let reason = known.state_reason.as_deref().filter(|_| known.state == TokenState::HandedOver);
    let reason = reason.unwrap_or(TokenState::HandedOver.sentence());
    let new = NewStanding { other, ..standing(TokenState::HandedOver, None, reason) };
    tokens::set_standing(&mut tx, token.id, new, ctx.now()).await?;
    Ok(tx.commit().await?)
}

/// Why a token is a duplicate, and what to do by how its elder stands.
fn duplicate_of(older: &Token) -> String {
    let which = format!("The older token is “{}” (id {})", older.name, older.id);
    if older.state.may_ask() {
        format!("{} {which}.", TokenState::Duplicate.sentence())
    } else {
        format!(
            "{} {which} and does not work: renew that one with a new file, or remove it and this one takes its place.",
            TokenState::Duplicate.sentence()
        )
    }
}

/// Writes down that the token works, and what follows from it, in one transaction.
async fn works(
    ctx: &Context,
    token: &Token,
    orders: &Orders,
    config: &Answer<ClientConfig>,
) -> Result<(), JobError> {
    let now = ctx.now();
    let expires_at = config.seen.expires.unwrap_or(token.expires_at);
    let state = working(expires_at, now, ctx.soon());
    let mut tx = ctx.begin().await?;
    tokens::lock(&mut tx, token.id).await?;
    let Some(known) = tokens::find(&mut tx, token.id).await? else { return Ok(()) };
    if known.handed_over_at != token.handed_over_at || (known.state != token.state && !orders.any()) {
        // Somebody has learned more meanwhile, such as that it may not write, or has begun to hand the location over.
        return Ok(());
    }
    tokens::set_standing(
        &mut tx,
        token.id,
        NewStanding { state, code: None, reason: None, other: None },
        now,
    )
    .await?;
    if token.handed_over_at.is_some() {
        tokens::set_handed_over(&mut tx, token.id, None, now).await?;
    }
    if token.state == TokenState::Duplicate {
        // It takes the place of the older token, and has not been read while it was none of ours to read.
        jobs::insert_sync(&mut tx, token.id, now).await?;
    }
    orders.done(ctx, &mut tx, token).await?;
    tx.commit().await?;
    if token.state != state && token.state != TokenState::New {
        let (was, is) = (token.state.as_str(), state.as_str());
        tracing::info!(token.id = token.id.0, token.state = is, was, "a token works again");
    }
    Ok(())
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
    let thinks_it_is_alone =
        |other: &&Token| other.id > token.id && other.state != TokenState::Duplicate && other.state.may_ask();
    for younger in all.iter().filter(thinks_it_is_alone) {
        ctx.push(&ClaimToken { token: younger.id }, When::default()).await?;
    }
    Ok(all.into_iter().find(|other| other.id < token.id))
}

/// Claims the location and has Apple send its notifications here. When Apple cannot reach our address the claim is made
/// without it, and Russet polls.
async fn take(
    ctx: &Context,
    token: &Token,
    orders: &Orders,
    config: &Answer<ClientConfig>,
) -> Result<(), JobError> {
    let seen = config.seen.mdm.as_ref();
    let ours = || Some(ctx.ours.clone());
    match (judge_claim(&ctx.ours.id, seen), seen) {
        (Claim::Ours, _) => {
            // Only to see whether the token may write; the address and its secret stay as they are, should it not.
            let again = NewClientConfig { mdm: ours(), notification: None };
            registration::post(ctx, token, again).await?;
            registration::keep(ctx, token, &config.value).await?;
        }
        (Claim::Foreign, Some(other)) => {
            if !orders.about_to_take(ctx, token, other).await? {
                return ctx.freeze(token, other).await;
            }
            registration::register(ctx, token, ours(), registration::new_secret(), Standing::Lost).await?;
        }
        (Claim::Foreign | Claim::Free | Claim::Released, _) => {
            registration::register(ctx, token, ours(), registration::new_secret(), Standing::Lost).await?;
        }
    }
    // There is no compare-and-swap, and the last writer wins without either being told: only reading shows who it was.
    let after = read(ctx, token).await?;
    let Some(other) = after.seen.mdm.as_ref() else {
        tracing::warn!(token.id = token.id.0, "Apple does not show our claim on the location yet");
        return works(ctx, token, orders, &after).await;
    };
    match judge_claim(&ctx.ours.id, Some(other)) {
        Claim::Ours | Claim::Free | Claim::Released => works(ctx, token, orders, &after).await,
        Claim::Foreign => {
            let text = format!(
                "“{}” claimed the location again at the same moment; see to it that it stops, then order the take-over anew.",
                other.name
            );
            orders.fail(ctx, token, "claimed_again", &text).await?;
            ctx.freeze(token, other).await
        }
    }
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
