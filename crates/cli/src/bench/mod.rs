//! Measures the main job against the simulator and the queue against Redis, and prints one JSON object for each
//! measurement.

mod cpu;
mod gate;
mod licenses;
mod night;
mod pace;
mod queue;
mod reconcile;
mod reports;
mod setup;
mod sync;
mod updates;

use clap::Subcommand;

use crate::error::CliError;

/// What to measure.
#[derive(Debug, Subcommand)]
pub(crate) enum BenchCommand {
    /// Submit pairs over HTTP and wait until Apple's notifications have settled all of them.
    Licenses(licenses::LicensesArgs),
    /// Walk all assignments of a location into the store.
    Sync(sync::SyncArgs),
    /// Push, claim, end and pick up messages over Redis.
    Queue(queue::QueueArgs),
    /// One token with very many changes beside thousands with a few, at the rate that Apple allows.
    Pace(pace::PaceArgs),
    /// All of thousands of tokens synced at once.
    Night(night::NightArgs),
    /// Find out who of a large organization should have what.
    Reconcile(reconcile::ReconcileArgs),
    /// A crowd of devices that wait for licenses at once.
    Gate(gate::GateArgs),
    /// Find devices with older versions, and get the newer ones onto them.
    Updates(updates::UpdatesArgs),
    /// The worker that `queue` measures.
    #[command(hide = true)]
    QueueWorker(queue::WorkerArgs),
}

pub(crate) async fn run(command: BenchCommand) -> Result<(), CliError> {
    match command {
        BenchCommand::Licenses(args) => licenses::run(args).await,
        BenchCommand::Sync(args) => sync::run(args).await,
        BenchCommand::Queue(args) => queue::run(args).await,
        BenchCommand::Pace(args) => pace::run(args).await,
        BenchCommand::Night(args) => night::run(args).await,
        BenchCommand::Reconcile(args) => reconcile::run(args).await,
        BenchCommand::Gate(args) => gate::run(args).await,
        BenchCommand::Updates(args) => updates::run(args).await,
        BenchCommand::QueueWorker(args) => queue::run_worker(args).await,
    }
}
