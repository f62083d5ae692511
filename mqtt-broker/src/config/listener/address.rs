//! Where clients connect, written as a URL.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

use thiserror::Error;

use super::Listener;

/// A transport and a place. As text it is a URL: `tcp://127.0.0.1:1883`, `tls://[::1]`, `unix:///run/mqtt.sock`.
///
/// Port 0 lets the system choose.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// MQTT over TCP: `tcp://` or `mqtt://`, port 1883.
    Tcp(SocketAddr),
    /// MQTT over TLS: `tls://`, `mqtts://` or `ssl://`, port 8883.
    Tls(SocketAddr),
    /// MQTT over WebSocket: `ws://`, port 80.
    Ws(SocketAddr),
    /// MQTT over WebSocket over TLS: `wss://`, port 443.
    Wss(SocketAddr),
    /// MQTT over a unix socket: `unix://` and an absolute path.
    Unix(PathBuf),
}

impl Address {
    /// The address, and the path of a WebSocket.
    pub(super) fn parse(url: &str) -> Result<(Self, Option<String>), ListenError> {
        let Some((scheme, rest)) = url.split_once("://") else {
            return Err(ListenError::NoScheme { text: url.to_owned() });
        };
        let scheme = scheme.to_ascii_lowercase();
        if scheme == "unix" {
            return Self::of_path(url, rest).map(|address| (address, None));
        }
        let (kind, port): (fn(SocketAddr) -> Self, u16) = match scheme.as_str() {
            "tcp" | "mqtt" => (Self::Tcp, Listener::PORT),
            "tls" | "mqtts" | "ssl" => (Self::Tls, Listener::TLS_PORT),
            "ws" => (Self::Ws, 80),
            "wss" => (Self::Wss, 443),
            _ => return Err(ListenError::Scheme { url: url.to_owned() }),
        };
        let (authority, path) = match rest.find('/') {
            Some(start) if scheme.starts_with("ws") && start + 1 < rest.len() => rest.split_at(start),
            _ => (rest, ""),
        };
        let (host, port) =
            split(authority, port).ok_or_else(|| ListenError::Address { url: url.to_owned() })?;
        let address = match host.parse::<IpAddr>() {
            Ok(ip) => SocketAddr::new(ip, port),
            Err(_) => {
                look_up(host, port).map_err(|error| ListenError::Unknown { host: host.to_owned(), error })?
            }
        };
        Ok((kind(address), (!path.is_empty()).then(|| path.to_owned())))
    }

    fn of_path(url: &str, path: &str) -> Result<Self, ListenError> {
        if !path.starts_with('/') || path.ends_with('/') {
            return Err(ListenError::Path { url: url.to_owned() });
        }
        if cfg!(unix) {
            Ok(Self::Unix(path.into()))
        } else {
            Err(ListenError::NoUnix { url: url.to_owned() })
        }
    }

    /// Address and port; a unix socket has none.
    pub const fn socket(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(address) | Self::Tls(address) | Self::Ws(address) | Self::Wss(address) => {
                Some(*address)
            }
            Self::Unix(_) => None,
        }
    }

    /// The same transport at another address and port; a unix socket stays as it is.
    #[must_use]
    pub fn with_socket(&self, address: SocketAddr) -> Self {
        match self {
            Self::Tcp(_) => Self::Tcp(address),
            Self::Tls(_) => Self::Tls(address),
            Self::Ws(_) => Self::Ws(address),
            Self::Wss(_) => Self::Wss(address),
            Self::Unix(path) => Self::Unix(path.clone()),
        }
    }

    /// Whether only programs on the same machine can connect.
    pub fn is_local(&self) -> bool {
        self.socket().is_none_or(|address| address.ip().to_canonical().is_loopback())
    }

    /// Whether everything goes through TLS.
    pub const fn has_tls(&self) -> bool {
        matches!(self, Self::Tls(_) | Self::Wss(_))
    }

    /// Whether MQTT is in WebSocket frames.
    pub const fn is_websocket(&self) -> bool {
        matches!(self, Self::Ws(_) | Self::Wss(_))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "tcp://{address}"),
            Self::Tls(address) => write!(f, "tls://{address}"),
            Self::Ws(address) => write!(f, "ws://{address}"),
            Self::Wss(address) => write!(f, "wss://{address}"),
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
        }
    }
}

