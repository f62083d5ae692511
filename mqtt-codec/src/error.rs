//! What can be wrong with bytes, and with a packet that somebody wants to send.

use core::fmt;

use crate::field::Field;
use crate::packet::{ConnAckPropertiesRef, ConnAckRef, DisconnectRef, PacketRef, PacketType};
use crate::reason::ReasonCode;
use crate::version::{Role, Version};

/// Bytes that are not a packet of this version: what is wrong, where, and by which rule.
///
/// After one the bytes that follow have no meaning: the connection ends, with [`DecodeError::reason_code`] in
/// CONNACK or DISCONNECT where the version has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeError {
    /// The packet's type; `None` if the first byte names no type.
    pub packet: Option<PacketType>,
    /// The version whose rules were applied: that of the connection, or of a CONNECT that names one.
    pub version: Version,
    /// The field in which the fault was seen.
    pub field: Field,
    /// Bytes from the start of the packet, fixed header included, to the fault: the start of the field, the
    /// byte that is no UTF-8 or is U+0000, the identifier of a property that may not stand there.
    pub offset: u32,
    /// What is wrong.
    pub kind: DecodeErrorKind,
}

impl DecodeError {
    /// The code for CONNACK or DISCONNECT.
    pub const fn reason_code(&self) -> ReasonCode {
        self.kind.reason_code()
    }

    /// What `reader` sends before it closes the connection; `None` where the version has no packet for it.
    ///
    /// A server of 5.0 answers a CONNECT in CONNACK and all else in DISCONNECT, which it sends only after a CONNACK of
    /// success. In 3.x only a wrong protocol level is answered, with return code 1. [MQTT-3.1.2-2]
    ///
    /// ```
    /// use mqtt_codec::{PacketRef, Role, Rules, Version};
    ///
    /// let rules = Rules::new(Version::V5, Role::Server);
    /// let error = PacketRef::decode(b"\x30\x04\x00\x01#\x00", &rules).unwrap_err();
    /// let mut output = Vec::new();
    /// if let Some(answer) = error.answer(rules.role) {
    ///     answer.encode(error.version, &mut output)?;
    /// }
    /// assert_eq!(output, b"\xE0\x01\x81"); // DISCONNECT: Malformed Packet
    /// # Ok::<(), mqtt_codec::EncodeError>(())
    /// ```
    pub fn answer(&self, reader: Role) -> Option<PacketRef<'static>> {
        let reason = self.reason_code();
        let of_connect = self.packet == Some(PacketType::Connect) && reader == Role::Server;
        let of_level = matches!(self.kind, DecodeErrorKind::ProtocolLevel(_));
        if of_connect && (self.version.is_v5() || of_level) {
            let properties = ConnAckPropertiesRef::default();
            return Some(PacketRef::ConnAck(ConnAckRef { session_present: false, reason, properties }));
        }
        // what only CONNACK can say is said to nobody else
        let spoken = self.version.is_v5() && !of_connect && reason.allowed_in(PacketType::Disconnect);
        spoken.then(|| PacketRef::Disconnect(DisconnectRef::new(reason)))
    }

    /// The id of the statement that the bytes break, if the rule has one in this version.
    ///
    /// The same id names different rules in 3.1.1 and 5.0. MQTT 3.1 has no ids: its rules have those of 3.1.1.
    pub const fn statement(&self) -> Option<&'static str> {
        crate::statement::of(self)
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.packet {
            Some(packet) => write!(f, "{packet}")?,
            None => f.write_str("packet")?,
        }
        write!(f, " (MQTT {}), {} at byte {}: {}", self.version, self.field, self.offset, self.kind)?;
        match self.statement() {
            Some(id) => write!(f, " [{id}]"),
            None => Ok(()),
        }
    }
}

impl core::error::Error for DecodeError {}

