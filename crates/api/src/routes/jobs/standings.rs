//! Adds to what a client told of users what is known of them here.

use std::collections::BTreeSet;

use russet_domain::change::Action;
use russet_domain::lint::{About, UserStanding};
use russet_domain::{Holder, UserStatus};
use russet_store::tokens::Token;
use russet_store::{Db, users};

use super::linting::Pairs;
use crate::error::ApiError;

/// How much of what is known here is added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    /// All of it: somebody asks what would be.
    All,
    /// Only what makes a note. Of users whom Apple would refuse the job refuses the licenses, each by itself.
    Notes,
}

/// What was told of the pairs' users, and for those of whom nothing was told of how they stand, what is known here.
///
/// # Errors
/// As any statement.
pub(super) async fn with_known(
    db: &mut Db,
    token: &Token,
    action: Action,
    pairs: &Pairs,
    mut about: About,
    depth: Depth,
) -> Result<About, ApiError> {
    if action == Action::Revoke {
        return Ok(about);
    }
    let told = |user: &str| about.users.get(user).is_some_and(|facts| facts.standing.is_some());
    let open: BTreeSet<&str> = pairs
        .pairs
        .iter()
        .filter_map(|(_, holder)| match holder {
            Holder::User(user) if !told(user) => Some(user.as_str()),
            Holder::User(_) | Holder::Device(_) => None,
        })
        .collect();
    if open.is_empty() {
        return Ok(about);
    }
    let open: Vec<&str> = open.into_iter().collect();
    let known = users::standings_of(db, token.id, &open).await?;
    let list_is_read = users::user_list(db, token.id).await?.read_whole_at.is_some();
    for user in open {
        let standing = match known.get(user) {
            Some(Some(status)) => standing(status),
            // Its registration is under way.
            Some(None) => None,
            None => list_is_read.then_some(UserStanding::Unknown),
        };
        if let Some(standing) = standing.filter(|standing| counts(*standing, depth)) {
            about.users.entry(user.to_owned()).or_default().standing = Some(standing);
        }
    }
    Ok(about)
}

fn standing(status: &UserStatus) -> Option<UserStanding> {
    match status {
        UserStatus::Registered => Some(UserStanding::Registered),
        UserStatus::Associated => Some(UserStanding::Associated),
        UserStatus::Retired | UserStatus::Deleted => Some(UserStanding::Retired),
        UserStatus::Other(_) => None,
    }
}

fn counts(standing: UserStanding, depth: Depth) -> bool {
    match (standing, depth) {
        (_, Depth::All) | (UserStanding::Registered | UserStanding::Associated, Depth::Notes) => true,
        (UserStanding::Unknown | UserStanding::Retired, Depth::Notes) => false,
    }
}
