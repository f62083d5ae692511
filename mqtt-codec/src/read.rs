//! nom parsers for the primitive types, and the fault that they report.
//!
//! A parser sees only what is left of its input, so a fault keeps that length; the offset in the packet is
//! computed once, where the frame is known.

use nom::IResult;
use nom::error::{ErrorKind, ParseError};
use nom::number::complete::{be_u8, be_u16, be_u32};

use crate::error::DecodeErrorKind as Kind;
use crate::field::Field;
use crate::topic::{InvalidTopic, InvalidTopicFilter, TopicFilterRef, TopicRef, check_filter, check_topic};
use crate::types::{PacketId, any_byte};

/// A fault inside a packet: what, in which field, and how many bytes were left there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) kind: Kind,
    pub(crate) field: Field,
    pub(crate) remaining: usize,
}

impl ParseError<&[u8]> for Fault {
    fn from_error_kind(input: &[u8], _: ErrorKind) -> Self {
        Self { kind: Kind::Truncated, field: Field::Body, remaining: input.len() }
    }

    fn append(_: &[u8], _: ErrorKind, other: Self) -> Self {
        other
    }
}

pub(crate) type Parsed<'a, T> = IResult<&'a [u8], T, Fault>;

/// A fault of `kind` at the start of `input`.
pub(crate) fn fault<T>(input: &[u8], field: Field, kind: Kind) -> Result<T, nom::Err<Fault>> {
    Err(nom::Err::Error(Fault { kind, field, remaining: input.len() }))
}

/// Names the field of a fault that a parser of a primitive type has left open.
fn named<T>(field: Field, parsed: Parsed<'_, T>) -> Parsed<'_, T> {
    parsed.map_err(|error| error.map(|fault| Fault { field, ..fault }))
}

pub(crate) fn u8(field: Field, input: &[u8]) -> Parsed<'_, u8> {
    named(field, be_u8(input))
}

pub(crate) fn u16(field: Field, input: &[u8]) -> Parsed<'_, u16> {
    named(field, be_u16(input))
}

pub(crate) fn u32(field: Field, input: &[u8]) -> Parsed<'_, u32> {
    named(field, be_u32(input))
}

/// A variable byte integer inside a body, which only 5.0 has: the shortest form. [MQTT-1.5.5-1]
pub(crate) fn varint(field: Field, input: &[u8]) -> Parsed<'_, u32> {
    let mut value = 0;
    for (index, &byte) in input.iter().take(4).enumerate() {
        value |= u32::from(byte & 0x7F) << (7 * index);
        if byte & 0x80 == 0 {
            if byte == 0 && index > 0 {
                return fault(input, field, Kind::OverlongVarint);
            }
            return Ok((input.get(index + 1..).unwrap_or_default(), value));
        }
    }
    fault(input, field, if input.len() < 4 { Kind::Truncated } else { Kind::VarintTooLong })
}

pub(crate) fn binary(field: Field, input: &[u8]) -> Parsed<'_, &[u8]> {
    if let [high, low, rest @ ..] = input
        && let Some((bytes, rest)) = rest.split_at_checked(u16::from_be_bytes([*high, *low]).into())
    {
        return Ok((rest, bytes));
    }
    fault(input, field, Kind::Truncated)
}

pub(crate) fn text(field: Field, input: &[u8]) -> Parsed<'_, &str> {
    let (rest, bytes) = binary(field, input)?;
    // [MQTT-1.5.4-1], in 3.1.1 [MQTT-1.5.3-1]; U+FEFF is kept [MQTT-1.5.4-3]
    let text = match core::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => return fault_at(field, Kind::InvalidUtf8, error.valid_up_to(), bytes, rest),
    };
    // [MQTT-1.5.4-2], in 3.1.1 [MQTT-1.5.3-2]
    if any_byte(bytes, |byte| byte == 0) {
        let index = bytes.iter().position(|byte| *byte == 0).unwrap_or_default();
        return fault_at(field, Kind::NullCharacter, index, bytes, rest);
    }
    Ok((rest, text))
}

/// A fault at the byte `index` of a string that `rest` follows.
#[cold]
fn fault_at<'a, T>(field: Field, kind: Kind, index: usize, bytes: &[u8], rest: &[u8]) -> Parsed<'a, T> {
    let remaining = rest.len() + bytes.len() - index;
    Err(nom::Err::Error(Fault { kind, field, remaining }))
}

pub(crate) fn topic(field: Field, input: &[u8]) -> Parsed<'_, TopicRef<'_>> {
    let (rest, name) = text(field, input)?;
    match check_topic(name) {
        Ok(()) => Ok((rest, TopicRef::checked(name))),
        Err(InvalidTopic::Empty) => fault(input, field, Kind::Empty),
        Err(_) => fault(input, field, Kind::Wildcard),
    }
}

/// A Topic Name that may be empty, because a Topic Alias may stand for it.
pub(crate) fn topic_or_empty(input: &[u8]) -> Parsed<'_, TopicRef<'_>> {
    match input {
        [0, 0, rest @ ..] => Ok((rest, TopicRef::ALIASED)),
        _ => topic(Field::Topic, input),
    }
}

pub(crate) fn filter(input: &[u8]) -> Parsed<'_, TopicFilterRef<'_>> {
    let (rest, filter) = text(Field::TopicFilter, input)?;
    match check_filter(filter) {
        Ok(()) => Ok((rest, TopicFilterRef::checked(filter))),
        Err(InvalidTopicFilter::Empty) => fault(input, Field::TopicFilter, Kind::Empty),
        Err(InvalidTopicFilter::SingleLevelNotAlone) => {
            fault(input, Field::TopicFilter, Kind::SingleLevelWildcard)
        }
        Err(_) => fault(input, Field::TopicFilter, Kind::MultiLevelWildcard),
    }
}

pub(crate) fn packet_id(input: &[u8]) -> Parsed<'_, PacketId> {
    let (rest, id) = u16(Field::PacketId, input)?;
    match PacketId::new(id) {
        Some(id) => Ok((rest, id)),
        None => fault(input, Field::PacketId, Kind::PacketIdZero),
    }
}

/// Ends a body: bytes after its last field are an error.
pub(crate) fn end(input: &[u8]) -> Result<(), nom::Err<Fault>> {
    if input.is_empty() { Ok(()) } else { fault(input, Field::Body, Kind::TrailingBytes) }
}
