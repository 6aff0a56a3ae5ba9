//! A user as clients see him.

use russet_domain::user_registration::Work;
use russet_domain::{TokenId, UserStatus, apple_error};
use russet_store::users::{Entry, User, UserLicense};
use serde::Serialize;
use utoipa::ToSchema;

use crate::time;
use crate::view::change::ChangeErrorView;

/// Apple's words for users: as they are shown, and as Apple spells them.
pub(crate) const STATUSES: [(&str, &str); 4] = [
    ("registered", "Registered"),
    ("associated", "Associated"),
    ("retired", "Retired"),
    ("deleted", "Deleted"),
];

/// A user at one location.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = User)]
pub(crate) struct UserView {
    /// The id that Apple was given.
    client_user_id: String,
    /// The token whose location it is.
    token: i64,
    /// The address that the invitation can go to.
    email: Option<String>,
    /// The Managed Apple Account, as it was given here: Apple does not tell.
    managed_apple_id: Option<String>,
    /// What Apple has: `registered` (an invitation is open), `associated` (an Apple Account is bound), `retired` or
    /// `deleted`; null when Apple is not known to have the user.
    status: Option<String>,
    /// `pending`, `accepted` or `none`.
    invitation: &'static str,
    /// Names the Apple Account: two users with the same hash share one.
    id_hash: Option<String>,
    /// How many retired records Apple has under this id.
    retired_records: u64,
    /// What was last wished for here: `active`, `retired`, or `none` for a user from Apple's list.
    wish: &'static str,
    /// Where that has got to: `none` when there is nothing to do, `planned`, `held` (beyond the brakes), `sending`, `accepted` or `refused`.
    work: &'static str,
    /// Why Apple refused.
    error: Option<ChangeErrorView>,
    /// Apple asked to try later: the earliest moment it is sent again.
    next_attempt_at: Option<String>,
    /// When the last wish came, RFC 3339.
    wished_at: Option<String>,
    /// When the user was first known here.
    created_at: String,
    /// When anything of it last changed.
    updated_at: String,
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        let waits = user.work == Work::Planned && user.attempts > 0;
        let error = user.error_code.filter(|_| user.work == Work::Refused);
        let registration = user.registration;
        Self {
            client_user_id: user.client_user_id,
            token: user.token.0,
            email: registration.wanted.email.or(registration.confirmed.email),
            managed_apple_id: registration
                .wanted
                .managed_apple_id
                .or(registration.confirmed.managed_apple_id),
            invitation: invitation(registration.status.as_ref(), user.is_invited),
            status: registration.status.map(|status| status.as_str().to_ascii_lowercase()),
            id_hash: user.id_hash,
            retired_records: user.retired_records,
            wish: registration.wish.as_str(),
            work: user.work.as_str(),
            error: error.map(|code| ChangeErrorView {
                detail: apple_error::sentence(&code),
                number: user.error_number,
                code,
            }),
            next_attempt_at: waits.then(|| time::text(user.not_before)),
            wished_at: user.wished_at.map(time::text),
            created_at: time::text(user.created_at),
            updated_at: time::text(user.updated_at),
        }
    }
}

fn invitation(status: Option<&UserStatus>, has_code: bool) -> &'static str {
    match status {
        Some(UserStatus::Registered) if has_code => "pending",
        Some(UserStatus::Associated) => "accepted",
        Some(UserStatus::Registered | UserStatus::Retired | UserStatus::Deleted | UserStatus::Other(_))
        | None => "none",
    }
}

/// What became of one user of a job.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JobUser)]
pub(crate) struct JobUserView {
    /// The id that Apple was given.
    client_user_id: String,
    /// Where it has got to, as far as this job is concerned.
    #[schema(value_type = super::change::ChangeStateName)]
    state: &'static str,
    /// Why it was not done, or why it ended without a request to Apple.
    error: Option<ChangeErrorView>,
}

impl From<Entry> for JobUserView {
    fn from(entry: Entry) -> Self {
        Self {
            client_user_id: entry.client_user_id,
            state: entry.state.as_str(),
            error: entry.error_code.map(|code| ChangeErrorView {
                detail: apple_error::sentence(&code),
                number: entry.error_number,
                code,
            }),
        }
    }
}

/// One license of a user.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UserLicense)]
pub(crate) struct HeldView {
    /// The token whose location the asset belongs to.
    token: i64,
    /// The product's number in Apple's stores.
    adam_id: String,
    /// The quality: `STDQ` or `PLUS`.
    pricing_param: String,
    /// `App` or `Book`.
    product_type: String,
    /// Whether it can ever be taken back.
    revocable: bool,
}

impl HeldView {
    pub(crate) fn new(token: TokenId, license: UserLicense) -> Self {
        Self {
            token: token.0,
            adam_id: license.key.adam_id,
            pricing_param: license.key.pricing.as_str().to_owned(),
            product_type: license.product_type.as_str().to_owned(),
            revocable: license.revocable,
        }
    }
}
