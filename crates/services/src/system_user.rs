//! Knows who we are, and who runs PostgreSQL when we are root.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::ServicesError;
use crate::programs;

/// Another user of this system, and the program that runs things as that user.
#[derive(Debug)]
pub(crate) struct SystemUser {
    pub(crate) user_id: u32,
    pub(crate) group_id: u32,
    name: &'static str,
    switch: Switch,
}

#[derive(Debug)]
enum Switch {
    Setpriv(PathBuf),
    Runuser(PathBuf),
    Su(PathBuf),
}

/// Who PostgreSQL is to run as: `None` is ourselves, which only root must not.
pub(crate) fn for_postgres() -> Result<Option<SystemUser>, ServicesError> {
    if !is_root() {
        return Ok(None);
    }
    let switch = programs::on_path("setpriv")
        .map(Switch::Setpriv)
        .or_else(|| programs::on_path("runuser").map(Switch::Runuser))
        .or_else(|| programs::on_path("su").map(Switch::Su))
        .ok_or(ServicesError::NobodyToRunAs { missing: "none of setpriv, runuser and su is installed" })?;
    for name in ["postgres", "nobody"] {
        if let (Some(user_id), Some(group_id)) = (id("-u", Some(name)), id("-g", Some(name))) {
            return Ok(Some(SystemUser { user_id, group_id, name, switch }));
        }
    }
    Err(ServicesError::NobodyToRunAs { missing: "neither the user postgres nor nobody exists" })
}

/// Whether we are root.
pub(crate) fn is_root() -> bool {
    id("-u", None) == Some(0)
}

/// The name of the current user, if it has one.
pub(crate) fn current_name() -> Option<String> {
    let output = Command::new("id").arg("-un").output().ok()?;
    let name = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !name.is_empty()).then_some(name)
}

/// The command that runs a program as the user, or as ourselves.
pub(crate) fn command(user: Option<&SystemUser>, program: &Path, arguments: &[OsString]) -> Command {
    let Some(user) = user else {
        let mut command = Command::new(program);
        command.args(arguments);
        return command;
    };
    let mut command = match &user.switch {
        Switch::Setpriv(setpriv) => {
            let mut command = Command::new(setpriv);
            command
                .arg(format!("--reuid={}", user.user_id))
                .arg(format!("--regid={}", user.group_id))
                .args(["--init-groups", "--"]);
            command
        }
        Switch::Runuser(runuser) => {
            let mut command = Command::new(runuser);
            command.args(["-u", user.name, "--"]);
            command
        }
        Switch::Su(su) => {
            let mut command = Command::new(su);
            command.args(["-s", "/bin/sh", "-c", r#"exec "$@""#, "--", user.name, "sh"]);
            command
        }
    };
    command.arg(program).args(arguments);
    command
}

fn id(what: &str, name: Option<&str>) -> Option<u32> {
    let output = Command::new("id").arg(what).args(name).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}
