//! What can go wrong, sorted by what the application was doing.
//!
//! Each text is complete: what it tells of the cause is not its `source()` as well, or a chain would tell it twice.

mod authentication;
mod requests;
mod server;
mod transport;

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

use mqtt_codec::ReasonCode;
use mqtt_session::CloseReason;

use crate::address::AddressError;

pub use authentication::{AuthenticationError, ReauthenticationError};
pub use requests::{DisconnectError, OptionProblem, PublishError, SubscribeError};
pub use server::ServerReason;
pub use transport::{ProxyError, Speaks, TcpFailure, UpgradeError};

use transport::Failures;

/// Where an attempt to connect stood when its time ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Step {
    /// Starting the method of enhanced authentication.
    #[error("the start of the method of authentication")]
    Authentication,
    /// Asking the application for credentials.
    #[error("the question for credentials")]
    Credentials,
    /// Looking up the host's addresses.
    #[error("name resolution")]
    Resolve,
    /// Opening the transport.
    #[error("the TCP connection")]
    Transport,
    /// Asking a proxy for a tunnel.
    #[error("the proxy's answer")]
    Proxy,
    /// Securing the connection.
    #[error("the TLS handshake")]
    Tls,
    /// Making a WebSocket of the connection.
    #[error("the WebSocket upgrade")]
    Upgrade,
    /// Waiting for the server's answer to CONNECT.
    #[error("CONNACK")]
    ConnAck,
}

/// Why there is no connection, or none any more. Each text says what to look at.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectionError {
    /// The address cannot be used.
    #[error("the address cannot be used: {0}")]
    Address(AddressError),
    /// This client ended an enhanced authentication.
    #[error("authentication: {0}")]
    Authentication(AuthenticationError),
    /// The connection was there and was ended, by whom and why.
    #[error("the connection ended: {0}")]
    Closed(CloseReason),
    /// The application did not give credentials.
    #[error("no credentials: {0}")]
    Credentials(Box<dyn Error + Send + Sync>),
    /// The server ended the connection with DISCONNECT.
    #[error("the server disconnected: {0}")]
    Disconnected(Box<ServerReason>),
    /// The connection was there and the transport failed.
    #[error("the connection was lost: {0}")]
    Lost(io::Error),
    /// The server ended the connection instead of answering CONNECT.
    #[error(
        "the server ended the connection instead of accepting it{}: is this its MQTT port, and with or without TLS?",
        Cause(.0)
    )]
    NoConnAck(
        /// What the transport said, if it was not simply closed.
        Option<io::Error>,
    ),
    /// What came in place of an answer to CONNECT is of another protocol.
    #[error("this port speaks {speaks}, not plain MQTT: write {}", .0.scheme(), speaks = .0)]
    NotMqtt(Speaks),
    /// An option has a value that MQTT cannot carry.
    #[error("option {option}: {problem}")]
    Option {
        /// The setter's name.
        option: &'static str,
        /// What is wrong.
        problem: OptionProblem,
    },
    /// The proxy gave no tunnel.
    #[error("the proxy {proxy}: {error}")]
    Proxy {
        /// The proxy, without its login.
        proxy: String,
        /// What was wrong.
        error: ProxyError,
    },
    /// The server refused CONNECT.
    #[error("the server refused the connection: {0}")]
    Refused(Box<ServerReason>),
    /// The host has no address.
    #[error("cannot resolve {host}: {error}; look at the name, and whether there is a network")]
    Resolve {
        /// The host's name.
        host: String,
        /// What the system said.
        error: io::Error,
    },
    /// Nobody takes connections at any address of the host.
    #[error("cannot connect to {}; is the server running, and is this its port?", Failures(.0))]
    Tcp(
        /// Each address and what the system said, in the order of failure.
        Vec<TcpFailure>,
    ),
    /// The connect timeout ran out.
    #[error("the connect timeout ran out during {0}")]
    Timeout(Step),
    /// The connection could not be secured.
    #[cfg(feature = "tls")]
    #[error("TLS: {0}")]
    Tls(crate::transport::tls::TlsError),
    /// A transport of the application's own failed.
    #[error("cannot connect: {0}")]
    Transport(io::Error),
    /// Nobody takes connections at a Unix socket.
    #[error("cannot connect to {}: {error}; is the server running, and may this user open its socket?", path.display())]
    Unix {
        /// The socket's path.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The connection could not be made a WebSocket.
    #[error("WebSocket: {0}")]
    Upgrade(UpgradeError),
}

