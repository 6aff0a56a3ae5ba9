//! Keeps a private server from outliving us, by a small shell script at the other end of a pipe.
//!
//! However this process ends, the system closes its end of the pipe, and the script stops the server and removes its
//! files. The script runs in a process group of its own, so that Ctrl-C in a terminal reaches us and not the server.

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::error::{ServicesError, last_lines};
use crate::system_user::{self, SystemUser};

const SCRIPT: &str = include_str!("watchdog.sh");
/// Longer than the script gives a server to end before it kills it (10 s).
const ANSWER_PATIENCE: Duration = Duration::from_secs(20);
const START_PATIENCE: Duration = Duration::from_secs(60);
const PROBE_EVERY: Duration = Duration::from_millis(10);

/// One private server and its directory, from start to removal.
pub(crate) struct Watchdog {
    child: Child,
    words: Option<ChildStdin>,
    answers: Receiver<String>,
    directory: TempDir,
}

/// What is to be run.
pub(crate) struct Server<'a> {
    /// The program and its arguments; a port follows as the last one.
    pub(crate) command: Vec<OsString>,
    /// The signal that ends it without delay.
    pub(crate) ending: &'static str,
    pub(crate) user: Option<&'a SystemUser>,
}

impl Watchdog {
    /// Starts the script; the server starts with [`Watchdog::start`].
    pub(crate) fn new(directory: TempDir, server: &Server<'_>) -> Result<Self, ServicesError> {
        let mut arguments: Vec<OsString> = vec!["-c".into(), SCRIPT.into(), "watchdog".into()];
        arguments.push(directory.path().into());
        arguments.push(server.ending.into());
        arguments.extend(server.command.iter().cloned());
        let mut child = system_user::command(server.user, Path::new("/bin/sh"), &arguments)
            .current_dir(directory.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(ServicesError::io("start the watchdog of a private server"))?;

        let words = child.stdin.take();
        let (sender, answers) = mpsc::channel();
        if let Some(output) = child.stdout.take() {
            // A thread, because a pipe has no read with a time limit. It ends with the script.
            thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    if sender.send(line).is_err() {
                        break;
                    }
                }
            });
        }
        Ok(Self { child, words, answers, directory })
    }

    /// Starts the server on a port and waits until `ready` says that it answers. Another server may sit on that port,
    /// so `ready` must recognize ours, for which it is given the directory.
    pub(crate) fn start(
        &mut self,
        server: &'static str,
        port: u16,
        ready: &dyn Fn(&Path) -> bool,
    ) -> Result<(), ServicesError> {
        self.tell(&format!("start {port}"))?;
        let deadline = Instant::now() + START_PATIENCE;
        while Instant::now() < deadline && self.is_running()? {
            if ready(self.directory.path()) {
                return Ok(());
            }
            thread::sleep(PROBE_EVERY);
        }
        self.kill()?;
        let directory = self.directory.path().to_owned();
        Err(ServicesError::NotStarted { server, directory, said: last_lines(&self.log()) })
    }

    /// Whether the server's process exists.
    pub(crate) fn is_running(&mut self) -> Result<bool, ServicesError> {
        Ok(self.tell("alive")? == "yes")
    }

    /// Ends the server in its own orderly way, and waits for it.
    pub(crate) fn end(&mut self) -> Result<(), ServicesError> {
        self.tell("end").map(drop)
    }

    /// Ends the server with SIGKILL, and waits for it.
    pub(crate) fn kill(&mut self) -> Result<(), ServicesError> {
        self.tell("kill").map(drop)
    }

    /// Stops the server in its tracks: connections stay open and nothing answers.
    pub(crate) fn freeze(&mut self) -> Result<(), ServicesError> {
        self.tell("freeze").map(drop)
    }

    /// Lets a frozen server go on.
    pub(crate) fn thaw(&mut self) -> Result<(), ServicesError> {
        self.tell("thaw").map(drop)
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// What the server printed so far.
    pub(crate) fn log(&self) -> String {
        let bytes = fs::read(self.directory.path().join("log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn tell(&mut self, word: &str) -> Result<String, ServicesError> {
        let silent = || ServicesError::Watchdog { word: word.to_owned() };
        let words = self.words.as_mut().ok_or_else(silent)?;
        writeln!(words, "{word}").map_err(|_| silent())?;
        self.answers.recv_timeout(ANSWER_PATIENCE).map_err(|_| silent())
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        // The end of the pipe is what tells the script to clean up.
        drop(self.words.take());
        let deadline = Instant::now() + ANSWER_PATIENCE;
        while Instant::now() < deadline {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl fmt::Debug for Watchdog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watchdog").field("directory", &self.directory.path()).finish_non_exhaustive()
    }
}
