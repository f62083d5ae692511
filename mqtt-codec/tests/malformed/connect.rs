//! CONNECT and CONNACK.

use mqtt_codec::Version::{V3_1, V3_1_1, V5};
use mqtt_codec::{DecodeErrorKind as Kind, Decoder, Field, ReasonCode, Role, Rules};

use crate::refused;
use crate::support::{decode, hex};

#[test]
fn a_protocol_name_or_level_of_no_version() {
    let rows = [
        (
            "10 0C 0004 'MQTX' 04 02 0000 0000",
            Kind::ProtocolName,
            Field::ProtocolName,
            2,
            "mqtt_3_1_1__3_1_2_1",
        ),
        (
            "10 0C 0004 'mqtt' 04 02 0000 0000",
            Kind::ProtocolName,
            Field::ProtocolName,
            2,
            "mqtt_3_1_1__3_1_2_1",
        ),
        ("10 08 0000 04 02 0000 0000", Kind::ProtocolName, Field::ProtocolName, 2, "mqtt_3_1_1__3_1_2_1"),
        (
            "10 0C 0004 'MQTT' 03 02 0000 0000",
            Kind::ProtocolLevel(3),
            Field::ProtocolLevel,
            8,
            "mqtt_3_1_1__3_1_2_2",
        ),
        (
            "10 0C 0004 'MQTT' 06 02 0000 0000",
            Kind::ProtocolLevel(6),
            Field::ProtocolLevel,
            8,
            "mqtt_3_1_1__3_1_2_2",
        ),
        (
            "10 0C 0004 'MQTT' 84 02 0000 0000",
            Kind::ProtocolLevel(132),
            Field::ProtocolLevel,
            8,
            "mqtt_3_1_1__3_1_2_2",
        ),
        (
            "10 0E 0006 'MQIsdp' 04 02 0000 0000",
            Kind::ProtocolLevel(4),
            Field::ProtocolLevel,
            10,
            "mqtt_3_1_1__3_1_2_2",
        ),
    ];
    refused(V3_1_1, Role::Server, &rows);
    for (bytes, ..) in rows {
        let mut decoder = Decoder::server(Rules::MAX_PACKET_SIZE);
        let code = decoder.decode(&hex(bytes)).map(|_| ()).map_err(|error| error.reason_code());
        assert_eq!(code, Err(ReasonCode::UnsupportedProtocolVersion), "{bytes}");
        assert_eq!(decoder.version(), None, "{bytes}");
    }
}

#[test]
fn flags_that_contradict_each_other_in_3_1_1() {
    refused(
        V3_1_1,
        Role::Server,
        &[
            (
                "10 0C 0004 'MQTT' 04 03 0000 0000",
                Kind::ReservedBit,
                Field::ConnectFlags,
                9,
                "mqtt_3_1_1__3_1_2_3",
            ),
            ("10 0C 0004 'MQTT' 04 0A 0000 0000", Kind::WillFlags, Field::WillQoS, 9, "mqtt_3_1_1__3_1_2_13"),
            ("10 0C 0004 'MQTT' 04 12 0000 0000", Kind::WillFlags, Field::WillQoS, 9, "mqtt_3_1_1__3_1_2_13"),
            ("10 0C 0004 'MQTT' 04 1A 0000 0000", Kind::WillFlags, Field::WillQoS, 9, "mqtt_3_1_1__3_1_2_13"),
            (
                "10 0C 0004 'MQTT' 04 22 0000 0000",
                Kind::WillFlags,
                Field::WillRetain,
                9,
                "mqtt_3_1_1__3_1_2_15",
            ),
            (
                "10 11 0004 'MQTT' 04 1E 0000 0000 0001 'w' 0000",
                Kind::InvalidWillQoS,
                Field::WillQoS,
                9,
                "mqtt_3_1_1__3_1_2_14",
            ),
            (
                "10 0F 0004 'MQTT' 04 42 0000 0000 0001 'p'",
                Kind::PasswordWithoutUserName,
                Field::ConnectFlags,
                9,
                "mqtt_3_1_1__3_1_2_22",
            ),
        ],
    );
}

#[test]
fn flags_that_contradict_each_other_in_3_1() {
    // the will flags are disregarded without a will only
    let will = "10 13 0006 'MQIsdp' 03 1E 0000 0000 0001 'w' 0000";
    refused(V3_1, Role::Server, &[(will, Kind::InvalidWillQoS, Field::WillQoS, 11, "mqtt_3_1_1__3_1_2_14")]);
    let password = "10 11 0006 'MQIsdp' 03 42 0000 0000 0001 'p'";
    let kind = Kind::PasswordWithoutUserName;
    refused(V3_1, Role::Server, &[(password, kind, Field::ConnectFlags, 11, "mqtt_3_1_1__3_1_2_22")]);
}

