//! Properties of MQTT 5.0: the table of identifiers and types, reading a block, writing one property.

use alloc::vec::Vec;

use crate::error::{DecodeErrorKind as Kind, EncodeError};
use crate::field::Field;
use crate::list::UserProperties;
use crate::read::{self, Fault, Parsed, fault};
use crate::version::Version;
use crate::write::{self, Length, Sink, Size};

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

/// A set of identifiers: one bit for each.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ids(u64);

impl Ids {
    pub(crate) const fn of(ids: &[u8]) -> Self {
        let (mut bits, mut rest) = (0, ids);
        while let [id, after @ ..] = rest {
            bits |= 1 << *id;
            rest = after;
        }
        Self(bits)
    }

    pub(crate) const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(crate) const fn has(self, id: u8) -> bool {
        self.meets(Self(1 << id))
    }
}

/// The properties that a packet may have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowed {
    once: Ids,
    many: Ids,
}

impl Allowed {
    pub(crate) const fn new(once: &[u8], many: &[u8]) -> Self {
        Self { once: Ids::of(once), many: Ids::of(many) }
    }
}

/// Checks every property of `block` and whether it may stand there; `rest` is what follows the block in the packet.
///
/// The values are read from the block when somebody asks for them, see [`find`]. Answers which there are.
#[inline]
pub(crate) fn check(block: &[u8], rest: &[u8], allowed: Allowed) -> Result<Ids, nom::Err<Fault>> {
    let (mut input, mut seen) = (block, Ids::default());
    while !input.is_empty() {
        match check_one(input, seen, allowed) {
            Ok((after, id)) => {
                seen.0 |= 1 << id;
                input = after;
            }
            Err(error) => return Err(behind(error, rest)),
        }
    }
    Ok(seen)
}

#[cold]
fn behind(error: nom::Err<Fault>, rest: &[u8]) -> nom::Err<Fault> {
    error.map(|fault| Fault { remaining: fault.remaining + rest.len(), ..fault })
}

/// One property with its identifier, which comes after those that were `seen`.
#[inline]
fn check_one(input: &[u8], seen: Ids, allowed: Allowed) -> Parsed<'_, u8> {
    let (id, rest) = match input {
        [id, rest @ ..] if *id < 0x40 => (*id, rest),
        _ => return unknown(input),
    };
    let Some(field) = field(id) else { return unknown(input) };
    let (after, ()) = check_value(id, field, rest)?;
    let room = allowed.once.0 & !seen.0 | allowed.many.0;
    if room & 1 << id != 0 {
        return Ok((after, id));
    }
    let twice = allowed.once.has(id);
    fault(input, field, if twice { Kind::DuplicateProperty } else { Kind::PropertyNotAllowed })
}

/// The fault of an identifier that no property has, be it a good variable byte integer or not.
#[cold]
fn unknown<T>(input: &[u8]) -> Parsed<'_, T> {
    read::varint(Field::PropertyId, input)?;
    fault(input, Field::PropertyId, Kind::UnknownProperty)
}

/// Checks the value of a property and passes over it.
#[inline]
fn check_value(id: u8, field: Field, input: &[u8]) -> Parsed<'_, ()> {
    let (rest, good, kind) = match form(id) {
        Form::Flag => {
            let (rest, value) = read::u8(field, input)?;
            (rest, value <= 1, Kind::InvalidValue)
        }
        Form::Two => {
            let (rest, value) = read::u16(field, input)?;
            // [MQTT-3.3.2-8]
            let kind = if id == id::TOPIC_ALIAS { Kind::TopicAliasZero } else { Kind::InvalidValue };
            (rest, value != 0 || !matches!(id, id::TOPIC_ALIAS | id::RECEIVE_MAXIMUM), kind)
        }
        Form::Four => {
            let (rest, value) = read::u32(field, input)?;
            (rest, value != 0 || id != id::MAXIMUM_PACKET_SIZE, Kind::InvalidValue)
        }
        Form::Varint => {
            let (rest, value) = read::varint(field, input)?;
            (rest, value != 0, Kind::InvalidValue)
        }
        Form::Binary => return Ok((read::binary(field, input)?.0, ())),
        Form::Text => return Ok((read::text_bytes(field, input)?.0, ())),
        Form::Topic => return Ok((read::topic(field, input)?.0, ())),
        Form::Pair => {
            let (rest, _) = read::text_bytes(field, input)?;
            return Ok((read::text_bytes(field, rest)?.0, ()));
        }
    };
    if good { Ok((rest, ())) } else { fault(input, field, kind) }
}

/// How a value lies on the wire.
enum Form {
    Flag,
    Two,
    Four,
    Varint,
    Binary,
    Text,
    Topic,
    Pair,
}