/// What is wrong with bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// Authentication Data without an Authentication Method.
    #[error("authentication data without an authentication method")]
    AuthenticationDataWithoutMethod,
    /// AUTH without an Authentication Method.
    #[error("the authentication method is missing")]
    AuthenticationMethodMissing,
    /// A control character or a non-character, where [`Compat`](crate::Compat) does not let them through.
    #[error("the text holds a control character or a non-character, which this reader refuses")]
    ControlCharacter,
    /// A property that may stand once stands twice.
    #[error("the property stands more than once")]
    DuplicateProperty,
    /// DUP is set on a PUBLISH of QoS 0.
    #[error("DUP is set at QoS 0")]
    DupWithoutQoS,
    /// An Acknowledge Flags byte with a bit other than Session Present.
    #[error("a reserved bit of the acknowledge flags is set")]
    AcknowledgeFlags,
    /// A topic, filter or list that has nothing in it.
    #[error("it is empty")]
    Empty,
    /// The fixed header's flags are not those of the packet type.
    #[error("the fixed header flags are not those of the packet type")]
    Flags,
    /// A number outside its range.
    #[error("the value is outside its range")]
    InvalidValue,
    /// A Subscription Identifier in a PUBLISH from a client.
    #[error("a client sends no subscription identifier in PUBLISH")]
    SubscriptionIdFromClient,
    /// A string that is not UTF-8.
    #[error("the text is not well-formed UTF-8")]
    InvalidUtf8,
    /// No Local on a Shared Subscription.
    #[error("No Local together with a shared subscription")]
    NoLocalOnShare,
    /// The packet type does not exist in this version.
    #[error("the packet type does not exist in this version")]
    NotInVersion,
    /// A string with U+0000.
    #[error("the text holds U+0000")]
    NullCharacter,
    /// A Will QoS of 3.
    #[error("the will QoS is 3")]
    InvalidWillQoS,
    /// `#` in a Topic Filter shares its level, or is not the last level.
    #[error("# does not fill its level, or is not the last level")]
    MultiLevelWildcard,
    /// A variable byte integer that is longer than its value needs.
    #[error("the variable byte integer is longer than its value needs")]
    OverlongVarint,
    /// A Packet Identifier of 0.
    #[error("the packet identifier is 0")]
    PacketIdZero,
    /// The packet is larger than the limit of the reader.
    #[error("the packet is larger than the limit")]
    PacketTooLarge,
    /// A password without a user name, which MQTT 3.x forbids.
    #[error("a password without a user name")]
    PasswordWithoutUserName,
    /// A property that this packet may not have.
    #[error("the property does not belong into this packet")]
    PropertyNotAllowed,
    /// The protocol level is of no version that has this protocol name.
    #[error("the protocol level {0} is not supported")]
    ProtocolLevel(u8),
    /// The protocol name is neither `MQTT` nor `MQIsdp`.
    #[error("the protocol name is neither MQTT nor MQIsdp")]
    ProtocolName,
    /// A reason code that this packet may not carry, or that does not exist.
    #[error("the reason code does not belong into this packet")]
    ReasonCodeNotAllowed,
    /// A bit that must be 0.
    #[error("a reserved bit is set")]
    ReservedBit,
    /// Packet type 0.
    #[error("packet type 0 is reserved")]
    ReservedType,
    /// Session Present together with a refusal.
    #[error("session present is set in a refusal")]
    SessionPresentInRefusal,
    /// `+` in a Topic Filter shares its level.
    #[error("+ does not fill its level")]
    SingleLevelWildcard,
    /// A Topic Alias above the maximum that this reader has announced.
    #[error("the topic alias is above the maximum")]
    TopicAliasAboveMaximum,
    /// A Topic Alias that nothing was mapped to.
    #[error("nothing was mapped to the topic alias")]
    TopicAliasUnknown,
    /// A Topic Alias of 0.
    #[error("the topic alias is 0")]
    TopicAliasZero,
    /// Bytes are left after the last field.
    #[error("bytes are left after the last field")]
    TrailingBytes,
    /// A field runs past the end of what encloses it.
    #[error("the field runs past the end of what encloses it")]
    Truncated,
    /// A property identifier that the standard does not define.
    #[error("no property has this identifier")]
    UnknownProperty,
    /// A variable byte integer of more than four bytes.
    #[error("the variable byte integer is longer than four bytes")]
    VarintTooLong,
    /// A wildcard in a Topic Name.
    #[error("a topic name holds no wildcard")]
    Wildcard,
    /// Will QoS or Will Retain without a Will.
    #[error("will QoS or will retain is set without a will")]
    WillFlags,
}

impl DecodeErrorKind {
    /// The code that the standard has for the fault: Malformed Packet or Protocol Error if nothing is closer.
    pub const fn reason_code(self) -> ReasonCode {
        match self {
            Self::PacketTooLarge => ReasonCode::PacketTooLarge,
            Self::ProtocolLevel(_) | Self::ProtocolName => ReasonCode::UnsupportedProtocolVersion,
            Self::TopicAliasAboveMaximum | Self::TopicAliasZero => ReasonCode::TopicAliasInvalid,
            Self::AuthenticationDataWithoutMethod
            | Self::AuthenticationMethodMissing
            | Self::DuplicateProperty
            | Self::Empty
            | Self::InvalidValue
            | Self::NoLocalOnShare
            | Self::PacketIdZero
            | Self::ReasonCodeNotAllowed
            | Self::SubscriptionIdFromClient
            | Self::TopicAliasUnknown => ReasonCode::ProtocolError,
            Self::AcknowledgeFlags
            | Self::ControlCharacter
            | Self::DupWithoutQoS
            | Self::Flags
            | Self::InvalidUtf8
            | Self::InvalidWillQoS
            | Self::MultiLevelWildcard
            | Self::NotInVersion
            | Self::NullCharacter
            | Self::OverlongVarint
            | Self::PasswordWithoutUserName
            | Self::PropertyNotAllowed
            | Self::ReservedBit
            | Self::ReservedType
            | Self::SessionPresentInRefusal
            | Self::SingleLevelWildcard
            | Self::TrailingBytes
            | Self::Truncated
            | Self::UnknownProperty
            | Self::VarintTooLong
            | Self::Wildcard
            | Self::WillFlags => ReasonCode::MalformedPacket,
        }
    }
}

/// A packet that cannot be sent as it is. Nothing has been written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// A list that needs an entry has none, or a topic is empty.
    #[error("{0} is empty")]
    Empty(Field),
    /// A string that holds U+0000, which no MQTT string may.
    #[error("{0} holds U+0000 [MQTT-1.5.4-2]")]
    NullCharacter(Field),
    /// The version has no such field, packet or code.
    #[error("{0} does not exist in this version of MQTT")]
    NotInVersion(Field),
    /// The packet is larger than the limit of the peer or of the protocol.
    #[error("the packet is larger than the limit")]
    PacketTooLarge,
    /// A password without a user name, which MQTT 3.x forbids.
    #[error("a password without a user name, which MQTT 3.x forbids [MQTT-3.1.2-22]")]
    PasswordWithoutUserName,
    /// A code that this packet may not carry.
    #[error("the reason code {0} does not belong into this packet")]
    ReasonCodeNotAllowed(ReasonCode),
    /// A string or binary field of more than 65,535 bytes.
    #[error("{0} is longer than 65,535 bytes")]
    TooLong(Field),
    /// No Local on a Shared Subscription, data without method, and the like.
    #[error("{0} does not go together with the rest of the packet")]
    Combination(Field),
}
