//! MicroMDM: one device a call, commands as raw property lists, since its own JSON cannot say all that an install needs
//! (<https://github.com/micromdm/micromdm/blob/main/docs/user-guide/api-and-webhooks.md>).

use async_trait::async_trait;
use reqwest::StatusCode;
use reqwest::header::CONTENT_TYPE;

use super::http::Http;
use super::{Address, Connector, ConnectorError, Refused};
use crate::command::Command;

/// The most devices that one piece of work goes through, one call each.
const DEVICES_MAX: usize = 50;
const USER: &str = "micromdm";

pub(super) struct Micromdm {
    http: Http,
    address: Address,
}

impl Micromdm {
    pub(super) fn new(http: Http, address: Address) -> Self {
        Self { http, address }
    }

    fn url(&self, rest: &str) -> String {
        format!("{}{rest}", self.address.url.trim_end_matches('/'))
    }

    async fn send_one(&self, command: &Command, device: &str) -> Result<Option<Refused>, ConnectorError> {
        let url = self.url(&format!("/v1/commands/{}", super::nanomdm::escape(device)));
        let request = self
            .http
            .client()
            .post(&url)
            .basic_auth(USER, Some(self.address.api_key.reveal()))
            .header(CONTENT_TYPE, "application/xml")
            .body(command.plist());
        let reply = self.http.send(&url, request).await?;
        match reply.status {
            status if status.is_success() => Ok(None),
            StatusCode::BAD_REQUEST => {
                let why = super::http::words(&String::from_utf8_lossy(&reply.body));
                Ok(Some(Refused { enrollment_id: device.to_owned(), why }))
            }
            _ if reply.is_elsewhere() => Err(reply.wrong("MicroMDM's API")),
            _ => Err(reply.later()),
        }
    }
}

#[async_trait]
impl Connector for Micromdm {
    fn devices_max(&self) -> usize {
        DEVICES_MAX
    }

    /// Sent again after an answer that was lost, a device may get the command twice: this server does not compare names. Devices
    /// answer a second install with “already queued” or install what they have.
    async fn send(&self, command: &Command, devices: &[String]) -> Result<Vec<Refused>, ConnectorError> {
        let mut refused = Vec::new();
        for device in devices {
            refused.extend(self.send_one(command, device).await?);
        }
        Ok(refused)
    }

    async fn check(&self) -> Result<Option<String>, ConnectorError> {
        let url = self.url("/v1/commands/russet-check");
        let request = self.http.client().get(&url).basic_auth(USER, Some(self.address.api_key.reveal()));
        let reply = self.http.send(&url, request).await?;
        if reply.is_elsewhere() {
            return Err(reply.wrong("MicroMDM's API"));
        }
        Ok(None)
    }
}
