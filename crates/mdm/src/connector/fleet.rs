//! Fleet: raw commands for many devices of one platform in a call; what devices answered, and which there are, is asked
//! (<https://github.com/fleetdm/fleet/blob/main/docs/REST%20API/rest-api.md>).

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::DateTime;
use reqwest::header::CONTENT_TYPE;
use reqwest::{RequestBuilder, StatusCode};
use russet_domain::Timestamp;
use russet_domain::directory::Platform;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::http::{Http, Reply, words};
use super::{Address, Asked, Connector, ConnectorError, DevicePage, Listed, Refused, Said};
use crate::command::Command;
use crate::inbound::{DeviceFacts, answer};

/// The most devices of one call. The answers of all of them come at once, each with the device's whole list of apps.
const DEVICES_MAX: usize = 50;
/// The largest answer with the results of a command: over half a megabyte for each device.
const RESULTS_MAX: usize = 32 * 1024 * 1024;
/// Hosts of one page.
const PAGE: usize = 200;
/// The largest page of hosts, which are told with much that has nothing to do with apps.
const PAGE_MAX: usize = 16 * 1024 * 1024;

pub(super) struct Fleet {
    http: Http,
    address: Address,
}

#[derive(Serialize)]
struct Run<'a> {
    command: String,
    host_uuids: &'a [String],
}

/// What it says when it does not do what it was asked.
#[derive(Deserialize)]
struct Problem {
    message: String,
    #[serde(default)]
    errors: Vec<Reason>,
}

#[derive(Deserialize)]
struct Reason {
    #[serde(default)]
    reason: String,
}

#[derive(Deserialize)]
struct Results {
    /// Left out, or null, as long as nobody has answered.
    #[serde(default)]
    results: Option<Vec<Value>>,
}

#[derive(Deserialize)]
struct ResultOf {
    host_uuid: String,
    status: String,
    #[serde(default)]
    updated_at: String,
    #[serde(default)]
    result: Option<String>,
}

