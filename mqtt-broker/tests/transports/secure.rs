//! A client over TLS that a test controls packet by packet.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use mqtt_codec::{Connect, Decoder, Packet, ReasonCode, Version};
use rustls::client::ClientConfig;
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion, version};

use crate::authority::{Authority, Leaf};
use crate::peer::packets;

pub(crate) const TLS_1_2: &SupportedProtocolVersion = &version::TLS12;
pub(crate) const TLS_1_3: &SupportedProtocolVersion = &version::TLS13;
/// A test that waits this long has failed.
const HUNG: Duration = Duration::from_secs(60);

/// What a client that trusts the authority offers.
pub(crate) fn config(
    authority: &Authority,
    version: &'static SupportedProtocolVersion,
    leaf: Option<&Leaf>,
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(authority.certificate.clone()).expect("a CA");
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[version])
        .expect("a version")
        .with_root_certificates(roots);
    match leaf.map(Leaf::identity) {
        Some((chain, key)) => builder.with_client_auth_cert(chain, key).expect("a certificate"),
        None => builder.with_no_client_auth(),
    }
}

pub(crate) fn connection(config: &Arc<ClientConfig>) -> ClientConnection {
    let name = ServerName::try_from("localhost").expect("a name");
    ClientConnection::new(Arc::clone(config), name).expect("a configuration")
}

/// A connection over TLS, or over anything else that is read and written.
pub(crate) struct Secure<S> {
    pub(crate) stream: S,
    version: Version,
    decoder: Decoder,
    unread: Vec<u8>,
}

pub(crate) type SecureTcp = Secure<StreamOwned<ClientConnection, TcpStream>>;

impl SecureTcp {
    pub(crate) fn open(address: SocketAddr, config: &Arc<ClientConfig>) -> Self {
        let socket = TcpStream::connect(address).expect("it listens");
        socket.set_read_timeout(Some(HUNG)).expect("a timeout");
        Self::over(StreamOwned::new(connection(config), socket))
    }

    pub(crate) fn connect(address: SocketAddr, config: &Arc<ClientConfig>, connect: Connect) -> Self {
        Self::open(address, config).introduce(connect)
    }
}

impl<S: Read + Write> Secure<S> {
    pub(crate) fn over(stream: S) -> Self {
        Self {
            stream,
            version: Version::V5,
            decoder: Decoder::client(Version::V5, u32::MAX),
            unread: Vec::new(),
        }
    }

    /// Sends CONNECT and takes CONNACK.
    pub(crate) fn introduce(mut self, connect: Connect) -> Self {
        self.try_introduce(connect).expect("a connection");
        self
    }

    pub(crate) fn try_introduce(&mut self, connect: Connect) -> io::Result<()> {
        self.version = connect.version;
        self.decoder = Decoder::client(connect.version, u32::MAX);
        self.send(&[Packet::Connect(connect)])?;
        match self.receive()? {
            Some(Packet::ConnAck(connack)) if connack.reason == ReasonCode::Success => Ok(()),
            Some(other) => panic!("{other:?}"),
            None => Err(ErrorKind::UnexpectedEof.into()),
        }
    }

    pub(crate) fn send(&mut self, packets: &[Packet]) -> io::Result<()> {
        let mut bytes = Vec::new();
        packets.iter().for_each(|packet| packet.encode(self.version, &mut bytes).expect("a packet"));
        self.stream.write_all(&bytes)?;
        self.stream.flush()
    }

    /// The next packet; `None` at the end that the broker has announced.
    pub(crate) fn receive(&mut self) -> io::Result<Option<Packet>> {
        loop {
            if let Some((packet, len)) = self.decoder.decode_next(&self.unread).expect("packets") {
                let packet = packet.to_packet();
                self.unread.drain(..len);
                return Ok(Some(packet));
            }
            let mut buffer = [0; 16 << 10];
            match self.stream.read(&mut buffer)? {
                0 => return Ok(None),
                len => self.unread.extend_from_slice(&buffer[..len]),
            }
        }
    }

    pub(crate) fn next(&mut self) -> Packet {
        self.receive().expect("a connection").expect("a packet")
    }

    pub(crate) fn subscribe(&mut self, filter: &str, qos: mqtt_codec::QoS) {
        self.send(&[packets::subscribe(&[filter], qos)]).expect("sent");
        assert!(matches!(self.next(), Packet::SubAck(_)));
    }

    /// The payloads of the next `count` messages, which are acknowledged.
    pub(crate) fn messages(&mut self, count: usize) -> Vec<String> {
        let mut payloads = Vec::new();
        while payloads.len() < count {
            let packet = self.next();
            payloads.extend(packets::payloads(std::slice::from_ref(&packet)));
            self.send(&packets::answers(&[packet])).expect("sent");
        }
        payloads
    }
}
