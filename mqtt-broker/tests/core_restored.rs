//! A broker that starts again with the store of another one that has gone, in virtual time.
#![allow(non_snake_case, reason = "tests begin with the id of their statement")]

mod sim;

use std::sync::Arc;
use std::time::Duration;

use mqtt_broker::config::{Config, Terms};
use mqtt_broker::core::{ConnectionId, Counter};
use mqtt_broker::store::{MemoryStore, WallTime};
use mqtt_codec::{Connect, Packet, QoS, Seconds, Version};
use mqtt_session::{Overflow, Time};
use sim::Sim;
use sim::packets::{
    ALL_QOS, VERSIONS, answers, connect, connect_kept, payloads, publish, publishes, retain, subscribe,
    unsubscribe, will,
};

const SECOND: Duration = Duration::from_secs(1);

/// Brokers one after another with one store.
struct Lives {
    store: Arc<MemoryStore>,
    sim: Sim,
    shards: u16,
    change: fn(&mut Config),
    began: WallTime,
}

impl Lives {
    fn new(shards: u16) -> Self {
        Self::with(shards, |_| {})
    }

    fn with(shards: u16, change: fn(&mut Config)) -> Self {
        let (store, began) = (Arc::new(MemoryStore::default()), WallTime(1_000_000));
        let sim = Sim::restored(shards, &store, began, change);
        Self { store, sim, shards, change, began }
    }

    /// The broker is gone from one moment to the next, and another one starts after `down`.
    fn crash(&mut self, down: Duration) {
        self.began = self.began.after(self.sim.now.since(Time::ZERO) + down);
        self.sim = Sim::restored(self.shards, &self.store, self.began, self.change);
    }

    /// A client whose session outlives its connection; whether it was there, and what came with it.
    fn come(&mut self, version: Version, id: &str) -> (ConnectionId, bool) {
        self.come_with(connect_kept(version, id))
    }

    fn come_with(&mut self, connect: Connect) -> (ConnectionId, bool) {
        let id = self.sim.connect_with(connect, &[]);
        self.sim.run();
        let packets = self.sim.receive_one(id);
        let Some(Packet::ConnAck(connack)) = packets else { panic!("CONNACK comes first: {packets:?}") };
        (id, connack.session_present)
    }
}

#[test]
fn what_a_session_was_owed_comes_after_the_broker_came_back() {
    for version in VERSIONS {
        for shards in [1, 3] {
            let mut lives = Lives::new(shards);
            let (reader, present) = lives.come(version, "reader");
            assert!(!present);
            lives.sim.send(reader, &[subscribe(&["t/+"], QoS::ExactlyOnce)]);
            lives.sim.cut(reader);
            let writer = lives.sim.connect(connect(version, "writer"));
            for (number, qos) in ALL_QOS.into_iter().enumerate() {
                let text = number.to_string();
                lives.sim.send(writer, &[publish("t/1", text, qos, number as u16 + 1)]);
            }
            lives.crash(SECOND);
            // it is subscribed still, and the broker keeps on taking messages for it
            let writer = lives.sim.connect(connect(version, "writer"));
            lives.sim.send(writer, &[publish("t/2", "3", QoS::AtLeastOnce, 1)]);
            let (reader, present) = lives.come(version, "reader");
            assert!(present);
            assert_eq!(lives.sim.take_all(reader), ["1", "2", "3"]);
            lives.crash(SECOND);
            let (reader, present) = lives.come(version, "reader");
            assert!(present);
            assert_eq!(lives.sim.take_all(reader), [""; 0], "it has said to have them");
        }
    }
}

