//! All settings of the program, as its commands use them.

use std::path::{Path, PathBuf};

use crate::check;
use crate::data_dir::Surroundings;
use crate::error::ConfigError;
use crate::layers::Layers;
use crate::log::LogSettings;
use crate::rehearsal::RehearsalSettings;
use crate::secrets::{KeySource, SecretSettings};

/// Every crate's settings, with the defaults filled in that depend on the data directory.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where files are kept; an absolute path. It need not exist yet.
    pub data_dir: PathBuf,
    /// `[store]`; its `url` is never empty here.
    pub store: russet_store::Settings,
    /// `[queue]`.
    pub queue: russet_queue::Settings,
    /// `[api]`.
    pub api: russet_api::Settings,
    /// `[apple]`.
    pub apple: russet_apple::Settings,
    /// `[mdm]`.
    pub mdm: russet_mdm::Settings,
    /// `[worker]`.
    pub worker: russet_worker::Settings,
    /// `[schedule]`.
    pub schedule: russet_worker::ScheduleSettings,
    /// `[secrets]`.
    pub secrets: SecretSettings,
    /// `[log]`.
    pub log: LogSettings,
    /// `[rehearsal]`.
    pub rehearsal: RehearsalSettings,
}

/// Where settings are read from.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The file named with `--config`.
    pub file: Option<PathBuf>,
    /// The environment.
    pub variables: Vec<(String, String)>,
    /// What the default data directory depends on.
    pub surroundings: Surroundings,
}

impl Sources {
    /// The environment of this process, and a file.
    #[must_use]
    pub fn of_this_process(file: Option<PathBuf>) -> Self {
        // A variable that is not Unicode cannot be one of ours.
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        let variables = std::env::vars_os().filter_map(text).collect();
        Self { file, variables, surroundings: Surroundings::of_this_process() }
    }
}

impl Settings {
    /// Reads the settings of this process: the defaults, `file` and the environment.
    ///
    /// # Errors
    /// When the file cannot be read, a name is unknown or a value is wrong: all of it at once.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        Self::from_sources(&Sources::of_this_process(file.map(Path::to_owned)))
    }

    /// Reads the settings from given places.
    ///
    /// # Errors
    /// As [`Settings::load`].
    pub fn from_sources(sources: &Sources) -> Result<Self, ConfigError> {
        let mut layers = Layers::read(sources.file.as_deref(), &sources.variables);
        let data_dir = data_dir(&mut layers, &sources.surroundings);
        let store = layers.section("store", check::store);
        let queue = layers.section("queue", check::queue);
        let api = layers.section("api", check::api);
        let apple = layers.section("apple", check::apple);
        let mdm = layers.section("mdm", check::mdm);
        let worker = layers.section("worker", check::worker);
        let schedule = layers.section("schedule", check::schedule);
        let secrets = layers.section("secrets", |secrets: &SecretSettings| check::own(secrets.check()));
        let log = layers.section("log", |log: &LogSettings| check::own(log.check()));
        let rehearsal =
            layers.section("rehearsal", |rehearsal: &RehearsalSettings| check::own(rehearsal.check()));
        if let (Some(api), Some(apple)) = (&api, &apple)
            && let Some(wrong) = check::public_url(api, apple)
        {
            layers.note(&wrong.key, wrong.why);
        }
        if let (Some(rehearsal), Some(apple)) = (&rehearsal, &apple)
            && let Some(wrong) = rehearsal.against(apple)
        {
            layers.note(&wrong.key, wrong.why);
        }
        let all = (data_dir, store, queue, api, apple, mdm, worker, schedule, secrets, log, rehearsal);
        match all {
            (
                Some(data_dir),
                Some(mut store),
                Some(queue),
                Some(api),
                Some(apple),
                Some(mdm),
                Some(worker),
                Some(schedule),
                Some(secrets),
                Some(log),
                Some(rehearsal),
            ) if layers.problems.is_empty() => {
                if store.url.is_empty() {
                    store.url = sqlite_url(&data_dir);
                }
                Ok(Self {
                    data_dir,
                    store,
                    queue,
                    api,
                    apple,
                    mdm,
                    worker,
                    schedule,
                    secrets,
                    log,
                    rehearsal,
                })
            }
            _ => Err(ConfigError(layers.problems)),
        }
    }

    /// Whether the database is a file of this machine, which `russet serve` makes and migrates by itself.
    #[must_use]
    pub fn store_is_a_file(&self) -> bool {
        self.store.url.starts_with("sqlite:")
    }

    /// Whether the queue lives in one process only.
    #[must_use]
    pub fn queue_is_in_process(&self) -> bool {
        self.queue.url == "memory:"
    }

    /// Where the keys are that seal secrets in the database.
    #[must_use]
    pub fn key_source(&self) -> KeySource {
        self.secrets.source(&self.data_dir)
    }

    /// The file with the first administrator's API key, which `russet serve` writes and the command line finds.
    #[must_use]
    pub fn admin_key_file(&self) -> PathBuf {
        self.data_dir.join("admin.key")
    }

    /// Where the command line finds the API when nobody says so: what the API listens on, and this machine where it
    /// listens on all addresses.
    #[must_use]
    pub fn api_url(&self) -> String {
        let listen = self.api.listen.as_str();
        match listen.rsplit_once(':') {
            Some(("0.0.0.0" | "[::]" | "::", port)) => format!("http://127.0.0.1:{port}"),
            _ => format!("http://{listen}"),
        }
    }
}

fn data_dir(layers: &mut Layers, surroundings: &Surroundings) -> Option<PathBuf> {
    let text = layers.text("data_dir");
    let wanted = if text.is_empty() { surroundings.data_dir() } else { Some(PathBuf::from(text)) };
    let Some(wanted) = wanted else {
        let why =
            "is empty and there is no home directory; it should be a directory, such as /var/lib/russet";
        layers.note("data_dir", why.to_owned());
        return None;
    };
    match std::path::absolute(&wanted) {
        Ok(path) => Some(path),
        Err(error) => {
            layers.note("data_dir", format!("is {} and cannot be made absolute: {error}", wanted.display()));
            None
        }
    }
}

/// The address of the default database file. What has a meaning in an address is escaped.
fn sqlite_url(data_dir: &Path) -> String {
    let path = data_dir.join("russet.db").display().to_string();
    format!("sqlite://{}", path.replace('%', "%25").replace('?', "%3F").replace('#', "%23"))
}
