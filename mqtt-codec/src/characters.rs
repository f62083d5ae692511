//! Characters that the standard advises against, for readers that refuse them.

use crate::error::{DecodeError, DecodeErrorKind as Kind};
use crate::field::Field;
use crate::list::UserProperties;
use crate::packet::{MessageRef, PacketRef};
use crate::topic::TopicRef;
use crate::version::Version;

/// Refuses a packet with a control character or a non-character in one of its strings, which all lie in `frame`.
#[cold]
pub(crate) fn check(packet: &PacketRef<'_>, frame: &[u8], version: Version) -> Result<(), DecodeError> {
    let mut first: Option<(usize, Field)> = None;
    each_text(packet, &mut |field, text| {
        if let Some((index, _)) = text.char_indices().find(|(_, character)| is_advised_against(*character)) {
            let offset = (text.as_ptr() as usize).saturating_sub(frame.as_ptr() as usize) + index;
            if first.is_none_or(|(before, _)| offset < before) {
                first = Some((offset, field));
            }
        }
    });
    let Some((offset, field)) = first else { return Ok(()) };
    let version = if let PacketRef::Connect(connect) = packet { connect.version } else { version };
    let offset = u32::try_from(offset).unwrap_or(u32::MAX);
    Err(DecodeError {
        packet: Some(packet.packet_type()),
        version,
        field,
        offset,
        kind: Kind::ControlCharacter,
    })
}

fn is_advised_against(character: char) -> bool {
    // the last two of each plane, and a block of the first
    let non_character = character as u32 & 0xFFFE == 0xFFFE || matches!(character, '\u{FDD0}'..='\u{FDEF}');
    character.is_control() || non_character
}

type Look<'l> = &'l mut dyn FnMut(Field, &str);

fn each_text(packet: &PacketRef<'_>, look: Look<'_>) {
    match packet {
        PacketRef::Connect(connect) => {
            look(Field::ClientId, connect.client_id);
            some(look, Field::UserName, connect.user_name);
            some(look, Field::AuthenticationMethod, connect.properties.authentication_method());
            pairs(look, connect.properties.user_properties());
            if let Some(will) = &connect.will {
                message(look, Field::WillTopic, &will.message());
            }
        }
        PacketRef::ConnAck(connack) => {
            let properties = &connack.properties;
            some(look, Field::AssignedClientId, properties.assigned_client_id());
            some(look, Field::ReasonString, properties.reason_string());
            some(look, Field::ResponseInformation, properties.response_information());
            some(look, Field::ServerReference, properties.server_reference());
            some(look, Field::AuthenticationMethod, properties.authentication_method());
            pairs(look, properties.user_properties());
        }
        PacketRef::Publish(publish) => message(look, Field::Topic, &publish.message),
        PacketRef::PubAck(ack)
        | PacketRef::PubRec(ack)
        | PacketRef::PubRel(ack)
        | PacketRef::PubComp(ack) => {
            reason(look, ack.reason_string, ack.user_properties);
        }
        PacketRef::Subscribe(subscribe) => {
            pairs(look, subscribe.user_properties);
            for subscription in subscribe.filters {
                look(Field::TopicFilter, subscription.filter.as_str());
            }
        }
        PacketRef::SubAck(ack) => reason(look, ack.reason_string, ack.user_properties),
        PacketRef::Unsubscribe(unsubscribe) => {
            pairs(look, unsubscribe.user_properties);
            for filter in unsubscribe.filters {
                look(Field::TopicFilter, filter.as_str());
            }
        }
        PacketRef::UnsubAck(ack) => reason(look, ack.reason_string, ack.user_properties),
        PacketRef::PingReq | PacketRef::PingResp => {}
        PacketRef::Disconnect(disconnect) => {
            some(look, Field::ServerReference, disconnect.server_reference);
            reason(look, disconnect.reason_string, disconnect.user_properties);
        }
        PacketRef::Auth(auth) => {
            look(Field::AuthenticationMethod, auth.method);
            reason(look, auth.reason_string, auth.user_properties);
        }
    }
}

fn some(look: Look<'_>, field: Field, text: Option<&str>) {
    if let Some(text) = text {
        look(field, text);
    }
}

fn pairs(look: Look<'_>, properties: UserProperties<'_>) {
    for (name, value) in properties {
        look(Field::UserProperty, name);
        look(Field::UserProperty, value);
    }
}

fn reason(look: Look<'_>, reason_string: Option<&str>, user_properties: UserProperties<'_>) {
    some(look, Field::ReasonString, reason_string);
    pairs(look, user_properties);
}

fn message(look: Look<'_>, topic: Field, message: &MessageRef<'_>) {
    look(topic, message.topic.as_str());
    some(look, Field::ContentType, message.properties.content_type());
    some(look, Field::ResponseTopic, message.properties.response_topic().map(TopicRef::as_str));
    pairs(look, message.properties.user_properties());
}
