//! `GET users`: who is known to the location. An id that was retired and created again has several records.
//!
//! See <https://developer.apple.com/documentation/devicemanagement/get-users-4mwln>.

use serde::Serialize;

use super::errors::AppleError;
use super::paging::Page;
use super::query::Params;
use super::reply::{Common, PageCommon, UserBody, json};
use crate::rules::Rules;
use crate::world::holders::HolderKind;
use crate::world::location::{Collection, Location};
use crate::world::user::User;

#[derive(Serialize)]
struct Body<'a> {
    users: Vec<UserBody>,
    #[serde(flatten)]
    page: PageCommon<'a>,
}

/// One page of the users that pass the filters.
pub(crate) fn get(
    location: &mut Location,
    params: &Params,
    rules: &Rules,
    (expires_ms, now_ms): (i64, i64),
) -> Result<Vec<u8>, AppleError> {
    location.page_read(rules.version_moves_every_pages);
    let location = &*location;
    let since = match params.text("sinceVersionId") {
        None => None,
        Some(id) => {
            let version = location.version_of(Collection::Users, id);
            Some((id, version.ok_or_else(|| AppleError::new(9721))?))
        }
    };
    let active_only = params.boolean("activeOnly")?.unwrap_or(false);
    let retired_only = params.boolean("retiredOnly")?.unwrap_or(false);
    let passes = |user: &&User| {
        (!active_only || user.status.is_active())
            && (!retired_only || !user.status.is_active())
            && since.is_none_or(|(_, version)| user.changed > version)
    };
    let passing: Vec<&User> = match params.text("clientUserId") {
        Some(wanted) => {
            // The newest comes first there; here they come in the order in which they were made.
            let records = location.holders.all_named(HolderKind::User, wanted).into_iter().rev();
            records.filter_map(|holder| location.users.get(holder)).filter(passes).collect()
        }
        None => location.users.all().iter().filter(passes).collect(),
    };
    let page = Page::of(passing.len(), params.page_index()?, rules.page_size)?;
    let users: Vec<UserBody> =
        passing[page.range.clone()].iter().map(|user| UserBody::of(location, user)).collect();
    let version_id = match since {
        Some((id, _)) if passing.is_empty() => id.to_owned(),
        Some(_) | None => location.version_id(Collection::Users),
    };
    let page = PageCommon {
        current_page_index: page.index,
        next_page_index: page.next(),
        size: users.len(),
        total_pages: page.total,
        version_id,
        common: Common::of(location, expires_ms, now_ms),
    };
    Ok(json(&Body { users, page }))
}
