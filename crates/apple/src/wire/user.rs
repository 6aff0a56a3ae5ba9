//! The answer of Get Users, the users within notifications, and the requests that write them.
//!
//! <https://developer.apple.com/documentation/devicemanagement/get-users-4mwln>

use russet_domain::{Secret, UserStatus};
use serde::Serialize;

use crate::answer::Page;
use crate::user::{NewUser, User};
use crate::wire::page::{self, Asked};
use crate::wire::{Fault, Object};

/// `GetUsersResponse`.
pub(crate) fn page(object: &Object<'_>, index: u32, changes_only: bool) -> Result<Page<User>, Fault> {
    let records = object.records("users", user)?;
    page::page(object, Asked { index, list: "users", changes_only }, records, 0)
}

/// `ResponseUser`.
pub(crate) fn user(object: &Object<'_>) -> Result<User, Fault> {
    Ok(User {
        id: object.filled("clientUserId")?,
        email: object.soft_text("email"),
        status: UserStatus::from_text(&object.soft_text("status").unwrap_or_default()),
        invite_code: object.soft_text("inviteCode").map(Secret::new),
        id_hash: object.soft_text("idHash"),
    })
}

/// `ManageUsersRequest`.
#[derive(Serialize)]
struct Request<'a> {
    users: Vec<RequestUser<'a>>,
}

/// `RequestUser`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestUser<'a> {
    client_user_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    managed_apple_id: Option<&'a str>,
}

impl<'a> RequestUser<'a> {
    fn of(user: &'a NewUser) -> Self {
        Self {
            client_user_id: &user.id,
            email: user.email.as_deref(),
            managed_apple_id: user.managed_apple_id.as_deref(),
        }
    }

    fn id_of(user: &'a NewUser) -> Self {
        Self { client_user_id: &user.id, email: None, managed_apple_id: None }
    }
}

/// The body of a request that registers or changes users.
pub(crate) fn request(users: &[NewUser]) -> Vec<u8> {
    super::body(&Request { users: users.iter().map(RequestUser::of).collect() })
}

/// The body of a request that retires users. What is personal is of no use there and stays here.
pub(crate) fn request_of_ids(users: &[NewUser]) -> Vec<u8> {
    super::body(&Request { users: users.iter().map(RequestUser::id_of).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{read_odd, read_plain};

    #[test]
    fn several_records_of_one_user_are_all_read() {
        let page = read_plain(
            r#"{"users":[{"clientUserId":"u1","email":"a@example.com","status":"Registered","inviteCode":"c"},
            {"clientUserId":"u1","status":"Retired","idHash":"h"},{"clientUserId":"u2","status":"Associated","idHash":"h"},
            {"clientUserId":3,"status":"Deleted"},{"clientUserId":"u4","status":"Suspended"},{"clientUserId":"u5"}],
            "currentPageIndex":0,"nextPageIndex":1,"totalPages":2,"size":6,"versionId":"v"}"#,
            |object| page(object, 0, false),
        );
        let shown: Vec<_> = page.items.iter().map(|user| (user.id.as_str(), user.status.as_str())).collect();
        let expected = [
            ("u1", "Registered"),
            ("u1", "Retired"),
            ("u2", "Associated"),
            ("3", "Deleted"),
            ("u4", "Suspended"),
            ("u5", ""),
        ];
        assert_eq!(shown, expected);
        assert_eq!(page.items[0].invite_code.as_ref().unwrap().reveal(), "c");
        assert_eq!((page.next, page.version.as_deref()), (Some(1), Some("v")));
    }

    #[test]
    fn a_user_without_an_id_is_counted_and_named_without_what_is_personal() {
        let text = r#"{"users":[{"email":"a@example.com"},{"clientUserId":"u1","email":["a@example.com"]}]}"#;
        let (page, notes) = read_odd(text, |object| page(object, 0, false));
        let page = page.unwrap();
        assert_eq!((page.items.len(), page.skipped), (1, 1));
        let expected = ["`users[0].clientUserId` is missing or empty", "`users[1].email` is not a text"];
        assert_eq!(notes, expected);
    }

    #[test]
    fn only_what_is_known_of_a_user_is_sent() {
        let user = |id: &str, email: Option<&str>, managed: Option<&str>| NewUser {
            id: id.into(),
            email: email.map(Into::into),
            managed_apple_id: managed.map(Into::into),
        };
        let users = [user("u1", None, None), user("u2", Some("a@example.com"), Some("a@school.example.com"))];
        let expected = br#"{"users":[{"clientUserId":"u1"},{"clientUserId":"u2","email":"a@example.com","managedAppleId":"a@school.example.com"}]}"#;
        assert_eq!(request(&users), expected);
        let ids = br#"{"users":[{"clientUserId":"u1"},{"clientUserId":"u2"}]}"#;
        assert_eq!(request_of_ids(&users), ids);
    }
}
