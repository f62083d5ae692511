//! Deviations by name: refused without the rule, let through with it, and told to the caller.
#![allow(non_snake_case, reason = "the names of tests carry statement ids")]

mod support;

use arbitrary::Unstructured;
use mqtt_codec::Version::{V3_1, V3_1_1, V5};
use mqtt_codec::{
    Compat, ConnAck, DecodeError, DecodeErrorKind as Kind, Decoder, Delivery, Field, Packet, PacketRef,
    ReasonCode, Role, Rules, Version,
};
use proptest::prelude::*;
use support::hex;

fn decode(bytes: &[u8], compat: Compat, version: Version, reader: Role) -> Result<Packet, DecodeError> {
    let rules = Rules { compat, ..Rules::new(version, reader) };
    let alone = PacketRef::decode(bytes, &rules).map(|packet| packet.to_packet());
    if reader == Role::Client {
        let mut decoder = Decoder::client(version, 1000);
        decoder.set_compat(compat);
        assert_eq!(decoder.decode(bytes).map(|packet| packet.to_packet()), alone, "a connection agrees");
    }
    alone
}

/// Bytes that are refused as they should be, accepted with one rule, which is then told, and with no other.
fn one_rule(name: &str, on: Compat, version: Version, bytes: &str, kind: Kind) -> Packet {
    let bytes = hex(bytes);
    for compat in [Compat::STRICT, without(on)] {
        let refused = decode(&bytes, compat, version, Role::Client);
        assert_eq!(refused.map_err(|error| error.kind), Err(kind), "{name} in {version}");
    }
    let mut decoder = Decoder::client(version, 1000);
    decoder.set_compat(on);
    let packet = decoder.decode(&bytes).expect(name).to_packet();
    assert_eq!(decoder.take_used().names().collect::<Vec<_>>(), [name]);
    assert_eq!(decoder.take_used(), Compat::NONE, "told once");
    assert_eq!(decode(&bytes, on, version, Role::Client).as_ref(), Ok(&packet));
    packet
}

/// Every relaxed rule but those of `on`.
fn without(on: Compat) -> Compat {
    let all = Compat {
        bridge_bit: true,
        mqtt_level_3: true,
        reserved_flags: true,
        dup_at_qos_0: true,
        password_without_user_name: true,
        ..Compat::STRICT
    };
    Compat {
        bridge_bit: all.bridge_bit && !on.bridge_bit,
        mqtt_level_3: all.mqtt_level_3 && !on.mqtt_level_3,
        reserved_flags: all.reserved_flags && !on.reserved_flags,
        dup_at_qos_0: all.dup_at_qos_0 && !on.dup_at_qos_0,
        password_without_user_name: all.password_without_user_name && !on.password_without_user_name,
        ..all
    }
}

#[test]
fn a_bridge_of_mosquitto_is_read_as_its_version() {
    let on = Compat { bridge_bit: true, ..Compat::STRICT };
    for (level, name, version) in [(0x83, "0006 'MQIsdp'", V3_1), (0x84, "0004 'MQTT'", V3_1_1)] {
        let len = if version == V3_1 { "0F" } else { "0D" };
        let bytes = format!("10 {len} {name} {level:02X} 02 003C 0001 'b'");
        let packet = one_rule("bridge_bit", on, version, &bytes, Kind::ProtocolLevel(level));
        let Packet::Connect(connect) = packet else { panic!("a CONNECT") };
        assert_eq!((connect.version, connect.client_id.as_str()), (version, "b"));
        let mut decoder = Decoder::server(100);
        decoder.set_compat(on);
        decoder.decode(&hex(&bytes)).expect("it is let through");
        assert_eq!(decoder.version(), Some(version));
    }
    for level in [0x80, 0x82, 0x85, 0xC4] {
        let bytes = hex(&format!("10 0D 0004 'MQTT' {level:02X} 02 003C 0001 'b'"));
        let refused = decode(&bytes, on, V3_1_1, Role::Server).map_err(|error| error.kind);
        assert_eq!(refused, Err(Kind::ProtocolLevel(level)));
    }
}

#[test]
fn the_name_mqtt_with_level_3_is_read_as_3_1() {
    let on = Compat { mqtt_level_3: true, ..Compat::STRICT };
    let bytes = "10 0D 0004 'MQTT' 03 02 003C 0001 'c'";
    let packet = one_rule("mqtt_level_3", on, V3_1, bytes, Kind::ProtocolLevel(3));
    let Packet::Connect(connect) = packet else { panic!("a CONNECT") };
    assert_eq!(connect.version, V3_1);
    let swapped = hex("10 0F 0006 'MQIsdp' 04 02 003C 0001 'c'");
    let refused = decode(&swapped, on, V3_1_1, Role::Server).map_err(|error| error.kind);
    assert_eq!(refused, Err(Kind::ProtocolLevel(4)));
}