#[test]
fn a_message_of_qos_2_that_was_sent_before_the_crash_goes_on_with_its_identifier() {
    for version in VERSIONS {
        let mut lives = Lives::new(2);
        let (reader, _) = lives.come(version, "reader");
        lives.sim.send(reader, &[subscribe(&["t"], QoS::ExactlyOnce)]);
        let writer = lives.sim.connect(connect(version, "writer"));
        let texts = ["a", "b", "c"];
        for (number, text) in (1..).zip(texts) {
            lives.sim.send(writer, &[publish("t", text, QoS::ExactlyOnce, number)]);
        }
        lives.sim.run();
        let sent = lives.sim.receive(reader);
        assert_eq!(payloads(&sent), texts);
        // of the first it has said PUBREC, and has PUBREL
        let first = publishes(&sent).take(1).cloned().map(Packet::Publish).collect::<Vec<_>>();
        lives.sim.send(reader, &answers(&first));
        assert!(matches!(lives.sim.receive(reader)[..], [Packet::PubRel(_)]));
        lives.crash(SECOND);
        let (reader, present) = lives.come(version, "reader");
        assert!(present);
        let again = lives.sim.receive(reader);
        assert!(matches!(again[0], Packet::PubRel(_)));
        assert_eq!(payloads(&again), ["b", "c"]);
        let ids = |packets: &[Packet]| publishes(packets).map(|one| one.delivery.id()).collect::<Vec<_>>();
        assert_eq!(ids(&again), ids(&sent)[1..]);
        assert!(publishes(&again).all(|one| one.delivery.dup()));
    }
}

#[test]
fn an_identifier_that_was_received_before_the_crash_is_not_a_new_message_after_it() {
    for version in VERSIONS {
        let mut lives = Lives::new(2);
        let (reader, _) = lives.come(version, "reader");
        lives.sim.send(reader, &[subscribe(&["t"], QoS::AtLeastOnce)]);
        let (writer, _) = lives.come(version, "writer");
        lives.sim.send(writer, &[publish("t", "once", QoS::ExactlyOnce, 7)]);
        assert!(matches!(lives.sim.receive(writer)[..], [Packet::PubRec(_)]));
        lives.crash(SECOND);
        let (writer, present) = lives.come(version, "writer");
        assert!(present);
        lives.sim.send(writer, &[publish("t", "once", QoS::ExactlyOnce, 7)]);
        let answered = answers(&lives.sim.receive(writer));
        lives.sim.send(writer, &answered);
        assert!(matches!(lives.sim.receive(writer)[..], [Packet::PubComp(_)]));
        let (reader, _) = lives.come(version, "reader");
        assert_eq!(lives.sim.take_all(reader), ["once"]);
    }
}

#[test]
fn retained_messages_come_back_and_those_that_were_removed_do_not() {
    let mut lives = Lives::new(2);
    let writer = lives.sim.connect(connect(Version::V5, "writer"));
    for topic in ["kept", "removed", "replaced", "short"] {
        let expiry = (topic == "short").then_some(10);
        lives.sim.send(writer, &[retain(topic, format!("{topic} 1"), expiry)]);
    }
    lives.sim.send(writer, &[retain("removed", "", None), retain("replaced", "replaced 2", None)]);
    lives.crash(SECOND);
    assert_eq!(lives.sim.hub.retained_messages(), 3);
    let reader = lives.sim.connect(connect(Version::V5, "reader"));
    lives.sim.receive(reader);
    lives.sim.send(reader, &[subscribe(&["#"], QoS::AtMostOnce)]);
    let packets = lives.sim.receive(reader);
    assert_eq!(payloads(&packets), ["kept 1", "replaced 2", "short 1"]);
    assert_eq!(publishes(&packets).last().unwrap().expiry, Some(Seconds(9)), "time has gone by");
    lives.crash(10 * SECOND);
    assert_eq!(lives.sim.hub.retained_messages(), 2);
}

#[test]
fn time_passes_while_the_broker_is_down() {
    let mut lives = Lives::new(2);
    for (id, expiry) in [("short", 10), ("long", 100)] {
        let mut connect = connect_kept(Version::V5, id);
        connect.properties.session_expiry = Some(Seconds(expiry));
        let (reader, _) = lives.come_with(connect);
        lives.sim.send(reader, &[subscribe(&["t"], QoS::AtLeastOnce)]);
        lives.sim.cut(reader);
    }
    let writer = lives.sim.connect(connect(Version::V5, "writer"));
    let Packet::Publish(mut short) = publish("t", "short", QoS::AtLeastOnce, 1) else { unreachable!() };
    short.expiry = Some(Seconds(20));
    lives.sim.send(writer, &[Packet::Publish(short), publish("t", "long", QoS::AtLeastOnce, 2)]);
    lives.crash(30 * SECOND);
    assert_eq!(lives.sim.hub.sessions(), 1);
    assert_eq!(lives.sim.hub.subscription_count(), 1);
    assert!(!lives.come(Version::V5, "short").1);
    let (reader, present) = lives.come(Version::V5, "long");
    assert!(present);
    assert_eq!(lives.sim.take_all(reader), ["long"]);
    assert_eq!(lives.sim.count(Counter::DroppedExpired), 1);
}

