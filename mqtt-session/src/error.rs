//! Who broke which rule, why a connection ended, and what a caller cannot have.

use mqtt_codec::{DecodeError, PacketType, ReasonCode};

/// A peer that sent well-formed packets which it may not send here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// An acknowledgement of another QoS than the message has.
    #[error("{0} answers a message of another QoS or state")]
    AckMismatch(PacketType),
    /// Packets go on to come, but their answers are not read.
    #[error("more answers wait to be read than there are packet identifiers")]
    AnswersUnread,
    /// AUTH or CONNACK with another Authentication Method than CONNECT, or with one although CONNECT has none.
    #[error("[MQTT-4.12.0-5] another authentication method than that of CONNECT")]
    AuthMethod,
    /// AUTH that continues, ends or begins an authentication where that is not what follows.
    #[error("AUTH out of turn")]
    AuthOutOfTurn,
    /// AUTH without an Authentication Method in CONNECT.
    #[error("[MQTT-4.12.0-7] AUTH without an authentication method in CONNECT")]
    UnexpectedAuth,
    /// A packet of a server that was sent nothing yet.
    #[error("[MQTT-3.1.0-1] {0} before CONNECT")]
    BeforeConnect(PacketType),
    /// Another packet before CONNACK.
    #[error("[MQTT-3.2.0-1] {0} before CONNACK")]
    BeforeConnAck(PacketType),
    /// A message above the Maximum QoS of CONNACK.
    #[error("[MQTT-3.2.2-11] PUBLISH above the Maximum QoS")]
    QoSNotSupported,
    /// A retained message although the server keeps none.
    #[error("[MQTT-3.2.2-14] RETAIN although retained messages are not available")]
    RetainNotSupported,
    /// More messages open than Receive Maximum.
    #[error("[MQTT-3.3.4-7] more messages open than Receive Maximum")]
    ReceiveMaximumExceeded,
    /// Another CONNECT or CONNACK.
    #[error("[MQTT-3.1.0-2] a second {0}")]
    Second(PacketType),
    /// A DISCONNECT that gives a session an expiry which it did not have in CONNECT.
    #[error("[MQTT-3.1.2-23] DISCONNECT raises the Session Expiry Interval from 0")]
    SessionExpiryRaised,
    /// Session Present for a client that asked for a clean start.
    #[error("[MQTT-3.2.2-4] Session Present after a clean start")]
    SessionPresent,
    /// An answer to SUBSCRIBE or UNSUBSCRIBE with another number of codes than filters.
    #[error("[MQTT-3.8.4-6] {0} has another number of reason codes than the request has filters")]
    ReasonCount(PacketType),
    /// A Reason String or User Property for a client that wants none, where the standard does not let it through.
    #[error("[MQTT-3.1.2-29] {0} explains itself to a client that asked for reason codes alone")]
    Unasked(PacketType),
    /// A packet that only the other side may send.
    #[error("{0} may not be sent by this side")]
    WrongDirection(PacketType),
}

impl Violation {
    /// The code for DISCONNECT.
    pub const fn reason_code(self) -> ReasonCode {
        match self {
            Self::AnswersUnread => ReasonCode::QuotaExceeded,
            Self::QoSNotSupported => ReasonCode::QoSNotSupported,
            Self::ReceiveMaximumExceeded => ReasonCode::ReceiveMaximumExceeded,
            Self::RetainNotSupported => ReasonCode::RetainNotSupported,
            Self::AckMismatch(_)
            | Self::AuthMethod
            | Self::AuthOutOfTurn
            | Self::BeforeConnAck(_)
            | Self::BeforeConnect(_)
            | Self::ReasonCount(_)
            | Self::Second(_)
            | Self::SessionExpiryRaised
            | Self::SessionPresent
            | Self::Unasked(_)
            | Self::UnexpectedAuth
            | Self::WrongDirection(_) => ReasonCode::ProtocolError,
        }
    }
}

/// Why a network connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CloseReason {
    /// The client's connection timeout ran out before CONNACK.
    #[error("no CONNACK within the connect timeout")]
    ConnectTimeout,
    /// Nothing came from the peer for too long.
    #[error("the peer was silent for too long")]
    KeepAlive,
    /// This side ended it.
    #[error("closed by this side: {0}")]
    Local(ReasonCode),
    /// The peer's bytes are no packet.
    #[error("malformed: {0}")]
    Malformed(DecodeError),
    /// The peer said goodbye with DISCONNECT.
    #[error("the peer disconnected: {0}")]
    Peer(ReasonCode),
    /// The server refused CONNECT.
    #[error("the server refused the connection: {0}")]
    Refused(ReasonCode),
    /// The peer read nothing of what it was sent for too long.
    #[error("the peer did not read for too long")]
    Stalled,
    /// The transport ended or failed.
    #[error("the network connection was lost")]
    Transport,
    /// The peer broke a rule.
    #[error("{0}")]
    Violation(Violation),
}

impl CloseReason {
    /// The code of a last DISCONNECT to the peer; `None` where none is sent.
    pub const fn disconnect_code(self) -> Option<ReasonCode> {
        match self {
            Self::KeepAlive => Some(ReasonCode::KeepAliveTimeout),
            Self::Local(reason) => Some(reason),
            Self::Stalled => Some(ReasonCode::QuotaExceeded),
            Self::Malformed(error) => Some(error.reason_code()),
            Self::Violation(violation) => Some(violation.reason_code()),
            Self::ConnectTimeout | Self::Peer(_) | Self::Refused(_) | Self::Transport => None,
        }
    }
}

