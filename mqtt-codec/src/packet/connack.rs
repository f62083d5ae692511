//! CONNACK: the server's answer to CONNECT, and the limits it sets.

use alloc::vec::Vec;
use core::fmt;
use core::num::{NonZeroU16, NonZeroU32};

use bytes::Bytes;

use super::properties::{Source, hidden, properties_view, shown};
use super::{PacketType, Storage};
use crate::error::{DecodeErrorKind as Kind, EncodeError};
use crate::field::Field;
use crate::list::UserProperties;
use crate::property::{self, Allowed, PropertySet, id};
use crate::read::{self, Fault, Parsed, fault};
use crate::reason::ReasonCode;
use crate::types::{QoS, Seconds, Text};
use crate::value::Value;
use crate::version::Version;
use crate::write::{self, Layout, Sink};

/// A CONNACK with storage of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ConnAck {
    /// Whether the server goes on with a session that it had. Does not exist in 3.1.
    pub session_present: bool,
    /// Success, or why the connection is refused.
    pub reason: ReasonCode,
    /// What 5.0 can add.
    pub properties: ConnAckProperties,
}

impl ConnAck {
    /// A CONNACK without properties.
    pub fn new(session_present: bool, reason: ReasonCode) -> Self {
        Self { session_present, reason, properties: ConnAckProperties::default() }
    }

    /// The packet, borrowed.
    pub fn view(&self) -> ConnAckRef<'_> {
        ConnAckRef {
            session_present: self.session_present,
            reason: self.reason,
            properties: self.properties.view(),
        }
    }
}

/// A borrowed [`ConnAck`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConnAckRef<'a> {
    /// Whether the server goes on with a session that it had.
    pub session_present: bool,
    /// Success, or why the connection is refused.
    pub reason: ReasonCode,
    /// What 5.0 can add.
    pub properties: ConnAckPropertiesRef<'a>,
}

impl ConnAckRef<'_> {
    /// The packet with storage of its own; binary parts are copied.
    pub fn to_connack(&self) -> ConnAck {
        self.own(Storage::Copied)
    }

    pub(super) fn own(&self, storage: Storage<'_>) -> ConnAck {
        ConnAck {
            session_present: self.session_present,
            reason: self.reason,
            properties: self.properties.own(storage),
        }
    }
}

/// What a server of 5.0 can add to CONNACK. `None` leaves a property out and means its default.
#[derive(Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct ConnAckProperties {
    /// The Session Expiry Interval that the server uses instead of the client's.
    pub session_expiry: Option<Seconds>,
    /// Unacknowledged messages of QoS 1 and 2 that the server takes at once. Default 65,535.
    pub receive_maximum: Option<NonZeroU16>,
    /// The highest QoS that the client may publish with: 0 or 1. Default 2.
    pub maximum_qos: Option<QoS>,
    /// Whether the server keeps retained messages. Default true.
    pub retain_available: Option<bool>,
    /// The largest packet in bytes that the server takes. Default: no limit but the protocol's.
    pub maximum_packet_size: Option<NonZeroU32>,
    /// The identifier that the server gave to a client without one.
    pub assigned_client_id: Option<Text>,
    /// Topic aliases that the server remembers. Default 0.
    pub topic_alias_maximum: Option<u16>,
    /// Reason String, for people.
    pub reason_string: Option<Text>,
    /// Whether filters may have wildcards. Default true.
    pub wildcard_subscription_available: Option<bool>,
    /// Whether subscriptions may have identifiers. Default true.
    pub subscription_id_available: Option<bool>,
    /// Whether subscriptions may be shared. Default true.
    pub shared_subscription_available: Option<bool>,
    /// The keep alive in seconds that the client must use instead of its own.
    pub server_keep_alive: Option<u16>,
    /// A basis for response topics.
    pub response_information: Option<Text>,
    /// Another server to use.
    pub server_reference: Option<Text>,
    /// The method of enhanced authentication.
    pub authentication_method: Option<Text>,
    /// The last step of that method.
    #[cfg_attr(feature = "serde", serde(with = "crate::serialize::optional_binary"))]
    pub authentication_data: Option<Bytes>,
    /// User Properties in their order.
    pub user_properties: Vec<(Text, Text)>,
}

properties_view! {
    /// Borrowed [`ConnAckProperties`]. Their `Debug` form does not show the Authentication Data.
    ConnAckPropertiesRef of ConnAckProperties, "ConnAckProperties" {
        /// The Session Expiry Interval that the server uses instead of the client's.
        session_expiry: Seconds | Seconds, SESSION_EXPIRY, shown;
        /// Unacknowledged messages of QoS 1 and 2 that the server takes at once. Default 65,535.
        receive_maximum: NonZeroU16 | NonZeroU16, RECEIVE_MAXIMUM, shown;
        /// The highest QoS that the client may publish with: 0 or 1. Default 2.
        maximum_qos: QoS | QoS, MAXIMUM_QOS, shown;
        /// Whether the server keeps retained messages. Default true.
        retain_available: bool | bool, RETAIN_AVAILABLE, shown;
        /// The largest packet in bytes that the server takes. Default: no limit but the protocol's.
        maximum_packet_size: NonZeroU32 | NonZeroU32, MAXIMUM_PACKET_SIZE, shown;
        /// The identifier that the server gave to a client without one.
        assigned_client_id: Text | &'a str, ASSIGNED_CLIENT_ID, shown;
        /// Topic aliases that the server remembers. Default 0.
        topic_alias_maximum: u16 | u16, TOPIC_ALIAS_MAXIMUM, shown;
        /// Reason String, for people.
        reason_string: Text | &'a str, REASON_STRING, shown;
        /// Whether filters may have wildcards. Default true.
        wildcard_subscription_available: bool | bool, WILDCARD_SUBSCRIPTION_AVAILABLE, shown;
        /// Whether subscriptions may have identifiers. Default true.
        subscription_id_available: bool | bool, SUBSCRIPTION_ID_AVAILABLE, shown;
        /// Whether subscriptions may be shared. Default true.
        shared_subscription_available: bool | bool, SHARED_SUBSCRIPTION_AVAILABLE, shown;
        /// The keep alive in seconds that the client must use instead of its own.
        server_keep_alive: u16 | u16, SERVER_KEEP_ALIVE, shown;
        /// A basis for response topics.
        response_information: Text | &'a str, RESPONSE_INFORMATION, shown;
        /// Another server to use.
        server_reference: Text | &'a str, SERVER_REFERENCE, shown;
        /// The method of enhanced authentication.
        authentication_method: Text | &'a str, AUTHENTICATION_METHOD, shown;
        /// The last step of that method.
        authentication_data: Bytes | &'a [u8], AUTHENTICATION_DATA, hidden;
    }
}

