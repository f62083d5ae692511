//! Sessions, Wills, deadlines and counters over the lives of clients, in virtual time.
#![allow(non_snake_case, reason = "tests begin with the id of their statement")]

mod sim;

use std::time::Duration;

use mqtt_broker::core::access::{Action, parse_mosquitto};
use mqtt_broker::core::{ConnectionId, Counter, Mail, Notice, RefusalReason};
use mqtt_codec::{Connect, Disconnect, Packet, QoS, ReasonCode, Seconds, Version};
use sim::Sim;
use sim::packets::{
    answers, connect, connect_kept, disconnect_reason, payloads, publish, publishes, retain, subscribe, will,
};

const HOUR: Duration = Duration::from_secs(3_600);
const SECOND: Duration = Duration::from_secs(1);

fn disconnect(reason: ReasonCode) -> Packet {
    Packet::Disconnect(Disconnect {
        reason,
        session_expiry: None,
        reason_string: None,
        server_reference: None,
        user_properties: Vec::new(),
    })
}

/// A subscriber to everything, and the broker.
fn watched(shards: u16) -> (Sim, ConnectionId) {
    let mut sim = Sim::new(shards);
    let watcher = sim.connect(connect(Version::V5, "watcher"));
    sim.send(watcher, &[subscribe(&["#"], QoS::AtMostOnce)]);
    sim.receive(watcher);
    (sim, watcher)
}

#[test]
fn a_session_keeps_messages_of_qos_1_and_2_while_its_client_is_away() {
    for version in [Version::V3_1_1, Version::V5] {
        let (mut sim, watcher) = watched(2);
        for _ in 0..3 {
            let client = sim.connect(connect_kept(version, "c"));
            sim.send(client, &[subscribe(&["t"], QoS::ExactlyOnce)]);
            sim.receive(client);
            sim.cut(client);
            for (number, qos) in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce].into_iter().enumerate()
            {
                sim.send(watcher, &[publish("t", number.to_string(), qos, number as u16 + 1)]);
            }
            let answered = answers(&sim.receive(watcher));
            sim.send(watcher, &answered);
            let client = sim.connect(connect_kept(version, "c"));
            assert_eq!(sim.take_all(client), ["1", "2"]);
            sim.cut(client);
        }
    }
}

#[test]
fn a_session_ends_with_its_expiry_and_takes_everything_with_it() {
    let mut sim = Sim::new(3);
    for round in 0..5 {
        for number in 0..50 {
            let client = sim.connect(connect_kept(Version::V5, &format!("c{number}")));
            sim.send(
                client,
                &[subscribe(&["a/+", "b/#", "$share/g/t", &format!("own/{number}")], QoS::AtLeastOnce)],
            );
            sim.cut(client);
        }
        sim.run();
        assert_eq!((sim.hub.connected(), sim.hub.sessions()), (0, 50), "round {round}");
        assert_eq!(sim.hub.subscription_count(), 200);
        sim.advance(HOUR - SECOND);
        assert_eq!(sim.hub.sessions(), 50);
        sim.advance(SECOND);
        assert_eq!((sim.hub.sessions(), sim.hub.subscription_count()), (0, 0));
        assert_eq!(sim.next_timeout(), None, "no deadline is left behind");
    }
    let client = sim.connect(connect_kept(Version::V5, "c0"));
    assert!(matches!(&sim.receive(client)[0], Packet::ConnAck(connack) if !connack.session_present));
}

#[test]
fn mqtt_5_0__3_1_3_9_a_will_waits_for_its_delay_and_is_forgotten_if_the_client_returns() {
    let (mut sim, watcher) = watched(2);
    let with_will =
        |delay| Connect { will: Some(will("w", "gone", delay)), ..connect_kept(Version::V5, "c") };
    let client = sim.connect(with_will(10));
    sim.cut(client);
    sim.advance(9 * SECOND);
    let client = sim.connect(with_will(10));
    sim.advance(HOUR);
    assert_eq!(payloads(&sim.receive(watcher)), [""; 0]);
    sim.cut(client);
    sim.advance(9 * SECOND);
    assert_eq!(payloads(&sim.receive(watcher)), [""; 0]);
    sim.advance(SECOND);
    assert_eq!(payloads(&sim.receive(watcher)), ["gone"]);
    sim.advance(HOUR);
    assert_eq!(payloads(&sim.receive(watcher)), [""; 0], "once");
}

