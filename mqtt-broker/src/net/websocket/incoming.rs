//! Frames of a client to the bytes of MQTT in them.
//!
//! ```text
//!  read      | header | masked payload | header | masked pa...      any split, also inside a header
//!  after     | payload | pa... |  left over                         moved to the front and unmasked in place
//! ```

use std::io::Cursor;

use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{CloseCode, Control, Data, OpCode};

use super::fault::Fault;

/// The longest header of a frame; one of this length is complete.
const HEADER: usize = 14;
/// The longest payload of a control frame.
const CONTROL: u64 = 125;

/// The reading side of a connection. Between two frames it holds no storage.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    /// What has come of a header that was cut by the end of a read, or of the payload of a control frame. That is seldom
    /// and little, so room for more is worth less than a few bytes of each connection.
    cut: Box<[u8]>,
    /// Whether a message has begun whose last frame is still to come.
    fragmented: bool,
    kind: Kind,
    /// The mask, turned so that it begins with the next byte of the payload.
    mask: [u8; 4],
    /// Bytes of the payload that are still to come.
    left: u64,
}

/// What the payload of the frame at hand is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    Message,
    Close,
    Ping,
    Pong,
}

/// What stands between the bytes of MQTT.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ControlFrame {
    /// To be answered with the same payload.
    Ping(Box<[u8]>),
    /// The peer sends nothing more; the status that it gave, if it gave one.
    Close(Option<CloseCode>),
}

/// A buffer that is read from and, further ahead, written to.
pub(super) struct Window<'a> {
    buffer: &'a mut [u8],
    /// Bytes that were read.
    read: usize,
    /// Bytes of MQTT at the front.
    written: usize,
}

impl<'a> Window<'a> {
    /// `buffer`, of which the first `read` bytes were no frames.
    pub(super) const fn new(buffer: &'a mut [u8], read: usize) -> Self {
        Self { buffer, read, written: 0 }
    }

    /// How many bytes of MQTT are at the front.
    pub(super) const fn written(&self) -> usize {
        self.written
    }

    fn unread(&self) -> &[u8] {
        self.buffer.get(self.read..).unwrap_or_default()
    }

    /// Unmasks the next bytes and keeps them behind those that are kept.
    fn keep(&mut self, len: usize, mask: [u8; 4]) {
        let end = self.read + len;
        if self.read != self.written {
            self.buffer.copy_within(self.read..end, self.written);
        }
        self.read = end;
        unmask(self.buffer.get_mut(self.written..self.written + len).unwrap_or_default(), mask);
        self.written += len;
    }
}

impl Incoming {
    /// Bytes of memory.
    pub(super) const fn held(&self) -> usize {
        self.cut.len()
    }

    /// Goes on to the next control frame that matters, or to the end of what was read.
    pub(super) fn advance(&mut self, window: &mut Window<'_>) -> Result<Option<ControlFrame>, Fault> {
        loop {
            let len = usize::try_from(self.left).unwrap_or(usize::MAX).min(window.unread().len());
            if self.kind == Kind::Message {
                window.keep(len, self.mask);
            } else {
                let before = self.cut.len();
                self.keep(window.unread().get(..len).unwrap_or_default());
                unmask(self.cut.get_mut(before..).unwrap_or_default(), self.mask);
                window.read += len;
            }
            self.left -= len as u64;
            self.mask.rotate_left(len % 4);
            if self.left > 0 {
                return Ok(None);
            }
            // a control frame without payload is complete here as well
            if let Some(control) = self.end_frame()? {
                return Ok(Some(control));
            }
            if !self.begin_frame(window)? {
                return Ok(None);
            }
        }
    }

    /// A frame is complete: what it is, if it is no part of a message.
    fn end_frame(&mut self) -> Result<Option<ControlFrame>, Fault> {
        match std::mem::take(&mut self.kind) {
            Kind::Message => Ok(None),
            Kind::Pong => {
                self.cut = Box::default();
                Ok(None)
            }
            Kind::Ping => Ok(Some(ControlFrame::Ping(std::mem::take(&mut self.cut)))),
            Kind::Close => Ok(Some(ControlFrame::Close(status(&std::mem::take(&mut self.cut))?))),
        }
    }