impl fmt::Debug for ConnAckProperties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.view().fmt(f)
    }
}

impl Layout for ConnAckRef<'_> {
    fn packet_type(&self) -> PacketType {
        PacketType::ConnAck
    }

    fn body(&self, version: Version, sink: &mut impl Sink) {
        if self.session_present && self.reason != ReasonCode::Success {
            sink.refuse(EncodeError::Combination(Field::AcknowledgeFlags));
        }
        // the byte is unused in 3.1
        write::u8(sink, u8::from(self.session_present && version != Version::V3_1));
        if version.is_v5() {
            if !self.reason.allowed_in(PacketType::ConnAck) {
                sink.refuse(EncodeError::ReasonCodeNotAllowed(self.reason));
            }
            write::u8(sink, self.reason.to_wire());
            self.properties.write_block(sink);
        } else {
            match self.reason.to_return_code() {
                Some(code) => write::u8(sink, code),
                None => sink.refuse(EncodeError::NotInVersion(Field::ReasonCode)),
            }
        }
    }
}

/// Reads a CONNACK.
///
/// A server of 3.x cannot answer a CONNECT of 5.0 in 5.0: its standard makes it send return code 1 in a CONNACK of its
/// own, which no CONNACK of 5.0 looks like ([MQTT-3.1.2-2] of 3.1.1).
pub(super) fn parse(body: &[u8], version: Version) -> Result<ConnAckRef<'_>, nom::Err<Fault>> {
    if let ([0, 1], Version::V5) = (body, version) {
        let (reason, properties) = (ReasonCode::UnsupportedProtocolVersion, ConnAckPropertiesRef::default());
        return Ok(ConnAckRef { session_present: false, reason, properties });
    }
    let (at_reason, session_present) = acknowledge_flags(body, version)?;
    let (input, value) = read::u8(Field::ReasonCode, at_reason)?;
    let reason = if version.is_v5() {
        ReasonCode::from_wire(value).filter(|reason| reason.allowed_in(PacketType::ConnAck))
    } else {
        ReasonCode::from_return_code(value)
    };
    let Some(reason) = reason else {
        return fault(at_reason, Field::ReasonCode, Kind::ReasonCodeNotAllowed);
    };
    if session_present && reason != ReasonCode::Success {
        return fault(body, Field::AcknowledgeFlags, Kind::SessionPresentInRefusal);
    }
    let (input, properties) =
        if version.is_v5() { parse_properties(input)? } else { (input, ConnAckPropertiesRef::default()) };
    read::end(input)?;
    Ok(ConnAckRef { session_present, reason, properties })
}

fn acknowledge_flags(body: &[u8], version: Version) -> Parsed<'_, bool> {
    let (rest, flags) = read::u8(Field::AcknowledgeFlags, body)?;
    match flags {
        // unused in 3.1
        _ if version == Version::V3_1 => Ok((rest, false)),
        0 | 1 => Ok((rest, flags == 1)),
        _ => fault(body, Field::AcknowledgeFlags, Kind::AcknowledgeFlags),
    }
}

const ALLOWED: Allowed = Allowed::new(
    &[
        id::SESSION_EXPIRY,
        id::RECEIVE_MAXIMUM,
        id::MAXIMUM_QOS,
        id::RETAIN_AVAILABLE,
        id::MAXIMUM_PACKET_SIZE,
        id::ASSIGNED_CLIENT_ID,
        id::TOPIC_ALIAS_MAXIMUM,
        id::REASON_STRING,
        id::WILDCARD_SUBSCRIPTION_AVAILABLE,
        id::SUBSCRIPTION_ID_AVAILABLE,
        id::SHARED_SUBSCRIPTION_AVAILABLE,
        id::SERVER_KEEP_ALIVE,
        id::RESPONSE_INFORMATION,
        id::SERVER_REFERENCE,
        id::AUTHENTICATION_METHOD,
        id::AUTHENTICATION_DATA,
    ],
    &[id::USER_PROPERTY],
);

fn parse_properties(input: &[u8]) -> Parsed<'_, ConnAckPropertiesRef<'_>> {
    let (rest, block) = property::block(input)?;
    property::check(block, rest, ALLOWED)?;
    Ok((rest, ConnAckPropertiesRef::checked(block)))
}
