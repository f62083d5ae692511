//! One session and the packets of a peer who may do anything.

use bytes::BytesMut;
use mqtt_codec::{ConnAck, Connect, Decoder, Packet, PacketRef, QoS, ReasonCode, Role, Rules, Version};
use mqtt_session::{
    ClientConfig, ClientSession, Delivered, Matched, Outbound, Received, ServerConfig, ServerSession, Ticket,
    Time,
};

use super::{Got, resuming};

/// Reads all packets of `bytes` as `role`.
fn packets(bytes: &[u8], decoder: &mut Decoder) -> Vec<Packet> {
    let mut rest = bytes;
    let mut packets = Vec::new();
    while !rest.is_empty() {
        let (packet, len) = decoder.decode_next(rest).unwrap().expect("whole packets");
        packets.push(packet.to_packet());
        rest = &rest[len..];
    }
    packets
}

/// What a session made of a packet.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Meaning {
    Message(Got),
    Other,
}

fn meaning(received: Received<'_>) -> Meaning {
    match received {
        Received::Message { publish, receipt } => Meaning::Message(Got::new(&publish, receipt)),
        _ => Meaning::Other,
    }
}

pub(crate) struct ServerAlone {
    pub(crate) session: ServerSession,
    pub(crate) config: ServerConfig,
    pub(crate) connect: Connect,
    pub(crate) now: Time,
    decoder: Decoder,
}

impl ServerAlone {
    /// A server to which a client has connected; CONNACK is not fetched.
    pub(crate) fn attached(connect: Connect, config: ServerConfig) -> Self {
        let mut alone = Self {
            session: ServerSession::new(&config),
            decoder: Decoder::client(connect.version, Rules::MAX_PACKET_SIZE),
            config,
            connect,
            now: Time::from_secs(1_000),
        };
        alone.attach();
        alone
    }

    /// A server with a resuming client whose CONNACK is fetched.
    pub(crate) fn new(version: Version) -> Self {
        let mut alone = Self::attached(resuming(version), super::server_config());
        alone.fetch();
        alone
    }

    /// The client connects, again or for the first time.
    pub(crate) fn attach(&mut self) -> bool {
        self.decoder = Decoder::client(self.connect.version, Rules::MAX_PACKET_SIZE);
        self.decoder.set_topic_alias_maximum(self.connect.properties.topic_alias_maximum.unwrap_or(0));
        self.session.attach(self.now, &self.connect.view(), None, &self.config).session_present
    }

    pub(crate) fn give(&mut self, packet: &Packet) -> Option<Meaning> {
        self.session.handle_packet(self.now, &packet.view()).map(meaning)
    }

    /// Gives `packet`; a message is acknowledged at once. Returns the answers.
    pub(crate) fn ask(&mut self, packet: &Packet) -> Vec<String> {
        if let Some(Meaning::Message(got)) = self.give(packet)
            && let Some(receipt) = got.receipt
        {
            self.session.acknowledge(receipt, ReasonCode::Success, None);
        }
        self.fetch_names()
    }

    /// A message for the client, which goes into its queue.
    pub(crate) fn queue(&mut self, payload: &str, qos: QoS) -> Delivered {
        self.queue_as(Ticket::default(), payload, qos)
    }

    /// The same, stored under `ticket`.
    pub(crate) fn queue_as(&mut self, ticket: Ticket, payload: &str, qos: QoS) -> Delivered {
        let (kept, mut scratch) = (super::message(payload), Vec::new());
        let mut outbound = Outbound::kept(&kept, qos, false, None, &mut scratch);
        outbound.ticket = ticket;
        let matched = Matched { qos, retain: false, subscription_ids: &[] };
        self.session.deliver(self.now, &mut outbound, &matched, None::<&mut Vec<u8>>)
    }

    pub(crate) fn fetch(&mut self) -> Vec<Packet> {
        let mut out = BytesMut::new();
        self.session.poll_transmit(self.now, &mut out);
        packets(&out, &mut self.decoder)
    }

    pub(crate) fn fetch_names(&mut self) -> Vec<String> {
        super::names(&self.fetch())
    }
}

pub(crate) struct ClientAlone {
    pub(crate) session: ClientSession,
    pub(crate) connect: Connect,
    pub(crate) now: Time,
    version: Version,
}

impl ClientAlone {
    /// A client that has sent nothing yet.
    pub(crate) fn opened(connect: Connect, config: ClientConfig) -> Self {
        let version = connect.version;
        let session = ClientSession::new(version, config);
        let mut alone = Self { session, connect, now: Time::from_secs(1_000), version };
        alone.open();
        alone
    }

    /// A client that resumes, whose server has accepted it.
    pub(crate) fn new(version: Version) -> Self {
        let mut alone = Self::opened(resuming(version), super::client_config());
        alone.accept(&ConnAck::new(false, ReasonCode::Success));
        alone
    }

    pub(crate) fn open(&mut self) {
        self.session.handle_connected(self.now, self.connect.clone());
    }

    /// The server accepts; what the client sends at once.
    pub(crate) fn accept(&mut self, connack: &ConnAck) -> Vec<String> {
        assert_eq!(self.fetch_names(), ["Connect"]);
        self.session.handle_packet(self.now, &PacketRef::ConnAck(connack.view()));
        self.fetch_names()
    }

    pub(crate) fn give(&mut self, packet: &Packet) -> Option<Meaning> {
        self.session.handle_packet(self.now, &packet.view()).map(meaning)
    }

    /// Gives `packet`; a message is acknowledged at once. Returns the answers.
    pub(crate) fn ask(&mut self, packet: &Packet) -> Vec<String> {
        if let Some(Meaning::Message(got)) = self.give(packet)
            && let Some(receipt) = got.receipt
        {
            self.session.acknowledge(receipt, ReasonCode::Success);
        }
        self.fetch_names()
    }

    pub(crate) fn fetch(&mut self) -> Vec<Packet> {
        let mut out = BytesMut::new();
        self.session.poll_transmit(self.now, &mut out);
        let mut rest: &[u8] = &out;
        let mut packets = Vec::new();
        while !rest.is_empty() {
            let rules = Rules::new(self.version, Role::Server);
            let header = mqtt_codec::FixedHeader::parse(rest, &rules).unwrap().expect("whole packets");
            let (frame, left) = rest.split_at(header.packet_len());
            packets.push(PacketRef::decode(frame, &rules).unwrap().to_packet());
            rest = left;
        }
        packets
    }

    pub(crate) fn fetch_names(&mut self) -> Vec<String> {
        super::names(&self.fetch())
    }
}
