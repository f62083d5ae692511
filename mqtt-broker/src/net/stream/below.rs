//! Where frames of WebSocket go, and MQTT without them: records of TLS, or the socket itself.

use std::io::{self, IoSlice, Write};

use super::socket::Socket;
use super::under::{SEALED_AT_ONCE, Under};

/// A place for bytes.
pub(super) struct Below<'a> {
    pub(super) socket: &'a mut Socket,
    pub(super) under: Option<&'a mut Under>,
    /// Where parts are put together that become one record.
    pub(super) joined: &'a mut Vec<u8>,
}

impl Write for Below<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.under {
            Some(under) => under.seal(bytes),
            None => self.socket.write(bytes),
        }
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let Some(under) = &mut self.under else { return self.socket.write_vectored(slices) };
        let mut parts = slices.iter().filter(|part| !part.is_empty());
        if let (Some(only), None) = (parts.next(), parts.next()) {
            return under.seal(only);
        }
        // a record for each part would cost more than the copy
        self.joined.clear();
        for part in slices {
            let room = SEALED_AT_ONCE - self.joined.len();
            self.joined.extend_from_slice(part.get(..room).unwrap_or(part));
        }
        under.seal(self.joined)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
