//! Reads a location's assets from Apple.

use russet_domain::Asset;
use russet_queue::jobs::RecountAssets;
use russet_queue::{Class, When};
use russet_store::assets::{self, Product, Reading};
use russet_store::recounts::{self, Subject};
use russet_store::tokens::Token;
use russet_store::walks::{self, WalkKind};

use crate::catalog::{wake, want_if_incomplete};
use crate::context::Context;
use crate::error::JobError;

/// The most pages of assets that are read; a location of this many products does not exist.
const PAGES_MAX: u32 = 1000;

/// Reads all assets, writes them down and returns their version. Costs one request for some hundred assets; may be repeated at any time.
pub(crate) async fn refresh(ctx: &Context, token: &Token) -> Result<Option<String>, JobError> {
    let began = ctx.now();
    let (assets, version, whole) = read_all(ctx, token).await?;
    let mut tx = ctx.begin().await?;
    let walk = walks::start(&mut tx, token.id, WalkKind::Assets, &[], ctx.now()).await?.id;
    let reading = Reading { walk, began };
    assets::upsert_all(&mut tx, token.id, reading, &assets).await?;
    if whole {
        assets::mark_unseen_gone(&mut tx, token.id, reading).await?;
    }
    walks::end(&mut tx, walk, ctx.now()).await?;
    // What was bought gets its name at once.
    let storefront = want_if_incomplete(ctx, &mut tx, token.id, ctx.now()).await?;
    // What was bought while Apple was read may or may not have been in its answer.
    let moved = assets::moved_since(&mut tx, token.id, began).await?;
    let moved: Vec<_> = moved.into_iter().map(Subject::Product).collect();
    recounts::all_done(&mut tx, token.id, began).await?;
    recounts::ask(&mut tx, token.id, &moved, ctx.now()).await?;
    tx.commit().await?;
    wake(ctx, storefront).await?;
    if !moved.is_empty() {
        ctx.push(&RecountAssets { token: token.id }, When::default()).await?;
    }
    Ok(version)
}

/// Reads one product's counts, in every quality. Costs one request; may be repeated at any time.
pub(crate) async fn recount(ctx: &Context, token: &Token, adam_id: &str) -> Result<(), JobError> {
    let began = ctx.now();
    let found = ctx
        .ask(token, Class::Interactive, async |apple, secret| apple.product(&secret, adam_id).await)
        .await?;
    let mut tx = ctx.begin().await?;
    // A record that cannot be read may be one of a quality that is known.
    let product = Product { adam_id, whole: found.skipped == 0 };
    assets::write_product(&mut tx, token.id, product, &found.items, began).await?;
    let subject = Subject::Product(adam_id.to_owned());
    recounts::done(&mut tx, token.id, &subject, began).await?;
    if assets::moved_since(&mut tx, token.id, began).await?.iter().any(|moved| moved == adam_id) {
        recounts::ask(&mut tx, token.id, &[subject], ctx.now()).await?;
    }
    // What was bought gets its name at once.
    let storefront = want_if_incomplete(ctx, &mut tx, token.id, ctx.now()).await?;
    tx.commit().await?;
    wake(ctx, storefront).await
}

/// Pages may shift while they are read, so a walk during which the version moved starts again, a few times. Tells whether
/// all records could be read: one that could not may be an asset that is known.
async fn read_all(ctx: &Context, token: &Token) -> Result<(Vec<Asset>, Option<String>, bool), JobError> {
    let mut tries = 0;
    loop {
        tries += 1;
        let first = page(ctx, token, 0).await?;
        let (version, mut moved, mut skipped) = (first.version.clone(), false, first.skipped);
        let (mut assets, mut next) = (first.items, first.next);
        while let Some(index) = next.filter(|index| *index < PAGES_MAX) {
            let page = page(ctx, token, index).await?;
            moved |= page.version != version;
            skipped += page.skipped;
            assets.extend(page.items);
            next = page.next;
        }
        if !moved || tries >= 3 {
            return Ok((assets, version, skipped == 0));
        }
    }
}

async fn page(ctx: &Context, token: &Token, index: u32) -> Result<russet_apple::Page<Asset>, JobError> {
    ctx.ask(token, Class::Bulk, async |apple, secret| apple.assets(&secret, index).await).await
}
