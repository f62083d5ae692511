//! The fields of every packet in every version, as the chapters of the standards list them.

use mqtt_codec::{DecodeErrorKind as Kind, Field, PacketType, Role, Version};

use crate::packet::{Part, Text, fixed, text};

/// Who reads the packet as [`parts`] has it: what only one side may say decides where both may send.
pub(crate) const fn reader(packet_type: PacketType) -> Role {
    match packet_type {
        // it has Subscription Identifiers
        PacketType::Publish => Role::Client,
        other if other.may_reach(Role::Server, Version::V5) => Role::Server,
        _ => Role::Client,
    }
}

/// Everything behind the fixed header.
pub(crate) fn parts(packet_type: PacketType, version: Version) -> Vec<Part> {
    let five = version.is_v5();
    match packet_type {
        PacketType::Connect => connect(version),
        PacketType::ConnAck => {
            let mut parts = vec![fixed(Field::AcknowledgeFlags, "00"), fixed(Field::ReasonCode, "00")];
            parts.extend(five.then(connack_properties));
            parts
        }
        PacketType::Publish => {
            let mut parts = vec![topic(Field::Topic), packet_id()];
            parts.extend(five.then(publish_properties));
            parts.extend([Part::End, Part::Rest(b"payload".into())]);
            parts
        }
        PacketType::PubAck | PacketType::PubRec | PacketType::PubRel | PacketType::PubComp => {
            let mut parts = vec![packet_id(), Part::End];
            if five {
                parts.extend([fixed(Field::ReasonCode, "00"), Part::End, explanation(Vec::new())]);
            }
            parts
        }
        PacketType::Subscribe => subscribe(five),
        PacketType::Unsubscribe => {
            let mut parts = vec![packet_id()];
            parts.extend(five.then(|| Part::Block(user_property())));
            parts.extend([Part::Lacks(Kind::Empty, Field::Body), filter("a/+"), Part::End, filter("b/#")]);
            parts
        }
        PacketType::SubAck | PacketType::UnsubAck => answers(packet_type, five),
        PacketType::PingReq | PacketType::PingResp => Vec::new(),
        PacketType::Disconnect if five => {
            let expiry = vec![id("11"), fixed(Field::SessionExpiry, "00000001")];
            vec![Part::End, fixed(Field::ReasonCode, "00"), Part::End, explanation(expiry)]
        }
        PacketType::Disconnect => Vec::new(),
        PacketType::Auth => {
            let lacks = Part::Lacks(Kind::AuthenticationMethodMissing, Field::AuthenticationMethod);
            vec![lacks, fixed(Field::ReasonCode, "18"), explanation(authentication())]
        }
    }
}

fn connect(version: Version) -> Vec<Part> {
    let (name, level) = (version.protocol_name(), format!("{:02X}", version.level()));
    let mut parts = vec![
        Part::Binary(Field::ProtocolName, name.into()),
        fixed(Field::ProtocolLevel, &level),
        fixed(Field::ConnectFlags, "EE"),
        fixed(Field::KeepAlive, "003C"),
    ];
    if version.is_v5() {
        let mut properties = numbers("11 21 27 22 17 19", CONNECT_NUMBERS);
        properties.extend(authentication());
        properties.extend(user_property());
        parts.push(Part::Block(properties));
    }
    parts.push(text(Field::ClientId, "client"));
    if version.is_v5() {
        let mut properties = message_properties();
        properties.extend([id("18"), fixed(Field::WillDelay, "00000005")]);
        parts.push(Part::Block(properties));
    }
    parts.extend([topic(Field::WillTopic), Part::Binary(Field::WillPayload, b"will".into())]);
    // 3.1 takes no notice of a login that is announced and does not come
    let may_end = || (version == Version::V3_1).then_some(Part::End);
    parts.extend(may_end());
    parts.push(text(Field::UserName, "user"));
    parts.extend(may_end());
    parts.push(Part::Binary(Field::Password, b"secret".into()));
    parts
}

const CONNECT_NUMBERS: &[(Field, &str)] = &[
    (Field::SessionExpiry, "FFFFFFFF"),
    (Field::ReceiveMaximum, "0001"),
    (Field::MaximumPacketSize, "00000100"),
    (Field::TopicAliasMaximum, "0000"),
    (Field::RequestProblemInformation, "01"),
    (Field::RequestResponseInformation, "00"),
];

