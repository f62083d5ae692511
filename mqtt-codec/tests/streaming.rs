//! A PUBLISH in pieces is the PUBLISH that the whole packet is, wherever the bytes are cut.

mod support;

use arbitrary::Unstructured;
use bytes::Bytes;
use mqtt_codec::{
    DecodeError, DecodeErrorKind as Kind, Decoder, Field, Packet, PacketType, Publish, Role, StreamItem,
    StreamingDecoder, Version,
};
use proptest::prelude::*;
use support::{decoder, hex};

/// Reads `stream` as it comes cut after `cuts` bytes, round and round, and keeps what a program would keep: the bytes
/// that are no item yet. Gives the packets put together, and the largest number of bytes kept after reading.
fn streamed(
    mut decoder: StreamingDecoder,
    stream: &[u8],
    cuts: &[usize],
) -> Result<(Vec<Packet>, usize), DecodeError> {
    let (mut packets, mut kept, mut most) = (Vec::new(), Vec::new(), 0);
    let mut open: Option<(Publish, Vec<u8>)> = None;
    let mut stream = stream;
    for cut in cuts.iter().cycle() {
        let (read, rest) = stream.split_at((*cut).min(stream.len()));
        stream = rest;
        kept.extend_from_slice(read);
        let mut taken = 0;
        while let Some((item, len)) = decoder.decode_next(&kept[taken..])? {
            match item {
                StreamItem::Packet(packet) => packets.push(packet.to_packet()),
                StreamItem::Head { publish, payload_len } => {
                    assert!(publish.message.payload.is_empty() && payload_len > 0 && open.is_none());
                    open = Some((publish.to_publish(), Vec::with_capacity(payload_len as usize)));
                }
                StreamItem::Payload { bytes, left } => {
                    let (publish, mut payload) = open.take().expect("a head came before");
                    payload.extend_from_slice(bytes);
                    assert!(!bytes.is_empty() && payload.len() + left as usize == payload.capacity());
                    open = match left {
                        0 => {
                            packets.push(with_payload(publish, payload));
                            None
                        }
                        _ => Some((publish, payload)),
                    };
                }
            }
            taken += len;
        }
        kept.drain(..taken);
        most = most.max(kept.len());
        if stream.is_empty() {
            break;
        }
    }
    assert!(open.is_none() && kept.is_empty(), "the stream ends with a packet");
    Ok((packets, most))
}

fn with_payload(mut publish: Publish, payload: Vec<u8>) -> Packet {
    let mut message = publish.message.as_ref().clone();
    message.payload = Bytes::from(payload);
    publish.message = message.into();
    Packet::Publish(publish)
}

/// The same by decoding whole packets.
fn whole(mut decoder: Decoder, stream: &[u8]) -> Result<Vec<Packet>, DecodeError> {
    let (mut packets, mut rest) = (Vec::new(), stream);
    while let Some((packet, len)) = decoder.decode_next(rest)? {
        packets.push(packet.to_packet());
        rest = &rest[len..];
    }
    Ok(packets)
}

fn publish(seed: &[u8], version: Version, reader: Role) -> Vec<u8> {
    let mut u = Unstructured::new(seed);
    let packet =
        Packet::arbitrary_of(&mut u, PacketType::Publish, version, reader).expect("bytes make a packet");
    let Packet::Publish(publish) = packet else { panic!("a PUBLISH") };
    let mut bytes = Vec::new();
    with_payload(publish, vec![7; 60]).encode(version, &mut bytes).expect("it is valid");
    bytes
}

