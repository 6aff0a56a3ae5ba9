//! Carries out the domain's decision for each wish: writes, joins and replaces changes.

use std::collections::{HashMap, HashSet};

use russet_domain::brake::Brakes;
use russet_domain::intake::{Intake, Live, decide, first_state};

use super::*;
use crate::assets::{self, AssetRow};
use crate::changes;
use crate::changes::held;
use crate::codec::kind_of;
use crate::engine::Row;

/// Wishes looked at by one statement: what bounds the size of one JSON text.
const BATCH: usize = 50_000;

/// What all wishes of a submission have in common.
#[derive(Clone, Copy)]
pub(super) struct Order {
    pub(super) token: TokenId,
    pub(super) action: Action,
    pub(super) priority: Priority,
    /// How urgent its licenses are in the line; nothing when they are refused while none is free.
    pub(super) line: Option<i64>,
    /// Whether what it takes back counts for the token's brakes, and may be held by them.
    pub(super) brakes: bool,
}

/// What became of wishes.
#[derive(Default)]
pub(super) struct Taken {
    /// Whether rows were written.
    pub(super) written: bool,
    /// Changes that were there, to be followed.
    pub(super) joined: Vec<ChangeId>,
    /// All of them by the state they start in.
    pub(super) by_state: Counts,
    pub(super) counts: IntakeCounts,
    /// Why all of it is held, in a sentence.
    pub(super) held: Option<String>,
}

/// Takes in wishes, each pair at most once. The caller holds the token's lock.
pub(super) async fn take_in(
    tx: &mut Tx,
    order: Order,
    wishes: &[Wish],
    now: Timestamp,
) -> Result<Taken, StoreError> {
    let assets = assets_of(tx, order.token, wishes).await?;
    let read_whole = sql("reading a token", "SELECT synced_whole_at FROM tokens WHERE id = $1")
        .bind(order.token.0)
        .one(tx, |row| Ok(row.get::<Option<i64>>("synced_whole_at")?.is_some()))
        .await?;
    let (mut taken, mut plans) = (Taken::default(), Vec::new());
    for batch in wishes.chunks(BATCH) {
        let mut facts = facts_of(tx, batch, read_whole).await?;
        if order.action == Action::Revoke {
            for place in pinned_of(tx, batch).await? {
                facts.entry(place).or_default().pinned = true;
            }
        }
        let mut plan = Plan::default();
        for (place, wish) in batch.iter().enumerate() {
            let fact = facts
                .get(&place)
                .copied()
                .unwrap_or(Fact { held: read_whole.then_some(false), ..Fact::default() });
            let asset = assets.get(&wish.asset).ok_or_else(|| missing(wish.asset, order.token))?;
            plan.take(order.action, wish, &asset.asset, fact, &mut taken);
        }
        plans.push(plan);
    }
    taken.held = brake(tx, order, taken.counts.planned, now).await?;
    if taken.held.is_some() {
        plans.iter_mut().for_each(|plan| plan.hold(&mut taken));
    }
    for plan in &plans {
        carry_out(tx, order, plan, &mut taken, now).await?;
    }
    Ok(taken)
}

/// Why so many licenses may not be taken back without an approval; nothing when they may.
async fn brake(tx: &mut Tx, order: Order, more: u64, now: Timestamp) -> Result<Option<String>, StoreError> {
    if order.action == Action::Assign || !order.brakes || more == 0 {
        return Ok(None);
    }
    let brakes = Brakes::of(&policies::read(tx, order.token).await?);
    if brakes.are_off() {
        return Ok(None);
    }
    Ok(brakes.trip(&held::standing(tx, order.token, now).await?, more))
}

/// What is known of one license.
#[derive(Clone, Copy, Debug, Default)]
struct Fact {
    /// Whether it is held; unknown while the location was never read whole.
    held: Option<bool>,
    /// Whether somebody pinned it.
    pinned: bool,
    /// The live change, when Apple is working on it.
    in_flight: Option<(ChangeId, Action)>,
    /// The live change that is not sent yet.
    waiting: Option<(ChangeId, Action, State)>,
}

