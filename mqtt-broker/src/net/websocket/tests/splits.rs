//! Any split of what a client sends gives the same bytes of MQTT, and the same end.

use proptest::prelude::*;

use super::super::{End, WebSocket};
use super::{BINARY, CLOSE, CONTINUATION, FINAL, PING, PONG, REQUEST, door, frame, pending};

/// A message in fragments, with control frames between them.
fn message() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
    let payload = prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..40),
        1 => prop::collection::vec(any::<u8>(), 120..140),
        1 => prop::collection::vec(any::<u8>(), 65_530..65_540),
    ];
    let control = prop::option::of((any::<bool>(), prop::collection::vec(any::<u8>(), 0..=125)));
    prop::collection::vec((payload, control), 1..4).prop_map(|fragments| {
        let (mut mqtt, mut frames) = (Vec::new(), Vec::new());
        let last = fragments.len() - 1;
        for (index, (payload, control)) in fragments.into_iter().enumerate() {
            let opcode = if index == 0 { BINARY } else { CONTINUATION };
            let fin = if index == last { FINAL } else { 0 };
            frames.extend(frame(fin | opcode, &payload));
            mqtt.extend(payload);
            if let Some((ping, payload)) = control {
                frames.extend(frame(FINAL | if ping { PING } else { PONG }, &payload));
            }
        }
        (mqtt, frames)
    })
}

/// Reads `bytes` in pieces; what came out, and the last end.
fn read_in_pieces(bytes: &[u8], pieces: &[usize]) -> (Vec<u8>, Option<End>) {
    let mut socket = WebSocket::new(door(&[]));
    let (mut mqtt, mut last) = (Vec::new(), None);
    let mut rest = bytes;
    let mut pieces = pieces.iter().cycle();
    while !rest.is_empty() {
        let len = pieces.next().map_or(rest.len(), |piece| (*piece).min(rest.len()));
        let (piece, after) = rest.split_at(len);
        let mut buffer = piece.to_vec();
        let input = socket.handle_bytes(&mut buffer);
        mqtt.extend(&buffer[..input.len]);
        last = last.or(input.end);
        assert!(pending(&mut socket).len() < 1_000, "answers are few");
        rest = after;
    }
    (mqtt, last)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn good_frames(
        messages in prop::collection::vec(message(), 0..5),
        pieces in prop::collection::vec(prop_oneof![1_usize..16, 1_usize..5_000], 1..20),
        close in any::<bool>(),
    ) {
        let mut bytes = REQUEST.as_bytes().to_vec();
        let mut expected = Vec::new();
        for (mqtt, frames) in messages {
            expected.extend(mqtt);
            bytes.extend(frames);
        }
        if close {
            bytes.extend(frame(FINAL | CLOSE, b"\x03\xE8"));
        }
        let end = close.then_some(End::Closed);
        prop_assert_eq!(read_in_pieces(&bytes, &pieces), (expected, end));
    }

    #[test]
    fn any_bytes(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        opened in any::<bool>(),
        pieces in prop::collection::vec(1_usize..30, 1..10),
    ) {
        let request = if opened { REQUEST.as_bytes() } else { b"GET /" };
        let bytes = [request, &bytes].concat();
        let whole = read_in_pieces(&bytes, &[usize::MAX]);
        prop_assert_eq!(read_in_pieces(&bytes, &pieces), whole);
    }
}
