//! MQTT in WebSockets: however the messages are cut.

use std::future::{pending, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use futures_sink::Sink;
use mqtt_client::{Client, CloseReason, ConnectionError, QoS, Tls, Transport};
use rustls::ALL_VERSIONS;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};

use crate::certificates::Ca;
use crate::servers::{DISCONNECT, Server, config};
use crate::{accepted, leave, options, refused};

/// A WebSocket of a client, and what it asked for.
pub(crate) struct Peer<S> {
    stream: WebSocketStream<S>,
    pub(crate) request: Request,
    received: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Peer<S> {
    #[expect(clippy::result_large_err, reason = "the library chose the error of its callback")]
    pub(crate) async fn accept(stream: S) -> Result<Self, Error> {
        let mut asked = None;
        let stream = accept_hdr_async(stream, |request: &Request, mut response: Response| {
            response.headers_mut().insert("Sec-WebSocket-Protocol", "mqtt".parse().unwrap());
            asked = Some(request.clone());
            Ok(response)
        });
        Ok(Self { stream: stream.await?, request: asked.unwrap(), received: Vec::new() })
    }

    async fn next(&mut self) -> Option<Result<Message, Error>> {
        poll_fn(|cx| Pin::new(&mut self.stream).poll_next(cx)).await
    }

    pub(crate) async fn send(&mut self, message: Message) {
        let mut stream = Pin::new(&mut self.stream);
        poll_fn(|cx| stream.as_mut().poll_ready(cx)).await.unwrap();
        stream.as_mut().start_send(message).unwrap();
        poll_fn(|cx| stream.as_mut().poll_flush(cx)).await.unwrap();
    }

    async fn send_bytes(&mut self, bytes: &'static [u8]) {
        self.send(Message::Binary(Bytes::from_static(bytes))).await;
    }

    /// Reads until that many bytes of MQTT have come.
    async fn receive(&mut self, count: usize) -> Vec<u8> {
        while self.received.len() < count {
            match self.next().await.unwrap().unwrap() {
                Message::Binary(bytes) => self.received.extend_from_slice(&bytes),
                other => panic!("{other:?}"),
            }
        }
        self.received.drain(..count).collect()
    }

    async fn receive_packet(&mut self) -> Vec<u8> {
        let mut packet = self.receive(2).await;
        assert!(packet[1] < 128, "a short packet: {packet:?}");
        packet.append(&mut self.receive(packet[1].into()).await);
        packet
    }

    /// Accepts CONNECT.
    pub(crate) async fn connected(mut self) -> Self {
        assert_eq!(self.receive_packet().await[0], 0x10);
        self.send_bytes(&[0x20, 2, 0, 0]).await;
        self
    }

    /// Everything until the client closes.
    async fn rest(mut self) -> (Vec<u8>, bool) {
        let mut is_closed = false;
        while let Some(Ok(message)) = self.next().await {
            match message {
                Message::Binary(bytes) => self.received.extend_from_slice(&bytes),
                Message::Close(_) => is_closed = true,
                other => panic!("{other:?}"),
            }
        }
        (self.received, is_closed)
    }
}

#[tokio::test]
async fn guide_ws_asks_for_mqtt_at_the_path_and_says_goodbye() {
    let mut server = Server::start(|stream| async move {
        let peer = Peer::accept(stream).await.unwrap().connected().await;
        let request = peer.request.clone();
        (request, peer.rest().await)
    })
    .await;
    let (port, address) = (server.port(), server.address);
    let typed = options("mqtt://127.0.0.1").port(port).transport(Transport::WebSocket);
    for (options, path) in [
        (options(&format!("ws://{address}")), "/mqtt"),
        (options(&format!("ws://{address}/")), "/"),
        (options(&format!("ws://{address}/a/b?c=d%20e")), "/a/b?c=d%20e"),
        (typed, "/mqtt"),
    ] {
        leave(accepted(options.header("Origin", "https://app.example").header("X-Token", "t")).await).await;
        let (request, (packets, is_closed)) = server.seen().await;
        assert_eq!(request.uri().to_string(), path);
        let header = |name: &str| request.headers().get(name).unwrap().to_str().unwrap().to_owned();
        assert_eq!(header("Sec-WebSocket-Protocol"), "mqtt");
        assert_eq!(header("Host"), address.to_string());
        assert_eq!((header("Origin"), header("X-Token")), ("https://app.example".into(), "t".into()));
        assert_eq!((packets, is_closed), (DISCONNECT.to_vec(), true));
    }
}

#[tokio::test]
async fn packets_may_be_cut_anywhere_and_pings_come_between() {
    let server = Server::start(|stream| async move {
        let mut peer = Peer::accept(stream).await.unwrap();
        peer.receive_packet().await;
        for part in [&b"\x20"[..], b"", b"\x02\x00", b"\x00"] {
            peer.send_bytes(part).await;
            peer.send(Message::Ping(Bytes::from_static(b"?"))).await;
        }
        let mut pongs = 0;
        while pongs < 4 {
            match peer.next().await.unwrap().unwrap() {
                Message::Pong(text) => pongs += usize::from(text == "?"),
                other => panic!("{other:?}"),
            }
        }
        let subscribe = peer.receive_packet().await;
        assert_eq!(subscribe[0], 0x82);
        // SUBACK, one message and the beginning of another in one, then the end
        peer.send(Message::Binary(Bytes::from(
            [&[0x90, 3, subscribe[2], subscribe[3], 0][..], b"\x30\x04\0\x01a1", b"\x30"].concat(),
        )))
        .await;
        peer.send_bytes(b"\x04\0\x01a2").await;
        peer.rest().await
    });
    let server = server.await;
    let client = accepted(options(&format!("ws://{}", server.address))).await;
    let mut stream = crate::within(client.subscribe("a").qos(QoS::AtMostOnce)).await.unwrap();
    for payload in ["1", "2"] {
        assert_eq!(crate::within(stream.next()).await.unwrap().payload, payload);
    }
    leave(client).await;
}

#[tokio::test]
async fn a_large_message_comes_through_both_ways() {
    const SIZE: usize = 3 << 20;
    let mut server = Server::start(|stream| async move {
        let mut peer = Peer::accept(stream).await.unwrap().connected().await;
        let subscribe = peer.receive_packet().await;
        peer.send(Message::Binary(Bytes::from(vec![0x90, 3, subscribe[2], subscribe[3], 0]))).await;
        let packet = peer.receive(SIZE + 8).await;
        peer.send(Message::Binary(packet.clone().into())).await;
        peer.rest().await;
        packet
    })
    .await;
    let client = accepted(options(&format!("ws://{}", server.address))).await;
    let mut stream = crate::within(client.subscribe("a").qos(QoS::AtMostOnce)).await.unwrap();
    let payload: Vec<u8> = (0..SIZE).map(|index| (index % 251) as u8).collect();
    client.publish("a", payload.clone()).await.unwrap();
    assert!(crate::within(stream.next()).await.unwrap().payload == payload);
    leave(client).await;
    assert!(server.seen().await.ends_with(&payload));
}

#[tokio::test]
async fn guide_wss_is_a_websocket_over_tls() {
    let ca = Ca::new("the CA");
    let acceptor = TlsAcceptor::from(Arc::new(config(&ca.server(|_| {}), None, ALL_VERSIONS)));
    let mut server = Server::start(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let stream = acceptor.accept(stream).await?;
            let alpn = stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
            let peer = Peer::accept(stream).await.unwrap().connected().await;
            Ok::<_, io::Error>((alpn, peer.rest().await))
        }
    })
    .await;
    let options = options(&format!("wss://localhost:{}", server.port()));
    leave(accepted(options.clone().tls(Tls::new().ca(ca.pem()))).await).await;
    let (alpn, (packets, is_closed)) = server.seen().await.unwrap();
    assert_eq!(alpn.unwrap(), b"http/1.1");
    assert_eq!((packets, is_closed), (DISCONNECT.to_vec(), true));

    let error = refused(options.tls(Tls::new().ca(Ca::new("another").pem()))).await;
    assert!(matches!(error, ConnectionError::Tls(_)), "{error}");
    assert!(server.seen().await.is_err());
}

