//! What Apple's notifications say of users, and what that makes of them.

use std::collections::{BTreeMap, HashMap};

use russet_apple::notification::{User, UserWork};
use russet_domain::user_registration::{Deed, Word, after};
use russet_domain::{Timestamp, UserRecord, UserStatus, user_record};
use russet_store::tokens::Token;
use russet_store::users::{self, Count, Finished, Open, Report};
use russet_store::{Tx, requests};

use crate::context::Context;
use crate::error::JobError;
use crate::user_walk::{record_of, says_status};

/// What one event says about its users.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Said {
    event: String,
    deed: Deed,
    done: bool,
    error: Option<i32>,
}

/// Notifications about users, sorted by what they say.
#[derive(Default)]
pub(super) struct UserNews {
    said: BTreeMap<Said, Vec<User>>,
    associated: Vec<User>,
}

impl UserNews {
    /// Takes in what an event did with users, or did not.
    pub(super) fn managed(
        &mut self,
        event: String,
        kind: UserWork,
        done: bool,
        users: Vec<User>,
        error: Option<i32>,
    ) {
        let deed = match kind {
            UserWork::Create => Deed::Create,
            UserWork::Update => Deed::Update,
            UserWork::Retire => Deed::Retire,
        };
        self.said.entry(Said { event, deed, done, error }).or_default().extend(users);
    }

    /// Takes in who has accepted an invitation.
    pub(super) fn associated(&mut self, users: Vec<User>) {
        self.associated.extend(users);
    }

    /// Writes down what the news are for one token of the location. `since` is from when on a lost reply may explain an event
    /// that is not known.
    pub(super) async fn write_down(
        &self,
        ctx: &Context,
        tx: &mut Tx,
        token: &Token,
        since: Timestamp,
    ) -> Result<Finished, JobError> {
        let mut whole = Finished::default();
        for (said, users) in &self.said {
            let finished = self.end(ctx, tx, token, said, users, since).await?;
            whole.moved |= finished.moved;
            whole.planned |= finished.planned;
            whole.users += finished.users;
            whole.licenses_gone += finished.licenses_gone;
        }
        let records: Vec<UserRecord> = self.associated.iter().map(associated).collect();
        let records = user_record::fold(records);
        users::observe(tx, token.id, Count::AtLeast, &records, ctx.now()).await?;
        Ok(whole)
    }

    /// Ends the wishes that an event's word is about.
    ///
    /// An event that we know ends only its own request's wishes: a late or doubled notification must not end a newer one of
    /// the same user. An event that we do not know is either the lost reply of a request of ours, or somebody else's doing.
    async fn end(
        &self,
        ctx: &Context,
        tx: &mut Tx,
        token: &Token,
        said: &Said,
        named: &[User],
        since: Timestamp,
    ) -> Result<Finished, JobError> {
        let ids: Vec<&str> = named.iter().map(|user| user.id.as_str()).collect();
        let mut is_known = requests::by_event(tx, token.id, &said.event).await?.is_some();
        let mut open = Vec::new();
        if !is_known {
            open = users::open_without_event(tx, token.id, said.deed, &ids).await?;
            // Apple's answer may have been written down between the two looks, and then neither has seen the request.
            is_known = requests::by_event(tx, token.id, &said.event).await?.is_some();
        }
        if is_known {
            open = users::open_of_event(tx, token.id, &said.event, &ids).await?;
        }
        let records = records_of(named, said);
        let reports: Vec<Report> = open.iter().map(|open| report(ctx, said, open, &records)).collect();
        let finished = users::finish(tx, token.id, &reports, ctx.now()).await?;
        if !is_known && said.done && !requests::any_reply_lost(tx, token.id, since).await? {
            let ours: Vec<&str> = open.iter().map(|open| open.client_user_id.as_str()).collect();
            let others: Vec<UserRecord> = records
                .into_values()
                .filter(|record| !ours.contains(&record.client_user_id.as_str()))
                .collect();
            users::observe(tx, token.id, Count::AtLeast, &others, ctx.now()).await?;
        }
        Ok(finished)
    }
}

fn report(ctx: &Context, said: &Said, open: &Open, records: &HashMap<String, UserRecord>) -> Report {
    let word = if said.done { Word::Done } else { Word::Failed { number: said.error } };
    Report {
        user: open.id,
        outcome: after(open.deed, word, open.attempts, ctx.now(), ctx.unit()),
        record: records.get(&open.client_user_id).cloned(),
    }
}

/// The records of what was done. Those of a failure say little, and one that contradicts what was done says nothing.
fn records_of(named: &[User], said: &Said) -> HashMap<String, UserRecord> {
    if !said.done {
        return HashMap::new();
    }
    let fits = |record: &UserRecord| match said.deed {
        Deed::Create | Deed::Update => record.is_active(),
        Deed::Retire => !record.is_active(),
    };
    let records = named.iter().cloned().map(record_of).filter(says_status).filter(fits);
    user_record::fold(records).into_iter().map(|record| (record.client_user_id.clone(), record)).collect()
}

fn associated(user: &User) -> UserRecord {
    let record = record_of(user.clone());
    let status = match record.status {
        Some(UserStatus::Associated | UserStatus::Registered | UserStatus::Other(_)) | None => {
            Some(UserStatus::Associated)
        }
        // Associated and retired again before we were told.
        gone @ Some(UserStatus::Retired | UserStatus::Deleted) => gone,
    };
    // The invitation is used up, though Apple may still show its code.
    UserRecord { status, invite_code: None, ..record }
}
