//! What can go wrong, sorted by what the application was doing.
//!
//! Each text is complete: what it tells of the cause is not its `source()` as well, or a chain would tell it twice.

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use mqtt_codec::{InvalidText, InvalidTopic, InvalidTopicFilter, ReasonCode};
use mqtt_session::CloseReason;

use crate::address::AddressError;

/// Where an attempt to connect stood when its time ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Step {
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
    /// The connection was there and was ended, by whom and why.
    #[error("the connection ended: {0}")]
    Closed(CloseReason),
    /// The application did not give credentials.
    #[error("no credentials: {0}")]
    Credentials(Box<dyn Error + Send + Sync>),
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
    #[error("the server refused the connection: {reason}{}", advice(*.0), reason = .0)]
    Refused(ReasonCode),
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
    const fn scheme(self) -> &'static str {
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

/// What to do about the code of a CONNACK, where the code does not say it.
const fn advice(reason: ReasonCode) -> &'static str {
    match reason {
        ReasonCode::BadUserNameOrPassword => "; look at user name and password",
        ReasonCode::NotAuthorized => "; look at user name, password and what the server lets this client do",
        ReasonCode::ClientIdentifierNotValid => "; choose another client_id",
        ReasonCode::UnsupportedProtocolVersion => "; choose another version",
        ReasonCode::UseAnotherServer | ReasonCode::ServerMoved => "; connect to another server",
        _ => "",
    }
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

/// All addresses in one line.
struct Failures<'a>(&'a [TcpFailure]);

impl fmt::Display for Failures<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, TcpFailure { address, error }) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{address}: {error}")?;
        }
        Ok(())
    }
}

impl ConnectionError {
    /// Whether another attempt with the same options would end alike.
    pub const fn is_permanent(&self) -> bool {
        match self {
            Self::Address(_) | Self::Option { .. } => true,
            Self::Refused(reason) => matches!(
                reason,
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

/// What is wrong with the value of an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OptionProblem {
    /// A header that HTTP cannot carry, or that the upgrade request has already.
    #[error("not a header that a WebSocket request can have besides its own")]
    Header,
    /// A number or span of time that does not fit its field.
    #[error("the value is larger than its field")]
    OutOfRange,
    /// A password without a user name, which 3.x cannot say.
    #[error("a password needs a user name before 5.0")]
    PasswordWithoutUserName,
    /// It exists in MQTT 5.0 only.
    #[error("exists in MQTT 5.0 only")]
    OnlyInV5,
    /// Not a valid string.
    #[error(transparent)]
    Text(#[from] InvalidText),
    /// Not a valid topic.
    #[error(transparent)]
    Topic(#[from] InvalidTopic),
}

/// Why a message was not published, or not for certain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The client has ended; see its status.
    #[error("the client has ended")]
    Closed,
    /// QoS 0: the connection was lost before the message was written to it.
    #[error("the connection was lost before the message was written")]
    Lost,
    /// No room in the queue: `try_send` found none, a newer message took it, or the message is larger than all of it.
    #[error("the queue has no room for the message")]
    QueueFull,
    /// The server refused the message.
    #[error("the server refused the message: {0}")]
    Refused(ReasonCode),
    /// The session cannot send it. A full queue is always [`PublishError::QueueFull`].
    #[error(transparent)]
    Session(mqtt_session::PublishError),
    /// A property is no valid string.
    #[error("a property of the message: {0}")]
    Text(InvalidText),
    /// The time given to `timeout` ran out. The message is not taken back.
    #[error("not acknowledged in time")]
    Timeout,
    /// Not a valid Topic Name.
    #[error("the topic cannot be published to: {0}")]
    Topic(InvalidTopic),
}

impl From<InvalidText> for PublishError {
    fn from(error: InvalidText) -> Self {
        Self::Text(error)
    }
}

impl From<InvalidTopic> for PublishError {
    fn from(error: InvalidTopic) -> Self {
        Self::Topic(error)
    }
}

impl From<Infallible> for PublishError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl From<mqtt_session::PublishError> for PublishError {
    fn from(error: mqtt_session::PublishError) -> Self {
        match error {
            mqtt_session::PublishError::QueueFull => Self::QueueFull,
            other => Self::Session(other),
        }
    }
}

/// Why there is no subscription, or why it could not be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubscribeError {
    /// The client has ended; see its status.
    #[error("the client has ended")]
    Closed,
    /// Not a valid Topic Filter.
    #[error("the filter cannot be subscribed to: {0}")]
    Filter(InvalidTopicFilter),
    /// The server refused every filter; this is its first code.
    #[error("the server refused the subscription: {0}")]
    Refused(ReasonCode),
    /// The session cannot send it.
    #[error(transparent)]
    Session(#[from] mqtt_session::SubscribeError),
    /// The time given to `timeout` ran out.
    #[error("not answered in time")]
    Timeout,
}

impl From<InvalidTopicFilter> for SubscribeError {
    fn from(error: InvalidTopicFilter) -> Self {
        Self::Filter(error)
    }
}

impl From<Infallible> for SubscribeError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

#[cfg(test)]
mod tests {
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
