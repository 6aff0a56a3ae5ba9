//! Starts a whole Russet in processes of its own, with everything it needs in a temporary directory: for the demo and
//! the benchmarks.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use russet_domain::Secret;
use russet_services::{Database, Services, Wanted};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::client::plain;
use crate::error::{CliError, failed};

/// How long a server may take until it answers.
const START_MAX: Duration = Duration::from_secs(60);

/// What a Russet is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Profile {
    /// One process with SQLite; nothing to install.
    Single,
    /// API and workers in processes of their own, with PostgreSQL and Redis.
    Cluster,
}

impl Profile {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Cluster => "cluster",
        }
    }
}

/// Which PostgreSQL and Redis a cluster uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Servers {
    /// Those that are found running, or its own.
    Any,
    /// Its own, set up as they come: what is measured must not depend on how this machine's are set up or used.
    Own,
}

/// A running Russet. Dropping it ends its processes and removes what they wrote.
pub(crate) struct Stack {
    /// Where its API is.
    pub(crate) url: String,
    /// An administrator's key.
    pub(crate) key: Secret,
    // Processes end before the servers and files that they use go away.
    processes: Vec<Process>,
    program: Program,
    _database: Option<Database>,
    services: Option<Services>,
}

/// One process.
struct Process {
    role: &'static str,
    child: Child,
}

/// How the program is started: with the same settings for every process.
struct Program {
    path: PathBuf,
    settings: Vec<(String, String)>,
    directory: TempDir,
}

impl Stack {
    /// Starts everything and waits until the API is ready.
    pub(crate) async fn start(
        profile: Profile,
        apple: &str,
        workers: usize,
        servers: Servers,
        settings: &[(&str, &str)],
    ) -> Result<Self, CliError> {
        let directory = TempDir::with_prefix("russet-").map_err(failed)?;
        let port = free_port()?;
        let url = format!("http://127.0.0.1:{port}");
        let mut program =
            Program { path: std::env::current_exe().map_err(failed)?, settings: vec![], directory };
        program.set("RUSSET_DATA_DIR", &program.directory.path().join("data").display().to_string());
        program.set("RUSSET_API__LISTEN", &format!("127.0.0.1:{port}"));
        program.set("RUSSET_API__PUBLIC_URL", &url);
        program.set("RUSSET_APPLE__BASE_URL", apple);
        program.set("RUSSET_APPLE__ALLOW_HTTP", "true");
        settings.iter().for_each(|(name, value)| program.set(name, value));
        let mut stack = match profile {
            Profile::Single => Self::single(program, url)?,
            Profile::Cluster => Self::cluster(program, url, workers, servers).await?,
        };
        stack.wait_until_ready().await?;
        if profile == Profile::Single {
            let file = stack.program.directory.path().join("data/admin.key");
            stack.key = Secret::new(std::fs::read_to_string(file).map_err(failed)?.trim());
        }
        Ok(stack)
    }

    fn single(program: Program, url: String) -> Result<Self, CliError> {
        let processes = vec![program.spawn("serve", 0)?];
        Ok(Self { url, key: Secret::new(""), processes, program, _database: None, services: None })
    }

    async fn cluster(
        mut program: Program,
        url: String,
        workers: usize,
        servers: Servers,
    ) -> Result<Self, CliError> {
        // It may start servers and wait for them.
        let found = tokio::task::spawn_blocking(move || {
            let services = match servers {
                Servers::Any => Services::find(&Wanted::BOTH)?,
                Servers::Own => Services::start_private(&Wanted::BOTH)?,
            };
            let database = services.new_database()?;
            Ok::<_, russet_services::ServicesError>((services, database))
        });
        let (services, database) = found.await.map_err(failed)?.map_err(failed)?;
        let name = program.directory.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
        program.set("RUSSET_STORE__URL", database.url());
        program.set("RUSSET_QUEUE__URL", services.redis_url().unwrap_or_default());
        program.set("RUSSET_QUEUE__PREFIX", &name.replace('.', ""));
        program.run(&["migrate", "--create-key"]).await?;
        let made = program.run(&["key", "create", "--name", "stack", "--role", "admin", "--json"]).await?;
        let made: serde_json::Value = serde_json::from_str(made.trim()).map_err(failed)?;
        let key = Secret::new(made.get("key").and_then(serde_json::Value::as_str).unwrap_or_default());
        let mut processes = vec![program.spawn("api", 0)?];
        for number in 1..=workers {
            processes.push(program.spawn("worker", number)?);
        }
        Ok(Self { url, key, processes, program, _database: Some(database), services: Some(services) })
    }

