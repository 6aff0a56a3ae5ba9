//! Reads any text as a date: what is one is one in every spelling that is taken.
#![no_main]

use libfuzzer_sys::fuzz_target;
use russet_apple::offline::date;

fuzz_target!(|text: &str| {
    if let Some(at) = date(text) {
        assert_eq!(date(&format!(" {text}\n")), Some(at));
        // A text at the bound of what is read has no longer spelling.
        if let Some(utc) = text.trim().strip_suffix(['Z', 'z']).filter(|utc| utc.len() < 50) {
            assert_eq!(date(&format!("{utc}+0000")), Some(at));
            assert_eq!(date(&format!("{utc}+00:00")), Some(at));
        }
    }
});
