//! SUBSCRIBE and UNSUBSCRIBE.

use mqtt_codec::Version::{V3_1, V3_1_1, V5};
use mqtt_codec::{DecodeErrorKind as Kind, Field, InvalidTopicFilter, Packet, ReasonCode, Role};

use crate::refused;
use crate::support::{decode, hex};

#[test]
fn subscribe_of_3_1_1() {
    refused(
        V3_1_1,
        Role::Server,
        &[
            ("82 02 000A", Kind::Empty, Field::Body, 4, "mqtt_3_1_1__3_8_3_3"),
            ("82 06 0000 0001 'a' 00", Kind::PacketIdZero, Field::PacketId, 2, "mqtt_3_1_1__2_3_1_1"),
            (
                "82 06 000A 0001 'a' 03",
                Kind::InvalidValue,
                Field::SubscriptionOptions,
                7,
                "mqtt_3_1_1__3_8_3_4",
            ),
            (
                "82 06 000A 0001 'a' 04",
                Kind::ReservedBit,
                Field::SubscriptionOptions,
                7,
                "mqtt_3_1_1__3_8_3_4",
            ),
            (
                "82 06 000A 0001 'a' 80",
                Kind::ReservedBit,
                Field::SubscriptionOptions,
                7,
                "mqtt_3_1_1__3_8_3_4",
            ),
            ("82 05 000A 0001 'a'", Kind::Truncated, Field::SubscriptionOptions, 7, ""),
            ("82 05 000A 0000 00", Kind::Empty, Field::TopicFilter, 4, "mqtt_3_1_1__4_7_3_1"),
            (
                "82 08 000A 0003 'a#b' 00",
                Kind::MultiLevelWildcard,
                Field::TopicFilter,
                4,
                "mqtt_3_1_1__4_7_1_2",
            ),
            (
                "82 08 000A 0003 '#/a' 00",
                Kind::MultiLevelWildcard,
                Field::TopicFilter,
                4,
                "mqtt_3_1_1__4_7_1_2",
            ),
        ],
    );
    let plus =
        ("82 08 000A 0003 'a+b' 00", Kind::SingleLevelWildcard, Field::TopicFilter, 4, "mqtt_3_1_1__4_7_1_3");
    refused(V3_1_1, Role::Server, &[plus]);
    let second = (
        "82 0A 000A 0001 'a' 00 0001 'b' 03",
        Kind::InvalidValue,
        Field::SubscriptionOptions,
        11,
        "mqtt_3_1_1__3_8_3_4",
    );
    refused(V3_1_1, Role::Server, &[second]);
}

#[test]
fn subscribe_of_3_1() {
    let row =
        ("82 06 000A 0001 'a' FF", Kind::InvalidValue, Field::SubscriptionOptions, 7, "mqtt_3_1_1__3_8_3_4");
    refused(V3_1, Role::Server, &[row]);
}

#[test]
fn subscribe_of_5_0() {
    refused(
        V5,
        Role::Server,
        &[
            ("82 03 000A 00", Kind::Empty, Field::Body, 5, "mqtt_5_0__3_8_3_2"),
            ("82 07 0000 00 0001 'a' 00", Kind::PacketIdZero, Field::PacketId, 2, "mqtt_5_0__2_2_1_3"),
            (
                "82 07 000A 00 0001 'a' 40",
                Kind::ReservedBit,
                Field::SubscriptionOptions,
                8,
                "mqtt_5_0__3_8_3_5",
            ),
            (
                "82 07 000A 00 0001 'a' 80",
                Kind::ReservedBit,
                Field::SubscriptionOptions,
                8,
                "mqtt_5_0__3_8_3_5",
            ),
            ("82 07 000A 00 0001 'a' 03", Kind::InvalidValue, Field::SubscriptionOptions, 8, ""),
            ("82 07 000A 00 0001 'a' 30", Kind::InvalidValue, Field::SubscriptionOptions, 8, ""),
            ("82 06 000A 00 0000 00", Kind::Empty, Field::TopicFilter, 5, "mqtt_5_0__4_7_3_1"),
            (
                "82 08 000A 00 0002 'a#' 00",
                Kind::MultiLevelWildcard,
                Field::TopicFilter,
                5,
                "mqtt_5_0__4_7_1_1",
            ),
            (
                "82 09 000A 00 0003 'a++' 00",
                Kind::SingleLevelWildcard,
                Field::TopicFilter,
                5,
                "mqtt_5_0__4_7_1_2",
            ),
            ("82 09 000A 02 0B 00 0001 'a' 00", Kind::InvalidValue, Field::SubscriptionId, 6, ""),
            ("82 0B 000A 04 0B 01 0B 02 0001 'a' 00", Kind::DuplicateProperty, Field::SubscriptionId, 7, ""),
        ],
    );
}

