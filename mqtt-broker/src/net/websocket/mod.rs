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
//! It ends in one of three ways, [`End`]. The close frame that answers the peer is written by [`WebSocket::close`], behind
//! what MQTT has to say until then.

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

use crate::core::Counter;

/// One connection.
#[derive(Debug)]
pub struct WebSocket {
    phase: Phase,
    incoming: Incoming,
    outgoing: Outgoing,
}

#[derive(Debug)]
enum Phase {
    Upgrade(Box<Upgrade>),
    Open,
    /// Nothing that the peer sends is of interest any more. It gets a close frame with this status, or none.
    Ended(Option<CloseCode>),
}

/// What a read has brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Input {
    /// Bytes of MQTT, which are now at the front of the buffer. They are handled before the end.
    pub len: usize,
    /// Whether nothing will follow, and why.
    pub end: Option<End>,
}

/// Why a WebSocket ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum End {
    /// The peer has sent a close frame.
    #[error("the peer has closed the WebSocket")]
    Closed,
    /// The upgrade was refused.
    #[error("no WebSocket: {0}")]
    Refused(Refusal),
    /// The peer has broken a rule of WebSocket.
    #[error("{0}")]
    Fault(Fault),
}

impl End {
    /// Under which counter it falls. That a peer closes is its right.
    pub(super) const fn counter(self) -> Option<Counter> {
        match self {
            Self::Closed => None,
            Self::Refused(refusal) => Some(refusal.counter()),
            Self::Fault(_) => Some(Counter::WebSocketFrames),
        }
    }
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
            phase: Phase::Upgrade(Box::new(Upgrade::new(door))),
            incoming: Incoming::default(),
            outgoing: Outgoing::default(),
        }
    }

    /// Bytes that were read from the peer; those of MQTT in them are moved to the front of the buffer.
    ///
    /// An answer may be pending afterwards, see [`WebSocket::wants_write`].
    pub fn handle_bytes(&mut self, buffer: &mut [u8]) -> Input {
        let mut start = 0;
        match &mut self.phase {
            Phase::Open => {}
            Phase::Ended(_) => return Input { len: 0, end: None },
            Phase::Upgrade(upgrade) => match upgrade.handle_bytes(buffer) {
                Progress::More => return Input { len: 0, end: None },
                Progress::Granted { response, consumed } => {
                    self.outgoing.answer(response);
                    self.phase = Phase::Open;
                    start = consumed;
                }
                Progress::Refused { response, refusal } => {
                    self.outgoing.answer(response);
                    self.phase = Phase::Ended(None);
                    return Input { len: 0, end: Some(End::Refused(refusal)) };
                }
            },
        }
        let mut window = Window::new(buffer, start);
        let end = self.unframe(&mut window);
        Input { len: window.written(), end }
    }

    fn unframe(&mut self, window: &mut Window<'_>) -> Option<End> {
        loop {
            let (status, end) = match self.incoming.advance(window) {
                Ok(None) => return None,
                Ok(Some(ControlFrame::Ping(payload))) => {
                    self.outgoing.pong(&payload);
                    continue;
                }
                Ok(Some(ControlFrame::Close(status))) => (status.unwrap_or(CloseCode::Normal), End::Closed),
                Err(fault) => (fault.status(), End::Fault(fault)),
            };
            self.phase = Phase::Ended(Some(status));
            return Some(end);
        }
    }

    /// Has a close frame written, once: the answer to that of the peer or to its fault, or the broker's own. Output
    /// goes before it. What the peer still sends is ignored.
    pub fn close(&mut self, closing: Closing) {
        let status = match std::mem::replace(&mut self.phase, Phase::Ended(None)) {
            Phase::Open => Some(match closing {
                Closing::Normal => CloseCode::Normal,
                Closing::Shutdown => CloseCode::Away,
            }),
            Phase::Ended(status) => status,
            // a peer without WebSocket understands no frame
            Phase::Upgrade(_) => None,
        };
        if let Some(status) = status {
            self.outgoing.close(status);
        }
    }

    /// Whether the upgrade is behind it.
    pub const fn is_open(&self) -> bool {
        !matches!(self.phase, Phase::Upgrade(_))
    }

    /// Whether something can be written besides the output of MQTT: an answer, a pong, a close frame. Not so inside a
    /// frame, whose end has to come first.
    pub const fn wants_write(&self) -> bool {
        self.outgoing.wants_write()
    }

    /// Bytes of memory beside the value itself.
    pub fn held(&self) -> usize {
        let upgrade = if let Phase::Upgrade(upgrade) = &self.phase { upgrade.held() } else { 0 };
        upgrade + self.incoming.held() + self.outgoing.held()
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
