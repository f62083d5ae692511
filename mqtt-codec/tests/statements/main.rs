//! Every rule of packets by its statement: packets that keep it are accepted, packets that break it refused.
//!
//! The tables beside this file have a line for each case. Rules that have no id in the standard have a name of their
//! own; `mqtt-broker/tests/statements.rs` lists both, and checks that no rule lacks a side.

#[path = "../support/mod.rs"]
mod support;

use mqtt_codec::{DecodeError, Decoder, Packet, PacketRef, Role, Rules, Version};
use support::notation::{Noted, packet};

const TABLES: [(Version, &str); 3] = [
    (Version::V3_1, include_str!("3.1.tsv")),
    (Version::V3_1_1, include_str!("3.1.1.tsv")),
    (Version::V5, include_str!("5.0.tsv")),
];

/// The Topic Alias Maximum that clients of the tables have announced.
const TOPIC_ALIAS_MAXIMUM: u16 = 10;

/// One line of a table: id, side, reader, packet, and what is seen.
struct Case<'a> {
    version: Version,
    id: &'a str,
    side: &'a str,
    reader: Role,
    notation: &'a str,
    shown: &'a str,
    statement: Option<&'a str>,
}

fn cases() -> Vec<Case<'static>> {
    let mut cases = Vec::new();
    for (version, table) in TABLES {
        for line in table.lines().skip(1) {
            let [id, side, reader, notation, shown, rest @ ..] = &line.split('\t').collect::<Vec<_>>()[..]
            else {
                panic!("{line} has too few columns")
            };
            let reader = if *reader == "client" { Role::Client } else { Role::Server };
            let statement = rest.first().copied().filter(|statement| *statement != "-");
            cases.push(Case { version, id, side, reader, notation, shown, statement });
        }
    }
    assert!(cases.len() > 400, "the tables were read");
    cases
}

#[test]
fn every_packet_that_keeps_a_rule_is_accepted_and_comes_back() {
    all("accept", |case| {
        let packet = read(case).map_err(|error| error.to_string())?;
        let debug = format!("{packet:?}");
        if case.shown.is_empty() || !debug.contains(case.shown) {
            return Err(format!("{debug} does not show {}", case.shown));
        }
        let mut encoded = Vec::new();
        packet.encode(case.version, &mut encoded).map_err(|error| error.to_string())?;
        let again = PacketRef::decode(&encoded, &Rules::new(case.version, case.reader));
        let again = again.map_err(|error| error.to_string())?.to_packet();
        if again == packet { Ok(()) } else { Err(format!("{packet:?} comes back as {again:?}")) }
    });
}

#[test]
fn every_packet_that_breaks_a_rule_is_refused_for_it() {
    all("refuse", |case| {
        let Err(error) = read(case) else { return Err("it is accepted".into()) };
        let seen = format!("{:?} {:?} 0x{:02X}", error.kind, error.field, error.reason_code().to_wire());
        let expected = (case.shown, case.statement, fault(case));
        let seen = (&*seen, error.statement(), Some(error.offset as usize));
        if seen == expected { Ok(()) } else { Err(format!("{seen:?}, not {expected:?}")) }
    });
}

/// Looks at all cases of a side, and fails with all that are wrong.
fn all(side: &str, check: impl Fn(&Case<'_>) -> Result<(), String>) {
    let cases = cases();
    let mut wrong = Vec::new();
    for case in cases.iter().filter(|case| case.side == side) {
        if let Err(why) = check(case) {
            wrong.push(format!("{} {} {}: {why}", case.version, case.id, case.notation));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_missing_side_has_its_reason() {
    for case in cases() {
        match case.side {
            "accept" | "refuse" => assert!(!case.notation.is_empty(), "{}", case.id),
            "no accept" | "no refuse" => assert!(case.shown.contains(' '), "{} needs a reason", case.id),
            side => panic!("{}: there is no side {side}", case.id),
        }
    }
}

/// Reads the last packet of the case behind the ones before it; alone it must be read alike.
fn read(case: &Case<'_>) -> Result<Packet, DecodeError> {
    let packets: Vec<Noted> = case.notation.split("; ").map(packet).collect();
    let (last, before) = packets.split_last().expect("a packet");
    let mut decoder = decoder(case, last);
    for packet in before {
        assert!(decoder.decode(&packet.bytes).is_ok(), "{}", case.notation);
    }
    let connected = decoder.decode(&last.bytes).map(|packet| packet.to_packet());
    if !case.notation.contains("[23") {
        // before a CONNECT that can be read a decoder knows no version
        let place = |error: DecodeError| (error.kind, error.field, error.offset);
        let alone = support::decode(&last.bytes, case.version, case.reader).map_err(place);
        assert_eq!(alone, connected.clone().map_err(place), "{} {}", case.version, case.notation);
    }
    connected
}

/// A decoder of the reader at the point where the packet may come: a server has seen CONNECT before any other.
fn decoder(case: &Case<'_>, last: &Noted) -> Decoder {
    if case.reader == Role::Client {
        let mut decoder = Decoder::client(case.version, Rules::MAX_PACKET_SIZE);
        decoder.set_topic_alias_maximum(TOPIC_ALIAS_MAXIMUM);
        return decoder;
    }
    let mut decoder = Decoder::server(Rules::MAX_PACKET_SIZE);
    let connect = match case.version {
        Version::V3_1 => "10: <MQIsdp> 03 02 0000 <c>",
        Version::V3_1_1 => "10: <MQTT> 04 02 0000 <>",
        Version::V5 => "10: <MQTT> 05 02 0000 [] <>",
    };
    if last.bytes.first().is_none_or(|first| first >> 4 != 1) {
        assert!(decoder.decode(&packet(connect).bytes).is_ok());
    }
    decoder
}

fn fault(case: &Case<'_>) -> Option<usize> {
    packet(case.notation.split("; ").last()?).fault
}

#[test]
fn the_notation_counts_lengths_and_marks_places() {
    let rows = [
        ("C0 00", "C0 00", None),
        ("30: <t> [08 {C3 ^BC}] 'p'", "30 0A 0001 74 05 08 0002 C3BC 70", Some(10)),
        ("^82:", "82 00", Some(0)),
        ("E0: 00*3 ^", "E0 03 00 00 00", Some(5)),
        ("30: 78*200", &format!("30 C8 01 {}", "78".repeat(200)), None),
    ];
    for (text, bytes, fault) in rows {
        assert_eq!(packet(text), Noted { bytes: support::hex(bytes), fault }, "{text}");
    }
}
