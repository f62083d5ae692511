//! Each property in each packet: once, twice, where it may not stand, and outside its range.

use mqtt_codec::Version::V5;
use mqtt_codec::{DecodeErrorKind as Kind, Field, ReasonCode, Role};

use crate::refused;
use crate::support::{decode, frame, hex, varint};

/// Where a block of properties can stand: name, first byte, what is before its length, what is behind it.
const PLACES: [(&str, u8, &str, &str); 14] = [
    ("CONNECT", 0x10, "0004 'MQTT' 05 02 0000", "0000"),
    ("WILL", 0x10, "0004 'MQTT' 05 06 0000 00 0000", "0001 'w' 0000"),
    ("CONNACK", 0x20, "00 00", ""),
    ("PUBLISH", 0x30, "0001 't'", "'p'"),
    ("PUBACK", 0x40, "0001 00", ""),
    ("PUBREC", 0x50, "0001 00", ""),
    ("PUBREL", 0x62, "0001 00", ""),
    ("PUBCOMP", 0x70, "0001 00", ""),
    ("SUBSCRIBE", 0x82, "0001", "0001 'f' 00"),
    ("SUBACK", 0x90, "0001", "00"),
    ("UNSUBSCRIBE", 0xA2, "0001", "0001 'f'"),
    ("UNSUBACK", 0xB0, "0001", "00"),
    ("DISCONNECT", 0xE0, "00", ""),
    ("AUTH", 0xF0, "00", ""),
];

const ALL: &str = "CONNECT WILL CONNACK PUBLISH PUBACK PUBREC PUBREL PUBCOMP SUBSCRIBE SUBACK UNSUBSCRIBE UNSUBACK \
                   DISCONNECT AUTH";
const EXPLAINED: &str = "CONNACK PUBACK PUBREC PUBREL PUBCOMP SUBACK UNSUBACK DISCONNECT AUTH";

/// Identifier, a good value, field, and the places in which it may stand.
const PROPERTIES: [(u8, &str, Field, &str); 27] = [
    (0x01, "01", Field::PayloadFormat, "PUBLISH WILL"),
    (0x02, "00000001", Field::MessageExpiry, "PUBLISH WILL"),
    (0x03, "0001 'x'", Field::ContentType, "PUBLISH WILL"),
    (0x08, "0001 'x'", Field::ResponseTopic, "PUBLISH WILL"),
    (0x09, "0001 FF", Field::CorrelationData, "PUBLISH WILL"),
    (0x0B, "01", Field::SubscriptionId, "PUBLISH SUBSCRIBE"),
    (0x11, "00000000", Field::SessionExpiry, "CONNECT CONNACK DISCONNECT"),
    (0x12, "0001 'x'", Field::AssignedClientId, "CONNACK"),
    (0x13, "0001", Field::ServerKeepAlive, "CONNACK"),
    (0x15, "0001 'x'", Field::AuthenticationMethod, "CONNECT CONNACK AUTH"),
    (0x16, "0001 FF", Field::AuthenticationData, "CONNECT CONNACK AUTH"),
    (0x17, "01", Field::RequestProblemInformation, "CONNECT"),
    (0x18, "00000001", Field::WillDelay, "WILL"),
    (0x19, "01", Field::RequestResponseInformation, "CONNECT"),
    (0x1A, "0001 'x'", Field::ResponseInformation, "CONNACK"),
    (0x1C, "0001 'x'", Field::ServerReference, "CONNACK DISCONNECT"),
    (0x1F, "0001 'x'", Field::ReasonString, EXPLAINED),
    (0x21, "0001", Field::ReceiveMaximum, "CONNECT CONNACK"),
    (0x22, "0001", Field::TopicAliasMaximum, "CONNECT CONNACK"),
    (0x23, "0001", Field::TopicAlias, "PUBLISH"),
    (0x24, "01", Field::MaximumQoS, "CONNACK"),
    (0x25, "01", Field::RetainAvailable, "CONNACK"),
    (0x26, "0001 'x' 0001 'y'", Field::UserProperty, ALL),
    (0x27, "00000001", Field::MaximumPacketSize, "CONNECT CONNACK"),
    (0x28, "01", Field::WildcardSubscriptionAvailable, "CONNACK"),
    (0x29, "01", Field::SubscriptionIdAvailable, "CONNACK"),
    (0x2A, "01", Field::SharedSubscriptionAvailable, "CONNACK"),
];

/// What must stand before the property, so that nothing but the property is under test.
fn companion(place: &str, id: u8) -> Vec<u8> {
    match (place, id) {
        ("AUTH", 0x15) => Vec::new(),
        ("AUTH", _) | ("CONNECT", 0x16) => hex("15 0001 'm'"),
        _ => Vec::new(),
    }
}

