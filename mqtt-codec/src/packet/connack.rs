//! CONNACK: the server's answer to CONNECT, and the limits it sets.

use alloc::vec::Vec;
use core::convert::identity;
use core::fmt;
use core::num::{NonZeroU16, NonZeroU32};

use bytes::Bytes;

use super::{PacketType, Storage};
use crate::error::{DecodeErrorKind as Kind, EncodeError};
use crate::field::Field;
use crate::list::UserProperties;
use crate::property::{self, Property, PropertySet, id, not_allowed, once};
use crate::read::{self, Fault, Parsed, fault};
use crate::reason::ReasonCode;
use crate::types::{QoS, Seconds, Text};
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

macro_rules! connack_properties {
    ($($(#[$doc:meta])* $name:ident: $owned:ty | $view:ty, $convert:expr, $own:expr;)*) => {
        /// What a server of 5.0 can add to CONNACK. `None` leaves a property out and means its default.
        #[derive(Clone, Default, PartialEq, Eq)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
        #[cfg_attr(feature = "serde", serde(default))]
        pub struct ConnAckProperties {
            $($(#[$doc])* pub $name: Option<$owned>,)*
            /// The last step of that method.
            #[cfg_attr(feature = "serde", serde(with = "crate::serialize::optional_binary"))]
            pub authentication_data: Option<Bytes>,
            /// User Properties in their order.
            pub user_properties: Vec<(Text, Text)>,
        }

        /// Borrowed [`ConnAckProperties`]. Their `Debug` form does not show the Authentication Data.
        #[derive(Clone, Copy, Default, PartialEq)]
        pub struct ConnAckPropertiesRef<'a> {
            $($(#[$doc])* pub $name: Option<$view>,)*
            /// The last step of that method.
            pub authentication_data: Option<&'a [u8]>,
            /// User Properties in their order.
            pub user_properties: UserProperties<'a>,
        }

        impl ConnAckProperties {
            /// The properties, borrowed.
            pub fn view(&self) -> ConnAckPropertiesRef<'_> {
                ConnAckPropertiesRef {
                    $($name: $convert(&self.$name),)*
                    authentication_data: self.authentication_data.as_deref(),
                    user_properties: UserProperties::new(&self.user_properties),
                }
            }
        }

        impl ConnAckPropertiesRef<'_> {
            fn own(&self, storage: Storage<'_>) -> ConnAckProperties {
                ConnAckProperties {
                    $($name: $own(self.$name),)*
                    authentication_data: self.authentication_data.map(|data| storage.bytes(data)),
                    user_properties: self.user_properties.to_vec(),
                }
            }
        }

        impl fmt::Debug for ConnAckPropertiesRef<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct("ConnAckProperties")
                    $(.field(stringify!($name), &self.$name))*
                    .field("authentication_data", &self.authentication_data.map(|_| "..."))
                    .field("user_properties", &self.user_properties)
                    .finish()
            }
        }
    };
}

fn same<T: Copy>(value: &Option<T>) -> Option<T> {
    *value
}

fn text(value: Option<&str>) -> Option<Text> {
    value.map(Text::checked)
}

connack_properties! {
    /// The Session Expiry Interval that the server uses instead of the client's.
    session_expiry: Seconds | Seconds, same, identity;
    /// Unacknowledged messages of QoS 1 and 2 that the server takes at once. Default 65,535.
    receive_maximum: NonZeroU16 | NonZeroU16, same, identity;
    /// The highest QoS that the client may publish with: 0 or 1. Default 2.
    maximum_qos: QoS | QoS, same, identity;
    /// Whether the server keeps retained messages. Default true.
    retain_available: bool | bool, same, identity;
    /// The largest packet in bytes that the server takes. Default: no limit but the protocol's.
    maximum_packet_size: NonZeroU32 | NonZeroU32, same, identity;
    /// The identifier that the server gave to a client without one.
    assigned_client_id: Text | &'a str, Option::as_deref, text;
    /// Topic aliases that the server remembers. Default 0.
    topic_alias_maximum: u16 | u16, same, identity;
    /// Reason String, for people.
    reason_string: Text | &'a str, Option::as_deref, text;
    /// Whether filters may have wildcards. Default true.
    wildcard_subscription_available: bool | bool, same, identity;
    /// Whether subscriptions may have identifiers. Default true.
    subscription_id_available: bool | bool, same, identity;
    /// Whether subscriptions may be shared. Default true.
    shared_subscription_available: bool | bool, same, identity;
    /// The keep alive in seconds that the client must use instead of its own.
    server_keep_alive: u16 | u16, same, identity;
    /// A basis for response topics.
    response_information: Text | &'a str, Option::as_deref, text;
    /// Another server to use.
    server_reference: Text | &'a str, Option::as_deref, text;
    /// The method of enhanced authentication.
    authentication_method: Text | &'a str, Option::as_deref, text;
}

impl fmt::Debug for ConnAckProperties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.view().fmt(f)
    }
}

