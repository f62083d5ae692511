//! From a stream of bytes to packets: framing, the version of the connection, topic aliases.

use alloc::sync::Arc;

use bytes::{Buf, Bytes};

use crate::alias::IncomingAliases;
use crate::characters;
use crate::compat::Compat;
use crate::error::{DecodeError, DecodeErrorKind as Kind};
use crate::field::Field;
use crate::frame::{FixedHeader, Rules};
use crate::packet::{
    Message, Packet, PacketRef, PacketType, Publish, PublishRef, Storage, alias_offset, peek_version,
};
use crate::version::{Role, Version};

/// Reads the packets of one network connection, one side of it.
///
/// The caller keeps the bytes: ask [`Decoder::frame_len`] where the first packet ends, and give exactly those
/// bytes to [`Decoder::decode`]. A server's decoder takes the version from the CONNECT that comes first.
#[derive(Debug)]
pub struct Decoder {
    rules: Rules,
    aliases: IncomingAliases,
    /// Whether the version is known: at a client from the start, at a server from CONNECT on.
    versioned: bool,
    /// Whether a rule is set other than the standard has it, so that packets are looked at again.
    unusual: bool,
    used: Compat,
}

impl Decoder {
    /// For a server, which takes packets of at most `max_packet_size` bytes, fixed header included.
    pub const fn server(max_packet_size: u32) -> Self {
        // the rules of 3.1.1 hold for what comes before CONNECT, which is refused anyway
        let rules = Rules { max_packet_size, ..Rules::new(Version::V3_1_1, Role::Server) };
        Self::new(rules, false)
    }

    /// For a client that has asked for `version`.
    pub const fn client(version: Version, max_packet_size: u32) -> Self {
        let rules = Rules { max_packet_size, ..Rules::new(version, Role::Client) };
        Self::new(rules, true)
    }

    const fn new(rules: Rules, versioned: bool) -> Self {
        let aliases = IncomingAliases::new(0);
        Self { rules, aliases, versioned, unusual: false, used: Compat::NONE }
    }

    /// Sets the Topic Alias Maximum that was announced to the peer, and forgets aliases learnt before.
    pub fn set_topic_alias_maximum(&mut self, maximum: u16) {
        self.aliases = IncomingAliases::new(maximum);
    }

    /// Sets the largest packet in bytes, fixed header included: a server takes less from strangers.
    pub fn set_max_packet_size(&mut self, bytes: u32) {
        self.rules.max_packet_size = bytes;
    }

    /// Lets through deviations by name.
    pub fn set_compat(&mut self, compat: Compat) {
        self.rules.compat = compat;
        self.unusual = compat != Compat::STRICT;
    }

    /// The rules of [`Compat`] without which a packet would have been refused since this was last asked.
    pub const fn take_used(&mut self) -> Compat {
        core::mem::replace(&mut self.used, Compat::NONE)
    }

    /// The version of the connection; `None` before CONNECT.
    pub const fn version(&self) -> Option<Version> {
        if self.versioned { Some(self.rules.version) } else { None }
    }

    /// Bytes of the packet at the start of `input`; `None` while its fixed header is incomplete.
    ///
    /// # Errors
    /// A fixed header that no packet has, and a packet larger than the limit, before its body is there.
    #[inline]
    pub fn frame_len(&self, input: &[u8]) -> Result<Option<usize>, DecodeError> {
        Ok(FixedHeader::parse(input, &self.rules)?.map(|header| header.packet_len()))
    }

    /// Reads the packet that fills `frame`, with its topic filled in where an alias stands for it.
    ///
    /// # Errors
    /// What [`PacketRef::decode`] finds, and aliases that are unknown or above the maximum. After an error the
    /// connection has no meaning any more.
    #[inline]
    pub fn decode<'a>(&'a mut self, frame: &'a [u8]) -> Result<PacketRef<'a>, DecodeError> {
        match FixedHeader::parse(frame, &self.rules)? {
            Some(header) if header.packet_len() == frame.len() => {
                if self.is_usual_publish(header) {
                    return Ok(PacketRef::Publish(self.publish(header, frame)?));
                }
                self.decode_frame(header, frame)
            }
            // the caller gave other bytes than frame_len said: this says which rule that breaks
            _ => PacketRef::decode(frame, &self.rules),
        }
    }

