//! The developer key, and the tokens that are signed with it.
//!
//! A developer token is a JWT, signed with ES256 by a key of an Apple Developer account. Apple takes one for up to half
//! a year; ours last hours, so that one that gets out is soon worthless
//! (<https://developer.apple.com/documentation/devicemanagement/generating-developer-tokens>).

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use russet_domain::Secret;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::json;

use super::NoKey;
use crate::settings::Settings;

/// How long a developer token is good for.
const LIFE: Duration = Duration::from_secs(4 * 3600);
/// How long before its end a new one is made, so that none ends on its way.
const SPARE: Duration = Duration::from_secs(30 * 60);
/// The largest key file that is read; real ones have some 260 bytes.
const FILE_MAX_BYTES: u64 = 16 * 1024;

/// The key of an Apple Developer account.
pub(super) struct DeveloperKey {
    pair: EcdsaKeyPair,
    key_id: String,
    team_id: String,
    /// The token in use, and when it ends.
    made: Mutex<Option<(Secret, SystemTime)>>,
}

impl DeveloperKey {
    /// Reads the key that the settings name.
    pub(super) fn read(settings: &Settings) -> Result<Self, NoKey> {
        let path = settings.catalog_key_file.as_str();
        if path.is_empty() {
            return Err(NoKey::NotSet);
        }
        let unusable = |why: String| {
            NoKey::Unusable(format!(
                "the file of apple.catalog_key_file, {path}, {why}; download a key from the Apple Developer account \
                 (its name ends in .p8)"
            ))
        };
        let mut pem = Vec::new();
        let file = File::open(path).map_err(|error| unusable(format!("cannot be opened: {error}")))?;
        file.take(FILE_MAX_BYTES)
            .read_to_end(&mut pem)
            .map_err(|error| unusable(format!("cannot be read: {error}")))?;
        Self::from_pem(&pem, &settings.catalog_key_id, &settings.catalog_team_id)
            .map_err(|why| unusable(why.to_owned()))
    }

    fn from_pem(pem: &[u8], key_id: &str, team_id: &str) -> Result<Self, &'static str> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem)
            .map_err(|_| "holds no private key between BEGIN PRIVATE KEY and END PRIVATE KEY")?;
        let pair = EcdsaKeyPair::from_pkcs8(
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            der.secret_pkcs8_der(),
            &SystemRandom::new(),
        )
        .map_err(|_| "holds a key that is none for ES256 (an elliptic curve key on P-256)")?;
        Ok(Self { pair, key_id: key_id.to_owned(), team_id: team_id.to_owned(), made: Mutex::new(None) })
    }

    /// A developer token that is good for a while yet: the one in use, or a new one.
    pub(super) fn token(&self, now: SystemTime) -> Result<Secret, String> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((token, ends)) = made.as_ref()
            && now + SPARE < *ends
            // A clock that was set back must not keep one that Apple takes for one of the future.
            && *ends <= now + LIFE
        {
            return Ok(token.clone());
        }
        let token = self.sign(now)?;
        *made = Some((token.clone(), now + LIFE));
        Ok(token)
    }

    /// Forgets the token in use, so that the next one is new.
    pub(super) fn renew(&self) {
        *self.made.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn sign(&self, now: SystemTime) -> Result<Secret, String> {
        let issued = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let header = json!({ "alg": "ES256", "kid": self.key_id, "typ": "JWT" });
        let claims = json!({ "iss": self.team_id, "iat": issued, "exp": issued + LIFE.as_secs() });
        let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let text =
            format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
        let signature = self
            .pair
            .sign(&SystemRandom::new(), text.as_bytes())
            .map_err(|_| "a developer token could not be signed".to_owned())?;
        Ok(Secret::new(format!("{text}.{}", encode(signature.as_ref()))))
    }
}

impl fmt::Debug for DeveloperKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeveloperKey").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::signature::{ECDSA_P256_SHA256_FIXED, KeyPair as _, UnparsedPublicKey};
    use serde_json::Value;

    /// A key made for this test.
    fn pem() -> (Vec<u8>, Vec<u8>) {
        let random = SystemRandom::new();
        let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der.as_ref(), &random).unwrap();
        let text = base64::prelude::BASE64_STANDARD.encode(der.as_ref());
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n");
        (pem.into_bytes(), pair.public_key().as_ref().to_vec())
    }

    fn part(text: &str) -> Value {
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
    }

    #[test]
    fn a_developer_token_is_what_apple_asks_for_and_its_signature_holds() {
        let (pem, public) = pem();
        let key = DeveloperKey::from_pem(&pem, "ABC123DEFG", "TEAM000001").unwrap();
        let token = key.token(UNIX_EPOCH + Duration::from_secs(2_000_000_000)).unwrap();
        let [header, claims, signature] = token.reveal().split('.').collect::<Vec<_>>()[..] else { panic!() };
        assert_eq!((&part(header)["alg"], &part(header)["kid"]), (&json!("ES256"), &json!("ABC123DEFG")));
        let claims_read = part(claims);
        assert_eq!((&claims_read["iss"], &claims_read["iat"]), (&json!("TEAM000001"), &json!(2_000_000_000)));
        let life = claims_read["exp"].as_u64().unwrap() - 2_000_000_000;
        assert!(life < 15_777_000, "{life}");
        let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap();
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, public)
            .verify(format!("{header}.{claims}").as_bytes(), &signature)
            .unwrap();
    }

    #[test]
    fn a_token_is_used_again_until_shortly_before_its_end() {
        let (pem, _) = pem();
        let key = DeveloperKey::from_pem(&pem, "ABC123DEFG", "TEAM000001").unwrap();
        let start = UNIX_EPOCH + Duration::from_secs(2_000_000_000);
        let first = key.token(start).unwrap();
        assert_eq!(key.token(start + LIFE - SPARE - Duration::from_secs(1)).unwrap(), first);
        let second = key.token(start + LIFE - SPARE).unwrap();
        assert_ne!(second, first);
        // The clock is set back by a day: what was made then would lie in the future.
        assert_ne!(key.token(start - Duration::from_secs(86_400)).unwrap(), second);
        let third = key.token(start).unwrap();
        key.renew();
        assert_ne!(key.token(start).unwrap(), third, "signatures are random");
    }

    #[test]
    fn a_file_that_is_no_key_is_named_and_not_shown() {
        assert_eq!(DeveloperKey::read(&Settings::default()).unwrap_err(), NoKey::NotSet);
        let settings = Settings { catalog_key_file: "/none/here.p8".into(), ..Settings::default() };
        let NoKey::Unusable(why) = DeveloperKey::read(&settings).unwrap_err() else { panic!() };
        assert!(why.contains("/none/here.p8") && why.contains("apple.catalog_key_file"), "{why}");
        let wrong = DeveloperKey::from_pem(b"opaque", "k", "t").unwrap_err();
        assert!(wrong.contains("BEGIN PRIVATE KEY") && !wrong.contains("opaque"), "{wrong}");
        let not_a_key = b"-----BEGIN PRIVATE KEY-----\nb3BhcXVl\n-----END PRIVATE KEY-----\n";
        assert!(DeveloperKey::from_pem(not_a_key, "k", "t").unwrap_err().contains("P-256"));
        let (pem, _) = pem();
        let key = DeveloperKey::from_pem(&pem, "ABC123DEFG", "TEAM000001").unwrap();
        let token = key.token(UNIX_EPOCH).unwrap();
        assert!(!format!("{key:?}").contains(token.reveal()));
    }
}