#[test]
fn mqtt_5_0__3_1_2_8_a_will_comes_when_its_client_is_lost_taken_over_silent_or_wrong() {
    let (mut sim, watcher) = watched(2);
    let with_will =
        || Connect { will: Some(will("w", "gone", 0)), keep_alive: 10, ..connect(Version::V5, "c") };
    let gone = |sim: &mut Sim| {
        sim.run();
        payloads(&sim.receive(watcher))
    };
    let client = sim.connect(with_will());
    sim.cut(client);
    assert_eq!(gone(&mut sim), ["gone"]);

    let client = sim.connect(with_will());
    let next = sim.connect(with_will());
    assert_eq!(gone(&mut sim), ["gone"]);
    assert!(sim.is_ended(client));

    sim.advance(14 * SECOND);
    assert_eq!(gone(&mut sim), [""; 0]);
    sim.advance(SECOND);
    assert_eq!(gone(&mut sim), ["gone"]);
    assert_eq!(disconnect_reason(&sim.receive(next)), Some(ReasonCode::KeepAliveTimeout));

    let client = sim.connect(with_will());
    sim.post_bytes(client, &[0xFF, 0]);
    assert_eq!(gone(&mut sim), ["gone"]);
    assert_eq!(disconnect_reason(&sim.receive(client)), Some(ReasonCode::MalformedPacket));

    let client = sim.connect(with_will());
    sim.send(client, &[disconnect(ReasonCode::DisconnectWithWillMessage)]);
    assert_eq!(gone(&mut sim), ["gone"]);
    let client = sim.connect(with_will());
    sim.send(client, &[disconnect(ReasonCode::Success)]);
    assert_eq!(gone(&mut sim), [""; 0]);
    for (counter, count) in [
        (Counter::DisconnectedByClient, 2),
        (Counter::DisconnectedTransport, 1),
        (Counter::DisconnectedTakenOver, 1),
        (Counter::DisconnectedKeepAlive, 1),
        (Counter::DisconnectedMalformed, 1),
    ] {
        assert_eq!(sim.count(counter), count, "{counter:?}");
    }
    assert!(sim.is_ended(client));
}

#[test]
fn clients_without_a_session_are_refused_where_there_are_as_many_as_the_limit() {
    for (version, code) in
        [(Version::V3_1_1, b"\x20\x02\x00\x03".as_slice()), (Version::V5, b"\x20\x03\x00\x97\x00")]
    {
        let mut sim = Sim::with(1, |config| config.limits.sessions = 2);
        let away = sim.connect(connect_kept(version, "away"));
        sim.cut(away);
        sim.run();
        let there = sim.connect(connect(version, "there"));
        let refusal = sim.try_connect(connect(version, "third"), &[]).unwrap_err();
        assert_eq!(refusal.reply, code);
        assert_eq!(refusal.reason, RefusalReason::Refused(ReasonCode::QuotaExceeded));
        sim.connect(connect_kept(version, "away"));
        assert_eq!((sim.hub.sessions(), sim.hub.connected()), (2, 2), "who has a session may come back");
        sim.cut(there);
        sim.run();
        sim.connect(connect(version, "third"));
    }
}

#[test]
fn the_log_hears_what_happened_in_the_order_in_which_it_happened() {
    let mut sim = Sim::new(1);
    sim.connect_with(connect(Version::V5, "c"), &[]);
    sim.connect_with(connect(Version::V5, "c"), &[]);
    let notices = std::iter::from_fn(|| sim.cores[0].poll_notice()).map(|notice| match notice {
        Notice::Connected { .. } => "connected",
        Notice::Disconnected { .. } => "disconnected",
        _ => "something else",
    });
    assert_eq!(notices.collect::<Vec<_>>(), ["connected", "disconnected", "connected"]);
}

#[test]
fn of_what_a_flood_may_not_do_the_log_hears_the_first_of_a_turn() {
    let mut sim = Sim::new(1);
    sim.hub.set_rules(parse_mosquitto("acl", "topic deny a").expect("rules"));
    let mut publishes = Vec::new();
    for topic in ["a", "b", "c"] {
        let publish = publish(topic, "", QoS::AtMostOnce, 0);
        publish.encode(Version::V3_1_1, &mut publishes).expect("a PUBLISH");
    }
    sim.connect_with(connect(Version::V3_1_1, "c"), &publishes);
    let notices: Vec<_> = std::iter::from_fn(|| sim.cores[0].poll_notice()).collect();
    let [Notice::Connected { .. }, Notice::NotAuthorized { client_id, user_name, action, topic, rule }] =
        &notices[..]
    else {
        panic!("{notices:?}");
    };
    assert_eq!((&**client_id, user_name, *action, &**topic), ("c", &None, Action::Publish, "a"));
    assert_eq!(rule.as_deref(), Some("acl:1: topic deny a"));
    assert_eq!(sim.count(Counter::PublishNotAuthorized), 3);
}

