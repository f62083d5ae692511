//! What lies over a socket: bytes pass through the layers in place on their way in, and on their way out become frames,
//! and records in one buffer.

use std::io::{self, IoSlice, Write};

use super::below::Below;
use super::failure::Failure;
use super::proxy;
use super::socket::{Peer, Socket};
use super::tls::Tls;
use super::unsent::Unsent;
use super::websocket::{Closing, End, Input, WebSocket};
use super::{Received, Spare};
use crate::core::Stage;

/// The layers of one stream, from the socket upwards.
#[derive(Debug, Default)]
pub(in crate::net) struct Layers {
    /// Whether a header of the PROXY protocol is awaited.
    pub(in crate::net) proxy: bool,
    pub(in crate::net) tls: Option<Tls>,
    pub(in crate::net) websocket: Option<WebSocket>,
    /// Why the WebSocket has ended, to be told when what came before the end is handled.
    end: Option<End>,
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
        if let Some(end) = self.end.take() {
            return Err(end.into());
        }
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
        self.unframe(buffer, &mut received)?;
        Ok(received)
    }

    /// Leaves only what is MQTT of the plain bytes.
    fn unframe(&mut self, buffer: &mut [u8], received: &mut Received) -> Result<(), End> {
        let Some(websocket) = &mut self.websocket else { return Ok(()) };
        let Input { len, end } = websocket.handle_bytes(buffer.get_mut(..received.len).unwrap_or_default());
        received.len = len;
        match end {
            Some(end) if len == 0 => Err(end),
            None => Ok(()),
            end => {
                self.end = end;
                received.more = true;
                Ok(())
            }
        }
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
                if start > 0 {
                    raw.copy_within(start.., 0);
                }
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

    /// Takes bytes of MQTT; how many that were. Those that became records are not given back, so there are no more
    /// until the socket has taken them.
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
        let Self { tls, websocket, unread, unsent, .. } = self;
        if tls.is_some() {
            unsent.borrow(&mut spare.sealed);
        }
        let mut below = Below { socket, tls, unread, unsent, joined: &mut spare.joined };
        let taken = match websocket {
            Some(websocket) => websocket.framed(&mut below).write_vectored(slices)?,
            None => below.write_vectored(slices)?,
        };
        self.unsent.flush(socket)?;
        self.unsent.give_back(&mut spare.sealed);
        Ok(taken)
    }

    /// Puts the layers' last words behind everything that was written.
    pub(super) fn finish(&mut self, socket: &mut Socket, closing: Closing) -> io::Result<()> {
        if self.phase != Phase::Serving {
            return Ok(());
        }
        self.phase = Phase::Finished;
        if let Some(websocket) = &mut self.websocket {
            websocket.close(closing);
            self.write_frames(socket)?;
        }
        if let Some(tls) = &mut self.tls {
            tls.close(&mut self.unread, self.unsent.buffer());
        }
        Ok(())
    }

    pub(super) fn flush(&mut self, socket: &mut Socket) -> io::Result<()> {
        self.unsent.flush(socket)?;
        // answers do not pile up before a peer that does not read
        if !self.unsent.is_blocked() && self.phase != Phase::Failed {
            self.write_frames(socket)?;
            self.unsent.flush(socket)?;
        }
        self.unsent.shrink();
        Ok(())
    }

    /// Writes what the WebSocket has to say besides MQTT.
    fn write_frames(&mut self, socket: &mut Socket) -> io::Result<()> {
        let Self { tls, websocket, unread, unsent, .. } = self;
        let Some(websocket) = websocket else { return Ok(()) };
        match websocket.write_pending(&mut Below { socket, tls, unread, unsent, joined: &mut Vec::new() }) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            result => result,
        }
    }

    pub(super) fn wants_write(&self) -> bool {
        !self.unsent.is_empty() || self.websocket.as_ref().is_some_and(WebSocket::wants_write)
    }

    /// Bytes of memory, those of the handshake by experience.
    pub(super) fn held(&self) -> usize {
        let tls = if self.tls.is_some() { Tls::HELD } else { 0 };
        let websocket = self.websocket.as_ref().map_or(0, WebSocket::held);
        size_of::<Self>() + tls + websocket + self.unread.capacity() + self.unsent.held()
    }

    pub(super) fn stage(&self) -> Stage {
        match &self.tls {
            _ if self.proxy => Stage::Proxy,
            Some(tls) if tls.is_handshaking() => Stage::Tls,
            _ if self.websocket.as_ref().is_some_and(|websocket| !websocket.is_open()) => Stage::Upgrade,
            _ => Stage::Connect,
        }
    }

    pub(super) fn is_resumed(&self) -> bool {
        self.tls.as_ref().is_some_and(Tls::is_resumed)
    }
}
