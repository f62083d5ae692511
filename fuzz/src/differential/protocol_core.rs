//! `mqtt-protocol-core`, through the parsers of its packets, which begin behind the fixed header.

use std::sync::Arc;

use mqtt_codec::{FixedHeader, PacketType, Role, Rules, Version};
use mqtt_protocol_core::mqtt::packet::{v3_1_1, v5_0};
use mqtt_protocol_core::mqtt::result_code::MqttError;

use super::Verdict;

pub(super) fn read(frame: &[u8], version: Version) -> Verdict {
    // flags and length are read by its connection, which is more than a codec: what ours says is taken
    let Ok(Some(header)) = FixedHeader::parse(frame, &Rules::new(version, Role::Client)) else {
        return Verdict::Refused;
    };
    if header.packet_type == PacketType::Connect && header.flags != 0 {
        return Verdict::Refused;
    }
    let body: Arc<[u8]> = frame[usize::from(header.header_len)..].into();
    if version.is_v5() { read_v5(header, body) } else { read_v3(header, body) }
}

/// As its connection does it: a packet ends where its body ends.
macro_rules! parsed {
    ($parsed:expr, $len:expr) => {{
        let parsed: Result<_, MqttError> = $parsed;
        match parsed {
            Ok((packet, consumed)) if consumed == $len => {
                Verdict::Accepted(Some(packet.to_continuous_buffer()))
            }
            _ => Verdict::Refused,
        }
    }};
}

fn read_v3(header: FixedHeader, body: Arc<[u8]>) -> Verdict {
    let len = body.len();
    match header.packet_type {
        PacketType::Connect => parsed!(v3_1_1::Connect::parse(&body), len),
        PacketType::ConnAck => parsed!(v3_1_1::Connack::parse(&body), len),
        PacketType::Publish => parsed!(v3_1_1::Publish::parse(header.flags, body), len),
        PacketType::PubAck => parsed!(v3_1_1::Puback::parse(&body), len),
        PacketType::PubRec => parsed!(v3_1_1::Pubrec::parse(&body), len),
        PacketType::PubRel => parsed!(v3_1_1::Pubrel::parse(&body), len),
        PacketType::PubComp => parsed!(v3_1_1::Pubcomp::parse(&body), len),
        PacketType::Subscribe => parsed!(v3_1_1::Subscribe::parse(&body), len),
        PacketType::SubAck => parsed!(v3_1_1::Suback::parse(&body), len),
        PacketType::Unsubscribe => parsed!(v3_1_1::Unsubscribe::parse(&body), len),
        PacketType::UnsubAck => parsed!(v3_1_1::Unsuback::parse(&body), len),
        PacketType::PingReq => parsed!(v3_1_1::Pingreq::parse(&body), len),
        PacketType::PingResp => parsed!(v3_1_1::Pingresp::parse(&body), len),
        PacketType::Disconnect => parsed!(v3_1_1::Disconnect::parse(&body), len),
        PacketType::Auth => Verdict::Refused,
    }
}

fn read_v5(header: FixedHeader, body: Arc<[u8]>) -> Verdict {
    let len = body.len();
    match header.packet_type {
        PacketType::Connect => parsed!(v5_0::Connect::parse(&body), len),
        PacketType::ConnAck => parsed!(v5_0::Connack::parse(&body), len),
        PacketType::Publish => parsed!(v5_0::Publish::parse(header.flags, body), len),
        PacketType::PubAck => parsed!(v5_0::Puback::parse(&body), len),
        PacketType::PubRec => parsed!(v5_0::Pubrec::parse(&body), len),
        PacketType::PubRel => parsed!(v5_0::Pubrel::parse(&body), len),
        PacketType::PubComp => parsed!(v5_0::Pubcomp::parse(&body), len),
        PacketType::Subscribe => parsed!(v5_0::Subscribe::parse(&body), len),
        PacketType::SubAck => parsed!(v5_0::Suback::parse(&body), len),
        PacketType::Unsubscribe => parsed!(v5_0::Unsubscribe::parse(&body), len),
        PacketType::UnsubAck => parsed!(v5_0::Unsuback::parse(&body), len),
        PacketType::PingReq => parsed!(v5_0::Pingreq::parse(&body), len),
        PacketType::PingResp => parsed!(v5_0::Pingresp::parse(&body), len),
        PacketType::Disconnect => parsed!(v5_0::Disconnect::parse(&body), len),
        PacketType::Auth => parsed!(v5_0::Auth::parse(&body), len),
    }
}
