//! What is wrong with options, and with what handles ask for.

use std::convert::Infallible;

use mqtt_codec::{InvalidText, InvalidTopic, InvalidTopicFilter, ReasonCode};

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

/// Why a client could not be told to disconnect. It goes on as before, unless it had ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DisconnectError {
    /// The client had ended before.
    #[error("the client has ended")]
    Closed,
    /// A client cannot say this.
    #[error(transparent)]
    Session(#[from] mqtt_session::DisconnectError),
    /// A property is no valid string.
    #[error("a property of DISCONNECT: {0}")]
    Text(#[from] InvalidText),
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
    /// The payload could not be sealed.
    #[cfg(feature = "payload-encryption")]
    #[error(transparent)]
    Seal(#[from] crate::envelope::SealError),
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
    /// A User Property is no valid string.
    #[error("a user property of the request: {0}")]
    Text(InvalidText),
    /// The time given to `timeout` ran out.
    #[error("not answered in time")]
    Timeout,
}

impl From<InvalidText> for SubscribeError {
    fn from(error: InvalidText) -> Self {
        Self::Text(error)
    }
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
