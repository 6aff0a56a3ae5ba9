//! MDM servers that commands are sent to and that tell what happened.

use russet_domain::connector::{ConnectorKind, ConnectorState};
use russet_domain::{ConnectorId, Secret, Timestamp};

use crate::codec::{count, from_json, int, json, maybe_time, time, word_in};
use crate::engine::{Db, Row, Tx, sql};
use crate::error::StoreError;
use crate::sealed::CONNECTORS;

/// What a server is called with, and what it proves itself with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secrets {
    /// The key to its API.
    pub api_key: Secret,
    /// The key that its webhooks are signed with, or that it gives as a password.
    pub webhook_key: Secret,
    /// Where its webhooks are passed on to: such a server has one webhook only.
    pub forward_to: Option<Secret>,
    /// The key to the server beside it that has its declarations, where that has one of its own.
    pub declarations_key: Option<Secret>,
}

/// The declarations of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Declarations {
    /// It has none.
    None,
    /// They are in the server itself.
    Within,
    /// They are in a server beside it, the root of whose API this is.
    Beside(String),
}

impl Declarations {
    /// Whether there are any.
    #[must_use]
    pub fn are_there(&self) -> bool {
        *self != Self::None
    }

    fn url(&self) -> Option<&str> {
        match self {
            Self::None | Self::Within => None,
            Self::Beside(url) => Some(url),
        }
    }
}

/// A connector to be written.
#[derive(Clone, Debug)]
pub struct NewConnector {
    /// Its name.
    pub name: String,
    /// Which server it speaks to.
    pub kind: ConnectorKind,
    /// The root of the server's API.
    pub url: String,
    /// Its declarations.
    pub declarations: Declarations,
    /// What it is called with.
    pub secrets: Secrets,
}

/// A connector as it stands, without its secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connector {
    /// Its number.
    pub id: ConnectorId,
    /// Its name.
    pub name: String,
    /// Which server it speaks to.
    pub kind: ConnectorKind,
    /// The root of the server's API.
    pub url: String,
    /// Whether its webhooks are passed on.
    pub forwards: bool,
    /// Its declarations.
    pub declarations: Declarations,
    /// Whether commands are sent to it.
    pub state: ConnectorState,
    /// Why not.
    pub reason: Option<String>,
    /// Since when.
    pub state_at: Timestamp,
    /// How often in a row it did not take what was sent.
    pub failures: u64,
    /// The earliest moment to send to it again.
    pub not_before: Timestamp,
    /// When its last webhook came.
    pub heard_at: Option<Timestamp>,
    /// When address and key were last seen to be right.
    pub checked_at: Option<Timestamp>,
    /// Which version the server said to be.
    pub version: Option<String>,
    /// When the devices of a server that tells nothing by itself are listed next; nothing before it was asked.
    pub list_at: Option<Timestamp>,
    /// The page to go on with.
    pub list_page: u64,
    /// When it was written.
    pub created_at: Timestamp,
    /// When anything of it last changed.
    pub updated_at: Timestamp,
}

/// What is to be otherwise. What is not given stays as it is.
#[derive(Clone, Debug, Default)]
pub struct Patch {
    /// The root of the server's API.
    pub url: Option<String>,
    /// The key to its API.
    pub api_key: Option<Secret>,
    /// The key of its webhooks.
    pub webhook_key: Option<Secret>,
    /// Where webhooks are passed on to; an inner `None`: nowhere.
    pub forward_to: Option<Option<Secret>>,
    /// Its declarations.
    pub declarations: Option<Declarations>,
    /// The key to the server that has them.
    pub declarations_key: Option<Secret>,
    /// Whether commands are sent to it.
    pub state: Option<ConnectorState>,
}

impl Secrets {
    fn to_text(&self) -> Result<Secret, StoreError> {
        let forward = self.forward_to.as_ref().map(Secret::reveal);
        let three = (self.api_key.reveal(), self.webhook_key.reveal(), forward);
        // Programs that know of no declarations read three.
        let text = match &self.declarations_key {
            None => json(&three)?,
            Some(key) => json(&(three.0, three.1, three.2, key.reveal()))?,
        };
        Ok(Secret::new(text))
    }

    fn from_text(text: &Secret) -> Result<Self, StoreError> {
        let parts: Vec<Option<String>> = from_json("connectors.secrets", text.reveal())?;
        let mut parts = parts.into_iter().map(|part| part.map(Secret::new));
        let mut next = || parts.next().flatten();
        let none = || Secret::new("");
        Ok(Self {
            api_key: next().unwrap_or_else(none),
            webhook_key: next().unwrap_or_else(none),
            forward_to: next(),
            declarations_key: next(),
        })
    }
}

