//! Receive Maximum in both directions.

use mqtt_codec::{Ack, ConnAck, Packet, QoS, ReasonCode, Version};
use mqtt_session::{ClientConfig, CloseReason, Delivered, QueueLimits, ServerConfig, Violation};

use crate::common::{
    ACKNOWLEDGED, ClientAlone, Meaning, Pair, ServerAlone, Side, VERSIONS, client_config, id, message,
    nonzero, payloads, resuming, server_config, subscription,
};
use crate::delivery::{qos1, qos2, refusing};

/// A client whose server takes two messages at once.
fn client_of_two() -> ClientAlone {
    let mut client = ClientAlone::opened(resuming(Version::V5), client_config());
    client.accept(&connack_of(2));
    client
}

fn connack_of(receive_maximum: u16) -> ConnAck {
    let mut connack = ConnAck::new(false, ReasonCode::Success);
    connack.properties.receive_maximum = Some(nonzero(receive_maximum));
    connack
}

fn publish_all(client: &mut ClientAlone, qos: QoS, payloads: &[&str]) {
    for payload in payloads {
        client.session.publish(client.now, message(payload), qos, false, None).unwrap();
    }
}

#[test]
fn mqtt_5_0__3_3_4_7_and_mqtt_5_0__4_9_0_1_and_mqtt_5_0__4_9_0_2_a_client_keeps_to_the_servers_receive_maximum()
 {
    for (qos, answer) in [
        (QoS::AtLeastOnce, Packet::PubAck(Ack::new(id(1)))),
        (QoS::AtLeastOnce, Packet::PubAck(refusing(1))),
        (QoS::ExactlyOnce, Packet::PubRec(refusing(1))),
    ] {
        let mut client = client_of_two();
        publish_all(&mut client, qos, &["a", "b", "c", "d"]);
        assert_eq!(client.fetch_names(), ["Publish 1 a", "Publish 2 b"]);
        assert_eq!(client.ask(&answer), ["Publish 3 c"]);
        assert!(client.ask(&answer).iter().all(|sent| !sent.starts_with("Publish")), "it counts once");
    }
}

#[test]
fn mqtt_5_0__4_9_0_2_qos_2_holds_its_place_until_pubcomp() {
    let mut client = client_of_two();
    publish_all(&mut client, QoS::ExactlyOnce, &["a", "b", "c"]);
    client.fetch();
    assert_eq!(client.ask(&Packet::PubRec(Ack::new(id(1)))), ["PubRel 1"]);
    assert_eq!(client.ask(&Packet::PubRec(Ack::new(id(1)))), ["PubRel 1"], "again, and no place is free");
    assert_eq!(client.ask(&Packet::PubComp(Ack::new(id(1)))), ["Publish 3 c"]);
    assert!(client.ask(&Packet::PubComp(Ack::new(id(1)))).is_empty());
}

#[test]
fn mqtt_5_0__3_3_4_8_and_mqtt_5_0__4_9_0_3_a_full_window_holds_back_publishes_only() {
    let mut client = client_of_two();
    publish_all(&mut client, QoS::ExactlyOnce, &["a", "b", "c"]);
    client.fetch();
    client.session.subscribe(vec![subscription("f", QoS::AtMostOnce)], None).unwrap();
    assert_eq!(client.fetch_names(), ["Subscribe 3"]);
    assert_eq!(client.ask(&qos1("down", 9, false)), ["PubAck 9"]);
    assert_eq!(client.ask(&qos2("down", 8, false)), ["PubRec 8"]);
    assert_eq!(client.ask(&Packet::PubRel(Ack::new(id(8)))), ["PubComp 8"]);
    assert_eq!(client.ask(&Packet::PubRec(Ack::new(id(2)))), ["PubRel 2"]);
}

