//! Reads any bytes as a wait, beside any bytes as the answer's own clock: no wait is endless.
#![no_main]

use libfuzzer_sys::fuzz_target;
use russet_apple::offline::retry_after;

fuzz_target!(|bytes: &[u8]| {
    let _ = retry_after(bytes, None);
    let mut parts = bytes.splitn(2, |byte| *byte == b'\n');
    if let (Some(wait), Some(date)) = (parts.next(), parts.next()) {
        let _ = retry_after(wait, Some(date));
    }
});
