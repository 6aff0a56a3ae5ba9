//! Apps for groups: written, changed, listed and removed. Each change marks the asset.

mod requests;
mod settings;

pub use requests::{ask, asked_of, reaches, withdraw};
pub use settings::{Configuration, Configured, configured};

use russet_domain::assignment::Intent;
use russet_domain::install::InstallSettings;
use russet_domain::prompts::LicenseKind;
use russet_domain::{AssetId, AssetKey, AssignmentId, GroupId, Timestamp, TokenId};

use crate::changes::waitlist;
use crate::codec::{among, asset_key, count, int, json, time, word_in};
use crate::engine::{Db, Row, Sql, Tx, bulk, sql};
use crate::error::StoreError;
use crate::{marks, quotas};

/// An app for a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// Its number.
    pub id: AssignmentId,
    /// The token whose licenses it gives.
    pub token: TokenId,
    /// The asset.
    pub asset: AssetId,
    /// The asset's name.
    pub key: AssetKey,
    /// The group.
    pub group: GroupId,
    /// The group's name.
    pub group_name: String,
    /// What the group is to have.
    pub intent: Intent,
    /// Whose licenses they are.
    pub license: LicenseKind,
    /// How urgent it is.
    pub priority: i64,
    /// Whether the app is to be updated; nothing: as the token says.
    pub auto_update: Option<bool>,
    /// Whether licenses through it are never taken back.
    pub pinned: bool,
    /// At most so many holders have a license through it at a time; nothing is any number.
    pub quota: Option<i64>,
    /// The groups whose members it leaves out.
    pub excluded: Vec<String>,
    /// How the app is to stand on devices.
    pub settings: InstallSettings,
    /// The names of what the app is told.
    pub configuration_keys: Vec<String>,
    /// How many holders have or are to have the app through it.
    pub wanted: u64,
    /// Of those, how many have the license.
    pub held: u64,
    /// How many wait in line for one: for a license, or for its quota.
    pub waiting: u64,
    /// How many count for its quota, while it has one: all who have a license that was given through it.
    pub quota_used: Option<i64>,
    /// Who made it.
    pub created_by: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When anything of it last changed.
    pub updated_at: Timestamp,
}

/// An assignment to be written.
#[derive(Clone, Debug)]
pub struct NewAssignment {
    /// The token.
    pub token: TokenId,
    /// The asset, which must be one of the token's.
    pub asset: AssetId,
    /// The group.
    pub group: GroupId,
    /// What the group is to have.
    pub intent: Intent,
    /// Whose licenses they are.
    pub license: LicenseKind,
    /// How urgent it is.
    pub priority: i64,
    /// Whether the app is to be updated; nothing: as the token says.
    pub auto_update: Option<bool>,
    /// Whether licenses through it are never taken back.
    pub pinned: bool,
    /// At most so many holders have a license through it at a time; nothing is any number.
    pub quota: Option<i64>,
    /// The groups whose members it leaves out.
    pub excluded: Vec<GroupId>,
    /// How the app is to stand on devices.
    pub settings: InstallSettings,
    /// What the app is told.
    pub configuration: Option<Configuration>,
    /// Who makes it.
    pub created_by: String,
}

/// What is to change. What is not named stays.
#[derive(Clone, Debug, Default)]
pub struct Patch {
    /// What the group is to have.
    pub intent: Option<Intent>,
    /// Whose licenses they are.
    pub license: Option<LicenseKind>,
    /// How urgent it is.
    pub priority: Option<i64>,
    /// Whether the app is to be updated; the inner nothing: as the token says.
    pub auto_update: Option<Option<bool>>,
    /// Whether licenses through it are never taken back.
    pub pinned: Option<bool>,
    /// At most so many holders have a license through it at a time; the inner nothing is any number.
    pub quota: Option<Option<i64>>,
    /// The groups whose members it leaves out.
    pub excluded: Option<Vec<GroupId>>,
    /// How the app is to stand on devices, all of it.
    pub settings: Option<InstallSettings>,
    /// What the app is told; the inner nothing: nothing any more.
    pub configuration: Option<Option<Configuration>>,
}

/// What a list of assignments is narrowed to.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only those of this token.
    pub token: Option<TokenId>,
    /// Only those of this group.
    pub group: Option<GroupId>,
    /// Only those of this product.
    pub adam_id: Option<String>,
    /// Only those of these tokens: what the asking API key may see. `None` is all.
    pub among: Option<Vec<TokenId>>,
}

