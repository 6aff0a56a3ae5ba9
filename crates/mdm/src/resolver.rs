//! Looks names up, and leaves out the addresses that may not be called.
//!
//! This is where it is decided: whoever owns a name decides what it leads to, and may change that between two questions,
//! so that what is connected to has to be what was looked at.

use std::net::SocketAddr;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use russet_domain::callback::is_inside;

/// A name that leads inside only, as an error that can be told from others.
#[derive(Debug, thiserror::Error)]
#[error("the name leads to an address inside the network")]
pub(crate) struct LeadsInside;

/// Asks the system, and keeps what may be called.
pub(crate) struct Resolver {
    pub(crate) allow_inside: bool,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let allow_inside = self.allow_inside;
        Box::pin(async move {
            // The port is put in place by whoever connects.
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let kept: Vec<SocketAddr> =
                found.into_iter().filter(|address| allow_inside || !is_inside(address.ip())).collect();
            if kept.is_empty() {
                return Err(LeadsInside.into());
            }
            Ok(Box::new(kept.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_is_judged_by_what_it_leads_to() {
        let look_up = |allow_inside| Resolver { allow_inside }.resolve("localhost".parse().unwrap());
        let error = look_up(false).await.err().unwrap();
        assert!(error.is::<LeadsInside>(), "{error}");
        assert!(look_up(true).await.unwrap().all(|address| address.ip().is_loopback()));
    }
}