/// Writes a connector. `None` when there is one of that name.
///
/// # Errors
/// As any statement.
pub async fn insert(
    tx: &mut Tx,
    new: &NewConnector,
    now: Timestamp,
) -> Result<Option<ConnectorId>, StoreError> {
    let (sealed_for, sealed) = CONNECTORS.seal(&tx.keys(), &new.secrets.to_text()?)?;
    sql(
        "writing a connector",
        "INSERT INTO connectors (name, kind, url, sealed_for, secrets, forwards, declares, declarations_url, state, state_at,
             created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'active', $9, $9, $9)
         ON CONFLICT (name) DO NOTHING
         RETURNING id",
    )
    .bind(new.name.as_str())
    .bind(new.kind.as_str())
    .bind(new.url.as_str())
    .bind(sealed_for)
    .bind(sealed)
    .bind(new.secrets.forward_to.is_some())
    .bind(new.declarations.are_there())
    .bind(new.declarations.url())
    .bind(now.0)
    .maybe(tx, |row| row.get("id").map(ConnectorId))
    .await
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, name, kind, url, forwards, declares, declarations_url, state, reason, state_at, failures, not_before, heard_at, checked_at,
                    version, list_at, list_page, created_at, updated_at
             FROM connectors ",
            $rest
        )
    };
}

/// A connector by name.
///
/// # Errors
/// As any statement.
pub async fn by_name(db: &mut Db, name: &str) -> Result<Option<Connector>, StoreError> {
    sql("reading a connector", select!("WHERE name = $1")).bind(name).maybe(db, connector).await
}

/// A connector by number.
///
/// # Errors
/// As any statement.
pub async fn find(db: &mut Db, id: ConnectorId) -> Result<Option<Connector>, StoreError> {
    sql("reading a connector", select!("WHERE id = $1")).bind(id.0).maybe(db, connector).await
}

/// All connectors by name, at most `limit`.
///
/// # Errors
/// As any statement.
pub async fn list(db: &mut Db, limit: usize) -> Result<Vec<Connector>, StoreError> {
    sql("listing connectors", select!("ORDER BY name LIMIT $1")).bind(int(limit)).all(db, connector).await
}

/// The connectors that commands are sent to, at most a thousand.
///
/// # Errors
/// As any statement.
pub async fn active(db: &mut Db) -> Result<Vec<ConnectorId>, StoreError> {
    sql(
        "listing active connectors",
        "SELECT id FROM connectors WHERE state = 'active' ORDER BY id LIMIT 1000",
    )
    .all(db, |row| row.get("id").map(ConnectorId))
    .await
}

/// What a server is called with.
///
/// # Errors
/// [`StoreError::Keys`] when it does not open; [`StoreError::Missing`] without such a connector.
pub async fn secrets(db: &mut Db, id: ConnectorId) -> Result<Secrets, StoreError> {
    let text =
        CONNECTORS.text(db, id.0).await?.ok_or_else(|| StoreError::Missing(format!("connector {id}")))?;
    Secrets::from_text(&text)
}

/// Changes a connector. A change of address or key lets a parked one begin again.
///
/// # Errors
/// [`StoreError::Missing`] without such a connector.
pub async fn change(tx: &mut Tx, id: ConnectorId, patch: &Patch, now: Timestamp) -> Result<(), StoreError> {
    let known = find(tx, id).await?.ok_or_else(|| StoreError::Missing(format!("connector {id}")))?;
    let mut secrets = secrets(tx, id).await?;
    let revives = patch.url.is_some()
        || patch.api_key.is_some()
        || patch.declarations.is_some()
        || patch.declarations_key.is_some();
    if let Some(key) = &patch.api_key {
        secrets.api_key = key.clone();
    }
    if let Some(key) = &patch.webhook_key {
        secrets.webhook_key = key.clone();
    }
    if let Some(forward) = &patch.forward_to {
        secrets.forward_to.clone_from(forward);
    }
    if let Some(key) = &patch.declarations_key {
        secrets.declarations_key = Some(key.clone());
    }
    let declarations = patch.declarations.as_ref().unwrap_or(&known.declarations);
    if declarations.url().is_none() {
        secrets.declarations_key = None;
    }
    let state = patch.state.unwrap_or(if revives { ConnectorState::Active } else { known.state });
    let reason = match (state, patch.state) {
        (ConnectorState::Active, _) => None,
        (ConnectorState::Parked, Some(_)) => Some("an administrator parked it".to_owned()),
        (ConnectorState::Parked, None) => known.reason.clone(),
    };
    let (sealed_for, sealed) = CONNECTORS.seal(&tx.keys(), &secrets.to_text()?)?;
    sql(
        "changing a connector",
        "UPDATE connectors
         SET url = $2, sealed_for = $3, secrets = $4, forwards = $5, state_at = CASE WHEN state = $6 THEN state_at ELSE $8 END,
             state = $6, reason = $7, failures = 0, not_before = 0, checked_at = NULL, list_at = NULL, list_page = 0,
             declares = $9, declarations_url = $10, updated_at = $8
         WHERE id = $1",
    )
    .bind(id.0)
    .bind(patch.url.as_deref().unwrap_or(&known.url))
    .bind(sealed_for)
    .bind(sealed)
    .bind(secrets.forward_to.is_some())
    .bind(state.as_str())
    .bind(reason)
    .bind(now.0)
    .bind(declarations.are_there())
    .bind(declarations.url())
    .run(tx)
    .await?;
    Ok(())
}

