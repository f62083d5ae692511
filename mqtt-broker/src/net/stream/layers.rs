//! What lies over a socket: bytes pass through the layers in place on their way in, and into one buffer on their way out.

use std::io::{self, IoSlice};

use super::failure::Failure;
use super::proxy;
use super::socket::{Peer, Socket};
use super::tls::Tls;
use super::unsent::Unsent;
use super::{Received, Spare};
use crate::core::Stage;

/// Bytes of MQTT that become ciphertext or frames at once. What of them the socket does not take stays with the
/// connection.
const SEALED_AT_ONCE: usize = 64 << 10;

/// The layers of one stream, from the socket upwards.
#[derive(Debug, Default)]
pub(in crate::net) struct Layers {
    /// Whether a header of the PROXY protocol is awaited.
    pub(in crate::net) proxy: bool,
    pub(in crate::net) tls: Option<Tls>,
    /// Bytes of the socket that no layer has understood: less than one record.
    unread: Vec<u8>,
    unsent: Unsent,
    phase: Phase,
}

/// Where a stream with layers stands between its first byte and its last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Serving,
    /// The peer was told that nothing more will come.
    Finished,
    /// A layer cannot go on: nothing is understood any more.
    Failed,
}

impl Layers {
    /// Reads once and unwraps what came. With TLS the records come into the back of the buffer, so that what is in them
    /// has a place at its front.
    pub(super) fn read(
        &mut self,
        socket: &mut Socket,
        peer: &mut Peer,
        buffer: &mut [u8],
    ) -> Result<Received, Failure> {
        let start = if self.tls.is_some() { buffer.len() / 2 } else { 0 };
        let (plain, raw) = buffer.split_at_mut(start);
        let (held, room) = raw.split_at_mut(self.unread.len().min(raw.len()));
        let len = socket.read(room).map_err(Failure::Io)?;
        let mut received = Received { raw: len, len: 0, more: len > 0 && len == room.len(), end: len == 0 };
        if self.phase == Phase::Failed {
            return Ok(received);
        }
        held.copy_from_slice(&self.unread);
        let filled = held.len() + len;
        let opened = self.open(peer, raw.get_mut(..filled).unwrap_or_default(), plain, &mut received);
        let consumed = opened.inspect_err(|_| self.phase = Phase::Failed)?;
        self.keep(raw.get(consumed..filled).unwrap_or_default());
        Ok(received)
    }

    /// Unwraps what has come and was not understood yet; how much of it is understood now.
    fn open(
        &mut self,
        peer: &mut Peer,
        raw: &mut [u8],
        plain: &mut [u8],
        received: &mut Received,
    ) -> Result<usize, Failure> {
        let mut start = 0;
        if self.proxy {
            let Some(header) = proxy::read(raw)? else { return Ok(0) };
            if let Some(client) = header.client {
                *peer = Peer::Address(client);
            }
            self.proxy = false;
            start = header.len;
        }
        match &mut self.tls {
            Some(tls) => {
                let raw = raw.get_mut(start..).unwrap_or_default();
                let opened = tls.open(raw, plain, self.unsent.buffer())?;
                received.len = opened.len;
                received.end |= opened.end;
                Ok(start + opened.consumed)
            }
            None => {
                raw.copy_within(start.., 0);
                received.len = raw.len() - start;
                Ok(raw.len())
            }
        }
    }

    /// Keeps what is not understood until more comes. An idle connection holds no buffer.
    fn keep(&mut self, rest: &[u8]) {
        if rest.is_empty() {
            self.unread = Vec::new();
        } else {
            self.unread.clear();
            self.unread.extend_from_slice(rest);
        }
    }

    /// Takes bytes of MQTT, as many as [`SEALED_AT_ONCE`]; how many that were.
    pub(super) fn write(
        &mut self,
        socket: &mut Socket,
        slices: &[IoSlice<'_>],
        spare: &mut Spare,
    ) -> io::Result<usize> {
        if self.phase != Phase::Serving {
            return Err(io::ErrorKind::NotConnected.into());
        }
        if self.unsent.is_blocked() {
            self.unsent.flush(socket)?;
            if self.unsent.is_blocked() {
                return Err(io::ErrorKind::WouldBlock.into());
            }
        }
        self.unsent.borrow(&mut spare.sealed);
        let taken = self.seal(slices)?;
        self.unsent.flush(socket)?;
        self.unsent.give_back(&mut spare.sealed);
        Ok(taken)
    }

    fn seal(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut taken = 0;
        for slice in slices {
            let part = slice.get(..SEALED_AT_ONCE - taken).unwrap_or(slice);
            match &mut self.tls {
                Some(tls) => tls.seal(part, &mut self.unread, self.unsent.buffer())?,
                None => self.unsent.buffer().extend_from_slice(part),
            }
            taken += part.len();
        }
        Ok(taken)
    }

    /// Puts the layers' last words behind everything that was written.
    pub(super) fn finish(&mut self) {
        if self.phase != Phase::Serving {
            return;
        }
        self.phase = Phase::Finished;
        if let Some(tls) = &mut self.tls {
            tls.close(&mut self.unread, self.unsent.buffer());
        }
    }

    pub(super) fn flush(&mut self, socket: &mut Socket) -> io::Result<()> {
        self.unsent.flush(socket)?;
        self.unsent.shrink();
        Ok(())
    }

    pub(super) fn wants_write(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// Bytes of memory, those of the handshake by experience.
    pub(super) fn held(&self) -> usize {
        let tls = if self.tls.is_some() { Tls::HELD } else { 0 };
        size_of::<Self>() + tls + self.unread.capacity() + self.unsent.held()
    }

    pub(super) fn stage(&self) -> Stage {
        match &self.tls {
            _ if self.proxy => Stage::Proxy,
            Some(tls) if tls.is_handshaking() => Stage::Tls,
            _ => Stage::Connect,
        }
    }

    pub(super) fn is_resumed(&self) -> bool {
        self.tls.as_ref().is_some_and(Tls::is_resumed)
    }
}
