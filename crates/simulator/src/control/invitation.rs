//! The page that the link of an invitation leads to, where a person binds an Apple Account.

use std::sync::Arc;

use axum::extract::{Form, Query, State};
use axum::http::StatusCode;
use axum::response::Html;
use serde::Deserialize;

use super::{Refusal, users};
use crate::apple::INVITATION;
use crate::shared::Shared;
use crate::world::holders::HolderId;
use crate::world::location::Location;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Link {
    #[serde(default)]
    invite_code: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Acceptance {
    invite_code: String,
    apple_account: String,
}

type Page = (StatusCode, Html<String>);

/// Whom the invitation is for, and a form to accept it with.
pub(super) async fn show(State(shared): State<Arc<Shared>>, Query(link): Query<Link>) -> Page {
    let code = link.invite_code;
    let mut organization = shared.organization();
    let found = organization.locations.values_mut().find_map(|location| in_location(location, &code));
    let Some((location, _)) = found else {
        return page(StatusCode::NOT_FOUND, "This invitation is not valid, or it was accepted already.");
    };
    let name = escape(&location.name);
    let code = escape(&code);
    let text = format!(
        "{name} invites you.\n<form method=post action=\"{INVITATION}\">\n\
         <input type=hidden name=inviteCode value=\"{code}\">\n\
         <label>Apple Account <input name=appleAccount required></label> <button>Accept</button>\n</form>"
    );
    page(StatusCode::OK, &text)
}

/// Accepts it. Sends `USER_ASSOCIATED`.
pub(super) async fn accept(State(shared): State<Arc<Shared>>, Form(form): Form<Acceptance>) -> Page {
    let mut organization = shared.organization();
    let found =
        organization.locations.values_mut().find_map(|location| in_location(location, &form.invite_code));
    let Some((location, holder)) = found else {
        return page(StatusCode::NOT_FOUND, "This invitation is not valid, or it was accepted already.");
    };
    match users::accept_one(location, holder, Some(&form.apple_account)) {
        Ok(user) => {
            shared.tell_associated(location, &[user]);
            page(StatusCode::OK, "Done. The apps of your organization are yours to use.")
        }
        Err(refusal) => page(StatusCode::CONFLICT, &escape(&Refusal::into_sentence(refusal))),
    }
}

fn in_location<'a>(location: &'a mut Location, code: &str) -> Option<(&'a mut Location, HolderId)> {
    let holder = location.users.invited_with(code)?.holder;
    Some((location, holder))
}

fn page(status: StatusCode, text: &str) -> Page {
    (status, Html(format!("<!doctype html><meta charset=utf-8><title>Invitation</title>\n<p>{text}\n")))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
