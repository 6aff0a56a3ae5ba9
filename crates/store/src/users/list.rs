//! Users as they are asked for: lists, one by name, and what a license has to know of its holder.

use std::collections::HashMap;

use russet_domain::user_registration::{Known, Wish, Work};
use russet_domain::{AssetKey, ProductType, Secret, TokenId, UserId, UserStatus};

use super::{User, open_code, select, user};
use crate::codec::{among, asset_key, int, json, word_in};
use crate::engine::{Db, Sql, bulk, sql};
use crate::error::StoreError;

/// What a list of users is narrowed to.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only those of this token.
    pub token: Option<TokenId>,
    /// Only those with this word of Apple's.
    pub status: Option<UserStatus>,
    /// Only those where the work has got to.
    pub work: Option<Work>,
    /// Only those whose id or address begins so.
    pub prefix: Option<String>,
    /// Only those of these tokens: what the asking API key may see. `None` is all.
    pub among: Option<Vec<TokenId>>,
}

/// Users, each once for each location, in the order of their numbers, after a number.
///
/// # Errors
/// As any statement.
pub async fn list(
    db: &mut Db,
    filter: &Filter,
    limit: usize,
    after: Option<UserId>,
) -> Result<Vec<User>, StoreError> {
    macro_rules! narrowed {
        ($token:literal, $among:literal) => {
            select!(concat!(
                "WHERE u.id > $1
                   AND ",
                $token,
                "
                   AND ($3 IS NULL OR u.status = $3)
                   AND ($4 IS NULL
                        OR $4 = CASE WHEN u.work = 'sent' THEN coalesce(r.state, 'sending') ELSE u.work END)
                   AND ($5 IS NULL
                        OR (u.client_user_id >= $5 AND u.client_user_id < $6)
                        OR (u.email >= $5 AND u.email < $6))
                   AND ($7 IS NULL OR u.token_id IN (",
                $among,
                "))
                 ORDER BY u.id
                 LIMIT $8"
            ))
        };
    }
    const OF_ALL: Sql = Sql {
        sqlite: narrowed!("$2 IS NULL", "SELECT value FROM json_each($7)"),
        postgres: narrowed!(
            "$2::BIGINT IS NULL",
            "SELECT value::BIGINT FROM jsonb_array_elements_text($7::jsonb)"
        ),
    };
    // With the token as a condition of its own, the index that begins with it is used.
    const OF_TOKEN: Sql = Sql {
        sqlite: narrowed!("u.token_id = $2", "SELECT value FROM json_each($7)"),
        postgres: narrowed!(
            "u.token_id = $2",
            "SELECT value::BIGINT FROM jsonb_array_elements_text($7::jsonb)"
        ),
    };
    let among = among(filter.among.as_deref())?;
    sql("listing users", if filter.token.is_some() { OF_TOKEN } else { OF_ALL })
        .bind(after.map_or(0, |after| after.0))
        .bind(filter.token.map(|token| token.0))
        .bind(filter.status.as_ref().map(UserStatus::as_str))
        .bind(filter.work.map(Work::as_str))
        .bind(filter.prefix.as_deref())
        // Behind everything that begins so.
        .bind(filter.prefix.as_ref().map(|prefix| format!("{prefix}\u{10ffff}")))
        .bind(among)
        .bind(int(limit))
        .all(db, user)
        .await
}

/// The registrations of a user in every location, at most `limit`.
///
/// # Errors
/// As any statement.
pub async fn of_name(db: &mut Db, client_user_id: &str, limit: usize) -> Result<Vec<User>, StoreError> {
    sql("reading a user", select!("WHERE u.client_user_id = $1 ORDER BY u.token_id LIMIT $2"))
        .bind(client_user_id)
        .bind(int(limit))
        .all(db, user)
        .await
}

/// What the user is invited with, while he is. Whoever has it can bind an Apple Account to him.
///
/// # Errors
/// [`StoreError::Keys`] when it does not open.
pub async fn invite_code(db: &mut Db, user: &User) -> Result<Option<Secret>, StoreError> {
    let sealed = sql(
        "reading an invitation code",
        "SELECT invite_code FROM users WHERE id = $1 AND invite_code IS NOT NULL",
    )
    .bind(user.id.0)
    .maybe(db, |row| row.get::<String>("invite_code"))
    .await?;
    sealed.map(|sealed| open_code(db, user.token, &user.client_user_id, &sealed)).transpose()
}

/// Other users of the same location who have, or are wished to have, the same Apple Account, at most `limit`: by the hash
/// that Apple tells, or by the managed account. Why Apple refuses one with 9641.
///
/// # Errors
/// As any statement.
pub async fn sharing_account(db: &mut Db, user: &User, limit: usize) -> Result<Vec<String>, StoreError> {
    sql(
        "looking for users of one account",
        "SELECT client_user_id
         FROM users
         WHERE token_id = $1
           AND id <> $2
           AND (id_hash = $3 OR managed_apple_id = $4 OR apple_managed_id = $4)
         ORDER BY id
         LIMIT $5",
    )
    .bind(user.token.0)
    .bind(user.id.0)
    .bind(user.id_hash.as_deref())
    .bind(user.registration.wanted.managed_apple_id.as_deref())
    .bind(int(limit))
    .all(db, |row| row.at(0))
    .await
}

/// What is known of users who are to get licenses of a token, by id; those not known are left out.
///
/// # Errors
/// As any statement.
pub async fn known_of(
    db: &mut Db,
    token: TokenId,
    client_user_ids: &[&str],
) -> Result<HashMap<String, Known>, StoreError> {
    const KNOWN: Sql = bulk!(
        "SELECT u.client_user_id, u.status, u.wish, u.work
         FROM ",
        (0 client_user_id TEXT),
        " CROSS JOIN users u
          WHERE +u.token_id = $2 AND u.client_user_id = x.client_user_id"
    );
    if client_user_ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<_> = client_user_ids.iter().map(|id| (id,)).collect();
    let known = sql("looking up users who are to get licenses", KNOWN)
        .bind(json(&rows)?)
        .bind(token.0)
        .all(db, |row| {
            let status = row.get::<Option<String>>("status")?.map(|word| UserStatus::from_text(&word));
            let work = row.get::<String>("work")?;
            let known = Known {
                is_active: status.as_ref().is_some_and(UserStatus::is_active),
                is_retired: status.as_ref().is_some_and(|status| !status.is_active()),
                wish: word_in(row, "wish", Wish::from_text)?,
                under_way: matches!(work.as_str(), "planned" | "held" | "sent"),
            };
            Ok((row.get::<String>("client_user_id")?, known))
        })
        .await?;
    Ok(known.into_iter().collect())
}

/// How Apple has these users; those that it was never seen to have are left out, unless their registration is under way: then
/// nothing is known yet.
///
/// # Errors
/// As any statement.
pub async fn standings_of(
    db: &mut Db,
    token: TokenId,
    client_user_ids: &[&str],
) -> Result<HashMap<String, Option<UserStatus>>, StoreError> {
    const STANDINGS: Sql = bulk!(
        "SELECT u.client_user_id, u.status
         FROM ",
        (0 client_user_id TEXT),
        " CROSS JOIN users u
          WHERE +u.token_id = $2
            AND u.client_user_id = x.client_user_id
            AND (u.status IS NOT NULL OR u.work IN ('planned', 'held', 'sent'))"
    );
    if client_user_ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<_> = client_user_ids.iter().map(|id| (id,)).collect();
    let standings = sql("looking up how users stand", STANDINGS)
        .bind(json(&rows)?)
        .bind(token.0)
        .all(db, |row| {
            Ok((row.at(0)?, row.at::<Option<String>>(1)?.map(|word| UserStatus::from_text(&word))))
        })
        .await?;
    Ok(standings.into_iter().collect())
}

/// One license that a user holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserLicense {
    /// The asset.
    pub key: AssetKey,
    /// Whether it is a book or an app.
    pub product_type: ProductType,
    /// Whether it can ever be taken back.
    pub revocable: bool,
}

/// What a user holds at his location, at most `limit` licenses; those that cannot be taken back alone, if wanted.
///
/// # Errors
/// As any statement.
pub async fn licenses_of(
    db: &mut Db,
    user: &User,
    only_lasting: bool,
    limit: usize,
) -> Result<Vec<UserLicense>, StoreError> {
    sql(
        "looking up what a user holds",
        "SELECT a.adam_id, a.pricing_param, a.product_type, a.revocable
         FROM licenses l
         JOIN assets a ON a.id = l.asset_id
         WHERE l.holder_id = $1
           AND l.holder_kind = 'u'
           AND l.held
           AND a.token_id = $2
           AND (NOT $3 OR NOT a.revocable)
         ORDER BY l.asset_id
         LIMIT $4",
    )
    .bind(user.client_user_id.as_str())
    .bind(user.token.0)
    .bind(only_lasting)
    .bind(int(limit))
    .all(db, |row| {
        Ok(UserLicense {
            key: asset_key(row.at(0)?, &row.at::<String>(1)?),
            product_type: ProductType::from_text(&row.at::<String>(2)?),
            revocable: row.at(3)?,
        })
    })
    .await
}
