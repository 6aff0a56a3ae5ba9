//! The commands, one a file, and the list of them.

pub(crate) mod api;
pub(crate) mod app;
pub(crate) mod assign;
pub(crate) mod assignment;
mod audit;
mod connector;
pub(crate) mod device;
pub(crate) mod doctor;
mod drift;
mod gate;
pub(crate) mod group;
mod history;
mod install;
mod install_settings;
mod installation;
pub(crate) mod job;
pub(crate) mod key;
pub(crate) mod lint;
mod listed;
pub(crate) mod migrate;
pub(crate) mod move_license;
pub(crate) mod person;
mod pin;
mod plan;
pub(crate) mod probe;
pub(crate) mod prompts;
pub(crate) mod queue;
pub(crate) mod revoke;
pub(crate) mod serve;
pub(crate) mod simulator;
mod supply;
pub(crate) mod sync;
pub(crate) mod token;
mod update;
pub(crate) mod user;
mod waitlist;
mod why;
pub(crate) mod worker;

use std::path::Path;

use clap::Subcommand;

use crate::error::CliError;

/// What can be asked of the program.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run everything in one process: API, worker and schedule.
    Serve(serve::ServeArgs),
    /// Run the HTTP API alone, beside workers that share its database and queue.
    Api(api::ApiArgs),
    /// Run a worker alone; one of all workers also keeps the schedule.
    Worker(worker::WorkerArgs),
    /// Bring the database's tables up to date.
    Migrate(migrate::MigrateArgs),
    /// Say whether settings, database, queue, clock, Apple and key are in order, and what to do if not.
    Doctor(doctor::DoctorArgs),
    /// See the main job at work against a simulated Apple, with nothing installed.
    Demo(crate::demo::DemoArgs),
    /// Measure; see `cargo xtask bench`.
    #[command(subcommand, hide = true)]
    Bench(crate::bench::BenchCommand),
    /// Run a simulator of Apple's API, for trying things out.
    Simulator(simulator::SimulatorArgs),
    /// Tell by the exit code whether an address answers with success.
    #[command(hide = true)]
    Probe(probe::ProbeArgs),
    /// API keys; speaks to the database itself, also beside a running server.
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// Content tokens.
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Who is known to Apple at which location.
    #[command(subcommand)]
    User(user::UserCommand),
    /// Devices of the organization, as told by other systems.
    #[command(subcommand)]
    Device(device::DeviceCommand),
    /// People of the organization, as told by other systems.
    #[command(subcommand)]
    Person(person::PersonCommand),
    /// Groups of devices or people.
    #[command(subcommand)]
    Group(group::GroupCommand),
    /// Licenses that never go, whatever the policies and jobs say.
    #[command(subcommand)]
    Pin(pin::PinCommand),
    /// Which group is to have which app, and what follows when somebody leaves.
    #[command(subcommand)]
    Assignment(assignment::AssignmentCommand),
    /// Read a token's users, assets and licenses from Apple.
    Sync(sync::SyncArgs),
    /// Apps and books by name, with their counts and versions.
    #[command(subcommand)]
    App(app::AppCommand),
    /// Give licenses to devices and users.
    Assign(assign::AssignArgs),
    /// Make devices ready for apps: licenses first, and the installs only when Apple has confirmed them.
    Gate(gate::GateArgs),
    /// Which apps are on their way to which devices, and why not.
    Installs(install::InstallsArgs),
    /// Newer versions of apps: push them, see how far they are.
    #[command(subcommand)]
    Update(update::UpdateCommand),
    /// MDM servers that devices are managed by.
    #[command(subcommand)]
    Connector(connector::ConnectorCommand),
    /// What an act would do, exactly; with --apply, the act itself.
    Plan(plan::PlanArgs),
    /// Why a device or a user has an app or lacks it, and what would change that.
    Why(why::WhyArgs),
    /// Who waits for a license, in which place, and why.
    Waitlist(waitlist::WaitlistArgs),
    /// Where what Apple has differs from what should be, by class, and mending it.
    Drift(drift::DriftArgs),
    /// What is used, free and waited for, how long it lasts, and what to buy.
    Supply(supply::SupplyArgs),
    /// Which licenses changed hands, and who held what at a moment of the past.
    History(history::HistoryArgs),
    /// Who this installation is to others, and whether it changes anything at all.
    #[command(subcommand)]
    Installation(installation::InstallationCommand),
    /// Who changed what, and whether anybody altered what is written of it.
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Take licenses back.
    Revoke(revoke::RevokeArgs),
    /// Move licenses from users to their devices.
    Move(move_license::MoveArgs),
    /// Look a job through without submitting it.
    Lint(lint::LintArgs),
    /// Say what people see when an app is installed.
    Prompts(prompts::PromptsArgs),
    /// What was submitted, and how far it has got.
    #[command(subcommand)]
    Job(job::JobCommand),
    /// What waits for workers, what is dead, and why something does not run.
    #[command(subcommand)]
    Queue(queue::QueueCommand),
}

