//! Slow clients over sockets: what the kernel's buffers and edge-triggered events add to the tests of the core.
#![cfg(feature = "net")]

mod peer;

use std::collections::BTreeSet;
use std::io::Write;
use std::thread;

use mqtt_broker::core::Counter;
use mqtt_codec::{Packet, QoS, Version};
use peer::packets::{connect, payloads, publish, retain, subscribe};
use peer::{Peer, start};

#[test]
fn a_reader_that_stops_holds_nobody_up_and_goes_on_in_order() {
    const MESSAGES: usize = 20_000;
    let broker = start(1, |config| {
        config.limits.output = 16 << 10;
        config.session.queue.messages = 100;
    });
    let mut slow = Peer::narrow(broker.address, connect(Version::V5, "slow"));
    let mut quick = broker.connect(connect(Version::V5, "quick"));
    let mut publisher = broker.connect(connect(Version::V5, "publisher"));
    slow.subscribe(&["t"], QoS::AtMostOnce);
    quick.subscribe(&["t"], QoS::AtMostOnce);
    let numbers: Vec<String> = (0..MESSAGES).map(|number| format!("{number:01000}")).collect();
    for number in &numbers {
        publisher.send(&[publish("t", number.as_str(), QoS::AtMostOnce, 0)]);
        assert_eq!(quick.messages(1), [number.as_str()]);
    }
    let dropped = broker.handle.count(Counter::PublishDropped) as usize;
    assert!(dropped > 0 && dropped < MESSAGES, "{dropped}");
    assert_eq!(slow.messages(MESSAGES - dropped), numbers[..MESSAGES - dropped]);
    publisher.send(&[publish("t", "after", QoS::AtMostOnce, 0)]);
    assert_eq!(slow.messages(1), ["after"]);
    broker.shut_down();
}

#[test]
fn a_publisher_that_does_not_read_its_acknowledgements_is_resumed_when_it_does() {
    const MESSAGES: u16 = 60_000;
    let broker = start(2, |config| config.limits.output = 4 << 10);
    let mut publisher = Peer::narrow(broker.address, connect(Version::V3_1_1, "publisher"));
    let mut stream = publisher.stream.try_clone().unwrap();
    let all: Vec<Packet> =
        (0..MESSAGES).map(|number| publish("t", "x", QoS::AtLeastOnce, number + 1)).collect();
    let bytes = publisher.encode(&all);
    thread::scope(|scope| {
        scope.spawn(move || stream.write_all(&bytes).unwrap());
        // reading begins when the broker has stopped to read
        let mut probe = broker.connect(connect(Version::V5, "probe"));
        let mut received = broker.handle.count(Counter::PublishReceived);
        loop {
            (0..100).for_each(|_| probe.ping());
            let now = broker.handle.count(Counter::PublishReceived);
            if now == received && now > 0 {
                break;
            }
            received = now;
        }
        for number in 1..=MESSAGES {
            match publisher.next() {
                Some(Packet::PubAck(ack)) => assert_eq!(ack.id.get(), number),
                other => panic!("{other:?} instead of PUBACK {number}"),
            }
        }
    });
    assert_eq!(broker.handle.count(Counter::PublishReceived), u64::from(MESSAGES));
    broker.shut_down();
}

#[test]
fn each_retained_message_comes_once_to_a_client_with_small_buffers() {
    const MESSAGES: usize = 20_000;
    let broker = start(2, |config| config.limits.output = 4 << 10);
    let mut keeper = broker.connect(connect(Version::V5, "keeper"));
    for number in 0..MESSAGES {
        keeper.send(&[retain(&format!("r/{number}"), "x".repeat(100), None)]);
    }
    keeper.ping();
    let mut reader = Peer::narrow(broker.address, connect(Version::V5, "reader"));
    reader.send(&[subscribe(&["#"], QoS::AtMostOnce)]);
    let mut topics = BTreeSet::new();
    while topics.len() < MESSAGES {
        let Some(packet) = reader.next() else { panic!("the end after {}", topics.len()) };
        if let Packet::Publish(publish) = packet
            && publish.retain
        {
            assert!(topics.insert(publish.message.topic.as_str().to_owned()), "twice");
            // others go on changing them meanwhile
            if topics.len() % 100 == 0 {
                keeper.send(&[retain(&format!("r/{}", topics.len()), "changed", None)]);
            }
        }
    }
    reader.send(&[Packet::PingReq]);
    while let Some(packet) = reader.next() {
        match packet {
            Packet::PingResp => break,
            Packet::Publish(publish) => assert!(!publish.retain, "once"),
            other => panic!("{other:?}"),
        }
    }
    broker.shut_down();
}

