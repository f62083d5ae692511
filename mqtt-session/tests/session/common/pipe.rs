//! One direction of a network connection.

use bytes::Bytes;
use mqtt_codec::{Decoder, PacketRef, Sink};
use mqtt_session::Transmit;

pub(crate) struct Pipe {
    pub(super) decoder: Decoder,
    /// Written and not read.
    transit: Vec<u8>,
    /// How many bytes may be in transit before the sender has to wait.
    pub(crate) room: usize,
    /// How many bytes are read at once.
    pub(crate) chunk: usize,
    /// Bytes until the connection breaks.
    pub(crate) life: Option<usize>,
    received: Vec<u8>,
    pub(crate) shared_payloads: usize,
}

impl Pipe {
    pub(super) const fn new(decoder: Decoder) -> Self {
        Self {
            decoder,
            transit: Vec::new(),
            room: usize::MAX,
            chunk: usize::MAX,
            life: None,
            received: Vec::new(),
            shared_payloads: 0,
        }
    }

    /// The same connection settings for another connection.
    pub(super) fn renew(&mut self, decoder: Decoder) {
        *self = Self { room: self.room, chunk: self.chunk, ..Self::new(decoder) };
    }

    pub(super) fn is_broken(&self) -> bool {
        self.life == Some(0)
    }

    /// Carries bytes over; whether there were any.
    pub(super) fn carry(&mut self) -> bool {
        let len = self.transit.len().min(self.chunk).min(self.life.unwrap_or(usize::MAX));
        self.life = self.life.map(|life| life - len);
        self.received.extend(self.transit.drain(..len));
        len > 0
    }

    /// Hands the next packet to `reader`, if it is there in whole.
    pub(super) fn read<T>(
        &mut self,
        reader: impl FnOnce(Result<PacketRef<'_>, mqtt_codec::DecodeError>) -> T,
    ) -> Option<T> {
        let len = match self.decoder.frame_len(&self.received) {
            Ok(len) => len?,
            Err(error) => return Some(reader(Err(error))),
        };
        if self.received.len() < len {
            return None;
        }
        let frame: Vec<u8> = self.received.drain(..len).collect();
        Some(reader(self.decoder.decode(&frame)))
    }
}

impl Sink for Pipe {
    fn put(&mut self, bytes: &[u8]) {
        self.transit.extend_from_slice(bytes);
    }
}

impl Transmit for Pipe {
    fn has_room(&self) -> bool {
        self.transit.len() < self.room
    }

    fn put_shared(&mut self, payload: &Bytes) {
        self.shared_payloads += 1;
        self.put(payload);
    }
}