#[test]
fn what_a_listener_without_durability_takes_reaches_everybody_and_is_gone_with_the_process() {
    for shards in [1, 3] {
        let mut lives = Lives::new(shards);
        let (reader, _) = lives.come(Version::V5, "reader");
        lives.sim.send(reader, &[subscribe(&["t/+", "$share/g/s"], QoS::ExactlyOnce)]);
        lives.sim.cut(reader);
        let writer = lives.sim.connect(connect(Version::V5, "writer"));
        lives.sim.send(writer, &[retain("kept", "old", None), publish("t/1", "stored", QoS::AtLeastOnce, 1)]);
        lives.sim.terms = Arc::new(Terms { stores: false, ..Terms::default() });
        let (fleeting, _) = lives.come(Version::V5, "fleeting");
        let messages = |text| {
            [
                publish("t/1", text, QoS::AtLeastOnce, 1),
                publish("t/2", text, QoS::ExactlyOnce, 2),
                publish("s", text, QoS::AtLeastOnce, 3),
            ]
        };
        lives.sim.send(fleeting, &[retain("kept", "new", None)]);
        lives.sim.send(fleeting, &messages("once"));
        let answered = answers(&lives.sim.receive(fleeting));
        lives.sim.send(fleeting, &answered);
        let (reader, _) = lives.come(Version::V5, "reader");
        assert_eq!(lives.sim.take_all(reader), ["stored", "once", "once", "once"]);
        lives.sim.cut(reader);
        lives.sim.send(fleeting, &messages("twice"));
        lives.sim.send(writer, &[publish("t/1", "stored again", QoS::AtLeastOnce, 2)]);
        lives.crash(SECOND);
        let (reader, present) = lives.come(Version::V5, "reader");
        assert!(present);
        assert_eq!(lives.sim.take_all(reader), ["stored again"]);
        lives.sim.send(reader, &[subscribe(&["kept"], QoS::AtMostOnce)]);
        assert_eq!(
            lives.sim.take_all(reader),
            [""; 0],
            "an old value does not come back in place of a newer one"
        );
    }
}

#[test]
fn a_will_of_a_client_whose_broker_died_is_published_when_it_is_due() {
    let mut lives = Lives::new(3);
    let (watcher, _) = lives.come(Version::V5, "watcher");
    lives.sim.send(watcher, &[subscribe(&["will/#"], QoS::AtLeastOnce)]);
    for (id, delay) in [("now", 0), ("later", 60)] {
        let mut connect = connect_kept(Version::V5, id);
        connect.will = Some(will(&format!("will/{id}"), id, delay));
        lives.sim.connect(connect);
    }
    // its session ends with its connection, and only the Will is stored
    let mut plain = connect(Version::V3_1_1, "plain");
    plain.will = Some(will("will/plain", "plain", 0));
    lives.sim.connect(plain);
    lives.crash(SECOND);
    let (watcher, _) = lives.come(Version::V5, "watcher");
    let mut wills = lives.sim.take_all(watcher);
    wills.sort();
    assert_eq!(wills, ["now", "plain"]);
    lives.sim.advance(60 * SECOND);
    assert_eq!(lives.sim.take_all(watcher), ["later"]);
    assert_eq!(lives.sim.hub.sessions(), 3);
    // and not once more
    lives.crash(SECOND);
    let (watcher, _) = lives.come(Version::V5, "watcher");
    assert_eq!(lives.sim.take_all(watcher), [""; 0]);
}

