//! PUBACK, PUBREC, PUBREL and PUBCOMP: one layout for the four.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::{PacketType, Storage};
use crate::error::{DecodeErrorKind as Kind, EncodeError};
use crate::field::Field;
use crate::list::UserProperties;
use crate::property::{self, Allowed, Ids, PropertySet, id};
use crate::read::{self, Fault, Parsed, fault};
use crate::reason::ReasonCode;
use crate::types::{PacketId, Text};
use crate::value::Value;
use crate::version::Version;
use crate::write::{self, Layout, Sink};

/// An acknowledgement with storage of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Ack {
    /// The exchange.
    pub id: PacketId,
    /// The outcome; 3.x has only Success.
    pub reason: ReasonCode,
    /// Reason String and User Properties; `None` if there are none.
    pub properties: Option<Box<AckProperties>>,
}

impl Ack {
    /// An acknowledgement of success.
    pub const fn new(id: PacketId) -> Self {
        Self { id, reason: ReasonCode::Success, properties: None }
    }

    /// The packet, borrowed.
    pub fn view(&self) -> AckRef<'_> {
        let properties = self.properties.as_deref();
        AckRef {
            id: self.id,
            reason: self.reason,
            reason_string: properties.and_then(|properties| properties.reason_string.as_deref()),
            user_properties: properties
                .map(|properties| UserProperties::new(&properties.user_properties))
                .unwrap_or_default(),
        }
    }
}

/// What 5.0 can add to an acknowledgement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct AckProperties {
    /// Reason String, for people.
    pub reason_string: Option<Text>,
    /// User Properties in their order.
    pub user_properties: Vec<(Text, Text)>,
}

impl AckProperties {
    /// `None` where there is nothing to keep.
    pub(super) fn boxed(reason_string: Option<&str>, user: UserProperties<'_>) -> Option<Box<Self>> {
        let properties =
            Self { reason_string: reason_string.map(Text::checked), user_properties: user.to_vec() };
        (properties != Self::default()).then(|| Box::new(properties))
    }
}

/// A borrowed [`Ack`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AckRef<'a> {
    /// The exchange.
    pub id: PacketId,
    /// The outcome.
    pub reason: ReasonCode,
    /// Reason String, for people.
    pub reason_string: Option<&'a str>,
    /// User Properties in their order.
    pub user_properties: UserProperties<'a>,
}

impl<'a> AckRef<'a> {
    /// An acknowledgement without properties.
    pub const fn new(id: PacketId, reason: ReasonCode) -> Self {
        Self { id, reason, reason_string: None, user_properties: UserProperties::EMPTY }
    }

    pub(super) fn own(&self, _: Storage<'_>) -> Ack {
        Ack {
            id: self.id,
            reason: self.reason,
            properties: AckProperties::boxed(self.reason_string, self.user_properties),
        }
    }

    #[inline]
    pub(super) fn encode_as(
        &self,
        packet_type: PacketType,
        version: Version,
        sink: &mut impl Sink,
    ) -> Result<(), EncodeError> {
        if self.is_short(version) {
            // what nearly all are, in one piece
            let [high, low] = self.id.get().to_be_bytes();
            sink.put(&[(packet_type as u8) << 4 | packet_type.reserved_flags(), 2, high, low]);
            return Ok(());
        }
        Typed { packet_type, ack: self }.encode(version, sink)
    }

    /// Whether the Packet Identifier says everything.
    #[inline]
    fn is_short(&self, version: Version) -> bool {
        let explained = self.reason_string.is_some() || !self.user_properties.is_empty();
        !version.is_v5() || (self.reason == ReasonCode::Success && !explained)
    }

    pub(super) fn encoded_len_as(
        &self,
        packet_type: PacketType,
        version: Version,
    ) -> Result<usize, EncodeError> {
        Typed { packet_type, ack: self }.encoded_len(version)
    }
}

/// An acknowledgement together with the packet type that it is sent as.
struct Typed<'p, 'a> {
    packet_type: PacketType,
    ack: &'p AckRef<'a>,
}

