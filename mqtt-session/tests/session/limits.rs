//! Maximum packet sizes, queues and identifiers that run out.

use std::num::NonZeroU32;
use std::sync::Arc;

use mqtt_codec::{
    ConnAck, Message, MessageProperties, Packet, QoS, ReasonCode, SubscriptionId, Text, Topic, Version,
};
use mqtt_session::{
    ClientConfig, ClientEvent, CloseReason, Delivered, DropReason, Overflow, PublishError, QueueLimits,
    ServerConfig, SubscribeError,
};

use crate::common::{
    ACKNOWLEDGED, ClientAlone, Pair, ServerAlone, VERSIONS, client_config, id, message, message_on, payloads,
    resuming, server_config, subscription,
};

/// A pair whose client takes packets of at most `maximum` bytes.
fn small_client(maximum: u32) -> Pair {
    let config = ClientConfig { maximum_packet_size: maximum, ..client_config() };
    let mut pair = Pair::with(Version::V5, config, server_config());
    pair.reconnect();
    pair.trace.clear();
    pair
}

#[test]
fn mqtt_5_0__3_1_2_24_and_mqtt_5_0__3_1_2_25_a_message_too_large_for_the_client_is_dropped_and_the_rest_goes_on()
 {
    for qos in QoS::ALL {
        let mut pair = small_client(100);
        let dropped = Delivered::Dropped(DropReason::TooLarge);
        assert_eq!(pair.deliver(&"x".repeat(100), qos), dropped);
        assert_eq!(pair.deliver("fits", qos), Delivered::Written);
        pair.drive();
        pair.cut();
        pair.deliver(&"x".repeat(100), qos);
        pair.deliver("fits too", qos);
        pair.reconnect();
        let expected: &[&str] = if qos == QoS::AtMostOnce { &["fits"] } else { &["fits", "fits too"] };
        assert_eq!(payloads(&pair.at_client), expected);
        assert_eq!(pair.server.drops().get(DropReason::TooLarge), 1 + u32::from(qos != QoS::AtMostOnce));
        assert!(pair.is_at_rest(), "no place of the window is lost");
    }
}

#[test]
fn a_packet_of_exactly_the_maximum_is_sent() {
    // fixed header 2, topic 2 + 5, identifier 2, properties 1
    for (len, expected) in [(88, Delivered::Written), (89, Delivered::Dropped(DropReason::TooLarge))] {
        let mut pair = small_client(100);
        assert_eq!(pair.deliver(&"x".repeat(len), QoS::AtLeastOnce), expected);
        pair.drive();
        assert!(pair.is_connected());
    }
}

#[test]
fn mqtt_5_0__3_2_2_15_a_message_too_large_for_the_server_is_dropped_and_told() {
    for qos in QoS::ALL {
        let config = ServerConfig { maximum_packet_size: 100, ..server_config() };
        let mut pair = Pair::with(Version::V5, client_config(), config);
        let ticket = pair.publish(&"x".repeat(100), qos);
        pair.publish("fits", qos);
        pair.client.subscribe(vec![subscription(&"f".repeat(100), qos)], None).unwrap();
        pair.reconnect();
        assert!(pair.events.contains(&ClientEvent::Dropped(ticket, PublishError::PacketTooLarge)));
        let failed = |event: &ClientEvent| {
            matches!(event, ClientEvent::RequestFailed(_, SubscribeError::PacketTooLarge))
        };
        assert!(pair.events.iter().any(failed));
        assert_eq!(payloads(&pair.at_server), ["fits"]);
        assert!(pair.is_at_rest());
    }
}

#[test]
fn the_clients_own_maximum_does_not_limit_what_it_sends() {
    let mut pair = small_client(100);
    pair.publish(&"x".repeat(1_000), QoS::AtMostOnce);
    pair.drive();
    assert_eq!(pair.at_server.len(), 1);
}

