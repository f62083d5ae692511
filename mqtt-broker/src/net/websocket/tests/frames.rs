//! Frames of clients, those of good and of bad ones.

use super::super::{Closing, End, Fault};
use super::{BINARY, CLOSE, CONTINUATION, FINAL, MASK, PING, PONG, TEXT, frame, header, open, pending, read};

#[test]
fn payloads_of_every_length_form_arrive_as_they_were_sent() {
    for len in [0, 1, 7, 8, 9, 125, 126, 127, 128, 255, 256, 65_535, 65_536, 70_000] {
        let payload: Vec<u8> = (0..len).map(|byte: u32| byte as u8).collect();
        assert_eq!(read(&mut open(), &frame(FINAL | BINARY, &payload)), (payload, None), "{len}");
    }
}

#[test]
fn one_read_may_hold_many_frames_and_one_packet_many_of_them() {
    let bytes = [
        frame(FINAL | BINARY, b"first packet, "),
        frame(FINAL | BINARY, b""),
        frame(BINARY, b"second "),
        frame(CONTINUATION, b"packet"),
        frame(FINAL | CONTINUATION, b", third"),
        frame(FINAL | BINARY, b" packet"),
    ];
    let expected = b"first packet, second packet, third packet".to_vec();
    assert_eq!(read(&mut open(), &bytes.concat()), (expected, None));
}

#[test]
fn control_frames_may_stand_between_the_fragments_of_a_message() {
    let mut socket = open();
    let bytes = [
        frame(BINARY, b"frag"),
        frame(FINAL | PING, b"there?"),
        frame(CONTINUATION, b"men"),
        frame(FINAL | PONG, b"unasked"),
        frame(FINAL | CONTINUATION, b"ted"),
    ];
    assert_eq!(read(&mut socket, &bytes.concat()), (b"fragmented".to_vec(), None));
    assert_eq!(pending(&mut socket), b"\x8A\x06there?");
    assert!(!socket.wants_write());
}

#[test]
fn a_ping_is_answered_with_its_payload_in_order() {
    let mut socket = open();
    let long = [b'x'; 125];
    let bytes = [frame(FINAL | PING, b""), frame(FINAL | PING, b"2"), frame(FINAL | PING, &long)].concat();
    assert_eq!(read(&mut socket, &bytes), (Vec::new(), None));
    assert_eq!(pending(&mut socket), [b"\x8A\x00\x8A\x012\x8A\x7D".as_slice(), &long].concat());
}

#[test]
fn a_flood_of_pings_is_answered_by_a_few_pongs_of_which_the_last_is_the_newest() {
    let mut socket = open();
    for ping in 0..10_000_u32 {
        let mut payload = [0; 100];
        payload[..4].copy_from_slice(&ping.to_be_bytes());
        assert_eq!(read(&mut socket, &frame(FINAL | PING, &payload)).1, None);
    }
    let pongs = pending(&mut socket);
    assert!(pongs.len() < 1_000, "{} bytes wait", pongs.len());
    let last = pongs.chunks(102).next_back().expect("a pong");
    assert_eq!(last[..6], [&[0x8A, 100][..], &9_999_u32.to_be_bytes()].concat());
}

#[test]
fn pongs_that_nobody_asked_for_say_nothing() {
    let mut socket = open();
    assert_eq!(read(&mut socket, &frame(FINAL | PONG, b"hello")), (Vec::new(), None));
    assert!(!socket.wants_write());
}

#[test]
fn a_close_frame_is_answered_with_its_status_and_what_comes_later_is_ignored() {
    for (payload, answer) in [
        (&b"\x03\xE8"[..], [0x03, 0xE8]),
        (b"", [0x03, 0xE8]),
        (b"\x03\xE9page left", [0x03, 0xE9]),
        (b"\x0F\xA0own", [0x0F, 0xA0]),
    ] {
        let mut socket = open();
        let bytes =
            [frame(FINAL | BINARY, b"last"), frame(FINAL | CLOSE, payload), frame(FINAL | BINARY, b"late")];
        assert_eq!(read(&mut socket, &bytes.concat()), (b"last".to_vec(), Some(End::Closed)));
        assert!(!socket.wants_write(), "output goes before the answer");
        socket.close(Closing::Normal);
        assert_eq!(pending(&mut socket), [&[0x88, 2][..], &answer].concat());
        let more = [frame(FINAL | BINARY, b"later"), frame(FINAL | PING, b"?"), frame(FINAL | CLOSE, b"")];
        assert_eq!(read(&mut socket, &more.concat()), (Vec::new(), None));
        socket.close(Closing::Normal);
        assert!(!socket.wants_write(), "one close frame is enough");
    }
}

