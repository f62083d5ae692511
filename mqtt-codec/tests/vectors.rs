//! Every packet in every version, from bytes and to bytes.
#![allow(non_snake_case, reason = "the names of tests carry statement ids")]

mod support;

use std::sync::Arc;

use mqtt_codec::Version::{V3_1, V3_1_1, V5};
use mqtt_codec::{
    Ack, AckProperties, Auth, ConnAck, ConnAckProperties, Connect, ConnectProperties, Delivery, Disconnect,
    Message, MessageProperties, Packet, PacketId, PacketRef, PacketType, PayloadFormat, Publish, QoS,
    ReasonCode, RetainHandling, Role, Rules, Seconds, SubAck, Subscribe, Subscription, SubscriptionId,
    SubscriptionOptions, Text, Topic, TopicFilter, UnsubAck, Unsubscribe, Version, Will,
};
use support::{decode, hex};

/// Both directions: these bytes are this packet, and this packet is these bytes.
fn is(bytes: &str, versions: &[Version], reader: Role, packet: Packet) {
    reads(bytes, versions, reader, packet.clone());
    for &version in versions {
        let mut encoded = Vec::new();
        packet.encode(version, &mut encoded).unwrap_or_else(|error| panic!("{bytes} {version}: {error}"));
        assert_eq!(encoded, hex(bytes), "{bytes} {version}");
        assert_eq!(packet.encoded_len(version), Ok(encoded.len()), "{bytes} {version}");
    }
}

/// One direction: the encoder has a better form for this packet.
fn reads(bytes: &str, versions: &[Version], reader: Role, packet: Packet) {
    for &version in versions {
        let frame = hex(bytes);
        assert_eq!(decode(&frame, version, reader).as_ref(), Ok(&packet), "{bytes} {version}");
        let shared = bytes::Bytes::from(frame);
        let view = PacketRef::decode(&shared, &Rules::new(version, reader)).expect("decoded before");
        assert_eq!(view, packet.view(), "{bytes} {version}");
        assert_eq!(view.to_packet_in(&shared), packet, "{bytes} {version}");
    }
}

fn id(value: u16) -> PacketId {
    PacketId::new(value).expect("not 0")
}

fn text(value: &str) -> Text {
    Text::new(value).expect("a good text")
}

fn pairs() -> Vec<(Text, Text)> {
    vec![(text("k"), text("1")), (text("k"), text("2"))]
}

fn properties() -> Option<Box<AckProperties>> {
    Some(Box::new(AckProperties { reason_string: Some(text("why")), user_properties: pairs() }))
}

/// Reason String `why` and User Properties k=1, k=2 with the length of the block.
const WHY_AND_PAIRS: &str = "14 1F 0003 'why' 26 0001 'k' 0001 '1' 26 0001 'k' 0001 '2'";

fn publish(topic: &str, payload: &'static [u8], delivery: Delivery) -> Publish {
    Publish {
        message: Arc::new(Message::new(Topic::new(topic).expect("a good topic"), payload)),
        delivery,
        retain: false,
        expiry: None,
        alias: None,
        subscription_ids: Vec::new(),
    }
}

fn subscription(filter: &str, options: SubscriptionOptions) -> Subscription {
    Subscription { filter: TopicFilter::new(filter).expect("a good filter"), options }
}

#[test]
fn connect_of_3_1_and_3_1_1() {
    let plain = |version| Packet::Connect(Connect::new(version, text("c")));
    is("10 0F 0006 'MQIsdp' 03 02 003C 0001 'c'", &[V3_1], Role::Server, plain(V3_1));
    is("10 0D 0004 'MQTT' 04 02 003C 0001 'c'", &[V3_1_1], Role::Server, plain(V3_1_1));
}

