//! One asset and one holder, for whoever asks why.

use russet_domain::directory::Platform;
use russet_domain::reconcile::{Claim, Fit, Standing};
use russet_domain::{AssetId, Holder};

use super::Pair;
use super::claims::{Looked, device_fit, person_fit};
use super::standings::{facts_of_pairs, read_holders};
use crate::codec::word;
use crate::engine::{Db, Row, sql};
use crate::error::StoreError;

/// What is known of one asset and one holder.
#[derive(Clone, Debug)]
pub struct About {
    /// Whether the directory knows the holder.
    pub known: bool,
    /// The assignments that reach the holder.
    pub claims: Vec<Claim>,
    /// What is.
    pub standing: Standing,
}

/// Reads what decides about one asset and one holder.
///
/// # Errors
/// As any statement.
pub async fn about(db: &mut Db, asset: AssetId, holder: &Holder) -> Result<About, StoreError> {
    let (known, looked, fit, platform) = match find(db, holder).await? {
        Some((looked, fit, platform)) => (true, looked, fit, platform),
        None => (false, Looked::default(), Fit::Deleted, Platform::Unknown),
    };
    let mut picture = read_holders(db, &looked, Some(asset)).await?;
    let place = (asset, holder.clone());
    picture.pairs.entry(place.clone()).or_insert_with(|| Pair::new(fit, platform));
    facts_of_pairs(db, &mut picture).await?;
    let pair = picture.pairs.remove(&place).unwrap_or_else(|| Pair::new(fit, platform));
    Ok(About { known, claims: pair.claims, standing: pair.standing })
}

async fn find(db: &mut Db, holder: &Holder) -> Result<Option<(Looked, Fit, Platform)>, StoreError> {
    match holder {
        Holder::Device(serial) => {
            let text = "SELECT id, state, enrollment, platform FROM devices WHERE serial = $1";
            sql("looking up a device", text).bind(serial.as_str()).maybe(db, device).await
        }
        Holder::User(id) => {
            let text = "SELECT id, state FROM people WHERE client_user_id = $1";
            sql("looking up a person", text).bind(id.as_str()).maybe(db, person).await
        }
    }
}

fn device(row: &Row) -> Result<(Looked, Fit, Platform), StoreError> {
    let looked = Looked { devices: vec![row.at(0)?], people: Vec::new() };
    let fit = device_fit(&row.at::<String>(1)?, row.at::<Option<String>>(2)?.as_deref())?;
    Ok((looked, fit, word("a platform", &row.at::<String>(3)?, Platform::from_text)?))
}

fn person(row: &Row) -> Result<(Looked, Fit, Platform), StoreError> {
    let looked = Looked { devices: Vec::new(), people: vec![row.at(0)?] };
    Ok((looked, person_fit(&row.at::<String>(1)?)?, Platform::Unknown))
}
