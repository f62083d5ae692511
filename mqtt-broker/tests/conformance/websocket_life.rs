//! WebSocket as it lives: pings, closing, what must not be, large messages, slow readers, several shards.

use std::num::NonZeroU16;

use mqtt_broker::core::Counter;
use mqtt_codec::Version::V5;

use crate::support::ALL;
use crate::support::broker::{TestBroker, clean, connack, protocol, resuming};
use crate::support::websocket::{BINARY, CLOSE, PING, PONG, WebSocket, broker, client, frame, open};
use crate::support::wire;

/// A PUBLISH of QoS 0 with `len` bytes of payload that differ from place to place.
fn publish(topic: &str, len: usize) -> Vec<u8> {
    let payload: String = (0..len).map(|index| char::from(b'a' + (index / 7 % 26) as u8)).collect();
    wire::bytes(V5, &format!("30: <{topic}> [] '{payload}'"))
}

#[test]
fn a_ping_is_answered_whatever_mqtt_is_doing() {
    let broker = broker();
    let mut client = open(&broker, V5);
    client.send(&frame(PING, b"before CONNECT"));
    assert_eq!(client.frame(), (PONG, b"before CONNECT".to_vec()));
    let connect = wire::bytes(V5, &clean(V5, "c"));
    let (first, second) = connect.split_at(5);
    client.send(&[frame(0x02, first), frame(PING, b"amid"), frame(0x80, second)].concat());
    assert_eq!(client.frame(), (PONG, b"amid".to_vec()));
    client.expect(&connack(V5, false));
    client.send(&frame(PING, b""));
    assert_eq!(client.frame(), (PONG, Vec::new()));
}

#[test]
fn a_client_that_only_pings_and_never_reads_gets_little_and_is_still_heard() {
    let broker = broker();
    let mut pinging = client(&broker, V5, "pinging");
    let mut listening = client(&broker, V5, "listening");
    listening.send_packets("82: 0001 [] <done> 00");
    listening.expect("90: 0001 [] 00");
    let pings: Vec<u8> = (0..200_000_u32).flat_map(|ping| frame(PING, &ping.to_be_bytes())).collect();
    pinging.send(&pings);
    pinging.send_packets("30: <done> [] 'x'");
    listening.expect("30: <done> [] 'x'");
    let (mut last, mut pongs) = (0, 0);
    while last < 199_999 {
        let (first, payload) = pinging.frame();
        let ping = u32::from_be_bytes(payload.try_into().expect("four bytes"));
        assert!(first == PONG && (ping > last || pongs == 0), "pongs come in order");
        (last, pongs) = (ping, pongs + 1);
    }
    assert!(pongs < 200_000, "a ping may stand for those before it");
}

#[test]
fn a_ping_amid_a_frame_that_waits_for_its_reader_is_answered_behind_it() {
    let broker = broker();
    let packet = publish("large", 1_000_000);
    // somewhere here the sockets hold all frames but the end of the last
    for messages in 1..=6 {
        let mut reader = client(&broker, V5, "reader");
        reader.send_packets("82: 0001 [] <large> 00");
        reader.expect("90: 0001 [] 00");
        let mut sender = client(&broker, V5, "sender");
        sender.send_packets("82: 0001 [] <heard> 00");
        sender.expect("90: 0001 [] 00");
        for _ in 0..messages {
            sender.send(&frame(BINARY, &packet));
        }
        sender.send_packets("C0:");
        sender.expect("D0:");
        reader.send(&frame(PING, b"still there"));
        reader.send_packets("30: <heard> [] 'x'");
        sender.expect("30: <heard> [] 'x'");
        for _ in 0..messages {
            assert!(reader.packet() == packet, "{messages}");
        }
        if reader.pongs.is_empty() {
            assert_eq!(reader.frame(), (PONG, b"still there".to_vec()), "{messages}");
        }
    }
}

#[test]
fn a_client_that_closes_its_websocket_is_answered_and_its_will_published() {
    let broker = broker();
    for version in ALL {
        let mut reader = broker.client(version, "reader");
        reader.ask("82: 0001 ~ <will> 00", "90: 0001 ~ 00");
        let mut client = open(&broker, version);
        client.send_packets(&format!("10: {} 06 0000 ~ <c> ~ <will> <gone>", protocol(version)));
        client.expect(&connack(version, false));
        let close = [1001_u16.to_be_bytes().as_slice(), b"page left"].concat();
        client.send(&[frame(BINARY, b"\xC0\x00"), frame(CLOSE, &close), frame(PING, b"late")].concat());
        client.expect("D0:");
        assert_eq!(client.frame(), (CLOSE, 1001_u16.to_be_bytes().to_vec()));
        client.expect_end();
        reader.expect("30: <will> ~ 'gone'");
        reader.disconnect();
    }
    assert_eq!(broker.count(Counter::DisconnectedTransport), 3);
}

