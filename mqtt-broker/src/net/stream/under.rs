//! What lies between the socket and the first byte of WebSocket or MQTT: the header of the PROXY protocol, then TLS.

use std::io;

use super::failure::Failure;
use super::socket::{Peer, Socket};
use super::tls::Tls;
use super::unsent::Unsent;
use super::{Received, Spare};
use crate::core::Stage;
use crate::net::proxy;

/// Bytes that become records at once. What the socket does not take of them stays with the connection.
pub(super) const SEALED_AT_ONCE: usize = 64 << 10;

/// The lower layers of one stream, from the socket upwards.
#[derive(Debug, Default)]
pub(in crate::net) struct Under {
    /// Whether a header of the PROXY protocol is awaited.
    pub(in crate::net) proxy: bool,
    pub(in crate::net) tls: Option<Tls>,
    /// Bytes of the socket that are not understood: less than one record.
    unread: Vec<u8>,
    unsent: Unsent,
    /// Whether the peer has said in TLS that nothing more will come.
    ended: bool,
    /// Whether nothing is understood any more.
    failed: bool,
}

impl Under {
    /// Reads once and unwraps what came. With TLS the records come into the back of the buffer, so that what is in them
    /// has a place at its front.
    pub(super) fn read(
        &mut self,
        socket: &mut Socket,
        peer: &mut Peer,
        buffer: &mut [u8],
    ) -> Result<Received, Failure> {
        if self.ended {
            return Ok(Received { end: true, ..Received::default() });
        }
        let start = if self.tls.is_some() { buffer.len() / 2 } else { 0 };
        let (plain, raw) = buffer.split_at_mut(start);
        let (held, room) = raw.split_at_mut(self.unread.len().min(raw.len()));
        let mut received = socket.receive(room)?;
        received.len = 0;
        if self.failed {
            return Ok(received);
        }
        held.copy_from_slice(&self.unread);
        let filled = held.len() + received.raw;
        let opened = self.open(peer, raw.get_mut(..filled).unwrap_or_default(), plain, &mut received);
        let consumed = opened.inspect_err(|_| self.failed = true)?;
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
                self.ended |= opened.end;
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

    /// Gets ready to take bytes; `WouldBlock` as long as the socket has not taken the last ones.
    pub(super) fn prepare(&mut self, socket: &mut Socket, spare: &mut Spare) -> io::Result<()> {
        if self.failed {
            return Err(io::ErrorKind::NotConnected.into());
        }
        if self.unsent.is_blocked() {
            self.unsent.flush(socket)?;
            if self.unsent.is_blocked() {
                return Err(io::ErrorKind::WouldBlock.into());
            }
        }
        self.unsent.borrow(&mut spare.sealed);
        Ok(())
    }

    /// Takes bytes, up to [`SEALED_AT_ONCE`]. It never blocks: see [`Under::prepare`].
    pub(super) fn seal(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let bytes = bytes.get(..SEALED_AT_ONCE).unwrap_or(bytes);
        match &mut self.tls {
            Some(tls) => tls.seal(bytes, &mut self.unread, self.unsent.buffer())?,
            None => self.unsent.buffer().extend_from_slice(bytes),
        }
        Ok(bytes.len())
    }

    /// Writes what was taken, and gives storage back that is not needed.
    pub(super) fn send(&mut self, socket: &mut Socket, spare: &mut Spare) -> io::Result<()> {
        self.unsent.flush(socket)?;
        self.unsent.give_back(&mut spare.sealed);
        Ok(())
    }

    /// Puts the last word of TLS behind everything that was taken.
    pub(super) fn close(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.close(&mut self.unread, self.unsent.buffer());
        }
    }

    pub(super) fn flush(&mut self, socket: &mut Socket) -> io::Result<()> {
        self.unsent.flush(socket)
    }

    /// Frees storage that is not needed.
    pub(super) fn shrink(&mut self) {
        self.unsent.shrink();
    }

    pub(super) fn wants_write(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// Whether more may be taken: it would pile up before a peer that does not read.
    pub(super) const fn has_room(&self) -> bool {
        !self.unsent.is_blocked() && !self.failed
    }

    /// Whether the end has come that a read tells.
    pub(super) const fn has_ended(&self) -> bool {
        self.ended
    }

    pub(super) const fn has_failed(&self) -> bool {
        self.failed
    }

    /// Whether it was only needed for the header of the PROXY protocol.
    pub(super) const fn is_done(&self) -> bool {
        !self.proxy && self.tls.is_none()
    }

    /// Bytes of memory, those of the handshake by experience.
    pub(super) fn held(&self) -> usize {
        let tls = if self.tls.is_some() { Tls::HELD } else { 0 };
        size_of::<Self>() + tls + self.unread.capacity() + self.unsent.held()
    }

    /// What the next bytes belong to, if it is a layer here.
    pub(super) fn stage(&self) -> Option<Stage> {
        match &self.tls {
            _ if self.proxy => Some(Stage::Proxy),
            Some(tls) if tls.is_handshaking() => Some(Stage::Tls),
            _ => None,
        }
    }
}
