//! One message at each QoS, in both directions.

use mqtt_codec::{Ack, Delivery, Packet, Publish, QoS, ReasonCode};
use mqtt_session::{ClientEvent, Delivered, Outbound};

use crate::common::{
    ACKNOWLEDGED, ClientAlone, Pair, ServerAlone, Side, VERSIONS, id, message, names, payloads,
};

/// A PUBLISH of a peer that may do anything.
pub(crate) fn publish(payload: &str, delivery: Delivery) -> Packet {
    Packet::Publish(Publish::new(message(payload), delivery))
}

pub(crate) fn qos1(payload: &str, number: u16, dup: bool) -> Packet {
    publish(payload, Delivery::AtLeastOnce { id: id(number), dup })
}

pub(crate) fn qos2(payload: &str, number: u16, dup: bool) -> Packet {
    publish(payload, Delivery::ExactlyOnce { id: id(number), dup })
}

pub(crate) fn refusing(number: u16) -> Ack {
    Ack { reason: ReasonCode::QuotaExceeded, ..Ack::new(id(number)) }
}

#[test]
fn mqtt_3_1_1__4_3_1_1_and_mqtt_5_0__4_3_1_1_qos_0_is_sent_once_without_dup_and_not_answered() {
    for version in VERSIONS {
        let mut pair = Pair::connected(version);
        let ticket = pair.publish("up", QoS::AtMostOnce);
        assert_eq!(pair.deliver("down", QoS::AtMostOnce), Delivered::Written);
        pair.drive();
        assert_eq!(pair.sent_by(Side::Client), ["Publish 0 up"]);
        assert_eq!(pair.sent_by(Side::Server), ["Publish 0 down"]);
        assert_eq!(pair.events.pop(), Some(ClientEvent::Written(ticket)));
        assert!(pair.is_at_rest());
    }
}

#[test]
fn mqtt_3_1_1__4_3_2_1_and_mqtt_3_1_1__4_3_2_2_and_mqtt_5_0__4_3_2_1_and_mqtt_5_0__4_3_2_2_and_mqtt_5_0__4_3_2_4_qos_1_is_a_publish_and_a_puback()
 {
    for version in VERSIONS {
        let mut pair = Pair::connected(version);
        let ticket = pair.publish("up", QoS::AtLeastOnce);
        pair.deliver("down", QoS::AtLeastOnce);
        pair.drive();
        assert_eq!(pair.sent_by(Side::Client), ["Publish 1 up", "PubAck 1"]);
        assert_eq!(pair.sent_by(Side::Server), ["Publish 1 down", "PubAck 1"]);
        assert_eq!(pair.events.pop(), Some(ClientEvent::Acknowledged(ticket, ReasonCode::Success)));
        assert!(pair.is_at_rest());
    }
}

#[test]
fn mqtt_3_1_1__4_3_3_1_and_mqtt_5_0__4_3_3_1_and_mqtt_5_0__4_3_3_2_and_mqtt_5_0__4_3_3_4_and_mqtt_5_0__4_3_3_8_and_mqtt_5_0__4_3_3_11_qos_2_is_four_packets()
 {
    for version in VERSIONS {
        let mut pair = Pair::connected(version);
        let ticket = pair.publish("up", QoS::ExactlyOnce);
        pair.drive();
        assert_eq!(pair.sent_by(Side::Client), ["Publish 1 up", "PubRel 1"]);
        assert_eq!(pair.sent_by(Side::Server), ["PubRec 1", "PubComp 1"]);
        let acknowledged = ClientEvent::Acknowledged(ticket, ReasonCode::Success);
        assert_eq!(
            pair.events[1..],
            [ClientEvent::Written(ticket), ClientEvent::Taken(ticket), acknowledged]
        );
        pair.trace.clear();
        pair.deliver("down", QoS::ExactlyOnce);
        pair.drive();
        assert_eq!(pair.sent_by(Side::Server), ["Publish 1 down", "PubRel 1"]);
        assert_eq!(pair.sent_by(Side::Client), ["PubRec 1", "PubComp 1"]);
        assert!(pair.is_at_rest());
    }
}

#[test]
fn mqtt_3_1_1__3_3_4_1_and_mqtt_5_0__3_3_4_1_the_answer_to_a_publish_follows_its_qos() {
    for version in VERSIONS {
        let mut server = ServerAlone::new(version);
        assert!(server.ask(&publish("0", Delivery::AtMostOnce)).is_empty());
        assert_eq!(server.ask(&qos1("1", 1, false)), ["PubAck 1"]);
        assert_eq!(server.ask(&qos2("2", 2, false)), ["PubRec 2"]);
    }
}

#[test]
fn mqtt_3_1_1__2_3_1_6_and_mqtt_5_0__2_2_1_5_each_answer_has_the_identifier_of_its_publish() {
    for version in VERSIONS {
        let mut client = ClientAlone::new(version);
        assert_eq!(client.ask(&qos1("1", 700, false)), ["PubAck 700"]);
        assert_eq!(client.ask(&qos2("2", 65_535, false)), ["PubRec 65535"]);
        assert_eq!(client.ask(&Packet::PubRel(Ack::new(id(65_535)))), ["PubComp 65535"]);
    }
}

