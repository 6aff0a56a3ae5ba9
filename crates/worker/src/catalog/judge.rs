//! Looks for the products of one token in a store, and where that has not got them elsewhere; says what becomes of each.

use std::collections::{BTreeMap, HashMap};

use russet_domain::catalog::{Looked, Search, judge as decide, looked_here, search};
use russet_domain::{Timestamp, TokenId};
use russet_store::catalog::{self, Due, Progress, Said, Storefront, Verdict};
use russet_store::tokens::Token;

use super::ask::{Answered, Asked, Asker};
use super::stop::Stop;
use crate::context::Context;
use crate::error::JobError;

/// How many tokens are tried for products whose token Apple refuses.
const OWNERS_MAX: usize = 3;

/// What a look brought.
#[derive(Debug, Default)]
pub(crate) struct Judged {
    pub(crate) verdicts: Vec<Verdict>,
    pub(crate) progress: Progress,
}

impl Judged {
    fn take(&mut self, due: &Due, looked: Looked, said: Option<(Said, Option<String>)>, now: Timestamp) {
        let (listing, since) = decide(due.known.as_ref(), looked, now);
        let count = match looked {
            Looked::Here => &mut self.progress.listed,
            Looked::Elsewhere => &mut self.progress.elsewhere,
            Looked::Unsold | Looked::Nowhere => &mut self.progress.gone,
        };
        *count += 1;
        let (said, found_in) = match said {
            Some((said, found_in)) => (Some(said), found_in),
            None => (None, None),
        };
        self.verdicts.push(Verdict { adam_id: due.adam_id.clone(), listing, since, found_in, said });
    }
}

/// Looks for products that a token owns; when Apple refuses the token, other owners are tried.
pub(crate) async fn judge(
    ctx: &Context,
    asker: &mut Asker<'_>,
    storefront: &Storefront,
    token: TokenId,
    dues: &[Due],
) -> Result<Judged, Stop> {
    let mut judged = Judged::default();
    let mut refused = Vec::new();
    let mut groups: BTreeMap<TokenId, Vec<&Due>> = BTreeMap::from([(token, dues.iter().collect())]);
    // Every round takes a group away; a group is split among others only as long as owners are left to be tried.
    while let Some((owner, group)) = groups.pop_first() {
        let Some(token) = ctx.token(owner).await? else {
            judged.progress.unjudged += group.len() as u64;
            continue;
        };
        match look(ctx, asker, storefront, &token, &group, &mut judged).await {
            Ok(()) => {}
            Err(Stop::Token(why)) => {
                tracing::warn!(token.id = owner.0, error = why, "Apple's metadata service refuses a token");
                asker.note = Some(format!("{why} (token {} “{}”)", owner, token.name));
                refused.push(owner);
                let others = if refused.len() < OWNERS_MAX {
                    other_owners(ctx, storefront, &group, &refused).await?
                } else {
                    HashMap::new()
                };
                for due in group {
                    match others.get(&due.adam_id) {
                        Some(other) => groups.entry(*other).or_default().push(due),
                        None => judged.progress.unjudged += 1,
                    }
                }
            }
            Err(other) => return Err(other),
        }
    }
    Ok(judged)
}

async fn other_owners(
    ctx: &Context,
    storefront: &Storefront,
    group: &[&Due],
    refused: &[TokenId],
) -> Result<HashMap<String, TokenId>, JobError> {
    let ids: Vec<String> = group.iter().map(|due| due.adam_id.clone()).collect();
    let mut db = ctx.store.read().await?;
    Ok(catalog::owners(&mut db, storefront, &ids, refused).await?)
}

