//! Properties of MQTT 5.0: the table of identifiers and types, reading a block, writing one property.

use alloc::vec::Vec;
use core::num::{NonZeroU16, NonZeroU32};

use crate::error::{DecodeErrorKind as Kind, EncodeError};
use crate::field::Field;
use crate::list::UserProperties;
use crate::read::{self, Fault, Parsed, fault};
use crate::topic::TopicRef;
use crate::types::{QoS, Seconds, SubscriptionId};
use crate::write::{self, Length, Sink};

/// Identifiers on the wire.
pub(crate) mod id {
    pub(crate) const PAYLOAD_FORMAT: u8 = 0x01;
    pub(crate) const MESSAGE_EXPIRY: u8 = 0x02;
    pub(crate) const CONTENT_TYPE: u8 = 0x03;
    pub(crate) const RESPONSE_TOPIC: u8 = 0x08;
    pub(crate) const CORRELATION_DATA: u8 = 0x09;
    pub(crate) const SUBSCRIPTION_ID: u8 = 0x0B;
    pub(crate) const SESSION_EXPIRY: u8 = 0x11;
    pub(crate) const ASSIGNED_CLIENT_ID: u8 = 0x12;
    pub(crate) const SERVER_KEEP_ALIVE: u8 = 0x13;
    pub(crate) const AUTHENTICATION_METHOD: u8 = 0x15;
    pub(crate) const AUTHENTICATION_DATA: u8 = 0x16;
    pub(crate) const REQUEST_PROBLEM_INFORMATION: u8 = 0x17;
    pub(crate) const WILL_DELAY: u8 = 0x18;
    pub(crate) const REQUEST_RESPONSE_INFORMATION: u8 = 0x19;
    pub(crate) const RESPONSE_INFORMATION: u8 = 0x1A;
    pub(crate) const SERVER_REFERENCE: u8 = 0x1C;
    pub(crate) const REASON_STRING: u8 = 0x1F;
    pub(crate) const RECEIVE_MAXIMUM: u8 = 0x21;
    pub(crate) const TOPIC_ALIAS_MAXIMUM: u8 = 0x22;
    pub(crate) const TOPIC_ALIAS: u8 = 0x23;
    pub(crate) const MAXIMUM_QOS: u8 = 0x24;
    pub(crate) const RETAIN_AVAILABLE: u8 = 0x25;
    pub(crate) const USER_PROPERTY: u8 = 0x26;
    pub(crate) const MAXIMUM_PACKET_SIZE: u8 = 0x27;
    pub(crate) const WILDCARD_SUBSCRIPTION_AVAILABLE: u8 = 0x28;
    pub(crate) const SUBSCRIPTION_ID_AVAILABLE: u8 = 0x29;
    pub(crate) const SHARED_SUBSCRIPTION_AVAILABLE: u8 = 0x2A;
}

