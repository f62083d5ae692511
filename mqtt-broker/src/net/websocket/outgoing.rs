//! Output in frames: a header before what one turn has to say, control frames between.

use std::io::{self, IoSlice, Write};

use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{CloseCode, Control, Data, OpCode};

/// The longest header of a frame without mask.
const HEADER: usize = 10;
/// Slices of a vectored write that are handed on with the header before them.
const SLICES: usize = 17;
/// Bytes of pongs that wait; of more only the last is sent, which answers those before it (RFC 6455, 5.5.3).
const PONGS: usize = 512;

/// The writing side of a connection. With nothing to write it holds no storage.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    /// The length of the payload of the frame at hand, and how much of it is to be written.
    frame: u32,
    payload: u32,
    /// Bytes of its header that are written.
    header: u8,
    aside: Option<Box<Aside>>,
}

/// Bytes that are no frame of MQTT: the answer to the upgrade, control frames.
#[derive(Debug, Default)]
struct Aside {
    /// What is being written, and how much of it was.
    bytes: Vec<u8>,
    written: usize,
    /// Pongs that come next.
    pongs: Vec<u8>,
    /// The close frame, after which nothing comes.
    close: Option<CloseCode>,
}

impl Outgoing {
    /// Sends the answer to the upgrade, before anything else.
    pub(super) fn answer(&mut self, response: Vec<u8>) {
        self.aside.get_or_insert_default().bytes = response;
    }

    /// Sends a pong when no frame is in the way.
    pub(super) fn pong(&mut self, payload: &[u8]) {
        let aside = self.aside.get_or_insert_default();
        if aside.pongs.len() + payload.len() > PONGS {
            aside.pongs.clear();
        }
        put_frame(&mut aside.pongs, Control::Pong, payload);
    }

    /// Sends a close frame after what has begun.
    pub(super) fn close(&mut self, status: CloseCode) {
        self.aside.get_or_insert_default().close = Some(status);
    }

    /// Whether something can be written that is no output of MQTT.
    pub(super) const fn wants_write(&self) -> bool {
        match &self.aside {
            Some(aside) => self.payload == 0 && aside.is_pending(),
            None => false,
        }
    }

    /// Bytes of memory.
    pub(super) fn held(&self) -> usize {
        self.aside.as_ref().map_or(0, |aside| aside.bytes.capacity() + aside.pongs.capacity())
    }

    /// A place to write output to. What one write is given becomes one frame, unless the one before it is not all
    /// written.
    pub(super) const fn framed<'a, W: Write>(&'a mut self, sink: &'a mut W) -> Framed<'a, W> {
        Framed { outgoing: self, sink }
    }

    /// Writes what stands between frames, as far as the sink takes it. Inside a frame nothing can be written.
    pub(super) fn write_aside(&mut self, sink: &mut impl Write) -> io::Result<()> {
        if self.payload > 0 {
            return Ok(());
        }
        let Some(aside) = &mut self.aside else { return Ok(()) };
        while let Some(bytes) = aside.next() {
            match sink.write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => aside.written += written,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.aside = None;
        Ok(())
    }

    /// The header of the frame at hand, as far as it is not written.
    fn header(&self, bytes: &mut [u8; HEADER]) -> usize {
        let header = FrameHeader { opcode: OpCode::Data(Data::Binary), ..FrameHeader::default() };
        let mut free = bytes.as_mut_slice();
        // the longest header fits
        let _ = header.format(self.frame.into(), &mut free);
        let len = HEADER - free.len();
        bytes.copy_within(usize::from(self.header)..len, 0);
        len - usize::from(self.header)
    }

    /// Takes note of what the sink took behind `header` bytes of a header; how much of it was payload.
    fn advance(&mut self, written: usize, header: usize) -> usize {
        let payload = written.saturating_sub(header);
        self.header += (written - payload) as u8;
        self.payload -= payload as u32;
        payload
    }
}

impl Aside {
    const fn is_pending(&self) -> bool {
        self.written < self.bytes.len() || !self.pongs.is_empty() || self.close.is_some()
    }

    /// The bytes to write next.
    fn next(&mut self) -> Option<&[u8]> {
        if self.written == self.bytes.len() {
            self.written = 0;
            self.bytes = std::mem::take(&mut self.pongs);
            if let Some(status) = self.close.take() {
                put_frame(&mut self.bytes, Control::Close, &u16::from(status).to_be_bytes());
            }
        }
        self.bytes.get(self.written..).filter(|bytes| !bytes.is_empty())
    }
}

fn put_frame(bytes: &mut Vec<u8>, control: Control, payload: &[u8]) {
    let header = FrameHeader { opcode: OpCode::Control(control), ..FrameHeader::default() };
    // memory takes everything
    let _ = header.format(payload.len() as u64, bytes);
    bytes.extend_from_slice(payload);
}

/// Writes the payload of frames; the lengths that it tells are those of payload.
pub(super) struct Framed<'a, W> {
    outgoing: &'a mut Outgoing,
    sink: &'a mut W,
}

impl<W: Write> Framed<'_, W> {
    /// A write that took some of the header only is followed by another: no progress means an error to callers.
    fn write_some(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let total = slices.iter().map(|slice| slice.len()).sum::<usize>();
        if total == 0 {
            return Ok(0);
        }
        if self.outgoing.payload == 0 {
            self.outgoing.write_aside(self.sink)?;
            self.outgoing.frame = u32::try_from(total).unwrap_or(u32::MAX);
            self.outgoing.payload = self.outgoing.frame;
            self.outgoing.header = 0;
        }
        loop {
            let mut header = [0; HEADER];
            let len = self.outgoing.header(&mut header);
            let header = header.get(..len).unwrap_or_default();
            let written = write_vectored(self.sink, header, slices, self.outgoing.payload as usize)?;
            let payload = self.outgoing.advance(written, len);
            if written == 0 || payload > 0 {
                return Ok(payload);
            }
        }
    }
}

/// One write of a header and of at most `payload` bytes behind it.
fn write_vectored(
    sink: &mut impl Write,
    header: &[u8],
    slices: &[IoSlice<'_>],
    mut payload: usize,
) -> io::Result<usize> {
    let mut all = [IoSlice::new(&[]); SLICES];
    let mut used = 0;
    let parts = std::iter::once(header).chain(slices.iter().map(|slice| {
        let len = slice.len().min(payload);
        payload -= len;
        slice.get(..len).unwrap_or_default()
    }));
    for (slice, part) in all.iter_mut().zip(parts.filter(|part| !part.is_empty())) {
        *slice = IoSlice::new(part);
        used += 1;
    }
    sink.write_vectored(all.get(..used).unwrap_or_default())
}

impl<W: Write> Write for Framed<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_some(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.write_some(slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}
