//! What clients say of a connector's declarations.

use russet_domain::Secret;
use russet_domain::connector::ConnectorKind;
use russet_store::connectors::{Connector, Declarations, Patch};
use russet_store::{Db, declared};

use super::bodies::{ConnectorBody, ConnectorPatch, api_key, url, wrong};
use crate::error::ApiError;
use crate::state::App;

/// What is said about declarations, of a new connector or of a change.
struct Said {
    declares: Option<bool>,
    url: Option<String>,
    key: Option<Secret>,
}

impl Said {
    fn read(
        app: &App,
        (declares, root, key): (Option<bool>, Option<&str>, Option<&str>),
    ) -> Result<Self, ApiError> {
        Ok(Self {
            declares,
            url: root.map(|text| url("declarations_url", text, app.servers)).transpose()?,
            key: key.map(|text| api_key("declarations_key", text)).transpose()?,
        })
    }

    fn is_nothing(&self) -> bool {
        self.declares.is_none() && self.url.is_none() && self.key.is_none()
    }

    /// The declarations of a server of this kind that has had `before`, if they are to be others.
    fn of(&self, kind: ConnectorKind, before: &Declarations) -> Result<Option<Declarations>, ApiError> {
        if self.is_nothing() {
            return Ok(None);
        }
        let is_beside = self.url.is_some() || self.key.is_some();
        if self.declares == Some(false) {
            return if is_beside {
                Err(wrong(
                    "declares",
                    "it is false, and there is nothing to say of a server that is not used",
                ))
            } else {
                Ok(Some(Declarations::None))
            };
        }
        match kind {
            ConnectorKind::Nanomdm => self.beside(before).map(Some),
            ConnectorKind::Nanohub if is_beside => {
                Err(wrong("declarations_url", "NanoHUB has its declarations itself; say `declares` alone"))
            }
            ConnectorKind::Nanohub => Ok(Some(Declarations::Within)),
            ConnectorKind::Micromdm | ConnectorKind::Fleet | ConnectorKind::Webhook => Err(wrong(
                "declares",
                "a server of this kind has no declarations; nanomdm with a KMFDDM beside it has, and nanohub",
            )),
        }
    }

    fn beside(&self, before: &Declarations) -> Result<Declarations, ApiError> {
        match (&self.url, &self.key, before) {
            (Some(url), Some(_), _) => Ok(Declarations::Beside(url.clone())),
            (Some(url), None, Declarations::Beside(_)) => Ok(Declarations::Beside(url.clone())),
            (None, _, Declarations::Beside(url)) => Ok(Declarations::Beside(url.clone())),
            (None, _, Declarations::None | Declarations::Within) => Err(wrong(
                "declarations_url",
                "it is missing: NanoMDM has its declarations in a KMFDDM beside it",
            )),
            (Some(_), None, Declarations::None | Declarations::Within) => {
                Err(wrong("declarations_key", "it is missing: the server with the declarations takes one"))
            }
        }
    }
}

/// The declarations of a new connector, and the key to them.
pub(super) fn read_new(
    app: &App,
    kind: ConnectorKind,
    asked: &ConnectorBody,
) -> Result<(Declarations, Option<Secret>), ApiError> {
    let given = (asked.declares, asked.declarations_url.as_deref(), asked.declarations_key.as_deref());
    let said = Said::read(app, given)?;
    let declarations = said.of(kind, &Declarations::None)?.unwrap_or(Declarations::None);
    Ok((declarations, said.key))
}

/// A change with what it says about declarations. To have none any more is possible only while no app is declared.
pub(super) async fn read_patch(
    app: &App,
    db: &mut Db,
    connector: &Connector,
    asked: &ConnectorPatch,
    patch: Patch,
) -> Result<Patch, ApiError> {
    let given = (asked.declares, asked.declarations_url.as_deref(), asked.declarations_key.as_deref());
    let said = Said::read(app, given)?;
    let declarations = said.of(connector.kind, &connector.declarations)?;
    let loses_them = declarations == Some(Declarations::None) && connector.declarations.are_there();
    if loses_them {
        let apps = declared::count_of(db, connector.id).await?;
        if apps > 0 {
            return Err(ApiError::Conflict {
                code: "apps_are_declared",
                text: format!(
                    "{apps} apps are declared through this connector, and commands do nothing to such apps. Take them off \
                     their devices first, or remove the connector."
                ),
            });
        }
    }
    Ok(Patch { declarations, declarations_key: said.key, ..patch })
}
