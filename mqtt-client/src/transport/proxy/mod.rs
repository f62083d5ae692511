//! Proxies on the way to a server.

mod http;

use std::fmt;
use std::str::FromStr;

use tokio::net::TcpStream;
use tokio_socks::tcp::Socks5Stream;

use crate::address::{AddressError, HostAndPort, host_and_port, login};
use crate::error::{ConnectionError, ProxyError};

/// A proxy through which servers are reached: `socks5://HOST:PORT` or `http://HOST:PORT`.
///
/// It gets the server's name and looks it up itself. `http` asks with CONNECT for a tunnel; the way to the proxy itself is
/// plain TCP. A user name and a password, percent-encoded, stand before the host: `socks5://me:secret@HOST`. `Debug`
/// does not show the password. [`ConnectOptions::proxy`](crate::ConnectOptions::proxy) has an example.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    kind: Kind,
    host: String,
    port: u16,
    login: Option<(String, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Http,
    Socks5,
}

impl Proxy {
    /// A SOCKS5 proxy. Their usual port is 1080.
    pub fn socks5(host: impl Into<String>, port: u16) -> Self {
        Self { kind: Kind::Socks5, host: host.into(), port, login: None }
    }

    /// An HTTP proxy that knows CONNECT. Usual ports are 3128 and 8080.
    pub fn http(host: impl Into<String>, port: u16) -> Self {
        Self { kind: Kind::Http, host: host.into(), port, login: None }
    }

    /// Who asks, if the proxy wants to know: the user name and password of RFC 1929, or the Basic authentication of HTTP.
    #[must_use]
    pub fn login(mut self, user_name: impl Into<String>, password: impl Into<String>) -> Self {
        self.login = Some((user_name.into(), password.into()));
        self
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) const fn port(&self) -> u16 {
        self.port
    }

    /// Tells an address where no proxy is from one where no server is.
    pub(super) fn not_reached(&self, error: ConnectionError) -> ConnectionError {
        match error {
            error @ (ConnectionError::Resolve { .. } | ConnectionError::Tcp(_)) => ConnectionError::Proxy {
                proxy: self.to_string(),
                error: ProxyError::NotReached(Box::new(error)),
            },
            other => other,
        }
    }

    /// A tunnel to `host` through the proxy at the other end of `stream`.
    pub(super) async fn tunnel(
        &self,
        stream: TcpStream,
        host: &str,
        port: u16,
    ) -> Result<TcpStream, ConnectionError> {
        let tunnel = match self.kind {
            Kind::Http => http::tunnel(stream, host, port, self.login.as_ref()).await,
            Kind::Socks5 => self.socks5_tunnel(stream, host, port).await,
        };
        tunnel.map_err(|error| ConnectionError::Proxy { proxy: self.to_string(), error })
    }

    async fn socks5_tunnel(&self, stream: TcpStream, host: &str, port: u16) -> Result<TcpStream, ProxyError> {
        let tunnel = match &self.login {
            None => Socks5Stream::connect_with_socket(stream, (host, port)).await,
            Some((name, password)) => {
                Socks5Stream::connect_with_password_and_socket(stream, (host, port), name, password).await
            }
        };
        tunnel.map(Socks5Stream::into_inner).map_err(refusal)
    }
}

/// What a SOCKS5 proxy said.
fn refusal(error: tokio_socks::Error) -> ProxyError {
    use tokio_socks::Error as Socks;
    match error {
        Socks::Io(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => ProxyError::Closed,
        Socks::Io(error) => ProxyError::Io(error),
        Socks::NoAcceptableAuthMethods | Socks::UnknownAuthMethod | Socks::AuthorizationRequired => {
            ProxyError::LoginRequired
        }
        Socks::PasswordAuthFailure(_) => ProxyError::LoginRefused,
        Socks::InvalidAuthValues(_) => ProxyError::LoginLength,
        Socks::ConnectionNotAllowedByRuleset => ProxyError::Forbidden,
        Socks::NetworkUnreachable => ProxyError::Unreachable("network unreachable"),
        Socks::HostUnreachable => ProxyError::Unreachable("host unreachable"),
        Socks::ConnectionRefused => ProxyError::Unreachable("connection refused"),
        Socks::TtlExpired => ProxyError::Unreachable("TTL expired"),
        Socks::GeneralSocksServerFailure => ProxyError::Unreachable("general failure"),
        Socks::AddressTypeNotSupported => ProxyError::Unreachable("address type not supported"),
        Socks::CommandNotSupported => ProxyError::Unreachable("command not supported"),
        _ => ProxyError::NotAProxy,
    }
}

impl FromStr for Proxy {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (scheme, rest) = text.split_once("://").ok_or(AddressError::NoScheme)?;
        let (kind, usual_port) = match scheme.to_ascii_lowercase().as_str() {
            "http" => (Kind::Http, 8080),
            "socks5" | "socks5h" => (Kind::Socks5, 1080),
            other => return Err(AddressError::UnknownProxy(other.to_owned())),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (login, place) = match rest.rsplit_once('@') {
            Some((login, place)) => (Some(self::login(login)?), place),
            None => (None, rest),
        };
        let (host, port) = host_and_port(place)?;
        let login = match login {
            None => None,
            Some((name, password)) => {
                let password = String::from_utf8(password.unwrap_or_default());
                Some((name.unwrap_or_default(), password.map_err(|_| AddressError::PercentEncoding)?))
            }
        };
        Ok(Self { kind, host: host.to_owned(), port: port.unwrap_or(usual_port), login })
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.kind {
            Kind::Http => "http",
            Kind::Socks5 => "socks5",
        };
        write!(f, "{scheme}://{}", HostAndPort(&self.host, self.port))
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_has_scheme_host_port_and_login() {
        for (text, proxy) in [
            ("socks5://p", Proxy::socks5("p", 1080)),
            ("SOCKS5H://[::1]:99/", Proxy::socks5("::1", 99)),
            ("http://p", Proxy::http("p", 8080)),
            ("http://me%40home:a%3Ab@p:3128", Proxy::http("p", 3128).login("me@home", "a:b")),
            ("socks5://me@p", Proxy::socks5("p", 1080).login("me", "")),
        ] {
            assert_eq!(text.parse(), Ok(proxy), "{text}");
        }
        for (text, error) in [
            ("p:1080", AddressError::NoScheme),
            ("https://p", AddressError::UnknownProxy("https".into())),
            ("socks5://", AddressError::NoHost),
            ("socks5://p:x", AddressError::Port),
            ("socks5://a:%ff@p", AddressError::PercentEncoding),
        ] {
            assert_eq!(text.parse::<Proxy>(), Err(error), "{text}");
        }
    }

    #[test]
    fn the_password_of_a_proxy_is_not_shown() {
        let proxy = Proxy::socks5("::1", 1080).login("me", "tops3cret");
        assert_eq!(format!("{proxy:?} {proxy}"), "socks5://[::1]:1080 socks5://[::1]:1080");
    }
}
