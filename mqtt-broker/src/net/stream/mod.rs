//! Streams as values: a socket, and what lies over it.
//!
//! ```text
//!            plain bytes of MQTT
//!   read  ^                       | write
//!         |  WebSocket            |   frames
//!         |  TLS                  |   records
//!         |  PROXY header         v
//!         +------- socket --------+
//! ```
//!
//! A layer is a value beside the socket, not a task or a stream around it. So a connection moves from one shard to
//! another as one value with its unread bytes, an idle one holds no buffers, and reading needs no more of them than the
//! one that all connections of a shard share. A stream without layers is a socket and costs nothing else.

mod below;
mod failure;
mod layers;
mod socket;
#[cfg_attr(not(feature = "tls"), path = "no_tls.rs")]
mod tls;
#[cfg(feature = "tls")]
mod tls_failure;
mod under;
mod unsent;
#[cfg(not(feature = "websocket"))]
#[path = "no_websocket.rs"]
mod websocket;

use std::io::{self, IoSlice, Write};

use mio::{Interest, Registry, Token};

use super::listen::Place;
#[cfg(feature = "websocket")]
use super::websocket;

pub(super) use failure::Failure;
pub(super) use layers::Layers;
pub(super) use socket::{Peer, Socket};
pub(super) use tls::Tls;
pub(super) use under::Under;
pub(super) use websocket::Closing;

use crate::core::Stage;

/// The transport of a connection.
#[derive(Debug)]
pub(super) struct Stream {
    socket: Socket,
    peer: Peer,
    layers: Option<Box<Layers>>,
    /// Its place among the connections of its listener.
    place: Place,
}

/// What came of a read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Received {
    /// Bytes of the socket, whatever they were.
    pub(super) raw: usize,
    /// Bytes of MQTT, at the front of the buffer. With layers there may be none although something was read.
    pub(super) len: usize,
    /// Whether more may be there to be read now.
    pub(super) more: bool,
    /// Whether nothing will come after these bytes.
    pub(super) end: bool,
}

/// Buffers that the streams of a shard share for what they write.
#[derive(Debug, Default)]
pub(super) struct Spare {
    sealed: Vec<u8>,
    joined: Vec<u8>,
}

impl Stream {
    pub(super) const fn new(socket: Socket, peer: Peer, layers: Option<Box<Layers>>, place: Place) -> Self {
        Self { socket, peer, layers, place }
    }

    /// Registers for both directions at once; readiness is reported when it changes, not while it lasts.
    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(self.socket.source(), token, Interest::READABLE | Interest::WRITABLE)
    }

    pub(super) fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        registry.deregister(self.socket.source())
    }

    /// Reads once from the socket. What the layers make of it is at the front of `buffer`, which needs room for two
    /// records of TLS.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<Received, Failure> {
        match &mut self.layers {
            None => self.socket.receive(buffer),
            Some(layers) => layers.read(&mut self.socket, &mut self.peer, buffer),
        }
    }

    /// Takes bytes of MQTT. What a layer makes of them and the socket does not take now stays in the stream, which then
    /// takes no more: see [`Stream::wants_write`].
    pub(super) fn writer<'a>(&'a mut self, spare: &'a mut Spare) -> Writer<'a> {
        Writer { stream: self, spare }
    }

    /// Whether layers have something to say to those of the peer, or to write once the socket takes more.
    pub(super) fn wants_write(&self) -> bool {
        self.layers.as_ref().is_some_and(|layers| layers.wants_write())
    }

    /// Whether the peer has ended it in a layer: a read tells so although the socket may have nothing to be read.
    pub(super) fn has_ended(&self) -> bool {
        self.layers.as_ref().is_some_and(|layers| layers.has_ended())
    }

    /// Writes what layers have to say, as far as the socket takes it.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.layers.as_mut().map_or(Ok(()), |layers| layers.flush(&mut self.socket))
    }

    /// Says to the peer that nothing more will come; what it sends can still be read. To be called again, once the
    /// socket takes more, until it says that this is done.
    pub(super) fn finish(&mut self, closing: Closing) -> io::Result<bool> {
        if let Some(layers) = &mut self.layers {
            layers.finish(&mut self.socket, closing)?;
            layers.flush(&mut self.socket)?;
            if layers.wants_write() {
                return Ok(false);
            }
        }
        self.socket.shut_down();
        Ok(true)
    }

    /// Whether the peer expects to be told of the end by more than the end of the socket.
    pub(super) const fn has_last_words(&self) -> bool {
        self.layers.is_some()
    }

    /// Frees its place among the connections of its listener. The peer sees no end yet.
    pub(super) fn give_back_place(&mut self) {
        self.place.give_back();
    }

    /// What the next bytes belong to.
    pub(super) fn stage(&self) -> Stage {
        self.layers.as_ref().map_or(Stage::Connect, |layers| layers.stage())
    }

    /// Bytes of memory that the layers hold.
    pub(super) fn held(&self) -> usize {
        self.layers.as_ref().map_or(0, |layers| layers.held())
    }

    pub(super) fn has_tls(&self) -> bool {
        self.layers.as_ref().is_some_and(|layers| layers.tls().is_some())
    }

    /// Whether TLS goes on with an earlier session.
    pub(super) fn is_resumed(&self) -> bool {
        self.layers.as_ref().and_then(|layers| layers.tls()).is_some_and(Tls::is_resumed)
    }

    /// The certificate of the peer and those behind it, which TLS has found to be good.
    pub(super) fn peer_certificates(&self) -> Vec<Vec<u8>> {
        let tls = self.layers.as_ref().and_then(|layers| layers.tls());
        tls.map(Tls::peer_certificates).unwrap_or_default()
    }

    /// The other end: of the socket, or what a trusted proxy says.
    pub(super) const fn peer(&self) -> Peer {
        self.peer
    }
}

/// See [`Stream::writer`].
pub(super) struct Writer<'a> {
    stream: &'a mut Stream,
    spare: &'a mut Spare,
}

impl Write for Writer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Stream { socket, layers, .. } = self.stream;
        match layers {
            None => socket.write(bytes),
            Some(layers) => layers.write(socket, &[IoSlice::new(bytes)], self.spare),
        }
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let Stream { socket, layers, .. } = self.stream;
        match layers {
            None => socket.write_vectored(slices),
            Some(layers) => layers.write(socket, slices, self.spare),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
