//! Messages that are published to `$delayed/SECONDS/TOPIC`, in virtual time.

mod sim;

use std::sync::Arc;
use std::time::Duration;

use mqtt_broker::config::Terms;
use mqtt_broker::core::access::parse_mosquitto;
use mqtt_broker::core::{ConnectionId, Counter};
use mqtt_broker::store::{MemoryStore, WallTime};
use mqtt_codec::{Packet, QoS, ReasonCode, Version};
use sim::Sim;
use sim::packets::{
    ALL_QOS, VERSIONS, answers, connect, connect_kept, payloads, publish, publishes, retain_qos1, subscribe,
};

const SECOND: Duration = Duration::from_secs(1);

/// A broker with a reader of everything.
fn with_reader(qos: QoS) -> (Sim, ConnectionId, ConnectionId) {
    let mut sim = Sim::new(2);
    let reader = sim.connect(connect(Version::V5, "reader"));
    sim.send(reader, &[subscribe(&["#"], qos)]);
    sim.receive(reader);
    let writer = sim.connect(connect(Version::V5, "writer"));
    sim.receive(writer);
    (sim, reader, writer)
}

/// The reason of the one PUBACK that a client has got.
fn puback(packets: &[Packet]) -> ReasonCode {
    match packets {
        [Packet::PubAck(puback)] => puback.reason,
        other => panic!("no PUBACK: {other:?}"),
    }
}

#[test]
fn a_delayed_message_is_acknowledged_at_once_and_comes_in_its_time() {
    for version in VERSIONS {
        for qos in ALL_QOS {
            let (mut sim, reader, _) = with_reader(qos);
            let writer = sim.connect(connect(version, "another"));
            sim.receive(writer);
            sim.send(writer, &[publish("$delayed/5/a/b", "later", qos, 1)]);
            let got = sim.receive(writer);
            assert_eq!(got.is_empty(), qos == QoS::AtMostOnce);
            sim.send(writer, &answers(&got));
            sim.advance(4 * SECOND);
            assert_eq!(sim.take_all(reader), [""; 0]);
            assert_eq!(sim.hub.delayed().0, 1);
            sim.advance(SECOND);
            let got = sim.receive(reader);
            assert_eq!(payloads(&got), ["later"]);
            let publish = publishes(&got).next().unwrap();
            assert_eq!((publish.message.topic.as_str(), publish.delivery.qos()), ("a/b", qos));
            assert_eq!(sim.hub.delayed(), (0, 0));
        }
    }
}

#[test]
fn messages_come_by_their_time_and_those_of_the_same_time_in_their_order() {
    let (mut sim, reader, writer) = with_reader(QoS::AtLeastOnce);
    for (number, seconds) in [(1, 3), (2, 1), (3, 3), (4, 0), (5, 2)] {
        let topic = format!("$delayed/{seconds}/t");
        sim.send(writer, &[publish(&topic, number.to_string(), QoS::AtLeastOnce, number)]);
    }
    sim.advance(Duration::ZERO);
    assert_eq!(sim.take_all(reader), ["4"]);
    for expected in [&["2"][..], &["5"], &["1", "3"]] {
        sim.advance(SECOND);
        assert_eq!(sim.take_all(reader), expected);
    }
}

#[test]
fn what_is_no_delay_is_refused_and_so_is_what_is_too_much() {
    let mut sim = Sim::with(1, |config| {
        config.limits.delayed_messages = 2;
        config.limits.delayed_bytes = 100;
        config.limits.delay_maximum = 60 * SECOND;
    });
    let writer = sim.connect(connect(Version::V5, "writer"));
    sim.receive(writer);
    let mut refused = |topic: &str, payload: usize| {
        sim.send(writer, &[publish(topic, vec![b'x'; payload], QoS::AtLeastOnce, 1)]);
        puback(&sim.receive(writer))
    };
    for topic in ["$delayed/x/t", "$delayed/5", "$delayed/5/", "$delayed/1/$delayed/1/t"] {
        assert_eq!(refused(topic, 1), ReasonCode::TopicNameInvalid, "{topic}");
    }
    assert_eq!(refused("$delayed/1/$SYS/t", 1), ReasonCode::NotAuthorized);
    assert_eq!(refused("$delayed/61/t", 1), ReasonCode::QuotaExceeded);
    assert_eq!(refused("$delayed/60/t", 100), ReasonCode::QuotaExceeded);
    assert_eq!(refused("$delayed/60/t", 1), ReasonCode::Success);
    assert_eq!(refused("$delayed/60/t", 1), ReasonCode::Success);
    assert_eq!(refused("$delayed/60/t", 1), ReasonCode::QuotaExceeded);
    assert_eq!(sim.count(Counter::DelayedRefused), 3);
    assert_eq!(sim.count(Counter::PublishRefused), 8);
}

