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

/// A PostgreSQL on a free port of 127.0.0.1 that lets everybody in, keeps nothing, and syncs nothing to disk.
///
/// Dropping it stops it and removes its files. The same happens when this process ends in any other way.
#[derive(Debug)]
pub struct PrivatePostgres {
    url: String,
    _watchdog: Watchdog,
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

        let server =
            Server { command: server_command(&programs, &data), ending: "QUIT", user: user.as_ref() };
        let mut watchdog = Watchdog::new(directory, &server)?;
        let mut tries = 1;
        loop {
            let port = port::free()?;
            let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
            match watchdog.start(NAME, port, &|directory| answers(&url, directory)) {
                Ok(()) => return Ok(Self { url, _watchdog: watchdog }),
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

fn server_command(programs: &PostgresPrograms, data: &Path) -> Vec<OsString> {
    let settings = [
        "listen_addresses=127.0.0.1".to_owned(),
        // Nobody needs the socket, and a long temporary path would exceed what a socket's name may be.
        "unix_socket_directories=".to_owned(),
        format!("max_connections={CONNECTIONS_MAX}"),
        "fsync=off".to_owned(),
        "synchronous_commit=off".to_owned(),
        "full_page_writes=off".to_owned(),
        "timezone=UTC".to_owned(),
    ];
    let mut command: Vec<OsString> = vec![programs.postgres.clone().into(), "-D".into(), data.into()];
    for setting in settings {
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
