//! Picks a port for a server of a story.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::net::{Ipv4Addr, TcpListener};

// Below what systems hand out to outgoing connections, so that no client can sit on it while its server restarts, and
// beside the ports of private databases.
const FIRST: u16 = 12_000;
const LAST: u16 = 19_999;
const TRIES: u32 = 200;

/// A port nobody listens on at this moment. Somebody else may be quicker: whoever starts a server there tries again.
///
/// # Panics
///
/// When none of them is free.
#[must_use]
pub fn free() -> u16 {
    let random = RandomState::new();
    for attempt in 0..TRIES {
        let mut hasher = random.build_hasher();
        hasher.write_u32(attempt);
        let offset = u16::try_from(hasher.finish() % u64::from(LAST - FIRST + 1)).unwrap_or_default();
        if TcpListener::bind((Ipv4Addr::LOCALHOST, FIRST + offset)).is_ok() {
            return FIRST + offset;
        }
    }
    panic!("no port from {FIRST} to {LAST} is free");
}
