//! A PUBLISH encoded once for many receivers.

use alloc::vec::Vec;

use bytes::Bytes;

use crate::error::EncodeError;
use crate::field::Field;
use crate::packet::{Delivery, Publish};
use crate::types::QoS;
use crate::version::Version;
use crate::write::Sink;

/// A PUBLISH encoded once, for receivers that differ only in Packet Identifier and DUP.
///
/// ```text
///   head: fixed header, topic | Packet Identifier | properties      payload
///         the same for all      per receiver        the same        shared with the message, never copied
/// ```
///
/// Receivers share a form if version, QoS, RETAIN, remaining expiry, alias and Subscription Identifiers are the same.
/// A clone shares the bytes.
///
/// ```
/// use mqtt_codec::{Delivery, EncodedPublish, Message, PacketId, Publish, Topic, Version};
///
/// let publish = Publish {
///     message: Message::new(Topic::new("a/b")?, "hi").into(),
///     delivery: Delivery::AtLeastOnce { id: PacketId::MIN, dup: false },
///     retain: false,
///     expiry: None,
///     alias: None,
///     subscription_ids: Vec::new(),
/// };
/// let encoded = EncodedPublish::new(&publish, Version::V3_1_1)?;
/// let mut output = Vec::new();
/// for id in [7, 8].into_iter().filter_map(PacketId::new) {
///     encoded.write_head(Delivery::AtLeastOnce { id, dup: false }, &mut output)?;
///     output.extend_from_slice(encoded.payload()); // or give it to writev
/// }
/// assert_eq!(output, b"\x32\x09\x00\x03a/b\x00\x07hi\x32\x09\x00\x03a/b\x00\x08hi");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct EncodedPublish {
    head: Bytes,
    /// Where in the head the Packet Identifier lies.
    id_offset: Option<usize>,
    qos: QoS,
    payload: Bytes,
}

impl EncodedPublish {
    /// Encodes everything but the payload, which is shared. Packet Identifier and DUP of `publish` do not matter.
    ///
    /// # Errors
    /// Those of [`PacketRef::encode`](crate::PacketRef::encode).
    pub fn new(publish: &Publish, version: Version) -> Result<Self, EncodeError> {
        let view = publish.view();
        let mut head = Vec::new();
        view.encode_head(version, &mut head)?;
        Ok(Self {
            head: head.into(),
            id_offset: view.packet_id_offset(version),
            qos: publish.delivery.qos(),
            payload: publish.message.payload.clone(),
        })
    }

    /// Appends everything in front of the payload, as it is for one receiver.
    ///
    /// # Errors
    /// [`EncodeError::Combination`] of the fixed header flags if `delivery` has another QoS than the form. Then
    /// nothing has been written.
    pub fn write_head(&self, delivery: Delivery, sink: &mut impl Sink) -> Result<(), EncodeError> {
        /// In the first byte.
        const DUP: u8 = 0b1000;
        let Some((first, rest)) = self.head.split_first().filter(|_| delivery.qos() == self.qos) else {
            return Err(EncodeError::Combination(Field::Flags));
        };
        sink.put(&[if delivery.dup() { first | DUP } else { first & !DUP }]);
        let parts = self.id_offset.and_then(|offset| rest.split_at_checked(offset.checked_sub(1)?));
        match (delivery.id(), parts) {
            (Some(id), Some((before, after))) => {
                sink.put(before);
                sink.put(&id.get().to_be_bytes());
                sink.put(after.get(2..).unwrap_or_default());
            }
            _ => sink.put(rest),
        }
        Ok(())
    }

    /// What follows the head, the same for all receivers.
    pub const fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// The size of the packet in bytes, for any receiver.
    pub fn encoded_len(&self) -> usize {
        self.head.len() + self.payload.len()
    }
}