#[test]
fn subscriptions_come_back_with_their_options_and_those_that_ended_do_not() {
    let mut lives = Lives::new(1);
    let (reader, _) = lives.come(Version::V5, "reader");
    let Packet::Subscribe(mut with_id) = subscribe(&["t"], QoS::AtLeastOnce) else { unreachable!() };
    with_id.subscription_id = mqtt_codec::SubscriptionId::new(77);
    with_id.filters[0].options.retain_as_published = true;
    let Packet::Subscribe(mut own) = subscribe(&["own"], QoS::AtLeastOnce) else { unreachable!() };
    own.filters[0].options.no_local = true;
    let more = [
        Packet::Subscribe(with_id),
        Packet::Subscribe(own),
        subscribe(&["gone", "$share/g/s"], QoS::AtLeastOnce),
    ];
    lives.sim.send(reader, &more);
    lives.sim.send(reader, &[unsubscribe("gone")]);
    lives.crash(SECOND);
    assert_eq!(lives.sim.hub.subscription_count(), 3);
    let (reader, _) = lives.come(Version::V5, "reader");
    lives.sim.send(
        reader,
        &[publish("own", "own", QoS::AtLeastOnce, 1), publish("gone", "gone", QoS::AtLeastOnce, 2)],
    );
    lives.sim.send(reader, &[publish("s", "shared", QoS::AtLeastOnce, 3), retain("t", "retained", None)]);
    let packets = lives.sim.receive(reader);
    assert_eq!(payloads(&packets), ["shared", "retained"]);
    let last = publishes(&packets).last().unwrap();
    assert!(last.retain);
    assert_eq!(last.subscription_ids[..], [mqtt_codec::SubscriptionId::new(77).unwrap()]);
}

#[test]
fn a_long_backlog_comes_page_by_page_in_its_order_and_new_messages_behind_it() {
    for shards in [1, 2] {
        let mut lives = Lives::new(shards);
        let (reader, _) = lives.come(Version::V5, "reader");
        lives.sim.send(reader, &[subscribe(&["t"], QoS::ExactlyOnce)]);
        lives.sim.cut(reader);
        let writer = lives.sim.connect(connect(Version::V5, "writer"));
        let send = |sim: &mut Sim, writer, from: u32, to: u32| {
            for number in from..to {
                let qos = if number % 3 == 0 { QoS::ExactlyOnce } else { QoS::AtLeastOnce };
                sim.send(writer, &[publish("t", number.to_string(), qos, 1)]);
                while let answers @ [_, ..] = &answers(&sim.receive(writer))[..] {
                    sim.send(writer, answers);
                }
            }
        };
        send(&mut lives.sim, writer, 0, 1_500);
        lives.crash(SECOND);
        let writer = lives.sim.connect(connect(Version::V5, "writer"));
        send(&mut lives.sim, writer, 1_500, 1_600);
        let (reader, _) = lives.come(Version::V5, "reader");
        send(&mut lives.sim, writer, 1_600, 1_700);
        let expected: Vec<_> = (0..1_700).map(|number: u32| number.to_string()).collect();
        assert_eq!(lives.sim.take_all(reader), expected);
        assert_eq!(lives.sim.count(Counter::PublishDropped), 0);
    }
}

#[test]
fn the_limits_of_a_session_hold_for_what_waits_in_the_store_as_well() {
    let oldest: fn(&mut Config) = |config| {
        config.session.queue.messages = 50;
        config.session.queue.overflow = Overflow::DropOldest;
    };
    let newest: fn(&mut Config) = |config| config.session.queue.messages = 50;
    let bytes: fn(&mut Config) = |config| config.session.queue.bytes = 50 * 4;
    for (change, expected) in [(newest, 100..150), (oldest, 110..160), (bytes, 100..150)] {
        let mut lives = Lives::with(1, change);
        let (reader, _) = lives.come(Version::V5, "reader");
        lives.sim.send(reader, &[subscribe(&["t"], QoS::AtLeastOnce)]);
        lives.sim.cut(reader);
        let writer = lives.sim.connect(connect(Version::V5, "writer"));
        for number in 100..160 {
            lives.sim.send(writer, &[publish("t", number.to_string(), QoS::AtLeastOnce, 1)]);
        }
        assert_eq!(lives.sim.count(Counter::DroppedQueueFull), 10);
        assert_eq!(lives.sim.count(Counter::PublishDropped), 10);
        assert_eq!(lives.store.counts(), (1, 50));
        lives.crash(SECOND);
        let (reader, _) = lives.come(Version::V5, "reader");
        assert_eq!(lives.sim.take_all(reader), expected.map(|number| number.to_string()).collect::<Vec<_>>());
        lives.sim.run();
        assert_eq!(lives.store.counts(), (1, 0));
    }
}

