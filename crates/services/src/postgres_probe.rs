//! Asks whether a PostgreSQL answers, with the few messages of its protocol that this takes.
//!
//! A driver would be a large dependency for one question. The messages are those of
//! <https://www.postgresql.org/docs/current/protocol-message-formats.html>.

use std::io;

use crate::address::{Address, Place, Stream};

const PROTOCOL_3_0: u32 = 196_608;
const SSL_REQUEST: u32 = 80_877_103;
/// More than a server says at the start of a connection.
const MESSAGES_MAX: usize = 100;
const MESSAGE_BYTES_MAX: usize = 64 * 1024;

const MAY_CREATE: &str =
    "SELECT 1 FROM pg_roles WHERE rolname = current_user AND (rolsuper OR rolcreatedb)\0";

pub(crate) enum PostgresAnswer {
    /// The user is let in without a password.
    Ready { may_create_databases: bool },
    /// A server is there; only a driver can tell whether the password is right.
    WantsPassword,
    /// A server is there and says no, in its own words.
    Refused { why: String },
}

/// Connects, asks, and hangs up. Changes nothing.
pub(crate) fn ask(address: &Address) -> io::Result<PostgresAnswer> {
    let mut stream = address.connect()?;
    if address.encrypted && matches!(address.place, Place::Tcp { .. }) {
        return ask_for_encryption(stream.as_mut());
    }
    let user = address.user.as_deref().unwrap_or("postgres");
    let database = address.database.as_deref().unwrap_or(user);
    let mut body = PROTOCOL_3_0.to_be_bytes().to_vec();
    for word in ["user", user, "database", database, ""] {
        body.extend_from_slice(word.as_bytes());
        body.push(0);
    }
    stream.write_all(&framed(None, &body))?;

    for _ in 0..MESSAGES_MAX {
        let (kind, body) = read_message(stream.as_mut())?;
        match kind {
            b'R' if body.starts_with(&[0, 0, 0, 0]) => {}
            b'R' => return Ok(PostgresAnswer::WantsPassword),
            b'E' => return Ok(PostgresAnswer::Refused { why: message_of(&body) }),
            b'Z' => return may_create(stream.as_mut()),
            _ => {}
        }
    }
    Err(io::Error::other("it never became ready for a query"))
}

/// Without TLS of our own this is as far as one can look: the server is there and speaks TLS.
fn ask_for_encryption(stream: &mut dyn Stream) -> io::Result<PostgresAnswer> {
    stream.write_all(&framed(None, &SSL_REQUEST.to_be_bytes()))?;
    let mut answer = [0];
    stream.read_exact(&mut answer)?;
    match answer[0] {
        b'S' => Ok(PostgresAnswer::WantsPassword),
        _ => Ok(PostgresAnswer::Refused { why: "it does not offer TLS".to_owned() }),
    }
}

fn may_create(stream: &mut dyn Stream) -> io::Result<PostgresAnswer> {
    stream.write_all(&framed(Some(b'Q'), MAY_CREATE.as_bytes()))?;
    let mut may_create_databases = false;
    for _ in 0..MESSAGES_MAX {
        match read_message(stream)?.0 {
            b'D' => may_create_databases = true,
            b'Z' => break,
            _ => {}
        }
    }
    stream.write_all(&framed(Some(b'X'), &[]))?;
    Ok(PostgresAnswer::Ready { may_create_databases })
}

fn framed(kind: Option<u8>, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap_or(u32::MAX);
    let mut message: Vec<u8> = kind.into_iter().collect();
    message.extend_from_slice(&length.to_be_bytes());
    message.extend_from_slice(body);
    message
}

fn read_message(stream: &mut dyn Stream) -> io::Result<(u8, Vec<u8>)> {
    let mut head = [0; 5];
    stream.read_exact(&mut head)?;
    let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
    let length = usize::try_from(length).unwrap_or(usize::MAX).saturating_sub(4);
    if length > MESSAGE_BYTES_MAX {
        return Err(io::Error::other("what answers there is not PostgreSQL"));
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok((head[0], body))
}

/// The field `M` of an error message.
fn message_of(body: &[u8]) -> String {
    body.split(|byte| *byte == 0)
        .find_map(|field| field.strip_prefix(b"M"))
        .map_or_else(|| "nothing".to_owned(), |text| String::from_utf8_lossy(text).into_owned())
}