impl Layout for Typed<'_, '_> {
    fn packet_type(&self) -> PacketType {
        self.packet_type
    }

    fn body(&self, version: Version, sink: &mut impl Sink) {
        let AckRef { id, reason, reason_string, user_properties } = *self.ack;
        write::u16(sink, id.get());
        if !version.is_v5() {
            return;
        }
        if !reason.allowed_in(self.packet_type) {
            sink.refuse(EncodeError::ReasonCodeNotAllowed(reason));
        }
        write_reason(sink, reason, ReasonProperties { reason_string, user_properties });
    }
}

/// Reads an acknowledgement. A body of 2 means Success, one of 3 has a reason code and no properties.
#[inline]
pub(super) fn parse(
    packet: PacketType,
    body: &[u8],
    version: Version,
) -> Result<AckRef<'_>, nom::Err<Fault>> {
    let (input, id) = read::packet_id(body)?;
    if !version.is_v5() {
        read::end(input)?;
    }
    if input.is_empty() {
        return Ok(AckRef::new(id, ReasonCode::Success));
    }
    let (reason, ReasonProperties { reason_string, user_properties }) = explained(packet, input)?;
    Ok(AckRef { id, reason, reason_string, user_properties })
}

/// What follows the Packet Identifier.
fn explained(
    packet: PacketType,
    input: &[u8],
) -> Result<(ReasonCode, ReasonProperties<'_>), nom::Err<Fault>> {
    let (input, reason) = reason_code(packet, input)?;
    if input.is_empty() {
        return Ok((reason, ReasonProperties::default()));
    }
    let (rest, properties) = parse_reason_properties(input)?;
    read::end(rest)?;
    Ok((reason, properties))
}

/// Reads a reason code that `packet` may carry.
pub(super) fn reason_code(packet: PacketType, input: &[u8]) -> Parsed<'_, ReasonCode> {
    let (rest, value) = read::u8(Field::ReasonCode, input)?;
    match ReasonCode::from_wire(value) {
        Some(reason) if reason.allowed_in(packet) => Ok((rest, reason)),
        _ => fault(input, Field::ReasonCode, Kind::ReasonCodeNotAllowed),
    }
}

/// The two properties that explain a reason code, in every packet that has one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ReasonProperties<'a> {
    pub(super) reason_string: Option<&'a str>,
    pub(super) user_properties: UserProperties<'a>,
}

impl<'a> ReasonProperties<'a> {
    pub(super) fn is_empty(&self) -> bool {
        self.reason_string.is_none() && self.user_properties.is_empty()
    }

    /// Those of a checked block in which `seen` are.
    pub(super) fn read(block: &'a [u8], seen: Ids) -> Self {
        let reason_string = property::find(block, id::REASON_STRING).and_then(Text::read);
        Self { reason_string, user_properties: property::user_properties(block, seen) }
    }
}

impl PropertySet for ReasonProperties<'_> {
    fn write(&self, sink: &mut impl Sink) {
        property::put_text(sink, id::REASON_STRING, Field::ReasonString, self.reason_string);
        property::put_user_properties(sink, &self.user_properties);
    }
}

/// Writes reason code and properties in the shortest form: neither, if both say nothing.
pub(super) fn write_reason(sink: &mut impl Sink, reason: ReasonCode, properties: ReasonProperties<'_>) {
    let plain = properties.is_empty();
    if plain && reason == ReasonCode::Success {
        return;
    }
    write::u8(sink, reason.to_wire());
    if !plain {
        properties.write_block(sink);
    }
}

pub(super) fn parse_reason_properties(input: &[u8]) -> Parsed<'_, ReasonProperties<'_>> {
    let (rest, block) = property::block(input)?;
    let seen = property::check(block, rest, Allowed::new(&[id::REASON_STRING], &[id::USER_PROPERTY]))?;
    Ok((rest, ReasonProperties::read(block, seen)))
}