#[test]
fn a_message_that_was_sent_and_is_too_large_now_does_not_leave_its_identifier_to_another() {
    for qos in ACKNOWLEDGED {
        let mut server = ServerAlone::new(Version::V5);
        let large = message(&"x".repeat(200));
        let mut scratch = Vec::new();
        let mut outbound = mqtt_session::Outbound::kept(&large, qos, false, None, &mut scratch);
        let matched = mqtt_session::Matched { qos, retain: false, subscription_ids: &[] };
        server.session.deliver(server.now, &mut outbound, &matched, Some(&mut Vec::new()));
        server.connect.properties.maximum_packet_size = NonZeroU32::new(100);
        server.attach();
        let sent = server.fetch_names();
        match qos {
            QoS::ExactlyOnce => assert_eq!(sent, ["ConnAck", "PubRel 1"]),
            _ => assert_eq!(sent, ["ConnAck"]),
        }
        assert_eq!(server.session.drops().get(DropReason::TooLarge), 1);
        server.give(&Packet::PubComp(mqtt_codec::Ack::new(id(1))));
        assert_eq!(server.session.in_flight(), 0);
        assert_eq!(server.session.close_reason(), None);
    }
}

#[test]
fn mqtt_5_0__3_9_2_1_and_mqtt_5_0__3_11_2_1_an_answer_larger_than_the_client_takes_ends_the_connection() {
    for unsubscribe in [false, true] {
        let mut connect = resuming(Version::V5);
        connect.properties.maximum_packet_size = NonZeroU32::new(50);
        let mut server = ServerAlone::attached(connect, server_config());
        server.fetch();
        let answer = |server: &mut ServerAlone, count| {
            if unsubscribe {
                server.session.answer_unsubscribe(id(1), vec![ReasonCode::Success; count], None);
            } else {
                server.session.answer_subscribe(id(1), vec![ReasonCode::Success; count], None);
            }
            server.fetch_names()
        };
        assert_eq!(answer(&mut server, 45).len(), 1);
        assert_eq!(answer(&mut server, 46), ["Disconnect 0x95"]);
    }
}

#[test]
fn mqtt_5_0__3_2_2_19_and_mqtt_5_0__3_2_2_20_connack_fits_or_is_not_sent() {
    // what a client can do without is left out; what it must know is not
    let full = ServerAlone::new(Version::V5).config;
    for (maximum, expected) in [(1_000, true), (18, true), (12, false), (5, false)] {
        let mut connect = resuming(Version::V5);
        connect.properties.maximum_packet_size = NonZeroU32::new(maximum);
        let mut server = ServerAlone::attached(connect, full);
        let mut out = Vec::new();
        server.session.poll_transmit(server.now, &mut out);
        assert!(out.len() <= maximum as usize, "{maximum}: {out:?}");
        assert_eq!(!out.is_empty(), expected, "{maximum}");
        let refused = Some(CloseReason::Local(ReasonCode::PacketTooLarge));
        assert_eq!(server.session.close_reason(), if expected { None } else { refused });
    }
}

#[test]
fn mqtt_5_0__3_4_2_2_and_mqtt_5_0__3_4_2_3_and_mqtt_5_0__3_5_2_2_and_mqtt_5_0__3_5_2_3_and_mqtt_5_0__3_6_2_2_and_mqtt_5_0__3_6_2_3_and_mqtt_5_0__3_7_2_2_and_mqtt_5_0__3_7_2_3_and_mqtt_5_0__3_9_2_2_and_mqtt_5_0__3_11_2_2_and_mqtt_5_0__3_14_2_3_and_mqtt_5_0__3_14_2_4_answers_carry_no_property_and_so_fit_any_peer()
 {
    // the smallest packets there are, whatever the peer's own acknowledgements say
    let mut pair = small_client(18);
    pair.publish("1", QoS::AtLeastOnce);
    pair.publish("2", QoS::ExactlyOnce);
    pair.deliver("2", QoS::ExactlyOnce);
    pair.client.subscribe(vec![subscription("f", QoS::AtMostOnce)], None).unwrap();
    pair.client.unsubscribe(vec![crate::common::filter("f")]).unwrap();
    pair.drive();
    pair.client.disconnect(ReasonCode::UnspecifiedError);
    pair.drive();
    let lens: Vec<_> = pair
        .trace
        .iter()
        .filter(|(_, packet)| {
            !matches!(packet, Packet::Publish(_) | Packet::Subscribe(_) | Packet::Unsubscribe(_))
        })
        .map(|(_, packet)| packet.encoded_len(Version::V5).unwrap())
        .collect();
    assert_eq!(lens.len(), 10, "{:?}", pair.trace);
    assert!(lens.iter().all(|len| *len <= 6), "{lens:?}");
}

