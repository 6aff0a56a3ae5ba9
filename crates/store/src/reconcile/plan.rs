//! What follows from what is marked: decisions, and a job for each token and each way a license moves.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use russet_domain::change::Action;
use russet_domain::job::{JobKind, Priority};
use russet_domain::policy::Policies;
use russet_domain::reconcile::{Left, Standing, Verdict, decide as verdict};
use russet_domain::{Timestamp, TokenId};
use serde_json::json;

use super::{Decision, Picture, holders_of, of_asset, of_holders, write};
use crate::engine::Tx;
use crate::error::StoreError;
use crate::jobs::{NewJob, Origin};
use crate::submit::{Wish, submit};
use crate::tokens::{self, Token};
use crate::{marks, policies};

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
    /// Licenses to be given.
    pub assigns: Vec<Wish>,
    /// Licenses to be taken back, and why.
    pub revokes: Vec<(Wish, Left)>,
    /// How many apps are to go from their devices as well.
    pub removals: usize,
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
            plan.moves.entry(token).or_default().take(wish, &verdict);
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
            rules.insert(id, policies::read(tx, id).await?);
        }
    }
    Ok(rules)
}

impl Moves {
    fn take(&mut self, wish: Wish, verdict: &Verdict) {
        match verdict.act {
            Some(Action::Assign) => self.assigns.push(wish),
            Some(Action::Revoke) => {
                // Whoever gives something back has a reason; one without would be a mistake of the decision's.
                let left = verdict.entitlement.and_then(|known| known.left).unwrap_or(Left::LeftGroup);
                self.revokes.push((wish, left));
                self.removals += usize::from(verdict.remove_app);
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
        if reasons.is_empty() { Vec::new() } else { vec![format!("Taken back: {}.", reasons.join(", "))] }
    }
}

impl Plan {
    /// How many licenses are to move.
    #[must_use]
    pub fn len(&self) -> usize {
        self.moves.values().map(|moves| moves.assigns.len() + moves.revokes.len()).sum()
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
            let (notes, removals) = (moves.notes(), moves.removals);
            let args = json!({ "pairs": moves.assigns.len() });
            write_jobs(tx, token, JobKind::AssignLicense, moves.assigns, (&args, &[]), now).await?;
            let args = json!({ "pairs": moves.revokes.len(), "remove_app": removals });
            let revokes = moves.revokes.into_iter().map(|(wish, _)| wish).collect();
            write_jobs(tx, token, JobKind::RevokeLicense, revokes, (&args, &notes), now).await?;
        }
        Ok(tokens)
    }
}

async fn write_jobs(
    tx: &mut Tx,
    token: TokenId,
    kind: JobKind,
    mut wishes: Vec<Wish>,
    (args, notes): (&serde_json::Value, &[String]),
    now: Timestamp,
) -> Result<(), StoreError> {
    while !wishes.is_empty() {
        let rest = wishes.split_off(wishes.len().min(WISHES_MAX));
        let new = NewJob {
            kind,
            token,
            priority: Priority::Normal,
            origin: Origin::Assignment,
            key: None,
            args: args.to_string(),
            notes: json!(notes).to_string(),
        };
        submit(tx, &new, wishes, now).await?;
        wishes = rest;
    }
    Ok(())
}
