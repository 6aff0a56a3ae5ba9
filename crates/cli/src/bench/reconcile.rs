//! How long it takes to find out who should have what: all of a large organization with nothing to do, with some of it moved, from
//! nothing, and for one device that joins a group; then, to count where what devices have differs from that.
//!
//! Assignments are planned and not sent meanwhile, so that what is measured is the comparing and the planning; between the
//! measurements the simulator settles what was planned.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::{Value, json};

use super::reports;
use super::setup::{Setup, rounded};
use crate::error::CliError;
use crate::print;
use crate::stack::Profile;

/// How long one step may take, and how often it is looked.
const STEP_MAX: Duration = Duration::from_secs(1_800);
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How often the single member's change is looked for.
const LOOK_CLOSELY: Duration = Duration::from_millis(2);
/// How often a single member comes or goes; the median is told.
const SINGLES: usize = 11;

#[derive(Debug, Args)]
pub(crate) struct ReconcileArgs {
    #[arg(long, value_enum, default_value = "single")]
    profile: Profile,
    /// How many devices there are.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    devices: u32,
    /// How many groups of devices there are.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(2..=5_000))]
    groups: u32,
    /// How many of the groups are assigned an app each.
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=5_000))]
    assignments: u32,
    /// How many licenses are wished in all.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(100..=5_000_000))]
    wished: u32,
    /// A hundredth of everything: to see that it works.
    #[arg(long)]
    quick: bool,
}

/// The town that is built.
#[derive(Clone, Copy)]
struct Town {
    devices: usize,
    groups: usize,
    assignments: usize,
    /// Members of each group.
    members: usize,
}

impl Town {
    fn of(args: &ReconcileArgs) -> Self {
        let part = |number: u32| if args.quick { (number / 100).max(2) } else { number } as usize;
        let (devices, assignments) = (part(args.devices), part(args.assignments).min(part(args.groups)));
        let members = (part(args.wished) / assignments).clamp(1, devices - 1);
        Self { devices, groups: part(args.groups), assignments, members }
    }

    fn serial(number: usize) -> String {
        format!("B{number:09}")
    }

    /// The members of a group, `moved` further on in the row of devices.
    fn members_of(self, group: usize, moved: usize) -> Vec<String> {
        let first = group * self.devices / self.groups + moved;
        (first..first + self.members).map(|number| Self::serial(number % self.devices)).collect()
    }
}

pub(super) async fn run(args: ReconcileArgs) -> Result<(), CliError> {
    let town = Town::of(&args);
    let mut bench = Bench::start(&args, town).await?;
    bench.import_devices().await?;
    bench.build().await?;
    bench.all_at_once().await?;
    bench.settle().await?;
    bench.idle().await?;
    let moved = (town.members / 200).max(1);
    bench.one_percent(moved).await?;
    bench.settle().await?;
    bench.one_member().await?;
    bench.drift(moved).await
}

struct Bench {
    setup: Setup,
    profile: Profile,
    town: Town,
    token: i64,
}

impl Bench {
    async fn start(args: &ReconcileArgs, town: Town) -> Result<Self, CliError> {
        // Nothing but what is measured is to run.
        let settings = [
            ("RUSSET_SCHEDULE__SYNC_TOKEN", ""),
            ("RUSSET_API__BODY_MAX_BYTES", "67108864"),
            ("RUSSET_APPLE__CATALOG_RATE_PER_S", "100"),
        ];
        let rules = json!({"rate_limit": false, "latency_ms": 0, "event_delay_ms": 5, "allow_http": true});
        let mut setup = Setup::start_with(args.profile, 1, &rules, &settings).await?;
        let (uid, token) = setup.token().await?;
        let assets = json!({"generate": {"count": town.assignments, "total": town.devices}});
        setup.apple.post(&format!("/_sim/locations/{uid}/assets"), &assets).await?;
        setup.job(&json!({"kind": "sync_token", "token": token, "mode": "full"})).await?;
        Ok(Self { setup, profile: args.profile, town, token })
    }

    /// What is said of memory is the case's alone.
    fn begin(&self) -> Instant {
        self.setup.stack.forget_peaks(self.role());
        Instant::now()
    }

