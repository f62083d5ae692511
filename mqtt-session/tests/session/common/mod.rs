//! Two sessions and the bytes between them; one session and the packets of a peer who may do anything.

mod alone;
mod disk;
mod pair;
mod pipe;

use std::num::NonZeroU16;
use std::sync::Arc;

use mqtt_codec::{
    Connect, Message, Packet, PacketId, PublishRef, QoS, Seconds, Subscription, Text, Topic, TopicFilter,
    Version, Will,
};
use mqtt_session::{CleanStart, ClientConfig, Receipt, ServerConfig, Time};

pub(crate) use alone::{ClientAlone, Meaning, ServerAlone};
pub(crate) use pair::{Pair, Side, clean};

pub(crate) const VERSIONS: [Version; 3] = [Version::V3_1, Version::V3_1_1, Version::V5];
pub(crate) const ACKNOWLEDGED: [QoS; 2] = [QoS::AtLeastOnce, QoS::ExactlyOnce];

/// A message as its receiver saw it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Got {
    pub(crate) payload: String,
    pub(crate) topic: String,
    pub(crate) qos: QoS,
    pub(crate) id: Option<u16>,
    pub(crate) dup: bool,
    pub(crate) retain: bool,
    pub(crate) expiry: Option<u32>,
    pub(crate) subscription_ids: Vec<u32>,
    pub(crate) receipt: Option<Receipt>,
}

impl Got {
    fn new(publish: &PublishRef<'_>, receipt: Option<Receipt>) -> Self {
        Self {
            payload: String::from_utf8(publish.message.payload.to_vec()).expect("tests send text"),
            topic: publish.message.topic.as_str().to_owned(),
            qos: publish.delivery.qos(),
            id: publish.delivery.id().map(PacketId::get),
            dup: publish.delivery.dup(),
            retain: publish.retain,
            expiry: publish.expiry.map(|seconds| seconds.0),
            subscription_ids: publish.subscription_ids.iter().map(|id| id.get()).collect(),
            receipt,
        }
    }
}

impl Got {
    /// The number that its payload is, if it is one.
    pub(crate) fn number(&self) -> usize {
        number(self.payload.as_bytes())
    }
}

fn number(payload: &[u8]) -> usize {
    std::str::from_utf8(payload).ok().and_then(|payload| payload.parse().ok()).unwrap_or(usize::MAX)
}

pub(crate) fn payloads(messages: &[Got]) -> Vec<&str> {
    messages.iter().map(|got| got.payload.as_str()).collect()
}

pub(crate) fn message(payload: &str) -> Arc<Message> {
    message_on("topic", payload)
}

pub(crate) fn message_on(topic: &str, payload: &str) -> Arc<Message> {
    Arc::new(Message::new(Topic::new(topic).unwrap(), payload.as_bytes().to_vec()))
}

pub(crate) fn id(value: u16) -> PacketId {
    PacketId::new(value).unwrap()
}

pub(crate) fn nonzero(value: u16) -> NonZeroU16 {
    NonZeroU16::new(value).unwrap()
}

pub(crate) fn text(text: &str) -> Text {
    Text::new(text).unwrap()
}

pub(crate) fn filter(filter: &str) -> TopicFilter {
    TopicFilter::new(filter).unwrap()
}

pub(crate) fn subscription(name: &str, qos: QoS) -> Subscription {
    Subscription::new(filter(name), qos)
}

/// A CONNECT that asks to resume, with an hour of session expiry where that exists, and no keep alive.
pub(crate) fn resuming(version: Version) -> Connect {
    let mut connect = Connect::new(version, text("client"));
    connect.clean_start = false;
    connect.keep_alive = 0;
    if version.is_v5() {
        connect.properties.session_expiry = Some(Seconds(3_600));
    }
    connect
}

pub(crate) fn will(payload: &str) -> Will {
    Will {
        message: message_on("will", payload),
        qos: QoS::AtLeastOnce,
        retain: false,
        expiry: None,
        delay: None,
    }
}

/// A client that resumes.
pub(crate) fn client_config() -> ClientConfig {
    ClientConfig { clean_start: CleanStart::Never, ..ClientConfig::default() }
}

pub(crate) fn server_config() -> ServerConfig {
    ServerConfig::default()
}

pub(crate) const fn seconds(seconds: u64) -> Time {
    Time::from_secs(seconds)
}

/// A packet as a word: what tests compare.
pub(crate) fn name(packet: &Packet) -> String {
    let kind = format!("{:?}", packet.view().packet_type());
    match packet {
        Packet::Publish(publish) => {
            let dup = if publish.delivery.dup() { " DUP" } else { "" };
            let id = publish.delivery.id().map_or(0, PacketId::get);
            format!("{kind} {id}{dup} {}", String::from_utf8_lossy(&publish.message.payload))
        }
        Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubRel(ack) | Packet::PubComp(ack) => {
            match ack.reason.to_wire() {
                0 => format!("{kind} {}", ack.id.get()),
                reason => format!("{kind} {} {reason:#04X}", ack.id.get()),
            }
        }
        Packet::Subscribe(packet) => format!("{kind} {}", packet.id.get()),
        Packet::SubAck(packet) => format!("{kind} {}", packet.id.get()),
        Packet::Unsubscribe(packet) => format!("{kind} {}", packet.id.get()),
        Packet::UnsubAck(packet) => format!("{kind} {}", packet.id.get()),
        Packet::Disconnect(packet) => format!("{kind} {:#04X}", packet.reason.to_wire()),
        _ => kind,
    }
}

pub(crate) fn names(packets: &[Packet]) -> Vec<String> {
    packets.iter().map(name).collect()
}
