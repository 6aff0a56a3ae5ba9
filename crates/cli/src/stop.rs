//! Turns SIGTERM and SIGINT into an orderly stop; the second one ends the process at once.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::error::CliError;

/// The exit code after a second signal, as a shell would have it after SIGINT.
const AT_ONCE: i32 = 130;

/// A token that is cancelled by the first signal. Every server of the process watches it.
pub(crate) fn on_signals() -> Result<CancellationToken, CliError> {
    let listen = |kind| {
        signal(kind).map_err(|error| CliError::Failed(format!("signals cannot be listened for: {error}")))
    };
    let (mut terminate, mut interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    let stop = CancellationToken::new();
    let first = stop.clone();
    tokio::spawn(async move {
        either(&mut terminate, &mut interrupt).await;
        tracing::info!("stopping; a second signal stops at once");
        first.cancel();
        either(&mut terminate, &mut interrupt).await;
        tracing::warn!("stopped at once, with work under way; it is taken up again after the next start");
        std::process::exit(AT_ONCE);
    });
    Ok(stop)
}

async fn either(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
