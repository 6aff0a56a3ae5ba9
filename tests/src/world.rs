//! A whole Russet beside a simulated Apple, for one story alone.

use std::fs;
use std::process::Command;
use std::time::Duration;

use reqwest::Method;
use russet_services::{Database, PrivateRedis, RedisOptions, Services, Wanted};
use tempfile::TempDir;

use crate::api::Api;
use crate::apple::Apple;
use crate::port;
use crate::program::Program;
use crate::russet::{command, russet};
use crate::setup::{KEY, Profile, Setup};
use crate::wait::eventually;

/// How often a server is tried on another port when somebody else was quicker.
const PORT_TRIES: usize = 5;

/// The setting that moves a process to another time.
const AHEAD: &str = "RUSSET_REHEARSAL__AHEAD_S";

/// Lines of each log that are shown when a story fails.
const LOG_LINES: usize = 120;

/// A simulated Apple, running processes, and a client with an administrator's key. Dropping it ends and removes all.
pub struct World {
    /// The simulated Apple.
    pub apple: Apple,
    /// The API with an administrator's key.
    pub api: Api,
    /// Which of the two it is.
    pub profile: Profile,
    workers: Vec<Program>,
    server: Option<Program>,
    started: usize,
    environment: Vec<(String, String)>,
    /// A cluster's own Redis: a story may stop it, look into it, and leave it as it likes.
    redis: Option<PrivateRedis>,
    database: Option<Database>,
    /// Kept so that servers started for this world end with it.
    services: Option<Services>,
    directory: TempDir,
}

impl World {
    /// Builds the usual world of this kind.
    pub async fn of(profile: Profile) -> Self {
        Self::start(Setup::of(profile)).await
    }

    /// Builds a world and waits until its API is ready.
    ///
    /// # Panics
    ///
    /// When any part of it does not start, with what that said.
    pub async fn start(setup: Setup) -> Self {
        Self::start_after(setup, async |_| {}).await
    }

    /// The same, with something to be done at Apple before anything of Russet starts.
    ///
    /// # Panics
    ///
    /// As [`Self::start`].
    pub async fn start_after(setup: Setup, at_apple: impl AsyncFnOnce(&Apple)) -> Self {
        let directory = TempDir::with_prefix("russet-story-").expect("a temporary directory");
        for name in ["home", "logs"] {
            fs::create_dir(directory.path().join(name)).expect("a directory");
        }
        let apple = Apple::start(setup.rules).await;
        apple.move_clock(setup.ahead).await;
        at_apple(&apple).await;
        let mut environment = setup.settings;
        let mut set = |name: &str, value: String| environment.push((name.to_owned(), value));
        set(AHEAD, setup.ahead.as_secs().to_string());
        set("HOME", directory.path().join("home").display().to_string());
        set("RUSSET_DATA_DIR", directory.path().join("data").display().to_string());
        set("RUSSET_APPLE__BASE_URL", apple.base_url());
        for kind in ["BUSINESS", "EDUCATION"] {
            set(&format!("RUSSET_APPLE__CATALOG_{kind}_URL"), apple.catalog_url());
        }
        let (mut services, mut database, mut redis) = (None, None, None);
        if setup.profile == Profile::Cluster {
            let found = Services::find(&Wanted { postgres: true, redis: false }).expect("a PostgreSQL");
            let own = found.new_database().expect("a database");
            let private = PrivateRedis::start(&RedisOptions::default()).expect("a Redis");
            set("RUSSET_STORE__URL", own.url().to_owned());
            set("RUSSET_QUEUE__URL", private.url().to_owned());
            set("RUSSET_SECRETS__KEY", KEY.to_owned());
            (services, database, redis) = (Some(found), Some(own), Some(private));
            let _ = russet(&["migrate"], &environment).good();
        }
        let mut world = Self {
            apple,
            api: Api::new("", ""),
            profile: setup.profile,
            workers: Vec::new(),
            server: None,
            started: 0,
            environment,
            redis,
            database,
            services,
            directory,
        };
        world.open(setup.called_back, setup.called_at.as_deref()).await;
        if world.profile == Profile::Cluster {
            for _ in 0..setup.workers {
                world.start_worker().await;
            }
        }
        world
    }

