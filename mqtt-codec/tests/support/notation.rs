//! A notation for packets in tables: lengths are counted, and the place of a fault is marked.
//!
//! | written | stands for |
//! |---|---|
//! | `30:` | the first byte; the Remaining Length of what follows comes behind it |
//! | `30 0A0B` | bytes |
//! | `78*100` | the byte 78, 100 times |
//! | `'text'` | these bytes |
//! | `<text>` | a string: its length in two bytes, then its bytes |
//! | `{C3 BC}` | what is inside, with its length in two bytes in front |
//! | `[01 00]` | properties: their length, then what is inside |
//! | `^` | nothing: here an error is to be seen |

use super::{hex, varint};

/// A packet and, where the notation marks one, the offset of its fault.
#[derive(Debug, PartialEq)]
pub(crate) struct Noted {
    pub(crate) bytes: Vec<u8>,
    pub(crate) fault: Option<usize>,
}

/// Reads the notation.
pub(crate) fn packet(text: &str) -> Noted {
    let Some((first, body)) = text.split_once(':') else { return part(text) };
    let (first, body) = (part(first), part(body));
    let mut bytes = first.bytes;
    bytes.extend(varint(body.bytes.len()));
    let fault = first.fault.or_else(|| body.fault.map(|offset| bytes.len() + offset));
    bytes.extend(body.bytes);
    Noted { bytes, fault }
}

fn part(text: &str) -> Noted {
    let mut noted = Noted { bytes: Vec::new(), fault: None };
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        rest = match first {
            '^' => {
                noted.fault = Some(noted.bytes.len());
                &rest[1..]
            }
            '\'' | '<' => {
                let end = rest[1..].find(if first == '<' { '>' } else { first }).expect("the text ends") + 1;
                let inner = Noted { bytes: rest[1..end].into(), fault: None };
                noted.append(if first == '<' { u16_len(&inner) } else { Vec::new() }, inner);
                &rest[end + 1..]
            }
            '{' | '[' => {
                let end = rest.find(if first == '{' { '}' } else { ']' }).expect("the part ends");
                let inner = part(&rest[1..end]);
                let len = if first == '{' { u16_len(&inner) } else { varint(inner.bytes.len()) };
                noted.append(len, inner);
                &rest[end + 1..]
            }
            _ => {
                let end = rest.find([' ', '^', '\'', '<', '[', '{']).unwrap_or(rest.len());
                noted.bytes.extend(repeated(&rest[..end]));
                &rest[end..]
            }
        }
        .trim_start();
    }
    noted
}

impl Noted {
    fn append(&mut self, len: Vec<u8>, inner: Self) {
        self.bytes.extend(len);
        self.fault = self.fault.or_else(|| inner.fault.map(|offset| self.bytes.len() + offset));
        self.bytes.extend(inner.bytes);
    }
}

fn u16_len(inner: &Noted) -> Vec<u8> {
    u16::try_from(inner.bytes.len()).expect("it fits into two bytes").to_be_bytes().into()
}

fn repeated(digits: &str) -> Vec<u8> {
    match digits.split_once('*') {
        Some((byte, times)) => hex(byte).repeat(times.parse().expect("a number")),
        None => hex(digits),
    }
}
