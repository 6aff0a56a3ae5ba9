//! `GET /api/v1/tokens/{token}/supply`: what is used, free and waited for, how long it lasts, and what to buy.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use russet_domain::asset::Supply;
use russet_domain::forecast::{a_day, counts_since, days_left, to_buy};
use russet_domain::policy::Policies;
use russet_domain::{AssetId, AssetKey, Timestamp};
use russet_store::assets::{self, AssetRow};
use russet_store::supply::{Demand, Spare, demand, spare};
use russet_store::{catalog, history, policies};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::auth::Viewer;
use crate::error::ApiError;
use crate::page::{self, Page};
use crate::query::{Asked, TokenInPath};
use crate::routes::tokens;
use crate::state::App;
use crate::time;

const LIST: &str = "supply";
/// How far ahead is bought when a client does not say, in days.
const DAYS: u64 = 90;
/// The furthest that one can buy ahead: a line through four weeks says nothing of later years.
const DAYS_MAX: u64 = 730;
/// Below so many days left an app is told as running low when a client does not say.
const LOW_DAYS: u64 = 30;
/// The most other locations that are named for one app.
const ELSEWHERE_MAX: usize = 10;

/// What is asked.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Query {
    /// How many days ahead is bought, 1 to 730; 90 when left out.
    days: Option<u64>,
    /// Below so many days left an app is running low, 1 to 730; 30 when left out.
    low_days: Option<u64>,
    /// How many more licenses of every app will be wanted besides, such as for new devices.
    #[serde(default)]
    more: u64,
    /// Only those of which something is to be bought. A page holds fewer then; the list ends where `next_cursor` is null.
    #[serde(default)]
    to_buy: bool,
    /// Entries of a page, 1 to 1000; 100 when left out.
    limit: Option<u32>,
    /// Where to go on: `next_cursor` of the page before.
    cursor: Option<String>,
}

/// What there is of one app, and what to buy.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Supply)]
pub(crate) struct SupplyView {
    /// The token.
    token: i64,
    /// The location's name, once Apple has told it.
    location: Option<String>,
    /// The product's number in Apple's stores.
    adam_id: String,
    /// The quality.
    pricing_param: String,
    /// The product's name, as far as it is known.
    name: Option<String>,
    /// Licenses bought; null when there is no limit.
    total: Option<i64>,
    /// Licenses that somebody holds.
    used: i64,
    /// Licenses that nobody holds; null when there is no limit.
    free: Option<i64>,
    /// How many wait in line for one.
    waiting: u64,
    /// How many more are in use every day, over the last four weeks; null while history is younger than a week.
    a_day: Option<f64>,
    /// In how many days the last free one is given; null without a limit, or while no more are in use every day.
    days_left: Option<u64>,
    /// Why somebody should look at it: `running_low` (rule N-28, from the token's policy `alert_percent` on), `days_left`, `waiting`.
    alerts: Vec<&'static str>,
    /// How many to buy for those who wait and those who come.
    to_buy: u64,
    /// Other locations with free licenses, which a transfer in Apple's portal could bring here instead.
    elsewhere: Vec<SpareView>,
}

/// Free licenses at another location.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Spare)]
pub(crate) struct SpareView {
    /// Its token.
    token: i64,
    /// The token's name.
    token_name: String,
    /// How many are free there that are neither kept by a reservation nor about to be given to somebody in line.
    free: u64,
}

/// Days ahead, days that are few, what comes besides, and how much in use is an alert.
#[derive(Clone, Copy)]
struct Horizon {
    days: u64,
    low_days: u64,
    more: u64,
    alert_percent: Option<u64>,
}

impl Query {
    fn horizon(&self, policies: &Policies) -> Result<Horizon, ApiError> {
        let days = |name: &str, days: Option<u64>, usual: u64| match days {
            None => Ok(usual),
            Some(days) if (1..=DAYS_MAX).contains(&days) => Ok(days),
            Some(_) => Err(ApiError::InvalidQuery(format!("`{name}` should be from 1 to {DAYS_MAX}"))),
        };
        let more = self.more.min(u64::from(u32::MAX));
        Ok(Horizon {
            days: days("days", self.days, DAYS)?,
            low_days: days("low_days", self.low_days, LOW_DAYS)?,
            more,
            alert_percent: policies.alert_percent(),
        })
    }
}

