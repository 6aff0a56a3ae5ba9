//! Takes in what is wished for users: a job, and a piece of work for every user that is not as wished yet.

use std::collections::{HashMap, HashSet};

use russet_domain::change::State;
use russet_domain::job::{JobKind, JobState};
use russet_domain::user_registration::{Intake, Profile, Registration, Wish, take_in};
use russet_domain::{JobId, Timestamp, TokenId, UserId};

use super::entries::{self, Move};
use super::{held, registration};
use crate::codec::{count, int, json};
use crate::engine::{Sql, Tx, bulk, sql};
use crate::error::StoreError;
use crate::jobs::{self, Counts, NewJob};
use crate::submit::{IntakeCounts, Submitted, tell_held};
use crate::tokens;

/// Wishes looked at by one statement: what bounds the size of one JSON text.
const BATCH: usize = 50_000;

/// What is wished for one user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserWish {
    /// The id that Apple is given.
    pub client_user_id: String,
    /// Active or retired.
    pub wish: Wish,
    /// What is to be known of the person; what is not given stays as it is.
    pub profile: Profile,
}

/// Writes a job with every user that is wished something of, by [`russet_domain::user_registration`]'s rules. Wishes may be any
/// number; a list of 100,000 is some ten statements. Of several wishes for one user the last stands.
///
/// # Errors
/// [`StoreError::Missing`] when the token is not there.
pub async fn submit(
    tx: &mut Tx,
    new: &NewJob,
    wishes: Vec<UserWish>,
    now: Timestamp,
) -> Result<Submitted, StoreError> {
    tokens::lock(tx, new.token).await?;
    let listed = wishes.len();
    let wishes = last_of_each(wishes);
    let job = jobs::insert(tx, new, now).await?;
    let held = brake(tx, new, job, &wishes, now).await?;
    let (by_state, mut counts) = write(tx, (new, job), &wishes, held, now).await?;
    counts.folded = count(int(listed - wishes.len()));
    let state = if wishes.is_empty() {
        jobs::ended(tx, job, JobState::Succeeded, None, None, now).await?;
        JobState::Succeeded
    } else {
        jobs::add(tx, &HashMap::from([(job, by_state)]), now).await?;
        jobs::find(tx, job).await?.map_or(JobState::Queued, |job| job.state)
    };
    Ok(Submitted { job, state, counts })
}

/// Wishes again, under the same job, for every user of it that was refused. Tells how many.
///
/// # Errors
/// [`StoreError::Missing`] when the job or its token is not there.
pub async fn retry(tx: &mut Tx, id: JobId, now: Timestamp) -> Result<u64, StoreError> {
    let missing = || StoreError::Missing(format!("job {id} of a token that is still here"));
    let job = jobs::find(tx, id).await?.ok_or_else(missing)?;
    let token = job.token.ok_or_else(missing)?;
    let wish = match job.kind {
        JobKind::ImportUsers => Wish::Active,
        JobKind::RetireUsers => Wish::Retired,
        JobKind::SyncToken
        | JobKind::AssignLicense
        | JobKind::RevokeLicense
        | JobKind::RenewToken
        | JobKind::RemoveToken
        | JobKind::MoveLicense
        | JobKind::Gate
        | JobKind::PushUpdate
        | JobKind::RefreshCatalog
        | JobKind::RegisterNotifications
        | JobKind::TakeOverToken
        | JobKind::HandOverToken => return Ok(0),
    };
    tokens::lock(tx, token).await?;
    let refused = sql(
        "looking for a job's refused users",
        "SELECT u.client_user_id
         FROM job_users l
         JOIN users u ON u.id = l.user_id
         WHERE l.job_id = $1 AND l.state = 'refused'",
    )
    .bind(id.0)
    .all(tx, |row| Ok(UserWish { client_user_id: row.at(0)?, wish, profile: Profile::default() }))
    .await?;
    sql(
        "letting go of a job's refused users",
        "DELETE FROM job_users WHERE job_id = $1 AND state = 'refused'",
    )
    .bind(id.0)
    .run(tx)
    .await?;
    sql(
        "noting that a cancelled job is wanted again",
        "UPDATE jobs SET cancel_asked_at = NULL WHERE id = $1",
    )
    .bind(id.0)
    .run(tx)
    .await?;
    let new = NewJob {
        kind: job.kind,
        token,
        priority: job.priority,
        origin: job.origin,
        key: job.key,
        args: String::new(),
        notes: String::new(),
        line: None,
    };
    let held = brake(tx, &new, id, &refused, now).await?;
    let (mut by_state, _) = write(tx, (&new, id), &refused, held, now).await?;
    by_state.add(State::Refused, -int(refused.len()));
    jobs::add(tx, &HashMap::from([(id, by_state)]), now).await?;
    Ok(count(int(refused.len())))
}

