//! The calls about users: read, register, change, retire.

use russet_domain::Secret;

use crate::answer::{Answer, Page};
use crate::client::Apple;
use crate::endpoint::Endpoint;
use crate::error::AppleError;
use crate::exchange::Call;
use crate::user::{NewUser, User, UserFilter};
use crate::wire;
use crate::write::EventId;

/// At most [`max_users`](russet_domain::limits::Limits::max_users) users go into one request, each of them once;
/// otherwise Apple refuses it whole (<https://developer.apple.com/documentation/devicemanagement/managing-users>).
impl Apple {
    /// One page of a location's users. One `client_user_id` may have several records, see [`User`].
    ///
    /// # Errors
    /// See [`AppleError::consequence`]; a version that Apple has forgotten is `Replan`. May be repeated.
    pub async fn users(
        &self,
        token: &Secret,
        filter: &UserFilter,
        page: u32,
    ) -> Result<Answer<Page<User>>, AppleError> {
        let index = page.to_string();
        let mut call = Call::get(Endpoint::Users, Some(token));
        let conditions = [
            ("activeOnly", filter.active_only.then_some("true")),
            ("retiredOnly", filter.retired_only.then_some("true")),
            ("clientUserId", filter.user.as_deref()),
            ("sinceVersionId", filter.since_version.as_deref()),
            ("pageIndex", (page > 0).then_some(index.as_str())),
        ];
        call.query.extend(conditions.into_iter().filter_map(|(name, value)| Some((name, value?))));
        let reply = self.0.exchange(call).await?;
        let changes_only = filter.since_version.is_some();
        reply.read(|object| wire::user::page(object, page, changes_only))
    }

    /// Registers users. The answer means accepted, not done: ask for the event. A user that exists fails in the event
    /// with 9716.
    ///
    /// # Errors
    /// See [`AppleError::consequence`]. Never to be repeated after `LostReply` before reading back.
    pub async fn create_users(
        &self,
        token: &Secret,
        users: &[NewUser],
    ) -> Result<Answer<EventId>, AppleError> {
        self.begin(Endpoint::CreateUsers, token, wire::user::request(users)).await
    }

    /// Changes the email address or Managed Apple Account of users. The answer means accepted, not done: ask for the
    /// event.
    ///
    /// # Errors
    /// See [`AppleError::consequence`]. Never to be repeated after `LostReply` before reading back.
    pub async fn update_users(
        &self,
        token: &Secret,
        users: &[NewUser],
    ) -> Result<Answer<EventId>, AppleError> {
        self.begin(Endpoint::UpdateUsers, token, wire::user::request(users)).await
    }

    /// Retires users, which takes back all licenses of theirs that can be. The answer means accepted, not done: ask for
    /// the event. Only the ids are sent.
    ///
    /// # Errors
    /// See [`AppleError::consequence`]. Never to be repeated after `LostReply` before reading back.
    pub async fn retire_users(
        &self,
        token: &Secret,
        users: &[NewUser],
    ) -> Result<Answer<EventId>, AppleError> {
        self.begin(Endpoint::RetireUsers, token, wire::user::request_of_ids(users)).await
    }
}
