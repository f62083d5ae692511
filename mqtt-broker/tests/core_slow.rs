//! Clients that do not read, read slowly, or do not acknowledge: they get what they can take, in order, and cost no
//! more than their limits; nobody else notices.

mod sim;

use std::time::Duration;

use mqtt_broker::core::Counter;
use mqtt_codec::{Packet, QoS, Version};
use mqtt_session::Overflow;
use sim::Sim;
use sim::packets::{
    answers, connect, connect_kept, payloads, publish, publishes, retain, retain_qos1, subscribe,
    unsubscribe, with_user_properties,
};

fn numbers(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

/// A message whose payload begins with its number.
fn numbered(number: usize, qos: QoS) -> Packet {
    publish("t", number.to_string(), qos, (number % 60_000) as u16 + 1)
}

#[test]
fn a_reader_that_stops_costs_its_limits_and_loses_what_is_beyond_them() {
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce] {
        let mut sim = Sim::with(1, |config| {
            config.limits.output = 1_000;
            config.session.queue.messages = 50;
        });
        let slow = sim.connect(connect(Version::V5, "slow"));
        let quick = sim.connect(connect(Version::V5, "quick"));
        let publisher = sim.connect(connect(Version::V5, "publisher"));
        sim.send(slow, &[subscribe(&["t"], qos)]);
        sim.send(quick, &[subscribe(&["t"], qos)]);
        sim.receive(slow);
        sim.receive(quick);
        sim.set_room(slow, 0);
        let mut quick_got = Vec::new();
        for number in 0..2_000 {
            sim.send(publisher, &[numbered(number, qos)]);
            assert!(sim.unsent(slow) < 1_000 + 100, "one packet above the mark");
            quick_got.extend(sim.take_all(quick));
        }
        assert_eq!(quick_got, numbers(0..2_000));
        let dropped = sim.count(Counter::PublishDropped) as usize;
        sim.set_room(slow, usize::MAX);
        let got = sim.take_all(slow);
        assert_eq!(got, numbers(0..got.len()), "the oldest, in order");
        assert_eq!(got.len() + dropped, 2_000);
        assert!(got.len() > 50 && got.len() < 300, "{}", got.len());
        sim.send(publisher, &[publish("t", "after", qos, 1)]);
        assert_eq!(sim.take_all(slow), ["after"]);
    }
}

#[test]
fn the_oldest_make_room_where_the_present_matters_and_are_counted() {
    let mut sim = Sim::with(1, |config| {
        config.limits.output = 100;
        config.session.queue.messages = 10;
        config.session.queue.overflow = Overflow::DropOldest;
    });
    let slow = sim.connect(connect_kept(Version::V5, "slow"));
    let publisher = sim.connect(connect(Version::V5, "publisher"));
    sim.send(slow, &[subscribe(&["t"], QoS::AtLeastOnce)]);
    sim.cut(slow);
    for number in 0..100 {
        sim.send(publisher, &[numbered(number, QoS::AtLeastOnce)]);
    }
    assert_eq!(sim.count(Counter::PublishDropped), 90);
    let slow = sim.connect(connect_kept(Version::V5, "slow"));
    assert_eq!(sim.take_all(slow), numbers(90..100));
}

#[test]
fn a_client_that_does_not_acknowledge_makes_no_busy_loop_and_gets_more_when_it_does() {
    let mut sim = Sim::with(1, |config| config.session.queue.window = 4.try_into().unwrap());
    let client = sim.connect(connect(Version::V5, "client"));
    let publisher = sim.connect(connect(Version::V5, "publisher"));
    sim.send(client, &[subscribe(&["t"], QoS::AtLeastOnce)]);
    sim.receive(client);
    for number in 0..20 {
        // `send` fails if the broker does not come to rest
        sim.send(publisher, &[numbered(number, QoS::AtLeastOnce)]);
    }
    let first = sim.receive(client);
    assert_eq!(payloads(&first), numbers(0..4));
    sim.send(client, &answers(&first)[..1]);
    let next = sim.receive(client);
    assert_eq!(payloads(&next), ["4"]);
    sim.post(client, &answers(&first)[1..]);
    sim.post(client, &answers(&next));
    assert_eq!(sim.take_all(client), numbers(5..20));
}

