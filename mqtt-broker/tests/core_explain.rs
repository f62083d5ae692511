//! What operators ask of a broker: why a client gets a message or does not, and what packets it exchanges.

mod sim;

use std::sync::Arc;

use mqtt_broker::config::Terms;
use mqtt_broker::core::access::parse_mosquitto;
use mqtt_broker::core::{Direction, Explanation, Fate, Mail, WaitsFor};
use mqtt_codec::{Packet, QoS, Text, Topic, Version};
use mqtt_session::DropReason;
use sim::Sim;
use sim::packets::{VERSIONS, connect, connect_kept, publish, subscribe};

fn explain(sim: &mut Sim, client_id: &str, topic: &str, qos: QoS) -> Explanation {
    let home = sim.hub.home(client_id);
    let topic = Topic::new(topic).unwrap();
    sim.cores[usize::from(home)].explain(client_id, &topic, qos).expect("a session")
}

fn fate(sim: &mut Sim, topic: &str, qos: QoS) -> Fate {
    explain(sim, "reader", topic, qos).fate
}

#[test]
fn a_message_is_sent_or_waits_or_is_dropped_as_was_said() {
    use {Fate::Waits, QoS::AtLeastOnce, QoS::AtMostOnce};
    let mut sim = Sim::with(2, |config| {
        config.session.queue.window = 1.try_into().unwrap();
        config.session.queue.messages = 2;
        config.limits.output = 1;
    });
    let reader = sim.connect(connect_kept(Version::V5, "reader"));
    sim.send(reader, &[subscribe(&["a/+", "a/#", "b"], AtLeastOnce)]);
    sim.receive(reader);
    let writer = sim.connect(connect(Version::V5, "writer"));
    assert_eq!(fate(&mut sim, "c", AtMostOnce), Fate::NotSubscribed);
    let matching = explain(&mut sim, "reader", "a/x", QoS::ExactlyOnce);
    let filters: Vec<&str> = matching.subscriptions.iter().map(|filter| filter.as_str()).collect();
    assert_eq!((filters, matching.qos, matching.connected), (vec!["a/#", "a/+"], AtLeastOnce, true));
    assert_eq!(matching.fate, Fate::Sent);
    sim.set_room(reader, 0);
    sim.send(writer, &[publish("b", "1", AtMostOnce, 0)]);
    assert_eq!(fate(&mut sim, "b", AtMostOnce), Waits(WaitsFor::Reader));
    sim.set_room(reader, usize::MAX);
    sim.run();
    sim.send(writer, &[publish("b", "2", AtLeastOnce, 1)]);
    assert_eq!(fate(&mut sim, "b", AtMostOnce), Fate::Sent);
    assert_eq!(fate(&mut sim, "b", AtLeastOnce), Waits(WaitsFor::Acknowledgement));
    sim.send(writer, &[publish("b", "3", AtLeastOnce, 1)]);
    assert_eq!(fate(&mut sim, "b", AtMostOnce), Waits(WaitsFor::Others));
    sim.send(writer, &[publish("b", "4", AtLeastOnce, 1)]);
    assert_eq!(fate(&mut sim, "b", AtLeastOnce), Fate::Dropped(DropReason::QueueFull));
    let session = explain(&mut sim, "reader", "b", AtLeastOnce).session;
    assert_eq!((session.queued, session.in_flight, session.drops.total()), (2, 1, 0));
    sim.cut(reader);
    assert_eq!(fate(&mut sim, "b", AtMostOnce), Fate::Dropped(DropReason::Offline));
    let home = usize::from(sim.hub.home("nobody"));
    assert!(sim.cores[home].explain("nobody", &Topic::new("b").unwrap(), AtMostOnce).is_none());
}

