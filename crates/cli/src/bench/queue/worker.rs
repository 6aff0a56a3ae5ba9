//! The worker that is measured, in a process of its own: its handler does nothing but count, or note the time.
//!
//! It speaks to the driver in lines of JSON on its standard output, and works until its standard input ends.

use std::io::Read as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use clap::Args;
use russet_config::LogSettings;
use russet_queue::{AnyJob, Claim, Ending, Handler, Queue, WorkerName, WorkerSettings};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::super::cpu;
use super::open;
use crate::clock::now_us;
use crate::error::{CliError, failed};
use crate::{logs, print};

/// The most handler starts that are noted.
const STARTS_MAX: usize = 100_000;
/// How often it is looked whether the last ends are written down.
const LOOK_EVERY: Duration = Duration::from_millis(1);
const LOOKS_MAX: usize = 60_000;

#[derive(Debug, Args)]
pub(crate) struct WorkerArgs {
    #[arg(long)]
    url: String,
    #[arg(long)]
    prefix: String,
    #[arg(long)]
    concurrency: usize,
    /// Say when so many messages have ended; without it, note when each was started.
    #[arg(long)]
    drain: Option<u64>,
}

/// What the worker says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Said {
    /// It is about to take messages.
    Ready,
    /// The backlog is handled, and all ends are written down.
    Drained(Drained),
    /// Which messages it started when, in microseconds since 1970.
    Starts(Vec<(u64, i64)>),
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Drained {
    /// From the first handler's start to the last end.
    pub(super) seconds: f64,
    /// How long this process has worked since it was ready.
    pub(super) cpu_us: f64,
}

pub(crate) async fn run(args: WorkerArgs) -> Result<(), CliError> {
    logs::start(&LogSettings::default())?;
    let queue = open(&args.url, &args.prefix).await?;
    let stop = CancellationToken::new();
    let seen = Arc::new(Seen::new(args.drain));
    let settings = WorkerSettings { concurrency: args.concurrency, ..WorkerSettings::default() };
    let cpu = cpu_us();
    say(&Said::Ready);
    let handler = Count { seen: Arc::clone(&seen) };
    let work =
        russet_queue::run(queue.clone(), WorkerName::of_this_process(), handler, settings, stop.clone());
    let working = tokio::spawn(work);
    stop_with_driver(stop.clone());
    if args.drain.is_some() {
        tokio::select! {
            () = seen.enough.notified() => {}
            () = stop.cancelled() => {}
        }
        wait_for_ends(&queue).await?;
        let seconds = seen.first.get().map_or(0.0, |first| first.elapsed().as_secs_f64());
        say(&Said::Drained(Drained { seconds, cpu_us: cpu_us() - cpu }));
    }
    working.await.map_err(failed)?.map_err(failed)?;
    if args.drain.is_none() {
        say(&Said::Starts(seen.starts()));
    }
    Ok(())
}

fn say(said: &Said) {
    print::json(said);
}

/// However the driver ends, our standard input ends with it. A thread of our own, because tokio's would keep this
/// process alive after an error.
fn stop_with_driver(stop: CancellationToken) {
    std::thread::spawn(move || {
        let _ = std::io::stdin().read(&mut [0; 1]);
        stop.cancel();
    });
}

async fn wait_for_ends(queue: &Queue) -> Result<(), CliError> {
    for _ in 0..LOOKS_MAX {
        // As many as the worker may hold, so that none hides behind one that just ended.
        if queue.running(1_000).await.map_err(failed)?.is_empty() {
            return Ok(());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Err(CliError::Failed("the last ends were not written down".to_owned()))
}

fn cpu_us() -> f64 {
    cpu::seconds(std::process::id()) * 1e6
}

/// What the handler has seen.
struct Seen {
    wanted: Option<u64>,
    handled: AtomicU64,
    first: OnceLock<Instant>,
    enough: Notify,
    starts: Mutex<Vec<(u64, i64)>>,
}

impl Seen {
    fn new(wanted: Option<u64>) -> Self {
        Self {
            wanted,
            handled: AtomicU64::new(0),
            first: OnceLock::new(),
            enough: Notify::new(),
            starts: Mutex::default(),
        }
    }

    fn count(&self, wanted: u64) {
        let handled = self.handled.fetch_add(1, Ordering::Relaxed) + 1;
        if handled == 1 {
            let _ = self.first.set(Instant::now());
        }
        if handled == wanted {
            self.enough.notify_one();
        }
    }

    fn note(&self, claim: &Claim) {
        let now = now_us();
        let AnyJob::ReadNotifications(job) = &claim.job else { return };
        let mut starts = self.starts.lock().unwrap_or_else(PoisonError::into_inner);
        if starts.len() < STARTS_MAX {
            starts.push((u64::try_from(job.token.0).unwrap_or(u64::MAX), now));
        }
    }

    fn starts(&self) -> Vec<(u64, i64)> {
        std::mem::take(&mut self.starts.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[derive(Clone)]
struct Count {
    seen: Arc<Seen>,
}

impl Handler for Count {
    async fn handle(&self, claim: Claim) -> Ending {
        match self.seen.wanted {
            Some(wanted) => self.seen.count(wanted),
            None => self.seen.note(&claim),
        }
        Ending::Done
    }
}