#[test]
fn mqtt_3_1_1__3_1_2_9_and_mqtt_3_1_1__3_1_2_21_and_mqtt_3_1_1__3_1_3_1_all_fields_in_their_order() {
    let full = Packet::Connect(Connect {
        clean_start: false,
        keep_alive: 0,
        will: Some(Will {
            message: Arc::new(Message::new(Topic::new("w").expect("a good topic"), &b"\x00\xFF"[..])),
            qos: QoS::ExactlyOnce,
            retain: true,
            expiry: None,
            delay: None,
        }),
        user_name: Some(text("u")),
        password: Some(bytes::Bytes::from_static(b"\x00\xFE")),
        ..Connect::new(V3_1_1, text("c"))
    });
    is(
        "10 1B 0004 'MQTT' 04 F4 0000  0001 'c'  0001 'w'  0002 00FF  0001 'u'  0002 00FE",
        &[V3_1_1],
        Role::Server,
        full,
    );
}

#[test]
fn mqtt_3_1_1__3_1_3_3_and_mqtt_5_0__3_1_3_3_an_empty_client_id_is_a_field_of_its_own() {
    let connect = |version| Packet::Connect(Connect::new(version, text("")));
    is("10 0C 0004 'MQTT' 04 02 003C 0000", &[V3_1_1], Role::Server, connect(V3_1_1));
    is("10 0D 0004 'MQTT' 05 02 003C 00 0000", &[V5], Role::Server, connect(V5));
}

#[test]
fn connect_of_3_1_is_read_with_its_leniencies() {
    let plain = Connect::new(V3_1, text("c"));
    let rows = [
        ("bit 0 and will flags without a will", "10 0F 0006 'MQIsdp' 03 3B 003C 0001 'c'", plain.clone()),
        (
            "user name and password announced and missing",
            "10 0F 0006 'MQIsdp' 03 C2 003C 0001 'c'",
            plain.clone(),
        ),
        (
            "password announced and missing",
            "10 12 0006 'MQIsdp' 03 C2 003C 0001 'c' 0001 'u'",
            Connect { user_name: Some(text("u")), ..plain.clone() },
        ),
        ("any flags in the fixed header", "1F 0F 0006 'MQIsdp' 03 02 003C 0001 'c'", plain.clone()),
        ("an overlong length", "10 8F 00 0006 'MQIsdp' 03 02 003C 0001 'c'", plain),
    ];
    for (name, bytes, connect) in rows {
        assert_eq!(decode(&hex(bytes), V3_1, Role::Server), Ok(Packet::Connect(connect)), "{name}");
    }
}

#[test]
fn mqtt_5_0__3_1_2_19_a_password_needs_no_user_name() {
    let password = Connect { password: Some(bytes::Bytes::from_static(b"p")), ..Connect::new(V5, text("")) };
    is("10 10 0004 'MQTT' 05 42 003C 00 0000 0001 'p'", &[V5], Role::Server, Packet::Connect(password));
}

#[test]
fn mqtt_5_0__3_1_2_9_and_mqtt_5_0__3_1_3_1_all_fields_in_their_order() {
    let will = Message {
        properties: Some(Box::new(MessageProperties {
            payload_format: Some(PayloadFormat::Utf8),
            content_type: Some(text("t")),
            response_topic: Some(Topic::new("r").expect("a good topic")),
            correlation_data: Some(bytes::Bytes::from_static(b"\x01")),
            user_properties: pairs(),
        })),
        ..Message::new(Topic::new("w").expect("a good topic"), &b"p"[..])
    };
    let full = Connect {
        will: Some(Will {
            message: Arc::new(will),
            qos: QoS::AtLeastOnce,
            retain: false,
            expiry: Some(Seconds(2)),
            delay: Some(Seconds(1)),
        }),
        user_name: Some(text("u")),
        password: Some(bytes::Bytes::from_static(b"\xFE")),
        properties: ConnectProperties {
            session_expiry: Some(Seconds::NEVER),
            receive_maximum: 10.try_into().ok(),
            maximum_packet_size: 256.try_into().ok(),
            topic_alias_maximum: Some(5),
            request_response_information: Some(true),
            request_problem_information: Some(false),
            authentication_method: Some(text("m")),
            authentication_data: Some(bytes::Bytes::from_static(b"\x00")),
            user_properties: pairs(),
        },
        ..Connect::new(V5, text("c"))
    };
    is(
        "10 6B 0004 'MQTT' 05 CE 003C
         2A 11 FFFFFFFF 21 000A 27 00000100 22 0005 19 01 17 00 15 0001 'm' 16 0001 00
            26 0001 'k' 0001 '1' 26 0001 'k' 0001 '2'
         0001 'c'
         26 18 00000001 02 00000002 01 01 03 0001 't' 08 0001 'r' 09 0001 01
            26 0001 'k' 0001 '1' 26 0001 'k' 0001 '2'
         0001 'w' 0001 'p' 0001 'u' 0001 FE",
        &[V5],
        Role::Server,
        Packet::Connect(full),
    );
}

