//! The answer of Get Assets.
//!
//! <https://developer.apple.com/documentation/devicemanagement/get-assets-4ski1>

use std::collections::HashSet;

use russet_domain::asset::Supply;
use russet_domain::{Asset, ProductType};

use crate::answer::Page;
use crate::wire::error::key;
use crate::wire::object::Records;
use crate::wire::page::{self, Asked};
use crate::wire::{Fault, Object};

/// `GetAssetsResponse`: both lists as one. An asset in both is taken from the list of those without a limit.
pub(crate) fn page(object: &Object<'_>, index: u32) -> Result<Page<Asset>, Fault> {
    let unlimited = object.records("unlimitedAssets", |record| asset(record, true))?;
    let limited = object.records("assets", |record| asset(record, false))?;
    let (mut records, mut twice) = (None, 0);
    if unlimited.is_some() || limited.is_some() {
        let (joined, both) = joined(unlimited.unwrap_or_default(), limited.unwrap_or_default());
        (records, twice) = (Some(joined), both);
    }
    page::page(object, Asked { index, list: "assets", changes_only: false }, records, twice)
}

/// Both lists as one, and how many assets were in both.
fn joined(unlimited: Records<Asset>, limited: Records<Asset>) -> (Records<Asset>, usize) {
    let mut items = unlimited.items;
    let read = items.len() + limited.items.len();
    let known: HashSet<_> = items.iter().map(|asset| asset.key.clone()).collect();
    items.extend(limited.items.into_iter().filter(|asset| !known.contains(&asset.key)));
    let twice = read - items.len();
    (Records { items, skipped: unlimited.skipped + limited.skipped }, twice)
}

/// `ResponseAsset` and `UnlimitedResponseAsset`.
fn asset(object: &Object<'_>, unlimited: bool) -> Result<Asset, Fault> {
    let key = key(object)?;
    let kind = object.soft_text("productType");
    let product_type = kind.map_or(ProductType::App, |text| ProductType::from_text(&text));
    // What Apple leaves out is as it is for most: Apple refuses what does not hold, we would refuse too much.
    let usual = product_type != ProductType::Book;
    let platforms = object.soft(object.texts("supportedPlatforms"));
    let count = |name| object.soft(object.whole(name));
    let assigned = count("assignedCount").unwrap_or(0);
    let retired = count("retiredCount").unwrap_or(0);
    Ok(Asset {
        key,
        device_assignable: object.soft(object.flag("deviceAssignable")).unwrap_or(usual),
        revocable: object.soft(object.flag("revocable")).unwrap_or(usual),
        product_type,
        supply: supply(unlimited, count("totalCount"), count("availableCount"), assigned, retired),
        assigned,
        retired,
        platforms: platforms.map_or_else(Vec::new, |texts| texts.items),
    })
}

/// The counts, with what is missing worked out from the others.
fn supply(
    unlimited: bool,
    total: Option<i64>,
    available: Option<i64>,
    assigned: i64,
    retired: i64,
) -> Supply {
    match (unlimited, total, available) {
        (true, _, _) => Supply::Unlimited,
        (false, Some(total), Some(available)) => Supply::from_counts(total, available),
        (false, Some(total), None) => {
            Supply::from_counts(total, total.saturating_sub(assigned).saturating_sub(retired))
        }
        (false, None, available) => {
            let available = available.unwrap_or(0);
            let total = available.saturating_add(assigned).saturating_add(retired);
            Supply::from_counts(total, available)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{read_odd, read_plain};
    use russet_domain::Pricing;

    fn page(text: &str) -> Page<Asset> {
        read_plain(text, |object| super::page(object, 0))
    }

    #[test]
    fn an_asset_is_read_with_its_counts() {
        let page = page(
            r#"{"assets":[{"adamId":"500000001","pricingParam":"PLUS","productType":"App","deviceAssignable":true,
            "revocable":true,"supportedPlatforms":["iOS","macOS"],"assignedCount":40,"availableCount":9,"retiredCount":1,
            "totalCount":50}],"currentPageIndex":0,"size":1,"totalPages":1,"versionId":"v1","uId":"1"}"#,
        );
        let asset = &page.items[0];
        assert_eq!(asset.key.pricing, Pricing::Plus);
        assert_eq!(asset.supply, Supply::Limited { total: 50, available: 9 });
        assert_eq!((asset.assigned, asset.retired, asset.platforms.len()), (40, 1, 2));
        assert_eq!((page.version.as_deref(), page.next, page.total_pages), (Some("v1"), None, 1));
    }

    #[test]
    fn assets_without_a_limit_are_found_in_either_list_and_counted_once() {
        let page = page(
            r#"{"assets":[{"adamId":"1","totalCount":2147483647,"availableCount":2147483600,"assignedCount":47},
            {"adamId":"2","totalCount":2147483647}],"unlimitedAssets":[{"adamId":"2","assignedCount":3}]}"#,
        );
        assert!(page.items.iter().all(|asset| asset.supply == Supply::Unlimited));
        assert_eq!((page.items.len(), page.skipped), (2, 0));
    }

    #[test]
    fn what_is_left_out_is_as_it_usually_is() {
        let page = page(
            r#"{"assets":[{"adamId":"1"},{"adamId":"2","productType":"Book"},{"adamId":"3","productType":"Song"}]}"#,
        );
        let [app, book, song] = &page.items[..] else { panic!("{page:?}") };
        assert!(app.device_assignable && app.revocable);
        assert!(!book.device_assignable && !book.revocable);
        assert_eq!(song.product_type, ProductType::Other("Song".into()));
        assert_eq!(app.supply, Supply::Limited { total: 0, available: 0 });
    }

    #[test]
    fn a_record_that_names_no_asset_is_counted_and_named_and_the_rest_is_kept() {
        let text = r#"{"assets":[{"productType":"App"},{"adamId":"1"},{"adamId":{}},"2",{"adamId":"3","revocable":"perhaps"}]}"#;
        let (page, notes) = read_odd(text, |object| super::page(object, 0));
        let page = page.unwrap();
        assert_eq!((page.items.len(), page.skipped), (2, 3));
        assert!(page.items[1].revocable);
        assert_eq!(
            notes,
            [
                "`assets[0].adamId` is missing or empty",
                "`assets[2].adamId` is not a text",
                "`assets[3]` is not an object",
                "`assets[4].revocable` is neither true nor false",
            ]
        );
    }
}
