//! Enhanced authentication of a stranger: AUTH between CONNECT and CONNACK.

use bytes::Bytes;
use mqtt_codec::{ConnectRef, DecodeError, Decoder, PacketRef};
use mqtt_session::{Exchange, Violation};

use crate::core::Output;

/// The client's side of an enhanced authentication: what it was asked, and whether it has answered.
#[derive(Debug)]
pub(super) struct Conversation {
    exchange: Exchange,
    /// AUTH that the socket has not taken yet.
    pub(super) output: Output,
    is_asked: bool,
}

/// Why nothing more will be heard of a client.
#[derive(Debug)]
pub(super) enum Unheard {
    /// It goes, or nobody listens.
    Gone,
    Malformed(DecodeError),
    OutOfPlace(Violation),
}

impl Conversation {
    /// Of a CONNECT that names a method.
    pub(super) fn begin(connect: &ConnectRef<'_>) -> Option<Self> {
        Some(Self { exchange: Exchange::of(connect)?, output: Output::new(usize::MAX), is_asked: false })
    }

    /// Whether the client is to answer.
    pub(super) const fn is_asked(&self) -> bool {
        self.is_asked
    }

    /// Whether the client cannot have read all that it was asked.
    pub(super) fn is_unsent(&self) -> bool {
        !self.output.is_empty()
    }

    /// Bytes of memory.
    pub(super) fn held(&self) -> usize {
        self.output.len()
    }

    /// Puts a question to the client; false if it is larger than the client takes.
    pub(super) fn ask(&mut self, question: Bytes, maximum_packet_size: u32) -> bool {
        self.is_asked = self.exchange.challenge(question, maximum_packet_size, &mut self.output);
        self.is_asked
    }

    /// The answer, once all of it is there.
    pub(super) fn hear(
        &mut self,
        decoder: &mut Decoder,
        unread: &mut Vec<u8>,
    ) -> Result<Option<Option<Bytes>>, Unheard> {
        if !self.is_asked {
            return Ok(None);
        }
        let (data, len) = match decoder.decode_next(unread) {
            Ok(Some((PacketRef::Disconnect(_), _))) => return Err(Unheard::Gone),
            Ok(Some((packet, len))) => {
                let auth = self.exchange.handle_packet(&packet).map_err(Unheard::OutOfPlace)?;
                (auth.data.map(Bytes::copy_from_slice), len)
            }
            Ok(None) => return Ok(None),
            Err(error) => return Err(Unheard::Malformed(error)),
        };
        unread.drain(..len);
        self.is_asked = false;
        Ok(Some(data))
    }
}
