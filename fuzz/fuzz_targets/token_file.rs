//! Reads any text as a token file: it is one or the message says what is wrong, and no message tells any of it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use russet_domain::Timestamp;

#[allow(dead_code)]
#[path = "../../crates/api/src/time.rs"]
mod time;
#[path = "../../crates/api/src/token_file.rs"]
mod token_file;

/// In 2026.
const NOW: Timestamp = Timestamp(1_790_000_000_000);

fuzz_target!(|text: &str| {
    match token_file::read(text, NOW) {
        Ok(file) => {
            assert!(file.expires_at > NOW);
            assert!(!file.content.reveal().contains(char::is_whitespace));
            assert!(!file.org_name.contains(char::is_control));
            assert!(!format!("{file:?}").contains(file.content.reveal()));
            // Reading what was kept gives the same again.
            assert_eq!(token_file::read(file.content.reveal(), NOW).unwrap(), file);
        }
        Err(error) => assert!(error.to_string().len() < 300),
    }
});
