//! Writes down what Apple's word made of users and the work on their wishes, with everything that follows from it.

use std::collections::{HashMap, HashSet};

use russet_domain::change::State;
use russet_domain::user_registration::{Deed, End, Learned, Outcome, Registration};
use russet_domain::{JobId, RequestId, Secret, Timestamp, TokenId, UserId, UserRecord, UserStatus};

use super::entries::{self, Move};
use super::{registration, retired, seal_code};
use crate::codec::{count, int, json, word};
use crate::engine::{Row, Sql, Tx, bulk, sql};
use crate::error::StoreError;
use crate::{requests, tokens};

/// What Apple's word is about one user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The user.
    pub user: UserId,
    /// What becomes of the work and what is known of the user now.
    pub outcome: Outcome,
    /// Apple's record of the user, where it came along.
    pub record: Option<UserRecord>,
}

/// What followed from finishing work on users.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Finished {
    /// How many users it finished or sent back to be planned: those that were still waiting for Apple's word.
    pub users: u64,
    /// Requests of which nothing is open any more.
    pub closed_requests: Vec<RequestId>,
    /// Jobs of which nothing is open any more.
    pub ended_jobs: Vec<JobId>,
    /// Whether users are planned now, at once or later.
    pub planned: bool,
    /// Whether somebody came into the program or left it, so that licenses that wait may go on.
    pub moved: bool,
    /// How many licenses went with users who left.
    pub licenses_gone: u64,
}

/// Writes down what became of users that waited for Apple's word: the users, what their jobs follow, the requests, and the
/// licenses of those who are gone. Users that wait for nothing (any more) are left as they are, so this may be repeated.
///
/// # Errors
/// As any statement; [`StoreError::Missing`] without such a token.
pub async fn finish(
    tx: &mut Tx,
    token: TokenId,
    reports: &[Report],
    now: Timestamp,
) -> Result<Finished, StoreError> {
    if reports.is_empty() {
        return Ok(Finished::default());
    }
    tokens::lock(tx, token).await?;
    let by_id: HashMap<UserId, &Report> = reports.iter().map(|report| (report.user, report)).collect();
    let open = open_of(tx, token, by_id.keys()).await?;
    let mut ends: Vec<Ended<'_>> =
        open.iter().filter_map(|user| Some(Ended::of(user, by_id.get(&user.id)?))).collect();
    withdraw_unwanted(tx, &mut ends).await?;
    write_ends(tx, token, &ends, now).await?;
    let moves: Vec<Move> = ends.iter().map(Ended::entry_move).collect();
    let ended_jobs = entries::shift(tx, &moves, now).await?.ended_jobs;
    let mut by_request: HashMap<RequestId, i64> = HashMap::new();
    for end in &ends {
        *by_request.entry(end.user.request).or_default() += 1;
    }
    let closed_requests = requests::count_down(tx, &by_request, now).await?;
    let gone: Vec<&str> =
        ends.iter().filter(|end| end.has_left()).map(|end| end.user.client_user_id.as_str()).collect();
    let licenses_gone = retired::holders_gone(tx, token, &gone, now).await?;
    Ok(Finished {
        users: count(int(ends.len())),
        closed_requests,
        ended_jobs,
        planned: ends.iter().any(|end| end.work == "planned"),
        moved: ends.iter().any(|end| end.user.before.is_active() != end.after.is_active()),
        licenses_gone,
    })
}

/// A user who waits for Apple's word.
struct Waiting {
    id: UserId,
    client_user_id: String,
    request: RequestId,
    deed: Deed,
    before: Registration,
    id_hash: Option<String>,
    invite_code: Option<String>,
    retired_records: i64,
    unread: bool,
    /// Whether a newer wish came since it was sent.
    is_older: bool,
    /// Whether that one waits for an approval.
    is_held: bool,
    sent_email: Option<String>,
    sent_managed_id: Option<String>,
}

async fn open_of(
    tx: &mut Tx,
    token: TokenId,
    ids: impl Iterator<Item = &UserId>,
) -> Result<Vec<Waiting>, StoreError> {
    const OPEN: Sql = bulk!(
        "SELECT u.id, u.client_user_id, u.request_id, r.action, u.wish, u.email, u.managed_apple_id, u.status,
                u.apple_email, u.apple_managed_id, u.id_hash, u.invite_code, u.retired_records, u.unread,
                u.revision > u.sent_revision AS older, u.sent_email, u.sent_managed_id,
                EXISTS (SELECT 1 FROM job_users h WHERE h.user_id = u.id AND h.state = 'held') AS held
         FROM ",
        (0 id BIGINT),
        " CROSS JOIN users u
          CROSS JOIN requests r
          WHERE u.id = x.id AND u.work || '' = 'sent' AND +u.token_id = $2 AND r.id = u.request_id"
    );
    let ids: Vec<_> = ids.map(|id| (id.0,)).collect();
    sql("reading users that wait for Apple's word", OPEN)
        .bind(json(&ids)?)
        .bind(token.0)
        .all(tx, read_waiting)
        .await
}