/// Looks with one token: in its own store, then in what is known here, then in other stores.
async fn look(
    ctx: &Context,
    asker: &mut Asker<'_>,
    storefront: &Storefront,
    token: &Token,
    group: &[&Due],
    judged: &mut Judged,
) -> Result<(), Stop> {
    let mut here =
        asker.ask(&Asked { country: &storefront.country, token, products: group.to_vec() }).await?;
    let missing: Vec<&Due> =
        group.iter().filter(|due| !here.found.contains_key(&due.adam_id)).copied().collect();
    let (unjudged, missing): (Vec<&Due>, Vec<&Due>) =
        missing.into_iter().partition(|due| here.unjudged.contains(&due.adam_id));
    let mut elsewhere = known_elsewhere(ctx, storefront, &missing).await?;
    let to_ask: Vec<&Due> =
        missing.iter().filter(|due| !elsewhere.contains_key(&due.adam_id)).copied().collect();
    let asked = ask_elsewhere(ctx, asker, storefront, token, &to_ask).await?;
    // Nothing is counted before everything is answered: a look that ends early is done again.
    let now = ctx.now();
    for due in group {
        if let Some(facts) = here.found.remove(&due.adam_id) {
            let looked = looked_here(&facts);
            let said = Said { facts, source: here.source.to_owned(), at: now };
            judged.take(due, looked, Some((said, None)), now);
        }
    }
    for due in missing {
        if let Some((said, country)) = elsewhere.remove(&due.adam_id) {
            judged.take(due, Looked::Elsewhere, Some((said, Some(country))), now);
        } else if let Some((facts, country)) = asked.found.get(&due.adam_id) {
            let said = Said { facts: facts.clone(), source: asked.source.to_owned(), at: now };
            judged.take(due, Looked::Elsewhere, Some((said, Some(country.clone()))), now);
        } else if asked.unjudged.contains(&due.adam_id) {
            judged.progress.unjudged += 1;
        } else {
            judged.take(due, Looked::Nowhere, None, now);
        }
    }
    judged.progress.unjudged += unjudged.len() as u64;
    Ok(())
}

/// What is known here from other countries' stores, of products that are to be taken over from there (rule S-9).
async fn known_elsewhere(
    ctx: &Context,
    storefront: &Storefront,
    missing: &[&Due],
) -> Result<HashMap<String, (Said, String)>, JobError> {
    if missing.is_empty() {
        return Ok(HashMap::new());
    }
    let language = ctx.catalog.client.language();
    let ids: Vec<String> = missing.iter().map(|due| due.adam_id.clone()).collect();
    let mut db = ctx.store.read().await?;
    let countries = catalog::elsewhere(&mut db, &ids, &storefront.country, language).await?;
    let wanted: Vec<(String, String)> = missing
        .iter()
        .filter_map(|due| {
            let country = countries.get(&due.adam_id).map(String::as_str);
            match search(due.known.as_ref(), country) {
                Search::TakeOver { country } => Some((due.adam_id.clone(), country)),
                Search::Ask => None,
            }
        })
        .collect();
    let mut apps = catalog::apps(&mut db, &wanted, language).await?;
    let most = wanted.len().saturating_mul(20);
    for version in catalog::versions(&mut db, &wanted, language, true, most).await? {
        if let Some(app) = apps.get_mut(&(version.adam_id, version.country)) {
            app.facts.add(version.facts);
        }
    }
    let said = |app: catalog::App| {
        let at = app.fetched_at.unwrap_or(app.first_seen_at);
        let said = Said { facts: app.facts, source: app.source.unwrap_or_default(), at };
        (said.facts.adam_id.clone(), (said, app.country))
    };
    Ok(apps.into_values().map(said).collect())
}

/// What stores of other countries said.
#[derive(Default)]
struct Elsewhere {
    found: HashMap<String, (russet_domain::catalog::AppFacts, String)>,
    unjudged: std::collections::HashSet<String>,
    source: &'static str,
}

/// Asks the stores of other countries, one after the other, for what the ones before did not have.
async fn ask_elsewhere(
    ctx: &Context,
    asker: &mut Asker<'_>,
    storefront: &Storefront,
    token: &Token,
    missing: &[&Due],
) -> Result<Elsewhere, Stop> {
    let mut elsewhere = Elsewhere::default();
    let mut left: Vec<&Due> = missing.to_vec();
    for country in ctx.catalog.fallback_countries.iter().filter(|country| **country != storefront.country) {
        if left.is_empty() {
            break;
        }
        let Answered { found, unjudged, source } =
            asker.ask(&Asked { country, token, products: left.clone() }).await?;
        elsewhere.source = source;
        left.retain(|due| !found.contains_key(&due.adam_id));
        elsewhere.found.extend(found.into_iter().map(|(id, facts)| (id, (facts, country.clone()))));
        elsewhere.unjudged.extend(unjudged);
    }
    Ok(elsewhere)
}
