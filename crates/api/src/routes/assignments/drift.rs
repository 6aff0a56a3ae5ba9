//! `/api/v1/tokens/{token}/drift`: where what Apple has differs from what should be, and mending it.

use axum::Json;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use russet_domain::drift::{Class, Stance};
use russet_domain::job::Priority;
use russet_domain::{Timestamp, TokenId};
use russet_store::drift::{self as store, By, Count, Drifted, Fixed};
use russet_store::jobs::Origin;
use russet_store::{policies, tokens as token_store};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use crate::auth::{Actor, Operator, Viewer};
use crate::body::Body;
use crate::error::ApiError;
use crate::once::{Answer, Once};
use crate::page::{self, Page};
use crate::query::{Asked, TokenInPath, shown};
use crate::retrying::retrying;
use crate::routes::tokens;
use crate::state::App;
use crate::view::serial_and_user;
use crate::{audit, time};

const LIST: &str = "drift";

/// The token and the class that the path names.
pub(crate) struct ClassInPath(TokenId, Class);

impl FromRequestParts<App> for ClassInPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let Path((token, class)) = Path::<(String, String)>::from_request_parts(parts, app)
            .await
            .map_err(|_| ApiError::NoSuchRoute)?;
        let token = token.parse().map_err(|_| ApiError::NoSuchToken(shown(&token)))?;
        let missing =
            || ApiError::NoSuch { what: "class", name: shown(&class), list: "tokens/{token}/drift" };
        Ok(Self(token, Class::from_text(&class).ok_or_else(missing)?))
    }
}

/// One class of what differs.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DriftClass)]
pub(crate) struct ClassView {
    /// Its name.
    class: &'static str,
    /// What it is.
    about: &'static str,
    /// How many licenses are in it. A license may be in several classes.
    count: u64,
    /// How many of them a move of the license would mend.
    can_fix: u64,
    /// The policy that says what is done about it.
    policy: &'static str,
    /// What is done: `fix`, `report`, `ask` or `ignore`.
    stance: &'static str,
    /// Whether somebody should decide: the policy says `ask`, and something can be mended.
    awaits_decision: bool,
}

/// Which licenses of a class.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Query {
    /// Only those that a move of the license would mend.
    #[serde(default)]
    can_fix: bool,
    /// Entries of a page, 1 to 1000; 100 when left out.
    limit: Option<u32>,
    /// Where to go on: `next_cursor` of the page before.
    cursor: Option<String>,
}

/// One license that differs.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Drifted)]
pub(crate) struct DriftedView {
    /// The product's number in Apple's stores.
    adam_id: String,
    /// The quality.
    pricing_param: String,
    /// The device, by serial number.
    #[serde(skip_serializing_if = "Option::is_none")]
    serial: Option<String>,
    /// The user, by `client_user_id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    /// What is known of the case: of `missing` the last error's code, of `surplus` and `irrevocable` why it is wanted no more, of
    /// `orphan` whether the holder is `unknown` or `deleted`, of `double` the serial number of a device that has a license, of `idle`
    /// when the device was last seen, or that it told its apps and this one is not among them, of `stuck` Apple's event.
    detail: Option<String>,
    /// Whether a move of the license would mend it: nobody pinned it, no assignment wants it, and Apple takes it back.
    can_fix: bool,
}

/// What was begun to mend a class.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DriftFix)]
pub(crate) struct FixView {
    /// How many licenses are moved.
    licenses: usize,
    /// The jobs that do it, the most urgent first.
    jobs: Vec<i64>,
    /// Whether that is all; otherwise ask again for the rest.
    complete: bool,
}

/// Counts where what Apple has differs from what should be, by class. Classes that the token's policies ignore are counted as none.
///
/// Costs a look at every license of the token.
#[utoipa::path(get, operation_id = "show_drift", path = "/api/v1/tokens/{token}/drift", tag = "assignments",
    params(("token" = i64, Path, description = "The token's number")),
    responses((status = 200, description = "Every class", body = Vec<ClassView>)))]
pub(crate) async fn show(
    State(app): State<App>,
    Viewer(actor): Viewer,
    TokenInPath(id): TokenInPath,
) -> Result<Json<Vec<ClassView>>, ApiError> {
    let now = time::now();
    let mut db = app.store.snapshot().await?;
    tokens::known(&mut db, &actor, id).await?;
    let policies = policies::read(&mut db, id).await?;
    let mut classes = Vec::with_capacity(Class::ALL.len());
    for class in Class::ALL {
        let stance = class.stance(&policies);
        let count = match stance {
            Stance::Ignore => Count::default(),
            Stance::Fix | Stance::Report | Stance::Ask => store::tally(&mut db, id, class, now).await?,
        };
        classes.push(ClassView::new(class, stance, count));
    }
    Ok(Json(classes))
}

/// Lists the licenses of a class, also of one that the policies ignore.
#[utoipa::path(get, operation_id = "list_drift", path = "/api/v1/tokens/{token}/drift/{class}", tag = "assignments",
    params(("token" = i64, Path, description = "The token's number"),
        ("class" = String, Path, description = "`missing`, `surplus`, `foreign`, `orphan`, `double`, `idle`, `irrevocable` or `stuck`"),
        Query),
    responses((status = 200, description = "Licenses", body = Page<DriftedView>)))]
