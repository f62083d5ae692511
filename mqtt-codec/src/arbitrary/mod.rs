//! Generators of valid packets for tests, fuzzing and benchmarks.

mod source;

use alloc::string::String;
use alloc::vec::Vec;

use arbitrary::{Arbitrary, Result, Unstructured};

use crate::packet::{Packet, PacketType, SubAck, UnsubAck};
use crate::topic::{Topic, TopicFilter, TopicFilterRef, TopicRef};
use crate::version::{Role, Version};
use source::Source;

/// Levels of topics and filters: few, so that a filter often matches a topic.
const LEVELS: [&str; 8] = ["a", "b", "", "$SYS", "ab", "\u{FEFF}", "Ä", "sensor 1"];

impl Packet {
    /// A packet of `version` that `reader` may receive. What is encoded from it decodes to an equal packet.
    ///
    /// Feature `arbitrary`. Ends after a bounded number of steps, whatever the bytes in `u` are.
    ///
    /// # Errors
    /// Those of [`Unstructured`].
    pub fn arbitrary(u: &mut Unstructured<'_>, version: Version, reader: Role) -> Result<Self> {
        let mut types = PacketType::ALL.to_vec();
        types.retain(|packet_type| packet_type.may_reach(reader, version));
        let packet_type = *u.choose(&types)?;
        Self::arbitrary_of(u, packet_type, version, reader)
    }

    /// Like [`Packet::arbitrary`], of one type. A type that `version` does not have is the caller's mistake.
    ///
    /// # Errors
    /// Those of [`Unstructured`].
    pub fn arbitrary_of(
        u: &mut Unstructured<'_>,
        packet_type: PacketType,
        version: Version,
        reader: Role,
    ) -> Result<Self> {
        let mut source = Source { u, version, reader };
        Ok(match packet_type {
            PacketType::Connect => Self::Connect(source.connect()?),
            PacketType::ConnAck => Self::ConnAck(source.connack()?),
            PacketType::Publish => Self::Publish(source.publish()?),
            PacketType::PubAck => Self::PubAck(source.ack(packet_type)?),
            PacketType::PubRec => Self::PubRec(source.ack(packet_type)?),
            PacketType::PubRel => Self::PubRel(source.ack(packet_type)?),
            PacketType::PubComp => Self::PubComp(source.ack(packet_type)?),
            PacketType::Subscribe => Self::Subscribe(source.subscribe()?),
            PacketType::SubAck => {
                let reasons = source.reasons(packet_type)?;
                Self::SubAck(SubAck { id: source.id()?, reasons, properties: source.ack_properties()? })
            }
            PacketType::Unsubscribe => Self::Unsubscribe(source.unsubscribe()?),
            PacketType::UnsubAck => {
                let reasons = if version.is_v5() { source.reasons(packet_type)? } else { Vec::new() };
                Self::UnsubAck(UnsubAck { id: source.id()?, reasons, properties: source.ack_properties()? })
            }
            PacketType::PingReq => Self::PingReq,
            PacketType::PingResp => Self::PingResp,
            PacketType::Disconnect => Self::Disconnect(source.disconnect()?),
            PacketType::Auth => Self::Auth(source.auth()?),
        })
    }
}

impl<'a> Arbitrary<'a> for Topic {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let name = levels(u)?.replace(['+', '#'], "-");
        Ok(Self::new(&name).unwrap_or_else(|_| TopicRef::checked("a").to_topic()))
    }
}

impl<'a> Arbitrary<'a> for TopicFilter {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let mut filter = String::new();
        if u.ratio(1, 8)? {
            filter.push_str("$share/name/");
        }
        filter.push_str(&levels(u)?);
        if u.ratio(1, 3)? {
            filter.push_str("/#");
        }
        Ok(Self::new(&filter).unwrap_or_else(|_| TopicFilterRef::checked("#").to_topic_filter()))
    }
}

/// One to four levels, some of them `+`.
fn levels(u: &mut Unstructured<'_>) -> Result<String> {
    let mut text = String::new();
    for index in 0..u.int_in_range(1..=4)? {
        if index > 0 {
            text.push('/');
        }
        text.push_str(if u.ratio(1, 4)? { "+" } else { u.choose(&LEVELS)? });
    }
    Ok(text)
}
