//! The answer of Get Assets.
//!
//! <https://developer.apple.com/documentation/devicemanagement/get-assets-4ski1>

use std::collections::HashSet;

use russet_domain::ProductType;
use russet_domain::asset::Supply;
use serde::Deserialize;

use crate::answer::Page;
use crate::wire::Fault;
use crate::wire::error::key;
use crate::wire::page::Paging;
use crate::wire::scalar::{Text, Whole};

/// `GetAssetsResponse`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Assets<'a> {
    #[serde(borrow)]
    assets: Option<Vec<Asset<'a>>>,
    #[serde(borrow)]
    unlimited_assets: Option<Vec<Asset<'a>>>,
    current_page_index: Option<Whole>,
    next_page_index: Option<Whole>,
    total_pages: Option<Whole>,
    size: Option<Whole>,
    #[serde(borrow)]
    version_id: Option<Text<'a>>,
}

/// `ResponseAsset` and `UnlimitedResponseAsset`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asset<'a> {
    #[serde(borrow)]
    adam_id: Option<Text<'a>>,
    #[serde(borrow)]
    pricing_param: Option<Text<'a>>,
    #[serde(borrow)]
    product_type: Option<Text<'a>>,
    device_assignable: Option<bool>,
    revocable: Option<bool>,
    #[serde(borrow)]
    supported_platforms: Option<Vec<Text<'a>>>,
    assigned_count: Option<Whole>,
    available_count: Option<Whole>,
    total_count: Option<Whole>,
    retired_count: Option<Whole>,
}

impl Assets<'_> {
    /// Both lists as one. An asset in both is taken from the list of those without a limit.
    pub(crate) fn into_page(self, asked: u32) -> Result<Page<russet_domain::Asset>, Fault> {
        let named = self.assets.is_some() || self.unlimited_assets.is_some();
        let unlimited = self.unlimited_assets.unwrap_or_default();
        let limited = self.assets.unwrap_or_default();
        let read = unlimited.len() + limited.len();
        let mut items: Vec<_> = unlimited.into_iter().filter_map(|asset| asset.into_value(true)).collect();
        let known: HashSet<_> = items.iter().map(|asset| asset.key.clone()).collect();
        let mut twice = 0;
        for asset in limited.into_iter().filter_map(|asset| asset.into_value(false)) {
            if known.contains(&asset.key) {
                twice += 1;
            } else {
                items.push(asset);
            }
        }
        let skipped = read - items.len() - twice;
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

impl Asset<'_> {
    fn into_value(self, unlimited: bool) -> Option<russet_domain::Asset> {
        let key = key(self.adam_id, self.pricing_param)?;
        let product_type =
            self.product_type.map_or(ProductType::App, |Text(text)| ProductType::from_text(&text));
        // What Apple leaves out is as it is for most: Apple refuses what does not hold, we would refuse too much.
        let usual = product_type != ProductType::Book;
        let count = |count: Option<Whole>| count.map(|Whole(count)| count);
        let assigned = count(self.assigned_count).unwrap_or(0);
        let retired = count(self.retired_count).unwrap_or(0);
        let supply = match (unlimited, count(self.total_count), count(self.available_count)) {
            (true, _, _) => Supply::Unlimited,
            (false, Some(total), Some(available)) => Supply::from_counts(total, available),
            (false, Some(total), None) => {
                Supply::from_counts(total, total.saturating_sub(assigned).saturating_sub(retired))
            }
            (false, None, available) => {
                let available = available.unwrap_or(0);
                let total = available.saturating_add(assigned).saturating_add(retired);
                Supply::Limited { total, available }
            }
        };
        Some(russet_domain::Asset {
            key,
            device_assignable: self.device_assignable.unwrap_or(usual),
            revocable: self.revocable.unwrap_or(usual),
            product_type,
            supply,
            assigned,
            retired,
            platforms: self.supported_platforms.into_iter().flatten().map(Text::into_string).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::read;
    use russet_domain::Pricing;

    fn page(text: &str) -> Page<russet_domain::Asset> {
        read::<Assets<'_>>(text.as_bytes()).unwrap().into_page(0).unwrap()
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
            {"adamId":"2","totalCount":2147483647},{"productType":"App"}],
            "unlimitedAssets":[{"adamId":"2","assignedCount":3}]}"#,
        );
        assert!(page.items.iter().all(|asset| asset.supply == Supply::Unlimited));
        assert_eq!((page.items.len(), page.skipped), (2, 1));
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
}
