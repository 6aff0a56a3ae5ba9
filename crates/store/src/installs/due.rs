//! Which installs something is to be done about.

use russet_domain::directory::Platform;
use russet_domain::install::Window;
use russet_domain::lint::Enrollment;
use russet_domain::{AssignmentId, CommandId, ConnectorId, Timestamp};

use super::{Install, columns, install};
use crate::codec::{int, maybe_time, word_in};
use crate::engine::{Db, Row, Statement, sql};
use crate::error::StoreError;

/// An install that something is to be done about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// The install.
    pub install: Install,
    /// What the MDM server calls the device.
    pub enrollment_id: String,
    /// Whether the device is a person's own, under User Enrollment.
    pub user_enrollment: bool,
    /// The assignment that gives the app, if one does; what it says of installs holds.
    pub assignment: Option<AssignmentId>,
    /// When the device was last heard of.
    pub seen_at: Option<Timestamp>,
    /// Its platform.
    pub platform: Platform,
    /// Its system.
    pub os_version: Option<String>,
    /// Whether it is supervised, if anybody told.
    pub supervised: Option<bool>,
    /// Whether its person holds the license, and not the device.
    pub of_user: bool,
    /// Whether newer versions go out by themselves, for this token.
    pub auto_update: bool,
    /// Whether the assignment wants no newer versions (rule N-11).
    pub stays_as_is: bool,
    /// The part of the day that it keeps to.
    pub window: Option<Window>,
    /// The clock by which it does, an IANA name, if anybody told.
    pub time_zone: Option<String>,
}

impl Due {
    /// When it may be sent next: now, unless it keeps to a window that is closed.
    #[must_use]
    pub fn may_go(&self, now: Timestamp) -> Timestamp {
        self.window.map_or(now, |window| window.next(now, self.time_zone.as_deref()))
    }
}

macro_rules! select {
    ($($rest:tt)+) => {
        concat!(
            "SELECT ",
            columns!(),
            ", d.mdm_enrollment_id, coalesce(d.enrollment, '') AS enrollment, d.last_seen_at, d.platform,
             d.os_version, d.supervised, d.time_zone, i.in_window, t.auto_update, coalesce(NOT m.auto_update, false) AS stays_as_is,
             NOT EXISTS (
                 SELECT 1
                 FROM licenses l
                 WHERE l.asset_id = i.asset_id AND l.holder_kind = 'd' AND l.holder_id = d.serial AND l.held)
             AND EXISTS (
                 SELECT 1
                 FROM licenses l
                 WHERE l.asset_id = i.asset_id AND l.holder_kind = 'u' AND l.holder_id = p.client_user_id AND l.held) AS of_user,
             coalesce(e.assignment_id, u.assignment_id) AS assignment_id
             FROM installs i
             JOIN devices d ON d.id = i.device_id
             JOIN tokens t ON t.id = i.token_id
             LEFT JOIN people p ON p.id = d.person_id
             LEFT JOIN entitlements e
               ON e.asset_id = i.asset_id AND e.holder_kind = 'd' AND e.holder_id = d.serial AND e.state = 'wanted'
             LEFT JOIN entitlements u
               ON u.asset_id = i.asset_id AND u.holder_kind = 'u' AND u.holder_id = p.client_user_id AND u.state = 'wanted'
             LEFT JOIN assignments m ON m.id = coalesce(e.assignment_id, u.assignment_id) ",
            $($rest)+
        )
    };
}

/// The most installs that are looked at to find devices, and that are answered.
pub const DUE_MAX: usize = 10_000;

