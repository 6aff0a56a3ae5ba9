//! Finds the token files in what a person named: files, folders and zip archives, all of it bounded.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::error::CliError;

/// The largest token file that is sent; real ones have some hundred bytes.
const FILE_MAX_BYTES: u64 = 1024 * 1024;
/// The most token files that are taken at once.
const FILES_MAX: usize = 10_000;
/// The largest archive that is opened, and the most bytes that all files together may have.
const ALL_MAX_BYTES: u64 = 64 * 1024 * 1024;
/// How deep folders are gone into.
const DEPTH_MAX: usize = 8;
/// The most entries of folders and archives that are looked at.
const ENTRIES_MAX: usize = 200_000;

/// A token file that was found.
pub(super) struct Found {
    /// Where, as a person would name it.
    pub(super) place: String,
    /// Its name without the folder and the ending.
    pub(super) stem: String,
    /// Its text, or why it cannot be read.
    pub(super) content: Result<String, String>,
}

/// Whether this is a token file by itself, and not a folder or an archive of some.
pub(super) fn is_single(path: &Path) -> bool {
    !path.is_dir() && !has_ending(path, "zip")
}

/// The text of a single file. What is wrong with it, the server says.
pub(super) fn read_file(path: &Path) -> Result<String, CliError> {
    let cannot = |why: String| CliError::Usage(format!("{} cannot be read: {why}", path.display()));
    let file = File::open(path).map_err(|error| cannot(error.to_string()))?;
    text(file).map_err(cannot)
}

/// Every token file in these places, in the order of their names. In folders and archives only those that end in
/// `.vpptoken` are taken; a file that is named itself is always taken.
///
/// # Errors
/// When a place is not there or cannot be opened, or when there are more files than are taken at once.
pub(super) fn find(places: &[PathBuf]) -> Result<Vec<Found>, CliError> {
    let mut search = Search::default();
    for place in places {
        if place.is_dir() {
            search.folder(place, 0)?;
        } else if has_ending(place, "zip") {
            search.archive(place)?;
        } else {
            search.file(place)?;
        }
    }
    Ok(search.found)
}

#[derive(Default)]
struct Search {
    found: Vec<Found>,
    entries: usize,
    bytes: u64,
}