#[test]
fn rules_mount_points_and_groups_are_named() {
    let mut sim = Sim::new(1);
    sim.hub.set_rules(parse_mosquitto("acl", "topic read a/#\ntopic deny a/secret\ntopic read m/#").unwrap());
    sim.terms = Arc::new(Terms { mount_point: Some("m".parse().unwrap()), ..Terms::default() });
    let mounted = sim.connect(connect(Version::V5, "mounted"));
    sim.send(mounted, &[subscribe(&["#"], QoS::AtMostOnce)]);
    sim.terms = Arc::default();
    let reader = sim.connect(connect(Version::V5, "reader"));
    sim.send(reader, &[subscribe(&["a/#", "$share/g/m/t"], QoS::AtLeastOnce)]);
    let Fate::NotAuthorized { rule: Some(rule) } = fate(&mut sim, "a/secret", QoS::AtMostOnce) else {
        panic!("a rule denies it")
    };
    assert!(rule.contains("acl:2"), "{rule}");
    assert_eq!(explain(&mut sim, "mounted", "m/$x", QoS::AtMostOnce).fate, Fate::Outside);
    assert_eq!(explain(&mut sim, "mounted", "m/x", QoS::AtMostOnce).fate, Fate::Sent);
    let shared = explain(&mut sim, "reader", "m/t", QoS::AtLeastOnce);
    assert_eq!((shared.fate.clone(), shared.groups.clone()), (Fate::Shared, vec![("g".to_owned(), 1)]));
    let text = shared.to_string();
    assert!(text.starts_with("client reader (connected): one member of the share group gets it"), "{text}");
}

#[test]
fn a_trace_has_the_packets_of_its_client_in_their_order_and_no_other() {
    for version in VERSIONS {
        let mut sim = Sim::new(1);
        sim.hub.trace("reader");
        let mut hello = connect(version, "reader");
        hello.user_name = Some(Text::new("ann").unwrap());
        hello.password = Some(b"secret".to_vec().into());
        let reader = sim.connect(hello);
        let writer = sim.connect(connect(version, "writer"));
        sim.send(reader, &[subscribe(&["t"], QoS::AtLeastOnce), Packet::PingReq]);
        sim.send(writer, &[publish("t", vec![7; 5_000], QoS::AtLeastOnce, 1)]);
        let lines = std::mem::take(&mut sim.traced);
        assert_eq!(
            lines,
            [
                format!("received CONNECT {version}, clean start 1, keep alive 0 s"),
                "sent CONNACK Success (0x00), session present 0".to_owned(),
                "received SUBSCRIBE 1000, \"t\" QoS 1".to_owned(),
                "received PINGREQ".to_owned(),
                "sent SUBACK 1000, Granted QoS 1 (0x01)".to_owned(),
                "sent PINGRESP".to_owned(),
                "sent PUBLISH QoS 1 1, \"t\", 5000 bytes".to_owned(),
            ]
        );
    }
}

#[test]
fn a_trace_begins_and_ends_in_the_middle_of_a_connection() {
    let mut sim = Sim::new(1);
    let reader = sim.connect(connect(Version::V5, "reader"));
    sim.send(reader, &[subscribe(&["t"], QoS::AtMostOnce)]);
    let tell = |sim: &mut Sim| {
        let mail = Mail::Trace(Text::new("reader").unwrap());
        sim.hub.post(0, &mut vec![mail]);
        sim.run();
    };
    sim.set_room(reader, 3);
    let writer = sim.connect(connect(Version::V5, "writer"));
    sim.send(writer, &[publish("t", "before", QoS::AtMostOnce, 0)]);
    sim.hub.trace("reader");
    tell(&mut sim);
    sim.send(writer, &[publish("t", "during", QoS::AtMostOnce, 0)]);
    assert_eq!(std::mem::take(&mut sim.traced), ["sent PUBLISH QoS 0, \"t\", 6 bytes"]);
    sim.hub.untrace("reader");
    tell(&mut sim);
    sim.send(writer, &[publish("t", "after", QoS::AtMostOnce, 0)]);
    assert!(std::mem::take(&mut sim.traced).is_empty());
}

#[test]
fn the_configuration_names_clients_to_trace_and_a_reload_changes_them() {
    let mut sim = Sim::with(1, |config| config.trace = vec!["one".to_owned()]);
    let one = sim.connect(connect(Version::V5, "one"));
    let two = sim.connect(connect(Version::V5, "two"));
    sim.traced.clear();
    let mut config = (*sim.hub.config()).clone();
    config.trace = vec!["two".to_owned()];
    sim.hub.reload(config);
    sim.run();
    sim.send(one, &[Packet::PingReq]);
    sim.send(two, &[Packet::PingReq]);
    assert_eq!(std::mem::take(&mut sim.traced), ["received PINGREQ", "sent PINGRESP"]);
    assert_eq!(Direction::Sent.to_string(), "sent");
}