#[tokio::test]
async fn mqtt_5_0__6_0_0_1_text_in_a_websocket_ends_the_connection() {
    let server = Server::start(|stream| async move {
        let mut peer = Peer::accept(stream).await.unwrap();
        peer.receive_packet().await;
        peer.send(Message::Text("  ".into())).await;
        peer.rest().await
    });
    let error = refused(options(&format!("ws://{}", server.await.address))).await;
    assert!(matches!(error, ConnectionError::NoConnAck(Some(_))), "{error}");
    assert!(error.to_string().contains("where MQTT is binary [MQTT-6.0.0-1]"), "{error}");
}

#[tokio::test]
async fn a_message_larger_than_any_packets_is_not_collected() {
    let server = Server::start(|stream| async move {
        let mut peer = Peer::accept(stream).await.unwrap().connected().await;
        peer.send(Message::Binary(vec![0; 200_000].into())).await;
        peer.rest().await
    });
    let options = options(&format!("ws://{}", server.await.address));
    let options = options.maximum_packet_size(1_000).reconnect_period(Duration::ZERO);
    let (_client, connection) = Client::new(options).unwrap();
    let error = crate::within(connection.run()).await.unwrap_err();
    assert!(matches!(*error, ConnectionError::Lost(_)), "{error}");
    assert!(error.to_string().contains("Message too long"), "{error}");
}

#[tokio::test]
async fn a_server_that_closes_is_not_waited_for_and_its_status_is_told() {
    // it leaves the socket open
    let refusing = Server::<()>::start(|stream| async move {
        let mut peer = Peer::accept(stream).await.unwrap();
        peer.receive_packet().await;
        let frame = CloseFrame { code: CloseCode::Policy, reason: "not\x1b[2J you".into() };
        peer.send(Message::Close(Some(frame))).await;
        pending().await
    });
    let error = refused(options(&format!("ws://{}", refusing.await.address))).await;
    assert!(matches!(error, ConnectionError::NoConnAck(Some(_))), "{error}");
    let text = error.to_string();
    assert!(text.contains(r#"closed the WebSocket with status 1008: "not\u{1b}[2J you""#), "{text}");

    let leaving = Server::<()>::start(|stream| async move {
        let mut peer = Peer::accept(stream).await.unwrap().connected().await;
        peer.send(Message::Close(Some(CloseFrame { code: CloseCode::Away, reason: "".into() }))).await;
        assert!(matches!(peer.next().await, Some(Ok(Message::Close(Some(_))))), "an answer");
        pending().await
    });
    let options = options(&format!("ws://{}", leaving.await.address)).reconnect_period(Duration::ZERO);
    let (_client, connection) = Client::new(options).unwrap();
    let error = crate::within(connection.run()).await.unwrap_err();
    assert!(matches!(*error, ConnectionError::Closed(CloseReason::Transport)), "{error}");
}
