//! KMFDDM, which keeps declarations and hands them to devices
//! (<https://github.com/jessepeterson/kmfddm/blob/main/docs/openapi.yaml>).
//!
//! Devices are woken by a command of our own, not by its `/notify`: that one says 204 also when the MDM server took nothing, and of
//! more than thirty devices it reaches the first thirty only.

use async_trait::async_trait;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, StatusCode};
use russet_domain::Secret;
use serde::Deserialize;

use super::declares::Declares;
use super::http::{Http, Reply, words};
use super::nanomdm::escape;
use super::{ConnectorError, Refused};
use crate::declaration::{self, DeclaredApp, STATUS_SET, activation_name, app_name, set_name};
use crate::inbound::{self, Declared};

/// Devices that are looked after at the same time: every one takes calls of its own.
const AT_ONCE: usize = 8;
/// The most reports of a device that are read. Most hold what has changed since the one before, and once a day one holds everything.
const REPORTS_MAX: usize = 8;
/// The largest report that is read.
const REPORT_MAX: usize = 1024 * 1024;
/// Makes changes without waking anybody.
const QUIETLY: (&str, &str) = ("nonotify", "1");

pub(super) struct Kmfddm {
    http: Http,
    /// Where its API begins, without a slash at its end.
    root: String,
    user: &'static str,
    key: Secret,
}

/// What it says when it cannot.
#[derive(Deserialize)]
struct Said {
    error: String,
}

impl Kmfddm {
    pub(super) fn new(http: Http, root: String, user: &'static str, key: Secret) -> Self {
        Self { http, root, user, key }
    }

    /// Whether address and key are right.
    pub(super) async fn check(&self) -> Result<(), ConnectorError> {
        let reply = self.call(Method::GET, "declaration-sets", &["russet-check"], &[], None).await?;
        match reply.status {
            StatusCode::OK | StatusCode::NO_CONTENT => Ok(()),
            _ if reply.is_elsewhere() => Err(named(reply.wrong("KMFDDM's API"))),
            _ => Err(named(reply.later())),
        }
    }

    /// Declares an app for devices; none of them is told yet. Answers which it was refused for.
    pub(super) async fn declare(
        &self,
        app: &DeclaredApp,
        devices: &[String],
    ) -> Result<Vec<Refused>, ConnectorError> {
        self.subscribe().await?;
        let one = async |device: &String| refused(device, self.declare_one(app, device).await);
        let refused: Vec<Option<Refused>> =
            stream::iter(devices).map(one).buffer_unordered(AT_ONCE).try_collect().await?;
        Ok(refused.into_iter().flatten().collect())
    }

    /// Withdraws an app from devices; none of them is told yet. Answers which it was refused for.
    pub(super) async fn withdraw(
        &self,
        adam_id: u64,
        devices: &[String],
    ) -> Result<Vec<Refused>, ConnectorError> {
        let one = async |device: &String| refused(device, self.withdraw_one(adam_id, device).await);
        let refused: Vec<Option<Refused>> =
            stream::iter(devices).map(one).buffer_unordered(AT_ONCE).try_collect().await?;
        Ok(refused.into_iter().flatten().collect())
    }

    /// What every device gets once, to tell of its declared apps.
    async fn subscribe(&self) -> Result<(), ConnectorError> {
        self.put(declaration::subscription()).await?;
        self.put(declaration::activation(STATUS_SET)).await?;
        self.put_into_set(STATUS_SET, STATUS_SET).await?;
        self.put_into_set(STATUS_SET, &activation_name(STATUS_SET)).await
    }

    /// All steps every time, so that what was lost on either side is there again. The device sees the app once it has the set, and in
    /// one piece from then on.
    async fn declare_one(&self, app: &DeclaredApp, device: &str) -> Result<(), ConnectorError> {
        let (name, set) = (app_name(app.adam_id, device), set_name(device));
        if !self.put(app.declaration(device)).await? {
            // It stands as it is already: touched, it is looked at anew by a device that failed with it.
            self.change(Method::POST, "declarations", &[&name, "touch"], &[], None).await?;
        }
        self.put(declaration::activation(&name)).await?;
        self.put_into_set(&set, &name).await?;
        self.put_into_set(&set, &activation_name(&name)).await?;
        for set in [STATUS_SET, &set] {
            self.change(Method::PUT, "enrollment-sets", &[device], &[("set", set)], None).await?;
        }
        Ok(())
    }

