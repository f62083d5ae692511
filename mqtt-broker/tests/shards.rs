//! Several shards on threads of their own, over sockets: nothing is lost, doubled or out of order, nobody waits for
//! ever.
#![cfg(feature = "net")]

mod peer;

use std::io::Write;
use std::thread;

use mqtt_codec::{Packet, QoS, ReasonCode, Version};
use peer::packets::{ALL_QOS, connect, connect_kept, disconnect_reason, payloads, publish, subscribe};
use peer::{Peer, start};

#[test]
fn clients_of_all_shards_hear_each_other_at_each_qos() {
    let broker = start(3, |_| {});
    for qos in ALL_QOS {
        let mut peers: Vec<Peer> =
            (0..8).map(|number| broker.connect(connect(Version::V5, &format!("{qos:?}{number}")))).collect();
        peers.iter_mut().for_each(|peer| peer.subscribe(&["t/+"], qos));
        for number in 0..100u16 {
            for (index, peer) in peers.iter_mut().enumerate() {
                peer.send(&[publish(&format!("t/{index}"), format!("{index}:{number}"), qos, number + 1)]);
            }
        }
        let expected: Vec<String> = (0..100).map(|number| number.to_string()).collect();
        for peer in &mut peers {
            let all = peer.messages(800);
            for index in 0..8 {
                let own = all.iter().filter_map(|payload| payload.strip_prefix(&format!("{index}:")));
                assert_eq!(own.collect::<Vec<_>>(), expected);
            }
        }
    }
    broker.shut_down();
}

#[test]
fn a_connection_moves_with_the_bytes_behind_its_connect() {
    let broker = start(4, |_| {});
    for number in 0..40 {
        let id = format!("client{number}");
        let mut peer = Peer::open(broker.address);
        let message = publish(&id, "own", QoS::ExactlyOnce, 1);
        let mut bytes = peer.encode(&[
            Packet::Connect(connect(Version::V5, &id)),
            subscribe(&[&id], QoS::AtMostOnce),
            message,
        ]);
        // the last packet comes in two pieces
        bytes.extend_from_slice(&[0xC0]);
        peer.stream.write_all(&bytes).unwrap();
        let mut kinds = Vec::new();
        for _ in 0..4 {
            let packet = peer.next().expect("a packet");
            kinds.push(packet.view().packet_type().name());
        }
        kinds.sort_unstable();
        assert_eq!(kinds, ["CONNACK", "PUBLISH", "PUBREC", "SUBACK"]);
        peer.stream.write_all(&[0]).unwrap();
        assert_eq!(peer.next(), Some(Packet::PingResp));
    }
    broker.shut_down();
}

#[test]
fn a_connect_that_comes_byte_by_byte_is_welcome() {
    let broker = start(3, |_| {});
    for number in 0..12 {
        let mut peer = Peer::open(broker.address);
        let connect = connect(Version::V5, &format!("client{number}"));
        for byte in peer.encode(&[Packet::Connect(connect), Packet::PingReq]) {
            peer.stream.write_all(&[byte]).unwrap();
        }
        assert!(
            matches!(peer.next(), Some(Packet::ConnAck(connack)) if connack.reason == ReasonCode::Success)
        );
        assert_eq!(peer.next(), Some(Packet::PingResp));
    }
    broker.shut_down();
}

#[test]
fn of_many_connections_with_one_client_identifier_the_last_one_stays() {
    let broker = start(3, |_| {});
    for id in ["a", "b", "c", "d"] {
        let mut current = broker.connect(connect_kept(Version::V5, id));
        current.subscribe(&[id], QoS::AtLeastOnce);
        for _ in 0..20 {
            let next = broker.connect(connect_kept(Version::V5, id));
            let last: Vec<Packet> = std::iter::from_fn(|| current.next()).collect();
            assert_eq!(disconnect_reason(&last), Some(ReasonCode::SessionTakenOver));
            current = next;
        }
        current.send(&[publish(id, "still subscribed", QoS::AtMostOnce, 0)]);
        assert_eq!(current.messages(1), ["still subscribed"]);
        current.send(&[Packet::PingReq]);
        assert_eq!(current.next(), Some(Packet::PingResp));
    }
    broker.shut_down();
}

#[test]
fn a_group_over_all_shards_splits_messages_without_losing_one() {
    let broker = start(3, |_| {});
    let mut members: Vec<Peer> =
        (0..6).map(|number| broker.connect(connect(Version::V5, &format!("member{number}")))).collect();
    members.iter_mut().for_each(|member| member.subscribe(&["$share/g/t"], QoS::AtLeastOnce));
    let mut publisher = broker.connect(connect(Version::V5, "publisher"));
    for number in 0..600u16 {
        publisher.send(&[publish("t", format!("{number:03}"), QoS::AtLeastOnce, number + 1)]);
    }
    let mut all: Vec<String> = members.iter_mut().flat_map(|member| member.messages(100)).collect();
    all.sort_unstable();
    assert_eq!(all, (0..600).map(|number| format!("{number:03}")).collect::<Vec<_>>());
    broker.shut_down();
}

#[test]
fn full_mailboxes_slow_publishers_down_and_nobody_waits_for_ever() {
    const MESSAGES: usize = 20_000;
    let broker = start(2, |config| config.limits.mailbox = 8);
    // a pair in each direction and one on each shard, whatever the places of these identifiers are
    let readers: Vec<Peer> = (0..4)
        .map(|number| {
            let mut reader = broker.connect(connect(Version::V5, &format!("reader{number}")));
            reader.subscribe(&["t/#"], QoS::AtMostOnce);
            reader
        })
        .collect();
    let writers: Vec<Peer> =
        (0..4).map(|number| broker.connect(connect(Version::V5, &format!("writer{number}")))).collect();
    thread::scope(|scope| {
        for (index, mut writer) in writers.into_iter().enumerate() {
            scope.spawn(move || {
                for batch in 0..MESSAGES / 100 {
                    let messages = (0..100).map(|number| {
                        let payload = format!("{index}:{}", batch * 100 + number);
                        publish(&format!("t/{index}"), payload, QoS::AtMostOnce, 0)
                    });
                    writer.send(&messages.collect::<Vec<_>>());
                }
                writer.ping();
            });
        }
        for mut reader in readers {
            scope.spawn(move || {
                let mut next = [0; 4];
                for _ in 0..4 * MESSAGES {
                    let packet = reader.next().expect("a message");
                    let payload = payloads(&[packet]).pop().expect("a message");
                    let (index, number) = payload.split_once(':').unwrap();
                    let next = &mut next[index.parse::<usize>().unwrap()];
                    assert_eq!(number.parse(), Ok(*next), "from writer {index}");
                    *next += 1;
                }
            });
        }
    });
    broker.shut_down();
}
