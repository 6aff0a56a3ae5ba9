//! Who is asking: reads the API key of a request and says what it may do.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use russet_domain::{KeyId, Secret, TokenId};
use russet_store::keys::{self, Role};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq as _;

use crate::body::hex;
use crate::error::ApiError;
use crate::retrying::retrying;
use crate::state::App;
use crate::time;

/// What every key starts with, so that a leaked one is recognized by scanners.
const KEY_PREFIX: &str = "rsk_";
/// The longest bearer looked at.
const BEARER_MAX: usize = 512;

/// A new API key: the text for its owner, and the hash that is stored.
pub struct NewKey {
    /// The key itself. It is shown once and kept nowhere.
    pub text: Secret,
    /// What is stored of it.
    pub hash: String,
}

impl NewKey {
    /// Makes a key with 256 random bits.
    #[must_use]
    pub fn generate() -> Self {
        let text = format!("{KEY_PREFIX}{}", hex(&rand::random::<[u8; 32]>()));
        let hash = hash(&text);
        Self { text: Secret::new(text), hash }
    }
}

/// What is stored of a key, and of a notification secret: the SHA-256 of its text, in hexadecimal.
///
/// A slow hash would guard a secret that a person thought up; these have 256 random bits.
#[must_use]
pub fn hash(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes()))
}

/// Who is asking.
#[derive(Clone, Debug)]
pub(crate) struct Actor {
    /// The key.
    pub(crate) key: KeyId,
    /// Its name.
    pub(crate) name: String,
    role: Role,
    tokens: Option<Vec<TokenId>>,
}

impl Actor {
    /// How the audit log and the consent name it.
    pub(crate) fn label(&self) -> String {
        format!("key {} {}", self.key, self.name)
    }

    /// Whether the key may know of this token at all.
    pub(crate) fn sees(&self, token: TokenId) -> bool {
        self.tokens.as_ref().is_none_or(|tokens| tokens.contains(&token))
    }

    /// The token that a query is about, when it names one.
    ///
    /// # Errors
    /// [`ApiError::UnknownToken`] for one that the key may not know of, and [`ApiError::NameAToken`] when it names none and the
    /// key is bound to some.
    pub(crate) fn token_of(&self, named: Option<i64>) -> Result<Option<TokenId>, ApiError> {
        let token = named.map(TokenId);
        match (token, self.bound_to()) {
            (Some(token), _) if !self.sees(token) => Err(ApiError::UnknownToken(token)),
            (None, Some(_)) => Err(ApiError::NameAToken),
            (Some(_) | None, _) => Ok(token),
        }
    }

    /// That the key is bound to no token. `what` is shared by all of them, with its verb: “the directory is”.
    ///
    /// # Errors
    /// [`ApiError::IsShared`] when it is bound.
    pub(crate) fn must_see_all(&self, what: &'static str) -> Result<(), ApiError> {
        if self.bound_to().is_none() { Ok(()) } else { Err(ApiError::IsShared(what)) }
    }

    /// The tokens that the key is bound to, ascending; nothing when it is bound to none.
    pub(crate) fn bound_to(&self) -> Option<&[TokenId]> {
        self.tokens.as_deref()
    }

    /// Whether the key may submit jobs.
    pub(crate) fn may_write(&self) -> bool {
        self.role >= Role::Operator
    }

    /// Whether the key may do everything.
    pub(crate) fn may_administer(&self) -> bool {
        self.role >= Role::Admin
    }

    /// That the key may do everything.
    ///
    /// # Errors
    /// [`ApiError::RoleForbids`] when it may not.
    pub(crate) fn must_administer(&self) -> Result<(), ApiError> {
        self.clone().require(Role::Admin).map(drop)
    }

    fn require(self, needs: Role) -> Result<Self, ApiError> {
        if self.role >= needs { Ok(self) } else { Err(ApiError::RoleForbids { has: self.role, needs }) }
    }
}

/// Who is asking, and may read.
pub(crate) struct Viewer(pub(crate) Actor);
/// Who is asking, and may submit jobs.
pub(crate) struct Operator(pub(crate) Actor);
/// Who is asking, and may do everything.
pub(crate) struct Admin(pub(crate) Actor);

impl FromRequestParts<App> for Viewer {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        actor(parts, app).await?.require(Role::Viewer).map(Self)
    }
}

impl FromRequestParts<App> for Operator {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        actor(parts, app).await?.require(Role::Operator).map(Self)
    }
}

impl FromRequestParts<App> for Admin {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        actor(parts, app).await?.require(Role::Admin).map(Self)
    }
}

async fn actor(parts: &Parts, app: &App) -> Result<Actor, ApiError> {
    let text = bearer(&parts.headers).ok_or(ApiError::KeyMissing)?;
    // The table is searched for the hash, so that the time it takes tells nothing of any key.
    let hash = hash(text);
    let found = retrying(|| find(app, &hash)).await?;
    let key = found.ok_or(ApiError::KeyUnknown)?;
    if key.revoked_at.is_some() {
        return Err(ApiError::KeyRevoked);
    }
    tracing::Span::current().record("key.id", key.id.0);
    touch(app, key.id).await;
    let tokens = key.tokens.map(|mut tokens| {
        tokens.sort_unstable();
        tokens
    });
    Ok(Actor { key: key.id, name: key.name, role: key.role, tokens })
}

async fn find(app: &App, hash: &str) -> Result<Option<keys::ApiKey>, ApiError> {
    let mut db = app.store.read().await?;
    Ok(keys::by_hash(&mut db, hash).await?)
}

/// The bearer of a request.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, text) = value.split_once(' ')?;
    let text = text.trim();
    let fits = scheme.eq_ignore_ascii_case("bearer") && !text.is_empty() && text.len() <= BEARER_MAX;
    fits.then_some(text)
}

/// Compares two hashes in a time that does not tell where they differ.
pub(crate) fn same(left: &str, right: &str) -> bool {
    left.as_bytes().ct_eq(right.as_bytes()).into()
}

/// Writes down that a key was used. That is a convenience: a failure is not the request's.
async fn touch(app: &App, key: KeyId) {
    let now = time::now();
    if !app.touches.is_due(key, now) {
        return;
    }
    let app = app.clone();
    // Beside the request, which need not wait behind a writer for it.
    tokio::spawn(async move {
        let written = async {
            let mut tx = app.store.begin().await?;
            keys::touch(&mut tx, key, now).await?;
            tx.commit().await
        };
        if let Err(error) = written.await {
            tracing::debug!(key.id = key.0, error = %error, "a key's last use was not written down");
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_new_keys_differ_and_carry_the_prefix() {
        let (one, other) = (NewKey::generate(), NewKey::generate());
        assert_ne!(one.text, other.text);
        assert!(one.text.reveal().starts_with("rsk_") && one.text.reveal().len() == 68);
        assert_eq!(one.hash, hash(one.text.reveal()));
    }

    #[test]
    fn a_bearer_is_read_whatever_the_scheme_is_spelled_like() {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, "bearer  rsk_1 ".parse().unwrap());
        assert_eq!(bearer(&headers), Some("rsk_1"));
        headers.insert(header::AUTHORIZATION, "Basic rsk_1".parse().unwrap());
        assert_eq!(bearer(&headers), None);
    }
}
