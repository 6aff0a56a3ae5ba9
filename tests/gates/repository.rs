//! Reads the files of this repository.

use std::fs;
use std::path::{Path, PathBuf};

/// Folders this deep are not ours.
const DEPTH_MAX: usize = 12;

/// The top of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// A file's text; nothing for one that does not exist.
pub(crate) fn text_of(path: &Path) -> Option<String> {
    fs::read_to_string(path).ok()
}

/// The folders right below `crates/`, in order.
pub(crate) fn crates() -> Vec<PathBuf> {
    entries(&root().join("crates")).into_iter().filter(|path| path.join("Cargo.toml").exists()).collect()
}

/// Every Rust file below a folder.
pub(crate) fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    collect(folder, DEPTH_MAX, &mut files);
    files
}

/// The pages for readers: README.md, ARCHITECTURE.md, CONTRIBUTING.md and docs/*.md, as far as they exist.
pub(crate) fn pages() -> Vec<(String, String)> {
    let root = root();
    let named = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"].map(|name| root.join(name));
    let docs =
        entries(&root.join("docs")).into_iter().filter(|path| path.extension().is_some_and(|e| e == "md"));
    named
        .into_iter()
        .chain(docs)
        .filter_map(|path| Some((path.strip_prefix(&root).unwrap().display().to_string(), text_of(&path)?)))
        .collect()
}

fn collect(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) {
    assert!(depth > 0, "{} lies deeper than anything of ours", folder.display());
    for path in entries(folder) {
        if path.is_dir() {
            collect(&path, depth - 1, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}
