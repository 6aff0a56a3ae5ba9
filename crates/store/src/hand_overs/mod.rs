//! Hand-overs: how far each has got, and who held what at its moment.

mod files;

pub use files::{File, page_text};

use russet_domain::{AssetKey, Holder, JobId, Timestamp, TokenId};

use crate::codec::{asset_key, count, holder, int, time, word_in};
use crate::engine::{Db, Tx, sql};
use crate::error::StoreError;

/// How far a hand-over has got. Each stage is written down before the next one begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Nothing new is sent; what is under way ends, and all is read from Apple once more.
    Begun,
    /// Who holds what is copied, so that it can be fetched as it was.
    Copied,
    /// The summary is signed; next the claim on the location is let go.
    Signed,
    /// It is.
    Released,
}

impl Stage {
    /// The word stored and shown. Rows and clients hold it; it never changes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::Copied => "copied",
            Self::Signed => "signed",
            Self::Released => "released",
        }
    }

    /// Reads the stored word.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        [Self::Begun, Self::Copied, Self::Signed, Self::Released]
            .into_iter()
            .find(|stage| stage.as_str() == text)
    }
}

/// A hand-over as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandOver {
    /// The job that does it.
    pub job: JobId,
    /// The token, which may be gone.
    pub token: TokenId,
    /// How far it has got.
    pub stage: Stage,
    /// The text of the summary, once it is signed.
    pub summary: Option<String>,
    /// The text of the signature's file.
    pub signature: Option<String>,
    /// Whether the licenses that it copied are forgotten.
    pub files_gone: bool,
    /// When it began.
    pub created_at: Timestamp,
}

/// One license as it was at the moment of a hand-over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Its place in the files, from 1.
    pub place: i64,
    /// The asset.
    pub key: AssetKey,
    /// Who held it.
    pub holder: Holder,
}

/// How many licenses of an asset were held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// The asset.
    pub key: AssetKey,
    /// Licenses held by devices.
    pub devices: u64,
    /// Licenses held by users.
    pub users: u64,
}

/// Writes a hand-over at its beginning.
///
/// # Errors
/// As any statement.
pub async fn insert(tx: &mut Tx, job: JobId, token: TokenId, now: Timestamp) -> Result<(), StoreError> {
    sql(
        "writing a hand-over",
        "INSERT INTO hand_overs (job_id, token_id, stage, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $4)",
    )
    .bind(job.0)
    .bind(token.0)
    .bind(Stage::Begun.as_str())
    .bind(now.0)
    .run(tx)
    .await?;
    Ok(())
}

/// The hand-over of a job.
///
/// # Errors
/// As any statement.
pub async fn find(db: &mut Db, job: JobId) -> Result<Option<HandOver>, StoreError> {
    sql(
        "reading a hand-over",
        "SELECT job_id, token_id, stage, summary, signature, files_gone, created_at
         FROM hand_overs
         WHERE job_id = $1",
    )
    .bind(job.0)
    .maybe(db, |row| {
        Ok(HandOver {
            job: JobId(row.get("job_id")?),
            token: TokenId(row.get("token_id")?),
            stage: word_in(row, "stage", Stage::from_text)?,
            summary: row.get("summary")?,
            signature: row.get("signature")?,
            files_gone: row.get("files_gone")?,
            created_at: time(row, "created_at")?,
        })
    })
    .await
}

/// The newest hand-over of a token.
///
/// # Errors
/// As any statement.
pub async fn newest_job(db: &mut Db, token: TokenId) -> Result<Option<JobId>, StoreError> {
    sql("looking for a hand-over", "SELECT max(job_id) AS job FROM hand_overs WHERE token_id = $1")
        .bind(token.0)
        .one(db, |row| Ok(row.get::<Option<i64>>("job")?.map(JobId)))
        .await
}

/// Copies who holds what of the token, in the order of the files, in place of an earlier copy of the same hand-over.
/// Costs time by the number of licenses, in one statement.
///
/// # Errors
/// As any statement.
pub async fn copy_licenses(
    tx: &mut Tx,
    job: JobId,
    token: TokenId,
    now: Timestamp,
) -> Result<u64, StoreError> {
    sql("forgetting an earlier copy", "DELETE FROM hand_over_licenses WHERE job_id = $1")
        .bind(job.0)
        .run(tx)
        .await?;
    let copied = sql(
        "copying who holds what",
        "INSERT INTO hand_over_licenses (job_id, place, adam_id, pricing_param, holder_kind, holder_id)
         SELECT $1,
                row_number() OVER (ORDER BY a.adam_id, a.pricing_param, l.holder_kind, l.holder_id),
                a.adam_id, a.pricing_param, l.holder_kind, l.holder_id
         FROM assets a
         JOIN licenses l ON l.asset_id = a.id
         WHERE l.held AND a.token_id = $2",
    )
    .bind(job.0)
    .bind(token.0)
    .run(tx)
    .await?;
    set_stage(tx, job, Stage::Copied, now).await?;
    Ok(copied)
}