fn last_of_each(wishes: Vec<UserWish>) -> Vec<UserWish> {
    let mut seen = HashSet::with_capacity(wishes.len());
    let mut kept: Vec<UserWish> =
        wishes.into_iter().rev().filter(|wish| seen.insert(wish.client_user_id.clone())).collect();
    kept.reverse();
    kept
}

/// A user that is known already.
struct Fact {
    id: UserId,
    registration: Registration,
    work: String,
    priority: i64,
    /// Whether what is wished waits for an approval, perhaps behind a request that is in flight.
    held: bool,
}

impl Fact {
    /// Whether what is wished has not come to its end.
    fn is_under_way(&self) -> bool {
        matches!(self.work.as_str(), "planned" | "held" | "sent")
    }
}

/// A row to be written: id of the client, wish, email, managed id, work, priority.
type Row<'a> = (&'a str, &'static str, Option<&'a str>, Option<&'a str>, &'static str, i64);

/// What becomes of one wish.
struct Taken {
    with_wish: Registration,
    intake: Intake,
    /// Whether it waits for an approval.
    held: bool,
    work: &'static str,
    priority: i64,
}

/// Whether the retirements of a job wait for an approval, since Apple would take back too many licenses for them; the job says why. Who is to be
/// retired already was counted then.
async fn brake(
    tx: &mut Tx,
    new: &NewJob,
    job: JobId,
    wishes: &[UserWish],
    now: Timestamp,
) -> Result<bool, StoreError> {
    if new.kind != JobKind::RetireUsers {
        return Ok(false);
    }
    let mut leaving = Vec::new();
    for batch in wishes.chunks(BATCH) {
        let facts = facts_of(tx, new.token, batch).await?;
        let is_news = |(place, _): &(usize, &UserWish)| {
            facts
                .get(place)
                .is_none_or(|fact| fact.registration.wish != Wish::Retired || !fact.is_under_way())
        };
        let news = batch.iter().enumerate().filter(is_news);
        leaving.extend(news.map(|(_, wish)| wish.client_user_id.as_str()));
    }
    let why = held::brake(tx, (new.token, job), &leaving, now).await?;
    tell_held(tx, job, why.as_deref()).await?;
    Ok(why.is_some())
}

async fn write(
    tx: &mut Tx,
    (new, job): (&NewJob, JobId),
    wishes: &[UserWish],
    held: bool,
    now: Timestamp,
) -> Result<(Counts, IntakeCounts), StoreError> {
    let (mut by_state, mut counts) = (Counts::default(), IntakeCounts::default());
    for batch in wishes.chunks(BATCH) {
        let facts = facts_of(tx, new.token, batch).await?;
        let taken: Vec<Taken> = batch
            .iter()
            .enumerate()
            .map(|(place, wish)| take(wish, facts.get(&place), new.priority.rank(), held))
            .collect();
        counts.replaced += replace(tx, batch, &facts, &taken, now).await?;
        let ids = write_rows(tx, new.token, batch, &taken, now).await?;
        let mut linked = Vec::with_capacity(batch.len());
        for (wish, taken) in batch.iter().zip(&taken) {
            let Some(id) = ids.get(&wish.client_user_id) else { continue };
            let (state, code) = match taken.intake {
                Intake::Plan if taken.held => (State::Held, None),
                Intake::Plan => (State::Planned, None),
                Intake::AlreadySo => (State::Settled, Some(already(wish.wish))),
            };
            match taken.intake {
                Intake::Plan if taken.held => counts.held += 1,
                Intake::Plan => counts.planned += 1,
                Intake::AlreadySo => counts.already += 1,
            }
            by_state.add(state, 1);
            linked.push((id.0, state.as_str(), code));
        }
        entries::link(tx, job, &linked).await?;
    }
    Ok((by_state, counts))
}

fn already(wish: Wish) -> &'static str {
    match wish {
        Wish::None | Wish::Active => "already_registered",
        Wish::Retired => "already_retired",
    }
}

fn take(wish: &UserWish, fact: Option<&Fact>, priority: i64, held: bool) -> Taken {
    let before = fact.map(|fact| fact.registration.clone()).unwrap_or_default();
    let with_wish = before.wished(wish.wish, &wish.profile);
    let in_flight = fact.is_some_and(|fact| fact.work == "sent");
    let intake = take_in(&with_wish, in_flight);
    // Asked for again, it waits, or goes, as it did.
    let known = fact.filter(|fact| fact.registration.wish == wish.wish && fact.is_under_way());
    let held = intake == Intake::Plan && known.map_or(held, |fact| fact.held);
    let work = match intake {
        Intake::Plan if in_flight => "sent",
        Intake::Plan if held => "held",
        Intake::Plan => "planned",
        Intake::AlreadySo => "none",
    };
    let waits = fact.filter(|fact| fact.is_under_way());
    Taken {
        with_wish,
        intake,
        held,
        work,
        priority: waits.map_or(priority, |fact| fact.priority.max(priority)),
    }
}

