//! Writes down what was decided: who is to have what by which assignment, and who is to have it no more.

use russet_domain::reconcile::Entitlement;
use russet_domain::{AssetId, Holder, Timestamp};

use crate::changes::waitlist;
use crate::codec::{json, kind_of};
use crate::engine::{Sql, Tx, bulk, sql};
use crate::error::StoreError;

/// Rows written by one statement: what bounds the size of one JSON text.
const BATCH: usize = 50_000;

/// What was decided of one asset and one holder.
#[derive(Clone, Debug)]
pub(super) struct Decision {
    /// The asset.
    pub(super) asset: AssetId,
    /// The holder.
    pub(super) holder: Holder,
    /// What is to be remembered; nothing: there is nothing any more.
    pub(super) entitlement: Option<Entitlement>,
}

/// Writes decisions; each pair at most once. May be repeated.
///
/// # Errors
/// As any statement.
pub(super) async fn write(tx: &mut Tx, decisions: &[Decision], now: Timestamp) -> Result<(), StoreError> {
    const WRITE: Sql = bulk!(
        "INSERT INTO entitlements
             (asset_id, holder_kind, holder_id, assignment_id, intent, pinned, state, reason, since, left_at)
         SELECT x.asset_id, x.holder_kind, x.holder_id, x.assignment_id, x.intent, x.pinned, x.state, x.reason, $2,
                CASE WHEN x.state = 'left' THEN $2 END
         FROM ",
        (0 asset_id BIGINT, 1 holder_kind TEXT, 2 holder_id TEXT, 3 assignment_id BIGINT, 4 intent TEXT,
         5 pinned BOOLEAN, 6 state TEXT, 7 reason TEXT),
        " WHERE true
          ON CONFLICT (asset_id, holder_kind, holder_id) DO UPDATE
          SET assignment_id = excluded.assignment_id,
              intent = excluded.intent,
              pinned = excluded.pinned,
              since = CASE
                  WHEN entitlements.state = 'left' AND excluded.state = 'wanted' THEN excluded.since
                  ELSE entitlements.since END,
              left_at = CASE
                  WHEN entitlements.state = 'left' AND excluded.state = 'left' THEN entitlements.left_at
                  ELSE excluded.left_at END,
              state = excluded.state,
              reason = excluded.reason"
    );
    const FORGET: Sql = bulk!(
        "DELETE FROM entitlements
         WHERE (asset_id, holder_kind, holder_id) IN (
             SELECT x.asset_id, x.holder_kind, x.holder_id FROM ",
        (0 asset_id BIGINT, 1 holder_kind TEXT, 2 holder_id TEXT),
        ")"
    );
    let (kept, gone): (Vec<&Decision>, Vec<&Decision>) =
        decisions.iter().partition(|decision| decision.entitlement.is_some());
    for batch in kept.chunks(BATCH) {
        let rows: Vec<_> = batch
            .iter()
            .filter_map(|decision| {
                let known = decision.entitlement?;
                Some((
                    decision.asset.0,
                    kind_of(&decision.holder),
                    decision.holder.id(),
                    known.assignment.0,
                    known.intent.as_str(),
                    known.pinned,
                    if known.left.is_some() { "left" } else { "wanted" },
                    known.left.map(russet_domain::reconcile::Left::as_str),
                ))
            })
            .collect();
        sql("writing who is to have what", WRITE).bind(json(&rows)?).bind(now.0).run(tx).await?;
        let decided = batch.iter().filter_map(|decision| {
            Some((decision.asset, &decision.holder, decision.entitlement?.assignment))
        });
        waitlist::follow_assignments(tx, decided).await?;
    }
    for batch in gone.chunks(BATCH) {
        let rows: Vec<_> = batch
            .iter()
            .map(|decision| (decision.asset.0, kind_of(&decision.holder), decision.holder.id()))
            .collect();
        sql("forgetting who was to have what", FORGET).bind(json(&rows)?).run(tx).await?;
    }
    Ok(())
}