    /// Starts the server on a port of its own and makes a client with a key for it.
    async fn open(&mut self, called_back: bool, called_at: Option<&str>) {
        for attempt in 1.. {
            let address = format!("127.0.0.1:{}", port::free());
            let url = format!("http://{address}");
            self.environment
                .retain(|(name, _)| !matches!(&**name, "RUSSET_API__LISTEN" | "RUSSET_API__PUBLIC_URL"));
            self.environment.push(("RUSSET_API__LISTEN".to_owned(), address));
            let reachable = called_at.unwrap_or(&url);
            let public_url = if called_back { reachable.to_owned() } else { String::new() };
            self.environment.push(("RUSSET_API__PUBLIC_URL".to_owned(), public_url));
            self.api = Api::new(&url, "");
            match self.start_server().await {
                Ok(()) => break,
                Err(log) => {
                    let is_taken = log.to_lowercase().contains("in use");
                    assert!(is_taken && attempt < PORT_TRIES, "the server does not start:\n{log}");
                }
            }
        }
        let key = match self.profile {
            Profile::Single => {
                let file = self.directory.path().join("data").join("admin.key");
                fs::read_to_string(file).expect("the first start makes an administrator's key")
            }
            Profile::Cluster => {
                let made = self.russet(&["key", "create", "--name", "story", "--role", "admin", "--json"]);
                made.json()["key"].as_str().expect("a key").to_owned()
            }
        };
        self.api = self.api.with_key(key.trim());
    }

    /// Starts the process that serves the API, and waits until it is ready. Fails with its log when it ends instead.
    async fn start_server(&mut self) -> Result<(), String> {
        let (name, arguments) = match self.profile {
            Profile::Single => ("serve", ["serve"]),
            Profile::Cluster => ("api", ["api"]),
        };
        let mut program = self.run(name, &arguments);
        let api = self.api.clone();
        let is_ready = eventually("the server to be ready", async || {
            if program.has_ended() {
                return Ok(false);
            }
            let answer = api.try_to(Method::GET, "//readyz", None).await?;
            if answer.status == 200 { Ok(true) } else { Err(answer.to_string()) }
        })
        .await;
        if !is_ready {
            return Err(program.log());
        }
        match self.profile {
            Profile::Single => self.workers.push(program),
            Profile::Cluster => self.server = Some(program),
        }
        Ok(())
    }

    /// Starts another worker; on the single profile the one process there is, after it was stopped.
    ///
    /// # Panics
    ///
    /// When the single profile's process runs already or does not start again.
    pub async fn start_worker(&mut self) {
        match self.profile {
            Profile::Single => {
                assert!(self.workers.is_empty(), "the single profile has one process, and that runs");
                self.start_server().await.unwrap_or_else(|log| panic!("it does not start again:\n{log}"));
            }
            Profile::Cluster => {
                self.started += 1;
                let worker = self.run(&format!("worker-{}", self.started), &["worker"]);
                self.workers.push(worker);
            }
        }
    }

    fn run(&self, name: &str, arguments: &[&str]) -> Program {
        let command: Command = command(arguments, &self.environment);
        Program::start(name, command, &self.directory.path().join("logs"))
    }

    /// The processes that work, the oldest first; on the single profile the one there is.
    pub fn workers(&mut self) -> &mut [Program] {
        &mut self.workers
    }

    /// Kills the oldest worker with SIGKILL.
    ///
    /// # Panics
    ///
    /// When none runs.
    pub fn kill_oldest_worker(&mut self) {
        assert!(!self.workers.is_empty(), "no worker runs");
        self.workers.remove(0).kill();
    }

    /// Kills the process that serves the API with SIGKILL and starts it again; on the single profile, the one there is.
    ///
    /// # Panics
    ///
    /// When it does not start again.
    pub async fn kill_and_restart_api(&mut self) {
        match self.profile {
            Profile::Single => self.kill_oldest_worker(),
            Profile::Cluster => self.server.take().expect("an API runs").kill(),
        }
        self.start_server().await.unwrap_or_else(|log| panic!("it does not start again:\n{log}"));
    }

