//! The packets that are measured.

use std::num::NonZeroU16;

use bytes::{Bytes, BytesMut};
use mqtt_codec::{
    Ack, Connect, Delivery, Message, MessageProperties, Packet, PacketId, PayloadFormat, Publish, QoS,
    Seconds, Subscribe, Subscription, Text, Topic, TopicFilter, Version,
};

/// One packet in one version.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) version: Version,
    /// Its bytes, the same for every codec.
    pub(crate) frame: Bytes,
}

impl Case {
    fn new(name: &str, version: Version, packet: &Packet) -> Self {
        let mut frame = BytesMut::new();
        packet.encode(version, &mut frame).expect("a valid packet");
        Self { name: format!("{name}, {version}"), version, frame: frame.freeze() }
    }

    /// The packet `count` times, one behind the other.
    pub(crate) fn stream(&self, count: usize) -> Vec<u8> {
        self.frame.repeat(count)
    }
}

pub(crate) fn cases() -> Vec<Case> {
    let (v3, v5) = (Version::V3_1_1, Version::V5);
    let qos0 = Delivery::AtMostOnce;
    let qos1 = Delivery::AtLeastOnce { id: PacketId::MIN, dup: false };
    let mut cases = vec![
        Case::new("PUBLISH QoS 0 64 B", v3, &publish(qos0, 64, None)),
        Case::new("PUBLISH QoS 1 64 B", v3, &publish(qos1, 64, None)),
        Case::new("PUBLISH QoS 0 1 KiB", v3, &publish(qos0, 1024, None)),
        Case::new("PUBLISH QoS 1 1 KiB", v3, &publish(qos1, 1024, None)),
        Case::new("PUBLISH QoS 0 64 B", v5, &publish(qos0, 64, None)),
        Case::new("PUBLISH QoS 1 64 B", v5, &publish(qos1, 64, None)),
        Case::new("PUBLISH QoS 0 64 B 5 properties", v5, &publish(qos0, 64, properties())),
        Case::new("PUBLISH QoS 1 1 KiB 5 properties", v5, &publish(qos1, 1024, properties())),
    ];
    for version in [v3, v5] {
        cases.extend([
            Case::new("PUBACK", version, &Packet::PubAck(Ack::new(PacketId::MIN))),
            Case::new("CONNECT", version, &connect(version)),
            Case::new("SUBSCRIBE x10", version, &subscribe()),
        ]);
    }
    cases
}

fn text(value: &str) -> Text {
    Text::new(value).expect("a good text")
}

fn publish(delivery: Delivery, size: usize, properties: Option<Box<MessageProperties>>) -> Packet {
    let topic = Topic::new("building/7/floor/3/temperature").expect("a good topic");
    let expiry = properties.is_some().then_some(Seconds(60));
    let message = Message { properties, ..Message::new(topic, vec![b'x'; size]) };
    let (alias, subscription_ids) = (None::<NonZeroU16>, Vec::new());
    Packet::Publish(Publish {
        message: message.into(),
        delivery,
        retain: false,
        expiry,
        alias,
        subscription_ids,
    })
}

/// Four properties of the message; with the expiry of the hop they are five.
fn properties() -> Option<Box<MessageProperties>> {
    Some(Box::new(MessageProperties {
        payload_format: Some(PayloadFormat::Utf8),
        content_type: Some(text("application/json")),
        response_topic: Topic::new("answers/42").ok(),
        correlation_data: None,
        user_properties: vec![(text("key"), text("value"))],
    }))
}

fn connect(version: Version) -> Packet {
    let mut connect = Connect::new(version, text("client-0123456789"));
    connect.user_name = Some(text("user"));
    connect.password = Some(Bytes::from_static(b"password"));
    Packet::Connect(connect)
}

fn subscribe() -> Packet {
    let filters = (0..10).map(|index| {
        let filter = TopicFilter::new(&format!("building/{index}/+/temperature/#")).expect("a good filter");
        Subscription::new(filter, QoS::AtLeastOnce)
    });
    Packet::Subscribe(Subscribe::new(PacketId::MIN, filters.collect()))
}
