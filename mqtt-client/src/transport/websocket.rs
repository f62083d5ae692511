//! MQTT in the binary messages of a WebSocket.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use futures_core::Stream;
use futures_sink::Sink;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::{ProtocolError, SubProtocolError};
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue, Uri};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::NetworkStream;
use crate::address::{Address, HostAndPort};
use crate::error::{ConnectionError, OptionProblem, UpgradeError};
use crate::options::invalid;

const SUBPROTOCOL: &str = "Sec-WebSocket-Protocol";

/// What the handshake writes itself.
const OWN_HEADERS: [&str; 7] = [
    "host",
    "connection",
    "upgrade",
    "sec-websocket-version",
    "sec-websocket-key",
    "sec-websocket-protocol",
    EXTENSIONS,
];

/// None is offered, since none is known.
const EXTENSIONS: &str = "sec-websocket-extensions";

/// Bytes of one message at most: a receiver keeps a message until it is whole.
const MESSAGE: usize = 64 << 10;

/// For reading the socket; messages have memory of their own.
const READ_BUFFER: usize = 16 << 10;

/// Headers of the application's own. `Debug` shows their names.
#[derive(Clone, Default)]
pub(crate) struct Headers(Vec<(String, String)>);

impl Headers {
    pub(crate) fn push(&mut self, name: String, value: String) {
        self.0.push((name, value));
    }

    pub(crate) fn check(&self) -> Result<(), ConnectionError> {
        self.parsed().try_for_each(|header| header.map(|_| ()))
    }

    fn parsed(&self) -> impl Iterator<Item = Result<(HeaderName, HeaderValue), ConnectionError>> {
        let wrong = || invalid("header", OptionProblem::Header);
        self.0.iter().map(move |(name, value)| {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
            let value = HeaderValue::from_str(value).map_err(|_| wrong())?;
            if OWN_HEADERS.contains(&name.as_str()) { Err(wrong()) } else { Ok((name, value)) }
        })
    }
}

impl std::fmt::Debug for Headers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// Makes a WebSocket of a stream.
pub(super) async fn upgrade(
    stream: NetworkStream,
    address: &Address,
    headers: &Headers,
    maximum_packet_size: u32,
) -> Result<WebSocket, ConnectionError> {
    let request = request(address, headers)?;
    // several packets may come in one message
    let largest = (maximum_packet_size as usize).saturating_mul(2).max(MESSAGE);
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_write_buffer_size(4 * MESSAGE)
        .max_message_size(Some(largest))
        .max_frame_size(Some(largest));
    match client_async_with_config(request, stream, Some(config)).await {
        // RFC 6455, 4.1: it would change what frames mean
        Ok((_, response)) if response.headers().contains_key(EXTENSIONS) => {
            Err(ConnectionError::Upgrade(UpgradeError::Extension))
        }
        Ok((inner, _)) => Ok(WebSocket { inner, unread: Bytes::new(), farewell: None, is_closed: false }),
        Err(error) => Err(refusal(error)),
    }
}

fn request(address: &Address, headers: &Headers) -> Result<Request, ConnectionError> {
    let (scheme, port) = (address.transport.scheme(), address.port());
    let host = HostAndPort(&address.host, port).to_string();
    // servers compare the host with their names, and expect what browsers send
    let authority = if port == address.transport.port() {
        &host[..host.len() - port.to_string().len() - 1]
    } else {
        &host
    };
    let uri = Uri::builder().scheme(scheme).authority(authority).path_and_query(address.path()).build();
    let unfit = |_| ConnectionError::Address(crate::address::AddressError::Path);
    let request = uri.map_err(Error::from).and_then(IntoClientRequest::into_client_request);
    let mut request = request.map_err(unfit)?;
    let fields = request.headers_mut();
    // [MQTT-6.0.0-3]
    fields.insert(SUBPROTOCOL, HeaderValue::from_static("mqtt"));
    for header in headers.parsed() {
        let (name, value) = header?;
        fields.append(name, value);
    }
    Ok(request)
}

