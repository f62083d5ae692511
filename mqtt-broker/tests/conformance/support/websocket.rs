//! A client of raw WebSocket frames over TCP.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use mqtt_codec::Version;

use super::broker::{TestBroker, clean, connack};
use super::wire;

/// A test fails rather than waits longer than this.
const PATIENCE: Duration = Duration::from_secs(20);
const MASK: [u8; 4] = [0x5A, 0x00, 0xFF, 0x1D];

pub(crate) const TEXT: u8 = 0x81;
pub(crate) const BINARY: u8 = 0x82;
pub(crate) const CLOSE: u8 = 0x88;
pub(crate) const PING: u8 = 0x89;
pub(crate) const PONG: u8 = 0x8A;

/// The request of a client, with the lines that matter to a test.
pub(crate) fn request(path: &str, more: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{more}\r\n"
    )
}

/// A masked frame. `first` is FIN and the opcode.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        len @ 0..=125 => frame.push(0x80 | len as u8),
        len @ 126..=0xFFFF => {
            frame.push(0x80 | 126);
            frame.extend((len as u16).to_be_bytes());
        }
        len => {
            frame.push(0x80 | 127);
            frame.extend((len as u64).to_be_bytes());
        }
    }
    frame.extend(MASK);
    frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// What a client of MQTT offers.
pub(crate) const OFFER: &str = "Sec-WebSocket-Protocol: mqtt\r\n";

/// A broker with a listener for TCP, and one for WebSocket.
pub(crate) fn broker() -> TestBroker {
    TestBroker::with(|config| config.listeners.push("ws://127.0.0.1:0/mqtt".parse().expect("a URL")))
}

pub(crate) fn open(broker: &TestBroker, version: Version) -> WebSocket {
    WebSocket::open(broker.address(1), version)
}

/// A client with a clean start.
#[track_caller]
pub(crate) fn client(broker: &TestBroker, version: Version, client_id: &str) -> WebSocket {
    let mut client = open(broker, version);
    client.send_packets(&clean(version, client_id));
    client.expect(&connack(version, false));
    client
}

/// One network connection.
pub(crate) struct WebSocket {
    socket: TcpStream,
    version: Version,
    /// Bytes that belong to no frame yet.
    received: Vec<u8>,
    /// Payloads of binary frames.
    mqtt: Vec<u8>,
    /// Payloads of pongs that came between packets.
    pub(crate) pongs: Vec<Vec<u8>>,
}

impl WebSocket {
    /// A connection on which nothing was sent.
    pub(crate) fn connect(address: SocketAddr, version: Version) -> Self {
        let socket = TcpStream::connect(address).expect("the broker listens");
        socket.set_nodelay(true).expect("an option of TCP");
        socket.set_read_timeout(Some(PATIENCE)).expect("an option of sockets");
        Self { socket, version, received: Vec::new(), mqtt: Vec::new(), pongs: Vec::new() }
    }

    /// A connection after its upgrade.
    #[track_caller]
    pub(crate) fn open(address: SocketAddr, version: Version) -> Self {
        let mut client = Self::connect(address, version);
        client.send(request("/mqtt", OFFER).as_bytes());
        let response = client.response();
        assert!(response.starts_with("HTTP/1.1 101 "), "{response}");
        client
    }

    /// Sends bytes. The broker may have closed the connection: that is seen when reading.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        match self.socket.write_all(bytes) {
            Err(error) if !is_closed(error.kind()) => panic!("{error}"),
            _ => {}
        }
    }

    /// Sends packets, in the notation of [`wire`], as one frame.
    #[track_caller]
    pub(crate) fn send_packets(&mut self, text: &str) {
        let packets = wire::bytes(self.version, text);
        self.send(&frame(BINARY, &packets));
    }

    /// The head of an HTTP response.
    #[track_caller]
    pub(crate) fn response(&mut self) -> String {
        loop {
            if let Some(end) = self.received.windows(4).position(|end| end == b"\r\n\r\n") {
                let head = self.received.drain(..end + 4).collect();
                return String::from_utf8(head).expect("text");
            }
            assert!(self.fill(), "no response after {}", String::from_utf8_lossy(&self.received));
        }
    }

    /// Everything until the end of the connection, as text.
    #[track_caller]
    pub(crate) fn rest(&mut self) -> String {
        while self.fill() {}
        String::from_utf8(std::mem::take(&mut self.received)).expect("text")
    }

    /// The next frame: its first byte and its payload.
    #[track_caller]
    pub(crate) fn frame(&mut self) -> (u8, Vec<u8>) {
        loop {
            if let Some((header, len)) = self.header()
                && self.received.len() >= header + len
            {
                let frame: Vec<u8> = self.received.drain(..header + len).collect();
                return (frame[0], frame[header..].to_vec());
            }
            assert!(self.fill(), "the connection ended after {:02X?}", self.received);
        }
    }

    /// The lengths of the header and of the payload, if they are known.
    fn header(&self) -> Option<(usize, usize)> {
        let second = *self.received.get(1)?;
        assert!(second < 0x80, "a server does not mask");
        match second {
            126 => {
                let len = self.received.get(2..4)?.try_into().expect("two bytes");
                Some((4, usize::from(u16::from_be_bytes(len))))
            }
            127 => {
                let len = self.received.get(2..10)?.try_into().expect("eight bytes");
                Some((10, u64::from_be_bytes(len) as usize))
            }
            len => Some((2, usize::from(len))),
        }
    }

    /// The next packet, whose bytes may be in any binary frames.
    #[track_caller]
    pub(crate) fn packet(&mut self) -> Vec<u8> {
        loop {
            if let Some(len) = wire::first_packet(&self.mqtt) {
                return self.mqtt.drain(..len).collect();
            }
            match self.frame() {
                (BINARY, payload) => self.mqtt.extend(payload),
                (PONG, payload) => self.pongs.push(payload),
                other => panic!("packets come in binary frames, not {other:02X?}"),
            }
        }
    }

    /// The next packets are exactly these, in the notation of [`wire`].
    #[track_caller]
    pub(crate) fn expect(&mut self, text: &str) {
        wire::expect(self.version, text, || self.packet());
    }

    /// The broker closes the WebSocket with a status, then the connection, and says nothing else.
    #[track_caller]
    pub(crate) fn expect_close(&mut self, status: u16) {
        assert_eq!(self.frame(), (CLOSE, status.to_be_bytes().to_vec()));
        self.expect_end();
    }

    #[track_caller]
    pub(crate) fn expect_end(&mut self) {
        while self.fill() {}
        assert!(self.received.is_empty() && self.mqtt.is_empty(), "before the end: {:02X?}", self.received);
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
                panic!("nothing came after {:02X?}", self.received)
            }
            Err(error) => panic!("{error}"),
        }
    }
}

fn is_closed(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted)
}