impl PropertySet for ConnAckPropertiesRef<'_> {
    fn write(&self, sink: &mut impl Sink) {
        property::put_u32(sink, id::SESSION_EXPIRY, self.session_expiry.map(|seconds| seconds.0));
        property::put_u16(sink, id::RECEIVE_MAXIMUM, self.receive_maximum.map(NonZeroU16::get));
        // 2 is the default and has no value on the wire
        let maximum_qos = self.maximum_qos.filter(|qos| *qos != QoS::ExactlyOnce);
        property::put_flag(sink, id::MAXIMUM_QOS, maximum_qos.map(|qos| qos == QoS::AtLeastOnce));
        property::put_flag(sink, id::RETAIN_AVAILABLE, self.retain_available);
        property::put_u32(sink, id::MAXIMUM_PACKET_SIZE, self.maximum_packet_size.map(NonZeroU32::get));
        property::put_text(sink, id::ASSIGNED_CLIENT_ID, Field::AssignedClientId, self.assigned_client_id);
        property::put_u16(sink, id::TOPIC_ALIAS_MAXIMUM, self.topic_alias_maximum);
        property::put_text(sink, id::REASON_STRING, Field::ReasonString, self.reason_string);
        property::put_flag(sink, id::WILDCARD_SUBSCRIPTION_AVAILABLE, self.wildcard_subscription_available);
        property::put_flag(sink, id::SUBSCRIPTION_ID_AVAILABLE, self.subscription_id_available);
        property::put_flag(sink, id::SHARED_SUBSCRIPTION_AVAILABLE, self.shared_subscription_available);
        property::put_u16(sink, id::SERVER_KEEP_ALIVE, self.server_keep_alive);
        property::put_text(
            sink,
            id::RESPONSE_INFORMATION,
            Field::ResponseInformation,
            self.response_information,
        );
        property::put_text(sink, id::SERVER_REFERENCE, Field::ServerReference, self.server_reference);
        property::put_authentication(sink, self.authentication_method, self.authentication_data);
        property::put_user_properties(sink, self.user_properties);
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

fn parse_properties(input: &[u8]) -> Parsed<'_, ConnAckPropertiesRef<'_>> {
    let (rest, block) = property::block(input)?;
    let mut read = ConnAckPropertiesRef::default();
    property::read_all(block, rest, |property| store(&mut read, property, block))?;
    Ok((rest, read))
}

fn store<'a>(
    read: &mut ConnAckPropertiesRef<'a>,
    property: Property<'a>,
    block: &'a [u8],
) -> Result<(), (Kind, Field)> {
    use Property as P;
    match property {
        P::SessionExpiry(value) => once(&mut read.session_expiry, value, Field::SessionExpiry),
        P::ReceiveMaximum(value) => once(&mut read.receive_maximum, value, Field::ReceiveMaximum),
        P::MaximumQoS(value) => once(&mut read.maximum_qos, value, Field::MaximumQoS),
        P::RetainAvailable(value) => once(&mut read.retain_available, value, Field::RetainAvailable),
        P::MaximumPacketSize(value) => once(&mut read.maximum_packet_size, value, Field::MaximumPacketSize),
        P::AssignedClientId(value) => once(&mut read.assigned_client_id, value, Field::AssignedClientId),
        P::TopicAliasMaximum(value) => once(&mut read.topic_alias_maximum, value, Field::TopicAliasMaximum),
        P::ReasonString(value) => once(&mut read.reason_string, value, Field::ReasonString),
        P::WildcardSubscriptionAvailable(value) => {
            once(&mut read.wildcard_subscription_available, value, Field::WildcardSubscriptionAvailable)
        }
        P::SubscriptionIdAvailable(value) => {
            once(&mut read.subscription_id_available, value, Field::SubscriptionIdAvailable)
        }
        P::SharedSubscriptionAvailable(value) => {
            once(&mut read.shared_subscription_available, value, Field::SharedSubscriptionAvailable)
        }
        P::ServerKeepAlive(value) => once(&mut read.server_keep_alive, value, Field::ServerKeepAlive),
        P::ResponseInformation(value) => {
            once(&mut read.response_information, value, Field::ResponseInformation)
        }
        P::ServerReference(value) => once(&mut read.server_reference, value, Field::ServerReference),
        P::AuthenticationMethod(value) => {
            once(&mut read.authentication_method, value, Field::AuthenticationMethod)
        }
        P::AuthenticationData(value) => once(&mut read.authentication_data, value, Field::AuthenticationData),
        P::User(..) => {
            read.user_properties = UserProperties::checked(block, Version::V5);
            Ok(())
        }
        other => not_allowed(other),
    }
}
