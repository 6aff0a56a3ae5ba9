//! Signs what is told, so that the MDM side knows who told it and that nobody changed or kept it.

use ring::hmac;
use russet_domain::Secret;

/// Seconds since 1970 at which the news was sent; a receiver refuses what is old.
pub const TIMESTAMP_HEADER: &str = "russet-timestamp";
/// `v1=` and the HMAC-SHA256, in hexadecimal, over the timestamp, a dot and the body.
pub const SIGNATURE_HEADER: &str = "russet-signature";

/// Under this header NanoMDM sends the HMAC-SHA256 of a webhook's body, in base64.
pub const MDM_SIGNATURE_HEADER: &str = "x-hmac-signature";

/// The value of [`SIGNATURE_HEADER`]: what a receiver computes with the secret it shares with us, and compares.
///
/// ```
/// use russet_domain::Secret;
///
/// let signature = russet_mdm::sign(&Secret::new("shared"), 1_800_000_000, b"{}");
/// assert!(signature.starts_with("v1=") && signature.len() == 67);
/// ```
#[must_use]
pub fn sign(secret: &Secret, timestamp_s: i64, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.reveal().as_bytes());
    let mut context = hmac::Context::with_key(&key);
    context.update(timestamp_s.to_string().as_bytes());
    context.update(b".");
    context.update(body);
    let tag = context.sign();
    let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("v1={hex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_the_one_that_others_compute() {
        // printf '%s' '1800000000.{"a":1}' | openssl dgst -sha256 -hmac shared
        let wanted = "v1=a9beda7899401751514e68eb126f628ed95127cc035b2a09293b2854cf655a4a";
        assert_eq!(sign(&Secret::new("shared"), 1_800_000_000, br#"{"a":1}"#), wanted);
    }

    #[test]
    fn secret_time_and_body_all_count() {
        let one = sign(&Secret::new("shared"), 1, b"body");
        assert_ne!(one, sign(&Secret::new("other"), 1, b"body"));
        assert_ne!(one, sign(&Secret::new("shared"), 2, b"body"));
        assert_ne!(one, sign(&Secret::new("shared"), 1, b"bodY"));
    }
}
