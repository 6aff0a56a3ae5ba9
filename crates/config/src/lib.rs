//! Puts every crate's settings together: from the defaults, a file and the environment.
//!
//! `config/default.toml` is the documentation and the defaults at once, and is compiled in. On top of it come, in
//! this order, the file named with `--config` and the environment: `RUSSET_<SECTION>__<KEY>`, with two underscores
//! between section and key. A setting that holds a secret is also read from the file that
//! `RUSSET_<SECTION>__<KEY>_FILE` names.

mod check;
mod data_dir;
mod error;
mod layers;
mod log;
mod rehearsal;
mod secrets;
mod settings;
mod variables;

pub use data_dir::Surroundings;
pub use error::{ConfigError, Problem};
pub use layers::DEFAULTS;
pub use log::{LogFormat, LogSettings};
pub use rehearsal::RehearsalSettings;
pub use secrets::{KeySource, SecretSettings};
pub use settings::{Settings, Sources};
