//! Packets through serde: the same packet comes back, legible in JSON, and nothing that breaks a rule of its type.
#![cfg(feature = "serde")]

mod support;

use arbitrary::Unstructured;
use mqtt_codec::{
    Compat, Message, MessageProperties, Packet, PacketId, PayloadFormat, QoS, ReasonCode, Role, Seconds,
    SubscriptionId, Text, Topic, TopicFilter, Version,
};
use proptest::prelude::*;
use serde_json::{Value, from_value, json, to_value};

proptest! {
    #![proptest_config(support::seeded(1000))]

    #[test]
    fn a_packet_comes_back_from_json_and_from_a_compact_format(
        seed in proptest::collection::vec(any::<u8>(), 0..1500),
        version in proptest::sample::select(&Version::ALL[..]),
        reader in proptest::sample::select(&[Role::Client, Role::Server][..]),
    ) {
        let packet = Packet::arbitrary(&mut Unstructured::new(&seed), version, reader).expect("a packet");
        let text = serde_json::to_string(&packet).expect("it is serialised");
        prop_assert_eq!(&serde_json::from_str::<Packet>(&text).expect(&text), &packet);
        let compact = postcard::to_allocvec(&packet).expect("it is serialised");
        prop_assert_eq!(&postcard::from_bytes::<Packet>(&compact).expect("it is valid"), &packet);
        let mut encoded = Vec::new();
        packet.encode(version, &mut encoded).expect("it is valid");
        let most = 64 + 2 * encoded.len();
        prop_assert!(compact.len() <= most, "{} bytes for {}", compact.len(), encoded.len());
    }
}

#[test]
fn json_is_legible() {
    let mut message = Message::new(Topic::new("a/b").expect("a good topic"), "21.5 °C");
    message.properties = Some(Box::new(MessageProperties {
        payload_format: Some(PayloadFormat::Utf8),
        correlation_data: Some((&b"\x00\xFF\x7A"[..]).into()),
        user_properties: vec![(Text::new("k").expect("a good text"), Text::default())],
        ..MessageProperties::default()
    }));
    assert_eq!(
        to_value(&message).expect("it is serialised"),
        json!({
            "topic": "a/b",
            "payload": "21.5 °C",
            "properties": {
                "payload_format": "utf8",
                "content_type": null,
                "response_topic": null,
                "correlation_data": { "hex": "00FF7A" },
                "user_properties": [["k", ""]],
            },
        })
    );
    let packet = support::decode(&support::hex("3A 05 0001 't' 0007"), Version::V3_1_1, Role::Client);
    assert_eq!(
        to_value(packet.expect("it is valid")).expect("it is serialised"),
        json!({ "Publish": {
            "message": { "topic": "t", "payload": "", "properties": null },
            "delivery": { "at_least_once": { "id": 7, "dup": true } },
            "retain": false,
            "expiry": null,
            "alias": null,
            "subscription_ids": [],
        }})
    );
}

#[test]
fn small_types_are_plain_values() {
    assert_eq!(to_value(QoS::ExactlyOnce).expect("serialised"), json!(2));
    assert_eq!(to_value(ReasonCode::NotAuthorized).expect("serialised"), json!(0x87));
    assert_eq!(to_value(Version::ALL).expect("serialised"), json!(["3.1", "3.1.1", "5.0"]));
    assert_eq!(to_value(Seconds(9)).expect("serialised"), json!(9));
    assert_eq!(to_value(PacketId::MAX).expect("serialised"), json!(65_535));
}

#[test]
fn what_is_left_out_has_its_default() {
    let message: Message =
        from_value(json!({ "topic": "t", "payload": "", "properties": {} })).expect("valid");
    assert_eq!(message.properties, Some(Box::default()));
    let compat: Compat = from_value(json!({ "bridge_bit": true })).expect("valid");
    assert_eq!(compat, Compat { bridge_bit: true, ..Compat::STRICT });
    assert!(from_value::<Compat>(json!({ "bridge_bits": true })).is_err(), "a mistake is no rule");
}

fn refused<T: serde::de::DeserializeOwned + std::fmt::Debug>(value: Value, why: &str) {
    let error = from_value::<T>(value.clone()).expect_err(&value.to_string()).to_string();
    assert!(error.contains(why), "{value}: {error}");
}

#[test]
fn what_breaks_a_rule_of_its_type_is_refused() {
    refused::<Topic>(json!("a/+"), "wildcard");
    refused::<Topic>(json!(""), "at least one character");
    refused::<Topic>(json!("a\0"), "U+0000");
    refused::<Topic>(json!("x".repeat(65_536)), "65,535 bytes");
    refused::<Topic>(json!(7), "a string");
    refused::<TopicFilter>(json!("a/#/b"), "last level");
    refused::<Text>(json!("\0"), "U+0000");
    refused::<QoS>(json!(3), "3 is not a QoS");
    refused::<ReasonCode>(json!(0x03), "3 is not a reason code");
    refused::<SubscriptionId>(json!(0), "0 is not");
    refused::<SubscriptionId>(json!(268_435_456), "268435456 is not");
    refused::<PacketId>(json!(0), "nonzero");
    refused::<Version>(json!("4"), "variant");
    let payload = |payload: Value| json!({ "topic": "t", "payload": payload });
    refused::<Message>(payload(json!({ "hex": "0" })), "pairs of digits");
    refused::<Message>(payload(json!({ "hex": "0G" })), "pairs of digits");
    refused::<Message>(payload(json!({ "hex": "é" })), "pairs of digits");
    refused::<Message>(payload(json!({ "base64": "" })), "unknown field");
    refused::<Message>(payload(json!({})), "missing field");
    refused::<Message>(payload(json!({ "hex": "00", "more": "" })), "nothing stands beside");
    refused::<Message>(payload(json!(["a"])), "a string, or");
}
