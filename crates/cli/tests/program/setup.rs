//! A simulated Apple, a data directory, and the program.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use russet_simulator::{Rules, Settings, Simulator, World};
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long anything may take that should happen at once.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A machine with a Russet on it, and Apple somewhere.
pub(crate) struct Machine {
    pub(crate) apple: Simulator,
    directory: TempDir,
    port: u16,
}

/// A server that runs. Dropped, it is killed.
pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
}

/// What a command did.
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Done {
    /// What it printed, when its exit code was this.
    #[track_caller]
    pub(crate) fn with(&self, code: i32) -> &str {
        assert_eq!(self.code, Some(code), "out: {}\nerr: {}", self.out, self.err);
        &self.out
    }

    /// The JSON it printed.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(self.out.trim())
            .unwrap_or_else(|error| panic!("{error} in {}\n{}", self.out, self.err))
    }
}

impl Machine {
    pub(crate) async fn new() -> Self {
        // The program installs a provider for itself; this process needs one for the simulator and the tests.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let rules = Rules { event_delay_ms: 20, ..Rules::default() };
        let settings = Settings { world: World::with(rules), ..Settings::default() };
        let apple = Simulator::start(settings).await.expect("the simulator starts");
        let directory = tempfile::tempdir().expect("a temporary directory");
        // Free now, and most likely still a moment later.
        let port =
            TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
        Self { apple, directory, port }
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// Writes a file that a command is to read.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.directory.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path.display().to_string()
    }

    /// Makes a location with a token file, two apps of 50 licenses and three users; gives the file.
    pub(crate) async fn token_file(&self, name: &str) -> String {
        let location = self.simulate("locations", json!({ "name": "Example School", "country": "DE" })).await;
        let uid = location["uid"].as_str().expect("a uid").to_owned();
        let assets = json!({ "generate": { "count": 2, "total": 50 } });
        self.simulate(&format!("locations/{uid}/assets"), assets).await;
        let users = json!({ "generate": { "count": 3, "prefix": "user-" } });
        self.simulate(&format!("locations/{uid}/users"), users).await;
        self.file(name, location["token"]["content"].as_str().expect("a token"))
    }

    /// Lets Apple take so long to tell its limits, which the program asks for at its start.
    pub(crate) async fn slow_limits(&self, latency_ms: u64) {
        let what = json!({ "kind": "latency", "ms": latency_ms });
        self.simulate("faults", json!({ "on": { "endpoint": "service_config" }, "what": what })).await;
    }

    /// Whether Apple was asked for its limits since it is slow with them.
    pub(crate) async fn was_asked_for_limits(&self) -> bool {
        let answer =
            reqwest::get(format!("{}/_sim/faults", self.apple.url())).await.expect("the simulator answers");
        let known: Value = answer.json().await.expect("faults");
        known["faults"][0]["struck"].as_u64() > Some(0)
    }

    /// Lets Apple refuse every request for its limits, which the program asks for at its start, in a way that no waiting
    /// helps.
    pub(crate) async fn refuse_limits(&self) {
        let what = json!({ "kind": "status", "status": 400 });
        self.simulate("faults", json!({ "on": { "endpoint": "service_config" }, "what": what })).await;
    }

    /// Lets Apple refuse nothing any more.
    pub(crate) async fn refuse_nothing(&self) {
        let url = format!("{}/_sim/faults", self.apple.url());
        let deleted = reqwest::Client::new().delete(url).send().await;
        assert!(deleted.is_ok_and(|answer| answer.status().is_success()));
    }

    async fn simulate(&self, path: &str, body: Value) -> Value {
        let url = format!("{}/_sim/{path}", self.apple.url());
        let response =
            reqwest::Client::new().post(url).json(&body).send().await.expect("the simulator answers");
        response.json().await.unwrap_or(Value::Null)
    }

    /// The settings that a machine of this kind has; a person sets none.
    fn command(&self, arguments: &[&str], more: &[(&str, &str)]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_russet"));
        command.args(arguments).env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command
            .env("RUSSET_DATA_DIR", self.data_dir())
            .env("RUSSET_API__LISTEN", format!("127.0.0.1:{}", self.port))
            .env("RUSSET_API__PUBLIC_URL", format!("http://127.0.0.1:{}", self.port))
            .env("RUSSET_APPLE__ALLOW_HTTP", "true")
            .env("RUSSET_APPLE__BASE_URL", self.apple.apple_url())
            .envs(more.iter().copied())
            .stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Done {
        self.run_with(arguments, &[]).await
    }

    /// Runs a command to its end, with more in its environment.
    pub(crate) async fn run_with(&self, arguments: &[&str], more: &[(&str, &str)]) -> Done {
        let mut command = self.command(arguments, more);
        let Output { status, stdout, stderr } = tokio::task::spawn_blocking(move || command.output())
            .await
            .expect("a thread")
            .expect("the program");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        Done { code: status.code(), out: text(stdout), err: text(stderr) }
    }

    /// Starts `russet serve` and waits until it is ready.
    pub(crate) async fn serve(&self) -> Server {
        let log = std::fs::File::create(self.directory.path().join("serve.log")).expect("a log file");
        let mut command = self.command(&["serve"], &[]);
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().expect("the program");
        let out = child.stdout.take().expect("its output");
        let mut server = Server { child, url: String::new() };
        let line = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            BufReader::new(out).read_line(&mut line).map(|_| line)
        });
        let line =
            tokio::time::timeout(PATIENCE, line).await.expect("in time").expect("a thread").expect("a line");
        let url = line.trim().strip_prefix("listening on ");
        server.url = url.unwrap_or_else(|| panic!("said {line:?} and logged {}", self.log())).to_owned();
        server
    }

    /// What the server logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("serve.log")).unwrap_or_default()
    }
}

impl Server {
    /// Asks the server to stop, and gives its exit code. Apple runs in this process and answers meanwhile.
    pub(crate) async fn stop(&mut self) -> Option<i32> {
        self.terminate();
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if let Ok(Some(status)) = self.child.try_wait() {
                return status.code();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the server does not stop");
    }
}

impl Server {
    /// Sends SIGTERM.
    pub(crate) fn terminate(&self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().is_ok_and(|status| status.success()));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The permission bits of a file.
pub(crate) fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).permissions().mode()
        & 0o777
}
