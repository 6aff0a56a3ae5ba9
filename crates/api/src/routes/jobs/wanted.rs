//! Reads what a client wishes for, before anything is looked up: shapes, names, numbers, duplicates.

use std::collections::HashSet;
use std::hash::Hash;

use russet_domain::job::{JobKind, Priority};
use russet_domain::lint::About;
use russet_domain::{AssetKey, Holder, HolderError, Pricing, TokenId};

use super::bodies::{IfNoneFree, MoveLicensesJob, NamedAsset, NamedPair};
use crate::error::ApiError;
use crate::problem::{FIELD_ERRORS_MAX, FieldError};
use crate::state::wide;

/// The most pairs of asset and holder in one job.
pub(crate) const PAIRS_MAX: usize = 100_000;
/// The most groups in one job.
const GROUPS_MAX: usize = 1_000;
/// The longest `adam_id` and `pricing_param` looked up; longer ones can be no asset's.
const ASSET_TEXT_MAX: usize = 64;

/// What is wished for, without duplicates.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(super) kind: JobKind,
    pub(crate) token: TokenId,
    pub(super) priority: Priority,
    /// What becomes of those for whom no license is free.
    pub(super) if_none_free: IfNoneFree,
    pub(super) which: Which,
    /// Whether the apps go from the devices too.
    pub(super) remove_app: bool,
    /// Groups whose members belong to the holders.
    pub(crate) groups: Vec<String>,
    /// What the client knows.
    pub(crate) about: About,
    /// What the client should know about how it was understood.
    pub(super) notes: Vec<String>,
}

/// The licenses that are wished to move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Which {
    /// These pairs.
    Pairs(Vec<(AssetKey, Holder)>),
    /// Each of these for each of those.
    Grid { assets: Vec<AssetKey>, holders: Vec<Holder> },
    /// All who hold these.
    HoldersOf(Vec<AssetKey>),
    /// All that these hold.
    HeldBy(Vec<Holder>),
}

impl Wanted {
    /// Checks a request.
    ///
    /// # Errors
    /// The first rule it breaks; wrong holders are all named, up to twenty.
    pub(crate) fn read(kind: JobKind, body: MoveLicensesJob) -> Result<Self, ApiError> {
        let mut notes = Vec::new();
        let groups = read_groups(body.groups)?;
        let listed =
            body.assets.is_some() || body.devices.is_some() || body.users.is_some() || !groups.is_empty();
        let which = match body.pairs {
            Some(_) if listed => return Err(ApiError::PairsOrLists),
            Some(pairs) => Which::Pairs(read_pairs(pairs, &mut notes)?),
            None => {
                let assets = body.assets.map(|assets| read_assets(assets, &mut notes)).transpose()?;
                let holders = read_holders(body.devices, body.users, &mut notes)?;
                // Whoever is in the groups comes to the holders later.
                let holders = if groups.is_empty() { holders } else { Some(holders.unwrap_or_default()) };
                read_lists(kind, assets, holders)?
            }
        };
        let about = body.about.unwrap_or_default().read()?;
        let if_none_free = body.if_none_free;
        if if_none_free == IfNoneFree::Wait && kind != JobKind::AssignLicense {
            let why = "licenses that come back wait for nothing; leave it out".to_owned();
            return Err(ApiError::InvalidField { field: "if_none_free".to_owned(), why });
        }
        let remove_app = body.remove_app;
        if remove_app && kind != JobKind::RevokeLicense {
            let why =
                "an app goes from a device with the license that is taken back; leave it out".to_owned();
            return Err(ApiError::InvalidField { field: "remove_app".to_owned(), why });
        }
        let (token, priority) = (TokenId(body.token), body.priority.into());
        Ok(Self { kind, token, priority, if_none_free, which, remove_app, groups, about, notes })
    }
}

/// The groups, each once.
fn read_groups(groups: Option<Vec<String>>) -> Result<Vec<String>, ApiError> {
    let Some(mut groups) = groups else { return Ok(Vec::new()) };
    if groups.is_empty() {
        return Err(ApiError::EmptyList("groups"));
    }
    groups.sort_unstable();
    groups.dedup();
    if groups.len() > GROUPS_MAX {
        let why = format!("it should have at most {GROUPS_MAX} groups");
        return Err(ApiError::InvalidField { field: "groups".to_owned(), why });
    }
    Ok(groups)
}

fn read_pairs(pairs: Vec<NamedPair>, notes: &mut Vec<String>) -> Result<Vec<(AssetKey, Holder)>, ApiError> {
    if pairs.is_empty() {
        return Err(ApiError::EmptyList("pairs"));
    }
    too_many(wide(pairs.len()))?;
    let mut wrong = Wrong::default();
    let mut read = Vec::with_capacity(pairs.len());
    for (nth, pair) in pairs.into_iter().enumerate() {
        let holder = match (&pair.serial, &pair.user) {
            (Some(serial), None) => wrong.or(Holder::device(serial), || format!("pairs[{nth}].serial")),
            (None, Some(user)) => wrong.or(Holder::user(user), || format!("pairs[{nth}].user")),
            (Some(_), Some(_)) | (None, None) => {
                let why = "it should have either `serial` or `user`".to_owned();
                return Err(ApiError::InvalidField { field: format!("pairs[{nth}]"), why });
            }
        };
        if let Some(holder) = holder {
            read.push((asset_key(pair.adam_id, pair.pricing_param), holder));
        }
    }
    wrong.check()?;
    Ok(fold(read, "pair", "pairs", notes))
}