/// Host and port of `HOST`, `HOST:PORT`, `[IPV6]` or `[IPV6]:PORT`.
fn split(authority: &str, default_port: u16) -> Option<(&str, u16)> {
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
        "" => default_port,
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
        "cannot understand {url}: write SCHEME://HOST:PORT, where HOST is a name, an IPv4 address or an IPv6 \
         address in brackets and PORT at most 65535, for example tcp://127.0.0.1:1883 or tcp://[::1]:1883"
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
    /// There are no unix sockets.
    #[error("cannot serve {url}: this system has no unix sockets, use tcp://HOST:PORT")]
    NoUnix {
        /// What was given.
        url: String,
    },
    /// A unix socket is an absolute path.
    #[error(
        "cannot understand {url}: write unix:// and the absolute path of a file, as unix:///run/mqtt.sock"
    )]
    Path {
        /// What was given.
        url: String,
    },
    /// The scheme is none of MQTT's.
    #[error(
        "cannot serve {url}: write tcp://HOST:PORT (mqtt://), tls://HOST:PORT (mqtts://), ws://HOST:PORT/PATH, \
         wss://HOST:PORT/PATH or unix:///PATH"
    )]
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

    fn parse(url: &str) -> Result<Listener, ListenError> {
        url.parse()
    }

    #[test]
    fn an_address_is_a_scheme_a_host_and_a_port() {
        for (url, address) in [
            ("tcp://127.0.0.1:1884", "tcp://127.0.0.1:1884"),
            ("tcp://127.0.0.1", "tcp://127.0.0.1:1883"),
            ("MQTT://0.0.0.0:0/", "tcp://0.0.0.0:0"),
            ("tcp://[::1]", "tcp://[::1]:1883"),
            ("tcp://[::]:1", "tcp://[::]:1"),
            ("mqtt://localhost:99", "tcp://127.0.0.1:99"),
            ("tls://127.0.0.1", "tls://127.0.0.1:8883"),
            ("mqtts://[::1]:1", "tls://[::1]:1"),
            ("ssl://127.0.0.1:2", "tls://127.0.0.1:2"),
            ("ws://127.0.0.1", "ws://127.0.0.1:80/mqtt"),
            ("ws://127.0.0.1:8080/", "ws://127.0.0.1:8080/mqtt"),
            ("wss://127.0.0.1/a/b", "wss://127.0.0.1:443/a/b"),
            ("unix:///run/mqtt.sock", "unix:///run/mqtt.sock"),
        ] {
            let listener = parse(url).expect(url);
            assert_eq!(listener.to_string(), address, "{url}");
            assert_eq!(parse(&listener.to_string()).expect(url).address, listener.address);
        }
    }

    #[test]
    fn a_host_or_port_that_cannot_be_is_refused() {
        for url in [
            "tcp://",
            "tcp://:1883",
            "tls://127.0.0.1:",
            "tcp://127.0.0.1:65536",
            "ws://127.0.0.1:mqtt",
            "tcp://::1:1883",
            "tcp://[::1",
            "tcp://[::1]1883",
            "tcp://[localhost]:1883",
            "tcp://127.0.0.1:1883/mqtt",
            "tls://host/mqtt",
            "ws:///mqtt",
            "tcp://user@127.0.0.1",
            "tcp://a b",
        ] {
            assert!(matches!(parse(url), Err(ListenError::Address { .. })), "{url}");
        }
        for url in ["unix://", "unix://run/mqtt.sock", "unix:///run/"] {
            assert!(matches!(parse(url), Err(ListenError::Path { .. })), "{url}");
        }
    }

    #[test]
    fn other_schemes_are_refused() {
        assert!(matches!(parse("http://h"), Err(ListenError::Scheme { .. })));
        assert!(matches!(parse("127.0.0.1:1883"), Err(ListenError::NoScheme { .. })));
    }

    #[test]
    fn an_unknown_host_is_named() {
        let error = parse("tcp://no-such-host.invalid").expect_err("a reserved name");
        assert!(error.to_string().starts_with("no address is known for the host no-such-host.invalid ("));
    }

    #[test]
    fn what_only_this_machine_reaches_is_known_in_every_spelling() {
        for (url, local) in [
            ("tcp://127.8.9.1", true),
            ("tls://[::1]", true),
            ("ws://[::ffff:127.0.0.1]", true),
            ("unix:///run/mqtt.sock", true),
            ("tcp://0.0.0.0", false),
            ("wss://[::]", false),
            ("tcp://192.168.1.4", false),
        ] {
            assert_eq!(parse(url).expect(url).address.is_local(), local, "{url}");
        }
    }
}
