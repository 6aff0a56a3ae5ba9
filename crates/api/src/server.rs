//! Serves the API until it is asked to stop.

use std::io;
use std::time::Duration;

use axum::Router;
use russet_domain::callback::Rules;
use russet_queue::Queue;
use russet_store::Store;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::Settings;
use crate::routes;
use crate::state::App;

/// What the API is made of.
pub struct Api {
    /// The database.
    pub store: Store,
    /// Where messages for workers are pushed.
    pub queue: Queue,
    /// `[api]`.
    pub settings: Settings,
    /// Which addresses jobs may name to be called back.
    pub callbacks: Rules,
    /// Which addresses MDM servers may have.
    pub servers: Rules,
}

impl Api {
    /// The API as a router, for a server of one's own. It starts a task that writes notifications down, so it must be
    /// called within a runtime.
    pub fn router(self) -> Router {
        self.router_until(CancellationToken::new())
    }

    fn router_until(self, stop: CancellationToken) -> Router {
        routes::router(App::new(self.store, self.queue, self.settings, self.callbacks, self.servers, stop))
    }
}

/// Serves the API on `listener` until `stop` is cancelled. Then no more connections are taken, streams of events end,
/// and requests under way have `api.drain_ms` to end.
///
/// # Errors
/// When the listener fails for good.
pub async fn serve(listener: TcpListener, api: Api, stop: CancellationToken) -> io::Result<()> {
    let drain = Duration::from_millis(api.settings.drain_ms);
    let router = api.router_until(stop.clone());
    let serving = axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
    tokio::select! {
        ended = serving => ended,
        () = async {
            stop.cancelled().await;
            tokio::time::sleep(drain).await;
        } => {
            tracing::warn!(drain_ms = drain.as_millis(), "requests under way were cut off at the stop");
            Ok(())
        }
    }
}
