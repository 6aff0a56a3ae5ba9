//! Takes the address of a server apart, as far as asking whether it answers needs.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

/// How long a server on this machine or nearby may take for one answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The parts of a `postgres://` or `redis://` URL. Has no `Debug`, because it holds a password.
pub(crate) struct Address {
    pub(crate) place: Place,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<String>,
    /// The path without its slash; a Redis's is a number.
    pub(crate) database: Option<String>,
    /// Whether the connection is encrypted from the first byte or must become so.
    pub(crate) encrypted: bool,
}

pub(crate) enum Place {
    Tcp { host: String, port: u16 },
    Socket(PathBuf),
}

/// A connection of either kind.
pub(crate) trait Stream: Read + Write {}
impl<S: Read + Write> Stream for S {}

impl Address {
    pub(crate) fn postgres(url: &str) -> Result<Self, String> {
        if !["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
            return Err("it must begin with postgres:// or postgresql://".to_owned());
        }
        let parts = Parts::of(url)?;
        let port = parts.port_or(5432)?;
        let host = parts.parameter("host").unwrap_or_else(|| parts.host.clone());
        let encrypted =
            parts.parameter("sslmode").is_some_and(|mode| mode == "require" || mode.starts_with("verify"));
        let place = if host.starts_with('/') {
            Place::Socket(PathBuf::from(host).join(format!(".s.PGSQL.{port}")))
        } else {
            Place::tcp(host, port)
        };
        let database = Some(decoded(&parts.path)).filter(|name| !name.is_empty());
        Ok(Self { place, user: parts.user, password: parts.password, database, encrypted })
    }

    pub(crate) fn redis(url: &str) -> Result<Self, String> {
        let parts = Parts::of(url)?;
        let (socket, encrypted) = match parts.scheme.as_str() {
            "redis" | "valkey" => (false, false),
            "rediss" | "valkeys" => (false, true),
            "unix" | "redis+unix" | "valkey+unix" => (true, false),
            _ => return Err("it must begin with redis://, rediss:// or unix://".to_owned()),
        };
        let place = if socket {
            Place::Socket(PathBuf::from(format!("/{}", decoded(&parts.path))))
        } else {
            Place::tcp(parts.host.clone(), parts.port_or(6379)?)
        };
        let number = if socket { parts.parameter("db") } else { Some(decoded(&parts.path)) };
        let database = number.filter(|number| !number.is_empty());
        Ok(Self { place, user: parts.user, password: parts.password, database, encrypted })
    }

    /// The URL as people and logs may see it.
    pub(crate) fn without_password(url: &str) -> String {
        let Some((scheme, rest)) = url.split_once("://") else {
            return "something that is not a URL".to_owned();
        };
        let rest = rest.split('?').next().unwrap_or_default();
        let end = rest.find('/').unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        match authority.rsplit_once('@') {
            Some((login, host)) => {
                let user = login.split(':').next().unwrap_or_default();
                let at = if user.is_empty() { "" } else { "@" };
                format!("{scheme}://{user}{at}{host}{path}")
            }
            None => format!("{scheme}://{authority}{path}"),
        }
    }

    /// Connects, with bounded waits for the connection and for every answer on it.
    pub(crate) fn connect(&self) -> io::Result<Box<dyn Stream>> {
        match &self.place {
            Place::Socket(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_write_timeout(Some(PATIENCE))?;
                Ok(Box::new(stream))
            }
            Place::Tcp { host, port } => {
                let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
                for address in (host.as_str(), *port).to_socket_addrs()?.take(8) {
                    match TcpStream::connect_timeout(&address, PATIENCE) {
                        Ok(stream) => {
                            stream.set_read_timeout(Some(PATIENCE))?;
                            stream.set_write_timeout(Some(PATIENCE))?;
                            return Ok(Box::new(stream));
                        }
                        Err(error) => last = error,
                    }
                }
                Err(last)
            }
        }
    }
}

impl Place {
    fn tcp(host: String, port: u16) -> Self {
        let host = if host.is_empty() { "127.0.0.1".to_owned() } else { host };
        Self::Tcp { host, port }
    }
}

