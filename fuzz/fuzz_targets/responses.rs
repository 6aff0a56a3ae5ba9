//! Reads any bytes as each of Apple's answers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use russet_apple::offline::RESPONSES;

fuzz_target!(|body: &[u8]| {
    for (name, read) in RESPONSES {
        let outcome = read(body);
        if let Err(why) = &outcome.value {
            let says_where = why.contains('`') || why.contains("line ") || why.contains("Apple refused");
            assert!(says_where, "{name}: {why}");
        }
        if outcome.records.is_some_and(|(_, skipped)| skipped > 0) {
            assert!(outcome.odd_count > 0, "{name}: skipped without a word");
        }
        assert!(outcome.odd.len() <= outcome.odd_count, "{name}");
    }
});
