//! A notation for packets: bytes that can be read.
//!
//! | written | means |
//! |---|---|
//! | `30:` | the first byte; the Remaining Length of what follows comes behind it |
//! | `0A`, `00100000` | bytes |
//! | `<a/b>` | a string or binary field: its length in two bytes, then its bytes |
//! | `'hi'` | these bytes |
//! | `[26 <k> <v>]` | properties: their length, then the properties |
//! | `~` | no properties: `00` in 5.0, nothing in 3.x |
//! | `;` | the end of a packet that began with `30:` |

use mqtt_codec::Version;

/// The bytes of `text`.
pub(crate) fn bytes(version: Version, text: &str) -> Vec<u8> {
    let mut open: Vec<(Option<u8>, Vec<u8>)> = vec![(None, Vec::new())];
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let (token, after) = split(rest, next);
        rest = after;
        let out = &mut open.last_mut().expect("brackets match").1;
        match next {
            '<' => {
                out.extend(u16::try_from(token.len()).expect("a short string").to_be_bytes());
                out.extend(token.as_bytes());
            }
            '\'' => out.extend(token.as_bytes()),
            '~' if version.is_v5() => out.push(0),
            '~' | ' ' => {}
            '[' => open.push((None, Vec::new())),
            ']' | ';' => close(&mut open),
            _ => match token.strip_suffix(':') {
                Some(first) => open.push((Some(hex(first)[0]), Vec::new())),
                None => out.extend(hex(token)),
            },
        }
    }
    while open.len() > 1 {
        close(&mut open);
    }
    open.swap_remove(0).1
}

/// The token that begins with `next`, without its quotes, and what follows it.
fn split(text: &str, next: char) -> (&str, &str) {
    let quoted = |end| text[1..].split_once(end).unwrap_or_else(|| panic!("{end} is missing in {text}"));
    match next {
        '<' => quoted('>'),
        '\'' => quoted('\''),
        '~' | ' ' | '[' | ']' | ';' => text.split_at(1),
        _ => {
            let end = text.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(text.len());
            let end = if text[end..].starts_with(':') { end + 1 } else { end };
            assert!(end > 0, "no bytes: {text}");
            text.split_at(end)
        }
    }
}

/// Writes a packet or property list, whose length is known now, into what encloses it.
fn close(open: &mut Vec<(Option<u8>, Vec<u8>)>) {
    let (first, body) = open.pop().expect("brackets match");
    let out = &mut open.last_mut().expect("brackets match").1;
    out.extend(first);
    out.extend(varint(body.len()));
    out.extend(body);
}

fn varint(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let more = if value > 127 { 128 } else { 0 };
        bytes.push((value % 128) as u8 | more);
        value /= 128;
        if value == 0 {
            return bytes;
        }
    }
}

fn hex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "half a byte: {text}");
    let digits = (0..text.len()).step_by(2);
    digits.map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex digits")).collect()
}

/// The next packets are exactly those of `text`.
#[track_caller]
pub(crate) fn expect(version: Version, text: &str, mut packet: impl FnMut() -> Vec<u8>) {
    let mut expected = &*bytes(version, text);
    while let Some(length) = first_packet(expected) {
        let (wanted, rest) = expected.split_at(length);
        let received = packet();
        assert!(received == wanted, "\n got {}\nwant {}", show(&received), show(wanted));
        expected = rest;
    }
    assert!(expected.is_empty(), "whole packets are expected, not {text}");
}

/// Bytes as a test shows them.
pub(crate) fn show(bytes: &[u8]) -> String {
    let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    format!("{} = {}", hex.join(" "), bytes.escape_ascii())
}

/// Bytes of the first packet in `bytes`, once all are there.
pub(crate) fn first_packet(bytes: &[u8]) -> Option<usize> {
    let (mut length, mut shift) = (0, 0);
    for (index, byte) in bytes.iter().enumerate().skip(1) {
        length |= usize::from(byte & 127) << shift;
        shift += 7;
        if byte & 128 == 0 {
            let total = index + 1 + length;
            return (bytes.len() >= total).then_some(total);
        }
    }
    None
}

#[test]
fn the_notation_writes_lengths() {
    let text = "82: 0001 [0B 05] <a> 01; C0:";
    assert_eq!(bytes(Version::V5, text), b"\x82\x09\0\x01\x02\x0b\x05\0\x01a\x01\xc0\0");
    assert_eq!(bytes(Version::V5, "30: <a> ~ 'x y'"), b"\x30\x07\0\x01a\0x y");
    assert_eq!(bytes(Version::V3_1, "30: <a> ~ 'x y'"), b"\x30\x06\0\x01ax y");
    let long = bytes(Version::V3_1, &format!("30: '{}'", "x".repeat(128)));
    assert_eq!(long[..3], [0x30, 0x80, 0x01]);
    assert_eq!(first_packet(&long), Some(131));
    assert_eq!(first_packet(&long[..130]), None);
}
