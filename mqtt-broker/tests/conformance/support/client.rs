//! A client of raw bytes over TCP.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use mqtt_codec::Version;

use super::wire;

/// A test fails rather than waits longer than this.
const PATIENCE: Duration = Duration::from_secs(20);

/// One network connection.
pub(crate) struct Client {
    socket: TcpStream,
    version: Version,
    received: Vec<u8>,
}

impl Client {
    pub(crate) fn open(address: SocketAddr, version: Version) -> Self {
        let socket = TcpStream::connect(address).expect("the broker listens");
        socket.set_nodelay(true).expect("an option of TCP");
        socket.set_read_timeout(Some(PATIENCE)).expect("an option of sockets");
        Self { socket, version, received: Vec::new() }
    }

    /// Sends packets in the notation of [`wire`].
    #[track_caller]
    pub(crate) fn send(&mut self, text: &str) {
        let bytes = wire::bytes(self.version, text);
        self.send_bytes(&bytes);
    }

    /// Sends bytes. The broker may have closed the connection: that is seen when reading.
    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        match self.socket.write_all(bytes) {
            Err(error) if !is_closed(error.kind()) => panic!("{error}"),
            _ => {}
        }
    }

    /// The next packets are exactly these, in the notation of [`wire`].
    #[track_caller]
    pub(crate) fn expect(&mut self, text: &str) {
        wire::expect(self.version, text, || self.packet());
    }

    /// The next packet.
    #[track_caller]
    pub(crate) fn packet(&mut self) -> Vec<u8> {
        loop {
            if let Some(length) = wire::first_packet(&self.received) {
                return self.received.drain(..length).collect();
            }
            assert!(self.fill(), "the connection ended after {}", wire::show(&self.received));
        }
    }

    /// The request is answered, and exactly so.
    #[track_caller]
    pub(crate) fn ask(&mut self, request: &str, answer: &str) {
        self.send(request);
        self.expect(answer);
    }

    /// The broker has handled everything that this client has sent, and has nothing more for it.
    ///
    /// Two pings: an answer to the first may overtake messages of its turn, that to the second none of them.
    #[track_caller]
    pub(crate) fn quiet(&mut self) {
        for _ in 0..2 {
            self.ask("C0:", "D0:");
        }
    }

    /// All messages that the broker has for this client now: the first byte of each PUBLISH, and its payload.
    #[track_caller]
    pub(crate) fn messages(&mut self) -> Vec<(u8, String)> {
        let mut messages = Vec::new();
        for _ in 0..2 {
            self.send("C0:");
            loop {
                let packet = self.packet();
                match packet[0] {
                    0xD0 => break,
                    first if first >> 4 == 3 => messages.push((first, self.payload(&packet))),
                    _ => panic!("no message: {}", wire::show(&packet)),
                }
            }
        }
        messages
    }

    /// The payload of a short PUBLISH without properties.
    fn payload(&self, packet: &[u8]) -> String {
        let topic = usize::from(packet[3]);
        let id = if packet[0] & 6 == 0 { 0 } else { 2 };
        let properties = usize::from(self.version.is_v5());
        String::from_utf8(packet[4 + topic + id + properties..].to_vec()).expect("text")
    }

    /// The broker ends the connection, and says nothing more.
    #[track_caller]
    pub(crate) fn expect_end(&mut self) {
        while self.fill() {}
        assert!(self.received.is_empty(), "before the end came {}", wire::show(&self.received));
    }

    /// Ends the connection without a word, and waits until the broker has seen it.
    pub(crate) fn cut(mut self) {
        // it may be closed already
        let _ = self.socket.shutdown(Shutdown::Write);
        while self.fill() {}
    }

    /// Ends the connection with a normal DISCONNECT.
    pub(crate) fn disconnect(mut self) {
        self.send("E0:");
        self.expect_end();
    }

    /// Reads some bytes; false at the end.
    #[track_caller]
    fn fill(&mut self) -> bool {
        let mut buffer = [0; 4096];
        match self.socket.read(&mut buffer) {
            Ok(0) => false,
            Ok(length) => {
                self.received.extend(&buffer[..length]);
                true
            }
            Err(error) if is_closed(error.kind()) => false,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                panic!("nothing came after {}", wire::show(&self.received))
            }
            Err(error) => panic!("{error}"),
        }
    }
}

fn is_closed(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted)
}
