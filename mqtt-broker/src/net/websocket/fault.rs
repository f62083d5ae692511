//! What a peer can do wrong in WebSocket frames, and the status that it is told.

use tungstenite::protocol::frame::coding::CloseCode;

/// Why the bytes of a peer are no WebSocket, or no MQTT over it. The texts name the section of RFC 6455.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// A status that no peer may send, or half of one.
    #[error("the status of a close frame cannot be one (7.4)")]
    CloseStatus,
    /// A reason that is no text.
    #[error("the reason of a close frame is not UTF-8 (5.5.1)")]
    CloseText,
    /// A continuation of nothing.
    #[error("a continuation frame belongs to no message (5.4)")]
    Continuation,
    /// A control frame of several frames.
    #[error("a control frame is fragmented (5.5)")]
    ControlFragmented,
    /// A control frame of more than 125 bytes.
    #[error("a control frame is longer than 125 bytes (5.5)")]
    ControlLength,
    /// A second message inside a fragmented one.
    #[error("a message begins before the one before it has ended (5.4)")]
    Interleaved,
    /// A length that is not written in the fewest bytes, or that no frame can have.
    #[error("the length of a frame is not in its shortest form, or above 2^63 (5.2)")]
    Length,
    /// A kind of frame that nobody has defined.
    #[error("a frame has a reserved opcode (5.2)")]
    Opcode,
    /// A bit of an extension that was not agreed.
    #[error("a frame has a reserved bit (5.2)")]
    ReservedBit,
    /// Text, where MQTT is bytes.
    #[error("a text frame; MQTT travels in binary frames [MQTT-6.0.0-1]")]
    Text,
    /// A frame as servers send them.
    #[error("a frame of a client is not masked (5.1)")]
    Unmasked,
}

impl Fault {
    /// The status of the close frame that answers.
    pub(super) const fn status(self) -> CloseCode {
        match self {
            Self::CloseText => CloseCode::Invalid,
            Self::Text => CloseCode::Unsupported,
            Self::CloseStatus
            | Self::Continuation
            | Self::ControlFragmented
            | Self::ControlLength
            | Self::Interleaved
            | Self::Length
            | Self::Opcode
            | Self::ReservedBit
            | Self::Unmasked => CloseCode::Protocol,
        }
    }
}
