//! What the tests share: bytes from readable text, and packets built by hand.
#![allow(dead_code, reason = "each test binary uses its own part")]

pub(crate) mod notation;

use mqtt_codec::{Connect, DecodeError, Decoder, Packet, PacketRef, PacketType, Role, Rules, Text, Version};

/// Bytes from hex digits in any grouping and `'text in quotes'`.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (index, part) in text.split('\'').enumerate() {
        if index % 2 == 1 {
            bytes.extend_from_slice(part.as_bytes());
            continue;
        }
        let digits: Vec<u8> = part
            .chars()
            .filter(|character| !character.is_whitespace())
            .map(|character| character.to_digit(16).unwrap_or_else(|| panic!("{character} in {text}")) as u8)
            .collect();
        bytes.extend(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]));
        assert!(digits.len().is_multiple_of(2), "half a byte in {text}");
    }
    bytes
}

/// A packet from its first byte and its body.
pub(crate) fn frame(first: u8, body: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    frame.extend(varint(body.len()));
    frame.extend_from_slice(body);
    frame
}

/// The shortest form of a variable byte integer.
pub(crate) fn varint(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (value % 128) as u8;
        value /= 128;
        bytes.push(if value > 0 { low | 0x80 } else { low });
        if value == 0 {
            return bytes;
        }
    }
}

/// The first byte of packets of a type that have no choice of flags; QoS 0 for PUBLISH.
pub(crate) fn first_byte(packet_type: PacketType) -> u8 {
    (packet_type as u8) << 4 | packet_type.reserved_flags()
}

/// Who receives packets of this type; a server where both may.
pub(crate) fn reader_of(packet_type: PacketType, version: Version) -> Role {
    if packet_type.may_reach(Role::Server, version) { Role::Server } else { Role::Client }
}

/// A decoder that has read CONNECT, if it is a server's, and takes every alias.
pub(crate) fn decoder(version: Version, reader: Role) -> Decoder {
    let mut decoder = match reader {
        Role::Client => Decoder::client(version, Rules::MAX_PACKET_SIZE),
        Role::Server => Decoder::server(Rules::MAX_PACKET_SIZE),
    };
    if reader == Role::Server {
        let mut connect = Vec::new();
        let packet = Packet::Connect(Connect::new(version, Text::default()));
        packet.encode(version, &mut connect).expect("it is valid");
        decoder.decode(&connect).expect("it is valid");
        assert_eq!(decoder.version(), Some(version));
    }
    decoder.set_topic_alias_maximum(u16::MAX);
    decoder
}

/// Reads one packet alone, and as part of a connection, as a view and as an owned packet: all must agree.
pub(crate) fn decode(bytes: &[u8], version: Version, reader: Role) -> Result<Packet, DecodeError> {
    let alone = PacketRef::decode(bytes, &Rules::new(version, reader)).map(|packet| packet.to_packet());
    if reader == Role::Client {
        let connected = decoder(version, reader).decode(bytes).map(|packet| packet.to_packet());
        assert_eq!(decoder(version, reader).decode_packet(bytes.to_vec().into()), connected);
        match (&alone, &connected) {
            (Err(alone), Err(connected)) => assert_eq!(alone, connected),
            (Ok(_), Ok(_)) => {}
            _ => panic!("{alone:?} but in a connection {connected:?}"),
        }
    }
    alone
}

/// The same cases in every run.
pub(crate) fn seeded(cases: u32) -> proptest::test_runner::Config {
    let rng_seed = proptest::test_runner::RngSeed::Fixed(20_190_307);
    proptest::test_runner::Config { cases, rng_seed, failure_persistence: None, ..Default::default() }
}