fn offline(limits: QueueLimits) -> Pair {
    let mut pair =
        Pair::with(Version::V5, client_config(), ServerConfig { queue: limits, ..server_config() });
    pair.reconnect();
    pair.cut();
    pair
}

#[test]
fn a_full_queue_refuses_the_newest_or_drops_the_oldest_as_told() {
    for (overflow, kept) in [(Overflow::DropNewest, ["0", "1"]), (Overflow::DropOldest, ["2", "3"])] {
        let mut pair = offline(QueueLimits { messages: 2, overflow, ..QueueLimits::default() });
        for n in 0..4 {
            pair.deliver(&n.to_string(), QoS::AtLeastOnce);
        }
        assert_eq!(pair.server.queued(), 2);
        assert_eq!(pair.server.drops().get(DropReason::QueueFull), 2);
        pair.reconnect();
        assert_eq!(payloads(&pair.at_client), kept);
    }
}

#[test]
fn the_queue_counts_bytes_and_is_not_emptied_for_a_message_that_never_fits() {
    for overflow in [Overflow::DropNewest, Overflow::DropOldest] {
        let mut pair = offline(QueueLimits { bytes: 20, overflow, ..QueueLimits::default() });
        assert_eq!(pair.deliver("12345", QoS::AtLeastOnce), Delivered::Queued);
        assert_eq!(pair.deliver("12345", QoS::AtLeastOnce), Delivered::Queued);
        assert_eq!(pair.server.held_bytes(), 20);
        let full = Delivered::Dropped(DropReason::QueueFull);
        assert_eq!(pair.deliver("1234567890123456", QoS::AtLeastOnce), full);
        assert_eq!(pair.server.queued(), 2);
        pair.reconnect();
        assert_eq!(pair.server.held_bytes(), 0);
    }
}

#[test]
fn properties_and_subscription_identifiers_fill_the_queue_as_well() {
    let mut pair = offline(QueueLimits { bytes: 10_000, ..QueueLimits::default() });
    let empty = Text::default();
    let mut message = Message::clone(&message(""));
    message.properties = Some(Box::new(MessageProperties {
        user_properties: vec![(empty.clone(), empty); 50],
        ..Default::default()
    }));
    let message = Arc::new(message);
    let ids = [SubscriptionId::new(1).unwrap(); 250];
    let deliver = |pair: &mut Pair| {
        let mut scratch = Vec::new();
        let mut outbound =
            mqtt_session::Outbound::kept(&message, QoS::AtLeastOnce, false, None, &mut scratch);
        let matched = mqtt_session::Matched { qos: QoS::AtLeastOnce, retain: false, subscription_ids: &ids };
        pair.server.deliver::<Vec<u8>>(pair.now, &mut outbound, &matched, None)
    };
    assert_eq!(deliver(&mut pair), Delivered::Queued);
    let one = pair.server.held_bytes();
    assert!(one > 50 * 64 + 250 * 4, "{one}");
    while deliver(&mut pair) == Delivered::Queued {}
    assert_eq!(pair.server.queued(), 10_000 / one);
}

