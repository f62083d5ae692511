//! Where clients connect, written as a URL.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::str::FromStr;

use thiserror::Error;

/// A place where clients connect. As text it is a URL: `tcp://127.0.0.1:1883`, `tcp://[::1]`, `mqtt://localhost`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Address and port; port 0 lets the system choose.
    pub address: SocketAddr,
}

impl Listener {
    /// The port of MQTT over TCP.
    pub const PORT: u16 = 1883;

    /// The loopback address with the usual port, which only programs on the same machine reach.
    pub const LOOPBACK: Self =
        Self { address: SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), Self::PORT) };

    /// Whether only programs on the same machine can connect.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.address.ip().to_canonical().is_loopback()
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tcp://{}", self.address)
    }
}

impl FromStr for Listener {
    type Err = ListenError;

    /// Looks up a host that is a name, which may take the time of a query. Of several addresses the first of
    /// IPv4 counts, if there is one.
    fn from_str(url: &str) -> Result<Self, ListenError> {
        let Some((scheme, authority)) = url.split_once("://") else {
            return Err(ListenError::NoScheme { text: url.to_owned() });
        };
        match scheme.to_ascii_lowercase().as_str() {
            "tcp" | "mqtt" => {}
            "tls" | "mqtts" | "ssl" | "ws" | "wss" | "unix" => {
                return Err(ListenError::NotYet { url: url.to_owned(), scheme: scheme.to_owned() });
            }
            _ => return Err(ListenError::Scheme { url: url.to_owned() }),
        }
        let (host, port) = split(authority).ok_or_else(|| ListenError::Address { url: url.to_owned() })?;
        let address = match host.parse::<IpAddr>() {
            Ok(ip) => SocketAddr::new(ip, port),
            Err(_) => {
                look_up(host, port).map_err(|error| ListenError::Unknown { host: host.to_owned(), error })?
            }
        };
        Ok(Self { address })
    }
}

/// Host and port of `HOST`, `HOST:PORT`, `[IPV6]` or `[IPV6]:PORT`.
fn split(authority: &str) -> Option<(&str, u16)> {
    let authority = authority.strip_suffix('/').unwrap_or(authority);
    let (host, rest) = match authority.strip_prefix('[') {
        Some(bracketed) => {
            let (host, rest) = bracketed.split_once(']')?;
            host.parse::<Ipv6Addr>().ok()?;
            (host, rest)
        }
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let port = match rest {
        "" => Listener::PORT,
        _ => rest.strip_prefix(':')?.parse().ok()?,
    };
    let plain = !host.is_empty() && !host.contains(['/', '?', '#', '@', ' ']);
    plain.then_some((host, port))
}

fn look_up(host: &str, port: u16) -> io::Result<SocketAddr> {
    let addresses: Vec<SocketAddr> = (host, port).to_socket_addrs()?.collect();
    let first = addresses.iter().find(|address| address.is_ipv4()).or_else(|| addresses.first());
    first.copied().ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// Why a text is no listener. Each says what to write instead.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ListenError {
    /// Host or port cannot be understood.
    #[error(
        "cannot understand {url}: write tcp://HOST:PORT, where HOST is a name, an IPv4 address or an IPv6 \
         address in brackets, for example tcp://127.0.0.1:1883 or tcp://[::1]:1883"
    )]
    Address {
        /// What was given.
        url: String,
    },
    /// There is no `://`.
    #[error("{text} has no scheme: write tcp://HOST:PORT, for example tcp://127.0.0.1:1883")]
    NoScheme {
        /// What was given.
        text: String,
    },
    /// The scheme is one of MQTT's that this version does not serve.
    #[error("cannot serve {url}: {scheme} is not supported yet, only tcp://HOST:PORT is")]
    NotYet {
        /// What was given.
        url: String,
        /// Its scheme.
        scheme: String,
    },
    /// The scheme is none of MQTT's.
    #[error("cannot serve {url}: write tcp://HOST:PORT or mqtt://HOST:PORT")]
    Scheme {
        /// What was given.
        url: String,
    },
    /// The host name has no address.
    #[error("no address is known for the host {host} ({error}): check the name, or write the address itself")]
    Unknown {
        /// The name.
        host: String,
        /// What the system says.
        error: io::Error,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_is_a_host_and_a_port() {
        for (url, address) in [
            ("tcp://127.0.0.1:1884", "127.0.0.1:1884"),
            ("tcp://127.0.0.1", "127.0.0.1:1883"),
            ("MQTT://0.0.0.0:0/", "0.0.0.0:0"),
            ("tcp://[::1]", "[::1]:1883"),
            ("tcp://[::]:1", "[::]:1"),
            ("mqtt://localhost:99", "127.0.0.1:99"),
        ] {
            let listener: Listener = url.parse().expect(url);
            assert_eq!(listener.address.to_string(), address, "{url}");
            assert_eq!(listener.to_string().parse::<Listener>().expect(url), listener);
        }
    }

    #[test]
    fn a_host_or_port_that_cannot_be_is_refused() {
        for url in [
            "tcp://",
            "tcp://:1883",
            "tcp://127.0.0.1:",
            "tcp://127.0.0.1:65536",
            "tcp://127.0.0.1:mqtt",
            "tcp://::1:1883",
            "tcp://[::1",
            "tcp://[::1]1883",
            "tcp://[localhost]:1883",
            "tcp://127.0.0.1:1883/mqtt",
            "tcp://host/mqtt",
            "tcp://user@127.0.0.1",
            "tcp://a b",
        ] {
            assert!(matches!(url.parse::<Listener>(), Err(ListenError::Address { .. })), "{url}");
        }
    }

    #[test]
    fn schemes_of_later_versions_are_told_from_nonsense() {
        for url in ["tls://h", "mqtts://h", "ssl://h", "ws://h/mqtt", "wss://h", "unix:///run/mqtt"] {
            assert!(matches!(url.parse::<Listener>(), Err(ListenError::NotYet { .. })), "{url}");
        }
        assert!(matches!("http://h".parse::<Listener>(), Err(ListenError::Scheme { .. })));
        assert!(matches!("127.0.0.1:1883".parse::<Listener>(), Err(ListenError::NoScheme { .. })));
    }

    #[test]
    fn an_unknown_host_is_named() {
        let error = "tcp://no-such-host.invalid".parse::<Listener>().expect_err("a reserved name");
        assert!(error.to_string().starts_with("no address is known for the host no-such-host.invalid ("));
    }

    #[test]
    fn loopback_is_known_in_every_spelling() {
        for (url, loopback) in [
            ("tcp://127.8.9.1", true),
            ("tcp://[::1]", true),
            ("tcp://[::ffff:127.0.0.1]", true),
            ("tcp://0.0.0.0", false),
            ("tcp://[::]", false),
            ("tcp://192.168.1.4", false),
        ] {
            assert_eq!(url.parse::<Listener>().expect(url).is_loopback(), loopback, "{url}");
        }
    }
}
