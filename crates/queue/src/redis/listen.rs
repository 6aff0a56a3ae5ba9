//! Hears of new messages without asking for them, on a connection of its own.

use std::time::Duration;

use ::redis::{Value, cmd};

use super::Redis;
use super::link::Link;
use crate::QueueError;

/// How long one wait lasts. A connection that is dead without saying so is found out within twice this time.
const WAIT: Duration = Duration::from_secs(10);

/// Waits for the signal that a push leaves when there is something to claim.
///
/// The signal is one element of a list, so exactly one waiting worker takes it, and it waits for a worker that is
/// not there yet: a connection lost between two waits loses nothing.
pub(crate) struct Listener {
    link: Link,
    key: String,
}

impl Listener {
    /// Waits at most [`WAIT`]; true when the signal came.
    pub(crate) async fn wait(&self) -> Result<bool, QueueError> {
        let mut pop = cmd("BLPOP");
        pop.arg(&self.key).arg(WAIT.as_secs());
        let value = self.link.command("waiting for messages", &pop).await?;
        Ok(value != Value::Nil)
    }
}

impl Redis {
    /// A listener, which dials when first used.
    pub(crate) fn listener(&self) -> Result<Listener, QueueError> {
        Ok(Listener { link: Link::new(&self.settings, WAIT * 2, None)?, key: self.keys.one("wake") })
    }

    /// Passes the signal on to another worker.
    pub(crate) async fn signal(&self) -> Result<(), QueueError> {
        // LPUSHX would not do: the list is there only while the signal is.
        let mut push = cmd("LPUSH");
        push.arg(self.keys.one("wake")).arg("1");
        let mut trim = cmd("LTRIM");
        trim.arg(self.keys.one("wake")).arg(0).arg(0);
        let mut both = ::redis::pipe();
        both.atomic().add_command(push).add_command(trim);
        self.link.pipeline("waking another worker", &both).await.map(drop)
    }
}
