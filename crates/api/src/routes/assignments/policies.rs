//! `GET` and `PATCH /api/v1/tokens/{token}/policies`: what becomes of licenses when somebody leaves, and who waits for one.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use russet_domain::job::Priority;
use russet_domain::policy::{self, POLICIES, Policies};
use russet_domain::{ConnectorId, TokenId};
use russet_store::changes::waitlist;
use russet_store::{installs, marks, policies as store};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::auth::{Actor, Admin, Viewer};
use crate::body::Body;
use crate::error::ApiError;
use crate::push::CONNECTORS_TOGETHER;
use crate::query::{TokenInPath, shown};
use crate::retrying::retrying;
use crate::routes::tokens;
use crate::state::App;
use crate::{audit, time};

/// One policy of a token.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Policy)]
pub(crate) struct PolicyView {
    /// Its name.
    name: &'static str,
    /// What holds.
    value: String,
    /// What holds when nobody decides.
    default: &'static str,
    /// Whether somebody decided.
    decided: bool,
    /// What it can be set to.
    values: Vec<&'static str>,
    /// The least and the most number that it can be set to instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    numbers: Option<[u64; 2]>,
    /// What it decides.
    about: &'static str,
}

/// What a policy is to be: a word or a number.
#[derive(Deserialize, ToSchema)]
#[serde(untagged)]
#[schema(as = PolicyValue)]
pub(crate) enum Value {
    Word(String),
    Number(u64),
}

impl Value {
    fn text(self) -> String {
        match self {
            Self::Word(word) => word,
            Self::Number(number) => number.to_string(),
        }
    }
}

fn views(policies: &Policies) -> Vec<PolicyView> {
    let view = |policy: &policy::Policy| PolicyView {
        name: policy.name,
        value: policies.value(policy.name).to_owned(),
        default: policy.default,
        decided: policies.is_decided(policy.name),
        values: policy.values.to_vec(),
        numbers: policy.numbers.map(|(least, most)| [least, most]),
        about: policy.about,
    };
    POLICIES.iter().map(view).collect()
}

/// Shows what a token goes by.
#[utoipa::path(get, operation_id = "list_policies", path = "/api/v1/tokens/{token}/policies", tag = "assignments",
    params(("token" = i64, Path, description = "The token's number")),
    responses((status = 200, description = "Every policy", body = Vec<PolicyView>)))]
pub(crate) async fn list(
    State(app): State<App>,
    Viewer(actor): Viewer,
    TokenInPath(id): TokenInPath,
) -> Result<Json<Vec<PolicyView>>, ApiError> {
    let mut db = app.store.read().await?;
    tokens::known(&mut db, &actor, id).await?;
    Ok(Json(views(&store::read(&mut db, id).await?)))
}

/// Decides policies of a token: an object of names and values, words or numbers; null lets the default hold again. Everything that assignments have
/// to do with is looked at anew.
#[utoipa::path(patch, operation_id = "change_policies", path = "/api/v1/tokens/{token}/policies", tag = "assignments",
    request_body = BTreeMap<String, Option<Value>>,
    params(("token" = i64, Path, description = "The token's number")),
    responses((status = 200, description = "Every policy as it is now", body = Vec<PolicyView>)))]
pub(crate) async fn change(
    State(app): State<App>,
    Admin(actor): Admin,
    TokenInPath(id): TokenInPath,
    body: Body,
) -> Result<Json<Vec<PolicyView>>, ApiError> {
    let wanted: BTreeMap<String, Option<Value>> = body.json()?;
    let wanted: BTreeMap<String, Option<String>> =
        wanted.into_iter().map(|(name, value)| (name, value.map(Value::text))).collect();
    let mut decisions = Vec::with_capacity(wanted.len());
    for (name, value) in &wanted {
        let Some(policy) = policy::find(name) else {
            let known = POLICIES.iter().map(|policy| policy.name).collect::<Vec<_>>().join("`, `");
            let why = format!("{} is no policy; they are `{known}`", shown(name));
            return Err(ApiError::InvalidField { field: shown(name), why });
        };
        if let Some(value) = value {
            let wrong =
                |why| ApiError::InvalidField { field: name.clone(), why: format!("it should be {why}") };
            policy.check(value).map_err(wrong)?;
        }
        decisions.push((policy, value.as_deref()));
    }
    let (view, connectors) = retrying(|| write(&app, &actor, id, &decisions)).await?;
    app.push.reconcile().await;
    app.push.send_commands_of(connectors).await;
    // What waited while nothing could be sent.
    app.push.apply_changes(id, Priority::Normal).await;
    app.push.apply_users(id, Priority::Normal).await;
    Ok(Json(view))
}

/// Writes them down. Tells, beside what holds now, which connectors have updates to look at that waited for another window.
async fn write(
    app: &App,
    actor: &Actor,
    id: TokenId,
    decisions: &[(&'static policy::Policy, Option<&str>)],
) -> Result<(Vec<PolicyView>, Vec<ConnectorId>), ApiError> {
    let now = time::now();
    let mut tx = app.store.begin().await?;
    tokens::known(&mut tx, actor, id).await?;
    for (policy, value) in decisions {
        store::decide(&mut tx, id, policy, *value).await?;
    }
    let after = store::read(&mut tx, id).await?;
    if !after.has_waitlist() {
        waitlist::dissolve(&mut tx, id, now).await?;
    }
    marks::mark_token(&mut tx, id, now).await?;
    let connectors = match installs::keep_to(&mut tx, id, after.update_window(), now).await? {
        0 => Vec::new(),
        _ => installs::connectors_with_due(&mut tx, now, None, CONNECTORS_TOGETHER).await?,
    };
    let detail: BTreeMap<_, _> = decisions.iter().map(|(policy, value)| (policy.name, *value)).collect();
    audit::note(&mut tx, actor, "token.policies", &format!("token {id}"), &json!(detail), now).await?;
    let view = views(&after);
    tx.commit().await?;
    Ok((view, connectors))
}
