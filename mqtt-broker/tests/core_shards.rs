//! Several shards are one broker: who lives where makes no difference to anybody.

#![allow(non_snake_case, reason = "tests begin with the id of their statement")]

mod sim;

use std::sync::mpsc::{Receiver, channel};

use mqtt_broker::core::{ConnectionId, LocalId, LocalMessage, Mail};
use mqtt_codec::{Packet, QoS, ReasonCode, TopicFilter, Version};
use sim::Sim;
use sim::packets::{
    ALL_QOS, VERSIONS, connect, connect_kept, disconnect_reason, payloads, publish, publishes, subscribe,
    with_user_properties,
};

const SHARDS: [u16; 2] = [1, 3];

/// Client identifiers `NAME0`, `NAME1`, ..., one for each shard in turn.
fn spread(sim: &Sim, name: &str, count: usize) -> Vec<String> {
    let shards = sim.cores.len();
    let mut ids: Vec<String> = Vec::new();
    let mut number = 0;
    while ids.len() < count {
        let id = format!("{name}{number}");
        if usize::from(sim.hub.home(&id)) == ids.len() % shards {
            ids.push(id);
        }
        number += 1;
    }
    ids
}

fn connect_all(sim: &mut Sim, version: Version, ids: &[String]) -> Vec<ConnectionId> {
    ids.iter().map(|id| sim.connect(connect(version, id))).collect()
}

#[test]
fn each_subscriber_gets_every_message_in_the_order_of_its_publisher() {
    for (shards, version, qos) in SHARDS
        .into_iter()
        .flat_map(|shards| VERSIONS.map(|version| ALL_QOS.map(|qos| (shards, version, qos))).concat())
    {
        let mut sim = Sim::new(shards);
        let (subscribers, publishers) = (spread(&sim, "s", 5), spread(&sim, "p", 4));
        let subscribers = connect_all(&mut sim, version, &subscribers);
        let publishers = connect_all(&mut sim, version, &publishers);
        for &subscriber in &subscribers {
            sim.send(subscriber, &[subscribe(&["t/+"], qos)]);
        }
        for round in 0..30 {
            for (index, &publisher) in publishers.iter().enumerate() {
                let message = |number: u16| {
                    publish(
                        &format!("t/{index}"),
                        format!("{index}:{}", round * 3 + number),
                        qos,
                        round * 3 + number + 1,
                    )
                };
                sim.post(publisher, &[message(0), message(1), message(2)]);
                // turns of shards come in an order of their own
                sim.turn((round as usize * 7 + index) % usize::from(shards));
            }
        }
        let expected: Vec<String> = (0..90).map(|number| number.to_string()).collect();
        for &subscriber in &subscribers {
            let all = sim.take_all(subscriber);
            for index in 0..publishers.len() {
                let own = all.iter().filter_map(|payload| payload.strip_prefix(&format!("{index}:")));
                assert_eq!(own.collect::<Vec<_>>(), expected, "{shards} shards, {version}, {qos:?}");
            }
            assert_eq!(all.len(), 4 * 90);
        }
        for &publisher in &publishers {
            assert_eq!(sim.take_all(publisher), [""; 0]);
        }
    }
}

#[test]
fn a_message_is_lowered_to_the_granted_qos_wherever_the_subscriber_lives() {
    for shards in SHARDS {
        let mut sim = Sim::new(shards);
        let ids = spread(&sim, "c", 4);
        let clients = connect_all(&mut sim, Version::V5, &ids);
        for (&client, qos) in clients.iter().zip(ALL_QOS) {
            sim.send(client, &[subscribe(&["a", "+"], QoS::AtMostOnce), subscribe(&["#"], qos)]);
        }
        sim.send(clients[3], &[publish("a", "x", QoS::ExactlyOnce, 1)]);
        for (&client, qos) in clients.iter().zip(ALL_QOS) {
            let received = sim.receive(client);
            let granted: Vec<QoS> = publishes(&received).map(|publish| publish.delivery.qos()).collect();
            assert_eq!(granted, [qos], "once, at the highest that was granted");
        }
    }
}

#[test]
fn a_member_of_a_group_that_also_subscribes_itself_gets_both_messages() {
    for shards in SHARDS {
        let mut sim = Sim::new(shards);
        let ids = spread(&sim, "c", 2);
        let clients = connect_all(&mut sim, Version::V5, &ids);
        sim.send(clients[0], &[subscribe(&["$share/one/a", "$share/two/a", "a"], QoS::AtMostOnce)]);
        for publisher in [clients[0], clients[1]] {
            sim.send(publisher, &[publish("a", "x", QoS::AtMostOnce, 0)]);
            assert_eq!(payloads(&sim.receive(clients[0])), ["x"; 3], "{shards} shards");
        }
    }
}