async fn facts_of(
    tx: &mut Tx,
    wishes: &[Wish],
    read_whole: bool,
) -> Result<HashMap<usize, Fact>, StoreError> {
    const FACTS: Sql = bulk!(
        "SELECT x.place, l.held, c.id, c.action, CASE WHEN c.state = 'sent' THEN 'sending' ELSE c.state END AS state
         FROM ",
        (0 place BIGINT, 1 asset_id BIGINT, 2 holder_kind TEXT, 3 holder_id TEXT),
        " LEFT JOIN licenses l
            ON l.asset_id = x.asset_id AND l.holder_kind = x.holder_kind AND l.holder_id = x.holder_id
          LEFT JOIN changes c
            ON c.asset_id = x.asset_id AND c.holder_kind = x.holder_kind AND c.holder_id = x.holder_id
               AND c.slot IS NOT NULL
          WHERE l.held IS NOT NULL OR c.id IS NOT NULL"
    );
    let rows = named(wishes);
    let mut facts: HashMap<usize, Fact> = HashMap::new();
    sql("looking up what is known of licenses", FACTS)
        .bind(json(&rows)?)
        .all(tx, |row| {
            let place = usize::try_from(row.at::<i64>(0)?).unwrap_or(usize::MAX);
            let fact = facts.entry(place).or_default();
            fact.held = row.at::<Option<bool>>(1)?.or(read_whole.then_some(false));
            add_live(row, fact)
        })
        .await?;
    Ok(facts)
}

/// The places of those licenses that somebody pinned. A question of its own: one more table in that about all that is known would
/// tempt PostgreSQL to read whole tables for it.
async fn pinned_of(tx: &mut Tx, wishes: &[Wish]) -> Result<Vec<usize>, StoreError> {
    const PINNED: Sql = bulk!(
        "SELECT x.place FROM ",
        (0 place BIGINT, 1 asset_id BIGINT, 2 holder_kind TEXT, 3 holder_id TEXT),
        " CROSS JOIN pins n
          WHERE n.asset_id = x.asset_id AND n.holder_kind = x.holder_kind AND n.holder_id = x.holder_id"
    );
    sql("looking up which licenses are pinned", PINNED)
        .bind(json(&named(wishes))?)
        .all(tx, |row| Ok(usize::try_from(row.at::<i64>(0)?).unwrap_or(usize::MAX)))
        .await
}

/// Wishes as rows, with their places.
fn named(wishes: &[Wish]) -> Vec<(usize, i64, &'static str, &str)> {
    let row = |(place, wish)| {
        let wish: &Wish = wish;
        (place, wish.asset.0, kind_of(&wish.holder), wish.holder.id())
    };
    wishes.iter().enumerate().map(row).collect()
}

/// A license has up to two live changes, and a row for each.
fn add_live(row: &Row, fact: &mut Fact) -> Result<(), StoreError> {
    let Some(id) = row.at::<Option<i64>>(2)?.map(ChangeId) else { return Ok(()) };
    let action = word_in(row, "action", Action::from_text)?;
    let state = word_in(row, "state", State::from_text)?;
    match state {
        State::Sending | State::Accepted => fact.in_flight = Some((id, action)),
        State::Planned | State::Waitlisted | State::Held => fact.waiting = Some((id, action, state)),
        // Ended changes have no slot.
        State::Settled | State::Refused | State::Cancelled => {}
    }
    Ok(())
}

/// What is to be written for a batch of wishes.
#[derive(Default)]
struct Plan<'a> {
    new: Vec<NewChange<'a>>,
    cancelled: Vec<Shift>,
    /// Changes that are waited for by somebody more in a hurry, perhaps.
    joined_waiting: Vec<ChangeId>,
}

/// Asset, kind of holder, holder, state, slot, code.
type NewChange<'a> = (i64, &'static str, &'a str, &'static str, Option<i64>, Option<&'static str>);

impl<'a> Plan<'a> {
    fn take(
        &mut self,
        action: Action,
        wish: &'a Wish,
        asset: &russet_domain::Asset,
        fact: Fact,
        taken: &mut Taken,
    ) {
        let live = Live {
            in_flight: fact.in_flight.map(|(_, action)| action),
            waiting: fact.waiting.map(|(_, action, _)| action),
        };
        let intake = match action {
            // Whoever wants it to go has to unpin it first.
            Action::Revoke if fact.pinned => Intake::Refuse("pinned"),
            Action::Assign | Action::Revoke => decide(action, asset, &wish.holder, fact.held, live),
        };
        match intake {
            Intake::Plan => taken.counts.planned += 1,
            Intake::Replace => {
                taken.counts.planned += 1;
                self.cancel_waiting(fact, taken);
            }
            Intake::JoinWaiting => {
                taken.counts.joined += 1;
                if let Some((id, _, state)) = fact.waiting {
                    taken.joined.push(id);
                    taken.by_state.add(state, 1);
                    self.joined_waiting.push(id);
                }
            }
            Intake::JoinInFlight => join_in_flight(fact, taken),
            Intake::JoinInFlightDropWaiting => {
                join_in_flight(fact, taken);
                self.cancel_waiting(fact, taken);
            }
            Intake::AlreadySo => taken.counts.already += 1,
            Intake::AlreadySoDropWaiting => {
                taken.counts.already += 1;
                self.cancel_waiting(fact, taken);
            }
            Intake::Refuse(_) => taken.counts.refused += 1,
        }
        if let Some((state, code)) = first_state(intake, action) {
            let slot = (!state.has_ended()).then_some(i64::from(fact.in_flight.is_some()));
            taken.by_state.add(state, 1);
            self.new.push((
                wish.asset.0,
                kind_of(&wish.holder),
                wish.holder.id(),
                state.as_str(),
                slot,
                code,
            ));
        }
    }