#[test]
fn a_session_that_ended_leaves_nothing_in_the_store() {
    let mut lives = Lives::new(2);
    for version in VERSIONS {
        for round in 0..3 {
            let (reader, present) = lives.come(version, "reader");
            assert!(!present, "round {round}");
            lives.sim.send(reader, &[subscribe(&["t"], QoS::ExactlyOnce)]);
            lives.sim.cut(reader);
            let writer = lives.sim.connect(connect(version, "writer"));
            for number in 1..10 {
                lives.sim.send(writer, &[publish("t", "x", QoS::AtLeastOnce, number)]);
            }
            assert_eq!(lives.store.counts(), (1, 9));
            // a clean start ends what was there, and its own session ends with its connection
            let reader = lives.sim.connect(connect(version, "reader"));
            assert_eq!(lives.sim.receive(reader).len(), 1);
            assert_eq!(lives.store.counts(), (1, 0));
            lives.sim.cut(reader);
            lives.sim.cut(writer);
            lives.sim.run();
            assert_eq!(lives.store.counts(), (0, 0));
            lives.crash(SECOND);
        }
    }
}

#[test]
fn a_message_that_another_of_the_same_publish_has_pushed_out_is_not_owed_after_a_crash() {
    let mut lives = Lives::with(1, |config| {
        config.session.queue.messages = 1;
        config.session.queue.overflow = Overflow::DropOldest;
    });
    let (reader, _) = lives.come(Version::V5, "reader");
    lives.sim.send(reader, &[subscribe(&["t", "$share/g/t", "$share/h/t"], QoS::AtLeastOnce)]);
    lives.sim.cut(reader);
    let writer = lives.sim.connect(connect(Version::V5, "writer"));
    lives.sim.send(writer, &[publish("t", "three ways", QoS::AtLeastOnce, 1)]);
    assert_eq!(lives.sim.count(Counter::DroppedQueueFull), 2);
    assert_eq!(lives.store.counts(), (1, 1));
    lives.crash(SECOND);
    let (reader, _) = lives.come(Version::V5, "reader");
    assert_eq!(lives.sim.take_all(reader), ["three ways"]);
    assert_eq!(lives.store.counts(), (1, 0));
}

#[test]
fn a_session_that_a_message_reaches_in_two_ways_is_owed_it_twice() {
    for shards in [1, 3] {
        let mut lives = Lives::new(shards);
        let (reader, _) = lives.come(Version::V5, "reader");
        lives.sim.send(reader, &[subscribe(&["t", "$share/g/t"], QoS::ExactlyOnce)]);
        lives.sim.cut(reader);
        let writer = lives.sim.connect(connect(Version::V5, "writer"));
        lives.sim.send(writer, &[publish("t", "twice", QoS::AtLeastOnce, 1)]);
        lives.crash(SECOND);
        let (reader, _) = lives.come(Version::V5, "reader");
        assert_eq!(lives.sim.take_all(reader), ["twice", "twice"]);
        lives.sim.run();
        assert_eq!(lives.store.counts().1, 0);
    }
}

#[test]
fn messages_of_qos_0_do_not_overtake_those_that_wait_in_the_store() {
    let mut lives = Lives::with(1, |config| {
        config.session.queue.messages = 5;
        config.session.queue.overflow = Overflow::DropOldest;
    });
    let (reader, _) = lives.come(Version::V5, "reader");
    lives.sim.send(reader, &[subscribe(&["t"], QoS::AtLeastOnce)]);
    lives.sim.cut(reader);
    let writer = lives.sim.connect(connect(Version::V5, "writer"));
    for text in ["1", "2", "3"] {
        lives.sim.send(writer, &[publish("t", text, QoS::AtLeastOnce, 1)]);
    }
    // the first page is on its way when these come, and the last of them push out what waits behind it
    let reader = lives.sim.connect_with(connect_kept(Version::V5, "reader"), &[]);
    lives.sim.cores[0].end_turn(lives.sim.now);
    lives.sim.post(writer, &[publish("t", "4", QoS::AtMostOnce, 0)]);
    for text in ["5", "6", "7"] {
        lives.sim.post(writer, &[publish("t", text, QoS::AtLeastOnce, 1)]);
    }
    assert_eq!(lives.sim.take_all(reader), ["1", "2", "3", "4", "7"]);
}
