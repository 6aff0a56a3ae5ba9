//! Asks Apple's metadata services about products: at their own pace, in as few requests as they take, with a developer
//! key where there is one that works and by the legacy lookup where there is none.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use russet_apple::catalog::{
    Account, Catalog, CatalogError, Device, Found, Lookup, NoKey, Organization, Store, What,
};
use russet_domain::catalog::{AppFacts, Platform};
use russet_domain::{ProductType, Secret, TokenId};
use russet_queue::{Booking, Class, Turn};
use russet_store::catalog::{Due, Storefront};
use russet_store::meta;
use russet_store::tokens::{self, Token};

use super::{LOOKUP_META_KEY, Stop};
use crate::context::Context;
use crate::error::JobError;

/// Under these numbers, which no token has, the limiter keeps the pace of Apple's metadata services.
const ORGANIZATION: TokenId = TokenId(-1);
const LOOKUP: TokenId = TokenId(-2);

/// A wait up to this long is waited in place; a longer one sends the message to sleep.
const IN_PLACE: Duration = Duration::from_secs(2);
/// How soon is looked again while all of Apple is closed: finding out whether it is back is not the catalog's to do.
const WHILE_CLOSED: Duration = Duration::from_secs(5);
/// How often a refusal of a good token, which comes now and then, is believed to be one, and how long is waited between.
const TOKEN_TRIES: u32 = 3;
const TOKEN_WAIT: Duration = Duration::from_millis(300);
/// How many products one lookup asks for. Apple documents one; twenty are seen to be answered.
const LOOKUP_IDS_MAX: usize = 20;

/// What services said.
#[derive(Debug, Default)]
pub(crate) struct Answered {
    /// Products that they know.
    pub(crate) found: HashMap<String, AppFacts>,
    /// Products about which they did not give a clear answer.
    pub(crate) unjudged: HashSet<String>,
    /// Which of them spoke.
    pub(crate) source: &'static str,
}

/// Asks for one storefront.
pub(crate) struct Asker<'a> {
    ctx: &'a Context,
    account: Account,
    lookup_url: Option<String>,
    has_key: bool,
    /// Requests sent and not yet written down.
    requests: u64,
    /// What a person should know about how it went.
    pub(crate) note: Option<String>,
}

/// What a request asks, but for the products.
enum Question<'a> {
    Organization { account: Account, country: &'a str, what: What, device: Device, token: &'a Secret },
    Lookup { url: &'a str, store: Store, country: &'a str, token: Option<&'a Secret> },
}

impl Question<'_> {
    fn pace(&self) -> TokenId {
        match self {
            Self::Organization { .. } => ORGANIZATION,
            Self::Lookup { .. } => LOOKUP,
        }
    }

    fn ids_max(&self, client: &Catalog) -> usize {
        match self {
            Self::Organization { .. } => client.ids_max(),
            Self::Lookup { .. } => LOOKUP_IDS_MAX,
        }
    }

    async fn send(&self, client: &Catalog, ids: &[String]) -> Result<Found, CatalogError> {
        match *self {
            Self::Organization { account, country, what, device, token } => {
                client.organization(&Organization { account, country, what, device, ids, token }).await
            }
            Self::Lookup { url, store, country, token } => {
                client.lookup(&Lookup { url, store, country, ids, token }).await
            }
        }
    }
}

/// Products that one token asks for.
pub(crate) struct Asked<'a> {
    pub(crate) country: &'a str,
    pub(crate) token: &'a Token,
    pub(crate) products: Vec<&'a Due>,
}

impl<'a> Asker<'a> {
    pub(crate) async fn new(ctx: &'a Context, storefront: &Storefront) -> Result<Self, JobError> {
        let account =
            if storefront.account_type == "education" { Account::Education } else { Account::Business };
        let mut asker = Self { ctx, account, lookup_url: None, has_key: true, requests: 0, note: None };
        match ctx.catalog.client.no_key() {
            None => {}
            Some(NoKey::NotSet) => asker.has_key = false,
            Some(NoKey::Unusable(why)) => asker.lose_key(why),
        }
        asker.lookup_url = lookup_url(ctx).await?;
        Ok(asker)
    }

    /// Asks about products in the store of a country.
    pub(crate) async fn ask(&mut self, asked: &Asked<'_>) -> Result<Answered, Stop> {
        let secret = {
            let mut db = self.ctx.store.read().await?;
            tokens::content(&mut db, asked.token.id).await?
        };
        if self.has_key {
            match self.ask_organization(asked, &secret).await {
                Err(Stop::Key(why)) => self.lose_key(&why),
                answered => return answered,
            }
        }
        self.ask_lookup(asked, &secret).await
    }