/// What was the matter, if that is known.
struct Cause<'a>(&'a Option<io::Error>);

impl fmt::Display for Cause<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(error) => write!(f, " ({error})"),
            None => Ok(()),
        }
    }
}

impl ConnectionError {
    /// Whether another attempt with the same options would end alike.
    pub const fn is_permanent(&self) -> bool {
        match self {
            Self::Address(_) | Self::Option { .. } => true,
            Self::Authentication(error) => error.is_permanent(),
            Self::Refused(said) => matches!(
                said.reason,
                ReasonCode::BadAuthenticationMethod
                    | ReasonCode::BadUserNameOrPassword
                    | ReasonCode::Banned
                    | ReasonCode::ClientIdentifierNotValid
                    | ReasonCode::NotAuthorized
                    | ReasonCode::QoSNotSupported
                    | ReasonCode::RetainNotSupported
                    | ReasonCode::TopicNameInvalid
                    | ReasonCode::UnsupportedProtocolVersion
            ),
            Self::Proxy { error, .. } => {
                matches!(
                    error,
                    ProxyError::LoginLength | ProxyError::LoginRefused | ProxyError::LoginRequired
                )
            }
            #[cfg(feature = "tls")]
            Self::Tls(error) => error.is_permanent(),
            Self::Closed(_)
            | Self::Credentials(_)
            | Self::Disconnected(_)
            | Self::Lost(_)
            | Self::NoConnAck(_)
            | Self::NotMqtt(_)
            | Self::Resolve { .. }
            | Self::Tcp(_)
            | Self::Timeout(_)
            | Self::Transport(_)
            | Self::Unix { .. }
            | Self::Upgrade(_) => false,
        }
    }
}

impl From<AddressError> for ConnectionError {
    fn from(error: AddressError) -> Self {
        Self::Address(error)
    }
}

impl From<Infallible> for ConnectionError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

#[cfg(test)]
mod tests {
    use mqtt_codec::InvalidTopicFilter;

    use super::*;

    #[test]
    fn a_chain_of_errors_tells_each_cause_once() {
        let system = || io::Error::from(io::ErrorKind::ConnectionRefused);
        let errors: [(Box<dyn Error>, &str); 5] = [
            (
                ConnectionError::Resolve { host: "h".into(), error: system() }.into(),
                "cannot resolve h: connection refused; look at the name, and whether there is a network",
            ),
            (
                ConnectionError::Tcp(vec![
                    TcpFailure { address: ([127, 0, 0, 1], 1883).into(), error: system() },
                    TcpFailure { address: ([127, 0, 0, 1], 1884).into(), error: system() },
                ])
                .into(),
                "cannot connect to 127.0.0.1:1883: connection refused, 127.0.0.1:1884: connection refused; \
                 is the server running, and is this its port?",
            ),
            (ConnectionError::Transport(system()).into(), "cannot connect: connection refused"),
            (
                ConnectionError::from(AddressError::NoHost).into(),
                "the address cannot be used: there is no host: write SCHEME://HOST, and an IPv6 address as SCHEME://[::1]",
            ),
            (
                SubscribeError::from(InvalidTopicFilter::Empty).into(),
                "the filter cannot be subscribed to: a topic filter has at least one character [MQTT-4.7.3-1]",
            ),
        ];
        for (error, text) in errors {
            assert_eq!(error.to_string(), text);
            assert!(error.source().is_none(), "{text}");
        }
    }
}
