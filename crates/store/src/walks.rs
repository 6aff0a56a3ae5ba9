//! Readings of Apple's paged lists, so that one that was interrupted goes on where it was.

use russet_domain::{JobId, Timestamp, TokenId};

use crate::codec::{count, from_json, json, maybe_time, time, word_in};
use crate::engine::{Db, Row, Tx, sql};
use crate::error::StoreError;

/// A walk's number. A later walk has a higher one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WalkId(pub i64);

/// Which list is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WalkKind {
    /// All assets.
    Assets,
    /// All assignments.
    Assignments,
    /// Assignments that changed since a version.
    Changes,
    /// All users.
    Users,
    /// Users that changed since a version.
    UserChanges,
}

impl WalkKind {
    /// The word stored. Rows hold it; it never changes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Assets => "assets",
            Self::Assignments => "assignments",
            Self::Changes => "changes",
            Self::Users => "users",
            Self::UserChanges => "user_changes",
        }
    }

    /// Reads the stored word.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        [Self::Assets, Self::Assignments, Self::Changes, Self::Users, Self::UserChanges]
            .into_iter()
            .find(|kind| kind.as_str() == text)
    }
}

/// A walk as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Walk {
    /// Its number.
    pub id: WalkId,
    /// Whose list it reads.
    pub token: TokenId,
    /// Which list.
    pub kind: WalkKind,
    /// Apple's version of the list on the first page.
    pub version_id: Option<String>,
    /// Whether a later page had another version: the list moved while it was read.
    pub moved: bool,
    /// The first page that is not read yet. All before it are.
    pub next_page: u32,
    /// How many pages there are, once Apple has said.
    pub total_pages: Option<u32>,
    /// How many rows were read.
    pub rows: u64,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// The jobs that it is for.
    pub jobs: Vec<JobId>,
}

/// The token's walk of a kind that has begun and not ended.
///
/// # Errors
/// As any statement.
pub async fn open(db: &mut Db, token: TokenId, kind: WalkKind) -> Result<Option<Walk>, StoreError> {
    sql(
        "looking for an open walk",
        "SELECT id, token_id, kind, version_id, moved, next_page, total_pages, rows, started_at, ended_at, jobs
         FROM walks
         WHERE token_id = $1 AND kind = $2 AND ended_at IS NULL
         ORDER BY id DESC
         LIMIT 1",
    )
    .bind(token.0)
    .bind(kind.as_str())
    .maybe(db, walk)
    .await
}

/// Begins a walk.
///
/// # Errors
/// As any statement.
pub async fn start(
    tx: &mut Tx,
    token: TokenId,
    kind: WalkKind,
    jobs: &[JobId],
    now: Timestamp,
) -> Result<Walk, StoreError> {
    let ids: Vec<i64> = jobs.iter().map(|job| job.0).collect();
    sql(
        "beginning a walk",
        "INSERT INTO walks (token_id, kind, started_at, jobs)
         VALUES ($1, $2, $3, $4)
         RETURNING id, token_id, kind, version_id, moved, next_page, total_pages, rows, started_at, ended_at, jobs",
    )
    .bind(token.0)
    .bind(kind.as_str())
    .bind(now.0)
    .bind(json(&ids)?)
    .one(tx, walk)
    .await
}

/// How far a walk has got.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Advance {
    /// The first page that is not read yet.
    pub next_page: u32,
    /// How many pages there are, if Apple has said.
    pub total_pages: Option<u32>,
    /// Apple's version of the list; the first one told is kept.
    pub version_id: Option<String>,
    /// Whether the version was another one than on the first page.
    pub moved: bool,
    /// How many rows were read so far, the walk's earlier pages included: so that noting it twice counts once.
    pub rows: u64,
}

/// Notes how far a walk has got, in the transaction that writes what was read.
///
/// # Errors
/// As any statement.
pub async fn advance(tx: &mut Tx, id: WalkId, by: &Advance) -> Result<(), StoreError> {
    sql(
        "noting how far a walk has got",
        "UPDATE walks
         SET next_page = $2,
             total_pages = coalesce($3, total_pages),
             version_id = coalesce(version_id, $4),
             moved = CASE WHEN $5 THEN true ELSE moved END,
             rows = $6
         WHERE id = $1",
    )
    .bind(id.0)
    .bind(i64::from(by.next_page))
    .bind(by.total_pages.map(i64::from))
    .bind(by.version_id.as_deref())
    .bind(by.moved)
    .bind(i64::try_from(by.rows).unwrap_or(i64::MAX))
    .run(tx)
    .await?;
    Ok(())
}

/// Ends a walk, read whole or given up. May be repeated.
///
/// # Errors
/// As any statement.
pub async fn end(tx: &mut Tx, id: WalkId, now: Timestamp) -> Result<(), StoreError> {
    sql("ending a walk", "UPDATE walks SET ended_at = coalesce(ended_at, $2) WHERE id = $1")
        .bind(id.0)
        .bind(now.0)
        .run(tx)
        .await?;
    Ok(())
}

/// Gives up a token's walks of a kind that have not ended, since they go by a version that is no longer the last one read.
///
/// # Errors
/// As any statement.
pub async fn give_up(tx: &mut Tx, token: TokenId, kind: WalkKind, now: Timestamp) -> Result<(), StoreError> {
    sql(
        "giving up walks",
        "UPDATE walks SET ended_at = $3 WHERE token_id = $1 AND kind = $2 AND ended_at IS NULL",
    )
    .bind(token.0)
    .bind(kind.as_str())
    .bind(now.0)
    .run(tx)
    .await?;
    Ok(())
}

fn walk(row: &Row) -> Result<Walk, StoreError> {
    let page = |number: i64| u32::try_from(number).unwrap_or(u32::MAX);
    let jobs: Vec<i64> = from_json("walks.jobs", &row.get::<String>("jobs")?)?;
    Ok(Walk {
        id: WalkId(row.get("id")?),
        token: TokenId(row.get("token_id")?),
        kind: word_in(row, "kind", WalkKind::from_text)?,
        version_id: row.get("version_id")?,
        moved: row.get("moved")?,
        next_page: page(row.get("next_page")?),
        total_pages: row.get::<Option<i64>>("total_pages")?.map(page),
        rows: count(row.get("rows")?),
        started_at: time(row, "started_at")?,
        ended_at: maybe_time(row, "ended_at")?,
        jobs: jobs.into_iter().map(JobId).collect(),
    })
}
