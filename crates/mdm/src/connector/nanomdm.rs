//! NanoMDM, and NanoHUB, which holds it under another path
//! (<https://github.com/micromdm/nanomdm/blob/main/docs/openapi.yaml>).

use std::collections::BTreeMap;

use async_trait::async_trait;
use reqwest::StatusCode;
use reqwest::header::CONTENT_TYPE;
use serde::Deserialize;

use super::http::{Http, Reply, words};
use super::kmfddm::Kmfddm;
use super::{Address, Connector, ConnectorError, Declares, Refused};
use crate::command::{Act, Command};

/// The most devices of one call: their ids stand in the address, whose length servers bound.
const DEVICES_MAX: usize = 500;

pub(super) struct Nanomdm {
    http: Http,
    address: Address,
    user: &'static str,
    /// Where the API begins, below the address.
    prefix: &'static str,
    /// Its declarations, if it has some.
    kmfddm: Option<Kmfddm>,
}

/// What it says about a command.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Said {
    status: BTreeMap<String, SaidOf>,
    command_error: Option<String>,
    push_error: Option<String>,
}

/// What it says about one device.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SaidOf {
    command_error: Option<String>,
}

impl Nanomdm {
    pub(super) fn new(
        http: Http,
        address: Address,
        user: &'static str,
        prefix: &'static str,
        kmfddm: Option<Kmfddm>,
    ) -> Self {
        Self { http, address, user, prefix, kmfddm }
    }

    /// Brings declarations to where the command is to have devices fetch them. Tells which devices that was refused for.
    async fn prepare(&self, act: &Act, devices: &[String]) -> Result<Vec<Refused>, ConnectorError> {
        match (act, &self.kmfddm) {
            (Act::DeclareApp(app), Some(kmfddm)) => kmfddm.declare(app, devices).await,
            (Act::WithdrawApp { adam_id }, Some(kmfddm)) => kmfddm.withdraw(*adam_id, devices).await,
            (Act::DeclareApp(_) | Act::WithdrawApp { .. }, None) => Err(ConnectorError::cannot_declare()),
            (Act::InstallApp(_) | Act::ListApps | Act::RemoveApp { .. } | Act::Describe, _) => Ok(Vec::new()),
        }
    }

    fn url(&self, rest: &str) -> String {
        format!("{}{}{rest}", self.address.url.trim_end_matches('/'), self.prefix)
    }

    /// Carries a command out, but for devices that something before it was refused for.
    async fn deliver(
        &self,
        command: &Command,
        devices: &[String],
        query: &str,
    ) -> Result<Vec<Refused>, ConnectorError> {
        let mut refused = self.prepare(&command.act, devices).await?;
        let is_ready = |device: &&String| !refused.iter().any(|refused| refused.enrollment_id == **device);
        let ready: Vec<&String> = devices.iter().filter(is_ready).collect();
        if !ready.is_empty() {
            refused.extend(self.enqueue(command, ready, query).await?);
        }
        Ok(refused)
    }

    async fn enqueue(
        &self,
        command: &Command,
        devices: Vec<&String>,
        query: &str,
    ) -> Result<Vec<Refused>, ConnectorError> {
        let url = self.url(&format!("/enqueue/{}{query}", path_of(devices)));
        let request = self
            .http
            .client()
            .put(&url)
            .basic_auth(self.user, Some(self.address.api_key.reveal()))
            .header(CONTENT_TYPE, "application/xml")
            .body(command.plist());
        judge(self.http.send(&url, request).await?)
    }
}

/// The ids of devices as part of a path.
fn path_of<'a>(devices: impl IntoIterator<Item = &'a String>) -> String {
    let ids: Vec<String> = devices.into_iter().map(|id| escape(id)).collect();
    ids.join(",")
}

#[async_trait]
impl Connector for Nanomdm {
    fn devices_max(&self) -> usize {
        DEVICES_MAX
    }

    async fn send(&self, command: &Command, devices: &[String]) -> Result<Vec<Refused>, ConnectorError> {
        self.deliver(command, devices, "").await
    }

    async fn queue(&self, command: &Command, devices: &[String]) -> Result<Vec<Refused>, ConnectorError> {
        self.deliver(command, devices, "?nopush=1").await
    }

    async fn wake(&self, devices: &[String]) -> Result<(), ConnectorError> {
        let url = self.url(&format!("/push/{}", path_of(devices)));
        let request = self.http.client().get(&url).basic_auth(self.user, Some(self.address.api_key.reveal()));
        // Which pushes failed is said with 207 and 500, and does not matter: the commands stand.
        judge(self.http.send(&url, request).await?).map(drop)
    }

    fn declares(&self) -> Option<&dyn Declares> {
        self.kmfddm.as_ref().map(|kmfddm| kmfddm as &dyn Declares)
    }

