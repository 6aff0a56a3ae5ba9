//! Creates a database for one run and drops it afterwards.

use std::fmt;
use std::process::{self, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::address::{self, Address};
use crate::error::{ServicesError, last_lines};
use crate::programs;

/// A database of its own. Dropping it drops the database and ends whatever connections are left to it.
pub struct Database {
    server: String,
    name: String,
    url: String,
}

impl Database {
    /// Runs `psql`, because a driver would be a large dependency for two statements.
    pub(crate) fn create(server: &str) -> Result<Self, ServicesError> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        // Several machines may share a server, where process numbers repeat.
        let name = format!("russet_{}_{}_{count}", process::id(), now.as_micros());
        run_sql(server, &format!("CREATE DATABASE {name}"))?;
        Ok(Self { server: server.to_owned(), url: address::with_database(server, &name), name })
    }

    /// Its address, with whatever password the server's had.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // A server that has ended took the database with it, or keeps an empty one: nothing to be done here.
        let _ = run_sql(&self.server, &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Address::without_password(&self.url))
    }
}

fn run_sql(url: &str, statement: &str) -> Result<(), ServicesError> {
    let psql = programs::psql().ok_or_else(|| ServicesError::Program {
        program: "psql",
        said: "it is not installed; install the package postgresql-client".to_owned(),
    })?;
    let address = Address::postgres(url)
        .map_err(|why| ServicesError::Command { address: Address::without_password(url), why })?;
    let query = url.split_once('?').map(|(_, query)| format!("?{query}")).unwrap_or_default();
    let mut command = Command::new(psql);
    command
        .args(["--no-psqlrc", "--no-password", "--quiet", "--set", "ON_ERROR_STOP=1", "--command", statement])
        .arg(format!("{}{query}", Address::without_password(url)))
        .stdin(Stdio::null());
    // Everybody on the machine sees arguments; the environment is ours.
    if let Some(password) = &address.password {
        command.env("PGPASSWORD", password);
    }
    let output = command.output().map_err(ServicesError::io("run psql"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = last_lines(&String::from_utf8_lossy(&output.stderr));
    Err(ServicesError::Program { program: "psql", said })
}
