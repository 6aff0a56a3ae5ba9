//! About whom there is anything to decide: a run over everything looks at these alone, since nearly everybody has what he is to
//! have.
//!
//! What is left out here is left out because the decision could not be other than what stands: the holder has the license and
//! nothing is on its way, or is about to get it or waits for it; the assignment that gave it reaches him still, and no stricter one
//! does. Whoever is named needlessly costs time and nothing else.

use russet_domain::AssetId;

use super::claims::{Looked, leaves_out};
use crate::engine::{Db, Sql, sql};
use crate::error::StoreError;

/// Above so many, all of an asset is read at once: that is cheaper than place by place.
const SEVERAL_MAX: usize = 1_000;

/// Whether claims of `assignments a` leave something to decide, by `entitlements e` of their holder, the assignment `w` that gave
/// that, the license `l`, what is on its way `c`, whether the holder is fit and whether the claim leaves him out: a row for each
/// holder about whom there is, and one that counts those who are settled by their own claim.
///
/// A claim that is not the one that gave the license is settled when it loses against that one; that one's own claim tells
/// whether it holds still, and [`STRAYS`] finds those whom it does not reach any more.
///
/// What is of the asset is read as a whole, a part of each index, and put side by side; `$fence` keeps PostgreSQL from asking for
/// each holder by himself, which takes more than twice as long. Requests, of which there are few, are counted and not asked for by
/// EXISTS, which it answers by reading all of a table that it believes to be small.
macro_rules! unsettled {
    (@asked $holder:literal, $id:literal) => {
        concat!(
            "((SELECT count(*) FROM app_requests o WHERE o.asset_id = a.asset_id AND o.holder_kind = ", $holder,
            " AND o.holder_id = ", $id, ") > 0)"
        )
    };
    (@of $table:literal, $columns:literal, $holder:literal, $more:literal, $fence:literal) => {
        concat!(
            "(SELECT ", $columns, " FROM ", $table, " o WHERE o.asset_id = $1 AND o.holder_kind = ", $holder, $more, $fence, ")"
        )
    };
    ($fence:literal, $who:literal, $from:literal, $holder:literal, $id:literal, $fit:literal, $excluded:expr) => {
        concat!(
            "SELECT CASE WHEN settled IS NOT TRUE THEN who END AS unsettled, count(DISTINCT CASE WHEN own THEN who END) AS own
             FROM (
                 SELECT ", $who, " AS who, e.assignment_id = a.id AS own, CASE
                     WHEN a.id IN (SELECT assignment_id FROM assignment_exclusions) AND ", $excluded, "
                         THEN e.assignment_id IS NULL OR e.assignment_id <> a.id
                     WHEN e.assignment_id IS NULL THEN
                         a.intent <> 'uninstall'
                         AND (NOT (", $fit, ") OR (a.intent = 'available' AND NOT ", unsettled!(@asked $holder, $id), "))
                     WHEN e.state <> 'wanted' OR e.intent <> w.intent THEN false
                     WHEN e.assignment_id = a.id THEN
                         e.pinned = a.pinned
                         AND (", $fit, ")
                         AND (a.intent = 'required' OR (a.intent = 'available' AND ", unsettled!(@asked $holder, $id), "))
                         AND CASE
                             WHEN l.held THEN c.assigns IS NULL
                             ELSE coalesce(c.assigns, 0) > 0 AND c.revokes = 0
                         END
                     ELSE (a.intent = 'available' AND w.intent = 'required')
                       OR (a.intent = w.intent AND (a.priority < w.priority OR (a.priority = w.priority AND a.id > w.id)))
                     END AS settled ", $from, "
                 LEFT JOIN ",
            unsettled!(@of "entitlements", "holder_id, assignment_id, state, intent, pinned", $holder, "", $fence),
            " AS e ON e.holder_id = ", $id, "
                 LEFT JOIN assignments w ON w.id = e.assignment_id
                 LEFT JOIN ",
            unsettled!(@of "licenses", "holder_id, held", $holder, " AND o.held", $fence),
            " AS l ON l.holder_id = ", $id, "
                 LEFT JOIN ",
            unsettled!(
                @of "changes",
                "holder_id, count(CASE o.action WHEN 'assign' THEN 1 END) AS assigns, count(CASE o.action WHEN 'revoke' THEN 1 END) AS revokes",
                $holder,
                " AND o.slot IS NOT NULL GROUP BY o.holder_id",
                $fence
            ),
            " AS c ON c.holder_id = ", $id, "
                 WHERE a.asset_id = $1) AS claims
             GROUP BY 1"
        )
    };
}

/// One statement for each database.
macro_rules! statements {
    ($what:ident, $($of:tt)+) => {
        Sql { sqlite: $what!("", $($of)+), postgres: $what!(" OFFSET 0", $($of)+) }
    };
}

/// The same for devices.
macro_rules! unsettled_devices {
    ($fence:literal, $from:literal) => {
        unsettled!(
            $fence,
            "d.id",
            $from,
            "'d'",
            "d.serial",
            "d.state = 'enrolled' AND (d.enrollment IS NULL OR d.enrollment NOT IN ('user', 'account_driven_user'))",
            leaves_out!("d.id", "d.person_id")
        )
    };
}