#[test]
fn flags_of_another_packet_type() {
    let on = Compat { reserved_flags: true, ..Compat::STRICT };
    for bytes in ["92 03 0001 00", "44 02 0001", "6A 02 0001", "14 0D 0004 'MQTT' 04 02 003C 0001 'c'"] {
        let before = one_rule("reserved_flags", on, V3_1_1, bytes, Kind::Flags);
        let mut again = Vec::new();
        before.encode(V3_1_1, &mut again).expect("it is valid");
        assert_eq!(again[0] & 0x0F, before.view().packet_type().reserved_flags(), "written as it should be");
    }
    one_rule("reserved_flags", on, V5, "92 04 0001 00 00", Kind::Flags);
    // QoS 3 is no flag without meaning
    let refused = decode(&hex("36 03 0001 't'"), on, V3_1_1, Role::Client).map_err(|error| error.kind);
    assert_eq!(refused, Err(Kind::Flags));
}

#[test]
fn dup_at_qos_0_is_read_without_it() {
    let on = Compat { dup_at_qos_0: true, ..Compat::STRICT };
    for (version, bytes) in [(V3_1_1, "38 03 0001 't'"), (V5, "38 04 0001 't' 00")] {
        let packet = one_rule("dup_at_qos_0", on, version, bytes, Kind::DupWithoutQoS);
        let Packet::Publish(publish) = packet else { panic!("a PUBLISH") };
        assert_eq!(publish.delivery, Delivery::AtMostOnce);
    }
}

#[test]
fn a_password_without_a_user_name() {
    let on = Compat { password_without_user_name: true, ..Compat::STRICT };
    let bytes = "10 10 0004 'MQTT' 04 42 003C 0001 'c' 0001 'p'";
    let kind = Kind::PasswordWithoutUserName;
    let Packet::Connect(connect) = one_rule("password_without_user_name", on, V3_1_1, bytes, kind) else {
        panic!("a CONNECT")
    };
    assert_eq!((connect.user_name, connect.password.as_deref()), (None, Some(&b"p"[..])));
    one_rule(
        "password_without_user_name",
        on,
        V3_1,
        "10 12 0006 'MQIsdp' 03 42 003C 0001 'c' 0001 'p'",
        kind,
    );
}

#[test]
fn an_overlong_length_of_3_x_is_accepted_and_told() {
    let mut decoder = Decoder::client(V3_1_1, 1000);
    decoder.decode(&hex("D0 80 00")).expect("the standard does not forbid it");
    assert_eq!(decoder.take_used(), Compat { overlong_remaining_length: true, ..Compat::NONE });
    decoder.decode(&hex("D0 00")).expect("it is valid");
    assert_eq!(decoder.take_used(), Compat::NONE);
}

#[test]
fn what_needs_no_rule_is_not_told() {
    let all = without(Compat::NONE);
    let mut decoder = Decoder::server(1000);
    decoder.set_compat(all);
    // 3.1 itself allows flags that mean nothing, and DUP at QoS 0
    for bytes in
        ["10 0F 0006 'MQIsdp' 03 02 003C 0001 'c'", "38 03 0001 't'", "88 06 0001 0001 't' 00", "C8 00"]
    {
        decoder.decode(&hex(bytes)).expect("it is valid");
        assert_eq!(decoder.take_used(), Compat::NONE, "{bytes}");
    }
    let mut decoder = Decoder::server(1000);
    decoder.set_compat(all);
    // 5.0 allows a password alone
    decoder.decode(&hex("10 11 0004 'MQTT' 05 42 003C 00 0001 'c' 0001 'p'")).expect("it is valid");
    assert_eq!(decoder.take_used(), Compat::NONE);
}

/// Found by the fuzz target `decode`.
#[test]
fn a_password_that_3_1_announces_and_leaves_out_needs_the_rule_as_well() {
    let on = Compat { password_without_user_name: true, ..Compat::STRICT };
    let bytes = "10 0F 0006 'MQIsdp' 03 42 003C 0001 'c'";
    let kind = Kind::PasswordWithoutUserName;
    let Packet::Connect(connect) = one_rule("password_without_user_name", on, V3_1, bytes, kind) else {
        panic!("a CONNECT")
    };
    assert_eq!((connect.user_name, connect.password), (None, None));
}

