//! Bytes that are wrong: their connection ends, with the code that the standard has, and nobody else feels it.

use std::time::Duration;

use mqtt_broker::core::Counter;
use mqtt_codec::Version::{self, V3_1, V3_1_1, V5};

use crate::support::broker::{TestBroker, clean, connack, protocol};
use crate::support::client::Client;
use crate::support::{ALL, wire};

/// Somebody who has nothing to do with the fault, and must not notice it.
struct Witness(Client);

impl Witness {
    fn new(broker: &TestBroker) -> Self {
        let mut client = broker.client(V5, "witness");
        client.ask("82: 0001 [] <witness> 02", "90: 0001 [] 02");
        // left open on both sides
        client.ask("34: <witness> 0009 [] 'x'", "34: <witness> 0001 [] 'x'; 50: 0009");
        Self(client)
    }

    #[track_caller]
    fn goes_on(mut self) {
        self.0.ask("50: 0001", "62: 0001");
        self.0.ask("62: 0009", "70: 0009");
        self.0.send("70: 0001");
        self.0.ask("30: <witness> [] 'y'", "30: <witness> [] 'y'");
    }
}

#[track_caller]
fn ends(client: &mut Client, version: Version, code: &str) {
    if version.is_v5() {
        client.expect(&format!("E0: {code}"));
    }
    client.expect_end();
}

/// Bytes that are malformed whenever they come, and the code for 5.0.
const MALFORMED: [(&str, &str); 11] = [
    ("00:", "81"),                   // a reserved type
    ("36: <a> 0001 ~ 'x'", "81"),    // QoS 3
    ("30: <a/+> ~ 'x'", "81"),       // a wildcard in a topic
    ("30: <#> ~ 'x'", "81"),         // a wildcard in a topic
    ("30: 0005 'abc'", "81"),        // a topic that is longer than the packet
    ("30: 0003 'a' 00 'b' ~", "81"), // U+0000
    ("30: 0002 C0AF ~", "81"),       // no UTF-8: an overlong form
    ("30: 0003 EDA080 ~", "81"),     // no UTF-8: a surrogate
    ("30 FFFFFFFF", "81"),           // a Remaining Length of more than four bytes
    ("32: <a> 0000 ~", "82"),        // packet identifier 0
    ("82: 0001 ~ <a#> 00", "81"),    // a wildcard that does not fill its level
];

#[test]
fn malformed_bytes_end_their_connection_at_any_time() {
    let broker = TestBroker::start();
    let witness = Witness::new(&broker);
    for version in ALL {
        for (text, code) in MALFORMED {
            // right after CONNACK
            let mut client = broker.client(version, "c");
            client.send(text);
            ends(&mut client, version, code);
            // in the same segment as CONNECT
            let mut client = broker.send(version, &format!("{}; {text}", clean(version, "c")));
            client.expect(&connack(version, false));
            ends(&mut client, version, code);
            // behind packets of the same segment, which are still handled; amid an exchange
            let mut client = broker.client(version, "c");
            client.ask("82: 0001 ~ <c> 02", "90: 0001 ~ 02");
            client.ask("34: <c> 0001 ~ 'x'", "34: <c> 0001 ~ 'x'; 50: 0001");
            client.send(&format!("30: <c> ~ 'last'; {text}"));
            client.expect("30: <c> ~ 'last'");
            ends(&mut client, version, code);
        }
    }
    assert_eq!(broker.count(Counter::DisconnectedMalformed), 3 * 3 * MALFORMED.len() as u64);
    witness.goes_on();
}

#[test]
fn random_bytes_disturb_nobody() {
    let broker = TestBroker::start();
    let witness = Witness::new(&broker);
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for round in 0..300 {
        let version = ALL[round % 3];
        let known = round % 2 == 0;
        let mut client = if known { broker.client(version, "c") } else { broker.open(version) };
        let length = next() as usize % 64 + 1;
        let mut bytes: Vec<u8> = (0..length).map(|_| next() as u8).collect();
        if !known {
            bytes[0] = 0x10;
        }
        client.send_bytes(&bytes);
        client.cut();
    }
    witness.goes_on();
}

#[test]
fn every_packet_cut_short_and_every_byte_of_it_changed_disturb_nobody() {
    let broker = TestBroker::start();
    let witness = Witness::new(&broker);
    let packets = [
        "10: <MQTT> 05 C6 003C [11 00000005 26 <k> <v>] <c> [18 00000001] <will> <x> <user> <password>",
        "35: <topic> 0001 [02 00000009 26 <k> <v>] 'payload'",
        "82: 0001 [0B 05] <a/+> 02 <$share/g/b> 01",
        "A2: 0001 [26 <k> <v>] <a/+>",
        "62: 0001 00 [1F <why>]",
        "E0: 00 [11 00000000 1F <why>]",
    ];
    for text in packets {
        let packet = wire::bytes(V5, text);
        for at in 0..packet.len() {
            for changed in [packet[at] ^ 0x01, packet[at] ^ 0x80, packet[at].wrapping_add(1), 0, 0xFF] {
                let mut bytes = packet.clone();
                bytes[at] = changed;
                let mut client =
                    if packet[0] == 0x10 { broker.open(V5) } else { broker.client(V5, "changed") };
                client.send_bytes(&bytes);
                client.cut();
            }
            let mut client = broker.open(V5);
            client.send_bytes(&packet[..at]);
            client.cut();
        }
    }
    witness.goes_on();
}