#[test]
fn a_publisher_that_does_not_read_its_acknowledgements_is_not_read_from_until_it_does() {
    for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
        let mut sim = Sim::with(1, |config| config.limits.output = 200);
        let publisher = sim.connect(connect(Version::V3_1_1, "publisher"));
        let reader = sim.connect(connect(Version::V3_1_1, "reader"));
        sim.send(reader, &[subscribe(&["t"], QoS::AtMostOnce)]);
        sim.set_room(publisher, 0);
        let all: Vec<Packet> = (0..5_000).map(|number| numbered(number, qos)).collect();
        sim.send(publisher, &all);
        assert!(!sim.wants_read(publisher));
        let mut got = payloads(&sim.receive(reader));
        assert!(got.len() < 500, "{} messages were answered into nowhere", got.len());
        // it reads a little at a time
        while !sim.wants_read(publisher) {
            sim.set_room(publisher, 64);
            sim.run();
            got.extend(payloads(&sim.receive(reader)));
        }
        sim.set_room(publisher, usize::MAX);
        sim.run();
        got.extend(payloads(&sim.receive(reader)));
        assert_eq!(got, numbers(0..5_000));
        let answered =
            sim.receive(publisher).iter().filter(|packet| !matches!(packet, Packet::ConnAck(_))).count();
        assert_eq!(answered, 5_000);
    }
}

#[test]
fn a_reader_that_is_always_a_little_behind_does_not_make_its_output_grow() {
    let mut sim = Sim::with(1, |config| config.limits.output = 64 << 10);
    let slow = sim.connect(connect(Version::V5, "slow"));
    let publisher = sim.connect(connect(Version::V5, "publisher"));
    sim.send(slow, &[subscribe(&["t"], QoS::AtMostOnce)]);
    sim.set_room(slow, 0);
    let mut got = 0;
    for number in 0..40 {
        sim.send(publisher, &[numbered(number, QoS::AtMostOnce)]);
    }
    for number in 40..5_000 {
        sim.send(publisher, &[publish("t", vec![b'x'; 1_000], QoS::AtMostOnce, number)]);
        sim.set_room(slow, 1_000);
        sim.run();
        got += payloads(&sim.receive(slow)).len();
        assert!(sim.unsent(slow) > 0, "never empty");
        assert!(sim.output_capacity(slow) <= 256 << 10, "{}", sim.output_capacity(slow));
    }
    assert!(got > 4_000);
}

#[test]
fn a_large_payload_is_shared_by_all_who_get_it() {
    let mut sim = Sim::with(1, |config| config.session.maximum_packet_size = 2 << 20);
    let publisher = sim.connect(connect(Version::V5, "publisher"));
    let readers: Vec<_> =
        (0..50).map(|number| sim.connect(connect(Version::V5, &format!("r{number}")))).collect();
    for (index, &reader) in readers.iter().enumerate() {
        let qos = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce][index % 3];
        sim.send(reader, &[subscribe(&["t"], qos)]);
        sim.receive(reader);
    }
    let payload: Vec<u8> = (0..1 << 20).map(|byte: u32| (byte % 251) as u8).collect();
    sim.send(publisher, &[publish("t", payload.clone(), QoS::ExactlyOnce, 1)]);
    for &reader in &readers {
        let received = sim.receive(reader);
        let [Packet::Publish(publish)] = &received[..] else { panic!("{} packets", received.len()) };
        assert_eq!(publish.message.payload, payload);
    }
    assert_eq!(sim.large.len(), 50);
    assert!(sim.large.iter().all(|place| *place == sim.large[0]), "from one place in memory");
}

