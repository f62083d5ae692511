//! A server whose every packet the test writes itself.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use bytes::BytesMut;
use mqtt_client::{ConnectionError, Dial, Version};
use mqtt_codec::{ConnAck, Connect, Decoder, Packet, ReasonCode};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, DuplexStream, ReadBuf};
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Dials pipes whose other ends come out of [`Server`].
pub(crate) struct Pipes {
    size: usize,
    accepted: mpsc::Sender<DuplexStream>,
}

/// Takes the connections of one client.
pub(crate) struct Server {
    accepted: mpsc::Receiver<DuplexStream>,
    version: Version,
}

/// A dialer and the server that it reaches, over pipes that hold `size` bytes.
pub(crate) fn server(version: Version, size: usize) -> (Pipes, Server) {
    let (sender, accepted) = mpsc::channel(8);
    (Pipes { size, accepted: sender }, Server { accepted, version })
}

impl Dial for Pipes {
    type Stream = DuplexStream;

    async fn dial(&mut self, _: Instant) -> Result<DuplexStream, ConnectionError> {
        let (near, far) = tokio::io::duplex(self.size);
        match self.accepted.send(far).await {
            Ok(()) => Ok(near),
            // the test wants no further connection
            Err(_) => std::future::pending().await,
        }
    }
}

impl Server {
    /// The next connection, before its CONNECT.
    pub(crate) async fn accept_raw(&mut self) -> Peer {
        let stream = super::within(self.accepted.recv()).await.unwrap();
        Peer { stream, decoder: Decoder::server(1 << 20), input: BytesMut::new(), version: self.version }
    }

    /// The next connection and its CONNECT.
    pub(crate) async fn accept(&mut self) -> (Peer, Connect) {
        let mut peer = self.accept_raw().await;
        match peer.receive().await {
            Packet::Connect(connect) => (peer, connect),
            other => panic!("{other:?}"),
        }
    }

    /// The next connection, accepted.
    pub(crate) async fn connected(&mut self, session_present: bool) -> Peer {
        let (mut peer, _) = self.accept().await;
        peer.send(Packet::ConnAck(ConnAck::new(session_present, ReasonCode::Success))).await;
        peer
    }
}

/// The server's end of one connection.
pub(crate) struct Peer {
    stream: DuplexStream,
    decoder: Decoder,
    input: BytesMut,
    version: Version,
}

impl Peer {
    pub(crate) async fn send(&mut self, packet: Packet) {
        let mut bytes = Vec::new();
        packet.encode(self.version, &mut bytes).unwrap();
        self.send_bytes(&bytes).await;
    }

    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) {
        super::within(self.stream.write_all(bytes)).await.unwrap();
    }

    /// The next packet of the client.
    pub(crate) async fn receive(&mut self) -> Packet {
        super::within(self.next()).await.expect("the client has closed the connection")
    }

    /// Takes up to `count` bytes of what the client has sent, without looking at them.
    pub(crate) async fn take(&mut self, count: usize) -> usize {
        let mut bytes = vec![0; count];
        super::within(self.stream.read(&mut bytes)).await.unwrap()
    }

    /// Waits until the client closes the connection. Packets before that are an error.
    pub(crate) async fn closed(&mut self) {
        let packet = super::within(self.next()).await;
        assert_eq!(packet, None);
    }

    /// Whether the client has sent nothing that was not received yet.
    pub(crate) async fn is_quiet(&mut self) -> bool {
        settle().await;
        let mut byte = [0];
        let mut buffer = ReadBuf::new(&mut byte);
        self.input.is_empty()
            && poll_fn(|cx| Poll::Ready(Pin::new(&mut self.stream).poll_read(cx, &mut buffer).is_pending()))
                .await
    }

    async fn next(&mut self) -> Option<Packet> {
        loop {
            let decoded = self.decoder.decode_next(&self.input).unwrap();
            if let Some((packet, len)) = decoded.map(|(packet, len)| (packet.to_packet(), len)) {
                let _ = self.input.split_to(len);
                return Some(packet);
            }
            if self.stream.read_buf(&mut self.input).await.unwrap_or(0) == 0 {
                return None;
            }
        }
    }
}

/// Lets every other task go as far as it can.
pub(crate) async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}
