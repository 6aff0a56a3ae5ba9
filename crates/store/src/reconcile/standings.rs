//! What is of one asset and one holder: what was decided, who holds what, what is coming, what was asked for and pinned.

use std::collections::HashMap;

use russet_domain::assignment::Intent;
use russet_domain::change::Action;
use russet_domain::directory::Platform;
use russet_domain::reconcile::{Entitlement, Fit, Left, Standing};
use russet_domain::{AssetId, AssignmentId, Holder, TokenId};

use super::claims::{Looked, Reached, device_fit, on_asset, on_holders, person_fit};
use super::{Pair, Picture, unsettled};
use crate::codec::{action, holder, json, kind_of, word};
use crate::engine::{Db, Row, Sql, bulk, sql};
use crate::error::StoreError;

/// The columns of what was decided, from `entitlements e`; `$holder` are what is known of the holder as a device and as a person.
macro_rules! select {
    ($holder:literal) => {
        concat!(
            "SELECT e.asset_id, s.token_id, e.holder_kind, e.holder_id, e.assignment_id, e.intent, e.pinned,
                    CASE WHEN e.state = 'left' THEN e.reason END AS reason, a.id IS NOT NULL AS there, ",
            $holder,
            " FROM "
        )
    };
}

const OF_DEVICES: Sql = bulk!(
    select!("d.platform, d.state, d.enrollment, NULL AS person"),
    (0 id BIGINT),
    " CROSS JOIN devices d
      CROSS JOIN entitlements e
      CROSS JOIN assets s
      LEFT JOIN assignments a ON a.id = e.assignment_id
      WHERE d.id = x.id AND e.holder_id = d.serial AND e.holder_kind = 'd' AND s.id = e.asset_id
        AND ($2 IS NULL OR e.asset_id = $2)"
);
const OF_PEOPLE: Sql = bulk!(
    select!("NULL AS platform, NULL AS state, NULL AS enrollment, p.state"),
    (0 id BIGINT),
    " CROSS JOIN people p
      CROSS JOIN entitlements e
      CROSS JOIN assets s
      LEFT JOIN assignments a ON a.id = e.assignment_id
      WHERE p.id = x.id AND e.holder_id = p.client_user_id AND e.holder_kind = 'u' AND s.id = e.asset_id
        AND ($2 IS NULL OR e.asset_id = $2)"
);

/// All that decides about some holders, for one asset or for every one that reaches them or that they were given by an
/// assignment.
///
/// # Errors
/// As any statement.
pub(super) async fn of_holders(
    db: &mut Db,
    looked: &Looked,
    asset: Option<AssetId>,
) -> Result<Picture, StoreError> {
    let mut picture = read_holders(db, looked, asset).await?;
    facts_of_pairs(db, &mut picture).await?;
    Ok(picture)
}

/// Which assignments reach some holders, and what was decided about them.
///
/// # Errors
/// As any statement.
pub(super) async fn read_holders(
    db: &mut Db,
    looked: &Looked,
    asset: Option<AssetId>,
) -> Result<Picture, StoreError> {
    let mut picture = Picture::default();
    for reached in on_holders(db, looked, asset).await? {
        picture.reach(reached);
    }
    let rows = |ids: &[i64]| json(&ids.iter().map(|id| (id,)).collect::<Vec<_>>());
    for (text, ids) in [(OF_DEVICES, &looked.devices), (OF_PEOPLE, &looked.people)] {
        if ids.is_empty() {
            continue;
        }
        let known = sql("reading what was decided", text)
            .bind(rows(ids)?)
            .bind(asset.map(|asset| asset.0))
            .all(db, decided)
            .await?;
        known.into_iter().for_each(|known| picture.know(known));
    }
    Ok(picture)
}

/// All that decides about one asset, as far as it could be decided otherwise than it stands.
///
/// Memory by the number of holders that it reaches or has reached, and only if there is something to decide about many of them.
///
/// # Errors
/// As any statement.
pub(super) async fn of_asset(db: &mut Db, asset: AssetId) -> Result<Picture, StoreError> {
    match unsettled::of_asset(db, asset).await? {
        Some(looked) => of_holders(db, &looked, Some(asset)).await,
        None => whole_asset(db, asset).await,
    }
}

