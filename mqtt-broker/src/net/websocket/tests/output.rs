//! Output in frames, as a client of another making reads it.

use std::io::{self, Cursor, IoSlice, Read, Write};

use tungstenite::protocol::{Role, WebSocket as Client};
use tungstenite::{Error, Message};

use super::super::{Closing, WebSocket};
use super::{FINAL, PING, REQUEST, door, frame, open, pending, read};

/// Takes a few bytes a call, and now and then none.
struct Narrow {
    taken: Vec<u8>,
    room: usize,
    calls: usize,
}

impl Narrow {
    fn new(room: usize) -> Self {
        Self { taken: Vec::new(), room, calls: 0 }
    }
}

impl Write for Narrow {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.calls += 1;
        if self.calls.is_multiple_of(3) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let taken = bytes.len().min(self.room);
        self.taken.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a stream has received, for a client that only reads.
struct Received(Cursor<Vec<u8>>);

impl Read for Received {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Received {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a client makes of frames.
fn messages(bytes: Vec<u8>) -> Vec<Message> {
    let mut client = Client::from_raw_socket(Received(Cursor::new(bytes)), Role::Client, None);
    let mut messages = Vec::new();
    loop {
        match client.read() {
            Ok(message) => messages.push(message),
            Err(Error::ConnectionClosed | Error::Protocol(_) | Error::Io(_)) => return messages,
            Err(error) => panic!("{error}"),
        }
    }
}

/// Writes everything, as often as the sink wants to be asked.
fn write_all(socket: &mut WebSocket, mut bytes: &[u8], sink: &mut impl Write) {
    while !bytes.is_empty() {
        match socket.framed(sink).write(bytes) {
            Ok(written) => {
                assert!(written > 0, "no progress is an error to callers");
                bytes = &bytes[written..];
            }
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
        }
    }
}

#[test]
fn one_write_is_one_frame_of_any_length() {
    for len in [1, 125, 126, 65_535, 65_536, 200_000] {
        let mut socket = open();
        let payload: Vec<u8> = (0..len).map(|byte: u32| byte as u8).collect();
        let mut sink = Vec::new();
        write_all(&mut socket, &payload, &mut sink);
        assert_eq!(messages(sink), [Message::binary(payload)], "{len}");
    }
}

#[test]
fn the_parts_of_a_vectored_write_share_a_frame() {
    let mut socket = open();
    let parts = [b"head".as_slice(), b"", &[9; 5_000], b"tail"];
    let slices = parts.map(IoSlice::new);
    let mut sink = Vec::new();
    assert_eq!(socket.framed(&mut sink).write_vectored(&slices).expect("room"), 5_008);
    assert_eq!(messages(sink), [Message::binary(parts.concat())]);
}

#[test]
fn a_frame_goes_on_where_the_socket_stopped_and_what_joined_later_gets_its_own() {
    for room in 1..30 {
        let mut socket = open();
        let mut sink = Narrow::new(room);
        let first = [1; 300];
        let mut written = 0;
        while written == 0 {
            written = socket.framed(&mut sink).write(&first).unwrap_or(0);
        }
        assert!(written < first.len());
        let rest = [&first[written..], &[2; 50]].concat();
        write_all(&mut socket, &rest, &mut sink);
        assert_eq!(messages(sink.taken), [Message::binary(first.to_vec()), Message::binary(vec![2; 50])]);
    }
}

#[test]
fn pongs_wait_until_a_frame_is_complete_and_go_before_the_next() {
    let mut socket = open();
    let mut sink = Narrow::new(40);
    assert_eq!(socket.framed(&mut sink).write(&[1; 100]).expect("room"), 40);
    read(&mut socket, &frame(FINAL | PING, b"now?"));
    socket.write_pending(&mut sink).expect("nothing is written inside a frame");
    assert!(!socket.wants_write());
    write_all(&mut socket, &[1; 60], &mut sink);
    assert!(socket.wants_write());
    write_all(&mut socket, b"next", &mut sink);
    let expected = [Message::binary(vec![1; 100]), Message::Pong("now?".into()), Message::binary("next")];
    assert_eq!(messages(sink.taken), expected);
}

#[test]
fn the_answer_to_the_upgrade_goes_before_the_first_frame() {
    let mut socket = WebSocket::new(door(&[]));
    read(&mut socket, REQUEST.as_bytes());
    assert!(socket.wants_write());
    let mut sink = Narrow::new(7);
    write_all(&mut socket, b"CONNACK", &mut sink);
    let end = sink.taken.windows(4).position(|end| end == b"\r\n\r\n").expect("headers") + 4;
    assert_eq!(messages(sink.taken.split_off(end)), [Message::binary("CONNACK")]);
}

#[test]
fn the_broker_says_goodbye_once_and_with_a_status() {
    for (closing, status) in [(Closing::Normal, 1_000_u16), (Closing::Shutdown, 1_001)] {
        let mut socket = open();
        socket.close(closing);
        socket.close(Closing::Normal);
        assert_eq!(pending(&mut socket), [&[0x88, 2][..], &status.to_be_bytes()].concat());
        assert!(!socket.wants_write());
    }
}

#[test]
fn a_stranger_whose_request_never_came_gets_no_frame() {
    let mut socket = WebSocket::new(door(&[]));
    socket.close(Closing::Shutdown);
    assert!(!socket.wants_write());
}

#[test]
fn an_idle_connection_is_a_few_bytes() {
    assert!(size_of::<WebSocket>() <= 72, "{}", size_of::<WebSocket>());
}