#[test]
fn a_client_that_says_nothing_is_gone_after_the_connect_timeout() {
    let broker = TestBroker::with(|config| config.lobby.connect_timeout = Duration::from_millis(100));
    let witness = Witness::new(&broker);
    let mut silent = broker.open(V5);
    // the first bytes of a CONNECT do not help
    let mut slow = broker.open(V5);
    slow.send("10 0E 0004 'MQ'");
    silent.expect_end();
    slow.expect_end();
    assert_eq!(broker.count(Counter::ClientsRefused), 2);
    witness.goes_on();
}

#[test]
fn what_does_not_begin_with_connect_ends_at_once() {
    // at once, not when it is late
    let broker = TestBroker::with(|config| config.lobby.connect_timeout = Duration::from_secs(3_600));
    for version in ALL {
        for text in [
            "C0:",
            "30: <a> ~ 'x'",
            "82: 0001 ~ <a> 00",
            "E0:",
            "20: 00 00",
            "00",
            "C0",
            "30 FFFF7F",
            "'GET / HTTP/1.1'",
            "16 03 010005 0100",
        ] {
            broker.refuses(version, text, "");
        }
    }
    assert_eq!(broker.count(Counter::ClientsRefused), 30);
}

#[test]
fn wrong_reserved_flags_end_the_connection() {
    let broker = TestBroker::start();
    for version in [V3_1_1, V5] {
        for packet in [
            "41: 0001",
            "51: 0001",
            "60: 0001",
            "72: 0001",
            "80: 0001 ~ <a> 00",
            "A0: 0001 ~ <a>",
            "C2:",
            "E1:",
            "8A: 0001 ~ <a> 00",
        ] {
            let mut client = broker.client(version, "c");
            client.send(packet);
            ends(&mut client, version, "81");
        }
        let connect = clean(version, "c").replace("10:", "11:");
        broker.refuses(version, &connect, if version.is_v5() { "20: 00 81 []" } else { "" });
    }
    // DUP at QoS 0
    for version in [V3_1_1, V5] {
        let mut client = broker.client(version, "c");
        client.send("38: <a> ~ 'x'");
        ends(&mut client, version, "81");
    }
}

#[test]
fn flags_that_3_1_does_not_use_are_ignored_there() {
    let broker = TestBroker::start();
    let mut client = broker.client(V3_1, "c");
    // DUP on SUBSCRIBE, UNSUBSCRIBE and PUBREL, as 3.1 has it; other bits without meaning
    client.ask("8A: 0001 <a> 00", "90: 0001 00");
    client.ask("AA: 0002 <a>", "B0: 0002");
    client.ask("34: <a> 0003 'x'", "50: 0003");
    client.ask("6A: 0003", "70: 0003");
    client.ask("CF:", "D0:");
    client.ask("82: 0004 <a> FC", "90: 0004 00");
    let mut client = broker.send(V3_1, &format!("10: {} 03 0000 <flags>", protocol(V3_1)));
    client.expect(&connack(V3_1, false));
}

#[test]
fn packets_that_only_a_server_sends_end_the_connection() {
    let broker = TestBroker::start();
    for version in ALL {
        for packet in ["90: 0001 ~ 00", "D0:"] {
            let mut client = broker.client(version, "c");
            client.send(packet);
            ends(&mut client, version, "82");
        }
        let mut client = broker.client(version, "c");
        client.send(&connack(version, false));
        ends(&mut client, version, "82");
        let mut client = broker.client(version, "c");
        client.send(if version.is_v5() { "B0: 0001 [] 00" } else { "B0: 0001" });
        ends(&mut client, version, "82");
    }
    assert_eq!(broker.count(Counter::DisconnectedViolation), 12);
}

#[test]
fn every_end_of_a_connection_is_counted_by_its_reason() {
    let broker = TestBroker::start();
    let count = |counter| broker.count(counter);
    broker.client(V5, "c").disconnect();
    assert_eq!(count(Counter::DisconnectedByClient), 1);
    broker.client(V5, "c").cut();
    assert_eq!(count(Counter::DisconnectedTransport), 1);
    let mut old = broker.client(V5, "c");
    broker.client(V5, "c").disconnect();
    old.expect("E0: 8E");
    assert_eq!(count(Counter::DisconnectedTakenOver), 1);
    let mut client = broker.client(V5, "c");
    client.send("00:");
    ends(&mut client, V5, "81");
    assert_eq!(count(Counter::DisconnectedMalformed), 1);
    let mut client = broker.client(V5, "c");
    client.send(&clean(V5, "c"));
    ends(&mut client, V5, "82");
    assert_eq!(count(Counter::DisconnectedViolation), 1);
    broker.refuses(V5, "10: <MQTT> 05 03 0000 [] <c>", "20: 00 81 []");
    assert_eq!(count(Counter::ClientsRefused), 1);
    assert_eq!(count(Counter::ClientsConnected), 6);
    assert_eq!(broker.handle.connected(), 0);
}
