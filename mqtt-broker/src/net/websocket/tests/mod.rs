//! The value without a socket: requests, frames, and what one says to a real client of WebSocket.

mod frames;
mod output;
mod splits;
mod upgrade;

use std::sync::Arc;

use super::{Door, End, Input, WebSocket};

const REQUEST: &str = "GET /mqtt HTTP/1.1\r\nHost: broker.example:8080\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Protocol: mqtt\r\n\r\n";
/// The mask of most frames here.
const MASK: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];

const CONTINUATION: u8 = 0x0;
const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xA;
const FINAL: u8 = 0x80;

fn door(origins: &[&str]) -> Arc<Door> {
    let origins = origins.iter().map(|origin| (*origin).to_owned()).collect();
    Arc::new(Door { path: "/mqtt".to_owned(), origins, request_bytes: 8 << 10 })
}

/// After an upgrade that was answered.
fn open() -> WebSocket {
    let mut socket = WebSocket::new(door(&[]));
    let mut request = REQUEST.as_bytes().to_vec();
    assert_eq!(socket.handle_bytes(&mut request), Input { len: 0, end: None });
    assert!(socket.is_open());
    let response = pending(&mut socket);
    assert!(response.starts_with(b"HTTP/1.1 101 "));
    socket
}

/// A frame of a client. `first` is FIN, the reserved bits and the opcode.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = header(first, payload.len());
    frame.extend(MASK);
    frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// The beginning of a masked frame, up to its mask.
fn header(first: u8, len: usize) -> Vec<u8> {
    let mut header = vec![first];
    match len {
        0..=125 => header.push(0x80 | len as u8),
        126..=0xFFFF => {
            header.push(0x80 | 126);
            header.extend((len as u16).to_be_bytes());
        }
        _ => {
            header.push(0x80 | 127);
            header.extend((len as u64).to_be_bytes());
        }
    }
    header
}

/// What the value makes of bytes: MQTT, and the end if one came.
fn read(socket: &mut WebSocket, bytes: &[u8]) -> (Vec<u8>, Option<End>) {
    let mut buffer = bytes.to_vec();
    let Input { len, end } = socket.handle_bytes(&mut buffer);
    buffer.truncate(len);
    (buffer, end)
}

/// What is to be written besides MQTT.
fn pending(socket: &mut WebSocket) -> Vec<u8> {
    let mut written = Vec::new();
    socket.write_pending(&mut written).expect("memory takes everything");
    written
}