/// Older wishes that were not sent and that the newer ones contradict or make void are over. Tells how many.
async fn replace(
    tx: &mut Tx,
    batch: &[UserWish],
    facts: &HashMap<usize, Fact>,
    taken: &[Taken],
    now: Timestamp,
) -> Result<u64, StoreError> {
    let void: Vec<Move> = batch
        .iter()
        .zip(taken)
        .enumerate()
        .filter_map(|(place, (wish, taken))| {
            let fact = facts.get(&place)?;
            let turned = fact.registration.wish != wish.wish;
            let waits = matches!(fact.work.as_str(), "planned" | "held");
            let is_void = turned || (taken.intake == Intake::AlreadySo && waits);
            let from = if fact.held { State::Held } else { State::Planned };
            is_void.then(|| Move::new(fact.id, from, State::Cancelled, Some("replaced"), None))
        })
        .collect();
    entries::shift(tx, &void, now).await.map(|shifted| shifted.entries)
}

async fn facts_of(
    tx: &mut Tx,
    token: TokenId,
    batch: &[UserWish],
) -> Result<HashMap<usize, Fact>, StoreError> {
    const FACTS: Sql = bulk!(
        "SELECT x.place, u.id, u.wish, u.email, u.managed_apple_id, u.status, u.apple_email, u.apple_managed_id,
                u.work, u.priority,
                EXISTS (SELECT 1 FROM job_users h WHERE h.user_id = u.id AND h.state = 'held') AS held
         FROM ",
        (0 place BIGINT, 1 client_user_id TEXT),
        " CROSS JOIN users u
          WHERE +u.token_id = $2 AND u.client_user_id = x.client_user_id"
    );
    let rows: Vec<_> = batch.iter().enumerate().map(|(place, wish)| (place, &wish.client_user_id)).collect();
    let found = sql("looking up what is known of users", FACTS)
        .bind(json(&rows)?)
        .bind(token.0)
        .all(tx, |row| {
            let place = usize::try_from(row.at::<i64>(0)?).unwrap_or(usize::MAX);
            let fact = Fact {
                id: UserId(row.at(1)?),
                registration: registration(row)?,
                work: row.get("work")?,
                priority: row.get("priority")?,
                held: row.get("held")?,
            };
            Ok((place, fact))
        })
        .await?;
    Ok(found.into_iter().collect())
}

async fn write_rows(
    tx: &mut Tx,
    token: TokenId,
    batch: &[UserWish],
    taken: &[Taken],
    now: Timestamp,
) -> Result<HashMap<String, UserId>, StoreError> {
    const WRITE: Sql = bulk!(
        "INSERT INTO users
             (token_id, client_user_id, wish, email, managed_apple_id, revision, work, priority, wished_at, created_at,
              updated_at)
         SELECT $2, x.client_user_id, x.wish, x.email, x.managed_apple_id, 1, x.work, x.priority, $3, $3, $3
         FROM ",
        (0 client_user_id TEXT, 1 wish TEXT, 2 email TEXT, 3 managed_apple_id TEXT, 4 work TEXT, 5 priority BIGINT),
        " WHERE true
         ON CONFLICT (token_id, client_user_id) DO UPDATE
         SET wish = excluded.wish,
             email = excluded.email,
             managed_apple_id = excluded.managed_apple_id,
             revision = users.revision + 1,
             attempts = CASE WHEN users.work = 'sent' THEN users.attempts ELSE 0 END,
             not_before = 0,
             work = excluded.work,
             priority = excluded.priority,
             error_code = NULL,
             error_number = NULL,
             wished_at = excluded.wished_at,
             updated_at = excluded.updated_at
         RETURNING id, client_user_id"
    );
    let rows: Vec<Row<'_>> = batch
        .iter()
        .zip(taken)
        .map(|(wish, taken)| {
            let wanted = &taken.with_wish.wanted;
            (
                wish.client_user_id.as_str(),
                wish.wish.as_str(),
                wanted.email.as_deref(),
                wanted.managed_apple_id.as_deref(),
                taken.work,
                taken.priority,
            )
        })
        .collect();
    let written = sql("writing users", WRITE)
        .bind(json(&rows)?)
        .bind(token.0)
        .bind(now.0)
        .all(tx, |row| Ok((row.get::<String>("client_user_id")?, UserId(row.get("id")?))))
        .await?;
    Ok(written.into_iter().collect())
}
