//! Values that no packet may have: identifiers of 0, reserved bits, properties outside their range, CONNECT's own.

use mqtt_codec::Version::{V3_1, V3_1_1, V5};
use mqtt_codec::{DecodeErrorKind as Kind, Field, PacketRef, PacketType, Role, Rules, Version};

use crate::packet::{Part, all};
use crate::support::{frame, hex};
use crate::{accepts, refused, refuses};

/// Every place of `field`, with the packet and the index of its leaf.
fn places(field: Field) -> impl Iterator<Item = (crate::packet::Probe, usize)> {
    all().flat_map(move |probe| {
        let leaves = probe.leaves();
        let indexes: Vec<_> = (0..leaves.len())
            .filter(|index| matches!(leaves[*index].part, Part::Fixed(other, _) if other == field))
            .collect();
        indexes.into_iter().map(move |index| (probe.clone(), index))
    })
}

#[test]
fn packet_identifier_0_in_every_packet_that_has_one() {
    let mut count = 0;
    for (probe, index) in places(Field::PacketId) {
        let (frame, start) = probe.with_leaf(index, &[0, 0]);
        refuses(&probe, "packet identifier 0", &frame, (Kind::PacketIdZero, Field::PacketId, start, 0x82));
        for id in [[0, 1], [1, 0], [0xFF, 0xFF]] {
            accepts(&probe, "a packet identifier", &probe.with_leaf(index, &id).0);
        }
        count += 1;
    }
    assert_eq!(count, 3 * 9);
}

/// Field, value, what is wrong with it, and the reason code.
const VALUES: [(Field, &str, Kind, u8); 20] = [
    (Field::TopicAlias, "0000", Kind::TopicAliasZero, 0x94),
    (Field::SubscriptionId, "00", Kind::InvalidValue, 0x82),
    (Field::SubscriptionId, "8100", Kind::OverlongVarint, 0x81),
    (Field::SubscriptionId, "FFFFFFFF01", Kind::VarintTooLong, 0x81),
    (Field::ReceiveMaximum, "0000", Kind::InvalidValue, 0x82),
    (Field::MaximumPacketSize, "00000000", Kind::InvalidValue, 0x82),
    (Field::PayloadFormat, "02", Kind::InvalidValue, 0x82),
    (Field::PayloadFormat, "FF", Kind::InvalidValue, 0x82),
    (Field::RequestProblemInformation, "02", Kind::InvalidValue, 0x82),
    (Field::RequestResponseInformation, "02", Kind::InvalidValue, 0x82),
    (Field::MaximumQoS, "02", Kind::InvalidValue, 0x82),
    (Field::MaximumQoS, "03", Kind::InvalidValue, 0x82),
    (Field::RetainAvailable, "02", Kind::InvalidValue, 0x82),
    (Field::WildcardSubscriptionAvailable, "80", Kind::InvalidValue, 0x82),
    (Field::SubscriptionIdAvailable, "FF", Kind::InvalidValue, 0x82),
    (Field::SharedSubscriptionAvailable, "02", Kind::InvalidValue, 0x82),
    (Field::PropertyId, "04", Kind::UnknownProperty, 0x81),
    (Field::PropertyId, "2B", Kind::UnknownProperty, 0x81),
    (Field::PropertyId, "A601", Kind::UnknownProperty, 0x81),
    (Field::PropertyId, "A600", Kind::OverlongVarint, 0x81),
];

#[test]
fn topic_alias_0_and_subscription_identifier_0_and_receive_maximum_0_and_maximum_packet_size_0() {
    for (field, value, kind, code) in VALUES {
        let mut count = 0;
        for (probe, index) in places(field) {
            let (frame, start) = probe.with_leaf(index, &hex(value));
            refuses(&probe, &format!("{value} as {field}"), &frame, (kind, field, start, code));
            count += 1;
        }
        assert!(count > 0, "no packet has {field}");
    }
}

#[test]
fn every_value_of_the_subscription_options() {
    let mut count = 0;
    for (probe, index) in places(Field::SubscriptionOptions) {
        for options in 0..=u8::MAX {
            let (frame, start) = probe.with_leaf(index, &[options]);
            let reserved = match probe.version {
                V3_1 => 0,
                V3_1_1 => options & 0b1111_1100,
                V5 => options & 0b1100_0000,
            };
            let outside = options & 0b11 == 3 || probe.version == V5 && options & 0b11_0000 == 0b11_0000;
            let what = format!("options {options:08b}");
            let field = Field::SubscriptionOptions;
            match (reserved != 0, outside) {
                (true, _) => refuses(&probe, &what, &frame, (Kind::ReservedBit, field, start, 0x81)),
                (false, true) => refuses(&probe, &what, &frame, (Kind::InvalidValue, field, start, 0x82)),
                (false, false) => accepts(&probe, &what, &frame),
            }
        }
        count += 1;
    }
    assert_eq!(count, 3 * 2);
}

