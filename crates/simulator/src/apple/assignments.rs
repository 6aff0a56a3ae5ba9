//! `GET assignments`: who holds what, in pages, or what came since a version.
//!
//! See <https://developer.apple.com/documentation/devicemanagement/get-assignments-9wv1e> and
//! <https://developer.apple.com/documentation/devicemanagement/using-paginated-endpoints>.

use serde::Serialize;

use super::errors::AppleError;
use super::paging::Page;
use super::query::Params;
use super::reply::{AssignmentRef, Common, PageCommon, json};
use crate::rules::Rules;
use crate::world::asset::{AssetId, AssetKey, Pricing};
use crate::world::holders::{HolderId, HolderKind};
use crate::world::licenses::Pair;
use crate::world::location::{Collection, Location};

/// No walk of pages for so long: then the list may be put in order.
const WALK_OVER_US: i64 = 60_000_000;

#[derive(Serialize)]
struct Body<'a> {
    assignments: Vec<AssignmentRef<'a>>,
    #[serde(flatten)]
    page: PageCommon<'a>,
}

/// One page of the assignments that pass the filters.
pub(crate) fn get(
    location: &mut Location,
    params: &Params,
    rules: &Rules,
    (expires_ms, now_ms): (i64, i64),
) -> Result<Vec<u8>, AppleError> {
    let index = params.page_index()?;
    let filter = Filter::of(location, params)?;
    location.page_read(rules.version_moves_every_pages);
    tidy(location, index, now_ms * 1000);
    let location = &*location;
    let size = rules.page_size;
    let (page, pairs, is_unchanged) = match params.text("sinceVersionId") {
        Some(since) => since_version(location, since, &filter, index, size)?,
        None => {
            let (page, pairs) = present(location, &filter, index, size)?;
            (page, pairs, false)
        }
    };
    let with_state = params.boolean("includeUserState")?.unwrap_or(false);
    let assignments: Vec<AssignmentRef<'_>> = pairs
        .into_iter()
        .map(|pair| {
            let assignment = AssignmentRef::of(location, pair);
            if with_state { assignment.with_user(location.users.get(pair.1)) } else { assignment }
        })
        .collect();
    let version_id = match params.text("sinceVersionId") {
        Some(since) if is_unchanged => since.to_owned(),
        Some(_) | None => location.version_id(Collection::Assignments),
    };
    let page = PageCommon {
        current_page_index: page.index,
        next_page_index: page.next(),
        size: assignments.len(),
        total_pages: page.total,
        version_id,
        common: Common::of(location, expires_ms, now_ms),
    };
    Ok(json(&Body { assignments, page }))
}

/// Closes holes at the start of a walk, unless another walk is going on.
fn tidy(location: &mut Location, index: usize, now_us: i64) {
    if index > 0 {
        location.walked_us = now_us;
    } else if now_us - location.walked_us > WALK_OVER_US {
        location.licenses.close_holes();
    }
}

/// The licenses there are, and the page they are on.
fn present(
    location: &Location,
    filter: &Filter,
    index: usize,
    size: usize,
) -> Result<(Page, Vec<Pair>), AppleError> {
    let licenses = &location.licenses;
    let keep = |pair: &Pair| filter.passes(location, *pair);
    if let Some(holders) = &filter.holders {
        let mut held: Vec<Pair> = holders
            .iter()
            .flat_map(|&holder| licenses.assets_of(holder).into_iter().map(move |asset| (asset, holder)))
            .filter(keep)
            .collect();
        held.sort_unstable();
        let page = Page::of(held.len(), index, size)?;
        let on_page = held[page.range.clone()].to_vec();
        return Ok((page, on_page));
    }
    let Some(assets) = &filter.assets else {
        let page = Page::of(licenses.places(), index, size)?;
        let on_page = licenses.in_places(page.range.clone()).filter(keep).collect();
        return Ok((page, on_page));
    };
    // The lists of the assets lie one behind another, each padded to full pages, so that one that grows
    // does not shift the pages of those before it.
    let lengths = assets.iter().map(|&asset| licenses.places_of_asset(asset).div_ceil(size) * size);
    let mut page = Page::of(lengths.sum(), index, size)?;
    let mut start = page.range.start;
    for &asset in assets {
        let places = licenses.places_of_asset(asset);
        let padded = places.div_ceil(size) * size;
        if start < padded {
            let range = start..places.min(start + size);
            page.range = range.clone();
            let on_page = licenses.in_places_of_asset(asset, range).filter(keep).collect();
            return Ok((page, on_page));
        }
        start -= padded;
    }
    Ok((page, Vec::new()))
}

/// The licenses that came after a version, and whether none did. Removals do not show, as with Apple.
fn since_version(
    location: &Location,
    since: &str,
    filter: &Filter,
    index: usize,
    size: usize,
) -> Result<(Page, Vec<Pair>, bool), AppleError> {
    let unknown = || AppleError::new(9721);
    let version = location.version_of(Collection::Assignments, since).ok_or_else(unknown)?;
    let changes = location.licenses.changes_since(version).ok_or_else(unknown)?;
    let page = Page::of(changes, index, size)?;
    let added = location.licenses.added_since(version, page.range.clone());
    let pairs = added.filter(|pair| filter.passes(location, *pair)).collect();
    let is_unchanged = location.licenses.added_since(version, 0..changes).next().is_none();
    Ok((page, pairs, is_unchanged))
}

/// Which assignments are wanted. A list that is empty passes nothing.
struct Filter {
    assets: Option<Vec<AssetId>>,
    holders: Option<Vec<HolderId>>,
    pricing: Option<Pricing>,
    only_active: bool,
}

impl Filter {
    fn of(location: &Location, params: &Params) -> Result<Self, AppleError> {
        let pricing = params.pricing()?;
        let assets = params.text("adamId").map(|adam_id| {
            [Pricing::Standard, Pricing::Plus]
                .into_iter()
                .filter(|known| pricing.is_none_or(|pricing| pricing == *known))
                .filter_map(|pricing| location.asset_id(&AssetKey { adam_id: adam_id.to_owned(), pricing }))
                .collect()
        });
        let holder = |name: &str, kind| params.text(name).map(|text| location.holders.all_named(kind, text));
        let wanted = [holder("clientUserId", HolderKind::User), holder("serialNumber", HolderKind::Device)];
        let holders: Option<Vec<HolderId>> = match wanted {
            [None, None] => None,
            // No license is held by a user and a device at once, so both filters together pass nothing.
            [Some(_), Some(_)] => Some(Vec::new()),
            [Some(one), None] | [None, Some(one)] => Some(one),
        };
        let only_active = params.boolean("excludeInactiveUsers")?.unwrap_or(false);
        Ok(Self { assets, holders, pricing, only_active })
    }

    fn passes(&self, location: &Location, (asset, holder): Pair) -> bool {
        self.assets.as_ref().is_none_or(|assets| assets.contains(&asset))
            && self.holders.as_ref().is_none_or(|holders| holders.contains(&holder))
            && self.pricing.is_none_or(|pricing| location.assets[asset as usize].key.pricing == pricing)
            && !(self.only_active && location.is_retired(holder))
    }
}
