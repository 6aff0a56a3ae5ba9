//! Everything that a run needs: servers, lines to them, processes, a simulated Apple, and clients.

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use reqwest::Method;
use russet_services::{PrivatePostgres, PrivateRedis, RedisOptions};
use russet_tests::{Api, Apple, KEY, Line, Mood, Profile, Setup, Token, free_port, russet};
use tempfile::TempDir;
use tokio::sync::Mutex;

use crate::player::Player;
use crate::report::Report;
use crate::ticks;

const APIS: usize = 2;
const WORKERS: usize = 3;

/// How long a claim holds. Who is frozen longer than this, and twice the renewal, has lost what it had.
pub(crate) const LEASE_MS: u64 = 2_000;

/// How long a client waits for an answer. Not long, as an API may be frozen.
pub(crate) const CLIENT_PATIENCE: Duration = Duration::from_secs(4);

/// How long the stage may take to be ready.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// One line for each who calls and each who is called, so that one may lose what another one keeps.
pub(crate) const LINES: [&str; 4] = [
    "from the APIs to Redis",
    "from the workers to Redis",
    "from the APIs to PostgreSQL",
    "from the workers to PostgreSQL",
];

/// The stage. Dropping it ends and removes all of it, but for logs that somebody should read.
pub(crate) struct Stage {
    pub(crate) apple: Apple,
    pub(crate) lines: Vec<Line>,
    pub(crate) apis: Vec<Mutex<Player>>,
    pub(crate) workers: Vec<Mutex<Player>>,
    pub(crate) redis: Mutex<PrivateRedis>,
    pub(crate) postgres: Mutex<PrivatePostgres>,
    /// A client for each API.
    pub(crate) clients: Vec<Api>,
    /// The tokens, once they are ready.
    pub(crate) tokens: OnceLock<Vec<Token>>,
    pub(crate) report: Report,
    directory: TempDir,
}

impl Stage {
    /// Sets the stage and waits until all APIs are ready.
    ///
    /// # Panics
    ///
    /// When a part of it does not start, with what that said.
    pub(crate) async fn set(report: Report, seed: u64) -> Self {
        let directory = TempDir::with_prefix("russet-chaos-").expect("a temporary directory");
        for name in ["home", "logs"] {
            fs::create_dir(directory.path().join(name)).expect("a directory");
        }
        let (environment, rules) = setup().into_parts();
        let apple = Apple::start(rules).await;
        let options = RedisOptions {
            append_only: true,
            arguments: ["--appendfsync", "everysec"].map(str::to_owned).to_vec(),
            ..RedisOptions::default()
        };
        let redis = PrivateRedis::start(&options).expect("a Redis");
        let postgres = PrivatePostgres::start_lasting().expect("a PostgreSQL");

        let mut lines = Vec::new();
        for (number, port) in
            [redis.port(), redis.port(), postgres.port(), postgres.port()].iter().enumerate()
        {
            lines.push(Line::to(*port, seed ^ (number as u64)).await);
        }
        let environment = common(environment, &directory, &apple);
        let key = prepare(&environment, &redis, &postgres);
        let mut stage = Self {
            apple,
            lines,
            apis: Vec::new(),
            workers: Vec::new(),
            redis: Mutex::new(redis),
            postgres: Mutex::new(postgres),
            clients: Vec::new(),
            tokens: OnceLock::new(),
            report,
            directory,
        };
        stage.cast(&environment, &key);
        stage.ready().await;
        stage
    }

    /// Puts the processes in their places and starts them.
    fn cast(&mut self, environment: &[(String, String)], key: &str) {
        let ports: Vec<u16> = (0..APIS).map(|_| free_port()).collect();
        let public = format!("http://127.0.0.1:{}", ports[0]);
        let url = |line: usize, scheme: &str, rest: &str| {
            format!("{scheme}127.0.0.1:{}{rest}", self.lines[line].port())
        };
        let of = |redis: usize, postgres: usize| {
            let mut of = environment.to_vec();
            of.push(("RUSSET_QUEUE__URL".to_owned(), url(redis, "redis://", "")));
            of.push(("RUSSET_STORE__URL".to_owned(), url(postgres, "postgres://postgres@", "/postgres")));
            of.push(("RUSSET_API__PUBLIC_URL".to_owned(), public.clone()));
            of
        };
        let player = |name: String, arguments, environment| {
            let mut player = Player::new(name, arguments, environment, self.logs(), self.report.clone());
            player.start();
            Mutex::new(player)
        };
        let mut apis = Vec::new();
        for (number, port) in ports.iter().enumerate() {
            let mut environment = of(0, 2);
            environment.push(("RUSSET_API__LISTEN".to_owned(), format!("127.0.0.1:{port}")));
            apis.push(player(format!("api-{}", number + 1), "api", environment));
        }
        let workers = (0..WORKERS).map(|number| player(format!("worker-{}", number + 1), "worker", of(1, 3)));
        self.workers = workers.collect();
        self.apis = apis;
        self.clients = ports.iter().map(|port| Api::new(&format!("http://127.0.0.1:{port}"), key)).collect();
    }