/// Tells of each app of a token what is used, free and waited for, how long it lasts as the last four weeks went, and how many to buy.
#[utoipa::path(get, operation_id = "list_supply", path = "/api/v1/tokens/{token}/supply", tag = "licenses",
    params(("token" = i64, Path, description = "The token's number"), Query),
    responses((status = 200, description = "Apps and books", body = Page<SupplyView>)))]
pub(crate) async fn list(
    State(app): State<App>,
    Viewer(actor): Viewer,
    TokenInPath(id): TokenInPath,
    Asked(query): Asked<Query>,
) -> Result<Json<Page<SupplyView>>, ApiError> {
    let limit = page::limit(&app, query.limit)?;
    let after = page::read_cursor::<i64>(LIST, query.cursor.as_deref())?.map(AssetId);
    let now = time::now();
    let mut db = app.store.snapshot().await?;
    let token = tokens::known(&mut db, &actor, id).await?;
    let horizon = query.horizon(&policies::read(&mut db, id).await?)?;
    let since = counts_since(history::begins(&mut db, id).await?, now);
    let demand = demand(&mut db, id, since).await?;
    let rows = assets::list(&mut db, id, page::one_more(limit), after).await?;
    let page = Page::cut(LIST, rows, limit, |row| row.id.0, |row| row);
    let mut items: Vec<(AssetKey, SupplyView)> = Vec::new();
    for row in page.items.into_iter().filter(|row| !row.gone) {
        let demand = demand.get(&row.id).copied().unwrap_or_default();
        let view = SupplyView::new(&row, demand, (since, now), horizon);
        if !query.to_buy || view.to_buy > 0 {
            items.push((row.asset.key, view));
        }
    }
    let names = catalog::names(&mut db, items.iter().map(|(key, _)| (id, key.adam_id.as_str()))).await?;
    let short: Vec<AssetKey> =
        items.iter().filter(|(_, view)| view.to_buy > 0).map(|(key, _)| key.clone()).collect();
    let mut elsewhere: HashMap<AssetKey, Vec<Spare>> = HashMap::new();
    for spare in spare(&mut db, id, &short, actor.bound_to()).await? {
        elsewhere.entry(spare.key.clone()).or_default().push(spare);
    }
    let finish = |(key, view): (AssetKey, SupplyView)| SupplyView {
        location: token.location_name.clone(),
        name: names.get(&(id, key.adam_id.clone())).cloned(),
        elsewhere: elsewhere
            .remove(&key)
            .unwrap_or_default()
            .into_iter()
            .take(ELSEWHERE_MAX)
            .map(SpareView::from)
            .collect(),
        ..view
    };
    let items = items.into_iter().map(finish).collect();
    Ok(Json(Page { items, next_cursor: page.next_cursor }))
}

impl SupplyView {
    fn new(
        row: &AssetRow,
        demand: Demand,
        (since, now): (Option<Timestamp>, Timestamp),
        horizon: Horizon,
    ) -> Self {
        let supply = row.asset.supply;
        let a_day = since.map(|since| a_day(demand.moved, since, now));
        let days_left = a_day.and_then(|a_day| days_left(supply, a_day));
        let (total, free) = match supply {
            Supply::Unlimited => (None, None),
            Supply::Limited { total, available } => (Some(total), Some(available)),
        };
        let reserved = u64::try_from(row.reserved).unwrap_or(0);
        let mut alerts = Vec::new();
        alerts.extend(supply.is_running_low(horizon.alert_percent).then_some("running_low"));
        alerts.extend(days_left.is_some_and(|days| days < horizon.low_days).then_some("days_left"));
        alerts.extend((demand.waiting > 0).then_some("waiting"));
        Self {
            token: row.token.0,
            location: None,
            adam_id: row.asset.key.adam_id.clone(),
            pricing_param: row.asset.key.pricing.as_str().to_owned(),
            name: None,
            total,
            used: row.asset.assigned,
            free,
            waiting: demand.waiting,
            a_day,
            days_left,
            alerts,
            to_buy: to_buy(
                supply,
                demand.waiting.saturating_add(horizon.more).saturating_add(reserved),
                a_day.unwrap_or(0.0),
                horizon.days,
            ),
            elsewhere: Vec::new(),
        }
    }
}

impl From<Spare> for SpareView {
    fn from(spare: Spare) -> Self {
        Self { token: spare.token.0, token_name: spare.token_name, free: spare.free }
    }
}
