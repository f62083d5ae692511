//! Bytes to packets and back.

use arbitrary::Unstructured;
use mqtt_codec::{Connect, Decoder, Packet, PacketRef, Role, Rules, Text, Version};

/// Finds panics, reads past a frame, views that differ from their owned packets, and packets that were decoded
/// and cannot be encoded again, or come back as others.
///
/// The input is what one side of a connection receives, tried as each side in each version; a topic that an alias
/// stands for is filled in.
pub fn decode(data: &[u8]) {
    connection(Decoder::server(LIMIT), Role::Server, data);
    for version in Version::ALL {
        connection(Decoder::client(version, LIMIT), Role::Client, data);
        connection(connected(version), Role::Server, data);
    }
}

/// Finds valid packets that cannot be encoded, have another length than was said, or are decoded as others.
///
/// The input makes a version, a reader and one packet. The packet is also encoded for the other versions: what
/// they take must be valid there.
pub fn roundtrip(data: &[u8]) {
    let mut u = Unstructured::new(data);
    let version = *u.choose(&Version::ALL).expect("a choice of three");
    let reader = *u.choose(&[Role::Client, Role::Server]).expect("a choice of two");
    let packet = Packet::arbitrary(&mut u, version, reader).expect("any bytes make a packet");
    let encoded = encode(&packet.view(), version);
    let decoded =
        PacketRef::decode(&encoded, &Rules::new(version, reader)).expect("what was encoded is valid");
    assert_eq!(decoded, packet.view());
    assert_eq!(decoded.to_packet(), packet);
    for other in Version::ALL {
        let mut encoded = Vec::new();
        match packet.encode(other, &mut encoded) {
            Ok(()) => {
                PacketRef::decode(&encoded, &Rules::new(other, reader)).expect("what was encoded is valid");
            }
            Err(_) => assert!(encoded.is_empty(), "nothing is written where encoding fails"),
        }
    }
}

const LIMIT: u32 = 10_000;

/// A server's decoder behind the CONNECT of this version.
fn connected(version: Version) -> Decoder {
    let mut decoder = Decoder::server(LIMIT);
    let connect = Packet::Connect(Connect::new(version, Text::default()));
    decoder.decode(&encode(&connect.view(), version)).expect("a valid CONNECT");
    decoder
}

fn connection(mut decoder: Decoder, reader: Role, mut data: &[u8]) {
    decoder.set_topic_alias_maximum(16);
    loop {
        let (packet, len) = match decoder.decode_next(data) {
            Ok(Some((packet, len))) => {
                let owned = packet.to_packet();
                assert_eq!(owned.view(), packet, "a view is its owned packet");
                (owned, len)
            }
            Ok(None) => return,
            Err(error) => {
                assert!(error.offset as usize <= data.len(), "{error}");
                assert!(!error.to_string().is_empty() && error.reason_code().is_error());
                return;
            }
        };
        assert!((2..=data.len()).contains(&len), "a packet of {len} bytes out of {}", data.len());
        data = &data[len..];
        // before CONNECT the rules of 3.1.1 hold
        let version = decoder.version().unwrap_or(Version::V3_1_1);
        let encoded = encode(&packet.view(), version);
        let again =
            PacketRef::decode(&encoded, &Rules::new(version, reader)).expect("what was decoded is valid");
        assert_eq!(again, packet.view());
    }
}

/// The packet's bytes, as many as were announced.
fn encode(packet: &PacketRef<'_>, version: Version) -> Vec<u8> {
    let mut encoded = Vec::new();
    packet.encode(version, &mut encoded).expect("a valid packet");
    assert_eq!(packet.encoded_len(version), Ok(encoded.len()));
    encoded
}
