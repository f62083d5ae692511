//! The request that turns a connection into a WebSocket.

use std::sync::Arc;

use tungstenite::error::{CapacityError, Error};
use tungstenite::handshake::derive_accept_key;
use tungstenite::handshake::machine::TryParse;
use tungstenite::handshake::server::Request;
use tungstenite::http::header::{
    CONNECTION, HOST, HeaderName, ORIGIN, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION,
    UPGRADE,
};

use super::refusal::Refusal;

/// Subprotocols, the better first; the other is the name that MQTT 3.1 had before it was a standard.
const SUBPROTOCOLS: [&str; 2] = ["mqtt", "mqttv3.1"];

/// What a listener lets in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Door {
    /// Where MQTT is, without the query.
    pub path: String,
    /// Origins of the web pages that may connect, such as `https://example.org`; all may if there are none. It
    /// binds browsers, which do not let pages lie about it; other programs send none, and are not refused.
    pub origins: Vec<String>,
    /// Bytes of a request.
    pub request_bytes: usize,
}

/// A request, as far as it has come.
#[derive(Debug)]
pub(super) struct Upgrade {
    door: Arc<Door>,
    /// Bytes of earlier reads.
    unread: Vec<u8>,
}

/// What has become of a request.
pub(super) enum Progress {
    /// Its end has not come.
    More,
    /// It is granted with this response; so many of the bytes given last belonged to it.
    Granted { response: Vec<u8>, consumed: usize },
    /// It is refused with this response.
    Refused { response: Vec<u8>, refusal: Refusal },
}

impl Upgrade {
    pub(super) const fn new(door: Arc<Door>) -> Self {
        Self { door, unread: Vec::new() }
    }

    /// Bytes of memory.
    pub(super) const fn held(&self) -> usize {
        size_of::<Self>() + self.unread.capacity()
    }

    /// The next bytes of the peer, of which those behind the request are frames.
    pub(super) fn handle_bytes(&mut self, bytes: &[u8]) -> Progress {
        let before = self.unread.len();
        let searched = before.saturating_sub(3);
        let room = self.door.request_bytes.saturating_sub(before);
        self.unread.extend_from_slice(bytes.get(..bytes.len().min(room)).unwrap_or_default());
        // who does not begin like a request is not waited for
        let refusal = if !self.unread.first().is_none_or(u8::is_ascii_uppercase) {
            Refusal::NotHttp
        } else if !has_end(self.unread.get(searched..).unwrap_or_default()) {
            if self.unread.len() < self.door.request_bytes {
                return Progress::More;
            }
            Refusal::TooLarge
        } else {
            match parse(&self.unread).and_then(|(len, request)| Ok((len, self.door.answer(&request)?))) {
                Ok((len, response)) => {
                    return Progress::Granted { response, consumed: len.saturating_sub(before) };
                }
                Err(refusal) => refusal,
            }
        };
        Progress::Refused { response: refusal.response(&self.door.path), refusal }
    }
}

/// Whether there is an empty line: before it parsing is in vain, and would be repeated for every byte.
fn has_end(bytes: &[u8]) -> bool {
    bytes.windows(2).any(|end| end == b"\n\n") || bytes.windows(3).any(|end| end == b"\n\r\n")
}

/// A request and its length.
fn parse(bytes: &[u8]) -> Result<(usize, Request), Refusal> {
    match Request::try_parse(bytes) {
        Ok(Some(parsed)) => Ok(parsed),
        // the empty line stands before the request line
        Ok(None) => Err(Refusal::NotHttp),
        Err(Error::Capacity(CapacityError::TooManyHeaders)) => Err(Refusal::TooLarge),
        Err(Error::Protocol(tungstenite::error::ProtocolError::WrongHttpMethod)) => Err(Refusal::Method),
        Err(_) => Err(Refusal::NotHttp),
    }
}

impl Door {
    /// The response that grants an upgrade.
    fn answer(&self, request: &Request) -> Result<Vec<u8>, Refusal> {
        if request.uri().path() != self.path {
            return Err(Refusal::Path);
        }
        if request.headers().get_all(HOST).iter().count() != 1 {
            return Err(Refusal::Host);
        }
        let upgrades = tokens(request, UPGRADE).any(|token| token.eq_ignore_ascii_case("websocket"));
        if !upgrades || !tokens(request, CONNECTION).any(|token| token.eq_ignore_ascii_case("upgrade")) {
            return Err(Refusal::NoUpgrade);
        }
        if !tokens(request, SEC_WEBSOCKET_VERSION).eq(["13"]) {
            return Err(Refusal::Version);
        }
        let mut keys = request.headers().get_all(SEC_WEBSOCKET_KEY).iter();
        let (Some(key), None) = (keys.next(), keys.next()) else { return Err(Refusal::Key) };
        if !is_key(key.as_bytes()) {
            return Err(Refusal::Key);
        }
        if !self.allows_origin(request) {
            return Err(Refusal::Origin);
        }
        // [MQTT-6.0.0-3] [MQTT-6.0.0-4]
        let mut known = SUBPROTOCOLS.into_iter();
        let chosen = known.find(|name| tokens(request, SEC_WEBSOCKET_PROTOCOL).any(|token| token == *name));
        let chosen = chosen.ok_or(Refusal::Subprotocol)?;
        Ok(format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {}\r\nSec-WebSocket-Protocol: {chosen}\r\n\r\n",
            derive_accept_key(key.as_bytes())
        )
        .into_bytes())
    }

    fn allows_origin(&self, request: &Request) -> bool {
        let mut origins = request.headers().get_all(ORIGIN).iter();
        self.origins.is_empty()
            || origins.all(|origin| {
                self.origins.iter().any(|allowed| origin.as_bytes().eq_ignore_ascii_case(allowed.as_bytes()))
            })
    }
}

/// The elements of a header that is a list, over all its lines.
fn tokens(request: &Request, name: HeaderName) -> impl Iterator<Item = &str> {
    let lines = request.headers().get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim).filter(|token| !token.is_empty())
}

/// Whether this is 16 bytes in Base64: 22 characters, and two to fill up.
fn is_key(key: &[u8]) -> bool {
    let is_character = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    key.strip_suffix(b"==").is_some_and(|rest| rest.len() == 22 && rest.iter().all(is_character))
}
