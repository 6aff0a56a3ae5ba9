//! Installs missing servers with apt, on Debian and as root only.

use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::error::ServicesError;
use crate::{programs, system_user};

const SCRIPT: &str = include_str!("install.sh");

/// A server that can be missing.
pub(crate) struct Installable {
    server: &'static str,
    package: &'static str,
    variable: &'static str,
}

pub(crate) const POSTGRES: Installable =
    Installable { server: "PostgreSQL", package: "postgresql", variable: "DATABASE_URL" };
pub(crate) const REDIS: Installable =
    Installable { server: "Redis", package: "redis-server", variable: "REDIS_URL" };

impl Installable {
    pub(crate) fn missing(&self) -> ServicesError {
        ServicesError::Missing { server: self.server, packages: self.package, variable: self.variable }
    }
}

/// Installs the packages of what is missing, after saying so. Takes a minute or more.
pub(crate) fn install(missing: &[Installable]) -> Result<(), ServicesError> {
    let Some(first) = missing.first() else {
        return Ok(());
    };
    let debian = Path::new("/etc/debian_version").exists() && programs::on_path("apt-get").is_some();
    if !debian || !system_user::is_root() {
        return Err(first.missing());
    }
    let packages: Vec<&str> = missing.iter().map(|server| server.package).collect();
    let names = packages.join(" ");
    let _ = writeln!(
        io::stderr(),
        "{names}: not installed. Installing with apt-get (no system service is started by this) ..."
    );
    let status = Command::new("/bin/sh")
        .args(["-c", SCRIPT, "install"])
        .args(&packages)
        .stdin(Stdio::null())
        .status()
        .map_err(ServicesError::io("run apt-get"))?;
    if status.success() {
        return Ok(());
    }
    Err(ServicesError::Install { packages: names, why: format!("apt-get ended with {status}, see above") })
}
