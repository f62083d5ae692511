//! The WebSocket of the broker: upgrade and frames.

use std::sync::Arc;

use mqtt_broker::websocket::{Closing, Door, Input, WebSocket};

const REQUEST: &[u8] = b"GET /mqtt HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n";

/// Finds requests and frames that mean something else when they come in other pieces, bytes of MQTT that nobody has
/// sent, and answers that grow with the questions.
///
/// The first byte says whether the request is good already and how long the pieces are; the rest is what a client
/// sends.
pub fn websocket(data: &[u8]) {
    let Some((&first, rest)) = data.split_first() else { return };
    let bytes = if first & 1 == 0 { rest.to_vec() } else { [REQUEST, rest].concat() };
    let whole = read(&bytes, usize::MAX);
    assert!(whole.mqtt.len() <= rest.len(), "a header is longer than what it brings");
    assert_eq!(read(&bytes, usize::from(first >> 1) + 1), whole);
    assert_eq!(read(&bytes, 1), whole);
}

/// What came of everything that a client has sent.
#[derive(Debug, PartialEq)]
struct Outcome {
    mqtt: Vec<u8>,
    /// The end, as it is told; an error that came before its time would differ.
    end: Option<String>,
    is_open: bool,
    /// The last bytes that the client gets: a refusal or a close frame.
    last_words: Vec<u8>,
}

fn read(bytes: &[u8], piece: usize) -> Outcome {
    let origins = vec!["https://h".to_owned()];
    let door = Door { path: "/mqtt".to_owned(), origins, request_bytes: 1 << 10 };
    let mut socket = WebSocket::new(Arc::new(door));
    let mut outcome = Outcome { mqtt: Vec::new(), end: None, is_open: false, last_words: Vec::new() };
    for piece in bytes.chunks(piece) {
        let mut buffer = piece.to_vec();
        let Input { len, end } = socket.handle_bytes(&mut buffer);
        outcome.mqtt.extend(&buffer[..len]);
        if end.is_some() {
            socket.close(Closing::Normal);
        }
        let mut answer = Vec::new();
        socket.write_pending(&mut answer).expect("memory takes everything");
        assert!(answer.len() < 2_000, "an answer of {} bytes", answer.len());
        if let Some(end) = end {
            assert!(outcome.end.is_none(), "it ends twice");
            assert!(!answer.is_empty(), "the peer is not told of the end");
            outcome.end = Some(end.to_string());
            // what else was answered in the same read depends on the pieces
            outcome.last_words = answer.split_off(answer.len().saturating_sub(4));
        }
    }
    outcome.is_open = socket.is_open();
    outcome
}