#[test]
fn a_delayed_message_expires_as_one_that_is_not() {
    let (mut sim, reader, writer) = with_reader(QoS::AtLeastOnce);
    for (topic, expiry) in [("$delayed/5/early", 5), ("$delayed/5/late", 8)] {
        let Packet::Publish(mut packet) = publish(topic, "", QoS::AtLeastOnce, 1) else { unreachable!() };
        packet.expiry = Some(mqtt_codec::Seconds(expiry));
        sim.send(writer, &[Packet::Publish(packet)]);
    }
    sim.advance(5 * SECOND);
    let got = sim.receive(reader);
    let left: Vec<_> = publishes(&got).map(|one| (one.message.topic.as_str(), one.expiry)).collect();
    assert_eq!(left, [("late", Some(mqtt_codec::Seconds(3)))]);
    assert_eq!(sim.count(Counter::DroppedExpired), 1);
}

#[test]
fn permission_is_about_the_topic_that_it_comes_to_and_so_is_a_mount_point() {
    let (mut sim, reader, writer) = with_reader(QoS::AtLeastOnce);
    sim.hub.set_rules(parse_mosquitto("acl", "topic read #\ntopic write allowed\ntopic write m/t").unwrap());
    for (topic, reason) in
        [("$delayed/1/allowed", ReasonCode::Success), ("$delayed/1/other", ReasonCode::NotAuthorized)]
    {
        sim.send(writer, &[publish(topic, topic, QoS::AtLeastOnce, 1)]);
        assert_eq!(puback(&sim.receive(writer)), reason);
    }
    let mount_point = Some("m".parse().unwrap());
    sim.terms = Arc::new(Terms { mount_point, ..Terms::default() });
    let mounted = sim.connect(connect(Version::V5, "mounted"));
    sim.send(mounted, &[publish("$delayed/1/t", "mounted", QoS::AtLeastOnce, 1)]);
    sim.advance(SECOND);
    assert_eq!(sim.take_all(reader), ["$delayed/1/allowed", "mounted"]);
}

#[test]
fn a_delayed_message_may_become_the_retained_one() {
    let (mut sim, _, writer) = with_reader(QoS::AtLeastOnce);
    sim.send(writer, &[retain_qos1("$delayed/2/kept", 7)]);
    assert_eq!(sim.hub.retained_messages(), 0);
    sim.advance(2 * SECOND);
    assert_eq!(sim.hub.retained_messages(), 1);
    let late = sim.connect(connect(Version::V5, "late"));
    sim.send(late, &[subscribe(&["kept"], QoS::AtLeastOnce)]);
    assert_eq!(sim.take_all(late), ["7"]);
}

#[test]
fn acknowledged_ones_outlive_the_broker_and_its_clock_goes_on_meanwhile() {
    for (down, left) in [(3, 2), (60, 0)] {
        let store = Arc::new(MemoryStore::default());
        let mut sim = Sim::restored(1, &store, WallTime(1_000_000), |_| {});
        let reader = sim.connect(connect_kept(Version::V5, "reader"));
        sim.send(reader, &[subscribe(&["t"], QoS::ExactlyOnce)]);
        let writer = sim.connect(connect(Version::V5, "writer"));
        sim.send(writer, &[publish("$delayed/5/t", "kept", QoS::ExactlyOnce, 1)]);
        sim.send(writer, &[publish("$delayed/5/t", "not acknowledged", QoS::AtMostOnce, 0)]);
        drop(sim);
        let mut sim = Sim::restored(1, &store, WallTime(1_000_000 + down * 1_000), |_| {});
        assert_eq!((sim.hub.delayed().0, sim.hub.retained_messages()), (left.min(1), 0));
        let reader = sim.connect(connect_kept(Version::V5, "reader"));
        for _ in 0..left {
            assert_eq!(sim.take_all(reader), [""; 0]);
            sim.advance(SECOND);
        }
        sim.run();
        assert_eq!(sim.take_all(reader), ["kept"]);
        drop(sim);
        // once published it is no longer delayed in the store
        let sim = Sim::restored(1, &store, WallTime(1_100_000), |_| {});
        assert_eq!(sim.hub.delayed(), (0, 0));
    }
}