/// Removes a connector with what came in for it. Devices keep its name, so that one of the same name finds them again.
///
/// # Errors
/// As any statement.
pub async fn remove(tx: &mut Tx, id: ConnectorId, now: Timestamp) -> Result<(), StoreError> {
    crate::installs::orphan(tx, id, now).await?;
    for text in [
        "DELETE FROM mdm_messages WHERE connector_id = $1",
        "DELETE FROM mdm_awaited WHERE command_id IN (SELECT id FROM mdm_commands WHERE connector_id = $1)",
        "DELETE FROM mdm_commands WHERE connector_id = $1",
        "DELETE FROM declared_apps WHERE connector_id = $1",
        "DELETE FROM connectors WHERE id = $1",
    ] {
        sql("removing a connector", text).bind(id.0).run(tx).await?;
    }
    Ok(())
}

/// Notes that address and key are right.
///
/// # Errors
/// As any statement.
pub async fn checked(
    tx: &mut Tx,
    id: ConnectorId,
    version: Option<&str>,
    now: Timestamp,
) -> Result<(), StoreError> {
    sql(
        "noting that a connector is right",
        "UPDATE connectors SET checked_at = $2, version = $3 WHERE id = $1",
    )
    .bind(id.0)
    .bind(now.0)
    .bind(version)
    .run(tx)
    .await?;
    Ok(())
}

/// Notes which page of its devices a server is to list next, and when.
///
/// # Errors
/// As any statement.
pub async fn list_next(tx: &mut Tx, id: ConnectorId, page: u64, at: Timestamp) -> Result<(), StoreError> {
    sql(
        "noting how far a server's devices were listed",
        "UPDATE connectors SET list_page = $2, list_at = $3 WHERE id = $1",
    )
    .bind(id.0)
    .bind(i64::try_from(page).unwrap_or(i64::MAX))
    .bind(at.0)
    .run(tx)
    .await?;
    Ok(())
}

/// Stops sending to a server until somebody acts. Tells whether that is news.
///
/// # Errors
/// As any statement.
pub async fn park(tx: &mut Tx, id: ConnectorId, reason: &str, now: Timestamp) -> Result<bool, StoreError> {
    let changed = sql(
        "parking a connector",
        "UPDATE connectors
         SET state = 'parked', reason = $2, state_at = $3, updated_at = $3
         WHERE id = $1 AND state = 'active'",
    )
    .bind(id.0)
    .bind(reason)
    .bind(now.0)
    .run(tx)
    .await?;
    Ok(changed > 0)
}

/// Notes that a server did not take what was sent, and when to try again.
///
/// # Errors
/// As any statement.
pub async fn failed(tx: &mut Tx, id: ConnectorId, why: &str, until: Timestamp) -> Result<(), StoreError> {
    sql(
        "noting that a connector failed",
        "UPDATE connectors SET failures = failures + 1, reason = $2, not_before = $3 WHERE id = $1",
    )
    .bind(id.0)
    .bind(why)
    .bind(until.0)
    .run(tx)
    .await?;
    Ok(())
}

/// Notes that a server took what was sent.
///
/// # Errors
/// As any statement.
pub async fn went_well(tx: &mut Tx, id: ConnectorId) -> Result<(), StoreError> {
    sql(
        "noting that a connector works",
        "UPDATE connectors
         SET failures = 0, reason = NULL, not_before = 0
         WHERE id = $1 AND failures > 0 AND state = 'active'",
    )
    .bind(id.0)
    .run(tx)
    .await?;
    Ok(())
}

/// Notes that a server was heard.
///
/// # Errors
/// As any statement.
pub async fn heard(tx: &mut Tx, id: ConnectorId, now: Timestamp) -> Result<(), StoreError> {
    sql("noting that a connector was heard", "UPDATE connectors SET heard_at = $2 WHERE id = $1")
        .bind(id.0)
        .bind(now.0)
        .run(tx)
        .await?;
    Ok(())
}

fn connector(row: &Row) -> Result<Connector, StoreError> {
    Ok(Connector {
        id: ConnectorId(row.get("id")?),
        name: row.get("name")?,
        kind: word_in(row, "kind", ConnectorKind::from_text)?,
        url: row.get("url")?,
        forwards: row.get("forwards")?,
        declarations: match (row.get("declares")?, row.get("declarations_url")?) {
            (false, _) => Declarations::None,
            (true, None) => Declarations::Within,
            (true, Some(url)) => Declarations::Beside(url),
        },
        state: word_in(row, "state", ConnectorState::from_text)?,
        reason: row.get("reason")?,
        state_at: time(row, "state_at")?,
        failures: count(row.get("failures")?),
        not_before: time(row, "not_before")?,
        heard_at: maybe_time(row, "heard_at")?,
        checked_at: maybe_time(row, "checked_at")?,
        version: row.get("version")?,
        list_at: maybe_time(row, "list_at")?,
        list_page: count(row.get("list_page")?),
        created_at: time(row, "created_at")?,
        updated_at: time(row, "updated_at")?,
    })
}
