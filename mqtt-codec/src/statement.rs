//! Which normative statement a fault breaks, by version and packet.

use crate::error::{DecodeError, DecodeErrorKind as Kind};
use crate::field::Field;
use crate::packet::PacketType as Type;

/// The id for `error`, without the version: the same id means another rule in 3.1.1 and 5.0.
pub(crate) const fn of(error: &DecodeError) -> Option<&'static str> {
    if error.version.is_v5() { v5(error) } else { v3(error) }
}

const fn v5(error: &DecodeError) -> Option<&'static str> {
    Some(match (error.kind, error.packet, error.field) {
        (Kind::InvalidUtf8, _, _) => "MQTT-1.5.4-1",
        (
            Kind::NullCharacter,
            _,
            Field::Topic | Field::TopicFilter | Field::WillTopic | Field::ResponseTopic,
        ) => "MQTT-4.7.3-2",
        (Kind::NullCharacter, _, _) => "MQTT-1.5.4-2",
        (Kind::OverlongVarint | Kind::VarintTooLong, _, _) => "MQTT-1.5.5-1",
        (Kind::Flags, Some(Type::PubRel), _) => "MQTT-3.6.1-1",
        (Kind::Flags, Some(Type::Subscribe), _) => "MQTT-3.8.1-1",
        (Kind::Flags, Some(Type::Unsubscribe), _) => "MQTT-3.10.1-1",
        (Kind::Flags, Some(Type::Disconnect), _) => "MQTT-3.14.1-1",
        (Kind::Flags, Some(Type::Auth), _) => "MQTT-3.15.1-1",
        (Kind::Flags, Some(Type::Publish), _) => "MQTT-3.3.1-4",
        (Kind::Flags, _, _) => "MQTT-2.1.3-1",
        (Kind::DupWithoutQoS, _, _) => "MQTT-3.3.1-2",
        // 0 is not the identifier of any packet that is answered
        (Kind::PacketIdZero, Some(Type::PubAck | Type::PubRec | Type::PubRel | Type::PubComp), _) => {
            "MQTT-2.2.1-5"
        }
        (Kind::PacketIdZero, Some(Type::SubAck | Type::UnsubAck), _) => "MQTT-2.2.1-6",
        (Kind::PacketIdZero, _, _) => "MQTT-2.2.1-3",
        (Kind::ProtocolName, _, _) => "MQTT-3.1.2-1",
        (Kind::ProtocolLevel(_), _, _) => "MQTT-3.1.2-2",
        (Kind::ReservedBit, Some(Type::Connect), _) => "MQTT-3.1.2-3",
        (Kind::ReservedBit, Some(Type::Subscribe), _) => "MQTT-3.8.3-5",
        (Kind::WillFlags, _, Field::WillRetain) => "MQTT-3.1.2-13",
        (Kind::WillFlags, _, _) => "MQTT-3.1.2-11",
        (Kind::InvalidWillQoS, _, _) => "MQTT-3.1.2-12",
        (Kind::Wildcard, Some(Type::Publish), Field::Topic) => "MQTT-3.3.2-2",
        (Kind::Wildcard, _, Field::ResponseTopic) => "MQTT-3.3.2-14",
        (Kind::Wildcard, _, _) => "MQTT-4.7.0-1",
        (Kind::TopicAliasZero, _, _) => "MQTT-3.3.2-8",
        (Kind::AcknowledgeFlags, _, _) => "MQTT-3.2.2-1",
        (Kind::SessionPresentInRefusal, _, _) => "MQTT-3.2.2-6",
        (Kind::ReasonCodeNotAllowed, Some(packet), _) => return reason_code(packet),
        (Kind::Empty, Some(Type::Subscribe), Field::Body) => "MQTT-3.8.3-2",
        (Kind::Empty, Some(Type::Unsubscribe), Field::Body) => "MQTT-3.10.3-2",
        (Kind::Empty, _, Field::Topic | Field::TopicFilter | Field::WillTopic | Field::ResponseTopic) => {
            "MQTT-4.7.3-1"
        }
        (Kind::MultiLevelWildcard, _, _) => "MQTT-4.7.1-1",
        (Kind::SingleLevelWildcard, _, _) => "MQTT-4.7.1-2",
        (Kind::NoLocalOnShare, _, _) => "MQTT-3.8.3-4",
        (Kind::SubscriptionIdFromClient, _, _) => "MQTT-3.3.4-6",
        (Kind::PropertyNotAllowed, Some(Type::Disconnect), Field::SessionExpiry) => "MQTT-3.14.2-2",
        _ => return None,
    })
}

