//! Finds the programs of installed servers.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// The programs of one PostgreSQL.
#[derive(Debug)]
pub(crate) struct PostgresPrograms {
    pub(crate) initdb: PathBuf,
    pub(crate) postgres: PathBuf,
}

/// The newest installed PostgreSQL, if there is one.
///
/// Where distributions keep versions side by side is looked at before `PATH`: a `postgres` on `PATH` may be a
/// wrapper that insists on a cluster of its own.
pub(crate) fn postgres() -> Option<PostgresPrograms> {
    postgres_folders().into_iter().find_map(|folder| {
        // Both must come from one folder, because versions do not mix.
        let initdb = program_in(&folder, "initdb")?;
        let postgres = program_in(&folder, "postgres")?;
        Some(PostgresPrograms { initdb, postgres })
    })
}

/// `psql`, for creating and dropping databases.
pub(crate) fn psql() -> Option<PathBuf> {
    postgres_folders().into_iter().find_map(|folder| program_in(&folder, "psql"))
}

/// `redis-server` or `valkey-server`.
pub(crate) fn redis() -> Option<PathBuf> {
    ["redis-server", "valkey-server"].into_iter().find_map(on_path)
}

/// A program on `PATH`, or in the folders for administrators that `PATH` may leave out.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    path_folders().into_iter().find_map(|folder| program_in(&folder, name))
}

fn path_folders() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let administrators = ["/usr/local/sbin", "/usr/sbin", "/sbin", "/opt/homebrew/bin", "/usr/local/bin"];
    env::split_paths(&path).chain(administrators.map(PathBuf::from)).collect()
}

fn postgres_folders() -> Vec<PathBuf> {
    let mut versions = Vec::new();
    for (parent, prefix) in
        [("/usr/lib/postgresql", ""), ("/usr", "pgsql-"), ("/opt/homebrew/opt", "postgresql@")]
    {
        for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let version =
                name.to_str().and_then(|name| name.strip_prefix(prefix)).and_then(|v| v.parse().ok());
            if let Some(version) = version {
                let version: u32 = version;
                versions.push((version, entry.path().join("bin")));
            }
        }
    }
    versions.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    versions.into_iter().map(|(_, folder)| folder).chain(path_folders()).collect()
}

fn program_in(folder: &Path, name: &str) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    // Links are not followed: Debian's redis-server is a link to redis-check-rdb, which looks at the name it is called by.
    let path = folder.join(name);
    let metadata = fs::metadata(&path).ok()?;
    (metadata.is_file() && metadata.permissions().mode() & 0o111 != 0).then_some(path)
}
