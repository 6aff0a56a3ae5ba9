//! Checks that the page about Apple's contract has a row for all of it, and that each row names tests that exist.
//!
//! What must be there is Apple's own list of endpoints, fields, notifications and open questions; error numbers are those of
//! the table in the domain.

use std::collections::{BTreeMap, BTreeSet};

use crate::repository;
use crate::rows::{self, Named};

const PAGE: &str = "docs/apple.md";
const ERRORS: &str = "crates/domain/src/apple_error.rs";
const ENDPOINTS: &str = "crates/apple/src/endpoint.rs";

/// What Apple documents, by the heading of the page that has its rows.
const MUST: [(&str, &str); 5] = [
    (
        "Endpoints",
        "GET /service/config, GET /client/config, POST /client/config, GET /assets, GET /assignments,
        POST /assets/associate, POST /assets/disassociate, POST /assets/revoke, GET /users, POST /users/create,
        POST /users/update, POST /users/retire, GET /status, POST /subscriptions/enable, POST /subscriptions/disable,
        GET /subscriptions, GET /subscriptions/assignments, GET /subscriptions/admins, POST /subscriptions/associate,
        POST /subscriptions/disassociate, POST /subscriptions/admins/add, POST /subscriptions/admins/remove,
        GET /v1/catalog/{storefront}/stoken-authenticated-apps, contentMetadataLookup",
    ),
    (
        "Fields",
        "token, expDate, orgName,
        uId, tokenExpirationDate, mdmInfo, mdmInfo.id, mdmInfo.name, mdmInfo.metadata,
        config.locationName, config.countryISO2ACode, config.defaultPlatform, config.websiteURL, config.notificationUrl,
        config.notificationAuthToken, config.subscribedNotificationTypes, config.notificationTypes,
        service.limits, service.urls, service.notificationTypes, service.errorCodes,
        limits.maxAssets, limits.maxClientUserIds, limits.maxSerialNumbers, limits.maxRevokeClientUserIds,
        limits.maxRevokeSerialNumbers, limits.maxUsers, limits.maxSubscriptions, limits.maxSubscriptionClientUserIds,
        limits.maxNotificationLength, limits.maxMdmIdLength, limits.maxMdmNameLength, limits.maxMdmMetadataLength,
        limits.maxRequestPerSecond, urls.invitationEmail, urls.contentMetadataLookup,
        page.currentPageIndex, page.nextPageIndex, page.size, page.totalPages, page.versionId, query.pageIndex,
        query.sinceVersionId, query.adamId, query.pricingParam, query.serialNumber, query.clientUserId,
        query.activeOnly, query.retiredOnly,
        asset.adamId, asset.pricingParam, asset.productType, asset.deviceAssignable, asset.revocable,
        asset.supportedPlatforms, asset.assignedCount, asset.availableCount, asset.totalCount, asset.retiredCount,
        unlimitedAssets, assignment.adamId, assignment.pricingParam, assignment.clientUserId, assignment.serialNumber,
        assignment.idHash, assignment.userStatus, manage.assets, manage.clientUserIds, manage.serialNumbers,
        user.clientUserId, user.email, user.status, user.inviteCode, user.idHash, user.managedAppleId,
        event.eventId, status.eventStatus, status.eventType, status.failures, status.numCompleted, status.numRequested,
        notification.notificationId, notification.notificationType, notification.uId, notification.notification,
        notification.countDelta, notification.result, notification.type, notification.error, notification.assignments,
        notification.users, notification.associatedUsers,
        error.errorNumber, error.errorMessage, error.errorInfo, Retry-After,
        app.name, app.bundleId, app.artistName, app.artwork, app.deviceFamilies, app.externalVersionId,
        app.minimumOSVersion, app.isB2BCustomApp, app.isVppDeviceBasedLicensingEnabled, app.offers,
        app.latestVersionInfo, app.platformAttributes",
    ),
    (
        "Notifications",
        "TEST_NOTIFICATION, ASSET_COUNT, ASSET_MANAGEMENT, USER_MANAGEMENT, USER_ASSOCIATED, SUBSCRIPTION_COUNT,
        SUBSCRIPTION_MANAGEMENT, UNLIMITED_ASSET",
    ),
    ("States of a user", "Registered, Associated, Retired, Deleted"),
    ("Open questions", "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20"),
];

