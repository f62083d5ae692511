//! Peers that send what they may not.

use std::sync::Arc;

use mqtt_codec::{
    Ack, AckProperties, Auth, ConnAck, Delivery, MessageProperties, Packet, PacketType, QoS, ReasonCode,
    SubAck, Subscribe, UnsubAck, Unsubscribe, Version,
};
use mqtt_session::{ClientEvent, CloseReason, Violation};

use crate::common::{
    ClientAlone, Pair, ServerAlone, Side, VERSIONS, client_config, filter, id, message, resuming,
    server_config, subscription, text,
};
use crate::delivery::{publish, qos1, qos2, refusing};

fn auth() -> Packet {
    Packet::Auth(Auth {
        reason: ReasonCode::ReAuthenticate,
        method: text("method"),
        data: None,
        reason_string: None,
        user_properties: Vec::new(),
    })
}

fn subscribe() -> Packet {
    Packet::Subscribe(Subscribe::new(id(1), vec![subscription("f", QoS::AtMostOnce)]))
}

fn unsubscribe() -> Packet {
    Packet::Unsubscribe(Unsubscribe::new(id(1), vec![filter("f")]))
}

fn suback(number: u16, codes: usize) -> Packet {
    Packet::SubAck(SubAck { id: id(number), reasons: vec![ReasonCode::Success; codes], properties: None })
}

fn unsuback(number: u16, codes: usize) -> Packet {
    Packet::UnsubAck(UnsubAck { id: id(number), reasons: vec![ReasonCode::Success; codes], properties: None })
}

/// The goodbye of 5.0; 3.x just closes.
fn goodbye(version: Version) -> Vec<&'static str> {
    if version.is_v5() { vec!["Disconnect 0x82"] } else { vec![] }
}

#[test]
fn mqtt_3_1_1__4_8_0_1_and_mqtt_3_1_1__3_1_0_2_and_mqtt_5_0__3_1_0_2_and_mqtt_5_0__4_13_1_1_and_mqtt_5_0__4_13_2_1_what_a_client_may_not_send_ends_its_connection()
 {
    for version in VERSIONS {
        for (packet, violation) in [
            (Packet::Connect(resuming(version)), Violation::Second(PacketType::Connect)),
            (
                Packet::ConnAck(ConnAck::new(false, ReasonCode::Success)),
                Violation::WrongDirection(PacketType::ConnAck),
            ),
            (suback(1, 1), Violation::WrongDirection(PacketType::SubAck)),
            (unsuback(1, 1), Violation::WrongDirection(PacketType::UnsubAck)),
            (Packet::PingResp, Violation::WrongDirection(PacketType::PingResp)),
            (auth(), Violation::UnexpectedAuth),
        ] {
            let mut server = ServerAlone::new(version);
            assert_eq!(server.ask(&packet), goodbye(version));
            assert_eq!(server.session.close_reason(), Some(CloseReason::Violation(violation)));
            assert!(!server.session.wants_read());
            assert_eq!(server.give(&publish("m", Delivery::AtMostOnce)), None, "what follows means nothing");
            assert!(server.fetch().is_empty());
            assert_eq!(server.session.poll_timeout(), None);
        }
    }
}

#[test]
fn what_a_server_may_not_send_ends_its_connection() {
    for version in VERSIONS {
        for (packet, violation) in [
            (Packet::Connect(resuming(version)), Violation::WrongDirection(PacketType::Connect)),
            (
                Packet::ConnAck(ConnAck::new(false, ReasonCode::Success)),
                Violation::Second(PacketType::ConnAck),
            ),
            (subscribe(), Violation::WrongDirection(PacketType::Subscribe)),
            (unsubscribe(), Violation::WrongDirection(PacketType::Unsubscribe)),
            (Packet::PingReq, Violation::WrongDirection(PacketType::PingReq)),
            (auth(), Violation::UnexpectedAuth),
        ] {
            let mut client = ClientAlone::new(version);
            assert_eq!(client.ask(&packet), goodbye(version));
            assert_eq!(client.session.close_reason(), Some(CloseReason::Violation(violation)));
            assert!(!client.session.is_connected());
            assert_eq!(client.give(&publish("m", Delivery::AtMostOnce)), None);
            assert!(client.fetch().is_empty());
        }
    }
}

