//! One location: its assets, holders, licenses, users and events, and who manages it.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::asset::{Asset, AssetId, AssetKey, Pricing, UNLIMITED};
use super::event::Events;
use super::holders::{HolderId, Holders};
use super::licenses::Licenses;
use super::user::Users;
use crate::seed::{Dice, mix, mix_text, uuid_of};

/// Who claims a location. All three parts are given, or none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MdmInfo {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) metadata: String,
}

/// Where notifications go, and the secret that proves where they come from.
#[derive(Clone)]
pub(crate) struct Receiver {
    pub(crate) url: String,
    pub(crate) auth_token: String,
}

/// What became of one wish for a license.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Assigned {
    New,
    Already,
    NoneLeft,
}

/// What a version id belongs to; the id of one is not valid for the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Collection {
    Assets = 1,
    Assignments = 2,
    Users = 3,
}

pub(crate) struct Location {
    pub(crate) uid: Arc<str>,
    pub(crate) name: String,
    pub(crate) country: String,
    pub(crate) platform: String,
    pub(crate) mdm: Option<MdmInfo>,
    /// Apple's built-in device management has it: every token may only read.
    pub(crate) is_managed_by_apple: bool,
    pub(crate) receiver: Option<Receiver>,
    pub(crate) subscribed: Vec<String>,
    pub(crate) assets: Vec<Asset>,
    by_key: HashMap<AssetKey, AssetId>,
    pub(crate) holders: Holders,
    pub(crate) licenses: Licenses,
    pub(crate) users: Users,
    pub(crate) events: Events,
    pub(crate) dice: Dice,
    asset_changes: u32,
    page_reads: u32,
    /// When a page other than the first was last read, so that a walk is not disturbed.
    pub(crate) walked_us: i64,
    key: u64,
    /// What the hashes of Apple Accounts are made from; the same in all locations.
    pub(crate) account_seed: u64,
}

impl Location {
    pub(crate) fn new(uid: Arc<str>, name: String, country: String, platform: String, seed: u64) -> Self {
        let mut dice = Dice::stream(seed, &uid);
        let key = dice.next();
        Self {
            uid,
            name,
            country,
            platform,
            mdm: None,
            is_managed_by_apple: false,
            receiver: None,
            subscribed: Vec::new(),
            assets: Vec::new(),
            by_key: HashMap::new(),
            holders: Holders::default(),
            licenses: Licenses::default(),
            users: Users::default(),
            events: Events::default(),
            dice,
            asset_changes: 0,
            page_reads: 0,
            walked_us: i64::MIN / 2,
            key,
            account_seed: mix_text(seed, "accounts"),
        }
    }

    pub(crate) fn asset_id(&self, key: &AssetKey) -> Option<AssetId> {
        self.by_key.get(key).copied()
    }

    /// An asset that the location owns of a product, of whatever quality.
    pub(crate) fn product(&self, adam_id: &str) -> Option<&Asset> {
        [Pricing::Standard, Pricing::Plus].into_iter().find_map(|pricing| {
            let id = self.asset_id(&AssetKey { adam_id: adam_id.to_owned(), pricing })?;
            Some(&self.assets[id as usize]).filter(|asset| asset.listed)
        })
    }

    /// Adds an asset, or replaces what it is and how many there are. What is assigned stays assigned.
    pub(crate) fn put_asset(&mut self, asset: Asset) -> AssetId {
        self.asset_changes += 1;
        if let Some(id) = self.asset_id(&asset.key) {
            let known = &mut self.assets[id as usize];
            let (assigned, retired) = (known.assigned, known.retired);
            *known = Asset { assigned, retired, ..asset };
            return id;
        }
        let id = u32::try_from(self.assets.len()).unwrap_or(u32::MAX);
        self.by_key.insert(asset.key.clone(), id);
        self.assets.push(asset);
        id
    }