impl Command {
    /// Whether a program reads what is printed, errors included.
    pub(crate) fn wants_json(&self) -> bool {
        match self {
            Self::Serve(_)
            | Self::Api(_)
            | Self::Worker(_)
            | Self::Migrate(_)
            | Self::Simulator(_)
            | Self::Probe(_)
            | Self::Bench(_) => false,
            Self::Demo(args) => args.wants_json(),
            Self::Doctor(args) => args.json,
            Self::Key(command) => command.wants_json(),
            Self::Token(command) => command.is_json(),
            Self::User(command) => command.access().json,
            Self::Device(command) => command.access().json,
            Self::Person(command) => command.access().json,
            Self::Group(command) => command.access().json,
            Self::Assignment(command) => command.access().json,
            Self::Sync(args) => args.access.json,
            Self::App(command) => command.access().json,
            Self::Assign(args) => args.access.json,
            Self::Gate(args) => args.access.json,
            Self::Installs(args) => args.access.json,
            Self::Update(command) => command.access().json,
            Self::Connector(command) => command.access().json,
            Self::Pin(command) => command.access().json,
            Self::Plan(args) => args.access.json,
            Self::Why(args) => args.access.json,
            Self::Waitlist(args) => args.access.json,
            Self::Drift(args) => args.access.json,
            Self::Supply(args) => args.access.json,
            Self::History(args) => args.access.json,
            Self::Installation(command) => command.access().json,
            Self::Audit(command) => command.wants_json(),
            Self::Revoke(args) => args.access.json,
            Self::Move(args) => args.access.json,
            Self::Lint(args) => args.access.json,
            Self::Prompts(args) => args.json,
            Self::Job(command) => command.access().json,
            Self::Queue(command) => command.access().json,
        }
    }
}

/// Does what the command line says.
pub(crate) async fn run(command: Command, config: Option<&Path>) -> Result<(), CliError> {
    match command {
        Command::Serve(args) => serve::run(args, config).await,
        Command::Api(args) => api::run(args, config).await,
        Command::Worker(args) => worker::run(args, config).await,
        Command::Migrate(args) => migrate::run(args, config).await,
        Command::Doctor(args) => doctor::run(args, config).await,
        Command::Demo(args) => crate::demo::run(args).await,
        Command::Bench(command) => crate::bench::run(command).await,
        Command::Simulator(args) => simulator::run(args, config).await,
        Command::Probe(args) => probe::run(args).await,
        Command::Key(command) => key::run(command, config).await,
        Command::Token(command) => token::run(command, config).await,
        Command::User(command) => user::run(command, config).await,
        Command::Device(command) => device::run(command, config).await,
        Command::Person(command) => person::run(command, config).await,
        Command::Group(command) => group::run(command, config).await,
        Command::Assignment(command) => assignment::run(command, config).await,
        Command::Sync(args) => sync::run(args, config).await,
        Command::App(command) => app::run(command, config).await,
        Command::Assign(args) => assign::run(args, config).await,
        Command::Gate(args) => gate::run(args, config).await,
        Command::Installs(args) => install::run(args, config).await,
        Command::Update(command) => update::run(command, config).await,
        Command::Connector(command) => connector::run(command, config).await,
        Command::Pin(command) => pin::run(command, config).await,
        Command::Plan(args) => plan::run(args, config).await,
        Command::Why(args) => why::run(args, config).await,
        Command::Waitlist(args) => waitlist::run(args, config).await,
        Command::Drift(args) => drift::run(args, config).await,
        Command::Supply(args) => supply::run(args, config).await,
        Command::History(args) => history::run(args, config).await,
        Command::Installation(command) => installation::run(command, config).await,
        Command::Audit(command) => audit::run(command, config).await,
        Command::Revoke(args) => revoke::run(args, config).await,
        Command::Move(args) => move_license::run(args, config).await,
        Command::Lint(args) => lint::run(args, config).await,
        Command::Prompts(args) => prompts::run(&args),
        Command::Job(command) => job::run(command, config).await,
        Command::Queue(command) => queue::run(command, config).await,
    }
}