#[test]
fn a_group_prefers_members_that_are_connected() {
    for shards in SHARDS {
        let mut sim = Sim::new(shards);
        let ids = spread(&sim, "m", 3);
        let members: Vec<_> = ids.iter().map(|id| sim.connect(connect_kept(Version::V5, id))).collect();
        let publisher = sim.connect(connect(Version::V5, "p"));
        for &member in &members {
            sim.send(member, &[subscribe(&["$share/g/t"], QoS::AtLeastOnce)]);
            sim.receive(member);
        }
        let send = |sim: &mut Sim, from: u16, count: u16| {
            for number in from..from + count {
                sim.send(publisher, &[publish("t", number.to_string(), QoS::AtLeastOnce, number + 1)]);
            }
        };
        send(&mut sim, 0, 6);
        let mut all: Vec<String> = Vec::new();
        for &member in &members {
            let own = sim.take_all(member);
            assert_eq!(own.len(), 2, "the turn goes round");
            all.extend(own);
        }
        all.sort();
        assert_eq!(all, ["0", "1", "2", "3", "4", "5"]);

        sim.cut(members[0]);
        sim.cut(members[1]);
        send(&mut sim, 6, 4);
        assert_eq!(sim.take_all(members[2]), ["6", "7", "8", "9"]);

        sim.cut(members[2]);
        send(&mut sim, 10, 3);
        let mut kept = Vec::new();
        for id in &ids {
            let member = sim.connect(connect_kept(Version::V5, id));
            kept.extend(sim.take_all(member));
        }
        kept.sort();
        assert_eq!(kept, ["10", "11", "12"], "with nobody there, sessions keep them");
    }
}

#[test]
fn mqtt_5_0__3_1_4_3_a_second_connection_takes_the_session_over_on_every_shard() {
    for shards in SHARDS {
        let mut sim = Sim::new(shards);
        for id in spread(&sim, "c", 3) {
            let old = sim.connect(connect_kept(Version::V5, &id));
            sim.send(old, &[subscribe(&["t"], QoS::AtLeastOnce)]);
            let new = sim.connect(connect_kept(Version::V5, &id));
            assert_eq!(disconnect_reason(&sim.receive(old)), Some(ReasonCode::SessionTakenOver));
            assert!(sim.is_ended(old) && !sim.is_ended(new));
            sim.send(new, &[publish("t", "own", QoS::AtLeastOnce, 1)]);
            let received = sim.receive(new);
            assert!(matches!(&received[0], Packet::ConnAck(connack) if connack.session_present));
            assert_eq!(payloads(&received), ["own"]);
            sim.cut(new);
        }
        sim.run();
        assert_eq!(sim.hub.connected(), 0);
        assert_eq!(sim.hub.sessions(), 3);
    }
}

#[test]
fn bytes_behind_connect_are_handled_where_the_client_lives() {
    for shards in SHARDS {
        let mut sim = Sim::new(shards);
        for (number, id) in spread(&sim, "c", 3).into_iter().enumerate() {
            let mut behind = Vec::new();
            let topic = format!("t/{number}");
            for packet in [
                subscribe(&[&topic], QoS::AtMostOnce),
                publish(&topic, "x", QoS::ExactlyOnce, 1),
                Packet::PingReq,
            ] {
                packet.encode(Version::V3_1_1, &mut behind).unwrap();
            }
            // and the beginning of one more packet
            behind.push(0xC0);
            let client = sim.connect_with(connect(Version::V3_1_1, &id), &behind);
            sim.run();
            sim.post_bytes(client, &[0]);
            sim.run();
            let types: Vec<_> =
                sim.receive(client).iter().map(|packet| packet.view().packet_type().name()).collect();
            let mut sorted = types.clone();
            sorted.sort_unstable();
            assert_eq!(types.first(), Some(&"CONNACK"));
            assert_eq!(sorted, ["CONNACK", "PINGRESP", "PINGRESP", "PUBLISH", "PUBREC", "SUBACK"]);
        }
    }
}

#[test]
fn a_full_mailbox_pauses_those_who_fill_it_and_says_when_it_is_empty_again() {
    let mut sim = Sim::with(2, |config| config.limits.mailbox = 10);
    let ids = spread(&sim, "c", 2);
    let clients = connect_all(&mut sim, Version::V5, &ids);
    sim.send(clients[1], &[subscribe(&["t"], QoS::AtMostOnce)]);
    sim.receive(clients[1]);
    let messages: Vec<Packet> =
        (0..10).map(|number| publish("t", number.to_string(), QoS::AtMostOnce, 0)).collect();
    sim.post(clients[0], &messages);
    assert!(!sim.hub.is_congested(), "nothing is posted before the end of the turn");
    sim.turn(0);
    assert!(sim.hub.is_congested());
    assert!(sim.is_woken(1) && !sim.is_woken(0));
    sim.turn(1);
    assert!(!sim.hub.is_congested());
    assert!(sim.is_woken(0), "who waits for the end of congestion is woken");
    assert_eq!(payloads(&sim.receive(clients[1])).len(), 10);
}