/// The rows of one heading: what each is about, and the tests it names.
type Rows = Vec<(BTreeSet<String>, Named)>;

#[test]
fn every_row_names_tests_that_exist() {
    let mut wrong = Vec::new();
    for (heading, rows) in sections() {
        for (keys, named) in rows {
            let row = format!("{heading}, {}", keys.into_iter().next().unwrap_or_default());
            if named.is_empty() {
                wrong.push(format!("{row}: names no test"));
            }
            wrong.extend(rows::missing(&named).into_iter().map(|what| format!("{row}: {what}")));
        }
    }
    assert!(wrong.is_empty(), "{PAGE}: {wrong:#?}");
}

#[test]
fn all_of_apples_contract_has_a_row() {
    let sections = sections();
    let errors = error_numbers();
    let lists = MUST.iter().map(|(heading, list)| {
        (*heading, list.split(',').map(|key| key.trim().to_owned()).collect::<BTreeSet<String>>())
    });
    let mut wrong = Vec::new();
    for (heading, wanted) in lists.chain([("Errors", errors)]) {
        let rows = sections.get(heading);
        let there: BTreeSet<&String> = rows.into_iter().flatten().flat_map(|(keys, _)| keys).collect();
        let absent = wanted.iter().filter(|key| !there.contains(key));
        wrong.extend(absent.map(|key| format!("{heading}: nothing about {key}")));
    }
    assert!(wrong.is_empty(), "{PAGE}: {wrong:#?}");
}

/// Subscriptions are seats of another kind; Russet leaves them alone on purpose.
#[test]
fn nothing_is_ever_asked_of_subscriptions() {
    let endpoints = repository::text_of(&repository::root().join(ENDPOINTS)).unwrap();
    assert!(endpoints.contains("\"/users/create\""), "{ENDPOINTS} is where the paths are");
    assert!(!endpoints.contains("\"/subscriptions"), "{PAGE} says that no endpoint of subscriptions is used");
}

fn sections() -> BTreeMap<String, Rows> {
    let page = repository::text_of(&repository::root().join(PAGE)).unwrap();
    let mut sections: BTreeMap<String, Rows> = BTreeMap::new();
    let mut heading = String::new();
    for line in page.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            title.clone_into(&mut heading);
        } else if let Some(row) = row(line) {
            sections.entry(heading.clone()).or_default().push(row);
        }
    }
    sections
}

/// A row such as ``| `a`, `b` | what is done | `tests/a.rs` `name` |``; a heading has nothing between backticks.
fn row(line: &str) -> Option<(BTreeSet<String>, Named)> {
    let cells = rows::cells(line)?;
    let keys: BTreeSet<String> = rows::spans(cells.first()?).map(str::to_owned).collect();
    (!keys.is_empty()).then(|| (keys, rows::named(cells.last().copied().unwrap_or_default())))
}

/// The numbers of the domain's table.
fn error_numbers() -> BTreeSet<String> {
    let text = repository::text_of(&repository::root().join(ERRORS)).unwrap();
    let number = |line: &str| {
        let number = line.trim().split(' ').next()?;
        (number.len() == 4 && number.starts_with('9') && number.chars().all(|c| c.is_ascii_digit()))
            .then(|| number.to_owned())
    };
    let numbers: BTreeSet<String> = text.lines().filter_map(number).collect();
    assert!(numbers.len() > 80, "{ERRORS} has the table of numbers");
    numbers
}

#[test]
fn a_row_tells_what_it_is_about_and_what_shows_it() {
    let (keys, named) = row("| `a`, `b` | done with care | `tests/a.rs` `one` |").unwrap();
    assert_eq!(keys.into_iter().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(named, [("tests/a.rs".to_owned(), "one".to_owned())]);
    assert!(row("| What | Done | Test |").is_none());
}
