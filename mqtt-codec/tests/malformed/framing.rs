//! Fixed headers that no packet has, and packets that end too early or too late.

use mqtt_codec::Version::{V3_1, V3_1_1, V5};
use mqtt_codec::{
    Compat, DecodeErrorKind as Kind, Decoder, Field, FixedHeader, PacketRef, PacketType, ReasonCode, Role,
    Rules, Version,
};

use crate::support::{decode, first_byte, frame, hex, reader_of};
use crate::{name_of, refused, refuses};

/// A small packet of every type that the version has.
fn smallest(version: Version) -> Vec<(PacketType, Vec<u8>)> {
    let (three, five) = (!version.is_v5(), version.is_v5());
    let level = match version {
        V3_1 => "0006 'MQIsdp' 03",
        V3_1_1 => "0004 'MQTT' 04",
        V5 => "0004 'MQTT' 05",
    };
    let block = if five { "00" } else { "" };
    [
        (PacketType::Connect, format!("{level} 02 0000 {block} 0000"), true),
        (PacketType::ConnAck, format!("0000 {block}"), true),
        (PacketType::Publish, format!("0001 't' {block}"), true),
        (PacketType::PubAck, "0001".into(), true),
        (PacketType::PubRec, "0001".into(), true),
        (PacketType::PubRel, "0001".into(), true),
        (PacketType::PubComp, "0001".into(), true),
        (PacketType::Subscribe, format!("0001 {block} 0001 'f' 00"), true),
        (PacketType::SubAck, format!("0001 {block} 00"), true),
        (PacketType::Unsubscribe, format!("0001 {block} 0001 'f'"), true),
        (PacketType::UnsubAck, "0001".into(), three),
        (PacketType::UnsubAck, "0001 00 00".into(), five),
        (PacketType::PingReq, String::new(), true),
        (PacketType::PingResp, String::new(), true),
        (PacketType::Disconnect, String::new(), true),
        (PacketType::Auth, "00 04 15 0001 'm'".into(), five),
    ]
    .into_iter()
    .filter(|(.., exists)| *exists)
    .map(|(packet_type, body, _)| (packet_type, frame(first_byte(packet_type), &hex(&body))))
    .collect()
}

#[test]
fn the_smallest_packet_of_every_type_is_accepted() {
    for version in Version::ALL {
        for (packet_type, bytes) in smallest(version) {
            let packet = decode(&bytes, version, reader_of(packet_type, version));
            assert_eq!(packet.map(|packet| packet.view().packet_type()), Ok(packet_type), "{version}");
        }
    }
}

#[test]
fn each_packet_may_reach_the_sides_that_the_standard_names() {
    let rows = [
        ("CONNECT SUBSCRIBE UNSUBSCRIBE PINGREQ", [true, true], [false, false]),
        ("CONNACK SUBACK UNSUBACK PINGRESP", [false, false], [true, true]),
        ("PUBLISH PUBACK PUBREC PUBREL PUBCOMP", [true, true], [true, true]),
        ("DISCONNECT", [true, true], [false, true]),
        ("AUTH", [false, true], [false, true]),
    ];
    let mut seen = 0;
    for (names, to_server, to_client) in rows {
        for name in names.split(' ') {
            let packet_type = PacketType::ALL.into_iter().find(|packet_type| packet_type.name() == name);
            let packet_type = packet_type.expect(name);
            for version in Version::ALL {
                let column = usize::from(version.is_v5());
                assert_eq!(
                    packet_type.may_reach(Role::Server, version),
                    to_server[column],
                    "{name} {version}"
                );
                assert_eq!(
                    packet_type.may_reach(Role::Client, version),
                    to_client[column],
                    "{name} {version}"
                );
            }
            seen += 1;
        }
    }
    assert_eq!(seen, PacketType::ALL.len());
}

#[test]
fn packet_type_0_is_refused_in_every_version() {
    for version in Version::ALL {
        let row = [("00 00", Kind::ReservedType, Field::PacketType, 0, "")];
        refused(version, Role::Server, &row);
    }
}