#[test]
fn mqtt_5_0__4_3_2_3_a_publish_is_unacknowledged_until_its_puback() {
    for version in VERSIONS {
        let mut pair = Pair::connected(version);
        pair.server_takes = false;
        pair.publish("m", QoS::AtLeastOnce);
        pair.drive();
        assert_eq!(pair.client.in_flight(), 1);
        pair.server.acknowledge(pair.at_server[0].receipt.unwrap(), ReasonCode::Success, None);
        pair.drive();
        assert_eq!(pair.client.in_flight(), 0);
    }
}

#[test]
fn mqtt_5_0__4_3_3_3_and_mqtt_5_0__4_3_3_5_a_message_of_qos_2_is_in_flight_until_pubcomp() {
    for version in VERSIONS {
        let mut server = ServerAlone::new(version);
        server.queue("m", QoS::ExactlyOnce);
        assert_eq!(server.fetch_names(), ["Publish 1 m"]);
        assert_eq!(server.session.in_flight(), 1);
        assert_eq!(server.ask(&Packet::PubRec(Ack::new(id(1)))), ["PubRel 1"]);
        assert_eq!(server.session.in_flight(), 1);
        server.ask(&Packet::PubComp(Ack::new(id(1))));
        assert_eq!(server.session.in_flight(), 0);
    }
}

#[test]
fn mqtt_5_0__4_3_2_5_after_puback_the_same_identifier_is_a_new_message_whatever_its_dup() {
    for version in VERSIONS {
        let mut server = ServerAlone::new(version);
        for dup in [false, true, true] {
            assert!(server.give(&qos1("m", 5, dup)).is_some());
        }
        let mut client = ClientAlone::new(version);
        client.ask(&qos1("m", 5, false));
        assert!(client.give(&qos1("m", 5, true)).is_some());
    }
}

#[test]
fn mqtt_3_1_1__4_3_3_2_and_mqtt_5_0__4_3_3_10_and_mqtt_5_0__4_3_3_12_an_identifier_means_one_message_until_pubrel()
 {
    for version in VERSIONS {
        let mut server = ServerAlone::new(version);
        assert_eq!(server.ask(&qos2("m", 5, false)), ["PubRec 5"]);
        for dup in [true, false] {
            assert_eq!(server.give(&qos2("m", 5, dup)), None);
            assert_eq!(server.fetch_names(), ["PubRec 5"]);
        }
        assert_eq!(server.ask(&Packet::PubRel(Ack::new(id(5)))), ["PubComp 5"]);
        assert!(server.give(&qos2("next", 5, true)).is_some(), "after PUBCOMP it is a new message");
    }
}

#[test]
fn mqtt_5_0__4_3_3_9_after_a_refusing_pubrec_the_identifier_is_free() {
    let mut server = ServerAlone::new(mqtt_codec::Version::V5);
    let Some(crate::common::Meaning::Message(got)) = server.give(&qos2("m", 5, false)) else { panic!() };
    server.session.acknowledge(got.receipt.unwrap(), ReasonCode::QuotaExceeded, None);
    assert_eq!(server.fetch_names(), ["PubRec 5 0x97"]);
    assert_eq!(server.session.unreleased(), 0);
    assert!(server.give(&qos2("again", 5, false)).is_some());
}

#[test]
fn a_refusal_means_nothing_in_3_x_and_the_handshake_goes_on() {
    for version in &VERSIONS[..2] {
        let mut server = ServerAlone::new(*version);
        let Some(crate::common::Meaning::Message(got)) = server.give(&qos2("m", 5, false)) else { panic!() };
        server.session.acknowledge(got.receipt.unwrap(), ReasonCode::QuotaExceeded, None);
        assert_eq!(server.fetch_names(), ["PubRec 5"]);
        assert_eq!(server.give(&qos2("m", 5, true)), None);
    }
}

#[test]
fn mqtt_3_1_1__4_6_0_2_and_mqtt_3_1_1__4_6_0_3_and_mqtt_5_0__4_6_0_2_and_mqtt_5_0__4_6_0_3_answers_leave_in_the_order_of_their_messages()
 {
    for version in VERSIONS {
        let mut client = ClientAlone::new(version);
        let mut receipts = Vec::new();
        for packet in [qos1("a", 3, false), qos2("b", 1, false), qos1("c", 2, false), qos2("d", 9, false)] {
            let Some(crate::common::Meaning::Message(got)) = client.give(&packet) else { panic!() };
            receipts.push(got.receipt.unwrap());
        }
        for receipt in receipts.iter().skip(1).rev() {
            client.session.acknowledge(*receipt, ReasonCode::Success);
            assert!(client.fetch().is_empty(), "the first is not acknowledged");
        }
        client.session.acknowledge(receipts[0], ReasonCode::Success);
        assert_eq!(client.fetch_names(), ["PubAck 3", "PubRec 1", "PubAck 2", "PubRec 9"]);
    }
}

