//! Streams as values: a connection moves from one shard to another as one of these and its unread bytes.

use std::io::{self, Read, Write};
use std::net::Shutdown;

use mio::event::Source;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

/// The transport of a connection. TLS and WebSocket will be values of this kind too, over the same socket.
#[derive(Debug)]
pub(super) enum Stream {
    Tcp(TcpStream),
}

impl Stream {
    /// Registers for both directions at once; readiness is reported when it changes, not while it lasts.
    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let Self::Tcp(socket) = self;
        socket.register(registry, token, Interest::READABLE | Interest::WRITABLE)
    }

    pub(super) fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        let Self::Tcp(socket) = self;
        socket.deregister(registry)
    }

    /// Says to the peer that nothing more will come; what it sends can still be read.
    pub(super) fn shut_down(&self) {
        let Self::Tcp(socket) = self;
        // the peer may be gone already, which is what is wanted
        let _ = socket.shutdown(Shutdown::Write);
    }

    /// The other end, for the log.
    pub(super) fn peer(&self) -> String {
        let Self::Tcp(socket) = self;
        socket.peer_addr().map_or_else(|_| "?".to_owned(), |address| address.to_string())
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Self::Tcp(socket) = self;
        socket.read(buffer)
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Self::Tcp(socket) = self;
        socket.write(bytes)
    }

    fn write_vectored(&mut self, slices: &[io::IoSlice<'_>]) -> io::Result<usize> {
        let Self::Tcp(socket) = self;
        socket.write_vectored(slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
