//! Lists of tokens, narrowed to those that are looked for.

use russet_domain::token::TokenState;
use russet_domain::{Timestamp, TokenId};

use super::{SyncState, Token, select, token};
use crate::codec::{among, int};
use crate::engine::{Db, Sql, sql};
use crate::error::StoreError;

/// What a list of tokens is narrowed to. `None` narrows nothing.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only those in this state.
    pub state: Option<TokenState>,
    /// Only the one of this name.
    pub name: Option<String>,
    /// Only those with this text in their name, their location's name or id, or their organization, in any case.
    pub text: Option<String>,
    /// Only those that open this location, by Apple's id.
    pub uid: Option<String>,
    /// Only those whose year is over before.
    pub expires_before: Option<Timestamp>,
    /// Only those of this country, as a person set it or else as Apple says.
    pub country: Option<String>,
    /// Only `business` or `education` ones.
    pub account_type: Option<String>,
    /// Only those whose last sync went like this.
    pub sync: Option<SyncState>,
    /// Only these: what the asking API key may see.
    pub among: Option<Vec<TokenId>>,
}

/// Tokens in the order of their numbers, after a number.
///
/// # Errors
/// As any statement.
pub async fn list(
    db: &mut Db,
    filter: &Filter,
    limit: usize,
    after: Option<TokenId>,
) -> Result<Vec<Token>, StoreError> {
    const LIST: Sql = Sql {
        sqlite: select!(
            "WHERE id > $1
               AND ($2 IS NULL OR state = $2)
               AND ($3 IS NULL OR name = $3)
               AND ($5 IS NULL OR lower(name) LIKE $5 ESCAPE '!' OR lower(org_name) LIKE $5 ESCAPE '!'
                    OR lower(coalesce(location_name, '')) LIKE $5 ESCAPE '!' OR coalesce(uid, '') LIKE $5 ESCAPE '!')
               AND ($6 IS NULL OR uid = $6)
               AND ($7 IS NULL OR expires_at < $7)
               AND ($8 IS NULL OR coalesce(country, apple_country) = $8)
               AND ($9 IS NULL OR account_type = $9)
               AND ($10 IS NULL OR last_sync_state = $10)
               AND ($11 IS NULL OR id IN (SELECT value FROM json_each($11)))
             ORDER BY id
             LIMIT $4"
        ),
        postgres: select!(
            "WHERE id > $1
               AND ($2 IS NULL OR state = $2)
               AND ($3 IS NULL OR name = $3)
               AND ($5 IS NULL OR lower(name) LIKE $5 ESCAPE '!' OR lower(org_name) LIKE $5 ESCAPE '!'
                    OR lower(coalesce(location_name, '')) LIKE $5 ESCAPE '!' OR coalesce(uid, '') LIKE $5 ESCAPE '!')
               AND ($6 IS NULL OR uid = $6)
               AND ($7 IS NULL OR expires_at < $7)
               AND ($8 IS NULL OR coalesce(country, apple_country) = $8)
               AND ($9 IS NULL OR account_type = $9)
               AND ($10 IS NULL OR last_sync_state = $10)
               AND ($11 IS NULL OR id IN (SELECT value::BIGINT FROM jsonb_array_elements_text($11::jsonb)))
             ORDER BY id
             LIMIT $4"
        ),
    };
    let among = among(filter.among.as_deref())?;
    sql("listing tokens", LIST)
        .bind(after.map_or(0, |after| after.0))
        .bind(filter.state.map(TokenState::as_str))
        .bind(filter.name.as_deref())
        .bind(int(limit))
        .bind(filter.text.as_deref().map(anywhere))
        .bind(filter.uid.as_deref())
        .bind(filter.expires_before.map(|at| at.0))
        .bind(filter.country.as_deref())
        .bind(filter.account_type.as_deref())
        .bind(filter.sync.map(SyncState::as_str))
        .bind(among)
        .all(db, token)
        .await
}

/// How many tokens there are.
///
/// # Errors
/// As any statement.
pub async fn count(db: &mut Db) -> Result<u64, StoreError> {
    sql("counting tokens", "SELECT count(*) AS found FROM tokens")
        .one(db, |row| row.get("found").map(crate::codec::count))
        .await
}

/// A pattern that finds a text anywhere, whatever signs are in it.
fn anywhere(text: &str) -> String {
    let mut pattern = String::from("%");
    for letter in text.to_lowercase().chars() {
        if matches!(letter, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_with_a_meaning_are_looked_for_as_they_are() {
        assert_eq!(anywhere("50%_Off!"), "%50!%!_off!!%");
    }
}