const DEVICES: [Sql; 2] = [
    statements!(
        unsettled_devices,
        "FROM assignments a
         JOIN group_members m ON m.group_id = a.group_id AND CASE m.member_kind WHEN 'd' THEN true END AND a.license = 'device'
         JOIN devices d ON d.id = m.member_id"
    ),
    statements!(
        unsettled_devices,
        "FROM assignments a
         JOIN group_members m ON m.group_id = a.group_id AND CASE m.member_kind WHEN 'p' THEN true END AND a.license = 'device'
         JOIN devices d ON d.person_id = m.member_id"
    ),
];

/// The same for people.
macro_rules! unsettled_people {
    ($fence:literal, $from:literal, $device:literal) => {
        unsettled!(
            $fence,
            "p.id",
            $from,
            "'u'",
            "p.client_user_id",
            "p.state = 'active'",
            leaves_out!($device, "p.id")
        )
    };
}

const PEOPLE: [Sql; 2] = [
    statements!(
        unsettled_people,
        "FROM assignments a
         JOIN group_members m ON m.group_id = a.group_id AND CASE m.member_kind WHEN 'p' THEN true END AND a.license = 'user'
         JOIN people p ON p.id = m.member_id",
        "NULL"
    ),
    statements!(
        unsettled_people,
        "FROM assignments a
         JOIN group_members m ON m.group_id = a.group_id AND CASE m.member_kind WHEN 'd' THEN true END AND a.license = 'user'
         JOIN devices d ON d.id = m.member_id
         JOIN people p ON p.id = d.person_id",
        "m.member_id"
    ),
];

/// Those whom the assignment that gave them the app does not reach any more.
const STRAYS: &str = "SELECT d.id AS device, p.id AS person
     FROM entitlements e
     LEFT JOIN assignments a
       ON a.id = e.assignment_id AND a.license = CASE e.holder_kind WHEN 'd' THEN 'device' ELSE 'user' END
     LEFT JOIN devices d ON e.holder_kind = 'd' AND d.serial = e.holder_id
     LEFT JOIN people p ON e.holder_kind = 'u' AND p.client_user_id = e.holder_id
     WHERE e.asset_id = $1
       AND NOT EXISTS (
           SELECT 1 FROM group_members m WHERE m.group_id = a.group_id AND m.member_id = d.id AND m.member_kind || '' = 'd')
       AND NOT EXISTS (
           SELECT 1
           FROM group_members m
           WHERE m.group_id = a.group_id AND m.member_id = coalesce(p.id, d.person_id)
             AND m.member_kind || '' = 'p')
       AND NOT EXISTS (
           SELECT 1
           FROM devices o
           JOIN group_members m ON m.member_id = o.id AND m.group_id = a.group_id AND m.member_kind || '' = 'd'
           WHERE o.person_id = p.id)
     LIMIT $2";

/// The holders of an asset about whom there is something to decide; nothing if they are many, or if somebody has the asset whom
/// the directory does not know.
///
/// # Errors
/// As any statement.
pub(super) async fn of_asset(db: &mut Db, asset: AssetId) -> Result<Option<Looked>, StoreError> {
    let mut looked = Looked::default();
    let mut settled = 0;
    db.put_side_by_side(true).await?;
    for (texts, ids) in [(DEVICES, &mut looked.devices), (PEOPLE, &mut looked.people)] {
        for text in texts {
            let found = sql("looking for what is not settled", text).bind(asset.0);
            for (id, own) in found.all(db, |row| Ok((row.at::<Option<i64>>(0)?, row.at::<i64>(1)?))).await? {
                match id {
                    Some(id) => ids.push(id),
                    None => settled += own,
                }
            }
        }
    }
    db.put_side_by_side(false).await?;
    let given =
        sql("counting who was given an asset", "SELECT count(*) FROM entitlements WHERE asset_id = $1");
    // Where everybody who was given it is settled, nobody can be out of reach.
    if given.bind(asset.0).one(db, |row| row.at::<i64>(0)).await? > settled
        && !strays(db, asset, &mut looked).await?
    {
        return Ok(None);
    }
    for ids in [&mut looked.devices, &mut looked.people] {
        ids.sort_unstable();
        ids.dedup();
    }
    Ok(Some(looked).filter(|looked| looked.devices.len() + looked.people.len() <= SEVERAL_MAX))
}

/// Adds those who are out of reach; tells whether the directory knows all of them.
async fn strays(db: &mut Db, asset: AssetId, looked: &mut Looked) -> Result<bool, StoreError> {
    let limit = i64::try_from(SEVERAL_MAX).unwrap_or(i64::MAX).saturating_add(1);
    let strays = sql("looking for who is not reached any more", STRAYS).bind(asset.0).bind(limit);
    for stray in strays.all(db, |row| Ok((row.at::<Option<i64>>(0)?, row.at::<Option<i64>>(1)?))).await? {
        match stray {
            (Some(device), _) => looked.devices.push(device),
            (None, Some(person)) => looked.people.push(person),
            (None, None) => return Ok(false),
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use russet_domain::lint::Enrollment;

    use super::DEVICES;

    #[test]
    fn the_statement_names_the_ways_of_enrollment_that_take_no_device_licenses() {
        for way in Enrollment::ALL {
            let is_named = DEVICES.iter().all(|text| text.sqlite.contains(&format!("'{}'", way.as_str())));
            // `device` is a word of the statement for other reasons, too.
            if way != Enrollment::Device {
                assert_eq!(is_named, way.takes_user_licenses_only(), "{}", way.as_str());
            }
        }
    }
}