fn read_lists(
    kind: JobKind,
    assets: Option<Vec<AssetKey>>,
    holders: Option<Vec<Holder>>,
) -> Result<Which, ApiError> {
    let counted = |list: usize| too_many(wide(list));
    match (assets, holders) {
        (Some(assets), Some(holders)) => {
            too_many(wide(assets.len()).saturating_mul(wide(holders.len())))?;
            Ok(Which::Grid { assets, holders })
        }
        (None, None) => Err(ApiError::NothingNamed(match kind {
            JobKind::RevokeLicense => {
                "Name `assets`, or holders in `devices`, `users` and `groups`, or both, or `pairs`."
            }
            _ => "Name `assets` and holders in `devices`, `users` and `groups`, or `pairs`.",
        })),
        (Some(assets), None) if kind == JobKind::RevokeLicense => {
            counted(assets.len())?;
            Ok(Which::HoldersOf(assets))
        }
        (None, Some(holders)) if kind == JobKind::RevokeLicense => {
            counted(holders.len())?;
            Ok(Which::HeldBy(holders))
        }
        (Some(_), None) => {
            Err(ApiError::NothingNamed("Name who is to hold the assets, in `devices`, `users` and `groups`."))
        }
        (None, Some(_)) => Err(ApiError::NothingNamed("Name what they are to hold, in `assets`.")),
    }
}

/// The assets, each once.
pub(crate) fn read_assets(
    assets: Vec<NamedAsset>,
    notes: &mut Vec<String>,
) -> Result<Vec<AssetKey>, ApiError> {
    if assets.is_empty() {
        return Err(ApiError::EmptyList("assets"));
    }
    let keys = assets.into_iter().map(|asset| asset_key(asset.adam_id, asset.pricing_param)).collect();
    Ok(fold(keys, "asset", "assets", notes))
}

/// The holders, or nothing when neither list was sent. A list that was sent empty beside one that was not is no
/// mistake; sent alone it is, since a revoke without holders would take everybody's.
fn read_holders(
    devices: Option<Vec<String>>,
    users: Option<Vec<String>>,
    notes: &mut Vec<String>,
) -> Result<Option<Vec<Holder>>, ApiError> {
    let empty = match (&devices, &users) {
        (None, None) => return Ok(None),
        (Some(devices), users) if devices.is_empty() && users.as_ref().is_none_or(Vec::is_empty) => {
            Some("devices")
        }
        (None, Some(users)) if users.is_empty() => Some("users"),
        (Some(_), _) | (None, Some(_)) => None,
    };
    if let Some(list) = empty {
        return Err(ApiError::EmptyList(list));
    }
    let mut wrong = Wrong::default();
    let mut read = |texts: Option<Vec<String>>, list: &str, make: fn(&str) -> Result<Holder, HolderError>| {
        let texts = texts.unwrap_or_default().into_iter().enumerate();
        texts.filter_map(|(nth, text)| wrong.or(make(&text), || format!("{list}[{nth}]"))).collect::<Vec<_>>()
    };
    let devices = read(devices, "devices", Holder::device);
    let users = read(users, "users", Holder::user);
    wrong.check()?;
    let mut holders = fold(devices, "serial number", "serial numbers", notes);
    holders.extend(fold(users, "user id", "user ids", notes));
    Ok(Some(holders))
}

/// Refuses more pairs than one job takes.
pub(super) fn too_many(count: u64) -> Result<(), ApiError> {
    if count > wide(PAIRS_MAX) { Err(ApiError::TooManyPairs { count, max: PAIRS_MAX }) } else { Ok(()) }
}

fn asset_key(mut adam_id: String, pricing_param: Option<String>) -> AssetKey {
    // Cut here so that no list of errors and no statement carries an endless text; a cut one names no asset either.
    cut(&mut adam_id);
    let pricing = pricing_param.map_or(Pricing::Standard, |mut text| {
        cut(&mut text);
        Pricing::from_text(&text)
    });
    AssetKey::new(adam_id, pricing)
}

fn cut(text: &mut String) {
    if let Some((end, _)) = text.char_indices().nth(ASSET_TEXT_MAX) {
        text.truncate(end);
    }
}

