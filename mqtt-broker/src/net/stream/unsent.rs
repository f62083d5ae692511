//! Bytes that layers have made and the socket has not taken.

use std::io;

use super::socket::Socket;

/// Bytes for the socket, as it gets them.
#[derive(Debug, Default)]
pub(super) struct Unsent {
    bytes: Vec<u8>,
    /// How many of them are written.
    start: usize,
    /// Whether the socket has refused to take more.
    blocked: bool,
}

impl Unsent {
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Whether it has to wait for the socket before it may become more.
    pub(super) const fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// Bytes of memory.
    pub(super) const fn held(&self) -> usize {
        self.bytes.capacity()
    }

    /// Where more can be appended.
    pub(super) const fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// The same, with storage that all streams of a shard share if there is none.
    pub(super) fn borrow(&mut self, spare: &mut Vec<u8>) {
        if self.bytes.capacity() == 0 {
            self.bytes = std::mem::take(spare);
        }
    }

    /// Gives storage that is not needed back.
    pub(super) fn give_back(&mut self, spare: &mut Vec<u8>) {
        if self.bytes.is_empty() {
            let storage = std::mem::take(&mut self.bytes);
            if storage.capacity() > spare.capacity() {
                *spare = storage;
            }
        }
    }

    /// Writes until nothing is left or the socket takes no more.
    pub(super) fn flush(&mut self, socket: &mut Socket) -> io::Result<()> {
        self.blocked = false;
        while let Some(rest) = self.bytes.get(self.start..).filter(|rest| !rest.is_empty()) {
            match socket.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => self.start += written,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.blocked = true;
                    self.bytes.drain(..self.start);
                    self.start = 0;
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.bytes.clear();
        self.start = 0;
        Ok(())
    }

    /// Frees the storage of what is empty: an idle connection holds none.
    pub(super) fn shrink(&mut self) {
        if self.bytes.is_empty() {
            self.bytes = Vec::new();
        }
    }
}
