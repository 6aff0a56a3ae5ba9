//! Signs what this installation says to others, with an Ed25519 key of its own that is made on first use.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use russet_domain::Secret;
use russet_store::installation::{self, SigningKey};
use serde_json::json;

use crate::context::Context;
use crate::error::JobError;

/// A key that signs.
pub(crate) struct Signer {
    pair: Ed25519KeyPair,
    /// What others check with: 32 bytes in base64.
    pub(crate) public: String,
}

impl Signer {
    /// The installation's key.
    ///
    /// # Errors
    /// As any statement, and when the key in the database is none.
    pub(crate) async fn of(ctx: &Context) -> Result<Self, JobError> {
        let mut tx = ctx.begin().await?;
        let key = installation::signing_key(&mut tx, make, ctx.now()).await?;
        tx.commit().await?;
        let broken = || JobError::Broken("the signing key in the database is none; restore the database");
        let seed = BASE64_STANDARD.decode(key.private.reveal()).map_err(|_| broken())?;
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| broken())?;
        Ok(Self { pair, public: key.public })
    }

    /// The text of a file that proves another one: which, with what, and by whom.
    pub(crate) fn sign(&self, name: &str, bytes: &[u8]) -> String {
        let signature = BASE64_STANDARD.encode(self.pair.sign(bytes));
        let file = json!({
            "algorithm": "ed25519", "file": name, "public_key": self.public, "signature": signature,
        });
        format!("{file:#}\n")
    }
}

fn make() -> SigningKey {
    let seed: [u8; 32] = rand::random();
    // 32 bytes are a seed, whatever they are.
    let public = Ed25519KeyPair::from_seed_unchecked(&seed)
        .map(|pair| BASE64_STANDARD.encode(pair.public_key().as_ref()))
        .unwrap_or_default();
    SigningKey { private: Secret::new(BASE64_STANDARD.encode(seed)), public }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a step that cannot be taken fails its test")]

    use ring::signature::{ED25519, UnparsedPublicKey};

    use super::*;

    #[test]
    fn a_signature_proves_these_bytes_and_no_others() {
        let made = make();
        let seed = BASE64_STANDARD.decode(made.private.reveal()).unwrap();
        let signer =
            Signer { pair: Ed25519KeyPair::from_seed_unchecked(&seed).unwrap(), public: made.public };
        let file: serde_json::Value = serde_json::from_str(&signer.sign("summary.json", b"all")).unwrap();
        let part = |name: &str| BASE64_STANDARD.decode(file[name].as_str().unwrap()).unwrap();
        let public = UnparsedPublicKey::new(&ED25519, part("public_key"));
        assert!(public.verify(b"all", &part("signature")).is_ok());
        assert!(public.verify(b"al1", &part("signature")).is_err());
    }
}