macro_rules! select {
    ($rest:expr) => {
        concat!(
            "SELECT a.id, a.token_id, a.asset_id, s.adam_id, s.pricing_param, a.group_id, g.name AS group_name, a.intent,
                    a.license, a.priority, a.auto_update, a.pinned, a.quota, a.created_by, a.created_at, a.updated_at,
                    a.vpn_uuid, a.prevent_removal, a.prevent_backup, a.remove_with_enrollment, a.configuration_keys,
                    (SELECT count(*) FROM entitlements e
                     WHERE e.assignment_id = a.id AND e.state = 'wanted') AS wanted,
                    (SELECT count(*)
                     FROM entitlements e
                     JOIN licenses l
                       ON l.asset_id = e.asset_id AND l.holder_kind = e.holder_kind AND l.holder_id = e.holder_id
                     WHERE e.assignment_id = a.id AND e.state = 'wanted' AND l.held) AS held,
                    (SELECT count(*)
                     FROM changes c
                     JOIN entitlements e
                       ON e.asset_id = c.asset_id AND e.holder_kind = c.holder_kind AND e.holder_id = c.holder_id
                     WHERE c.token_id = a.token_id AND c.asset_id = a.asset_id AND c.state = 'waitlisted'
                       AND e.assignment_id = a.id AND e.state = 'wanted') AS waiting
             FROM assignments a
             JOIN assets s ON s.id = a.asset_id
             JOIN groups g ON g.id = a.group_id ",
            $rest
        )
    };
}

/// Writes an assignment; `None` when the group has one for the asset already.
///
/// # Errors
/// As any statement.
pub async fn create(
    tx: &mut Tx,
    new: &NewAssignment,
    now: Timestamp,
) -> Result<Option<AssignmentId>, StoreError> {
    let id = sql(
        "writing an assignment",
        "INSERT INTO assignments
             (token_id, asset_id, group_id, intent, license, priority, auto_update, pinned, created_by, created_at,
              updated_at, quota)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $11)
         ON CONFLICT (asset_id, group_id) DO NOTHING
         RETURNING id",
    )
    .bind(new.token.0)
    .bind(new.asset.0)
    .bind(new.group.0)
    .bind(new.intent.as_str())
    .bind(new.license.as_str())
    .bind(new.priority)
    .bind(new.auto_update)
    .bind(new.pinned)
    .bind(new.created_by.as_str())
    .bind(now.0)
    .bind(new.quota)
    .maybe(tx, |row| row.at(0).map(AssignmentId))
    .await?;
    let Some(id) = id else { return Ok(None) };
    exclude(tx, id, &new.excluded).await?;
    settings::write(tx, id, &new.settings).await?;
    settings::write_configuration(tx, id, new.configuration.as_ref()).await?;
    marks::mark_assets(tx, &[new.asset], now).await?;
    Ok(Some(id))
}

/// Changes an assignment.
///
/// # Errors
/// As any statement.
pub async fn change(
    tx: &mut Tx,
    known: &Assignment,
    patch: &Patch,
    now: Timestamp,
) -> Result<(), StoreError> {
    sql(
        "changing an assignment",
        "UPDATE assignments
         SET intent = $2, license = $3, priority = $4, auto_update = $5, pinned = $6, updated_at = $7, quota = $8
         WHERE id = $1",
    )
    .bind(known.id.0)
    .bind(patch.intent.unwrap_or(known.intent).as_str())
    .bind(patch.license.unwrap_or(known.license).as_str())
    .bind(patch.priority.unwrap_or(known.priority))
    .bind(patch.auto_update.unwrap_or(known.auto_update))
    .bind(patch.pinned.unwrap_or(known.pinned))
    .bind(now.0)
    .bind(patch.quota.unwrap_or(known.quota))
    .run(tx)
    .await?;
    if let Some(excluded) = &patch.excluded {
        exclude(tx, known.id, excluded).await?;
    }
    if let Some(settings) = &patch.settings {
        settings::write(tx, known.id, settings).await?;
    }
    if let Some(configuration) = &patch.configuration {
        settings::write_configuration(tx, known.id, configuration.as_ref()).await?;
    }
    if let Some(priority) = patch.priority {
        waitlist::move_in_line(tx, known.id, priority).await?;
    }
    marks::mark_assets(tx, &[known.asset], now).await
}

async fn exclude(tx: &mut Tx, id: AssignmentId, groups: &[GroupId]) -> Result<(), StoreError> {
    const EXCLUDE: Sql = bulk!(
        "INSERT INTO assignment_exclusions (assignment_id, group_id)
         SELECT $2, x.group_id
         FROM ",
        (0 group_id BIGINT),
        " WHERE true
          ON CONFLICT (assignment_id, group_id) DO NOTHING"
    );
    sql("letting go of exclusions", "DELETE FROM assignment_exclusions WHERE assignment_id = $1")
        .bind(id.0)
        .run(tx)
        .await?;
    if !groups.is_empty() {
        let rows: Vec<_> = groups.iter().map(|group| (group.0,)).collect();
        sql("writing exclusions", EXCLUDE).bind(json(&rows)?).bind(id.0).run(tx).await?;
    }
    Ok(())
}

