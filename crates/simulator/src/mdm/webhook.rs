//! Sends the server's webhooks: one attempt each, those of one device in order.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use serde::{Deserialize, Serialize};
use tokio::sync::{Semaphore, mpsc};

use crate::shared::Shared;

/// Calls under way at the same time. The order of a device's webhooks is kept within as many as fit.
const AT_ONCE: usize = 16;
/// How long one may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Whose webhooks they look like.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Form {
    /// NanoMDM's, and NanoHUB's.
    #[default]
    Nanomdm,
    /// MicroMDM's, which tell less of who speaks, and are not signed.
    Micromdm,
}

/// Where webhooks go, and the key that they are signed with. A name and a password in the address are given as HTTP Basic does.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Hook {
    pub(crate) url: String,
    #[serde(default)]
    pub(crate) key: Option<String>,
    #[serde(default)]
    pub(crate) form: Form,
}

/// A webhook that is to be sent.
pub(crate) struct Post {
    pub(crate) hook: Hook,
    pub(crate) body: Vec<u8>,
}

/// Webhooks that wait for their turn.
pub(crate) type Posts = mpsc::UnboundedReceiver<Post>;

/// Takes webhooks in.
pub(crate) struct Webhooks(mpsc::UnboundedSender<Post>);

impl Webhooks {
    pub(crate) fn new() -> (Self, Posts) {
        let (sender, posts) = mpsc::unbounded_channel();
        (Self(sender), posts)
    }

    pub(crate) fn send(&self, post: Post) {
        // Sending fails only when the simulator is being stopped.
        let _ = self.0.send(post);
    }
}

/// Sends what comes until the simulator is stopped.
pub(crate) async fn run(shared: Arc<Shared>, client: reqwest::Client, mut posts: Posts) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    while let Some(post) = posts.recv().await {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let (shared, client) = (Arc::clone(&shared), client.clone());
        tokio::spawn(async move {
            let taken = send(&client, post).await;
            let mut inner = shared.fleet.inner();
            if taken {
                inner.counts.webhooks_taken += 1;
            } else {
                inner.counts.webhooks_lost += 1;
            }
            drop(place);
        });
    }
}

async fn send(client: &reqwest::Client, post: Post) -> bool {
    let mut request = client
        .post(&post.hook.url)
        .timeout(TIMEOUT)
        .header("content-type", "application/json; charset=utf-8");
    if let Some(key) = &post.hook.key
        && post.hook.form == Form::Nanomdm
    {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()), &post.body);
        request = request.header("X-Hmac-Signature", STANDARD.encode(tag));
    }
    match request.body(post.body).send().await {
        Ok(answer) => {
            let taken = answer.status().as_u16() == 200;
            let _ = answer.bytes().await;
            taken
        }
        Err(_) => false,
    }
}
