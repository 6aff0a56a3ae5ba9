//! Makes directories and files that only their owner may read.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use crate::error::CliError;

/// Makes a directory, and those above it, with mode 0700. One that is there already is left as it is.
pub(crate) fn make_directory(path: &Path) -> Result<(), CliError> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|error| {
        CliError::Failed(format!(
            "the data directory {} cannot be made: {error}; set data_dir to one that can",
            path.display()
        ))
    })
}

/// Writes a new file with mode 0600, whole or not at all: it appears under its name once it is on the disk.
///
/// A file that is there already is never overwritten: `AlreadyExists`.
pub(crate) fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let beside = Path::new(&name);
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(beside)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    // A link, unlike a rename, does not replace what another process put there meanwhile.
    let linked = written.and_then(|()| std::fs::hard_link(beside, path));
    let _ = std::fs::remove_file(beside);
    linked
}