#[test]
fn flags_that_contradict_each_other_in_5_0() {
    refused(
        V5,
        Role::Server,
        &[
            (
                "10 0D 0004 'MQTT' 05 03 0000 00 0000",
                Kind::ReservedBit,
                Field::ConnectFlags,
                9,
                "mqtt_5_0__3_1_2_3",
            ),
            (
                "10 0D 0004 'MQTT' 05 0A 0000 00 0000",
                Kind::WillFlags,
                Field::WillQoS,
                9,
                "mqtt_5_0__3_1_2_11",
            ),
            (
                "10 0D 0004 'MQTT' 05 22 0000 00 0000",
                Kind::WillFlags,
                Field::WillRetain,
                9,
                "mqtt_5_0__3_1_2_13",
            ),
            (
                "10 13 0004 'MQTT' 05 1E 0000 00 0000 00 0001 'w' 0000",
                Kind::InvalidWillQoS,
                Field::WillQoS,
                9,
                "mqtt_5_0__3_1_2_12",
            ),
        ],
    );
}

#[test]
fn mqtt_3_1_1__3_1_2_9_and_mqtt_3_1_1__3_1_2_19_and_mqtt_3_1_1__3_1_2_21_announced_fields_are_there() {
    let body = "0004 'MQTT' 04";
    let truncated = |bytes: &str, field, offset| {
        refused(V3_1_1, Role::Server, &[(bytes, Kind::Truncated, field, offset, "")]);
    };
    truncated(&format!("10 0A {body} 02 0000"), Field::ClientId, 12);
    truncated(&format!("10 0C {body} 82 0000 0000"), Field::UserName, 14);
    truncated(&format!("10 0F {body} C2 0000 0000 0001 'u'"), Field::Password, 17);
    truncated(&format!("10 0C {body} 06 0000 0000"), Field::WillTopic, 14);
    truncated(&format!("10 0F {body} 06 0000 0000 0001 'w'"), Field::WillPayload, 17);
    truncated(&format!("10 11 {body} 06 0000 0000 0001 'w' 0001"), Field::WillPayload, 17);
}

#[test]
fn mqtt_5_0__3_1_2_9_and_mqtt_5_0__3_1_2_17_and_mqtt_5_0__3_1_2_19_announced_fields_are_there() {
    let body = "0004 'MQTT' 05";
    let truncated = |bytes: &str, field, offset| {
        refused(V5, Role::Server, &[(bytes, Kind::Truncated, field, offset, "")]);
    };
    truncated(&format!("10 0B {body} 02 0000 00"), Field::ClientId, 13);
    truncated(&format!("10 0D {body} 82 0000 00 0000"), Field::UserName, 15);
    truncated(&format!("10 0D {body} 42 0000 00 0000"), Field::Password, 15);
    truncated(&format!("10 0D {body} 06 0000 00 0000"), Field::PropertyLength, 15);
    truncated(&format!("10 0E {body} 06 0000 00 0000 00"), Field::WillTopic, 16);
    truncated(&format!("10 11 {body} 06 0000 00 0000 00 0001 'w'"), Field::WillPayload, 19);
}

#[test]
fn mqtt_3_1_1__3_1_2_11_and_mqtt_3_1_1__3_1_2_18_and_mqtt_3_1_1__3_1_2_20_a_field_without_its_flag() {
    let rows = [
        ("10 0F 0004 'MQTT' 04 02 0000 0000 0001 'u'", 14),
        ("10 12 0004 'MQTT' 04 82 0000 0000 0001 'u' 0001 'p'", 17),
        // topic and payload of a will that is not announced
        ("10 12 0004 'MQTT' 04 02 0000 0000 0001 'w' 0001 'p'", 14),
    ];
    for (bytes, offset) in rows {
        refused(V3_1_1, Role::Server, &[(bytes, Kind::TrailingBytes, Field::Body, offset, "")]);
    }
}

#[test]
fn mqtt_5_0__3_1_2_16_and_mqtt_5_0__3_1_2_18_a_field_without_its_flag() {
    let rows = [
        ("10 10 0004 'MQTT' 05 02 0000 00 0000 0001 'u'", 15),
        ("10 13 0004 'MQTT' 05 82 0000 00 0000 0001 'u' 0001 'p'", 18),
    ];
    for (bytes, offset) in rows {
        refused(V5, Role::Server, &[(bytes, Kind::TrailingBytes, Field::Body, offset, "")]);
    }
}