    /// The number of an asset, also of one that the location does not own.
    pub(crate) fn asset_id_or_unknown(&mut self, key: AssetKey) -> AssetId {
        match self.asset_id(&key) {
            Some(id) => id,
            None => self.put_asset(Asset::unknown(key)),
        }
    }

    /// Changes how many licenses there are. An asset of which none is left vanishes from the list.
    pub(crate) fn set_total(&mut self, asset: AssetId, total: i64) {
        self.asset_changes += 1;
        let asset = &mut self.assets[asset as usize];
        asset.total = total;
        asset.listed = total > 0 || asset.assigned > 0 || asset.retired > 0;
    }

    /// Makes an asset unlimited, or gives it a number of licenses again.
    pub(crate) fn set_unlimited(&mut self, asset: AssetId, total: Option<i64>) {
        self.set_total(asset, total.unwrap_or(UNLIMITED));
        self.assets[asset as usize].unlimited = total.is_none();
    }

    /// Takes so many licenses of an asset from their holders, whoever they are. Returns how many there were.
    pub(crate) fn take_away(&mut self, asset: AssetId, count: usize) -> usize {
        let places = 0..self.licenses.places_of_asset(asset);
        let pairs: Vec<_> = self.licenses.in_places_of_asset(asset, places).take(count).collect();
        pairs.iter().filter(|&&(asset, holder)| self.unassign(asset, holder)).count()
    }

    /// Gives a license to a holder if one is left. Never a second one.
    pub(crate) fn assign(&mut self, asset: AssetId, holder: HolderId) -> Assigned {
        if self.licenses.contains((asset, holder)) {
            return Assigned::Already;
        }
        let counts = &mut self.assets[asset as usize];
        if counts.available() <= 0 {
            return Assigned::NoneLeft;
        }
        counts.assigned += 1;
        self.licenses.add((asset, holder));
        Assigned::New
    }

    /// Takes a license back; false when there is none.
    pub(crate) fn unassign(&mut self, asset: AssetId, holder: HolderId) -> bool {
        if !self.licenses.remove((asset, holder)) {
            return false;
        }
        let is_retired = self.is_retired(holder);
        let counts = &mut self.assets[asset as usize];
        if is_retired {
            counts.retired -= 1;
        } else {
            counts.assigned -= 1;
        }
        true
    }

    /// The id of the present version of a collection.
    pub(crate) fn version_id(&self, collection: Collection) -> String {
        self.spell(collection, self.version(collection))
    }

    pub(crate) fn version(&self, collection: Collection) -> u32 {
        match collection {
            // The counts of assets move with every assignment, and so does their version.
            Collection::Assets => self.asset_changes.wrapping_add(self.licenses.version()),
            Collection::Assignments => self.licenses.version(),
            Collection::Users => self.users.version(),
        }
    }

    /// The version that an id stands for, if this location ever gave it out.
    pub(crate) fn version_of(&self, collection: Collection, id: &str) -> Option<u32> {
        let scrambled = u32::from_str_radix(id.get(..8)?, 16).ok()?;
        let version = scrambled ^ self.veil(collection);
        (version <= self.version(collection) && self.spell(collection, version) == id).then_some(version)
    }

    /// Ids look random, as Apple's do, yet nothing has to be kept to understand them again.
    fn spell(&self, collection: Collection, version: u32) -> String {
        let check = mix(self.key ^ mix(u64::from(version) ^ (collection as u64) << 40));
        let high = (u64::from(version ^ self.veil(collection)) << 32) | (check >> 32);
        uuid_of(high, mix(check)).to_string()
    }

    fn veil(&self, collection: Collection) -> u32 {
        (mix(self.key ^ collection as u64) >> 32) as u32
    }

    /// Counts a page read, and moves the versions when the rules say that they move by themselves.
    pub(crate) fn page_read(&mut self, moves_every: u32) {
        self.page_reads = self.page_reads.wrapping_add(1);
        if moves_every > 0 && self.page_reads.is_multiple_of(moves_every) {
            self.licenses.touch();
            self.users.touch();
        }
    }
}