const CONNACK_NUMBERS: &[(Field, &str)] = &[
    (Field::SessionExpiry, "00000000"),
    (Field::ReceiveMaximum, "FFFF"),
    (Field::MaximumQoS, "01"),
    (Field::RetainAvailable, "00"),
    (Field::MaximumPacketSize, "00000001"),
    (Field::TopicAliasMaximum, "FFFF"),
    (Field::WildcardSubscriptionAvailable, "01"),
    (Field::SubscriptionIdAvailable, "00"),
    (Field::SharedSubscriptionAvailable, "01"),
    (Field::ServerKeepAlive, "0000"),
];

fn connack_properties() -> Part {
    let mut properties = numbers("11 21 24 25 27 22 28 29 2A 13", CONNACK_NUMBERS);
    properties.extend([id("12"), text(Field::AssignedClientId, "assigned")]);
    properties.extend([id("1A"), text(Field::ResponseInformation, "response")]);
    properties.extend([id("1C"), text(Field::ServerReference, "other")]);
    properties.extend(authentication());
    explanation(properties)
}

fn publish_properties() -> Part {
    let mut properties = vec![id("23"), fixed(Field::TopicAlias, "0001")];
    properties.extend([id("0B"), fixed(Field::SubscriptionId, "8001")]);
    properties.extend([id("0B"), fixed(Field::SubscriptionId, "01")]);
    properties.extend(message_properties());
    Part::Block(properties)
}

/// What PUBLISH and Will have in common.
fn message_properties() -> Vec<Part> {
    let mut properties =
        numbers("01 02", &[(Field::PayloadFormat, "01"), (Field::MessageExpiry, "00000001")]);
    properties.extend([id("03"), text(Field::ContentType, "type")]);
    properties.extend([id("08"), topic(Field::ResponseTopic)]);
    properties.extend([id("09"), Part::Binary(Field::CorrelationData, b"data".into())]);
    properties.extend(user_property());
    properties
}

fn subscribe(five: bool) -> Vec<Part> {
    let mut parts = vec![packet_id()];
    if five {
        let mut properties = vec![id("0B"), fixed(Field::SubscriptionId, "FFFFFF7F")];
        properties.extend(user_property());
        parts.push(Part::Block(properties));
    }
    parts.extend([
        Part::Lacks(Kind::Empty, Field::Body),
        filter("a/+"),
        fixed(Field::SubscriptionOptions, "01"),
    ]);
    parts.extend([Part::End, filter("b/#"), fixed(Field::SubscriptionOptions, "00")]);
    parts
}

fn answers(packet_type: PacketType, five: bool) -> Vec<Part> {
    let mut parts = vec![packet_id()];
    parts.extend(five.then(|| explanation(Vec::new())));
    if five || packet_type == PacketType::SubAck {
        let code = || Part::Rest(vec![0x80]);
        parts.extend([Part::Lacks(Kind::Empty, Field::ReasonCode), code(), Part::End, code()]);
    }
    parts
}

fn packet_id() -> Part {
    fixed(Field::PacketId, "1234")
}

fn topic(field: Field) -> Part {
    Part::Text(field, Text::Topic, b"a/topic".into())
}

fn filter(content: &str) -> Part {
    Part::Text(Field::TopicFilter, Text::Filter, content.into())
}

fn id(digits: &str) -> Part {
    fixed(Field::PropertyId, digits)
}

fn numbers(ids: &str, values: &[(Field, &str)]) -> Vec<Part> {
    let pairs = ids.split(' ').zip(values);
    pairs.flat_map(|(number, (field, value))| [id(number), fixed(*field, value)]).collect()
}

fn authentication() -> Vec<Part> {
    let method = [id("15"), text(Field::AuthenticationMethod, "method")];
    let data = [id("16"), Part::Binary(Field::AuthenticationData, b"data".into())];
    method.into_iter().chain(data).collect()
}

fn user_property() -> Vec<Part> {
    vec![id("26"), text(Field::UserProperty, "name"), text(Field::UserProperty, "value")]
}

/// A block with Reason String and User Property behind `properties`.
fn explanation(mut properties: Vec<Part>) -> Part {
    properties.extend([id("1F"), text(Field::ReasonString, "reason")]);
    properties.extend(user_property());
    Part::Block(properties)
}
