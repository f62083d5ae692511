//! One connection under load: a read and a write per turn at most.

use std::io::{ErrorKind, Read, Write};

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};

use super::frame::{Frame, Split, split};
use super::setup::{Accepted, io_void};
use super::void::{Peer, Void};
use super::wire::Wire;

/// A non-blocking stream with what was not yet understood and not yet written.
#[derive(Debug)]
pub(crate) struct Connection {
    wire: Wire,
    pub(crate) peer: Peer,
    /// The beginning of a packet whose end has not come.
    partial: Vec<u8>,
    /// No packet of the broker is larger.
    largest: usize,
    pub(crate) output: Vec<u8>,
    written: usize,
    /// The socket has not taken all of `output`; an event will say when it takes more.
    blocked: bool,
}

impl Connection {
    /// Takes over an accepted connection; its events will carry `token`.
    pub(crate) fn new(
        accepted: Accepted,
        token: Token,
        registry: &Registry,
        largest: usize,
    ) -> Result<Self, Void> {
        let peer = accepted.peer;
        let register = || -> std::io::Result<Wire> {
            accepted.wire.set_nonblocking()?;
            let interest = Interest::READABLE | Interest::WRITABLE;
            registry.register(&mut SourceFd(&accepted.wire.fd()), token, interest)?;
            Ok(accepted.wire)
        };
        let wire = register().map_err(|error| Void::Io(peer, error))?;
        Ok(Self { wire, peer, partial: Vec::new(), largest, output: Vec::new(), written: 0, blocked: false })
    }

    /// Reads once and hands each whole packet to `handle`. Returns whether the socket may hold more.
    ///
    /// `buffer` has `READ_SIZE` bytes and is shared by all connections.
    pub(crate) fn read(
        &mut self,
        buffer: &mut [u8],
        mut handle: impl FnMut(Frame<'_>, &mut Vec<u8>) -> Result<(), Void>,
    ) -> Result<bool, Void> {
        let count = match self.wire.read(buffer) {
            Ok(0) => return Err(Void::Closed(self.peer)),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(true),
            Err(error) => return Err(io_void(self.peer, error)),
        };
        let Self { partial, output, peer, .. } = self;
        let came = &buffer[..count];
        let mut handle_all = |bytes| hand_over(bytes, *peer, |frame| handle(frame, output));
        if partial.is_empty() {
            partial.extend_from_slice(handle_all(came)?);
        } else {
            partial.extend_from_slice(came);
            let left = handle_all(partial)?.len();
            partial.drain(..partial.len() - left);
        }
        if partial.len() > self.largest {
            return Err(Void::Malformed(self.peer));
        }
        // Events are edge-triggered, and a short read has emptied the socket.
        Ok(count == buffer.len() || self.wire.is_buffered())
    }

    /// Writes once. What the socket does not take waits for it to become writable.
    pub(crate) fn write(&mut self) -> Result<(), Void> {
        if self.blocked || !self.has_output() {
            return Ok(());
        }
        let rest = &self.output[self.written..];
        let written = if rest.is_empty() { self.wire.flush().map(|()| 0) } else { self.wire.write(rest) };
        match written {
            Ok(count) => self.written += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(io_void(self.peer, error)),
        }
        let is_all = self.written == self.output.len();
        self.blocked = !is_all || self.wire.has_unsent();
        if is_all {
            self.output.clear();
            self.written = 0;
        }
        Ok(())
    }

    /// Notes that the socket takes output again, and tells whether it had refused some.
    pub(crate) fn unblock(&mut self) -> bool {
        std::mem::take(&mut self.blocked)
    }

    /// Whether the socket has refused output and taken none since.
    pub(crate) fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// Whether something is not written yet.
    pub(crate) fn has_output(&self) -> bool {
        !self.output.is_empty() || self.wire.has_unsent()
    }
}

/// Gives all whole packets to `handle` and returns the bytes after them.
fn hand_over(
    mut bytes: &[u8],
    peer: Peer,
    mut handle: impl FnMut(Frame<'_>) -> Result<(), Void>,
) -> Result<&[u8], Void> {
    loop {
        match split(bytes) {
            Split::Frame(frame, rest) => {
                handle(frame)?;
                bytes = rest;
            }
            Split::Partial => return Ok(bytes),
            Split::Malformed => return Err(Void::Malformed(peer)),
        }
    }
}

/// What is read from one connection in one turn at most.
pub(crate) const READ_SIZE: usize = 64 * 1024;
