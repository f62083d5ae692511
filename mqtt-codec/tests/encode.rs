//! What cannot be sent: the error names the field, and nothing is written.

#![allow(non_snake_case, reason = "the names of tests carry statement ids")]

mod support;

use bytes::{Bytes, BytesMut};
use mqtt_codec::Version::{V3_1, V3_1_1, V5};
use mqtt_codec::{
    Ack, Auth, ConnAck, Connect, ConnectRef, Delivery, Disconnect, EncodeError, Field, Message,
    MessageProperties, Packet, PacketId, PacketRef, Publish, QoS, ReasonCode, Role, Rules, Seconds, SubAck,
    Subscribe, Subscription, SubscriptionId, SubscriptionOptions, Text, Topic, TopicFilter, UnsubAck,
    Unsubscribe, Version, Will,
};

fn refused(packet: &Packet, version: Version, error: EncodeError) {
    let mut sink = BytesMut::new();
    assert_eq!(packet.encode(version, &mut sink), Err(error), "{packet:?} in {version}");
    assert_eq!(packet.encoded_len(version), Err(error), "{packet:?} in {version}");
    assert!(sink.is_empty(), "nothing is written");
}

fn connect(version: Version) -> Connect {
    Connect::new(version, Text::new("c").expect("a good text"))
}

fn publish(payload: Bytes) -> Publish {
    Publish {
        message: Message::new(Topic::new("t").expect("a good topic"), payload).into(),
        delivery: Delivery::AtMostOnce,
        retain: false,
        expiry: None,
        alias: None,
        subscription_ids: Vec::new(),
    }
}

fn subscribe(filter: &str, options: SubscriptionOptions) -> Subscribe {
    let filter = TopicFilter::new(filter).expect("a good filter");
    Subscribe::new(PacketId::MIN, vec![Subscription { filter, options }])
}

fn pair() -> Vec<(Text, Text)> {
    vec![(Text::default(), Text::default())]
}

#[test]
fn what_3_x_cannot_ask_for() {
    for version in [V3_1, V3_1_1] {
        let mut with_property = connect(version);
        with_property.properties.session_expiry = Some(Seconds(1));
        refused(&Packet::Connect(with_property), version, EncodeError::NotInVersion(Field::SessionExpiry));
        let mut with_delay = connect(version);
        let message = Message::new(Topic::new("w").expect("a good topic"), "");
        let delay = Some(Seconds(1));
        with_delay.will =
            Some(Will { message: message.into(), qos: QoS::AtMostOnce, retain: false, expiry: None, delay });
        refused(&Packet::Connect(with_delay), version, EncodeError::NotInVersion(Field::WillDelay));
        let no_local = SubscriptionOptions { no_local: true, ..SubscriptionOptions::default() };
        let error = EncodeError::NotInVersion(Field::SubscriptionOptions);
        refused(&Packet::Subscribe(subscribe("f", no_local)), version, error);
        let with_id = Subscribe {
            subscription_id: SubscriptionId::new(1),
            ..subscribe("f", SubscriptionOptions::default())
        };
        refused(&Packet::Subscribe(with_id), version, EncodeError::NotInVersion(Field::SubscriptionId));
        let filters = vec![TopicFilter::new("f").expect("a good filter")];
        let unsubscribe = Unsubscribe { id: PacketId::MIN, user_properties: pair(), filters };
        refused(&Packet::Unsubscribe(unsubscribe), version, EncodeError::NotInVersion(Field::UserProperty));
        let connack = Packet::ConnAck(ConnAck::new(false, ReasonCode::MalformedPacket));
        refused(&connack, version, EncodeError::NotInVersion(Field::ReasonCode));
        let auth = Auth {
            reason: ReasonCode::Success,
            method: Text::default(),
            data: None,
            reason_string: None,
            user_properties: Vec::new(),
        };
        refused(&Packet::Auth(auth), version, EncodeError::NotInVersion(Field::Auth));
    }
}

#[test]
fn mqtt_3_1_1__3_1_2_22_a_password_without_a_user_name() {
    for version in [V3_1, V3_1_1] {
        let packet = Packet::Connect(Connect { password: Some(Bytes::new()), ..connect(version) });
        refused(&packet, version, EncodeError::PasswordWithoutUserName);
    }
}