/// One property as it was read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Property<'a> {
    PayloadFormat(PayloadFormat),
    MessageExpiry(Seconds),
    ContentType(&'a str),
    ResponseTopic(TopicRef<'a>),
    CorrelationData(&'a [u8]),
    SubscriptionId(SubscriptionId),
    SessionExpiry(Seconds),
    AssignedClientId(&'a str),
    ServerKeepAlive(u16),
    AuthenticationMethod(&'a str),
    AuthenticationData(&'a [u8]),
    RequestProblemInformation(bool),
    WillDelay(Seconds),
    RequestResponseInformation(bool),
    ResponseInformation(&'a str),
    ServerReference(&'a str),
    ReasonString(&'a str),
    ReceiveMaximum(NonZeroU16),
    TopicAliasMaximum(u16),
    TopicAlias(NonZeroU16),
    MaximumQoS(QoS),
    RetainAvailable(bool),
    User(&'a str, &'a str),
    MaximumPacketSize(NonZeroU32),
    WildcardSubscriptionAvailable(bool),
    SubscriptionIdAvailable(bool),
    SharedSubscriptionAvailable(bool),
}

/// Payload Format Indicator: what the publisher says of the payload. Nobody on the way checks it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum PayloadFormat {
    /// Bytes of any kind.
    Unspecified = 0,
    /// UTF-8 text.
    Utf8 = 1,
}

/// Reads a Property Length and the block it counts: (rest behind the block, block).
pub(crate) fn block(input: &[u8]) -> Parsed<'_, &[u8]> {
    if let [0, rest @ ..] = input {
        return Ok((rest, &[]));
    }
    let (rest, len) = read::varint(Field::PropertyLength, input)?;
    match rest.split_at_checked(len as usize) {
        Some((block, rest)) => Ok((rest, block)),
        None => fault(input, Field::PropertyLength, Kind::Truncated),
    }
}

/// Gives every property of `block` to `store`; `rest` is what follows the block in the packet.
///
/// `store` answers whether the property may stand in this packet: it refuses what it has no place for.
pub(crate) fn read_all<'a>(
    block: &'a [u8],
    rest: &[u8],
    mut store: impl FnMut(Property<'a>) -> Result<(), (Kind, Field)>,
) -> Result<(), nom::Err<Fault>> {
    let mut input = block;
    while !input.is_empty() {
        let read = property(input).and_then(|(after, property)| match store(property) {
            Ok(()) => Ok(after),
            Err((kind, field)) => fault(input, field, kind),
        });
        input = read
            .map_err(|error| error.map(|fault| Fault { remaining: fault.remaining + rest.len(), ..fault }))?;
    }
    Ok(())
}

/// Keeps a property that may stand once.
pub(crate) fn once<T>(slot: &mut Option<T>, value: T, field: Field) -> Result<(), (Kind, Field)> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err((Kind::DuplicateProperty, field)),
    }
}

/// The answer of a packet that has no place for `property`.
pub(crate) fn not_allowed(property: Property<'_>) -> Result<(), (Kind, Field)> {
    Err((Kind::PropertyNotAllowed, field(property)))
}

/// One property with its identifier.
pub(crate) fn property(input: &[u8]) -> Parsed<'_, Property<'_>> {
    let (rest, id) = read::varint(Field::PropertyId, input)?;
    let Ok(id) = u8::try_from(id) else { return fault(input, Field::PropertyId, Kind::UnknownProperty) };
    Ok(match id {
        id::PAYLOAD_FORMAT => map(flag(Field::PayloadFormat, rest)?, |utf8| {
            Property::PayloadFormat(if utf8 { PayloadFormat::Utf8 } else { PayloadFormat::Unspecified })
        }),
        id::MESSAGE_EXPIRY => {
            map(read::u32(Field::MessageExpiry, rest)?, |value| Property::MessageExpiry(Seconds(value)))
        }
        id::CONTENT_TYPE => map(read::text(Field::ContentType, rest)?, Property::ContentType),
        id::RESPONSE_TOPIC => map(read::topic(Field::ResponseTopic, rest)?, Property::ResponseTopic),
        id::CORRELATION_DATA => map(read::binary(Field::CorrelationData, rest)?, Property::CorrelationData),
        id::SUBSCRIPTION_ID => map(subscription_id(rest)?, Property::SubscriptionId),
        id::USER_PROPERTY => {
            let (rest, name) = read::text(Field::UserProperty, rest)?;
            map(read::text(Field::UserProperty, rest)?, |value| Property::User(name, value))
        }
        id::TOPIC_ALIAS => map(topic_alias(rest)?, Property::TopicAlias),
        id::REASON_STRING => map(read::text(Field::ReasonString, rest)?, Property::ReasonString),
        _ => return of_connection(id, input, rest),
    })
}

/// The properties that only CONNECT, CONNACK, AUTH and DISCONNECT have.
fn of_connection<'a>(id: u8, input: &'a [u8], rest: &'a [u8]) -> Parsed<'a, Property<'a>> {
    use Property as P;
    Ok(match id {
        id::SESSION_EXPIRY => {
            map(read::u32(Field::SessionExpiry, rest)?, |value| P::SessionExpiry(Seconds(value)))
        }
        id::ASSIGNED_CLIENT_ID => map(read::text(Field::AssignedClientId, rest)?, P::AssignedClientId),
        id::SERVER_KEEP_ALIVE => map(read::u16(Field::ServerKeepAlive, rest)?, P::ServerKeepAlive),
        id::AUTHENTICATION_METHOD => {
            map(read::text(Field::AuthenticationMethod, rest)?, P::AuthenticationMethod)
        }
        id::AUTHENTICATION_DATA => map(read::binary(Field::AuthenticationData, rest)?, P::AuthenticationData),
        id::REQUEST_PROBLEM_INFORMATION => {
            map(flag(Field::RequestProblemInformation, rest)?, P::RequestProblemInformation)
        }
        id::WILL_DELAY => map(read::u32(Field::WillDelay, rest)?, |value| P::WillDelay(Seconds(value))),
        id::REQUEST_RESPONSE_INFORMATION => {
            map(flag(Field::RequestResponseInformation, rest)?, P::RequestResponseInformation)
        }
        id::RESPONSE_INFORMATION => {
            map(read::text(Field::ResponseInformation, rest)?, P::ResponseInformation)
        }
        id::SERVER_REFERENCE => map(read::text(Field::ServerReference, rest)?, P::ServerReference),
        id::RECEIVE_MAXIMUM => {
            let (after, value) = read::u16(Field::ReceiveMaximum, rest)?;
            (after, P::ReceiveMaximum(not_zero(NonZeroU16::new(value), rest, Field::ReceiveMaximum)?))
        }
        id::TOPIC_ALIAS_MAXIMUM => map(read::u16(Field::TopicAliasMaximum, rest)?, P::TopicAliasMaximum),
        id::MAXIMUM_QOS => map(flag(Field::MaximumQoS, rest)?, |one| {
            P::MaximumQoS(if one { QoS::AtLeastOnce } else { QoS::AtMostOnce })
        }),
        id::RETAIN_AVAILABLE => map(flag(Field::RetainAvailable, rest)?, P::RetainAvailable),
        id::MAXIMUM_PACKET_SIZE => {
            let (after, value) = read::u32(Field::MaximumPacketSize, rest)?;
            (after, P::MaximumPacketSize(not_zero(NonZeroU32::new(value), rest, Field::MaximumPacketSize)?))
        }
        id::WILDCARD_SUBSCRIPTION_AVAILABLE => {
            map(flag(Field::WildcardSubscriptionAvailable, rest)?, P::WildcardSubscriptionAvailable)
        }
        id::SUBSCRIPTION_ID_AVAILABLE => {
            map(flag(Field::SubscriptionIdAvailable, rest)?, P::SubscriptionIdAvailable)
        }
        id::SHARED_SUBSCRIPTION_AVAILABLE => {
            map(flag(Field::SharedSubscriptionAvailable, rest)?, P::SharedSubscriptionAvailable)
        }
        _ => return fault(input, Field::PropertyId, Kind::UnknownProperty),
    })
}

fn map<T, U>((rest, value): (&[u8], T), wrap: impl FnOnce(T) -> U) -> (&[u8], U) {
    (rest, wrap(value))
}

fn flag(field: Field, input: &[u8]) -> Parsed<'_, bool> {
    match read::u8(field, input)? {
        (rest, value @ 0..=1) => Ok((rest, value == 1)),
        _ => fault(input, field, Kind::InvalidValue),
    }
}

fn not_zero<T>(value: Option<T>, input: &[u8], field: Field) -> Result<T, nom::Err<Fault>> {
    value.map_or_else(|| fault(input, field, Kind::InvalidValue), Ok)
}

fn subscription_id(input: &[u8]) -> Parsed<'_, SubscriptionId> {
    let (rest, value) = read::varint(Field::SubscriptionId, input)?;
    Ok((rest, not_zero(SubscriptionId::new(value), input, Field::SubscriptionId)?))
}

fn topic_alias(input: &[u8]) -> Parsed<'_, NonZeroU16> {
    let (rest, value) = read::u16(Field::TopicAlias, input)?;
    match NonZeroU16::new(value) {
        Some(alias) => Ok((rest, alias)),
        // [MQTT-3.3.2-8]
        None => fault(input, Field::TopicAlias, Kind::TopicAliasZero),
    }
}