#[test]
fn mqtt_5_0__3_3_4_9_and_mqtt_5_0__3_3_4_10_a_server_keeps_to_the_clients_receive_maximum() {
    for qos in ACKNOWLEDGED {
        let config = ClientConfig { receive_maximum: nonzero(3), ..client_config() };
        let mut pair = Pair::with(Version::V5, config, server_config());
        pair.client_takes = false;
        pair.reconnect();
        for n in 0..10 {
            pair.deliver(&n.to_string(), qos);
        }
        pair.client.subscribe(vec![subscription("f", qos)], None).unwrap();
        pair.publish("up", QoS::ExactlyOnce);
        pair.drive();
        assert_eq!(pair.at_client.len(), 3);
        assert_eq!(pair.server.in_flight(), 3);
        assert_eq!(payloads(&pair.at_server), ["up"]);
        assert!(pair.sent_by(Side::Server).iter().any(|sent| sent.starts_with("SubAck")));
        assert!(pair.client.is_receive_window_full());
        while let Some(receipt) = pair.client.oldest_receipt() {
            pair.client.acknowledge(receipt, ReasonCode::Success);
            pair.drive();
        }
        assert_eq!(payloads(&pair.at_client), ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
        assert!(pair.is_at_rest());
    }
}

#[test]
fn a_new_connection_begins_with_what_is_still_open() {
    for qos in ACKNOWLEDGED {
        let mut client = client_of_two();
        publish_all(&mut client, qos, &["a", "b", "c", "d"]);
        client.fetch();
        if qos == QoS::ExactlyOnce {
            client.ask(&Packet::PubRec(Ack::new(id(1))));
        }
        for _ in 0..3 {
            client.open();
            let sent = client.accept(&ConnAck { session_present: true, ..connack_of(2) });
            let expected = match qos {
                QoS::ExactlyOnce => ["PubRel 1", "Publish 2 DUP b"],
                _ => ["Publish 1 DUP a", "Publish 2 DUP b"],
            };
            assert_eq!(sent, expected);
        }
        let done = match qos {
            QoS::ExactlyOnce => Packet::PubComp(Ack::new(id(1))),
            _ => Packet::PubAck(Ack::new(id(1))),
        };
        assert_eq!(client.ask(&done), ["Publish 3 c"]);
    }
}

#[test]
fn more_pubrels_than_the_new_window_do_not_stop_it_for_ever() {
    let mut client = client_of_two();
    publish_all(&mut client, QoS::ExactlyOnce, &["a", "b", "c"]);
    client.fetch();
    for number in [1, 2] {
        client.ask(&Packet::PubRec(Ack::new(id(number))));
    }
    client.open();
    let sent = client.accept(&ConnAck { session_present: true, ..connack_of(1) });
    assert_eq!(sent, ["PubRel 1", "PubRel 2"]);
    assert!(client.ask(&Packet::PubComp(Ack::new(id(1)))).is_empty());
    assert_eq!(client.ask(&Packet::PubComp(Ack::new(id(2)))), ["Publish 3 c"]);
}

#[test]
fn the_own_window_limits_what_is_sent_to_a_peer_that_allows_more() {
    for version in VERSIONS {
        let queue = QueueLimits { window: nonzero(1), ..QueueLimits::default() };
        let mut pair = Pair::with(version, ClientConfig { queue, ..client_config() }, server_config());
        pair.server_takes = false;
        pair.reconnect();
        pair.publish("a", QoS::AtLeastOnce);
        pair.publish("b", QoS::AtLeastOnce);
        pair.drive();
        assert_eq!((pair.client.in_flight(), pair.client.queued()), (1, 1));
    }
}

/// A server that takes two messages at once, and has two.
fn full_server() -> ServerAlone {
    let config = ServerConfig { receive_maximum: nonzero(2), ..server_config() };
    let mut server = ServerAlone::attached(resuming(Version::V5), config);
    server.fetch();
    assert_eq!(server.ask(&qos2("a", 1, false)), ["PubRec 1"]);
    assert_eq!(server.ask(&qos2("b", 2, false)), ["PubRec 2"]);
    server
}

#[test]
fn a_client_that_exceeds_the_receive_maximum_is_disconnected_with_0x93() {
    for packet in [qos1("c", 3, false), qos2("c", 3, false)] {
        let mut server = full_server();
        assert_eq!(server.ask(&packet), ["Disconnect 0x93"]);
        let violation = CloseReason::Violation(Violation::ReceiveMaximumExceeded);
        assert_eq!(server.session.close_reason(), Some(violation));
    }
    for packet in [qos1("c", 3, false), qos2("c", 3, false)] {
        let config = ClientConfig { receive_maximum: nonzero(1), ..client_config() };
        let mut client = ClientAlone::opened(resuming(Version::V5), config);
        client.accept(&connack_of(1));
        client.give(&qos1("not taken", 1, false));
        assert_eq!(client.ask(&packet), ["Disconnect 0x93"]);
    }
}

#[test]
fn the_count_of_open_messages_goes_down_with_pubcomp_puback_and_refusals_and_not_up_with_repetitions() {
    let mut server = full_server();
    assert_eq!(server.ask(&qos2("b", 2, true)), ["PubRec 2"], "a repetition is no other message");
    server.ask(&Packet::PubRel(Ack::new(id(1))));
    for _ in 0..5 {
        assert_eq!(server.ask(&qos1("c", 3, false)), ["PubAck 3"]);
    }
    for number in 10..15 {
        let Some(Meaning::Message(got)) = server.give(&qos2("d", number, false)) else { panic!() };
        server.session.acknowledge(got.receipt.unwrap(), ReasonCode::QuotaExceeded, None);
        server.fetch();
    }
    assert_eq!(server.session.close_reason(), None);
}

#[test]
fn a_resumed_connection_counts_from_nothing_and_repetitions_within_it_once() {
    let mut server = full_server();
    server.attach();
    server.fetch();
    for number in [1, 2, 1, 2] {
        assert_eq!(server.ask(&qos2("again", number, true)), [format!("PubRec {number}")]);
    }
    assert_eq!(server.ask(&qos2("too many", 3, false)), ["Disconnect 0x93"]);
}

#[test]
fn in_3_x_no_client_can_exceed_what_was_never_said() {
    for version in [Version::V3_1, Version::V3_1_1] {
        let config = ServerConfig { receive_maximum: nonzero(1), ..server_config() };
        let mut server = ServerAlone::attached(resuming(version), config);
        for number in 1..100 {
            assert!(server.give(&qos1("m", number, false)).is_some());
        }
        assert_eq!(server.session.close_reason(), None);
    }
}

#[test]
fn one_message_that_is_never_acknowledged_does_not_hold_the_memory_of_the_others() {
    let mut server = ServerAlone::new(Version::V5);
    let kept = message("m");
    let mut out = Vec::new();
    for _ in 0..40_000 {
        let mut scratch = Vec::new();
        let mut outbound = mqtt_session::Outbound::kept(&kept, QoS::AtLeastOnce, false, None, &mut scratch);
        let matched = mqtt_session::Matched { qos: QoS::AtLeastOnce, retain: false, subscription_ids: &[] };
        out.clear();
        let delivered = server.session.deliver(server.now, &mut outbound, &matched, Some(&mut out));
        drop(outbound);
        assert_eq!(delivered, Delivered::Written);
        let number = u16::from_be_bytes([out[9], out[10]]);
        if number != 1 {
            server.give(&Packet::PubAck(Ack::new(id(number))));
        }
        assert!(std::sync::Arc::strong_count(&kept) <= 2);
    }
    assert_eq!(server.session.in_flight(), 1);
    assert_eq!(server.ask(&Packet::PubAck(Ack::new(id(1)))), [""; 0]);
    assert_eq!(server.session.in_flight(), 0);
}

/// A place that an exchange of the lost session had taken would be missing for ever.
#[test]
fn a_session_that_begins_anew_has_all_its_places() {
    for version in [Version::V3_1_1, Version::V5] {
        let config = ClientConfig {
            queue: QueueLimits { window: nonzero(1), ..QueueLimits::default() },
            ..client_config()
        };
        let mut client = ClientAlone::opened(resuming(version), config);
        client.accept(&ConnAck::new(false, ReasonCode::Success));
        publish_all(&mut client, QoS::ExactlyOnce, &["a", "b"]);
        assert_eq!(client.fetch_names(), ["Publish 1 a"]);
        assert_eq!(client.ask(&Packet::PubRec(Ack::new(id(1)))), ["PubRel 1"]);
        client.open();
        let sent = client.accept(&ConnAck::new(false, ReasonCode::Success));
        assert_eq!(sent.len(), 1, "{sent:?}");
        assert!(sent[0].starts_with("Publish") && sent[0].ends_with('b'), "{sent:?}");
    }
}