#[test]
fn auth_does_not_exist_in_3_x() {
    for version in [V3_1, V3_1_1] {
        let row = [("F0 00", Kind::NotInVersion, Field::PacketType, 0, "")];
        refused(version, Role::Server, &row);
    }
}

/// Ids of the flags of each type; the general statement where a type has none of its own.
fn flags_statement(packet_type: PacketType, version: Version) -> String {
    let special = match packet_type {
        PacketType::PubRel => "MQTT-3.6.1-1",
        PacketType::Subscribe => "MQTT-3.8.1-1",
        PacketType::Unsubscribe => "MQTT-3.10.1-1",
        PacketType::Disconnect => "MQTT-3.14.1-1",
        PacketType::Auth => "MQTT-3.15.1-1",
        _ if version.is_v5() => "MQTT-2.1.3-1",
        _ => "MQTT-2.2.2-2",
    };
    name_of(special, version)
}

fn wrong_flags_are_refused(version: Version, expected_ids: &[&str]) {
    let mut ids = Vec::new();
    for (packet_type, bytes) in smallest(version) {
        if packet_type == PacketType::Publish {
            continue;
        }
        let id = flags_statement(packet_type, version);
        for flags in (0..16).filter(|flags| *flags != packet_type.reserved_flags()) {
            let mut wrong = bytes.clone();
            wrong[0] = (packet_type as u8) << 4 | flags;
            let name = format!("{packet_type} with flags {flags:04b}");
            let reader = reader_of(packet_type, version);
            refuses(&wrong, version, reader, (&name, Kind::Flags, Field::Flags, 0, &id));
        }
        ids.push(id);
    }
    for id in expected_ids {
        assert!(ids.iter().any(|seen| seen == id), "{id} was not tried");
    }
}

#[test]
fn mqtt_5_0__2_1_3_1_wrong_reserved_flags_are_malformed() {
    let ids = [
        "mqtt_5_0__2_1_3_1",
        "mqtt_5_0__3_6_1_1",
        "mqtt_5_0__3_8_1_1",
        "mqtt_5_0__3_10_1_1",
        "mqtt_5_0__3_14_1_1",
        "mqtt_5_0__3_15_1_1",
    ];
    wrong_flags_are_refused(V5, &ids);
}

#[test]
fn mqtt_3_1_1__2_2_2_1_and_mqtt_3_1_1__2_2_2_2_wrong_reserved_flags_close_the_connection() {
    let ids = [
        "mqtt_3_1_1__2_2_2_2",
        "mqtt_3_1_1__3_6_1_1",
        "mqtt_3_1_1__3_8_1_1",
        "mqtt_3_1_1__3_10_1_1",
        "mqtt_3_1_1__3_14_1_1",
    ];
    wrong_flags_are_refused(V3_1_1, &ids);
}

#[test]
fn the_flags_of_3_1_are_unused() {
    for (packet_type, bytes) in smallest(V3_1) {
        if packet_type == PacketType::Publish {
            continue;
        }
        let reader = reader_of(packet_type, V3_1);
        let plain = decode(&bytes, V3_1, reader);
        for flags in 0..16 {
            let mut other = bytes.clone();
            other[0] = (packet_type as u8) << 4 | flags;
            assert_eq!(decode(&other, V3_1, reader), plain, "{packet_type} with flags {flags:04b}");
        }
    }
}

