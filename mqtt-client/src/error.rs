//! What can go wrong, sorted by what the application was doing.
//!
//! Each text is complete: what it tells of the cause is not its `source()` as well, or a chain would tell it twice.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;

use mqtt_codec::{InvalidText, InvalidTopic, InvalidTopicFilter, ReasonCode};
use mqtt_session::CloseReason;

use crate::address::AddressError;

/// Where an attempt to connect stood when its time ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Step {
    /// Looking up the host's addresses.
    #[error("name resolution")]
    Resolve,
    /// Opening the transport.
    #[error("the TCP connection")]
    Transport,
    /// Waiting for the server's answer to CONNECT.
    #[error("CONNACK")]
    ConnAck,
}

/// Why there is no connection, or none any more.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectionError {
    /// The address cannot be used.
    #[error("the address cannot be used: {0}")]
    Address(AddressError),
    /// The connection was there and ended.
    #[error("the connection ended: {0}")]
    Closed(CloseReason),
    /// An option has a value that MQTT cannot carry.
    #[error("option {option}: {problem}")]
    Option {
        /// The setter's name.
        option: &'static str,
        /// What is wrong.
        problem: OptionProblem,
    },
    /// The server refused CONNECT.
    #[error("the server refused the connection: {0}")]
    Refused(ReasonCode),
    /// The host has no address.
    #[error("cannot resolve {host}: {error}")]
    Resolve {
        /// The host's name.
        host: String,
        /// What the system said.
        error: io::Error,
    },
    /// Nobody takes connections there.
    #[error("cannot connect to {address}: {error}")]
    Tcp {
        /// The last address tried.
        address: SocketAddr,
        /// What the system said.
        error: io::Error,
    },
    /// The connect timeout ran out.
    #[error("the connect timeout ran out during {0}")]
    Timeout(Step),
    /// A transport of the application's own failed.
    #[error("cannot connect: {0}")]
    Transport(io::Error),
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
            Self::Closed(_)
            | Self::Resolve { .. }
            | Self::Tcp { .. }
            | Self::Timeout(_)
            | Self::Transport(_) => false,
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
    use std::error::Error;

    use super::*;

    #[test]
    fn a_chain_of_errors_tells_each_cause_once() {
        let system = || io::Error::from(io::ErrorKind::ConnectionRefused);
        let errors: [(Box<dyn Error>, &str); 5] = [
            (
                ConnectionError::Resolve { host: "h".into(), error: system() }.into(),
                "cannot resolve h: connection refused",
            ),
            (
                ConnectionError::Tcp { address: ([127, 0, 0, 1], 1883).into(), error: system() }.into(),
                "cannot connect to 127.0.0.1:1883: connection refused",
            ),
            (ConnectionError::Transport(system()).into(), "cannot connect: connection refused"),
            (
                ConnectionError::from(AddressError::NoHost).into(),
                "the address cannot be used: there is no host",
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
