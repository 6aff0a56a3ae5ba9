//! The driver's end of a worker in a process of its own.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::Bench;
use super::worker::{Drained, Said};
use crate::error::{CliError, failed};

/// The longest that a worker may take for a backlog.
const DRAIN_MAX: Duration = Duration::from_secs(900);
/// The longest that it may take to start or to stop.
const STEP_MAX: Duration = Duration::from_secs(60);

/// What a worker is to do.
#[derive(Clone, Copy, Debug)]
pub(super) enum Role {
    /// Handle so many messages and say how long it took.
    Drain { messages: u64 },
    /// Note when each message was started.
    Pickup,
}

/// A worker. Dropping it ends it.
pub(super) struct WorkerProcess {
    child: Child,
    /// It works for as long as this is open.
    input: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
}

impl WorkerProcess {
    /// Starts a worker on the queue with this prefix and waits until it takes messages.
    pub(super) async fn start(bench: &Bench<'_>, prefix: &str, role: Role) -> Result<Self, CliError> {
        let mut command = Command::new(std::env::current_exe().map_err(failed)?);
        command.args(["bench", "queue-worker", "--url", bench.server.url(), "--prefix", prefix]);
        command.args(["--concurrency", &bench.concurrency.to_string()]);
        if let Role::Drain { messages } = role {
            command.args(["--drain", &messages.to_string()]);
        }
        let log = std::env::var("RUSSET_LOG").unwrap_or_else(|_| "warn".to_owned());
        let mut child = command
            .env("RUSSET_LOG", log)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let output = child.stdout.take().ok_or_else(gone)?;
        let input = child.stdin.take();
        let mut worker = Self { child, input, lines: BufReader::new(output).lines() };
        match worker.said(STEP_MAX).await? {
            Said::Ready => Ok(worker),
            other => Err(unexpected(&other)),
        }
    }

    /// Waits until the backlog is handled.
    pub(super) async fn drained(&mut self) -> Result<Drained, CliError> {
        match self.said(DRAIN_MAX).await? {
            Said::Drained(drained) => Ok(drained),
            other => Err(unexpected(&other)),
        }
    }

    /// Stops it, and returns which messages it started when.
    pub(super) async fn starts(mut self) -> Result<Vec<(u64, i64)>, CliError> {
        self.input = None;
        match self.said(STEP_MAX).await? {
            Said::Starts(starts) => self.stop().await.map(|()| starts),
            other => Err(unexpected(&other)),
        }
    }

    /// Stops it in order.
    pub(super) async fn stop(mut self) -> Result<(), CliError> {
        self.input = None;
        let ended = tokio::time::timeout(STEP_MAX, self.child.wait()).await;
        let status = ended.map_err(|_| late("stopped", STEP_MAX))?.map_err(failed)?;
        if status.success() { Ok(()) } else { Err(CliError::Failed(format!("the worker ended: {status}"))) }
    }

    async fn said(&mut self, patience: Duration) -> Result<Said, CliError> {
        let line = tokio::time::timeout(patience, self.lines.next_line()).await;
        let line = line.map_err(|_| late("said what was waited for", patience))?.map_err(failed)?;
        serde_json::from_str(&line.ok_or_else(gone)?).map_err(failed)
    }
}

fn gone() -> CliError {
    CliError::Failed("the worker ended before its time; what it said is above".to_owned())
}

fn late(what: &str, patience: Duration) -> CliError {
    CliError::Failed(format!("the worker had not {what} within {} s", patience.as_secs()))
}

fn unexpected(said: &Said) -> CliError {
    CliError::Failed(format!("the worker said what it should not: {said:?}"))
}
