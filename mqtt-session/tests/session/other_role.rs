//! Statements that bind both roles, and that other files show for one of them: here for the other.

use std::num::NonZeroU16;

use mqtt_codec::{Ack, Packet, QoS, ReasonCode, Version};
use mqtt_session::{CloseReason, Violation};

use crate::common::{ClientAlone, Meaning, ServerAlone, VERSIONS, id, message, resuming, server_config};
use crate::delivery::{publish, qos1, qos2, refusing};

/// A server whose client has said that it takes two messages at a time.
fn server_of_two() -> ServerAlone {
    let mut connect = resuming(Version::V5);
    connect.properties.receive_maximum = NonZeroU16::new(2);
    let mut server = ServerAlone::attached(connect, server_config());
    server.fetch();
    server
}

fn is_message(meaning: Option<Meaning>) -> bool {
    matches!(meaning, Some(Meaning::Message(_)))
}

#[test]
fn mqtt_3_1_1__2_3_1_6_and_mqtt_5_0__2_2_1_5_each_answer_of_a_server_has_the_identifier_of_its_publish() {
    for version in VERSIONS {
        let mut server = ServerAlone::new(version);
        assert_eq!(server.ask(&qos1("a", 5, false)), ["PubAck 5"]);
        assert_eq!(server.ask(&qos2("b", 65_535, false)), ["PubRec 65535"]);
        assert_eq!(server.ask(&Packet::PubRel(Ack::new(id(65_535)))), ["PubComp 65535"]);
        server.queue("c", QoS::ExactlyOnce);
        assert_eq!(server.fetch_names(), ["Publish 1 c"]);
        assert_eq!(server.ask(&Packet::PubRec(Ack::new(id(1)))), ["PubRel 1"]);
    }
}

#[test]
fn mqtt_3_1_1__3_3_1_1_and_mqtt_3_1_1__4_4_0_1_and_mqtt_5_0__3_3_1_1_a_server_sends_again_with_dup() {
    for version in VERSIONS {
        let mut server = ServerAlone::new(version);
        for (payload, qos) in [("a", QoS::ExactlyOnce), ("b", QoS::AtLeastOnce), ("c", QoS::ExactlyOnce)] {
            server.queue(payload, qos);
        }
        assert_eq!(server.fetch_names(), ["Publish 1 a", "Publish 2 b", "Publish 3 c"]);
        server.ask(&Packet::PubRec(Ack::new(id(3))));
        assert!(server.attach());
        let again = ["ConnAck", "PubRel 3", "Publish 1 DUP a", "Publish 2 DUP b"];
        assert_eq!(server.fetch_names(), again);
    }
}

#[test]
fn mqtt_5_0__4_3_3_6_a_server_owes_only_pubrel_after_pubrec() {
    let mut server = ServerAlone::new(Version::V5);
    server.queue("m", QoS::ExactlyOnce);
    server.fetch();
    assert_eq!(server.ask(&Packet::PubRec(Ack::new(id(1)))), ["PubRel 1"]);
    for _ in 0..2 {
        server.attach();
        assert_eq!(server.fetch_names(), ["ConnAck", "PubRel 1"]);
    }
}

#[test]
fn mqtt_5_0__4_4_0_2_what_a_client_refuses_is_not_sent_again() {
    for refusal in [Packet::PubAck(refusing(1)), Packet::PubRec(refusing(1))] {
        let qos = if matches!(refusal, Packet::PubAck(_)) { QoS::AtLeastOnce } else { QoS::ExactlyOnce };
        let mut server = ServerAlone::new(Version::V5);
        server.queue("m", qos);
        server.fetch();
        assert!(server.ask(&refusal).is_empty());
        server.attach();
        assert_eq!(server.fetch_names(), ["ConnAck"]);
        assert_eq!(server.session.in_flight(), 0);
    }
}

#[test]
fn mqtt_5_0__4_9_0_1_and_mqtt_5_0__4_9_0_2_a_server_keeps_to_the_clients_receive_maximum() {
    for (qos, answer) in [
        (QoS::AtLeastOnce, Packet::PubAck(Ack::new(id(1)))),
        (QoS::AtLeastOnce, Packet::PubAck(refusing(1))),
        (QoS::ExactlyOnce, Packet::PubRec(refusing(1))),
    ] {
        let mut server = server_of_two();
        ["a", "b", "c", "d"].iter().for_each(|payload| _ = server.queue(payload, qos));
        assert_eq!(server.fetch_names(), ["Publish 1 a", "Publish 2 b"]);
        assert_eq!(server.ask(&answer), ["Publish 3 c"]);
        assert!(server.ask(&answer).iter().all(|sent| !sent.starts_with("Publish")), "it counts once");
    }
}

