//! Bytes to packets, and what holds for every packet that was decoded.

use bytes::Bytes;
use mqtt_codec::{
    Compat, DecodeError, DecodeErrorKind as Kind, Decoder, EncodeError, Packet, PacketRef, Rules, Version,
};

use crate::connection::{RULES, Side, encode};

const LIMIT: u32 = 10_000;
const TOPIC_ALIAS_MAXIMUM: u16 = 16;

/// Finds panics, reads past a frame, errors that lie outside of it, views that differ from their owned packets,
/// packets that were decoded and cannot be encoded or come back as others, and rules of `Compat` that were needed and
/// not told, or told and not needed.
///
/// The input is a byte for the side of a connection, one for the rules of `Compat`, and what that side receives.
pub fn decode(data: &[u8]) {
    let Some((side, mut stream)) = Side::choose(data) else { return };
    let mut decoder = side.decoder(LIMIT);
    decoder.set_topic_alias_maximum(TOPIC_ALIAS_MAXIMUM);
    loop {
        let (packet, frame) = match decoder.decode_next(stream) {
            Ok(None) => return,
            Ok(Some((view, len))) => {
                assert!((2..=stream.len()).contains(&len), "{len} bytes out of {}", stream.len());
                let (frame, rest) = stream.split_at(len);
                stream = rest;
                (owned(&view, frame), frame)
            }
            Err(error) => return refused(&error, stream, &rules(&decoder, side)),
        };
        let (rules, used) = (rules(&decoder, side), decoder.take_used());
        let version = rules.version;
        let alone = PacketRef::decode(frame, &rules).expect("a packet of a connection is one alone");
        is_the_same_but_for_its_alias(&alone, &packet);
        compat_is_told(&alone, frame, &rules, used);
        match packet.encode(version, &mut Vec::new()) {
            Ok(()) => comes_back(&packet, &rules),
            // what this rule lets through is read only
            Err(error) => assert!(
                used.password_without_user_name && error == EncodeError::PasswordWithoutUserName,
                "{packet:?} in {version}: {error}"
            ),
        }
    }
}

/// The rules by which the packet was read that the decoder has just seen; before CONNECT those of 3.1.1 hold.
fn rules(decoder: &Decoder, side: Side) -> Rules {
    let version = decoder.version().unwrap_or(Version::V3_1_1);
    Rules { max_packet_size: LIMIT, compat: side.compat, ..Rules::new(version, side.role) }
}

/// The packet with storage of its own, made in both ways.
fn owned(view: &PacketRef<'_>, frame: &[u8]) -> Packet {
    let packet = view.to_packet();
    assert_eq!(packet.view(), *view, "a view is its owned packet");
    let frame = Bytes::copy_from_slice(frame);
    assert_eq!(view.to_packet_in(&frame), packet, "a part that lies elsewhere is copied");
    packet
}

fn is_the_same_but_for_its_alias(alone: &PacketRef<'_>, packet: &Packet) {
    let mut alone = *alone;
    if let (PacketRef::Publish(alone), Packet::Publish(publish)) = (&mut alone, packet) {
        if alone.message.topic.is_aliased() {
            assert!(alone.alias.is_some_and(|alias| alias.get() <= TOPIC_ALIAS_MAXIMUM));
            alone.message.topic = publish.message.topic.view();
        }
        alone.alias = None;
    }
    assert_eq!(alone, packet.view());
}

/// The rules that are told are enough, and each of them is needed.
fn compat_is_told(packet: &PacketRef<'_>, frame: &[u8], rules: &Rules, used: Compat) {
    let only = Compat { control_characters: rules.compat.control_characters, ..used };
    assert_eq!(
        PacketRef::decode(frame, &Rules { compat: only, ..*rules }),
        Ok(*packet),
        "{used:?} is enough"
    );
    for rule in RULES {
        let (mut used, mut without) = (used, rules.compat);
        if *rule(&mut used) {
            *rule(&mut without) = false;
            let strict = PacketRef::decode(frame, &Rules { compat: without, ..*rules });
            assert!(strict.is_err(), "each of {used:?} is needed: {strict:?}");
        }
    }
}

fn comes_back(packet: &Packet, rules: &Rules) {
    let encoded = encode(&packet.view(), rules.version);
    let strict = Compat { control_characters: rules.compat.control_characters, ..Compat::STRICT };
    let rules = Rules { compat: strict, max_packet_size: Rules::MAX_PACKET_SIZE, ..*rules };
    assert_eq!(PacketRef::decode(&encoded, &rules), Ok(packet.view()));
}

fn refused(error: &DecodeError, stream: &[u8], rules: &Rules) {
    let header = mqtt_codec::FixedHeader::parse(stream, rules);
    let frame = header.ok().flatten().and_then(|header| stream.get(..header.packet_len())).unwrap_or(stream);
    assert!(error.offset as usize <= frame.len(), "{error} in {} bytes", frame.len());
    assert!(!error.to_string().is_empty() && error.reason_code().is_error());
    let alone = PacketRef::decode(frame, rules).map(|packet| packet.packet_type());
    match error.kind {
        Kind::TopicAliasAboveMaximum | Kind::TopicAliasUnknown if alone.is_ok() => {}
        _ => assert_eq!(alone, Err(*error), "a packet alone is refused in the same words"),
    }
}
