//! What every new connection says first: which run of Redis this is, so that the limiter learns of a restart before
//! anything is sent.

use ::redis::aio::MultiplexedConnection;
use ::redis::{RedisResult, Value, cmd};

use super::keys::Keys;
use super::scripts::{Args, Script, greeting};
use crate::clock::Clock;

/// Greets a server.
pub(super) struct Greeting {
    key: String,
    clock: Clock,
    /// For servers before version 7, and for those since.
    scripts: [Script; 2],
}

impl Greeting {
    pub(super) fn new(keys: &Keys, clock: Clock) -> Self {
        Self { key: keys.one("limiter"), clock, scripts: [greeting(false), greeting(true)] }
    }

    /// Two round trips on a fresh connection. A restarted Redis may have lost what was sent in its last second, so for
    /// a moment nobody gets a turn to call Apple.
    pub(super) async fn say(&self, connection: &mut MultiplexedConnection) -> RedisResult<()> {
        let info: String = cmd("INFO").arg("server").query_async(connection).await?;
        let run = field(&info, "run_id").unwrap_or_default();
        let modern = major(&info) >= 7;
        let mut args = Args::default();
        args.text(self.clock.given()).text(run);
        let script = self.scripts[usize::from(modern)].by_text(std::slice::from_ref(&self.key), &args);
        match connection.send_packed_command(&script).await.and_then(Value::extract_error) {
            // The check at start says it with what to change about it.
            Err(error) if error.code() == Some("NOPERM") => Ok(()),
            greeted => greeted.map(drop),
        }
    }
}

/// A field of what INFO answers.
pub(super) fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

/// The major version that INFO tells.
pub(super) fn major(info: &str) -> u32 {
    let version = field(info, "redis_version").and_then(|version| version.split('.').next());
    version.and_then(|major| major.parse().ok()).unwrap_or(0)
}
