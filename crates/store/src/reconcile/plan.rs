//! What follows from what is marked: decisions, and a job for each token and each way a license moves.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use russet_domain::change::Action;
use russet_domain::job::{JobKind, Priority};
use russet_domain::policy::Policies;
use russet_domain::reconcile::{Left, Standing, Verdict, decide as verdict};
use russet_domain::{AssetId, Holder, Timestamp, TokenId};
use serde_json::json;

use super::{Decision, Picture, holders_of, of_asset, of_holders, write};
use crate::engine::Tx;
use crate::error::StoreError;
use crate::jobs::{NewJob, Origin};
use crate::submit::{Wish, submit};
use crate::tokens::{self, Token};
use crate::{changes, marks, policies};

/// The most licenses that one job moves.
const WISHES_MAX: usize = 50_000;

/// Devices and people looked at together: enough to share requests, and few enough to be read by place.
const TOGETHER: usize = 2_000;

/// What follows from what was looked at.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    decisions: Vec<Decision>,
    /// By token, in the order of their numbers.
    pub moves: BTreeMap<TokenId, Moves>,
}

/// What is to move of one token.
#[derive(Clone, Debug, Default)]
pub struct Moves {
    /// Licenses to be given, and how urgent each is.
    pub assigns: Vec<(Wish, i64)>,
    /// Licenses to be taken back, and why.
    pub revokes: Vec<(Wish, Left)>,
    /// Wishes that are withdrawn before their holders have a license, such as those of who waits in line, and why.
    pub withdrawn: Vec<(Wish, Left)>,
    /// How many apps are to go from their devices as well.
    pub removals: usize,
    /// Of these, those of devices.
    pub removed: Vec<(AssetId, String)>,
    /// Whether who gets no license waits for one.
    pub waits: bool,
}

/// Takes the next marks away and decides about what they name; nothing when nothing is marked. The caller writes the plan in the
/// same transaction.
///
/// # Errors
/// As any statement.
pub async fn look(tx: &mut Tx) -> Result<Option<Plan>, StoreError> {
    let marked = marks::take(tx, TOGETHER).await?;
    if marked.is_empty() {
        return Ok(None);
    }
    tx.join_as_written().await?;
    let picture = match marked.asset {
        Some(asset) => of_asset(tx, asset).await?,
        None => {
            let looked = holders_of(tx, &marked.devices, &marked.people).await?;
            of_holders(tx, &looked, None).await?
        }
    };
    decide(tx, picture, marked.again).await.map(Some)
}

/// Decides about every pair of a picture.
async fn decide(tx: &mut Tx, picture: Picture, again: bool) -> Result<Plan, StoreError> {
    let rules = rules_of(tx, &picture).await?;
    let mut plan = Plan::default();
    for ((asset, holder), pair) in picture.pairs {
        let Some((token, rules)) =
            picture.tokens.get(&asset).and_then(|token| Some((*token, rules.get(token)?)))
        else {
            continue;
        };
        let standing = Standing { again, ..pair.standing };
        let verdict = verdict(&pair.claims, &standing, rules);
        if verdict.act.is_some() {
            let wish = Wish { asset, holder: holder.clone() };
            let moves = plan.moves.entry(token).or_default();
            moves.waits = rules.has_waitlist();
            moves.take(wish, &verdict, standing.held);
        }
        if verdict.entitlement != standing.entitlement {
            plan.decisions.push(Decision { asset, holder, entitlement: verdict.entitlement });
        }
    }
    Ok(plan)
}

/// The policies of the tokens that can be written for. What is wished of the others is decided when they work again, which a
/// sync finds.
async fn rules_of(tx: &mut Tx, picture: &Picture) -> Result<HashMap<TokenId, Policies>, StoreError> {
    let mut rules = HashMap::new();
    let ids: BTreeSet<TokenId> = picture.tokens.values().copied().collect();
    for id in ids {
        let token = tokens::find(tx, id).await?;
        let may = |token: &Token| !token.removing && (token.state.may_write() || token.state.is_undecided());
        if token.as_ref().is_some_and(may) {
            let policies = policies::read(tx, id).await?;
            // Everything of a token is looked at when it may be written for again.
            if !policies.is_read_only() {
                rules.insert(id, policies);
            }
        }
    }
    Ok(rules)
}