#[test]
fn a_place_that_is_used_again_gets_nothing_of_its_former_client() {
    let (mut sim, watcher) = watched(1);
    for round in 0..300 {
        let old = sim.connect(connect(Version::V5, &format!("old{round}")));
        sim.send(old, &[subscribe(&["t", "$share/g/t"], QoS::AtMostOnce)]);
        // queued for it in the turn in which it goes and another comes
        sim.post(watcher, &[publish("t", "secret", QoS::AtMostOnce, 0)]);
        sim.cut(old);
        let new = sim.connect_with(connect(Version::V5, &format!("new{round}")), &[]);
        sim.post(watcher, &[publish("t", "secret", QoS::AtMostOnce, 0)]);
        sim.run();
        assert_eq!(payloads(&sim.receive(new)), [""; 0]);
        sim.cut(new);
    }
    sim.run();
    assert_eq!((sim.hub.connected(), sim.hub.sessions()), (1, 1));
}

#[test]
fn mail_for_a_client_that_has_gone_reaches_nobody_else() {
    let mut sim = Sim::new(2);
    let id_on = |sim: &Sim, shard: u16, name: &str| {
        (0..).map(|number| format!("{name}{number}")).find(|id| sim.hub.home(id) == shard).unwrap()
    };
    let publisher = id_on(&sim, 0, "p");
    let (old, new) = (id_on(&sim, 1, "old"), id_on(&sim, 1, "new"));
    let publisher = sim.connect(connect(Version::V5, &publisher));
    let old = sim.connect(connect(Version::V5, &old));
    sim.send(old, &[subscribe(&["t"], QoS::AtMostOnce)]);
    sim.post(publisher, &[publish("t", "secret", QoS::AtMostOnce, 0)]);
    sim.turn(0);
    // its mail is on the way while its place changes hands
    sim.cut(old);
    let new = sim.connect_with(connect(Version::V5, &new), &[]);
    sim.run();
    assert_eq!(payloads(&sim.receive(new)), [""; 0]);
}

#[test]
fn a_deadline_that_was_passed_over_does_not_hold_up_later_ones() {
    let mut sim = Sim::new(1);
    for round in 0..200 {
        let client = sim.connect(Connect { keep_alive: 60, ..connect_kept(Version::V5, "c") });
        sim.cut(client);
        sim.advance(Duration::from_secs(100));
        let client = sim.connect(Connect { keep_alive: 2, ..connect(Version::V5, "c") });
        sim.advance(3 * SECOND);
        assert!(sim.is_ended(client), "round {round}");
    }
    assert_eq!(sim.count(Counter::DisconnectedKeepAlive), 200);
}

#[test]
fn keep_alive_holds_again_for_a_client_that_was_not_read_from_for_a_while() {
    let mut sim = Sim::with(1, |config| config.limits.output = 100);
    let client = sim.connect(Connect { keep_alive: 10, ..connect(Version::V5, "c") });
    sim.set_room(client, 0);
    let messages: Vec<Packet> =
        (1..1_000).map(|number| publish("t", "x", QoS::AtLeastOnce, number)).collect();
    sim.send(client, &messages);
    assert!(!sim.wants_read(client));
    sim.advance(50 * SECOND);
    assert!(!sim.is_ended(client), "it may have sent what was not read");
    sim.set_room(client, usize::MAX);
    sim.run();
    assert!(sim.wants_read(client));
    sim.advance(14 * SECOND);
    assert!(!sim.is_ended(client));
    sim.advance(SECOND);
    assert_eq!(disconnect_reason(&sim.receive(client)), Some(ReasonCode::KeepAliveTimeout));
}