/// The form of a property that exists.
#[inline]
const fn form(id: u8) -> Form {
    match id {
        id::PAYLOAD_FORMAT
        | id::REQUEST_PROBLEM_INFORMATION
        | id::REQUEST_RESPONSE_INFORMATION
        | id::MAXIMUM_QOS
        | id::RETAIN_AVAILABLE
        | id::WILDCARD_SUBSCRIPTION_AVAILABLE
        | id::SUBSCRIPTION_ID_AVAILABLE
        | id::SHARED_SUBSCRIPTION_AVAILABLE => Form::Flag,
        id::SERVER_KEEP_ALIVE | id::RECEIVE_MAXIMUM | id::TOPIC_ALIAS_MAXIMUM | id::TOPIC_ALIAS => Form::Two,
        id::MESSAGE_EXPIRY | id::SESSION_EXPIRY | id::WILL_DELAY | id::MAXIMUM_PACKET_SIZE => Form::Four,
        id::SUBSCRIPTION_ID => Form::Varint,
        id::CORRELATION_DATA | id::AUTHENTICATION_DATA => Form::Binary,
        id::RESPONSE_TOPIC => Form::Topic,
        id::USER_PROPERTY => Form::Pair,
        _ => Form::Text,
    }
}

/// The name of a property; `None` if no property has the identifier.
const fn field(id: u8) -> Option<Field> {
    Some(match id {
        id::PAYLOAD_FORMAT => Field::PayloadFormat,
        id::MESSAGE_EXPIRY => Field::MessageExpiry,
        id::CONTENT_TYPE => Field::ContentType,
        id::RESPONSE_TOPIC => Field::ResponseTopic,
        id::CORRELATION_DATA => Field::CorrelationData,
        id::SUBSCRIPTION_ID => Field::SubscriptionId,
        id::SESSION_EXPIRY => Field::SessionExpiry,
        id::ASSIGNED_CLIENT_ID => Field::AssignedClientId,
        id::SERVER_KEEP_ALIVE => Field::ServerKeepAlive,
        id::AUTHENTICATION_METHOD => Field::AuthenticationMethod,
        id::AUTHENTICATION_DATA => Field::AuthenticationData,
        id::REQUEST_PROBLEM_INFORMATION => Field::RequestProblemInformation,
        id::WILL_DELAY => Field::WillDelay,
        id::REQUEST_RESPONSE_INFORMATION => Field::RequestResponseInformation,
        id::RESPONSE_INFORMATION => Field::ResponseInformation,
        id::SERVER_REFERENCE => Field::ServerReference,
        id::REASON_STRING => Field::ReasonString,
        id::RECEIVE_MAXIMUM => Field::ReceiveMaximum,
        id::TOPIC_ALIAS_MAXIMUM => Field::TopicAliasMaximum,
        id::TOPIC_ALIAS => Field::TopicAlias,
        id::MAXIMUM_QOS => Field::MaximumQoS,
        id::RETAIN_AVAILABLE => Field::RetainAvailable,
        id::USER_PROPERTY => Field::UserProperty,
        id::MAXIMUM_PACKET_SIZE => Field::MaximumPacketSize,
        id::WILDCARD_SUBSCRIPTION_AVAILABLE => Field::WildcardSubscriptionAvailable,
        id::SUBSCRIPTION_ID_AVAILABLE => Field::SubscriptionIdAvailable,
        id::SHARED_SUBSCRIPTION_AVAILABLE => Field::SharedSubscriptionAvailable,
        _ => return None,
    })
}

/// The name of a property that exists.
pub(crate) const fn field_of(id: u8) -> Field {
    match field(id) {
        Some(field) => field,
        None => Field::Properties,
    }
}

/// Takes the first property off a block that was checked: its identifier and its value, a text or binary value without
/// its length.
pub(crate) fn take<'a>(block: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let (&id, input) = block.split_first()?;
    let (value, rest) = match form(id) {
        Form::Flag => input.split_at_checked(1)?,
        Form::Two => input.split_at_checked(2)?,
        Form::Four => input.split_at_checked(4)?,
        Form::Varint => input.split_at_checked(input.iter().position(|byte| byte & 0x80 == 0)? + 1)?,
        Form::Binary | Form::Text | Form::Topic => string(input)?,
        Form::Pair => {
            let (_, rest) = string(string(input)?.1)?;
            input.split_at_checked(input.len() - rest.len())?
        }
    };
    *block = rest;
    Some((id, value))
}

/// Takes a text or binary value off checked bytes: (value, rest).
pub(crate) fn string(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = input.split_first_chunk()?;
    rest.split_at_checked(u16::from_be_bytes(*len).into())
}