#[test]
fn a_client_hears_of_messages_that_its_queue_does_not_keep() {
    let queue = QueueLimits { messages: 1, overflow: Overflow::DropOldest, ..QueueLimits::default() };
    let config = ClientConfig { queue, ..client_config() };
    let mut pair = Pair::with(Version::V5, config, server_config());
    let first = pair.publish("a", QoS::AtLeastOnce);
    pair.publish("b", QoS::AtLeastOnce);
    pair.drive();
    assert_eq!(pair.events, [ClientEvent::Dropped(first, PublishError::QueueFull)]);
    let config = ClientConfig { queue: QueueLimits { messages: 0, ..queue }, ..client_config() };
    let mut pair = Pair::with(Version::V5, config, server_config());
    let refused = pair.client.publish(pair.now, message("m"), QoS::AtMostOnce, false, None);
    assert_eq!(refused, Err(PublishError::QueueFull));
}

#[test]
fn qos_0_is_for_those_who_are_connected() {
    for version in VERSIONS {
        let mut pair = Pair::connected(version);
        pair.cut();
        let dropped = Delivered::Dropped(DropReason::Offline);
        assert_eq!(pair.deliver("m", QoS::AtMostOnce), dropped);
        pair.open();
        pair.step();
        pair.to_client.room = 0;
        assert_eq!(pair.deliver("waits", QoS::AtMostOnce), Delivered::Queued);
        pair.cut();
        assert_eq!(pair.server.queued(), 0);
        assert_eq!(pair.server.drops().get(DropReason::Offline), 2);
    }
}

#[test]
fn requests_are_limited() {
    let config = ClientConfig { requests: 1, ..client_config() };
    let mut pair = Pair::with(Version::V5, config, server_config());
    pair.client.subscribe(vec![subscription("a", QoS::AtMostOnce)], None).unwrap();
    let refused = pair.client.subscribe(vec![subscription("b", QoS::AtMostOnce)], None);
    assert_eq!(refused, Err(SubscribeError::QueueFull));
    pair.reconnect();
    assert!(pair.client.subscribe(vec![subscription("b", QoS::AtMostOnce)], None).is_ok());
}

#[test]
fn properties_count_towards_the_size() {
    let properties =
        MessageProperties { correlation_data: Some(vec![0; 90].into()), ..MessageProperties::default() };
    let message = Arc::new(Message {
        properties: Some(Box::new(properties)),
        ..Message::new(Topic::new("t").unwrap(), Vec::new())
    });
    let mut pair = small_client(100);
    let dropped = Delivered::Dropped(DropReason::TooLarge);
    assert_eq!(pair.deliver_message(&message, QoS::AtMostOnce, None), Delivered::Written);
    assert_eq!(pair.deliver_message(&message, QoS::AtLeastOnce, None), dropped);
    drop(pair);
    let mut client = ClientAlone::new(Version::V5);
    client.open();
    let mut connack = ConnAck::new(true, ReasonCode::Success);
    connack.properties.maximum_packet_size = NonZeroU32::new(50);
    client.session.publish(client.now, message, QoS::AtMostOnce, false, None).unwrap();
    assert!(client.accept(&connack).is_empty());
}

fn deliver_on(pair: &mut Pair, topic: &str, payload: &str, qos: QoS) -> Delivered {
    let message = message_on(topic, payload);
    let mut scratch = Vec::new();
    let mut outbound = mqtt_session::Outbound::kept(&message, qos, false, None, &mut scratch);
    let matched = mqtt_session::Matched { qos, retain: false, subscription_ids: &[] };
    pair.server.deliver::<Vec<u8>>(pair.now, &mut outbound, &matched, None)
}

#[test]
fn of_each_topic_only_the_newest_message_waits_where_that_is_wanted() {
    let overflow = Overflow::LatestPerTopic;
    let mut pair = offline(QueueLimits { messages: 3, overflow, ..QueueLimits::default() });
    for (topic, payload) in [("a", "1"), ("b", "2"), ("a", "3"), ("c", "4"), ("b", "5"), ("a", "6")] {
        assert_eq!(deliver_on(&mut pair, topic, payload, QoS::AtLeastOnce), Delivered::Queued);
    }
    assert_eq!(pair.server.queued(), 3);
    assert_eq!(pair.server.drops().get(DropReason::Replaced), 3);
    // a fourth topic, and then the first again
    deliver_on(&mut pair, "d", "7", QoS::ExactlyOnce);
    assert_eq!(pair.server.drops().get(DropReason::QueueFull), 1);
    deliver_on(&mut pair, "a", "8", QoS::AtLeastOnce);
    pair.reconnect();
    assert_eq!(payloads(&pair.at_client), ["4", "7", "8"]);
    assert_eq!(pair.server.drops().total(), 5);
    assert_eq!(pair.server.held_bytes(), 0);
}