#[test]
fn shutting_down_tells_every_client_and_lets_nobody_in() {
    let mut sim = Sim::new(3);
    let new: Vec<_> =
        (0..20).map(|number| sim.connect(connect(Version::V5, &format!("n{number}")))).collect();
    let old: Vec<_> =
        (0..20).map(|number| sim.connect(connect(Version::V3_1_1, &format!("o{number}")))).collect();
    for shard in 0..3 {
        sim.hub.post(shard, &mut vec![Mail::Shutdown]);
    }
    sim.run();
    for id in new {
        assert!(sim.is_ended(id));
        assert_eq!(disconnect_reason(&sim.receive(id)), Some(ReasonCode::ServerShuttingDown));
    }
    for id in old {
        assert!(sim.is_ended(id));
        assert_eq!(sim.receive(id).len(), 1, "CONNACK only: a 3.1.1 server has no DISCONNECT");
    }
    assert!(sim.cores.iter().all(mqtt_broker::core::ShardCore::is_stopped));
    assert_eq!(sim.hub.connected(), 0);
}

#[test]
fn sys_topics_tell_the_truth_and_wildcards_do_not_find_them() {
    let mut sim = Sim::with(2, |config| config.sys_interval = Duration::from_secs(10));
    let all = sim.connect(connect(Version::V5, "all"));
    sim.send(all, &[subscribe(&["#", "+/broker/uptime"], QoS::AtMostOnce)]);
    let away = sim.connect(connect_kept(Version::V5, "away"));
    sim.send(away, &[subscribe(&["$share/g/x"], QoS::AtMostOnce)]);
    sim.cut(away);
    sim.send(all, &[retain("kept", "12345", None), publish("kept", "x", QoS::AtLeastOnce, 1)]);
    sim.send(all, &[publish("other", "x", QoS::AtMostOnce, 0)]);
    let bytes = sim.count(Counter::BytesSent);
    sim.advance(Duration::from_secs(10));
    assert_eq!(sim.count(Counter::BytesSent), bytes, "nobody has asked for $SYS");
    assert!(publishes(&sim.receive(all)).all(|publish| !publish.message.topic.as_str().starts_with('$')));

    let reader = sim.connect(connect(Version::V5, "reader"));
    sim.send(reader, &[subscribe(&["$SYS/#"], QoS::AtMostOnce)]);
    let received = sim.receive(reader);
    let value = |packets: &[Packet], name: &str| {
        let topic = format!("$SYS/broker/{name}");
        let publish = publishes(packets).find(|publish| publish.message.topic.as_str() == topic);
        String::from_utf8(publish.unwrap_or_else(|| panic!("no {topic}")).message.payload.to_vec()).unwrap()
    };
    for (name, expected) in [
        ("clients/connected", "1"),
        ("clients/disconnected", "1"),
        ("clients/total", "2"),
        ("clients/maximum", "2"),
        ("subscriptions/count", "2"),
        ("shared_subscriptions/count", "1"),
        ("publish/messages/received", "3"),
        ("publish/messages/sent", "3"),
        ("publish/messages/unmatched", "0"),
        ("publish/messages/dropped", "0"),
        ("uptime", "11 seconds"),
    ] {
        assert_eq!(value(&received, name), expected, "{name}");
    }
    assert!(publishes(&received).all(|publish| publish.retain));

    // the next round comes by itself, as news
    sim.cut(all);
    sim.advance(Duration::from_secs(10));
    let received = sim.receive(reader);
    assert!(publishes(&received).all(|publish| !publish.retain));
    assert_eq!(value(&received, "clients/connected"), "1");
    assert_eq!(value(&received, "clients/maximum"), "2");
    assert_eq!(value(&received, "uptime"), "21 seconds");
    sim.advance(9 * SECOND);
    assert_eq!(sim.receive(reader).len(), 0);
}

#[test]
fn clients_may_not_publish_to_sys_topics() {
    let mut sim = Sim::new(1);
    let client = sim.connect(connect(Version::V5, "c"));
    sim.send(client, &[publish("$SYS/broker/version", "mine", QoS::AtLeastOnce, 1)]);
    let refused =
        |packet: &Packet| matches!(packet, Packet::PubAck(ack) if ack.reason == ReasonCode::NotAuthorized);
    assert!(sim.receive(client).iter().any(refused));
    assert_eq!(sim.hub.retained_messages(), 0);
}

/// A random sequence of steps, the same for each seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

