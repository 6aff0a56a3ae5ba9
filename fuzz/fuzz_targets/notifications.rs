//! Reads any bytes as a notification of Apple's.
#![no_main]

use libfuzzer_sys::fuzz_target;
use russet_apple::offline::notification;

fuzz_target!(|body: &[u8]| {
    let outcome = notification(body);
    if let Err(why) = &outcome.value {
        assert!(why.contains('`') || why.contains("line "), "{why}");
    }
    if outcome.records.is_some_and(|(_, skipped)| skipped > 0) {
        assert!(outcome.odd_count > 0, "skipped without a word");
    }
});
