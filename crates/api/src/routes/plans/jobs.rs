//! Acts that are jobs: licenses given or taken back, the removal of a token, the undoing of a job.

use russet_domain::change::Action;
use russet_domain::job::{JobKind, Priority};
use russet_domain::removal::Licenses;
use russet_domain::{JobId, Timestamp, TokenId};
use russet_store::jobs::{NewJob, Origin};
use russet_store::submit::{Wish, still_to_move, submit, undoable};
use russet_store::{Tx, licenses, policies, reconcile, tokens as store};
use serde_json::json;

use super::MOVES_MAX;
use super::outcome::{Outcome, Why};
use crate::audit;
use crate::auth::Actor;
use crate::error::ApiError;
use crate::routes::jobs::submit::{usable, write_move};
use crate::routes::jobs::wanted::Wanted;
use crate::routes::jobs::{MoveLicensesJob, known};
use crate::routes::tokens::{must_write, remove};

/// The most licenses that are undone at once.
const UNDO_MAX: usize = 50_000;

/// Submits a job, and notes what it moves.
pub(super) async fn move_licenses(
    tx: &mut Tx,
    actor: &Actor,
    job: &MoveLicensesJob,
    now: Timestamp,
    outcome: &mut Outcome,
) -> Result<(), ApiError> {
    let wanted = Wanted::read(job.kind(), job.clone())?;
    let (id, _) = write_move(tx, actor, &wanted, now).await?;
    note_moves(tx, wanted.token, id, Why::Job, outcome).await?;
    if job.remove_app {
        outcome.take_apps_along();
    }
    Ok(())
}

/// What a job that was just written moves.
async fn note_moves(
    tx: &mut Tx,
    token: TokenId,
    id: JobId,
    why: Why,
    outcome: &mut Outcome,
) -> Result<(), ApiError> {
    outcome.jobs.push(id);
    let mut held = 0;
    for (action, pair, is_held) in still_to_move(tx, id, MOVES_MAX + 1).await? {
        held += usize::from(is_held);
        outcome.add_one(token, action, pair, why);
    }
    if held > 0 {
        outcome.notes.push(format!(
            "{held} licenses are more than the token's brakes allow within an hour; they wait until another key approves them."
        ));
    }
    Ok(())
}

/// Begins the removal of a token, and notes what is known to be taken back.
pub(super) async fn remove_token(
    tx: &mut Tx,
    actor: &Actor,
    id: TokenId,
    choice: &str,
    now: Timestamp,
    outcome: &mut Outcome,
) -> Result<(), ApiError> {
    actor.must_administer()?;
    let choice = Licenses::from_text(choice).ok_or(ApiError::ChooseLicenses)?;
    if choice == Licenses::Keep {
        let held = licenses::count(tx, id).await?;
        let successor = remove::keep_in(tx, actor, id, now).await?;
        outcome.successor = successor.map(|successor| TokenId(successor.id));
        outcome.notes.push(format!(
            "{held} licenses stay with their holders, and nothing here can take them back afterwards."
        ));
        return Ok(());
    }
    let bound = licenses::irrevocable(tx, id).await?;
    let stuck: u64 = bound.iter().map(|asset| asset.licenses).sum();
    let job = remove::revoke_in(tx, actor, id, choice, now).await?;
    outcome.jobs.push(job.id);
    outcome.removing = Some(id);
    if stuck > 0 {
        outcome.notes.push(format!(
            "{stuck} licenses stay with their holders, as Apple takes none of those assets back."
        ));
    }
    outcome.notes.push(
        "The location is read once more before, so that what others gave meanwhile is taken back as well; then the token is removed, which cannot be undone."
            .to_owned(),
    );
    // What the job will take back, as far as is known now.
    for pair in licenses::revocable_outside_job(tx, id, job.id, MOVES_MAX + 1).await? {
        outcome.add_one(id, Action::Revoke, pair, Why::TokenRemoved);
    }
    Ok(())
}

/// Submits the inverse of a job: of what it moved and is still as it left it.
pub(super) async fn undo(
    tx: &mut Tx,
    actor: &Actor,
    id: JobId,
    now: Timestamp,
    outcome: &mut Outcome,
) -> Result<(), ApiError> {
    let job = known(tx, actor, id).await?;
    let nothing = || ApiError::Conflict {
        code: "nothing_to_undo",
        text: format!("Nothing that job {id} moved is still as it left it, so there is nothing to undo."),
    };
    let Some(token) = job.token.filter(|_| job.kind.moves_licenses()) else { return Err(nothing()) };
    store::lock(tx, token).await?;
    usable(tx, actor, token, |token| token.state.may_write()).await?;
    must_write(tx, token).await?;
    let moved = undoable(tx, id, UNDO_MAX + 1).await?;
    if moved.is_empty() {
        return Err(nothing());
    }
    if moved.len() > UNDO_MAX {
        outcome.notes.push(format!("It moved more than {UNDO_MAX} licenses; undo it again for the rest."));
    }
    for way in [Action::Assign, Action::Revoke] {
        let wishes: Vec<Wish> = moved
            .iter()
            .take(UNDO_MAX)
            .filter(|(action, _)| *action == way)
            .map(|(_, wish)| wish.clone())
            .collect();
        if !wishes.is_empty() {
            let job = write_inverse(tx, actor, (token, id, way), wishes, now, outcome).await?;
            note_moves(tx, token, job, Why::Undo, outcome).await?;
        }
    }
    Ok(())
}

async fn write_inverse(
    tx: &mut Tx,
    actor: &Actor,
    (token, id, way): (TokenId, JobId, Action),
    wishes: Vec<Wish>,
    now: Timestamp,
    outcome: &mut Outcome,
) -> Result<JobId, ApiError> {
    let (kind, line) = match way {
        Action::Assign => {
            let pairs: Vec<_> = wishes.iter().map(|wish| (wish.asset, wish.holder.clone())).collect();
            let wanted = reconcile::wanted_among(tx, &pairs).await?.len();
            if wanted > 0 {
                outcome.notes.push(format!(
                    "Assignments want {wanted} of these licenses and give them again; change the assignments instead (rule N-14)."
                ));
            }
            (JobKind::RevokeLicense, None)
        }
        // Whoever loses his place by the job that is undone has it again before those who come later.
        Action::Revoke => {
            (JobKind::AssignLicense, policies::read(tx, token).await?.has_waitlist().then_some(0))
        }
    };
    let args = json!({ "undo_of": id.0, "pairs": wishes.len() });
    let new = NewJob {
        kind,
        token,
        priority: Priority::Normal,
        origin: Origin::Api,
        key: Some(actor.key),
        args: args.to_string(),
        notes: json!([format!("Undoes job {id}.")]).to_string(),
        line,
    };
    let done = submit(tx, &new, wishes, now).await?;
    audit::note(tx, actor, "job.undo", &format!("job {id}"), &json!({ "by": done.job.0 }), now).await?;
    Ok(done.job)
}
