//! Decides where the data directory is when nobody said so.

use std::path::{Path, PathBuf};

/// What the default of `data_dir` depends on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// `XDG_DATA_HOME`, when it is set.
    pub xdg_data_home: Option<PathBuf>,
    /// `HOME`, when it is set.
    pub home: Option<PathBuf>,
    /// Whether this process runs as root.
    pub root: bool,
}

impl Surroundings {
    /// Those of this process.
    #[must_use]
    pub fn of_this_process() -> Self {
        let directory = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let home = directory("HOME");
        let root = runs_as_root().unwrap_or_else(|| home.as_deref() == Some(Path::new("/root")));
        Self { xdg_data_home: directory("XDG_DATA_HOME"), home, root }
    }

    /// The data directory: `$XDG_DATA_HOME/russet`, else `/var/lib/russet` for root, else `~/.local/share/russet`.
    /// Nothing when there is no home either.
    #[must_use]
    pub fn data_dir(&self) -> Option<PathBuf> {
        if let Some(xdg) = &self.xdg_data_home {
            return Some(xdg.join("russet"));
        }
        if self.root {
            return Some(PathBuf::from("/var/lib/russet"));
        }
        self.home.as_ref().map(|home| home.join(".local/share/russet"))
    }
}

/// The owner of `/proc/self` is the user this process runs as; nothing where there is no such directory.
#[cfg(unix)]
fn runs_as_root() -> Option<bool> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").ok().map(|metadata| metadata.uid() == 0)
}

#[cfg(not(unix))]
fn runs_as_root() -> Option<bool> {
    Some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_directory_follows_the_user() {
        let home = Some(PathBuf::from("/home/u"));
        let user = Surroundings { home: home.clone(), ..Surroundings::default() };
        assert_eq!(user.data_dir(), Some(PathBuf::from("/home/u/.local/share/russet")));
        let root = Surroundings { home: home.clone(), root: true, ..Surroundings::default() };
        assert_eq!(root.data_dir(), Some(PathBuf::from("/var/lib/russet")));
        let xdg = Surroundings { xdg_data_home: Some("/x".into()), home, root: true };
        assert_eq!(xdg.data_dir(), Some(PathBuf::from("/x/russet")));
        assert_eq!(Surroundings::default().data_dir(), None);
    }
}
