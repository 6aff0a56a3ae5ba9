//! A private Redis that can be stopped, killed, frozen and started again.

use std::ffi::OsString;
use std::path::Path;

use tempfile::TempDir;

use crate::address::Address;
use crate::error::ServicesError;
use crate::install;
use crate::port;
use crate::redis_probe;
use crate::watchdog::{Server, Watchdog};

const NAME: &str = "Redis";
const PORT_TRIES: usize = 3;

/// How a private Redis is set up. The default keeps nothing over a restart and takes any free port.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RedisOptions {
    /// Whether it writes an append-only file, and so knows its data again after a restart.
    pub append_only: bool,
    /// The port to use; none takes a free one.
    pub port: Option<u16>,
    /// More arguments for the server, such as `["--maxmemory", "4mb"]`.
    pub arguments: Vec<String>,
}

/// A Redis or Valkey on 127.0.0.1 with its files in a temporary directory.
///
/// It keeps its port and its files over [`stop`](Self::stop) and [`start_again`](Self::start_again). Dropping it stops
/// it and removes its files. The same happens when this process ends in any other way.
#[derive(Debug)]
pub struct PrivateRedis {
    url: String,
    port: u16,
    watchdog: Watchdog,
}

impl PrivateRedis {
    /// Starts a server and waits until it answers, which takes some tens of milliseconds.
    ///
    /// # Errors
    ///
    /// When neither Redis nor Valkey is installed nor can be (see [`Services::find`](crate::Services::find)), or it does not start: the message holds the end of its log.
    pub fn start(options: &RedisOptions) -> Result<Self, ServicesError> {
        let program = install::redis_program()?;
        let directory = TempDir::with_prefix("russet-redis-")
            .map_err(ServicesError::io("create a temporary directory for Redis"))?;
        let server = Server {
            command: server_command(&program, directory.path(), options),
            ending: "TERM",
            user: None,
        };
        let mut watchdog = Watchdog::new(directory, &server)?;
        let mut tries = 1;
        loop {
            let port = options.port.map_or_else(port::free, Ok)?;
            let url = format!("redis://127.0.0.1:{port}");
            match watchdog.start(NAME, port, &|directory| answers(&url, directory)) {
                Ok(()) => return Ok(Self { url, port, watchdog }),
                // Somebody else may have taken the port between our look and the server's.
                Err(ServicesError::NotStarted { .. }) if options.port.is_none() && tries < PORT_TRIES => {
                    tries += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Its address, the same over restarts.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its port on 127.0.0.1, the same over restarts.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where its files are, until it is dropped.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.watchdog.directory()
    }

    /// What it printed so far, over all its starts.
    #[must_use]
    pub fn log(&self) -> String {
        self.watchdog.log()
    }

    /// Ends the server in order (SIGTERM) and waits for it. Does nothing to one that has ended.
    ///
    /// # Errors
    ///
    /// Only when its watchdog has gone.
    pub fn stop(&mut self) -> Result<(), ServicesError> {
        self.watchdog.end()
    }

    /// Ends the server at once (SIGKILL), as a crash would. Does nothing to one that has ended.
    ///
    /// # Errors
    ///
    /// Only when its watchdog has gone.
    pub fn kill(&mut self) -> Result<(), ServicesError> {
        self.watchdog.kill()
    }

    /// Starts the server again on its port with its files, and waits until it answers. Ends it first if it runs.
    ///
    /// # Errors
    ///
    /// When it does not start, for example because another program took its port meanwhile.
    pub fn start_again(&mut self) -> Result<(), ServicesError> {
        self.watchdog.end()?;
        let url = &self.url;
        self.watchdog.start(NAME, self.port, &|directory| answers(url, directory))
    }

    /// Makes the server stall: connections stay open, and nothing answers until [`thaw`](Self::thaw).
    ///
    /// # Errors
    ///
    /// Only when its watchdog has gone.
    pub fn freeze(&mut self) -> Result<(), ServicesError> {
        self.watchdog.freeze()
    }

    /// Lets a frozen server go on.
    ///
    /// # Errors
    ///
    /// Only when its watchdog has gone.
    pub fn thaw(&mut self) -> Result<(), ServicesError> {
        self.watchdog.thaw()
    }

    /// Sends one command, such as `&["FLUSHALL"]`, over a connection of its own. Gives the answer as text, the items of
    /// a list a line each.
    ///
    /// # Errors
    ///
    /// When the server does not answer within five seconds, or answers with an error.
    pub fn command(&self, words: &[&str]) -> Result<String, ServicesError> {
        let refused = |why| ServicesError::Command { address: self.url.clone(), why };
        let address = Address::redis(&self.url).map_err(refused)?;
        redis_probe::command(&address, words).map_err(refused)
    }
}

fn server_command(program: &Path, directory: &Path, options: &RedisOptions) -> Vec<OsString> {
    let append_only = if options.append_only { "yes" } else { "no" };
    let mut command: Vec<OsString> = vec![program.into(), "--dir".into(), directory.into()];
    command.extend(["--bind", "127.0.0.1", "--save", "", "--appendonly", append_only].map(OsString::from));
    command.extend(options.arguments.iter().map(OsString::from));
    command.push("--port".into());
    command
}

/// Whether the server that answers is the one whose files are in this directory.
fn answers(url: &str, directory: &Path) -> bool {
    let Ok(address) = Address::redis(url) else {
        return false;
    };
    let answer = redis_probe::command(&address, &["CONFIG", "GET", "dir"]);
    let theirs = answer.ok().and_then(|answer| Path::new(answer.strip_prefix("dir\n")?).canonicalize().ok());
    theirs.is_some() && theirs == directory.canonicalize().ok()
}
