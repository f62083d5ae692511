//! Writing: one description of a layout serves the bytes, their length and the check.

use alloc::vec::Vec;

use bytes::BytesMut;

use crate::error::EncodeError;
use crate::field::Field;
use crate::packet::PacketType;
use crate::scan;
use crate::version::Version;

/// The largest Remaining Length: four bytes of a variable byte integer.
pub(crate) const MAX_REMAINING_LENGTH: usize = 268_435_455;

/// Where encoded bytes go.
pub trait Sink {
    /// Appends `bytes`.
    fn put(&mut self, bytes: &[u8]);

    /// Takes note that the packet cannot be sent. Only the counting pass hears of it, and nothing is written
    /// after that.
    #[doc(hidden)]
    fn refuse(&mut self, _error: EncodeError) {}

    /// In the counting pass, in which values are checked: what has been counted.
    #[doc(hidden)]
    fn counted(&self) -> Option<usize> {
        None
    }
}

impl Sink for BytesMut {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

impl Sink for Vec<u8> {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// Counts what would be written, and keeps the first reason why it cannot be.
#[derive(Default)]
pub(crate) struct Length {
    len: usize,
    refused: Option<EncodeError>,
}

impl Length {
    /// The number of bytes, or why there are none.
    pub(crate) fn finish(self) -> Result<usize, EncodeError> {
        match self.refused {
            Some(error) => Err(error),
            None => Ok(self.len),
        }
    }
}

/// Counts what was checked before.
#[derive(Default)]
pub(crate) struct Size(pub(crate) usize);

impl Sink for Size {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.0 += bytes.len();
    }
}

impl Sink for Length {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.len += bytes.len();
    }

    fn refuse(&mut self, error: EncodeError) {
        self.refused.get_or_insert(error);
    }

    #[inline]
    fn counted(&self) -> Option<usize> {
        Some(self.len)
    }
}

#[inline]
pub(crate) fn u8(sink: &mut impl Sink, value: u8) {
    sink.put(&[value]);
}

#[inline]
pub(crate) fn u16(sink: &mut impl Sink, value: u16) {
    sink.put(&value.to_be_bytes());
}

/// The shortest form; `value` is at most [`MAX_REMAINING_LENGTH`].
#[inline]
pub(crate) fn varint(sink: &mut impl Sink, mut value: u32) {
    loop {
        let low = (value & 0x7F) as u8;
        value >>= 7;
        if value == 0 {
            return sink.put(&[low]);
        }
        sink.put(&[low | 0x80]);
    }
}

#[inline]
pub(crate) fn binary(sink: &mut impl Sink, field: Field, bytes: &[u8]) {
    match u16::try_from(bytes.len()) {
        Ok(len) => u16(sink, len),
        Err(_) => return sink.refuse(EncodeError::TooLong(field)),
    }
    sink.put(bytes);
}

/// Refuses, in the counting pass, a string that a caller has put into a view without a check.
#[inline]
pub(crate) fn check_text(sink: &mut impl Sink, field: Field, text: &str) {
    // [MQTT-1.5.4-2]
    if sink.counted().is_some() && scan::has_zero(text.as_bytes()) {
        sink.refuse(EncodeError::NullCharacter(field));
    }
}

/// A string that a caller may have put into a view without a check.
#[inline]
pub(crate) fn text(sink: &mut impl Sink, field: Field, text: &str) {
    check_text(sink, field, text);
    binary(sink, field, text.as_bytes());
}

/// The layout of one packet: the only place that knows it.
pub(crate) trait Layout {
    fn packet_type(&self) -> PacketType;

    /// The four flag bits of the fixed header.
    fn flags(&self) -> u8 {
        self.packet_type().reserved_flags()
    }

    /// Everything behind the fixed header.
    fn body(&self, version: Version, sink: &mut impl Sink);

    /// The Remaining Length, or why the packet cannot be sent.
    #[inline]
    fn remaining_length(&self, version: Version) -> Result<usize, EncodeError> {
        let mut length = Length::default();
        self.body(version, &mut length);
        match length.finish()? {
            len if len > MAX_REMAINING_LENGTH => Err(EncodeError::PacketTooLarge),
            len => Ok(len),
        }
    }

    /// The size with the fixed header.
    fn encoded_len(&self, version: Version) -> Result<usize, EncodeError> {
        let remaining = self.remaining_length(version)?;
        Ok(1 + varint_len(remaining) + remaining)
    }

    /// Appends the packet; on an error nothing has been written.
    #[inline]
    fn encode(&self, version: Version, sink: &mut impl Sink) -> Result<(), EncodeError> {
        let remaining = self.remaining_length(version)?;
        fixed_header(sink, self.packet_type(), self.flags(), remaining);
        self.body(version, sink);
        Ok(())
    }
}

/// Writes the fixed header in one piece.
#[inline]
pub(crate) fn fixed_header(sink: &mut impl Sink, packet_type: PacketType, flags: u8, remaining: usize) {
    let first = (packet_type as u8) << 4 | flags;
    match remaining {
        0..0x80 => sink.put(&[first, remaining as u8]),
        0x80..0x4000 => sink.put(&[first, remaining as u8 | 0x80, (remaining >> 7) as u8]),
        _ => {
            u8(sink, first);
            varint(sink, remaining as u32);
        }
    }
}

/// Writes the fixed header, and the length of the string behind it, in one piece: each piece costs a look at the room.
#[inline(always)]
pub(crate) fn fixed_header_and_len(
    sink: &mut impl Sink,
    packet_type: PacketType,
    flags: u8,
    remaining: usize,
    len: usize,
) {
    let first = (packet_type as u8) << 4 | flags;
    let [high, low] = (len as u16).to_be_bytes();
    match remaining {
        0..0x80 => sink.put(&[first, remaining as u8, high, low]),
        0x80..0x4000 => sink.put(&[first, remaining as u8 | 0x80, (remaining >> 7) as u8, high, low]),
        _ => {
            fixed_header(sink, packet_type, flags, remaining);
            sink.put(&[high, low]);
        }
    }
}

/// Bytes that a variable byte integer takes.
pub(crate) const fn varint_len(value: usize) -> usize {
    match value {
        0..=0x7F => 1,
        0x80..=0x3FFF => 2,
        0x4000..=0x1F_FFFF => 3,
        _ => 4,
    }
}
