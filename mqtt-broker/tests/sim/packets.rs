//! Packets in few words.

use std::sync::Arc;

use mqtt_codec::{
    Ack, Connect, Delivery, Message, MessageProperties, Packet, PacketId, Publish, QoS, ReasonCode, Seconds,
    Subscribe, Subscription, Text, Topic, TopicFilter, Unsubscribe, Version, Will,
};

pub(crate) const VERSIONS: [Version; 2] = [Version::V3_1_1, Version::V5];
pub(crate) const ALL_QOS: [QoS; 3] = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];

pub(crate) fn connect(version: Version, id: &str) -> Connect {
    Connect { keep_alive: 0, ..Connect::new(version, Text::new(id).unwrap()) }
}

/// CONNECT with a session that outlives the connection.
pub(crate) fn connect_kept(version: Version, id: &str) -> Connect {
    let mut connect = Connect { clean_start: false, ..connect(version, id) };
    if version == Version::V5 {
        connect.properties.session_expiry = Some(Seconds(3_600));
    }
    connect
}

pub(crate) fn will(topic: &str, payload: &str, delay: u32) -> Will {
    Will {
        message: Message::new(Topic::new(topic).unwrap(), payload.to_owned()).into(),
        qos: QoS::AtLeastOnce,
        retain: false,
        expiry: None,
        delay: (delay > 0).then_some(Seconds(delay)),
    }
}

pub(crate) fn id(number: u16) -> PacketId {
    PacketId::new(number).unwrap()
}

/// PUBLISH; at QoS 1 and 2 with this Packet Identifier.
pub(crate) fn publish(topic: &str, payload: impl Into<Vec<u8>>, qos: QoS, number: u16) -> Packet {
    let delivery = match qos {
        QoS::AtMostOnce => Delivery::AtMostOnce,
        QoS::AtLeastOnce => Delivery::AtLeastOnce { id: id(number), dup: false },
        QoS::ExactlyOnce => Delivery::ExactlyOnce { id: id(number), dup: false },
    };
    Packet::Publish(Publish::new(Message::new(Topic::new(topic).unwrap(), payload.into()), delivery))
}

/// PUBLISH with RETAIN.
pub(crate) fn retain(topic: &str, payload: impl Into<Vec<u8>>, expiry: Option<u32>) -> Packet {
    let Packet::Publish(publish) = publish(topic, payload, QoS::AtMostOnce, 0) else { unreachable!() };
    Packet::Publish(Publish { retain: true, expiry: expiry.map(Seconds), ..publish })
}

/// The PUBLISH with `count` User Properties that have neither name nor value.
pub(crate) fn with_user_properties(publish: Packet, count: usize) -> Packet {
    let Packet::Publish(mut publish) = publish else { unreachable!() };
    let user_properties = vec![(Text::default(), Text::default()); count];
    let properties = MessageProperties { user_properties, ..MessageProperties::default() };
    Arc::make_mut(&mut publish.message).properties = Some(Box::new(properties));
    Packet::Publish(publish)
}

/// PUBLISH with RETAIN at QoS 1, of a message that is its number.
pub(crate) fn retain_qos1(topic: &str, number: u16) -> Packet {
    let publish = publish(topic, number.to_string(), QoS::AtLeastOnce, number + 1);
    let Packet::Publish(publish) = publish else { unreachable!() };
    Packet::Publish(Publish { retain: true, ..publish })
}

pub(crate) fn subscribe(filters: &[&str], qos: QoS) -> Packet {
    let filters = filters.iter().map(|filter| Subscription::new(TopicFilter::new(filter).unwrap(), qos));
    Packet::Subscribe(Subscribe::new(id(1_000), filters.collect()))
}

pub(crate) fn unsubscribe(filter: &str) -> Packet {
    Packet::Unsubscribe(Unsubscribe::new(id(1_001), vec![TopicFilter::new(filter).unwrap()]))
}

/// What a client that conforms answers.
pub(crate) fn answers(packets: &[Packet]) -> Vec<Packet> {
    let answer = |packet: &Packet| match packet {
        Packet::Publish(Publish { delivery: Delivery::AtLeastOnce { id, .. }, .. }) => {
            Some(Packet::PubAck(Ack::new(*id)))
        }
        Packet::Publish(Publish { delivery: Delivery::ExactlyOnce { id, .. }, .. }) => {
            Some(Packet::PubRec(Ack::new(*id)))
        }
        Packet::PubRec(ack) => Some(Packet::PubRel(Ack::new(ack.id))),
        Packet::PubRel(ack) => Some(Packet::PubComp(Ack::new(ack.id))),
        _ => None,
    };
    packets.iter().filter_map(answer).collect()
}

pub(crate) fn publishes(packets: &[Packet]) -> impl Iterator<Item = &Publish> {
    packets.iter().filter_map(|packet| match packet {
        Packet::Publish(publish) => Some(publish),
        _ => None,
    })
}

pub(crate) fn payloads(packets: &[Packet]) -> Vec<String> {
    let text = |publish: &Publish| String::from_utf8(publish.message.payload.to_vec()).unwrap();
    publishes(packets).map(text).collect()
}

/// The reason of the DISCONNECT that came last.
pub(crate) fn disconnect_reason(packets: &[Packet]) -> Option<ReasonCode> {
    match packets.last() {
        Some(Packet::Disconnect(disconnect)) => Some(disconnect.reason),
        _ => None,
    }
}