#[test]
fn mqtt_5_0__3_8_3_4_no_local_on_a_shared_subscription() {
    let id = "mqtt_5_0__3_8_3_4";
    let row =
        ("82 10 000A 00 000A '$share/g/a' 04", Kind::NoLocalOnShare, Field::SubscriptionOptions, 17, id);
    refused(V5, Role::Server, &[row]);
    for bytes in ["82 10 000A 00 000A '$share/g/a' 02", "82 10 000A 00 000A '$SHARE/g/a' 04"] {
        assert!(decode(&hex(bytes), V5, Role::Server).is_ok(), "{bytes}");
    }
}

#[test]
fn an_ill_formed_share_spoils_its_filter_and_not_its_packet() {
    for (filter, length) in [("$share", "06"), ("$share/g", "08"), ("$share//a", "09"), ("$share/+/a", "0A")]
    {
        let body = hex(&format!("000A 00 00{length} '{filter}' 00"));
        let bytes = crate::support::frame(0x82, &body);
        let Ok(Packet::Subscribe(subscribe)) = decode(&bytes, V5, Role::Server) else {
            panic!("{filter} was refused")
        };
        let share = subscribe.filters[0].filter.view().share().map(|_| ());
        assert_eq!(share, Err(InvalidTopicFilter::ShareName), "{filter}");
    }
}

#[test]
fn unsubscribe() {
    refused(
        V3_1_1,
        Role::Server,
        &[
            ("A2 02 000A", Kind::Empty, Field::Body, 4, "mqtt_3_1_1__3_10_3_2"),
            ("A2 05 0000 0001 'a'", Kind::PacketIdZero, Field::PacketId, 2, "mqtt_3_1_1__2_3_1_1"),
            ("A2 04 000A 0000", Kind::Empty, Field::TopicFilter, 4, "mqtt_3_1_1__4_7_3_1"),
            ("A2 06 000A 0002 'a#'", Kind::MultiLevelWildcard, Field::TopicFilter, 4, "mqtt_3_1_1__4_7_1_2"),
            ("A2 06 000A 0001 'a' 00", Kind::Truncated, Field::TopicFilter, 7, ""),
        ],
    );
    refused(
        V5,
        Role::Server,
        &[
            ("A2 03 000A 00", Kind::Empty, Field::Body, 5, "mqtt_5_0__3_10_3_2"),
            ("A2 06 0000 00 0001 'a'", Kind::PacketIdZero, Field::PacketId, 2, "mqtt_5_0__2_2_1_3"),
            (
                "A2 07 000A 00 0002 '+a'",
                Kind::SingleLevelWildcard,
                Field::TopicFilter,
                5,
                "mqtt_5_0__4_7_1_2",
            ),
            ("A2 02 000A", Kind::Truncated, Field::PropertyLength, 4, ""),
        ],
    );
    let empty = decode(&hex("A2 03 000A 00"), V5, Role::Server).expect_err("refused");
    assert_eq!(empty.reason_code(), ReasonCode::ProtocolError);
}
