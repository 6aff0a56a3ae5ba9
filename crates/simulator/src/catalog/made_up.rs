//! Makes up what the store knows of a product, always the same from the same seed, so that nothing needs to be set.

use std::collections::BTreeMap;

use super::product::{Edition, Facts, Platform, Sold, Version};
use crate::seed::{Dice, mix_text};
use crate::world::asset::Product;

const FIRST: &[&str] = &[
    "Bright", "Quiet", "Little", "Open", "Clever", "Green", "Swift", "Round", "Paper", "Blue", "Early",
    "Wide", "Sunny", "North", "Second", "Common",
];

const SECOND: &[&str] = &[
    "Notes",
    "Atlas",
    "Maths",
    "Letters",
    "Sketch",
    "Planet",
    "Ledger",
    "Garden",
    "Words",
    "Timer",
    "Caf\u{e9}",
    "Lab",
    "Piano",
    "Reader",
    "Fractions",
    "Harbor",
];

const ARTISTS: &[&str] =
    &["Example Apps", "Lakeside Software", "Fern & Field", "Orchard Example", "M\u{fc}ller Lernen"];

const GENRES: &[&str] = &["Education", "Productivity", "Utilities", "Reference", "Entertainment"];

/// The first of January 2024.
const START_MS: i64 = 1_704_067_200_000;

const DAY_MS: i64 = 86_400_000;

/// A product of this kind for these platforms, spelled as an asset spells them.
pub(crate) fn made_up(seed: u64, adam_id: &str, product_type: Product, platforms: &[String]) -> Facts {
    let mut dice = Dice::stream(mix_text(seed, adam_id), "store");
    let name = format!("{} {}", pick(FIRST, &mut dice), pick(SECOND, &mut dice));
    let artist = pick(ARTISTS, &mut dice).to_owned();
    let slug: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    let bundle_id = format!("com.example.{}.id{adam_id}", slug.to_lowercase());
    let price = if dice.next().is_multiple_of(3) { 1.99 } else { 0.0 };
    let genre = pick(GENRES, &mut dice).to_owned();
    let mut editions = BTreeMap::new();
    let mut device_families = Vec::new();
    if product_type == Product::App {
        let of_platforms = platforms.iter().filter_map(|name| Platform::of_asset(name));
        let mut wanted: Vec<Platform> = of_platforms.collect();
        if wanted.is_empty() {
            wanted.push(Platform::Ios);
        }
        wanted.sort_unstable();
        wanted.dedup();
        let first = 100_000_000 * (8 + dice.next() % 2) + dice.next() % 50_000_000;
        for (number, platform) in (0_u64..).zip(wanted) {
            editions.insert(platform, edition(platform, first + number * 1_000_000, &mut dice));
            device_families.extend(platform.device_families().iter().map(|family| (*family).to_owned()));
        }
    }
    let is_on_watch = platforms.iter().any(|name| name == "watchOS");
    let watch_bundle_id = is_on_watch.then(|| format!("{bundle_id}.watchkitapp"));
    Facts {
        adam_id: adam_id.to_owned(),
        product_type,
        name,
        bundle_id,
        artist,
        genre,
        price,
        custom: false,
        device_licensing: product_type == Product::App,
        watch_bundle_id,
        device_families,
        editions,
        sold: Sold::default(),
    }
}

/// An app on a platform with one to three versions.
pub(crate) fn edition(platform: Platform, first_external_id: u64, dice: &mut Dice) -> Edition {
    let minimum_os = match platform {
        Platform::Ios => pick(&["15.0", "16.0", "17.2"], dice),
        Platform::Osx => pick(&["12.0", "13.3", "14.0"], dice),
        Platform::Appletvos => "16.0",
        Platform::Xros => "1.0",
    };
    let (major, count) = (1 + dice.next() % 9, 1 + dice.next() % 3);
    let start_day = i64::try_from(dice.next() % 500).unwrap_or(0);
    let versions = (0..count)
        .zip(start_day..)
        .map(|(number, day)| {
            // Apple has sent such a space, and clients must cut it off.
            let space = if dice.next().is_multiple_of(16) { " " } else { "" };
            Version {
                external_id: first_external_id + number * 1_000,
                display: format!("{space}{major}.{number}"),
                released_ms: START_MS + day * DAY_MS,
                notes: "Better in every way.".to_owned(),
                storefronts: None,
            }
        })
        .collect();
    Edition { minimum_os: minimum_os.to_owned(), versions }
}

fn pick<'a>(list: &[&'a str], dice: &mut Dice) -> &'a str {
    let at = usize::try_from(dice.next() % list.len() as u64).unwrap_or(0);
    list[at]
}

#[cfg(test)]
mod tests {
    use super::made_up;
    use crate::world::asset::Product;

    #[test]
    fn the_same_seed_makes_up_the_same_product_and_another_another() {
        let platforms = ["iOS".to_owned(), "macOS".to_owned()];
        let facts = |seed, adam_id| made_up(seed, adam_id, Product::App, &platforms);
        assert_eq!(facts(1, "501"), facts(1, "501"));
        assert_ne!(facts(1, "501"), facts(2, "501"));
        assert_ne!(facts(1, "501").bundle_id, facts(1, "502").bundle_id);
        let ids: Vec<u64> =
            facts(1, "501").editions.values().map(|edition| edition.versions[0].external_id).collect();
        assert_ne!(ids[0], ids[1], "each platform has its own versions");
    }
}
