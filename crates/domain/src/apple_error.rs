//! Apple's error numbers, and what each means for us.
//!
//! Numbers and meanings: <https://developer.apple.com/documentation/devicemanagement/handling-error-responses> and
//! <https://developer.apple.com/documentation/devicemanagement/interpreting-error-codes>. Texts differ between Apple's own
//! pages, so nothing ever matches on them.

/// What an error number asks of us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Meaning {
    /// The request is wrong and stays wrong: do not repeat it.
    Wrong,
    /// Repeat the same request after a while.
    Later,
    /// We are too fast: slow the token down, then repeat.
    TooFast,
    /// The token cannot be used any more: stop everything of this token and tell a person.
    TokenDead,
    /// The token may not do this: stop its writes and tell a person.
    Forbidden,
    /// A person has to act at Apple or in the data.
    NeedsPerson,
    /// Our picture is out of date: refresh limits or state and build a new request.
    Replan,
    /// No license is free.
    NoLicense,
    /// The wish is already fulfilled.
    AlreadySo,
}

/// One row of the error table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Apple's number.
    pub number: i32,
    /// Our stable name for it; clients hold it and it never changes.
    pub code: &'static str,
    /// What it asks of us.
    pub meaning: Meaning,
    /// One sentence for people: what it means and what to do.
    pub sentence: &'static str,
}

macro_rules! table {
    ($($number:literal $meaning:ident $code:literal $sentence:literal;)*) => {
        /// Every number that Apple documents for v2, and the older ones that may still surface.
        pub const TABLE: &[Row] = &[$(
            Row { number: $number, code: $code, meaning: Meaning::$meaning, sentence: $sentence },
        )*];
    };
}

