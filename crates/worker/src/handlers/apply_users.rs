//! Takes the wishes for a token's users to Apple, in batches of as many as it allows, and reads the records that are missing.

use std::time::Duration;

use russet_domain::job::Priority;
use russet_domain::user_registration::Deed;
use russet_domain::{Timestamp, UserId, patience};
use russet_queue::Ending;
use russet_queue::jobs::ApplyUsers;
use russet_store::tokens::Token;
use russet_store::users::{self, Sendable};

use crate::context::{Context, Slice};
use crate::error::JobError;
use crate::flight::send_all;
use crate::send_users::{self, Batch};
use crate::user_walk;

/// How soon to look again when the token has just been uploaded.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// How many batches are planned together; what has come meanwhile may be more urgent.
const BATCHES: usize = 50;

pub(crate) async fn apply_users(job: ApplyUsers, ctx: &Context) -> Result<Ending, JobError> {
    let slice = ctx.slice();
    loop {
        let Some(token) = ctx.token(job.token).await? else { return Ok(Ending::Done) };
        if token.state.is_undecided() {
            return Ok(Ending::Snooze { until: ctx.now().plus(LOOK_AGAIN) });
        }
        if !token.state.may_write() {
            let mut tx = ctx.begin().await?;
            users::refuse_all_planned(&mut tx, token.id, "token_not_usable", ctx.now()).await?;
            tx.commit().await?;
            return Ok(Ending::Done);
        }
        if ctx.is_read_only(token.id).await? {
            return Ok(Ending::Done);
        }
        if let Some(until) = company(ctx, &token).await? {
            return Ok(Ending::Snooze { until });
        }
        let batches = plan(ctx, &token).await?;
        if batches.is_empty() {
            return nothing_to_send(ctx, &token, &slice).await;
        }
        let send = |batch| send_users::send(ctx, &token, batch);
        if let Some(ending) = send_all(ctx, &token, batches, &slice, send).await? {
            return Ok(ending);
        }
    }
}

/// Until when to wait for more wishes to come; urgent ones do not wait.
async fn company(ctx: &Context, token: &Token) -> Result<Option<Timestamp>, JobError> {
    let now = ctx.now();
    let mut db = ctx.store.read().await?;
    let waiting = users::waiting(&mut db, token.id, now).await?;
    let linger = Duration::from_millis(ctx.settings.linger_ms);
    Ok(waiting
        .filter(|waiting| waiting.priority < Priority::High.rank())
        .and_then(|waiting| patience::company(waiting.oldest, waiting.newest, now, linger)))
}

/// What is asked of Apple next. Wishes that have come true meanwhile are ended.
async fn plan(ctx: &Context, token: &Token) -> Result<Vec<Batch>, JobError> {
    let most = ctx.limits().await?.max_users.max(1);
    let mut db = ctx.store.read().await?;
    let sendable = users::sendable(&mut db, token.id, ctx.now(), most.saturating_mul(BATCHES)).await?;
    drop(db);
    let (batches, true_already) = sort(sendable, most);
    if !true_already.is_empty() {
        let mut tx = ctx.begin().await?;
        users::settle_planned(&mut tx, token.id, &true_already, ctx.now()).await?;
        tx.commit().await?;
    }
    Ok(batches)
}

/// Sorts users by what is asked for, the most urgent first, into batches of at most `most`; and those for whom there is
/// nothing to ask.
fn sort(sendable: Vec<Sendable>, most: usize) -> (Vec<Batch>, Vec<UserId>) {
    let (mut batches, mut open, mut nothing): (Vec<Batch>, [Option<usize>; 3], _) =
        (Vec::new(), [None; 3], Vec::new());
    for user in sendable {
        let Some(deed) = user.registration.next() else {
            nothing.push(user.id);
            continue;
        };
        let place = match deed {
            Deed::Create => 0,
            Deed::Update => 1,
            Deed::Retire => 2,
        };
        match open[place].filter(|batch| batches[*batch].users.len() < most) {
            Some(batch) => batches[batch].users.push(user),
            None => {
                open[place] = Some(batches.len());
                batches.push(Batch { deed, users: vec![user] });
            }
        }
    }
    (batches, nothing)
}

/// Waits for what is planned for later. When nothing is in flight, the records are read that only an event's status or an
/// error told of; while something is, whatever ends it comes here again.
async fn nothing_to_send(ctx: &Context, token: &Token, slice: &Slice) -> Result<Ending, JobError> {
    let mut db = ctx.store.read().await?;
    let due = users::next_due(&mut db, token.id).await?;
    let in_flight = users::any_in_flight(&mut db, token.id).await?;
    drop(db);
    if !in_flight && !user_walk::read_unread(ctx, token, slice).await? {
        return Ok(Ending::Snooze { until: ctx.now() });
    }
    Ok(due.map_or(Ending::Done, |due| Ending::Snooze { until: due.max(ctx.now()) }))
}

#[cfg(test)]
mod tests {
    use russet_domain::UserStatus;
    use russet_domain::user_registration::{Profile, Registration, Wish};

    use super::*;

    fn user(number: i64, wish: Wish, status: Option<UserStatus>) -> Sendable {
        let registration = Registration { status, ..Registration::default() };
        Sendable {
            id: UserId(number),
            client_user_id: format!("u{number}"),
            registration: registration.wished(wish, &Profile::default()),
            revision: 1,
            attempts: 0,
        }
    }

    #[test]
    fn users_go_in_batches_of_what_is_asked_for_and_of_apples_limit() {
        let list = vec![
            user(1, Wish::Active, None),
            user(2, Wish::Retired, Some(UserStatus::Associated)),
            user(3, Wish::Active, None),
            user(4, Wish::Active, Some(UserStatus::Registered)),
            user(5, Wish::Active, Some(UserStatus::Retired)),
        ];
        let (batches, nothing) = sort(list, 2);
        let shown: Vec<(Deed, Vec<i64>)> = batches
            .iter()
            .map(|batch| (batch.deed, batch.users.iter().map(|user| user.id.0).collect()))
            .collect();
        assert_eq!(shown, [(Deed::Create, vec![1, 3]), (Deed::Retire, vec![2]), (Deed::Create, vec![5])]);
        assert_eq!(nothing, [UserId(4)]);
    }
}
