//! nom parsers for the primitive types, and the fault that they report.
//!
//! A parser sees only what is left of its input, so a fault keeps that length; the offset in the packet is
//! computed once, where the frame is known.

use nom::IResult;
use nom::error::{ErrorKind, ParseError};
use nom::number::complete::{be_u8, be_u16, be_u32};

use crate::error::DecodeErrorKind as Kind;
use crate::field::Field;
use crate::scan;
use crate::topic::{InvalidTopic, InvalidTopicFilter, TopicRef, check_filter, check_topic};
use crate::types::PacketId;

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
#[cold]
pub(crate) fn fault<T>(input: &[u8], field: Field, kind: Kind) -> Result<T, nom::Err<Fault>> {
    Err(nom::Err::Error(Fault { kind, field, remaining: input.len() }))
}

/// Names the field of a fault that a parser of a primitive type has left open.
#[inline]
fn named<T>(field: Field, parsed: Parsed<'_, T>) -> Parsed<'_, T> {
    parsed.map_err(|error| error.map(|fault| Fault { field, ..fault }))
}

#[inline]
pub(crate) fn u8(field: Field, input: &[u8]) -> Parsed<'_, u8> {
    named(field, be_u8(input))
}

#[inline]
pub(crate) fn u16(field: Field, input: &[u8]) -> Parsed<'_, u16> {
    named(field, be_u16(input))
}

#[inline]
pub(crate) fn u32(field: Field, input: &[u8]) -> Parsed<'_, u32> {
    named(field, be_u32(input))
}

/// A variable byte integer inside a body, which only 5.0 has: the shortest form. [MQTT-1.5.5-1]
#[inline]
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

#[inline]
pub(crate) fn binary(field: Field, input: &[u8]) -> Parsed<'_, &[u8]> {
    if let [high, low, rest @ ..] = input
        && let Some((bytes, rest)) = rest.split_at_checked(u16::from_be_bytes([*high, *low]).into())
    {
        return Ok((rest, bytes));
    }
    fault(input, field, Kind::Truncated)
}

/// A UTF-8 Encoded String. [MQTT-1.5.4-1] [MQTT-1.5.4-2], in 3.1.1 [MQTT-1.5.3-1] [MQTT-1.5.3-2]
///
/// U+FEFF is kept. [MQTT-1.5.4-3]
#[inline]
pub(crate) fn text(field: Field, input: &[u8]) -> Parsed<'_, &str> {
    let (rest, bytes) = binary(field, input)?;
    match core::str::from_utf8(bytes) {
        Ok(text) if !scan::has_zero(bytes) => Ok((rest, text)),
        _ => text_fault(field, bytes, rest),
    }
}

/// A string of which only the bytes are wanted now: [`text`] without the time that `&str` takes.
#[inline]
pub(crate) fn text_bytes(field: Field, input: &[u8]) -> Parsed<'_, &[u8]> {
    let (rest, bytes) = binary(field, input)?;
    if !scan::is_plain(bytes) {
        check_unusual(field, bytes, rest)?;
    }
    Ok((rest, bytes))
}

/// Checks a string that is not plain ASCII.
#[cold]
fn check_unusual<'a>(field: Field, bytes: &[u8], rest: &'a [u8]) -> Parsed<'a, ()> {
    match core::str::from_utf8(bytes) {
        Ok(_) if !scan::has_zero(bytes) => Ok((rest, ())),
        _ => text_fault(field, bytes, rest),
    }
}

/// The fault of `bytes` that are no string, or one with U+0000; `rest` follows them.
#[cold]
fn text_fault<'a, T>(field: Field, bytes: &[u8], rest: &[u8]) -> Parsed<'a, T> {
    let (kind, index) = match core::str::from_utf8(bytes) {
        Err(error) => (Kind::InvalidUtf8, error.valid_up_to()),
        Ok(_) => {
            let place = bytes.iter().position(|byte| *byte == 0);
            (Kind::NullCharacter, place.unwrap_or_default())
        }
    };
    let remaining = rest.len() + bytes.len() - index;
    Err(nom::Err::Error(Fault { kind, field, remaining }))
}

#[inline(always)]
pub(crate) fn topic(field: Field, input: &[u8]) -> Parsed<'_, TopicRef<'_>> {
    let (rest, bytes) = binary(field, input)?;
    match core::str::from_utf8(bytes) {
        Ok(name) if scan::is_plain_name(bytes) && !name.is_empty() => Ok((rest, TopicRef::checked(name))),
        _ => unusual_topic(field, input),
    }
}

/// A Topic Name that is not plain ASCII, or none.
#[cold]
fn unusual_topic(field: Field, input: &[u8]) -> Parsed<'_, TopicRef<'_>> {
    let (rest, name) = text(field, input)?;
    match check_topic(name) {
        Ok(()) => Ok((rest, TopicRef::checked(name))),
        Err(InvalidTopic::Empty) => fault(input, field, Kind::Empty),
        Err(_) => fault(input, field, Kind::Wildcard),
    }
}

/// A Topic Name that may be empty, because a Topic Alias may stand for it.
#[inline(always)]
pub(crate) fn topic_or_empty(input: &[u8]) -> Parsed<'_, TopicRef<'_>> {
    match input {
        [0, 0, rest @ ..] => Ok((rest, TopicRef::ALIASED)),
        _ => topic(Field::Topic, input),
    }
}

/// The bytes of a Topic Filter that obeys every rule.
#[inline]
pub(crate) fn filter(input: &[u8]) -> Parsed<'_, &[u8]> {
    let (rest, filter) = binary(Field::TopicFilter, input)?;
    if scan::is_plain_filter(filter) { Ok((rest, filter)) } else { unusual_filter(input) }
}

/// A Topic Filter that is not plain ASCII, or none.
#[cold]
fn unusual_filter(input: &[u8]) -> Parsed<'_, &[u8]> {
    let (rest, filter) = text_bytes(Field::TopicFilter, input)?;
    match check_filter(filter) {
        Ok(()) => Ok((rest, filter)),
        Err(invalid) => filter_fault(invalid, input),
    }
}

#[cold]
fn filter_fault<T>(invalid: InvalidTopicFilter, input: &[u8]) -> Parsed<'_, T> {
    let kind = match invalid {
        InvalidTopicFilter::Empty => Kind::Empty,
        InvalidTopicFilter::SingleLevelNotAlone => Kind::SingleLevelWildcard,
        _ => Kind::MultiLevelWildcard,
    };
    fault(input, Field::TopicFilter, kind)
}

#[inline]
pub(crate) fn packet_id(input: &[u8]) -> Parsed<'_, PacketId> {
    let (rest, id) = u16(Field::PacketId, input)?;
    match PacketId::new(id) {
        Some(id) => Ok((rest, id)),
        None => fault(input, Field::PacketId, Kind::PacketIdZero),
    }
}

/// Ends a body: bytes after its last field are an error.
#[inline]
pub(crate) fn end(input: &[u8]) -> Result<(), nom::Err<Fault>> {
    if input.is_empty() { Ok(()) } else { fault(input, Field::Body, Kind::TrailingBytes) }
}
