//! What is encoded decodes to the same packet, in every version and for both readers.

mod support;

use arbitrary::Unstructured;
use bytes::{Bytes, BytesMut};
use mqtt_codec::{Decoder, Packet, PacketRef, Role, Rules, Version};
use proptest::prelude::*;

fn seeds() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..1500)
}

fn versions() -> impl Strategy<Value = Version> {
    proptest::sample::select(&Version::ALL[..])
}

fn readers() -> impl Strategy<Value = Role> {
    proptest::sample::select(&[Role::Client, Role::Server][..])
}

proptest! {
    #![proptest_config(support::seeded(2000))]

    #[test]
    fn an_encoded_packet_decodes_to_itself(seed in seeds(), version in versions(), reader in readers()) {
        let packet = Packet::arbitrary(&mut Unstructured::new(&seed), version, reader).expect("a packet");
        let mut encoded = BytesMut::new();
        packet.encode(version, &mut encoded).expect("it is valid");
        prop_assert_eq!(packet.encoded_len(version), Ok(encoded.len()));
        let frame = encoded.freeze();
        let view = PacketRef::decode(&frame, &Rules::new(version, reader)).expect("it is valid");
        prop_assert_eq!(view, packet.view());
        prop_assert_eq!(&view.to_packet(), &packet);
        prop_assert_eq!(&view.to_packet_in(&frame), &packet);
        let mut again = Vec::new();
        view.encode(version, &mut again).expect("a view is valid");
        prop_assert_eq!(&frame[..], &again[..], "a view encodes like its packet");
        if reader == Role::Client {
            let decoder = || {
                let mut decoder = Decoder::client(version, Rules::MAX_PACKET_SIZE);
                decoder.set_topic_alias_maximum(u16::MAX);
                decoder
            };
            let connected = decoder().decode(&frame).map(|view| view.to_packet());
            prop_assert_eq!(decoder().decode_packet(frame.clone()), connected);
        }
    }

    #[test]
    fn a_head_and_its_payload_are_the_packet(seed in seeds(), version in versions()) {
        let mut u = Unstructured::new(&seed);
        let packet_type = mqtt_codec::PacketType::Publish;
        let packet = Packet::arbitrary_of(&mut u, packet_type, version, Role::Client).expect("a packet");
        let Packet::Publish(publish) = &packet else { panic!("it is a PUBLISH") };
        let (mut whole, mut head) = (Vec::new(), Vec::new());
        packet.encode(version, &mut whole).expect("it is valid");
        publish.view().encode_head(version, &mut head).expect("it is valid");
        head.extend_from_slice(&publish.message.payload);
        prop_assert_eq!(whole, head);
    }

    #[test]
    fn a_packet_for_any_version_encodes_for_every_other_or_says_why_not(
        seed in seeds(), from in versions(), to in versions(), reader in readers(),
    ) {
        let packet = Packet::arbitrary(&mut Unstructured::new(&seed), from, reader).expect("a packet");
        let mut encoded = Vec::new();
        if packet.encode(to, &mut encoded).is_ok() {
            let decoded = PacketRef::decode(&encoded, &Rules::new(to, reader));
            prop_assert!(decoded.is_ok(), "{packet:?} from {from} to {to}: {decoded:?}");
        } else {
            prop_assert!(encoded.is_empty());
        }
    }
}

#[test]
fn parts_of_a_shared_packet_lie_in_its_frame() {
    let frame = Bytes::from_static(b"\x30\x06\x00\x01t\x00hi");
    let rules = Rules::new(Version::V5, Role::Server);
    let view = PacketRef::decode(&frame, &rules).expect("it is valid");
    let Packet::Publish(shared) = view.to_packet_in(&frame) else { panic!("it is a PUBLISH") };
    assert_eq!(shared.message.payload.as_ptr(), frame[6..].as_ptr(), "no copy");
    let foreign = Bytes::from_static(b"\x30\x00");
    let Packet::Publish(copied) = view.to_packet_in(&foreign) else { panic!("it is a PUBLISH") };
    assert_eq!(copied, shared, "a part of another frame is copied");
}

#[test]
fn an_owned_publish_takes_its_frame_and_nothing_of_it_without_a_payload() {
    for (bytes, payload_offset) in
        [(&b"\x30\x06\x00\x01t\x00hi"[..], Some(6)), (b"\x30\x04\x00\x01t\x00", None)]
    {
        let frame = Bytes::copy_from_slice(bytes);
        let start = frame.as_ptr();
        let mut decoder = Decoder::client(Version::V5, Rules::MAX_PACKET_SIZE);
        let packet = decoder.decode_packet(frame.clone());
        let Ok(Packet::Publish(publish)) = packet else { panic!("it is a PUBLISH") };
        match payload_offset {
            Some(offset) => {
                assert_eq!(publish.message.payload.as_ptr(), start.wrapping_add(offset), "no copy")
            }
            None => assert!(frame.is_unique(), "nothing keeps it"),
        }
    }
}

#[test]
fn the_view_of_a_packet_is_small() {
    // it is moved wherever it leaves a function
    assert!(size_of::<PacketRef<'_>>() <= 96);
    assert!(size_of::<mqtt_codec::PublishRef<'_>>() <= 88);
}

#[test]
fn a_topic_that_came_from_an_alias_is_copied() {
    let mut decoder = Decoder::client(Version::V5, Rules::MAX_PACKET_SIZE);
    decoder.set_topic_alias_maximum(1);
    decoder.decode(b"\x30\x07\x00\x01t\x03\x23\x00\x01").expect("it is valid");
    let frame = Bytes::from_static(b"\x30\x08\x00\x00\x03\x23\x00\x01hi");
    let packet = decoder.decode(&frame).expect("it is valid").to_packet_in(&frame);
    let Packet::Publish(publish) = packet else { panic!("it is a PUBLISH") };
    assert_eq!((publish.message.topic.as_str(), &publish.message.payload[..]), ("t", &b"hi"[..]));
}