proptest! {
    #![proptest_config(support::seeded(1000))]

    #[test]
    fn any_cut_gives_the_packets_of_the_whole_decode(
        seed in proptest::collection::vec(any::<u8>(), 0..4000),
        cuts in proptest::collection::vec(1..300usize, 1..8),
        max_buffered in 1..1500u32,
        version in proptest::sample::select(&Version::ALL[..]),
        reader in proptest::sample::select(&[Role::Client, Role::Server][..]),
    ) {
        let mut u = Unstructured::new(&seed);
        let mut stream = Vec::new();
        for _ in 0..5 {
            let packet = Packet::arbitrary(&mut u, version, reader).expect("bytes make a packet");
            packet.encode(version, &mut stream).expect("it is valid");
        }
        let expected = whole(decoder(version, reader), &stream).expect("it is valid");
        let small = StreamingDecoder::new(decoder(version, reader), max_buffered);
        match streamed(small, &stream, &cuts) {
            Ok((packets, most)) => {
                prop_assert_eq!(packets, expected);
                prop_assert!(most <= max_buffered as usize, "{most} bytes had to be kept");
            }
            Err(error) => prop_assert_eq!(error.kind, Kind::PacketTooLarge),
        }
    }

    #[test]
    fn a_fault_in_a_head_is_the_fault_of_the_whole_packet(
        seed in proptest::collection::vec(any::<u8>(), 0..300),
        changes in proptest::collection::vec((0..40usize, any::<u8>()), 1..3),
        cut in 1..50usize,
        version in proptest::sample::select(&Version::ALL[..]),
        reader in proptest::sample::select(&[Role::Client, Role::Server][..]),
    ) {
        let mut bytes = publish(&seed, version, reader);
        let header = if bytes[1] < 0x80 { 2 } else { 3 };
        for (at, value) in changes {
            if let Some(byte) = bytes.get_mut(header + at) {
                *byte = value;
            }
        }
        let expected = whole(decoder(version, reader), &bytes);
        let max_buffered = u32::try_from(bytes.len() - 1).expect("a small packet");
        let in_pieces = StreamingDecoder::new(decoder(version, reader), max_buffered);
        let found = streamed(in_pieces, &bytes, &[cut]).map(|(packets, _)| packets);
        // with a length changed so that the head fills the packet there is no payload to come in pieces
        prop_assume!(!found.as_ref().is_err_and(|error| error.kind == Kind::PacketTooLarge));
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn a_head_comes_before_its_payload() {
    let mut decoder = StreamingDecoder::new(decoder(Version::V5, Role::Client), 64);
    // 256 MiB are announced, and as many taken as there are
    let head = hex("34 FFFFFF7F 0001 't' 0007 02 0101");
    for cut in 0..head.len() {
        assert_eq!(decoder.decode_next(&head[..cut]), Ok(None), "cut at {cut}");
    }
    let (item, len) = decoder.decode_next(&head).expect("valid").expect("complete");
    let StreamItem::Head { publish, payload_len } = item else { panic!("a head") };
    assert_eq!((publish.message.topic.as_str(), payload_len, len), ("t", 268_435_447, head.len()));
    assert_eq!(decoder.decode_next(b""), Ok(None));
    // no UTF-8, whatever the Payload Format Indicator says
    let piece = decoder.decode_next(b"\xFF\xFF");
    let expected = StreamItem::Payload { bytes: b"\xFF\xFF", left: payload_len - 2 };
    assert_eq!(piece, Ok(Some((expected, 2))));
}

#[test]
fn a_packet_above_the_limit_of_the_decoder_is_refused_from_its_fixed_header() {
    let limited = Decoder::client(Version::V5, 100);
    let error = StreamingDecoder::new(limited, 10).decode_next(&hex("30 63")).expect_err("101 bytes");
    assert_eq!((error.kind, error.field, error.offset), (Kind::PacketTooLarge, Field::RemainingLength, 1));
}

#[test]
fn what_would_have_to_be_kept_above_the_limit_is_refused_when_its_length_is_known() {
    let rows = [
        ("30 64 0020", Field::Topic, 2),
        ("32 64 000C", Field::PacketId, 16),
        ("30 64 0001 't' 20", Field::Properties, 5),
        ("82 64", Field::RemainingLength, 1),
    ];
    for (bytes, field, offset) in rows {
        let mut bytes = hex(bytes);
        if field == Field::PacketId {
            bytes.extend(b"a topic of 1");
        }
        let mut decoder = StreamingDecoder::new(decoder(Version::V5, Role::Server), 16);
        let error = decoder.decode_next(&bytes).expect_err("17 bytes have to be kept");
        assert_eq!((error.kind, error.field, error.offset), (Kind::PacketTooLarge, field, offset));
    }
}

#[test]
fn a_topic_alias_is_learnt_and_resolved_in_the_head() {
    let mut decoder = StreamingDecoder::new(decoder(Version::V5, Role::Server), 9);
    let stream = hex("30 0B 0001 't' 03 230001 'abcd'  30 0A 0000 03 230001 'efgh'");
    let (mut rest, mut topics) = (&stream[..], Vec::new());
    while let Some((item, len)) = decoder.decode_next(rest).expect("valid") {
        if let StreamItem::Head { publish, .. } = item {
            assert_eq!(publish.alias, None);
            topics.push(publish.message.topic.as_str().to_owned());
        }
        rest = &rest[len..];
    }
    assert_eq!(topics, ["t", "t"]);
    assert!(rest.is_empty());
}

#[test]
fn a_head_is_passed_on_with_another_payload_length() {
    for version in Version::ALL {
        let packet = hex("32 07 0003 'a/b' 0009");
        let packet = support::decode(&packet, Version::V3_1_1, Role::Server).expect("it is valid");
        let Packet::Publish(publish) = packet else { panic!("a PUBLISH") };
        let (mut head, mut expected) = (Vec::new(), Vec::new());
        publish.view().encode_head_for(300, version, &mut head).expect("it is valid");
        let Packet::Publish(publish) = with_payload(publish, vec![7; 300]) else { panic!("a PUBLISH") };
        publish.view().encode(version, &mut expected).expect("it is valid");
        head.extend([7; 300]);
        assert_eq!(head, expected);
        let too_long = publish.view().encode_head_for(u32::MAX, version, &mut head);
        assert_eq!(too_long, Err(mqtt_codec::EncodeError::PacketTooLarge));
    }
}

#[test]
fn a_packet_of_as_many_bytes_as_may_be_kept_is_given_as_a_whole() {
    let publish = hex("30 07 0003 'a/b' 'hi'");
    let suback = hex("90 03 0001 00");
    let first = |bytes: &[u8], max_buffered: usize| {
        let decoder = decoder(Version::V3_1_1, Role::Client);
        let mut streaming = StreamingDecoder::new(decoder, max_buffered as u32);
        streaming.decode_next(bytes).map(|read| match read {
            Some((StreamItem::Packet(_), len)) => ("packet", len),
            Some((StreamItem::Head { .. }, len)) => ("head", len),
            other => panic!("{other:?}"),
        })
    };
    assert_eq!(first(&publish, publish.len()), Ok(("packet", 9)));
    assert_eq!(first(&publish, publish.len() - 1), Ok(("head", 7)));
    assert_eq!(first(&suback, suback.len()), Ok(("packet", 5)));
    let error = first(&suback, suback.len() - 1).expect_err("it is no PUBLISH");
    assert_eq!((error.kind, error.field, error.offset), (Kind::PacketTooLarge, Field::RemainingLength, 1));
}