#[test]
fn a_close_that_comes_with_connect_is_answered_after_it() {
    let broker = broker();
    for version in ALL {
        let mut client = open(&broker, version);
        let connect = frame(BINARY, &wire::bytes(version, &clean(version, "c")));
        client.send(&[connect, frame(CLOSE, &1000_u16.to_be_bytes())].concat());
        client.expect(&connack(version, false));
        client.expect_close(1000);
    }
    assert_eq!(broker.count(Counter::DisconnectedTransport), 3);
}

#[test]
fn the_broker_closes_the_websocket_when_mqtt_is_over() {
    let broker = broker();
    for version in ALL {
        let mut leaving = client(&broker, version, "c");
        leaving.send_packets("E0:");
        leaving.expect_close(1000);
        let mut silent = open(&broker, version);
        silent.send_packets("C0:");
        silent.expect_close(1000);
    }
    let mut refused = open(&broker, V5);
    refused.send_packets("10: <MQTT> 05 03 0000 [] <c>");
    refused.expect("20: 00 81 []");
    refused.expect_close(1000);
    let mut wrong = client(&broker, V5, "c");
    wrong.send_packets("C1:");
    assert_eq!(wrong.packet()[2], 0x81, "Malformed Packet");
    wrong.expect_close(1000);
}

#[test]
fn a_broker_that_stops_says_so_in_both_languages() {
    let broker = broker();
    let mut client = client(&broker, V5, "c");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let stopped = std::thread::spawn(move || runtime.block_on(broker.handle.shutdown()));
    assert_eq!(client.packet()[2], 0x8B, "Server shutting down");
    client.expect_close(1001);
    drop(client);
    stopped.join().expect("the broker has stopped");
}

#[test]
fn frames_that_break_the_rules_end_the_connection() {
    let broker = broker();
    let mut unmasked = frame(BINARY, b"\xC0\x00");
    unmasked[1] &= 0x7F;
    let faults = [
        unmasked,
        frame(0xC2, b"\xC0\x00"),
        frame(0x83, b""),
        frame(0x80, b"\xC0\x00"),
        frame(0x09, b"x"),
        frame(PING, &[0; 126]),
        vec![BINARY, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4],
    ];
    for fault in &faults {
        let mut client = client(&broker, V5, "c");
        client.send(fault);
        client.expect_close(1002);
    }
    assert_eq!(broker.count(Counter::WebSocketFrames), faults.len() as u64);
}

#[test]
fn a_large_message_and_one_for_many_arrive_unchanged() {
    let broker = broker();
    let mut readers: Vec<WebSocket> =
        (0..5).map(|number| client(&broker, V5, &format!("r{number}"))).collect();
    for reader in &mut readers {
        reader.send_packets("82: 0001 [] <large> 00");
        reader.expect("90: 0001 [] 00");
    }
    let mut sender = client(&broker, V5, "sender");
    for len in [3_000, 70_000, 900_000] {
        let packet = publish("large", len);
        sender.send(&frame(BINARY, &packet));
        for reader in &mut readers {
            assert!(reader.packet() == packet, "{len}");
        }
    }
}

#[test]
fn a_reader_that_pauses_finds_every_frame_whole() {
    let broker = broker();
    let mut reader = client(&broker, V5, "reader");
    reader.send_packets("82: 0001 [] <all> 00");
    reader.expect("90: 0001 [] 00");
    let mut sender = client(&broker, V5, "sender");
    // more than the sockets hold, less than what the session may queue
    const MESSAGES: usize = 400;
    let packet = publish("all", 20_000);
    for _ in 0..MESSAGES {
        sender.send(&frame(BINARY, &packet));
    }
    sender.send_packets("C0:");
    sender.expect("D0:");
    reader.send(&frame(PING, b"still there"));
    for _ in 0..MESSAGES {
        assert!(reader.packet() == packet);
    }
    assert_eq!(reader.pongs, [b"still there"]);
}

#[test]
fn a_connection_moves_to_the_shard_of_its_client_with_what_was_read() {
    let broker = TestBroker::with(|config| {
        config.listeners.push("ws://127.0.0.1:0/mqtt".parse().expect("a URL"));
        config.shards = NonZeroU16::new(4).expect("not 0");
    });
    for number in 0..16 {
        let id = format!("client {number}");
        let mut client = open(&broker, V5);
        let packets = wire::bytes(V5, &format!("{}; 82: 0001 [] <t/{number}> 00; C0:", resuming(V5, &id)));
        let behind = frame(BINARY, &wire::bytes(V5, &format!("30: <t/{number}> [] 'x'")));
        let (now, later) = behind.split_at(1 + number % behind.len().saturating_sub(1));
        client.send(&[&frame(BINARY, &packets), now].concat());
        client.expect(&connack(V5, false));
        client.expect("90: 0001 [] 00; D0:");
        client.send(later);
        client.expect(&format!("30: <t/{number}> [] 'x'"));
    }
}