#[test]
fn what_the_peer_would_refuse() {
    let empty = Subscribe { filters: Vec::new(), ..subscribe("f", SubscriptionOptions::default()) };
    let unsubscribe = Unsubscribe { id: PacketId::MIN, user_properties: Vec::new(), filters: Vec::new() };
    let suback = SubAck { id: PacketId::MIN, reasons: Vec::new(), properties: None };
    for version in Version::ALL {
        refused(&Packet::Subscribe(empty.clone()), version, EncodeError::Empty(Field::TopicFilter));
        refused(&Packet::Unsubscribe(unsubscribe.clone()), version, EncodeError::Empty(Field::TopicFilter));
        refused(&Packet::SubAck(suback.clone()), version, EncodeError::Empty(Field::ReasonCode));
        let present = Packet::ConnAck(ConnAck::new(true, ReasonCode::NotAuthorized));
        refused(&present, version, EncodeError::Combination(Field::AcknowledgeFlags));
    }
    let unsuback = UnsubAck { id: PacketId::MIN, reasons: Vec::new(), properties: None };
    refused(&Packet::UnsubAck(unsuback), V5, EncodeError::Empty(Field::ReasonCode));
    let no_local = SubscriptionOptions { no_local: true, ..SubscriptionOptions::default() };
    let shared = Packet::Subscribe(subscribe("$share/g/f", no_local));
    refused(&shared, V5, EncodeError::Combination(Field::SubscriptionOptions));
    let mut data_alone = connect(V5);
    data_alone.properties.authentication_data = Some(Bytes::new());
    refused(&Packet::Connect(data_alone), V5, EncodeError::Combination(Field::AuthenticationData));
    let both = Disconnect {
        session_expiry: Some(Seconds(1)),
        server_reference: Some(Text::default()),
        ..Disconnect::default()
    };
    refused(&Packet::Disconnect(both), V5, EncodeError::Combination(Field::ServerReference));
}

#[test]
fn a_reason_code_of_another_packet() {
    let reason = ReasonCode::GrantedQoS2;
    let ack = Ack { reason, ..Ack::new(PacketId::MIN) };
    let list = vec![ReasonCode::Success, ReasonCode::KeepAliveTimeout];
    let error = EncodeError::ReasonCodeNotAllowed;
    for packet in [Packet::PubAck, Packet::PubRec, Packet::PubRel, Packet::PubComp] {
        refused(&packet(ack.clone()), V5, error(reason));
    }
    refused(&Packet::Disconnect(Disconnect::new(reason)), V5, error(reason));
    refused(&Packet::ConnAck(ConnAck::new(false, reason)), V5, error(reason));
    let suback = SubAck { id: PacketId::MIN, reasons: list.clone(), properties: None };
    refused(&Packet::SubAck(suback), V5, error(ReasonCode::KeepAliveTimeout));
    let unsuback = UnsubAck { id: PacketId::MIN, reasons: list, properties: None };
    refused(&Packet::UnsubAck(unsuback), V5, error(ReasonCode::KeepAliveTimeout));
}

#[test]
fn strings_that_a_view_takes_and_the_wire_does_not() {
    let connect = connect(V5);
    let long = "x".repeat(65_536);
    for (text, error) in [
        ("a\0", EncodeError::NullCharacter as fn(Field) -> EncodeError),
        (long.as_str(), EncodeError::TooLong as fn(Field) -> EncodeError),
    ] {
        let view = connect.view();
        for (view, field) in [
            (ConnectRef { client_id: text, ..view }, Field::ClientId),
            (ConnectRef { user_name: Some(text), ..view }, Field::UserName),
        ] {
            let mut sink = Vec::new();
            assert_eq!(PacketRef::Connect(view).encode(V5, &mut sink), Err(error(field)));
            assert!(sink.is_empty());
        }
    }
    let password = Connect { password: Some(Bytes::from(vec![0; 65_536])), ..connect };
    refused(&Packet::Connect(password), V5, EncodeError::TooLong(Field::Password));
}

#[test]
fn the_largest_packet_and_one_byte_more() {
    // topic with its length 3; in 5.0 the property length 1
    let most = 268_435_455 - 4;
    let payload = Bytes::from(vec![0; most + 1]);
    let fits = Packet::Publish(publish(payload.slice(..most)));
    assert_eq!(fits.encoded_len(V5), Ok(Rules::MAX_PACKET_SIZE as usize));
    assert_eq!(fits.encoded_len(V3_1_1), Ok(Rules::MAX_PACKET_SIZE as usize - 1));
    let mut head = Vec::new();
    let Packet::Publish(publish_fits) = &fits else { panic!("it is a PUBLISH") };
    publish_fits.view().encode_head(V5, &mut head).expect("it fits");
    assert_eq!(head, support::hex("30 FFFFFF7F 0001 't' 00"));
    refused_alone(&Packet::Publish(publish(payload)));
}

fn refused_alone(packet: &Packet) {
    let mut sink = Vec::new();
    assert_eq!(packet.encode(V5, &mut sink), Err(EncodeError::PacketTooLarge));
    assert!(sink.is_empty());
}