fn field(property: Property<'_>) -> Field {
    match property {
        Property::PayloadFormat(_) => Field::PayloadFormat,
        Property::MessageExpiry(_) => Field::MessageExpiry,
        Property::ContentType(_) => Field::ContentType,
        Property::ResponseTopic(_) => Field::ResponseTopic,
        Property::CorrelationData(_) => Field::CorrelationData,
        Property::SubscriptionId(_) => Field::SubscriptionId,
        Property::SessionExpiry(_) => Field::SessionExpiry,
        Property::AssignedClientId(_) => Field::AssignedClientId,
        Property::ServerKeepAlive(_) => Field::ServerKeepAlive,
        Property::AuthenticationMethod(_) => Field::AuthenticationMethod,
        Property::AuthenticationData(_) => Field::AuthenticationData,
        Property::RequestProblemInformation(_) => Field::RequestProblemInformation,
        Property::WillDelay(_) => Field::WillDelay,
        Property::RequestResponseInformation(_) => Field::RequestResponseInformation,
        Property::ResponseInformation(_) => Field::ResponseInformation,
        Property::ServerReference(_) => Field::ServerReference,
        Property::ReasonString(_) => Field::ReasonString,
        Property::ReceiveMaximum(_) => Field::ReceiveMaximum,
        Property::TopicAliasMaximum(_) => Field::TopicAliasMaximum,
        Property::TopicAlias(_) => Field::TopicAlias,
        Property::MaximumQoS(_) => Field::MaximumQoS,
        Property::RetainAvailable(_) => Field::RetainAvailable,
        Property::User(..) => Field::UserProperty,
        Property::MaximumPacketSize(_) => Field::MaximumPacketSize,
        Property::WildcardSubscriptionAvailable(_) => Field::WildcardSubscriptionAvailable,
        Property::SubscriptionIdAvailable(_) => Field::SubscriptionIdAvailable,
        Property::SharedSubscriptionAvailable(_) => Field::SharedSubscriptionAvailable,
    }
}

