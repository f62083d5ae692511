//! Framing: where one packet ends and the next begins.

use crate::compat::Compat;
use crate::error::{DecodeError, DecodeErrorKind as Kind};
use crate::field::Field;
use crate::packet::PacketType;
use crate::version::{Role, Version};
use crate::write::varint_len;

/// The fixed header of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FixedHeader {
    /// The packet's type.
    pub packet_type: PacketType,
    /// The low four bits of the first byte.
    pub flags: u8,
    /// Bytes of the fixed header itself: 2 to 5.
    pub header_len: u8,
    /// Bytes behind the fixed header.
    pub remaining_length: u32,
}

impl FixedHeader {
    /// Reads the fixed header at the start of `input`; `None` while more bytes are needed.
    ///
    /// CONNECT says itself which version it is: its flags and the form of its length are looked at when it is
    /// decoded.
    ///
    /// # Errors
    /// A packet larger than `rules` allow, fixed header included, before its body has been received or room was
    /// made for it. Packet type 0, AUTH in 3.x, wrong flags, and a Remaining Length of more than four bytes, or
    /// one not in its shortest form in 5.0. [MQTT-1.5.5-1] (3.x has no such rule: there [`Compat`] decides.)
    #[inline(always)]
    pub fn parse(input: &[u8], rules: &Rules) -> Result<Option<Self>, DecodeError> {
        let Some(&first) = input.first() else { return Ok(None) };
        let Some(packet_type) = PacketType::from_wire(first >> 4) else {
            return Err(error(None, rules, Field::PacketType, 0, Kind::ReservedType));
        };
        let flags = first & 0x0F;
        if packet_type != PacketType::Connect {
            check_flags(packet_type, flags, rules)?;
        }
        let (header_len, remaining_length) = match input {
            [_, length, ..] if *length < 0x80 => (2, u32::from(*length)),
            _ => match long_length(packet_type, input, rules)? {
                Some(length) => length,
                None => return Ok(None),
            },
        };
        let header = Self { packet_type, flags, header_len, remaining_length };
        if packet_type != PacketType::Connect {
            header.check_length(rules)?;
        }
        if header.packet_len() > rules.max_packet_size as usize {
            return Err(error(Some(packet_type), rules, Field::RemainingLength, 1, Kind::PacketTooLarge));
        }
        Ok(Some(header))
    }

    /// Bytes of the whole packet.
    pub const fn packet_len(&self) -> usize {
        self.header_len as usize + self.remaining_length as usize
    }

    /// What [`FixedHeader::parse`] leaves open for a CONNECT; `rules` are those of the version that it names.
    pub(crate) fn check(&self, rules: &Rules) -> Result<(), DecodeError> {
        check_flags(self.packet_type, self.flags, rules)?;
        self.check_length(rules)
    }

    /// Whether the Remaining Length takes more bytes than it needs.
    #[inline]
    pub(crate) const fn is_overlong(&self) -> bool {
        self.header_len as usize > 1 + varint_len(self.remaining_length as usize)
    }

    fn check_length(&self, rules: &Rules) -> Result<(), DecodeError> {
        if self.is_overlong() && !rules.overlong_length_allowed() {
            let packet = Some(self.packet_type);
            return Err(error(packet, rules, Field::RemainingLength, 1, Kind::OverlongVarint));
        }
        Ok(())
    }
}

const fn error(
    packet: Option<PacketType>,
    rules: &Rules,
    field: Field,
    offset: u32,
    kind: Kind,
) -> DecodeError {
    DecodeError { packet, version: rules.version, field, offset, kind }
}

/// Header length and Remaining Length where the latter has more than one byte; `None` if some are missing.
fn long_length(
    packet_type: PacketType,
    input: &[u8],
    rules: &Rules,
) -> Result<Option<(u8, u32)>, DecodeError> {
    let mut remaining_length = 0;
    for index in 0..4u8 {
        let Some(&byte) = input.get(1 + usize::from(index)) else { return Ok(None) };
        remaining_length |= u32::from(byte & 0x7F) << (7 * index);
        if byte & 0x80 == 0 {
            return Ok(Some((2 + index, remaining_length)));
        }
    }
    Err(error(Some(packet_type), rules, Field::RemainingLength, 1, Kind::VarintTooLong))
}

fn check_flags(packet_type: PacketType, flags: u8, rules: &Rules) -> Result<(), DecodeError> {
    let fault = |field, kind| Err(error(Some(packet_type), rules, field, 0, kind));
    // 3.1 leaves the flags unused, and sets DUP when it repeats a packet of any type
    let unused = rules.version == Version::V3_1;
    match packet_type {
        PacketType::Auth if !rules.version.is_v5() => fault(Field::PacketType, Kind::NotInVersion),
        // [MQTT-3.3.1-4]
        PacketType::Publish if flags & 0b0110 == 0b0110 => fault(Field::Flags, Kind::Flags),
        // [MQTT-3.3.1-2]
        PacketType::Publish if flags & 0b1110 == 0b1000 && !unused && !rules.compat.dup_at_qos_0 => {
            fault(Field::Flags, Kind::DupWithoutQoS)
        }
        PacketType::Publish => Ok(()),
        // [MQTT-2.1.3-1], in 3.1.1 [MQTT-2.2.2-2]
        _ if flags != packet_type.reserved_flags() && !unused && !rules.compat.reserved_flags => {
            fault(Field::Flags, Kind::Flags)
        }
        _ => Ok(()),
    }
}

/// What a reader accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Whose rules hold. A CONNECT says itself which version it is, and is read by the rules of that one.
    pub version: Version,
    /// Who reads.
    pub role: Role,
    /// The largest packet in bytes, fixed header included.
    pub max_packet_size: u32,
    /// Deviations that are let through by name.
    pub compat: Compat,
}

impl Rules {
    /// The largest packet that the protocol allows.
    pub const MAX_PACKET_SIZE: u32 = 268_435_460;

    /// Strict rules with no limit of the packet size but the protocol's own.
    pub const fn new(version: Version, role: Role) -> Self {
        Self { version, role, max_packet_size: Self::MAX_PACKET_SIZE, compat: Compat::STRICT }
    }

    const fn overlong_length_allowed(&self) -> bool {
        !self.version.is_v5() && self.compat.overlong_remaining_length
    }
}