/// A broker with retained messages `r/0` ... and a client whose socket takes little.
fn with_retained(count: usize, change: impl FnOnce(&mut mqtt_broker::config::Config)) -> Sim {
    let mut sim = Sim::with(1, change);
    let publisher = sim.connect(connect(Version::V5, "keeper"));
    let messages: Vec<Packet> =
        (0..count).map(|number| retain(&format!("r/{number}"), number.to_string(), None)).collect();
    sim.send(publisher, &messages);
    sim
}

#[test]
fn each_retained_message_comes_once_to_a_client_that_reads_slowly_while_others_change() {
    let mut sim = with_retained(20_000, |config| config.limits.output = 1 << 10);
    let changer = sim.connect(connect(Version::V5, "changer"));
    let reader = sim.connect(connect(Version::V5, "reader"));
    sim.set_room(reader, 0);
    sim.send(reader, &[subscribe(&["#"], QoS::AtMostOnce)]);
    let mut retained = Vec::new();
    let mut live = 0;
    for round in 0..100_000 {
        sim.set_room(reader, 4_000);
        sim.run();
        assert!(sim.unsent(reader) < (1 << 10) + 64 * 40, "the replay keeps to the output's mark");
        let received = sim.receive(reader);
        retained.extend(
            publishes(&received)
                .filter(|publish| publish.retain)
                .map(|publish| publish.message.topic.as_str()[2..].parse::<usize>().unwrap()),
        );
        live += publishes(&received).filter(|publish| !publish.retain).count();
        if retained.len() >= 20_000 {
            break;
        }
        if round % 10 == 0 {
            let number = round * 37 % 20_000;
            sim.send(changer, &[retain(&format!("r/{number}"), "changed", None)]);
        }
        assert!(round < 99_999, "only {} of 20000 came", retained.len());
    }
    retained.sort_unstable();
    assert_eq!(retained, (0..20_000).collect::<Vec<_>>());
    assert!(live > 0);
    sim.set_room(reader, usize::MAX);
    sim.run();
    assert!(publishes(&sim.receive(reader)).all(|publish| !publish.retain), "and nothing twice");
}

#[test]
fn overlapping_subscriptions_each_get_their_retained_messages() {
    let mut sim = with_retained(3_000, |config| config.limits.output = 512);
    let reader = sim.connect(connect(Version::V5, "reader"));
    sim.set_room(reader, 100);
    sim.send(reader, &[subscribe(&["r/#"], QoS::AtMostOnce), subscribe(&["r/+", "r/7"], QoS::AtMostOnce)]);
    let mut count = 0;
    while count < 6_001 {
        sim.set_room(reader, 1_000);
        sim.run();
        let received = payloads(&sim.receive(reader)).len();
        count += received;
        assert!(received > 0 || sim.unsent(reader) > 0, "stopped after {count}");
    }
    sim.set_room(reader, usize::MAX);
    assert_eq!((count, sim.take_all(reader).len()), (6_001, 0));
}

#[test]
fn who_asks_again_in_the_middle_gets_all_from_the_beginning() {
    let mut sim = with_retained(1_000, |config| config.limits.output = 512);
    let reader = sim.connect(connect(Version::V5, "reader"));
    sim.set_room(reader, 200);
    for _ in 0..100 {
        sim.send(reader, &[subscribe(&["r/#"], QoS::AtMostOnce)]);
    }
    sim.set_room(reader, usize::MAX);
    let got = sim.take_all(reader);
    assert_eq!(got.last().map(String::as_str), Some("999"));
    assert!(got.len() >= 1_000 && got.len() < 1_300, "{}", got.len());
}