fn read_waiting(row: &Row) -> Result<Waiting, StoreError> {
    Ok(Waiting {
        id: UserId(row.get("id")?),
        client_user_id: row.get("client_user_id")?,
        request: RequestId(row.get("request_id")?),
        deed: word("requests.action", &row.get::<String>("action")?, Deed::from_text)?,
        before: registration(row)?,
        id_hash: row.get("id_hash")?,
        invite_code: row.get("invite_code")?,
        retired_records: row.get("retired_records")?,
        unread: row.get("unread")?,
        is_older: row.get("older")?,
        is_held: row.get("held")?,
        sent_email: row.get("sent_email")?,
        sent_managed_id: row.get("sent_managed_id")?,
    })
}

/// What becomes of one user.
struct Ended<'a> {
    user: &'a Waiting,
    /// What is wished and known afterwards.
    after: Registration,
    id_hash: Option<&'a str>,
    /// The code that Apple told just now.
    new_code: Option<&'a Secret>,
    /// The code that was known, sealed, if it still holds.
    old_code: Option<&'a str>,
    retired_records: i64,
    unread: bool,
    is_seen: bool,
    work: &'static str,
    /// What becomes of what the jobs follow.
    state: State,
    code: Option<&'a str>,
    number: Option<i32>,
    not_before: i64,
}

impl<'a> Ended<'a> {
    fn of(user: &'a Waiting, report: &'a Report) -> Self {
        let mut end = Self {
            user,
            after: user.before.clone(),
            id_hash: user.id_hash.as_deref(),
            new_code: None,
            old_code: user.invite_code.as_deref(),
            retired_records: user.retired_records,
            unread: user.unread,
            is_seen: report.record.is_some() || report.outcome.learned != Learned::Nothing,
            work: "none",
            state: State::Settled,
            code: None,
            number: None,
            not_before: 0,
        };
        match &report.record {
            Some(record) => end.know(record),
            None => end.learn(report.outcome.learned),
        }
        end.conclude(&report.outcome.end);
        end
    }

    /// Takes Apple's record for the truth.
    fn know(&mut self, record: &'a UserRecord) {
        self.after.status.clone_from(&record.status);
        // Apple leaves the address out of some records.
        let before = self.user.before.confirmed.email.as_ref().filter(|_| self.user.before.is_active());
        self.after.confirmed.email = record.email.clone().or_else(|| before.cloned());
        self.id_hash = record.id_hash.as_deref();
        self.new_code = record.invite_code.as_ref();
        let is_invited = record.status.as_ref().is_some_and(UserStatus::is_invited);
        self.old_code = self.old_code.filter(|_| is_invited && self.user.before.is_active());
        // A notification shows the one record that was retired just now, beside those that are known.
        let known = self.retired_records + i64::from(self.user.before.is_active() && !record.is_active());
        self.retired_records = known.max(i64::try_from(record.retired_records).unwrap_or(0));
        // A registered user without a code, or an associated one without a hash: there is more to be read.
        self.unread = record.is_active() && record.invite_code.is_none() && record.id_hash.is_none();
    }

    /// Takes what an error or an event's status says.
    fn learn(&mut self, learned: Learned) {
        match learned {
            Learned::Nothing => {}
            Learned::IsActive => {
                if !self.user.before.is_active() {
                    self.after.status = Some(UserStatus::Registered);
                    (self.id_hash, self.old_code) = (None, None);
                }
                self.unread = true;
            }
            Learned::IsRetired => {
                if self.user.before.status.as_ref().is_none_or(UserStatus::is_active) {
                    self.retired_records += 1;
                }
                self.after.status = Some(UserStatus::Retired);
                (self.old_code, self.unread) = (None, false);
            }
            Learned::IsAbsent => {
                self.after.status = None;
                self.after.confirmed = russet_domain::user_registration::Profile::default();
                (self.id_hash, self.old_code, self.unread) = (None, None, false);
            }
        }
    }

    fn conclude(&mut self, end: &'a End) {
        let newer = if self.user.is_held { "held" } else { "planned" };
        let again = if self.user.is_older { newer } else { "none" };
        match end {
            End::Settled => {
                self.work = again;
                self.confirm();
            }
            End::Refused { code, number } => {
                self.work = if self.user.is_older { newer } else { "refused" };
                (self.state, self.code, self.number) = (State::Refused, Some(code.as_str()), *number);
            }
            End::Again { not_before, number } => {
                let turned = self.user.deed.wish() != self.user.before.wish;
                self.work = if turned { newer } else { "planned" };
                self.number = *number;
                self.not_before = if self.user.is_older { 0 } else { not_before.0 };
                // Sending it again would undo what was wished for since.
                (self.state, self.code) =
                    if turned { (State::Cancelled, Some("replaced")) } else { (State::Planned, None) };
            }
        }
    }

