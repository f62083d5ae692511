//! Large PUBLISH packets in pieces: the head once it is there, then the payload as it comes.

use crate::decoder::Decoder;
use crate::error::{DecodeError, DecodeErrorKind as Kind};
use crate::field::Field;
use crate::frame::FixedHeader;
use crate::packet::{PacketRef, PacketType, PublishRef};

/// A [`Decoder`] for payloads that need not fit into memory.
///
/// A packet of at most `max_buffered` bytes is given as a whole. Of a larger PUBLISH first everything but the payload
/// is given, as soon as that is there, then the payload in the pieces that the caller reads. So what the caller keeps
/// is never more than `max_buffered` bytes, whatever the packet size that the decoder allows.
///
/// Every rule that holds for a whole packet holds here, in the same words: a packet above the limit of the decoder is
/// refused from its fixed header, an alias is resolved once, in the head, and a fault in the head has the same field
/// and offset. None can come after the head, since nothing in a payload is a fault. That it is UTF-8, as a Payload Format
/// Indicator may say, is checked neither here nor by [`Decoder`]: who wants to refuse others answers
/// [`PayloadFormatInvalid`](crate::ReasonCode::PayloadFormatInvalid).
///
/// ```
/// use mqtt_codec::{Decoder, StreamItem, StreamingDecoder, Version};
///
/// let decoder = Decoder::client(Version::V3_1_1, 100_000_000);
/// let mut decoder = StreamingDecoder::new(decoder, 16);
/// let mut buffer = Vec::new();
/// let (mut payload, mut announced) = (Vec::new(), 0);
/// // as a socket may bring it: PUBLISH to a/b with 20 bytes, then PINGRESP
/// for read in [&b"\x30\x19\x00\x03a/"[..], b"b0123", b"456789abcd", b"efghij\xD0\x00"] {
///     buffer.extend_from_slice(read);
///     while let Some((item, len)) = decoder.decode_next(&buffer)? {
///         match item {
///             StreamItem::Head { publish, payload_len } => {
///                 assert_eq!(publish.message.topic.as_str(), "a/b");
///                 announced = payload_len;
///             }
///             StreamItem::Payload { bytes, left } => {
///                 payload.extend_from_slice(bytes); // or to a file
///                 assert_eq!(payload.len() + left as usize, announced as usize);
///             }
///             StreamItem::Packet(packet) => assert_eq!(packet.packet_type().name(), "PINGRESP"),
///         }
///         buffer.drain(..len);
///     }
///     assert!(buffer.len() <= 16);
/// }
/// assert_eq!(payload, b"0123456789abcdefghij");
/// # Ok::<(), mqtt_codec::DecodeError>(())
/// ```
///
/// The other direction is [`PublishRef::encode_head_for`].
#[derive(Debug)]
pub struct StreamingDecoder {
    decoder: Decoder,
    max_buffered: u32,
    payload_left: u32,
}

/// What comes next on a connection, as a [`StreamingDecoder`] gives it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum StreamItem<'a> {
    /// A packet that was there as a whole.
    Packet(PacketRef<'a>),
    /// A large PUBLISH up to its payload, which follows in [`StreamItem::Payload`].
    Head {
        /// The packet; the payload in it is empty.
        publish: PublishRef<'a>,
        /// Bytes of the payload that follow, at least 1.
        payload_len: u32,
    },
    /// A piece of the payload of the last head.
    Payload {
        /// The piece, never empty.
        bytes: &'a [u8],
        /// Bytes of the payload that are still to come; with 0 the packet is complete.
        left: u32,
    },
}

impl StreamingDecoder {
    /// Takes packets of more than `max_buffered` bytes only if they are PUBLISH packets whose head is not larger
    /// than that.
    ///
    /// A topic alone may have 65,535 bytes. 64 KiB is a good value for a program that knows its peers, 256 KiB for
    /// one that does not.
    pub const fn new(decoder: Decoder, max_buffered: u32) -> Self {
        Self { decoder, max_buffered, payload_left: 0 }
    }

    /// The decoder inside, to ask for the version.
    pub const fn decoder(&self) -> &Decoder {
        &self.decoder
    }

    /// The decoder inside, to set limits.
    pub const fn decoder_mut(&mut self) -> &mut Decoder {
        &mut self.decoder
    }