#[test]
fn connack() {
    let connack = |present, reason| Packet::ConnAck(ConnAck::new(present, reason));
    is("20 02 00 00", &[V3_1, V3_1_1], Role::Client, connack(false, ReasonCode::Success));
    is("20 02 01 00", &[V3_1_1], Role::Client, connack(true, ReasonCode::Success));
    // unused in 3.1
    reads("20 02 01 00", &[V3_1], Role::Client, connack(false, ReasonCode::Success));
    reads("20 02 FF 05", &[V3_1], Role::Client, connack(false, ReasonCode::NotAuthorized));
    for (value, reason) in [
        ("01", ReasonCode::UnsupportedProtocolVersion),
        ("02", ReasonCode::ClientIdentifierNotValid),
        ("03", ReasonCode::ServerUnavailable),
        ("04", ReasonCode::BadUserNameOrPassword),
        ("05", ReasonCode::NotAuthorized),
    ] {
        is(&format!("20 02 00 {value}"), &[V3_1, V3_1_1], Role::Client, connack(false, reason));
    }
    is("20 03 00 00 00", &[V5], Role::Client, connack(false, ReasonCode::Success));
    is("20 03 00 87 00", &[V5], Role::Client, connack(false, ReasonCode::NotAuthorized));
    let full = ConnAck {
        session_present: true,
        reason: ReasonCode::Success,
        properties: ConnAckProperties {
            session_expiry: Some(Seconds(1)),
            receive_maximum: 2.try_into().ok(),
            maximum_qos: Some(QoS::AtLeastOnce),
            retain_available: Some(false),
            maximum_packet_size: 3.try_into().ok(),
            assigned_client_id: Some(text("i")),
            topic_alias_maximum: Some(4),
            reason_string: Some(text("s")),
            wildcard_subscription_available: Some(true),
            subscription_id_available: Some(false),
            shared_subscription_available: Some(true),
            server_keep_alive: Some(5),
            response_information: Some(text("r")),
            server_reference: Some(text("v")),
            authentication_method: Some(text("m")),
            authentication_data: Some(bytes::Bytes::from_static(b"\xFF")),
            user_properties: pairs(),
        },
    };
    is(
        "20 46 01 00 43 11 00000001 21 0002 24 01 25 00 27 00000003 12 0001 'i' 22 0004 1F 0001 's'
         28 01 29 00 2A 01 13 0005 1A 0001 'r' 1C 0001 'v' 15 0001 'm' 16 0001 FF
         26 0001 'k' 0001 '1' 26 0001 'k' 0001 '2'",
        &[V5],
        Role::Client,
        Packet::ConnAck(full),
    );
}

#[test]
fn a_maximum_qos_of_2_is_the_default_and_is_left_out() {
    let mut connack = ConnAck::new(false, ReasonCode::Success);
    connack.properties.maximum_qos = Some(QoS::ExactlyOnce);
    let mut encoded = Vec::new();
    Packet::ConnAck(connack).encode(V5, &mut encoded).expect("it is valid");
    assert_eq!(encoded, hex("20 03 00 00 00"));
}

