//! `POST /api/v1/moves/preview`: what a job that moves licenses would do, without doing it.

use std::collections::{BTreeMap, HashSet};

use axum::Json;
use axum::extract::State;
use russet_domain::apple_error;
use russet_domain::change::Action;
use russet_domain::lint::{About, Kind, Report, Subject, rule_of};
use russet_domain::moving::First;
use russet_domain::prompts::{Case, LicenseKind, Ownership, Prompts, prompts};
use russet_domain::{AssetKey, Holder};
use russet_store::Db;
use russet_store::tokens::Token;
use serde::Serialize;
use utoipa::ToSchema;

use super::bodies::MoveToDevicesJob;
use super::plan::{Need, Plan, plan};
use super::wanted::Wanted;
use crate::auth::Viewer;
use crate::body::Body;
use crate::error::ApiError;
use crate::routes::jobs::linting::{Pairs, report};
use crate::routes::jobs::standings::Depth;
use crate::routes::jobs::submit::usable;
use crate::routes::prompts::PromptsView;
use crate::state::{App, wide};
use crate::view::LintView;

/// The most refused moves that are named.
const REFUSED_MAX: usize = 100;
/// How many devices one license of a user serves (rule S-26).
const DEVICES_MAX: usize = 5;

/// What a job that moves licenses would do.
#[derive(Serialize, ToSchema)]
pub(crate) struct MovePreview {
    /// Moves that would be made.
    to_move: u64,
    /// Moves that were made before: the device has the license and the user does not.
    already_moved: u64,
    /// Moves that would be refused.
    refused: u64,
    /// The first of those, at most 100.
    refused_moves: Vec<RefusedMove>,
    /// Whether there are enough licenses for all of it.
    enough_licenses: bool,
    /// What each asset needs.
    assets: Vec<MoveNeed>,
    /// Licenses that are left out, as no device can have them or they can never be taken back.
    left_out: Vec<LeftOut>,
    /// What people will see on the devices, by what is known of them.
    prompts: Vec<MovePrompts>,
    /// Whether nobody will see anything; null when not enough is known of the devices.
    silent: Option<bool>,
    /// What speaks against it.
    lint: LintView,
    /// What should be known about how it was understood.
    notes: Vec<String>,
}

/// A move that would be refused.
#[derive(Serialize, ToSchema)]
pub(crate) struct RefusedMove {
    /// The product's number.
    adam_id: String,
    /// The quality.
    pricing_param: String,
    /// The user.
    user: String,
    /// The device.
    serial: String,
    /// The stable name of the reason.
    code: &'static str,
    /// The rule behind it.
    rule: Option<&'static str>,
    /// What it means and what to do.
    detail: &'static str,
}

/// The licenses that the moves of an asset need.
#[derive(Serialize, ToSchema)]
pub(crate) struct MoveNeed {
    /// The product's number.
    adam_id: String,
    /// The quality.
    pricing_param: String,
    /// Licenses needed beside those of the users, at the peak.
    extra_at_peak: u64,
    /// Free ones at the last sync; null for an asset without limit.
    free: Option<u64>,
    /// Whether that is enough.
    enough: bool,
    /// Licenses that come back in the end.
    freed_afterwards: u64,
}

/// Licenses that are left out.
#[derive(Serialize, ToSchema)]
pub(crate) struct LeftOut {
    /// The product's number.
    adam_id: String,
    /// The quality.
    pricing_param: String,
    /// How many.
    licenses: u64,
}

/// What people will see on some of the devices.
#[derive(Serialize, ToSchema)]
pub(crate) struct MovePrompts {
    /// How many devices.
    devices: u64,
    /// `personal` or `corporate`; null when not known.
    ownership: Option<&'static str>,
    /// Whether they are supervised; null when not known.
    supervised: Option<bool>,
    /// What is seen; null when not enough is known.
    prompts: Option<PromptsView>,
}