#[test]
fn unsubscribing_in_the_middle_ends_the_replay() {
    let mut sim = with_retained(1_000, |config| config.limits.output = 512);
    let reader = sim.connect(connect(Version::V5, "reader"));
    sim.set_room(reader, 200);
    sim.send(reader, &[subscribe(&["r/#", "r/5"], QoS::AtMostOnce)]);
    sim.send(reader, &[unsubscribe("r/#")]);
    sim.set_room(reader, usize::MAX);
    let got = sim.take_all(reader);
    assert!(got.len() < 200, "{}", got.len());
    assert_eq!(got.last().map(String::as_str), Some("5"), "the other subscription has its own");
}

#[test]
fn retained_messages_behind_a_full_window_come_with_the_acknowledgements() {
    let mut sim = Sim::with(1, |config| config.session.queue.window = 5.try_into().unwrap());
    let keeper = sim.connect(connect(Version::V5, "keeper"));
    for number in 0..500 {
        sim.send(keeper, &[retain_qos1(&format!("r/{number:03}"), number)]);
    }
    let reader = sim.connect(connect(Version::V5, "reader"));
    sim.send(reader, &[subscribe(&["r/#"], QoS::AtLeastOnce)]);
    let first = sim.receive(reader);
    assert_eq!(payloads(&first).len(), 5);
    let mut got = payloads(&first);
    sim.post(reader, &answers(&first));
    got.extend(sim.take_all(reader));
    assert_eq!(got, numbers(0..500));
}

#[test]
fn a_session_that_is_cut_in_the_middle_gets_the_rest_on_its_next_connection() {
    let mut sim = Sim::with(1, |config| config.limits.output = 512);
    let keeper = sim.connect(connect(Version::V5, "keeper"));
    for number in 0..1_000 {
        sim.send(keeper, &[retain_qos1(&format!("r/{number:03}"), number)]);
    }
    let reader = sim.connect(connect_kept(Version::V5, "reader"));
    sim.set_room(reader, 2_000);
    sim.send(reader, &[subscribe(&["r/#"], QoS::AtLeastOnce)]);
    let mut got = payloads(&sim.receive(reader));
    assert!(!got.is_empty() && got.len() < 500);
    sim.cut(reader);
    let reader = sim.connect(connect_kept(Version::V5, "reader"));
    got.extend(sim.take_all(reader));
    got.sort_by_key(|number| number.parse::<usize>().unwrap());
    // what was not acknowledged comes again
    got.dedup();
    assert_eq!(got, numbers(0..1_000));

    let again = sim.connect(connect(Version::V5, "reader"));
    assert_eq!(sim.take_all(again), [""; 0], "a new session is owed nothing");
}

#[test]
fn expired_retained_messages_are_neither_sent_nor_kept() {
    let mut sim = with_retained(3_000, |_| {});
    let keeper = sim.connect(connect(Version::V5, "writer"));
    let expiring: Vec<Packet> = (0..3_000)
        .map(|number| retain(&format!("x/{number}"), "x", Some(if number < 1_500 { 60 } else { 600 })))
        .collect();
    sim.send(keeper, &expiring);
    let kept = |sim: &Sim| sim.hub.retained_messages();
    assert_eq!(kept(&sim), 6_000);
    sim.advance(Duration::from_secs(60));
    let reader = sim.connect(connect(Version::V5, "reader"));
    sim.send(reader, &[subscribe(&["x/#"], QoS::AtMostOnce)]);
    assert_eq!(sim.take_all(reader).len(), 1_500);
    sim.run_until(60 + 60);
    assert_eq!(kept(&sim), 4_500);
    sim.run_until(600 + 120);
    assert_eq!(kept(&sim), 3_000);
    assert_eq!(sim.next_timeout(), None, "nothing is left to look for");
}