pub(crate) async fn list(
    State(app): State<App>,
    Viewer(actor): Viewer,
    ClassInPath(id, class): ClassInPath,
    Asked(query): Asked<Query>,
) -> Result<Json<Page<DriftedView>>, ApiError> {
    let limit = page::limit(&app, query.limit)?;
    let after = page::read_place(LIST, query.cursor.as_deref())?;
    let mut db = app.store.read().await?;
    tokens::known(&mut db, &actor, id).await?;
    let most = page::one_more(limit);
    let rows = store::list(&mut db, (id, class), query.can_fix, most, after.as_ref(), time::now()).await?;
    let place = |row: &Drifted| page::place(row.asset, &row.holder);
    Ok(Json(Page::cut(LIST, rows, limit, place, |row| DriftedView::new(class, row))))
}

/// Mends a class, as far as moves of licenses can: what is missing is given, everything else is taken back. At most 50,000 licenses
/// at once.
#[utoipa::path(post, operation_id = "fix_drift", path = "/api/v1/tokens/{token}/drift/{class}/fix", tag = "assignments",
    params(("token" = i64, Path, description = "The token's number"),
        ("class" = String, Path, description = "`missing`, `surplus`, `foreign`, `orphan`, `double` or `idle`"),
        ("Idempotency-Key" = Option<String>, Header, description = "Sent again, nothing happens twice")),
    responses((status = 202, description = "The jobs that do it", body = FixView),
        (status = 409, description = "`no_remedy`, `token_not_usable` or `token_being_removed`",
            body = crate::problem::Problem, content_type = "application/problem+json")))]
pub(crate) async fn fix(
    State(app): State<App>,
    Operator(actor): Operator,
    ClassInPath(id, class): ClassInPath,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer, ApiError> {
    body.nothing()?;
    if class.remedy().is_none() {
        let text = format!("No move of a license mends what is `{}`: {}.", class.as_str(), class.no_remedy());
        return Err(ApiError::Conflict { code: "no_remedy", text });
    }
    let once = Once::of(&headers, &body.fingerprint)?;
    let (answer, is_news) = retrying(|| write(&app, &actor, &once, id, class)).await?;
    if is_news {
        app.push.apply_changes(id, Priority::Normal).await;
    }
    Ok(answer)
}

async fn write(
    app: &App,
    actor: &Actor,
    once: &Once,
    id: TokenId,
    class: Class,
) -> Result<(Answer, bool), ApiError> {
    let mut tx = app.store.begin().await?;
    let now = time::now();
    if let Some(answer) = once.replay(&mut tx, actor, now).await? {
        return Ok((answer, false));
    }
    tokens::known(&mut tx, actor, id).await?;
    token_store::lock(&mut tx, id).await?;
    // Looked at again, now that nothing can move it.
    let token = tokens::known(&mut tx, actor, id).await?;
    if token.removing {
        return Err(ApiError::TokenBeingRemoved);
    }
    if !token.state.may_write() && !token.state.is_undecided() {
        return Err(ApiError::not_usable(&token));
    }
    tokens::must_write(&mut tx, id).await?;
    let by = By { origin: Origin::Api, key: Some(actor.key) };
    let fixed = store::fix(&mut tx, id, class, by, now).await?;
    let detail = json!({ "class": class.as_str(), "licenses": fixed.licenses });
    audit::note(&mut tx, actor, "token.drift_fix", &format!("token {id}"), &detail, now).await?;
    let is_news = fixed.licenses > 0;
    let answer = Answer::new(StatusCode::ACCEPTED, None, &FixView::from(fixed))?;
    once.keep(&mut tx, actor, &answer, now).await?;
    tx.commit().await?;
    Ok((answer, is_news))
}

impl ClassView {
    fn new(class: Class, stance: Stance, count: Count) -> Self {
        Self {
            class: class.as_str(),
            about: class.about(),
            count: count.all,
            can_fix: count.can_fix,
            policy: class.policy(),
            stance: stance.as_str(),
            awaits_decision: stance == Stance::Ask && count.can_fix > 0,
        }
    }
}

impl DriftedView {
    fn new(class: Class, row: Drifted) -> Self {
        let (serial, user) = serial_and_user(row.holder);
        let detail = if class == Class::Idle { row.detail.map(|text| idle(&text)) } else { row.detail };
        Self {
            adam_id: row.key.adam_id,
            pricing_param: row.key.pricing.as_str().to_owned(),
            serial,
            user,
            detail,
            can_fix: row.can_fix,
        }
    }
}

/// Why a device's license is idle: when the device was last seen, or that it lacks the app.
fn idle(text: &str) -> String {
    let moment = |text: &str| text.parse().map_or_else(|_| text.to_owned(), |at| time::text(Timestamp(at)));
    match text.strip_prefix("without_app ") {
        Some(told) => format!("the device told its apps at {}, and this one is not among them", moment(told)),
        None => moment(text),
    }
}

impl From<Fixed> for FixView {
    fn from(fixed: Fixed) -> Self {
        Self {
            licenses: fixed.licenses,
            jobs: fixed.jobs.into_iter().map(|job| job.0).collect(),
            complete: fixed.complete,
        }
    }
}
