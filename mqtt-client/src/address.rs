//! Addresses of servers: `mqtts://user:password@host:port`, `wss://host/path`, `unix:///path`.

use std::fmt;
use std::str::FromStr;

/// How packets travel: what stands before `://` in an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Transport {
    /// `mqtt://` or `tcp://`, port 1883.
    Tcp,
    /// `mqtts://`, `tls://` or `ssl://`, port 8883. Needs the feature `tls`.
    Tls,
    /// `ws://`, port 80: WebSocket without TLS. Needs the feature `websocket`.
    WebSocket,
    /// `wss://`, port 443: WebSocket over TLS. Needs the features `websocket` and `tls`.
    SecureWebSocket,
    /// `unix://`: a socket in the file system of a Unix machine.
    Unix,
}

/// Where a server is, and what the address says of who asks.
///
/// `Debug` and `Display` leave the password out, and the query, in which some services want a signature.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) transport: Transport,
    pub(crate) host: String,
    /// `None` for the transport's own.
    pub(crate) port: Option<u16>,
    /// `None` for the transport's own.
    pub(crate) path: Option<String>,
    pub(crate) user_name: Option<String>,
    pub(crate) password: Option<Vec<u8>>,
}

/// Why a text is no address, or none that can be reached from here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// The host has characters that neither a name nor an IP address has.
    #[error("the host has characters that no name has")]
    Host,
    /// The scheme of a web server, not of MQTT over WebSockets.
    #[error("{0}:// is no scheme of MQTT: for WebSockets write {1}://")]
    Http(&'static str, &'static str),
    /// A scheme whose feature of this crate is switched off.
    #[error("{scheme}:// needs the feature `{feature}` of mqtt-client: add it in Cargo.toml")]
    NeedsFeature {
        /// The scheme.
        scheme: &'static str,
        /// The feature.
        feature: &'static str,
    },
    /// No host between `://` and the port.
    #[error("there is no host: write SCHEME://HOST, and an IPv6 address as SCHEME://[::1]")]
    NoHost,
    /// A path where the transport has none.
    #[error("{0}:// has no path: leave it out, or write ws:// or wss:// for WebSockets")]
    NoPath(&'static str),
    /// The text has no `://`.
    #[error("there is no scheme: write mqtt://HOST:PORT, or mqtts, ws, wss or unix in place of mqtt")]
    NoScheme,
    /// `unix://` on a system without Unix sockets.
    #[error("this system has no Unix sockets")]
    NoUnixSockets,
    /// The path of a WebSocket address does not begin with `/`, or has characters that must be percent-encoded.
    #[error(
        "the path has to begin with / and its characters other than letters, digits and -._~!$&'()*+,;=:@%/? have to be percent-encoded"
    )]
    Path,
    /// A `%` that is not followed by two hexadecimal digits, or bytes that are no text in a user name.
    #[error("user name or password are not percent-encoded correctly")]
    PercentEncoding,
    /// The port is no number from 1 to 65,535.
    #[error("the port is no number from 1 to 65535")]
    Port,
    /// `unix://` without a path of a file, or with something between `://` and the path.
    #[error("a Unix socket is named by its path: write unix:///PATH, with three slashes")]
    UnixPath,
    /// A scheme of no proxy that is known here.
    #[error("{0}:// is no proxy that is known; socks5 and http are")]
    UnknownProxy(String),
    /// A scheme that has nothing to do with MQTT.
    #[error("{0}:// is not known; mqtt, tcp, mqtts, tls, ssl, ws, wss and unix are")]
    UnknownScheme(String),
}

impl Transport {
    /// The usual scheme.
    pub(crate) const fn scheme(self) -> &'static str {
        match self {
            Self::Tcp => "mqtt",
            Self::Tls => "mqtts",
            Self::WebSocket => "ws",
            Self::SecureWebSocket => "wss",
            Self::Unix => "unix",
        }
    }

    /// The port where servers listen unless told otherwise.
    pub(crate) const fn port(self) -> u16 {
        match self {
            Self::Tcp => 1883,
            Self::Tls => 8883,
            Self::WebSocket => 80,
            Self::SecureWebSocket => 443,
            Self::Unix => 0,
        }
    }

    pub(crate) const fn is_web_socket(self) -> bool {
        matches!(self, Self::WebSocket | Self::SecureWebSocket)
    }

    pub(crate) const fn has_tls(self) -> bool {
        matches!(self, Self::Tls | Self::SecureWebSocket)
    }

    /// What this build of the crate lacks for it.
    fn check(self) -> Result<(), AddressError> {
        let needs = |feature| Err(AddressError::NeedsFeature { scheme: self.scheme(), feature });
        if self == Self::Unix && !cfg!(unix) {
            return Err(AddressError::NoUnixSockets);
        }
        if self.is_web_socket() && !cfg!(feature = "websocket") {
            return needs("websocket");
        }
        if self.has_tls() && !cfg!(feature = "tls") { needs("tls") } else { Ok(()) }
    }
}

impl FromStr for Transport {
    type Err = AddressError;

    fn from_str(scheme: &str) -> Result<Self, AddressError> {
        let scheme = scheme.to_ascii_lowercase();
        Ok(match scheme.as_str() {
            "mqtt" | "tcp" => Self::Tcp,
            "mqtts" | "tls" | "ssl" => Self::Tls,
            "ws" => Self::WebSocket,
            "wss" => Self::SecureWebSocket,
            "unix" => Self::Unix,
            "http" => return Err(AddressError::Http("http", "ws")),
            "https" => return Err(AddressError::Http("https", "wss")),
            _ => return Err(AddressError::UnknownScheme(scheme)),
        })
    }
}

/// Where a WebSocket server takes MQTT, if the address does not say.
const WEB_SOCKET_PATH: &str = "/mqtt";

