//! The demo's Apple: three locations of the simulator with apps, devices' worth of licenses and users.

use std::collections::BTreeSet;

use reqwest::Client;
use serde_json::{Value, json};

use super::groups::{APPS, DEVICES, USERS, adam_id};
use crate::error::{CliError, chain};

/// The simulator, spoken to over its control address.
#[derive(Clone)]
pub(crate) struct Apple {
    http: Client,
    url: String,
}

/// One of the demo's locations.
pub(crate) struct Location {
    pub(crate) uid: String,
    /// The text of its token file.
    pub(crate) content: String,
}

/// One license as the simulator's ledger has it: product and holder (`d:` or `u:` in front).
pub(crate) type Held = (String, String);

impl Apple {
    pub(crate) fn new(http: Client, url: String) -> Self {
        Self { http, url }
    }

    /// How the demo's Apple behaves: an event takes a moment, notifications come soon after.
    pub(crate) async fn behave(&self) -> Result<(), CliError> {
        let rules = json!({"allow_http": true, "event_delay_ms": 400, "latency_ms": 5});
        self.change("/_sim/settings", &rules).await.map(drop)
    }

    /// Makes a location with its apps, enough licenses for all, and all users.
    pub(crate) async fn location(&self, number: usize) -> Result<Location, CliError> {
        const NAMES: [&str; 3] = ["North Campus", "South Campus", "Library"];
        let made = self.post("/_sim/locations", &json!({"name": NAMES[number], "country": "NL"})).await?;
        let uid = text(&made, "/uid")?;
        let content = text(&made, "/token/content")?;
        let total = DEVICES + USERS;
        let assets: Vec<Value> = (0..APPS[number])
            .map(|app| json!({"adam_id": adam_id(number, app), "product_type": "App", "total": total}))
            .collect();
        self.post(&format!("/_sim/locations/{uid}/assets"), &json!({ "assets": assets })).await?;
        let users = json!({"generate": {"count": USERS, "prefix": "user-"}});
        self.post(&format!("/_sim/locations/{uid}/users"), &users).await?;
        Ok(Location { uid, content })
    }

    /// Counts of requests and violations since the start.
    pub(crate) async fn ledger(&self) -> Result<Value, CliError> {
        self.look("/_sim/ledger").await
    }

    /// Who holds what, as Apple has it.
    pub(crate) async fn held(&self, uid: &str) -> Result<BTreeSet<Held>, CliError> {
        let url = format!("{}/_sim/locations/{uid}/assignments", self.url);
        let doing = "reading the simulator's assignments";
        let sent = self.http.get(url).send().await.map_err(|error| failed_at(doing, &error))?;
        let lines = sent.text().await.map_err(|error| failed_at(doing, &error))?;
        lines.lines().filter(|line| !line.is_empty()).map(held).collect()
    }

    /// Makes something of the simulator.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Value, CliError> {
        answer("setting up the simulator", self.http.post(self.under(path)).json(body)).await
    }

    /// Changes something of the simulator.
    pub(crate) async fn change(&self, path: &str, body: &Value) -> Result<Value, CliError> {
        answer("setting up the simulator", self.http.patch(self.under(path)).json(body)).await
    }

    /// Looks at something of the simulator.
    pub(crate) async fn look(&self, path: &str) -> Result<Value, CliError> {
        answer("looking at the simulator", self.http.get(self.under(path))).await
    }

    /// An address of the simulator.
    pub(crate) fn under(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }
}

fn held(line: &str) -> Result<Held, CliError> {
    let row: Value =
        serde_json::from_str(line).map_err(|_| said("reading the simulator's assignments", line))?;
    let holder = match row.get("serial").and_then(Value::as_str) {
        Some(serial) => format!("d:{serial}"),
        None => format!("u:{}", text(&row, "/user")?),
    };
    Ok((text(&row, "/adam_id")?, holder))
}

/// Sends a request and reads its JSON answer.
async fn answer(doing: &'static str, request: reqwest::RequestBuilder) -> Result<Value, CliError> {
    let answer = request.send().await.map_err(|error| failed_at(doing, &error))?;
    let status = answer.status();
    let body = answer.text().await.map_err(|error| failed_at(doing, &error))?;
    if !status.is_success() {
        return Err(said(doing, &format!("{status}: {body}")));
    }
    if body.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(&body).map_err(|_| said(doing, &body))
}

/// The text at a JSON pointer of an answer.
pub(crate) fn text(value: &Value, pointer: &str) -> Result<String, CliError> {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found
        .map(str::to_owned)
        .ok_or_else(|| said("looking into an answer", &format!("there is no text at {pointer}")))
}

fn failed_at(doing: &str, error: &reqwest::Error) -> CliError {
    CliError::Failed(format!("{doing}: {}", chain(error)))
}

fn said(doing: &str, text: &str) -> CliError {
    let text: String = text.chars().take(300).collect();
    CliError::Failed(format!("{doing}: {text}"))
}