#[test]
fn mqtt_5_0__1_5_5_1_an_overlong_remaining_length_is_malformed_and_mqtt_3_1_1_takes_it() {
    for bytes in ["C0 80 00", "C0 80 80 00", "C0 80 80 80 00"] {
        let row = [(bytes, Kind::OverlongVarint, Field::RemainingLength, 1, "mqtt_5_0__1_5_5_1")];
        refused(V5, Role::Server, &row);
        for version in [V3_1, V3_1_1] {
            assert!(decode(&hex(bytes), version, Role::Server).is_ok(), "{bytes} in {version}");
            let mut rules = Rules::new(version, Role::Server);
            rules.compat.overlong_remaining_length = false;
            let kind = PacketRef::decode(&hex(bytes), &rules).map(|_| ()).map_err(|error| error.kind);
            assert_eq!(kind, Err(Kind::OverlongVarint), "{bytes} in {version}");
        }
    }
    // named again where CONNECT has said that it is 5.0, whatever version was assumed before
    let connect = hex("10 8D 00 0004 'MQTT' 05 02 0000 00 0000");
    let mut decoder = Decoder::server(Rules::MAX_PACKET_SIZE);
    let error = decoder.decode(&connect).map(|_| ()).map_err(|error| (error.kind, error.version));
    assert_eq!(error, Err((Kind::OverlongVarint, V5)));
    assert!(Compat::default().overlong_remaining_length);
}

#[test]
fn a_length_of_five_bytes_is_refused_at_its_fourth() {
    for (version, id) in [(V3_1, ""), (V3_1_1, ""), (V5, "mqtt_5_0__1_5_5_1")] {
        for bytes in ["C0 FF FF FF FF", "C0 80 80 80 80 01", "30 FF FF FF 80"] {
            refused(version, Role::Server, &[(bytes, Kind::VarintTooLong, Field::RemainingLength, 1, id)]);
        }
        let rules = Rules::new(version, Role::Server);
        assert_eq!(
            FixedHeader::parse(&hex("C0 FF FF FF"), &rules),
            Ok(None),
            "the fourth byte may still end it"
        );
    }
}

#[test]
fn a_length_at_every_edge_is_read() {
    let rows = [
        ("30 00", 2, 0),
        ("30 7F", 2, 127),
        ("30 80 01", 3, 128),
        ("30 FF 7F", 3, 16_383),
        ("30 80 80 01", 4, 16_384),
        ("30 FF FF 7F", 4, 2_097_151),
        ("30 80 80 80 01", 5, 2_097_152),
        ("30 FF FF FF 7F", 5, 268_435_455),
    ];
    for version in Version::ALL {
        for (bytes, header_len, remaining_length) in rows {
            let header = FixedHeader::parse(&hex(bytes), &Rules::new(version, Role::Server));
            let packet_type = PacketType::Publish;
            let expected = FixedHeader { packet_type, flags: 0, header_len, remaining_length };
            assert_eq!(header, Ok(Some(expected)), "{bytes}");
            assert_eq!(expected.packet_len(), usize::from(header_len) + remaining_length as usize);
        }
    }
}

#[test]
fn a_packet_above_the_limit_is_refused_before_its_body_is_there() {
    for version in Version::ALL {
        let decoder = Decoder::client(version, 10);
        assert_eq!(decoder.frame_len(&hex("30 08")), Ok(Some(10)));
        for bytes in ["30 09", "30 FF FF FF 7F"] {
            let error = decoder.frame_len(&hex(bytes)).expect_err("too large");
            assert_eq!((error.kind, error.offset), (Kind::PacketTooLarge, 1));
            assert_eq!(error.reason_code(), ReasonCode::PacketTooLarge);
        }
    }
}

#[test]
fn a_frame_of_another_length_than_its_header_says_is_refused() {
    refused(
        V5,
        Role::Server,
        &[
            ("", Kind::Truncated, Field::RemainingLength, 0, ""),
            ("C0", Kind::Truncated, Field::RemainingLength, 1, ""),
            ("40 02 00", Kind::Truncated, Field::RemainingLength, 3, ""),
            ("40 02 0001 00", Kind::TrailingBytes, Field::Body, 4, ""),
        ],
    );
    let error = decode(&hex("40 02 00"), V5, Role::Server).expect_err("too short");
    assert_eq!(error.packet, Some(PacketType::PubAck), "the type is known all the same");
}
