//! The calls that Apple offers, one method each; those about users are in `users`.

mod users;

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, ClientBuilder, redirect, retry};
use russet_domain::{Asset, Secret};

use crate::answer::{Answer, Page};
use crate::assignment::{Assignment, Filter};
use crate::endpoint::Endpoint;
use crate::error::AppleError;
use crate::exchange::{Call, Connection, causes};
use crate::location::{ClientConfig, NewClientConfig};
use crate::report::EventReport;
use crate::service::ServiceConfig;
use crate::settings::{Settings, is_loopback};
use crate::wire;
use crate::wire::fault::Oddities;
use crate::write::{EventId, Write};

/// Connections to Apple, shared by all clones.
///
/// Every method makes one request, takes at most `apple.timeout_ms`, and retries nothing. It knows nothing of pace:
/// ask the limiter first. Tokens are the whole base64 text of the `.vpptoken` file.
#[derive(Clone, Debug)]
pub struct Apple(Arc<Connection>);

impl Apple {
    /// Prepares the connections; none is made yet.
    ///
    /// # Errors
    /// [`AppleError::BadSetting`] for a setting that cannot be used, and for a system without certificates.
    pub fn new(settings: &Settings) -> Result<Self, AppleError> {
        settings.check()?;
        let base = settings.base()?;
        // Someone else may have installed one before; then that one is used.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = client_builder(settings);
        if is_loopback(&base) {
            builder = builder.no_proxy();
        }
        if base.scheme() == "http" {
            // Without TLS there is nothing to verify: a simulator works on a system without certificates.
            builder = builder.tls_certs_only([]);
        }
        let http = builder.build().map_err(|error| AppleError::BadSetting {
            name: "apple.base_url",
            why: format!(
                "cannot be connected to: {}; install the system's certificates (the package ca-certificates) and check apple.user_agent",
                causes(error)
            ),
        })?;
        Ok(Self(Arc::new(Connection { http, base, body_max: settings.body_max_bytes })))
    }

    /// What Apple allows at the moment. Needs no token and says nothing about any.
    ///
    /// # Errors
    /// See [`AppleError::consequence`]. May be repeated.
    pub async fn service_config(&self) -> Result<ServiceConfig, AppleError> {
        let reply = self.0.exchange(Call::get(Endpoint::ServiceConfig, None)).await?;
        reply.read(wire::service_config::service_config).map(|answer| answer.value)
    }

    /// Whose location a token opens and who has claimed it: the way to check a token.
    ///
    /// # Errors
    /// See [`AppleError::consequence`]. May be repeated.
    pub async fn client_config(&self, token: &Secret) -> Result<Answer<ClientConfig>, AppleError> {
        let reply = self.0.exchange(Call::get(Endpoint::ClientConfig, Some(token))).await?;
        reply.read(wire::client_config::client_config)
    }

    /// Claims a location, or sets where its notifications go, or both. What Apple then holds is best read again: a
    /// part of it may be missing from this answer, and another server may have written after us.
    ///
    /// # Errors
    /// See [`AppleError::consequence`]. May be repeated; each time the address is tested with a notification.
    pub async fn set_client_config(
        &self,
        token: &Secret,
        new: &NewClientConfig,
    ) -> Result<Answer<()>, AppleError> {
        let body = wire::client_config::request(new);
        let mut call = Call::post(Endpoint::SetClientConfig, token, body);
        call.hidden = new.notification.as_ref().map(|target| &target.secret);
        Ok(self.0.exchange(call).await?.empty())
    }

    /// One page of a location's products, those without a limit among them.
    ///
    /// # Errors
    /// See [`AppleError::consequence`]. May be repeated.
    pub async fn assets(&self, token: &Secret, page: u32) -> Result<Answer<Page<Asset>>, AppleError> {
        let index = page.to_string();
        let mut call = Call::get(Endpoint::Assets, Some(token));
        if page > 0 {
            call.query.push(("pageIndex", &index));
        }
        let reply = self.0.exchange(call).await?;
        reply.read(|object| wire::asset::page(object, page))
    }

    /// What the location owns of one product: one asset for each quality that was bought, none when it owns nothing.
    ///
    /// # Errors
    /// See [`AppleError::consequence`]. May be repeated.
    pub async fn product(&self, token: &Secret, adam_id: &str) -> Result<Answer<Page<Asset>>, AppleError> {
        let mut call = Call::get(Endpoint::Assets, Some(token));
        call.query.push(("adamId", adam_id));
        let reply = self.0.exchange(call).await?;
        let mut answer = reply.read(|object| wire::asset::page(object, 0))?;
        // An answer that ignores the question must not be taken for one about this product.
        answer.value.items.retain(|asset| asset.key.adam_id == adam_id);
        Ok(answer)
    }

