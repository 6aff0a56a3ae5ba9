//! Devices: told of one by one or by the hundred thousand, found, listed, unenrolled and deleted.

use russet_domain::directory::{DeviceState, Platform};
use russet_domain::lint::Enrollment;
use russet_domain::prompts::Ownership;
use russet_domain::{DeviceId, PersonId, Timestamp};

use super::{BATCH, Told, lock};
use crate::codec::{count, int, json, maybe_time, time, word_in};
use crate::engine::{Db, Row, Sql, Tx, bulk, sql};
use crate::error::StoreError;
use crate::{declared, marks};

/// What is told of a device. What is not told stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewDevice {
    /// Its serial number.
    pub serial: String,
    /// Its platform.
    pub platform: Option<Platform>,
    /// Its system's version.
    pub os_version: Option<String>,
    /// Who owns it.
    pub ownership: Option<Ownership>,
    /// Whether it is supervised.
    pub supervised: Option<bool>,
    /// Whether it is a kiosk.
    pub kiosk: Option<bool>,
    /// How it was enrolled.
    pub enrollment: Option<Enrollment>,
    /// Whether it is enrolled; a device that was deleted is enrolled again by being told of.
    pub enrolled: Option<bool>,
    /// The MDM server that manages it, by name.
    pub mdm: Option<String>,
    /// What that server calls it.
    pub mdm_enrollment_id: Option<String>,
    /// Whose it is, by `client_user_id`; empty: nobody's. A person who is not known becomes known.
    pub person: Option<String>,
    /// When it was last seen.
    pub last_seen_at: Option<Timestamp>,
    /// Its time zone, an IANA name.
    pub time_zone: Option<String>,
}

/// A device as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its number.
    pub id: DeviceId,
    /// Its serial number.
    pub serial: String,
    /// Its platform.
    pub platform: Platform,
    /// Its system's version.
    pub os_version: Option<String>,
    /// Who owns it: `personal` or `corporate`.
    pub ownership: Option<String>,
    /// Whether it is supervised.
    pub supervised: Option<bool>,
    /// Whether it is a kiosk.
    pub kiosk: bool,
    /// How it was enrolled, in the domain's words.
    pub enrollment: Option<String>,
    /// Whether it is managed.
    pub state: DeviceState,
    /// Since when.
    pub state_at: Timestamp,
    /// The MDM server that manages it.
    pub mdm: Option<String>,
    /// What that server calls it.
    pub mdm_enrollment_id: Option<String>,
    /// Whose it is, by `client_user_id`.
    pub person: Option<String>,
    /// When it was last seen.
    pub last_seen_at: Option<Timestamp>,
    /// Its time zone, an IANA name.
    pub time_zone: Option<String>,
    /// When it last told its managed apps.
    pub apps_told_at: Option<Timestamp>,
    /// When it was first told of.
    pub created_at: Timestamp,
    /// When anything of it last changed.
    pub updated_at: Timestamp,
}

/// What a list of devices is narrowed to.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only those in this state.
    pub state: Option<DeviceState>,
    /// Only those of this platform.
    pub platform: Option<Platform>,
    /// Only those of this person, by `client_user_id`.
    pub person: Option<String>,
    /// Only those whose serial number begins so.
    pub prefix: Option<String>,
}

/// Reads devices, called `d`, with their persons.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT d.id, d.serial, d.platform, d.os_version, d.ownership, d.supervised, d.kiosk, d.enrollment, d.state,
                    d.state_at, d.mdm, d.mdm_enrollment_id, p.client_user_id AS person, d.last_seen_at, d.time_zone,
                    d.apps_told_at, d.created_at, d.updated_at
             FROM devices d
             LEFT JOIN people p ON p.id = d.person_id ",
            $rest
        )
    };
}
pub(super) use select;

/// Writes what is told of devices; of several rows with one serial number the last stands. May be repeated.
///
/// # Errors
/// As any statement.
pub async fn tell(tx: &mut Tx, devices: &[NewDevice], now: Timestamp) -> Result<Told, StoreError> {
    lock(tx).await?;
    let mut told = Told::default();
    for batch in devices.chunks(BATCH) {
        let rows = rows_of(batch)?;
        meet_people(tx, &rows, now).await?;
        mark_moved(tx, &rows, now).await?;
        let before = number(tx).await?;
        write(tx, &rows, now).await?;
        declared::mark_strays(tx, &rows, now).await?;
        mark_new(tx, before, now).await?;
        told.new += count(number(tx).await? - before);
        told.all += count(int(batch.len()));
    }
    Ok(told)
}

/// The rows as JSON, each serial once.
fn rows_of(batch: &[NewDevice]) -> Result<String, StoreError> {
    let mut seen = std::collections::HashSet::with_capacity(batch.len());
    let rows: Vec<_> = batch
        .iter()
        .rev()
        .filter(|device| seen.insert(device.serial.as_str()))
        .map(|device| {
            (
                &device.serial,
                device.platform.map(Platform::as_str),
                &device.os_version,
                device.ownership.map(Ownership::as_str),
                device.supervised,
                device.kiosk,
                device.enrollment.map(Enrollment::as_str),
                device.enrolled.map(|enrolled| state_of(enrolled).as_str()),
                &device.mdm,
                &device.mdm_enrollment_id,
                &device.person,
                device.last_seen_at.map(|at| at.0),
                &device.time_zone,
            )
        })
        .collect();
    json(&rows)
}

