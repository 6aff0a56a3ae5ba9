//! `/api/v1/assignments` and what belongs to it: which group is to have which app, and what people asked for.

pub(crate) mod change;
pub(crate) mod create;
pub(crate) mod drift;
pub(crate) mod list;
pub(crate) mod pins;
pub(crate) mod policies;
pub(crate) mod remove;
pub(crate) mod requests;
pub(crate) mod run;
mod settings;
pub(crate) mod show;

use russet_domain::assignment::{Intent, PRIORITY_MAX, PRIORITY_MIN, against, against_quota};
use russet_domain::directory::GroupKind;
use russet_domain::prompts::LicenseKind;
use russet_domain::{Asset, AssetKey, AssignmentId, GroupId, Pricing};
use russet_store::assets::{self, AssetRow};
use russet_store::assignments::{self, Assignment};
use russet_store::tokens::Token;
use russet_store::{Db, Tx};

use crate::auth::Actor;
use crate::error::ApiError;
use crate::query::shown;
use crate::routes::directory::groups;

/// The most groups that one assignment leaves out.
const EXCLUDED_MAX: usize = 100;

/// An assignment that the asking key may know of.
async fn the(db: &mut Db, actor: &Actor, id: &str) -> Result<Assignment, ApiError> {
    let missing = || ApiError::NoSuch { what: "assignment", name: shown(id), list: "assignments" };
    let number = id.parse::<i64>().map_err(|_| missing())?;
    let found = assignments::find(db, AssignmentId(number)).await?;
    found.filter(|found| actor.sees(found.token)).ok_or_else(missing)
}

/// An asset of a token that is still owned.
pub(crate) async fn asset(
    db: &mut Db,
    token: &Token,
    adam_id: &str,
    pricing: Option<&str>,
) -> Result<AssetRow, ApiError> {
    let key = AssetKey::new(adam_id, Pricing::from_text(pricing.unwrap_or("STDQ")));
    let mut found = assets::by_keys(db, token.id, std::slice::from_ref(&key)).await?;
    found.remove(&key).filter(|row| !row.gone).ok_or_else(|| ApiError::InvalidField {
        field: "adam_id".to_owned(),
        why: format!(
            "{} of quality {} is not in this location; buy it, or sync the token",
            shown(&key.adam_id),
            shown(key.pricing.as_str())
        ),
    })
}

fn intent(text: &str) -> Result<Intent, ApiError> {
    Intent::from_text(text).ok_or_else(|| ApiError::InvalidField {
        field: "intent".to_owned(),
        why: "it should be `required`, `available` or `uninstall`".to_owned(),
    })
}

fn license(text: &str) -> Result<LicenseKind, ApiError> {
    let found = LicenseKind::ALL.into_iter().find(|kind| kind.as_str() == text);
    found.ok_or_else(|| ApiError::InvalidField {
        field: "license".to_owned(),
        why: "it should be `device` or `user`".to_owned(),
    })
}

fn priority(number: i64) -> Result<i64, ApiError> {
    if (PRIORITY_MIN..=PRIORITY_MAX).contains(&number) {
        return Ok(number);
    }
    Err(ApiError::InvalidField {
        field: "priority".to_owned(),
        why: format!("it should be from {PRIORITY_MIN} to {PRIORITY_MAX}; more is more urgent"),
    })
}

/// Refuses a quota that an assignment of that intent cannot have.
fn check_quota(quota: Option<i64>, intent: Intent) -> Result<(), ApiError> {
    match quota.and_then(|quota| against_quota(quota, intent)) {
        None => Ok(()),
        Some(why) => Err(ApiError::InvalidField { field: "quota".to_owned(), why }),
    }
}

/// The groups that an assignment leaves out, by name.
async fn excluded(tx: &mut Tx, names: &[String]) -> Result<Vec<GroupId>, ApiError> {
    if names.len() > EXCLUDED_MAX {
        return Err(ApiError::InvalidField {
            field: "exclude".to_owned(),
            why: format!("it should have at most {EXCLUDED_MAX} groups"),
        });
    }
    let mut found = Vec::with_capacity(names.len());
    for name in names {
        found.push(groups::the(tx, name).await?.id);
    }
    Ok(found)
}

/// Refuses what a rule forbids.
fn check(asset: &Asset, group: GroupKind, intent: Intent, license: LicenseKind) -> Result<(), ApiError> {
    match against(asset, group, intent, license) {
        None => Ok(()),
        Some(against) => Err(ApiError::Forbidden {
            code: against.code,
            text: format!("{} Rule {}.", against.why, against.rule),
            errors: Vec::new(),
        }),
    }
}
