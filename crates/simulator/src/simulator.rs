//! Starts a simulator, says where it is, and stops it.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::control::start::World;
use crate::error::SimulatorError;
use crate::mdm::webhook::{self, Webhooks};
use crate::notifier::Notifier;
use crate::server::{Door, Switch};
use crate::shared::Shared;
use crate::{apple, catalog, control, mdm, notifier, shared};

/// Connections to one receiver that are kept for the next time.
const IDLE_MAX: usize = 32;

/// What a simulator needs to know to start.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where to listen. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// What every id and every random choice comes from. The same seed and the same requests in the same
    /// order give the same answers.
    pub seed: u64,
    /// What there is at the start; empty by default.
    pub world: World,
}

impl Default for Settings {
    /// A free port of this machine, seed 1, an empty world.
    fn default() -> Self {
        Self { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), seed: 1, world: World::default() }
    }
}

/// A running simulator. Dropping it stops it without waiting.
pub struct Simulator {
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
}

impl Simulator {
    /// Starts listening. The simulator answers from the moment this returns.
    ///
    /// # Errors
    ///
    /// The address cannot be listened on, or the world to start with contradicts itself.
    pub async fn start(settings: Settings) -> Result<Self, SimulatorError> {
        let cannot_listen = |source| SimulatorError::Listen { address: settings.listen, source };
        let listener = TcpListener::bind(settings.listen).await.map_err(cannot_listen)?;
        let address = listener.local_addr().map_err(cannot_listen)?;
        let client = client()?;
        let (sender, batches) = Notifier::new(client.clone());
        let (webhooks, posts) = Webhooks::new();
        let rules = settings.world.settings.clone();
        rules.check().map_err(SimulatorError::World)?;
        let shared = Arc::new(Shared::new(settings.seed, rules, sender, webhooks, url_of(address)));
        settings.world.build(&shared).map_err(SimulatorError::World)?;

        let mut tasks = JoinSet::new();
        tasks.spawn(shared::keep_time(Arc::clone(&shared)));
        tasks.spawn(notifier::run(Arc::clone(&shared), batches));
        tasks.spawn(webhook::run(Arc::clone(&shared), client, posts));
        let app = routes(&shared).into_make_service_with_connect_info::<Switch>();
        let stopping = shared.stopping.clone();
        tasks.spawn(async move {
            let serving = axum::serve(Door(listener), app);
            let served = serving.with_graceful_shutdown(stopping.cancelled_owned()).await;
            if let Err(error) = served {
                tracing::error!(%error, "the simulator stopped listening");
            }
        });
        Ok(Self { shared, tasks })
    }

    /// Where it listens, without a slash at the end, such as `http://127.0.0.1:8080`.
    #[must_use]
    pub fn url(&self) -> String {
        self.shared.url.clone()
    }

    /// The base of Apple's endpoints, which a client uses in place of `https://vpp.itunes.apple.com/mdm/v2`.
    #[must_use]
    pub fn apple_url(&self) -> String {
        format!("{}{}", self.shared.url, apple::PREFIX)
    }

    /// The root of the metadata service, which a client uses in place of `https://api.ent.apple.com/v1`.
    #[must_use]
    pub fn catalog_url(&self) -> String {
        format!("{}/v1", self.shared.url)
    }

    /// The root of the MDM server's API, as it is given to a client of NanoMDM.
    #[must_use]
    pub fn mdm_url(&self) -> String {
        format!("{}{}", self.shared.url, mdm::PREFIX)
    }

    /// The root of the API of the KMFDDM that has the devices' declarations.
    #[must_use]
    pub fn declarations_url(&self) -> String {
        format!("{}{}", self.shared.url, mdm::ddm_api::PREFIX)
    }

    /// The root of the API through which the same devices are reached as through another server: `nanohub`, `micromdm` or `fleet`.
    #[must_use]
    pub fn mdm_url_as(&self, server: &str) -> String {
        format!("{}/{server}", self.shared.url)
    }

    /// Waits until somebody stops the simulator.
    pub async fn stopped(&self) {
        self.shared.stopping.cancelled().await;
    }

    /// Stops it: answers under way are finished for up to a second, what is planned is forgotten.
    pub async fn stop(mut self) {
        self.shared.stopping.cancel();
        let all_ended = async { while self.tasks.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(Duration::from_secs(1), all_ended).await;
        self.tasks.shutdown().await;
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.shared.stopping.cancel();
    }
}

fn routes(shared: &Arc<Shared>) -> Router {
    control::routes()
        .merge(apple::routes())
        .merge(catalog::routes())
        .merge(mdm::api::routes())
        .merge(mdm::micromdm::routes())
        .merge(mdm::fleet_api::routes())
        .merge(mdm::ddm_api::routes(shared))
        .with_state(Arc::clone(shared))
}

/// An address that can be called: listening on all addresses means that this machine's own works, too.
fn url_of(address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        return format!("http://127.0.0.1:{}", address.port());
    }
    format!("http://{address}")
}

/// The client toward those that the simulator tells something: receivers of notifications and of webhooks.
fn client() -> Result<reqwest::Client, SimulatorError> {
    // Somebody else in the process may have chosen a provider already, which is just as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .http1_only()
        .tcp_nodelay(true)
        .pool_max_idle_per_host(IDLE_MAX)
        .build()
        .map_err(SimulatorError::Client)
}