    fn role(&self) -> &'static str {
        match self.profile {
            Profile::Single => "serve",
            Profile::Cluster => "worker",
        }
    }

    fn tell(&self, case: &str, seconds: f64) {
        let role = self.role();
        print::json(&json!({
            "bench": "reconcile",
            "store": self.store(),
            "case": case,
            "seconds": rounded(seconds),
            "peak_mb": self.setup.stack.peak_mb(role).round(),
        }));
    }

    fn store(&self) -> &'static str {
        match self.profile {
            Profile::Single => "sqlite",
            Profile::Cluster => "postgres",
        }
    }

    async fn import_devices(&self) -> Result<(), CliError> {
        let mut rows = "serial,platform,supervised,ownership\n".to_owned();
        for number in 0..self.town.devices {
            let _ = writeln!(rows, "{},ipados,true,corporate", Town::serial(number));
        }
        let began = Instant::now();
        self.setup.client.upload("devices/import", &[], "text/csv", rows.into_bytes()).await?;
        let seconds = began.elapsed().as_secs_f64();
        print::json(&json!({
            "bench": "import_devices",
            "store": self.store(),
            "devices": self.town.devices,
            "seconds": rounded(seconds),
        }));
        Ok(())
    }

    /// Makes the groups and assigns apps to some of them, and leaves all that follows to be planned.
    async fn build(&mut self) -> Result<(), CliError> {
        self.pause("apply_changes", true).await?;
        self.pause("reconcile", true).await?;
        print::remark(format!("reconcile: {} groups of {} devices …", self.town.groups, self.town.members));
        for group in 0..self.town.groups {
            let body = json!({"name": format!("g{group}"), "kind": "devices"});
            self.setup.client.post("groups", &body).await?;
            self.replace(group, 0).await?;
        }
        for (group, app) in self.apps().await?.into_iter().enumerate().take(self.town.assignments) {
            let body = json!({
                "token": self.token, "adam_id": app, "group": format!("g{group}"), "intent": "required",
            });
            self.setup.client.post("assignments", &body).await?;
        }
        Ok(())
    }

    async fn apps(&self) -> Result<Vec<String>, CliError> {
        let query = [("token", self.token.to_string())];
        let assets = self.setup.client.list("assets", &query, self.town.assignments).await?;
        Ok(assets.iter().filter_map(|asset| asset["adam_id"].as_str().map(str::to_owned)).collect())
    }

    async fn replace(&self, group: usize, moved: usize) -> Result<(), CliError> {
        let body = json!({"members": self.town.members_of(group, moved)});
        self.setup.client.put(&format!("groups/g{group}/members"), &body).await.map(drop)
    }

    async fn pause(&self, kind: &str, paused: bool) -> Result<(), CliError> {
        let act = if paused { "pause" } else { "resume" };
        self.setup.client.post(&format!("queue/kinds/{kind}/{act}"), &json!({})).await.map(drop)
    }

    async fn all_at_once(&mut self) -> Result<(), CliError> {
        let began = self.begin();
        self.pause("reconcile", false).await?;
        self.reconciled().await?;
        self.tell("from_nothing", began.elapsed().as_secs_f64());
        Ok(())
    }

    async fn idle(&mut self) -> Result<(), CliError> {
        let began = self.begin();
        self.setup.client.post(&format!("tokens/{}/reconcile", self.token), &json!({})).await?;
        self.reconciled().await?;
        self.tell("idle", began.elapsed().as_secs_f64());
        Ok(())
    }

    /// Moves a hundredth of the members of all groups that are assigned something on, then looks at everything.
    async fn one_percent(&mut self, moved: usize) -> Result<(), CliError> {
        self.pause("apply_changes", true).await?;
        self.pause("reconcile", true).await?;
        for group in 0..self.town.assignments {
            self.replace(group, moved).await?;
        }
        self.setup.client.post(&format!("tokens/{}/reconcile", self.token), &json!({})).await?;
        let began = self.begin();
        self.pause("reconcile", false).await?;
        self.reconciled().await?;
        self.tell("one_percent", began.elapsed().as_secs_f64());
        Ok(())
    }

    /// From the request that puts a device into a group to the change that gives it the group's app.
    async fn one_member(&mut self) -> Result<(), CliError> {
        self.pause("apply_changes", true).await?;
        self.begin();
        let mut seconds = Vec::with_capacity(SINGLES);
        let moved = (self.town.members / 200).max(1);
        for single in 0..SINGLES {
            let before = self.newest_job().await?;
            let mut members = self.town.members_of(0, moved);
            members.truncate(self.town.members - 1 - single);
            let body = json!({"members": members});
            let began = Instant::now();
            self.setup.client.put("groups/g0/members", &body).await?;
            while self.newest_job().await? == before {
                if began.elapsed() > STEP_MAX {
                    return Err(CliError::Job("a single member's change was not planned".to_owned()));
                }
                tokio::time::sleep(LOOK_CLOSELY).await;
            }
            seconds.push(began.elapsed().as_secs_f64());
        }
        seconds.sort_by(f64::total_cmp);
        self.tell("one_member", seconds[SINGLES / 2]);
        Ok(())
    }

    /// Counts every class of what differs while a tenth of the licenses is of devices that tell their apps without this one.
    async fn drift(&mut self, moved: usize) -> Result<(), CliError> {
        self.settle().await?;
        let refresh = self.setup.client.post("apps/refresh", &json!({"token": self.token})).await?;
        self.ended(refresh.body["id"].as_i64().unwrap_or_default()).await?;
        let mut has: HashMap<String, Vec<String>> = HashMap::new();
        for (group, app) in self.apps().await?.into_iter().enumerate() {
            let product = self.setup.apple.look(&format!("/_sim/catalog/products/{app}")).await?;
            let bundle_id = product["bundle_id"].as_str().unwrap_or_default();
            for (place, serial) in self.town.members_of(group, moved).into_iter().enumerate() {
                if place % 10 != 0 {
                    has.entry(serial).or_default().push(bundle_id.to_owned());
                }
            }
        }
        let store = reports::open(&self.setup.stack.store_url()).await?;
        reports::tell(&store, |serial| has.get(serial).cloned().unwrap_or_default()).await?;
        let policies = format!("tokens/{}/policies", self.token);
        self.setup.client.patch(&policies, &[], &json!({"idle_days": "7"})).await?;
        let began = self.begin();
        self.setup.client.get(&format!("tokens/{}/drift", self.token), &[]).await?;
        let seconds = began.elapsed().as_secs_f64();
        let classes = reports::by_class(&store, self.token).await?;
        print::json(&json!({
            "bench": "reconcile",
            "store": self.store(),
            "case": "drift",
            "seconds": rounded(seconds),
            "classes": classes,
        }));
        Ok(())
    }

    async fn ended(&mut self, job: i64) -> Result<(), CliError> {
        let began = Instant::now();
        while !self.setup.client.get(&format!("jobs/{job}"), &[]).await?["ended_at"].is_string() {
            self.wait(began, "the stores were not read").await?;
        }
        Ok(())
    }

    async fn newest_job(&self) -> Result<i64, CliError> {
        let query = [("token", self.token.to_string()), ("limit", "1".to_owned())];
        let page = self.setup.client.get("jobs", &query).await?;
        Ok(page["items"][0]["id"].as_i64().unwrap_or(0))
    }

    /// Lets everything that is planned go to Apple, and waits until all of it is done.
    async fn settle(&mut self) -> Result<(), CliError> {
        self.pause("apply_changes", false).await?;
        let began = Instant::now();
        for state in ["queued", "running"] {
            let query = [("token", self.token.to_string()), ("state", state.to_owned())];
            while !self.setup.client.list("jobs", &query, 1).await?.is_empty() {
                self.wait(began, "what is planned is not settled").await?;
            }
        }
        print::remark(format!("reconcile: settled after {:.1} s", began.elapsed().as_secs_f64()));
        Ok(())
    }

    /// Waits until nothing is being looked at any more.
    async fn reconciled(&mut self) -> Result<(), CliError> {
        let began = Instant::now();
        loop {
            let kind = self.setup.client.get("queue/kinds/reconcile", &[]).await?;
            let count = |name: &str| kind.pointer(&format!("/{name}")).and_then(Value::as_u64).unwrap_or(0);
            if count("waiting") + count("running") == 0 {
                return Ok(());
            }
            self.wait(began, "not everything was looked at").await?;
        }
    }

    async fn wait(&mut self, began: Instant, what: &str) -> Result<(), CliError> {
        self.setup.stack.check()?;
        if began.elapsed() > STEP_MAX {
            return Err(CliError::Job(format!("{what} within {} s", STEP_MAX.as_secs())));
        }
        tokio::time::sleep(LOOK_EVERY).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::{ReconcileArgs, Town};

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        reconcile: ReconcileArgs,
    }

    #[test]
    fn a_quick_town_is_a_hundredth() {
        let line = Line::try_parse_from(["reconcile", "--quick"]).unwrap();
        let town = Town::of(&line.reconcile);
        assert_eq!((town.devices, town.groups, town.assignments, town.members), (1_000, 5, 3, 999));
        let line = Line::try_parse_from(["reconcile"]).unwrap();
        let town = Town::of(&line.reconcile);
        assert_eq!((town.assignments, town.members), (300, 3_333));
        assert_eq!(town.members_of(0, 0).len(), 3_333);
    }
}
