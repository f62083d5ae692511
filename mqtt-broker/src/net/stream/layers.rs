//! What lies over a socket: bytes pass through the layers in place on their way in, and on their way out become frames,
//! and records in one buffer.

use std::io::{self, IoSlice, Write};

use super::below::Below;
use super::failure::Failure;
use super::socket::{Peer, Socket};
use super::tls::Tls;
use super::under::Under;
use super::websocket::{Closing, End, Input, WebSocket};
use super::{Received, Spare};
use crate::core::Stage;

/// The layers of one stream, from the socket upwards. They are apart because most have only one, and idle ones are many.
#[derive(Debug, Default)]
pub(in crate::net) struct Layers {
    pub(in crate::net) under: Option<Box<Under>>,
    pub(in crate::net) websocket: Option<WebSocket>,
    /// Why the WebSocket has ended, to be told when what came before the end is handled.
    end: Option<End>,
    /// Whether the peer was told that nothing more will come.
    finished: bool,
}

impl Layers {
    /// Reads once and unwraps what came.
    pub(super) fn read(
        &mut self,
        socket: &mut Socket,
        peer: &mut Peer,
        buffer: &mut [u8],
    ) -> Result<Received, Failure> {
        if let Some(end) = self.end.take() {
            return Err(end.into());
        }
        let mut received = match &mut self.under {
            Some(under) => under.read(socket, peer, buffer)?,
            None => socket.receive(buffer)?,
        };
        if self.under.as_ref().is_some_and(|under| under.is_done()) {
            self.under = None;
        }
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

    /// Takes bytes of MQTT; how many that were. Those that became records are not given back, so there are no more
    /// until the socket has taken them.
    pub(super) fn write(
        &mut self,
        socket: &mut Socket,
        slices: &[IoSlice<'_>],
        spare: &mut Spare,
    ) -> io::Result<usize> {
        if self.finished {
            return Err(io::ErrorKind::NotConnected.into());
        }
        if let Some(under) = &mut self.under {
            under.prepare(socket, spare)?;
        }
        let mut below = Below { socket, under: self.under.as_deref_mut(), joined: &mut spare.joined };
        let taken = match &mut self.websocket {
            Some(websocket) => websocket.framed(&mut below).write_vectored(slices)?,
            None => below.write_vectored(slices)?,
        };
        if let Some(under) = &mut self.under {
            under.send(socket, spare)?;
        }
        Ok(taken)
    }

    /// Puts the layers' last words behind everything that was written.
    pub(super) fn finish(&mut self, socket: &mut Socket, closing: Closing) -> io::Result<()> {
        if self.finished || self.has_failed() {
            return Ok(());
        }
        self.finished = true;
        if let Some(websocket) = &mut self.websocket {
            websocket.close(closing);
            self.write_frames(socket)?;
        }
        if let Some(under) = &mut self.under {
            under.close();
        }
        Ok(())
    }

    pub(super) fn flush(&mut self, socket: &mut Socket) -> io::Result<()> {
        if let Some(under) = &mut self.under {
            under.flush(socket)?;
        }
        if self.under.as_ref().is_none_or(|under| under.has_room()) {
            self.write_frames(socket)?;
        }
        if let Some(under) = &mut self.under {
            under.flush(socket)?;
            under.shrink();
        }
        Ok(())
    }

    /// Writes what the WebSocket has to say besides MQTT.
    fn write_frames(&mut self, socket: &mut Socket) -> io::Result<()> {
        let Some(websocket) = &mut self.websocket else { return Ok(()) };
        let mut below = Below { socket, under: self.under.as_deref_mut(), joined: &mut Vec::new() };
        match websocket.write_pending(&mut below) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            result => result,
        }
    }

    /// Whether the end has come, which no event of the socket will say again.
    pub(super) fn has_ended(&self) -> bool {
        self.end.is_some() || self.under.as_ref().is_some_and(|under| under.has_ended())
    }

    pub(super) fn wants_write(&self) -> bool {
        let frames = self.websocket.as_ref().is_some_and(WebSocket::wants_write) && !self.has_failed();
        frames || self.under.as_ref().is_some_and(|under| under.wants_write())
    }

    fn has_failed(&self) -> bool {
        self.under.as_ref().is_some_and(|under| under.has_failed())
    }

    /// Bytes of memory.
    pub(super) fn held(&self) -> usize {
        let under = self.under.as_ref().map_or(0, |under| under.held());
        size_of::<Self>() + under + self.websocket.as_ref().map_or(0, WebSocket::held)
    }

    pub(super) fn stage(&self) -> Stage {
        if let Some(stage) = self.under.as_ref().and_then(|under| under.stage()) {
            return stage;
        }
        let upgraded = self.websocket.as_ref().is_none_or(WebSocket::is_open);
        if upgraded { Stage::Connect } else { Stage::Upgrade }
    }

    pub(super) fn tls(&self) -> Option<&Tls> {
        self.under.as_ref()?.tls.as_ref()
    }
}
