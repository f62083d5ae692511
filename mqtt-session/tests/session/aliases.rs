//! Topic aliases live and die with their connection.

use std::num::NonZeroU16;

use mqtt_codec::{Packet, Publish, QoS, Version};
use mqtt_session::{ClientConfig, ServerConfig};

use crate::common::{Pair, Side, client_config, message_on, resuming, server_config};

/// Both sides use up to `out` aliases and take up to `taken`.
fn pair(version: Version, out: u16, taken: u16) -> Pair {
    let client = ClientConfig { outgoing_topic_aliases: out, topic_alias_maximum: taken, ..client_config() };
    let server = ServerConfig { outgoing_topic_aliases: out, topic_alias_maximum: taken, ..server_config() };
    let mut pair = Pair::with(version, client, server);
    pair.reconnect();
    pair.trace.clear();
    pair
}

fn talk(pair: &mut Pair, topics: &[&str], qos: QoS) {
    for topic in topics {
        pair.client.publish(pair.now, message_on(topic, "m"), qos, false, None).unwrap();
        pair.deliver_message(&message_on(topic, "m"), qos, None);
    }
    pair.drive();
}

/// The topics that one side got.
fn topics(pair: &Pair, at: Side) -> Vec<&str> {
    let got = if at == Side::Client { &pair.at_client } else { &pair.at_server };
    got.iter().map(|got| got.topic.as_str()).collect()
}

/// What each side puts on the wire for these topics, in bytes.
fn wire(out: u16, taken: u16, repeated: usize) -> (usize, usize) {
    let topic = "a/rather/long/topic/name";
    let mut pair = pair(Version::V5, out, taken);
    let mut sizes = (0, 0);
    for _ in 0..repeated {
        pair.client.publish(pair.now, message_on(topic, "m"), QoS::AtMostOnce, false, None).unwrap();
        let mut bytes = Vec::new();
        pair.client.poll_transmit(pair.now, &mut bytes);
        sizes.0 += bytes.len();
        let mut bytes = Vec::new();
        let kept = message_on(topic, "m");
        let mut scratch = Vec::new();
        let mut outbound = mqtt_session::Outbound::kept(&kept, QoS::AtMostOnce, false, None, &mut scratch);
        let matched = mqtt_session::Matched { qos: QoS::AtMostOnce, retain: false, subscription_ids: &[] };
        pair.server.deliver(pair.now, &mut outbound, &matched, Some(&mut bytes));
        pair.server.poll_transmit(pair.now, &mut bytes);
        sizes.1 += bytes.len();
    }
    sizes
}

#[test]
fn mqtt_5_0__3_1_2_26_and_mqtt_5_0__3_2_2_17_and_mqtt_5_0__3_3_2_9_and_mqtt_5_0__3_3_2_11_no_alias_above_the_peers_maximum()
 {
    // the real decoder of the peer refuses an alias above what it announced
    for qos in QoS::ALL {
        for taken in 1..4 {
            let mut pair = pair(Version::V5, 10, taken);
            let expected = ["a", "b", "c", "d", "a", "b", "c", "d", "a"];
            talk(&mut pair, &expected, qos);
            assert!(pair.is_connected(), "{:?} {:?}", pair.client_closed, pair.server_closed);
            assert_eq!(topics(&pair, Side::Client), expected);
            assert_eq!(topics(&pair, Side::Server), expected);
        }
    }
}

#[test]
fn mqtt_5_0__3_1_2_27_and_mqtt_5_0__3_2_2_18_no_alias_for_a_peer_that_takes_none() {
    let plain = wire(0, 0, 5);
    assert_eq!(wire(10, 0, 5), plain);
    let aliased = wire(10, 10, 5);
    assert!(aliased.0 < plain.0 && aliased.1 < plain.1, "{aliased:?} {plain:?}");
}

