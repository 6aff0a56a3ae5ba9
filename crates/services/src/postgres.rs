//! A private PostgreSQL that lives as long as its value.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::chown;
use std::path::Path;

use tempfile::TempDir;

use crate::address::Address;
use crate::error::{ServicesError, last_lines};
use crate::install;
use crate::port;
use crate::postgres_probe::{self, PostgresAnswer};
use crate::programs::PostgresPrograms;
use crate::system_user::{self, SystemUser};
use crate::watchdog::{Server, Watchdog};

const NAME: &str = "PostgreSQL";
const PORT_TRIES: usize = 3;

/// Tests run side by side in many processes, each with a pool of its own.
const CONNECTIONS_MAX: u16 = 300;

/// For tests that never restart it.
const FLEETING: [&str; 2] = ["synchronous_commit=off", "full_page_writes=off"];

/// Commits reach the system before anybody hears of them; the system outlives the server.
const LASTING: [&str; 1] = ["synchronous_commit=on"];

/// A PostgreSQL on a free port of 127.0.0.1 that lets everybody in and syncs nothing to disk.
///
/// It keeps its port over [`stop`](Self::stop) and [`start_again`](Self::start_again), and what was committed where it
/// was started with [`start_lasting`](Self::start_lasting). Dropping it stops it and removes its files. The same happens when this process ends in any other way.
#[derive(Debug)]
pub struct PrivatePostgres {
    url: String,
    port: u16,
    watchdog: Watchdog,
}

impl PrivatePostgres {
    /// Creates a cluster in a temporary directory and starts it. Takes a second or two.
    ///
    /// As root, it runs as the system's user `postgres` (or `nobody`), because PostgreSQL refuses root.
    ///
    /// # Errors
    ///
    /// When PostgreSQL is not installed and cannot be (see [`Services::find`](crate::Services::find)), or does not start: the message holds the end of its log.
    pub fn start() -> Result<Self, ServicesError> {
        Self::start_with(&FLEETING)
    }

    /// As [`start`](Self::start), with a server that has told no one of a commit that a crash of it would lose. A crash of
    /// the machine may.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn start_lasting() -> Result<Self, ServicesError> {
        Self::start_with(&LASTING)
    }

    fn start_with(durability: &[&str]) -> Result<Self, ServicesError> {
        let programs = install::postgres_programs()?;
        let user = system_user::for_postgres()?;
        let directory = TempDir::with_prefix("russet-postgres-")
            .map_err(ServicesError::io("create a temporary directory for PostgreSQL"))?;
        if let Some(user) = &user {
            chown(directory.path(), Some(user.user_id), Some(user.group_id))
                .map_err(ServicesError::io(format!("hand {} to another user", directory.path().display())))?;
        }
        let data = directory.path().join("data");
        create_cluster(&programs, user.as_ref(), directory.path(), &data)?;

        let server = Server {
            command: server_command(&programs, &data, durability),
            ending: "QUIT",
            user: user.as_ref(),
        };
        let mut watchdog = Watchdog::new(directory, &server)?;
        let mut tries = 1;
        loop {
            let port = port::free()?;
            let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
            match watchdog.start(NAME, port, &|directory| answers(&url, directory)) {
                Ok(()) => return Ok(Self { url, port, watchdog }),
                // Somebody else may have taken the port between our look and the server's.
                Err(ServicesError::NotStarted { .. }) if tries < PORT_TRIES => tries += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// Its address, with the superuser `postgres` and the database `postgres`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its port on 127.0.0.1, the same over restarts.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Ends the server without the courtesies: all connections break, and the next start recovers as after a crash. Does
    /// nothing to one that has ended.
    ///
    /// # Errors
    ///
    /// Only when its watchdog has gone.
    pub fn stop(&mut self) -> Result<(), ServicesError> {
        self.watchdog.end()
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
}

fn create_cluster(
    programs: &PostgresPrograms,
    user: Option<&SystemUser>,
    directory: &Path,
    data: &Path,
) -> Result<(), ServicesError> {
    let mut arguments: Vec<OsString> =
        ["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "--no-sync", "-D"]
            .map(OsString::from)
            .to_vec();
    arguments.push(data.into());
    let output = system_user::command(user, &programs.initdb, &arguments)
        .current_dir(directory)
        .output()
        .map_err(ServicesError::io(format!("run {}", programs.initdb.display())))?;
    if output.status.success() {
        return Ok(());
    }
    let said = last_lines(&String::from_utf8_lossy(&output.stderr));
    Err(ServicesError::Program { program: "initdb", said })
}

fn server_command(programs: &PostgresPrograms, data: &Path, durability: &[&str]) -> Vec<OsString> {
    let settings = [
        "listen_addresses=127.0.0.1".to_owned(),
        // Nobody needs the socket, and a long temporary path would exceed what a socket's name may be.
        "unix_socket_directories=".to_owned(),
        format!("max_connections={CONNECTIONS_MAX}"),
        "fsync=off".to_owned(),
        "timezone=UTC".to_owned(),
    ];
    let mut command: Vec<OsString> = vec![programs.postgres.clone().into(), "-D".into(), data.into()];
    for setting in settings.into_iter().chain(durability.iter().map(|setting| (*setting).to_owned())) {
        command.extend(["-c".into(), setting.into()]);
    }
    command.push("-p".into());
    command
}

/// Whether the server that answers is the one whose files are in this directory: it writes there that it is ready, which
/// it only is once the port is its own.
fn answers(url: &str, directory: &Path) -> bool {
    let status = fs::read_to_string(directory.join("data/postmaster.pid")).unwrap_or_default();
    let ready = status.lines().any(|line| line.trim() == "ready");
    ready
        && Address::postgres(url).is_ok_and(|address| {
            matches!(postgres_probe::ask(&address), Ok(PostgresAnswer::Ready { may_create_databases: true }))
        })
}
