//! Reads any bytes as an answer of the metadata services.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| russet_apple::offline::catalog(body));
