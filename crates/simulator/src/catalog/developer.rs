//! The keys of developers, and whether a token was signed with one of them.
//!
//! See <https://developer.apple.com/documentation/devicemanagement/generating-developer-tokens>.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, UnparsedPublicKey,
};
use serde::Deserialize;

/// A token lives for at most so many seconds, which are half a year.
const LONGEST_S: i64 = 15_777_000;

/// A token that was made by a clock that goes wrong by so many seconds is taken.
const CLOCK_GRACE_S: i64 = 60;

/// No token has more characters.
const LONGEST_TOKEN: usize = 4_096;

/// What every public key of P-256 in the form `SubjectPublicKeyInfo` begins with; the point follows.
const SPKI_HEAD: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// An uncompressed point of P-256: a four, and two numbers of 32 bytes.
const POINT_LENGTH: usize = 65;

/// A key that a developer may sign with.
#[derive(Debug, Clone)]
pub(crate) struct DeveloperKey {
    /// Ten characters; the `kid` of its tokens.
    pub(crate) key_id: String,
    /// The `iss` of its tokens.
    pub(crate) team_id: String,
    point: Vec<u8>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: String,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    iat: i64,
    exp: i64,
}

impl DeveloperKey {
    /// A key whose public half is given in PEM. The error says what is wrong.
    pub(crate) fn read(key_id: String, team_id: String, public_key: &str) -> Result<Self, String> {
        let wrong =
            || "public_key is no P-256 key in PEM; openssl ec -in KEY.p8 -pubout writes one".to_owned();
        let lines = public_key.lines().map(str::trim).filter(|line| !line.starts_with("-----"));
        let der = STANDARD.decode(lines.collect::<String>()).map_err(|_| wrong())?;
        let point = der.strip_prefix(&SPKI_HEAD).ok_or_else(wrong)?;
        if point.len() != POINT_LENGTH || point.first() != Some(&4) {
            return Err(wrong());
        }
        Ok(Self { key_id, team_id, point: point.to_vec() })
    }

    /// A new key, and its private half as the text of the `.p8` file that Apple hands out.
    pub(crate) fn make(key_id: String, team_id: String) -> Option<(Self, String)> {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).ok()?;
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).ok()?;
        let point = pair.public_key().as_ref().to_vec();
        Some((Self { key_id, team_id, point }, pem("PRIVATE KEY", document.as_ref())))
    }

    pub(crate) fn public_key(&self) -> String {
        pem("PUBLIC KEY", &[SPKI_HEAD.as_slice(), &self.point].concat())
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = (0..text.len()).step_by(64).map(|at| &text[at..text.len().min(at + 64)]).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// The key that a token was signed with, or why it is not good.
pub(crate) fn check<'a>(
    token: &str,
    keys: impl Iterator<Item = &'a DeveloperKey>,
    now_s: i64,
) -> Result<&'a DeveloperKey, &'static str> {
    if token.len() > LONGEST_TOKEN {
        return Err("The token is too long.");
    }
    let (signed, signature) = token.rsplit_once('.').ok_or("The token has not three parts.")?;
    let (header, claims) = signed.split_once('.').ok_or("The token has not three parts.")?;
    let header: Header = part(header).ok_or("The head of the token cannot be read.")?;
    let claims: Claims = part(claims).ok_or("The claims of the token cannot be read.")?;
    if header.alg != "ES256" {
        return Err("The token is not signed with ES256.");
    }
    let mut keys = keys;
    let key = keys.find(|key| key.key_id == header.kid).ok_or("The key of the token is not known.")?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| "The signature cannot be read.")?;
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &key.point)
        .verify(signed.as_bytes(), &signature)
        .map_err(|_| "The signature is wrong.")?;
    if claims.iss != key.team_id {
        return Err("The issuer is not the team of the key.");
    }
    if claims.iat > now_s + CLOCK_GRACE_S {
        return Err("The token was issued in the future.");
    }
    if claims.exp <= now_s {
        return Err("The token has expired.");
    }
    if claims.exp.saturating_sub(claims.iat) > LONGEST_S {
        return Err("The token lives too long.");
    }
    Ok(key)
}

fn part<T: serde::de::DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const NOW_S: i64 = 1_900_000_000;

    fn token(private: &str, header: Value, claims: Value) -> String {
        let lines = private.lines().filter(|line| !line.starts_with('-'));
        let der = STANDARD.decode(lines.collect::<String>()).unwrap();
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der, &random).unwrap();
        let encode = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encode(header), encode(claims));
        let signature = pair.sign(&random, signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    #[test]
    fn a_token_is_good_only_with_the_right_key_team_and_times() {
        let (made, private) = DeveloperKey::make("ABCDEFGHIJ".to_owned(), "TEAM".to_owned()).unwrap();
        let key = DeveloperKey::read(made.key_id.clone(), made.team_id.clone(), &made.public_key()).unwrap();
        let (_, other) = DeveloperKey::make("ABCDEFGHIJ".to_owned(), "TEAM".to_owned()).unwrap();
        let header = json!({ "alg": "ES256", "kid": "ABCDEFGHIJ" });
        let claims = json!({ "iss": "TEAM", "iat": NOW_S - 10, "exp": NOW_S + 600 });
        let why = |token: &str| check(token, [&key].into_iter(), NOW_S).err().unwrap_or("good");
        let good = token(&private, header.clone(), claims.clone());
        assert_eq!(why(&good), "good");
        assert_eq!(why(&token(&other, header.clone(), claims.clone())), "The signature is wrong.");
        assert_eq!(why(&good[1..]), "The head of the token cannot be read.");
        assert_eq!(why("a"), "The token has not three parts.");
        let with_header = |header| why(&token(&private, header, claims.clone()));
        assert_eq!(
            with_header(json!({ "alg": "HS256", "kid": "ABCDEFGHIJ" })),
            "The token is not signed with ES256."
        );
        assert_eq!(with_header(json!({ "alg": "ES256", "kid": "X" })), "The key of the token is not known.");
        let with = |claims| why(&token(&private, header.clone(), claims));
        let cases = [
            ("The issuer is not the team of the key.", "OTHER", NOW_S, NOW_S + 1),
            ("The token has expired.", "TEAM", NOW_S - 2, NOW_S),
            ("The token was issued in the future.", "TEAM", NOW_S + 100, NOW_S + 200),
            ("The token lives too long.", "TEAM", NOW_S, NOW_S + LONGEST_S + 1),
        ];
        for (wanted, iss, iat, exp) in cases {
            assert_eq!(with(json!({ "iss": iss, "iat": iat, "exp": exp })), wanted);
        }
    }
}