    /// Moves everybody to a later time, Apple too: all processes end and start anew, so far ahead of the machine.
    ///
    /// # Panics
    ///
    /// When they do not start again.
    pub async fn move_to(&mut self, ahead: Duration) {
        let workers = self.workers.len();
        self.stop_workers().await;
        if let Some(mut server) = self.server.take() {
            server.terminate().await;
        }
        let is_set =
            |(name, value): &mut (String, String)| (name == AHEAD).then(|| value.parse().expect("seconds"));
        let before = self.environment.iter_mut().find_map(is_set).map_or(Duration::ZERO, Duration::from_secs);
        self.environment.retain(|(name, _)| name != AHEAD);
        self.environment.push((AHEAD.to_owned(), ahead.as_secs().to_string()));
        self.apple.move_clock(ahead.saturating_sub(before)).await;
        self.start_server().await.unwrap_or_else(|log| panic!("it does not start again:\n{log}"));
        if self.profile == Profile::Cluster {
            for _ in 0..workers {
                self.start_worker().await;
            }
        }
    }

    /// Asks all workers to end and waits until they have.
    pub async fn stop_workers(&mut self) {
        for mut worker in std::mem::take(&mut self.workers) {
            worker.terminate().await;
        }
    }

    /// A cluster's Redis.
    ///
    /// # Panics
    ///
    /// On the single profile.
    pub fn redis(&mut self) -> &mut PrivateRedis {
        self.redis.as_mut().expect("a cluster has a Redis")
    }

    /// Runs a command of the program with this world's settings.
    #[must_use]
    pub fn russet(&self, arguments: &[&str]) -> crate::Output {
        russet(arguments, &self.environment)
    }

    /// Runs a command of the program as an administrator who tells it where the server is and which key to use.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> crate::Output {
        let own = [("RUSSET_URL", self.api.url()), ("RUSSET_KEY", self.api.key())];
        let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
        russet(arguments, &[&self.environment[..], &own].concat())
    }

    /// Where the processes write: `data` and `logs`.
    #[must_use]
    pub fn directory(&self) -> &std::path::Path {
        self.directory.path()
    }

    /// The address of a cluster's database.
    #[must_use]
    pub fn database_url(&self) -> Option<&str> {
        self.database.as_ref().map(Database::url)
    }

    /// Lets a cluster's database go away, connections and all, or come back.
    ///
    /// # Panics
    ///
    /// On the single profile, or when `psql` fails.
    pub fn set_database_reachable(&self, is_reachable: bool) {
        self.psql(|name| format!("ALTER DATABASE {name} WITH ALLOW_CONNECTIONS {is_reachable}"));
        self.cut_database_connections();
    }

    /// Cuts all connections to a cluster's database; new ones are possible.
    ///
    /// # Panics
    ///
    /// On the single profile, or when `psql` fails.
    pub fn cut_database_connections(&self) {
        self.psql(|name| {
            format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        });
    }

    fn psql(&self, statement: impl FnOnce(&str) -> String) {
        let server = self.services.as_ref().and_then(Services::postgres_url).expect("a cluster has a server");
        let name = self.database_url().and_then(|url| url.rsplit('/').next()).expect("a database has a name");
        let statement = statement(name.split('?').next().unwrap_or_default());
        let mut psql = Command::new("psql");
        psql.args(["--no-psqlrc", "--quiet", "--output", "/dev/null", "--command", &statement, server]);
        let output = psql.output().expect("psql runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Everything that all processes said so far, each after its name.
    #[must_use]
    pub fn logs(&self) -> Vec<(String, String)> {
        let files = fs::read_dir(self.directory.path().join("logs")).expect("the logs");
        let mut files: Vec<_> = files.map(|file| file.expect("a log").path()).collect();
        files.sort();
        let text =
            |file: &std::path::Path| String::from_utf8_lossy(&fs::read(file).expect("a log")).into_owned();
        let name =
            |file: &std::path::Path| file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        files.iter().map(|file| (name(file), text(file))).collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        // `STORY_KEEP` leaves the whole logs, and the single profile's database, for who has to find out more.
        self.directory.disable_cleanup(std::env::var_os("STORY_KEEP").is_some());
        for (name, text) in self.logs() {
            let lines: Vec<&str> = text.lines().collect();
            let start = lines.len().saturating_sub(LOG_LINES);
            #[allow(clippy::print_stderr, reason = "a story that fails is to be understood")]
            {
                eprintln!("--- the end of the log of {name} ---\n{}", lines[start..].join("\n"));
            }
        }
    }
}
