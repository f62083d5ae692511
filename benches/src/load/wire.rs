//! What carries the bytes: TCP, or TLS over it, and perhaps frames of WebSocket.
//!
//! Before the load calls block, under it they do not; the socket decides.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientConfig, Resumption};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConnection, DigitallySignedStruct, Error, SignatureScheme};

use super::websocket::Frames;

/// Where and how clients connect.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    /// What they offer, if they use TLS.
    pub(crate) tls: Option<Arc<ClientConfig>>,
    pub(crate) websocket: bool,
}

impl Target {
    /// What a client of TLS begins with.
    pub(crate) fn hello(&self) -> io::Result<Option<Vec<u8>>> {
        let Some(config) = &self.tls else { return Ok(None) };
        let name = ServerName::from(self.address.ip());
        let mut client = ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?;
        let mut hello = Vec::new();
        client.write_tls(&mut hello)?;
        Ok(Some(hello))
    }
}

/// A connection to a broker, for the bytes of MQTT.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: Stream,
    frames: Option<Frames>,
}

impl Wire {
    /// Over TLS the handshake begins now, and is completed by the first write. An upgrade to WebSocket is completed.
    pub(crate) fn new(socket: TcpStream, target: &Target) -> io::Result<Self> {
        let mut stream = Stream::new(socket, target.tls.as_ref())?;
        let frames = if target.websocket { Some(Frames::upgrade(&mut stream)?) } else { None };
        Ok(Self { stream, frames })
    }

    /// From now on calls do not block.
    pub(crate) fn set_nonblocking(&self) -> io::Result<()> {
        self.stream.socket.set_nonblocking(true)
    }

    pub(crate) fn fd(&self) -> RawFd {
        self.stream.socket.as_raw_fd()
    }

    /// Whether more may be there to read although a read was short.
    pub(crate) const fn is_buffered(&self) -> bool {
        self.stream.tls.is_some() || self.frames.is_some()
    }

    /// Whether records or frames wait for the socket.
    pub(crate) fn has_unsent(&self) -> bool {
        self.stream.tls.as_ref().is_some_and(|tls| tls.wants_write())
            || self.frames.as_ref().is_some_and(Frames::has_unsent)
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let len = self.stream.read(buffer)?;
            let Some(frames) = &mut self.frames else { return Ok(len) };
            let payload = frames.unwrap(&mut buffer[..len]);
            if payload > 0 || len == 0 {
                return Ok(payload);
            }
        }
    }
}

impl Write for Wire {
    /// Takes whole packets if there are frames, and all of them.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(frames) = &mut self.frames else { return self.stream.write(bytes) };
        frames.put(bytes);
        frames.flush(&mut self.stream)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if let Some(frames) = &mut self.frames {
            frames.flush(&mut self.stream)?;
        }
        self.stream.flush()
    }
}

/// A socket, or TLS over it.
#[derive(Debug)]
struct Stream {
    socket: TcpStream,
    tls: Option<Box<ClientConnection>>,
}

impl Stream {
    fn new(mut socket: TcpStream, tls: Option<&Arc<ClientConfig>>) -> io::Result<Self> {
        let Some(config) = tls else { return Ok(Self { socket, tls: None }) };
        let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
        let mut tls = ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?;
        while tls.wants_write() {
            tls.write_tls(&mut socket)?;
        }
        Ok(Self { socket, tls: Some(Box::new(tls)) })
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Self { socket, tls: Some(tls) } = self else { return self.socket.read(buffer) };
        loop {
            match tls.reader().read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                // not every broker says goodbye
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(0),
                result => return result,
            }
            if tls.read_tls(socket)? == 0 {
                return Ok(0);
            }
            tls.process_new_packets().map_err(io::Error::other)?;
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Self { socket, tls: Some(tls) } = self else { return self.socket.write(bytes) };
        while tls.is_handshaking() {
            tls.complete_io(socket)?;
        }
        let taken = tls.writer().write(bytes)?;
        self.flush()?;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        let Self { socket, tls: Some(tls) } = self else { return Ok(()) };
        while tls.wants_write() {
            match tls.write_tls(socket) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// What the clients of a measurement offer: each handshake is a full one, with a broker that need not prove anything.
pub(crate) fn client() -> Result<Arc<ClientConfig>, Error> {
    let provider = Arc::new(ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Credulous))
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

/// Believes the broker that this program has started: only the broker's work is measured.
#[derive(Debug)]
struct Credulous;

impl ServerCertVerifier for Credulous {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