#[test]
fn every_value_of_the_acknowledge_flags() {
    for (probe, index) in places(Field::AcknowledgeFlags) {
        for flags in 0..=u8::MAX {
            let (frame, start) = probe.with_leaf(index, &[flags]);
            if flags < 2 || probe.version == V3_1 {
                accepts(&probe, "acknowledge flags", &frame);
            } else {
                let expected = (Kind::AcknowledgeFlags, Field::AcknowledgeFlags, start, 0x81);
                refuses(&probe, "acknowledge flags", &frame, expected);
            }
        }
    }
}

#[test]
fn several_subscription_identifiers_are_right_from_a_server_and_one_is_wrong_from_a_client() {
    let publish = all().find(|probe| (probe.packet_type, probe.version) == (PacketType::Publish, V5));
    let publish = publish.expect("a PUBLISH");
    accepts(&publish, "two subscription identifiers", &publish.frame());
    let first = publish.leaves().into_iter().find(|leaf| leaf.field() == Some(Field::SubscriptionId));
    let offset = first.expect("an identifier").start - 1;
    let expected = (Kind::SubscriptionIdFromClient, Field::SubscriptionId, offset, 0x82);
    refused("PUBLISH from a client", &publish.frame(), V5, Role::Server, expected);
}

/// A CONNECT with these flags and every field that they announce.
fn connect(version: Version, flags: u8) -> (Vec<u8>, usize) {
    let block = if version.is_v5() { "00" } else { "" };
    let name = version.protocol_name();
    let mut body = hex(&format!(
        "{:04X} '{name}' {:02X} {flags:02X} 003C {block} 0001 'c'",
        name.len(),
        version.level()
    ));
    let offset = 2 + 2 + name.len() + 1;
    for (flag, field) in
        [(0x04, format!("{block} 0001 'w' 0000")), (0x80, "0001 'u'".into()), (0x40, "0001 FF".into())]
    {
        if flags & flag != 0 {
            body.extend(hex(&field));
        }
    }
    (frame(0x10, &body), offset)
}

#[test]
fn every_combination_of_connect_flags() {
    for version in Version::ALL {
        for flags in 0..=u8::MAX {
            let (will, qos, retain) = (flags & 0x04 != 0, flags >> 3 & 0b11, flags & 0x20 != 0);
            let strict = version != V3_1;
            let faults = [
                (strict && flags & 1 != 0, Kind::ReservedBit, Field::ConnectFlags),
                (strict && !will && qos != 0, Kind::WillFlags, Field::WillQoS),
                (strict && !will && retain, Kind::WillFlags, Field::WillRetain),
                (will && qos == 3, Kind::InvalidWillQoS, Field::WillQoS),
                (version != V5 && flags & 0xC0 == 0x40, Kind::PasswordWithoutUserName, Field::ConnectFlags),
            ];
            let (bytes, offset) = connect(version, flags);
            let name = format!("connect flags {flags:08b}");
            let first = faults.into_iter().find(|(fault, ..)| *fault);
            if let Some((_, kind, field)) = first {
                refused(&name, &bytes, version, Role::Server, (kind, field, offset, 0x81));
                continue;
            }
            let PacketRef::Connect(connect) =
                PacketRef::decode(&bytes, &Rules::new(version, Role::Server)).expect(&name)
            else {
                panic!("a CONNECT")
            };
            let user_and_password = (connect.user_name.is_some(), connect.password.is_some());
            assert_eq!(
                connect.will.map(|will| (will.qos() as u8, will.retain())),
                will.then_some((qos, retain))
            );
            assert_eq!(user_and_password, (flags & 0x80 != 0, flags & 0x40 != 0), "{name}");
            assert_eq!(connect.clean_start, flags & 0x02 != 0, "{name}");
        }
    }
}

#[test]
fn every_level_with_right_and_wrong_names() {
    let names =
        ["MQTT", "MQIsdp", "mqtt", "MQTT ", "MQT", "", "MQIsd", "MQISDP", "MQTT\0", "\u{FEFF}MQTT", "HTTP"];
    for name in names {
        for level in 0..=u8::MAX {
            let known = Version::ALL
                .into_iter()
                .find(|version| (version.protocol_name(), version.level()) == (name, level));
            if let Some(version) = known {
                let bytes = connect(version, 0x02).0;
                assert!(
                    PacketRef::decode(&bytes, &Rules::new(V3_1_1, Role::Server)).is_ok(),
                    "{name} {level}"
                );
                continue;
            }
            let rest = [level, 2, 0, 60, 0, 0, 0];
            let len = (name.len() as u16).to_be_bytes();
            let bytes = frame(0x10, &[&len[..], name.as_bytes(), &rest].concat());
            let expected = if name == "MQTT" || name == "MQIsdp" {
                (Kind::ProtocolLevel(level), Field::ProtocolLevel, 4 + name.len(), 0x84)
            } else {
                (Kind::ProtocolName, Field::ProtocolName, 2, 0x84)
            };
            for version in Version::ALL {
                refused(&format!("{name} {level}"), &bytes, version, Role::Server, expected);
            }
        }
    }
}
