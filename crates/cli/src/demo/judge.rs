//! Compares every license with the simulator's ledger, and sums the demo up.

use std::collections::BTreeSet;
use std::time::Duration;

use russet_domain::coalesce::Pair;
use serde_json::{Value, json};

use super::Token;
use super::apple::{Apple, Held};
use super::groups::{self, DEVICES};
use super::updates::Updated;
use crate::client::Client;
use crate::error::CliError;
use crate::print;
use crate::stack::Profile;

/// Which half of the demo is judged.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Half {
    Assigned,
    Revoked,
}

/// What a comparison found.
#[derive(Default)]
pub(super) struct Compared {
    /// Licenses that this half moved.
    pub(super) moved: usize,
    /// Licenses that somebody has who should not, or the other way round, at Apple or here.
    pub(super) mismatches: usize,
    /// The fewest requests that this half could possibly take.
    pub(super) bound: usize,
}

/// Compares what was wished, what the API says and what Apple has, license by license.
pub(super) async fn compare(
    client: &Client,
    apple: &Apple,
    tokens: &[Token],
    half: Half,
) -> std::result::Result<Compared, CliError> {
    let mut compared = Compared::default();
    for token in tokens {
        let wanted = groups::wanted(token.number);
        let (back, kept): (BTreeSet<Pair>, BTreeSet<Pair>) =
            wanted.iter().partition(|pair| groups::gives_back(pair.holder));
        let (moved, expected) = match half {
            Half::Assigned => (&wanted, &wanted),
            Half::Revoked => (&back, &kept),
        };
        let expected: BTreeSet<Held> = expected.iter().map(|pair| named(token.number, *pair)).collect();
        let at_apple = apple.held(&token.location.uid).await?;
        let here = known(client, token).await?;
        compared.moved += moved.len();
        compared.bound += groups::bound(moved);
        compared.mismatches += expected.symmetric_difference(&at_apple).count();
        compared.mismatches += expected.symmetric_difference(&here).count();
    }
    Ok(compared)
}

fn named(location: usize, pair: Pair) -> Held {
    let holder = if pair.holder < DEVICES {
        format!("d:{}", groups::serial(pair.holder))
    } else {
        format!("u:{}", groups::user(pair.holder - DEVICES))
    };
    (groups::adam_id(location, pair.asset), holder)
}

/// All licenses of a token as the API lists them.
async fn known(client: &Client, token: &Token) -> std::result::Result<BTreeSet<Held>, CliError> {
    let items = client.list("licenses", &[("token", token.id.to_string())], usize::MAX).await?;
    let text = |item: &Value, name: &str| item.get(name).and_then(Value::as_str).map(str::to_owned);
    Ok(items
        .iter()
        .filter_map(|item| {
            let device = text(item, "serial").map(|serial| format!("d:{serial}"));
            let holder = device.or_else(|| text(item, "user").map(|user| format!("u:{user}")))?;
            Some((text(item, "adam_id")?, holder))
        })
        .collect())
}

/// The demo's result.
pub(super) struct Result {
    profile: Profile,
    assigned: usize,
    revoked: usize,
    associate: u64,
    disassociate: u64,
    total: u64,
    bound_associate: usize,
    bound_disassociate: usize,
    rate_violations: u64,
    violations: u64,
    mismatches: usize,
    updated: Updated,
    seconds: f64,
}

impl Result {
    pub(super) fn new(
        profile: Profile,
        before: &Value,
        ledger: &Value,
        assigned: &Compared,
        revoked: &Compared,
        updated: Updated,
        took: Duration,
    ) -> Self {
        let count = |of: &Value, pointer: &str| of.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
        let since = |pointer: &str| count(ledger, pointer).saturating_sub(count(before, pointer));
        Self {
            profile,
            assigned: assigned.moved,
            revoked: revoked.moved,
            associate: since("/requests/associate"),
            disassociate: since("/requests/disassociate") + since("/requests/revoke"),
            total: count(ledger, "/requests/total"),
            bound_associate: assigned.bound,
            bound_disassociate: revoked.bound,
            rate_violations: count(ledger, "/violations/rate"),
            violations: count(ledger, "/violations/total"),
            mismatches: assigned.mismatches + revoked.mismatches,
            updated,
            seconds: (took.as_secs_f64() * 100.0).round() / 100.0,
        }
    }

    pub(super) fn ok(&self) -> bool {
        self.mismatches == 0 && self.violations == 0 && self.updated.ok()
    }

    /// Why it is not well.
    pub(super) fn trouble(&self) -> String {
        format!(
            "{} licenses are not where they should be, the simulator counted {} violations, and {} of {} devices have the \
             newer version with {} who declined it",
            self.mismatches,
            self.violations,
            self.updated.updated,
            self.updated.devices,
            self.updated.declined
        )
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "ok": self.ok(),
            "profile": self.profile.as_str(),
            "tokens": groups::APPS.len(),
            "assets": groups::APPS.iter().sum::<u32>(),
            "assigned": self.assigned,
            "revoked": self.revoked,
            "apple_requests": {
                "associate": self.associate,
                "disassociate": self.disassociate,
                "total": self.total,
            },
            "lower_bound": {
                "associate": self.bound_associate,
                "disassociate": self.bound_disassociate,
            },
            "one_per_pair": self.assigned + self.revoked,
            "rate_violations": self.rate_violations,
            "mismatches": self.mismatches,
            "updates": self.updated.json(),
            "seconds": self.seconds,
        })
    }

    pub(super) fn table(&self) {
        let row = |name: &str, licenses: usize, requests: u64, bound: usize| {
            [
                name.to_owned(),
                licenses.to_string(),
                requests.to_string(),
                bound.to_string(),
                licenses.to_string(),
            ]
        };
        print::table(
            ["", "licenses moved", "Apple requests", "lower bound", "one request per pair"],
            [
                row("assigned", self.assigned, self.associate, self.bound_associate),
                row("taken back", self.revoked, self.disassociate, self.bound_disassociate),
            ],
        );
        print::line("");
        print::facts(&[
            ("requests of all kinds", self.total.to_string()),
            ("rate violations", self.rate_violations.to_string()),
            ("licenses not where they should be", self.mismatches.to_string()),
            (
                "devices with the newer version",
                format!("{} of {}", self.updated.updated, self.updated.devices),
            ),
            ("people who declined it", self.updated.declined.to_string()),
            ("calls to the MDM server for that", self.updated.calls.to_string()),
            ("seconds", self.seconds.to_string()),
        ]);
    }
}