/// What was wrong with the answer to the upgrade request.
fn refusal(error: Error) -> ConnectionError {
    let refusal = match error {
        Error::Http(response) => UpgradeError::Status(response.status().as_u16()),
        Error::Protocol(ProtocolError::SecWebSocketSubProtocolError(error)) => match error {
            SubProtocolError::NoSubProtocol => UpgradeError::NoSubprotocol,
            _ => UpgradeError::OtherSubprotocol,
        },
        Error::ConnectionClosed
        | Error::Protocol(ProtocolError::HandshakeIncomplete | ProtocolError::ResetWithoutClosingHandshake) => {
            UpgradeError::Closed
        }
        Error::Io(error) => {
            #[cfg(feature = "tls")]
            if let Some(error) = super::tls::TlsError::inside(&error) {
                return ConnectionError::Tls(error);
            }
            match error.kind() {
                io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
                    UpgradeError::Closed
                }
                _ => UpgradeError::Io(error),
            }
        }
        other => UpgradeError::NotWebSocket(Box::new(other)),
    };
    ConnectionError::Upgrade(refusal)
}

/// A stream of bytes over a WebSocket. Where one message ends and the next begins means nothing.
#[derive(Debug)]
pub(super) struct WebSocket {
    inner: WebSocketStream<NetworkStream>,
    /// What is left of the last message.
    unread: Bytes,
    /// The closing frame of the server, with its status if it is a complaint.
    farewell: Option<Option<CloseFrame>>,
    /// Whether the closing frame has been written.
    is_closed: bool,
}

impl AsyncRead for WebSocket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            if self.unread.has_remaining() {
                let count = self.unread.len().min(buffer.remaining());
                buffer.put_slice(&self.unread[..count]);
                self.unread.advance(count);
                return Poll::Ready(Ok(()));
            }
            if let Some(complaint) = &mut self.farewell {
                let complaint = complaint.take();
                return Poll::Ready(complaint.map_or(Ok(()), |frame| Err(complaint_of(&frame))));
            }
            match ready!(Pin::new(&mut self.inner).poll_next(cx)) {
                Some(Ok(Message::Binary(bytes))) => self.unread = bytes,
                // [MQTT-6.0.0-1]
                Some(Ok(Message::Text(_))) => {
                    let text = "the server sent text in a WebSocket, where MQTT is binary [MQTT-6.0.0-1]";
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, text)));
                }
                Some(Ok(Message::Close(frame))) => {
                    // nothing more will come, however long the server keeps the socket open; the answer is left to luck
                    let _ = Pin::new(&mut self.inner).poll_flush(cx);
                    let is_complaint = |frame: &CloseFrame| {
                        !matches!(frame.code, CloseCode::Normal | CloseCode::Away | CloseCode::Status)
                    };
                    self.farewell = Some(frame.filter(is_complaint));
                }
                // pings are answered by the library
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                None => return Poll::Ready(Ok(())),
                Some(Err(error)) => return Poll::Ready(end(error)),
            }
        }
    }
}

impl AsyncWrite for WebSocket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let Err(error) = ready!(Pin::new(&mut self.inner).poll_ready(cx)) {
            return Poll::Ready(Err(io_error(error)));
        }
        let total: usize = slices.iter().map(|slice| slice.len()).sum();
        let mut message = BytesMut::with_capacity(total.min(MESSAGE));
        for slice in slices {
            let room = MESSAGE - message.len();
            message.extend_from_slice(&slice[..slice.len().min(room)]);
        }
        let count = message.len();
        // an empty message would mean nothing
        if count > 0 {
            let sent = Pin::new(&mut self.inner).start_send(Message::Binary(message.freeze()));
            sent.map_err(io_error)?;
        }
        Poll::Ready(Ok(count))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx).map_err(io_error)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.is_closed {
            ready!(Pin::new(&mut self.inner).poll_close(cx)).or_else(end)?;
            self.is_closed = true;
        }
        Pin::new(self.inner.get_mut()).poll_shutdown(cx)
    }
}

/// What a server closes with, which is whatever it likes.
fn complaint_of(frame: &CloseFrame) -> io::Error {
    let CloseFrame { code, reason } = frame;
    let text =
        format!("the server closed the WebSocket with status {}: {:?}", u16::from(*code), reason.as_str());
    io::Error::new(io::ErrorKind::ConnectionAborted, text)
}

/// A connection that has ended in whatever way is at its end.
fn end(error: Error) -> io::Result<()> {
    match error {
        Error::ConnectionClosed
        | Error::AlreadyClosed
        | Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Ok(()),
        other => Err(io_error(other)),
    }
}

fn io_error(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        Error::ConnectionClosed | Error::AlreadyClosed => io::ErrorKind::BrokenPipe.into(),
        other => io::Error::new(io::ErrorKind::InvalidData, other),
    }
}