// A server's installs that are due in some states, those of the devices that have waited longest: everything that is due for a
// device comes together, so that it need be woken and asked only once.
macro_rules! of_devices {
    ($states:literal, $order:literal) => {
        select!(concat!(
            "WHERE i.connector_id = $1 AND i.due_at <= $2 AND i.state IN (",
            $states,
            ")
               AND i.device_id IN (
                   SELECT x.device_id
                   FROM (
                       SELECT f.device_id, f.due_at
                       FROM installs f
                       JOIN devices g ON g.id = f.device_id
                       WHERE f.connector_id = $1 AND f.due_at <= $2 AND f.state IN (",
            $states,
            ") AND g.mdm_enrollment_id IS NOT NULL
                       ORDER BY f.due_at, f.id
                       LIMIT $4) AS x
                   GROUP BY x.device_id
                   ORDER BY min(x.due_at), x.device_id
                   LIMIT $3)
             ORDER BY ",
            $order,
            " LIMIT $4"
        ))
    };
}

/// What is to be sent by now to those of a server's devices that have waited longest, at most `devices` of them and [`DUE_MAX`]
/// installs; those of one app together.
///
/// # Errors
/// As any statement.
pub async fn due_to_send(
    db: &mut Db,
    connector: ConnectorId,
    now: Timestamp,
    devices: usize,
) -> Result<Vec<Due>, StoreError> {
    const TO_SEND: &str = of_devices!("'ready'", "i.asset_id, i.id");
    listed(db, sql("looking for installs to send", TO_SEND), (connector, now, devices)).await
}

/// What is to be looked at by now on those of a server's devices that have waited longest, at most `devices` of them and
/// [`DUE_MAX`] installs.
///
/// # Errors
/// As any statement.
pub async fn due_to_look(
    db: &mut Db,
    connector: ConnectorId,
    now: Timestamp,
    devices: usize,
) -> Result<Vec<Due>, StoreError> {
    const TO_LOOK: &str = of_devices!("'verifying', 'sent'", "i.due_at, i.id");
    listed(db, sql("looking for installs to verify", TO_LOOK), (connector, now, devices)).await
}

/// A server's installs that have waited for their devices as long as anybody should.
///
/// # Errors
/// As any statement.
pub async fn overdue(
    db: &mut Db,
    connector: ConnectorId,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<Install>, StoreError> {
    sql(
        "looking for installs that wait in vain",
        concat!(
            "SELECT ",
            columns!(),
            " FROM installs i
              JOIN devices d ON d.id = i.device_id
              WHERE i.connector_id = $1 AND i.due_at <= $2 AND i.state = 'sent'
              ORDER BY i.due_at, i.id
              LIMIT $3"
        ),
    )
    .bind(connector.0)
    .bind(now.0)
    .bind(int(limit))
    .all(db, install)
    .await
}

/// The installs that a command was written for and that nobody has heard of since.
///
/// # Errors
/// As any statement.
pub async fn of_command(db: &mut Db, command: CommandId) -> Result<Vec<Due>, StoreError> {
    sql(
        "looking for a command's installs",
        select!("WHERE i.command_id = $1 AND i.state = 'sending' AND d.mdm_enrollment_id IS NOT NULL ORDER BY i.id"),
    )
    .bind(command.0)
    .all(db, due)
    .await
}

/// When something is to be done next for a server: about an install, about answers that it is asked for, about its list of devices, or about declarations of devices that have left.
///
/// # Errors
/// As any statement.
pub async fn next_due(db: &mut Db, connector: ConnectorId) -> Result<Option<Timestamp>, StoreError> {
    sql(
        "looking when something is due for a server",
        "SELECT min(x.due) AS due
         FROM (
             SELECT min(due_at) AS due FROM installs WHERE connector_id = $1 AND due_at IS NOT NULL
             UNION ALL
             SELECT min(poll_at) FROM mdm_commands WHERE connector_id = $1 AND poll_at IS NOT NULL
             UNION ALL
             SELECT min(forget_at) FROM declared_apps WHERE connector_id = $1 AND forget_at IS NOT NULL
             UNION ALL
             SELECT list_at FROM connectors WHERE id = $1) AS x",
    )
    .bind(connector.0)
    .one(db, |row| Ok(row.get::<Option<i64>>("due")?.map(Timestamp)))
    .await
}

/// Active connectors with something to do by now: installs that are due, or commands of which nobody knows whether they
/// arrived, or an address and a key that nobody has looked at; and answers or devices that a server is to be asked for. With
/// `told_before` also those with devices that were not asked for their apps since then.
///
/// # Errors
/// As any statement.
pub async fn connectors_with_due(
    db: &mut Db,
    now: Timestamp,
    told_before: Option<Timestamp>,
    limit: usize,
) -> Result<Vec<ConnectorId>, StoreError> {
    sql(
        "looking for connectors with something to send",
        "SELECT id
         FROM connectors
         WHERE state = 'active'
           AND not_before <= $1
           AND (checked_at IS NULL
             OR list_at <= $1
             OR EXISTS (SELECT 1 FROM installs i WHERE i.connector_id = connectors.id AND i.due_at <= $1)
             OR EXISTS (SELECT 1 FROM mdm_commands c WHERE c.connector_id = connectors.id AND c.state = 'sending')
             OR EXISTS (SELECT 1 FROM mdm_commands c WHERE c.connector_id = connectors.id AND c.poll_at <= $1)
             OR EXISTS (SELECT 1 FROM declared_apps y WHERE y.connector_id = connectors.id AND y.forget_at <= $1)
             OR EXISTS (
                 SELECT 1
                 FROM devices d
                 WHERE d.mdm = connectors.name
                   AND d.apps_asked_at < $2
                   AND d.state = 'enrolled'
                   AND d.mdm_enrollment_id IS NOT NULL))
         ORDER BY id
         LIMIT $3",
    )
    .bind(now.0)
    .bind(told_before.map_or(i64::MIN, |before| before.0))
    .bind(int(limit))
    .all(db, |row| row.get("id").map(ConnectorId))
    .await
}

async fn listed(
    db: &mut Db,
    statement: Statement,
    (connector, now, devices): (ConnectorId, Timestamp, usize),
) -> Result<Vec<Due>, StoreError> {
    statement.bind(connector.0).bind(now.0).bind(int(devices)).bind(int(DUE_MAX)).all(db, due).await
}

fn due(row: &Row) -> Result<Due, StoreError> {
    Ok(Due {
        install: install(row)?,
        enrollment_id: row.get("mdm_enrollment_id")?,
        seen_at: maybe_time(row, "last_seen_at")?,
        platform: word_in(row, "platform", Platform::from_text)?,
        os_version: row.get("os_version")?,
        supervised: row.get("supervised")?,
        of_user: row.get("of_user")?,
        auto_update: row.get("auto_update")?,
        stays_as_is: row.get("stays_as_is")?,
        window: row.get::<Option<String>>("in_window")?.and_then(|window| window.parse().ok()),
        time_zone: row.get("time_zone")?,
        user_enrollment: is_user_enrollment(&row.get::<String>("enrollment")?),
        assignment: row.get::<Option<i64>>("assignment_id")?.map(AssignmentId),
    })
}

fn is_user_enrollment(word: &str) -> bool {
    [Enrollment::User, Enrollment::AccountDrivenUser].iter().any(|enrollment| enrollment.as_str() == word)
}
