//! What holds for clients of one listener: their part of the topics, other names, subscriptions without asking, queues.
#![allow(non_snake_case, reason = "tests begin with the id of their statement")]

mod sim;

use std::sync::Arc;

use mqtt_broker::config::{AutoSubscription, QueueChanges, Rewrite, Terms};
use mqtt_broker::core::{ConnectionId, Counter};
use mqtt_codec::{Connect, Packet, QoS, ReasonCode, Version};
use mqtt_session::Overflow;
use sim::Sim;
use sim::packets::{
    ALL_QOS, VERSIONS, connect, connect_kept, payloads, publish, publishes, retain, subscribe, unsubscribe,
    will,
};

fn mounted(mount_point: &str) -> Terms {
    Terms { mount_point: Some(mount_point.parse().unwrap()), ..Terms::default() }
}

/// Connects a client that comes through a listener with these terms.
fn connect_by(sim: &mut Sim, terms: Terms, connect: Connect) -> ConnectionId {
    let before = std::mem::replace(&mut sim.terms, Arc::new(terms));
    let id = sim.connect(connect);
    sim.terms = before;
    id
}

fn topics(packets: &[Packet]) -> Vec<String> {
    publishes(packets).map(|publish| publish.message.topic.as_str().to_owned()).collect()
}

#[test]
fn clients_below_a_mount_point_meet_each_other_and_nobody_else() {
    for version in VERSIONS {
        for qos in ALL_QOS {
            let mut sim = Sim::new(1);
            let outside = sim.connect(connect(version, "outside"));
            sim.send(outside, &[subscribe(&["#", "site/7/t"], qos)]);
            let one = connect_by(&mut sim, mounted("site/7"), connect(version, "one"));
            let other = connect_by(&mut sim, mounted("site/8"), connect(version, "other"));
            sim.send(one, &[subscribe(&["#", "+"], qos)]);
            sim.send(other, &[subscribe(&["#"], qos)]);
            for client in [outside, one, other] {
                sim.receive(client);
            }
            sim.send(one, &[publish("t", "1", qos, 1)]);
            assert_eq!(topics(&sim.receive(outside)), ["site/7/t"]);
            assert_eq!(topics(&sim.receive(one)), ["t"]);
            assert!(sim.receive(other).is_empty());
            sim.send(outside, &[publish("site/8/a/b", "2", qos, 1)]);
            sim.send(outside, &[publish("site/8", "the point itself", qos, 2)]);
            sim.send(outside, &[publish("site/8/$SYS/x", "hidden", qos, 3)]);
            assert_eq!(topics(&sim.receive(other)), ["a/b"]);
            assert_eq!(sim.count(Counter::PublishWithheld), 2);
        }
    }
}

#[test]
fn retained_messages_wills_and_groups_are_below_the_mount_point_as_well() {
    let mut sim = Sim::new(1);
    let outside = sim.connect(connect(Version::V5, "outside"));
    sim.send(outside, &[retain("m/kept", "1", None), retain("kept", "2", None)]);
    let member = connect_by(&mut sim, mounted("m"), connect(Version::V5, "member"));
    sim.send(member, &[subscribe(&["kept"], QoS::AtMostOnce)]);
    assert_eq!(topics(&sim.receive(member)), ["kept"]);
    sim.send(member, &[subscribe(&["$share/g/status"], QoS::AtMostOnce)]);
    let leaving = Connect { will: Some(will("status", "gone", 0)), ..connect(Version::V5, "leaving") };
    let leaving = connect_by(&mut sim, mounted("m/"), leaving);
    sim.send(outside, &[subscribe(&["m/status"], QoS::AtMostOnce)]);
    sim.receive(member);
    sim.receive(outside);
    sim.cut(leaving);
    sim.run();
    assert_eq!(topics(&sim.receive(member)), ["status"]);
    assert_eq!(topics(&sim.receive(outside)), ["m/status"]);
    sim.send(member, &[unsubscribe("$share/g/status"), unsubscribe("kept")]);
    assert_eq!(sim.hub.subscription_count(), 1);
}

#[test]
fn the_brokers_own_topics_are_not_there_below_a_mount_point() {
    let mut sim = Sim::new(1);
    let client = connect_by(&mut sim, mounted("m"), connect(Version::V5, "client"));
    sim.send(client, &[subscribe(&["$SYS/#"], QoS::AtMostOnce), publish("$x", "", QoS::AtLeastOnce, 1)]);
    let got = sim.receive(client);
    let Packet::SubAck(suback) = &got[1] else { panic!("{got:?}") };
    assert_eq!(suback.reasons.to_vec(), [ReasonCode::TopicFilterInvalid]);
    let Packet::PubAck(puback) = &got[2] else { panic!("{got:?}") };
    assert_eq!(puback.reason, ReasonCode::TopicNameInvalid);
}

#[test]
fn a_session_goes_on_below_its_mount_point_and_begins_anew_where_it_would_reach_beyond() {
    let mut sim = Sim::new(1);
    let client = connect_by(&mut sim, mounted("a"), connect_kept(Version::V5, "client"));
    sim.send(client, &[subscribe(&["t"], QoS::AtLeastOnce)]);
    sim.cut(client);
    let outside = sim.connect(connect(Version::V5, "outside"));
    sim.send(outside, &[publish("a/t", "while it was away", QoS::AtLeastOnce, 1)]);
    let client = connect_by(&mut sim, mounted("a"), connect_kept(Version::V5, "client"));
    let got = sim.receive(client);
    assert_eq!((topics(&got), payloads(&got)), (vec!["t".to_owned()], vec!["while it was away".to_owned()]));
    sim.cut(client);
    sim.send(outside, &[publish("a/t", "not for b", QoS::AtLeastOnce, 2)]);
    let client = connect_by(&mut sim, mounted("b"), connect_kept(Version::V5, "client"));
    let got = sim.receive(client);
    assert!(matches!(&got[..], [Packet::ConnAck(connack)] if !connack.session_present), "{got:?}");
}