/// The same server with another database, every other part of the URL as it was.
pub(crate) fn with_database(url: &str, database: &str) -> String {
    let (base, query) = url.split_once('?').map_or((url, None), |(base, query)| (base, Some(query)));
    let start = base.find("://").map_or(0, |at| at + 3);
    let end = base[start..].find('/').map_or(base.len(), |at| start + at);
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    format!("{}/{database}{query}", &base[..end])
}

/// The URL cut at its marks, user and password decoded.
struct Parts {
    scheme: String,
    user: Option<String>,
    password: Option<String>,
    host: String,
    port: Option<String>,
    path: String,
    query: String,
}

impl Parts {
    fn of(url: &str) -> Result<Self, String> {
        let (scheme, rest) = url.split_once("://").ok_or("it is not a URL with scheme://host:port")?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, place) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (user, password) = login.split_once(':').unwrap_or((login, ""));
        let (host, port) = match place.strip_prefix('[') {
            Some(rest) => {
                let (host, after) = rest.split_once(']').ok_or("its IPv6 address lacks the closing ]")?;
                (host, after.strip_prefix(':'))
            }
            None => place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
        };
        let some = |text: &str| (!text.is_empty()).then(|| decoded(text));
        Ok(Self {
            scheme: scheme.to_owned(),
            user: some(user),
            password: some(password),
            host: decoded(host),
            port: port.map(str::to_owned),
            path: path.to_owned(),
            query: query.to_owned(),
        })
    }

    fn port_or(&self, standard: u16) -> Result<u16, String> {
        match self.port.clone().or_else(|| self.parameter("port")) {
            None => Ok(standard),
            Some(port) => port.parse().map_err(|_| format!("its port {port:?} is not a number up to 65535")),
        }
    }

    fn parameter(&self, name: &str) -> Option<String> {
        self.query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(key, _)| *key == name)
            .map(|(_, value)| decoded(value))
    }
}

/// Undoes percent-encoding; what is not valid stays as it is.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let digits = bytes.get(at + 1..at + 3).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) if bytes[at] == b'%' => {
                plain.push(byte);
                at += 3;
            }
            Some(_) | None => {
                plain.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_decoded_for_the_server_and_hidden_from_people() {
        let url = "postgres://me:p%40ss@db.example:6000/russet?sslmode=require";
        let address = Address::postgres(url).unwrap();
        assert_eq!(address.password.as_deref(), Some("p@ss"));
        assert_eq!(address.database.as_deref(), Some("russet"));
        assert!(address.encrypted);
        assert!(matches!(address.place, Place::Tcp { ref host, port: 6000 } if host == "db.example"));
        assert_eq!(Address::without_password(url), "postgres://me@db.example:6000/russet");
        assert_eq!(Address::without_password("redis://:hush@h:1/0"), "redis://h:1/0");
    }

    #[test]
    fn a_socket_is_found_in_either_spelling() {
        for url in ["postgres:///db?host=/run/pg&port=5433", "postgres://%2Frun%2Fpg:5433/db"] {
            let address = Address::postgres(url).unwrap();
            let wanted = PathBuf::from("/run/pg/.s.PGSQL.5433");
            assert!(matches!(address.place, Place::Socket(ref path) if *path == wanted), "{url}");
        }
        let redis = Address::redis("unix:///run/redis.sock").unwrap();
        assert!(matches!(redis.place, Place::Socket(ref path) if path.ends_with("redis.sock")));
    }

    #[test]
    fn ports_and_hosts_have_their_usual_values() {
        let address = Address::redis("redis://[::1]").unwrap();
        assert!(matches!(address.place, Place::Tcp { ref host, port: 6379 } if host == "::1"));
        assert!(Address::redis("redis://host:99999").is_err());
        assert!(Address::redis("http://host").is_err());
    }

    #[test]
    fn another_database_keeps_the_rest_of_the_url() {
        assert_eq!(with_database("postgres://me@h:1/a?x=y", "b"), "postgres://me@h:1/b?x=y");
        assert_eq!(with_database("postgres://h", "b"), "postgres://h/b");
    }
}