/// Removes an assignment. What becomes of the licenses that it gave, the reconciler decides by the token's policies.
///
/// # Errors
/// As any statement.
pub async fn remove(tx: &mut Tx, known: &Assignment, now: Timestamp) -> Result<(), StoreError> {
    for text in [
        "DELETE FROM assignment_exclusions WHERE assignment_id = $1",
        "DELETE FROM assignments WHERE id = $1",
    ] {
        sql("removing an assignment", text).bind(known.id.0).run(tx).await?;
    }
    marks::mark_assets(tx, &[known.asset], now).await
}

/// An assignment by number.
///
/// # Errors
/// As any statement.
pub async fn find(db: &mut Db, id: AssignmentId) -> Result<Option<Assignment>, StoreError> {
    let found =
        sql("reading an assignment", select!("WHERE a.id = $1")).bind(id.0).all(db, assignment).await?;
    Ok(with_the_rest(db, found).await?.pop())
}

/// Assignments in the order of their numbers, after a number.
///
/// # Errors
/// As any statement.
pub async fn list(
    db: &mut Db,
    filter: &Filter,
    limit: usize,
    after: Option<AssignmentId>,
) -> Result<Vec<Assignment>, StoreError> {
    macro_rules! narrowed {
        ($among:literal) => {
            select!(concat!(
                "WHERE a.id > $1
                   AND ($2 IS NULL OR a.token_id = $2)
                   AND ($3 IS NULL OR a.group_id = $3)
                   AND ($4 IS NULL OR s.adam_id = $4)
                   AND ($5 IS NULL OR a.token_id IN (",
                $among,
                "))
                 ORDER BY a.id
                 LIMIT $6"
            ))
        };
    }
    const LIST: Sql = Sql {
        sqlite: narrowed!("SELECT value FROM json_each($5)"),
        postgres: narrowed!("SELECT value::BIGINT FROM jsonb_array_elements_text($5::jsonb)"),
    };
    let among = among(filter.among.as_deref())?;
    let found = sql("listing assignments", LIST)
        .bind(after.map_or(0, |after| after.0))
        .bind(filter.token.map(|token| token.0))
        .bind(filter.group.map(|group| group.0))
        .bind(filter.adam_id.as_deref())
        .bind(among)
        .bind(int(limit))
        .all(db, assignment)
        .await?;
    with_the_rest(db, found).await
}

async fn with_the_rest(db: &mut Db, mut found: Vec<Assignment>) -> Result<Vec<Assignment>, StoreError> {
    const OF: Sql = bulk!(
        "SELECT e.assignment_id, g.name
         FROM ",
        (0 id BIGINT),
        " CROSS JOIN assignment_exclusions e
          JOIN groups g ON g.id = e.group_id
          WHERE e.assignment_id = x.id
          ORDER BY g.name"
    );
    if found.is_empty() {
        return Ok(found);
    }
    let ids: Vec<_> = found.iter().map(|one| (one.id.0,)).collect();
    let excluded: Vec<(i64, String)> =
        sql("reading exclusions", OF).bind(json(&ids)?).all(db, |row| Ok((row.at(0)?, row.at(1)?))).await?;
    let limited: Vec<AssignmentId> =
        found.iter().filter(|one| one.quota.is_some()).map(|one| one.id).collect();
    let quotas = quotas::of_many(db, &limited).await?;
    for one in &mut found {
        one.quota_used = quotas.get(&one.id).map(|quota| quota.used);
        one.excluded =
            excluded.iter().filter(|(id, _)| *id == one.id.0).map(|(_, name)| name.clone()).collect();
    }
    Ok(found)
}

fn assignment(row: &Row) -> Result<Assignment, StoreError> {
    let license = |text: &str| LicenseKind::ALL.into_iter().find(|kind| kind.as_str() == text);
    Ok(Assignment {
        id: AssignmentId(row.get("id")?),
        token: TokenId(row.get("token_id")?),
        asset: AssetId(row.get("asset_id")?),
        key: asset_key(row.get("adam_id")?, &row.get::<String>("pricing_param")?),
        group: GroupId(row.get("group_id")?),
        group_name: row.get("group_name")?,
        intent: word_in(row, "intent", Intent::from_text)?,
        license: word_in(row, "license", license)?,
        priority: row.get("priority")?,
        auto_update: row.get("auto_update")?,
        pinned: row.get("pinned")?,
        quota: row.get("quota")?,
        excluded: Vec::new(),
        settings: settings::settings(row)?,
        configuration_keys: settings::configuration_keys(row)?,
        wanted: count(row.get("wanted")?),
        held: count(row.get("held")?),
        waiting: count(row.get("waiting")?),
        quota_used: None,
        created_by: row.get("created_by")?,
        created_at: time(row, "created_at")?,
        updated_at: time(row, "updated_at")?,
    })
}