/// The identifiers in a checked block.
pub(crate) fn ids(mut block: &[u8]) -> Ids {
    let mut ids = Ids::default();
    while let Some((id, _)) = take(&mut block) {
        ids.0 |= 1 << id;
    }
    ids
}

/// The value of the property `id` in a checked block; the first if there are several.
pub(crate) fn find(mut block: &[u8], id: u8) -> Option<&[u8]> {
    while let Some((found, value)) = take(&mut block) {
        if found == id {
            return Some(value);
        }
    }
    None
}

/// The properties of one packet, written in one place.
pub(crate) trait PropertySet {
    /// Writes every property that is present.
    fn write(&self, sink: &mut impl Sink);

    /// Writes the Property Length and the block. [MQTT-2.2.2-1]
    #[inline]
    fn write_block(&self, sink: &mut impl Sink) {
        if self.is_empty() {
            return write::u8(sink, 0);
        }
        let Some(before) = sink.counted() else {
            write::varint(sink, u32::try_from(self.block_len()).unwrap_or(u32::MAX));
            return self.write(sink);
        };
        self.write(sink);
        let len = sink.counted().unwrap_or_default() - before;
        write::varint(sink, u32::try_from(len).unwrap_or(u32::MAX));
    }

    /// Whether there is certainly no property.
    #[inline]
    fn is_empty(&self) -> bool {
        self.block_len() == 0
    }

    /// The Property Length, or why the properties cannot be sent.
    fn checked_len(&self) -> Result<usize, EncodeError> {
        let mut length = Length::default();
        self.write(&mut length);
        length.finish()
    }

    fn block_len(&self) -> usize {
        let mut size = Size::default();
        self.write(&mut size);
        size.0
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
        block.first().and_then(|id| field(*id)).unwrap_or(Field::Properties)
    }
}

/// The User Properties of a checked block in which `seen` are.
pub(crate) fn user_properties(block: &[u8], seen: Ids) -> UserProperties<'_> {
    if seen.has(id::USER_PROPERTY) {
        UserProperties::checked(block, Version::V5)
    } else {
        UserProperties::EMPTY
    }
}

#[inline]
pub(crate) fn put_flag(sink: &mut impl Sink, id: u8, value: Option<bool>) {
    if let Some(value) = value {
        sink.put(&[id, u8::from(value)]);
    }
}

#[inline]
pub(crate) fn put_u16(sink: &mut impl Sink, id: u8, value: Option<u16>) {
    if let Some(value) = value {
        let [high, low] = value.to_be_bytes();
        sink.put(&[id, high, low]);
    }
}

#[inline]
pub(crate) fn put_u32(sink: &mut impl Sink, id: u8, value: Option<u32>) {
    if let Some(value) = value {
        let [a, b, c, d] = value.to_be_bytes();
        sink.put(&[id, a, b, c, d]);
    }
}

#[inline]
pub(crate) fn put_varint(sink: &mut impl Sink, id: u8, value: u32) {
    write::u8(sink, id);
    write::varint(sink, value);
}

#[inline]
pub(crate) fn put_text(sink: &mut impl Sink, id: u8, field: Field, value: Option<&str>) {
    if let Some(value) = value {
        write::check_text(sink, field, value);
        put_binary(sink, id, field, Some(value.as_bytes()));
    }
}

/// The identifier and the length go in one piece: each piece costs a look at the room.
#[inline]
pub(crate) fn put_binary(sink: &mut impl Sink, id: u8, field: Field, value: Option<&[u8]>) {
    let Some(value) = value else { return };
    let Ok(len) = u16::try_from(value.len()) else {
        // it is there, although it cannot be sent: no set is empty that has it
        write::u8(sink, id);
        return sink.refuse(EncodeError::TooLong(field));
    };
    let [high, low] = len.to_be_bytes();
    sink.put(&[id, high, low]);
    sink.put(value);
}

/// A step of enhanced authentication, as CONNECT, CONNACK and AUTH carry it.
pub(crate) fn put_authentication(sink: &mut impl Sink, method: Option<&str>, data: Option<&[u8]>) {
    put_text(sink, id::AUTHENTICATION_METHOD, Field::AuthenticationMethod, method);
    put_binary(sink, id::AUTHENTICATION_DATA, Field::AuthenticationData, data);
}

#[inline]
pub(crate) fn put_user_properties(sink: &mut impl Sink, properties: &UserProperties<'_>) {
    properties.visit(|(name, value)| put_user_property(sink, name, value));
}

#[inline]
pub(crate) fn put_user_property(sink: &mut impl Sink, name: &str, value: &str) {
    put_text(sink, id::USER_PROPERTY, Field::UserProperty, Some(name));
    write::text(sink, Field::UserProperty, value);
}
