//! The answer of Get Assignments, and the assignments within notifications.
//!
//! <https://developer.apple.com/documentation/devicemanagement/get-assignments-9wv1e>

use russet_domain::Holder;

use crate::answer::Page;
use crate::assignment::Assignment;
use crate::wire::error::key;
use crate::wire::page::{self, Asked};
use crate::wire::scalar::Text;
use crate::wire::{Fault, Object};

/// `GetAssignmentsResponse`.
pub(crate) fn page(object: &Object<'_>, index: u32, changes_only: bool) -> Result<Page<Assignment>, Fault> {
    let records = object.records("assignments", assignment)?;
    page::page(object, Asked { index, list: "assignments", changes_only }, records, 0)
}

/// `Assignment`: the license, when both a product and a holder are named.
pub(crate) fn assignment(object: &Object<'_>) -> Result<Assignment, Fault> {
    let serial = object.text("serialNumber")?.and_then(Text::filled);
    let user = object.text("clientUserId")?.and_then(Text::filled);
    let holder = serial.map(Holder::Device).or_else(|| user.map(Holder::User));
    let holder =
        holder.ok_or_else(|| Fault::field("serialNumber", "is missing, and so is `clientUserId`"))?;
    Ok(Assignment { key: key(object)?, holder })
}

#[cfg(test)]
mod tests {
    use crate::wire::head::Head;
    use crate::wire::{read_odd, read_plain};

    #[test]
    fn devices_and_users_are_told_apart_and_the_rest_is_counted() {
        let text = r#"{"assignments":[{"adamId":"1","pricingParam":"STDQ","serialNumber":"S1"},
            {"adamId":1,"pricingParam":"PLUS","clientUserId":"u\u0031","userStatus":"Associated"},
            {"adamId":"1","serialNumber":"","clientUserId":null},{"serialNumber":"S2"}],
            "currentPageIndex":0,"nextPageIndex":1,"totalPages":3,"size":4,"versionId":"v"}"#;
        let (page, notes) = read_odd(text, |object| super::page(object, 0, false));
        let page = page.unwrap();
        let shown: Vec<_> = page.items.iter().map(|item| format!("{} {}", item.key, item.holder)).collect();
        assert_eq!(shown, ["1 device S1", "1/PLUS user u1"]);
        assert_eq!((page.skipped, page.next, page.total_pages), (2, Some(1), 3));
        assert_eq!(
            notes,
            [
                "`assignments[2].serialNumber` is missing, and so is `clientUserId`",
                "`assignments[3].adamId` is missing or empty",
            ]
        );
    }

    #[test]
    fn a_location_that_holds_nothing_is_an_empty_page() {
        let page = read_plain(r#"{"size":0,"versionId":"v"}"#, |object| super::page(object, 0, false));
        assert_eq!((page.items.len(), page.next), (0, None));
    }

    #[test]
    #[ignore = "prints a measurement; run it in release mode with --ignored --nocapture"]
    fn a_page_of_a_thousand_assignments_is_read_quickly() {
        let records: Vec<_> = (0..1000)
            .map(|n| {
                format!(
                    r#"{{"adamId":"{}","pricingParam":"STDQ","serialNumber":"SER{n:09}"}}"#,
                    500_000_000 + n % 25
                )
            })
            .collect();
        let body = format!(
            r#"{{"assignments":[{}],"currentPageIndex":0,"totalPages":1,"versionId":"v","uId":"1"}}"#,
            records.join(",")
        );
        let began = std::time::Instant::now();
        for _ in 0..1000 {
            assert_eq!(read_plain(&body, |object| Ok(Head::of(object))).number, None);
            let page = read_plain(&body, |object| super::page(object, 0, false));
            assert_eq!(page.items.len(), 1000);
        }
        println!("{:?} a page of {} bytes", began.elapsed() / 1000, body.len());
    }
}
