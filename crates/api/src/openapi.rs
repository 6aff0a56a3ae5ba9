//! What the API takes and answers, as OpenAPI 3.1.

use axum::Json;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi as Document, Ref, RefOr, ResponseBuilder};
use utoipa::{Modify, OpenApi};

use crate::problem::Problem;
use crate::routes::assignments::{
    change as change_assignment, create as create_assignment, drift, list as list_assignments, pins,
    policies, remove as remove_assignment, requests, run, show as show_assignment,
};
use crate::routes::directory::{devices, groups, members, people};
use crate::routes::jobs::moving::{confirm, list as list_moves, preview};
use crate::routes::jobs::{
    approve, cancel, changes, events, files, list as list_jobs, retry, show as show_job, submit,
    users as job_users,
};
use crate::routes::mdm::{connectors, device_apps, gate, installs, rollouts, webhook};
use crate::routes::queue::{
    dead, discard, kind, list as list_kinds, pause, resume, retry as retry_dead, running, why,
};
use crate::routes::tokens::notifications::{
    list as list_notifications, rotate, show as show_notification, test as test_notifications,
};
use crate::routes::tokens::{change, create, hand_over, list, remove, renew, show, take_over};
use crate::routes::users::{
    change as change_user, create as create_user, import, list as list_users, retire, show as show_user,
};
use crate::routes::{
    apps, assets, audit, consent, explain, health, installation, licenses, lint, metrics, movements,
    notifications, plans, prompts, reservations, supply, waitlist,
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Russet",
        description = "Hands out Apple volume-purchased app licenses for any device-management server.\n\n\
            Everything that talks to Apple is a job: submitted, answered with 202 at once, done by workers, and \
            followed at its address. Errors are problem details whose `code` is stable and whose `detail` says what to \
            do. Lists come in pages: `cursor` takes the `next_cursor` of the page before. Moments are RFC 3339 in UTC.",
    ),
    paths(
        create::create, list::list, show::show, change::change, remove::remove, renew::renew,
        list_notifications::list, show_notification::show, test_notifications::test, rotate::rotate,
        consent::show,
        take_over::take_over, hand_over::hand_over,
        submit::submit, list_jobs::list, show_job::show, changes::changes, cancel::cancel, approve::approve, retry::retry,
        events::events, files::list, files::fetch, lint::lint, preview::preview, list_moves::moves, confirm::confirm, prompts::explain,
        job_users::users,
        create_user::create, import::import, list_users::list, show_user::show, change_user::change, retire::retire,
        apps::list::list, apps::show::show, apps::refresh::refresh, apps::devices::list, apps::devices::count, assets::list, supply::list, reservations::reserve, licenses::list, movements::list, audit::list, explain::show,
        list_kinds::list, kind::kind, pause::pause, resume::resume, running::running, dead::dead, retry_dead::retry,
        discard::discard, why::why,
        notifications::receive,
        devices::tell, devices::list, devices::import, devices::show, devices::delete, devices::unenroll,
        people::tell, people::list, people::import, people::show, people::delete,
        groups::create, groups::list, groups::show, groups::delete,
        members::list, members::replace, members::difference, members::import,
        create_assignment::create, list_assignments::list, show_assignment::show, change_assignment::change,
        remove_assignment::remove, requests::ask, requests::withdraw, policies::list, policies::change, run::run,
        drift::show, drift::list, drift::fix, pins::pin, pins::unpin, pins::list, waitlist::list,
        plans::plan, plans::apply,
        connectors::create, connectors::list, connectors::show, connectors::change, connectors::remove, connectors::messages, webhook::receive,
        gate::open, gate::list, installs::list, installs::of_job, device_apps::list, rollouts::list, rollouts::resume,
        installation::show, installation::change, health::healthz, health::readyz, metrics::metrics,
    ),
    components(schemas(Problem)),
    tags(
        (name = "tokens", description = "Content tokens, each of which opens one location at Apple"),
        (name = "jobs", description = "What is to be done, and how far it has got"),
        (name = "users", description = "Who is known to Apple at which location"),
        (name = "directory", description = "Devices, people and groups, as other systems tell of them"),
        (name = "assignments", description = "Which group is to have which app, and what follows when somebody leaves"),
        (name = "mdm", description = "MDM servers, and what devices are to install: all tokens share them"),
        (name = "licenses", description = "What there is, and who holds it"),
        (name = "queue", description = "Which messages wait for workers, which are dead, and why one does not run. All \
            tokens share the queue, so a key that is bound to certain tokens may only ask why about one of those"),
        (name = "audit", description = "Who changed what"),
        (name = "apple", description = "What Apple calls"),
        (name = "health", description = "For whoever runs Russet; without a key"),
    ),
    security(("key" = [])),
    modifiers(&Keys, &Problems),
)]
struct Api;

/// The API's description.
#[must_use]
pub fn openapi() -> Document {
    Api::openapi()
}

/// `GET /api/openapi.json`.
pub(crate) async fn serve() -> Json<Document> {
    Json(openapi())
}

/// How one proves who one is.
struct Keys;

impl Modify for Keys {
    fn modify(&self, document: &mut Document) {
        let bearer = |description: &str| {
            let mut scheme = Http::new(HttpAuthScheme::Bearer);
            scheme.description = Some(description.to_owned());
            SecurityScheme::Http(scheme)
        };
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("key", bearer("An API key, made with `russet key create`."));
        let signature = ApiKeyValue::with_description(
            "X-Hmac-Signature",
            "The HMAC-SHA256 of the body with the connector's `webhook_key`, in base64.",
        );
        components.add_security_scheme("mdm", SecurityScheme::ApiKey(ApiKey::Header(signature)));
        components.add_security_scheme("apple", bearer("The secret that Apple was given with the address."));
    }
}

/// Every operation may fail with a problem.
struct Problems;

impl Modify for Problems {
    fn modify(&self, document: &mut Document) {
        for item in document.paths.paths.values_mut() {
            for operation in operations(item) {
                let problem =
                    ContentBuilder::new().schema(Some(RefOr::Ref(Ref::from_schema_name("Problem")))).build();
                let response = ResponseBuilder::new()
                    .description("What was wrong, where, and what to do")
                    .content("application/problem+json", problem)
                    .build();
                operation.responses.responses.insert("default".to_owned(), RefOr::T(response));
            }
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete].into_iter().flatten()
}