#[test]
fn mqtt_3_1_1__2_3_1_5_and_mqtt_3_1_1__3_3_2_1_publish_of_3_x() {
    use Delivery::{AtLeastOnce, AtMostOnce, ExactlyOnce};
    let all_3 = &[V3_1, V3_1_1];
    let packet = |payload, delivery| Packet::Publish(publish("a/b", payload, delivery));
    is("30 07 0003 'a/b' 'hi'", all_3, Role::Server, packet(b"hi", AtMostOnce));
    is("30 05 0003 'a/b'", all_3, Role::Server, packet(b"", AtMostOnce));
    is(
        "32 08 0003 'a/b' 0A0B 'x'",
        all_3,
        Role::Server,
        packet(b"x", AtLeastOnce { id: id(0x0A0B), dup: false }),
    );
    is("3C 07 0003 'a/b' FFFF", all_3, Role::Client, packet(b"", ExactlyOnce { id: id(0xFFFF), dup: true }));
    // 3.1 knows DUP as a hint only, at QoS 0 too
    reads("38 05 0003 'a/b'", &[V3_1], Role::Server, packet(b"", AtMostOnce));
}

#[test]
fn mqtt_5_0__2_2_1_2_and_mqtt_5_0__2_2_2_1_and_mqtt_5_0__3_3_2_1_publish_without_properties() {
    use Delivery::{AtLeastOnce, AtMostOnce, ExactlyOnce};
    let packet = |payload, delivery| Packet::Publish(publish("a/b", payload, delivery));
    is("30 08 0003 'a/b' 00 'hi'", &[V5], Role::Server, packet(b"hi", AtMostOnce));
    is(
        "3A 09 0003 'a/b' 0001 00 'x'",
        &[V5],
        Role::Server,
        packet(b"x", AtLeastOnce { id: id(1), dup: true }),
    );
    let retained = Publish { retain: true, ..publish("a/b", b"", ExactlyOnce { id: id(1), dup: false }) };
    is("35 08 0003 'a/b' 0001 00", &[V5], Role::Client, Packet::Publish(retained));
}

#[test]
fn publish_with_all_properties() {
    let mut full = publish("t", b"p", Delivery::AtMostOnce);
    full.message = Arc::new(Message {
        properties: Some(Box::new(MessageProperties {
            payload_format: Some(PayloadFormat::Unspecified),
            content_type: Some(text("c")),
            response_topic: Some(Topic::new("r").expect("a good topic")),
            correlation_data: Some(bytes::Bytes::new()),
            user_properties: pairs(),
        })),
        ..Message::clone(&full.message)
    });
    full.expiry = Some(Seconds(0x0102_0304));
    full.alias = 7.try_into().ok();
    full.subscription_ids =
        [1, 128, SubscriptionId::MAX].into_iter().filter_map(SubscriptionId::new).collect();
    is(
        "30 32 0001 't'
         2D 02 01020304 23 0007 0B 01 0B 8001 0B FFFFFF7F 01 00 03 0001 'c' 08 0001 'r' 09 0000
            26 0001 'k' 0001 '1' 26 0001 'k' 0001 '2' 'p'",
        &[V5],
        Role::Client,
        Packet::Publish(full),
    );
}