impl Moves {
    fn take(&mut self, wish: Wish, verdict: &Verdict, held: bool) {
        match verdict.act {
            Some(Action::Assign) => self.assigns.push((wish, verdict.priority)),
            Some(Action::Revoke) => {
                // Whoever gives something back has a reason; one without would be a mistake of the decision's.
                let left = verdict.entitlement.and_then(|known| known.left).unwrap_or(Left::LeftGroup);
                if let (true, Holder::Device(serial)) = (verdict.remove_app, &wish.holder) {
                    self.removed.push((wish.asset, serial.clone()));
                }
                self.removals += usize::from(verdict.remove_app && held);
                if held { &mut self.revokes } else { &mut self.withdrawn }.push((wish, left));
            }
            None => {}
        }
    }

    /// Why licenses are taken back, by number.
    #[must_use]
    pub fn reasons(&self) -> BTreeMap<Left, usize> {
        let mut reasons = BTreeMap::new();
        for (_, left) in &self.revokes {
            *reasons.entry(*left).or_default() += 1;
        }
        reasons
    }

    /// The same for people.
    fn notes(&self) -> Vec<String> {
        let reason = |(left, count): (Left, usize)| format!("{count} because of `{}`", left.as_str());
        let reasons: Vec<String> = self.reasons().into_iter().map(reason).collect();
        let mut notes = Vec::new();
        if !reasons.is_empty() {
            notes.push(format!("Taken back: {}.", reasons.join(", ")));
        }
        match self.withdrawn.len() {
            0 => {}
            1 => notes.push("Withdrawn before there was a license: 1 wish.".to_owned()),
            count => notes.push(format!("Withdrawn before there were licenses: {count} wishes.")),
        }
        notes
    }
}

impl Plan {
    /// How many licenses are to move, or were to and are not any more.
    #[must_use]
    pub fn len(&self) -> usize {
        self.moves
            .values()
            .map(|moves| moves.assigns.len() + moves.revokes.len() + moves.withdrawn.len())
            .sum()
    }

    /// Whether no license is to move.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Writes decisions and jobs down, token after token; tells which tokens have something to be sent.
    ///
    /// # Errors
    /// As any statement.
    pub async fn write(self, tx: &mut Tx, now: Timestamp) -> Result<Vec<TokenId>, StoreError> {
        write::write(tx, &self.decisions, now).await?;
        let tokens = self.moves.keys().copied().collect();
        for (token, moves) in self.moves {
            moves.write(tx, token, now).await?;
        }
        Ok(tokens)
    }
}

impl Moves {
    async fn write(self, tx: &mut Tx, token: TokenId, now: Timestamp) -> Result<(), StoreError> {
        let (notes, removals) = (json!(self.notes()).to_string(), self.removals);
        let mut lines: BTreeMap<Option<i64>, Vec<Wish>> = BTreeMap::new();
        for (wish, priority) in self.assigns {
            lines.entry(self.waits.then_some(priority)).or_default().push(wish);
        }
        // The most urgent first: of equals in the line the older one is ahead, and of those who come together the first by name.
        for (line, mut wishes) in lines.into_iter().rev() {
            wishes.sort_unstable_by(|one, other| (one.asset, &one.holder).cmp(&(other.asset, &other.holder)));
            let new = NewJob { line, ..new_job(token, JobKind::AssignLicense) };
            write_jobs(tx, &new, wishes, json!({}), now).await?;
        }
        let revokes = self.revokes.into_iter().chain(self.withdrawn).map(|(wish, _)| wish).collect();
        let new = NewJob { notes, ..new_job(token, JobKind::RevokeLicense) };
        write_jobs(tx, &new, revokes, json!({ "remove_app": removals }), now).await?;
        changes::remove_apps(tx, token, &self.removed, now).await
    }
}

fn new_job(token: TokenId, kind: JobKind) -> NewJob {
    NewJob {
        kind,
        token,
        priority: Priority::Normal,
        origin: Origin::Assignment,
        key: None,
        args: String::new(),
        notes: "[]".to_owned(),
        line: None,
    }
}

/// Writes as many jobs as the wishes need.
async fn write_jobs(
    tx: &mut Tx,
    new: &NewJob,
    mut wishes: Vec<Wish>,
    mut args: serde_json::Value,
    now: Timestamp,
) -> Result<(), StoreError> {
    while !wishes.is_empty() {
        let rest = wishes.split_off(wishes.len().min(WISHES_MAX));
        args["pairs"] = json!(wishes.len());
        let new = NewJob { args: args.to_string(), ..new.clone() };
        submit(tx, &new, wishes, now).await?;
        wishes = rest;
    }
    Ok(())
}