/// Why a message was not delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
#[repr(u8)]
pub enum DropReason {
    /// Its Message Expiry Interval ran out.
    #[error("the message expired")]
    Expired,
    /// QoS 0 for a client that is not connected.
    #[error("QoS 0 for a client that is away")]
    Offline,
    /// The session's queue is full.
    #[error("the queue of the session is full")]
    QueueFull,
    /// It is larger than the peer's Maximum Packet Size. [MQTT-3.1.2-25]
    #[error("the packet is larger than the peer takes")]
    TooLarge,
    /// A newer message of its topic has taken its place.
    #[error("a newer message of its topic has taken its place")]
    Replaced,
}

impl DropReason {
    /// All reasons, in the order of their numbers.
    pub const ALL: [Self; 5] =
        [Self::Expired, Self::Offline, Self::QueueFull, Self::TooLarge, Self::Replaced];
}

/// Why a client cannot say what it wants to say of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthenticationError {
    /// CONNECT named no Authentication Method, or there is no connection. [MQTT-4.12.0-7]
    #[error("[MQTT-4.12.0-7] CONNECT named no authentication method, or there is no connection")]
    NoMethod,
    /// It is the server's turn.
    #[error(
        "an authentication is under way, and it is the server's turn; or none is, which could be continued"
    )]
    OutOfTurn,
    /// AUTH would be larger than the server's Maximum Packet Size.
    #[error("the packet is larger than the server takes")]
    PacketTooLarge,
}

/// Why a client cannot end its connection with these words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DisconnectError {
    /// The version has no properties.
    #[error("only MQTT 5.0 has properties of DISCONNECT")]
    NotInVersion,
    /// The server's Maximum Packet Size leaves no room for a Session Expiry Interval.
    #[error("the packet is larger than the server takes")]
    PacketTooLarge,
    /// A reason that only a server may give, or none of DISCONNECT at all.
    #[error("a client does not disconnect for this reason: {0}")]
    ReasonNotAllowed(ReasonCode),
    /// A Server Reference.
    #[error("only a server names another server")]
    ServerReference,
    /// A Session Expiry Interval above 0 for a session to which CONNECT gave none.
    #[error("the session expiry interval was 0 in CONNECT, and cannot be raised: set it when connecting")]
    SessionExpiryRaised,
}

/// Why a client cannot publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The session was told to disconnect.
    #[error("the client has disconnected")]
    Disconnected,
    /// The message expired while it waited.
    #[error("the message expired before it could be sent")]
    Expired,
    /// The version has no properties.
    #[error("properties do not exist in this version of MQTT")]
    NotInVersion,
    /// The packet is larger than the server's Maximum Packet Size. [MQTT-3.2.2-15]
    #[error("the packet is larger than the server takes")]
    PacketTooLarge,
    /// Above the server's Maximum QoS. [MQTT-3.2.2-11]
    #[error("the server does not support this QoS")]
    QoSNotSupported,
    /// The queue is full.
    #[error("the queue of the session is full")]
    QueueFull,
    /// With [`Overflow::LatestPerTopic`](crate::Overflow::LatestPerTopic): a newer message of its topic has taken its place.
    #[error("a newer message of its topic has taken its place")]
    Replaced,
    /// The server keeps no retained messages. [MQTT-3.2.2-14]
    #[error("the server does not keep retained messages")]
    RetainNotSupported,
}

/// Why a client cannot subscribe or unsubscribe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubscribeError {
    /// The session was told to disconnect.
    #[error("the client has disconnected")]
    Disconnected,
    /// No filter was given.
    #[error("there is no topic filter")]
    Empty,
    /// No Local on a Shared Subscription.
    #[error("[MQTT-3.8.3-4] a shared subscription cannot have No Local: leave that option out")]
    NoLocalShared,
    /// Subscription options, a subscription identifier or User Properties, which 3.x does not have.
    #[error(
        "only MQTT 5.0 has subscription options besides QoS, identifiers and user properties: leave them out, or use 5.0"
    )]
    NotInVersion,
    /// The packet is larger than the server's Maximum Packet Size, or than MQTT allows.
    #[error(
        "the packet is larger than the server takes: ask for fewer or shorter filters, or user properties, at once"
    )]
    PacketTooLarge,
    /// Too many requests wait.
    #[error("too many requests wait for the server")]
    QueueFull,
    /// The server does not support the kind of subscription.
    #[error("the server does not support such a subscription")]
    NotSupported,
}

impl SubscribeError {
    /// The code with which a server would say the same.
    pub const fn reason_code(self) -> ReasonCode {
        match self {
            Self::Disconnected | Self::Empty => ReasonCode::UnspecifiedError,
            Self::NoLocalShared | Self::NotInVersion | Self::NotSupported => {
                ReasonCode::ImplementationSpecificError
            }
            Self::PacketTooLarge => ReasonCode::PacketTooLarge,
            Self::QueueFull => ReasonCode::QuotaExceeded,
        }
    }
}