#[test]
fn a_turn_posts_before_it_holds_too_much_and_large_messages_count_by_their_size() {
    let mut sim = Sim::with(2, |config| config.limits.mailbox = 1_000);
    let ids = spread(&sim, "c", 2);
    let clients = connect_all(&mut sim, Version::V5, &ids);
    sim.send(clients[1], &[subscribe(&["t"], QoS::AtMostOnce)]);
    sim.post(clients[0], &vec![publish("t", "x", QoS::AtMostOnce, 0); 5_000]);
    assert!(sim.hub.is_congested(), "in the middle of the turn");
    sim.run();
    assert!(!sim.hub.is_congested());
    sim.post(clients[0], &[publish("t", vec![b'x'; 1_000 << 10], QoS::AtMostOnce, 0)]);
    sim.turn(0);
    assert!(sim.hub.is_congested());
    sim.run();
    assert_eq!(payloads(&sim.receive(clients[1])).len(), 5_001);
}

#[test]
fn mail_counts_by_the_list_of_its_receivers_and_by_properties_too() {
    let mut sim = Sim::with(2, |config| config.limits.mailbox = 10);
    let ids = spread(&sim, "c", 2);
    let clients = connect_all(&mut sim, Version::V5, &ids);
    let filters: Vec<String> = (0..1 << 7)
        .map(|bits| (0..7).map(|level| if bits >> level & 1 == 0 { "t" } else { "+" }).collect::<Vec<_>>())
        .map(|levels| levels.join("/"))
        .collect();
    let filters: Vec<&str> = filters.iter().map(String::as_str).collect();
    sim.send(clients[1], &[subscribe(&filters, QoS::AtMostOnce)]);
    sim.post(clients[0], &vec![publish("t/t/t/t/t/t/t", "x", QoS::AtMostOnce, 0); 4]);
    sim.turn(0);
    assert!(sim.hub.is_congested(), "four messages, each with 128 subscriptions that match");
    sim.run();
    assert!(!sim.hub.is_congested());
    sim.post(clients[0], &[with_user_properties(publish("t/t/t/t/t/t/t", "x", QoS::AtMostOnce, 0), 1_000)]);
    sim.turn(0);
    assert!(sim.hub.is_congested(), "one message with many properties");
    sim.run();
    assert_eq!(payloads(&sim.receive(clients[1])).len(), 5);
}

#[test]
fn a_will_of_a_connection_that_fails_while_it_is_written_to_leaves_at_once() {
    let mut sim = Sim::new(2);
    let ids = spread(&sim, "c", 2);
    let heir = sim.connect(connect(Version::V5, &ids[1]));
    sim.send(heir, &[subscribe(&["will"], QoS::AtMostOnce)]);
    let mut dying = connect(Version::V5, &ids[0]);
    dying.will = Some(sim::packets::will("will", "last", 0));
    let dying = sim.connect(dying);
    sim.receive(heir);
    // the event loop finds out after the end of its turn
    sim.turn(0);
    sim.cut(dying);
    assert!(sim.cores[0].has_work());
    sim.run_without_events();
    assert_eq!(payloads(&sim.receive(heir)), ["last"]);
}

/// A subscription of the embedding program to `filter`; what it gets is sent through the channel.
fn local(id: u64, filter: &str) -> (Mail, Receiver<String>) {
    let (sender, receiver) = channel();
    let sink = move |message: LocalMessage| {
        sender.send(String::from_utf8(message.message.payload.to_vec()).unwrap()).unwrap();
    };
    let mail = Mail::Subscribe {
        id: LocalId(id),
        filter: TopicFilter::new(filter).unwrap(),
        qos: QoS::AtMostOnce,
        sink: Box::new(sink),
        ready: Box::new(|| {}),
    };
    (mail, receiver)
}

#[test]
fn mail_for_a_subscription_of_the_program_that_has_ended_reaches_no_other() {
    let mut sim = Sim::new(2);
    let publisher = spread(&sim, "p", 2).pop().unwrap();
    let publisher = sim.connect(connect(Version::V5, &publisher));
    let (old, old_messages) = local(1, "t");
    let (new, new_messages) = local(2, "other");
    sim.hub.post(0, &mut vec![old]);
    sim.run();
    // the end of the one and the beginning of the other stand in the mailbox before the message
    sim.hub.post(0, &mut vec![Mail::Unsubscribe(LocalId(1)), new]);
    sim.post(publisher, &[publish("t", "secret", QoS::AtMostOnce, 0)]);
    sim.turn(1);
    sim.run();
    sim.send(publisher, &[publish("other", "own", QoS::AtMostOnce, 0)]);
    assert_eq!(new_messages.try_iter().collect::<Vec<_>>(), ["own"]);
    assert_eq!(old_messages.try_iter().collect::<Vec<_>>(), [""; 0]);
}