/// Found by the fuzz target `decode`.
#[test]
fn what_a_second_connect_needs_is_told_by_the_version_that_it_names() {
    let mut decoder = Decoder::client(V5, 1000);
    decoder.set_compat(without(Compat::NONE));
    decoder.decode(&hex("10 12 0006 'MQIsdp' 03 42 003C 0001 'c' 0001 'p'")).expect("it is let through");
    let used = Compat { password_without_user_name: true, ..Compat::NONE };
    assert_eq!(decoder.take_used(), used);
    decoder.decode(&hex("14 0F 0006 'MQIsdp' 03 02 003C 0001 'c'")).expect("it is valid");
    assert_eq!(decoder.take_used(), Compat::NONE, "3.1 leaves the flags unused");
}

#[test]
fn control_characters_and_non_characters_are_refused_where_the_reader_wants_it() {
    let strict = Compat { control_characters: false, ..Compat::STRICT };
    let refused = [
        "\u{1}",
        "\u{1F}",
        "\u{7F}",
        "\u{9F}",
        "\u{FDD0}",
        "\u{FDEF}",
        "\u{FFFE}",
        "\u{FFFF}",
        "\u{1FFFE}",
        "\u{10FFFF}",
    ];
    for (text, accepted) in refused.iter().map(|text| (*text, false)).chain([
        (" ", true),
        ("\u{A0}", true),
        ("\u{FDF0}", true),
        ("\u{FEFF}", true),
        ("\u{FFFD}", true),
    ]) {
        for version in Version::ALL {
            let mut body = vec![0, 2 + text.len() as u8];
            body.extend_from_slice(b"ok");
            body.extend_from_slice(text.as_bytes());
            body.extend(version.is_v5().then_some(0));
            let bytes = support::frame(0x30, &body);
            assert!(decode(&bytes, Compat::STRICT, version, Role::Client).is_ok(), "{text:?}");
            match decode(&bytes, strict, version, Role::Client) {
                Ok(_) => assert!(accepted, "{text:?} in {version}"),
                Err(error) => {
                    assert!(!accepted, "{text:?} in {version}");
                    let found = (error.kind, error.field, error.offset, error.reason_code());
                    let expected = (Kind::ControlCharacter, Field::Topic, 6, ReasonCode::MalformedPacket);
                    assert_eq!(found, expected);
                }
            }
        }
    }
}

#[test]
fn every_string_is_looked_at() {
    let strict = Compat { control_characters: false, ..Compat::STRICT };
    let rows = [
        ("10 0E 0004 'MQTT' 05 02 003C 00 0001 01", Field::ClientId, 15),
        ("10 11 0004 'MQTT' 05 82 003C 00 0000 0002 'a' 01 ", Field::UserName, 18),
        ("10 12 0004 'MQTT' 05 06 003C 00 0000 00 0001 01 0000", Field::WillTopic, 18),
        ("10 12 0004 'MQTT' 05 02 003C 07 260001 'k' 0001 01 0000", Field::UserProperty, 19),
        ("10 11 0004 'MQTT' 05 02 003C 04 15000101 0000", Field::AuthenticationMethod, 16),
        ("20 07 00 00 04 12000101", Field::AssignedClientId, 8),
        ("20 07 00 00 04 1F000101", Field::ReasonString, 8),
        ("20 07 00 00 04 1A000101", Field::ResponseInformation, 8),
        ("20 07 00 00 04 1C000101", Field::ServerReference, 8),
        ("30 08 0001 't' 04 03000101", Field::ContentType, 9),
        ("30 08 0001 't' 04 08000101", Field::ResponseTopic, 9),
        ("40 08 0001 00 04 1F000101", Field::ReasonString, 9),
        ("82 07 0001 00 0001 01 00", Field::TopicFilter, 7),
        ("90 08 0001 04 1F000101 00", Field::ReasonString, 8),
        ("A2 06 0001 00 0001 01", Field::TopicFilter, 7),
        ("B0 08 0001 04 1F000101 00", Field::ReasonString, 8),
        ("E0 06 00 04 1C000101", Field::ServerReference, 7),
        ("F0 06 00 04 15000101", Field::AuthenticationMethod, 7),
    ];
    for (row, field, offset) in rows {
        let mut bytes = hex(row);
        bytes[1] = (bytes.len() - 2) as u8;
        assert!(decode(&bytes, Compat::STRICT, V5, Role::Client).is_ok(), "{row}");
        let error = decode(&bytes, strict, V5, Role::Client).expect_err(row);
        assert_eq!((error.kind, error.field, error.offset), (Kind::ControlCharacter, field, offset), "{row}");
        assert_eq!(error.statement(), None, "the standard only advises");
    }
}