#[test]
fn acknowledgements_in_all_forms() {
    let with = |packet_type, ack| match packet_type {
        PacketType::PubAck => Packet::PubAck(ack),
        PacketType::PubRec => Packet::PubRec(ack),
        PacketType::PubRel => Packet::PubRel(ack),
        _ => Packet::PubComp(ack),
    };
    let kinds = [
        ("40", PacketType::PubAck, "10", ReasonCode::NoMatchingSubscribers),
        ("50", PacketType::PubRec, "97", ReasonCode::QuotaExceeded),
        ("62", PacketType::PubRel, "92", ReasonCode::PacketIdentifierNotFound),
        ("70", PacketType::PubComp, "92", ReasonCode::PacketIdentifierNotFound),
    ];
    for (first, packet_type, code, reason) in kinds {
        let plain = with(packet_type, Ack::new(id(0x1234)));
        is(&format!("{first} 02 1234"), &[V3_1, V3_1_1, V5], Role::Server, plain.clone());
        reads(&format!("{first} 03 1234 00"), &[V5], Role::Server, plain.clone());
        reads(&format!("{first} 04 1234 00 00"), &[V5], Role::Client, plain);
        let refused = Ack { reason, ..Ack::new(id(1)) };
        is(&format!("{first} 03 0001 {code}"), &[V5], Role::Client, with(packet_type, refused.clone()));
        reads(&format!("{first} 04 0001 {code} 00"), &[V5], Role::Server, with(packet_type, refused.clone()));
        let explained = Ack { properties: properties(), ..refused };
        let bytes = format!("{first} 18 0001 {code} {WHY_AND_PAIRS}");
        is(&bytes, &[V5], Role::Server, with(packet_type, explained));
        let success = Ack { properties: properties(), ..Ack::new(id(1)) };
        is(&format!("{first} 18 0001 00 {WHY_AND_PAIRS}"), &[V5], Role::Server, with(packet_type, success));
    }
}

#[test]
fn subscribe() {
    let all_qos = || QoS::ALL.map(|qos| subscription("a/+", SubscriptionOptions::new(qos))).to_vec();
    let plain =
        Subscribe { id: id(10), subscription_id: None, user_properties: Vec::new(), filters: all_qos() };
    let filters = "0003 'a/+' 00 0003 'a/+' 01 0003 'a/+' 02";
    is(&format!("82 14 000A {filters}"), &[V3_1, V3_1_1], Role::Server, Packet::Subscribe(plain.clone()));
    is(&format!("82 15 000A 00 {filters}"), &[V5], Role::Server, Packet::Subscribe(plain.clone()));
    // 3.1 leaves the upper six bits unused, and marks a repeated packet with DUP
    let one = |filters| Subscribe { filters, ..plain.clone() };
    let lax = one(vec![subscription("#", SubscriptionOptions::new(QoS::AtLeastOnce))]);
    reads("8A 06 000A 0001 '#' FD", &[V3_1], Role::Server, Packet::Subscribe(lax));
    let options = SubscriptionOptions {
        qos: QoS::ExactlyOnce,
        no_local: true,
        retain_as_published: true,
        retain_handling: RetainHandling::Never,
    };
    let on_new = SubscriptionOptions {
        retain_handling: RetainHandling::OnNewSubscription,
        ..SubscriptionOptions::new(QoS::AtMostOnce)
    };
    let full = Subscribe {
        subscription_id: SubscriptionId::new(16_384),
        user_properties: pairs(),
        ..one(vec![subscription("#", options), subscription("$share/g/#", on_new)])
    };
    is(
        "82 26 000A 12 0B 808001 26 0001 'k' 0001 '1' 26 0001 'k' 0001 '2' 0001 '#' 2E 000A '$share/g/#' 10",
        &[V5],
        Role::Server,
        Packet::Subscribe(full),
    );
}

#[test]
fn suback_and_unsuback() {
    let suback = |reasons: &[ReasonCode], properties| {
        Packet::SubAck(SubAck { id: id(10), reasons: reasons.to_vec(), properties })
    };
    use ReasonCode::{GrantedQoS1, GrantedQoS2, NoSubscriptionExisted, Success, UnspecifiedError};
    let all = [Success, GrantedQoS1, GrantedQoS2, UnspecifiedError];
    is("90 06 000A 00 01 02 80", &[V3_1, V3_1_1], Role::Client, suback(&all, None));
    is("90 07 000A 00 00 01 02 80", &[V5], Role::Client, suback(&all, None));
    // in 3.1 only the two low bits count
    reads("90 04 000A FC 06", &[V3_1], Role::Client, suback(&[Success, GrantedQoS2], None));
    let bytes = format!("90 18 000A {WHY_AND_PAIRS} 8F");
    is(&bytes, &[V5], Role::Client, suback(&[ReasonCode::TopicFilterInvalid], properties()));
    let unsuback = |reasons: &[ReasonCode], properties| {
        Packet::UnsubAck(UnsubAck { id: id(10), reasons: reasons.to_vec(), properties })
    };
    is("B0 02 000A", &[V3_1, V3_1_1], Role::Client, unsuback(&[], None));
    is("B0 05 000A 00 00 11", &[V5], Role::Client, unsuback(&[Success, NoSubscriptionExisted], None));
    let bytes = format!("B0 18 000A {WHY_AND_PAIRS} 87");
    is(&bytes, &[V5], Role::Client, unsuback(&[ReasonCode::NotAuthorized], properties()));
}

