//! Cuts the bytes of a connection into MQTT control packets.
//!
//! The load program talks only to brokers it started itself, so nothing beyond the fixed header is checked here.

/// One control packet: the first byte of its fixed header and what follows the remaining length.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub(crate) struct Frame<'a> {
    pub(crate) first: u8,
    pub(crate) body: &'a [u8],
}

impl Frame<'_> {
    /// The packet type, as the standard numbers them.
    pub(crate) fn kind(&self) -> u8 {
        self.first >> 4
    }

    /// The big-endian number that starts at `at`, if the body is long enough.
    pub(crate) fn u16_at(&self, at: usize) -> Option<u16> {
        Some(u16::from_be_bytes(self.body.get(at..at + 2)?.try_into().ok()?))
    }
}

/// What the front of a byte slice holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Split<'a> {
    /// A whole packet, and the bytes after it.
    Frame(Frame<'a>, &'a [u8]),
    /// The beginning of a packet, or nothing.
    Partial,
    /// A remaining length of more than four bytes.
    Malformed,
}

/// Splits the first packet off `bytes`.
pub(crate) fn split(bytes: &[u8]) -> Split<'_> {
    let Some((&first, after)) = bytes.split_first() else { return Split::Partial };
    let (length, after) = match variable_integer(after) {
        Ok(Some(found)) => found,
        Ok(None) => return Split::Partial,
        Err(TooLong) => return Split::Malformed,
    };
    match after.split_at_checked(length) {
        Some((body, rest)) => Split::Frame(Frame { first, body }, rest),
        None => Split::Partial,
    }
}

/// A Variable Byte Integer that goes on after its fourth byte.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

/// Reads a Variable Byte Integer and gives the bytes after it; `None` while it is incomplete.
pub(crate) fn variable_integer(bytes: &[u8]) -> Result<Option<(usize, &[u8])>, TooLong> {
    let mut value = 0;
    for (place, &byte) in bytes.iter().take(4).enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Ok(Some((value, &bytes[place + 1..])));
        }
    }
    if bytes.len() < 4 { Ok(None) } else { Err(TooLong) }
}

/// Appends `value`, which must be below 2^28, as a Variable Byte Integer.
pub(crate) fn put_variable_integer(mut value: usize, out: &mut Vec<u8>) {
    while value > 0x7f {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_cut_one_after_the_other() {
        let bytes = [0xd0, 0, 0x40, 2, 0, 7, 0x30];
        let Split::Frame(pong, rest) = split(&bytes) else { panic!("PINGRESP is whole") };
        assert_eq!(pong, Frame { first: 0xd0, body: &[] });
        let Split::Frame(ack, rest) = split(rest) else { panic!("PUBACK is whole") };
        assert_eq!((ack.kind(), ack.u16_at(0)), (4, Some(7)));
        assert_eq!((split(rest), rest), (Split::Partial, &[0x30][..]));
    }

    #[test]
    fn every_cut_of_a_packet_is_partial() {
        let mut bytes = vec![0x30];
        put_variable_integer(300, &mut bytes);
        bytes.extend([1; 300]);
        for end in 0..bytes.len() {
            assert_eq!(split(&bytes[..end]), Split::Partial, "cut after {end}");
        }
        assert_eq!(split(&bytes), Split::Frame(Frame { first: 0x30, body: &[1; 300] }, &[]));
    }

    #[test]
    fn variable_integers_come_back_at_every_border() {
        for value in [0, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152, 268_435_455] {
            let mut bytes = Vec::new();
            put_variable_integer(value, &mut bytes);
            assert_eq!(variable_integer(&bytes), Ok(Some((value, &[][..]))));
            assert_eq!(variable_integer(&bytes[..bytes.len() - 1]), Ok(None));
        }
    }

    #[test]
    fn a_remaining_length_of_five_bytes_is_malformed() {
        assert_eq!(split(&[0x30, 0x80, 0x80, 0x80, 0x80]), Split::Malformed);
        assert_eq!(split(&[0x30, 0x80, 0x80, 0x80]), Split::Partial);
    }

    #[test]
    fn a_number_beyond_the_body_is_absent() {
        assert_eq!(Frame { first: 0x40, body: &[1] }.u16_at(0), None);
    }
}