    fn lose_key(&mut self, why: &str) {
        tracing::error!(
            error = why,
            "the developer key for Apple's metadata API does not work; the lookup is used"
        );
        self.has_key = false;
        self.note = Some(format!("The developer key does not work: {why}. The legacy lookup was used."));
    }

    async fn ask_organization(&mut self, asked: &Asked<'_>, secret: &Secret) -> Result<Answered, Stop> {
        let mut answered = Answered { source: "organization", ..Answered::default() };
        for what in [What::Apps, What::Books] {
            let of_kind = |due: &&&Due| (due.product_type == ProductType::Book) == (what == What::Books);
            let products: Vec<&Due> = asked.products.iter().filter(of_kind).copied().collect();
            // A book is a book on every device.
            let devices = if what == What::Books { &Device::ALL[..1] } else { &Device::ALL[..] };
            for device in devices.iter().copied() {
                let ids = needed(&products, &answered, &device.platform(), device == Device::Iphone);
                let (account, country) = (self.account, asked.country);
                let question = Question::Organization { account, country, what, device, token: secret };
                self.in_parts(&question, &ids, &mut answered).await?;
            }
        }
        Ok(answered)
    }

    async fn ask_lookup(&mut self, asked: &Asked<'_>, secret: &Secret) -> Result<Answered, Stop> {
        let Some(url) = self.lookup_url.clone() else {
            return Err(Stop::Never(
                "There is no developer key (apple.catalog_key_file), and Apple's service configuration names no lookup."
                    .to_owned(),
            ));
        };
        let mut answered = Answered { source: "lookup", ..Answered::default() };
        let (country, own) = (asked.country, Store::of_location(asked.token.default_platform.as_deref()));
        let ids = needed(&asked.products, &answered, &own.platform(), true);
        let with_token = Question::Lookup { url: &url, store: own, country, token: Some(secret) };
        self.in_parts(&with_token, &ids, &mut answered).await?;
        if answered.found.is_empty() && answered.unjudged.len() < ids.len() {
            let without = Question::Lookup { url: &url, store: own, country, token: None };
            self.in_parts(&without, &ids, &mut answered).await?;
            self.doubt(asked.token, &ids, &mut answered);
        }
        let for_mac = needed(&asked.products, &answered, &Platform::Macos, false);
        let question = Question::Lookup { url: &url, store: Store::Mac, country, token: Some(secret) };
        self.in_parts(&question, &for_mac, &mut answered).await?;
        Ok(answered)
    }

    /// An answer without any product may mean that the token was not taken. Public products are then found without one,
    /// and nothing is known about the rest.
    fn doubt(&mut self, token: &Token, ids: &[String], answered: &mut Answered) {
        if answered.found.is_empty() {
            return;
        }
        let missing: Vec<String> =
            ids.iter().filter(|id| !answered.found.contains_key(*id)).cloned().collect();
        if !missing.is_empty() {
            self.note = Some(format!(
                "Apple's lookup does not seem to take the token {} ({}), so that its custom apps are not looked up.",
                token.id, token.name
            ));
            answered.unjudged.extend(missing);
        }
    }

    /// Asks for products in parts that the service takes: a part that is refused is asked for in halves, down to single
    /// products.
    async fn in_parts(
        &mut self,
        question: &Question<'_>,
        ids: &[String],
        answered: &mut Answered,
    ) -> Result<(), Stop> {
        let at_once = question.ids_max(&self.ctx.catalog.client).max(1);
        // The last is asked for first, so the parts lie in reverse.
        let mut parts: Vec<&[String]> = ids.chunks(at_once).rev().collect();
        // Each round takes a part away or halves one, so there are at most twice as many rounds as products.
        while let Some(part) = parts.pop() {
            match self.send(question, part).await? {
                Ok(found) => take(part, found, answered),
                Err(CatalogError::Ids { .. }) if part.len() > 1 => {
                    let (first, second) = part.split_at(part.len() / 2);
                    parts.extend([second, first]);
                }
                Err(error @ CatalogError::Ids { .. }) => {
                    tracing::warn!(app.id = part[0], error = %error, "Apple does not take the number of a product");
                    answered.unjudged.insert(part[0].clone());
                }
                Err(error) => {
                    self.mind(question.pace(), &error).await?;
                    return Err(error.into());
                }
            }
        }
        Ok(())
    }