/// The list without duplicates, in its order, and a note when there were some.
fn fold<T: Hash + Eq + Clone>(mut list: Vec<T>, one: &str, many: &str, notes: &mut Vec<String>) -> Vec<T> {
    let before = list.len();
    let mut seen = HashSet::with_capacity(before);
    list.retain(|item| seen.insert(item.clone()));
    match before - list.len() {
        0 => {}
        1 => notes.push(format!("1 duplicate {one} was folded.")),
        folded => notes.push(format!("{folded} duplicate {many} were folded.")),
    }
    list
}

/// Holders that cannot be ones.
#[derive(Default)]
pub(super) struct Wrong {
    count: usize,
    errors: Vec<FieldError>,
}

impl Wrong {
    pub(super) fn or(
        &mut self,
        read: Result<Holder, HolderError>,
        field: impl FnOnce() -> String,
    ) -> Option<Holder> {
        match read {
            Ok(holder) => Some(holder),
            Err(why) => {
                self.count += 1;
                if self.errors.len() < FIELD_ERRORS_MAX {
                    self.errors.push(FieldError { field: field(), detail: why.to_string() });
                }
                None
            }
        }
    }

    pub(super) fn check(self) -> Result<(), ApiError> {
        if self.count == 0 {
            Ok(())
        } else {
            Err(ApiError::BadHolders { count: self.count, errors: self.errors })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(kind: JobKind, mut body: Value) -> Result<Wanted, ApiError> {
        body["kind"] = json!(kind.as_str());
        body["token"] = json!(1);
        Wanted::read(kind, serde_json::from_value(body).unwrap())
    }

    fn code(kind: JobKind, body: Value) -> String {
        read(kind, body).unwrap_err().verdict().1.into_owned()
    }

    #[test]
    fn duplicates_are_folded_and_said() {
        let body = json!({"assets":[{"adam_id":"1"},{"adam_id":"1","pricing_param":"STDQ"}],
            "devices":["A","B","A","A"],"users":["A"]});
        let wanted = read(JobKind::AssignLicense, body).unwrap();
        assert_eq!(
            wanted.notes,
            ["1 duplicate asset was folded.", "2 duplicate serial numbers were folded."]
        );
        let Which::Grid { assets, holders } = wanted.which else { panic!("{wanted:?}") };
        assert_eq!((assets.len(), holders.len()), (1, 3));
    }

    #[test]
    fn the_first_twenty_impossible_holders_are_named() {
        let devices: Vec<_> = (0..30).map(|nth| format!("S {nth}")).collect();
        let body = json!({"assets":[{"adam_id":"1"}],"devices":devices});
        let error = read(JobKind::AssignLicense, body).unwrap_err();
        let errors = error.errors();
        assert_eq!((errors.len(), errors[3].field.as_str()), (20, "devices[3]"));
        assert!(error.to_string().starts_with("30 of the serial numbers"));
    }

    #[test]
    fn an_empty_list_never_means_everything() {
        let assets = json!([{"adam_id":"1"}]);
        assert_eq!(code(JobKind::RevokeLicense, json!({"assets":assets,"devices":[]})), "empty_list");
        assert_eq!(code(JobKind::RevokeLicense, json!({"assets":assets,"users":[]})), "empty_list");
        assert_eq!(
            code(JobKind::RevokeLicense, json!({"assets":assets,"devices":[],"users":[]})),
            "empty_list"
        );
        assert_eq!(code(JobKind::RevokeLicense, json!({"assets":[],"devices":["A"]})), "empty_list");
        assert_eq!(code(JobKind::AssignLicense, json!({"pairs":[]})), "empty_list");
        assert_eq!(code(JobKind::RevokeLicense, json!({})), "nothing_named");
    }

    #[test]
    fn only_a_revoke_may_leave_one_side_out() {
        let assets = json!([{"adam_id":"1"}]);
        assert_eq!(code(JobKind::AssignLicense, json!({"assets":assets})), "nothing_named");
        assert_eq!(code(JobKind::AssignLicense, json!({"devices":["A"]})), "nothing_named");
        let wanted = read(JobKind::RevokeLicense, json!({"devices":["A"]})).unwrap();
        assert_eq!(wanted.which, Which::HeldBy(vec![Holder::Device("A".into())]));
    }

    #[test]
    fn pairs_and_lists_do_not_mix() {
        let body = json!({"pairs":[{"adam_id":"1","serial":"A"}],"devices":["A"]});
        assert_eq!(code(JobKind::AssignLicense, body), "pairs_or_lists");
        let body = json!({"pairs":[{"adam_id":"1","serial":"A","user":"u"}]});
        assert_eq!(code(JobKind::AssignLicense, body), "invalid_field");
    }

    #[test]
    fn more_than_a_hundred_thousand_pairs_are_refused_with_their_number() {
        let assets: Vec<_> = (0..101).map(|nth| json!({"adam_id":nth.to_string()})).collect();
        let devices: Vec<_> = (0..1000).map(|nth| format!("S{nth}")).collect();
        let error = read(JobKind::AssignLicense, json!({"assets":assets,"devices":devices})).unwrap_err();
        assert!(error.to_string().starts_with("The job would hold 101000 pairs"), "{error}");
    }
}
