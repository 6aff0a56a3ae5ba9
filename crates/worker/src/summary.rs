//! The signed summary of a hand-over: what was handed over, by whom and when, and the checksums of its files.

use std::collections::HashMap;

use chrono::{DateTime, SecondsFormat};
use russet_domain::{AssetKey, JobId, Timestamp};
use russet_store::assets::{self, AssetRow};
use russet_store::hand_overs::{self, Count, File, HandOver, page_text};
use russet_store::tokens::Token;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::context::Context;
use crate::error::JobError;
use crate::signing::Signer;

/// What stands in a summary as its kind. Whoever reads one goes by it; it never changes.
const FORMAT: &str = "russet-hand-over/1";
/// Licenses read at once.
const PAGE: usize = 5_000;
/// Assets read at once, and the most that are told of.
const ASSETS_MAX: usize = 100_000;

/// Writes summary and signature down.
pub(crate) async fn write(ctx: &Context, token: &Token, over: &HandOver) -> Result<(), JobError> {
    let files = check_all(ctx, over.job).await?;
    let mut db = ctx.store.read().await?;
    let counts = hand_overs::counts(&mut db, over.job).await?;
    let owned = assets::list(&mut db, token.id, ASSETS_MAX, None).await?;
    drop(db);
    let owned: HashMap<&AssetKey, &AssetRow> = owned.iter().map(|row| (&row.asset.key, row)).collect();
    let signer = Signer::of(ctx).await?;
    let summary = json!({
        "format": FORMAT,
        "job": over.job.0,
        "began_at": moment(over.created_at),
        "signed_at": moment(ctx.now()),
        "installation": { "id": ctx.ours.id, "public_key": signer.public },
        "token": { "id": token.id.0, "name": token.name, "organization": token.org_name },
        "location": { "uid": token.uid, "name": token.location_name, "country": token.apple_country },
        "licenses": counts.iter().map(|count| count.devices + count.users).sum::<u64>(),
        "assets": counts.iter().map(|count| of_asset(count, &owned)).collect::<Vec<_>>(),
        "files": files.iter().map(Checked::json).collect::<Vec<_>>(),
    });
    let summary = format!("{summary:#}\n");
    let signature = signer.sign(File::Summary.name(), summary.as_bytes());
    let mut tx = ctx.begin().await?;
    hand_overs::set_signed(&mut tx, over.job, &summary, &signature, ctx.now()).await?;
    Ok(tx.commit().await?)
}

/// What a client is told when the job has ended: the short of it.
pub(crate) fn result(over: &HandOver) -> Value {
    let summary: Value =
        over.summary.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let names: Vec<&str> = File::ALL.iter().map(|file| file.name()).collect();
    json!({
        "licenses": summary["licenses"],
        "assets": summary["assets"].as_array().map_or(0, Vec::len),
        "checksums": summary["files"],
        "files": names,
        "released": true,
    })
}

/// A day, as people write it for programs too.
pub(crate) fn day(at: Timestamp) -> String {
    let moment = moment(at);
    moment.split('T').next().unwrap_or(&moment).to_owned()
}

fn moment(at: Timestamp) -> String {
    DateTime::from_timestamp_millis(at.0)
        .unwrap_or(DateTime::UNIX_EPOCH)
        .to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn of_asset(count: &Count, owned: &HashMap<&AssetKey, &AssetRow>) -> Value {
    let row = owned.get(&count.key);
    json!({
        "adam_id": count.key.adam_id,
        "pricing_param": count.key.pricing.as_str(),
        "product_type": row.map(|row| row.asset.product_type.as_str()),
        "revocable": row.map(|row| row.asset.revocable),
        "device_licenses": count.devices,
        "user_licenses": count.users,
    })
}

/// A file of licenses, summed up.
struct Checked {
    file: File,
    hash: Sha256,
    bytes: u64,
}

impl Checked {
    fn new(file: File) -> Self {
        Self { file, hash: Sha256::new(), bytes: 0 }
    }

    fn take(&mut self, text: &[u8]) {
        self.hash.update(text);
        self.bytes += u64::try_from(text.len()).unwrap_or(0);
    }

    fn json(&self) -> Value {
        let hash = self.hash.clone().finalize();
        let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        json!({ "name": self.file.name(), "bytes": self.bytes, "sha256": hex })
    }
}

/// Spells both files once, a page at a time, and keeps only their checksums.
async fn check_all(ctx: &Context, job: JobId) -> Result<[Checked; 2], JobError> {
    let mut files = [Checked::new(File::Csv), Checked::new(File::Ndjson)];
    let (mut after, mut first) = (0, true);
    loop {
        let page = {
            let mut db = ctx.store.read().await?;
            hand_overs::page(&mut db, job, after, PAGE).await?
        };
        for checked in &mut files {
            checked.take(&page_text(checked.file, &page, first)?);
        }
        first = false;
        match page.last() {
            Some(last) => after = last.place,
            None => return Ok(files),
        }
    }
}
