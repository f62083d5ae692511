//! A stream of bytes that comes in pieces.

use bytes::BytesMut;
use mqtt_codec::{
    DecodeError, DecodeErrorKind as Kind, Decoder, Packet, PacketCodec, PacketCodecError, Publish,
    StreamItem, StreamingDecoder,
};
use tokio_util::codec::Decoder as _;

use crate::connection::Side;

/// Finds packets that depend on where the stream is cut, `frame_len` and `decode` that differ from `decode_next`,
/// packets above the limit, a `PacketCodec` and a `StreamingDecoder` that give other packets or errors than a `Decoder`,
/// and a `StreamingDecoder` that refuses what it should take, or waits for more bytes than it may buffer.
///
/// The input is two bytes for the side of a connection (see `decode`), two for the largest packet, one for the most
/// that may be buffered, one for the places where the stream is cut, and the stream. What is missing of its last
/// packet is filled up with zeros.
pub fn frames(data: &[u8]) {
    let Some((side, rest)) = Side::choose(data) else { return };
    let [high, low, buffered, cuts, stream @ ..] = rest else { return };
    let limit = u32::from(u16::from_be_bytes([*high, *low]) % 4096);
    let decoder = || {
        let mut decoder = side.decoder(limit);
        decoder.set_topic_alias_maximum(3);
        decoder
    };
    let (stream, whole) = read_whole(decoder(), stream, limit);
    let mut in_pieces = decoder();
    let pieces = cut(&stream, *cuts, |buffer| {
        let next = in_pieces.decode_next(buffer)?;
        Ok(next.map(|(packet, len)| (Some((packet.to_packet(), len)), len)))
    });
    assert_eq!(pieces, whole, "decode_next on pieces is frame_len and decode on the whole");
    let mut framed = PacketCodec::new(decoder());
    let framed = cut(&stream, (*cuts).max(8), |buffer| {
        let mut input = BytesMut::from(buffer);
        let packet = match framed.decode(&mut input) {
            Ok(packet) => packet,
            Err(PacketCodecError::Decode(error)) => return Err(error),
            Err(error) => panic!("{error}"),
        };
        let len = buffer.len() - input.len();
        assert_eq!(packet.is_none(), len == 0, "nothing is taken of a packet that is not there");
        Ok(packet.map(|packet| (Some((packet, len)), len)))
    });
    assert_eq!(framed, whole, "the codec for tokio's Framed reads the same");
    let max_buffered = u32::from(*buffered) * 2;
    let mut streaming = Streaming::new(decoder(), max_buffered);
    let streamed = cut(&stream, *cuts, |buffer| streaming.next(buffer));
    is_streamed(&streamed, &whole, &stream, max_buffered as usize);
}

/// What came out of a stream: packets with their lengths, and the error that ended it.
#[derive(Debug, Default, PartialEq)]
struct Read {
    packets: Vec<(Packet, usize)>,
    error: Option<DecodeError>,
}

impl Read {
    fn len(&self) -> usize {
        self.packets.iter().map(|(_, len)| len).sum()
    }
}

/// Reads with the whole stream at hand, and fills up its last packet.
fn read_whole(mut decoder: Decoder, stream: &[u8], limit: u32) -> (Vec<u8>, Read) {
    let (mut stream, mut read) = (stream.to_vec(), Read::default());
    loop {
        let start = read.len();
        let len = match decoder.frame_len(&stream[start..]) {
            Ok(Some(len)) => len,
            Ok(None) => {
                assert!(stream.len() - start < 5, "a fixed header has at most five bytes");
                break;
            }
            Err(error) => {
                read.error = Some(error);
                break;
            }
        };
        assert!(len <= limit as usize, "{len} bytes");
        stream.resize(stream.len().max(start + len), 0);
        match decoder.decode(&stream[start..start + len]) {
            Ok(packet) => read.packets.push((packet.to_packet(), len)),
            Err(error) => {
                read.error = Some(error);
                break;
            }
        }
    }
    (stream, read)
}

