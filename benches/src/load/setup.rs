//! Connects and subscribes with blocking sockets, before any load.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::frame::{Frame, Split, split, variable_integer};
use super::packets::{self, Afterwards, CONNACK, SUBACK};
use super::void::{Peer, Void};
use super::wire::{Target, Wire};

/// A connection that the broker has accepted, still blocking.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) wire: Wire,
    pub(crate) peer: Peer,
    version: u8,
    /// What the broker allows this client to have in flight.
    pub(crate) receive_maximum: u16,
}

impl Accepted {
    /// Connects as `peer` and waits for the CONNACK.
    pub(crate) fn connect(
        target: &Target,
        peer: Peer,
        version: u8,
        session: Afterwards,
    ) -> Result<Self, Void> {
        let mut wire = open(target, peer)?;
        send_connect(&mut wire, peer, version, session)?;
        Self::await_connack(wire, peer, version)
    }

    /// Only sends the CONNECT: for a session that has messages behind its CONNACK. No client of MQTT 5.0, which must look there for a
    /// Receive Maximum.
    pub(crate) fn returning(target: &Target, peer: Peer, version: u8) -> Result<Self, Void> {
        let mut wire = open(target, peer)?;
        send_connect(&mut wire, peer, version, Afterwards::Stays)?;
        Ok(Self { wire, peer, version, receive_maximum: u16::MAX })
    }

    /// Waits for the CONNACK of a CONNECT that was already sent.
    pub(crate) fn await_connack(mut wire: Wire, peer: Peer, version: u8) -> Result<Self, Void> {
        let (first, body) = receive(&mut wire, peer)?;
        let frame = Frame { first, body: &body };
        expect(&frame, CONNACK, peer)?;
        match body.as_slice() {
            [_, 0, properties @ ..] => {
                let receive_maximum = receive_maximum(properties).unwrap_or(u16::MAX);
                Ok(Self { wire, peer, version, receive_maximum })
            }
            [_, code, ..] => Err(Void::Refused(peer, "CONNACK", *code)),
            _ => Err(Void::Malformed(peer)),
        }
    }

    /// Subscribes and waits for the SUBACK.
    pub(crate) fn subscribe(mut self, filter: &str, qos: u8) -> Result<Self, Void> {
        let mut packet = Vec::new();
        packets::subscribe(self.version, filter, qos, &mut packet);
        self.send(&packet)?;
        let (first, body) = receive(&mut self.wire, self.peer)?;
        let frame = Frame { first, body: &body };
        expect(&frame, SUBACK, self.peer)?;
        match body.last() {
            Some(&granted) if granted == qos => Ok(self),
            Some(&code) => Err(Void::Refused(self.peer, "SUBACK", code)),
            None => Err(Void::Malformed(self.peer)),
        }
    }

    /// Sends a whole packet.
    pub(crate) fn send(&mut self, packet: &[u8]) -> Result<(), Void> {
        self.wire.write_all(packet).map_err(|error| io_void(self.peer, error))
    }
}

/// Opens a socket with a bounded wait for every answer.
pub(crate) fn open(target: &Target, peer: Peer) -> Result<Wire, Void> {
    let open = || {
        let stream = TcpStream::connect(target.address)?;
        stream.set_read_timeout(Some(ANSWER_LIMIT))?;
        stream.set_write_timeout(Some(ANSWER_LIMIT))?;
        stream.set_nodelay(true)?;
        Wire::new(stream, target)
    };
    open().map_err(|error| Void::Io(peer, error))
}

/// Sends the CONNECT of `peer`.
pub(crate) fn send_connect(
    wire: &mut Wire,
    peer: Peer,
    version: u8,
    session: Afterwards,
) -> Result<(), Void> {
    let mut packet = Vec::new();
    packets::connect(version, &peer.client_id(), session, &mut packet);
    wire.write_all(&packet).map_err(|error| io_void(peer, error))
}

/// An I/O error of `peer`, where the end of the stream and the end of patience have their own names.
pub(crate) fn io_void(peer: Peer, error: io::Error) -> Void {
    match error.kind() {
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => Void::Closed(peer),
        ErrorKind::WouldBlock | ErrorKind::TimedOut => Void::Silent(peer, ANSWER_LIMIT),
        _ => Void::Io(peer, error),
    }
}

/// Reads the one packet that is due; nothing can follow it before the client sends more.
fn receive(wire: &mut Wire, peer: Peer) -> Result<(u8, Vec<u8>), Void> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 256];
    loop {
        match split(&bytes) {
            Split::Frame(frame, []) => return Ok((frame.first, frame.body.to_vec())),
            Split::Frame(_, rest) => return Err(Void::Unexpected(peer, rest[0] >> 4)),
            Split::Malformed => return Err(Void::Malformed(peer)),
            Split::Partial => match wire.read(&mut buffer) {
                Ok(0) => return Err(Void::Closed(peer)),
                Ok(count) => bytes.extend_from_slice(&buffer[..count]),
                Err(error) => return Err(io_void(peer, error)),
            },
        }
    }
}

fn expect(frame: &Frame<'_>, kind: u8, peer: Peer) -> Result<(), Void> {
    if frame.kind() == kind { Ok(()) } else { Err(Void::Unexpected(peer, frame.kind())) }
}

/// Finds Receive Maximum among the properties of a CONNACK; 3.1.1 has none.
fn receive_maximum(properties: &[u8]) -> Option<u16> {
    let (length, after) = variable_integer(properties).ok()??;
    let mut left = after.get(..length)?;
    loop {
        let (&identifier, value) = left.split_first()?;
        let size = match identifier {
            RECEIVE_MAXIMUM => return Some(u16::from_be_bytes(*value.first_chunk()?)),
            0x24 | 0x25 | 0x28 | 0x29 | 0x2a => 1,
            0x13 | 0x22 => 2,
            0x11 | 0x27 => 4,
            0x26 => text_size(value)? + text_size(value.get(text_size(value)?..)?)?,
            _ => text_size(value)?,
        };
        left = value.get(size..)?;
    }
}

/// Size of a text or binary value with its length.
fn text_size(value: &[u8]) -> Option<usize> {
    Some(2 + usize::from(u16::from_be_bytes(*value.first_chunk()?)))
}

const RECEIVE_MAXIMUM: u8 = 0x21;

/// For one answer of the broker before the load begins.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receive_maximum_is_found_behind_other_properties() {
        let user_property = b"\x26\x00\x01k\x00\x02vv";
        let assigned = b"\x12\x00\x03abc";
        let sizes = b"\x27\x00\x00\x01\x00\x22\x00\x0a\x24\x01";
        let properties = [&user_property[..], assigned, sizes, b"\x21\x00\x14\x2a\x01"].concat();
        let body = [&[properties.len() as u8], &properties[..]].concat();
        assert_eq!(receive_maximum(&body), Some(20));
    }

    #[test]
    fn without_the_property_there_is_no_receive_maximum() {
        for properties in [&b""[..], b"\x00", b"\x03\x22\x00\x0a", b"\x05\x21"] {
            assert_eq!(receive_maximum(properties), None);
        }
    }
}
