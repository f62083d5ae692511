//! The header of the PROXY protocol: who is behind a proxy.

use std::net::SocketAddr;

use proxy_header::{Error, ParseConfig, ProxyHeader};
use thiserror::Error;

/// Bytes of a header of version 1, at most.
const TEXT: usize = 107;
/// Bytes of a header of version 2 that are waited for: the addresses, and far more extensions than proxies send.
const BINARY: usize = 4 << 10;
/// What version 1 begins with.
const GREETING: &[u8] = b"PROXY ";
/// What version 2 begins with.
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// Version 2 and the command LOCAL: the proxy speaks for itself, whatever the addresses say.
const LOCAL: u8 = 0x20;

/// Why a connection of a listener with the PROXY protocol is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ProxyFailure {
    /// There is no header where one has to be.
    #[error(
        "it does not begin with a header of the PROXY protocol: does the proxy send one (send-proxy-v2)?"
    )]
    Malformed,
    /// The connection is nobody's who may say whose it is.
    #[error("it is none of trusted_proxies, and this listener is for proxies only")]
    Untrusted,
}

/// A header that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Its bytes.
    pub len: usize,
    /// The client; `None` if the proxy speaks for itself.
    pub client: Option<SocketAddr>,
}

/// Reads the header at the beginning of `bytes`; `None` as long as it is not whole.
///
/// # Errors
/// If no further bytes could make it a header.
pub fn read(bytes: &[u8]) -> Result<Option<Header>, ProxyFailure> {
    let is_text = bytes.first() == Some(&GREETING[0]);
    let known = bytes.len().min(GREETING.len());
    if is_text && bytes.get(..known) != GREETING.get(..known) {
        return Err(ProxyFailure::Malformed);
    }
    let limit = if is_text { TEXT } else { BINARY };
    let announced = announced(bytes);
    match announced {
        Some((_, len)) if len > limit => return Err(ProxyFailure::Malformed),
        Some((LOCAL, len)) if len > bytes.len() => return Ok(None),
        Some((LOCAL, len)) => return Ok(Some(Header { len, client: None })),
        _ => {}
    }
    let is_whole = announced.is_some_and(|(_, len)| len <= bytes.len()) || is_text && has_ended(bytes);
    let options = ParseConfig { include_tlvs: false, ..ParseConfig::default() };
    match ProxyHeader::parse(bytes, options) {
        Ok((header, len)) if len <= limit => {
            let client = header.proxied_address().map(|address| address.source);
            let text = bytes.get(..len).filter(|_| is_text && client.is_some());
            if text.is_none_or(has_plain_ports) {
                Ok(Some(Header { len, client }))
            } else {
                Err(ProxyFailure::Malformed)
            }
        }
        Err(Error::BufferTooShort) if bytes.len() < limit && !is_whole => Ok(None),
        _ => Err(ProxyFailure::Malformed),
    }
}

/// Whether a header of version 1 can get no longer. Whatever UNKNOWN is followed by is no matter, until CR LF.
fn has_ended(text: &[u8]) -> bool {
    match text.starts_with(b"PROXY UNKNOWN") {
        true => text.windows(2).any(|end| end == b"\r\n"),
        false => text.contains(&b'\n'),
    }
}

/// The command of a header of version 2, and how long that says it is.
fn announced(bytes: &[u8]) -> Option<(u8, usize)> {
    match bytes.strip_prefix(SIGNATURE)? {
        [command, _, high, low, ..] => {
            let rest = usize::from(u16::from_be_bytes([*high, *low]));
            Some((*command, SIGNATURE.len() + 4 + rest))
        }
        _ => None,
    }
}

/// Whether the two ports of version 1 are digits alone, without zeros before them.
fn has_plain_ports(text: &[u8]) -> bool {
    let ports = text.trim_ascii_end().rsplit(|&byte| byte == b' ').take(2);
    ports
        .into_iter()
        .all(|port| port.iter().all(u8::is_ascii_digit) && (port.len() == 1 || port.first() != Some(&b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0f\xc0\0\x02\x07\x7f\0\0\x01\x12\x34\x07\x5b\x04\0\0";

    #[test]
    fn a_header_of_either_version_names_the_client_wherever_it_is_cut() {
        let address = |text: &str| Some(text.parse().expect(text));
        for (header, client) in [
            (&b"PROXY TCP4 192.0.2.7 127.0.0.1 4660 1883\r\n"[..], address("192.0.2.7:4660")),
            (b"PROXY TCP6 2001:db8::7 ::1 4660 1883\r\n", address("[2001:db8::7]:4660")),
            (b"PROXY UNKNOWN\r\n", None),
            (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", None),
            (b"PROXY UNKNOWN\n\n\r\n", None),
            (V2, address("192.0.2.7:4660")),
            (b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", None),
            // of a proxy's own connection everything else is passed over
            (b"\r\n\r\n\0\r\nQUIT\n\x20\x11\0\x02xx", None),
            (b"\r\n\r\n\0\r\nQUIT\n\x20\x11\0\x0c\xc0\0\x02\x07\x7f\0\0\x01\x12\x34\x07\x5b", None),
            (b"\r\n\r\n\0\r\nQUIT\n\x21\0\0\x02xx", None),
        ] {
            for cut in 0..header.len() {
                assert_eq!(read(&header[..cut]), Ok(None), "{cut}");
            }
            let bytes = [header, b"\x10\x0d"].concat();
            assert_eq!(read(&bytes), Ok(Some(Header { len: header.len(), client })));
        }
    }

    #[test]
    fn what_is_no_header_is_refused_before_it_ends() {
        let endless = [b"PROXY TCP4 ", &b"1".repeat(TEXT)[..]].concat();
        let unknown = [b"PROXY UNKNOWN ", &b"1".repeat(TEXT)[..], b"\r\n"].concat();
        let long = [&V2[..14], b"\xff\xff"].concat();
        for bytes in [
            &b"\x10\x0d\0\x04MQTT"[..],
            b"\x16\x03\x01",
            b"PUT / HTTP/1.1\r\n",
            b"PROXYxTCP4 192.0.2.7 127.0.0.1 4660 1883\r\n",
            b"PROXY TCP4 2001:db8::7 ::1 4660 1883\r\n",
            b"PROXY TCP4 192.0.2.7 127.0.0.1 4660 99999\r\n",
            b"PROXY TCP4 192.0.2.7 127.0.0.1 04660 1883\r\n",
            b"PROXY TCP4 192.0.2.7 127.0.0.1 4660 +1883\r\n",
            b"PROXY TCP4 192.0.2.7 127.0.0.1 4660 1883\n",
            b"PROXY TCP5 192.0.2.7 127.0.0.1 4660 1883\r\n",
            b"\r\n\r\n\0\r\nQUIT\n\x31\x11\0\0",
            // IPv4 where IPv6 was announced, and nothing more to come
            b"\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x0c\xc0\0\x02\x07\x7f\0\0\x01\x12\x34\x07\x5b",
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x04\xc0\0\x02\x07\x10\x0d\0\x04MQTT",
            &endless,
            &unknown,
            &long,
        ] {
            assert_eq!(read(bytes), Err(ProxyFailure::Malformed), "{bytes:?}");
        }
    }
}
