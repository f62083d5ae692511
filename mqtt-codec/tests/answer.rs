//! What is sent about bytes that are no packet: the bytes of the answer, by version and side.

mod support;

use mqtt_codec::Version::{V3_1, V3_1_1, V5};
use mqtt_codec::{PacketRef, Role, Rules, Version};
use support::hex;

/// The answer of `reader` to `bytes`, encoded; `None` for closing without a word.
fn answer(bytes: &str, version: Version, reader: Role) -> Option<Vec<u8>> {
    let rules = Rules { max_packet_size: 100, ..Rules::new(version, reader) };
    let error = PacketRef::decode(&hex(bytes), &rules).expect_err(bytes);
    let packet = error.answer(reader)?;
    assert!(packet.packet_type().may_reach(peer(reader), error.version));
    let mut output = Vec::new();
    packet.encode(error.version, &mut output).expect("an answer can be sent");
    PacketRef::decode(&output, &Rules::new(error.version, peer(reader))).expect("and is understood");
    Some(output)
}

fn peer(reader: Role) -> Role {
    if reader == Role::Server { Role::Client } else { Role::Server }
}

#[test]
fn in_5_0_the_reason_is_sent_in_the_packet_that_fits() {
    for (bytes, reader, expected) in [
        ("30 04 0001 '#' 00", Role::Server, "E0 01 81"),
        ("30 04 0001 '#' 00", Role::Client, "E0 01 81"),
        ("32 06 0001 't' 0000 00", Role::Server, "E0 01 82"),
        ("30 65", Role::Server, "E0 01 95"),
        ("30 07 0001 't' 03 230000", Role::Client, "E0 01 94"),
        ("10 0D 0004 'MQTT' 05 03 003C 00 0000", Role::Server, "20 03 00 81 00"),
        ("10 0C 0004 'MQTT' 09 02 003C 0000", Role::Server, "20 03 00 84 00"),
    ] {
        assert_eq!(answer(bytes, V5, reader), Some(hex(expected)), "{bytes}");
    }
}

#[test]
fn in_3_x_only_a_wrong_protocol_level_is_answered() {
    for version in [V3_1, V3_1_1] {
        let level = answer("10 0C 0004 'MQTT' 09 02 003C 0000", version, Role::Server);
        assert_eq!(level, Some(hex("20 02 00 01")));
        for bytes in ["30 03 0001 '#'", "82 02 0001", "10 0C 0004 'HTTP' 04 02 003C 0000", "00 00"] {
            assert_eq!(answer(bytes, version, Role::Server), None, "{bytes}");
        }
        assert_eq!(answer("20 02 00 09", version, Role::Client), None);
    }
}

#[test]
fn what_only_connack_can_say_is_said_to_nobody_else() {
    let to_a_client = "10 0C 0004 'MQTT' 09 02 003C 0000";
    assert_eq!(answer(to_a_client, V5, Role::Client), None, "no server sends CONNECT");
}

#[test]
fn the_crate_page_explains_every_error() {
    let source = include_str!("../src/error.rs");
    let page = include_str!("../src/lib.rs");
    let kinds =
        source.split_once("pub enum DecodeErrorKind {").and_then(|(_, rest)| rest.split_once("\n}\n"));
    let (kinds, rest) = kinds.expect("the enum of errors");
    let errors = rest.split_once("pub enum EncodeError {").expect("the other enum").1;
    let variants = kinds.lines().chain(errors.lines()).filter_map(|line| {
        let name = line.strip_prefix("    ")?.split(['(', ',']).next()?;
        (line.ends_with(',') && name.chars().all(char::is_alphanumeric)).then_some(name)
    });
    let variants: Vec<_> = variants.collect();
    assert!(variants.len() > 40, "{variants:?}");
    for name in variants {
        assert!(page.contains(&format!("`{name}`")), "{name} is not explained");
    }
}