    /// What Apple did is what it was told.
    fn confirm(&mut self) {
        match self.user.deed {
            Deed::Create | Deed::Update => {
                let confirmed = &mut self.after.confirmed;
                if self.user.sent_email.is_some() {
                    confirmed.email.clone_from(&self.user.sent_email);
                }
                if self.user.sent_managed_id.is_some() {
                    confirmed.managed_apple_id.clone_from(&self.user.sent_managed_id);
                }
            }
            Deed::Retire => self.after.confirmed.managed_apple_id = None,
        }
    }

    /// Whether the user is out of the program by this.
    fn has_left(&self) -> bool {
        self.is_seen && !self.after.is_active() && self.user.deed == Deed::Retire
            || (self.user.before.is_active() && !self.after.is_active())
    }

    fn entry_move(&self) -> Move {
        Move::new(self.user.id, State::Sending, self.state, self.code, self.number)
    }
}

/// What would be sent again is not, when every job that follows it was cancelled meanwhile.
async fn withdraw_unwanted(tx: &mut Tx, ends: &mut [Ended<'_>]) -> Result<(), StoreError> {
    const UNWANTED: Sql = bulk!(
        "SELECT x.id
         FROM ",
        (0 id BIGINT),
        " WHERE NOT EXISTS (
             SELECT 1
             FROM job_users l
             JOIN jobs j ON j.id = l.job_id
             WHERE l.user_id = x.id AND l.state IN ('planned', 'sent') AND j.cancel_asked_at IS NULL)"
    );
    let again: Vec<_> =
        ends.iter().filter(|end| end.state == State::Planned).map(|end| (end.user.id.0,)).collect();
    if again.is_empty() {
        return Ok(());
    }
    let unwanted: HashSet<UserId> = sql("looking for users that nobody wants any more", UNWANTED)
        .bind(json(&again)?)
        .all(tx, |row| row.at(0).map(UserId))
        .await?
        .into_iter()
        .collect();
    for end in ends.iter_mut().filter(|end| unwanted.contains(&end.user.id)) {
        (end.state, end.code, end.work) = (State::Cancelled, Some("withdrawn"), "none");
    }
    Ok(())
}

async fn write_ends(
    tx: &mut Tx,
    token: TokenId,
    ends: &[Ended<'_>],
    now: Timestamp,
) -> Result<(), StoreError> {
    const WRITE: Sql = bulk!(
        "UPDATE users
         SET work = x.work,
             status = x.status,
             apple_email = x.apple_email,
             apple_managed_id = x.apple_managed_id,
             id_hash = x.id_hash,
             invite_code = x.invite_code,
             retired_records = x.retired,
             unread = x.unread,
             seen_at = CASE WHEN x.seen THEN $2 ELSE users.seen_at END,
             request_id = CASE WHEN x.work IN ('planned', 'held') THEN NULL ELSE users.request_id END,
             attempts = CASE WHEN x.fresh THEN 0 ELSE users.attempts END,
             not_before = x.not_before,
             error_code = x.error_code,
             error_number = x.error_number,
             updated_at = $2
         FROM ",
        (0 id BIGINT, 1 work TEXT, 2 status TEXT, 3 apple_email TEXT, 4 apple_managed_id TEXT, 5 id_hash TEXT,
         6 invite_code TEXT, 7 retired BIGINT, 8 unread BOOLEAN, 9 seen BOOLEAN, 10 fresh BOOLEAN,
         11 not_before BIGINT, 12 error_code TEXT, 13 error_number BIGINT),
        " WHERE users.id = x.id"
    );
    let mut rows = Vec::with_capacity(ends.len());
    for end in ends {
        let code = match end.new_code {
            Some(code) => Some(seal_code(tx, token, &end.user.client_user_id, code)?),
            None => end.old_code.map(str::to_owned),
        };
        let is_fresh = end.user.is_older || end.work == "none";
        let (error, number) = if end.work == "none" { (None, None) } else { (end.code, end.number) };
        rows.push((
            end.user.id.0,
            end.work,
            end.after.status.as_ref().map(|status| status.as_str().to_owned()),
            end.after.confirmed.email.as_deref(),
            end.after.confirmed.managed_apple_id.as_deref(),
            end.id_hash,
            code,
            end.retired_records,
            end.unread,
            end.is_seen,
            is_fresh,
            end.not_before,
            error,
            number,
        ));
    }
    sql("writing what Apple's word made of users", WRITE).bind(json(&rows)?).bind(now.0).run(tx).await?;
    Ok(())
}