#[test]
fn explanations_that_a_client_did_not_want_end_its_connection() {
    let why = AckProperties { reason_string: Some(text("why")), user_properties: Vec::new() };
    let pair = AckProperties { reason_string: None, user_properties: vec![(text("n"), text("v"))] };
    for properties in [why, pair].map(|properties| Some(Box::new(properties))) {
        let ack = || Ack { properties: properties.clone(), ..Ack::new(id(1)) };
        let reasons = || vec![ReasonCode::Success];
        let packets = [
            Packet::PubAck(ack()),
            Packet::PubRec(ack()),
            Packet::PubRel(ack()),
            Packet::PubComp(ack()),
            Packet::SubAck(SubAck { id: id(1), reasons: reasons(), properties: properties.clone() }),
            Packet::UnsubAck(UnsubAck { id: id(1), reasons: reasons(), properties: properties.clone() }),
        ];
        for (packet, wanted) in
            packets.iter().flat_map(|packet| [None, Some(true), Some(false)].map(|w| (packet, w)))
        {
            let mut connect = resuming(Version::V5);
            connect.properties.request_problem_information = wanted;
            let mut client = ClientAlone::opened(connect, client_config());
            client.accept(&ConnAck::new(false, ReasonCode::Success));
            client.ask(packet);
            let violation = CloseReason::Violation(Violation::Unasked(packet.view().packet_type()));
            let expected = (wanted == Some(false)).then_some(violation);
            assert_eq!(client.session.close_reason(), expected, "{packet:?} where {wanted:?} is asked");
        }
    }
    // the properties of a message are no explanation
    let mut connect = resuming(Version::V5);
    connect.properties.request_problem_information = Some(false);
    let mut client = ClientAlone::opened(connect, client_config());
    client.accept(&ConnAck::new(false, ReasonCode::Success));
    let Packet::Publish(mut publish) = publish("m", Delivery::AtMostOnce) else { panic!("a PUBLISH") };
    let user_properties = vec![(text("n"), text("v"))];
    let properties = MessageProperties { user_properties, ..MessageProperties::default() };
    Arc::make_mut(&mut publish.message).properties = Some(Box::new(properties));
    client.ask(&Packet::Publish(publish));
    assert_eq!(client.session.close_reason(), None);
}

#[test]
fn a_server_says_goodbye_in_5_0_only() {
    let goodbye = Packet::Disconnect(mqtt_codec::Disconnect::new(ReasonCode::ServerShuttingDown));
    let mut client = ClientAlone::new(Version::V5);
    assert!(client.ask(&goodbye).is_empty());
    let said = CloseReason::Peer(ReasonCode::ServerShuttingDown);
    assert_eq!(client.session.close_reason(), Some(said));
    let mut client = ClientAlone::new(Version::V3_1_1);
    client.ask(&goodbye);
    let violation = CloseReason::Violation(Violation::WrongDirection(PacketType::Disconnect));
    assert_eq!(client.session.close_reason(), Some(violation));
}

#[test]
fn before_connack_a_server_may_send_nothing_else() {
    for version in VERSIONS {
        for packet in [publish("m", Delivery::AtMostOnce), Packet::PingResp, suback(1, 1)] {
            let mut client = ClientAlone::opened(resuming(version), client_config());
            client.fetch();
            assert_eq!(client.give(&packet), None);
            let violation = Violation::BeforeConnAck(packet.view().packet_type());
            assert_eq!(client.session.close_reason(), Some(CloseReason::Violation(violation)));
        }
    }
}

#[test]
fn a_server_that_speaks_before_connect_hears_nothing() {
    for version in VERSIONS {
        let mut client = ClientAlone::opened(resuming(version), client_config());
        client.give(&Packet::ConnAck(ConnAck::new(false, ReasonCode::Success)));
        let violation = Violation::BeforeConnect(PacketType::ConnAck);
        assert_eq!(client.session.close_reason(), Some(CloseReason::Violation(violation)));
        assert!(client.fetch().is_empty(), "the first packet is CONNECT or none");
    }
}

/// A client with QoS 1 as 1, QoS 2 as 2, and QoS 2 that is released as 3.
fn busy_client(version: Version) -> ClientAlone {
    let mut client = ClientAlone::new(version);
    for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce, QoS::ExactlyOnce] {
        client.session.publish(client.now, message("m"), qos, false, None).unwrap();
    }
    client.fetch();
    client.ask(&Packet::PubRec(Ack::new(id(3))));
    client
}

