//! Tells by the exit code whether an address answers with success: for health checks in images without curl.

use std::time::Duration;

use clap::Args;

use crate::client;
use crate::error::{CliError, chain};

#[derive(Debug, Args)]
pub(crate) struct ProbeArgs {
    /// The address, such as http://127.0.0.1:8080/readyz.
    url: String,
}

pub(crate) async fn run(args: ProbeArgs) -> Result<(), CliError> {
    let unhealthy = |why: String| CliError::Failed(format!("{}: {why}", args.url));
    let http = client::plain(&args.url, Duration::from_secs(5)).map_err(|error| unhealthy(chain(&error)))?;
    let response = http.get(&args.url).send().await;
    let status = response.map_err(|error| unhealthy(chain(&error.without_url())))?.status();
    if status.is_success() { Ok(()) } else { Err(unhealthy(format!("answered {status}"))) }
}
