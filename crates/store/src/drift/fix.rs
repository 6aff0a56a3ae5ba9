//! Mends what differs: jobs that give what is missing, or take back what is too much.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use russet_domain::change::Action;
use russet_domain::drift::Class;
use russet_domain::job::{JobKind, Priority};
use russet_domain::{JobId, KeyId, Timestamp, TokenId};
use serde_json::json;

use super::list;
use crate::engine::Tx;
use crate::error::StoreError;
use crate::jobs::{NewJob, Origin};
use crate::policies;
use crate::submit::{Wish, submit};

/// The most licenses that are mended at once, and so the most that one job moves.
const AT_ONCE: usize = 50_000;

/// Who wants it mended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct By {
    /// What made the jobs.
    pub origin: Origin,
    /// The API key that asked for it.
    pub key: Option<KeyId>,
}

/// What was begun.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fixed {
    /// The jobs that do it, the most urgent first; none when there was nothing to mend.
    pub jobs: Vec<JobId>,
    /// How many licenses they move.
    pub licenses: usize,
    /// Whether that is all; otherwise the rest is mended by asking again.
    pub complete: bool,
}

/// Writes jobs that mend a class of a token, as far as moves of licenses can, at most 50,000 licenses. What they move is in no
/// class while it is on its way, so that this may be repeated. The caller holds the token's lock, has looked whether the token can
/// be written for, and sends the changes.
///
/// # Errors
/// As any statement; [`StoreError::Missing`] without such a token.
pub async fn fix(
    tx: &mut Tx,
    token: TokenId,
    class: Class,
    by: By,
    now: Timestamp,
) -> Result<Fixed, StoreError> {
    let Some(action) = class.remedy() else { return Ok(Fixed { complete: true, ..Fixed::default() }) };
    let waits = action == Action::Assign && policies::read(tx, token).await?.has_waitlist();
    let found = list(tx, (token, class), true, AT_ONCE, None, now).await?;
    let mut fixed = Fixed { licenses: found.len(), complete: found.len() < AT_ONCE, ..Fixed::default() };
    // Of equals in the line the older one is ahead, so that the most urgent are written first.
    let mut lines: BTreeMap<Reverse<Option<i64>>, Vec<Wish>> = BTreeMap::new();
    for row in found {
        let wish = Wish { asset: row.asset, holder: row.holder };
        lines.entry(Reverse(waits.then_some(row.line))).or_default().push(wish);
    }
    for (Reverse(line), wishes) in lines {
        let new = new_job(token, class, action, by, wishes.len());
        fixed.jobs.push(submit(tx, &NewJob { line, ..new }, wishes, now).await?.job);
    }
    Ok(fixed)
}

fn new_job(token: TokenId, class: Class, action: Action, by: By, pairs: usize) -> NewJob {
    NewJob {
        kind: match action {
            Action::Assign => JobKind::AssignLicense,
            Action::Revoke => JobKind::RevokeLicense,
        },
        token,
        priority: Priority::Normal,
        origin: by.origin,
        key: by.key,
        args: json!({ "drift": class.as_str(), "pairs": pairs }).to_string(),
        notes: json!([class.about()]).to_string(),
        line: None,
    }
}
