//! One network connection: the transport, what was read and not decoded, what was encoded and not written.

use std::io;

use bytes::{Buf, BytesMut};
use mqtt_codec::{Decoder, PacketRef};
use mqtt_session::{CloseReason, Received};
use tokio::io::{ReadHalf, WriteHalf};
use tokio::time::Instant;

use super::{Output, Stream};
use crate::core::Core;
use crate::error::ServerReason;

/// Bytes that one read may bring.
const READ_SIZE: usize = 16 << 10;

/// With less room than this, more is made before a read.
const LEAST_READ: usize = READ_SIZE / 4;

/// Packets above this many bytes are cut out of the input, so that their payload need not be copied.
const SHARED_FRAME: usize = mqtt_session::COPY_LIMIT;

pub(super) struct Link<S> {
    pub(super) reader: ReadHalf<S>,
    pub(super) writer: WriteHalf<S>,
    pub(super) decoder: Decoder,
    pub(super) input: BytesMut,
    /// Bytes that the packet at the start of `input` still lacks, as far as that is known; else 0.
    missing: usize,
    /// The first bytes that came, zeroes where none have.
    pub(super) beginning: [u8; 5],
    has_begun: bool,
    /// What ended the transport, if it was not simply closed.
    pub(super) error: Option<io::Error>,
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
            missing: 0,
            beginning: [0; 5],
            has_begun: false,
            error: None,
            output: Output::default(),
            unflushed: false,
            moved: Instant::now(),
        }
    }

    /// Decodes every packet that is complete and hands it on.
    pub(super) fn handle_input(&mut self, core: &mut Core) {
        if !self.has_begun {
            self.has_begun = true;
            let count = self.input.len().min(self.beginning.len());
            self.beginning[..count].copy_from_slice(&self.input[..count]);
        }
        self.missing = 0;
        while core.session.close_reason().is_none() {
            match self.decoder.frame_len(&self.input) {
                Ok(Some(len)) if len <= self.input.len() => self.handle_frame(core, len),
                Ok(Some(len)) => {
                    self.missing = len - self.input.len();
                    return;
                }
                Ok(None) => return,
                Err(error) => core.session.handle_malformed(error),
            }
        }
    }

    /// Room for one read, in steps that are worth an allocation.
    ///
    /// A large packet is read into its place, which grows with what has come of it: its header alone reserves nothing.
    pub(super) fn make_room(&mut self) {
        let spare = self.input.capacity() - self.input.len();
        // no more than the packet lacks is needed to read all of it
        let least = if self.missing > 0 { self.missing.min(LEAST_READ) } else { LEAST_READ };
        if spare < least {
            self.input.reserve(self.missing.min(self.input.len()).max(READ_SIZE));
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
    if let PacketRef::ConnAck(connack) = &packet {
        if !core.handle_connack(connack) {
            return;
        }
        if connack.reason.is_error() {
            core.handle_reason(ServerReason::of_connack(connack));
        }
    }
    match core.session.handle_packet(now, &packet) {
        Some(Received::Message { publish, receipt }) => core.handle_message(&publish, receipt, frame),
        Some(Received::Disconnect(disconnect)) => {
            core.handle_reason(ServerReason::of_disconnect(&disconnect));
        }
        Some(Received::Authentication(auth)) => core.handle_auth(&auth),
        Some(Received::Subscribe(_) | Received::Unsubscribe(_)) | None => {}
    }
}

/// What the end of a connection was, if the session does not know a better reason.
pub(super) fn end_of(core: &Core) -> CloseReason {
    core.session.close_reason().unwrap_or(CloseReason::Transport)
}

#[cfg(test)]
mod tests {
    use mqtt_codec::Version;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

    use super::*;
    use crate::client::Client;
    use crate::connection::{Connection, Dial};
    use crate::error::ConnectionError;
    use crate::options::ConnectOptions;

    struct Nobody;

    impl Dial for Nobody {
        type Stream = DuplexStream;

        async fn dial(&mut self, _: Instant) -> Result<DuplexStream, ConnectionError> {
            std::future::pending().await
        }
    }

    /// A link to a server, and the core that it serves.
    fn link() -> (Link<DuplexStream>, DuplexStream, Connection<Nobody>) {
        let options = ConnectOptions::new("mqtt://in-memory")
            .unwrap()
            .version(Version::V5)
            .maximum_packet_size(u32::MAX);
        let (_client, connection) = Client::with_dialer(options, Nobody).unwrap();
        let (near, far) = tokio::io::duplex(64 << 10);
        (Link::new(near, &connection.core), far, connection)
    }

    /// One turn of the loop that reads.
    async fn read(link: &mut Link<DuplexStream>, connection: &mut Connection<Nobody>) {
        link.make_room();
        link.reader.read_buf(&mut link.input).await.unwrap();
        link.handle_input(&mut connection.core);
    }

    #[tokio::test]
    async fn memory_for_a_large_packet_grows_with_what_has_come_of_it() {
        let (mut link, mut far, mut connection) = link();
        // PUBLISH of 256 MiB
        far.write_all(&[0x30, 0xff, 0xff, 0xff, 0x7f]).await.unwrap();
        read(&mut link, &mut connection).await;
        link.make_room();
        assert!(link.input.capacity() <= READ_SIZE, "{}", link.input.capacity());
        for _ in 0..64 {
            far.write_all(&[b'x'; READ_SIZE]).await.unwrap();
            read(&mut link, &mut connection).await;
            link.make_room();
            let (len, capacity) = (link.input.len(), link.input.capacity());
            assert!(capacity <= 2 * len.max(READ_SIZE) + READ_SIZE, "{capacity} for {len}");
        }
        assert_eq!(connection.core.session.close_reason(), None);
    }

    #[tokio::test]
    async fn the_last_bytes_of_a_large_packet_need_no_more_room_than_they_fill() {
        let (mut link, mut far, mut connection) = link();
        // PUBLISH of 64 KiB, fixed header included
        let mut packet = vec![b'x'; 64 << 10];
        packet[..4].copy_from_slice(&[0x30, 0xfc, 0xff, 0x03]);
        for part in packet[..packet.len() - 1].chunks(READ_SIZE) {
            far.write_all(part).await.unwrap();
            read(&mut link, &mut connection).await;
        }
        let capacity = link.input.capacity();
        link.make_room();
        assert_eq!(link.missing, 1);
        assert_eq!((capacity, link.input.capacity()), (64 << 10, 64 << 10));
    }
}