    /// Waits until every API says that it is ready.
    async fn ready(&self) {
        let start = std::time::Instant::now();
        for client in &self.clients {
            loop {
                let answer = client.try_to(Method::GET, "//readyz", None).await;
                if answer.as_ref().is_ok_and(|answer| answer.status == 200) {
                    break;
                }
                assert!(start.elapsed() < READY_WITHIN, "the API is not ready: {answer:?}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }

    /// Ends every fault: who is frozen goes on, who was killed runs, lines carry, and Apple behaves.
    pub(crate) async fn heal(&self) {
        for line in &self.lines {
            line.set(Mood::default());
        }
        {
            let mut redis = self.redis.lock().await;
            let healed = tokio::task::block_in_place(|| {
                redis.thaw()?;
                if redis.command(&["PING"]).is_err() {
                    redis.start_again()?;
                }
                redis.command(&["CONFIG", "SET", "maxmemory", "0"])
            });
            if let Err(error) = healed {
                self.report.finding(format!("Redis does not come back: {error}"));
            }
        }
        for player in self.apis.iter().chain(&self.workers) {
            let mut player = player.lock().await;
            player.thaw();
            player.start();
        }
        self.apple.heal().await;
    }

    /// Where processes log.
    pub(crate) fn logs(&self) -> PathBuf {
        self.directory.path().join("logs")
    }

    /// Keeps the logs for people.
    pub(crate) fn keep_logs(&mut self) -> PathBuf {
        self.directory.disable_cleanup(true);
        self.logs()
    }
}

/// The settings of a story, but for what chaos wants shorter.
fn setup() -> Setup {
    let setup = Setup::of(Profile::Cluster)
        .setting("QUEUE__LEASE_MS", &LEASE_MS.to_string())
        .setting("QUEUE__RENEW_MS", "500")
        // Workers vanish here every few seconds, and no message is to blame for it; poison has a story of its own.
        .setting("QUEUE__MAX_RESCUES", "25")
        .setting("QUEUE__CONNECT_TIMEOUT_MS", "1000")
        .setting("QUEUE__RESPONSE_TIMEOUT_MS", "1500")
        .setting("APPLE__TIMEOUT_MS", "700")
        .setting("APPLE__LIMITS_EVERY_S", "5")
        .setting("WORKER__SWEEP_EVERY_MS", "1000")
        .setting("WORKER__LEADER_LEASE_MS", "1000")
        .setting("SCHEDULE__SYNC_TOKEN", ticks::CRON)
        .setting("SCHEDULE__SPREAD", "false");
    setup.apple(|rules| {
        // Small enough for work and syncs to come near Apple's rate.
        rules.limits.max_serial_numbers = 4;
        rules.page_size = 4;
    })
}

fn common(settings: Vec<(String, String)>, directory: &TempDir, apple: &Apple) -> Vec<(String, String)> {
    let own = [
        ("HOME", directory.path().join("home").display().to_string()),
        ("RUSSET_DATA_DIR", directory.path().join("data").display().to_string()),
        ("RUSSET_APPLE__BASE_URL", apple.base_url()),
        ("RUSSET_SECRETS__KEY", KEY.to_owned()),
    ];
    settings.into_iter().chain(own.map(|(name, value)| (name.to_owned(), value))).collect()
}

/// Makes the tables and an administrator's key, which is returned.
fn prepare(environment: &[(String, String)], redis: &PrivateRedis, postgres: &PrivatePostgres) -> String {
    let mut environment = environment.to_vec();
    environment.push(("RUSSET_QUEUE__URL".to_owned(), redis.url().to_owned()));
    environment.push(("RUSSET_STORE__URL".to_owned(), postgres.url().to_owned()));
    let _ = russet(&["migrate"], &environment).good();
    let made = russet(&["key", "create", "--name", "chaos", "--role", "admin", "--json"], &environment);
    made.json()["key"].as_str().expect("a key").to_owned()
}
