//! What was decided for a token otherwise than the default.

use russet_domain::TokenId;
use russet_domain::policy::{Policies, Policy};

use crate::engine::{Db, Tx, sql};
use crate::error::StoreError;
use crate::meta;

/// What a token goes by: what was decided for it, in read-only mode if the whole installation is.
///
/// # Errors
/// As any statement.
pub async fn read(db: &mut Db, token: TokenId) -> Result<Policies, StoreError> {
    let decided =
        sql("reading a token's policies", "SELECT name, value FROM token_policies WHERE token_id = $1")
            .bind(token.0)
            .all(db, |row| Ok((row.at(0)?, row.at(1)?)))
            .await?;
    let policies = Policies::of(decided);
    Ok(if meta::is_read_only(db).await? { policies.frozen() } else { policies })
}

/// Sets a policy, or with `None` lets the default hold again. The caller has checked the value. May be repeated.
///
/// # Errors
/// As any statement.
pub async fn decide(
    tx: &mut Tx,
    token: TokenId,
    policy: &'static Policy,
    value: Option<&str>,
) -> Result<(), StoreError> {
    let statement = match value {
        Some(value) => sql(
            "deciding a policy",
            "INSERT INTO token_policies (token_id, name, value)
             VALUES ($1, $2, $3)
             ON CONFLICT (token_id, name) DO UPDATE SET value = excluded.value",
        )
        .bind(token.0)
        .bind(policy.name)
        .bind(value),
        None => sql("undeciding a policy", "DELETE FROM token_policies WHERE token_id = $1 AND name = $2")
            .bind(token.0)
            .bind(policy.name),
    };
    statement.run(tx).await?;
    Ok(())
}