#[test]
fn mqtt_5_0__3_3_2_7_an_alias_dies_with_its_connection() {
    for qos in QoS::ALL {
        let mut pair = pair(Version::V5, 5, 5);
        talk(&mut pair, &["a", "b", "a"], qos);
        pair.reconnect();
        pair.at_client.clear();
        pair.at_server.clear();
        talk(&mut pair, &["b", "a", "b"], qos);
        assert!(pair.is_connected());
        assert_eq!(topics(&pair, Side::Client), ["b", "a", "b"]);
        assert_eq!(topics(&pair, Side::Server), ["b", "a", "b"]);
    }
}

#[test]
fn a_message_sent_again_has_its_topic_in_full_at_its_first_use() {
    for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
        let mut pair = pair(Version::V5, 5, 5);
        (pair.client_takes, pair.server_takes) = (false, false);
        talk(&mut pair, &["a", "a"], qos);
        (pair.client_takes, pair.server_takes) = (true, true);
        pair.cut();
        pair.at_client.clear();
        pair.at_server.clear();
        pair.reconnect();
        assert!(pair.is_connected());
        if qos == QoS::AtLeastOnce {
            assert_eq!(topics(&pair, Side::Client), ["a", "a"]);
            assert_eq!(topics(&pair, Side::Server), ["a", "a"]);
        }
    }
}

#[test]
fn mqtt_5_0__3_3_2_10_and_mqtt_5_0__3_3_2_12_every_alias_up_to_the_announced_maximum_is_taken() {
    let mut pair = pair(Version::V5, 20, 20);
    let names: Vec<String> = (0..20).map(|n| format!("topic/{n}")).collect();
    let names: Vec<&str> = names.iter().chain(&names).map(String::as_str).collect();
    talk(&mut pair, &names, QoS::AtMostOnce);
    assert!(pair.is_connected());
    assert_eq!(topics(&pair, Side::Client), names);
    assert_eq!(topics(&pair, Side::Server), names);
}

#[test]
fn an_alias_does_not_make_a_packet_larger_than_the_peer_takes() {
    let mut pair = pair(Version::V5, 5, 5);
    pair.connect = resuming(Version::V5);
    let config = ClientConfig { maximum_packet_size: 60, topic_alias_maximum: 5, ..client_config() };
    let mut small = Pair::with(Version::V5, config, pair.server_config);
    small.reconnect();
    // 2 of fixed header, 2 + 5 of topic, 1 of property length; an alias takes 3 more
    for len in 45..=50 {
        small.deliver(&"x".repeat(len), QoS::AtMostOnce);
        small.drive();
        assert!(small.is_connected(), "{len}: {:?}", small.client_closed);
    }
    assert_eq!(small.at_client.len(), 6);
}

#[test]
fn there_are_no_aliases_in_3_x() {
    for version in [Version::V3_1, Version::V3_1_1] {
        let mut pair = pair(version, 5, 5);
        talk(&mut pair, &["a", "a"], QoS::AtLeastOnce);
        assert_eq!(topics(&pair, Side::Client), ["a", "a"]);
        assert_eq!(topics(&pair, Side::Server), ["a", "a"]);
    }
}

#[test]
fn the_alias_of_a_publisher_does_not_reach_a_subscriber() {
    let mut scratch = Vec::new();
    let publish = Publish {
        message: message_on("a", "m"),
        delivery: mqtt_codec::Delivery::AtMostOnce,
        retain: false,
        expiry: None,
        alias: NonZeroU16::new(3),
        subscription_ids: Vec::new(),
    };
    let view = publish.view();
    let mut outbound = mqtt_session::Outbound::new(&view, None, &mut scratch);
    let mut server = crate::common::ServerAlone::new(Version::V5);
    let matched = mqtt_session::Matched { qos: QoS::AtMostOnce, retain: false, subscription_ids: &[] };
    let mut out = Vec::new();
    server.session.deliver(server.now, &mut outbound, &matched, Some(&mut out));
    let mut decoder = mqtt_codec::Decoder::client(Version::V5, u32::MAX);
    let (packet, _) = decoder.decode_next(&out).unwrap().unwrap();
    let Packet::Publish(sent) = packet.to_packet() else { panic!() };
    assert_eq!((sent.alias, sent.message.topic.as_str()), (None, "a"));
}
