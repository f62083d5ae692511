//! Bytes that a session holds: what waits, and what is in flight until the peer says that it has it.

use mqtt_codec::{Packet, QoS, ReasonCode, Version};
use mqtt_session::{
    CleanStart, ClientConfig, ClientSession, Delivered, DropReason, Matched, Outbound, Overflow, QueueLimits,
    ServerConfig,
};

use crate::common::{ACKNOWLEDGED, Pair, ServerAlone, client_config, id, message, payloads, server_config};

/// Five bytes of topic and as many of payload count ten.
fn holding(bytes: usize, overflow: Overflow, store: bool) -> Pair {
    let queue = QueueLimits { bytes, overflow, ..QueueLimits::default() };
    let client = ClientConfig { queue, ..client_config() };
    let mut pair = Pair::with(Version::V5, client, ServerConfig { queue, store, ..server_config() });
    pair.reconnect();
    pair.client_takes = false;
    pair.server_takes = false;
    pair
}

#[test]
fn what_is_in_flight_counts_against_the_bytes_and_is_never_dropped() {
    for (qos, store) in [(QoS::AtLeastOnce, false), (QoS::ExactlyOnce, false), (QoS::ExactlyOnce, true)] {
        for (overflow, waits) in [(Overflow::DropNewest, "third"), (Overflow::DropOldest, "after")] {
            let mut pair = holding(30, overflow, store);
            for payload in ["first", "secon"] {
                assert!(!matches!(pair.deliver(payload, qos), Delivered::Dropped(_)));
                pair.drive();
            }
            assert_eq!((pair.server.queued(), pair.server.held_bytes()), (0, 20));
            pair.to_client.room = 0;
            assert_eq!(pair.deliver("third", qos), Delivered::Queued);
            pair.deliver("after", qos);
            assert_eq!((pair.server.queued(), pair.server.held_bytes()), (1, 30));
            let full = Delivered::Dropped(DropReason::QueueFull);
            assert_eq!(pair.deliver("too long beside what is in flight", qos), full);
            assert_eq!((pair.server.queued(), pair.server.held_bytes()), (1, 30));
            pair.to_client.room = usize::MAX;
            pair.drive();
            assert_eq!(pair.deliver("fifth", qos), full, "also one that could be written at once");
            assert_eq!(pair.server.drops().get(DropReason::QueueFull), 3);
            pair.client_takes = true;
            pair.reconnect();
            let got = payloads(&pair.at_client);
            assert!(["first", "secon", waits].iter().all(|payload| got.contains(payload)), "{got:?}");
            assert_eq!(pair.server.in_flight(), usize::from(qos == QoS::ExactlyOnce) * 3);
        }
    }
}

#[test]
fn what_the_peer_has_leaves_its_bytes_to_others() {
    let mut server = ServerAlone::new(Version::V5);
    server.config.queue.bytes = 10;
    server.attach();
    server.fetch();
    let deliver = |server: &mut ServerAlone, qos| {
        let kept = message("12345");
        let mut scratch = Vec::new();
        let mut outbound = Outbound::kept(&kept, qos, false, None, &mut scratch);
        let matched = Matched { qos, retain: false, subscription_ids: &[] };
        server.session.deliver(server.now, &mut outbound, &matched, Some(&mut Vec::new()))
    };
    let full = Delivered::Dropped(DropReason::QueueFull);
    for (qos, number, answer) in [
        (QoS::AtLeastOnce, 1, Packet::PubAck as fn(_) -> _),
        (QoS::ExactlyOnce, 2, Packet::PubRec),
        (QoS::AtLeastOnce, 3, Packet::PubAck),
    ] {
        assert_eq!(deliver(&mut server, qos), Delivered::Written);
        assert_eq!(deliver(&mut server, qos), full);
        assert_eq!(deliver(&mut server, QoS::AtMostOnce), Delivered::Written, "nothing of it is kept");
        assert_eq!(server.session.held_bytes(), 10);
        server.give(&answer(mqtt_codec::Ack::new(id(number))));
        assert_eq!(server.session.held_bytes(), 0);
    }
}

#[test]
fn held_bytes_are_given_back_over_resumed_new_and_forgotten_sessions() {
    for qos in ACKNOWLEDGED {
        for lost in [false, true] {
            let mut pair = holding(100, Overflow::DropNewest, false);
            for n in 10_000..10_004 {
                pair.publish(&n.to_string(), qos);
                pair.deliver(&n.to_string(), qos);
            }
            pair.drive();
            assert_eq!((pair.client.held_bytes(), pair.server.held_bytes()), (40, 40));
            pair.cut();
            assert_eq!((pair.client.held_bytes(), pair.server.held_bytes()), (40, 40));
            if lost {
                pair.lose_server();
            }
            pair.reconnect();
            assert_eq!(pair.client.held_bytes(), 40, "what the server forgot is a new message");
            assert_eq!(pair.server.held_bytes(), if lost { 0 } else { 40 });
            pair.cut();
            (pair.client_takes, pair.server_takes) = (true, true);
            for receipt in pair.at_client.iter().filter_map(|got| got.receipt) {
                pair.client.acknowledge(receipt, ReasonCode::Success);
            }
            for receipt in pair.at_server.iter().filter_map(|got| got.receipt) {
                pair.server.acknowledge(receipt, ReasonCode::Success, None);
            }
            pair.reconnect();
            assert!(pair.is_at_rest(), "{qos:?} {lost}: {:?} {:?}", pair.client, pair.server);
        }
    }
    let mut pair = holding(100, Overflow::DropNewest, false);
    pair.deliver("m", QoS::AtLeastOnce);
    pair.cut();
    pair.connect.clean_start = true;
    let clean = ClientConfig { clean_start: CleanStart::Always, ..client_config() };
    pair.client = ClientSession::new(Version::V5, clean);
    pair.reconnect();
    assert_eq!(pair.server.held_bytes(), 0);
}
