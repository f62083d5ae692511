//! A network connection: two pipes, and what each end knows of the other.

use std::collections::BTreeMap;

use mqtt_broker::core::{ConnectionId, Lobby, NewConnection, Slot};
use mqtt_codec::{Decoder, Packet, Sink, Version};
use mqtt_session::Transmit;

use super::wire::Window;

/// One connection of a client to the broker.
pub(crate) struct Link {
    pub(crate) id: ConnectionId,
    pub(crate) client: usize,
    /// Sent and not arrived.
    pub(crate) up: Vec<u8>,
    pub(crate) down: Vec<u8>,
    pub(crate) capacity: usize,
    /// Whether the client has this connection, and has not been told of its end.
    pub(crate) client_open: bool,
    pub(crate) server: ServerEnd,
    /// Nothing gets through.
    pub(crate) is_cut: bool,
    /// At which steps each end hears that the connection is cut.
    pub(crate) client_hears: Option<u32>,
    pub(crate) server_hears: Option<u32>,
    pub(crate) stalled_until: u32,
    pub(crate) deaf_until: u32,
    /// Bytes that the client has read, of a packet that is not complete.
    pub(crate) read: Vec<u8>,
    pub(crate) decoder: Decoder,
    /// What the client has written.
    pub(crate) spoken: Eavesdropper,
    /// What the broker was given and has not handled.
    pub(crate) given: Eavesdropper,
    pub(crate) unhandled: Vec<Packet>,
    /// What the broker has written.
    pub(crate) written: Eavesdropper,
    /// The session that the broker has attached, by its number, and whether it went on.
    pub(crate) session: u32,
    pub(crate) is_present: bool,
    /// The life of the client's program, and whether that resumes blindly.
    pub(crate) program: (u32, bool),
    /// Whether CONNECT asked for a clean start.
    pub(crate) is_clean: bool,
    /// The number of the Will in CONNECT.
    pub(crate) will: u32,
    pub(crate) upward: Window,
    pub(crate) downward: Window,
    /// Codes that SUBACK and UNSUBACK should have.
    pub(crate) answers: BTreeMap<u16, Vec<u8>>,
    /// Messages and filters of packets that the broker has handled, by their identifiers.
    pub(crate) publishing: BTreeMap<u16, u32>,
    pub(crate) changing: BTreeMap<u16, Vec<String>>,
}

/// Where the broker has the connection.
pub(crate) enum ServerEnd {
    Lobby(Lobby),
    Arriving(Box<NewConnection>),
    Attached(usize, Slot),
    Closed,
}

impl Link {
    pub(crate) fn is_over(&self) -> bool {
        !self.client_open && matches!(self.server, ServerEnd::Closed)
    }

    /// Breaks the connection: what is in transit is lost.
    pub(crate) fn cut(&mut self, client_hears: Option<u32>, server_hears: Option<u32>) {
        self.is_cut = true;
        self.up.clear();
        self.down.clear();
        (self.client_hears, self.server_hears) = (client_hears, server_hears);
    }

    /// How much of `written` the socket takes now.
    pub(crate) fn room(&self) -> usize {
        self.capacity.saturating_sub(self.down.len())
    }
}

/// Reads along: whole packets of a stream of bytes.
pub(crate) struct Eavesdropper {
    decoder: Decoder,
    bytes: Vec<u8>,
}

impl Eavesdropper {
    pub(crate) const fn new(decoder: Decoder) -> Self {
        Self { decoder, bytes: Vec::new() }
    }

    pub(crate) fn hear(&mut self, bytes: &[u8]) -> Result<Vec<Packet>, String> {
        self.bytes.extend_from_slice(bytes);
        let mut packets = Vec::new();
        let mut consumed = 0;
        loop {
            match self.decoder.decode_next(&self.bytes[consumed..]) {
                Ok(Some((packet, len))) => {
                    packets.push(packet.to_packet());
                    consumed += len;
                }
                Ok(None) => break,
                Err(error) => return Err(format!("bytes that are no packet: {error}")),
            }
        }
        self.bytes.drain(..consumed);
        Ok(packets)
    }

    pub(crate) fn set_topic_alias_maximum(&mut self, maximum: u16) {
        self.decoder.set_topic_alias_maximum(maximum);
    }
}

/// What a client writes in one go.
pub(crate) struct Writer {
    pub(crate) bytes: Vec<u8>,
    pub(crate) room: usize,
}

impl Sink for Writer {
    fn put(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }
}

impl Transmit for Writer {
    fn has_room(&self) -> bool {
        self.bytes.len() < self.room
    }
}

/// A link that the client has just opened.
pub(crate) fn open(id: ConnectionId, client: usize, version: Version, capacity: usize, lobby: Lobby) -> Link {
    Link {
        id,
        client,
        up: Vec::new(),
        down: Vec::new(),
        capacity,
        client_open: true,
        server: ServerEnd::Lobby(lobby),
        is_cut: false,
        client_hears: None,
        server_hears: None,
        stalled_until: 0,
        deaf_until: 0,
        read: Vec::new(),
        decoder: Decoder::client(version, u32::MAX),
        spoken: Eavesdropper::new(Decoder::server(u32::MAX)),
        given: Eavesdropper::new(Decoder::server(u32::MAX)),
        unhandled: Vec::new(),
        written: Eavesdropper::new(Decoder::client(version, u32::MAX)),
        session: 0,
        is_present: false,
        program: (0, false),
        is_clean: false,
        will: 0,
        upward: Window::default(),
        downward: Window::default(),
        answers: BTreeMap::new(),
        publishing: BTreeMap::new(),
        changing: BTreeMap::new(),
    }
}
