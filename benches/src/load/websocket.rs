//! MQTT in the frames of WebSocket, as most clients send it: a frame for each packet.

use std::io::{self, ErrorKind, Read, Write};

use super::frame::{Split, split};

/// Neither a mask nor a key has to be secret here; browsers draw them, so that they cost a client something.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
const REQUEST: &[u8] = b"GET /mqtt HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n";

/// A frame that is whole and binary.
const BINARY: u8 = 0x82;

/// The framing of one connection.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    /// Frames that the stream has not taken.
    unsent: Vec<u8>,
    /// The beginning of a header whose end has not come.
    header: Vec<u8>,
    /// What is left of the payload of the frame at hand, and whether it is MQTT.
    left: usize,
    binary: bool,
}

impl Frames {
    /// Asks for the upgrade and waits for it.
    pub(crate) fn upgrade(stream: &mut (impl Read + Write)) -> io::Result<Self> {
        stream.write_all(REQUEST)?;
        let mut response = Vec::new();
        while !response.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte)?;
            response.push(byte[0]);
        }
        if response.starts_with(b"HTTP/1.1 101 ") {
            Ok(Self::default())
        } else {
            Err(io::Error::other(String::from_utf8_lossy(&response).into_owned()))
        }
    }

    /// Queues each packet of `packets` as a frame.
    pub(crate) fn put(&mut self, mut packets: &[u8]) {
        while let Split::Frame(_, rest) = split(packets) {
            let (packet, _) = packets.split_at(packets.len() - rest.len());
            self.unsent.push(BINARY);
            match packet.len() {
                len @ 0..=125 => self.unsent.push(0x80 | len as u8),
                len @ 126..=0xffff => {
                    self.unsent.push(0x80 | 126);
                    self.unsent.extend((len as u16).to_be_bytes());
                }
                len => {
                    self.unsent.push(0x80 | 127);
                    self.unsent.extend((len as u64).to_be_bytes());
                }
            }
            self.unsent.extend(MASK);
            self.unsent.extend(packet.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
            packets = rest;
        }
    }

    /// Writes what the stream takes now.
    pub(crate) fn flush(&mut self, stream: &mut impl Write) -> io::Result<()> {
        while !self.unsent.is_empty() {
            match stream.write(&self.unsent) {
                Ok(written) => drop(self.unsent.drain(..written)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    pub(crate) fn has_unsent(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// Moves the MQTT in `bytes` to their front and says how much that is.
    pub(crate) fn unwrap(&mut self, bytes: &mut [u8]) -> usize {
        let (mut read, mut written) = (0, 0);
        while read < bytes.len() {
            if self.left == 0 {
                self.header.push(bytes[read]);
                read += 1;
                self.begin();
                continue;
            }
            let len = self.left.min(bytes.len() - read);
            if self.binary {
                bytes.copy_within(read..read + len, written);
                written += len;
            }
            read += len;
            self.left -= len;
        }
        written
    }

    /// Begins the payload of a frame if its header is complete.
    fn begin(&mut self) {
        let length = match *self.header {
            [_, length @ 0..=125] => usize::from(length),
            [_, 126, a, b] => usize::from(u16::from_be_bytes([a, b])),
            [_, 127, ref length @ ..] => match length.try_into() {
                Ok(length) => u64::from_be_bytes(length) as usize,
                Err(_) => return,
            },
            _ => return,
        };
        self.left = length;
        // what is no control frame is MQTT
        self.binary = self.header[0] & 8 == 0;
        self.header.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_packet_is_a_masked_frame() {
        let mut frames = Frames::default();
        frames.put(&[0xc0, 0, 0x40, 2, 0, 7]);
        assert_eq!(frames.unsent[..8], [0x82, 0x82, 0x37, 0xfa, 0x21, 0x3d, 0xc0 ^ 0x37, 0xfa]);
        assert_eq!(frames.unsent[8..10], [0x82, 0x84]);
        assert_eq!(frames.unsent.len(), 8 + 10);
    }

    #[test]
    fn payloads_come_out_whatever_the_pieces_are() {
        let mut bytes = b"\x82\x03abc\x8a\x02po\x82\x7e\x00\x80".to_vec();
        bytes.extend([b'x'; 128]);
        bytes.extend(b"\x82\x7f\0\0\0\0\0\0\0\x01z");
        let expected = [b"abc".as_slice(), &[b'x'; 128], b"z"].concat();
        for size in [1, 2, 3, 50, 1000] {
            let mut frames = Frames::default();
            let mut came: Vec<u8> = Vec::new();
            for piece in bytes.chunks(size) {
                let mut piece = piece.to_vec();
                let len = frames.unwrap(&mut piece);
                came.extend(&piece[..len]);
            }
            assert_eq!(came, expected, "pieces of {size}");
        }
    }
}