/// The same for everybody whom the asset reaches or has reached.
async fn whole_asset(db: &mut Db, asset: AssetId) -> Result<Picture, StoreError> {
    const KNOWN: &str = concat!(
        select!("d.platform, d.state, d.enrollment, p.state"),
        "entitlements e
         JOIN assets s ON s.id = e.asset_id
         LEFT JOIN assignments a ON a.id = e.assignment_id
         LEFT JOIN devices d ON e.holder_kind = 'd' AND d.serial = e.holder_id
         LEFT JOIN people p ON e.holder_kind = 'u' AND p.client_user_id = e.holder_id
         WHERE e.asset_id = $1"
    );
    let mut picture = Picture::default();
    for reached in on_asset(db, asset).await? {
        picture.reach(reached);
    }
    let known = sql("reading what was decided", KNOWN).bind(asset.0).all(db, decided).await?;
    known.into_iter().for_each(|known| picture.know(known));
    facts_of_asset(db, asset, &mut picture).await?;
    Ok(picture)
}

/// What was decided, with its place.
struct Known {
    asset: AssetId,
    token: TokenId,
    holder: Holder,
    entitlement: Entitlement,
    assignment_exists: bool,
    fit: Fit,
    platform: Platform,
}

fn decided(row: &Row) -> Result<Known, StoreError> {
    let reason = row.at::<Option<String>>(7)?;
    let platform = row.at::<Option<String>>(9)?;
    let (device, enrollment) = (row.at::<Option<String>>(10)?, row.at::<Option<String>>(11)?);
    let person = row.at::<Option<String>>(12)?;
    Ok(Known {
        asset: AssetId(row.at(0)?),
        token: TokenId(row.at(1)?),
        holder: holder(&row.at::<String>(2)?, row.at(3)?)?,
        entitlement: Entitlement {
            assignment: AssignmentId(row.at(4)?),
            intent: word("an intent", &row.at::<String>(5)?, Intent::from_text)?,
            pinned: row.at(6)?,
            left: reason.map(|text| word("a reason", &text, Left::from_text)).transpose()?,
        },
        assignment_exists: row.at(8)?,
        fit: match (device, person) {
            (Some(state), _) => device_fit(&state, enrollment.as_deref())?,
            (None, Some(state)) => person_fit(&state)?,
            // Nobody has ever told of the holder, or forgot.
            (None, None) => Fit::Deleted,
        },
        platform: platform
            .map(|text| word("a platform", &text, Platform::from_text))
            .transpose()?
            .unwrap_or_default(),
    })
}

impl Picture {
    fn reach(&mut self, reached: Reached) {
        self.tokens.insert(reached.asset, reached.token);
        let pair = self
            .pairs
            .entry((reached.asset, reached.holder))
            .or_insert_with(|| Pair::new(reached.fit, reached.platform));
        pair.claims.push(reached.claim);
    }

    fn know(&mut self, known: Known) {
        self.tokens.insert(known.asset, known.token);
        let pair = self
            .pairs
            .entry((known.asset, known.holder))
            .or_insert_with(|| Pair::new(known.fit, known.platform));
        pair.standing.entitlement = Some(known.entitlement);
        pair.standing.assignment_exists = known.assignment_exists;
    }
}

impl Pair {
    pub(super) fn new(fit: Fit, platform: Platform) -> Self {
        Self { claims: Vec::with_capacity(1), standing: Standing::new(fit, platform) }
    }
}

