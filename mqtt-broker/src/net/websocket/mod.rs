//! MQTT over WebSocket as a value beside the stream: bytes in, bytes of MQTT out, and the other way round.
//!
//! ```text
//!            GET /mqtt, Upgrade: websocket              frames: masked, binary, split anywhere
//!  client ------------------------------> [ upgrade ] ------------------------------------> [ incoming ] --> MQTT
//!         <------------------------------      |                                            [ outgoing ] <-- MQTT
//!                  101, or a refusal           refused: the response is the last thing sent
//! ```
//!
//! A frame of a client is unmasked where it was read, and its header falls away; a frame of the broker is a header
//! before what the connection has to say in this turn. An idle connection holds no buffer for either.
//!
//! It ends in one of three ways, [`End`]; in each, what answers the peer is ready to be written.

mod fault;
mod incoming;
mod outgoing;
mod refusal;
#[cfg(test)]
mod tests;
mod upgrade;

use std::io::{self, Write};
use std::sync::Arc;

use tungstenite::protocol::frame::coding::CloseCode;

pub use fault::Fault;
pub use refusal::Refusal;
pub use upgrade::Door;

use incoming::{ControlFrame, Incoming, Window};
use outgoing::Outgoing;
use upgrade::{Progress, Upgrade};

/// One connection.
#[derive(Debug)]
pub struct WebSocket {
    /// The request, as long as it is not answered.
    upgrade: Option<Box<Upgrade>>,
    incoming: Incoming,
    outgoing: Outgoing,
    /// Whether what the peer sends is of no interest any more.
    ended: bool,
}

/// What a read has brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Input {
    /// Bytes of MQTT, which are now at the front of the buffer. They are handled before the end.
    pub len: usize,
    /// Whether nothing will follow, and why.
    pub end: Option<End>,
}

/// Why a WebSocket ended. The answer to the peer is pending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum End {
    /// The peer has sent a close frame.
    #[error("the peer has closed the WebSocket")]
    Closed,
    /// The upgrade was refused.
    #[error("upgrade refused: {0}")]
    Refused(Refusal),
    /// The peer has broken a rule of WebSocket.
    #[error("{0}")]
    Fault(Fault),
}

/// Why the broker closes a WebSocket. What MQTT has to say about it was said in MQTT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// This connection is over. Status 1000.
    Normal,
    /// The broker stops. Status 1001.
    Shutdown,
}

impl WebSocket {
    /// For a connection whose request is still to come.
    pub fn new(door: Arc<Door>) -> Self {
        Self {
            upgrade: Some(Box::new(Upgrade::new(door))),
            incoming: Incoming::default(),
            outgoing: Outgoing::default(),
            ended: false,
        }
    }

    /// Bytes that were read from the peer; those of MQTT in them are moved to the front of the buffer.
    ///
    /// An answer may be pending afterwards, see [`WebSocket::is_pending`].
    pub fn handle_bytes(&mut self, buffer: &mut [u8]) -> Input {
        let mut start = 0;
        if let Some(upgrade) = &mut self.upgrade {
            match upgrade.handle_bytes(buffer) {
                Progress::More => return Input { len: 0, end: None },
                Progress::Granted { response, consumed } => {
                    self.outgoing.answer(response);
                    self.upgrade = None;
                    start = consumed;
                }
                Progress::Refused { response, refusal } => {
                    self.outgoing.answer(response);
                    self.upgrade = None;
                    self.ended = true;
                    return Input { len: 0, end: Some(End::Refused(refusal)) };
                }
            }
        }
        if self.ended {
            return Input { len: 0, end: None };
        }
        let mut window = Window::new(buffer, start);
        let end = self.unframe(&mut window);
        self.ended = end.is_some();
        Input { len: window.written(), end }
    }

    fn unframe(&mut self, window: &mut Window<'_>) -> Option<End> {
        loop {
            match self.incoming.advance(window) {
                Ok(None) => return None,
                Ok(Some(ControlFrame::Ping(payload))) => self.outgoing.pong(&payload),
                Ok(Some(ControlFrame::Close(status))) => {
                    self.outgoing.close(status.unwrap_or(CloseCode::Normal));
                    return Some(End::Closed);
                }
                Err(fault) => {
                    self.outgoing.close(fault.status());
                    return Some(End::Fault(fault));
                }
            }
        }
    }

    /// Has the broker end the connection, once its output is written. What the peer still sends is ignored.
    pub fn close(&mut self, closing: Closing) {
        if !self.ended {
            self.ended = true;
            // a peer without WebSocket understands no frame
            if self.is_open() {
                self.outgoing.close(match closing {
                    Closing::Normal => CloseCode::Normal,
                    Closing::Shutdown => CloseCode::Away,
                });
            }
        }
    }

    /// Whether the upgrade is behind it.
    pub const fn is_open(&self) -> bool {
        self.upgrade.is_none()
    }

    /// Whether something has to be written besides the output of MQTT: an answer, a pong, a close frame.
    pub const fn is_pending(&self) -> bool {
        self.outgoing.is_pending()
    }

    /// Whether a frame is begun whose end the peer waits for.
    pub const fn is_inside_frame(&self) -> bool {
        self.outgoing.is_inside_frame()
    }

    /// Writes what is pending, unless a frame has to be finished first.
    ///
    /// # Errors
    /// Those of the sink, `WouldBlock` among them: call it again.
    pub fn write_pending(&mut self, sink: &mut impl Write) -> io::Result<()> {
        self.outgoing.write_aside(sink)
    }

    /// A sink for output; what is pending goes before it. The lengths that it gives and takes are those of MQTT.
    pub fn framed<'a, W: Write>(&'a mut self, sink: &'a mut W) -> impl Write + use<'a, W> {
        self.outgoing.framed(sink)
    }
}
