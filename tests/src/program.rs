//! One running process of Russet, which never outlives its story.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How long a process may take to end after it was asked to.
const GRACE: Duration = Duration::from_secs(30);

/// A process whose output goes to a file. Dropping it kills it.
pub struct Program {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Program {
    /// Starts a process; what it says is added to a file of its name.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    pub fn start(name: &str, mut command: Command, logs: &Path) -> Self {
        let log = logs.join(format!("{name}.log"));
        let open =
            || -> File { OpenOptions::new().create(true).append(true).open(&log).expect("a log file") };
        let child = command
            .stdin(Stdio::null())
            .stdout(open())
            .stderr(open())
            .spawn()
            .unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        Self { name: name.to_owned(), child, log }
    }

    /// What it is called in messages.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Everything it said so far.
    #[must_use]
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Ends it as a crash of the machine would: SIGKILL.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to end, SIGTERM, and waits until it has.
    ///
    /// # Panics
    ///
    /// When it does not end, or ends with an error.
    pub async fn terminate(&mut self) {
        self.try_terminate(GRACE).await.unwrap_or_else(|why| panic!("{why}"));
    }

    /// Asks it to end, SIGTERM, and waits until it has.
    ///
    /// # Errors
    ///
    /// When it does not end within the grace, or ends with an error, in a sentence.
    pub async fn try_terminate(&mut self, grace: Duration) -> Result<(), String> {
        self.ask_to_end();
        match self.end_within(grace).await {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(format!("{} ended with {status} after SIGTERM", self.name)),
            None => Err(format!("{} does not end within {} s after SIGTERM", self.name, grace.as_secs())),
        }
    }

    /// Asks it to end, SIGTERM, and does not wait.
    pub fn ask_to_end(&self) {
        self.signal("TERM");
    }

    /// Waits until it has ended, and says how; nothing when it has not by then.
    pub async fn end_within(&mut self, patience: Duration) -> Option<ExitStatus> {
        let start = Instant::now();
        loop {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Some(status);
            }
            if start.elapsed() >= patience {
                return None;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Stops it in the middle of whatever it does, SIGSTOP, until it is thawed or killed.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    /// Lets a frozen process go on.
    pub fn thaw(&self) {
        self.signal("CONT");
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([format!("-{signal}"), self.child.id().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "no SIG{signal} could be sent to {}", self.name);
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}
