//! Installs missing servers with apt, on Debian and as root only.

use std::env;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::ServicesError;
use crate::programs::{self, PostgresPrograms};
use crate::system_user;

const SCRIPT: &str = include_str!("install.sh");

/// A server that can be missing.
pub(crate) struct Installable {
    server: &'static str,
    package: &'static str,
    variable: &'static str,
    is_there: fn() -> bool,
}

pub(crate) const POSTGRES: Installable = Installable {
    server: "PostgreSQL",
    package: "postgresql",
    variable: "DATABASE_URL",
    is_there: || programs::postgres().is_some(),
};
pub(crate) const REDIS: Installable = Installable {
    server: "Redis",
    package: "redis-server",
    variable: "REDIS_URL",
    is_there: || programs::redis().is_some(),
};

/// The programs of PostgreSQL, installed first if need be and possible.
pub(crate) fn postgres_programs() -> Result<PostgresPrograms, ServicesError> {
    if let Some(programs) = programs::postgres() {
        return Ok(programs);
    }
    install_missing(&[POSTGRES])?;
    programs::postgres().ok_or_else(|| POSTGRES.missing())
}

/// The program of Redis or Valkey, installed first if need be and possible.
pub(crate) fn redis_program() -> Result<PathBuf, ServicesError> {
    if let Some(program) = programs::redis() {
        return Ok(program);
    }
    install_missing(&[REDIS])?;
    programs::redis().ok_or_else(|| REDIS.missing())
}

/// Installs those of the servers whose programs are not there, after saying so. Takes nothing when all are there, else
/// a minute or more.
pub(crate) fn install_missing(servers: &[Installable]) -> Result<(), ServicesError> {
    let Some(first) = servers.iter().find(|server| !server.is_installed()) else {
        return Ok(());
    };
    let debian = Path::new("/etc/debian_version").exists() && programs::on_path("apt-get").is_some();
    if !debian || !system_user::is_root() {
        return Err(first.missing());
    }
    // Tests run side by side and would all install. Whoever comes second finds the work done.
    let lock = env::temp_dir().join("russet-install.lock");
    let lock = File::create(lock).map_err(ServicesError::io("create the lock for installing packages"))?;
    lock.lock().map_err(ServicesError::io("wait for another installation"))?;
    let missing: Vec<&str> =
        servers.iter().filter(|server| !server.is_installed()).map(|server| server.package).collect();
    if missing.is_empty() { Ok(()) } else { run_apt(&missing) }
}

impl Installable {
    fn missing(&self) -> ServicesError {
        ServicesError::Missing { server: self.server, packages: self.package, variable: self.variable }
    }

    fn is_installed(&self) -> bool {
        (self.is_there)()
    }
}

fn run_apt(packages: &[&str]) -> Result<(), ServicesError> {
    let names = packages.join(" ");
    let _ = writeln!(
        io::stderr(),
        "{names}: not installed. Installing with apt-get (no system service is started by this) ..."
    );
    let status = Command::new("/bin/sh")
        .args(["-c", SCRIPT, "install"])
        .args(packages)
        .stdin(Stdio::null())
        .status()
        .map_err(ServicesError::io("run apt-get"))?;
    if status.success() {
        return Ok(());
    }
    Err(ServicesError::Install { packages: names, why: format!("apt-get ended with {status}, see above") })
}
