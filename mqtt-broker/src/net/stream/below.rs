//! What is under the frames of WebSocket: records of TLS, or the socket itself.

use std::io::{self, IoSlice, Write};

use super::socket::Socket;
use super::tls::Tls;
use super::unsent::Unsent;

/// Bytes that become records at once. What the socket does not take of them stays with the connection.
const SEALED_AT_ONCE: usize = 64 << 10;

/// A place for plain bytes. With TLS it never blocks, and its user has to see that little waits in `unsent`.
pub(super) struct Below<'a> {
    pub(super) socket: &'a mut Socket,
    pub(super) tls: &'a mut Option<Tls>,
    /// What TLS has not consumed of what was read.
    pub(super) unread: &'a mut Vec<u8>,
    pub(super) unsent: &'a mut Unsent,
    /// Where parts are put together that become one record.
    pub(super) joined: &'a mut Vec<u8>,
}

impl Write for Below<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(tls) = self.tls else { return self.socket.write(bytes) };
        let bytes = bytes.get(..SEALED_AT_ONCE).unwrap_or(bytes);
        tls.seal(bytes, self.unread, self.unsent.buffer())?;
        Ok(bytes.len())
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        if self.tls.is_none() {
            return self.socket.write_vectored(slices);
        }
        let mut parts = slices.iter().filter(|part| !part.is_empty());
        if let (Some(only), None) = (parts.next(), parts.next()) {
            return self.write(only);
        }
        // a record for each part would cost more than the copy
        let mut joined = std::mem::take(self.joined);
        for part in slices {
            joined.extend_from_slice(part.get(..SEALED_AT_ONCE - joined.len()).unwrap_or(part));
        }
        let written = self.write(&joined);
        joined.clear();
        *self.joined = joined;
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
