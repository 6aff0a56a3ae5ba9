//! Reads from Redis what it did and how long it worked, and removes what a measurement left there.

use std::sync::Arc;
use std::time::Duration;

use russet_services::RedisClient;

use crate::error::{CliError, failed};

/// What clients send and scripts of ours never call. Redis counts both alike, so the few other commands that a worker
/// sends (it asks for the kinds every few seconds) are counted as called by a script.
const SENT: [&str; 14] = [
    "eval",
    "evalsha",
    "fcall",
    "script",
    "multi",
    "exec",
    "blpop",
    "blmove",
    "bzpopmin",
    "ltrim",
    "publish",
    "subscribe",
    "client",
    "hello",
];
/// More keys than any queue has.
const SCANS_MAX: usize = 100_000;

/// Looks at one Redis.
#[derive(Clone)]
pub(super) struct Meter {
    client: Arc<RedisClient>,
}

/// What Redis has done so far.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Done {
    /// Commands that clients sent.
    pub(super) sent: f64,
    /// Commands that scripts called.
    pub(super) inner: f64,
    /// How long all its threads have worked.
    pub(super) cpu_us: f64,
}

impl Meter {
    pub(super) fn new(url: &str) -> Result<Self, CliError> {
        Ok(Self { client: Arc::new(RedisClient::new(url).map_err(failed)?) })
    }

    pub(super) async fn done(&self) -> Result<Done, CliError> {
        let cpu = self.ask(&["INFO", "cpu"]).await?;
        let commands = self.ask(&["INFO", "commandstats"]).await?;
        Ok(Done { cpu_us: cpu_us(&cpu), ..counted(&commands) })
    }

    /// Commands a second that clients send, over about so long.
    pub(super) async fn sent_per_s(&self, span: Duration) -> Result<f64, CliError> {
        let client = Arc::clone(&self.client);
        let counting = tokio::task::spawn_blocking(move || client.count_commands(span));
        let (count, took) = counting.await.map_err(failed)?.map_err(failed)?;
        Ok(count as f64 / took.as_secs_f64())
    }

    /// Removes the keys of the queue with this prefix.
    pub(super) async fn remove(&self, prefix: &str) -> Result<(), CliError> {
        let pattern = format!("{{{prefix}}}:*");
        let mut cursor = "0".to_owned();
        for _ in 0..SCANS_MAX {
            let found = self.ask(&["SCAN", &cursor, "MATCH", &pattern, "COUNT", "1000"]).await?;
            let mut lines = found.lines();
            cursor = lines.next().unwrap_or("0").to_owned();
            for key in lines {
                self.ask(&["DEL", key]).await?;
            }
            if cursor == "0" {
                break;
            }
        }
        Ok(())
    }

    async fn ask(&self, words: &[&str]) -> Result<String, CliError> {
        let client = Arc::clone(&self.client);
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let asking = tokio::task::spawn_blocking(move || {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            client.command(&words)
        });
        asking.await.map_err(failed)?.map_err(failed)
    }
}

impl std::ops::Sub for Done {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            sent: self.sent - before.sent,
            inner: self.inner - before.inner,
            cpu_us: self.cpu_us - before.cpu_us,
        }
    }
}

/// Lines such as `used_cpu_sys:1.234`, in seconds.
fn cpu_us(info: &str) -> f64 {
    let seconds = |name: &str| {
        let value = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        value.and_then(|value| value.trim().parse::<f64>().ok()).unwrap_or(0.0)
    };
    (seconds("used_cpu_sys") + seconds("used_cpu_user")) * 1e6
}

/// Lines such as `cmdstat_evalsha:calls=21,usec=175,usec_per_call=8.33,rejected_calls=0,failed_calls=0`.
fn counted(info: &str) -> Done {
    let mut done = Done { sent: 0.0, inner: 0.0, cpu_us: 0.0 };
    for line in info.lines() {
        let Some((name, rest)) = line.strip_prefix("cmdstat_").and_then(|line| line.split_once(":calls="))
        else {
            continue;
        };
        let calls = rest.split(',').next().and_then(|calls| calls.parse::<f64>().ok()).unwrap_or(0.0);
        let name = name.split('|').next().unwrap_or(name);
        if SENT.contains(&name) {
            done.sent += calls;
        } else {
            done.inner += calls;
        }
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_that_scripts_call_are_told_from_those_sent() {
        let info = "# Commandstats\r\ncmdstat_evalsha:calls=3,usec=1\r\ncmdstat_zadd:calls=40,usec=2\r\n\
                    cmdstat_client|setinfo:calls=2,usec=2\r\n";
        assert_eq!(counted(info), Done { sent: 5.0, inner: 40.0, cpu_us: 0.0 });
    }

    #[test]
    fn both_kinds_of_processor_time_count() {
        assert_eq!(cpu_us("# CPU\r\nused_cpu_sys:0.5\r\nused_cpu_user:1.25\r\n"), 1_750_000.0);
    }
}
