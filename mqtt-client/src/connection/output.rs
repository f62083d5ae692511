//! What waits to be written to the socket: copied packets, and large payloads that are shared.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes, BytesMut};
use mqtt_codec::Sink;
use mqtt_session::Transmit;

/// Above this many bytes the session is not asked for more.
const MARK: usize = 64 << 10;

/// The unsent bytes of one network connection, in order.
#[derive(Debug, Default)]
pub(crate) struct Output {
    segments: VecDeque<Bytes>,
    tail: BytesMut,
    len: usize,
    written: u64,
}

impl Output {
    /// How many bytes the connection will have carried once everything is written.
    pub(crate) const fn end(&self) -> u64 {
        self.written + self.len as u64
    }

    /// How many bytes the connection has carried.
    pub(crate) const fn written(&self) -> u64 {
        self.written
    }
}

impl Sink for Output {
    fn put(&mut self, bytes: &[u8]) {
        self.tail.extend_from_slice(bytes);
        self.len += bytes.len();
    }
}

impl Transmit for Output {
    fn has_room(&self) -> bool {
        self.len < MARK
    }

    fn put_shared(&mut self, payload: &Bytes) {
        if !self.tail.is_empty() {
            self.segments.push_back(self.tail.split().freeze());
        }
        self.segments.push_back(payload.clone());
        self.len += payload.len();
    }
}

impl Buf for Output {
    fn remaining(&self) -> usize {
        self.len
    }

    fn chunk(&self) -> &[u8] {
        self.segments.front().map_or(&self.tail, |segment| segment)
    }

    fn advance(&mut self, mut count: usize) {
        self.len -= count;
        self.written += count as u64;
        while let Some(segment) = self.segments.front_mut() {
            if count < segment.len() {
                segment.advance(count);
                return;
            }
            count -= segment.len();
            self.segments.pop_front();
        }
        self.tail.advance(count);
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let parts = self.segments.iter().map(|segment| &segment[..]).chain([&self.tail[..]]);
        let mut count = 0;
        for (slice, part) in slices.iter_mut().zip(parts.filter(|part| !part.is_empty())) {
            *slice = IoSlice::new(part);
            count += 1;
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_payloads_keep_their_place_however_the_bytes_are_taken() {
        for step in 1..=9 {
            let mut output = Output::default();
            output.put(b"ab");
            output.put_shared(&Bytes::from_static(b"PAYLOAD"));
            output.put(b"cd");
            output.put_shared(&Bytes::from_static(b"X"));
            output.put(b"e");
            assert_eq!(output.end(), 13);
            let mut taken = Vec::new();
            while output.has_remaining() {
                let count = step.min(output.remaining());
                taken.extend_from_slice(&output.copy_to_bytes(count));
            }
            assert_eq!(taken, b"abPAYLOADcdXe");
            assert_eq!((output.end(), output.written()), (13, 13));
        }
    }

    #[test]
    fn vectored_chunks_are_the_same_bytes_without_empty_parts() {
        let mut output = Output::default();
        output.put_shared(&Bytes::from_static(b"PAYLOAD"));
        let mut slices = [IoSlice::new(&[]); 4];
        assert_eq!(output.chunks_vectored(&mut slices), 1);
        assert_eq!(&slices[0][..], b"PAYLOAD");
    }
}