/// Says what a job that moves licenses from users to devices would do: what moves, what does not and why, how many licenses it
/// takes at the peak, and what people will see. Takes what `POST /api/v1/jobs` takes, and does nothing.
#[utoipa::path(post, operation_id = "preview_move", path = "/api/v1/moves/preview", tag = "jobs",
    request_body = MoveToDevicesJob,
    responses(
        (status = 200, description = "What would be done", body = MovePreview),
        (status = 422, description = "Something in the body is wrong, such as `wrong_way`",
            body = crate::problem::Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn preview(
    State(app): State<App>,
    Viewer(actor): Viewer,
    body: Body,
) -> Result<Json<MovePreview>, ApiError> {
    let wanted = Wanted::read(body.json()?, app.callbacks)?;
    drop(body);
    let mut db = app.store.read().await?;
    let token = usable(&mut db, &actor, wanted.token, |token| token.state.may_write()).await?;
    let plan = plan(&mut db, &token, &wanted).await?;
    let found = findings(&mut db, &token, &wanted, &plan).await?;
    Ok(Json(show(&wanted, &plan, &found)))
}

/// What speaks against moves: what speaks against the devices' licenses, and what only moves have.
pub(super) async fn findings(
    db: &mut Db,
    token: &Token,
    wanted: &Wanted,
    plan: &Plan,
) -> Result<Report, ApiError> {
    let key = |planned: &russet_store::moves::NewMove| Some(plan.assets.get(&planned.asset)?.key.clone());
    let mut seen = HashSet::new();
    let pairs: Vec<(AssetKey, Holder)> = plan
        .moves
        .iter()
        .filter_map(|planned| Some((key(planned)?, Holder::Device(planned.serial.clone()))))
        .filter(|pair| seen.insert(pair.clone()))
        .collect();
    let assets = plan.assets.values().map(|asset| (asset.key.clone(), asset.clone())).collect();
    // That device and user both have a license for a while is what a move is.
    let mut about = wanted.about.clone();
    about.devices.values_mut().for_each(|device| device.user = None);
    let mut found = report(db, token, Action::Assign, &Pairs { pairs, assets }, &about, Depth::Notes).await?;
    for planned in &plan.moves {
        if planned.first == First::Refuse("not_revocable")
            && let Some(key) = key(planned)
        {
            let holder = Holder::User(planned.user.clone());
            found.add(Kind::NotRevocable, || Subject { asset: Some(key), holder: Some(holder) });
        }
    }
    if wanted.required != Some(true) && plan.moves.iter().any(|planned| planned.first == First::Plan) {
        found.add(Kind::NotSilent, || Subject { asset: None, holder: None });
    }
    let mut devices: BTreeMap<&str, usize> = BTreeMap::new();
    for (user, _) in &wanted.moves {
        *devices.entry(user).or_default() += 1;
    }
    for (user, _) in devices.into_iter().filter(|(_, count)| *count > DEVICES_MAX) {
        let holder = Some(Holder::User(user.to_owned()));
        found.add(Kind::ManyDevices, || Subject { asset: None, holder });
    }
    Ok(found)
}

fn show(wanted: &Wanted, plan: &Plan, found: &Report) -> MovePreview {
    let count = |is: fn(&First) -> bool| wide(plan.moves.iter().filter(|planned| is(&planned.first)).count());
    let prompts = seen_on_devices(wanted, plan);
    let silent = silent(wanted, &prompts);
    MovePreview {
        to_move: count(|first| matches!(first, First::Plan)),
        already_moved: count(|first| matches!(first, First::AlreadyDone)),
        refused: count(|first| matches!(first, First::Refuse(_))),
        refused_moves: plan
            .moves
            .iter()
            .filter_map(|planned| refused(plan, planned))
            .take(REFUSED_MAX)
            .collect(),
        enough_licenses: plan.needs.iter().all(Need::is_met),
        assets: plan.needs.iter().map(MoveNeed::from).collect(),
        left_out: plan.left_out.iter().map(left_out).collect(),
        prompts,
        silent,
        lint: LintView::from(found),
        notes: wanted.notes.clone(),
    }
}

fn refused(plan: &Plan, planned: &russet_store::moves::NewMove) -> Option<RefusedMove> {
    let code = match planned.first {
        First::Refuse(code) => code,
        First::Plan | First::AlreadyDone => return None,
    };
    let key = &plan.assets.get(&planned.asset)?.key;
    Some(RefusedMove {
        adam_id: key.adam_id.clone(),
        pricing_param: key.pricing.as_str().to_owned(),
        user: planned.user.clone(),
        serial: planned.serial.clone(),
        code,
        rule: rule_of(code),
        detail: apple_error::sentence(code),
    })
}

impl From<&Need> for MoveNeed {
    fn from(need: &Need) -> Self {
        Self {
            adam_id: need.key.adam_id.clone(),
            pricing_param: need.key.pricing.as_str().to_owned(),
            extra_at_peak: need.extra,
            free: need.free,
            enough: need.is_met(),
            freed_afterwards: need.freed,
        }
    }
}

fn left_out((key, licenses): &(AssetKey, u64)) -> LeftOut {
    let pricing_param = key.pricing.as_str().to_owned();
    LeftOut { adam_id: key.adam_id.clone(), pricing_param, licenses: *licenses }
}

/// The devices that would get a license, by what is known of them.
fn seen_on_devices(wanted: &Wanted, plan: &Plan) -> Vec<MovePrompts> {
    let moving: HashSet<&str> = plan
        .moves
        .iter()
        .filter(|planned| planned.first == First::Plan)
        .map(|planned| planned.serial.as_str())
        .collect();
    let mut groups: BTreeMap<Kept, u64> = BTreeMap::new();
    for serial in moving {
        *groups.entry(Kept::of(&wanted.about, serial)).or_default() += 1;
    }
    groups.into_iter().map(|(kept, devices)| kept.shown(devices)).collect()
}

/// What is known of a device, as far as prompts depend on it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Kept {
    ownership: Option<Ownership>,
    supervised: Option<bool>,
    kiosk: bool,
    user_enrollment: bool,
}

impl Kept {
    fn of(about: &About, serial: &str) -> Self {
        let device = about.devices.get(serial);
        Self {
            ownership: device.and_then(|device| device.ownership),
            supervised: device.and_then(|device| device.supervised),
            kiosk: device.and_then(|device| device.kiosk).unwrap_or(false),
            user_enrollment: device
                .and_then(|device| device.enrollment)
                .is_some_and(russet_domain::lint::Enrollment::takes_user_licenses_only),
        }
    }

    fn prompts(self) -> Option<Prompts> {
        // A personal device's row does not ask whether it is supervised.
        let supervised = match (self.ownership?, self.supervised) {
            (_, Some(supervised)) => supervised,
            (Ownership::Personal, None) if !self.kiosk => false,
            (Ownership::Personal | Ownership::Corporate, None) => return None,
        };
        Some(prompts(Case {
            ownership: self.ownership?,
            supervised,
            license: LicenseKind::Device,
            kiosk: self.kiosk,
            user_enrollment: self.user_enrollment,
        }))
    }

    fn shown(self, devices: u64) -> MovePrompts {
        MovePrompts {
            devices,
            ownership: self.ownership.map(Ownership::as_str),
            supervised: self.supervised,
            prompts: self.prompts().map(PromptsView::from),
        }
    }
}

/// Silent is only what is required and shows no prompt (conflict C-8: only with the Required intent).
fn silent(wanted: &Wanted, seen: &[MovePrompts]) -> Option<bool> {
    if wanted.required == Some(false) {
        return Some(false);
    }
    let mut all = wanted.required.map(|_| true);
    for group in seen {
        match group.prompts.as_ref().map(PromptsView::is_silent) {
            Some(Some(true)) => {}
            Some(Some(false)) => return Some(false),
            Some(None) | None => all = None,
        }
    }
    all
}
