//! One network connection: the transport, what was read and not decoded, what was encoded and not written.

use bytes::{Buf, BytesMut};
use mqtt_codec::Decoder;
use mqtt_session::{CloseReason, Received};
use tokio::io::{ReadHalf, WriteHalf};
use tokio::time::Instant;

use super::{Output, Stream};
use crate::core::Core;

/// Bytes that one read may bring.
pub(super) const READ_SIZE: usize = 16 << 10;

/// Packets above this many bytes are cut out of the input, so that their payload need not be copied.
const SHARED_FRAME: usize = mqtt_session::COPY_LIMIT;

pub(super) struct Link<S> {
    pub(super) reader: ReadHalf<S>,
    pub(super) writer: WriteHalf<S>,
    pub(super) decoder: Decoder,
    pub(super) input: BytesMut,
    pub(super) output: Output,
    /// Whether the transport may still keep bytes that it has taken.
    pub(super) unflushed: bool,
    /// When the transport last took bytes, or had none to take.
    pub(super) moved: Instant,
}

impl<S: Stream> Link<S> {
    pub(super) fn new(stream: S, core: &Core) -> Self {
        let (reader, writer) = tokio::io::split(stream);
        let mut decoder = Decoder::client(core.session.version(), core.config.maximum_packet_size);
        decoder.set_topic_alias_maximum(core.config.topic_alias_maximum);
        Self {
            reader,
            writer,
            decoder,
            input: BytesMut::new(),
            output: Output::default(),
            unflushed: false,
            moved: Instant::now(),
        }
    }

    /// Decodes every packet that is complete and hands it on.
    pub(super) fn handle_input(&mut self, core: &mut Core) {
        while core.session.close_reason().is_none() {
            match self.decoder.frame_len(&self.input) {
                Ok(Some(len)) if len <= self.input.len() => self.handle_frame(core, len),
                Ok(Some(len)) => {
                    // the rest of a large packet is read into its place
                    self.input.reserve(len - self.input.len());
                    return;
                }
                Ok(None) => return,
                Err(error) => core.session.handle_malformed(error),
            }
        }
    }

    fn handle_frame(&mut self, core: &mut Core, len: usize) {
        let now = core.now();
        if len > SHARED_FRAME {
            let frame = self.input.split_to(len).freeze();
            handle_packet(&mut self.decoder, core, now, &frame, Some(&frame));
        } else {
            handle_packet(&mut self.decoder, core, now, &self.input[..len], None);
            self.input.advance(len);
        }
    }
}

fn handle_packet(
    decoder: &mut Decoder,
    core: &mut Core,
    now: mqtt_session::Time,
    bytes: &[u8],
    frame: Option<&bytes::Bytes>,
) {
    let packet = match decoder.decode(bytes) {
        Ok(packet) => packet,
        Err(error) => return core.session.handle_malformed(error),
    };
    match core.session.handle_packet(now, &packet) {
        Some(Received::Message { publish, receipt }) => core.handle_message(&publish, receipt, frame),
        Some(Received::Disconnect(disconnect)) => {
            let text = disconnect.reason_string.unwrap_or_default();
            tracing::info!(reason = %disconnect.reason, text, "the server disconnects");
        }
        Some(Received::Subscribe(_) | Received::Unsubscribe(_)) | None => {}
    }
}

/// What the end of a connection was, if the session does not know a better reason.
pub(super) fn end_of(core: &Core) -> CloseReason {
    core.session.close_reason().unwrap_or(CloseReason::Transport)
}