/// Licenses of a hand-over in the order of the files, after a place.
///
/// # Errors
/// As any statement.
pub async fn page(db: &mut Db, job: JobId, after: i64, limit: usize) -> Result<Vec<Copied>, StoreError> {
    sql(
        "reading the licenses of a hand-over",
        "SELECT place, adam_id, pricing_param, holder_kind, holder_id
         FROM hand_over_licenses
         WHERE job_id = $1 AND place > $2
         ORDER BY place
         LIMIT $3",
    )
    .bind(job.0)
    .bind(after)
    .bind(int(limit))
    .all(db, |row| {
        Ok(Copied {
            place: row.at(0)?,
            key: asset_key(row.at(1)?, &row.at::<String>(2)?),
            holder: holder(&row.at::<String>(3)?, row.at(4)?)?,
        })
    })
    .await
}

/// How many licenses of each asset a hand-over has, in the order of the files.
///
/// # Errors
/// As any statement.
pub async fn counts(db: &mut Db, job: JobId) -> Result<Vec<Count>, StoreError> {
    sql(
        "counting the licenses of a hand-over",
        "SELECT adam_id, pricing_param,
                sum(CASE WHEN holder_kind = 'd' THEN 1 ELSE 0 END),
                sum(CASE WHEN holder_kind = 'd' THEN 0 ELSE 1 END)
         FROM hand_over_licenses
         WHERE job_id = $1
         GROUP BY adam_id, pricing_param
         ORDER BY adam_id, pricing_param",
    )
    .bind(job.0)
    .all(db, |row| {
        Ok(Count {
            key: asset_key(row.at(0)?, &row.at::<String>(1)?),
            devices: count(row.at(2)?),
            users: count(row.at(3)?),
        })
    })
    .await
}

/// Keeps the summary and its signature.
///
/// # Errors
/// As any statement.
pub async fn set_signed(
    tx: &mut Tx,
    job: JobId,
    summary: &str,
    signature: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    sql(
        "keeping the summary of a hand-over",
        "UPDATE hand_overs
         SET stage = $2, summary = $3, signature = $4, updated_at = $5
         WHERE job_id = $1",
    )
    .bind(job.0)
    .bind(Stage::Signed.as_str())
    .bind(summary)
    .bind(signature)
    .bind(now.0)
    .run(tx)
    .await?;
    Ok(())
}

/// Notes that a hand-over has got to a stage.
///
/// # Errors
/// As any statement.
pub async fn set_stage(tx: &mut Tx, job: JobId, stage: Stage, now: Timestamp) -> Result<(), StoreError> {
    sql(
        "noting how far a hand-over has got",
        "UPDATE hand_overs SET stage = $2, updated_at = $3 WHERE job_id = $1",
    )
    .bind(job.0)
    .bind(stage.as_str())
    .bind(now.0)
    .run(tx)
    .await?;
    Ok(())
}

/// Forgets the licenses of hand-overs that ended before `before`, at most `limit` of them; tells how many. Their summaries
/// stay.
///
/// # Errors
/// As any statement.
pub async fn purge(tx: &mut Tx, before: Timestamp, limit: usize) -> Result<u64, StoreError> {
    sql(
        "closing the files of old hand-overs",
        "UPDATE hand_overs
         SET files_gone = true
         WHERE NOT files_gone AND job_id IN (SELECT id FROM jobs WHERE ended_at < $1)",
    )
    .bind(before.0)
    .run(tx)
    .await?;
    sql(
        "forgetting the licenses of old hand-overs",
        "DELETE FROM hand_over_licenses
         WHERE (job_id, place) IN (
             SELECT l.job_id, l.place
             FROM hand_overs h
             JOIN hand_over_licenses l ON l.job_id = h.job_id
             WHERE h.files_gone
             LIMIT $1)",
    )
    .bind(int(limit))
    .run(tx)
    .await
}
