//! Plans one round of requests for a token: what may be asked for now, in the fewest rectangles.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use russet_domain::change::Action;
use russet_domain::coalesce::{self, Pair, Rectangle};
use russet_domain::grant::{Grant, Quota, Stock};
use russet_domain::intake::rule_against;
use russet_domain::limits::Limits;
use russet_domain::user_registration::{self, Fitness, Known};
use russet_domain::{AssetId, AssetKey, AssignmentId, ChangeId, Holder};
use russet_store::assets::{self, AssetRow};
use russet_store::changes::{self, Sendable};
use russet_store::tokens::Token;
use russet_store::{Db, policies, quotas, users};

use crate::assets::refresh;
use crate::context::Context;
use crate::error::JobError;
use crate::user_walk;

/// What to do next for a token.
pub(crate) struct Round {
    /// Requests, in the order of their most urgent change.
    pub(crate) requests: Vec<Request>,
    /// Whether changes were left planned because work under way decides about them.
    pub(crate) waiting: bool,
}

/// One request to be, with the changes it carries out: exactly one for each of its pairs.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) action: Action,
    pub(crate) assets: Vec<AssetKey>,
    pub(crate) holders: Vec<Holder>,
    /// By pair, for splitting.
    pub(crate) changes: Vec<(AssetKey, Holder, ChangeId)>,
}

/// Plans a round. Reads the counts from Apple once when an asset seems to be out of licenses.
pub(crate) async fn round(ctx: &Context, token: &Token) -> Result<Round, JobError> {
    admit(ctx, token).await?;
    let mut picture = Picture::read(ctx, token).await?;
    let first = sort(&picture);
    let (ask_counts, ask_users) = (first.ask_counts, first.ask_users);
    if ask_counts || ask_users {
        if ask_users {
            user_walk::refresh(ctx, token).await?;
        }
        if ask_counts {
            refresh(ctx, token).await?;
            admit(ctx, token).await?;
        }
        picture = Picture::read(ctx, token).await?;
        (picture.fresh, picture.users_fresh) = (ask_counts, ask_users);
    }
    let sorted = sort(&picture);
    if !sorted.refused.is_empty() {
        let mut tx = ctx.begin().await?;
        changes::refuse(&mut tx, token.id, &sorted.refused, ctx.now()).await?;
        tx.commit().await?;
    }
    if !sorted.waitlisted.is_empty() {
        let mut tx = ctx.begin().await?;
        changes::waitlist::join(&mut tx, token.id, &sorted.waitlisted, ctx.now()).await?;
        tx.commit().await?;
        tracing::info!(
            token.id = token.id.0,
            waiting = sorted.waitlisted.len(),
            "no license is free, or a quota is used up; they wait in line"
        );
    }
    let limits = ctx.limits().await?;
    let mut requests = requests(Action::Revoke, &sorted.revokes, &limits);
    requests.extend(self::requests(Action::Assign, &sorted.assigns, &limits));
    Ok(Round { requests, waiting: sorted.waiting })
}

/// Lets those at the head of the line be planned, for whom a license has come free.
async fn admit(ctx: &Context, token: &Token) -> Result<(), JobError> {
    // Mostly nobody waits, and then nothing is to be written.
    if !changes::waitlist::anybody_waits(&mut *ctx.store.read().await?, token.id).await? {
        return Ok(());
    }
    let mut tx = ctx.begin().await?;
    let admitted = changes::waitlist::admit(&mut tx, token.id, ctx.settings.plan_max, ctx.now()).await?;
    if admitted > 0 {
        tx.commit().await?;
        tracing::info!(token.id = token.id.0, admitted, "licenses are free for who waited");
    }
    Ok(())
}

/// All that decides about a round, as the database has it.
struct Picture {
    sendable: Vec<Sendable>,
    assets: HashMap<AssetId, AssetRow>,
    flights: HashMap<AssetId, changes::InFlight>,
    /// What is known of the users who are to get licenses.
    users: HashMap<String, Known>,
    /// Whether Apple's list of users was ever read whole.
    users_read: bool,
    /// Whether anybody may wait in line for licenses of the token.
    has_waitlist: bool,
    /// The quotas of the token's assignments.
    quotas: HashMap<AssignmentId, Quota>,
    /// Which of the changes go through an assignment with a quota.
    through: HashMap<ChangeId, AssignmentId>,
    /// Whether the counts were read from Apple just now.
    fresh: bool,
    /// Whether what is new in the list of users was read just now.
    users_fresh: bool,
}

