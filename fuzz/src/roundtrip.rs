//! Packets to bytes and back: valid ones, and what a caller may put together by hand.

use arbitrary::{Result, Unstructured};
use mqtt_codec::{Delivery, EncodedPublish, Packet, PacketId, PacketRef, Publish, QoS, Role, Rules, Version};

use crate::connection::encode;
use crate::wild::Wild;

/// Finds valid packets that cannot be encoded, have another length than was said, or are decoded as others; forms of
/// a PUBLISH that differ from it; and packets put together by hand, right or wrong, that are neither refused by the
/// encoder nor accepted by a peer.
///
/// The input makes a version, a reader and one packet, then choices of what is changed in it by hand.
pub fn roundtrip(data: &[u8]) {
    let mut u = Unstructured::new(data);
    checked(&mut u).expect("any bytes make a packet");
}

fn checked(u: &mut Unstructured<'_>) -> Result<()> {
    let version = *u.choose(&Version::ALL)?;
    let reader = *u.choose(&[Role::Client, Role::Server])?;
    let packet = Packet::arbitrary(u, version, reader)?;
    let encoded = encode(&packet.view(), version);
    let decoded =
        PacketRef::decode(&encoded, &Rules::new(version, reader)).expect("what was encoded is valid");
    assert_eq!(decoded, packet.view());
    assert_eq!(decoded.to_packet(), packet);
    assert_eq!(encode(&decoded, version), encoded, "a view encodes like its packet");
    if let Packet::Publish(publish) = &packet {
        forms(publish, &encoded, version);
    }
    for version in Version::ALL {
        refused_or_decoded(&packet.view(), version);
    }
    let mut view = packet.view();
    Wild::new(u).change(&mut view)?;
    refused_or_decoded(&view, *u.choose(&Version::ALL)?);
    Ok(())
}

/// A head with its payload behind it, and a form for many receivers, are the packet.
fn forms(publish: &Publish, encoded: &[u8], version: Version) {
    let payload = &publish.message.payload;
    let (mut head, mut head_for) = (Vec::new(), Vec::new());
    publish.view().encode_head(version, &mut head).expect("it is valid");
    publish.view().encode_head_for(payload.len() as u32, version, &mut head_for).expect("it is valid");
    assert_eq!(head, head_for);
    assert_eq!([&head, &payload[..]].concat(), encoded);
    let form = EncodedPublish::new(publish, version).expect("it is valid");
    assert_eq!((form.encoded_len(), form.payload()), (encoded.len(), payload));
    let id = PacketId::MAX;
    for delivery in [
        Delivery::AtMostOnce,
        Delivery::AtLeastOnce { id, dup: true },
        Delivery::ExactlyOnce { id, dup: false },
        publish.delivery,
    ] {
        let mut written = Vec::new();
        let result = form.write_head(delivery, &mut written);
        assert_eq!(result.is_ok(), delivery.qos() == publish.delivery.qos());
        if result.is_ok() {
            written.extend_from_slice(payload);
            let expected = Packet::Publish(Publish { delivery, ..publish.clone() });
            assert_eq!(written, encode(&expected.view(), version));
        }
        assert_eq!(written.is_empty(), result.is_err(), "nothing is written where encoding fails");
    }
    let offset = publish.view().packet_id_offset(version);
    let id = offset.and_then(|at| encoded.get(at..at + 2)).map(|id| [id[0], id[1]]);
    assert_eq!(id, publish.delivery.id().map(|id| id.get().to_be_bytes()));
    assert_eq!(id.is_none(), publish.delivery.qos() == QoS::AtMostOnce);
}

/// A packet of any origin is refused and nothing written, or a peer reads from it what it says.
fn refused_or_decoded(packet: &PacketRef<'_>, version: Version) {
    let mut encoded = Vec::new();
    let result = packet.encode(version, &mut encoded);
    assert_eq!(packet.encoded_len(version), result.map(|()| encoded.len()));
    if result.is_err() {
        assert!(encoded.is_empty(), "nothing is written where encoding fails");
        return;
    }
    let version = if let PacketRef::Connect(connect) = packet { connect.version } else { version };
    let mut accepted = 0;
    for reader in [Role::Client, Role::Server] {
        // a few rules hold for one side only, and an encoder is not told who sends
        if let Ok(read) = PacketRef::decode(&encoded, &Rules::new(version, reader)) {
            accepted += 1;
            assert_eq!(encode(&read, version), encoded, "what was read is what was said");
        }
    }
    assert!(accepted > 0, "{packet:?} in {version} is refused by every peer: {encoded:02X?}");
}
