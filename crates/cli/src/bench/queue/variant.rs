//! The Redis that is measured: plain, with an append-only file, far away, or somebody's own.

use clap::ValueEnum;
use russet_services::{PrivateRedis, RedisOptions};

use super::delay::Delay;
use crate::error::{CliError, failed};

/// How Redis is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Variant {
    /// On this machine, without persistence.
    Plain,
    /// With an append-only file that is synced every second.
    Aof,
    /// Plain, with a millisecond added to each round trip.
    #[value(name = "rtt_1ms")]
    Rtt1ms,
}

impl Variant {
    pub(super) const ALL: [Self; 3] = [Self::Plain, Self::Aof, Self::Rtt1ms];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Aof => "aof",
            Self::Rtt1ms => "rtt_1ms",
        }
    }
}

impl std::fmt::Display for Variant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A Redis to measure. Dropping it stops the private one.
pub(super) struct Server {
    url: String,
    direct: String,
    _delay: Option<Delay>,
    _private: Option<PrivateRedis>,
}

impl Server {
    /// Starts a Redis of this variant, or takes the given one as it is.
    pub(super) async fn start(variant: Variant, given: Option<&str>) -> Result<Self, CliError> {
        if let Some(given) = given {
            return Ok(Self {
                url: given.to_owned(),
                direct: given.to_owned(),
                _delay: None,
                _private: None,
            });
        }
        let options = match variant {
            Variant::Plain | Variant::Rtt1ms => RedisOptions::default(),
            Variant::Aof => RedisOptions {
                append_only: true,
                arguments: vec!["--appendfsync".to_owned(), "everysec".to_owned()],
                ..RedisOptions::default()
            },
        };
        let started = tokio::task::spawn_blocking(move || PrivateRedis::start(&options));
        let private = started.await.map_err(failed)?.map_err(failed)?;
        let delay = match variant {
            Variant::Plain | Variant::Aof => None,
            Variant::Rtt1ms => Some(Delay::start(private.port()).map_err(failed)?),
        };
        let direct = private.url().to_owned();
        let url = delay.as_ref().map_or_else(|| direct.clone(), |delay| delay.url().to_owned());
        Ok(Self { url, direct, _delay: delay, _private: Some(private) })
    }

    /// Where the queue finds it.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Where it is without any delay, for looking at it.
    pub(super) fn direct(&self) -> &str {
        &self.direct
    }
}
