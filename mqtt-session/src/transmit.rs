//! Where a session writes, and a message on its way to many sessions.

use alloc::sync::Arc;
use alloc::vec::Vec;

use bytes::{Bytes, BytesMut};
use mqtt_codec::{Message, MessageRef, PacketId, PublishRef, QoS, Seconds, Sink, Version};

use crate::event::Ticket;
use crate::time::Time;

/// Payloads up to this many bytes are copied into the output of each receiver; larger ones are shared.
pub const COPY_LIMIT: usize = 2_048;

/// The output of one network connection.
pub trait Transmit: Sink {
    /// Whether more may be written now. A packet that was begun is always taken whole.
    fn has_room(&self) -> bool;

    /// Appends a payload of more than [`COPY_LIMIT`] bytes, which may be kept as it is and not copied.
    fn put_shared(&mut self, payload: &Bytes) {
        self.put(payload);
    }
}

impl Transmit for BytesMut {
    fn has_room(&self) -> bool {
        true
    }
}

impl Transmit for Vec<u8> {
    fn has_room(&self) -> bool {
        true
    }
}

/// A message on its way to the sessions that match: borrowed from the publisher's packet until one has to keep
/// it, and encoded once for all receivers that take the same form.
pub struct Outbound<'a> {
    message: MessageRef<'a>,
    /// Whether the publisher set RETAIN.
    pub retain: bool,
    /// The publisher's QoS.
    pub qos: QoS,
    /// When the message expires.
    pub expires: Option<Time>,
    /// The number under which the driver stores the message, which [`StoreOp`] then names; zero, the default, for one
    /// that is not stored.
    ///
    /// [`StoreOp`]: crate::StoreOp
    pub ticket: Ticket,
    shared: Option<Arc<Message>>,
    form: Form<'a>,
}

/// One encoded form of a message, in a buffer that is used again for the next message.
struct Form<'a> {
    scratch: &'a mut Vec<u8>,
    key: Option<FormKey>,
    id_offset: Option<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct FormKey {
    version: Version,
    qos: QoS,
    retain: bool,
    expiry: Option<Seconds>,
    /// Bytes of the topic: receivers may see less than all of it.
    topic: usize,
}

impl<'a> Outbound<'a> {
    /// From a publisher's packet. `scratch` is any buffer; its content is lost.
    pub fn new(publish: &PublishRef<'a>, expires: Option<Time>, scratch: &'a mut Vec<u8>) -> Self {
        Self {
            message: publish.message,
            retain: publish.retain,
            qos: publish.delivery.qos(),
            expires,
            ticket: Ticket::default(),
            shared: None,
            form: Form { scratch, key: None, id_offset: None },
        }
    }

    /// From a message that is kept already, such as a retained one or a Will.
    pub fn kept(
        message: &'a Arc<Message>,
        qos: QoS,
        retain: bool,
        expires: Option<Time>,
        scratch: &'a mut Vec<u8>,
    ) -> Self {
        let form = Form { scratch, key: None, id_offset: None };
        Self {
            message: message.view(),
            retain,
            qos,
            expires,
            ticket: Ticket::default(),
            shared: Some(Arc::clone(message)),
            form,
        }
    }

    /// The message, borrowed.
    pub const fn message(&self) -> &MessageRef<'a> {
        &self.message
    }

    /// The message to keep; it is copied from the packet once, at the first call.
    pub fn share(&mut self) -> Arc<Message> {
        let message = &self.message;
        Arc::clone(self.shared.get_or_insert_with(|| Arc::new(message.to_message())))
    }

    /// Appends `publish`, which is this message with the given header, to `out`.
    ///
    /// Subscription identifiers and aliases belong to one receiver, so such a packet is encoded for itself.
    pub(crate) fn write(
        &mut self,
        publish: &PublishRef<'_>,
        version: Version,
        out: &mut impl Transmit,
    ) -> bool {
        if self.message.payload.len() > COPY_LIMIT {
            let message = self.share();
            return write_publish(publish, &message.payload, version, out);
        }
        if publish.alias.is_some() || !publish.subscription_ids.is_empty() {
            return publish.encode(version, out).is_ok();
        }
        let key = FormKey {
            version,
            qos: publish.delivery.qos(),
            retain: publish.retain,
            expiry: publish.expiry,
            topic: publish.message.topic.as_str().len(),
        };
        if self.form.key != Some(key) && !self.form.encode(key, publish) {
            return false;
        }
        self.form.write(publish.delivery.id(), out);
        true
    }
}

impl Form<'_> {
    fn encode(&mut self, key: FormKey, publish: &PublishRef<'_>) -> bool {
        self.scratch.clear();
        self.key = None;
        if publish.encode(key.version, self.scratch).is_err() {
            return false;
        }
        self.id_offset = publish.packet_id_offset(key.version);
        self.key = Some(key);
        true
    }

    /// Appends the form with the receiver's own Packet Identifier in its place.
    fn write(&self, id: Option<PacketId>, out: &mut impl Transmit) {
        let parts = self.id_offset.and_then(|offset| self.scratch.split_at_checked(offset));
        match (id, parts) {
            (Some(id), Some((head, tail))) => {
                out.put(head);
                out.put(&id.get().to_be_bytes());
                out.put(tail.get(2..).unwrap_or_default());
            }
            _ => out.put(self.scratch),
        }
    }
}

/// Appends a PUBLISH whose payload is `payload`: copied if small, shared if large.
pub(crate) fn write_publish(
    publish: &PublishRef<'_>,
    payload: &Bytes,
    version: Version,
    out: &mut impl Transmit,
) -> bool {
    if payload.len() <= COPY_LIMIT {
        return publish.encode(version, out).is_ok();
    }
    if publish.encode_head(version, out).is_err() {
        return false;
    }
    out.put_shared(payload);
    true
}