#[test]
fn unsubscribe() {
    let filters = ["a", "+/#"].map(|filter| TopicFilter::new(filter).expect("a good filter")).to_vec();
    let plain = Unsubscribe { id: id(11), user_properties: Vec::new(), filters };
    is("A2 0A 000B 0001 'a' 0003 '+/#'", &[V3_1, V3_1_1], Role::Server, Packet::Unsubscribe(plain.clone()));
    is("A2 0B 000B 00 0001 'a' 0003 '+/#'", &[V5], Role::Server, Packet::Unsubscribe(plain.clone()));
    let full = Unsubscribe { user_properties: pairs(), ..plain };
    let bytes = "A2 19 000B 0E 26 0001 'k' 0001 '1' 26 0001 'k' 0001 '2' 0001 'a' 0003 '+/#'";
    is(bytes, &[V5], Role::Server, Packet::Unsubscribe(full));
}

#[test]
fn pings() {
    is("C0 00", &Version::ALL, Role::Server, Packet::PingReq);
    is("D0 00", &Version::ALL, Role::Client, Packet::PingResp);
}

#[test]
fn disconnect_in_all_forms() {
    let plain = Packet::Disconnect(Disconnect::default());
    is("E0 00", &Version::ALL, Role::Server, plain.clone());
    reads("E0 01 00", &[V5], Role::Server, plain.clone());
    reads("E0 02 00 00", &[V5], Role::Client, plain);
    let busy = Packet::Disconnect(Disconnect::new(ReasonCode::ServerBusy));
    is("E0 01 89", &[V5], Role::Client, busy.clone());
    reads("E0 02 89 00", &[V5], Role::Client, busy);
    let from_client = Disconnect {
        session_expiry: Some(Seconds(5)),
        ..Disconnect::new(ReasonCode::DisconnectWithWillMessage)
    };
    is("E0 07 04 05 11 00000005", &[V5], Role::Server, Packet::Disconnect(from_client));
    let from_server = Disconnect {
        reason_string: Some(text("why")),
        server_reference: Some(text("b")),
        user_properties: pairs(),
        ..Disconnect::new(ReasonCode::UseAnotherServer)
    };
    let bytes = "E0 1A 9C 18 1F 0003 'why' 1C 0001 'b' 26 0001 'k' 0001 '1' 26 0001 'k' 0001 '2'";
    is(bytes, &[V5], Role::Client, Packet::Disconnect(from_server));
}

#[test]
fn auth() {
    let plain = Auth {
        reason: ReasonCode::ContinueAuthentication,
        method: text("m"),
        data: None,
        reason_string: None,
        user_properties: Vec::new(),
    };
    is("F0 06 18 04 15 0001 'm'", &[V5], Role::Server, Packet::Auth(plain.clone()));
    let full = Auth {
        reason: ReasonCode::ReAuthenticate,
        data: Some(bytes::Bytes::from_static(b"\x00\xFF")),
        reason_string: Some(text("why")),
        user_properties: pairs(),
        ..plain
    };
    let bytes =
        "F0 1F 19 1D 15 0001 'm' 16 0002 00FF 1F 0003 'why' 26 0001 'k' 0001 '1' 26 0001 'k' 0001 '2'";
    is(bytes, &[V5], Role::Client, Packet::Auth(full));
}
