//! A broker on loopback, and clients that a test controls packet by packet.
#![allow(dead_code, reason = "no test file uses everything")]

#[path = "../sim/packets.rs"]
pub(crate) mod packets;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use mqtt_broker::config::{Config, Listener};
use mqtt_broker::{Broker, BrokerHandle};
use mqtt_codec::{Connect, Decoder, Packet, ReasonCode, Version};
use socket2::{Domain, Socket, Type};
use tokio::runtime::{Builder, Runtime};

/// A test that waits this long has failed.
const HUNG: Duration = Duration::from_secs(60);

pub(crate) const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A running broker.
pub(crate) struct Running {
    pub(crate) handle: BrokerHandle,
    pub(crate) runtime: Runtime,
    pub(crate) address: SocketAddr,
}

/// Starts a broker on a port that the system chooses, without `$SYS` topics.
pub(crate) fn start(shards: u16, change: impl FnOnce(&mut Config)) -> Running {
    let mut config = Config { sys_interval: Duration::ZERO, ..Config::default() };
    config.shards = shards.try_into().unwrap();
    config.listeners.push(Listener::from(LOOPBACK));
    // clients of tests stay open longer than the broker
    config.limits.linger = Duration::from_millis(100);
    change(&mut config);
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let handle = runtime.block_on(Broker::builder().config(config).start()).unwrap();
    let address = handle.addresses()[0];
    Running { handle, runtime, address }
}

impl Running {
    /// What comes of `future`, which is over within the time of a test.
    pub(crate) fn wait_for<T>(&self, future: impl Future<Output = T>) -> T {
        let limited = async { tokio::time::timeout(HUNG, future).await };
        self.runtime.block_on(limited).expect("the broker answers in time")
    }

    pub(crate) fn connect(&self, connect: Connect) -> Peer {
        Peer::connect(self.address, connect)
    }

    /// Stops the broker; returns when its threads have ended.
    pub(crate) fn shut_down(self) {
        let Self { handle, runtime, .. } = self;
        let limited = async { tokio::time::timeout(HUNG, handle.shutdown()).await };
        runtime.block_on(limited).expect("the broker stops in time");
    }

    /// Turns of the event loops while `probe` pings `times` times: what the broker does besides is far more if
    /// it is in a busy loop.
    pub(crate) fn turns_during_pings(&self, probe: &mut Peer, times: usize) -> u64 {
        let turns = || self.handle.count(mqtt_broker::core::Counter::Turns);
        probe.ping();
        let before = turns();
        (0..times).for_each(|_| probe.ping());
        turns() - before
    }

    /// Waits until so many clients are connected, by round trips of `probe`.
    pub(crate) fn wait_for_connected(&self, probe: &mut Peer, connected: u64) {
        for _ in 0..1_000_000 {
            if self.handle.connected() == connected {
                return;
            }
            probe.ping();
        }
        panic!("{} clients are connected, not {connected}", self.handle.connected());
    }
}

/// One connection.
pub(crate) struct Peer {
    pub(crate) stream: TcpStream,
    version: Version,
    decoder: Decoder,
    unread: Vec<u8>,
}

impl Peer {
    /// A connection that has sent nothing.
    pub(crate) fn open(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).unwrap(), Version::V5)
    }

    /// A connection whose kernel buffers few bytes.
    pub(crate) fn narrow(address: SocketAddr, connect: Connect) -> Self {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
        socket.set_recv_buffer_size(4 << 10).unwrap();
        socket.connect(&address.into()).unwrap();
        Self::over(socket.into(), connect.version).introduce(connect)
    }

    fn over(stream: TcpStream, version: Version) -> Self {
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(HUNG)).unwrap();
        stream.set_write_timeout(Some(HUNG)).unwrap();
        Self { stream, version, decoder: Decoder::client(version, u32::MAX), unread: Vec::new() }
    }

    pub(crate) fn connect(address: SocketAddr, connect: Connect) -> Self {
        Self::over(TcpStream::connect(address).unwrap(), connect.version).introduce(connect)
    }

    /// Sends CONNECT; the code of CONNACK says whether that has made a client of it.
    pub(crate) fn ask(address: SocketAddr, connect: Connect) -> (Self, ReasonCode) {
        let mut peer = Self::over(TcpStream::connect(address).unwrap(), connect.version);
        peer.send(&[Packet::Connect(connect)]);
        match peer.next() {
            Some(Packet::ConnAck(connack)) => (peer, connack.reason),
            other => panic!("{other:?}"),
        }
    }

    /// Sends CONNECT and takes CONNACK.
    pub(crate) fn introduce(mut self, connect: Connect) -> Self {
        self.version = connect.version;
        self.decoder = Decoder::client(connect.version, u32::MAX);
        self.send(&[Packet::Connect(connect)]);
        match self.next() {
            Some(Packet::ConnAck(connack)) => assert_eq!(connack.reason, ReasonCode::Success),
            other => panic!("{other:?}"),
        }
        self
    }

    pub(crate) fn encode(&self, packets: &[Packet]) -> Vec<u8> {
        let mut bytes = Vec::new();
        packets.iter().for_each(|packet| packet.encode(self.version, &mut bytes).unwrap());
        bytes
    }

    pub(crate) fn send(&mut self, packets: &[Packet]) {
        let bytes = self.encode(packets);
        self.stream.write_all(&bytes).unwrap();
    }

    /// The next packet; `None` at the end of the connection.
    pub(crate) fn next(&mut self) -> Option<Packet> {
        loop {
            if let Some((packet, len)) = self.decoder.decode_next(&self.unread).unwrap() {
                let packet = packet.to_packet();
                self.unread.drain(..len);
                return Some(packet);
            }
            let mut buffer = [0; 16 << 10];
            match self.stream.read(&mut buffer) {
                Ok(0) => return None,
                Ok(len) => self.unread.extend_from_slice(&buffer[..len]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Subscribes and waits for SUBACK.
    pub(crate) fn subscribe(&mut self, filters: &[&str], qos: mqtt_codec::QoS) {
        self.send(&[packets::subscribe(filters, qos)]);
        match self.next() {
            Some(Packet::SubAck(suback)) => assert!(suback.reasons.iter().all(|reason| !reason.is_error())),
            other => panic!("{other:?}"),
        }
    }

    /// The payloads of the next `count` messages; what a client that conforms answers is answered.
    pub(crate) fn messages(&mut self, count: usize) -> Vec<String> {
        let mut payloads = Vec::new();
        while payloads.len() < count {
            let packet = self.next().unwrap_or_else(|| panic!("the end after {} messages", payloads.len()));
            payloads.extend(packets::payloads(std::slice::from_ref(&packet)));
            let answers = packets::answers(&[packet]);
            self.send(&answers);
        }
        payloads
    }

    /// Round trip; what comes before PINGRESP is answered and forgotten.
    pub(crate) fn ping(&mut self) {
        self.send(&[Packet::PingReq]);
        loop {
            match self.next().expect("the broker answers") {
                Packet::PingResp => return,
                other => {
                    let answers = packets::answers(&[other]);
                    self.send(&answers);
                }
            }
        }
    }

    /// Breaks the connection with a reset.
    pub(crate) fn reset(self) {
        let socket = Socket::from(self.stream);
        socket.set_linger(Some(Duration::ZERO)).unwrap();
    }
}