#[test]
fn a_message_that_replaces_another_of_its_topic_stays_within_the_bytes() {
    let overflow = Overflow::LatestPerTopic;
    let mut pair = offline(QueueLimits { bytes: 30, overflow, ..QueueLimits::default() });
    for (topic, payload) in [("a", "1"), ("b", "2"), ("c", "3")] {
        deliver_on(&mut pair, topic, payload, QoS::AtLeastOnce);
    }
    deliver_on(&mut pair, "c", &"3".repeat(27), QoS::AtLeastOnce);
    assert_eq!(pair.server.held_bytes(), 30, "b and c");
    let full = Delivered::Dropped(DropReason::QueueFull);
    assert_eq!(deliver_on(&mut pair, "c", &"3".repeat(30), QoS::AtLeastOnce), full);
    pair.reconnect();
    assert_eq!(payloads(&pair.at_client), ["2", &"3".repeat(27)]);
}

#[test]
fn whose_queue_overflows_is_disconnected_where_that_is_wanted_and_goes_on_later() {
    let limits = QueueLimits { messages: 2, overflow: Overflow::Disconnect, ..QueueLimits::default() };
    let mut pair = offline(limits);
    let full = Delivered::Dropped(DropReason::QueueFull);
    for expected in [Delivered::Queued, Delivered::Queued, full] {
        assert_eq!(deliver_on(&mut pair, "t", "offline", QoS::AtLeastOnce), expected);
    }
    pair.reconnect();
    assert_eq!(pair.at_client.len(), 2);
    for expected in [Delivered::Queued, Delivered::Queued, full] {
        assert_eq!(pair.server.close_reason(), None);
        assert_eq!(deliver_on(&mut pair, "t", "online", QoS::AtLeastOnce), expected);
    }
    assert_eq!(pair.server.close_reason(), Some(CloseReason::Local(ReasonCode::QuotaExceeded)));
    pair.cut();
    pair.reconnect();
    assert_eq!(pair.at_client.len(), 4);
}

#[test]
fn below_a_ceiling_a_session_takes_what_it_can_and_keeps_what_it_has() {
    for (overflow, kept) in [(Overflow::DropNewest, "1"), (Overflow::DropOldest, "2")] {
        let mut pair = offline(QueueLimits { overflow, ..QueueLimits::default() });
        deliver_on(&mut pair, "t", "1", QoS::AtLeastOnce);
        let message = message_on("t", "2");
        let mut scratch = Vec::new();
        let mut outbound =
            mqtt_session::Outbound::kept(&message, QoS::AtLeastOnce, false, None, &mut scratch);
        let matched = mqtt_session::Matched { qos: QoS::AtLeastOnce, retain: false, subscription_ids: &[] };
        pair.server.deliver_within::<Vec<u8>>(3, pair.now, &mut outbound, &matched, None);
        assert_eq!(pair.server.queued(), 1);
        deliver_on(&mut pair, "t", "3", QoS::AtLeastOnce);
        pair.reconnect();
        assert_eq!(payloads(&pair.at_client), [kept, "3"]);
    }
}

#[test]
fn a_client_does_not_see_the_part_of_topics_that_is_hidden_from_it() {
    let mut pair = Pair::with(Version::V5, client_config(), server_config());
    pair.reconnect();
    pair.server.hide_prefix(5);
    for qos in QoS::ALL {
        pair.deliver_message(&message_on("here/t", "payload"), qos, None);
    }
    pair.drive();
    let topics: Vec<&str> = pair.at_client.iter().map(|got| got.topic.as_str()).collect();
    assert_eq!(topics, ["t"; 3]);
}
