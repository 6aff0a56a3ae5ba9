//! Keeps which holder has which asset: a million pairs in about 40 bytes each, every page in the time of a page.

use std::collections::VecDeque;

use hashbrown::HashTable;

use super::asset::AssetId;
use super::holders::HolderId;
use crate::seed::mix;

const NONE: u32 = u32::MAX;

/// How far back `sinceVersionId` reaches: this many changes. Older versions answer 9721.
const LOG_LENGTH: usize = 4_000_000;

/// One license, or a hole where one was.
///
/// A license keeps its place as long as it lives. So a walk over pages sees it exactly once, whatever is
/// added and taken away meanwhile; pages with holes are merely shorter, as Apple's pages are.
#[derive(Debug, Clone, Copy)]
struct Slot {
    asset: AssetId,
    holder: HolderId,
    /// Its place in the asset's own list.
    place: u32,
    /// The version at which it came.
    version: u32,
    next_of_holder: u32,
    prev_of_holder: u32,
}

const HOLE: Slot =
    Slot { asset: NONE, holder: NONE, place: NONE, version: 0, next_of_holder: NONE, prev_of_holder: NONE };

#[derive(Debug, Default)]
struct OfAsset {
    slots: Vec<u32>,
    free: Vec<u32>,
}

/// The licenses of one location.
#[derive(Debug, Default)]
pub(crate) struct Licenses {
    slots: Vec<Slot>,
    free: Vec<u32>,
    of_asset: Vec<OfAsset>,
    first_of_holder: Vec<u32>,
    pairs: HashTable<u32>,
    /// The slot that was filled at each version, or `NONE` for a version that only took away.
    log: VecDeque<u32>,
    log_start: u32,
}

/// A license: which asset is held by whom.
pub(crate) type Pair = (AssetId, HolderId);

impl Licenses {
    /// Moves with every license that comes or goes.
    pub(crate) fn version(&self) -> u32 {
        self.log_start + u32::try_from(self.log.len()).unwrap_or(0)
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    pub(crate) fn contains(&self, pair: Pair) -> bool {
        self.find(pair).is_some()
    }

    fn find(&self, pair: Pair) -> Option<u32> {
        self.pairs
            .find(hash(pair), |&slot| {
                let slot = &self.slots[slot as usize];
                (slot.asset, slot.holder) == pair
            })
            .copied()
    }

    /// Makes room for this many more at once, so that a large world is not copied while it grows.
    pub(crate) fn reserve(&mut self, count: usize) {
        self.slots.reserve_exact(count);
        self.log.reserve_exact(count.min(LOG_LENGTH));
        let slots = &self.slots;
        self.pairs.reserve(count, |&slot| {
            let slot = &slots[slot as usize];
            hash((slot.asset, slot.holder))
        });
    }

    /// Adds a license; false when it was there already.
    pub(crate) fn add(&mut self, pair: Pair) -> bool {
        if self.contains(pair) {
            return false;
        }
        let (asset, holder) = pair;
        let at = self.free.pop().unwrap_or_else(|| {
            self.slots.push(HOLE);
            u32::try_from(self.slots.len() - 1).unwrap_or(NONE)
        });
        let place = self.enter_asset(asset, at);
        let next_of_holder = self.enter_holder(holder, at);
        let version = self.version();
        self.slots[at as usize] =
            Slot { asset, holder, place, version, next_of_holder, prev_of_holder: NONE };
        self.note(at);
        let slots = &self.slots;
        self.pairs.insert_unique(hash(pair), at, |&slot| {
            let slot = &slots[slot as usize];
            hash((slot.asset, slot.holder))
        });
        true
    }

    fn enter_asset(&mut self, asset: AssetId, at: u32) -> u32 {
        let asset = asset as usize;
        if self.of_asset.len() <= asset {
            self.of_asset.resize_with(asset + 1, OfAsset::default);
        }
        let list = &mut self.of_asset[asset];
        if let Some(place) = list.free.pop() {
            list.slots[place as usize] = at;
            return place;
        }
        list.slots.push(at);
        u32::try_from(list.slots.len() - 1).unwrap_or(NONE)
    }

    fn enter_holder(&mut self, holder: HolderId, at: u32) -> u32 {
        let holder = holder as usize;
        if self.first_of_holder.len() <= holder {
            self.first_of_holder.resize(holder + 1, NONE);
        }
        let next = std::mem::replace(&mut self.first_of_holder[holder], at);
        if next != NONE {
            self.slots[next as usize].prev_of_holder = at;
        }
        next
    }

    /// Takes a license away; false when there was none.
    pub(crate) fn remove(&mut self, pair: Pair) -> bool {
        let slots = &self.slots;
        let found = self.pairs.find_entry(hash(pair), |&slot| {
            let slot = &slots[slot as usize];
            (slot.asset, slot.holder) == pair
        });
        let Ok(entry) = found else { return false };
        let (at, _) = entry.remove();
        let slot = std::mem::replace(&mut self.slots[at as usize], HOLE);
        let list = &mut self.of_asset[slot.asset as usize];
        list.slots[slot.place as usize] = NONE;
        list.free.push(slot.place);
        if slot.prev_of_holder == NONE {
            self.first_of_holder[slot.holder as usize] = slot.next_of_holder;
        } else {
            self.slots[slot.prev_of_holder as usize].next_of_holder = slot.next_of_holder;
        }
        if slot.next_of_holder != NONE {
            self.slots[slot.next_of_holder as usize].prev_of_holder = slot.prev_of_holder;
        }
        self.free.push(at);
        self.note(NONE);
        true
    }

    /// Moves the version although nothing else moved.
    pub(crate) fn touch(&mut self) {
        self.note(NONE);
    }

    fn note(&mut self, slot: u32) {
        if self.log.len() >= LOG_LENGTH {
            self.log.pop_front();
            self.log_start += 1;
        }
        self.log.push_back(slot);
    }

    /// The assets that a holder has, those that came last first.
    pub(crate) fn assets_of(&self, holder: HolderId) -> Vec<AssetId> {
        let mut assets = Vec::new();
        let mut at = self.first_of_holder.get(holder as usize).copied().unwrap_or(NONE);
        while at != NONE {
            let slot = &self.slots[at as usize];
            assets.push(slot.asset);
            at = slot.next_of_holder;
        }
        assets
    }

    /// Places in the list of all licenses, holes included.
    pub(crate) fn places(&self) -> usize {
        self.slots.len()
    }

    /// The licenses in a range of those places.
    pub(crate) fn in_places(&self, range: std::ops::Range<usize>) -> impl Iterator<Item = Pair> + '_ {
        self.slots[range].iter().filter(|slot| slot.asset != NONE).map(|slot| (slot.asset, slot.holder))
    }