/// What is of these very pairs.
pub(super) async fn facts_of_pairs(db: &mut Db, picture: &mut Picture) -> Result<(), StoreError> {
    const FACTS: Sql = bulk!(
        "SELECT x.asset_id, x.holder_kind, x.holder_id, s.revocable, coalesce(l.held, false) AS held,
                c.action, c.slot, n.asset_id IS NOT NULL AS pinned, r.asset_id IS NOT NULL AS asked
         FROM ",
        (0 asset_id BIGINT, 1 holder_kind TEXT, 2 holder_id TEXT),
        " CROSS JOIN assets s
          LEFT JOIN licenses l
            ON l.asset_id = x.asset_id AND l.holder_kind = x.holder_kind AND l.holder_id = x.holder_id
          LEFT JOIN changes c
            ON c.asset_id = x.asset_id AND c.holder_kind = x.holder_kind AND c.holder_id = x.holder_id
               AND c.slot IS NOT NULL
          LEFT JOIN pins n
            ON n.asset_id = x.asset_id AND n.holder_kind = x.holder_kind AND n.holder_id = x.holder_id
          LEFT JOIN app_requests r
            ON r.asset_id = x.asset_id AND r.holder_kind = x.holder_kind AND r.holder_id = x.holder_id
          WHERE s.id = x.asset_id
          ORDER BY c.slot"
    );
    if picture.pairs.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> =
        picture.pairs.keys().map(|(asset, holder)| (asset.0, kind_of(holder), holder.id())).collect();
    let rows = json(&rows)?;
    let facts = sql("reading who has what and what is coming", FACTS).bind(rows).all(db, |row| {
        let key = (AssetId(row.at(0)?), holder(&row.at::<String>(1)?, row.at(2)?)?);
        // The newest wish has the higher slot and comes last.
        let coming = row.at::<Option<String>>(5)?.map(|text| action(&text)).transpose()?;
        Ok((key, row.at::<bool>(3)?, row.at::<bool>(4)?, coming, row.at::<bool>(7)?, row.at::<bool>(8)?))
    });
    for (key, revocable, held, coming, pinned, asked) in facts.await? {
        if let Some(pair) = picture.pairs.get_mut(&key) {
            let coming = coming.or(pair.standing.coming);
            pair.standing = Standing { revocable, held, coming, pinned, asked, ..pair.standing };
        }
    }
    Ok(())
}

/// What is of all the pairs of one asset: whole tables of it are cheaper to read than a hundred thousand places one by one.
async fn facts_of_asset(db: &mut Db, asset: AssetId, picture: &mut Picture) -> Result<(), StoreError> {
    let revocable = sql("reading an asset", "SELECT revocable FROM assets WHERE id = $1")
        .bind(asset.0)
        .maybe(db, |row| row.at::<bool>(0))
        .await?
        .unwrap_or(true);
    picture.pairs.values_mut().for_each(|pair| pair.standing.revocable = revocable);
    let mut places: HashMap<(AssetId, Holder), Pair> = std::mem::take(&mut picture.pairs);
    let mut each = async |doing, text: &'static str, note: fn(&mut Standing, Option<Action>)| {
        let rows = sql(doing, text).bind(asset.0).all(db, |row| {
            let place = (asset, holder(&row.at::<String>(0)?, row.at(1)?)?);
            if let Some(pair) = places.get_mut(&place) {
                let action = row.at::<Option<String>>(2)?.map(|text| action(&text)).transpose()?;
                note(&mut pair.standing, action);
            }
            Ok(())
        });
        rows.await.map(drop)
    };
    each(
        "reading who has an asset",
        "SELECT holder_kind, holder_id, NULL AS action FROM licenses WHERE asset_id = $1 AND held",
        |standing, _| standing.held = true,
    )
    .await?;
    each(
        "reading what is coming of an asset",
        "SELECT holder_kind, holder_id, action FROM changes WHERE asset_id = $1 AND slot IS NOT NULL ORDER BY slot",
        |standing, action| standing.coming = action,
    )
    .await?;
    each(
        "reading the pins of an asset",
        "SELECT holder_kind, holder_id, NULL AS action FROM pins WHERE asset_id = $1",
        |standing, _| standing.pinned = true,
    )
    .await?;
    each(
        "reading the requests for an asset",
        "SELECT holder_kind, holder_id, NULL AS action FROM app_requests WHERE asset_id = $1",
        |standing, _| standing.asked = true,
    )
    .await?;
    picture.pairs = places;
    Ok(())
}