impl Search {
    fn folder(&mut self, folder: &Path, depth: usize) -> Result<(), CliError> {
        let cannot = |error: std::io::Error| usage(folder, &format!("cannot be listed: {error}"));
        if depth > DEPTH_MAX {
            return Err(usage(folder, &format!("lies more than {DEPTH_MAX} folders deep")));
        }
        let mut paths = Vec::new();
        for entry in fs::read_dir(folder).map_err(cannot)? {
            self.looked_at(folder)?;
            paths.push(entry.map_err(cannot)?.path());
        }
        paths.sort();
        for path in paths {
            // A link could lead in a circle, or anywhere.
            let kind = fs::symlink_metadata(&path).map_err(cannot)?.file_type();
            if kind.is_dir() {
                self.folder(&path, depth + 1)?;
            } else if kind.is_file() && has_ending(&path, "vpptoken") {
                self.file(&path)?;
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path) -> Result<(), CliError> {
        let content = File::open(path).map_err(|error| error.to_string()).and_then(text);
        self.take(path.display().to_string(), path, content)
    }

    /// Reads an archive. What it says of its files' sizes is not believed: reading stops at the bound.
    fn archive(&mut self, path: &Path) -> Result<(), CliError> {
        let cannot = |error: String| usage(path, &format!("cannot be opened: {error}"));
        let file = File::open(path).map_err(|error| cannot(error.to_string()))?;
        let size = file.metadata().map_err(|error| cannot(error.to_string()))?.len();
        if size > ALL_MAX_BYTES {
            return Err(cannot(format!("it is larger than {ALL_MAX_BYTES} bytes")));
        }
        let mut archive = zip::ZipArchive::new(file).map_err(|error| cannot(error.to_string()))?;
        for index in 0..archive.len() {
            self.looked_at(path)?;
            let (name, content) = match archive.by_index(index) {
                Ok(entry) if entry.is_dir() => continue,
                Ok(entry) => {
                    let Ok(name) = entry.name().map(|name| PathBuf::from(name.replace('\\', "/"))) else {
                        let why = "its name in the archive cannot be read".to_owned();
                        self.take(format!("{}:entry {index}", path.display()), path, Err(why))?;
                        continue;
                    };
                    if !has_ending(&name, "vpptoken") || is_hidden(&name) {
                        continue;
                    }
                    (name, text(entry))
                }
                // One that is encrypted, or packed in a way that is not known here.
                Err(error) => (PathBuf::from(format!("entry {index}")), Err(error.to_string())),
            };
            self.take(format!("{}:{}", path.display(), name.display()), &name, content)?;
        }
        Ok(())
    }

    fn looked_at(&mut self, place: &Path) -> Result<(), CliError> {
        self.entries += 1;
        if self.entries > ENTRIES_MAX {
            return Err(usage(place, &format!("has more than {ENTRIES_MAX} entries; name less at once")));
        }
        Ok(())
    }

    fn take(&mut self, place: String, name: &Path, content: Result<String, String>) -> Result<(), CliError> {
        self.bytes += content.as_ref().map_or(0, |text| text.len() as u64);
        if self.found.len() >= FILES_MAX || self.bytes > ALL_MAX_BYTES {
            return Err(CliError::Usage(format!(
                "more than {FILES_MAX} token files, or more than {ALL_MAX_BYTES} bytes of them; name less at once"
            )));
        }
        let stem = name.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        self.found.push(Found { place, stem, content });
        Ok(())
    }
}

/// The whole text, up to the largest size of a token file.
fn text(source: impl std::io::Read) -> Result<String, String> {
    let mut bytes = Vec::new();
    source.take(FILE_MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > FILE_MAX_BYTES {
        return Err(format!("it is larger than {FILE_MAX_BYTES} bytes, so it is no token file"));
    }
    String::from_utf8(bytes).map_err(|_| "it is not text, so it is no token file".to_owned())
}

fn has_ending(path: &Path, ending: &str) -> bool {
    path.extension().is_some_and(|found| found.eq_ignore_ascii_case(ending))
}

/// What archives of some systems carry along beside each file.
fn is_hidden(name: &Path) -> bool {
    name.components().any(|part| {
        let part = part.as_os_str().to_string_lossy();
        part == "__MACOSX" || part.starts_with("._")
    })
}

fn usage(place: &Path, what: &str) -> CliError {
    CliError::Usage(format!("{} {what}", place.display()))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn names(found: &[Found]) -> Vec<(String, bool)> {
        found.iter().map(|found| (found.stem.clone(), found.content.is_ok())).collect()
    }

    fn archive(folder: &Path, entries: &[(&str, &[u8])]) -> PathBuf {
        let path = folder.join("all.zip");
        let mut zip = zip::ZipWriter::new(File::create(&path).unwrap());
        for (name, content) in entries {
            zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            zip.write_all(content).unwrap();
        }
        zip.finish().unwrap();
        path
    }

    #[test]
    fn folders_are_gone_into_and_only_token_files_taken() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("south")).unwrap();
        fs::write(folder.path().join("north.vpptoken"), "a").unwrap();
        fs::write(folder.path().join("south/south.VPPTOKEN"), "b").unwrap();
        fs::write(folder.path().join("notes.txt"), "c").unwrap();
        std::os::unix::fs::symlink(folder.path(), folder.path().join("again")).unwrap();
        let found = find(&[folder.path().to_owned()]).unwrap();
        assert_eq!(names(&found), [("north".to_owned(), true), ("south".to_owned(), true)]);
        let named = find(&[folder.path().join("notes.txt")]).unwrap();
        assert_eq!(names(&named), [("notes".to_owned(), true)]);
        assert!(find(&[folder.path().join("gone.zip")]).is_err());
    }

    #[test]
    fn an_archive_that_blows_up_is_not_blown_up() {
        let folder = tempfile::tempdir().unwrap();
        let bomb = vec![b'A'; 3 * 1024 * 1024];
        let entries: &[(&str, &[u8])] = &[
            ("district/north.vpptoken", b"a"),
            ("__MACOSX/._north.vpptoken", b"x"),
            ("readme.txt", b"x"),
            ("bomb.vpptoken", &bomb),
            ("binary.vpptoken", b"\xff\xfe"),
        ];
        let found = find(&[archive(folder.path(), entries)]).unwrap();
        let expected = [("north", true), ("bomb", false), ("binary", false)];
        assert_eq!(names(&found), expected.map(|(name, good)| (name.to_owned(), good)));
        assert!(found[0].place.ends_with("all.zip:district/north.vpptoken"), "{}", found[0].place);
        assert!(found[1].content.as_ref().unwrap_err().contains("no token file"));
    }

    #[test]
    fn what_is_no_archive_is_said_to_be_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("all.zip");
        fs::write(&path, "not an archive").unwrap();
        let error = find(&[path]).err().unwrap().to_string();
        assert!(error.contains("all.zip cannot be opened"), "{error}");
    }
}
