//! On which devices a license would be seen, and what is known of them that prompts depend on.

use std::collections::HashMap;

use russet_domain::Holder;
use russet_domain::directory::Platform;
use russet_domain::lint::Enrollment;
use russet_domain::prompts::{Case, LicenseKind, Ownership};

use super::BATCH;
use crate::codec::{holder, json, kind_of, word};
use crate::engine::{Db, Row, Sql, bulk, sql};
use crate::error::StoreError;

/// For each of the holders that the directory knows, the case of each enrolled device that a license would be seen on: the device
/// itself, or all of the person's. Nothing instead of a case where not enough is known of the device.
///
/// # Errors
/// As any statement.
pub async fn cases(db: &mut Db, holders: &[&Holder]) -> Result<Vec<(Holder, Option<Case>)>, StoreError> {
    const CASES: Sql = bulk!(
        "SELECT x.holder_kind, x.holder_id, d.ownership, d.supervised, d.kiosk, d.enrollment
         FROM ",
        (0 holder_kind TEXT, 1 holder_id TEXT),
        " LEFT JOIN people p ON x.holder_kind = 'u' AND p.client_user_id = x.holder_id
          JOIN devices d
            ON d.state = 'enrolled'
               AND ((x.holder_kind = 'd' AND d.serial = x.holder_id)
                 OR (x.holder_kind = 'u' AND d.person_id = p.id))"
    );
    let mut all = Vec::new();
    for batch in holders.chunks(BATCH) {
        let rows: Vec<_> = batch.iter().map(|holder| (kind_of(holder), holder.id())).collect();
        all.extend(sql("reading what prompts depend on", CASES).bind(json(&rows)?).all(db, case).await?);
    }
    Ok(all)
}

/// The platforms of those of the holders that are devices which the directory knows.
///
/// # Errors
/// As any statement.
pub async fn platforms(db: &mut Db, holders: &[&Holder]) -> Result<HashMap<Holder, Platform>, StoreError> {
    const PLATFORMS: Sql = bulk!(
        "SELECT d.serial, d.platform FROM ",
        (0 serial TEXT),
        " JOIN devices d ON d.serial = x.serial"
    );
    let serials: Vec<_> =
        holders.iter().filter(|holder| holder.is_device()).map(|holder| (holder.id(),)).collect();
    let mut all = HashMap::new();
    for batch in serials.chunks(BATCH) {
        let rows = sql("reading devices' platforms", PLATFORMS).bind(json(batch)?).all(db, |row| {
            let platform = word("a platform", &row.at::<String>(1)?, Platform::from_text)?;
            Ok((Holder::Device(row.at(0)?), platform))
        });
        all.extend(rows.await?);
    }
    Ok(all)
}

fn case(row: &Row) -> Result<(Holder, Option<Case>), StoreError> {
    let holder = holder(&row.at::<String>(0)?, row.at(1)?)?;
    let ownership = row.at::<Option<String>>(2)?;
    let ownership = ownership
        .map(|text| {
            word("an ownership", &text, |text| {
                Ownership::ALL.into_iter().find(|known| known.as_str() == text)
            })
        })
        .transpose()?;
    let enrollment = row.at::<Option<String>>(5)?;
    let enrollment = enrollment
        .map(|text| {
            word("an enrollment", &text, |text| {
                Enrollment::ALL.into_iter().find(|known| known.as_str() == text)
            })
        })
        .transpose()?;
    let known = ownership.zip(row.at::<Option<bool>>(3)?);
    let kiosk = row.at(4)?;
    let case = known.map(|(ownership, supervised)| Case {
        ownership,
        supervised,
        license: if holder.is_device() { LicenseKind::Device } else { LicenseKind::User },
        kiosk,
        user_enrollment: enrollment.is_some_and(Enrollment::takes_user_licenses_only),
    });
    Ok((holder, case))
}
