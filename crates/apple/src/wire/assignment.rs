//! The answer of Get Assignments, and the assignments within notifications.
//!
//! <https://developer.apple.com/documentation/devicemanagement/get-assignments-9wv1e>

use russet_domain::Holder;
use serde::Deserialize;

use crate::answer::Page;
use crate::assignment::Assignment as Value;
use crate::wire::Fault;
use crate::wire::error::key;
use crate::wire::page::Paging;
use crate::wire::scalar::{Text, Whole};

/// `GetAssignmentsResponse`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Assignments<'a> {
    #[serde(borrow)]
    assignments: Option<Vec<Assignment<'a>>>,
    current_page_index: Option<Whole>,
    next_page_index: Option<Whole>,
    total_pages: Option<Whole>,
    size: Option<Whole>,
    #[serde(borrow)]
    version_id: Option<Text<'a>>,
}

/// `Assignment`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Assignment<'a> {
    #[serde(borrow)]
    adam_id: Option<Text<'a>>,
    #[serde(borrow)]
    pricing_param: Option<Text<'a>>,
    #[serde(borrow)]
    client_user_id: Option<Text<'a>>,
    #[serde(borrow)]
    serial_number: Option<Text<'a>>,
}

impl Assignments<'_> {
    pub(crate) fn into_page(self, asked: u32) -> Result<Page<Value>, Fault> {
        let named = self.assignments.is_some();
        let (items, skipped) = understood(self.assignments);
        let paging = Paging {
            current: self.current_page_index,
            next: self.next_page_index,
            total: self.total_pages,
            size: self.size,
            version: self.version_id,
        };
        paging.page(asked, named, items, skipped)
    }
}

impl Assignment<'_> {
    /// The license, when both a product and a holder are named.
    fn into_value(self) -> Option<Value> {
        let device = self.serial_number.and_then(Text::filled).map(Holder::Device);
        let holder = device.or_else(|| self.client_user_id.and_then(Text::filled).map(Holder::User))?;
        Some(Value { key: key(self.adam_id, self.pricing_param)?, holder })
    }
}

/// The assignments that could be understood, and how many could not.
pub(crate) fn understood(list: Option<Vec<Assignment<'_>>>) -> (Vec<Value>, usize) {
    let list = list.unwrap_or_default();
    let read = list.len();
    let mut items = Vec::with_capacity(read);
    items.extend(list.into_iter().filter_map(Assignment::into_value));
    let skipped = read - items.len();
    (items, skipped)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::head::Head;
    use crate::wire::read;

    #[test]
    fn devices_and_users_are_told_apart_and_the_rest_is_counted() {
        let text = r#"{"assignments":[{"adamId":"1","pricingParam":"STDQ","serialNumber":"S1"},
            {"adamId":1,"pricingParam":"PLUS","clientUserId":"u\u0031","userStatus":"Associated"},
            {"adamId":"1","serialNumber":"","clientUserId":null},{"serialNumber":"S2"}],
            "currentPageIndex":0,"nextPageIndex":1,"totalPages":3,"size":4,"versionId":"v"}"#;
        let page = read::<Assignments<'_>>(text.as_bytes()).unwrap().into_page(0).unwrap();
        let shown: Vec<_> = page.items.iter().map(|item| format!("{} {}", item.key, item.holder)).collect();
        assert_eq!(shown, ["1 device S1", "1/PLUS user u1"]);
        assert_eq!((page.skipped, page.next, page.total_pages), (2, Some(1), 3));
    }

    #[test]
    fn a_location_that_holds_nothing_is_an_empty_page() {
        let page = read::<Assignments<'_>>(br#"{"size":0,"versionId":"v"}"#).unwrap().into_page(0).unwrap();
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
            let head = read::<Head<'_>>(body.as_bytes()).unwrap();
            assert_eq!(head.number(), None);
            let page = read::<Assignments<'_>>(body.as_bytes()).unwrap().into_page(0).unwrap();
            assert_eq!(page.items.len(), 1000);
        }
        println!("{:?} a page of {} bytes", began.elapsed() / 1000, body.len());
    }
}