#[test]
fn an_answer_for_another_qos_or_state_ends_the_connection() {
    for version in VERSIONS {
        for packet in [
            Packet::PubAck(Ack::new(id(2))),
            Packet::PubAck(Ack::new(id(3))),
            Packet::PubRec(Ack::new(id(1))),
            Packet::PubComp(Ack::new(id(1))),
            Packet::PubComp(Ack::new(id(2))),
        ] {
            let mut client = busy_client(version);
            assert_eq!(client.ask(&packet), goodbye(version));
            let violation = Violation::AckMismatch(packet.view().packet_type());
            assert_eq!(client.session.close_reason(), Some(CloseReason::Violation(violation)));
            assert_eq!(client.session.in_flight(), 3, "the exchange goes on with the next connection");
        }
    }
}

#[test]
fn answers_to_nothing_are_passed_over_or_answered_with_not_found() {
    for version in VERSIONS {
        let code = if version.is_v5() { " 0x92" } else { "" };
        let mut client = busy_client(version);
        let mut server = ServerAlone::new(version);
        for (packet, answer) in [
            (Packet::PubAck(Ack::new(id(9))), None),
            (Packet::PubComp(Ack::new(id(9))), None),
            (Packet::PubRec(Ack::new(id(9))), Some("PubRel 9")),
            (Packet::PubRel(Ack::new(id(9))), Some("PubComp 9")),
        ] {
            let expected: Vec<String> = answer.map(|answer| format!("{answer}{code}")).into_iter().collect();
            assert_eq!(client.ask(&packet), expected);
            assert_eq!(server.ask(&packet), expected);
        }
        assert!(client.ask(&Packet::PubRec(refusing(9))).is_empty());
        assert_eq!((client.session.close_reason(), server.session.close_reason()), (None, None));
        assert_eq!(client.session.in_flight(), 3);
    }
}

#[test]
fn an_answer_to_a_request_that_does_not_fit_ends_the_connection_and_the_request_is_made_again() {
    for version in VERSIONS {
        for (packet, violation) in [
            (suback(1, 2), Violation::ReasonCount(PacketType::SubAck)),
            (suback(2, 1), Violation::AckMismatch(PacketType::SubAck)),
            (unsuback(1, 1), Violation::AckMismatch(PacketType::UnsubAck)),
            (unsuback(2, 2), Violation::ReasonCount(PacketType::UnsubAck)),
        ] {
            let mut client = ClientAlone::new(version);
            let one = client.session.subscribe(vec![subscription("f", QoS::AtMostOnce)], None).unwrap();
            let other = client.session.unsubscribe(vec![filter("f")]).unwrap();
            assert_eq!(client.fetch_names(), ["Subscribe 1", "Unsubscribe 2"]);
            client.ask(&packet);
            assert_eq!(client.session.close_reason(), Some(CloseReason::Violation(violation)));
            assert_eq!(client.session.unfinished(), [one, other]);
            client.open();
            let sent = client.accept(&ConnAck::new(true, ReasonCode::Success));
            assert_eq!(sent, ["Subscribe 3", "Unsubscribe 4"]);
        }
    }
}

#[test]
fn an_answer_to_an_unknown_request_means_nothing() {
    for version in VERSIONS {
        let mut client = ClientAlone::new(version);
        assert!(client.ask(&suback(7, 1)).is_empty());
        assert!(client.ask(&unsuback(7, 1)).is_empty());
        assert_eq!(client.session.close_reason(), None);
    }
}

#[test]
fn mqtt_3_1_1__4_8_0_2_and_mqtt_3_1_1__2_3_1_7_malformed_bytes_end_the_connection_with_their_code() {
    for version in VERSIONS {
        let mut pair = Pair::connected(version);
        // a PUBLISH of QoS 3, after a good request
        pair.client.subscribe(vec![subscription("f", QoS::AtMostOnce)], None).unwrap();
        pair.drive();
        assert_eq!(pair.sent_by(Side::Server), ["SubAck 1"]);
        mqtt_codec::Sink::put(&mut pair.to_server, &[0x36, 2, 0, 0]);
        pair.drive();
        assert!(matches!(pair.server_closed, Some(CloseReason::Malformed(_))), "{:?}", pair.server_closed);
        if version.is_v5() {
            assert_eq!(pair.client_closed, Some(CloseReason::Peer(ReasonCode::MalformedPacket)));
        }
    }
}