impl Picture {
    async fn read(ctx: &Context, token: &Token) -> Result<Self, JobError> {
        let mut db = ctx.store.read().await?;
        let sendable = changes::sendable(&mut db, token.id, ctx.now(), ctx.settings.plan_max).await?;
        let mut ids: Vec<AssetId> = sendable.iter().map(|change| change.asset).collect();
        ids.sort_unstable();
        ids.dedup();
        let assets = assets::get_many(&mut db, &ids).await?;
        let flights = changes::in_flight(&mut db, token.id).await?;
        let wanted: BTreeSet<&str> = sendable
            .iter()
            .filter(|change| change.action == Action::Assign && !change.holder.is_device())
            .map(|change| change.holder.id())
            .collect();
        let wanted: Vec<&str> = wanted.into_iter().collect();
        let users = users::known_of(&mut db, token.id, &wanted).await?;
        // Only where a user is concerned does it matter what is known of users.
        let users_read =
            !wanted.is_empty() && users::user_list(&mut db, token.id).await?.read_whole_at.is_some();
        // Only where somebody would wait does it matter whether he may.
        let has_waitlist = sendable.iter().any(|change| change.waits)
            && policies::read(&mut db, token.id).await?.has_waitlist();
        let (quotas, through) = quotas_of(&mut db, token, &sendable).await?;
        let (fresh, users_fresh) = (false, false);
        Ok(Self {
            sendable,
            assets,
            flights,
            users,
            users_read,
            has_waitlist,
            quotas,
            through,
            fresh,
            users_fresh,
        })
    }

    /// An asset's licenses, of which so many are about to come back.
    fn stock(&self, asset: AssetId, coming: i64) -> Stock {
        let flying = self.flights.get(&asset).copied().unwrap_or_default();
        Stock {
            free: self.assets.get(&asset).map_or(0, |asset| asset.asset.supply.free()),
            going: flying.assigns,
            coming: flying.revokes + coming,
            fresh: self.fresh,
        }
    }

    /// Whether the change's holder can be given a license; devices always can.
    fn fitness(&self, change: &Sendable) -> Fitness {
        match &change.holder {
            Holder::Device(_) => Fitness::Send,
            Holder::User(id) => {
                user_registration::fitness(self.users.get(id).copied(), self.users_read, self.users_fresh)
            }
        }
    }
}

/// The quotas of a token's assignments, and which changes go through one of these.
async fn quotas_of(
    db: &mut Db,
    token: &Token,
    sendable: &[Sendable],
) -> Result<(HashMap<AssignmentId, Quota>, HashMap<ChangeId, AssignmentId>), JobError> {
    if sendable.is_empty() {
        return Ok(Default::default());
    }
    let quotas = quotas::of_token(db, Some(token.id)).await?;
    // Mostly there are none.
    if quotas.is_empty() {
        return Ok(Default::default());
    }
    let ids: Vec<ChangeId> = sendable.iter().map(|change| change.id).collect();
    Ok((quotas, quotas::through(db, &ids).await?))
}

/// The planned changes, sorted by what is done with them.
#[derive(Default)]
struct Sorted<'a> {
    assigns: Vec<&'a Sendable>,
    revokes: Vec<&'a Sendable>,
    refused: Vec<(ChangeId, &'static str)>,
    waitlisted: Vec<ChangeId>,
    waiting: bool,
    ask_counts: bool,
    ask_users: bool,
}

fn sort(picture: &Picture) -> Sorted<'_> {
    let mut sorted = Sorted::default();
    let mut coming: HashMap<AssetId, i64> = HashMap::new();
    let mut stocks: HashMap<AssetId, Stock> = HashMap::new();
    let mut quotas = picture.quotas.clone();
    let (assigns, revokes): (Vec<_>, Vec<_>) =
        picture.sendable.iter().partition(|change| change.action == Action::Assign);
    for change in revokes {
        match forbidden(picture, change) {
            Some(code) => sorted.refused.push((change.id, code)),
            None => {
                *coming.entry(change.asset).or_default() += 1;
                if let Some(quota) = picture.through.get(&change.id).and_then(|id| quotas.get_mut(id)) {
                    quota.moving += 1;
                }
                sorted.revokes.push(change);
            }
        }
    }
    for change in assigns {
        if let Some(code) = forbidden(picture, change) {
            sorted.refused.push((change.id, code));
            continue;
        }
        match picture.fitness(change) {
            Fitness::Send => {}
            Fitness::Wait => {
                sorted.waiting = true;
                continue;
            }
            Fitness::AskUsers => {
                // Those who come up only after the list was read again are looked at in the next round.
                (sorted.ask_users, sorted.waiting) = (true, true);
                continue;
            }
            Fitness::Refuse => {
                sorted.refused.push((change.id, "user_not_registered"));
                continue;
            }
        }
        let coming = coming.get(&change.asset).copied().unwrap_or(0);
        let stock = stocks.entry(change.asset).or_insert_with(|| picture.stock(change.asset, coming));
        // What is kept is kept from those who can wait.
        let kept = picture.assets.get(&change.asset).map_or(0, |asset| asset.reserved);
        let quota = picture.through.get(&change.id).and_then(|id| quotas.get_mut(id));
        match stock.one_more(if change.waits { kept } else { 0 }, quota) {
            Grant::Send => sorted.assigns.push(change),
            Grant::Wait => sorted.waiting = true,
            Grant::AskCounts => sorted.ask_counts = true,
            // In line at once, so that he is not in the way of others here.
            Grant::Refuse | Grant::OverQuota { .. } if change.waits && picture.has_waitlist => {
                sorted.waitlisted.push(change.id);
            }
            Grant::OverQuota { moving: true } => sorted.waiting = true,
            Grant::OverQuota { moving: false } => sorted.refused.push((change.id, "quota_used_up")),
            Grant::Refuse => sorted.refused.push((change.id, "no_license_available")),
        }
    }
    sorted
}

