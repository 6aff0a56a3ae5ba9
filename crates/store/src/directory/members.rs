//! Who is in which group: replaced as a whole, or changed by a difference.

use std::collections::HashSet;

use russet_domain::directory::GroupKind;
use russet_domain::{DeviceId, PersonId, Timestamp};

use super::groups::Group;
use super::lock;
use crate::codec::{count, int, json};
use crate::engine::{Db, Sql, Tx, bulk, sql};
use crate::error::StoreError;
use crate::marks;

/// How a group is to change. Members are named by serial number or `client_user_id`, as the group's kind says.
#[derive(Clone, Copy, Debug)]
pub enum Change<'a> {
    /// These are the members, and nobody else.
    Replace(&'a [String]),
    /// These come and those go.
    Difference {
        /// Who comes.
        add: &'a [String],
        /// Who goes.
        remove: &'a [String],
    },
}

/// What came of a change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// Members that were none before.
    pub added: u64,
    /// Members that are none any more.
    pub removed: u64,
    /// All members now.
    pub members: u64,
    /// Names among those that were to come and are not known: nothing was changed when there are any.
    pub unknown: Vec<String>,
}

/// Changes a group's members, and marks whoever came or went. When some who are to come are not known, nothing is changed and
/// they are named. May be repeated.
///
/// # Errors
/// As any statement.
pub async fn change(
    tx: &mut Tx,
    group: &Group,
    change: Change<'_>,
    now: Timestamp,
) -> Result<Changed, StoreError> {
    lock(tx).await?;
    let (wanted, gone) = match change {
        Change::Replace(all) => (all, None),
        Change::Difference { add, remove } => (add, Some(remove)),
    };
    let known = ids_of(tx, group.kind, wanted).await?;
    if known.len() < wanted.iter().collect::<HashSet<_>>().len() {
        let known: HashSet<&str> = known.iter().map(|(name, _)| name.as_str()).collect();
        let unknown = wanted.iter().filter(|name| !known.contains(name.as_str())).cloned().collect();
        return Ok(Changed { unknown, ..Changed::default() });
    }
    let ids: Vec<i64> = known.into_iter().map(|(_, id)| id).collect();
    let removed = match gone {
        None => remove_others(tx, group, &ids).await?,
        Some(gone) => {
            let gone = ids_of(tx, group.kind, gone).await?;
            let kept: HashSet<i64> = ids.iter().copied().collect();
            let gone: Vec<i64> = gone.into_iter().map(|(_, id)| id).filter(|id| !kept.contains(id)).collect();
            remove_these(tx, group, &gone).await?
        }
    };
    let added = add(tx, group, &ids, now).await?;
    let members = recount(tx, group, now).await?;
    let moved: Vec<i64> = added.iter().chain(&removed).copied().collect();
    mark(tx, group.kind, &moved, now).await?;
    Ok(Changed {
        added: count(int(added.len())),
        removed: count(int(removed.len())),
        members,
        unknown: Vec::new(),
    })
}

/// Marks all members of a group: it is about to be deleted, or its assignments are.
///
/// # Errors
/// As any statement.
pub async fn mark_all(tx: &mut Tx, group: &Group, now: Timestamp) -> Result<(), StoreError> {
    let kind = match group.kind {
        GroupKind::Devices => "device",
        GroupKind::People => "person",
    };
    sql(
        "marking a group's members",
        "INSERT INTO reconcile_marks (kind, subject, marked_at)
         SELECT $2, member_id, $3
         FROM group_members
         WHERE group_id = $1
         ON CONFLICT (kind, subject) DO NOTHING",
    )
    .bind(group.id.0)
    .bind(kind)
    .bind(now.0)
    .run(tx)
    .await?;
    Ok(())
}

/// The names of a group's members, in their order, after a name.
///
/// # Errors
/// As any statement.
pub async fn list(
    db: &mut Db,
    group: &Group,
    limit: usize,
    after: Option<&str>,
) -> Result<Vec<String>, StoreError> {
    let text = match group.kind {
        GroupKind::Devices => {
            "SELECT d.serial AS name
             FROM group_members m
             JOIN devices d ON d.id = m.member_id
             WHERE m.group_id = $1 AND d.serial > $2
             ORDER BY d.serial
             LIMIT $3"
        }
        GroupKind::People => {
            "SELECT p.client_user_id AS name
             FROM group_members m
             JOIN people p ON p.id = m.member_id
             WHERE m.group_id = $1 AND p.client_user_id > $2
             ORDER BY p.client_user_id
             LIMIT $3"
        }
    };
    sql("listing a group's members", text)
        .bind(group.id.0)
        .bind(after.unwrap_or(""))
        .bind(int(limit))
        .all(db, |row| row.get("name"))
        .await
}

