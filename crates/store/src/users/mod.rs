//! Users: who is to be known at which location, what Apple has of them, and the work in between.
//!
//! Whoever moves users of a token holds that token's lock; the functions here take it themselves.

mod entries;
mod finish;
mod flight;
pub(crate) mod held;
mod list;
mod lists;
mod observe;
mod retired;
mod wishes;

pub use entries::{Entry, list_of_job};
pub(crate) use entries::{cancel, counted, end_with_token, told_sending};
pub use finish::{Finished, Report, finish};
pub use flight::{
    Open, Sendable, Waiting, any_in_flight, give_back, next_due, open_of_event, open_of_request,
    open_without_event, refuse_all_planned, sendable, settle_planned, waiting, write,
};
pub use list::{
    Filter, UserLicense, invite_code, known_of, licenses_of, list, of_name, sharing_account, standings_of,
};
pub use lists::{UserList, read_list, user_list};
pub use observe::{Count, drop_unseen, observe, observe_page, unread, unread_done};
pub use retired::holders_gone;
pub use wishes::{UserWish, retry, submit};

use russet_domain::user_registration::{Profile, Registration, Wish, Work};
use russet_domain::{RequestId, Secret, Timestamp, TokenId, UserId, UserStatus};

use crate::codec::{count, maybe_time, time, word_in};
use crate::engine::{Db, Row};
use crate::error::StoreError;
use crate::seal::Place;

/// A user of a location as it stands, without the invitation's code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Its number.
    pub id: UserId,
    /// Whose location it is.
    pub token: TokenId,
    /// The id that Apple was given.
    pub client_user_id: String,
    /// What is wished for and what Apple has.
    pub registration: Registration,
    /// Names the Apple Account, once there is one.
    pub id_hash: Option<String>,
    /// Whether there is a code to invite with.
    pub is_invited: bool,
    /// How many retired records Apple has under this id.
    pub retired_records: u64,
    /// Where the work has got to.
    pub work: Work,
    /// The request that is in flight.
    pub request: Option<RequestId>,
    /// Stable name of why Apple refused.
    pub error_code: Option<String>,
    /// Apple's number for that.
    pub error_number: Option<i32>,
    /// How often the wish was sent.
    pub attempts: u32,
    /// The earliest moment it is sent, while it is planned.
    pub not_before: Timestamp,
    /// When the last wish came; never: then the user is from Apple's list.
    pub wished_at: Option<Timestamp>,
    /// When the user was first known here.
    pub created_at: Timestamp,
    /// When anything of it last changed.
    pub updated_at: Timestamp,
}

/// The columns of a [`User`], from `users u` and `requests r`. Never `*`: the code stays where it is.
macro_rules! select {
    ($rest:expr) => {
        concat!(
            "SELECT u.id, u.token_id, u.client_user_id, u.wish, u.email, u.managed_apple_id, u.status, u.apple_email,
                    u.apple_managed_id, u.id_hash, u.invite_code IS NOT NULL AS invited, u.retired_records,
                    CASE WHEN u.work = 'sent' THEN coalesce(r.state, 'sending') ELSE u.work END AS work_now,
                    u.request_id, u.error_code, u.error_number, u.attempts, u.not_before, u.wished_at, u.created_at,
                    u.updated_at
             FROM users u
             LEFT JOIN requests r ON r.id = u.request_id ",
            $rest
        )
    };
}
pub(crate) use select;

fn user(row: &Row) -> Result<User, StoreError> {
    let work = row.get::<String>("work_now")?;
    Ok(User {
        id: UserId(row.get("id")?),
        token: TokenId(row.get("token_id")?),
        client_user_id: row.get("client_user_id")?,
        registration: registration(row)?,
        id_hash: row.get("id_hash")?,
        is_invited: row.get("invited")?,
        retired_records: count(row.get("retired_records")?),
        // A request can close a moment before its last user is written.
        work: Work::from_text(&work).unwrap_or(Work::Accepted),
        request: row.get::<Option<i64>>("request_id")?.map(RequestId),
        error_code: row.get("error_code")?,
        error_number: number(row.get("error_number")?),
        attempts: attempts(row.get("attempts")?),
        not_before: time(row, "not_before")?,
        wished_at: maybe_time(row, "wished_at")?.filter(|at| at.0 > 0),
        created_at: time(row, "created_at")?,
        updated_at: time(row, "updated_at")?,
    })
}

/// What is wished for and what Apple has, from columns of these names.
fn registration(row: &Row) -> Result<Registration, StoreError> {
    Ok(Registration {
        wish: word_in(row, "wish", Wish::from_text)?,
        wanted: Profile { email: row.get("email")?, managed_apple_id: row.get("managed_apple_id")? },
        confirmed: Profile { email: row.get("apple_email")?, managed_apple_id: row.get("apple_managed_id")? },
        status: row.get::<Option<String>>("status")?.map(|word| UserStatus::from_text(&word)),
    })
}

fn number(number: Option<i64>) -> Option<i32> {
    number.and_then(|number| i32::try_from(number).ok())
}

fn attempts(number: i64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Seals an invitation's code, as text: users are written by the hundred thousand, as JSON.
fn seal_code(db: &Db, token: TokenId, client_user_id: &str, code: &Secret) -> Result<String, StoreError> {
    let row = place_of(token, client_user_id);
    Ok(crate::seal::to_text(&db.keys().seal(place(&row), code)?))
}

/// Opens what [`seal_code`] sealed.
fn open_code(db: &Db, token: TokenId, client_user_id: &str, sealed: &str) -> Result<Secret, StoreError> {
    let row = place_of(token, client_user_id);
    let whole = crate::seal::from_text(sealed)
        .ok_or_else(|| StoreError::Keys("an invitation code is not sealed text".to_owned()))?;
    db.keys().open(place(&row), &whole)
}

/// What names a user's row for good.
pub(crate) fn place_of(token: TokenId, client_user_id: &str) -> String {
    format!("{token}/{client_user_id}")
}

pub(crate) fn place(row: &str) -> Place<'_> {
    Place { table: "users", column: "invite_code", row }
}