    /// One request when its turn comes; a refusal of the token, which comes now and then for good ones, is tried again.
    async fn send(
        &mut self,
        question: &Question<'_>,
        ids: &[String],
    ) -> Result<Result<Found, CatalogError>, JobError> {
        let mut tries = 1;
        loop {
            self.turn(question.pace()).await?;
            self.requests += 1;
            match question.send(&self.ctx.catalog.client, ids).await {
                Err(CatalogError::Token { .. }) if tries < TOKEN_TRIES => {
                    tokio::time::sleep(TOKEN_WAIT * 2_u32.pow(tries)).await;
                    tries += 1;
                }
                answer => {
                    if let Ok(Found { retry_after: Some(wait), .. }) = &answer {
                        self.ctx.pace.close_until(question.pace(), self.ctx.now().plus(*wait)).await?;
                    }
                    return Ok(answer);
                }
            }
        }
    }

    /// Waits for the service's turn.
    async fn turn(&self, service: TokenId) -> Result<(), JobError> {
        let rate = self.ctx.catalog.rate_per_s;
        if self.ctx.rates.differs(service, rate) {
            self.ctx.pace.set_rate(service, rate).await?;
            self.ctx.rates.remember(service, rate);
        }
        let booked = match self.ctx.pace.book(service, Class::Bulk, IN_PLACE).await? {
            Booking::Turn(booked) => booked,
            Booking::Wait { until, .. } => return Err(JobError::NotYet { until }),
        };
        if booked.is_probe() {
            booked.give_back().await?;
            return Err(JobError::NotYet { until: self.ctx.now().plus(WHILE_CLOSED) });
        }
        match booked.come().await? {
            Turn::Go => Ok(()),
            Turn::Wait { until, .. } => Err(JobError::NotYet { until }),
        }
    }

    /// Tells the limiter how a request went wrong. What a metadata service does says nothing about Apple as a whole.
    async fn mind(&self, service: TokenId, error: &CatalogError) -> Result<(), JobError> {
        let wait = match error {
            CatalogError::TooFast { retry_after } => {
                self.ctx.pace.slow_down(service).await?;
                *retry_after
            }
            CatalogError::Later { retry_after, .. } => *retry_after,
            CatalogError::Key { .. }
            | CatalogError::Token { .. }
            | CatalogError::Ids { .. }
            | CatalogError::Address { .. } => None,
        };
        if let Some(wait) = wait {
            self.ctx.pace.close_until(service, self.ctx.now().plus(wait)).await?;
        }
        Ok(())
    }

    /// How many requests were sent since this was asked last.
    pub(crate) fn take_requests(&mut self) -> u64 {
        std::mem::take(&mut self.requests)
    }
}

/// The products to ask for on a platform: all, or those that are for it and have no version of it yet.
fn needed(products: &[&Due], answered: &Answered, platform: &Platform, all: bool) -> Vec<String> {
    let is_for = |due: &Due| due.platforms.iter().any(|name| Platform::from_text(name) == *platform);
    let lacks = |due: &Due| {
        let known = answered.found.get(&due.adam_id).and_then(|app| app.on(platform));
        due.product_type != ProductType::Book
            && is_for(due)
            && !answered.unjudged.contains(&due.adam_id)
            && !known.is_some_and(|facts| facts.has_version())
    };
    products.iter().filter(|due| all || lacks(due)).map(|due| due.adam_id.clone()).collect()
}

/// Takes an answer in. Products that it does not tell of are not in the store, unless a record could not be understood: it may
/// have been theirs.
fn take(asked: &[String], found: Found, answered: &mut Answered) {
    for app in found.apps {
        // Only what was asked for: an answer about something else is none.
        if !asked.contains(&app.adam_id) {
            continue;
        }
        answered.unjudged.remove(&app.adam_id);
        match answered.found.get_mut(&app.adam_id) {
            Some(known) => known.fill(app),
            None => drop(answered.found.insert(app.adam_id.clone(), app)),
        }
    }
    if found.skipped > 0 {
        tracing::warn!(records = found.skipped, "records of a metadata service could not be understood");
        let missing = asked.iter().filter(|id| !answered.found.contains_key(*id)).cloned();
        answered.unjudged.extend(missing);
    }
}

/// Where the legacy lookup is, as Apple's service configuration last said.
async fn lookup_url(ctx: &Context) -> Result<Option<String>, JobError> {
    let mut db = ctx.store.read().await?;
    let kept = meta::get(&mut db, LOOKUP_META_KEY).await?;
    drop(db);
    let url = match kept {
        Some(url) => url,
        // Before the first reading of the limits, which reads this as well.
        None => ctx.apple.service_config().await?.urls.content_lookup.unwrap_or_default(),
    };
    Ok((!url.is_empty()).then_some(url))
}
