//! One stranger with a fault.

use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use mio::net::TcpStream;

use super::Fault;
use crate::load::packets;

/// One attacker, whose connections follow one another.
#[derive(Debug)]
pub(super) struct Attacker {
    fault: Fault,
    /// What it sends, and how much of it is sent on this connection.
    bytes: Vec<u8>,
    sent: usize,
    /// When a slow one sends its next byte.
    next: Option<Instant>,
}

/// What becomes of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Stay,
    Close,
}

impl Attacker {
    pub(super) fn new(fault: Fault, number: usize, hello: &[u8]) -> Self {
        let mut connect = Vec::new();
        packets::connect(
            4,
            &format!("flood{number:06}{}", "x".repeat(200)),
            packets::Afterwards::Ends,
            &mut connect,
        );
        let bytes = match fault {
            Fault::All | Fault::Silent | Fault::Storm => Vec::new(),
            Fault::Garbage => (0..200).map(|at| (number.wrapping_mul(31) + at * 7) as u8 | 0x80).collect(),
            Fault::Half => connect[..connect.len() / 2].to_vec(),
            Fault::Slow => connect[..connect.len() - 1].to_vec(),
            Fault::Hello => hello.to_vec(),
            Fault::SlowHello => hello[..hello.len().saturating_sub(1)].to_vec(),
            // a protocol level that does not exist is answered with CONNACK
            Fault::Refused => {
                let level = connect.windows(4).position(|name| name == b"MQTT").map(|at| at + 4);
                if let Some(level) = level.and_then(|at| connect.get_mut(at)) {
                    *level = 9;
                }
                connect
            }
        };
        Self { fault, bytes, sent: 0, next: None }
    }

    /// A connection begins.
    pub(super) fn begin(&mut self) {
        self.sent = 0;
        self.next = None;
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.next.is_some_and(|next| next <= now)
    }

    /// The connection can be written to or read from, or its next byte is due.
    pub(super) fn step(
        &mut self,
        stream: &mut TcpStream,
        now: Instant,
        writable: bool,
        readable: bool,
    ) -> Next {
        if writable && self.fault == Fault::Storm {
            return Next::Close;
        }
        if writable && self.write(stream, now) == Next::Close {
            return Next::Close;
        }
        match (readable, self.fault) {
            (false, _) => Next::Stay,
            // who does not read what it is sent sees the end of the connection all the same
            (true, Fault::Refused) if self.sent < self.bytes.len() => Next::Stay,
            (true, Fault::Refused | Fault::Hello) => Next::Close,
            (true, _) => read(stream),
        }
    }

    fn write(&mut self, stream: &mut TcpStream, now: Instant) -> Next {
        let is_slow = matches!(self.fault, Fault::Slow | Fault::SlowHello);
        let most = if is_slow { 1 } else { self.bytes.len() };
        let end = (self.sent + most).min(self.bytes.len());
        if self.sent == end {
            self.next = None;
            return Next::Stay;
        }
        match stream.write(&self.bytes[self.sent..end]) {
            Ok(count) => self.sent += count,
            Err(error) if is_for_now(error.kind()) => {}
            Err(_) => return Next::Close,
        }
        self.next = is_slow.then_some(now + BETWEEN_BYTES);
        Next::Stay
    }
}

/// Throws away what came; the end of the connection is noticed.
fn read(stream: &mut TcpStream) -> Next {
    loop {
        match stream.read(&mut [0; 256]) {
            Ok(0) => return Next::Close,
            Ok(_) => {}
            Err(error) if is_for_now(error.kind()) => return Next::Stay,
            Err(_) => return Next::Close,
        }
    }
}

fn is_for_now(error: ErrorKind) -> bool {
    matches!(error, ErrorKind::WouldBlock | ErrorKind::Interrupted | ErrorKind::NotConnected)
}

/// A slow one takes about ten seconds for what it has to say.
const BETWEEN_BYTES: Duration = Duration::from_millis(40);
