//! Runs the main job from end to end against the simulator: three tokens, thousands of licenses given and taken back, a
//! newer version on 2,000 devices, and every license compared with Apple's own list.

pub(crate) mod apple;
mod groups;
mod judge;
mod show;
mod updates;
mod work;

use std::time::{Duration, Instant};

use clap::Args;
use russet_simulator::Simulator;
use serde_json::json;

use crate::client::{Client, plain};
use crate::error::{CliError, failed};
use crate::print;
use crate::stack::{Profile, Servers, Stack};
use apple::{Apple, Location};
use show::Show;

/// How many workers the cluster profile has.
const WORKERS: usize = 2;

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// What Russet is made of: one process, or PostgreSQL, Redis, an API and two workers.
    #[arg(long, value_enum, default_value = "single")]
    profile: Profile,
    /// End when the work is done, rather than stay up to be looked at.
    #[arg(long)]
    exit: bool,
    /// Print one JSON object as the last line.
    #[arg(long)]
    json: bool,
}

impl DemoArgs {
    pub(crate) fn wants_json(&self) -> bool {
        self.json
    }
}

/// A token as the demo uses it.
struct Token {
    id: i64,
    number: usize,
    location: Location,
}

pub(crate) async fn run(args: DemoArgs) -> Result<(), CliError> {
    let began = Instant::now();
    let show = Show::new();
    show.step("starting the simulator and Russet");
    let simulator = Simulator::start(russet_simulator::Settings::default()).await.map_err(failed)?;
    let settings = [
        ("RUSSET_LOG", "warn"),
        ("RUSSET_APPLE__POLL_AFTER_S", "20"),
        // As patient with virtual devices as they need.
        ("RUSSET_MDM__INSTALL_LOOK_S", "1"),
    ];
    let mut stack =
        Stack::start(args.profile, &simulator.apple_url(), WORKERS, Servers::Any, &settings).await?;
    stack.servers().iter().for_each(|server| show.remark(server));
    let http = plain(&simulator.url(), Duration::from_secs(60)).map_err(failed)?;
    let apple = Apple::new(http, simulator.url());
    let client = Client::new(&stack.url, &stack.key)?;

    apple.behave().await?;
    let mut tokens = Vec::new();
    for number in 0..groups::APPS.len() {
        let location = apple.location(number).await?;
        let id = work::upload(&client, number, &location).await?;
        tokens.push(Token { id, number, location });
    }
    show.step("reading the locations");
    work::sync(&client, &tokens).await?;
    let before = apple.ledger().await?;
    show.step("assigning");
    work::assign(&client, &tokens, &show, &mut stack).await?;
    let held = judge::compare(&client, &apple, &tokens, judge::Half::Assigned).await?;
    show.step("a newer version goes out to 2,000 devices");
    let updated = updates::push(&client, &apple, &stack.url, &tokens[0]).await?;
    show.step("taking a fifth back");
    work::revoke(&client, &tokens, &show, &mut stack).await?;
    let left = judge::compare(&client, &apple, &tokens, judge::Half::Revoked).await?;
    let ledger = apple.ledger().await?;

    let result = judge::Result::new(args.profile, &before, &ledger, &held, &left, updated, began.elapsed());
    show.done();
    if !args.json || !args.exit {
        result.table();
    }
    if !args.exit {
        stay_up(&args, &stack, &simulator, &result).await?;
    } else if args.json {
        print::json(&result.json());
    }
    simulator.stop().await;
    if result.ok() { Ok(()) } else { Err(CliError::Job(result.trouble())) }
}

/// Prints where to look and waits to be stopped.
async fn stay_up(
    args: &DemoArgs,
    stack: &Stack,
    simulator: &Simulator,
    result: &judge::Result,
) -> Result<(), CliError> {
    print::line("");
    print::facts(&[
        ("Russet's API", format!("{}/api/v1", stack.url)),
        ("its description", format!("{}/api/openapi.json", stack.url)),
        ("its metrics", format!("{}/metrics", stack.url)),
        ("an administrator's key", stack.key.reveal().to_owned()),
        ("the simulated Apple", simulator.url()),
        ("what it has seen", format!("{}/_sim/ledger", simulator.url())),
    ]);
    print::line("\nTry:");
    print::line(format!("  export RUSSET_URL={} RUSSET_KEY={}", stack.url, stack.key.reveal()));
    let program = std::env::current_exe().map_err(failed)?;
    print::line(format!("  {} token list", program.display()));
    print::line(format!("  {} job list", program.display()));
    if args.json {
        print::json(&result.json());
    }
    print::remark("Ctrl-C ends it.");
    crate::stop::on_signals()?.cancelled().await;
    Ok(())
}

/// The settings that an administrator would give with the token's file.
fn upload_body(number: usize, location: &Location) -> serde_json::Value {
    json!({
        "name": format!("Demo location {}", number + 1),
        "content": location.content,
        "consent": true,
        "account_type": "business",
        "auto_update": false,
        "take_over": false,
    })
}