#[test]
fn what_an_answer_of_3_x_cannot_say_is_left_out() {
    let explained = Ack { reason: ReasonCode::NotAuthorized, ..Ack::new(PacketId::MIN) };
    let rows = [
        (Packet::PubAck(explained), "40 02 0001"),
        (Packet::Disconnect(Disconnect::new(ReasonCode::ServerBusy)), "E0 00"),
        (Packet::ConnAck(ConnAck::new(false, ReasonCode::Banned)), "20 02 00 05"),
        (Packet::ConnAck(ConnAck::new(false, ReasonCode::ServerBusy)), "20 02 00 03"),
        (
            Packet::SubAck(SubAck {
                id: PacketId::MIN,
                reasons: vec![ReasonCode::GrantedQoS1, ReasonCode::TopicFilterInvalid],
                properties: None,
            }),
            "90 04 0001 01 80",
        ),
    ];
    for (packet, bytes) in rows {
        let mut sink = Vec::new();
        packet.encode(V3_1_1, &mut sink).expect("it is left out");
        assert_eq!(sink, support::hex(bytes));
    }
    let mut publish = publish(Bytes::from_static(b"p"));
    (publish.expiry, publish.alias) = (Some(Seconds(1)), 1.try_into().ok());
    let mut sink = Vec::new();
    Packet::Publish(publish).encode(V3_1_1, &mut sink).expect("it is left out");
    assert_eq!(sink, support::hex("30 04 0001 't' 'p'"));
}

#[test]
fn secrets_do_not_show_in_debug_output() {
    let mut connect = connect(V5);
    connect.user_name = Some(Text::new("u").expect("a good text"));
    connect.password = Some(Bytes::from_static(b"sesame"));
    connect.properties.authentication_method = Some(Text::new("m").expect("a good text"));
    connect.properties.authentication_data = Some(Bytes::from_static(b"sesame"));
    let auth = Auth {
        reason: ReasonCode::Success,
        method: Text::default(),
        data: Some(Bytes::from_static(b"sesame")),
        reason_string: None,
        user_properties: Vec::new(),
    };
    for packet in [Packet::Connect(connect), Packet::Auth(auth)] {
        let shown = format!("{packet:?} {:?}", packet.view());
        assert!(!shown.contains("sesame") && !shown.contains("115, 101, 115"), "{shown}");
    }
}

#[test]
fn a_packet_id_can_be_replaced_in_an_encoded_publish() {
    for version in Version::ALL {
        let delivery = Delivery::AtLeastOnce { id: PacketId::MAX, dup: false };
        let publish = Publish { delivery, ..publish(Bytes::from(vec![7; 200])) };
        let offset = publish.view().packet_id_offset(version).expect("QoS 1 has one");
        let mut sink = Vec::new();
        publish.view().encode(version, &mut sink).expect("it is valid");
        sink[offset..offset + 2].copy_from_slice(&[0x12, 0x34]);
        let packet = PacketRef::decode(&sink, &Rules::new(version, Role::Client)).expect("still valid");
        let PacketRef::Publish(read) = packet else { panic!("it is a PUBLISH") };
        assert_eq!(read.delivery.id().map(PacketId::get), Some(0x1234));
    }
}

#[test]
fn the_bytes_of_a_message_count_everything_that_it_keeps() {
    let text = |text: &str| Text::new(text).expect("a good text");
    let mut message = Message::new(Topic::new("a/b").expect("a good topic"), "payload");
    assert_eq!(message.bytes(), 10);
    let mut properties = MessageProperties::default();
    let nothing_set = properties.bytes();
    properties.content_type = Some(text("1234"));
    properties.response_topic = Some(Topic::new("123").expect("a good topic"));
    properties.correlation_data = Some(Bytes::from_static(b"12"));
    assert_eq!(properties.bytes(), nothing_set + 9);
    properties.user_properties = vec![(text(""), text("")); 100];
    assert!(properties.bytes() > nothing_set + 9 + 100 * size_of::<(Text, Text)>(), "also of empty texts");
    let of_properties = properties.bytes();
    message.properties = Some(Box::new(properties));
    assert_eq!(message.bytes(), 10 + of_properties);
}

#[test]
fn a_topic_that_only_an_alias_names_is_sent_where_there_are_aliases() {
    let bytes = support::hex("30 06 0000 03 23 0001");
    let packet =
        PacketRef::decode(&bytes, &Rules::new(V5, Role::Client)).expect("an alias stands for the name");
    let PacketRef::Publish(publish) = packet else { panic!("it is a PUBLISH") };
    let mut sink = Vec::new();
    assert_eq!(publish.encode(V3_1_1, &mut sink), Err(EncodeError::Empty(Field::Topic)), "3.1.1 has none");
    let nameless = mqtt_codec::PublishRef { alias: None, ..publish };
    assert_eq!(nameless.encode(V5, &mut sink), Err(EncodeError::Empty(Field::Topic)));
    assert!(sink.is_empty(), "nothing is written");
    assert_eq!(publish.encode(V5, &mut sink), Ok(()));
    assert_eq!(sink, bytes);
}
