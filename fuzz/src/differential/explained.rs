//! The differences that `DIFFERENCES.md` explains: a class each, decided by our error or by our packet.

use mqtt_codec::{
    DecodeError, DecodeErrorKind as Kind, Field, Packet, PacketType as Type, PayloadFormat, QoS, ReasonCode,
    Seconds, Version,
};

use super::Other;

/// A class of differences, by its id in `DIFFERENCES.md`.
pub(super) type Class = &'static str;

/// The ids of all classes.
pub const CLASSES: [&str; 33] = [
    "absent-or-default",
    "acknowledge-flags",
    "auth-data-without-method",
    "auth-reason-only",
    "auth-without-method",
    "bad-authentication-method",
    "connect-flags",
    "dup-without-qos",
    "empty-client-id",
    "empty-list",
    "empty-topic",
    "expiry-zero",
    "filter-wildcard",
    "maximum-packet-size-0",
    "maximum-qos-2",
    "name-and-level",
    "no-local-on-share",
    "no-property-length",
    "null-character",
    "options-of-5-0",
    "overlong-varint",
    "packet-id-zero",
    "password-alone",
    "password-alone-in-3-1-1",
    "property-from-other-side",
    "reason-in-3-1-1",
    "refusal-of-5-0",
    "return-code-6",
    "second-subscription-id",
    "session-present-in-refusal",
    "share-name",
    "trailing-bytes",
    "wildcard-in-topic",
];

/// Why `other` reads what ours refuses with `error`.
pub(super) fn lenient(other: Other, error: &DecodeError, frame: &[u8]) -> Option<Class> {
    let v5 = error.version.is_v5();
    Some(match (error.kind, error.packet?, error.field) {
        (Kind::NullCharacter, ..) => "null-character",
        (Kind::Wildcard, _, Field::Topic | Field::WillTopic | Field::ResponseTopic) => "wildcard-in-topic",
        (
            Kind::MultiLevelWildcard | Kind::SingleLevelWildcard,
            Type::Subscribe | Type::Unsubscribe,
            Field::TopicFilter,
        ) => "filter-wildcard",
        (Kind::SessionPresentInRefusal, Type::ConnAck, _) => "session-present-in-refusal",
        (Kind::NoLocalOnShare, Type::Subscribe, _) => "no-local-on-share",
        (Kind::OverlongVarint, _, Field::PropertyLength | Field::SubscriptionId) => "overlong-varint",
        (Kind::AuthenticationDataWithoutMethod, Type::Connect, _) => "auth-data-without-method",
        (Kind::AuthenticationMethodMissing, Type::Auth, _) => "auth-without-method",
        (Kind::Truncated, Type::Auth, Field::PropertyLength) if frame.len() == 3 => "auth-reason-only",
        (Kind::SubscriptionIdFromClient, Type::Publish, _)
        | (Kind::PropertyNotAllowed, Type::Disconnect, Field::SessionExpiry | Field::ServerReference) => {
            "property-from-other-side"
        }
        (Kind::ReservedBit, Type::Subscribe, _) if !v5 => "options-of-5-0",
        _ => {
            return match other {
                Other::ProtocolCore => protocol_core(error, frame),
                Other::Rmqtt => rmqtt(error, frame),
            };
        }
    })
}

fn protocol_core(error: &DecodeError, frame: &[u8]) -> Option<Class> {
    let v5 = error.version.is_v5();
    Some(match (error.kind, error.packet?, error.field) {
        (Kind::AcknowledgeFlags, Type::ConnAck, _) => "acknowledge-flags",
        (Kind::ReservedBit | Kind::WillFlags | Kind::InvalidWillQoS, Type::Connect, _) => "connect-flags",
        (Kind::PacketIdZero, ..) => "packet-id-zero",
        (Kind::DuplicateProperty, Type::Subscribe, Field::SubscriptionId) => "second-subscription-id",
        (Kind::Empty, _, Field::Topic | Field::TopicFilter | Field::WillTopic | Field::ResponseTopic) => {
            "empty-topic"
        }
        (Kind::TrailingBytes, Type::PubAck | Type::PubRec | Type::PubRel | Type::PubComp, _) if !v5 => {
            "reason-in-3-1-1"
        }
        (Kind::Truncated, Type::Publish, Field::PropertyLength) if error.offset as usize == frame.len() => {
            "no-property-length"
        }
        _ => return None,
    })
}

