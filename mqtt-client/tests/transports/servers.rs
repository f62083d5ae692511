//! Servers that accept every client and tell what they saw.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::server::WebPkiClientVerifier;
use rustls::{HandshakeKind, RootCertStore, ServerConfig, SupportedProtocolVersion};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

use crate::certificates::{Ca, Leaf};
use crate::within;

/// A server on a port of its own.
pub(crate) struct Server<T> {
    pub(crate) address: SocketAddr,
    seen: mpsc::Receiver<T>,
}

impl<T: Send + 'static> Server<T> {
    /// Serves each connection by itself; what `serve` returns is what the test sees.
    pub(crate) async fn start<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> Self
    where
        F: Future<Output = T> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, seen) = mpsc::channel(64);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (served, sender) = (serve(stream), sender.clone());
                tokio::spawn(async move { sender.send(served.await).await });
            }
        });
        Self { address, seen }
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// What was seen of the next connection that has ended.
    pub(crate) async fn seen(&mut self) -> T {
        within(self.seen.recv()).await.unwrap()
    }
}

/// Accepts CONNECT, then reads until the end. Returns CONNECT and all that followed.
pub(crate) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let connect = accept_connect(&mut stream).await?;
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await?;
    Ok((connect, rest))
}

/// Accepts CONNECT and ends the connection in good order.
pub(crate) async fn accept_and_cut<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S) -> io::Result<()> {
    accept_connect(&mut stream).await?;
    stream.shutdown().await
}

async fn accept_connect<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> io::Result<Vec<u8>> {
    let mut connect = vec![0; 2];
    stream.read_exact(&mut connect).await?;
    assert!(connect[0] == 0x10 && connect[1] < 128, "a short CONNECT: {connect:?}");
    let mut body = vec![0; connect[1].into()];
    stream.read_exact(&mut body).await?;
    connect.append(&mut body);
    stream.write_all(&[0x20, 2, 0, 0]).await?;
    stream.flush().await?;
    Ok(connect)
}

/// What a TLS server saw of one connection.
#[derive(Debug)]
pub(crate) struct Secured {
    pub(crate) kind: HandshakeKind,
    pub(crate) alpn: Option<String>,
    pub(crate) server_name: Option<String>,
    /// The client's certificate.
    pub(crate) certificate: Option<Vec<u8>>,
    pub(crate) packets: Vec<u8>,
}

/// A TLS server; what went wrong is seen as text.
pub(crate) async fn tls(config: ServerConfig) -> Server<Result<Secured, String>> {
    let acceptor = TlsAcceptor::from(Arc::new(config));
    Server::start(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let stream = acceptor.accept(stream).await.map_err(|error| error.to_string())?;
            let (_, tls) = stream.get_ref();
            let mut secured = Secured {
                kind: tls.handshake_kind().unwrap(),
                alpn: tls.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned()),
                server_name: tls.server_name().map(str::to_owned),
                certificate: tls.peer_certificates().map(|chain| chain[0].to_vec()),
                packets: Vec::new(),
            };
            (_, secured.packets) = serve(stream).await.map_err(|error| error.to_string())?;
            Ok(secured)
        }
    })
    .await
}

/// A server's side of TLS. With a CA, clients must have a certificate of it.
pub(crate) fn config(
    leaf: &Leaf,
    client_ca: Option<&Ca>,
    versions: &[&'static SupportedProtocolVersion],
) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_protocol_versions(versions).unwrap();
    let builder = match client_ca {
        None => builder.with_no_client_auth(),
        Some(ca) => {
            let mut roots = RootCertStore::empty();
            roots.add(ca.der()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let mut config = builder.with_single_cert(vec![leaf.certificate.clone()], leaf.key_der()).unwrap();
    config.alpn_protocols = vec![b"mqtt".to_vec(), b"http/1.1".to_vec()];
    config
}

/// DISCONNECT of 3.1.1.
pub(crate) const DISCONNECT: [u8; 2] = [0xE0, 0];