table! {
    9600 Wrong "argument_missing" "Apple misses an argument; this is a fault of Russet, please report it.";
    9601 TokenDead "login_required" "Apple does not accept the token; download a new one and renew it here.";
    9602 Wrong "invalid_argument" "Apple does not accept an argument, such as an asset or user id it does not know; check the ids.";
    9603 Later "apple_internal_error" "Apple had an internal error; it is tried again.";
    9604 Wrong "result_not_found" "Apple found no such result; it may be gone, so sync the token and look again.";
    9605 NeedsPerson "wrong_storefront" "The account belongs to another country's store than the license; use an account of the right country.";
    9606 TokenDead "token_unusable" "Apple could not build a session from the token; download a new one and renew it here.";
    9607 Wrong "not_revocable" "This license can never be taken back.";
    9608 Later "apple_internal_error" "A service inside Apple gave no answer; it is tried again.";
    9609 Wrong "user_not_found" "Apple knows no such user; register the user first.";
    9610 Replan "license_not_found" "Apple finds no such license; counts are read again.";
    9611 TokenDead "token_unusable" "The account behind the token is gone; download a token with another account and renew it here.";
    9612 Later "apple_internal_error" "Apple could not start the work; it is tried again.";
    9613 Later "apple_internal_error" "Apple could not start the work; it is tried again.";
    9614 Wrong "invalid_date" "Apple cannot read a date; this is a fault of Russet, please report it.";
    9615 NeedsPerson "country_missing" "Apple finds no country for the organization; ask Apple's support.";
    9616 AlreadySo "already_assigned" "The holder already has the license.";
    9617 Replan "address_moved" "Apple moved an address; the service configuration is read again.";
    9618 AlreadySo "user_already_retired" "The user is already retired.";
    9619 AlreadySo "not_assigned" "The holder does not have the license.";
    9620 AlreadySo "user_already_deleted" "The user is already deleted.";
    9621 TokenDead "token_expired" "The token has expired; download a new one and renew it here.";
    9622 TokenDead "token_invalid" "Apple does not accept the token; download a new one and renew it here.";
    9623 Wrong "invalid_push_token" "Apple does not accept a push token; this is a fault of Russet, please report it.";
    9624 Wrong "license_refunded" "The license was refunded.";
    9625 TokenDead "token_revoked" "The token was revoked; download a new one and renew it here.";
    9626 Replan "license_of_another_user" "The license belongs to another user; counts are read again.";
    9627 Wrong "reassigned_too_often" "Apple refuses because this license was moved too often; wait, or ask Apple's support.";
    9628 Wrong "not_device_assignable" "This license cannot go to a device; assign it to a user.";
    9629 Wrong "batch_mismatch" "The token does not fit the batch; this is a fault of Russet, please report it.";
    9630 Later "repeated_too_often" "Apple saw the same request too often; it is tried again in some minutes.";
    9631 Later "repeated_too_often" "Apple saw the same request too often; it is tried again in some minutes.";
    9632 Later "repeated_too_often" "Apple saw the same request too often; it is tried again in some minutes.";
    9633 Replan "batch_gone" "Apple forgot where a walk of pages stood; it starts again.";
    9634 NeedsPerson "service_gone" "Apple has switched this service off; Russet needs an update.";
    9635 Wrong "account_not_associable" "The Apple Account cannot be associated; use another account.";
    9636 Wrong "user_not_found" "Apple knows no such user; register the user first.";
    9637 NeedsPerson "facilitator_account" "Apple does not allow this for facilitator accounts; use another account.";
    9638 NeedsPerson "facilitator_account" "Apple does not allow this for facilitator accounts; use another account.";
    9639 NeedsPerson "facilitator_account" "Apple does not allow this for facilitator accounts; use another account.";
    9640 Later "facilitator_account" "Apple could not check the facilitator account; it is tried again.";
    9641 NeedsPerson "account_of_another_user" "The Apple Account is already associated with another user; free it there first.";
    9642 NeedsPerson "account_unfinished" "The Apple Account has no finished store account; sign in once to complete it.";
    9643 Later "license_in_transfer" "The license is being transferred; it is tried again.";
    9644 Later "maintenance" "Apple is in maintenance; it is tried again in some minutes.";
    9645 Forbidden "location_read_only" "The location is managed by Apple's own device management and is read only here.";
    9646 TooFast "too_many_requests" "Apple asks for fewer requests; Russet slows down and tries again.";
    9647 Forbidden "legacy_token" "Apple does not allow this for legacy tokens; download a location token.";
    9649 Replan "page_index_missing" "Apple misses a page index; the walk starts again.";
    9650 Replan "bad_page_index" "Apple has no such page; the walk starts again.";
    9700 Replan "too_many_assets" "Apple takes fewer assets at once than it said; limits are read again.";
    9701 Replan "too_many_users" "Apple takes fewer users at once than it said; limits are read again.";
    9702 Replan "too_many_devices" "Apple takes fewer devices at once than it said; limits are read again.";
    9703 Wrong "duplicate_assets" "An asset was listed twice; this is a fault of Russet, please report it.";
    9704 Wrong "duplicate_users" "A user was listed twice; this is a fault of Russet, please report it.";
    9705 Wrong "duplicate_devices" "A device was listed twice; this is a fault of Russet, please report it.";
    9706 Wrong "not_revocable" "This license can never be taken back.";
    9707 Wrong "not_device_assignable" "This license cannot go to a device; assign it to a user.";
    9708 Replan "event_unknown" "Apple no longer knows the event; the assignments are read back.";
    9709 NoLicense "no_license_available" "No license is free; buy more or take some back, then retry the job.";
    9710 Wrong "notification_incomplete" "Apple wants the notification address and its secret together; this is a fault of Russet, please report it.";
    9711 Wrong "notification_too_long" "The notification address is too long for Apple; shorten api.public_url.";
    9712 Wrong "notification_address_invalid" "Apple does not accept the notification address; api.public_url must be https and without query.";
    9713 Wrong "mdm_metadata_too_long" "The metadata about this server is too long for Apple; shorten api.public_url.";
    9714 Replan "too_many_users" "Apple takes fewer users at once than it said; limits are read again.";
    9715 Wrong "duplicate_users" "A user was listed twice; this is a fault of Russet, please report it.";
    9716 AlreadySo "user_exists" "The user already exists; it is read from Apple.";
    9717 Wrong "invalid_email" "Apple does not accept the email address of the user; correct it.";
    9718 Wrong "asset_missing" "The request named no asset; this is a fault of Russet, please report it.";
    9719 Wrong "holder_missing" "The request named no user and no device; this is a fault of Russet, please report it.";
    9720 Wrong "user_missing" "The request named no user; this is a fault of Russet, please report it.";
    9721 Replan "version_unknown" "Apple no longer knows the version; everything is read again.";
    9722 TokenDead "token_malformed" "Apple cannot read the token; download it again and renew it here.";
    9723 Wrong "mdm_incomplete" "The description of this server is incomplete; this is a fault of Russet, please report it.";
    9724 Wrong "mdm_id_too_long" "The id of this server is too long for Apple; this is a fault of Russet, please report it.";
    9725 Wrong "mdm_name_too_long" "The name of this server is too long for Apple; shorten it.";
    9726 Wrong "method_not_supported" "Apple does not support this method here; this is a fault of Russet, please report it.";
    9727 Wrong "content_type_not_supported" "Apple does not take this content type; this is a fault of Russet, please report it.";
    9728 NeedsPerson "notification_address_unreachable" "Apple cannot reach the notification address; open api.public_url to the internet. Until then Russet polls.";
    9729 Later "unavailable" "Apple is temporarily unavailable; it is tried again in some minutes.";
    9811 Wrong "invalid_subscription" "Apple does not accept the subscription.";
    9812 Replan "invalid_cursor" "Apple no longer knows the place in the list; it is read again.";
    9813 Wrong "invalid_adam_id" "Apple does not accept the product number.";
    9814 Replan "user_not_associated" "The user has no Apple Account yet.";
    9815 Replan "user_not_assigned" "The user does not have the product.";
    9816 Replan "too_many_subscriptions" "Apple takes fewer subscriptions at once than it said; limits are read again.";
    9817 Wrong "assigned_by_group" "The product is already assigned through a group.";
    9818 NeedsPerson "subscriptions_exist" "Subscription management cannot be switched off while subscriptions exist.";
}