    /// Reads a header; false if it is not complete.
    fn begin_frame(&mut self, window: &mut Window<'_>) -> Result<bool, Fault> {
        let before = self.cut.len();
        let unread = window.unread();
        let more = unread.get(..unread.len().min(HEADER - before)).unwrap_or_default();
        let parsed = if before == 0 {
            parse(more)?
        } else {
            self.keep(more);
            parse(&self.cut)?
        };
        let Some((header, length, len)) = parsed else {
            if before == 0 {
                self.keep(more);
            }
            window.read += more.len();
            return Ok(false);
        };
        if before > 0 {
            self.cut = Box::default();
        }
        window.read += len - before;
        self.accept(&header, length)?;
        Ok(true)
    }

    /// Keeps bytes until what they belong to is complete.
    fn keep(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.cut = [&self.cut, bytes].concat().into();
        }
    }

    /// Checks what a header says, and begins its frame.
    fn accept(&mut self, header: &FrameHeader, length: u64) -> Result<(), Fault> {
        if header.rsv1 || header.rsv2 || header.rsv3 {
            return Err(Fault::ReservedBit);
        }
        self.kind = match header.opcode {
            OpCode::Data(data) => {
                match data {
                    Data::Continue if !self.fragmented => return Err(Fault::Continuation),
                    // [MQTT-6.0.0-1]
                    Data::Text => return Err(Fault::Text),
                    Data::Binary if self.fragmented => return Err(Fault::Interleaved),
                    Data::Continue | Data::Binary => {}
                    Data::Reserved(_) => return Err(Fault::Opcode),
                }
                self.fragmented = !header.is_final;
                Kind::Message
            }
            OpCode::Control(control) => {
                let kind = match control {
                    Control::Close => Kind::Close,
                    Control::Ping => Kind::Ping,
                    Control::Pong => Kind::Pong,
                    Control::Reserved(_) => return Err(Fault::Opcode),
                };
                if !header.is_final {
                    return Err(Fault::ControlFragmented);
                }
                if length > CONTROL {
                    return Err(Fault::ControlLength);
                }
                kind
            }
        };
        self.mask = header.mask.ok_or(Fault::Unmasked)?;
        self.left = length;
        Ok(())
    }
}

/// A header, the length that it announces, and its own; `None` if there is more of it to come.
fn parse(bytes: &[u8]) -> Result<Option<(FrameHeader, u64, usize)>, Fault> {
    let mut cursor = Cursor::new(bytes);
    // memory does not fail to be read, which leaves the opcode
    let Some((header, length)) = FrameHeader::parse(&mut cursor).map_err(|_| Fault::Opcode)? else {
        return Ok(None);
    };
    let len = cursor.position() as usize;
    if len != header.len(length) || i64::try_from(length).is_err() {
        return Err(Fault::Length);
    }
    Ok(Some((header, length, len)))
}

/// The status in the payload of a close frame, which may be absent.
fn status(payload: &[u8]) -> Result<Option<CloseCode>, Fault> {
    let Some((status, reason)) = payload.split_first_chunk() else {
        return if payload.is_empty() { Ok(None) } else { Err(Fault::CloseStatus) };
    };
    let status = CloseCode::from(u16::from_be_bytes(*status));
    if !status.is_allowed() {
        return Err(Fault::CloseStatus);
    }
    if std::str::from_utf8(reason).is_err() {
        return Err(Fault::CloseText);
    }
    Ok(Some(status))
}

/// Eight bytes at a time: every payload of a client comes through here.
fn unmask(bytes: &mut [u8], mask: [u8; 4]) {
    let [a, b, c, d] = mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (chunks, rest) = bytes.as_chunks_mut::<8>();
    for chunk in chunks {
        *chunk = (u64::from_ne_bytes(*chunk) ^ wide).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask.into_iter().cycle()) {
        *byte ^= mask;
    }
}