    async fn check(&self) -> Result<Option<String>, ConnectorError> {
        // The version is told to anybody; a push to nobody is not, and changes nothing.
        let url = self.url("/push/russet-check");
        let request = self.http.client().get(&url).basic_auth(self.user, Some(self.address.api_key.reveal()));
        let reply = self.http.send(&url, request).await?;
        if reply.is_elsewhere() {
            return Err(reply.wrong("NanoMDM's API"));
        }
        if let Some(kmfddm) = &self.kmfddm {
            kmfddm.check().await?;
        }
        // NanoHUB tells its version at its root.
        let root = self.address.url.trim_end_matches('/');
        let url = format!("{root}/version");
        let reply = self.http.send(&url, self.http.client().get(&url)).await?;
        #[derive(Deserialize)]
        struct Version {
            version: String,
        }
        let version = serde_json::from_slice::<Version>(&reply.body).ok();
        Ok(version.map(|version| words(&version.version)))
    }
}

/// Ids are parts of a path that a comma separates.
pub(super) fn escape(id: &str) -> String {
    let mut text = String::with_capacity(id.len());
    for byte in id.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' => {
                text.push(char::from(byte));
            }
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

/// Reads what became of a command. It is written in one piece: 500 is said as well when it stands and only the push failed, so
/// that the body counts and not the status.
fn judge(reply: Reply) -> Result<Vec<Refused>, ConnectorError> {
    let said = match serde_json::from_slice::<Said>(&reply.body) {
        Ok(said) => said,
        Err(_) if reply.is_elsewhere() => return Err(reply.wrong("NanoMDM's API")),
        Err(_) => return Err(reply.later()),
    };
    match (&said.command_error, reply.status) {
        // A command of that name stands already: our last call arrived, and its answer did not.
        (Some(why), _) if is_repeated(why) => Ok(Vec::new()),
        (Some(why), _) => {
            let why = why.clone();
            Err(reply.refused(&why))
        }
        (None, StatusCode::OK | StatusCode::MULTI_STATUS) => Ok(refused(said)),
        // Every push failed, or every device was refused.
        (None, StatusCode::INTERNAL_SERVER_ERROR) if said.push_error.is_some() || !said.status.is_empty() => {
            Ok(refused(said))
        }
        (None, _) if reply.is_elsewhere() => Err(reply.wrong("NanoMDM's API")),
        (None, _) => Err(reply.later()),
    }
}

/// What the databases that it can be run with say of a key that is there already.
fn is_repeated(why: &str) -> bool {
    let why = why.to_ascii_lowercase();
    why.contains("duplicate key") || why.contains("duplicate entry") || why.contains("unique constraint")
}

fn refused(said: Said) -> Vec<Refused> {
    let of = |(enrollment_id, said): (String, SaidOf)| {
        said.command_error.map(|why| Refused { enrollment_id, why: words(&why) })
    };
    said.status.into_iter().filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, body: &str) -> Result<Vec<Refused>, ConnectorError> {
        let status = StatusCode::from_u16(status).unwrap();
        judge(Reply::of("mdm.example", status, body.as_bytes()))
    }

    #[test]
    fn a_command_stands_although_every_push_failed() {
        let body =
            r#"{"push_error":"no certificate","command_uuid":"u","request_type":"InstallApplication"}"#;
        assert_eq!(reply(500, body), Ok(vec![]));
        let body = r#"{"status":{"A":{"push_error":"bad token"}},"command_uuid":"u"}"#;
        assert_eq!(reply(500, body), Ok(vec![]));
    }

    #[test]
    fn those_that_were_refused_are_named() {
        let body =
            r#"{"status":{"A":{"push_result":"p"},"B":{"command_error":"no such id"}},"command_uuid":"u"}"#;
        let refused = Refused { enrollment_id: "B".to_owned(), why: "no such id".to_owned() };
        assert_eq!(reply(207, body), Ok(vec![refused]));
    }

    #[test]
    fn a_command_that_stands_already_is_no_error() {
        let body =
            r#"{"command_error":"ERROR: duplicate key value violates unique constraint \"commands_pkey\""}"#;
        assert_eq!(reply(500, body), Ok(vec![]));
        let body = r#"{"command_error":"decoding command: invalid plist"}"#;
        assert!(
            matches!(reply(500, body), Err(ConnectorError::Refused { why, .. }) if why.contains("plist"))
        );
    }

    #[test]
    fn what_says_nothing_of_the_command_may_pass_or_is_another_server() {
        assert!(matches!(reply(502, "<html>"), Err(ConnectorError::Later { .. })));
        assert!(matches!(reply(500, "{}"), Err(ConnectorError::Later { .. })));
        assert!(matches!(reply(200, "<html>"), Err(ConnectorError::Later { .. })));
        assert!(matches!(reply(404, "not found"), Err(ConnectorError::Wrong { .. })));
    }

    #[test]
    fn an_id_cannot_reach_another_address() {
        assert_eq!(escape("UDID:user/../x,y"), "UDID:user%2F..%2Fx%2Cy");
    }
}
