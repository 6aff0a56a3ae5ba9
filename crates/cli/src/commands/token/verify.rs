//! Checks the files of a hand-over: that the summary is signed, and that the files are those that it tells of.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use clap::Args;
use ring::signature::{ED25519, UnparsedPublicKey};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::error::CliError;
use crate::print;

/// The largest summary that is read; one of ten thousand assets has two megabytes.
const SUMMARY_MAX_BYTES: u64 = 64 * 1024 * 1024;
/// The largest file of a signature; real ones have some hundred bytes.
const SIGNATURE_MAX_BYTES: u64 = 64 * 1024;
/// The most files that a summary may tell of.
const FILES_MAX: usize = 16;

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The directory with the files of a hand-over.
    directory: PathBuf,
    /// The public key of the installation, as `GET /api/v1/installation` tells it. Without it the key that lies beside the
    /// files is used, which shows that they belong together and not whose they are.
    #[arg(long, value_name = "BASE64")]
    key: Option<String>,
    /// Print JSON for programs.
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn run(args: &VerifyArgs) -> Result<(), CliError> {
    let verified = check(&args.directory, args.key.as_deref())?;
    if args.json {
        print::json(&verified.json());
        return Ok(());
    }
    verified.print(&args.directory);
    if verified.key_was_given {
        print::line("the files are complete, and signed with the key that was given");
    } else {
        print::line(
            "the files are complete, and signed with the key above; compare it with that of the installation",
        );
    }
    Ok(())
}

/// What was found in a directory whose files are in order.
#[derive(Debug)]
pub(super) struct Verified {
    pub(super) public_key: String,
    pub(super) key_was_given: bool,
    pub(super) installation: String,
    pub(super) job: i64,
    pub(super) signed_at: String,
    pub(super) licenses: u64,
    pub(super) assets: usize,
}

#[derive(Deserialize)]
struct Signature {
    algorithm: String,
    file: String,
    public_key: String,
    signature: String,
}

#[derive(Deserialize)]
struct Summary {
    format: String,
    job: i64,
    signed_at: String,
    installation: Installation,
    licenses: u64,
    assets: Vec<serde::de::IgnoredAny>,
    files: Vec<Listed>,
}

#[derive(Deserialize)]
struct Installation {
    id: String,
}

#[derive(Deserialize)]
struct Listed {
    name: String,
    bytes: u64,
    sha256: String,
}

/// Checks a directory.
///
/// # Errors
/// When anything is missing, damaged or signed by somebody else, naming the file.
pub(super) fn check(directory: &Path, key: Option<&str>) -> Result<Verified, CliError> {
    let text = read(&directory.join("signature.json"), SIGNATURE_MAX_BYTES)?;
    let signature: Signature = parse("signature.json", &text)?;
    if signature.algorithm != "ed25519" || signature.file != "summary.json" {
        return Err(bad("signature.json", "it is no Ed25519 signature of summary.json"));
    }
    let public_key = key.unwrap_or(&signature.public_key).trim().to_owned();
    let summary = read(&directory.join("summary.json"), SUMMARY_MAX_BYTES)?;
    let decode = |text: &str| {
        BASE64_STANDARD.decode(text).map_err(|_| bad("signature.json", "a key or signature is not base64"))
    };
    UnparsedPublicKey::new(&ED25519, decode(&public_key)?)
        .verify(&summary, &decode(&signature.signature)?)
        .map_err(|_| bad("summary.json", "it was changed after it was signed, or signed with another key"))?;
    let summary: Summary = parse("summary.json", &summary)?;
    if summary.format != "russet-hand-over/1" {
        return Err(bad("summary.json", "its format is not known to this version"));
    }
    if summary.files.len() > FILES_MAX {
        return Err(bad("summary.json", "it tells of too many files"));
    }
    summary.files.iter().try_for_each(|listed| compare(directory, listed))?;
    Ok(Verified {
        public_key,
        key_was_given: key.is_some(),
        installation: summary.installation.id,
        job: summary.job,
        signed_at: summary.signed_at,
        licenses: summary.licenses,
        assets: summary.assets.len(),
    })
}

fn compare(directory: &Path, listed: &Listed) -> Result<(), CliError> {
    let name = listed.name.as_str();
    // A name that leads elsewhere is none that a hand-over has.
    if name.is_empty() || !name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '.') {
        return Err(bad("summary.json", "it tells of a file with a strange name"));
    }
    let path = directory.join(name);
    let cannot = |error: std::io::Error| bad(name, &error.to_string());
    let mut file = File::open(&path).map_err(cannot)?;
    let (mut hash, mut bytes, mut buffer) = (Sha256::new(), 0_u64, vec![0; 64 * 1024]);
    loop {
        let read = file.read(&mut buffer).map_err(cannot)?;
        if read == 0 {
            break;
        }
        hash.update(&buffer[..read]);
        bytes += read as u64;
    }
    let found: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    if bytes == listed.bytes && found == listed.sha256 {
        Ok(())
    } else {
        let why = format!("it is not the file that was signed: {bytes} bytes in place of {}", listed.bytes);
        Err(bad(name, &why))
    }
}

fn read(path: &Path, most: u64) -> Result<Vec<u8>, CliError> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let size = fs::metadata(path).map_err(|error| bad(&name, &error.to_string()))?.len();
    if size > most {
        return Err(bad(&name, "it is too large to be one"));
    }
    fs::read(path).map_err(|error| bad(&name, &error.to_string()))
}

fn parse<T: serde::de::DeserializeOwned>(name: &str, text: &[u8]) -> Result<T, CliError> {
    serde_json::from_slice(text).map_err(|error| bad(name, &format!("it cannot be read: {error}")))
}

fn bad(name: &str, why: &str) -> CliError {
    CliError::Failed(format!("{name} is not in order: {why}"))
}
