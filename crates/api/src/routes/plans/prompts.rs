//! What people see of the licenses that a plan gives.

use std::collections::HashMap;

use russet_domain::prompts::{Prompts, prompts};
use russet_domain::{AssetId, Holder};
use russet_store::Db;
use russet_store::directory::cases;
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::ApiError;

/// Licenses that are given, by what people see when the app is installed (rule S-39). A user's license counts once for each of his
/// enrolled devices.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = PlannedPrompts)]
pub(crate) struct PromptsView {
    /// Nobody sees anything.
    silent: u64,
    /// Somebody is invited to the organization's program.
    invitation: u64,
    /// Somebody is asked whether the app may be installed.
    install: u64,
    /// Somebody is asked to sign in with an Apple Account.
    sign_in: u64,
    /// It works badly or not at all; `POST /api/v1/prompts` and the lint say why.
    not_recommended: u64,
    /// The directory does not know enough of the device.
    unknown: u64,
}

impl PromptsView {
    /// Counts what is seen of these licenses.
    pub(super) async fn count<'a>(
        db: &mut Db,
        assigns: impl Iterator<Item = &'a (AssetId, Holder)>,
    ) -> Result<Self, ApiError> {
        let mut licenses: HashMap<&Holder, u64> = HashMap::new();
        for (_, holder) in assigns {
            *licenses.entry(holder).or_default() += 1;
        }
        let holders: Vec<&Holder> = licenses.keys().copied().collect();
        let mut view = Self::default();
        let found = cases(db, &holders).await?;
        let known: std::collections::HashSet<&Holder> = found.iter().map(|(holder, _)| holder).collect();
        view.unknown += licenses
            .iter()
            .filter(|(holder, _)| !known.contains(*holder))
            .map(|(_, count)| count)
            .sum::<u64>();
        for (holder, case) in &found {
            let count = licenses.get(holder).copied().unwrap_or(0);
            match case.map(prompts) {
                Some(Prompts::Shown(shown)) => {
                    view.silent += if shown.is_silent() { count } else { 0 };
                    view.invitation += if shown.invite { count } else { 0 };
                    view.install += if shown.install { count } else { 0 };
                    view.sign_in += if shown.apple_id { count } else { 0 };
                }
                Some(Prompts::NotRecommended { .. } | Prompts::Impossible { .. }) => {
                    view.not_recommended += count;
                }
                Some(Prompts::Unstated { .. }) | None => view.unknown += count,
            }
        }
        Ok(view)
    }
}