#[test]
fn other_names_reach_the_same_topics() {
    let rewrite = vec![Rewrite::new("old/+/#", "new/{1}/{2}").unwrap()];
    let legacy = Terms { rewrite, ..Terms::default() };
    let mut sim = Sim::new(1);
    let modern = sim.connect(connect(Version::V5, "modern"));
    sim.send(modern, &[subscribe(&["new/#"], QoS::AtMostOnce)]);
    let device = connect_by(&mut sim, legacy, connect(Version::V3_1_1, "device"));
    sim.send(device, &[subscribe(&["old/+/commands"], QoS::AtMostOnce)]);
    sim.send(device, &[publish("old/7/temp", "21", QoS::AtMostOnce, 0)]);
    assert_eq!(topics(&sim.receive(modern)), ["new/7/temp"]);
    sim.receive(device);
    sim.send(modern, &[publish("new/7/commands", "on", QoS::AtMostOnce, 0)]);
    assert_eq!(topics(&sim.receive(device)), ["new/7/commands"]);
    sim.send(device, &[unsubscribe("old/+/commands")]);
    assert_eq!(sim.hub.subscription_count(), 1);
}

#[test]
fn clients_are_subscribed_to_what_they_do_not_ask_for() {
    let subscribe_to = |filter| vec![AutoSubscription::new(filter, QoS::AtLeastOnce).unwrap()];
    let terms = || Terms { subscribe: subscribe_to("devices/%c/commands"), ..mounted("m") };
    let mut sim = Sim::new(1);
    let outside = sim.connect(connect(Version::V5, "outside"));
    sim.send(outside, &[retain("m/devices/one/commands", "kept", None)]);
    let one = connect_by(&mut sim, terms(), connect_kept(Version::V3_1_1, "one"));
    let got = sim.receive(one);
    assert!(matches!(got[0], Packet::ConnAck(_)), "CONNACK comes first: {got:?}");
    assert_eq!(topics(&got), ["devices/one/commands"]);
    // who has a name that could be another filter is not subscribed
    connect_by(&mut sim, terms(), connect(Version::V3_1_1, "+"));
    assert_eq!(sim.hub.subscription_count(), 1);
    // nor is a session that goes on subscribed again
    sim.cut(one);
    let one = connect_by(&mut sim, terms(), connect_kept(Version::V3_1_1, "one"));
    assert!(payloads(&sim.receive(one)).is_empty());
    sim.send(outside, &[publish("m/devices/one/commands", "go", QoS::AtLeastOnce, 1)]);
    assert_eq!(payloads(&sim.receive(one)), ["go"]);
}

#[test]
fn a_user_without_a_name_has_no_mount_point_of_its_own() {
    let mut sim = Sim::new(1);
    sim.terms = Arc::new(mounted("tenants/%u"));
    let refusal = sim.try_connect(connect(Version::V5, "client"), &[]).unwrap_err();
    assert_eq!(refusal.reply, [0x20, 3, 0, 0x87, 0]);
}

#[test]
fn queues_are_as_long_as_the_listener_says() {
    let queue = |messages, overflow| QueueChanges { messages, overflow, ..QueueChanges::default() };
    let cases = [
        (queue(None, None), vec!["1", "2", "3", "4"]),
        (queue(Some(2), None), vec!["1", "2"]),
        (queue(Some(2), Some(Overflow::DropOldest)), vec!["3", "4"]),
        (queue(None, Some(Overflow::LatestPerTopic)), vec!["4"]),
    ];
    for (queue, expected) in cases {
        let mut sim = Sim::new(1);
        let terms = || Terms { queue, ..Terms::default() };
        let client = connect_by(&mut sim, terms(), connect_kept(Version::V5, "client"));
        sim.send(client, &[subscribe(&["t"], QoS::AtLeastOnce)]);
        sim.cut(client);
        let publisher = sim.connect(connect(Version::V5, "publisher"));
        for number in 1..=4 {
            sim.send(publisher, &[publish("t", number.to_string(), QoS::AtLeastOnce, number)]);
        }
        let client = connect_by(&mut sim, terms(), connect_kept(Version::V5, "client"));
        assert_eq!(sim.take_all(client), expected);
    }
}

#[test]
fn whose_queue_is_full_is_disconnected_where_the_listener_says_so() {
    let mut sim = Sim::with(1, |config| config.limits.output = 100);
    let queue =
        QueueChanges { messages: Some(3), overflow: Some(Overflow::Disconnect), ..QueueChanges::default() };
    let client = connect_by(&mut sim, Terms { queue, ..Terms::default() }, connect(Version::V5, "client"));
    sim.send(client, &[subscribe(&["t"], QoS::AtMostOnce)]);
    sim.receive(client);
    sim.set_room(client, 0);
    let publisher = sim.connect(connect(Version::V5, "publisher"));
    for _ in 0..50 {
        sim.send(publisher, &[publish("t", "x".repeat(50), QoS::AtMostOnce, 0)]);
    }
    assert_eq!(sim.count(Counter::DisconnectedByBroker), 1);
    assert!(sim.is_ended(client));
}
