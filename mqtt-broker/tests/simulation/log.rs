//! What happened, for a person to read.

use mqtt_codec::{Ack, Delivery, Packet, Publish};
use mqtt_session::Time;

/// Lines of what happened, if somebody wants to read them.
#[derive(Default)]
pub(crate) struct Log {
    pub(crate) is_on: bool,
    pub(crate) lines: Vec<String>,
    /// Nothing is said after the failure.
    pub(crate) has_ended: bool,
    /// Step and time of what is said next.
    pub(crate) moment: (u32, Time),
}

impl Log {
    pub(crate) fn say(&mut self, what: impl FnOnce() -> String) {
        if self.is_on && !self.has_ended {
            let (step, now) = self.moment;
            let millis = now.as_nanos() / 1_000_000;
            self.lines.push(format!("{step:>5} {:>6}.{:03}s  {}", millis / 1_000, millis % 1_000, what()));
        }
    }
}

/// A packet in a few words.
pub(crate) fn describe(packet: &Packet) -> String {
    let ack = |ack: &Ack| format!("{} {} {:?}", packet.view().packet_type(), ack.id, ack.reason);
    match packet {
        Packet::Connect(connect) => {
            let expiry = connect.properties.session_expiry.map(|expiry| expiry.0);
            let will = connect.will.as_ref().map(|will| (will.qos, will.retain, will.delay));
            let clean = connect.clean_start;
            format!("CONNECT {} clean start {clean}, expiry {expiry:?}, Will {will:?}", connect.version)
        }
        Packet::ConnAck(connack) => {
            format!("CONNACK {:?}, session present {}", connack.reason, connack.session_present)
        }
        Packet::Publish(publish) => describe_publish(publish),
        Packet::PubAck(it) | Packet::PubRec(it) | Packet::PubRel(it) | Packet::PubComp(it) => ack(it),
        Packet::Subscribe(subscribe) => {
            let filters = subscribe.filters.iter();
            let filters: Vec<_> = filters.map(|each| (each.filter.as_str(), each.options.qos)).collect();
            format!("SUBSCRIBE {} {filters:?}", subscribe.id)
        }
        Packet::SubAck(suback) => format!("SUBACK {} {:?}", suback.id, suback.reasons),
        Packet::Unsubscribe(unsubscribe) => {
            format!("UNSUBSCRIBE {} {:?}", unsubscribe.id, unsubscribe.filters)
        }
        Packet::UnsubAck(unsuback) => format!("UNSUBACK {} {:?}", unsuback.id, unsuback.reasons),
        Packet::Disconnect(disconnect) => format!("DISCONNECT {:?}", disconnect.reason),
        other => other.view().packet_type().to_string(),
    }
}

fn describe_publish(publish: &Publish) -> String {
    let (qos, id, dup) = match publish.delivery {
        Delivery::AtMostOnce => (0, 0, false),
        Delivery::AtLeastOnce { id, dup } => (1, id.get(), dup),
        Delivery::ExactlyOnce { id, dup } => (2, id.get(), dup),
    };
    let (what, topic) = (describe_payload(publish), publish.message.topic.as_str());
    let mut text = format!("PUBLISH {what} on {topic:?} QoS {qos}");
    if qos > 0 {
        text += &format!(" id {id}");
    }
    for (is_so, word) in [(dup, " DUP"), (publish.retain, " RETAIN")] {
        text += if is_so { word } else { "" };
    }
    if let Some(expiry) = publish.expiry {
        text += &format!(" expiry {}", expiry.0);
    }
    text
}

/// The number of a message.
pub(crate) fn describe_payload(publish: &Publish) -> String {
    let digits = publish.message.payload.split(|byte| *byte == b'.').next().unwrap_or_default();
    if digits.is_empty() { "nothing".to_owned() } else { String::from_utf8_lossy(digits).into_owned() }
}