/// A server of 3.1.1 has to answer a CONNECT of 5.0 like this, and a client of 5.0 has to understand why.
#[test]
fn mqtt_3_1_1__3_1_2_2_a_refusal_by_a_server_that_does_not_speak_5_0_is_understood() {
    let packet = decode(&hex("20 02 00 01"), Compat::STRICT, V5, Role::Client);
    assert_eq!(packet, Ok(Packet::ConnAck(ConnAck::new(false, ReasonCode::UnsupportedProtocolVersion))));
    for other in ["20 02 00 00", "20 02 00 02", "20 02 00 05", "20 02 01 01", "20 03 00 01 00"] {
        assert!(decode(&hex(other), without(Compat::NONE), V5, Role::Client).is_err(), "{other}");
    }
}

proptest! {
    #![proptest_config(support::seeded(2000))]

    #[test]
    fn rules_let_more_through_and_change_nothing_else(
        seed in proptest::collection::vec(any::<u8>(), 0..400),
        changes in proptest::collection::vec((0..12usize, any::<u8>()), 0..3),
        version in proptest::sample::select(&Version::ALL[..]),
        reader in proptest::sample::select(&[Role::Client, Role::Server][..]),
    ) {
        let packet = Packet::arbitrary(&mut Unstructured::new(&seed), version, reader).expect("a packet");
        let mut bytes = Vec::new();
        packet.encode(version, &mut bytes).expect("it is valid");
        for (at, value) in changes {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
        }
        let read = |compat| {
            let mut decoder = Decoder::client(version, 100_000);
            decoder.set_topic_alias_maximum(u16::MAX);
            decoder.set_compat(compat);
            let packet = decoder.decode_next(&bytes).map(|read| read.map(|(packet, _)| packet.to_packet()));
            (packet, Compat { overlong_remaining_length: false, ..decoder.take_used() })
        };
        let (strict, none) = read(Compat::STRICT);
        prop_assert_eq!(none, Compat::NONE);
        let (lenient, used) = read(without(Compat::NONE));
        if strict.is_ok() {
            prop_assert_eq!(&lenient, &strict);
            prop_assert_eq!(used, Compat::NONE);
        } else if let Ok(Some(packet)) = lenient {
            prop_assert_ne!(used, Compat::NONE, "{:?} needs no rule, but {:?}", packet, strict);
        }
        if used != Compat::NONE {
            let (again, exactly) = read(Compat { overlong_remaining_length: true, control_characters: true, ..used });
            prop_assert!(again.is_ok(), "the rules that were needed are enough");
            prop_assert_eq!(exactly, used);
        }
        let refusing = Compat { control_characters: false, ..Compat::STRICT };
        if let (Ok(refined), _) = read(refusing) {
            prop_assert_eq!(Ok(refined), strict, "a stricter reader reads the same, or nothing");
        }
    }
}

#[test]
fn of_several_control_characters_the_first_in_the_packet_is_told() {
    let strict = Compat { control_characters: false, ..Compat::STRICT };
    // CONNECT has its properties before the Client Identifier, and the user name after it
    let mut connect = mqtt_codec::Connect::new(V5, "a\u{1}".try_into().unwrap());
    connect.user_name = Some("b\u{1}".try_into().unwrap());
    let first = |packet: Packet, version| {
        let mut bytes = Vec::new();
        packet.encode(version, &mut bytes).unwrap();
        let error = decode(&bytes, strict, version, Role::Server).unwrap_err();
        assert_eq!((error.kind, bytes[error.offset as usize]), (Kind::ControlCharacter, 1));
        error.field
    };
    assert_eq!(first(Packet::Connect(connect.clone()), V5), Field::ClientId);
    connect.properties.user_properties = vec![("k".try_into().unwrap(), "v\u{1}".try_into().unwrap())];
    assert_ne!(first(Packet::Connect(connect), V5), Field::ClientId);
}

#[test]
fn connect_is_read_by_the_rules_of_the_version_that_it_names_whatever_the_reader_expects() {
    for version in [V3_1, V3_1_1, V5] {
        let connect = mqtt_codec::Connect::new(version, "a".try_into().unwrap());
        let mut bytes = Vec::new();
        Packet::Connect(connect).encode(version, &mut bytes).unwrap();
        // the length takes a byte more than it needs
        let overlong = [&[bytes[0], bytes[1] | 0x80, 0], &bytes[2..]].concat();
        let flagged = [&[bytes[0] | 1], &bytes[1..]].concat();
        for expected in [V3_1, V3_1_1, V5] {
            let kind = |bytes: &[u8]| {
                let error = decode(bytes, Compat::STRICT, expected, Role::Server).err();
                error.map(|error| (error.kind, error.version))
            };
            let refused = |kind, by| if by { Some((kind, version)) } else { None };
            assert_eq!(
                kind(&overlong),
                refused(Kind::OverlongVarint, version == V5),
                "{version}, {expected}"
            );
            assert_eq!(kind(&flagged), refused(Kind::Flags, version != V3_1), "{version}, {expected}");
        }
    }
}