#[test]
fn topics_of_a_will_are_topic_names() {
    let five = "10 15 0004 'MQTT' 05 06 0000 00 0000 00 0003";
    let rows = [
        (format!("{five} 'a/#' 0000"), Kind::Wildcard, "mqtt_5_0__4_7_0_1"),
        (format!("{five} 'a/+' 0000"), Kind::Wildcard, "mqtt_5_0__4_7_0_1"),
    ];
    for (bytes, kind, id) in &rows {
        refused(V5, Role::Server, &[(bytes, *kind, Field::WillTopic, 16, id)]);
    }
    let three = "10 13 0004 'MQTT' 04 06 0000 0000 0003 'a/#' 0000";
    refused(V3_1_1, Role::Server, &[(three, Kind::Wildcard, Field::WillTopic, 14, "mqtt_3_1_1__4_7_1_1")]);
    let empty = "10 10 0004 'MQTT' 04 06 0000 0000 0000 0000";
    refused(V3_1_1, Role::Server, &[(empty, Kind::Empty, Field::WillTopic, 14, "mqtt_3_1_1__4_7_3_1")]);
}

#[test]
fn authentication_data_needs_a_method() {
    let bytes = "10 11 0004 'MQTT' 05 02 0000 04 16 0001 FF 0000";
    let kind = Kind::AuthenticationDataWithoutMethod;
    refused(V5, Role::Server, &[(bytes, kind, Field::AuthenticationData, 13, "")]);
    let error = decode(&hex(bytes), V5, Role::Server).expect_err("refused");
    assert_eq!(error.reason_code(), ReasonCode::ProtocolError);
}

#[test]
fn a_connack_with_wrong_flags_or_codes() {
    refused(
        V3_1_1,
        Role::Client,
        &[
            ("20 02 02 00", Kind::AcknowledgeFlags, Field::AcknowledgeFlags, 2, ""),
            ("20 02 00 06", Kind::ReasonCodeNotAllowed, Field::ReasonCode, 3, ""),
            ("20 02 00 80", Kind::ReasonCodeNotAllowed, Field::ReasonCode, 3, ""),
            ("20 02 01 05", Kind::SessionPresentInRefusal, Field::AcknowledgeFlags, 2, "mqtt_3_1_1__3_2_2_4"),
            ("20 01 00", Kind::Truncated, Field::ReasonCode, 3, ""),
            ("20 00", Kind::Truncated, Field::AcknowledgeFlags, 2, ""),
            ("20 03 00 00 00", Kind::TrailingBytes, Field::Body, 4, ""),
        ],
    );
    refused(
        V5,
        Role::Client,
        &[
            ("20 03 02 00 00", Kind::AcknowledgeFlags, Field::AcknowledgeFlags, 2, "mqtt_5_0__3_2_2_1"),
            ("20 03 80 00 00", Kind::AcknowledgeFlags, Field::AcknowledgeFlags, 2, "mqtt_5_0__3_2_2_1"),
            ("20 03 00 01 00", Kind::ReasonCodeNotAllowed, Field::ReasonCode, 3, "mqtt_5_0__3_2_2_8"),
            (
                "20 03 01 87 00",
                Kind::SessionPresentInRefusal,
                Field::AcknowledgeFlags,
                2,
                "mqtt_5_0__3_2_2_6",
            ),
            ("20 02 00 00", Kind::Truncated, Field::PropertyLength, 4, ""),
            ("20 03 00 00 05", Kind::Truncated, Field::PropertyLength, 4, ""),
            ("20 04 00 00 00 00", Kind::TrailingBytes, Field::Body, 5, ""),
        ],
    );
}

#[test]
fn the_first_connect_alone_decides_the_version_of_a_connection() {
    let mut decoder = Decoder::server(Rules::MAX_PACKET_SIZE);
    // a body that begins like that of a CONNECT is not one
    assert!(decoder.decode(&hex("30 07 0004 'MQTT' 05")).is_ok());
    assert_eq!(decoder.version(), None);
    assert!(decoder.decode(&hex("10 0C 0004 'MQTT' 04 02 0000 0000")).is_ok());
    // a second one is read for what it is, and refused above
    assert!(decoder.decode(&hex("10 0D 0004 'MQTT' 05 02 0000 00 0000")).is_ok());
    assert_eq!(decoder.version(), Some(V3_1_1));
    assert!(decoder.decode(&hex("40 02 0001")).is_ok());
    assert!(decoder.decode(&hex("40 03 0001 00")).is_err(), "the rules are still those of 3.1.1");
}