/// Only clients send the Session Expiry Interval in DISCONNECT; what else has a sender is the server's.
fn reader(place: &str, id: u8) -> Role {
    if (place, id) == ("DISCONNECT", 0x11) { Role::Server } else { Role::Client }
}

/// A packet with this block, and the offset of the block's first byte.
fn packet(first: u8, before: &str, block: &[u8], behind: &str) -> (Vec<u8>, usize) {
    let behind = hex(behind);
    let bytes = frame(first, &[&hex(before)[..], &varint(block.len()), block, &behind].concat());
    let start = bytes.len() - behind.len() - block.len();
    (bytes, start)
}

#[test]
fn each_property_stands_where_the_standard_has_it_and_nowhere_else() {
    for (place, first, before, behind) in PLACES {
        for (id, value, field, places) in PROPERTIES {
            let companion = companion(place, id);
            let property = [&[id], &hex(value)[..]].concat();
            let (bytes, start) = packet(first, before, &[&companion[..], &property].concat(), behind);
            let decoded = decode(&bytes, V5, reader(place, id));
            if places.split(' ').any(|allowed| allowed == place) {
                assert!(decoded.is_ok(), "0x{id:02X} in {place}: {decoded:?}");
                continue;
            }
            let error = decoded.expect_err("the property may not stand here");
            let offset = (start + companion.len()) as u32;
            let expected = (Kind::PropertyNotAllowed, field, offset);
            assert_eq!((error.kind, error.field, error.offset), expected, "0x{id:02X} in {place}");
            assert_eq!(error.reason_code(), ReasonCode::MalformedPacket);
        }
    }
}

#[test]
fn each_property_but_two_stands_once() {
    for (place, first, before, behind) in PLACES {
        for (id, value, field, places) in PROPERTIES {
            if !places.split(' ').any(|allowed| allowed == place) {
                continue;
            }
            let companion = companion(place, id);
            let property = [&[id], &hex(value)[..]].concat();
            let block = [&companion[..], &property, &property].concat();
            let (bytes, start) = packet(first, before, &block, behind);
            let decoded = decode(&bytes, V5, reader(place, id));
            if id == 0x26 || (place, id) == ("PUBLISH", 0x0B) {
                assert!(decoded.is_ok(), "0x{id:02X} twice in {place}: {decoded:?}");
                continue;
            }
            let error = decoded.expect_err("the property stands twice");
            let offset = (start + companion.len() + property.len()) as u32;
            let expected = (Kind::DuplicateProperty, field, offset);
            assert_eq!((error.kind, error.field, error.offset), expected, "0x{id:02X} twice in {place}");
            assert_eq!(error.reason_code(), ReasonCode::ProtocolError);
        }
    }
}

#[test]
fn an_unknown_identifier_is_malformed() {
    for id in (0..=u8::MAX).filter(|id| PROPERTIES.iter().all(|property| property.0 != *id)) {
        let identifier = varint(id.into());
        let (bytes, start) = packet(0x20, "00 00", &[&identifier[..], &[1; 8]].concat(), "");
        let error = decode(&bytes, V5, Role::Client).expect_err("no such property");
        let expected = (Kind::UnknownProperty, Field::PropertyId, start as u32);
        assert_eq!((error.kind, error.field, error.offset), expected, "0x{id:02X}");
        assert_eq!(error.reason_code(), ReasonCode::MalformedPacket);
    }
    let id = "mqtt_5_0__1_5_5_1";
    refused(
        V5,
        Role::Client,
        &[
            ("20 06 00 00 03 9F 00 00", Kind::OverlongVarint, Field::PropertyId, 5, id),
            ("20 06 00 00 03 A6 80 01", Kind::UnknownProperty, Field::PropertyId, 5, ""),
            ("20 07 00 00 04 80 80 80 80", Kind::VarintTooLong, Field::PropertyId, 5, id),
        ],
    );
}

#[test]
fn a_property_that_crosses_the_end_of_its_block_is_malformed() {
    for (id, value, _, places) in PROPERTIES {
        let (_, first, before, behind) =
            PLACES.into_iter().find(|(place, ..)| places.split(' ').any(|p| p == *place)).expect("a place");
        let value = hex(value);
        for length in 0..value.len() {
            let (bytes, _) = packet(first, before, &[&[id], &value[..length]].concat(), behind);
            let error = decode(&bytes, V5, Role::Client).expect_err("the value is cut");
            assert_eq!(error.kind, Kind::Truncated, "0x{id:02X} with {length} bytes: {error}");
        }
    }
}