#[test]
fn after_any_lives_of_clients_nothing_is_left() {
    for seed in 1..40 {
        let mut random = Random(0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(seed));
        let mut sim = Sim::with(1 + (seed % 3) as u16, |config| {
            config.limits.output = 300;
            config.limits.mailbox = 5;
            config.session.queue.messages = 20;
        });
        let mut connections: Vec<ConnectionId> = Vec::new();
        for step in 0..400 {
            let live: Vec<ConnectionId> =
                connections.iter().copied().filter(|id| !sim.is_ended(*id)).collect();
            let chosen = (!live.is_empty()).then(|| live[random.below(live.len() as u64) as usize]);
            match (random.below(10), chosen) {
                (0 | 1, _) | (_, None) => connections.push(connect_somebody(&mut sim, &mut random)),
                (2, Some(id)) => sim.cut(id),
                (3, Some(id)) => sim.post(id, &[disconnect(ReasonCode::Success)]),
                (4, Some(id)) => {
                    sim.post(id, &[subscribe(&["t/#", "$share/g/t/1", "t/1"], QoS::ExactlyOnce)])
                }
                (5, Some(id)) => sim.post_bytes(id, &[0xE0]),
                (6, Some(id)) => {
                    let room = [0, 50, 1_000, usize::MAX][random.below(4) as usize];
                    sim.set_room(id, room);
                }
                (7, Some(id)) => {
                    let received = answers(&sim.receive(id));
                    sim.post(id, &received);
                }
                (8, _) => sim.advance(Duration::from_secs(random.below(100))),
                (_, Some(id)) => {
                    let qos = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce][random.below(3) as usize];
                    sim.post(id, &[publish("t/1", format!("{step}"), qos, step + 1)]);
                }
            }
            if random.below(3) == 0 {
                sim.run();
            }
        }
        let live: Vec<ConnectionId> = connections.into_iter().filter(|id| !sim.is_ended(*id)).collect();
        live.into_iter().for_each(|id| sim.cut(id));
        sim.run();
        assert_eq!(sim.hub.connected(), 0, "seed {seed}");
        sim.advance(2 * HOUR);
        assert_eq!((sim.hub.sessions(), sim.hub.subscription_count()), (0, 0), "seed {seed}");
        assert_eq!(sim.next_timeout(), None, "seed {seed}");
        let ended = [
            Counter::DisconnectedByClient,
            Counter::DisconnectedTransport,
            Counter::DisconnectedKeepAlive,
            Counter::DisconnectedStalled,
            Counter::DisconnectedMalformed,
            Counter::DisconnectedViolation,
            Counter::DisconnectedTakenOver,
            Counter::DisconnectedByBroker,
        ];
        let ended: u64 = ended.into_iter().map(|counter| sim.count(counter)).sum();
        assert_eq!(ended, sim.count(Counter::ClientsConnected), "seed {seed}: each end is counted once");
    }
}

fn connect_somebody(sim: &mut Sim, random: &mut Random) -> ConnectionId {
    let mut connect = connect(Version::V5, &format!("c{}", random.below(6)));
    connect.clean_start = random.below(3) == 0;
    connect.keep_alive = random.below(3) as u16 * 30;
    connect.properties.session_expiry = Some(Seconds([0, 50, 3_600][random.below(3) as usize]));
    connect.will = (random.below(2) == 0).then(|| will("t/1", "will", random.below(3) as u32 * 20));
    sim.connect_with(connect, &[])
}

#[test]
fn a_message_is_retained_no_longer_than_the_limit_and_nobody_is_told_of_another_expiry() {
    let mut sim = Sim::with(1, |config| config.limits.retained_expiry = Some(Duration::from_secs(60)));
    let writer = sim.connect(connect(Version::V5, "writer"));
    sim.send(
        writer,
        &[retain("forever", "1", None), retain("long", "2", Some(100)), retain("short", "3", Some(30))],
    );
    let found = |sim: &mut Sim| {
        let reader = sim.connect(connect(Version::V5, "reader"));
        sim.send(reader, &[subscribe(&["#"], QoS::AtMostOnce)]);
        let packets = sim.receive(reader);
        let mut found: Vec<_> =
            publishes(&packets).map(|one| (one.message.topic.as_str().to_owned(), one.expiry)).collect();
        found.sort();
        found
    };
    sim.advance(Duration::from_secs(29));
    let expiry = |seconds| Some(Seconds(seconds));
    let all = [("forever", None), ("long", expiry(71)), ("short", expiry(1))];
    assert_eq!(found(&mut sim), all.map(|(topic, expiry)| (topic.to_owned(), expiry)));
    sim.advance(Duration::from_secs(30));
    let left = [("forever", None), ("long", expiry(41))];
    assert_eq!(found(&mut sim), left.map(|(topic, expiry)| (topic.to_owned(), expiry)));
    sim.advance(Duration::from_secs(1));
    assert!(found(&mut sim).is_empty());
    sim.advance(Duration::from_secs(20));
    assert_eq!(sim.hub.retained_messages(), 0, "they take no memory");
}