    async fn withdraw_one(&self, adam_id: u64, device: &str) -> Result<(), ConnectorError> {
        let (name, set) = (app_name(adam_id, device), set_name(device));
        for name in [&activation_name(&name), &name] {
            let declaration = [("declaration", name.as_str())];
            self.change(Method::DELETE, "set-declarations", &[&set], &declaration, None).await?;
            // One that somebody has put into another set is refused, and theirs from now on.
            match self.change(Method::DELETE, "declarations", &[name], &[], None).await {
                Ok(_) | Err(ConnectorError::Refused { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Stores a declaration. Tells whether that changed it.
    async fn put(&self, declaration: Vec<u8>) -> Result<bool, ConnectorError> {
        self.change(Method::PUT, "declarations", &[], &[], Some(declaration)).await
    }

    async fn put_into_set(&self, set: &str, name: &str) -> Result<(), ConnectorError> {
        let declaration = [("declaration", name)];
        self.change(Method::PUT, "set-declarations", &[set], &declaration, None).await.map(drop)
    }

    /// Makes a change. Tells whether it was one: 304 says that all was so already.
    async fn change(
        &self,
        method: Method,
        noun: &str,
        names: &[&str],
        query: &[(&str, &str)],
        body: Option<Vec<u8>>,
    ) -> Result<bool, ConnectorError> {
        let query: Vec<(&str, &str)> = query.iter().copied().chain([QUIETLY]).collect();
        judge(self.call(method, noun, names, &query, body).await?).map_err(named)
    }

    async fn call(
        &self,
        method: Method,
        noun: &str,
        names: &[&str],
        query: &[(&str, &str)],
        body: Option<Vec<u8>>,
    ) -> Result<Reply, ConnectorError> {
        let mut url = format!("{}/{noun}", self.root);
        for name in names {
            url.push('/');
            url.push_str(&escape(name));
        }
        for (place, (key, value)) in query.iter().enumerate() {
            url.push_str(if place == 0 { "?" } else { "&" });
            url.push_str(&format!("{key}={}", escape(value)));
        }
        let mut request = self.http.client().request(method, &url);
        request = request.basic_auth(self.user, Some(self.key.reveal()));
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body);
        }
        self.http.send_within(&url, request, REPORT_MAX).await.map_err(named)
    }

    /// What a device told of its apps in the reports that are kept, put together from the oldest that is read to the newest.
    async fn report(&self, device: &str) -> Result<Option<Declared>, ConnectorError> {
        let mut reports = Vec::new();
        for index in 0..REPORTS_MAX {
            let index = index.to_string();
            let reply =
                self.call(Method::GET, "status-report", &[device], &[("index", &index)], None).await?;
            match reply.status {
                StatusCode::OK if !reply.is_cut => {}
                // A report that is too large is left out, like one that cannot be read.
                StatusCode::OK => continue,
                // “Not found” and “index out of range”, for which some of its storages say 500: there is none older.
                _ if said(&reply).is_some() => break,
                _ if reply.is_elsewhere() => return Err(named(reply.wrong("KMFDDM's API"))),
                _ => return Err(named(reply.later())),
            }
            let Ok(Some(told)) = inbound::declared(&reply.body, reply.modified) else { continue };
            let is_full = told.is_full;
            reports.push(told);
            if is_full {
                break;
            }
        }
        Ok(reports.into_iter().rev().reduce(Declared::followed_by))
    }
}

#[async_trait]
impl Declares for Kmfddm {
    async fn forget(&self, apps: &[(u64, String)]) -> Result<(), ConnectorError> {
        let one = async |(adam_id, device): &(u64, String)| {
            for set in [STATUS_SET, &set_name(device)] {
                self.change(Method::DELETE, "enrollment-sets", &[device], &[("set", set)], None).await?;
            }
            // Whatever it is refused for, the device has no set of ours any more.
            refused(device, self.withdraw_one(*adam_id, device).await).map(drop)
        };
        stream::iter(apps).map(one).buffer_unordered(AT_ONCE).try_collect().await
    }

    async fn reports(&self, devices: &[String]) -> Result<Vec<(String, Declared)>, ConnectorError> {
        let one = async |device: &String| {
            let told = self.report(device).await?;
            Ok::<_, ConnectorError>(told.map(|told| (device.clone(), told)))
        };
        let told: Vec<_> = stream::iter(devices).map(one).buffer_unordered(AT_ONCE).try_collect().await?;
        Ok(told.into_iter().flatten().collect())
    }
}

/// What it says of itself, if it speaks as this server does.
fn said(reply: &Reply) -> Option<String> {
    serde_json::from_slice::<Said>(&reply.body).ok().map(|said| words(&said.error))
}

fn judge(reply: Reply) -> Result<bool, ConnectorError> {
    match (reply.status, said(&reply)) {
        (StatusCode::NO_CONTENT | StatusCode::OK, _) => Ok(true),
        (StatusCode::NOT_MODIFIED, _) => Ok(false),
        // It says 500 of its own database's errors and 400 or 404 of what it was asked for; the words tell which.
        (StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND, Some(why)) => Err(reply.refused(&why)),
        (StatusCode::INTERNAL_SERVER_ERROR, Some(why)) if is_in_use(&why) => Err(reply.refused(&why)),
        _ if reply.is_elsewhere() => Err(reply.wrong("KMFDDM's API")),
        _ => Err(reply.later()),
    }
}

/// What its storages say of a declaration that another set holds.
fn is_in_use(why: &str) -> bool {
    let why = why.to_ascii_lowercase();
    why.contains("referenced by") || why.contains("foreign key")
}

/// What was refused of one device concerns that device; everything else concerns all.
fn refused(device: &str, done: Result<(), ConnectorError>) -> Result<Option<Refused>, ConnectorError> {
    match done {
        Ok(()) => Ok(None),
        Err(ConnectorError::Refused { why, .. }) => {
            Ok(Some(Refused { enrollment_id: device.to_owned(), why }))
        }
        Err(error) => Err(error),
    }
}

/// Says that this server is meant, and not the MDM server beside it.
fn named(error: ConnectorError) -> ConnectorError {
    let at = |host: String| format!("KMFDDM at {host}");
    match error {
        ConnectorError::Unauthorized { host, status } => {
            ConnectorError::Unauthorized { host: at(host), status }
        }
        ConnectorError::Wrong { host, why } => ConnectorError::Wrong { host: at(host), why },
        ConnectorError::Refused { host, why } => ConnectorError::Refused { host: at(host), why },
        ConnectorError::Later { host, why, after } => ConnectorError::Later { host: at(host), why, after },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, body: &str) -> Result<bool, ConnectorError> {
        judge(Reply::of("ddm.example", StatusCode::from_u16(status).unwrap(), body.as_bytes()))
    }

    #[test]
    fn what_was_so_already_is_no_error() {
        assert_eq!((reply(204, ""), reply(304, "")), (Ok(true), Ok(false)));
    }

    #[test]
    fn its_own_words_are_told_from_anybody_elses() {
        let refused = reply(400, r#"{"error":"invalid declaration"}"#);
        assert!(matches!(refused, Err(ConnectorError::Refused { why, .. }) if why == "invalid declaration"));
        let in_use = reply(500, r#"{"error":"declaration is referenced by 1 sets"}"#);
        assert!(matches!(in_use, Err(ConnectorError::Refused { .. })));
        assert!(matches!(reply(500, r#"{"error":"disk full"}"#), Err(ConnectorError::Later { .. })));
        assert!(matches!(reply(404, "404 page not found"), Err(ConnectorError::Wrong { .. })));
        assert!(matches!(reply(301, ""), Err(ConnectorError::Wrong { .. })));
        assert!(matches!(reply(502, "<html>"), Err(ConnectorError::Later { .. })));
    }
}