    /// Places in the list of one asset, holes included.
    pub(crate) fn places_of_asset(&self, asset: AssetId) -> usize {
        self.of_asset.get(asset as usize).map_or(0, |list| list.slots.len())
    }

    /// The licenses in a range of one asset's places.
    pub(crate) fn in_places_of_asset(
        &self,
        asset: AssetId,
        range: std::ops::Range<usize>,
    ) -> impl Iterator<Item = Pair> + '_ {
        let list = self.of_asset.get(asset as usize).map_or(&[][..], |list| &list.slots[range]);
        list.iter().filter(|&&at| at != NONE).map(move |&at| (asset, self.slots[at as usize].holder))
    }

    /// How many changes came after a version; `None` when it is not known, or not any more.
    pub(crate) fn changes_since(&self, version: u32) -> Option<usize> {
        (self.log_start..=self.version()).contains(&version).then(|| (self.version() - version) as usize)
    }

    /// The licenses that came within a range of the changes after a version, and are still there.
    pub(crate) fn added_since(
        &self,
        version: u32,
        range: std::ops::Range<usize>,
    ) -> impl Iterator<Item = Pair> + '_ {
        let start = (version - self.log_start) as usize;
        let from = start + range.start;
        let changes = self.log.range(from..start + range.end).zip(from..);
        changes.filter_map(|(&at, index)| {
            let slot = self.slots.get(at as usize)?;
            // A place that was emptied and filled again belongs to a later change.
            let came_then = slot.asset != NONE && (slot.version - self.log_start) as usize == index;
            came_then.then_some((slot.asset, slot.holder))
        })
    }

    /// Closes the holes when more than half of the places are empty. This moves licenses to other pages, so
    /// callers do it only at the start of a walk.
    pub(crate) fn close_holes(&mut self) {
        if self.free.len() * 2 <= self.slots.len() || self.slots.is_empty() {
            return;
        }
        let version = self.version();
        let pairs: Vec<(Pair, u32)> = self
            .slots
            .iter()
            .filter(|slot| slot.asset != NONE)
            .map(|slot| ((slot.asset, slot.holder), slot.version))
            .collect();
        let mut fresh = Self::default();
        fresh.reserve(pairs.len());
        for (pair, _) in &pairs {
            fresh.add(*pair);
        }
        fresh.log = std::mem::take(&mut self.log);
        fresh.log_start = self.log_start;
        fresh.log.iter_mut().for_each(|at| *at = NONE);
        for (at, (_, version)) in pairs.iter().enumerate() {
            fresh.slots[at].version = *version;
            if let Some(index) = version.checked_sub(fresh.log_start) {
                fresh.log[index as usize] = u32::try_from(at).unwrap_or(NONE);
            }
        }
        debug_assert_eq!(fresh.version(), version);
        *self = fresh;
    }
}

fn hash((asset, holder): Pair) -> u64 {
    mix((u64::from(asset) << 32) | u64::from(holder))
}

#[cfg(test)]
mod tests;