fn forbidden(picture: &Picture, change: &Sendable) -> Option<&'static str> {
    let asset = &picture.assets.get(&change.asset)?.asset;
    rule_against(change.action, asset, &change.holder)
}

/// Turns changes of one action into requests; the caller gives the most urgent first.
fn requests(action: Action, wanted: &[&Sendable], limits: &Limits) -> Vec<Request> {
    let mut assets: BTreeMap<&AssetKey, u32> = BTreeMap::new();
    let mut holders: BTreeMap<&Holder, u32> = BTreeMap::new();
    let mut pairs = Vec::with_capacity(wanted.len());
    let mut by_pair: HashMap<Pair, usize> = HashMap::with_capacity(wanted.len());
    for (place, change) in wanted.iter().enumerate() {
        let next = u32::try_from(assets.len()).unwrap_or(u32::MAX);
        let asset = *assets.entry(&change.key).or_insert(next);
        let next = u32::try_from(holders.len()).unwrap_or(u32::MAX);
        let holder = *holders.entry(&change.holder).or_insert(next);
        let pair = Pair { asset, holder };
        by_pair.insert(pair, place);
        pairs.push(pair);
    }
    let is_device: HashMap<u32, bool> =
        holders.iter().map(|(holder, number)| (*number, holder.is_device())).collect();
    let plan = coalesce::plan(&pairs, |holder| is_device.get(&holder).copied().unwrap_or(true), limits);
    let mut requests: Vec<(usize, Request)> =
        plan.rectangles.iter().map(|rectangle| request(action, rectangle, wanted, &by_pair)).collect();
    requests.sort_by_key(|(first, _)| *first);
    requests.into_iter().map(|(_, request)| request).collect()
}

/// One rectangle as a request, with the place of its most urgent change.
fn request(
    action: Action,
    rectangle: &Rectangle,
    wanted: &[&Sendable],
    by_pair: &HashMap<Pair, usize>,
) -> (usize, Request) {
    let mut first = usize::MAX;
    let mut changes = Vec::with_capacity(rectangle.pairs());
    let (mut assets, mut holders) = (Vec::new(), Vec::new());
    for (row, asset) in rectangle.assets.iter().enumerate() {
        for (column, holder) in rectangle.devices.iter().chain(&rectangle.users).enumerate() {
            let Some(place) = by_pair.get(&Pair { asset: *asset, holder: *holder }) else { continue };
            let change = wanted[*place];
            first = first.min(*place);
            changes.push((change.key.clone(), change.holder.clone(), change.id));
            if column == 0 {
                assets.push(change.key.clone());
            }
            if row == 0 {
                holders.push(change.holder.clone());
            }
        }
    }
    (first, Request { action, assets, holders, changes })
}

impl Request {
    /// The request cut in two, by holders and if there is only one, by assets; `None` when it is about one license.
    pub(crate) fn halves(self) -> Option<[Self; 2]> {
        let by_holder = self.holders.len() > 1;
        if !by_holder && self.assets.len() <= 1 {
            return None;
        }
        let (mut first, mut second) = (self.clone(), self);
        if by_holder {
            second.holders = first.holders.split_off(first.holders.len() / 2);
            let keep: std::collections::HashSet<&Holder> = first.holders.iter().collect();
            first.changes.retain(|(_, holder, _)| keep.contains(holder));
            second.changes.retain(|(_, holder, _)| !keep.contains(holder));
        } else {
            second.assets = first.assets.split_off(first.assets.len() / 2);
            let keep: std::collections::HashSet<&AssetKey> = first.assets.iter().collect();
            first.changes.retain(|(asset, _, _)| keep.contains(asset));
            second.changes.retain(|(asset, _, _)| !keep.contains(asset));
        }
        Some([first, second])
    }

    pub(crate) fn devices(&self) -> Vec<String> {
        self.ids(true)
    }

    pub(crate) fn users(&self) -> Vec<String> {
        self.ids(false)
    }

    fn ids(&self, devices: bool) -> Vec<String> {
        let kind = self.holders.iter().filter(|holder| holder.is_device() == devices);
        kind.map(|holder| holder.id().to_owned()).collect()
    }
}
