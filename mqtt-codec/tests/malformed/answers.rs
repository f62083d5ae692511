//! Acknowledgements, DISCONNECT and AUTH: packet identifiers and reason codes.

use mqtt_codec::PacketType::{Auth, ConnAck, Disconnect, PubAck, PubComp, PubRec, PubRel, SubAck, UnsubAck};
use mqtt_codec::Version::{V3_1, V3_1_1, V5};
use mqtt_codec::{DecodeErrorKind as Kind, Field, PacketType, ReasonCode, Role};

use crate::support::{decode, first_byte, frame, hex};
use crate::{refused, refuses};

/// The reason codes of each packet, as the tables of the standard have them, and the statement.
const CODES: [(PacketType, &[u8], &str); 9] = [
    (
        ConnAck,
        &[
            0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x8C, 0x90, 0x95, 0x97,
            0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9F,
        ],
        "mqtt_5_0__3_2_2_8",
    ),
    (PubAck, &[0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99], "mqtt_5_0__3_4_2_1"),
    (PubRec, &[0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99], "mqtt_5_0__3_5_2_1"),
    (PubRel, &[0x00, 0x92], "mqtt_5_0__3_6_2_1"),
    (PubComp, &[0x00, 0x92], "mqtt_5_0__3_7_2_1"),
    (SubAck, &[0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E, 0xA1, 0xA2], "mqtt_5_0__3_9_3_2"),
    (UnsubAck, &[0x00, 0x11, 0x80, 0x83, 0x87, 0x8F, 0x91], "mqtt_5_0__3_11_3_2"),
    (
        Disconnect,
        &[
            0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8B, 0x8C, 0x8D, 0x8E, 0x8F, 0x90, 0x93, 0x94,
            0x95, 0x96, 0x97, 0x98, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9E, 0x9F, 0xA0, 0xA1, 0xA2,
        ],
        "mqtt_5_0__3_14_2_1",
    ),
    (Auth, &[0x00, 0x18, 0x19], "mqtt_5_0__3_15_2_1"),
];

#[test]
fn each_packet_takes_the_reason_codes_of_its_table_and_no_other() {
    for (packet_type, allowed, id) in CODES {
        for code in 0..=u8::MAX {
            let (body, offset) = match packet_type {
                ConnAck => (vec![0, code, 0], 3),
                SubAck | UnsubAck => (vec![0, 1, 0, code], 5),
                Disconnect => (vec![code], 2),
                Auth => ([&[code], &hex("04 15 0001 'm'")[..]].concat(), 2),
                _ => (vec![0, 1, code], 4),
            };
            let bytes = frame(first_byte(packet_type), &body);
            let name = format!("{packet_type} 0x{code:02X}");
            if allowed.contains(&code) {
                assert!(decode(&bytes, V5, Role::Client).is_ok(), "{name}");
            } else {
                let row = (&*name, Kind::ReasonCodeNotAllowed, Field::ReasonCode, offset, id);
                refuses(&bytes, V5, Role::Client, row);
            }
        }
    }
}

#[test]
fn codes_from_0x80_on_report_a_failure() {
    let failures = ReasonCode::ALL.iter().filter(|code| code.is_error()).count();
    assert_eq!((failures, ReasonCode::ALL.len()), (35, 43));
    assert!(ReasonCode::UnspecifiedError.is_error() && !ReasonCode::ReAuthenticate.is_error());
    for value in 0..=u8::MAX {
        let code = ReasonCode::from_wire(value);
        assert_eq!(code.map(ReasonCode::to_wire), code.map(|_| value));
        assert_eq!(code.is_some_and(ReasonCode::is_error), code.is_some() && value >= 0x80, "0x{value:02X}");
    }
}

#[test]
fn mqtt_3_1_1__3_9_3_2_the_codes_of_suback_in_3_1_1() {
    for code in 0..=u8::MAX {
        let bytes = frame(0x90, &[0, 1, 0, code]);
        if matches!(code, 0..=2 | 0x80) {
            assert!(decode(&bytes, V3_1_1, Role::Client).is_ok(), "0x{code:02X}");
        } else {
            let row = ("SUBACK", Kind::ReasonCodeNotAllowed, Field::ReasonCode, 5, "mqtt_3_1_1__3_9_3_2");
            refuses(&bytes, V3_1_1, Role::Client, row);
        }
    }
    let three = ("90 03 0001 03", Kind::ReasonCodeNotAllowed, Field::ReasonCode, 4, "mqtt_3_1_1__3_9_3_2");
    refused(V3_1, Role::Client, &[three]);
}

