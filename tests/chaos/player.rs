//! One process of Russet that is killed, frozen, ended and started again.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use russet_tests::{Program, command};

use crate::report::Report;

/// How long a process may take to end after SIGTERM: its grace, and what it gives handlers and last words on top.
const END_WITHIN: Duration = Duration::from_secs(15);

/// How long after its start a process surely listens for signals.
const LISTENS_AFTER: Duration = Duration::from_secs(3);

/// What a process says last that was asked to end while it still waited for its servers.
const STOPPED_EARLY: &str = "stopped before everything was reached";

/// How much of the log of a process that ended by itself is shown.
const LOG_CHARS: usize = 1_500;

/// A process, or its place while it does not run.
pub(crate) struct Player {
    pub(crate) name: String,
    arguments: &'static str,
    environment: Vec<(String, String)>,
    logs: PathBuf,
    report: Report,
    program: Option<Program>,
    started: Instant,
}

impl Player {
    pub(crate) fn new(
        name: String,
        arguments: &'static str,
        environment: Vec<(String, String)>,
        logs: PathBuf,
        report: Report,
    ) -> Self {
        Self { name, arguments, environment, logs, report, program: None, started: Instant::now() }
    }

    /// Starts it, if it does not run. Finds it wrong if it has ended by itself: nothing that happens around it should do
    /// that.
    pub(crate) fn start(&mut self) {
        self.must_run();
        if self.program.is_none() {
            let command = command(&[self.arguments], &self.environment);
            self.program = Some(Program::start(&self.name, command, &self.logs));
            self.started = Instant::now();
        }
    }

    /// Kills it with SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.must_run();
        self.program = None;
    }

    /// Stops it in its tracks with SIGSTOP.
    pub(crate) fn freeze(&mut self) {
        self.must_run();
        if let Some(program) = &self.program {
            program.freeze();
        }
    }

    /// Lets it go on.
    pub(crate) fn thaw(&mut self) {
        if let Some(program) = &self.program {
            program.thaw();
        }
    }

    /// Asks it to end and finds it wrong if it does not within its time, or ends with an error.
    pub(crate) async fn end(&mut self) {
        self.must_run();
        // Before it listens for the signal it would end by it, which is orderly enough for one that has done nothing yet.
        tokio::time::sleep(LISTENS_AFTER.saturating_sub(self.started.elapsed())).await;
        self.must_run();
        if let Some(mut program) = self.program.take()
            && let Err(why) = program.try_terminate(END_WITHIN).await
            && !program.log().trim_end().ends_with(STOPPED_EARLY)
        {
            self.report.finding(format!("{why}; its log ends with: {}", end_of(&program.log())));
        }
    }

    /// From its next start on it has this setting.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    fn must_run(&mut self) {
        if let Some(program) = &mut self.program
            && program.has_ended()
        {
            let log = program.log();
            self.report.finding(format!(
                "{} ended by itself; its log ends with: {}",
                self.name,
                end_of(&log)
            ));
            self.report.count("ended_by_themselves", 1);
            self.program = None;
        }
    }
}

fn end_of(log: &str) -> String {
    let skipped = log.chars().count().saturating_sub(LOG_CHARS);
    log.chars().skip(skipped).collect()
}