    /// Where its servers came from, in sentences.
    pub(crate) fn servers(&self) -> Vec<String> {
        self.services.as_ref().map_or_else(Vec::new, Services::description)
    }

    /// Fails when one of the processes has ended.
    pub(crate) fn check(&mut self) -> Result<(), CliError> {
        for process in &mut self.processes {
            if let Some(status) = process.child.try_wait().map_err(failed)? {
                let role = process.role;
                let log = self.program.log(role);
                return Err(CliError::Failed(format!("`russet {role}` has ended ({status}):\n{log}")));
            }
        }
        Ok(())
    }

    /// Where its database is.
    pub(crate) fn store_url(&self) -> String {
        let set = self.program.settings.iter().find(|(name, _)| name == "RUSSET_STORE__URL");
        let file = || format!("sqlite://{}", self.program.directory.path().join("data/russet.db").display());
        set.map_or_else(file, |(_, url)| url.clone())
    }

    /// The running processes of a role.
    pub(crate) fn process_ids(&self, role: &str) -> impl Iterator<Item = u32> {
        self.processes
            .iter()
            .filter(move |process| process.role == role)
            .filter_map(|process| process.child.id())
    }

    /// The most memory that any process of a role has used, in megabytes.
    pub(crate) fn peak_mb(&self, role: &str) -> f64 {
        let peaks = self.process_ids(role).filter_map(|id| {
            let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
            let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
            line.trim().trim_end_matches(" kB").parse::<f64>().ok()
        });
        peaks.fold(0.0, f64::max) / 1024.0
    }

    /// Lets the peaks be measured from here on, as far as the system can.
    pub(crate) fn forget_peaks(&self, role: &str) {
        for id in self.process_ids(role) {
            // 5 sets the highest resident size back to what it is now.
            let _ = std::fs::write(format!("/proc/{id}/clear_refs"), "5");
        }
    }

    async fn wait_until_ready(&mut self) -> Result<(), CliError> {
        let http = plain(&self.url, Duration::from_secs(5)).map_err(failed)?;
        let until = Instant::now() + START_MAX;
        loop {
            self.check()?;
            let answer = http.get(format!("{}/readyz", self.url)).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            if Instant::now() > until {
                let seconds = START_MAX.as_secs();
                return Err(CliError::Failed(format!("{} was not ready within {seconds} s", self.url)));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Program {
    fn set(&mut self, name: &str, value: &str) {
        self.settings.push((name.to_owned(), value.to_owned()));
    }

    /// The command with our settings and nobody else's.
    fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        for (name, _) in std::env::vars() {
            if name.starts_with("RUSSET_") && name != "RUSSET_LOG" {
                command.env_remove(name);
            }
        }
        command
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// Starts a server; what it logs goes to a file.
    fn spawn(&self, role: &'static str, number: usize) -> Result<Process, CliError> {
        let log = File::create(self.log_file(role, number)).map_err(failed)?;
        let mut command = self.command();
        command.arg(role).stdout(Stdio::null()).stderr(log);
        Ok(Process { role, child: command.spawn().map_err(failed)? })
    }

    /// Runs a command to its end and returns what it printed.
    async fn run(&self, args: &[&str]) -> Result<String, CliError> {
        let output = self.command().args(args).output().await.map_err(failed)?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(CliError::Failed(format!("`russet {}` failed: {}", args.join(" "), said.trim())));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn log_file(&self, role: &str, number: usize) -> PathBuf {
        self.directory.path().join(format!("{role}-{number}.log"))
    }

    /// The last lines that the first server of a role has logged.
    fn log(&self, role: &str) -> String {
        let first = if role == "worker" { 1 } else { 0 };
        last_lines(&self.log_file(role, first))
    }
}

fn last_lines(file: &Path) -> String {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let lines: Vec<&str> = text.lines().rev().take(10).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}

/// A port that was free a moment ago. Settings name the API's own address, so it has to be known before it listens.
fn free_port() -> Result<u16, CliError> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").map_err(failed)?;
    Ok(listener.local_addr().map_err(failed)?.port())
}
