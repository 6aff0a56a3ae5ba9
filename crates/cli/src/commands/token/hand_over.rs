//! Hands a token's location over, and fetches who held what, with the signed summary.

use std::path::{Path, PathBuf};

use clap::Args;
use russet_store::hand_overs::File;
use serde_json::{Value, json};

use super::verify;
use crate::access::AccessArgs;
use crate::client::Client;
use crate::error::CliError;
use crate::follow::{self, WaitArgs};
use crate::{print, private_file, report};

#[derive(Debug, Args)]
pub(crate) struct HandOverArgs {
    /// The token's id or name.
    token: String,
    /// A new directory for the files; a token that was handed over already only has them fetched again with --job.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Fetch the files of this hand-over, and begin no other.
    #[arg(long, value_name = "ID")]
    job: Option<i64>,
    #[command(flatten)]
    wait: WaitArgs,
    #[command(flatten)]
    pub(super) access: AccessArgs,
}

pub(super) async fn run(client: &Client, args: HandOverArgs) -> Result<(), CliError> {
    // Before anything is let go of: the files must have a place.
    make_new(&args.out)?;
    let id = match args.job {
        Some(id) => id,
        None => {
            let token = super::find(client, &args.token).await?;
            let answer = client.post(&format!("tokens/{}/hand-over", token.id), &json!({})).await?;
            if args.wait.no_wait {
                return follow::submitted(client, &args.access, args.wait, answer.body).await;
            }
            follow::job_of(client, &answer.body)?.id
        }
    };
    let (job, mut value) = follow::to_the_end(client, id, args.wait, args.access.json).await?;
    if !job.has_succeeded() {
        return report::end(client, &job, &value, args.access.json).await;
    }
    for file in File::ALL {
        let path = args.out.join(file.name());
        client.download(&format!("jobs/{id}/files/{}", file.name()), &path).await?;
    }
    let verified = verify::check(&args.out, None)?;
    if args.access.json {
        value["verified"] = verified.json();
        value["directory"] = json!(args.out.display().to_string());
        print::json(&value);
    } else {
        print::line(report::sentence(&job));
        verified.print(&args.out);
    }
    Ok(())
}

/// Makes the directory. One that has anything in it is left alone: a hand-over is kept for years, and not mixed.
fn make_new(path: &Path) -> Result<(), CliError> {
    private_file::make_directory(path).map_err(|_| {
        CliError::Usage(format!("{} cannot be made; name a directory that can", path.display()))
    })?;
    let cannot = |why: String| CliError::Usage(format!("{} cannot be used: {why}", path.display()));
    let mut entries = std::fs::read_dir(path).map_err(|error| cannot(error.to_string()))?;
    match entries.next() {
        None => Ok(()),
        Some(_) => Err(cannot("it is not empty; name a new one".to_owned())),
    }
}

impl verify::Verified {
    /// What was found, for programs.
    pub(super) fn json(&self) -> Value {
        json!({
            "signature": "valid",
            "public_key": self.public_key,
            "key_was_given": self.key_was_given,
            "installation": self.installation,
            "job": self.job,
            "signed_at": self.signed_at,
            "licenses": self.licenses,
            "assets": self.assets,
        })
    }

    /// The same for people.
    pub(super) fn print(&self, directory: &Path) {
        print::facts(&[
            ("files", directory.display().to_string()),
            ("licenses", self.licenses.to_string()),
            ("assets", self.assets.to_string()),
            ("signed at", self.signed_at.clone()),
            ("installation", self.installation.clone()),
            ("public key", self.public_key.clone()),
        ]);
    }
}