fn rmqtt(error: &DecodeError, frame: &[u8]) -> Option<Class> {
    let v5 = error.version.is_v5();
    Some(match (error.kind, error.packet?, error.field) {
        (Kind::PasswordWithoutUserName, Type::Connect, _) => "password-alone-in-3-1-1",
        (Kind::ProtocolLevel(3 | 4), Type::Connect, _) if !v5 => "name-and-level",
        (Kind::WillFlags, Type::Connect, _) if v5 => "connect-flags",
        (Kind::InvalidValue, Type::ConnAck, Field::MaximumQoS)
            if frame.get(error.offset as usize) == Some(&2) =>
        {
            "maximum-qos-2"
        }
        (Kind::InvalidValue, Type::ConnAck, Field::MaximumPacketSize) => "maximum-packet-size-0",
        (Kind::DupWithoutQoS, Type::Publish, _) => "dup-without-qos",
        (Kind::Empty, Type::Connect, Field::WillTopic) => "empty-topic",
        (Kind::Empty, _, Field::Topic | Field::TopicFilter | Field::ResponseTopic) if v5 => "empty-topic",
        (Kind::Empty, Type::SubAck | Type::UnsubAck, Field::ReasonCode) => "empty-list",
        (Kind::ReasonCodeNotAllowed, Type::ConnAck, _)
            if !v5 && frame.get(error.offset as usize) == Some(&6) =>
        {
            "return-code-6"
        }
        (Kind::TrailingBytes, Type::Connect | Type::PingReq | Type::PingResp, _) => "trailing-bytes",
        (Kind::TrailingBytes, Type::ConnAck | Type::Disconnect, _) if !v5 => "trailing-bytes",
        _ => return None,
    })
}

/// Why `other` refuses what ours reads as `packet`.
pub(super) fn strict(other: Other, packet: &Packet, frame: &[u8], version: Version) -> Option<Class> {
    let v5 = version.is_v5();
    Some(match (other, packet) {
        (_, Packet::ConnAck(_)) if v5 && frame == [0x20, 2, 0, 1] => "refusal-of-5-0",
        (Other::ProtocolCore, Packet::Connect(connect))
            if v5 && connect.password.is_some() && connect.user_name.is_none() =>
        {
            "password-alone"
        }
        (Other::ProtocolCore, Packet::Disconnect(disconnect))
            if disconnect.reason == ReasonCode::BadAuthenticationMethod =>
        {
            "bad-authentication-method"
        }
        (Other::ProtocolCore, Packet::Subscribe(subscribe))
            if v5 && subscribe.filters.iter().any(|filter| filter.filter.view().share().is_err()) =>
        {
            "share-name"
        }
        (Other::ProtocolCore, Packet::Unsubscribe(unsubscribe))
            if v5 && unsubscribe.filters.iter().any(|filter| filter.view().share().is_err()) =>
        {
            "share-name"
        }
        (Other::Rmqtt, Packet::Connect(connect)) if connect.client_id.is_empty() && !connect.clean_start => {
            "empty-client-id"
        }
        (Other::Rmqtt, Packet::Connect(connect))
            if connect.will.as_ref().is_some_and(|will| will.expiry == Some(Seconds(0))) =>
        {
            "expiry-zero"
        }
        (Other::Rmqtt, Packet::Publish(publish)) if publish.expiry == Some(Seconds(0)) => "expiry-zero",
        _ => return None,
    })
}

/// Why `other` reads from the same bytes another packet than ours.
pub(super) fn different(other: Other, ours: &Packet, theirs: &Packet) -> Option<Class> {
    (other == Other::Rmqtt && without_defaults(ours) == without_defaults(theirs))
        .then_some("absent-or-default")
}

/// The packet without what means the same as nothing.
fn without_defaults(packet: &Packet) -> Packet {
    let mut packet = packet.clone();
    match &mut packet {
        Packet::Connect(connect) => {
            let properties = &mut connect.properties;
            forget(&mut properties.session_expiry, Seconds(0));
            forget(&mut properties.topic_alias_maximum, 0);
            forget(&mut properties.request_problem_information, true);
            forget(&mut properties.request_response_information, false);
        }
        Packet::ConnAck(connack) => {
            let properties = &mut connack.properties;
            forget(&mut properties.receive_maximum, std::num::NonZeroU16::MAX);
            forget(&mut properties.topic_alias_maximum, 0);
            forget(&mut properties.maximum_qos, QoS::ExactlyOnce);
            forget(&mut properties.retain_available, true);
            forget(&mut properties.wildcard_subscription_available, true);
            forget(&mut properties.subscription_id_available, true);
            forget(&mut properties.shared_subscription_available, true);
        }
        Packet::Publish(publish) => {
            let message = std::sync::Arc::make_mut(&mut publish.message);
            if let Some(properties) = &mut message.properties {
                forget(&mut properties.payload_format, PayloadFormat::Unspecified);
            }
            message.properties.take_if(|properties| **properties == Default::default());
        }
        _ => {}
    }
    packet
}

fn forget<T: PartialEq>(value: &mut Option<T>, default: T) {
    value.take_if(|value| *value == default);
}