/// Takes a member out of every group. The caller marks it.
pub(super) async fn leave_all(tx: &mut Tx, kind: &'static str, member: i64) -> Result<(), StoreError> {
    sql(
        "counting a member out of its groups",
        "UPDATE groups
         SET members = members - 1
         WHERE id IN (SELECT group_id FROM group_members WHERE member_kind = $1 AND member_id = $2)",
    )
    .bind(kind)
    .bind(member)
    .run(tx)
    .await?;
    sql(
        "taking a member out of its groups",
        "DELETE FROM group_members WHERE member_kind = $1 AND member_id = $2",
    )
    .bind(kind)
    .bind(member)
    .run(tx)
    .await?;
    Ok(())
}

async fn ids_of(tx: &mut Tx, kind: GroupKind, names: &[String]) -> Result<Vec<(String, i64)>, StoreError> {
    const DEVICES: Sql = bulk!(
        "SELECT DISTINCT d.serial, d.id
         FROM ",
        (0 name TEXT),
        " CROSS JOIN devices d
          WHERE d.serial = x.name AND d.state <> 'deleted'"
    );
    const PEOPLE: Sql = bulk!(
        "SELECT DISTINCT p.client_user_id, p.id
         FROM ",
        (0 name TEXT),
        " CROSS JOIN people p
          WHERE p.client_user_id = x.name AND p.state <> 'deleted'"
    );
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<_> = names.iter().map(|name| (name,)).collect();
    let text = match kind {
        GroupKind::Devices => DEVICES,
        GroupKind::People => PEOPLE,
    };
    sql("looking up members by name", text)
        .bind(json(&rows)?)
        .all(tx, |row| Ok((row.at(0)?, row.at(1)?)))
        .await
}

async fn remove_others(tx: &mut Tx, group: &Group, ids: &[i64]) -> Result<Vec<i64>, StoreError> {
    const REMOVE: Sql = bulk!(
        "DELETE FROM group_members
         WHERE group_id = $2
           AND member_id NOT IN (SELECT x.id FROM ",
        (0 id BIGINT),
        ")
         RETURNING member_id"
    );
    remove(tx, REMOVE, group, ids).await
}

async fn remove_these(tx: &mut Tx, group: &Group, ids: &[i64]) -> Result<Vec<i64>, StoreError> {
    const REMOVE: Sql = bulk!(
        "DELETE FROM group_members
         WHERE group_id = $2
           AND member_id IN (SELECT x.id FROM ",
        (0 id BIGINT),
        ")
         RETURNING member_id"
    );
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    remove(tx, REMOVE, group, ids).await
}

async fn remove(tx: &mut Tx, text: Sql, group: &Group, ids: &[i64]) -> Result<Vec<i64>, StoreError> {
    let rows: Vec<_> = ids.iter().map(|id| (id,)).collect();
    sql("taking members out of a group", text)
        .bind(json(&rows)?)
        .bind(group.id.0)
        .all(tx, |row| row.at(0))
        .await
}

async fn add(tx: &mut Tx, group: &Group, ids: &[i64], now: Timestamp) -> Result<Vec<i64>, StoreError> {
    const ADD: Sql = bulk!(
        "INSERT INTO group_members (group_id, member_id, member_kind, since)
         SELECT $2, x.id, $3, $4
         FROM ",
        (0 id BIGINT),
        " WHERE true
          ON CONFLICT (group_id, member_id) DO NOTHING
          RETURNING member_id"
    );
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<_> = ids.iter().map(|id| (id,)).collect();
    sql("putting members into a group", ADD)
        .bind(json(&rows)?)
        .bind(group.id.0)
        .bind(match group.kind {
            GroupKind::Devices => "d",
            GroupKind::People => "p",
        })
        .bind(now.0)
        .all(tx, |row| row.at(0))
        .await
}

async fn recount(tx: &mut Tx, group: &Group, now: Timestamp) -> Result<u64, StoreError> {
    sql(
        "counting a group's members",
        "UPDATE groups
         SET members = (SELECT count(*) FROM group_members WHERE group_id = $1), updated_at = $2
         WHERE id = $1
         RETURNING members",
    )
    .bind(group.id.0)
    .bind(now.0)
    .one(tx, |row| row.at(0).map(count))
    .await
}

async fn mark(tx: &mut Tx, kind: GroupKind, ids: &[i64], now: Timestamp) -> Result<(), StoreError> {
    match kind {
        GroupKind::Devices => {
            let ids: Vec<DeviceId> = ids.iter().copied().map(DeviceId).collect();
            marks::mark_devices(tx, &ids, now).await
        }
        GroupKind::People => {
            let ids: Vec<PersonId> = ids.iter().copied().map(PersonId).collect();
            marks::mark_people(tx, &ids, now).await
        }
    }
}