/// The bytes that a step took, maybe with a packet that is complete by them; `None` if more bytes are needed.
type Step = Result<Option<(Option<(Packet, usize)>, usize)>, DecodeError>;

/// Gives the stream in pieces to `step`: one byte each, or of lengths that `cuts` decides.
fn cut(stream: &[u8], cuts: u8, mut step: impl FnMut(&[u8]) -> Step) -> Read {
    let (mut read, mut start, mut end, mut numbers) = (Read::default(), 0, 0, u32::from(cuts));
    while end < stream.len() {
        numbers = numbers.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let piece = if cuts == 0 { 1 } else { 1 + (numbers >> 24) as usize % usize::from(cuts) };
        end = stream.len().min(end + piece);
        loop {
            match step(&stream[start..end]) {
                Ok(Some((packet, len))) => {
                    start += len;
                    read.packets.extend(packet);
                }
                Ok(None) => break,
                Err(error) => {
                    read.error = Some(error);
                    return read;
                }
            }
        }
    }
    read
}

/// A streaming decoder, and the PUBLISH whose payload is coming.
struct Streaming {
    decoder: StreamingDecoder,
    max_buffered: u32,
    partial: Option<(Publish, Vec<u8>, usize)>,
}

impl Streaming {
    fn new(decoder: Decoder, max_buffered: u32) -> Self {
        Self { decoder: StreamingDecoder::new(decoder, max_buffered), max_buffered, partial: None }
    }

    fn next(&mut self, buffer: &[u8]) -> Step {
        let Some((item, len)) = self.decoder.decode_next(buffer)? else {
            let most = if self.partial.is_some() { 1 } else { self.max_buffered.max(5) };
            assert!(buffer.len() < most as usize, "it waits with {} bytes at hand", buffer.len());
            return Ok(None);
        };
        assert!((1..=buffer.len()).contains(&len));
        let packet = match item {
            StreamItem::Packet(packet) => {
                assert!(len <= self.max_buffered as usize && self.partial.is_none());
                Some((packet.to_packet(), len))
            }
            StreamItem::Head { publish, payload_len } => {
                assert!(len <= self.max_buffered as usize && self.partial.is_none() && payload_len > 0);
                assert!(publish.message.payload.is_empty());
                self.partial = Some((publish.to_publish(), Vec::new(), len + payload_len as usize));
                None
            }
            StreamItem::Payload { bytes, left } => {
                assert_eq!(bytes.len(), len);
                let (publish, mut payload, whole) = self.partial.take().expect("a head comes first");
                payload.extend_from_slice(bytes);
                if left == 0 {
                    let mut publish = publish;
                    std::sync::Arc::make_mut(&mut publish.message).payload = payload.into();
                    Some((Packet::Publish(publish), whole))
                } else {
                    self.partial = Some((publish, payload, whole));
                    None
                }
            }
        };
        Ok(Some((packet, len)))
    }
}

/// The streamed packets are those of the whole, up to one that does not fit into the buffer.
fn is_streamed(streamed: &Read, whole: &Read, stream: &[u8], max_buffered: usize) {
    let count = streamed.packets.len();
    assert_eq!(streamed.packets, whole.packets.get(..count).expect("not more packets"));
    if count == whole.packets.len() && streamed.error == whole.error {
        return;
    }
    let error = streamed.error.expect("a packet is missing");
    assert_eq!(error.kind, Kind::PacketTooLarge, "{error} instead of {:?}", whole.error);
    assert!(stream.len() - streamed.len() > max_buffered);
    if let Some((packet, len)) = whole.packets.get(count) {
        let payload = if let Packet::Publish(publish) = packet { publish.message.payload.len() } else { 0 };
        assert!(len - payload > max_buffered, "{error}: {len} bytes, {payload} of them payload");
    }
}
