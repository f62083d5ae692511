//! What goes wrong below MQTT, on the way to a server.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;

/// An address where nobody takes connections.
#[derive(Debug)]
#[non_exhaustive]
pub struct TcpFailure {
    /// The address.
    pub address: SocketAddr,
    /// What the system said.
    pub error: io::Error,
}

/// What a port speaks that does not speak plain MQTT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Speaks {
    /// HTTP: perhaps a WebSocket server.
    #[error("HTTP")]
    Http,
    /// TLS.
    #[error("TLS")]
    Tls,
}

impl Speaks {
    pub(super) const fn scheme(self) -> &'static str {
        match self {
            Self::Http => "ws:// if it is for WebSockets",
            Self::Tls => "mqtts://, or wss:// for WebSockets",
        }
    }
}

/// Why a proxy gave no tunnel.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// It ended the connection without an answer.
    #[error("it ended the connection without an answer: is it a proxy of this kind?")]
    Closed,
    /// Its rules forbid this server.
    #[error("its rules forbid a tunnel to this server and port: have them changed")]
    Forbidden,
    /// The connection to it failed.
    #[error("{0}")]
    Io(io::Error),
    /// SOCKS5 has no empty or longer user names and passwords.
    #[error("a user name and a password for SOCKS5 have 1 to 255 bytes each")]
    LoginLength,
    /// It does not take this user name and password.
    #[error("it refuses the user name and password: look at the login of the proxy")]
    LoginRefused,
    /// It wants a user name and a password.
    #[error("it wants a user name and password: write them before its host, SCHEME://USER:PASSWORD@HOST")]
    LoginRequired,
    /// What it answered is of another protocol.
    #[error("its answer is not one of this protocol: is it a proxy of this kind?")]
    NotAProxy,
    /// There is no proxy at its address.
    #[error("{0}")]
    NotReached(Box<super::ConnectionError>),
    /// The status of an HTTP proxy.
    #[error("it answered with status {0}: look whether the proxy reaches the server")]
    Status(u16),
    /// It cannot reach the server.
    #[error("it cannot reach the server ({0}): look at host and port")]
    Unreachable(&'static str),
}

/// Why a connection could not be made a WebSocket.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UpgradeError {
    /// The server ended the connection without an answer.
    #[error(
        "the server ended the connection without an answer: is this its port for WebSockets, and with or without TLS?"
    )]
    Closed,
    /// The server uses an extension that was not offered.
    #[error(
        "the server uses an extension of WebSocket that was not offered: have it, or a proxy before it, repaired"
    )]
    Extension,
    /// The connection failed.
    #[error("{0}")]
    Io(io::Error),
    /// The server knows nothing of MQTT at this path.
    #[error("the server did not agree to the subprotocol `mqtt`: is this the path of its MQTT service?")]
    NoSubprotocol,
    /// What came is no answer to a request for a WebSocket.
    #[error(
        "the server's answer makes no WebSocket ({0}): is this its port for WebSockets, and with or without TLS?"
    )]
    NotWebSocket(Box<dyn Error + Send + Sync>),
    /// The server chose a subprotocol that was not offered.
    #[error("the server chose another subprotocol than `mqtt`: is this the path of its MQTT service?")]
    OtherSubprotocol,
    /// The server refused with a status.
    #[error("the server refused with status {status}: {}", status_advice(*.0), status = .0)]
    Status(u16),
}

const fn status_advice(status: u16) -> &'static str {
    match status {
        300..=399 => "it wants another address",
        401 | 403 | 407 => "look at the headers that it wants, `Origin` and `Authorization` for example",
        404 => "look at the path; many servers have /mqtt, some have /",
        500..=599 => "look at its log, or at the log of what stands before it",
        _ => "is this its port and path for WebSockets?",
    }
}

/// All addresses in one line.
pub(super) struct Failures<'a>(pub(super) &'a [TcpFailure]);

impl fmt::Display for Failures<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, TcpFailure { address, error }) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{address}: {error}")?;
        }
        Ok(())
    }
}