    /// One page of who holds what. A page of 1,000 is some 100 kB and parses in well under a millisecond.
    ///
    /// # Errors
    /// See [`AppleError::consequence`]; a version that Apple has forgotten is `Replan`. May be repeated.
    pub async fn assignments(
        &self,
        token: &Secret,
        filter: &Filter,
        page: u32,
    ) -> Result<Answer<Page<Assignment>>, AppleError> {
        let index = page.to_string();
        let mut call = Call::get(Endpoint::Assignments, Some(token));
        let conditions = [
            ("adamId", filter.adam_id.as_deref()),
            ("pricingParam", filter.pricing.as_ref().map(|pricing| pricing.as_str())),
            ("serialNumber", filter.serial.as_deref()),
            ("clientUserId", filter.user.as_deref()),
            ("sinceVersionId", filter.since_version.as_deref()),
            ("pageIndex", (page > 0).then_some(index.as_str())),
        ];
        call.query.extend(conditions.into_iter().filter_map(|(name, value)| Some((name, value?))));
        let reply = self.0.exchange(call).await?;
        let changes_only = filter.since_version.is_some();
        reply.read(|object| wire::assignment::page(object, page, changes_only))
    }

    /// Gives every asset to every holder. The answer means accepted, not done: ask for the event.
    ///
    /// # Errors
    /// See [`AppleError::consequence`]. Never to be repeated after `LostReply` before reading back.
    pub async fn associate(&self, token: &Secret, write: &Write<'_>) -> Result<Answer<EventId>, AppleError> {
        self.begin(Endpoint::Associate, token, wire::write::request(write)).await
    }

    /// Takes every asset back from every holder. The answer means accepted, not done: ask for the event.
    ///
    /// # Errors
    /// See [`AppleError::consequence`]. Never to be repeated after `LostReply` before reading back.
    pub async fn disassociate(
        &self,
        token: &Secret,
        write: &Write<'_>,
    ) -> Result<Answer<EventId>, AppleError> {
        self.begin(Endpoint::Disassociate, token, wire::write::request(write)).await
    }

    /// Takes all revocable assets back from the holders. The answer means accepted, not done: ask for the event.
    ///
    /// # Errors
    /// See [`AppleError::consequence`]. Never to be repeated after `LostReply` before reading back.
    pub async fn revoke(
        &self,
        token: &Secret,
        devices: &[String],
        users: &[String],
    ) -> Result<Answer<EventId>, AppleError> {
        let body = wire::write::request(&Write { assets: &[], devices, users });
        self.begin(Endpoint::Revoke, token, body).await
    }

    /// How an event stands. Ask no more often than every 30 seconds. An event that Apple does not know any more is an
    /// answer too, with [`EventStatus::Unknown`](russet_domain::event::EventStatus::Unknown).
    ///
    /// # Errors
    /// See [`AppleError::consequence`]. May be repeated.
    pub async fn status(&self, token: &Secret, event: &EventId) -> Result<Answer<EventReport>, AppleError> {
        let mut call = Call::get(Endpoint::Status, Some(token));
        call.query.push(("eventId", &event.0));
        match self.0.exchange(call).await {
            Ok(reply) => reply.read(wire::status::report),
            Err(AppleError::Refused(refusal)) if refusal.number == Some(EVENT_UNKNOWN) => Ok(Answer {
                value: EventReport::unknown(),
                seen: refusal.seen,
                retry_after: refusal.retry_after,
                odd: Oddities::default(),
            }),
            Err(error) => Err(error),
        }
    }

    /// Makes a request that begins an event.
    async fn begin(
        &self,
        endpoint: Endpoint,
        token: &Secret,
        body: Vec<u8>,
    ) -> Result<Answer<EventId>, AppleError> {
        let reply = self.0.exchange(Call::post(endpoint, token, body)).await?;
        reply.read(wire::write::event)
    }
}

/// Apple's number for an event that it does not know.
const EVENT_UNKNOWN: i32 = 9708;

fn client_builder(settings: &Settings) -> ClientBuilder {
    Client::builder()
        .user_agent(&settings.user_agent)
        .timeout(Duration::from_millis(settings.timeout_ms))
        .connect_timeout(Duration::from_millis(settings.connect_timeout_ms))
        // A redirect would take the token to an address that nobody chose.
        .redirect(redirect::Policy::none())
        // Each request was counted by the limiter, and whether it may be repeated is not decided here.
        .retry(retry::never())
        .referer(false)
        // A connection that the other side is about to close costs a write its reply: let go of idle ones early.
        .pool_idle_timeout(Duration::from_secs(20))
        .pool_max_idle_per_host(16)
        .http2_keep_alive_interval(Duration::from_secs(15))
        .http2_keep_alive_timeout(Duration::from_secs(10))
}
