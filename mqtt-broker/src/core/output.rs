//! Bytes that a connection has not taken yet: a buffer, and large payloads that are shared and not copied.

use std::collections::VecDeque;
use std::io::{self, IoSlice, Write};

use bytes::Bytes;
use mqtt_codec::Sink;
use mqtt_session::{COPY_LIMIT, Transmit};

/// Written bytes at the front of a buffer that are worth moving the rest for.
const GAP: usize = 16 << 10;
/// Slices given to one vectored write.
const SLICES: usize = 16;

/// The output of one connection.
#[derive(Debug, Default)]
pub struct Output {
    buffer: Vec<u8>,
    /// Bytes of `buffer` that are written.
    start: usize,
    /// Payloads that stand between bytes of `buffer`: before which of them, and the payload.
    shared: VecDeque<(usize, Bytes)>,
    /// Bytes of the shared payloads that are not written.
    shared_len: usize,
    /// Unsent bytes above which there is no room.
    mark: usize,
}

impl Output {
    /// An output that has room up to `mark` unsent bytes, and always for one packet.
    pub fn new(mark: usize) -> Self {
        Self { mark: mark.max(1), ..Self::default() }
    }

    /// Unsent bytes.
    pub fn len(&self) -> usize {
        self.buffer.len() - self.start + self.shared_len
    }

    /// Whether everything was written.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that the output has storage for; shared payloads are stored elsewhere.
    pub const fn capacity(&self) -> usize {
        self.buffer.capacity()
    }

    /// A copy of the last `bytes` unsent bytes.
    pub(super) fn last(&self, bytes: usize) -> Vec<u8> {
        let mut all = Vec::with_capacity(bytes);
        let mut skip = self.len() - bytes.min(self.len());
        let mut from = self.start;
        let mut put = |part: &[u8]| {
            all.extend_from_slice(part.get(skip..).unwrap_or_default());
            skip = skip.saturating_sub(part.len());
        };
        for (before, payload) in &self.shared {
            put(self.buffer.get(from..*before).unwrap_or_default());
            put(payload);
            from = *before;
        }
        put(self.buffer.get(from..).unwrap_or_default());
        all
    }

    /// Writes as much as `sink` takes in one call; how many bytes that were.
    ///
    /// # Errors
    /// Those of the sink, `WouldBlock` among them.
    pub fn write_to(&mut self, sink: &mut impl Write) -> io::Result<usize> {
        let written = if self.shared.is_empty() {
            sink.write(self.buffer.get(self.start..).unwrap_or_default())?
        } else {
            self.write_vectored(sink)?
        };
        self.advance(written);
        Ok(written)
    }

    fn write_vectored(&self, sink: &mut impl Write) -> io::Result<usize> {
        let mut slices = [IoSlice::new(&[]); SLICES];
        let mut used = 0;
        let mut from = self.start;
        for (before, payload) in &self.shared {
            if used + 2 > SLICES {
                return sink.write_vectored(slices.get(..used).unwrap_or_default());
            }
            for part in [self.buffer.get(from..*before).unwrap_or_default(), payload] {
                if let Some(slice) = slices.get_mut(used).filter(|_| !part.is_empty()) {
                    *slice = IoSlice::new(part);
                    used += 1;
                }
            }
            from = *before;
        }
        if let Some(slice) = slices.get_mut(used) {
            *slice = IoSlice::new(self.buffer.get(from..).unwrap_or_default());
            used += 1;
        }
        sink.write_vectored(slices.get(..used).unwrap_or_default())
    }

    fn advance(&mut self, mut written: usize) {
        while let Some((before, payload)) = self.shared.front_mut() {
            let copied = *before - self.start;
            if written < copied {
                break;
            }
            written -= copied;
            self.start = *before;
            let taken = written.min(payload.len());
            bytes::Buf::advance(payload, taken);
            self.shared_len -= taken;
            written -= taken;
            if !payload.is_empty() {
                return self.close_gap();
            }
            self.shared.pop_front();
        }
        self.start += written;
        if self.start == self.buffer.len() && self.shared.is_empty() {
            self.buffer.clear();
            self.start = 0;
        }
        self.close_gap();
    }

    /// Gives written bytes back: a reader that is always a little behind never lets the buffer become empty.
    fn close_gap(&mut self) {
        if self.start < GAP || self.start < self.buffer.len() / 2 {
            return;
        }
        self.buffer.drain(..self.start);
        for (before, _) in &mut self.shared {
            *before -= self.start;
        }
        self.start = 0;
    }

    /// Takes the empty buffer away, so that an idle connection holds none.
    pub fn take_buffer(&mut self) -> Option<Vec<u8>> {
        (self.is_empty() && self.buffer.capacity() > 0).then(|| std::mem::take(&mut self.buffer))
    }

    /// Gives a buffer to an output that has none.
    pub fn give_buffer(&mut self, buffer: Vec<u8>) {
        if self.buffer.capacity() == 0 {
            self.buffer = buffer;
        }
    }

    /// Whether the output has storage of its own.
    pub const fn has_buffer(&self) -> bool {
        self.buffer.capacity() > 0
    }
}

impl Sink for Output {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }
}

impl Transmit for Output {
    #[inline]
    fn has_room(&self) -> bool {
        self.len() < self.mark
    }

    fn put_shared(&mut self, payload: &Bytes) {
        if payload.len() <= COPY_LIMIT {
            return self.put(payload);
        }
        self.shared.push_back((self.buffer.len(), payload.clone()));
        self.shared_len += payload.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes at most three bytes a call.
    struct Narrow(Vec<u8>);

    impl Write for Narrow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = bytes.len().min(3);
            self.0.extend_from_slice(&bytes[..taken]);
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn shared_payloads_keep_their_place_through_partial_writes() {
        let mut output = Output::new(1 << 20);
        let large: Bytes = (0..COPY_LIMIT + 50).map(|byte| byte as u8).collect::<Vec<_>>().into();
        let mut expected = Vec::new();
        for round in 0..20u8 {
            output.put(&[round; 5]);
            expected.extend_from_slice(&[round; 5]);
            output.put_shared(&large);
            expected.extend_from_slice(&large);
        }
        output.put(b"end");
        expected.extend_from_slice(b"end");
        let mut narrow = Narrow(Vec::new());
        let mut last = expected.len();
        while !output.is_empty() {
            assert_eq!(output.last(last), expected[expected.len() - last..]);
            last = output.len() * 2 / 3;
            output.write_to(&mut narrow).unwrap();
        }
        assert_eq!(narrow.0, expected);
        assert!(output.take_buffer().is_some());
    }
}
