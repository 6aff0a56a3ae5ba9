//! One connection to Redis that comes back by itself, and the errors it turns into ours.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use ::redis::aio::MultiplexedConnection;
use ::redis::{AsyncConnectionConfig, Client, Cmd, ErrorKind, Pipeline, RedisError, ServerErrorKind, Value};
use rand::RngExt as _;

use super::greet::Greeting;
use super::scripts::{Args, Script};
use crate::lock::lock;
use crate::{QueueError, Settings};

/// After a failed attempt to connect, callers are told so at once for this long, and nobody dials.
const REDIAL_MS: std::ops::Range<u64> = 20..100;

/// A connection shared by all, dialed when first needed and again after it broke.
pub(crate) struct Link {
    client: Client,
    config: AsyncConnectionConfig,
    current: Mutex<Current>,
    dialing: tokio::sync::Mutex<()>,
    /// What is said first on every connection.
    greeting: Option<Greeting>,
}

#[derive(Default)]
struct Current {
    connection: Option<MultiplexedConnection>,
    /// Counts connections, so that a late complaint about an old one does not close the new one.
    generation: u64,
    not_before: Option<Instant>,
    why: String,
}

impl Link {
    pub(super) fn new(
        settings: &Settings,
        response_timeout: Duration,
        greeting: Option<Greeting>,
    ) -> Result<Self, QueueError> {
        let client = Client::open(settings.url.as_str()).map_err(|_| QueueError::Setting {
            name: "queue.url",
            expected: "`memory:` or a Redis address such as `redis://127.0.0.1:6379/0`",
        })?;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(Duration::from_millis(settings.connect_timeout_ms)))
            .set_response_timeout(Some(response_timeout));
        Ok(Self { client, config, current: Mutex::default(), dialing: tokio::sync::Mutex::new(()), greeting })
    }

    /// Runs one command.
    pub(crate) async fn command(&self, doing: &'static str, cmd: &Cmd) -> Result<Value, QueueError> {
        let (mut connection, generation) = self.connection(doing).await?;
        let answer = connection.send_packed_command(cmd).await.and_then(Value::extract_error);
        answer.map_err(|error| self.complain(doing, generation, &error))
    }

    /// Runs several commands in one round trip.
    pub(crate) async fn pipeline(
        &self,
        doing: &'static str,
        pipeline: &Pipeline,
    ) -> Result<Vec<Value>, QueueError> {
        let (mut connection, generation) = self.connection(doing).await?;
        let answer = pipeline.query_async::<Vec<Value>>(&mut connection).await;
        answer.map_err(|error| self.complain(doing, generation, &error))
    }

    /// Runs a script, by its hash if Redis has it and by its text if not.
    pub(crate) async fn script(
        &self,
        doing: &'static str,
        script: &Script,
        keys: &[String],
        args: &Args,
    ) -> Result<Value, QueueError> {
        let (mut connection, generation) = self.connection(doing).await?;
        let sent = connection.send_packed_command(&script.by_hash(keys, args)).await;
        match sent.and_then(Value::extract_error) {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                let sent = connection.send_packed_command(&script.by_text(keys, args)).await;
                sent.and_then(Value::extract_error)
            }
            other => other,
        }
        .map_err(|error| self.complain(doing, generation, &error))
    }

    /// The connection, dialing if there is none. Many who ask at once dial once.
    async fn connection(&self, doing: &'static str) -> Result<(MultiplexedConnection, u64), QueueError> {
        if let Some(found) = self.current(doing)? {
            return Ok(found);
        }
        let _dialing = self.dialing.lock().await;
        if let Some(found) = self.current(doing)? {
            return Ok(found);
        }
        let dialed = self.dial().await;
        let mut current = lock(&self.current);
        match dialed {
            Ok(connection) => {
                current.generation += 1;
                current.connection = Some(connection.clone());
                current.not_before = None;
                Ok((connection, current.generation))
            }
            Err(error) => {
                let pause = Duration::from_millis(rand::rng().random_range(REDIAL_MS));
                current.not_before = Some(Instant::now() + pause);
                current.why = error.to_string();
                drop(current);
                Err(translate(doing, &error))
            }
        }
    }

    async fn dial(&self) -> Result<MultiplexedConnection, RedisError> {
        let mut connection = self.client.get_multiplexed_async_connection_with_config(&self.config).await?;
        if let Some(greeting) = &self.greeting {
            greeting.say(&mut connection).await?;
        }
        Ok(connection)
    }

    fn current(&self, doing: &'static str) -> Result<Option<(MultiplexedConnection, u64)>, QueueError> {
        let current = lock(&self.current);
        if let Some(connection) = &current.connection {
            return Ok(Some((connection.clone(), current.generation)));
        }
        match current.not_before {
            Some(moment) if Instant::now() < moment => {
                Err(QueueError::Unavailable { doing, why: current.why.clone() })
            }
            Some(_) | None => Ok(None),
        }
    }

    /// Drops the connection if `error` says that it is of no use any more.
    fn complain(&self, doing: &'static str, generation: u64, error: &RedisError) -> QueueError {
        let broken = error.is_io_error()
            || error.is_timeout()
            || error.is_connection_dropped()
            || error.is_unrecoverable_error()
            || matches!(
                error.kind(),
                ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown)
            );
        if broken {
            let mut current = lock(&self.current);
            if current.generation == generation {
                current.connection = None;
            }
        }
        translate(doing, error)
    }
}

/// What an error means to us: whether it may pass.
fn translate(doing: &'static str, error: &RedisError) -> QueueError {
    let why = error.to_string();
    match error.kind() {
        ErrorKind::Server(kind) => match kind {
            ServerErrorKind::BusyLoading
            | ServerErrorKind::TryAgain
            | ServerErrorKind::ClusterDown
            | ServerErrorKind::MasterDown
            | ServerErrorKind::ReadOnly
            | ServerErrorKind::Moved
            | ServerErrorKind::Ask => QueueError::Unavailable { doing, why },
            _ if why.contains("OOM") => QueueError::Full,
            _ => QueueError::Refused { doing, why },
        },
        ErrorKind::Extension => match error.code() {
            Some("OOM") => QueueError::Full,
            Some("MISCONF" | "NOREPLICAS" | "BUSY") => QueueError::Unavailable { doing, why },
            _ => QueueError::Refused { doing, why },
        },
        ErrorKind::AuthenticationFailed | ErrorKind::InvalidClientConfig => {
            QueueError::Refused { doing, why }
        }
        _ => QueueError::Unavailable { doing, why },
    }
}
