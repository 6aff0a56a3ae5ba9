//! Picks a port for a private server.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::net::{Ipv4Addr, TcpListener};

use crate::error::ServicesError;

// Below what systems hand out to outgoing connections (from 32768 on Linux). A port from that range could be taken by
// any client while its server is stopped, and a client that keeps trying it can even end up connected to itself.
const FIRST: u16 = 20_000;
const LAST: u16 = 29_999;
const TRIES: u32 = 200;

/// A port nobody listens on at this moment. Somebody else may be quicker: whoever starts a server there tries again.
pub(crate) fn free() -> Result<u16, ServicesError> {
    let random = RandomState::new();
    for attempt in 0..TRIES {
        let mut hasher = random.build_hasher();
        hasher.write_u32(attempt);
        let span = u64::from(LAST - FIRST) + 1;
        let offset = u16::try_from(hasher.finish() % span).unwrap_or_default();
        if TcpListener::bind((Ipv4Addr::LOCALHOST, FIRST + offset)).is_ok() {
            return Ok(FIRST + offset);
        }
    }
    Err(ServicesError::NoPort { first: FIRST, last: LAST })
}