    /// Reads what is first in `input`: `None` until there is something, else the item and the bytes that it took.
    ///
    /// # Errors
    /// Those of [`Decoder::decode_next`], of a head before any of its payload. Beyond those
    /// [`DecodeErrorKind::PacketTooLarge`](Kind::PacketTooLarge) for a head, or a packet that is no PUBLISH, of more
    /// than `max_buffered` bytes.
    #[inline]
    pub fn decode_next<'a>(
        &'a mut self,
        input: &'a [u8],
    ) -> Result<Option<(StreamItem<'a>, usize)>, DecodeError> {
        if self.payload_left > 0 {
            return Ok(self.payload(input));
        }
        let Some(header) = FixedHeader::parse(input, self.decoder.rules())? else { return Ok(None) };
        if header.packet_len() > self.max_buffered as usize {
            return self.head(header, input);
        }
        let Some(frame) = input.get(..header.packet_len()) else { return Ok(None) };
        Ok(Some((StreamItem::Packet(self.decoder.decode_frame(header, frame)?), frame.len())))
    }

    fn payload<'a>(&mut self, input: &'a [u8]) -> Option<(StreamItem<'a>, usize)> {
        let bytes = input.get(..self.payload_left as usize).unwrap_or(input);
        if bytes.is_empty() {
            return None;
        }
        // not more than payload_left, which is a u32
        self.payload_left -= bytes.len() as u32;
        Some((StreamItem::Payload { bytes, left: self.payload_left }, bytes.len()))
    }

    fn head<'a>(
        &'a mut self,
        header: FixedHeader,
        input: &'a [u8],
    ) -> Result<Option<(StreamItem<'a>, usize)>, DecodeError> {
        if header.packet_type != PacketType::Publish {
            return Err(self.too_large(header.packet_type, Field::RemainingLength, 1));
        }
        let head = match self.head_len(header, input) {
            Ok(len) => input.get(..len).unwrap_or(input),
            Err(Unfinished::Wait) => return Ok(None),
            Err(Unfinished::Truncated) => input.get(..header.packet_len()).unwrap_or(input),
            Err(Unfinished::TooLarge(field, offset)) => {
                return Err(self.too_large(PacketType::Publish, field, offset));
            }
        };
        let payload_len = header.packet_len().saturating_sub(head.len()) as u32;
        let PacketRef::Publish(publish) = self.decoder.decode_frame(header, head)? else { return Ok(None) };
        self.payload_left = payload_len;
        Ok(Some((StreamItem::Head { publish, payload_len }, head.len())))
    }

    /// Bytes of the packet in front of its payload, which are all there.
    fn head_len(&self, header: FixedHeader, input: &[u8]) -> Result<usize, Unfinished> {
        let reach = |field: Field, start: usize, end: usize| {
            if end > header.packet_len() {
                Err(Unfinished::Truncated)
            } else if end > self.max_buffered as usize {
                Err(Unfinished::TooLarge(field, start))
            } else {
                input.get(start..end).ok_or(Unfinished::Wait)
            }
        };
        let start = usize::from(header.header_len);
        let topic_len = reach(Field::Topic, start, start + 2)?;
        let topic_len = topic_len.iter().fold(0, |len, byte| len << 8 | usize::from(*byte));
        let topic_end = start + 2 + topic_len;
        reach(Field::Topic, start, topic_end)?;
        let has_id = header.flags & 0b0110 != 0;
        let mut end = topic_end + if has_id { 2 } else { 0 };
        reach(Field::PacketId, topic_end, end)?;
        if !self.decoder.rules().version.is_v5() {
            return Ok(end);
        }
        let (start, mut properties_len) = (end, 0);
        for shift in [0, 7, 14, 21] {
            let byte = reach(Field::PropertyLength, end, end + 1)?.first().copied().unwrap_or_default();
            properties_len |= usize::from(byte & 0x7F) << shift;
            end += 1;
            if byte & 0x80 == 0 {
                reach(Field::Properties, start, end + properties_len)?;
                return Ok(end + properties_len);
            }
        }
        // a length of five bytes: there is enough to see that
        Ok(end)
    }

    #[cold]
    fn too_large(&self, packet: PacketType, field: Field, offset: usize) -> DecodeError {
        let offset = u32::try_from(offset).unwrap_or(u32::MAX);
        let version = self.decoder.rules().version;
        DecodeError { packet: Some(packet), version, field, offset, kind: Kind::PacketTooLarge }
    }
}

/// Why the length of a head is not known yet, or never.
enum Unfinished {
    /// More bytes are needed.
    Wait,
    /// A field runs past the end of the packet; the fields before it are there.
    Truncated,
    /// The field that begins there ends beyond what may be buffered.
    TooLarge(Field, usize),
}