#[test]
fn mqtt_3_1_1__4_6_0_4_and_mqtt_5_0__4_6_0_4_pubrels_leave_in_the_order_of_the_pubrecs() {
    for version in VERSIONS {
        let mut client = ClientAlone::new(version);
        for _ in 0..3 {
            client.session.publish(client.now, message("m"), QoS::ExactlyOnce, false, None).unwrap();
        }
        client.fetch();
        for number in [3, 1, 2] {
            client.give(&Packet::PubRec(Ack::new(id(number))));
        }
        assert_eq!(client.fetch_names(), ["PubRel 3", "PubRel 1", "PubRel 2"]);
        // and again so on the next connection
        client.open();
        let mut connack = mqtt_codec::ConnAck::new(true, ReasonCode::Success);
        connack.session_present = true;
        assert_eq!(client.accept(&connack), ["PubRel 3", "PubRel 1", "PubRel 2"]);
    }
}

#[test]
fn messages_arrive_in_order_through_small_outputs_and_chunks_of_seven_bytes() {
    for version in VERSIONS {
        for qos in QoS::ALL {
            let mut pair = Pair::connected(version);
            for pipe in [&mut pair.to_client, &mut pair.to_server] {
                (pipe.room, pipe.chunk) = (11, 7);
            }
            let expected: Vec<String> = (0..50).map(|n| n.to_string()).collect();
            for payload in &expected {
                pair.publish(payload, qos);
                pair.deliver(payload, qos);
            }
            pair.drive();
            assert_eq!(payloads(&pair.at_server), expected);
            assert_eq!(payloads(&pair.at_client), expected);
            assert!(pair.is_at_rest());
        }
    }
}

#[test]
fn qos_0_written_directly_does_not_overtake_what_waits() {
    for version in VERSIONS {
        for before in ACKNOWLEDGED {
            let mut pair = Pair::connected(version);
            pair.to_client.room = 1;
            pair.deliver("fills the output", QoS::AtMostOnce);
            assert_eq!(pair.deliver("waits", before), Delivered::Queued);
            pair.to_client.room = usize::MAX;
            assert_eq!(pair.deliver("comes last", QoS::AtMostOnce), Delivered::Queued);
            pair.drive();
            assert_eq!(payloads(&pair.at_client), ["fills the output", "waits", "comes last"]);
        }
    }
}

#[test]
fn mqtt_5_0__4_4_0_2_a_refusal_ends_the_exchange() {
    let mut client = ClientAlone::new(mqtt_codec::Version::V5);
    for qos in ACKNOWLEDGED {
        client.session.publish(client.now, message("m"), qos, false, None).unwrap();
    }
    assert_eq!(client.fetch_names(), ["Publish 1 m", "Publish 2 m"]);
    assert!(client.ask(&Packet::PubAck(refusing(1))).is_empty());
    assert!(client.ask(&Packet::PubRec(refusing(2))).is_empty(), "no PUBREL follows");
    assert_eq!(client.session.in_flight(), 0);
    client.open();
    let mut connack = mqtt_codec::ConnAck::new(true, ReasonCode::Success);
    connack.session_present = true;
    assert!(client.accept(&connack).is_empty());
}

#[test]
fn a_large_payload_is_shared_with_the_output_and_a_small_one_copied() {
    for version in VERSIONS {
        let mut pair = Pair::connected(version);
        pair.deliver(&"s".repeat(mqtt_session::COPY_LIMIT), QoS::AtMostOnce);
        assert_eq!(pair.to_client.shared_payloads, 0);
        let large = "l".repeat(mqtt_session::COPY_LIMIT + 1);
        pair.deliver(&large, QoS::AtMostOnce);
        assert_eq!(pair.to_client.shared_payloads, 1);
        pair.publish(&large, QoS::ExactlyOnce);
        pair.drive();
        assert_eq!(pair.to_server.shared_payloads, 1);
        assert_eq!(payloads(&pair.at_server), [large.as_str()]);
    }
}

#[test]
fn one_form_of_a_message_serves_receivers_with_identifiers_of_their_own() {
    for version in VERSIONS {
        let kept = message("m");
        let mut scratch = Vec::new();
        let mut outbound = Outbound::kept(&kept, QoS::AtLeastOnce, false, None, &mut scratch);
        let matched = mqtt_session::Matched { qos: QoS::AtLeastOnce, retain: false, subscription_ids: &[] };
        for expected in ["Publish 1 m", "Publish 2 m"] {
            let mut server = ServerAlone::new(version);
            if expected == "Publish 2 m" {
                let mut scratch = Vec::new();
                let mut other = Outbound::kept(&kept, QoS::AtLeastOnce, false, None, &mut scratch);
                server.session.deliver(server.now, &mut other, &matched, Some(&mut Vec::new()));
            }
            let mut out = Vec::new();
            server.session.deliver(server.now, &mut outbound, &matched, Some(&mut out));
            let mut decoder = mqtt_codec::Decoder::client(version, u32::MAX);
            let (packet, _) = decoder.decode_next(&out).unwrap().unwrap();
            assert_eq!(names(&[packet.to_packet()]), [expected]);
        }
    }
}
