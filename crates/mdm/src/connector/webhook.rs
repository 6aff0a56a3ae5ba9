//! Any other MDM server: it is told over HTTP which command is wanted for which devices, signed, and tells what happened at the
//! connector's webhook address.

use async_trait::async_trait;
use reqwest::StatusCode;
use reqwest::header::CONTENT_TYPE;
use russet_domain::install::InstallSettings;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::http::{Http, words};
use super::{Address, Connector, ConnectorError, Refused};
use crate::command::{Act, Command, Install};
use crate::signature::{SIGNATURE_HEADER, TIMESTAMP_HEADER, sign};

const DEVICES_MAX: usize = 500;

pub(super) struct Webhook {
    http: Http,
    address: Address,
}

/// What is told. The words are what receivers go by; they never change.
#[derive(Serialize)]
struct Told<'a> {
    event: &'static str,
    command_uuid: &'a str,
    act: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    adam_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bundle_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    settings: Option<ToldSettings<'a>>,
    devices: &'a [String],
}

/// How an app is to stand on the devices.
#[derive(Serialize)]
struct ToldSettings<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    vpn_uuid: Option<&'a str>,
    prevent_removal: bool,
    prevent_backup: bool,
    remove_with_enrollment: bool,
    /// What the app is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    configuration: Option<Value>,
}

impl<'a> ToldSettings<'a> {
    /// Nothing where nothing is said.
    fn of(install: &'a Install) -> Option<Self> {
        let settings = &install.settings;
        if *settings == InstallSettings::default() && install.configuration.is_none() {
            return None;
        }
        let configuration = install.configuration.as_ref();
        Some(Self {
            vpn_uuid: settings.vpn_uuid.as_deref(),
            prevent_removal: settings.prevent_removal,
            prevent_backup: settings.prevent_backup,
            remove_with_enrollment: settings.remove_with_enrollment,
            configuration: configuration.and_then(|told| serde_json::from_str(told.reveal()).ok()),
        })
    }
}

/// What it may answer: devices that it does not take the command for.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Said {
    refused: Vec<SaidOf>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SaidOf {
    enrollment_id: String,
    why: String,
}

impl Webhook {
    pub(super) fn new(http: Http, address: Address) -> Self {
        Self { http, address }
    }

    async fn post(&self, told: &Told<'_>) -> Result<Vec<Refused>, ConnectorError> {
        let url = &self.address.url;
        let body = serde_json::to_vec(told).unwrap_or_default();
        let timestamp = russet_clock::now().0 / 1_000;
        let request = self
            .http
            .client()
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header(TIMESTAMP_HEADER, timestamp)
            .header(SIGNATURE_HEADER, sign(&self.address.api_key, timestamp, &body))
            .body(body);
        let reply = self.http.send(url, request).await?;
        match reply.status {
            status if status.is_success() => {
                let said: Said = serde_json::from_slice(&reply.body).unwrap_or_default();
                let of = |said: SaidOf| Refused { enrollment_id: said.enrollment_id, why: words(&said.why) };
                Ok(said.refused.into_iter().map(of).collect())
            }
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => Err(reply.later()),
            status if status.is_server_error() => Err(reply.later()),
            _ if reply.is_elsewhere() => Err(reply.wrong("a receiver of commands")),
            _ => {
                let why = String::from_utf8_lossy(&reply.body).into_owned();
                Err(reply.refused(&why))
            }
        }
    }
}

#[async_trait]
impl Connector for Webhook {
    fn devices_max(&self) -> usize {
        DEVICES_MAX
    }

    async fn send(&self, command: &Command, devices: &[String]) -> Result<Vec<Refused>, ConnectorError> {
        let mut told = Told {
            event: "command",
            command_uuid: &command.uuid,
            act: match command.act {
                Act::InstallApp(_) => "install_app",
                Act::ListApps => "list_apps",
                Act::RemoveApp { .. } => "remove_app",
                Act::Describe => "describe",
                Act::DeclareApp(_) | Act::WithdrawApp { .. } => {
                    return Err(ConnectorError::cannot_declare());
                }
            },
            adam_id: None,
            bundle_id: None,
            settings: None,
            devices,
        };
        match &command.act {
            Act::InstallApp(install) => {
                told.adam_id = Some(install.adam_id.to_string());
                told.settings = ToldSettings::of(install);
            }
            Act::RemoveApp { bundle_id } => told.bundle_id = Some(bundle_id),
            Act::ListApps | Act::Describe | Act::DeclareApp(_) | Act::WithdrawApp { .. } => {}
        }
        self.post(&told).await
    }

    async fn check(&self) -> Result<Option<String>, ConnectorError> {
        let told = Told {
            event: "check",
            command_uuid: "",
            act: "none",
            adam_id: None,
            bundle_id: None,
            settings: None,
            devices: &[],
        };
        self.post(&told).await.map(|_| None)
    }
}
