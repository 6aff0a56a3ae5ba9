//! Which assignments reach whom, by four ways: devices of a group, people of a group, the devices of a group's people, the people
//! of a group's devices.

use russet_domain::assignment::Intent;
use russet_domain::directory::{DeviceState, PersonState, Platform};
use russet_domain::lint::Enrollment;
use russet_domain::reconcile::{Claim, Fit};
use russet_domain::{AssetId, AssignmentId, DeviceId, Holder, PersonId, TokenId};

use crate::codec::{json, word};
use crate::engine::{Db, Row, Sql, bulk, sql};
use crate::error::StoreError;

/// The holders that a look is about: some devices and people, with whoever shares their fate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Looked {
    /// Devices, by number.
    pub(super) devices: Vec<i64>,
    /// People, by number.
    pub(super) people: Vec<i64>,
}

/// Marked devices and people, with the devices of these people and the people of these devices: an assignment to the one can reach
/// the other.
///
/// # Errors
/// As any statement.
pub(super) async fn holders_of(
    db: &mut Db,
    devices: &[DeviceId],
    people: &[PersonId],
) -> Result<Looked, StoreError> {
    const DEVICES: Sql = bulk!(
        "SELECT d.id FROM ",
        (0 id BIGINT),
        " CROSS JOIN devices d WHERE d.person_id = x.id"
    );
    const PEOPLE: Sql = bulk!(
        "SELECT d.person_id FROM ",
        (0 id BIGINT),
        " CROSS JOIN devices d WHERE d.id = x.id AND d.person_id IS NOT NULL"
    );
    let mut looked = Looked {
        devices: devices.iter().map(|id| id.0).collect(),
        people: people.iter().map(|id| id.0).collect(),
    };
    let more_devices = numbers(db, "looking up devices of people", DEVICES, &looked.people).await?;
    let more_people = numbers(db, "looking up people of devices", PEOPLE, &looked.devices).await?;
    for (all, more) in [(&mut looked.devices, more_devices), (&mut looked.people, more_people)] {
        all.extend(more);
        all.sort_unstable();
        all.dedup();
    }
    Ok(looked)
}

async fn numbers(db: &mut Db, doing: &'static str, text: Sql, ids: &[i64]) -> Result<Vec<i64>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<_> = ids.iter().map(|id| (id,)).collect();
    sql(doing, text).bind(json(&rows)?).all(db, |row| row.at(0)).await
}

/// A claim with its holder.
pub(super) struct Reached {
    pub(super) asset: AssetId,
    pub(super) token: TokenId,
    pub(super) holder: Holder,
    pub(super) claim: Claim,
    pub(super) fit: Fit,
    pub(super) platform: Platform,
}