#[test]
fn retained_messages_are_limited_by_all_that_they_keep() {
    let mut sim = Sim::with(1, |config| config.limits.retained_bytes = 10_000);
    let writer = sim.connect(connect(Version::V5, "writer"));
    let small = retain("small", "x", None);
    let large = |topic: &str| with_user_properties(retain(topic, "x", None), 100);
    sim.send(writer, &[small, large("one"), large("two")]);
    assert_eq!(sim.hub.retained_messages(), 2, "a hundred empty properties fit once");
    assert_eq!(sim.hub.total(Counter::RetainedRefused), 1);
    sim.send(writer, &[large("small")]);
    assert_eq!(sim.hub.retained_messages(), 1, "what cannot be replaced is no longer true");
    sim.send(writer, &[large("one")]);
    assert_eq!(sim.hub.retained_messages(), 1, "one takes the place of itself");
}

#[test]
fn one_packet_that_names_many_filters_many_times_asks_for_each_once() {
    let mut sim = Sim::with(1, |config| config.limits.output = 512);
    let publisher = sim.connect(connect(Version::V5, "publisher"));
    sim.send(publisher, &[retain("7", "retained", None)]);
    let reader = sim.connect(connect(Version::V5, "reader"));
    let filters: Vec<String> = (0..100_000).map(|number| format!("{}", number % 9_000)).collect();
    let filters: Vec<&str> = filters.iter().map(String::as_str).collect();
    sim.send(reader, &[subscribe(&filters, QoS::AtMostOnce)]);
    assert_eq!(sim.take_all(reader), ["retained"]);
}

#[test]
fn a_client_that_publishes_too_fast_is_read_from_more_slowly_and_loses_nothing() {
    for (version, qos) in [(Version::V3_1_1, QoS::AtMostOnce), (Version::V5, QoS::ExactlyOnce)] {
        let mut sim = Sim::with(1, |config| {
            config.limits.publish_rate = 10.try_into().ok();
            config.limits.publish_burst = 5.try_into().unwrap();
        });
        let reader = sim.connect(connect(version, "reader"));
        sim.send(reader, &[subscribe(&["t"], QoS::AtMostOnce)]);
        let (fast, calm) = (sim.connect(connect(version, "fast")), sim.connect(connect(version, "calm")));
        let all: Vec<Packet> = (0..30).map(|number| numbered(number, qos)).collect();
        let start = sim.now;
        sim.post(fast, &all);
        sim.post(fast, &[Packet::PingReq]);
        assert_eq!(sim.take_all(reader), numbers(0..5), "the burst");
        assert!(!sim.wants_read(fast));
        // nobody else waits
        sim.send(calm, &[publish("t", "calm", qos, 1)]);
        assert_eq!(sim.take_all(reader), ["calm"]);
        let mut got = 5;
        while !sim.wants_read(fast) {
            sim.now = sim.next_timeout().expect("a deadline");
            let more = sim.take_all(reader);
            assert_eq!(more, numbers(got..got + more.len()));
            got += more.len();
        }
        assert_eq!(got, 30);
        assert_eq!(
            sim.now.since(start),
            Duration::from_millis(2_600),
            "ten a second, the last for what follows"
        );
        assert!(
            sim.receive(fast).contains(&Packet::PingResp),
            "what comes behind waits as well, and is answered"
        );
        assert_eq!(sim.count(Counter::PublishHeldUp), 26);
        assert_eq!(sim.count(Counter::PublishDropped), 0);
    }
}

#[test]
fn a_client_that_is_held_up_may_be_cut_and_come_again() {
    let mut sim = Sim::with(1, |config| {
        config.limits.publish_rate = 1.try_into().ok();
        config.limits.publish_burst = 1.try_into().unwrap();
    });
    let fast = sim.connect(connect(Version::V5, "fast"));
    let all: Vec<Packet> = (0..10).map(|number| numbered(number, QoS::AtMostOnce)).collect();
    sim.send(fast, &all);
    assert!(!sim.wants_read(fast));
    sim.cut(fast);
    let fast = sim.connect(connect(Version::V5, "fast"));
    assert!(sim.wants_read(fast), "a connection begins with a burst");
    sim.advance(Duration::from_secs(100));
    assert_eq!(sim.count(Counter::PublishReceived), 1);
}