#[test]
fn a_client_that_meets_malformed_bytes_says_so() {
    let mut pair = Pair::connected(Version::V5);
    mqtt_codec::Sink::put(&mut pair.to_client, &[0x36, 2, 0, 0]);
    pair.drive();
    assert_eq!(pair.server_closed, Some(CloseReason::Peer(ReasonCode::MalformedPacket)));
}

#[test]
fn mqtt_3_1_1__2_3_1_7_and_mqtt_5_0__2_2_1_6_answers_to_requests_have_their_identifiers() {
    for version in VERSIONS {
        let mut server = ServerAlone::attached(resuming(version), server_config());
        server.fetch();
        assert!(server.give(&subscribe()).is_some());
        server.session.answer_subscribe(id(500), vec![ReasonCode::GrantedQoS1], None);
        server.session.answer_unsubscribe(id(65_535), vec![ReasonCode::Success], None);
        assert_eq!(server.fetch_names(), ["SubAck 500", "UnsubAck 65535"]);
    }
}

#[test]
fn a_refused_unsubscribe_leaves_the_subscription_for_the_next_session() {
    let mut client = ClientAlone::new(Version::V5);
    client.session.subscribe(vec![subscription("f", QoS::AtMostOnce)], None).unwrap();
    client.fetch();
    client.give(&suback(1, 1));
    let ticket = client.session.unsubscribe(vec![filter("f")]).unwrap();
    client.fetch();
    let reasons = vec![ReasonCode::NotAuthorized];
    client.give(&Packet::UnsubAck(UnsubAck { id: id(2), reasons: reasons.clone(), properties: None }));
    let last = std::iter::from_fn(|| client.session.poll_event()).last();
    assert_eq!(last, Some(ClientEvent::Unsubscribed(ticket, reasons)));
    client.open();
    assert_eq!(client.accept(&ConnAck::new(false, ReasonCode::Success)).len(), 1);
}

#[test]
fn mqtt_5_0__3_3_4_6_a_clients_publish_has_no_subscription_identifier() {
    let mut pair = Pair::connected(Version::V5);
    let id = mqtt_codec::SubscriptionId::new(7);
    pair.client.subscribe(vec![subscription("f", QoS::AtMostOnce)], id).unwrap();
    for qos in QoS::ALL {
        pair.publish("m", qos);
    }
    pair.drive();
    assert_eq!(pair.at_server.len(), 3);
    assert!(pair.at_server.iter().all(|got| got.subscription_ids.is_empty()));
}

#[test]
fn receipts_that_name_nothing_are_passed_over() {
    for version in VERSIONS {
        let mut server = ServerAlone::new(version);
        let mut other = ServerAlone::new(version);
        let Some(crate::common::Meaning::Message(got)) = server.give(&qos1("m", 1, false)) else { panic!() };
        let receipt = got.receipt.unwrap();
        other.session.acknowledge(receipt, ReasonCode::Success, None);
        server.session.acknowledge(receipt, ReasonCode::Success, None);
        server.session.acknowledge(receipt, ReasonCode::Success, None);
        assert_eq!(server.fetch_names(), ["PubAck 1"]);
        server.session.acknowledge(receipt, ReasonCode::Success, None);
        assert!(server.fetch().is_empty() && other.fetch().is_empty());
        assert_eq!(other.ask(&qos2("m", 1, false)), ["PubRec 1"]);
    }
}

#[test]
fn a_server_that_sends_on_and_reads_no_answers_is_given_up_before_memory_is() {
    for version in VERSIONS {
        let mut client = ClientAlone::new(version);
        let release = Packet::PubRel(Ack::new(id(1)));
        for _ in 0..2 * 65_535 {
            client.give(&release);
        }
        assert_eq!(client.session.close_reason(), None);
        client.give(&release);
        let unread = Some(CloseReason::Violation(Violation::AnswersUnread));
        assert_eq!(client.session.close_reason(), unread);
    }
}
