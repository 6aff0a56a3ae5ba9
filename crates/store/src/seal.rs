//! Seals secrets before they reach the database: XChaCha20-Poly1305, bound to the place they are stored in.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use rand::Rng as _;
use russet_domain::{Secret, TokenId};
use zeroize::{Zeroize, Zeroizing};

use crate::engine::{Sql, Store, bulk, sql};
use crate::error::StoreError;
use crate::users;

const KEY_LENGTH: usize = 32;
const NONCE_LENGTH: usize = 24;
/// The longest name of a key; its length stands in one byte.
const KEY_ID_MAX: usize = 32;
/// The largest key file taken: a few hundred keys.
const FILE_MAX: u64 = 64 * 1024;
/// Tokens sealed anew in one transaction.
const ROTATE_BATCH: i64 = 100;

/// The keys that secrets are sealed with: the current one, and older ones that still open what they sealed.
pub struct KeyRing {
    /// Never empty; the first is the current one.
    keys: Vec<Key>,
}

struct Key {
    id: String,
    secret: Zeroizing<[u8; KEY_LENGTH]>,
}

/// Where a secret is stored. Sealed in one place, it does not open in another.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) table: &'static str,
    pub(crate) column: &'static str,
    /// What names the row for good.
    pub(crate) row: &'a str,
}

impl KeyRing {
    /// Reads keys from text: one `id:base64` of 32 bytes a line, the current one first. Empty lines and lines that
    /// begin with `#` are skipped. To rotate, put a new line on top, then run [`rotate`].
    ///
    /// # Errors
    /// When there is no key, or a line is not one; the error names the line and never repeats it.
    pub fn from_text(text: &str) -> Result<Self, StoreError> {
        let mut keys: Vec<Key> = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let key = read_line(line)
                .map_err(|why| StoreError::Keys(format!("line {} of the keys {why}", number + 1)))?;
            if keys.iter().any(|known| known.id == key.id) {
                return Err(StoreError::Keys(format!(
                    "line {} of the keys repeats the id {}; give each key an id of its own",
                    number + 1,
                    key.id
                )));
            }
            keys.push(key);
        }
        if keys.is_empty() {
            return Err(StoreError::Keys("there is none; write one line of id:base64".to_owned()));
        }
        Ok(Self { keys })
    }

    /// Reads a key file, see [`KeyRing::from_text`].
    ///
    /// # Errors
    /// When it cannot be read or is not a key file.
    pub fn read_file(path: &Path) -> Result<Self, StoreError> {
        let shown = path.display();
        let size = std::fs::metadata(path)
            .map_err(|error| StoreError::Keys(format!("the key file {shown} cannot be read: {error}")))?
            .len();
        if size > FILE_MAX {
            return Err(StoreError::Keys(format!("the key file {shown} is larger than {FILE_MAX} bytes")));
        }
        let text = std::fs::read_to_string(path)
            .map(Zeroizing::new)
            .map_err(|error| StoreError::Keys(format!("the key file {shown} cannot be read: {error}")))?;
        Self::from_text(&text).map_err(|error| match error {
            StoreError::Keys(why) => StoreError::Keys(format!("in the key file {shown}, {why}")),
            other => other,
        })
    }

    /// Makes a key file with one new key, readable by its owner alone. Never overwrites: what an older key sealed
    /// would be lost. When the file is there already it is read, so that two starting processes end with one key.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn create_file(path: &Path) -> Result<Self, StoreError> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let failed = |error: std::io::Error| {
            StoreError::Keys(format!("the key file {} cannot be made: {error}", path.display()))
        };
        let ring = Self::generate();
        let text = ring.to_text();
        match options.open(path) {
            Ok(mut file) => {
                file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
                Ok(ring)
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Self::read_file(path),
            Err(error) => Err(failed(error)),
        }
    }

    /// A ring with one new random key, known to nobody else.
    #[must_use]
    pub fn generate() -> Self {
        let mut secret = Zeroizing::new([0; KEY_LENGTH]);
        rand::rng().fill_bytes(secret.as_mut());
        let id = format!("k{:08x}", rand::rng().next_u32());
        Self { keys: vec![Key { id, secret }] }
    }

    /// The ring as a key file holds it.
    fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::new());
        for key in &self.keys {
            let mut encoded = STANDARD.encode(key.secret.as_ref());
            text.push_str(&format!("{}:{encoded}\n", key.id));
            encoded.zeroize();
        }
        text
    }

    /// The current key's name. It is no secret.
    #[must_use]
    pub fn current_id(&self) -> &str {
        &self.current().id
    }

    fn current(&self) -> &Key {
        // `from_text` and `generate` are the only makers, and neither makes an empty ring.
        &self.keys[0]
    }

    /// Seals a secret with the current key: length of the key's id, key id, nonce, ciphertext.
    pub(crate) fn seal(&self, place: Place<'_>, secret: &Secret) -> Result<Vec<u8>, StoreError> {
        let key = self.current();
        let mut nonce = [0; NONCE_LENGTH];
        rand::rng().fill_bytes(&mut nonce);
        let sealed = cipher(key)
            .encrypt(
                &XNonce::from(nonce),
                Payload { msg: secret.reveal().as_bytes(), aad: place.bound().as_bytes() },
            )
            .map_err(|_| StoreError::Keys(format!("{} cannot be sealed", place.shown())))?;
        let mut whole = Vec::with_capacity(1 + key.id.len() + NONCE_LENGTH + sealed.len());
        whole.push(u8::try_from(key.id.len()).unwrap_or(0));
        whole.extend_from_slice(key.id.as_bytes());
        whole.extend_from_slice(&nonce);
        whole.extend_from_slice(&sealed);
        Ok(whole)
    }

    /// Opens what [`KeyRing::seal`] sealed for this place.
    pub(crate) fn open(&self, place: Place<'_>, whole: &[u8]) -> Result<Secret, StoreError> {
        let broken = |why: &str| StoreError::Keys(format!("{} {why}", place.shown()));
        let (id, rest) = key_id(whole).ok_or_else(|| broken("is not sealed text"))?;
        let key = self.keys.iter().find(|key| key.id.as_bytes() == id).ok_or_else(|| {
            let id = String::from_utf8_lossy(id).escape_default().to_string();
            broken(&format!("was sealed with the key {id}, which is not among the keys given; add it"))
        })?;
        let (nonce, sealed) =
            rest.split_first_chunk::<NONCE_LENGTH>().ok_or_else(|| broken("is not sealed text"))?;
        let opened = cipher(key)
            .decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: place.bound().as_bytes() })
            .map_err(|_| broken("was changed after it was sealed, or the key of that id is another one"))?;
        String::from_utf8(opened).map(Secret::new).map_err(|_| broken("is not text"))
    }

    /// Whether this was sealed with the current key.
    pub(crate) fn is_current(&self, whole: &[u8]) -> bool {
        key_id(whole).is_some_and(|(id, _)| id == self.current().id.as_bytes())
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|key| &key.id)).finish()
    }
}

