//! Bytes as a socket brings them: cut anywhere, joined, and random.

mod support;

use arbitrary::Unstructured;
use mqtt_codec::{Decoder, Packet, PacketRef, Role, Rules, Version};
use proptest::prelude::*;
use support::{decoder, hex};

fn packets(seed: &[u8], version: Version, reader: Role, count: usize) -> Vec<Packet> {
    let mut u = Unstructured::new(seed);
    let packet = |_| Packet::arbitrary(&mut u, version, reader).expect("a packet");
    (0..count).map(packet).collect()
}

/// The packet as a decoder hands it out: an alias has done its work.
fn without_alias(mut packet: Packet) -> Packet {
    if let Packet::Publish(publish) = &mut packet {
        publish.alias = None;
    }
    packet
}

#[test]
fn every_cut_of_a_packet_waits_for_the_rest() {
    let seed: Vec<u8> = (0..20_000u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    for version in Version::ALL {
        for reader in [Role::Client, Role::Server] {
            for packet in packets(&seed, version, reader, 40) {
                let mut bytes = Vec::new();
                packet.encode(version, &mut bytes).expect("it is valid");
                let mut decoder = decoder(version, reader);
                for cut in 0..bytes.len() {
                    let decoded = decoder.decode_next(&bytes[..cut]);
                    assert_eq!(decoded, Ok(None), "{packet:?} in {version} cut at {cut}");
                }
                let (decoded, len) = decoder.decode_next(&bytes).expect("valid").expect("complete");
                assert_eq!((decoded.to_packet(), len), (without_alias(packet), bytes.len()));
            }
        }
    }
}

#[test]
fn a_server_learns_the_version_from_connect() {
    for version in Version::ALL {
        assert_eq!(decoder(version, Role::Server).version(), Some(version));
        assert_eq!(decoder(version, Role::Client).version(), Some(version));
    }
    assert_eq!(Decoder::server(100).version(), None);
}

#[test]
fn a_length_of_256_mib_waits_without_a_fault() {
    let decoder = Decoder::client(Version::V5, Rules::MAX_PACKET_SIZE);
    assert_eq!(decoder.frame_len(&hex("30 FFFFFF7F 0001 't'")), Ok(Some(268_435_460)));
    // the decoder keeps nothing: its size is all the memory that it has
    assert!(size_of::<Decoder>() < 100);
}

proptest! {
    #![proptest_config(support::seeded(1000))]

    #[test]
    fn joined_packets_come_out_one_by_one(
        seed in proptest::collection::vec(any::<u8>(), 0..3000),
        version in proptest::sample::select(&Version::ALL[..]),
        reader in proptest::sample::select(&[Role::Client, Role::Server][..]),
    ) {
        let packets = packets(&seed, version, reader, 5);
        let mut stream = Vec::new();
        for packet in &packets {
            packet.encode(version, &mut stream).expect("it is valid");
        }
        let mut decoder = decoder(version, reader);
        let mut rest = &stream[..];
        for packet in packets {
            let (decoded, len) = decoder.decode_next(rest).expect("valid").expect("complete");
            prop_assert_eq!(decoded.to_packet(), without_alias(packet));
            rest = &rest[len..];
        }
        prop_assert!(rest.is_empty());
    }

    #[test]
    fn random_bytes_never_panic_and_nothing_behind_the_frame_is_read(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        other in any::<[u8; 8]>(),
        version in proptest::sample::select(&Version::ALL[..]),
        reader in proptest::sample::select(&[Role::Client, Role::Server][..]),
    ) {
        let owned = |decoded: Result<Option<(PacketRef<'_>, usize)>, _>| {
            decoded.map(|packet| packet.map(|(packet, len)| (packet.to_packet(), len)))
        };
        let mut bytes = bytes;
        if let Some(length) = bytes.get_mut(1) {
            *length %= 64;
        }
        let first = owned(decoder(version, reader).decode_next(&bytes));
        if let Ok(Some((_, len))) = &first {
            let mut longer = bytes[..*len].to_vec();
            longer.extend(other);
            prop_assert_eq!(&first, &owned(decoder(version, reader).decode_next(&longer)));
        }
        if let Err(error) = first {
            prop_assert!(error.offset as usize <= bytes.len(), "{error}");
        }
    }

    #[test]
    fn a_changed_byte_never_panics(
        seed in proptest::collection::vec(any::<u8>(), 0..1000),
        at in any::<prop::sample::Index>(),
        value in any::<u8>(),
        version in proptest::sample::select(&Version::ALL[..]),
    ) {
        let mut bytes = Vec::new();
        for packet in packets(&seed, version, Role::Client, 1) {
            packet.encode(version, &mut bytes).expect("it is valid");
        }
        let at = at.index(bytes.len());
        bytes[at] = value;
        if let Ok(packet) = PacketRef::decode(&bytes, &Rules::new(version, Role::Client)) {
            let mut again = Vec::new();
            packet.encode(version, &mut again).expect("what was decoded can be encoded");
            let rules = Rules::new(version, Role::Client);
            prop_assert_eq!(PacketRef::decode(&again, &rules).expect("valid"), packet);
        }
    }
}