/// Whether `assignments a` leaves a holder out; `$device` and `$person` are the numbers by which he is in groups, or NULL.
///
/// It begins with the groups that are left out, of which there are hardly any, and finds their members by their key: those of all
/// groups that somebody is in are many. A group's members are of one kind.
macro_rules! leaves_out {
    ($device:literal, $person:literal) => {
        concat!(
            "EXISTS (
                 SELECT 1
                 FROM assignment_exclusions z
                 CROSS JOIN group_members n
                 WHERE z.assignment_id = a.id
                   AND n.group_id = z.group_id
                   AND n.member_id IN (",
            $device,
            ", ",
            $person,
            ")
                   AND n.member_id = CASE n.member_kind WHEN 'd' THEN ",
            $device,
            " ELSE ",
            $person,
            " END)"
        )
    };
}
pub(super) use leaves_out;

/// The columns of a claim on a device, from `devices d`, `group_members m` and `assignments a`.
macro_rules! on_device {
    () => {
        concat!(
            "SELECT a.asset_id, a.token_id, d.serial, d.platform, d.state, d.enrollment, a.id, a.intent, a.priority, a.pinned, ",
            leaves_out!("d.id", "d.person_id"),
            " AS excluded "
        )
    };
}

/// The columns of a claim on a person, from `people p`, `group_members m` and `assignments a`; `$device` is the device by which it
/// reaches him, or NULL.
macro_rules! on_person {
    ($device:literal) => {
        concat!(
            "SELECT a.asset_id, a.token_id, p.client_user_id, p.state, a.id, a.intent, a.priority, a.pinned, ",
            leaves_out!($device, "p.id"),
            " AS excluded "
        )
    };
}

const DEVICE_TEXTS_OF_ASSET: [&str; 2] = [
    concat!(
        on_device!(),
        "FROM assignments a
         JOIN group_members m ON m.group_id = a.group_id AND CASE m.member_kind WHEN 'd' THEN true END
         JOIN devices d ON d.id = m.member_id
         WHERE a.asset_id = $1 AND a.license = 'device'"
    ),
    concat!(
        on_device!(),
        "FROM assignments a
         JOIN group_members m ON m.group_id = a.group_id AND CASE m.member_kind WHEN 'p' THEN true END
         JOIN devices d ON d.person_id = m.member_id
         WHERE a.asset_id = $1 AND a.license = 'device'"
    ),
];
const PERSON_TEXTS_OF_ASSET: [&str; 2] = [
    concat!(
        on_person!("NULL"),
        "FROM assignments a
         JOIN group_members m ON m.group_id = a.group_id AND CASE m.member_kind WHEN 'p' THEN true END
         JOIN people p ON p.id = m.member_id
         WHERE a.asset_id = $1 AND a.license = 'user'"
    ),
    concat!(
        on_person!("m.member_id"),
        "FROM assignments a
         JOIN group_members m ON m.group_id = a.group_id AND CASE m.member_kind WHEN 'd' THEN true END
         JOIN devices d ON d.id = m.member_id
         JOIN people p ON p.id = d.person_id
         WHERE a.asset_id = $1 AND a.license = 'user'"
    ),
];
/// The claims on some holders; `$from` is how assignments reach them.
macro_rules! by_place {
    ($columns:expr, $from:literal) => {
        bulk!(
            concat!($columns, "FROM "),
            (0 id BIGINT),
            concat!($from, " AND a.group_id = m.group_id AND ($2 IS NULL OR a.asset_id = $2)")
        )
    };
}

const DEVICES_BY_GROUP: Sql = by_place!(
    on_device!(),
    " CROSS JOIN devices d
      CROSS JOIN group_members m
      CROSS JOIN assignments a
      WHERE d.id = x.id AND m.member_kind = 'd' AND m.member_id = d.id AND CASE a.license WHEN 'device' THEN true END"
);
const DEVICES_BY_PERSON: Sql = by_place!(
    on_device!(),
    " CROSS JOIN devices d
      CROSS JOIN group_members m
      CROSS JOIN assignments a
      WHERE d.id = x.id AND m.member_kind = 'p' AND m.member_id = d.person_id AND CASE a.license WHEN 'device' THEN true END"
);
const PEOPLE_BY_GROUP: Sql = by_place!(
    on_person!("NULL"),
    " CROSS JOIN people p
      CROSS JOIN group_members m
      CROSS JOIN assignments a
      WHERE p.id = x.id AND m.member_kind = 'p' AND m.member_id = p.id AND CASE a.license WHEN 'user' THEN true END"
);
const PEOPLE_BY_DEVICE: Sql = by_place!(
    on_person!("d.id"),
    " CROSS JOIN people p
      CROSS JOIN devices d
      CROSS JOIN group_members m
      CROSS JOIN assignments a
      WHERE p.id = x.id AND d.person_id = p.id AND m.member_kind = 'd' AND m.member_id = d.id
        AND CASE a.license WHEN 'user' THEN true END"
);

/// The claims on some holders, of one asset or of all.
pub(super) async fn on_holders(
    db: &mut Db,
    looked: &Looked,
    asset: Option<AssetId>,
) -> Result<Vec<Reached>, StoreError> {
    let asset = asset.map(|asset| asset.0);
    let rows = |ids: &[i64]| json(&ids.iter().map(|id| (id,)).collect::<Vec<_>>());
    let (devices, people) = (rows(&looked.devices)?, rows(&looked.people)?);
    let mut found = Vec::new();
    if !looked.devices.is_empty() {
        for text in [DEVICES_BY_GROUP, DEVICES_BY_PERSON] {
            found.extend(
                sql("reading claims on devices", text)
                    .bind(devices.as_str())
                    .bind(asset)
                    .all(db, on_device)
                    .await?,
            );
        }
    }
    if !looked.people.is_empty() {
        for text in [PEOPLE_BY_GROUP, PEOPLE_BY_DEVICE] {
            found.extend(
                sql("reading claims on people", text)
                    .bind(people.as_str())
                    .bind(asset)
                    .all(db, on_person)
                    .await?,
            );
        }
    }
    Ok(found)
}

/// The claims on an asset.
pub(super) async fn on_asset(db: &mut Db, asset: AssetId) -> Result<Vec<Reached>, StoreError> {
    let mut found = Vec::new();
    for text in DEVICE_TEXTS_OF_ASSET {
        found.extend(sql("reading claims on devices", text).bind(asset.0).all(db, on_device).await?);
    }
    for text in PERSON_TEXTS_OF_ASSET {
        found.extend(sql("reading claims on people", text).bind(asset.0).all(db, on_person).await?);
    }
    Ok(found)
}

fn on_device(row: &Row) -> Result<Reached, StoreError> {
    let (state, enrollment) = (row.at::<String>(4)?, row.at::<Option<String>>(5)?);
    Ok(Reached {
        asset: AssetId(row.at(0)?),
        token: TokenId(row.at(1)?),
        holder: Holder::Device(row.at(2)?),
        platform: word("a platform", &row.at::<String>(3)?, Platform::from_text)?,
        fit: device_fit(&state, enrollment.as_deref())?,
        claim: claim(row, 6)?,
    })
}

fn on_person(row: &Row) -> Result<Reached, StoreError> {
    Ok(Reached {
        asset: AssetId(row.at(0)?),
        token: TokenId(row.at(1)?),
        holder: Holder::User(row.at(2)?),
        platform: Platform::Unknown,
        fit: person_fit(&row.at::<String>(3)?)?,
        claim: claim(row, 4)?,
    })
}

fn claim(row: &Row, first: usize) -> Result<Claim, StoreError> {
    Ok(Claim {
        assignment: AssignmentId(row.at(first)?),
        intent: word("an intent", &row.at::<String>(first + 1)?, Intent::from_text)?,
        priority: row.at(first + 2)?,
        pinned: row.at(first + 3)?,
        excluded: row.at(first + 4)?,
    })
}

/// Whether a device can be given something.
pub(super) fn device_fit(state: &str, enrollment: Option<&str>) -> Result<Fit, StoreError> {
    let user_only = Enrollment::ALL
        .into_iter()
        .any(|way| Some(way.as_str()) == enrollment && way.takes_user_licenses_only());
    Ok(match word("a device's state", state, DeviceState::from_text)? {
        DeviceState::Enrolled if user_only => Fit::UserEnrollment,
        DeviceState::Enrolled => Fit::Yes,
        DeviceState::Unenrolled => Fit::Unenrolled,
        DeviceState::Deleted => Fit::Deleted,
    })
}

/// Whether a person can be given something.
pub(super) fn person_fit(state: &str) -> Result<Fit, StoreError> {
    Ok(match word("a person's state", state, PersonState::from_text)? {
        PersonState::Active => Fit::Yes,
        PersonState::Deleted => Fit::Deleted,
    })
}