const fn reason_code(packet: Type) -> Option<&'static str> {
    Some(match packet {
        Type::ConnAck => "MQTT-3.2.2-8",
        Type::PubAck => "MQTT-3.4.2-1",
        Type::PubRec => "MQTT-3.5.2-1",
        Type::PubRel => "MQTT-3.6.2-1",
        Type::PubComp => "MQTT-3.7.2-1",
        Type::SubAck => "MQTT-3.9.3-2",
        Type::UnsubAck => "MQTT-3.11.3-2",
        Type::Disconnect => "MQTT-3.14.2-1",
        Type::Auth => "MQTT-3.15.2-1",
        _ => return None,
    })
}

const fn v3(error: &DecodeError) -> Option<&'static str> {
    Some(match (error.kind, error.packet, error.field) {
        (Kind::InvalidUtf8, _, _) => "MQTT-1.5.3-1",
        (Kind::NullCharacter, _, Field::Topic | Field::TopicFilter | Field::WillTopic) => "MQTT-4.7.3-2",
        (Kind::NullCharacter, _, _) => "MQTT-1.5.3-2",
        (Kind::Flags, Some(Type::PubRel), _) => "MQTT-3.6.1-1",
        (Kind::Flags, Some(Type::Subscribe), _) => "MQTT-3.8.1-1",
        (Kind::Flags, Some(Type::Unsubscribe), _) => "MQTT-3.10.1-1",
        (Kind::Flags, Some(Type::Disconnect), _) => "MQTT-3.14.1-1",
        (Kind::Flags, Some(Type::Publish), _) => "MQTT-3.3.1-4",
        (Kind::Flags, _, _) => "MQTT-2.2.2-2",
        (Kind::DupWithoutQoS, _, _) => "MQTT-3.3.1-2",
        (Kind::PacketIdZero, Some(Type::PubAck | Type::PubRec | Type::PubRel), _) => "MQTT-2.3.1-6",
        (Kind::PacketIdZero, Some(Type::PubComp), _) => "MQTT-4.3.3-2",
        (Kind::PacketIdZero, Some(Type::SubAck | Type::UnsubAck), _) => "MQTT-2.3.1-7",
        (Kind::PacketIdZero, _, _) => "MQTT-2.3.1-1",
        (Kind::ProtocolName, _, _) => "MQTT-3.1.2-1",
        (Kind::ProtocolLevel(_), _, _) => "MQTT-3.1.2-2",
        (Kind::ReservedBit, Some(Type::Connect), _) => "MQTT-3.1.2-3",
        (Kind::ReservedBit | Kind::InvalidValue, Some(Type::Subscribe), _) => "MQTT-3.8.3-4",
        (Kind::WillFlags, _, Field::WillRetain) => "MQTT-3.1.2-15",
        (Kind::WillFlags, _, _) => "MQTT-3.1.2-13",
        (Kind::InvalidWillQoS, _, _) => "MQTT-3.1.2-14",
        (Kind::PasswordWithoutUserName, _, _) => "MQTT-3.1.2-22",
        (Kind::Wildcard, Some(Type::Publish), _) => "MQTT-3.3.2-2",
        (Kind::Wildcard, _, _) => "MQTT-4.7.1-1",
        (Kind::SessionPresentInRefusal, _, _) => "MQTT-3.2.2-4",
        (Kind::ReasonCodeNotAllowed, Some(Type::SubAck), _) => "MQTT-3.9.3-2",
        (Kind::Empty, Some(Type::Subscribe), Field::Body) => "MQTT-3.8.3-3",
        (Kind::Empty, Some(Type::Unsubscribe), Field::Body) => "MQTT-3.10.3-2",
        (Kind::Empty, _, Field::Topic | Field::TopicFilter | Field::WillTopic) => "MQTT-4.7.3-1",
        (Kind::MultiLevelWildcard, _, _) => "MQTT-4.7.1-2",
        (Kind::SingleLevelWildcard, _, _) => "MQTT-4.7.1-3",
        _ => return None,
    })
}
