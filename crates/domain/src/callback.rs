//! Which addresses that users give may be called: not those inside the network, unless that is allowed.
//!
//! A program that calls any address it is told can be made to ask what only it can reach: the cloud's metadata, a
//! database's web face, a printer. An address is judged here twice: as it is written, by [`CallbackUrl::read`], and once
//! more as it was looked up, by [`is_inside`], by whoever connects.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// The longest address taken.
const URL_MAX: usize = 2_048;

/// What is allowed beyond https to the outside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Addresses inside the network: private, local, this machine.
    pub allow_inside: bool,
    /// Plain http.
    pub allow_http: bool,
}

/// An address that may be called, as far as one can see without looking it up.
///
/// Its path and query may hold a secret, so that only the host is ever shown.
#[derive(Clone, PartialEq, Eq)]
pub struct CallbackUrl(Url);

/// Why an address is not called.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallbackError {
    /// It cannot be read, or is of another kind.
    #[error("it should be an address such as https://mdm.example.org/russet, {0}")]
    NotAnAddress(&'static str),
    /// It leads inside.
    #[error("{host} is inside the network, where nothing is called unless mdm.allow_inside is set")]
    Inside {
        /// The host.
        host: String,
    },
    /// It is plain http.
    #[error("it should begin with https://; plain http:// is only taken with mdm.allow_http")]
    PlainHttp,
}

impl CallbackUrl {
    /// Reads an address and judges it as it is written.
    ///
    /// # Errors
    /// When it is none, or is not allowed.
    pub fn read(text: &str, rules: Rules) -> Result<Self, CallbackError> {
        if text.len() > URL_MAX {
            return Err(CallbackError::NotAnAddress("of at most 2048 characters"));
        }
        let url = Url::parse(text).map_err(|_| CallbackError::NotAnAddress("with scheme and host"))?;
        match url.scheme() {
            "https" => {}
            "http" if rules.allow_http => {}
            "http" => return Err(CallbackError::PlainHttp),
            _ => return Err(CallbackError::NotAnAddress("with the scheme https")),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(CallbackError::NotAnAddress("without a user name or password"));
        }
        if url.fragment().is_some() {
            return Err(CallbackError::NotAnAddress("without a fragment"));
        }
        let host = url.host().ok_or(CallbackError::NotAnAddress("with a host"))?;
        let inside = match &host {
            Host::Domain(name) => is_inside_name(name),
            Host::Ipv4(address) => is_inside(IpAddr::V4(*address)),
            Host::Ipv6(address) => is_inside(IpAddr::V6(*address)),
        };
        if inside && !rules.allow_inside {
            return Err(CallbackError::Inside { host: host.to_string() });
        }
        Ok(Self(url))
    }

    /// The whole address, for whoever calls it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        self.0.as_str()
    }

    /// Scheme, host and port: what may be shown.
    #[must_use]
    pub fn shown(&self) -> String {
        let host = self.0.host_str().unwrap_or_default();
        match self.0.port() {
            Some(port) => format!("{}://{host}:{port}", self.0.scheme()),
            None => format!("{}://{host}", self.0.scheme()),
        }
    }
}

impl fmt::Debug for CallbackUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CallbackUrl({}/…)", self.shown())
    }
}

/// Names that by their nature lead inside (RFC 6761, RFC 6762, RFC 8375 and ICANN's `.internal`).
fn is_inside_name(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let endings = ["localhost", "local", "internal", "intranet", "lan", "home.arpa"];
    endings
        .iter()
        .any(|ending| name.strip_suffix(ending).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
}

/// Whether an address leads to this machine, into a private network, or nowhere that the outside could be.
#[must_use]
pub fn is_inside(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_inside_v4(address),
        IpAddr::V6(address) => is_inside_v6(address),
    }
}

/// The special blocks of <https://www.iana.org/assignments/iana-ipv4-special-registry>.
fn is_inside_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_broadcast()
        || address.is_documentation()
        || address.is_multicast()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (b == 18 || b == 19))
}

/// The special blocks of <https://www.iana.org/assignments/iana-ipv6-special-registry>. What carries an IPv4 address is
/// judged by that.
fn is_inside_v6(address: Ipv6Addr) -> bool {
    let [first, second, third, fourth, .., seventh, eighth] = address.segments();
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_inside_v4(Ipv4Addr::new(a, b, c, d))
    };
    if let Some(mapped) = address.to_ipv4_mapped() {
        return is_inside_v4(mapped);
    }
    match first {
        // NAT64 and 6to4.
        0x0064 if second == 0xff9b && third == 0 => v4(seventh, eighth),
        0x2002 => v4(second, third),
        // Teredo, benchmarking, ORCHID, documentation.
        0x2001 if second < 0x0200 || second == 0x0db8 => true,
        0x3fff if second < 0x1000 => true,
        // Only 2000::/3 is handed out to the outside.
        _ => !(0x2000..0x4000).contains(&first) || (first == 0x2001 && second == 0 && fourth == 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<CallbackUrl, CallbackError> {
        CallbackUrl::read(text, Rules::default())
    }

    #[test]
    fn an_address_outside_is_taken_and_its_path_is_not_shown() {
        let url = read("https://mdm.example.org:8443/hook/opaque?key=opaque").unwrap();
        assert_eq!(url.shown(), "https://mdm.example.org:8443");
        assert!(!format!("{url:?}").contains("opaque"));
        assert!(url.reveal().ends_with("/hook/opaque?key=opaque"));
    }

    #[test]
    fn whatever_leads_inside_is_refused_however_it_is_spelled() {
        let inside = [
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0177.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "[::1]",
            "[::]",
            "[fe80::1]",
            "[fc00::1]",
            "[fd12::1]",
            "[ff02::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:10.0.0.1]",
            "[64:ff9b::a00:1]",
            "[2002:a00:1::1]",
            "[2001:db8::1]",
            "localhost",
            "LOCALHOST",
            "a.localhost",
            "printer.local",
            "db.internal",
            "metadata.google.internal",
            "localhost.",
            "nas.home.arpa",
        ];
        for host in inside {
            let error = read(&format!("https://{host}/")).unwrap_err();
            assert!(matches!(error, CallbackError::Inside { .. }), "{host}: {error}");
            let rules = Rules { allow_inside: true, allow_http: false };
            assert!(CallbackUrl::read(&format!("https://{host}/"), rules).is_ok(), "{host}");
        }
    }

    #[test]
    fn what_is_outside_is_not_taken_for_inside() {
        for host in [
            "93.184.215.14",
            "172.32.0.1",
            "100.128.0.1",
            "[2a00:1450::1]",
            "[2606:4700::1]",
            "local.example.org",
        ] {
            assert!(read(&format!("https://{host}/")).is_ok(), "{host}");
        }
    }

    #[test]
    fn other_kinds_of_addresses_are_refused() {
        for text in [
            "",
            "mdm.example.org",
            "ftp://example.org/",
            "file:///etc/passwd",
            "https://u:p@example.org/",
            "https://example.org/#a",
            "https://",
            "javascript:alert(1)",
        ] {
            assert!(matches!(read(text), Err(CallbackError::NotAnAddress(_))), "{text}");
        }
        assert_eq!(read("http://example.org/"), Err(CallbackError::PlainHttp));
        let long = format!("https://example.org/{}", "x".repeat(URL_MAX));
        assert!(matches!(read(&long), Err(CallbackError::NotAnAddress(_))));
    }
}
