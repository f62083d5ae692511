//! Requests that are no upgrade to MQTT, each with an answer that a person can read.

use crate::core::Counter;

/// Why a request is refused. The text is what the log says; the answer says the same to the one who asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// No request of HTTP/1.1.
    #[error("not a request of HTTP/1.1")]
    NotHttp,
    /// A request line and headers that are too long or too many.
    #[error("the headers of the request are too long or too many")]
    TooLarge,
    /// Another method than GET.
    #[error("the method is not GET")]
    Method,
    /// Another path than that of the listener.
    #[error("nothing is at this path")]
    Path,
    /// A request without Host, or with several.
    #[error("the request does not have one Host header")]
    Host,
    /// A request for a page, as browsers send it.
    #[error("the request does not ask for an upgrade to WebSocket")]
    NoUpgrade,
    /// Another version of WebSocket than 13.
    #[error("the version of WebSocket is not 13")]
    Version,
    /// A key that is not 16 bytes in Base64.
    #[error("Sec-WebSocket-Key is not the Base64 of 16 bytes")]
    Key,
    /// A web page from elsewhere.
    #[error("the Origin is not one of those that the listener allows")]
    Origin,
    /// The subprotocol of MQTT is not offered.
    #[error("the subprotocol mqtt is not offered [MQTT-6.0.0-3]")]
    Subprotocol,
}

impl Refusal {
    pub(super) const fn counter(self) -> Counter {
        match self {
            Self::Origin => Counter::WebSocketOrigin,
            Self::Path => Counter::WebSocketPath,
            Self::Subprotocol => Counter::WebSocketSubprotocol,
            Self::NotHttp
            | Self::TooLarge
            | Self::Method
            | Self::Host
            | Self::NoUpgrade
            | Self::Version
            | Self::Key => Counter::WebSocketRequest,
        }
    }

    /// The response. `path` is where MQTT is.
    pub(super) fn response(self, path: &str) -> Vec<u8> {
        let (status, headers) = self.status();
        let text = format!("{}\n", self.advice(path));
        format!(
            "HTTP/1.1 {status}\r\n{headers}Content-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n{text}",
            text.len()
        )
        .into_bytes()
    }

    /// The status line, and what else the status asks for.
    const fn status(self) -> (&'static str, &'static str) {
        match self {
            Self::NotHttp | Self::Host | Self::Key | Self::Subprotocol => ("400 Bad Request", ""),
            Self::TooLarge => ("431 Request Header Fields Too Large", ""),
            Self::Method => ("405 Method Not Allowed", "Allow: GET\r\n"),
            Self::Path => ("404 Not Found", ""),
            Self::NoUpgrade => ("426 Upgrade Required", "Upgrade: websocket\r\nConnection: Upgrade\r\n"),
            Self::Version => (
                "426 Upgrade Required",
                "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n",
            ),
            Self::Origin => ("403 Forbidden", ""),
        }
    }

    fn advice(self, path: &str) -> String {
        match self {
            Self::NotHttp => {
                format!("This port speaks MQTT over WebSocket: begin with an HTTP/1.1 request, GET {path}.")
            }
            Self::TooLarge => "The headers of the request are too long or too many.".to_owned(),
            Self::Method => "MQTT over WebSocket begins with a GET request.".to_owned(),
            Self::Path => format!("Nothing is here; MQTT over WebSocket is at {path}."),
            Self::Host => "The request has to have one Host header.".to_owned(),
            Self::NoUpgrade => "This is an MQTT broker, not a web page: connect with an MQTT client that speaks \
                                WebSocket, such as MQTT.js or Paho, to this same address with ws:// or wss://."
                .to_owned(),
            Self::Version => "The only version of WebSocket here is 13.".to_owned(),
            Self::Key => "Sec-WebSocket-Key has to be the Base64 of 16 bytes.".to_owned(),
            Self::Origin => "Web pages of this origin may not connect to this broker; the setting is origins \
                             of the listener."
                .to_owned(),
            Self::Subprotocol => {
                "The client has to offer the subprotocol mqtt in Sec-WebSocket-Protocol.".to_owned()
            }
        }
    }
}