#[test]
fn mqtt_5_0__4_9_0_3_a_server_whose_quota_is_used_up_answers_all_the_same() {
    let mut server = server_of_two();
    ["a", "b", "c"].iter().for_each(|payload| _ = server.queue(payload, QoS::ExactlyOnce));
    assert_eq!(server.fetch_names(), ["Publish 1 a", "Publish 2 b"]);
    assert_eq!(server.ask(&Packet::PingReq), ["PingResp"]);
    assert_eq!(server.ask(&qos1("up", 9, false)), ["PubAck 9"]);
    assert_eq!(server.ask(&qos2("up", 10, false)), ["PubRec 10"]);
    assert_eq!(server.ask(&Packet::PubRel(Ack::new(id(10)))), ["PubComp 10"]);
    assert_eq!(server.ask(&Packet::PubRec(Ack::new(id(1)))), ["PubRel 1"]);
    assert_eq!(server.ask(&Packet::PubComp(Ack::new(id(1)))), ["Publish 3 c"]);
}

#[test]
fn mqtt_3_1_1__3_3_4_1_and_mqtt_5_0__3_3_4_1_the_answer_of_a_client_follows_the_qos() {
    for version in VERSIONS {
        let mut client = ClientAlone::new(version);
        assert!(client.ask(&publish("a", mqtt_codec::Delivery::AtMostOnce)).is_empty());
        assert_eq!(client.ask(&qos1("b", 1, false)), ["PubAck 1"]);
        assert_eq!(client.ask(&qos2("c", 2, false)), ["PubRec 2"]);
    }
}

#[test]
fn mqtt_3_1_1__4_3_3_2_and_mqtt_5_0__4_3_3_10_and_mqtt_5_0__4_3_3_12_a_client_is_given_an_identifier_once_until_pubrel()
 {
    for version in VERSIONS {
        let mut client = ClientAlone::new(version);
        assert_eq!(client.ask(&qos2("m", 1, false)), ["PubRec 1"]);
        for dup in [true, false] {
            assert!(!is_message(client.give(&qos2("m", 1, dup))), "DUP says nothing");
            assert_eq!(client.fetch_names(), ["PubRec 1"]);
        }
        assert_eq!(client.ask(&Packet::PubRel(Ack::new(id(1)))), ["PubComp 1"]);
        assert!(is_message(client.give(&qos2("another", 1, true))));
    }
}

#[test]
fn mqtt_5_0__4_3_3_3_and_mqtt_5_0__4_3_3_5_a_message_of_a_client_is_in_flight_until_pubcomp() {
    let mut client = ClientAlone::new(Version::V5);
    client.session.publish(client.now, message("m"), QoS::ExactlyOnce, false, None).unwrap();
    assert_eq!(client.fetch_names(), ["Publish 1 m"]);
    assert_eq!(client.session.in_flight(), 1);
    assert_eq!(client.ask(&Packet::PubRec(Ack::new(id(1)))), ["PubRel 1"]);
    assert_eq!(client.session.in_flight(), 1);
    client.ask(&Packet::PubComp(Ack::new(id(1))));
    assert_eq!(client.session.in_flight(), 0);
}

#[test]
fn mqtt_5_0__4_3_3_9_after_a_client_has_refused_the_identifier_means_another_message() {
    let mut client = ClientAlone::new(Version::V5);
    let Some(Meaning::Message(got)) = client.give(&qos2("m", 1, false)) else { panic!() };
    client.session.acknowledge(got.receipt.unwrap(), ReasonCode::QuotaExceeded);
    assert_eq!(client.fetch_names(), ["PubRec 1 0x97"]);
    assert!(is_message(client.give(&qos2("another", 1, false))));
}

#[test]
fn mqtt_3_1_1__4_8_0_1_and_mqtt_5_0__4_13_2_1_what_a_server_may_not_send_ends_its_connection() {
    for version in VERSIONS {
        let mut client = ClientAlone::new(version);
        assert_eq!(client.give(&Packet::PingReq), None);
        let wrong = Violation::WrongDirection(mqtt_codec::PacketType::PingReq);
        assert_eq!(client.session.close_reason(), Some(CloseReason::Violation(wrong)));
        let said: &[&str] = if version.is_v5() { &["Disconnect 0x82"] } else { &[] };
        assert_eq!(client.fetch_names(), said);
        assert_eq!(client.give(&qos1("late", 1, false)), None, "nothing more is taken");
    }
}