    /// Lets nothing of it be sent before somebody approves.
    fn hold(&mut self, taken: &mut Taken) {
        for change in self.new.iter_mut().filter(|change| change.3 == State::Planned.as_str()) {
            change.3 = State::Held.as_str();
            taken.by_state.add(State::Planned, -1);
            taken.by_state.add(State::Held, 1);
            taken.counts.planned -= 1;
            taken.counts.held += 1;
        }
    }

    fn cancel_waiting(&mut self, fact: Fact, taken: &mut Taken) {
        if let Some((change, _, from)) = fact.waiting {
            taken.counts.replaced += 1;
            self.cancelled.push(Shift { change, from, to: State::Cancelled });
        }
    }
}

fn join_in_flight(fact: Fact, taken: &mut Taken) {
    taken.counts.joined += 1;
    if let Some((id, _)) = fact.in_flight {
        taken.joined.push(id);
        taken.by_state.add(State::Sending, 1);
    }
}

async fn carry_out(
    tx: &mut Tx,
    order: Order,
    plan: &Plan<'_>,
    taken: &mut Taken,
    now: Timestamp,
) -> Result<(), StoreError> {
    const WRITE: Sql = bulk!(
        "INSERT INTO changes
             (token_id, asset_id, holder_kind, holder_id, action, state, slot, priority, error_code, created_at,
              ended_at, waits, line, excused)
         SELECT $2, x.asset_id, x.holder_kind, x.holder_id, $3, x.state, x.slot, $4, x.error_code, $5,
                CASE WHEN x.slot IS NULL THEN $5 END, $6, $7, $8
         FROM ",
        (0 asset_id BIGINT, 1 holder_kind TEXT, 2 holder_id TEXT, 3 state TEXT, 4 slot BIGINT, 5 error_code TEXT),
        ""
    );
    const HURRY: Sql = bulk!(
        "UPDATE changes
         SET priority = CASE WHEN changes.priority < $2 THEN $2 ELSE changes.priority END,
             line = CASE WHEN changes.line < $4 THEN $4 ELSE changes.line END,
             waits = changes.waits OR $3
         FROM ",
        (0 id BIGINT),
        " WHERE changes.id = x.id"
    );
    // First those that make room in the licenses' slots.
    changes::end_all(tx, &plan.cancelled, "replaced", now).await?;
    jobs::shift(tx, &plan.cancelled, now).await?;
    if !plan.new.is_empty() {
        taken.written = true;
        sql("writing changes", WRITE)
            .bind(json(&plan.new)?)
            .bind(order.token.0)
            .bind(order.action.as_str())
            .bind(order.priority.rank())
            .bind(now.0)
            .bind(order.line.is_some())
            .bind(order.line.unwrap_or(0))
            .bind(!order.brakes)
            .run(tx)
            .await?;
    }
    if !plan.joined_waiting.is_empty() {
        let ids: Vec<_> = plan.joined_waiting.iter().map(|id| (id.0,)).collect();
        sql("hurrying changes", HURRY)
            .bind(json(&ids)?)
            .bind(order.priority.rank())
            .bind(order.line.is_some())
            .bind(order.line.unwrap_or(i64::MIN))
            .run(tx)
            .await?;
    }
    Ok(())
}

async fn assets_of(
    tx: &mut Tx,
    token: TokenId,
    wishes: &[Wish],
) -> Result<HashMap<AssetId, AssetRow>, StoreError> {
    let ids: HashSet<AssetId> = wishes.iter().map(|wish| wish.asset).collect();
    let ids: Vec<AssetId> = ids.into_iter().collect();
    let found = assets::get_many(tx, &ids).await?;
    match ids.iter().find(|id| found.get(id).is_none_or(|row| row.token != token)) {
        Some(id) => Err(missing(*id, token)),
        None => Ok(found),
    }
}

fn missing(asset: AssetId, token: TokenId) -> StoreError {
    StoreError::Missing(format!("asset {asset} of token {token}"))
}