impl Place<'_> {
    /// What the ciphertext is bound to. Lengths keep two places from spelling the same.
    fn bound(&self) -> String {
        format!("russet:{}:{}:{}", self.table, self.column, self.row)
    }

    fn shown(&self) -> String {
        format!("{}.{} of row {}", self.table, self.column, self.row)
    }
}

/// Sealed bytes as text, for rows that are written as JSON.
pub(crate) fn to_text(sealed: &[u8]) -> String {
    STANDARD.encode(sealed)
}

/// Sealed bytes from such a text.
pub(crate) fn from_text(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

fn cipher(key: &Key) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&(*key.secret).into())
}

fn key_id(whole: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = whole.split_first()?;
    rest.split_at_checked(usize::from(*length))
}

fn read_line(line: &str) -> Result<Key, &'static str> {
    let (id, encoded) = line.split_once(':').ok_or("is not id:base64")?;
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if id.is_empty() || id.len() > KEY_ID_MAX || !id.chars().all(fits) {
        return Err("has an id that is not 1 to 32 letters, digits, dashes or underscores");
    }
    let decoded = STANDARD.decode(encoded.trim()).map(Zeroizing::new).map_err(|_| "is not base64")?;
    let secret = <[u8; KEY_LENGTH]>::try_from(decoded.as_slice())
        .map(Zeroizing::new)
        .map_err(|_| "does not hold 32 bytes")?;
    Ok(Key { id: id.to_owned(), secret })
}

macro_rules! sealed {
    () => {
        "SELECT id, sealed_for, content, pending_content, notification_secret, notification_next_secret
         FROM tokens
         WHERE id > $1
         ORDER BY id
         LIMIT $2"
    };
}

/// Locks what it reads: a renewal must not come between reading and writing.
const SEALED: Sql = Sql { sqlite: sealed!(), postgres: concat!(sealed!(), " FOR NO KEY UPDATE") };

/// Seals every secret in the database with the current key, a bounded number of tokens at a time, and tells how many
/// secrets it sealed anew. May be stopped and repeated; afterwards older keys can be taken out of the key file.
///
/// # Errors
/// When a secret does not open with any of the keys; what came before it stays sealed anew.
pub async fn rotate(store: &Store) -> Result<u64, StoreError> {
    Ok(rotate_tokens(store).await? + rotate_users(store).await?)
}