    /// Reads the packet that fills `frame` as one with storage of its own, whose binary parts share the frame.
    ///
    /// What [`PacketRef::to_packet_in`] makes of [`Decoder::decode`], in less time: the payload of a PUBLISH is what is
    /// left of the frame.
    ///
    /// # Errors
    /// Those of [`Decoder::decode`].
    #[inline]
    pub fn decode_packet(&mut self, mut frame: Bytes) -> Result<Packet, DecodeError> {
        let header = match FixedHeader::parse(&frame, &self.rules)? {
            Some(header) if header.packet_len() == frame.len() && self.is_usual_publish(header) => header,
            _ => return Ok(self.decode(&frame)?.to_packet_in(&frame)),
        };
        let publish = self.publish(header, &frame)?;
        let PublishRef { delivery, retain, expiry, alias, .. } = publish;
        let topic = publish.message.topic.to_topic();
        let properties = publish.message.own_properties(Storage::Shared(&frame));
        let subscription_ids = publish.subscription_ids.to_vec();
        let offset = publish.payload_offset(&frame);
        // an empty part would keep the frame all the same
        let payload = if offset < frame.len() {
            frame.advance(offset);
            frame
        } else {
            Bytes::new()
        };
        let message = Arc::new(Message { topic, payload, properties });
        Ok(Packet::Publish(Publish { message, delivery, retain, expiry, alias, subscription_ids }))
    }

    /// Reads the first packet in `input`: `None` until it is complete, else the packet and its length.
    ///
    /// For callers that keep framing and decoding together.
    ///
    /// # Errors
    /// Those of [`Decoder::frame_len`] and [`Decoder::decode`].
    #[inline]
    pub fn decode_next<'a>(
        &'a mut self,
        input: &'a [u8],
    ) -> Result<Option<(PacketRef<'a>, usize)>, DecodeError> {
        let Some(header) = FixedHeader::parse(input, &self.rules)? else { return Ok(None) };
        let Some(frame) = input.get(..header.packet_len()) else { return Ok(None) };
        if self.is_usual_publish(header) {
            return Ok(Some((PacketRef::Publish(self.publish(header, frame)?), frame.len())));
        }
        self.decode_other(header, frame)
    }

    /// Whether the packet is a PUBLISH that nobody has to look at twice.
    ///
    /// Those are most, so they have a way of their own: a packet that comes out of a call, or may be one of several
    /// kinds, is put together in one place and copied to another, which takes longer than reading it.
    #[inline(always)]
    fn is_usual_publish(&self, header: FixedHeader) -> bool {
        header.packet_type == PacketType::Publish && !self.unusual && !header.is_overlong()
    }

    #[inline(never)]
    fn decode_other<'a>(
        &'a mut self,
        header: FixedHeader,
        frame: &'a [u8],
    ) -> Result<Option<(PacketRef<'a>, usize)>, DecodeError> {
        Ok(Some((self.decode_frame(header, frame)?, frame.len())))
    }

    pub(crate) const fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Reads a packet whose fixed header has been parsed; `frame` may end where the payload of a PUBLISH begins.
    ///
    /// Always inlined: a packet that comes out of a call is copied, as large as the largest packet is.
    #[inline(always)]
    pub(crate) fn decode_frame<'a>(
        &'a mut self,
        header: FixedHeader,
        frame: &'a [u8],
    ) -> Result<PacketRef<'a>, DecodeError> {
        if header.packet_type == PacketType::Connect && !self.versioned {
            self.take_version(header, frame);
        }
        if self.unusual || header.is_overlong() {
            self.look_closer(header, frame)?;
        }
        if header.packet_type != PacketType::Publish {
            return PacketRef::decode_body(header, frame, &self.rules);
        }
        self.publish(header, frame).map(PacketRef::Publish)
    }

    #[inline(always)]
    fn publish<'a>(
        &'a mut self,
        header: FixedHeader,
        frame: &'a [u8],
    ) -> Result<PublishRef<'a>, DecodeError> {
        let mut publish = PublishRef::decode(header, frame, &self.rules)?;
        if let Some(alias) = publish.alias.take() {
            let topic = self.aliases.topic(alias, publish.message.topic);
            publish.message.topic = topic.map_err(|kind| alias_error(kind, &self.rules, frame))?;
        }
        Ok(publish)
    }

    /// Reads a packet only to see which rule lets it through, and its characters.
    ///
    /// It is read again afterwards, so that the usual packet is made at once where the caller wants it.
    #[cold]
    fn look_closer(&mut self, header: FixedHeader, frame: &[u8]) -> Result<(), DecodeError> {
        let packet = PacketRef::decode_body(header, frame, &self.rules)?;
        self.used.note(header, &packet, body(header, frame), self.rules.version);
        if self.rules.compat.control_characters {
            return Ok(());
        }
        characters::check(&packet, frame, self.rules.version)
    }

    #[cold]
    fn take_version(&mut self, header: FixedHeader, frame: &[u8]) {
        if let Some(version) = peek_version(body(header, frame), &self.rules.compat) {
            self.rules.version = version;
            self.versioned = true;
        }
    }
}

fn body(header: FixedHeader, frame: &[u8]) -> &[u8] {
    frame.get(usize::from(header.header_len)..).unwrap_or_default()
}

#[cold]
fn alias_error(kind: Kind, rules: &Rules, frame: &[u8]) -> DecodeError {
    let packet = Some(PacketType::Publish);
    let offset = alias_offset(frame, rules).and_then(|offset| u32::try_from(offset).ok()).unwrap_or_default();
    DecodeError { packet, version: rules.version, field: Field::TopicAlias, offset, kind }
}