#[test]
fn every_break_of_the_rules_has_its_own_name_and_a_status() {
    let mut unmasked = frame(FINAL | BINARY, b"x");
    unmasked[1] &= 0x7F;
    let longer_than_needed = |length: &[u8]| [&[FINAL | BINARY][..], length, &MASK].concat();
    let cases = [
        (unmasked, Fault::Unmasked, 1002),
        (frame(FINAL | 0x40 | BINARY, b"x"), Fault::ReservedBit, 1002),
        (frame(FINAL | 0x20 | BINARY, b"x"), Fault::ReservedBit, 1002),
        (frame(FINAL | 0x10 | PING, b"x"), Fault::ReservedBit, 1002),
        (frame(FINAL | 0x3, b"x"), Fault::Opcode, 1002),
        (frame(FINAL | 0x7, b""), Fault::Opcode, 1002),
        (frame(FINAL | 0xB, b""), Fault::Opcode, 1002),
        (frame(FINAL | 0xF, b"x"), Fault::Opcode, 1002),
        (frame(FINAL | TEXT, b"x"), Fault::Text, 1003),
        (frame(TEXT, b""), Fault::Text, 1003),
        (frame(FINAL | CONTINUATION, b"x"), Fault::Continuation, 1002),
        ([frame(BINARY, b""), frame(FINAL | BINARY, b"")].concat(), Fault::Interleaved, 1002),
        ([frame(BINARY, b""), frame(FINAL | TEXT, b"")].concat(), Fault::Text, 1003),
        (frame(PING, b"x"), Fault::ControlFragmented, 1002),
        (frame(CLOSE, b""), Fault::ControlFragmented, 1002),
        (frame(FINAL | PING, &[0; 126]), Fault::ControlLength, 1002),
        (frame(FINAL | CLOSE, &[0; 70_000]), Fault::ControlLength, 1002),
        (longer_than_needed(&[0xFE, 0, 125]), Fault::Length, 1002),
        (longer_than_needed(&[0xFF, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]), Fault::Length, 1002),
        (longer_than_needed(&[0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0]), Fault::Length, 1002),
        (frame(FINAL | CLOSE, b"\x03"), Fault::CloseStatus, 1002),
        (frame(FINAL | CLOSE, b"\x03\xED"), Fault::CloseStatus, 1002),
        (frame(FINAL | CLOSE, b"\x00\x05"), Fault::CloseStatus, 1002),
        (frame(FINAL | CLOSE, b"\xFF\xFF"), Fault::CloseStatus, 1002),
        (frame(FINAL | CLOSE, b"\x03\xE8\xC3\x28"), Fault::CloseText, 1007),
    ];
    for (bytes, fault, status) in cases {
        let mut socket = open();
        let before = frame(FINAL | BINARY, b"good");
        let bytes = [before, bytes].concat();
        assert_eq!(read(&mut socket, &bytes), (b"good".to_vec(), Some(End::Fault(fault))), "{bytes:02X?}");
        socket.close(Closing::Shutdown);
        let status = u16::to_be_bytes(status);
        assert_eq!(pending(&mut socket), [&[0x88, 2][..], &status].concat(), "{fault}");
    }
}

#[test]
fn an_announced_length_reserves_no_memory_and_is_taken_as_it_comes() {
    let mut socket = open();
    let announced = [&[FINAL | BINARY, 0xFF, 0x7F][..], &[0xFF; 7], &MASK].concat();
    let info = allocation_counter::measure(|| {
        let mut buffer = announced.clone();
        assert_eq!(socket.handle_bytes(&mut buffer).end, None);
    });
    assert!(info.bytes_max < 1_024, "{info:?}");
    let masked: Vec<u8> = b"endless".iter().zip(MASK).map(|(byte, mask)| byte ^ mask).collect();
    assert_eq!(read(&mut socket, &masked), (b"endl".to_vec(), None), "zip ends with the mask");
    assert_eq!(read(&mut socket, &[b'e' ^ MASK[0]]), (b"e".to_vec(), None));
}

#[test]
fn a_header_may_be_cut_anywhere_and_leaves_no_storage_behind() {
    let bytes = [frame(FINAL | BINARY, &[7; 70_000]), frame(FINAL | PING, b"p")].concat();
    assert_eq!(header(FINAL | BINARY, 70_000).len(), 10);
    for cut in 0..20 {
        let mut socket = open();
        let (first, second) = bytes.split_at(cut);
        let mut payload = read(&mut socket, first).0;
        payload.extend(read(&mut socket, second).0);
        assert_eq!(payload, [7; 70_000], "{cut}");
        assert_eq!(pending(&mut socket), b"\x8A\x01p");
    }
}
