//! What one connection allows its sender: how many messages are open, how large they are, which aliases.

use core::num::NonZeroU16;

use alloc::boxed::Box;

use bytes::Bytes;
use mqtt_codec::{MessageRef, OutgoingAliases, PublishRef, TopicRef, Version};

use crate::transmit::{Transmit, write_publish};

/// The sender's view of a connection; ends with it.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    pub(crate) version: Version,
    /// Messages of QoS 1 and 2 that may be open: the peer's Receive Maximum, or less. [MQTT-4.9.0-1]
    pub(crate) size: u16,
    /// Messages that are open. [MQTT-4.9.0-2]
    pub(crate) open: u16,
    /// PUBLISHes that wait for an answer, from the oldest, that this connection has seen.
    pub(crate) sent: usize,
    /// PUBRELs that wait for an answer, from the oldest, that this connection has seen.
    pub(crate) released: usize,
    /// The peer's Maximum Packet Size.
    pub(crate) maximum_packet_size: u32,
    pub(crate) aliases: Option<Box<OutgoingAliases>>,
    /// Bytes at the beginning of topics that the peer does not see.
    pub(crate) hidden: u16,
}

impl Window {
    /// For a session that has `released` exchanges left which only wait for PUBCOMP. They count as open: their
    /// PUBLISH was not answered yet.
    pub(crate) const fn new(version: Version, size: u16, released: u16) -> Self {
        Self {
            version,
            size,
            open: released,
            sent: 0,
            released: 0,
            maximum_packet_size: u32::MAX,
            aliases: None,
            hidden: 0,
        }
    }

    /// Nothing was sent for the session that begins now.
    pub(crate) const fn forget_session(&mut self) {
        self.open = 0;
        self.sent = 0;
        self.released = 0;
    }

    pub(crate) const fn is_full(&self) -> bool {
        self.open >= self.size
    }

    /// Whether one more may be open when `begun` have followed that are not sent yet.
    pub(crate) const fn has_room_for(&self, begun: usize) -> bool {
        self.open as usize + begun < self.size as usize
    }

    /// The message with its topic as the peer sees it.
    #[inline]
    pub(crate) fn seen<'m>(&self, message: MessageRef<'m>) -> MessageRef<'m> {
        if self.hidden == 0 { message } else { without_prefix(message, self.hidden) }
    }

    /// Whether the peer takes a packet of this size. [MQTT-3.1.2-24] [MQTT-3.2.2-15]
    pub(crate) fn fits(&self, publish: &PublishRef<'_>) -> bool {
        // the common peer has no limit, and nothing needs to be counted
        self.maximum_packet_size == u32::MAX
            || publish.encoded_len(self.version).is_ok_and(|len| len <= self.maximum_packet_size as usize)
    }

    /// Appends `publish`, with an alias for its topic where the peer remembers one; false if it cannot be written.
    pub(crate) fn write(
        &mut self,
        mut publish: PublishRef<'_>,
        payload: &Bytes,
        out: &mut impl Transmit,
    ) -> bool {
        // the alias beside the topic at its first use makes the packet longer
        if self.aliases.is_some()
            && self.fits(&PublishRef { alias: Some(NonZeroU16::MAX), ..publish })
            && let Some(aliases) = &mut self.aliases
        {
            aliases.assign(publish.message.topic).apply(&mut publish);
        }
        write_publish(&publish, payload, self.version, out)
    }
}

/// A topic of which nothing would be left stays what it is.
fn without_prefix(message: MessageRef<'_>, bytes: u16) -> MessageRef<'_> {
    let rest = message.topic.as_str().get(usize::from(bytes)..);
    let topic = rest.and_then(|rest| TopicRef::new(rest).ok()).unwrap_or(message.topic);
    MessageRef { topic, ..message }
}
