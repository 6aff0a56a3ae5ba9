//! Jobs that push newer versions of apps.

use russet_domain::job::{JobKind, Priority};
use russet_domain::{Holder, JobId, Timestamp, TokenId};
use russet_store::Tx;
use russet_store::jobs::{self, NewJob, Origin};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::bodies::wrong;
use crate::audit;
use crate::auth::Actor;
use crate::error::ApiError;
use crate::routes::jobs::bodies::PriorityName;
use crate::routes::jobs::submit::usable;
use crate::routes::tokens::must_write;

/// The most devices and apps that a job names; without names it is about all.
const NAMED_MAX: usize = 10_000;
/// The longest `adam_id`.
const ADAM_ID_MAX: usize = 20;

/// A job that pushes newer versions of apps to the devices that have older ones, whatever the switches and rings say. What rests after
/// it was tried often enough is tried anew.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PushUpdateJob {
    /// What it asks for.
    #[serde(rename = "kind")]
    #[schema(rename = "kind")]
    _kind: PushUpdateKind,
    /// The token whose apps are meant.
    token: i64,
    /// Only these products, by `adam_id`.
    apps: Option<Vec<String>>,
    /// Only these devices.
    serials: Option<Vec<String>>,
    /// When: at once, or in the token's `update_window` by each device's clock.
    #[serde(default)]
    when: WhenName,
    /// How urgent it is.
    #[serde(default)]
    priority: PriorityName,
}

/// The kind of a job that pushes newer versions.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PushUpdateKind {
    PushUpdate,
}

/// When newer versions are pushed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WhenName {
    /// At once.
    #[default]
    Now,
    /// In the window that the token's policy sets.
    Window,
}

/// What a checked body asks for.
pub(crate) struct Wanted {
    pub(crate) token: TokenId,
    pub(crate) priority: Priority,
    args: Value,
}

impl Wanted {
    /// Checks a request.
    ///
    /// # Errors
    /// The first rule it breaks.
    pub(crate) fn read(body: PushUpdateJob) -> Result<Self, ApiError> {
        let apps = body.apps.map(|apps| named("apps", apps, check_app)).transpose()?;
        let serials = body.serials.map(|serials| named("serials", serials, check_serial)).transpose()?;
        let mut args = json!({ "in_window": body.when == WhenName::Window });
        if let Some(apps) = apps {
            args["apps"] = json!(apps);
        }
        if let Some(serials) = serials {
            args["serials"] = json!(serials);
        }
        Ok(Self { token: TokenId(body.token), priority: body.priority.into(), args })
    }
}

fn named(
    field: &'static str,
    mut names: Vec<String>,
    check: impl Fn(&str) -> Result<(), String>,
) -> Result<Vec<String>, ApiError> {
    if names.is_empty() {
        return Err(ApiError::EmptyList(field));
    }
    if names.len() > NAMED_MAX {
        return Err(wrong(field, format!("it should name at most {NAMED_MAX}; split the job")));
    }
    for (nth, name) in names.iter().enumerate() {
        check(name).map_err(|why| wrong(&format!("{field}[{nth}]"), why))?;
    }
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

fn check_app(text: &str) -> Result<(), String> {
    let fits = (1..=ADAM_ID_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if fits { Ok(()) } else { Err("it should be a product's number, such as 361309726".to_owned()) }
}

fn check_serial(text: &str) -> Result<(), String> {
    Holder::device(text).map(drop).map_err(|why| why.to_string())
}

/// Writes the job; a worker finds the devices.
///
/// # Errors
/// When the token is not good for it.
pub(crate) async fn write(
    tx: &mut Tx,
    actor: &Actor,
    wanted: &Wanted,
    now: Timestamp,
) -> Result<JobId, ApiError> {
    let token = usable(tx, actor, wanted.token, |_| true).await?;
    must_write(tx, token.id).await?;
    let new = NewJob {
        kind: JobKind::PushUpdate,
        token: token.id,
        priority: wanted.priority,
        origin: Origin::Api,
        key: Some(actor.key),
        args: wanted.args.to_string(),
        notes: "[]".to_owned(),
        line: None,
    };
    let id = jobs::insert(tx, &new, now).await?;
    let mut detail = wanted.args.clone();
    detail["kind"] = json!(new.kind.as_str());
    detail["token"] = json!(token.id.0);
    audit::note(tx, actor, "job.submit", &format!("job {id}"), &detail, now).await?;
    Ok(id)
}