#[test]
fn clients_that_do_not_read_or_acknowledge_cost_no_turns() {
    const PINGS: usize = 500;
    let broker = start(1, |config| {
        config.limits.output = 4 << 10;
        config.session.queue.window = 2.try_into().unwrap();
    });
    let mut probe = broker.connect(connect(Version::V5, "probe"));
    let quiet = broker.turns_during_pings(&mut probe, PINGS);
    assert!(quiet <= 2 * PINGS as u64, "{quiet} turns for {PINGS} pings");

    // one acknowledges nothing, one reads nothing, one asks for retained messages and reads nothing
    let mut silent = broker.connect(connect(Version::V5, "silent"));
    silent.subscribe(&["t"], QoS::AtLeastOnce);
    let mut blocked = Peer::narrow(broker.address, connect(Version::V5, "blocked"));
    blocked.subscribe(&["t"], QoS::AtMostOnce);
    for number in 0..5_000u16 {
        probe.send(&[publish("t", "x".repeat(1_000), QoS::AtLeastOnce, number + 1)]);
        probe.send(&[retain(&format!("r/{number}"), "x".repeat(1_000), None)]);
        probe.ping();
    }
    let mut curious = Peer::narrow(broker.address, connect(Version::V5, "curious"));
    curious.subscribe(&["r/#"], QoS::AtMostOnce);
    // strangers and clients that have gone half way
    let mut stranger = Peer::open(broker.address);
    stranger.stream.write_all(&[0x10]).unwrap();
    probe.ping();
    // the last bytes that the kernel takes may still be on their way
    (0..10_000).for_each(|_| probe.ping());
    let turns = broker.turns_during_pings(&mut probe, PINGS);
    assert!(turns <= 2 * PINGS as u64, "{turns} turns for {PINGS} pings");

    assert_eq!(payloads(&[silent.next().expect("a message")]).len(), 1);
    assert_eq!(blocked.messages(1).len(), 1);
    assert_eq!(curious.messages(5_000).len(), 5_000);
    broker.shut_down();
}

#[test]
fn a_publisher_that_is_held_up_is_read_from_again() {
    // more than the broker reads at once, and than the buffers of two sockets hold
    const MESSAGES: usize = 4_000;
    let broker = start(1, |config| {
        config.limits.publish_rate = 20_000.try_into().ok();
        config.limits.publish_burst = 1.try_into().unwrap();
    });
    let mut reader = broker.connect(connect(Version::V5, "reader"));
    reader.subscribe(&["t"], QoS::AtMostOnce);
    let publisher = Peer::narrow(broker.address, connect(Version::V5, "publisher"));
    let numbers: Vec<String> = (0..MESSAGES).map(|number| format!("{number:01000}")).collect();
    let all: Vec<Packet> =
        numbers.iter().map(|number| publish("t", number.as_str(), QoS::AtMostOnce, 0)).collect();
    let bytes = publisher.encode(&all);
    thread::scope(|scope| {
        scope.spawn(|| (&publisher.stream).write_all(&bytes).unwrap());
        assert_eq!(reader.messages(MESSAGES), numbers);
    });
    assert!(broker.handle.count(Counter::PublishHeldUp) > 0);
    assert_eq!(broker.handle.count(Counter::PublishDropped), 0);
    broker.shut_down();
}
