//! `/_sim/catalog`: what the store knows of products, and who may ask it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::{Path, State};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use super::assets::check_key;
use super::{Answer, Refusal, answer, read};
use crate::catalog::developer::DeveloperKey;
use crate::catalog::made_up::edition;
use crate::catalog::product::{Edition, Facts, Platform, Sold, Version};
use crate::shared::Shared;
use crate::world::asset::{Pricing, Product};

/// Products that can be set. Those that are made up are not counted.
const MOST_PRODUCTS: usize = 100_000;

/// Versions that an app can have on one platform; the oldest go.
const MOST_VERSIONS: usize = 100;

/// Keys that can be known at a time.
const MOST_KEYS: usize = 1_000;

/// What `PATCH …/products/{adam_id}` takes; what is missing stays.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    product_type: Option<Product>,
    name: Option<String>,
    bundle_id: Option<String>,
    artist: Option<String>,
    genre: Option<String>,
    price: Option<f64>,
    custom: Option<bool>,
    device_licensing: Option<bool>,
    watch_bundle_id: Option<String>,
    /// As assets spell them; platforms that are new get versions, those that are not named go.
    platforms: Option<Vec<String>>,
    /// Such as `iphone` alone, for an app that is not for the iPad.
    device_families: Option<Vec<String>>,
    minimum_os: Option<BTreeMap<Platform, String>>,
    /// Where alone it is sold.
    storefronts: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewVersion {
    version: String,
    external_id: Option<u64>,
    #[serde(default)]
    platforms: Vec<Platform>,
    minimum_os: Option<String>,
    #[serde(default)]
    notes: String,
    storefronts: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Storefronts {
    storefronts: Option<Vec<String>>,
    #[serde(default)]
    redownloadable: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewKey {
    key_id: Option<String>,
    team_id: Option<String>,
    public_key: Option<String>,
}

/// What is known of a product, or what would be made up.
pub(super) async fn show(State(shared): State<Arc<Shared>>, Path(adam_id): Path<String>) -> Answer {
    answer(&facts(&shared, adam_id)?)
}

/// Sets what is given, for all locations.
pub(super) async fn change(
    State(shared): State<Arc<Shared>>,
    Path(adam_id): Path<String>,
    body: Bytes,
) -> Answer {
    let change: Change = read(&body)?;
    let mut facts = facts(&shared, adam_id)?;
    if let Some(product_type) = change.product_type.filter(|wanted| *wanted != facts.product_type) {
        let platforms = change.platforms.as_deref().unwrap_or(&[]);
        facts = shared.store.made_up(&facts.adam_id, product_type, platforms);
    }
    let set = |known: &mut String, given: Option<String>| {
        if let Some(given) = given {
            *known = given;
        }
    };
    set(&mut facts.name, change.name);
    set(&mut facts.bundle_id, change.bundle_id);
    set(&mut facts.artist, change.artist);
    set(&mut facts.genre, change.genre);
    facts.price = change.price.unwrap_or(facts.price);
    if !(0.0..=100_000.0).contains(&facts.price) {
        return Err(Refusal::Bad(format!("price is {}, it must lie between 0 and 100000", facts.price)));
    }
    facts.custom = change.custom.unwrap_or(facts.custom);
    facts.device_licensing = change.device_licensing.unwrap_or(facts.device_licensing);
    facts.watch_bundle_id = change.watch_bundle_id.or(facts.watch_bundle_id);
    if let Some(platforms) = &change.platforms {
        set_platforms(&shared, &mut facts, platforms)?;
    }
    facts.device_families = change.device_families.unwrap_or(facts.device_families);
    for (platform, minimum) in change.minimum_os.unwrap_or_default() {
        edition_of(&mut facts, platform)?.minimum_os = minimum;
    }
    if let Some(storefronts) = change.storefronts {
        facts.sold = Sold { only_in: Some(storefront_set(storefronts)?), ..Sold::default() };
    }
    keep(&shared, facts)
}

fn set_platforms(shared: &Shared, facts: &mut Facts, names: &[String]) -> Result<(), Refusal> {
    let unknown =
        |name: &String| Refusal::Bad(format!("there is no platform {name:?}; iOS is one, or macOS"));
    let of_name = |name: &String| Platform::of_asset(name).ok_or_else(|| unknown(name));
    let wanted: BTreeSet<Platform> = names.iter().map(of_name).collect::<Result<_, _>>()?;
    if wanted.is_empty() {
        return Err(Refusal::Bad("platforms is empty; an app is for one at least".to_owned()));
    }
    facts.editions.retain(|platform, _| wanted.contains(platform));
    let dice = &mut shared.store.inner().dice;
    for &platform in &wanted {
        let first = 700_000_000 + dice.next() % 50_000_000;
        facts.editions.entry(platform).or_insert_with(|| edition(platform, first, dice));
    }
    let families = wanted.iter().flat_map(|platform| platform.device_families());
    facts.device_families = families.map(|family| (*family).to_owned()).collect();
    Ok(())
}

/// A version comes out: on the platforms named, or on all that the app has.
pub(super) async fn publish(
    State(shared): State<Arc<Shared>>,
    Path(adam_id): Path<String>,
    body: Bytes,
) -> Answer {
    let new: NewVersion = read(&body)?;
    if new.version.trim().is_empty() {
        return Err(Refusal::Bad("version is empty; give it a name such as 2.1".to_owned()));
    }
    let mut facts = facts(&shared, adam_id)?;
    let storefronts = new.storefronts.map(storefront_set).transpose()?;
    let released_ms = shared.clock.now_ms();
    let platforms = match new.platforms.is_empty() {
        true => facts.editions.keys().copied().collect(),
        false => new.platforms,
    };
    if platforms.is_empty() {
        return Err(Refusal::Conflict(format!("{} is a book, which has no versions", facts.adam_id)));
    }
    for (number, platform) in (0_u64..).zip(platforms) {
        let edition = edition_of(&mut facts, platform)?;
        let newest = edition.versions.iter().map(|version| version.external_id).max().unwrap_or(0);
        let external_id = new.external_id.map_or(newest + 1_000, |id| id + number);
        edition.versions.push(Version {
            external_id,
            display: new.version.clone(),
            released_ms,
            notes: new.notes.clone(),
            storefronts: storefronts.clone(),
        });
        if edition.versions.len() > MOST_VERSIONS {
            edition.versions.remove(0);
        }
        if let Some(minimum) = &new.minimum_os {
            edition.minimum_os.clone_from(minimum);
        }
    }
    keep(&shared, facts)
}

/// A product leaves these storefronts, or all. Its owners may go on downloading it when that is said.
pub(super) async fn withdraw(
    State(shared): State<Arc<Shared>>,
    Path(adam_id): Path<String>,
    body: Bytes,
) -> Answer {
    let Storefronts { storefronts, redownloadable } = read(&body)?;
    let mut facts = facts(&shared, adam_id)?;
    facts.sold.redownloadable = redownloadable;
    match storefronts {
        Some(storefronts) => facts.sold.left.extend(storefront_set(storefronts)?),
        None => facts.sold.left_all = true,
    }
    keep(&shared, facts)
}

/// A product comes back to these storefronts, or is sold everywhere.
pub(super) async fn bring_back(
    State(shared): State<Arc<Shared>>,
    Path(adam_id): Path<String>,
    body: Bytes,
) -> Answer {
    let Storefronts { storefronts, .. } = read(&body)?;
    let mut facts = facts(&shared, adam_id)?;
    match storefronts {
        Some(storefronts) => {
            let back = storefront_set(storefronts)?;
            facts.sold.left.retain(|storefront| !back.contains(storefront));
            if let Some(only) = &mut facts.sold.only_in {
                only.extend(back);
            }
            facts.sold.left_all = false;
        }
        None => facts.sold = Sold::default(),
    }
    keep(&shared, facts)
}

fn edition_of(facts: &mut Facts, platform: Platform) -> Result<&mut Edition, Refusal> {
    let adam_id = &facts.adam_id;
    let missing = || Refusal::Conflict(format!("{adam_id} is not for {}", platform.as_str()));
    facts.editions.get_mut(&platform).ok_or_else(missing)
}

fn storefront_set(storefronts: Vec<String>) -> Result<BTreeSet<String>, Refusal> {
    storefronts
        .into_iter()
        .map(|name| {
            let name = name.to_lowercase();
            let is_good = name.len() == 2 && name.bytes().all(|byte| byte.is_ascii_lowercase());
            let bad = || Refusal::Bad(format!("{name:?} is no storefront; two letters such as de are"));
            if is_good { Ok(name) } else { Err(bad()) }
        })
        .collect()
}

fn facts(shared: &Shared, adam_id: String) -> Result<Facts, Refusal> {
    let adam_id = check_key(adam_id, Pricing::Standard)?.adam_id;
    let found = shared.store.find(&shared.organization(), None, std::slice::from_ref(&adam_id));
    Ok(match found.first() {
        Some(found) => shared.store.facts(found),
        None => shared.store.made_up(&adam_id, Product::App, &[]),
    })
}

fn keep(shared: &Shared, facts: Facts) -> Answer {
    let shown = answer(&facts);
    let mut store = shared.store.inner();
    if store.products.len() >= MOST_PRODUCTS && !store.products.contains_key(&facts.adam_id) {
        return Err(Refusal::Bad(format!("{MOST_PRODUCTS} products can be set, not more")));
    }
    store.products.insert(facts.adam_id.clone(), facts);
    shown
}

/// Makes a key as the developer's portal does, or takes the public half of one that is there already.
pub(super) async fn add_key(State(shared): State<Arc<Shared>>, body: Bytes) -> Answer {
    let new: NewKey = read(&body)?;
    let mut store = shared.store.inner();
    let mut made_up = |length: usize| -> String {
        let signs = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
        (0..length).map(|_| char::from(signs[(store.dice.next() % 32) as usize])).collect()
    };
    let key_id = new.key_id.unwrap_or_else(|| made_up(10));
    let team_id = new.team_id.unwrap_or_else(|| made_up(10));
    if key_id.len() != 10 || team_id.is_empty() {
        return Err(Refusal::Bad("a key_id has ten characters, and a team_id has some".to_owned()));
    }
    let (key, private_key) = match new.public_key {
        Some(public_key) => (DeveloperKey::read(key_id, team_id, &public_key).map_err(Refusal::Bad)?, None),
        None => {
            let made = DeveloperKey::make(key_id, team_id);
            let (key, private) =
                made.ok_or_else(|| Refusal::Conflict("this machine makes no random numbers now".to_owned()))?;
            (key, Some(private))
        }
    };
    store.keys.retain(|known| known.key_id != key.key_id);
    if store.keys.len() >= MOST_KEYS {
        return Err(Refusal::Bad(format!("{MOST_KEYS} keys can be known, not more")));
    }
    let mut shown = shown_key(&key);
    if let Some(private) = private_key {
        shown["private_key"] = private.into();
    }
    store.keys.push(key);
    answer(&shown)
}

pub(super) async fn list_keys(State(shared): State<Arc<Shared>>) -> Answer {
    let keys: Vec<Value> = shared.store.inner().keys.iter().map(shown_key).collect();
    answer(&json!({ "keys": keys }))
}

/// The developer takes a key back: its tokens are worth nothing any more.
pub(super) async fn remove_key(State(shared): State<Arc<Shared>>, Path(key_id): Path<String>) -> Answer {
    let mut store = shared.store.inner();
    let before = store.keys.len();
    store.keys.retain(|key| key.key_id != key_id);
    if store.keys.len() == before {
        return Err(Refusal::Missing(format!("there is no key {key_id}; GET /_sim/catalog/keys lists them")));
    }
    answer(&json!({}))
}

fn shown_key(key: &DeveloperKey) -> Value {
    json!({ "key_id": key.key_id, "team_id": key.team_id, "public_key": key.public_key() })
}