/// The properties of one packet, written in one place.
pub(crate) trait PropertySet {
    /// Writes every property that is present.
    fn write(&self, sink: &mut impl Sink);

    /// Writes the Property Length and the block. [MQTT-2.2.2-1]
    fn write_block(&self, sink: &mut impl Sink) {
        match self.block_len() {
            0 => write::u8(sink, 0),
            len => {
                write::varint(sink, u32::try_from(len).unwrap_or(u32::MAX));
                self.write(sink);
            }
        }
    }

    fn block_len(&self) -> usize {
        Length::of(|length| self.write(length))
    }

    /// Refuses the first property that is present, for a version that has none.
    fn refuse(&self, sink: &mut impl Sink) {
        if self.block_len() > 0 {
            sink.refuse(EncodeError::NotInVersion(self.first()));
        }
    }

    #[cold]
    fn first(&self) -> Field {
        let mut block = Vec::new();
        self.write(&mut block);
        match property(&block) {
            Ok((_, first)) => field(first),
            // a value that could not have been sent either
            Err(nom::Err::Error(fault) | nom::Err::Failure(fault)) => fault.field,
            Err(nom::Err::Incomplete(_)) => Field::Properties,
        }
    }
}

pub(crate) fn put_flag(sink: &mut impl Sink, id: u8, value: Option<bool>) {
    if let Some(value) = value {
        sink.put(&[id, u8::from(value)]);
    }
}

pub(crate) fn put_u16(sink: &mut impl Sink, id: u8, value: Option<u16>) {
    if let Some(value) = value {
        write::u8(sink, id);
        write::u16(sink, value);
    }
}

pub(crate) fn put_u32(sink: &mut impl Sink, id: u8, value: Option<u32>) {
    if let Some(value) = value {
        write::u8(sink, id);
        write::u32(sink, value);
    }
}

pub(crate) fn put_varint(sink: &mut impl Sink, id: u8, value: u32) {
    write::u8(sink, id);
    write::varint(sink, value);
}

pub(crate) fn put_text(sink: &mut impl Sink, id: u8, field: Field, value: Option<&str>) {
    if let Some(value) = value {
        write::u8(sink, id);
        write::text(sink, field, value);
    }
}

pub(crate) fn put_binary(sink: &mut impl Sink, id: u8, field: Field, value: Option<&[u8]>) {
    if let Some(value) = value {
        write::u8(sink, id);
        write::binary(sink, field, value);
    }
}

/// A step of enhanced authentication, as CONNECT, CONNACK and AUTH carry it.
pub(crate) fn put_authentication(sink: &mut impl Sink, method: Option<&str>, data: Option<&[u8]>) {
    put_text(sink, id::AUTHENTICATION_METHOD, Field::AuthenticationMethod, method);
    put_binary(sink, id::AUTHENTICATION_DATA, Field::AuthenticationData, data);
}

pub(crate) fn put_user_properties(sink: &mut impl Sink, properties: UserProperties<'_>) {
    for (name, value) in properties {
        write::u8(sink, id::USER_PROPERTY);
        write::text(sink, Field::UserProperty, name);
        write::text(sink, Field::UserProperty, value);
    }
}
