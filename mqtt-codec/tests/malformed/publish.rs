//! PUBLISH.

use mqtt_codec::Version::{V3_1, V3_1_1, V5};
use mqtt_codec::{DecodeErrorKind as Kind, Field, ReasonCode, Role};

use crate::refused;
use crate::support::{decode, hex};

#[test]
fn publish_of_3_1_1() {
    refused(
        V3_1_1,
        Role::Server,
        &[
            ("36 05 0001 't' 0001", Kind::Flags, Field::Flags, 0, "mqtt_3_1_1__3_3_1_4"),
            ("3F 05 0001 't' 0001", Kind::Flags, Field::Flags, 0, "mqtt_3_1_1__3_3_1_4"),
            ("38 03 0001 't'", Kind::DupWithoutQoS, Field::Flags, 0, "mqtt_3_1_1__3_3_1_2"),
            ("32 05 0001 't' 0000", Kind::PacketIdZero, Field::PacketId, 5, "mqtt_3_1_1__2_3_1_1"),
            ("34 05 0001 't' 0000", Kind::PacketIdZero, Field::PacketId, 5, "mqtt_3_1_1__2_3_1_1"),
            ("32 03 0001 't'", Kind::Truncated, Field::PacketId, 5, ""),
            ("32 04 0001 't' 00", Kind::Truncated, Field::PacketId, 5, ""),
            ("30 05 0003 'a/#'", Kind::Wildcard, Field::Topic, 2, "mqtt_3_1_1__3_3_2_2"),
            ("30 05 0003 'a/+'", Kind::Wildcard, Field::Topic, 2, "mqtt_3_1_1__3_3_2_2"),
            ("30 05 0003 'a+b'", Kind::Wildcard, Field::Topic, 2, "mqtt_3_1_1__3_3_2_2"),
            ("30 02 0000", Kind::Empty, Field::Topic, 2, "mqtt_3_1_1__4_7_3_1"),
            ("30 00", Kind::Truncated, Field::Topic, 2, ""),
            ("30 04 0005 'ab'", Kind::Truncated, Field::Topic, 2, ""),
        ],
    );
}

#[test]
fn publish_of_3_1() {
    refused(
        V3_1,
        Role::Server,
        &[
            ("36 05 0001 't' 0001", Kind::Flags, Field::Flags, 0, "mqtt_3_1_1__3_3_1_4"),
            ("32 05 0001 't' 0000", Kind::PacketIdZero, Field::PacketId, 5, "mqtt_3_1_1__2_3_1_1"),
            ("30 05 0003 'a/#'", Kind::Wildcard, Field::Topic, 2, "mqtt_3_1_1__3_3_2_2"),
            ("30 05 0003 'a' 00 'b'", Kind::NullCharacter, Field::Topic, 5, "mqtt_3_1_1__4_7_3_2"),
        ],
    );
}

#[test]
fn publish_of_5_0() {
    refused(
        V5,
        Role::Server,
        &[
            ("36 06 0001 't' 0001 00", Kind::Flags, Field::Flags, 0, "mqtt_5_0__3_3_1_4"),
            ("38 04 0001 't' 00", Kind::DupWithoutQoS, Field::Flags, 0, "mqtt_5_0__3_3_1_2"),
            ("39 04 0001 't' 00", Kind::DupWithoutQoS, Field::Flags, 0, "mqtt_5_0__3_3_1_2"),
            ("32 06 0001 't' 0000 00", Kind::PacketIdZero, Field::PacketId, 5, "mqtt_5_0__2_2_1_3"),
            ("30 06 0003 'a/#' 00", Kind::Wildcard, Field::Topic, 2, "mqtt_5_0__3_3_2_2"),
            ("30 06 0003 '+/b' 00", Kind::Wildcard, Field::Topic, 2, "mqtt_5_0__3_3_2_2"),
            // no name needs an alias
            ("30 03 0000 00", Kind::Empty, Field::Topic, 2, "mqtt_5_0__4_7_3_1"),
            ("30 07 0001 't' 03 23 0000", Kind::TopicAliasZero, Field::TopicAlias, 7, "mqtt_5_0__3_3_2_8"),
            ("30 08 0000 05 08 0002 'a+'", Kind::Wildcard, Field::ResponseTopic, 6, "mqtt_5_0__3_3_2_14"),
            ("30 09 0001 't' 05 08 0002 '#a'", Kind::Wildcard, Field::ResponseTopic, 7, "mqtt_5_0__3_3_2_14"),
            ("30 07 0001 't' 03 08 0000", Kind::Empty, Field::ResponseTopic, 7, "mqtt_5_0__4_7_3_1"),
            ("30 03 0001 't'", Kind::Truncated, Field::PropertyLength, 5, ""),
            ("30 06 0001 't' 03 01 00", Kind::Truncated, Field::PropertyLength, 5, ""),
            ("30 05 0001 't' 80 00", Kind::OverlongVarint, Field::PropertyLength, 5, "mqtt_5_0__1_5_5_1"),
            ("30 07 0001 't' 80808080", Kind::VarintTooLong, Field::PropertyLength, 5, "mqtt_5_0__1_5_5_1"),
            ("30 05 0001 't' 80 80", Kind::Truncated, Field::PropertyLength, 5, ""),
        ],
    );
}

#[test]
fn subscription_ids_come_from_servers_only() {
    let two = "30 08 0001 't' 04 0B 01 0B 02";
    refused(
        V5,
        Role::Server,
        &[
            (
                "30 06 0001 't' 02 0B 01",
                Kind::SubscriptionIdFromClient,
                Field::SubscriptionId,
                6,
                "mqtt_5_0__3_3_4_6",
            ),
            (two, Kind::SubscriptionIdFromClient, Field::SubscriptionId, 6, "mqtt_5_0__3_3_4_6"),
        ],
    );
    assert!(decode(&hex(two), V5, Role::Client).is_ok());
    refused(
        V5,
        Role::Client,
        &[
            ("30 06 0001 't' 02 0B 00", Kind::InvalidValue, Field::SubscriptionId, 7, ""),
            (
                "30 07 0001 't' 03 0B 81 00",
                Kind::OverlongVarint,
                Field::SubscriptionId,
                7,
                "mqtt_5_0__1_5_5_1",
            ),
            (
                "30 09 0001 't' 05 0B FFFFFFFF",
                Kind::VarintTooLong,
                Field::SubscriptionId,
                7,
                "mqtt_5_0__1_5_5_1",
            ),
        ],
    );
    let largest = decode(&hex("30 09 0001 't' 05 0B FFFFFF7F"), V5, Role::Client);
    assert!(largest.is_ok());
}

#[test]
fn a_missing_topic_is_a_protocol_error_and_an_alias_of_0_has_its_own_code() {
    let rows = [
        ("30 03 0000 00", ReasonCode::ProtocolError),
        ("30 07 0001 't' 03 23 0000", ReasonCode::TopicAliasInvalid),
        ("30 06 0003 'a/#' 00", ReasonCode::MalformedPacket),
        ("36 06 0001 't' 0001 00", ReasonCode::MalformedPacket),
        ("32 06 0001 't' 0000 00", ReasonCode::ProtocolError),
    ];
    for (bytes, code) in rows {
        let error = decode(&hex(bytes), V5, Role::Server).expect_err("refused");
        assert_eq!(error.reason_code(), code, "{bytes}");
    }
}
