//! One endpoint a file, and the table that says which address leads to which.

pub(crate) mod apps;
pub(crate) mod assets;
pub(crate) mod assignments;
pub(crate) mod audit;
pub(crate) mod consent;
pub(crate) mod directory;
pub(crate) mod explain;
pub(crate) mod health;
pub(crate) mod home;
pub(crate) mod installation;
pub(crate) mod jobs;
pub(crate) mod licenses;
pub(crate) mod lint;
pub(crate) mod mdm;
pub(crate) mod metrics;
pub(crate) mod movements;
pub(crate) mod notifications;
pub(crate) mod plans;
pub(crate) mod prompts;
pub(crate) mod queue;
pub(crate) mod reservations;
pub(crate) mod supply;
pub(crate) mod tokens;
pub(crate) mod users;
pub(crate) mod waitlist;

use std::sync::Arc;

use axum::middleware::from_fn_with_state;
use axum::routing::{get, post, put};
use axum::{Extension, Router};
use tower_http::catch_panic::CatchPanicLayer;

use crate::error::ApiError;
use crate::observe::{observe, panicked};
use crate::openapi;
use crate::state::App;

/// The addresses of the directory.
fn directory() -> Router<App> {
    use directory::{devices, groups, members, people};
    Router::new()
        .route("/devices", post(devices::tell).get(devices::list))
        .route("/devices/import", post(devices::import))
        .route("/devices/{serial}", get(devices::show).delete(devices::delete))
        .route("/devices/{serial}/unenroll", post(devices::unenroll))
        .route("/people", post(people::tell).get(people::list))
        .route("/people/import", post(people::import))
        .route("/people/{person}", get(people::show).delete(people::delete))
        .route("/groups", post(groups::create).get(groups::list))
        .route("/groups/{group}", get(groups::show).delete(groups::delete))
        .route("/groups/{group}/members", get(members::list).put(members::replace).patch(members::difference))
        .route("/groups/{group}/members/import", put(members::import))
}

/// The addresses of who is to have what.
fn assignments() -> Router<App> {
    use assignments::{change, create, drift, list, pins, policies, remove, requests, run, show};
    Router::new()
        .route("/assignments", post(create::create).get(list::list))
        .route("/assignments/{assignment}", get(show::show).patch(change::change).delete(remove::remove))
        .route("/explain", get(explain::show))
        .route("/waitlist", get(waitlist::list))
        .route("/plans", post(plans::plan))
        .route("/plans/apply", post(plans::apply))
        .route("/requests", post(requests::ask).delete(requests::withdraw))
        .route("/pins", post(pins::pin).delete(pins::unpin).get(pins::list))
        .route("/tokens/{token}/policies", get(policies::list).patch(policies::change))
        .route("/tokens/{token}/reconcile", post(run::run))
        .route("/tokens/{token}/drift", get(drift::show))
        .route("/tokens/{token}/drift/{class}", get(drift::list))
        .route("/tokens/{token}/drift/{class}/fix", post(drift::fix))
}

/// The addresses of MDM servers and of what devices are to install.
fn mdm_servers() -> Router<App> {
    use mdm::{connectors, device_apps, gate, installs, rollouts, webhook};
    Router::new()
        .route("/connectors", post(connectors::create).get(connectors::list))
        .route(
            "/connectors/{connector}",
            get(connectors::show).patch(connectors::change).delete(connectors::remove),
        )
        .route("/connectors/{connector}/messages", get(connectors::messages))
        .route("/mdm/{connector}/webhook", post(webhook::receive))
        .route("/gate", post(gate::open).layer(Extension(Arc::new(gate::Desk::default()))))
        .route("/jobs/{job}/gates", get(gate::list))
        .route("/jobs/{job}/installs", get(installs::of_job))
        .route("/installs", get(installs::list))
        .route("/devices/{serial}/apps", get(device_apps::list))
        .route("/tokens/{token}/rollouts", get(rollouts::list))
        .route("/tokens/{token}/rollouts/resume", post(rollouts::resume))
}

