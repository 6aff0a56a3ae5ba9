//! Connectors to MDM servers, behind one trait.

mod asked;
mod declares;
mod error;
mod fleet;
mod http;
mod kmfddm;
mod micromdm;
mod nanomdm;
mod webhook;

pub use asked::{Asked, DevicePage, Listed, Said};
pub use declares::Declares;
pub use error::ConnectorError;

use async_trait::async_trait;
use russet_domain::Secret;
use russet_domain::connector::ConnectorKind;

use crate::Settings;
use crate::command::Command;
use crate::signature::MDM_SIGNATURE_HEADER;
use http::Http;
use reqwest::header::CONTENT_TYPE;

/// Where a server is and what it is called with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Which server it is.
    pub kind: ConnectorKind,
    /// The root of its API, without a slash at its end.
    pub url: String,
    /// The key to its API.
    pub api_key: Secret,
    /// Where its declarations are, if it has any.
    pub declarations: Option<Declarations>,
}

/// Where a server's declarations are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Declarations {
    /// In the server itself, with the same key.
    Within,
    /// In a server beside it.
    Beside {
        /// The root of that server's API, without a slash at its end.
        url: String,
        /// The key to it.
        key: Secret,
    },
}

/// A device that a server does not take a command for, and why, in its own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What the server calls the device.
    pub enrollment_id: String,
    /// Why.
    pub why: String,
}

/// An MDM server that commands are sent to.
#[async_trait]
pub trait Connector: Send + Sync {
    /// The most devices of one call.
    fn devices_max(&self) -> usize;

    /// Puts a command into the queues of devices and wakes them. Answers for which of them that was refused; for all others it
    /// stands.
    ///
    /// May be repeated under the same name: a server that has the command already says so, and that is no error.
    ///
    /// # Errors
    /// When it was taken for no device, or nobody knows: [`ConnectorError`] says which.
    async fn send(&self, command: &Command, devices: &[String]) -> Result<Vec<Refused>, ConnectorError>;

    /// The same without waking the devices where the server can put that off: of many commands for the same devices, each wakes
    /// them no more than once, by [`Connector::wake`].
    ///
    /// # Errors
    /// As [`Connector::send`].
    async fn queue(&self, command: &Command, devices: &[String]) -> Result<Vec<Refused>, ConnectorError> {
        self.send(command, devices).await
    }

    /// Wakes devices for which commands were queued. May be repeated. One that cannot be woken fetches its commands when it comes
    /// by itself.
    ///
    /// # Errors
    /// As [`Connector::send`].
    async fn wake(&self, devices: &[String]) -> Result<(), ConnectorError> {
        let _ = devices;
        Ok(())
    }

    /// Asks the server who it is, to see whether address and key are right. Answers its version, if it says.
    ///
    /// # Errors
    /// As [`Connector::send`].
    async fn check(&self) -> Result<Option<String>, ConnectorError>;

    /// Whether all devices of one call have to be of one platform.
    fn wants_one_platform(&self) -> bool {
        false
    }

    /// Where to ask a server that tells nothing by itself. Nothing for one that calls our webhook.
    fn asked(&self) -> Option<&dyn Asked> {
        None
    }

    /// The declarations of a server that has some.
    fn declares(&self) -> Option<&dyn Declares> {
        None
    }
}

/// Makes the connector of a server; nothing is called yet. The connections of all of them are kept by `Connectors`.
#[derive(Clone)]
pub struct Connectors {
    http: Http,
}

impl Connectors {
    /// Prepares the client.
    ///
    /// # Errors
    /// [`crate::TellError::Client`] on a system without certificates.
    pub fn new(settings: &Settings) -> Result<Self, crate::TellError> {
        Ok(Self { http: Http::new(settings)? })
    }

    /// Passes a webhook on as it came.
    ///
    /// # Errors
    /// [`ConnectorError::Later`] and [`ConnectorError::Wrong`]; whatever is not 2xx was not taken.
    pub async fn forward(
        &self,
        to: &Secret,
        body: &[u8],
        signature: Option<&str>,
    ) -> Result<(), ConnectorError> {
        let url = to.reveal();
        self.http.judge(url)?;
        let mut request = self
            .http
            .client()
            .post(url)
            .header(CONTENT_TYPE, "application/json; charset=utf-8")
            .body(body.to_vec());
        if let Some(signature) = signature {
            request = request.header(MDM_SIGNATURE_HEADER, signature);
        }
        let reply = self.http.send(url, request).await?;
        if reply.status.is_success() { Ok(()) } else { Err(reply.later()) }
    }

    /// The connector of a server.
    ///
    /// # Errors
    /// [`ConnectorError::Wrong`] when its address may not be called.
    pub fn open(&self, address: Address) -> Result<Box<dyn Connector>, ConnectorError> {
        self.http.judge(&address.url)?;
        let http = self.http.clone();
        Ok(match address.kind {
            ConnectorKind::Nanomdm => {
                let kmfddm = self.kmfddm(&address)?;
                Box::new(nanomdm::Nanomdm::new(http, address, "nanomdm", "/v1", kmfddm))
            }
            ConnectorKind::Nanohub => {
                let kmfddm = self.kmfddm(&address)?;
                Box::new(nanomdm::Nanomdm::new(http, address, "nanohub", "/api/v1/nanomdm", kmfddm))
            }
            ConnectorKind::Micromdm => Box::new(micromdm::Micromdm::new(http, address)),
            ConnectorKind::Fleet => Box::new(fleet::Fleet::new(http, address)),
            ConnectorKind::Webhook => Box::new(webhook::Webhook::new(http, address)),
        })
    }

    fn kmfddm(&self, address: &Address) -> Result<Option<kmfddm::Kmfddm>, ConnectorError> {
        let Some(declarations) = &address.declarations else { return Ok(None) };
        let (root, user, key) = match declarations {
            Declarations::Within => {
                let root = address.url.trim_end_matches('/');
                (format!("{root}/api/v1/ddm"), "nanohub", address.api_key.clone())
            }
            Declarations::Beside { url, key } => {
                self.http.judge(url)?;
                (format!("{}/v1", url.trim_end_matches('/')), "kmfddm", key.clone())
            }
        };
        Ok(Some(kmfddm::Kmfddm::new(self.http.clone(), root, user, key)))
    }
}
