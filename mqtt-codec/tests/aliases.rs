//! Topic Aliases of one connection, in both directions.

mod support;

use std::num::NonZeroU16;

use mqtt_codec::Version::V5;
use mqtt_codec::{
    AliasUse, DecodeError, DecodeErrorKind as Kind, Decoder, Field, Message, OutgoingAliases, PacketRef,
    Publish, ReasonCode, Role, Rules, Topic,
};
use support::{decode, hex};

/// The topic that a decoder finds in a PUBLISH.
fn topic_of(decoder: &mut Decoder, bytes: &str) -> Result<String, DecodeError> {
    let frame = hex(bytes);
    match decoder.decode(&frame)? {
        PacketRef::Publish(publish) => {
            assert_eq!(publish.alias, None, "the alias is taken off");
            Ok(publish.message.topic.as_str().to_owned())
        }
        other => panic!("{other:?} is no PUBLISH"),
    }
}

fn decoder(maximum: u16) -> Decoder {
    let mut decoder = Decoder::client(V5, Rules::MAX_PACKET_SIZE);
    decoder.set_topic_alias_maximum(maximum);
    decoder
}

#[test]
fn an_alias_stands_for_the_topic_that_came_with_it_last() {
    let mut decoder = decoder(2);
    let rows = [
        ("30 07 0001 'a' 03 23 0001", "a"),
        ("30 06 0000 03 23 0001", "a"),
        ("30 07 0001 'b' 03 23 0002", "b"),
        ("30 06 0000 03 23 0001", "a"),
        ("30 07 0001 'c' 03 23 0001", "c"),
        ("30 06 0000 03 23 0001", "c"),
        ("30 06 0000 03 23 0002", "b"),
        ("30 04 0001 'd' 00", "d"),
    ];
    for (bytes, topic) in rows {
        assert_eq!(topic_of(&mut decoder, bytes).as_deref(), Ok(topic), "{bytes}");
    }
}

#[test]
fn an_alias_above_the_maximum_or_without_a_topic_is_refused_at_the_alias() {
    let rows = [
        (0, "30 07 0001 'a' 03 23 0001", Kind::TopicAliasAboveMaximum, ReasonCode::TopicAliasInvalid, 7),
        (5, "30 07 0001 'a' 03 23 0006", Kind::TopicAliasAboveMaximum, ReasonCode::TopicAliasInvalid, 7),
        (
            5,
            "32 0E 0001 'a' 0001 08 02 00000001 23 FFFF",
            Kind::TopicAliasAboveMaximum,
            ReasonCode::TopicAliasInvalid,
            14,
        ),
        (
            5,
            "30 0C 0001 'a' 08 23 0006 02 00000001",
            Kind::TopicAliasAboveMaximum,
            ReasonCode::TopicAliasInvalid,
            7,
        ),
        (5, "30 06 0000 03 23 0005", Kind::TopicAliasUnknown, ReasonCode::ProtocolError, 6),
        (5, "30 08 0000 03 23 0005 'pp'", Kind::TopicAliasUnknown, ReasonCode::ProtocolError, 6),
    ];
    for (maximum, bytes, kind, code, offset) in rows {
        let error = topic_of(&mut decoder(maximum), bytes).expect_err(bytes);
        assert_eq!((error.kind, error.field, error.offset), (kind, Field::TopicAlias, offset), "{bytes}");
        assert_eq!(error.reason_code(), code, "{bytes}");
    }
}

#[test]
fn a_new_maximum_forgets_what_was_learnt() {
    let mut decoder = decoder(1);
    assert!(topic_of(&mut decoder, "30 07 0001 'a' 03 23 0001").is_ok());
    decoder.set_topic_alias_maximum(1);
    let error = topic_of(&mut decoder, "30 06 0000 03 23 0001").expect_err("forgotten");
    assert_eq!(error.kind, Kind::TopicAliasUnknown);
}

#[test]
fn without_a_connection_an_alias_stays_in_the_packet() {
    let packet = decode(&hex("30 07 0001 'a' 03 23 0001"), V5, Role::Server).expect("it is valid");
    let mqtt_codec::Packet::Publish(publish) = packet else { panic!("no PUBLISH") };
    assert_eq!(publish.alias, NonZeroU16::new(1));
    let frame = hex("30 06 0000 03 23 0001");
    let Ok(PacketRef::Publish(publish)) = PacketRef::decode(&frame, &Rules::new(V5, Role::Server)) else {
        panic!("no PUBLISH")
    };
    assert!(publish.message.topic.is_aliased());
    let mut encoded = Vec::new();
    publish.encode(V5, &mut encoded).expect("an alias stands for the topic");
    assert_eq!(encoded, frame);
}

#[test]
fn outgoing_aliases_are_given_until_none_is_left_and_read_back() {
    let mut aliases = OutgoingAliases::new(2);
    let mut decoder = decoder(2);
    let alias = |value| NonZeroU16::new(value).expect("not 0");
    let rows = [
        ("a", AliasUse::First(alias(1))),
        ("a", AliasUse::Again(alias(1))),
        ("b", AliasUse::First(alias(2))),
        ("c", AliasUse::Topic),
        ("b", AliasUse::Again(alias(2))),
        ("a", AliasUse::Again(alias(1))),
    ];
    for (name, expected) in rows {
        let topic = Topic::new(name).expect("a good topic");
        let used = aliases.assign(topic.view());
        assert_eq!(used, expected, "{name}");
        let publish = Publish {
            message: Message::new(topic, "p").into(),
            delivery: mqtt_codec::Delivery::AtMostOnce,
            retain: false,
            expiry: None,
            alias: None,
            subscription_ids: Vec::new(),
        };
        let mut view = publish.view();
        used.apply(&mut view);
        let mut encoded = Vec::new();
        view.encode(V5, &mut encoded).expect("it is valid");
        match decoder.decode(&encoded) {
            Ok(PacketRef::Publish(read)) => assert_eq!(read, publish.view()),
            other => panic!("{name}: {other:?}"),
        }
    }
    assert_eq!(
        OutgoingAliases::new(0).assign(Topic::new("a").expect("a good topic").view()),
        AliasUse::Topic
    );
}