/// Users whose invitations are sealed anew in one transaction.
const ROTATE_USERS: i64 = 5_000;

macro_rules! sealed_users {
    () => {
        "SELECT id, token_id, client_user_id, invite_code
         FROM users
         WHERE id > $1 AND invite_code IS NOT NULL
         ORDER BY id
         LIMIT $2"
    };
}

/// Locks what it reads, as [`SEALED`] does.
const SEALED_USERS: Sql =
    Sql { sqlite: sealed_users!(), postgres: concat!(sealed_users!(), " FOR NO KEY UPDATE") };

async fn rotate_users(store: &Store) -> Result<u64, StoreError> {
    const SEAL: Sql = bulk!(
        "UPDATE users SET invite_code = x.sealed FROM ",
        (0 id BIGINT, 1 sealed TEXT),
        " WHERE users.id = x.id"
    );
    let (mut after, mut moved) = (0, 0);
    loop {
        let mut tx = store.begin().await?;
        let keys = tx.keys();
        let rows = sql("reading sealed invitations", SEALED_USERS)
            .bind(after)
            .bind(ROTATE_USERS)
            .all(&mut tx, |row| {
                let place =
                    users::place_of(TokenId(row.get("token_id")?), &row.get::<String>("client_user_id")?);
                Ok((row.get::<i64>("id")?, place, row.get::<String>("invite_code")?))
            })
            .await?;
        let Some((last, _, _)) = rows.last() else { return Ok(moved) };
        after = *last;
        let mut anew = Vec::new();
        for (id, row, text) in &rows {
            let place = users::place(row);
            let whole = from_text(text)
                .ok_or_else(|| StoreError::Keys(format!("{} is not sealed text", place.shown())))?;
            if !keys.is_current(&whole) {
                anew.push((id, to_text(&keys.seal(place, &keys.open(place, &whole)?)?)));
            }
        }
        if !anew.is_empty() {
            moved += crate::codec::count(crate::codec::int(anew.len()));
            sql("sealing invitations anew", SEAL).bind(crate::codec::json(&anew)?).run(&mut tx).await?;
        }
        tx.commit().await?;
    }
}

async fn rotate_tokens(store: &Store) -> Result<u64, StoreError> {
    const COLUMNS: [&str; 4] =
        ["content", "pending_content", "notification_secret", "notification_next_secret"];
    let (mut after, mut moved) = (0, 0);
    loop {
        let mut tx = store.begin().await?;
        let keys = tx.keys();
        let rows = sql("reading sealed tokens", SEALED)
            .bind(after)
            .bind(ROTATE_BATCH)
            .all(&mut tx, |row| {
                let of = |column| row.get::<Option<Vec<u8>>>(column);
                let sealed = [of(COLUMNS[0])?, of(COLUMNS[1])?, of(COLUMNS[2])?, of(COLUMNS[3])?];
                Ok((row.get::<i64>("id")?, row.get::<String>("sealed_for")?, sealed))
            })
            .await?;
        let Some((last, _, _)) = rows.last() else {
            // The last batch also takes what belongs to no token: a few rows.
            moved += crate::installation::seal_anew(&mut tx).await?;
            tx.commit().await?;
            return Ok(moved + rotate_columns(store).await?);
        };
        after = *last;
        for (id, sealed_for, sealed) in rows {
            let old = sealed.clone();
            let mut new = sealed;
            for (column, text) in COLUMNS.into_iter().zip(&mut new) {
                if let Some(whole) = text.as_mut().filter(|whole| !keys.is_current(whole)) {
                    let place = Place { table: "tokens", column, row: &sealed_for };
                    *whole = keys.seal(place, &keys.open(place, whole)?)?;
                    moved += 1;
                }
            }
            if new == old {
                continue;
            }
            let [content, pending, secret, next] = new;
            sql(
                "sealing a token anew",
                "UPDATE tokens
                 SET content = $2, pending_content = $3, notification_secret = $4, notification_next_secret = $5
                 WHERE id = $1",
            )
            .bind(id)
            .bind(content)
            .bind(pending)
            .bind(secret)
            .bind(next)
            .run(&mut tx)
            .await?;
        }
        tx.commit().await?;
    }
}

/// The same for the columns that say themselves what they are bound to.
async fn rotate_columns(store: &Store) -> Result<u64, StoreError> {
    let mut moved = 0;
    for column in crate::sealed::ALL {
        let mut after = 0;
        loop {
            let mut tx = store.begin().await?;
            let Some((anew, last)) = column.reseal(&mut tx, after).await? else { break };
            tx.commit().await?;
            (after, moved) = (last, moved + anew);
        }
    }
    Ok(moved)
}