fn state_of(enrolled: bool) -> DeviceState {
    if enrolled { DeviceState::Enrolled } else { DeviceState::Unenrolled }
}

/// How many devices there are. Nobody else writes any while we hold the lock.
async fn number(tx: &mut Tx) -> Result<i64, StoreError> {
    sql("counting devices", "SELECT count(*) AS found FROM devices").one(tx, |row| row.get("found")).await
}

async fn meet_people(tx: &mut Tx, rows: &str, now: Timestamp) -> Result<(), StoreError> {
    const MEET: Sql = bulk!(
        "INSERT INTO people (client_user_id, state, state_at, created_at, updated_at)
         SELECT DISTINCT x.person, 'active', $2, $2, $2
         FROM ",
        (0 serial TEXT, 10 person TEXT),
        " WHERE x.person <> ''
         ON CONFLICT (client_user_id) DO NOTHING"
    );
    sql("meeting people by their devices", MEET).bind(rows).bind(now.0).run(tx).await?;
    Ok(())
}

/// Marks devices, and the people they were and will be of, where what is told can move a license.
async fn mark_moved(tx: &mut Tx, rows: &str, now: Timestamp) -> Result<(), StoreError> {
    const MOVED: Sql = bulk!(
        "SELECT d.id, d.person_id, p.id
         FROM ",
        (0 serial TEXT, 1 platform TEXT, 6 enrollment TEXT, 7 state TEXT, 10 person TEXT),
        " CROSS JOIN devices d
          LEFT JOIN people p ON p.client_user_id = x.person
          WHERE d.serial = x.serial
            AND (coalesce(x.platform, d.platform) <> d.platform
              OR coalesce(x.enrollment, d.enrollment, '') <> coalesce(d.enrollment, '')
              OR coalesce(x.state, CASE WHEN d.state = 'deleted' THEN 'enrolled' ELSE d.state END) <> d.state
              OR (x.person IS NOT NULL AND coalesce(p.id, 0) <> coalesce(d.person_id, 0)))"
    );
    let (mut devices, mut people) = (Vec::new(), Vec::new());
    sql("looking for devices that move", MOVED)
        .bind(rows)
        .all(tx, |row| {
            devices.push(DeviceId(row.at(0)?));
            people.extend(row.at::<Option<i64>>(1)?.map(PersonId));
            people.extend(row.at::<Option<i64>>(2)?.map(PersonId));
            Ok(())
        })
        .await?;
    marks::mark_devices(tx, &devices, now).await?;
    marks::mark_people(tx, &people, now).await
}

/// A new device is of a person who may have apps for all of his devices.
async fn mark_new(tx: &mut Tx, before: i64, now: Timestamp) -> Result<(), StoreError> {
    if number(tx).await? == before {
        return Ok(());
    }
    sql(
        "marking new devices of people",
        "INSERT INTO reconcile_marks (kind, subject, marked_at)
         SELECT 'device', id, $1
         FROM devices
         WHERE created_at = $1 AND person_id IS NOT NULL
         ON CONFLICT (kind, subject) DO NOTHING",
    )
    .bind(now.0)
    .run(tx)
    .await?;
    Ok(())
}