impl Address {
    pub(crate) fn port(&self) -> u16 {
        self.port.unwrap_or_else(|| self.transport.port())
    }

    pub(crate) fn path(&self) -> &str {
        match &self.path {
            Some(path) => path,
            None if self.transport.is_web_socket() => WEB_SOCKET_PATH,
            None => "",
        }
    }

    /// Whether nobody but this machine sees what is sent there.
    pub(crate) fn is_local(&self) -> bool {
        let host = self.host.trim_end_matches('.').to_ascii_lowercase();
        self.transport == Transport::Unix
            || host == "localhost"
            || host.ends_with(".localhost")
            || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
    }

    /// The first server of a Server Reference that can be reached in the same way as this one: `HOST` or `HOST:PORT`.
    pub(crate) fn of_reference(&self, reference: &str) -> Option<Self> {
        if self.transport == Transport::Unix {
            return None;
        }
        reference.split_ascii_whitespace().find_map(|place| {
            let (host, port) = host_and_port(place).ok()?;
            let named = Self { host: host.to_owned(), port, ..self.clone() };
            named.check().is_ok().then_some(named)
        })
    }

    /// What the parts do not fit together in, once setters may have changed them.
    pub(crate) fn check(&self) -> Result<(), AddressError> {
        self.transport.check()?;
        match self.transport {
            Transport::Unix if self.path().trim_matches('/').is_empty() => Err(AddressError::UnixPath),
            Transport::Unix => Ok(()),
            _ if self.host.is_empty() => Err(AddressError::NoHost),
            _ if !is_host(&self.host) => Err(AddressError::Host),
            _ if self.port == Some(0) => Err(AddressError::Port),
            transport if transport.is_web_socket() && !is_path(self.path()) => Err(AddressError::Path),
            _ => Ok(()),
        }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (scheme, rest) = text.split_once("://").ok_or(AddressError::NoScheme)?;
        let transport: Transport = scheme.parse()?;
        let (authority, path) = match rest.find(['/', '?']) {
            Some(start) => rest.split_at(start),
            None => (rest, ""),
        };
        let (login, place) = match authority.rsplit_once('@') {
            Some((login, place)) => (Some(login), place),
            None => (None, authority),
        };
        let (host, port) = match transport {
            Transport::Unix if place.is_empty() => ("", None),
            Transport::Unix => return Err(AddressError::UnixPath),
            _ => host_and_port(place)?,
        };
        let (user_name, password) = match login {
            Some(login) => self::login(login)?,
            None => (None, None),
        };
        let path = match transport {
            Transport::Tcp | Transport::Tls if !matches!(path, "" | "/") => {
                return Err(AddressError::NoPath(transport.scheme()));
            }
            Transport::WebSocket | Transport::SecureWebSocket if path.starts_with('?') => {
                Some(format!("{WEB_SOCKET_PATH}{path}"))
            }
            _ => (!path.is_empty()).then(|| path.to_owned()),
        };
        let address = Self { transport, host: host.to_owned(), port, path, user_name, password };
        address.check()?;
        Ok(address)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://", self.transport.scheme())?;
        if self.transport != Transport::Unix {
            write!(f, "{}", HostAndPort(&self.host, self.port()))?;
        }
        match self.path().split_once('?') {
            Some((path, _)) => write!(f, "{path}?..."),
            None => f.write_str(self.path()),
        }
    }
}

/// `HOST:PORT`, with brackets around what has colons of its own.
pub(crate) struct HostAndPort<'a>(pub(crate) &'a str, pub(crate) u16);

impl fmt::Display for HostAndPort<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.contains(':') {
            true => write!(f, "[{}]:{}", self.0, self.1),
            false => write!(f, "{}:{}", self.0, self.1),
        }
    }
}

/// Whether a text may be a host; the system and the server say whether it is one. It may stand in the lines of HTTP.
fn is_host(host: &str) -> bool {
    host.chars().all(|c| !c.is_control() && !c.is_whitespace() && !"\"#/<>?@[\\]^`{|}".contains(c))
}

/// Whether a text can stand in the first line of an HTTP request.
fn is_path(path: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@%/?".contains(&byte);
    path.starts_with('/') && path.bytes().all(fits)
}

pub(crate) fn host_and_port(place: &str) -> Result<(&str, Option<u16>), AddressError> {
    let (host, port) = match place.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or(AddressError::NoHost)?;
            (
                host,
                if port.is_empty() { None } else { Some(port.strip_prefix(':').ok_or(AddressError::Port)?) },
            )
        }
        None => match place.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        },
    };
    if host.is_empty() {
        return Err(AddressError::NoHost);
    }
    let port = match port {
        None => None,
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(digits.parse().ok().filter(|port| *port > 0).ok_or(AddressError::Port)?)
        }
        Some(_) => return Err(AddressError::Port),
    };
    Ok((host, port))
}

type Login = (Option<String>, Option<Vec<u8>>);

pub(crate) fn login(login: &str) -> Result<Login, AddressError> {
    let (name, password) = match login.split_once(':') {
        Some((name, password)) => (name, Some(percent_decode(password)?)),
        None => (login, None),
    };
    let name = String::from_utf8(percent_decode(name)?).map_err(|_| AddressError::PercentEncoding)?;
    Ok((Some(name), password))
}

fn percent_decode(text: &str) -> Result<Vec<u8>, AddressError> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let mut digit = || bytes.next().and_then(|byte| char::from(byte).to_digit(16));
        let (Some(high), Some(low)) = (digit(), digit()) else { return Err(AddressError::PercentEncoding) };
        decoded.push((high * 16 + low) as u8);
    }
    Ok(decoded)
}

#[cfg(test)]
mod tests;
