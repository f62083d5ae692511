//! Framing: where one packet ends and the next begins.

use crate::error::{DecodeError, DecodeErrorKind as Kind};
use crate::field::Field;
use crate::packet::PacketType;
use crate::version::Version;

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
    /// `limit` is the largest packet in bytes, fixed header included, that the reader takes: a larger one fails
    /// here, before its body has been received or room was made for it. Fails also for packet type 0, AUTH in
    /// 3.x, wrong flags, and a Remaining Length of more than four bytes, or one not in its shortest form in
    /// 5.0. [MQTT-1.5.5-1] (3.x has no such rule: there `compat` decides.)
    #[inline]
    pub fn parse(input: &[u8], rules: &Rules) -> Result<Option<Self>, DecodeError> {
        let Some(&first) = input.first() else { return Ok(None) };
        let error = |kind, field, offset| DecodeError {
            packet: PacketType::from_wire(first >> 4),
            version: rules.version,
            field,
            offset,
            kind,
        };
        let packet_type = PacketType::from_wire(first >> 4)
            .ok_or_else(|| error(Kind::ReservedType, Field::PacketType, 0))?;
        let flags = first & 0x0F;
        if let Some(kind) = wrong_flags(packet_type, flags, rules.version) {
            let field = if kind == Kind::NotInVersion { Field::PacketType } else { Field::Flags };
            return Err(error(kind, field, 0));
        }
        let mut remaining_length = 0;
        for index in 0..4u8 {
            let Some(&byte) = input.get(1 + usize::from(index)) else { return Ok(None) };
            remaining_length |= u32::from(byte & 0x7F) << (7 * index);
            if byte & 0x80 == 0 {
                if byte == 0 && index > 0 && !rules.overlong_length_allowed() {
                    return Err(error(Kind::OverlongVarint, Field::RemainingLength, 1));
                }
                let header = Self { packet_type, flags, header_len: 2 + index, remaining_length };
                if header.packet_len() > rules.max_packet_size as usize {
                    return Err(error(Kind::PacketTooLarge, Field::RemainingLength, 1));
                }
                return Ok(Some(header));
            }
        }
        Err(error(Kind::VarintTooLong, Field::RemainingLength, 1))
    }

    /// Bytes of the whole packet.
    pub const fn packet_len(&self) -> usize {
        self.header_len as usize + self.remaining_length as usize
    }
}

/// What is wrong with the first byte, if anything.
fn wrong_flags(packet_type: PacketType, flags: u8, version: Version) -> Option<Kind> {
    if packet_type == PacketType::Auth && !version.is_v5() {
        return Some(Kind::NotInVersion);
    }
    if packet_type == PacketType::Publish {
        // [MQTT-3.3.1-4]
        if flags & 0b0110 == 0b0110 {
            return Some(Kind::Flags);
        }
        // [MQTT-3.3.1-2]; 3.1 has no such rule
        return (flags & 0b1110 == 0b1000 && version != Version::V3_1).then_some(Kind::DupWithoutQoS);
    }
    // 3.1 leaves these bits unused, and sets DUP when it repeats a packet
    (flags != packet_type.reserved_flags() && version != Version::V3_1).then_some(Kind::Flags)
}

/// What a reader accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Whose rules hold. A server starts with 5.0 and takes the version of the CONNECT.
    pub version: Version,
    /// Who reads.
    pub role: crate::Role,
    /// The largest packet in bytes, fixed header included.
    pub max_packet_size: u32,
    /// Deviations that are let through by name.
    pub compat: Compat,
}

impl Rules {
    /// The largest packet that the protocol allows.
    pub const MAX_PACKET_SIZE: u32 = 268_435_460;

    /// Strict rules with no limit of the packet size but the protocol's own.
    pub const fn new(version: Version, role: crate::Role) -> Self {
        Self { version, role, max_packet_size: Self::MAX_PACKET_SIZE, compat: Compat::STRICT }
    }

    const fn overlong_length_allowed(&self) -> bool {
        !self.version.is_v5() && self.compat.overlong_remaining_length
    }
}

/// Deviations from the strict rules, each off or on by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Compat {
    /// A Remaining Length in more bytes than it needs, in 3.x only, whose standard does not forbid it.
    pub overlong_remaining_length: bool,
}

impl Compat {
    /// What the standard of each version demands, and nothing more: an overlong length of 3.x is accepted.
    pub const STRICT: Self = Self { overlong_remaining_length: true };
}

impl Default for Compat {
    fn default() -> Self {
        Self::STRICT
    }
}