async fn write(tx: &mut Tx, rows: &str, now: Timestamp) -> Result<(), StoreError> {
    const WRITE: Sql = bulk!(
        "INSERT INTO devices
             (serial, platform, os_version, ownership, supervised, kiosk, enrollment, state, state_at, mdm,
              mdm_enrollment_id, person_id, last_seen_at, time_zone, created_at, updated_at)
         SELECT x.serial, coalesce(x.platform, 'unknown'), x.os_version, x.ownership, x.supervised,
                coalesce(x.kiosk, false), x.enrollment, coalesce(x.state, 'enrolled'), $2, x.mdm, x.mdm_enrollment_id,
                p.id, x.last_seen_at, x.time_zone, $2, $2
         FROM ",
        (0 serial TEXT, 1 platform TEXT, 2 os_version TEXT, 3 ownership TEXT, 4 supervised BOOLEAN, 5 kiosk BOOLEAN,
         6 enrollment TEXT, 7 state TEXT, 8 mdm TEXT, 9 mdm_enrollment_id TEXT, 10 person TEXT, 11 last_seen_at BIGINT,
         12 time_zone TEXT),
        " LEFT JOIN people p ON p.client_user_id = x.person
          WHERE true
          ON CONFLICT (serial) DO NOTHING"
    );
    const CHANGE: Sql = bulk!(
        "UPDATE devices
         SET platform = coalesce(x.platform, devices.platform),
             os_version = coalesce(x.os_version, devices.os_version),
             ownership = coalesce(x.ownership, devices.ownership),
             supervised = coalesce(x.supervised, devices.supervised),
             kiosk = coalesce(x.kiosk, devices.kiosk),
             enrollment = coalesce(x.enrollment, devices.enrollment),
             state_at = CASE
                 WHEN coalesce(x.state, CASE WHEN devices.state = 'deleted' THEN 'enrolled' ELSE devices.state END)
                      <> devices.state THEN $2 ELSE devices.state_at END,
             state = coalesce(x.state, CASE WHEN devices.state = 'deleted' THEN 'enrolled' ELSE devices.state END),
             mdm = coalesce(x.mdm, devices.mdm),
             mdm_enrollment_id = coalesce(x.mdm_enrollment_id, devices.mdm_enrollment_id),
             person_id = CASE
                 WHEN x.person IS NULL THEN devices.person_id
                 ELSE (SELECT p.id FROM people p WHERE p.client_user_id = x.person) END,
             last_seen_at = coalesce(x.last_seen_at, devices.last_seen_at),
             time_zone = coalesce(x.time_zone, devices.time_zone),
             updated_at = $2
         FROM ",
        (0 serial TEXT, 1 platform TEXT, 2 os_version TEXT, 3 ownership TEXT, 4 supervised BOOLEAN, 5 kiosk BOOLEAN,
         6 enrollment TEXT, 7 state TEXT, 8 mdm TEXT, 9 mdm_enrollment_id TEXT, 10 person TEXT, 11 last_seen_at BIGINT,
         12 time_zone TEXT),
        " WHERE devices.serial = x.serial"
    );
    sql("changing devices", CHANGE).bind(rows).bind(now.0).run(tx).await?;
    sql("writing new devices", WRITE).bind(rows).bind(now.0).run(tx).await?;
    Ok(())
}

/// A device by serial number, deleted ones too.
///
/// # Errors
/// As any statement.
pub async fn find(db: &mut Db, serial: &str) -> Result<Option<Device>, StoreError> {
    sql("reading a device", select!("WHERE d.serial = $1")).bind(serial).maybe(db, device).await
}

/// Devices in the order of their numbers, after a number.
///
/// # Errors
/// As any statement.
pub async fn list(
    db: &mut Db,
    filter: &Filter,
    limit: usize,
    after: Option<DeviceId>,
) -> Result<Vec<Device>, StoreError> {
    sql(
        "listing devices",
        select!(
            "WHERE d.id > $1
               AND ($2 IS NULL OR d.state = $2)
               AND ($3 IS NULL OR d.platform = $3)
               AND ($4 IS NULL OR p.client_user_id = $4)
               AND ($5 IS NULL OR (d.serial >= $5 AND d.serial < $6))
             ORDER BY d.id
             LIMIT $7"
        ),
    )
    .bind(after.map_or(0, |after| after.0))
    .bind(filter.state.map(DeviceState::as_str))
    .bind(filter.platform.map(Platform::as_str))
    .bind(filter.person.as_deref())
    .bind(filter.prefix.as_deref())
    .bind(filter.prefix.as_ref().map(|prefix| format!("{prefix}\u{10ffff}")))
    .bind(int(limit))
    .all(db, device)
    .await
}

/// Sets whether a device is managed; a deleted one leaves its groups and its person. Tells whether that is news.
///
/// # Errors
/// As any statement.
pub async fn set_state(
    tx: &mut Tx,
    device: &Device,
    state: DeviceState,
    now: Timestamp,
) -> Result<bool, StoreError> {
    if device.state == state {
        return Ok(false);
    }
    sql(
        "setting whether a device is managed",
        "UPDATE devices SET state = $2, state_at = $3, updated_at = $3 WHERE id = $1",
    )
    .bind(device.id.0)
    .bind(state.as_str())
    .bind(now.0)
    .run(tx)
    .await?;
    if state == DeviceState::Deleted {
        super::members::leave_all(tx, "d", device.id.0).await?;
    }
    if state != DeviceState::Enrolled {
        declared::mark_strays(tx, &json(&[(&device.serial,)])?, now).await?;
    }
    marks::mark_devices(tx, &[device.id], now).await?;
    Ok(true)
}

pub(super) fn device(row: &Row) -> Result<Device, StoreError> {
    Ok(Device {
        id: DeviceId(row.get("id")?),
        serial: row.get("serial")?,
        platform: word_in(row, "platform", Platform::from_text)?,
        os_version: row.get("os_version")?,
        ownership: row.get("ownership")?,
        supervised: row.get("supervised")?,
        kiosk: row.get("kiosk")?,
        enrollment: row.get("enrollment")?,
        state: word_in(row, "state", DeviceState::from_text)?,
        state_at: time(row, "state_at")?,
        mdm: row.get("mdm")?,
        mdm_enrollment_id: row.get("mdm_enrollment_id")?,
        person: row.get("person")?,
        last_seen_at: maybe_time(row, "last_seen_at")?,
        time_zone: row.get("time_zone")?,
        apps_told_at: maybe_time(row, "apps_told_at")?,
        created_at: time(row, "created_at")?,
        updated_at: time(row, "updated_at")?,
    })
}