#[test]
fn acknowledgements() {
    for (first, id) in [
        ("40", "mqtt_3_1_1__2_3_1_6"),
        ("50", "mqtt_3_1_1__2_3_1_6"),
        ("62", "mqtt_3_1_1__2_3_1_6"),
        ("70", "mqtt_3_1_1__4_3_3_2"),
    ] {
        let zero = format!("{first} 02 0000");
        let short = format!("{first} 01 00");
        let none = format!("{first} 00");
        let long = format!("{first} 03 0001 00");
        for version in [V3_1, V3_1_1] {
            refused(version, Role::Server, &[(&zero, Kind::PacketIdZero, Field::PacketId, 2, id)]);
            refused(version, Role::Server, &[(&short, Kind::Truncated, Field::PacketId, 2, "")]);
            refused(version, Role::Server, &[(&none, Kind::Truncated, Field::PacketId, 2, "")]);
            refused(version, Role::Server, &[(&long, Kind::TrailingBytes, Field::Body, 4, "")]);
        }
        let block = format!("{first} 04 0001 00 01");
        let left_over = format!("{first} 05 0001 00 00 00");
        let reason_twice = format!("{first} 0A 0001 00 06 1F 0000 1F 0000");
        refused(
            V5,
            Role::Server,
            &[
                (&zero, Kind::PacketIdZero, Field::PacketId, 2, "mqtt_5_0__2_2_1_5"),
                (&short, Kind::Truncated, Field::PacketId, 2, ""),
                (&block, Kind::Truncated, Field::PropertyLength, 5, ""),
                (&left_over, Kind::TrailingBytes, Field::Body, 6, ""),
                (&reason_twice, Kind::DuplicateProperty, Field::ReasonString, 9, ""),
            ],
        );
    }
}

#[test]
fn suback_and_unsuback() {
    refused(
        V3_1_1,
        Role::Client,
        &[
            ("90 02 0001", Kind::Empty, Field::ReasonCode, 4, ""),
            ("90 03 0000 00", Kind::PacketIdZero, Field::PacketId, 2, "mqtt_3_1_1__2_3_1_7"),
            ("B0 02 0000", Kind::PacketIdZero, Field::PacketId, 2, "mqtt_3_1_1__2_3_1_7"),
            ("B0 03 0001 00", Kind::TrailingBytes, Field::Body, 4, ""),
        ],
    );
    refused(
        V5,
        Role::Client,
        &[
            ("90 03 0001 00", Kind::Empty, Field::ReasonCode, 5, ""),
            ("B0 03 0001 00", Kind::Empty, Field::ReasonCode, 5, ""),
            ("90 04 0000 00 00", Kind::PacketIdZero, Field::PacketId, 2, "mqtt_5_0__2_2_1_6"),
            ("B0 04 0000 00 00", Kind::PacketIdZero, Field::PacketId, 2, "mqtt_5_0__2_2_1_6"),
            ("B0 02 0001", Kind::Truncated, Field::PropertyLength, 4, ""),
        ],
    );
}

#[test]
fn pings_have_no_body() {
    for version in [V3_1, V3_1_1, V5] {
        for bytes in ["C0 01 00", "D0 01 00"] {
            refused(version, Role::Server, &[(bytes, Kind::TrailingBytes, Field::Body, 2, "")]);
        }
    }
}

#[test]
fn disconnect() {
    refused(V3_1_1, Role::Server, &[("E0 01 00", Kind::TrailingBytes, Field::Body, 2, "")]);
    refused(
        V5,
        Role::Server,
        &[
            ("E0 02 00 01", Kind::Truncated, Field::PropertyLength, 3, ""),
            ("E0 03 00 00 00", Kind::TrailingBytes, Field::Body, 4, ""),
            ("E0 05 00 03 1C 0000", Kind::PropertyNotAllowed, Field::ServerReference, 4, ""),
        ],
    );
    let expiry = "E0 07 00 05 11 00000001";
    let row = (expiry, Kind::PropertyNotAllowed, Field::SessionExpiry, 4, "mqtt_5_0__3_14_2_2");
    refused(V5, Role::Client, &[row]);
    assert!(decode(&hex(expiry), V5, Role::Server).is_ok());
}

#[test]
fn every_auth_names_its_method() {
    refused(
        V5,
        Role::Server,
        &[
            ("F0 00", Kind::AuthenticationMethodMissing, Field::AuthenticationMethod, 2, ""),
            ("F0 01 18", Kind::Truncated, Field::PropertyLength, 3, ""),
            ("F0 02 18 00", Kind::AuthenticationMethodMissing, Field::AuthenticationMethod, 2, ""),
            (
                "F0 0A 18 08 15 0001 'm' 15 0001 'm'",
                Kind::DuplicateProperty,
                Field::AuthenticationMethod,
                8,
                "",
            ),
        ],
    );
}
