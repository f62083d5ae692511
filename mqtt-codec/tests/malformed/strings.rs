//! Every string field of every packet: ill-formed UTF-8, U+0000, U+FEFF, and binary fields that take anything.

use mqtt_codec::Version::{V3_1_1, V5};
use mqtt_codec::{DecodeErrorKind as Kind, Field, Role, Version};

use crate::support::{decode, frame, hex};

/// First byte, what is before the string, what is behind it, its field, and the statement that asks for UTF-8.
type StringField = (u8, &'static str, &'static str, Field, &'static str);

const STRINGS_3_1_1: [StringField; 6] = [
    (0x10, "0004 'MQTT' 04 02 0000", "", Field::ClientId, "mqtt_3_1_1__3_1_3_4"),
    (0x10, "0004 'MQTT' 04 06 0000 0000", "0000", Field::WillTopic, "mqtt_3_1_1__3_1_3_10"),
    (0x10, "0004 'MQTT' 04 82 0000 0000", "", Field::UserName, "mqtt_3_1_1__3_1_3_11"),
    (0x30, "", "", Field::Topic, "mqtt_3_1_1__3_3_2_1"),
    (0x82, "0001", "00", Field::TopicFilter, "mqtt_3_1_1__3_8_3_1"),
    (0xA2, "0001", "", Field::TopicFilter, "mqtt_3_1_1__3_10_3_1"),
];

const STRINGS_5_0: [StringField; 9] = [
    (0x10, "0004 'MQTT' 05 02 0000 00", "", Field::ClientId, "mqtt_5_0__3_1_3_4"),
    (0x10, "0004 'MQTT' 05 06 0000 00 0000 00", "0000", Field::WillTopic, "mqtt_5_0__3_1_3_11"),
    (0x10, "0004 'MQTT' 05 82 0000 00 0000", "", Field::UserName, "mqtt_5_0__3_1_3_12"),
    (0x30, "", "00", Field::Topic, "mqtt_5_0__3_3_2_1"),
    (0x82, "0001 00", "00", Field::TopicFilter, "mqtt_5_0__3_8_3_1"),
    (0xA2, "0001 00", "", Field::TopicFilter, "mqtt_5_0__3_10_3_1"),
    // the strings below have three bytes, and the blocks the lengths for that
    (0x30, "0001 't' 06 08", "", Field::ResponseTopic, "mqtt_5_0__3_3_2_13"),
    (0x30, "0001 't' 06 03", "", Field::ContentType, "mqtt_5_0__3_3_2_19"),
    (0x30, "0001 't' 09 26 0001 'k'", "", Field::UserProperty, "mqtt_5_0__1_5_7_1"),
];

/// The strings of 5.0 that only servers send, or that have no statement of their own.
const OTHERS_5_0: [StringField; 9] = [
    (0x20, "0000 06 12", "", Field::AssignedClientId, ""),
    (0x20, "0000 06 1F", "", Field::ReasonString, ""),
    (0x20, "0000 06 1A", "", Field::ResponseInformation, ""),
    (0x20, "0000 06 1C", "", Field::ServerReference, ""),
    (0x20, "0000 06 15", "", Field::AuthenticationMethod, ""),
    (0x30, "0001 't' 09 26", "0001 'v'", Field::UserProperty, ""),
    (0x40, "0001 00 06 1F", "", Field::ReasonString, ""),
    (0xE0, "82 06 1F", "", Field::ReasonString, ""),
    (0xF0, "00 06 15", "", Field::AuthenticationMethod, ""),
];

/// Three bytes that are no string, where the fault is among them, and what it is.
const ILL_FORMED: [(&str, u32, Kind); 8] = [
    ("80 'ab'", 0, Kind::InvalidUtf8),
    ("'a' C0 80", 1, Kind::InvalidUtf8),
    ("ED A0 80", 0, Kind::InvalidUtf8),
    ("ED BF BF", 0, Kind::InvalidUtf8),
    ("'ab' C3", 2, Kind::InvalidUtf8),
    ("F8 'ab'", 0, Kind::InvalidUtf8),
    ("'a' 00 'b'", 1, Kind::NullCharacter),
    ("'ab' 00", 2, Kind::NullCharacter),
];

/// Three bytes that are a string: U+FEFF, discouraged characters, characters of several bytes.
const WELL_FORMED: [&str; 4] = ["EF BB BF", "EF BF BF", "01 7F 1F", "'a' C2 9F"];

fn check(version: Version, fields: &[StringField]) {
    for &(first, before, behind, field, id) in fields {
        let packet =
            |string: &str| frame(first, &[&hex(before)[..], &[0, 3], &hex(string), &hex(behind)].concat());
        let start = 2 + hex(before).len() as u32 + 2;
        for (string, index, kind) in ILL_FORMED {
            let error = decode(&packet(string), version, Role::Client).expect_err("an ill-formed string");
            let name = format!("{id} {string}: {error}");
            assert_eq!((error.kind, error.field, error.offset), (kind, field, start + index), "{name}");
            let statement = match (kind, version.is_v5(), field) {
                (Kind::InvalidUtf8, true, _) => "MQTT-1.5.4-1",
                (Kind::InvalidUtf8, false, _) => "MQTT-1.5.3-1",
                (_, _, Field::Topic | Field::TopicFilter | Field::WillTopic | Field::ResponseTopic) => {
                    "MQTT-4.7.3-2"
                }
                (_, true, _) => "MQTT-1.5.4-2",
                (_, false, _) => "MQTT-1.5.3-2",
            };
            assert_eq!(error.statement(), Some(statement), "{name}");
        }
        for string in WELL_FORMED {
            let decoded = decode(&packet(string), version, Role::Client);
            let bytes = hex(string);
            let text = core::str::from_utf8(&bytes).expect("it is well-formed");
            let shown = format!("{:?}", decoded.expect("a well-formed string"));
            let escaped = format!("{text:?}");
            assert!(shown.contains(&escaped), "{id}: {shown} does not hold {escaped}");
        }
        let mut cut = packet("'abc'");
        let length = start as usize - 2;
        cut[length..length + 2].copy_from_slice(&[0xFF, 0xFF]);
        let error = decode(&cut, version, Role::Client).expect_err("a string longer than its packet");
        assert_eq!((error.kind, error.field, error.offset), (Kind::Truncated, field, start - 2), "{id}");
    }
}

#[test]
fn mqtt_3_1_1__1_5_3_1_and_mqtt_3_1_1__1_5_3_2_and_mqtt_3_1_1__1_5_3_3_every_string() {
    check(V3_1_1, &STRINGS_3_1_1);
}

#[test]
fn mqtt_5_0__1_5_4_1_and_mqtt_5_0__1_5_4_2_and_mqtt_5_0__1_5_4_3_every_string() {
    check(V5, &STRINGS_5_0);
    check(V5, &OTHERS_5_0);
}

#[test]
fn binary_fields_take_any_bytes() {
    let rows = [
        (V3_1_1, "10 14 0004 'MQTT' 04 06 0000 0000 0001 'w' 0003 FF 00 C0"),
        (V3_1_1, "10 14 0004 'MQTT' 04 C2 0000 0000 0001 'u' 0003 FF 00 C0"),
        (V5, "10 15 0004 'MQTT' 05 06 0000 00 0000 00 0001 'w' 0002 FF 00"),
        (V5, "10 11 0004 'MQTT' 05 42 0000 00 0000 0002 FF 00"),
        (V5, "30 09 0001 't' 05 09 0002 FF 00"),
    ];
    for (version, bytes) in rows {
        let decoded = decode(&hex(bytes), version, Role::Server);
        assert!(decoded.is_ok(), "{bytes}: {decoded:?}");
    }
}

#[test]
fn mqtt_3_1_1__4_7_3_2_and_mqtt_5_0__4_7_3_2_u0000_in_topics_and_filters() {
    for (version, rows) in [(V3_1_1, &STRINGS_3_1_1[..]), (V5, &STRINGS_5_0[..])] {
        let topics = [Field::Topic, Field::TopicFilter, Field::WillTopic, Field::ResponseTopic];
        let rows = rows.iter().filter(|row| topics.contains(&row.3)).copied().collect::<Vec<_>>();
        assert!(rows.len() >= 4);
        check(version, &rows);
    }
}