/// The row of a number, when the number is known.
#[must_use]
pub fn row(number: i32) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.number == number)
}

/// What a number asks of us. A number that Apple added later is taken as a final no: repeating an unknown
/// error blindly is what gets an account suspended.
#[must_use]
pub fn meaning(number: i32) -> Meaning {
    row(number).map_or(Meaning::Wrong, |row| row.meaning)
}

/// Our stable name for a number.
#[must_use]
pub fn code(number: i32) -> &'static str {
    row(number).map_or("apple_error", |row| row.code)
}

/// The sentence for a stable name, whether it came from Apple or from our own rules.
#[must_use]
pub fn sentence(code: &str) -> &'static str {
    let ours = OWN.iter().find(|(own, _)| *own == code).map(|(_, sentence)| *sentence);
    let apples = || TABLE.iter().find(|row| row.code == code).map(|row| row.sentence);
    ours.or_else(apples).unwrap_or("Apple refused it for a reason that this version does not know.")
}

/// Reasons that are ours, not Apple's.
const OWN: &[(&str, &str)] = &[
    ("gave_up", "Apple kept asking to try later until the attempts ran out; retry the job."),
    ("already_held", "The holder already had the license; nothing was sent."),
    ("already_gone", "The holder did not have the license; nothing was sent."),
    ("already_registered", "The user already was as wished; nothing was sent."),
    ("already_retired", "The user was already out of the program; nothing was sent."),
    (
        "user_not_registered",
        "Apple does not know the user at this location, as of its list read just now; register the user first, then retry the job, or let the next full sync try again what assignments want.",
    ),
    ("replaced", "A newer wish for the same license or user took its place before it was sent."),
    ("pinned", "Somebody pinned the license, so nothing takes it back; unpin it first, then retry the job."),
    ("withdrawn", "The job was cancelled before it was sent."),
    (
        "quota_used_up",
        "The quota of the assignment is used up; raise the quota, or free a license that was given through the assignment, then retry the job.",
    ),
    (
        "not_approved",
        "Nobody approved within a week that so many licenses are taken back; retry the job to ask again.",
    ),
    (
        "token_not_usable",
        "The token cannot write at the moment; see the token's state for what to do, then retry the job.",
    ),
    ("token_removed", "The token was removed."),
    ("book_to_device", "A book can only go to a user, never to a device (rule S-25); assign it to a user."),
    ("not_revocable", "This license can never be taken back (rule N-30)."),
    (
        "not_held_by_user",
        "The user does not have the license, so there is nothing to move; assign it to the device.",
    ),
    ("already_moved", "The device has the license already and the user does not; nothing was sent."),
    (
        "kept_for_other_device",
        "The device has a license of its own, but another device of the user got none, so the user keeps the license too; retry the job.",
    ),
    (
        "device_license_gone",
        "The device lost its license before the user's was taken back, so the user keeps the license; retry the job.",
    ),
    (
        "mdm_not_told",
        "The MDM side did not take the news until the attempts ran out, so the user keeps the license; retry the job.",
    ),
    ("mdm_refused", "The MDM side refused the news, so the user keeps the license; correct the callback."),
    (
        "mdm_failed",
        "The MDM side said that the app could not be installed anew, so the user keeps the license; retry the job.",
    ),
    (
        "not_confirmed",
        "Nobody confirmed within the time allowed that the app was installed anew, so the user keeps the license; retry the job.",
    ),
    (
        "callback_not_allowed",
        "The callback's address leads inside the network, where nothing is called unless mdm.allow_inside is set.",
    ),
    (
        "no_public_url",
        "Apple cannot call this Russet, because api.public_url is empty; it is polled instead. Set it to the https address under which Apple reaches the API.",
    ),
    (
        "notification_answered_by_another",
        "Somebody answered Apple's test with success, but it did not come in here; api.public_url leads to another server, or the API and the worker use two databases.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_stands_once() {
        for pair in TABLE.windows(2) {
            assert!(pair[0].number < pair[1].number, "{} and {}", pair[0].number, pair[1].number);
        }
    }

    #[test]
    fn every_number_of_apples_pages_has_a_row() {
        let synchronous = [9601, 9602, 9603, 9609, 9621, 9622, 9623, 9625, 9634, 9637, 9646, 9647, 9650];
        let asynchronous = [9603, 9609, 9635, 9641, 9644, 9709, 9716];
        let of_requests = (9700..=9729).chain(9811..=9818);
        let legacy = (9600..=9620).chain(9622..=9645).chain([9649]);
        for number in synchronous.into_iter().chain(asynchronous).chain(of_requests).chain(legacy) {
            assert!(row(number).is_some(), "{number}");
        }
    }

    #[test]
    fn what_users_fail_with_asks_for_the_right_thing() {
        let table = [
            (9603, Meaning::Later),
            (9609, Meaning::Wrong),
            (9618, Meaning::AlreadySo),
            (9620, Meaning::AlreadySo),
            (9635, Meaning::Wrong),
            (9641, Meaning::NeedsPerson),
            (9644, Meaning::Later),
            (9714, Meaning::Replan),
            (9715, Meaning::Wrong),
            (9716, Meaning::AlreadySo),
            (9717, Meaning::Wrong),
            (9720, Meaning::Wrong),
            (9729, Meaning::Later),
        ];
        for (number, expected) in table {
            assert_eq!(meaning(number), expected, "{number}");
        }
    }

    #[test]
    fn a_number_that_apple_adds_is_not_repeated_blindly() {
        assert_eq!(meaning(9999), Meaning::Wrong);
        assert_eq!(code(9999), "apple_error");
    }

    #[test]
    fn every_sentence_ends_and_says_something() {
        for row in TABLE {
            assert!(row.sentence.ends_with('.') && row.sentence.len() > 20, "{}", row.number);
        }
    }
}
