//! What is to be written about a picture of assignments: decisions, and a job for each token and each way a license moves.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use russet_domain::change::Action;
use russet_domain::job::{JobKind, Priority};
use russet_domain::policy::Policies;
use russet_domain::reconcile::{Left, Standing, Verdict, decide as verdict};
use russet_domain::{Timestamp, TokenId};
use russet_store::jobs::{NewJob, Origin};
use russet_store::reconcile::{Decision, Picture};
use russet_store::submit::{Wish, submit};
use russet_store::tokens::{self, Token};
use russet_store::{Tx, policies, reconcile};
use serde_json::json;

use crate::error::JobError;

/// The most licenses that one job moves.
const WISHES_MAX: usize = 50_000;

/// What follows from a picture.
#[derive(Default)]
pub(crate) struct Plan {
    decisions: Vec<Decision>,
    moves: BTreeMap<TokenId, Moves>,
}

/// What is to move of one token.
#[derive(Default)]
struct Moves {
    assigns: Vec<Wish>,
    revokes: Vec<Wish>,
    /// Why licenses are taken back, by number.
    reasons: BTreeMap<Left, usize>,
    /// How many apps are to go from their devices as well.
    removals: usize,
}

/// Decides about every pair of a picture.
pub(crate) async fn decide(tx: &mut Tx, picture: Picture, again: bool) -> Result<Plan, JobError> {
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
async fn rules_of(tx: &mut Tx, picture: &Picture) -> Result<HashMap<TokenId, Policies>, JobError> {
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
                self.revokes.push(wish);
                if let Some(left) = verdict.entitlement.and_then(|known| known.left) {
                    *self.reasons.entry(left).or_default() += 1;
                }
                self.removals += usize::from(verdict.remove_app);
            }
            None => {}
        }
    }

    /// Why licenses are taken back, for people.
    fn notes(&self) -> Vec<String> {
        let reason = |(left, count): (&Left, &usize)| format!("{count} because of `{}`", left.as_str());
        let reasons: Vec<String> = self.reasons.iter().map(reason).collect();
        if reasons.is_empty() { Vec::new() } else { vec![format!("Taken back: {}.", reasons.join(", "))] }
    }
}

impl Plan {
    /// How many licenses are to move.
    pub(crate) fn moves(&self) -> usize {
        self.moves.values().map(|moves| moves.assigns.len() + moves.revokes.len()).sum()
    }

    /// Writes decisions and jobs down, token after token; tells which tokens have something to be sent.
    pub(crate) async fn write(self, tx: &mut Tx, now: Timestamp) -> Result<Vec<TokenId>, JobError> {
        reconcile::write(tx, &self.decisions, now).await?;
        let tokens = self.moves.keys().copied().collect();
        for (token, mut moves) in self.moves {
            let (notes, removals) = (moves.notes(), moves.removals);
            let assigns = std::mem::take(&mut moves.assigns);
            let args = json!({ "pairs": assigns.len() });
            write_jobs(tx, token, JobKind::AssignLicense, assigns, &args, &[], now).await?;
            let args = json!({ "pairs": moves.revokes.len(), "remove_app": removals });
            write_jobs(tx, token, JobKind::RevokeLicense, moves.revokes, &args, &notes, now).await?;
        }
        Ok(tokens)
    }
}

async fn write_jobs(
    tx: &mut Tx,
    token: TokenId,
    kind: JobKind,
    mut wishes: Vec<Wish>,
    args: &serde_json::Value,
    notes: &[String],
    now: Timestamp,
) -> Result<(), JobError> {
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