/// Every address.
pub(crate) fn router(app: App) -> Router {
    let v1 = Router::new()
        .route("/tokens", post(tokens::create::create).get(tokens::list::list))
        .route(
            "/tokens/{token}",
            get(tokens::show::show).patch(tokens::change::change).delete(tokens::remove::remove),
        )
        .route("/tokens/{token}/content", put(tokens::renew::renew))
        .route("/tokens/{token}/notifications", get(tokens::notifications::list::list))
        .route("/tokens/{token}/notifications/{notification}", get(tokens::notifications::show::show))
        .route("/tokens/{token}/notifications/test", post(tokens::notifications::test::test))
        .route("/tokens/{token}/notifications/rotate", post(tokens::notifications::rotate::rotate))
        .route("/consent", get(consent::show))
        .route("/tokens/{token}/take-over", post(tokens::take_over::take_over))
        .route("/tokens/{token}/hand-over", post(tokens::hand_over::hand_over))
        .route("/jobs", post(jobs::submit::submit).get(jobs::list::list))
        .route("/jobs/{job}", get(jobs::show::show))
        .route("/jobs/{job}/changes", get(jobs::changes::changes))
        .route("/jobs/{job}/moves", get(jobs::moving::list::moves))
        .route("/jobs/{job}/confirm", post(jobs::moving::confirm::confirm))
        .route("/moves/preview", post(jobs::moving::preview::preview))
        .route("/lint", post(lint::lint))
        .route("/prompts", post(prompts::explain))
        .route("/jobs/{job}/cancel", post(jobs::cancel::cancel))
        .route("/jobs/{job}/approve", post(jobs::approve::approve))
        .route("/jobs/{job}/retry", post(jobs::retry::retry))
        .route("/jobs/{job}/events", get(jobs::events::events))
        .route("/apps", get(apps::list::list))
        .route("/apps/refresh", post(apps::refresh::refresh))
        .route("/apps/{adam_id}", get(apps::show::show))
        .route("/apps/{adam_id}/devices", get(apps::devices::list))
        .route("/apps/{adam_id}/devices/counts", get(apps::devices::count))
        .route("/jobs/{job}/files", get(jobs::files::list))
        .route("/jobs/{job}/files/{name}", get(jobs::files::fetch))
        .route("/installation", get(installation::show).patch(installation::change))
        .route("/jobs/{job}/users", get(jobs::users::users))
        .route("/users", post(users::create::create).get(users::list::list))
        .route("/users/import", post(users::import::import))
        .route(
            "/users/{user}",
            get(users::show::show).patch(users::change::change).delete(users::retire::retire),
        )
        .merge(directory())
        .merge(assignments())
        .merge(mdm_servers())
        .route("/assets", get(assets::list))
        .route("/tokens/{token}/supply", get(supply::list))
        .route("/licenses", get(licenses::list))
        .route("/reservations", post(reservations::reserve))
        .route("/movements", get(movements::list))
        .route("/audit", get(audit::list))
        .route("/queue", get(queue::list::list))
        .route("/queue/kinds/{kind}", get(queue::kind::kind))
        .route("/queue/kinds/{kind}/pause", post(queue::pause::pause))
        .route("/queue/kinds/{kind}/resume", post(queue::resume::resume))
        .route("/queue/running", get(queue::running::running))
        .route("/queue/dead", get(queue::dead::dead))
        .route("/queue/dead/retry", post(queue::retry::retry))
        .route("/queue/dead/discard", post(queue::discard::discard))
        .route("/queue/why", get(queue::why::why))
        .route("/apple/notifications/{token}", post(notifications::receive));
    Router::new()
        .nest("/api/v1", v1)
        .route("/", get(home::home))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(metrics::metrics))
        .route("/api/openapi.json", get(openapi::serve))
        .fallback(async || ApiError::NoSuchRoute)
        .method_not_allowed_fallback(async || ApiError::MethodNotAllowed)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(app.clone(), observe))
        .with_state(app)
}
