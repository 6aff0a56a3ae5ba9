//! What becomes of the licenses of users who are out of the program.

use russet_domain::change::Action;
use russet_domain::{AssetId, Holder, Timestamp, TokenId};

use crate::codec::json;
use crate::engine::{Sql, Tx, bulk, sql};
use crate::error::StoreError;
use crate::history::Cause;
use crate::licenses::{Moved, write_moved};
use crate::tokens;

/// Writes down that these users gave back what can be taken back. What cannot, such as books, stays on Apple's list under
/// their names and counts as retired, which the next reading of the assets shows
/// (<https://developer.apple.com/documentation/devicemanagement/managing-users>). Tells how many licenses they had, of both
/// sorts. May be repeated.
///
/// # Errors
/// As any statement; [`StoreError::Missing`] without such a token.
pub async fn holders_gone(
    tx: &mut Tx,
    token: TokenId,
    client_user_ids: &[&str],
    now: Timestamp,
) -> Result<u64, StoreError> {
    const HELD: Sql = bulk!(
        "SELECT l.asset_id, l.holder_id, a.revocable
         FROM ",
        (0 holder_id TEXT),
        " CROSS JOIN licenses l
          CROSS JOIN assets a
          WHERE l.holder_id = x.holder_id
            AND l.holder_kind = 'u'
            AND l.held
            AND a.id = l.asset_id
            AND a.token_id = $2"
    );
    if client_user_ids.is_empty() {
        return Ok(0);
    }
    tokens::lock(tx, token).await?;
    let rows: Vec<_> = client_user_ids.iter().map(|id| (id,)).collect();
    let held = sql("looking up what users hold who are gone", HELD)
        .bind(json(&rows)?)
        .bind(token.0)
        .all(tx, |row| Ok((AssetId(row.at(0)?), row.at::<String>(1)?, row.at::<bool>(2)?)))
        .await?;
    let all = crate::codec::count(crate::codec::int(held.len()));
    let freed: Vec<Moved> = held
        .into_iter()
        .filter(|(_, _, revocable)| *revocable)
        .map(|(asset, user, _)| Moved {
            asset,
            holder: Holder::User(user),
            action: Action::Revoke,
            was_held: true,
            change: None,
        })
        .collect();
    write_moved(tx, &freed, (Cause::Retired, None), now).await?;
    Ok(all)
}