#[derive(Deserialize)]
struct Hosts {
    hosts: Vec<Value>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Host {
    uuid: String,
    hardware_serial: String,
    platform: String,
    os_version: String,
    seen_time: Option<String>,
    mdm: Option<Mdm>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Mdm {
    enrollment_status: Option<String>,
    name: Option<String>,
    /// Older servers do not say it.
    connected_to_fleet: Option<bool>,
}

impl Fleet {
    pub(super) fn new(http: Http, address: Address) -> Self {
        Self { http, address }
    }

    fn url(&self, rest: &str) -> String {
        format!("{}/api/v1/fleet{rest}", self.address.url.trim_end_matches('/'))
    }

    fn get(&self, url: &str) -> RequestBuilder {
        self.http.client().get(url).bearer_auth(self.address.api_key.reveal())
    }

    /// What it keeps of a command; nothing when it does not know it.
    async fn results(&self, command_uuid: &str) -> Result<Option<Reply>, ConnectorError> {
        let url = self.url(&format!("/commands/results?command_uuid={command_uuid}"));
        let reply = self.http.send_within(&url, self.get(&url), RESULTS_MAX).await?;
        match reply.status {
            status if status.is_success() => Ok(Some(reply)),
            StatusCode::NOT_FOUND if problem(&reply).is_some() => Ok(None),
            _ if reply.is_elsewhere() => Err(reply.wrong("Fleet's API")),
            _ => Err(reply.later()),
        }
    }
}

#[async_trait]
impl Connector for Fleet {
    fn devices_max(&self) -> usize {
        DEVICES_MAX
    }

    async fn send(&self, command: &Command, devices: &[String]) -> Result<Vec<Refused>, ConnectorError> {
        let run = Run { command: STANDARD.encode(command.plist()), host_uuids: devices };
        let url = self.url("/commands/run");
        let request = self
            .http
            .client()
            .post(&url)
            .bearer_auth(self.address.api_key.reveal())
            .header(CONTENT_TYPE, "application/json")
            .body(serde_json::to_vec(&run).unwrap_or_default());
        match judge(self.http.send(&url, request).await?) {
            // A push that failed for all is told like a command that was not taken, and like a fault of its own.
            Err(error @ ConnectorError::Later { .. }) => match self.results(&command.uuid).await {
                Ok(Some(_)) => Ok(Vec::new()),
                Ok(None) | Err(_) => Err(error),
            },
            judged => judged,
        }
    }

    async fn check(&self) -> Result<Option<String>, ConnectorError> {
        #[derive(Deserialize)]
        struct Version {
            version: String,
        }
        let url = self.url("/version");
        let reply = self.http.send(&url, self.get(&url)).await?;
        if !reply.status.is_success() && !reply.is_elsewhere() {
            return Err(reply.later());
        }
        // What is no address of its API, it answers with the page for browsers.
        match serde_json::from_slice::<Version>(&reply.body) {
            Ok(version) => Ok(Some(words(&version.version))),
            Err(_) => Err(reply.wrong("Fleet's API")),
        }
    }

    fn wants_one_platform(&self) -> bool {
        true
    }

    fn asked(&self) -> Option<&dyn Asked> {
        Some(self)
    }
}

#[async_trait]
impl Asked for Fleet {
    async fn answers(&self, command_uuid: &str) -> Result<Vec<Said>, ConnectorError> {
        let Some(reply) = self.results(command_uuid).await? else { return Ok(Vec::new()) };
        if reply.is_cut {
            return Err(
                reply.refused(&format!("what it keeps of a command is larger than {RESULTS_MAX} bytes"))
            );
        }
        match serde_json::from_slice::<Results>(&reply.body) {
            Ok(results) => Ok(said(command_uuid, readable(results.results.unwrap_or_default()))),
            Err(_) => Err(reply.refused("what it keeps of a command is not the JSON of results")),
        }
    }

    async fn devices(&self, page: u64) -> Result<DevicePage, ConnectorError> {
        // By number, so that hosts that come meanwhile are at the end.
        let url = self.url(&format!(
            "/hosts?page={page}&per_page={PAGE}&order_key=h.id&order_direction=asc&disable_failing_policies=true"
        ));
        let reply = self.http.send_within(&url, self.get(&url), PAGE_MAX).await?;
        match reply.status {
            status if status.is_success() => {}
            _ if reply.is_elsewhere() => return Err(reply.wrong("Fleet's API")),
            _ => return Err(reply.later()),
        }
        let Ok(Hosts { hosts }) = serde_json::from_slice(&reply.body) else {
            return Err(reply.wrong("a page of hosts"));
        };
        let is_last = hosts.len() < PAGE;
        Ok(DevicePage { devices: readable(hosts).into_iter().filter_map(listed).collect(), is_last })
    }
}

/// Those of a list that can be read: an odd one does not cost the others.
fn readable<T: DeserializeOwned>(list: Vec<Value>) -> Vec<T> {
    list.into_iter().filter_map(|one| serde_json::from_value(one).ok()).collect()
}

fn problem(reply: &Reply) -> Option<String> {
    let problem: Problem = serde_json::from_slice(&reply.body).ok()?;
    let reasons: Vec<&str> = problem.errors.iter().map(|error| error.reason.as_str()).collect();
    Some(format!("{} ({})", problem.message, reasons.join("; ")))
}

/// Reads what became of a command, which is taken for all devices or for none. `failed_uuids` are those that were not pushed: they
/// have it all the same, and fetch it when they come by themselves.
fn judge(reply: Reply) -> Result<Vec<Refused>, ConnectorError> {
    match reply.status {
        status if status.is_success() => Ok(Vec::new()),
        // A command of that name stands already: our last call arrived, and its answer did not.
        StatusCode::CONFLICT => Ok(Vec::new()),
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => Err(reply.later()),
        status if status.is_client_error() => match problem(&reply) {
            // One device that it does not know (404, 400), or that it does not manage (412), is enough.
            Some(why) => Err(reply.refused(&why)),
            None if reply.is_elsewhere() => Err(reply.wrong("Fleet's API")),
            None => Err(reply.later()),
        },
        status if status.is_redirection() => Err(reply.wrong("Fleet's API")),
        _ => Err(reply.later()),
    }
}

/// The answers among the results, the oldest first; a command that waits for its device is none.
fn said(command_uuid: &str, mut results: Vec<ResultOf>) -> Vec<Said> {
    // RFC 3339 in UTC: the order of the texts is that of the moments.
    results.sort_by(|one, other| one.updated_at.cmp(&other.updated_at));
    let of = |result: ResultOf| {
        let ResultOf { host_uuid, status, updated_at, result } = result;
        let is_answer = matches!(status.as_str(), "Acknowledged" | "Error" | "CommandFormatError" | "NotNow");
        if !is_answer || host_uuid.is_empty() {
            return None;
        }
        let answered = answer(command_uuid, &status, result.as_deref().unwrap_or_default());
        Some(Said { enrollment_id: host_uuid, mark: words(&format!("{status} {updated_at}")), answered })
    };
    results.into_iter().filter_map(of).collect()
}

/// A host, if it is one of Apple's devices and has a serial number: a person's own under User Enrollment tells none.
fn listed(host: Host) -> Option<Listed> {
    let platform = match host.platform.as_str() {
        "darwin" => Platform::Macos,
        "ios" => Platform::Ios,
        "ipados" => Platform::Ipados,
        _ => return None,
    };
    if host.uuid.is_empty() || host.hardware_serial.is_empty() {
        return None;
    }
    let mdm = host.mdm.unwrap_or_default();
    let is_on = mdm.enrollment_status.is_some_and(|status| status.starts_with("On"));
    // Fleet also watches hosts that another MDM server manages.
    let is_its_own = mdm.connected_to_fleet.unwrap_or_else(|| mdm.name.as_deref() == Some("Fleet"));
    // “macOS 14.5” and “iPadOS 17.5.1”.
    let number =
        host.os_version.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()));
    let seen = host.seen_time.and_then(|text| DateTime::parse_from_rfc3339(&text).ok());
    Some(Listed {
        enrollment_id: host.uuid,
        serial: host.hardware_serial,
        is_managed: is_on && is_its_own,
        facts: DeviceFacts {
            platform: Some(platform),
            os_version: number.map(str::to_owned),
            ..DeviceFacts::default()
        },
        seen_at: seen.map(|at| Timestamp(at.timestamp_millis())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, body: &str) -> Result<Vec<Refused>, ConnectorError> {
        judge(Reply::of("fleet.example", StatusCode::from_u16(status).unwrap(), body.as_bytes()))
    }

    #[test]
    fn a_command_stands_that_was_taken_before_or_not_pushed() {
        assert_eq!(reply(200, r#"{"command_uuid":"u","failed_uuids":["A"]}"#), Ok(vec![]));
        assert_eq!(reply(409, r#"{"message":"Validation Failed","errors":[]}"#), Ok(vec![]));
    }

    #[test]
    fn hosts_that_it_does_not_know_or_manage_refuse_the_whole() {
        let body = r#"{"message":"Validation Failed","errors":[{"name":"host_uuids","reason":"No hosts targeted."}]}"#;
        for status in [400, 404, 412, 422] {
            let refused = reply(status, body);
            assert!(
                matches!(&refused, Err(ConnectorError::Refused { why, .. }) if why.contains("No hosts targeted")),
                "{refused:?}"
            );
        }
    }

    #[test]
    fn what_says_nothing_of_the_command_may_pass_or_is_another_server() {
        assert!(matches!(reply(502, "<html>"), Err(ConnectorError::Later { .. })));
        assert!(matches!(reply(429, r#"{"message":"slow"}"#), Err(ConnectorError::Later { .. })));
        assert!(matches!(reply(404, "<html>"), Err(ConnectorError::Wrong { .. })));
    }

    #[test]
    fn results_are_read_in_the_order_they_came_and_those_that_wait_are_none() {
        let plist = "<?xml version=\"1.0\"?><plist version=\"1.0\"><dict><key>Identifier</key><string>com.a</string></dict></plist>";
        let result = |host: &str, status: &str, at: &str, result: Option<&str>| ResultOf {
            host_uuid: host.to_owned(),
            status: status.to_owned(),
            updated_at: at.to_owned(),
            result: result.map(|text| STANDARD.encode(text)),
        };
        let results = vec![
            result("B", "Acknowledged", "2026-01-01T00:00:02Z", Some(plist)),
            result("A", "NotNow", "2026-01-01T00:00:01Z", Some(plist)),
            result("C", "Pending", "2026-01-01T00:00:00Z", None),
            result("D", "Acknowledged", "2026-01-01T00:00:03Z", None),
        ];
        let said = said("u", results);
        let ids: Vec<&str> = said.iter().map(|said| said.enrollment_id.as_str()).collect();
        assert_eq!(ids, ["A", "B", "D"]);
        assert_eq!(said[0].mark, "NotNow 2026-01-01T00:00:01Z");
        assert_eq!(said[1].answered.as_ref().unwrap().bundle_id.as_deref(), Some("com.a"));
        // One odd answer does not cost the others.
        assert!(said[2].answered.is_err());
    }

    #[test]
    fn only_apple_devices_that_fleet_itself_manages_are_managed() {
        let host = |text: &str| listed(serde_json::from_str(text).unwrap());
        let mac = host(
            r#"{"uuid":"U","hardware_serial":"S","platform":"darwin","os_version":"macOS 14.5","seen_time":"2026-01-01T00:00:01Z",
                "mdm":{"enrollment_status":"On (automatic)","name":"Fleet","connected_to_fleet":true}}"#,
        )
        .unwrap();
        assert!(mac.is_managed);
        assert_eq!(
            (mac.facts.platform, mac.facts.os_version.as_deref()),
            (Some(Platform::Macos), Some("14.5"))
        );
        assert_eq!(mac.seen_at, Some(Timestamp(1_767_225_601_000)));
        for mdm in [
            r#"{"enrollment_status":"On (manual)","name":"Jamf","connected_to_fleet":false}"#,
            r#"{"enrollment_status":"On (manual)","name":"Jamf"}"#,
            r#"{"enrollment_status":"Off","name":"Fleet"}"#,
            r#"{"enrollment_status":null,"name":""}"#,
        ] {
            let text = format!(r#"{{"uuid":"U","hardware_serial":"S","platform":"ipados","mdm":{mdm}}}"#);
            assert!(!host(&text).unwrap().is_managed, "{mdm}");
        }
        assert_eq!(host(r#"{"uuid":"U","hardware_serial":"S","platform":"ubuntu"}"#), None);
        assert_eq!(host(r#"{"uuid":"U","hardware_serial":"","platform":"ios"}"#), None);
    }
}
