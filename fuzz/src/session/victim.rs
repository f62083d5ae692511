//! A session of either role, driven the same way.

use std::num::NonZeroU16;
use std::sync::Arc;

use mqtt_codec::{
    Connect, Decoder, FixedHeader, Message, PacketId, PacketRef, QoS, ReasonCode, Role, Rules, Seconds,
    Subscription, Text, Topic, TopicFilter, Version,
};
use mqtt_session::{
    CleanStart, ClientConfig, ClientSession, CloseReason, Matched, Outbound, Overflow, QueueLimits, Receipt,
    Received, ServerConfig, ServerSession, Time,
};

/// What each side may have in flight.
pub(super) const WINDOW: u16 = 3;
/// The identifiers that there are: few, so that a peer meets them.
pub(super) const PACKET_IDS: PacketId = PacketId::MIN.next().next().next().next();
pub(super) const QUEUED: usize = 16;
const REQUESTS: usize = 4;
/// Answers that a client may leave unread.
const REPLIES: usize = 8;
const MAXIMUM_PACKET_SIZE: u32 = 1_000;

pub(super) struct Victim {
    session: Session,
    decoder: Decoder,
    /// What the application has not taken.
    held: Vec<Receipt>,
}

enum Session {
    Client(Box<ClientSession>),
    Server(Box<ServerSession>),
}

pub(super) fn number(id: PacketId) -> [u8; 2] {
    id.get().to_be_bytes()
}

fn queue() -> QueueLimits {
    let window = NonZeroU16::new(WINDOW).expect("it is above 0");
    let (messages, overflow) = (QUEUED, Overflow::DropOldest);
    QueueLimits { messages, window, packet_ids: PACKET_IDS, overflow, ..QueueLimits::default() }
}

fn client_config() -> ClientConfig {
    ClientConfig {
        queue: queue(),
        receive_maximum: NonZeroU16::new(WINDOW).expect("it is above 0"),
        maximum_packet_size: MAXIMUM_PACKET_SIZE,
        requests: REQUESTS,
        clean_start: CleanStart::Never,
        ..ClientConfig::default()
    }
}

fn server_config() -> ServerConfig {
    ServerConfig {
        queue: queue(),
        receive_maximum: NonZeroU16::new(WINDOW).expect("it is above 0"),
        maximum_packet_size: MAXIMUM_PACKET_SIZE,
        replies: REPLIES,
        ..ServerConfig::default()
    }
}

fn connect(version: Version, receive_maximum: Option<NonZeroU16>) -> Connect {
    let mut connect = Connect::new(version, Text::new("client").expect("a text"));
    connect.clean_start = false;
    connect.keep_alive = 20;
    if version.is_v5() {
        connect.properties.session_expiry = Some(Seconds(3_600));
        connect.properties.receive_maximum = receive_maximum;
    }
    connect
}

impl Victim {
    pub(super) fn new(is_client: bool, version: Version) -> Self {
        let (session, decoder) = if is_client {
            let session = ClientSession::new(version, client_config());
            (Session::Client(Box::new(session)), Decoder::client(version, MAXIMUM_PACKET_SIZE))
        } else {
            let session = ServerSession::new(&server_config());
            (Session::Server(Box::new(session)), Decoder::server(MAXIMUM_PACKET_SIZE))
        };
        Self { session, decoder, held: Vec::new() }
    }

    /// A connection begins, and both accept it. `known` says whether the peer still has the session, or wants to.
    pub(super) fn connect(
        &mut self,
        now: Time,
        version: Version,
        known: bool,
        receive_maximum: Option<NonZeroU16>,
    ) {
        match &mut self.session {
            Session::Client(client) => {
                client.handle_disconnected();
                client.handle_connected(now, connect(version, None));
                let mut sent = Vec::new();
                client.poll_transmit(now, &mut sent);
                self.decoder = Decoder::client(version, MAXIMUM_PACKET_SIZE);
                let mut connack =
                    mqtt_codec::ConnAck::new(known && version != Version::V3_1, ReasonCode::Success);
                connack.properties.receive_maximum = receive_maximum;
                client.handle_packet(now, &PacketRef::ConnAck(connack.view()));
            }
            Session::Server(server) => {
                server.handle_disconnected(now);
                let mut connect = connect(version, receive_maximum);
                connect.clean_start = !known;
                let mut sent = Vec::new();
                PacketRef::Connect(connect.view()).encode(version, &mut sent).expect("it is valid");
                self.decoder = Decoder::server(MAXIMUM_PACKET_SIZE);
                self.decoder.decode(&sent).expect("it is valid");
                server.attach(now, &connect.view(), None, &server_config());
            }
        }
    }

    /// The peer's bytes come; `note` sees each packet before the session. Whether one was a message.
    pub(super) fn receive(
        &mut self,
        now: Time,
        mut bytes: &[u8],
        mut note: impl FnMut(&PacketRef<'_>),
    ) -> bool {
        let mut message = false;
        while !bytes.is_empty() && self.wants_read() {
            let (packet, len) = match self.decoder.decode_next(bytes) {
                Ok(Some(read)) => read,
                Ok(None) => break,
                Err(error) => {
                    match &mut self.session {
                        Session::Client(client) => client.handle_malformed(error),
                        Session::Server(server) => server.handle_malformed(error),
                    }
                    assert!(self.close_reason().is_some(), "{error}");
                    break;
                }
            };
            bytes = &bytes[len..];
            note(&packet);
            let received = match &mut self.session {
                Session::Client(client) => client.handle_packet(now, &packet),
                Session::Server(server) => server.handle_packet(now, &packet),
            };
            match (received, &mut self.session) {
                (Some(Received::Message { receipt, .. }), _) => {
                    message = true;
                    self.held.extend(receipt);
                }
                (Some(Received::Subscribe(subscribe)), Session::Server(server)) => {
                    let reasons = subscribe.filters.iter().map(|_| ReasonCode::Success).collect();
                    server.answer_subscribe(subscribe.id, reasons, None);
                }
                (Some(Received::Unsubscribe(unsubscribe)), Session::Server(server)) => {
                    let reasons = unsubscribe.filters.iter().map(|_| ReasonCode::Success).collect();
                    server.answer_unsubscribe(unsubscribe.id, reasons, None);
                }
                (Some(Received::Disconnect(_) | Received::Authentication(_)) | None, _) => {}
                (Some(other), Session::Client(_)) => panic!("{other:?} at a client"),
            }
        }
        message
    }

    fn wants_read(&self) -> bool {
        match &self.session {
            Session::Client(client) => client.close_reason().is_none(),
            Session::Server(server) => server.wants_read(),
        }
    }

    /// The application sends a message; the packets that this wrote.
    pub(super) fn send(&mut self, now: Time, qos: QoS) -> Vec<Vec<u8>> {
        let message = Arc::new(Message::new(Topic::new("t").expect("a topic"), &b"payload"[..]));
        let mut written = Vec::new();
        match &mut self.session {
            Session::Client(client) => drop(client.publish(now, message, qos, false, None)),
            Session::Server(server) => {
                let mut scratch = Vec::new();
                let mut outbound = Outbound::kept(&message, qos, false, None, &mut scratch);
                let matched = Matched { qos, retain: false, subscription_ids: &[] };
                let connection = server.is_connected().then_some(&mut written);
                server.deliver(now, &mut outbound, &matched, connection);
            }
        }
        self.frames(written)
    }

    /// The application subscribes, or ends that.
    pub(super) fn request(&mut self, ends: bool) {
        let Session::Client(client) = &mut self.session else { return };
        let filter = TopicFilter::new("f").expect("a filter");
        if ends {
            let _ = client.unsubscribe(vec![filter]);
        } else {
            let _ = client.subscribe(vec![Subscription::new(filter, QoS::ExactlyOnce)], None);
        }
    }

    /// The application takes one of the messages that it holds, all from the first on if `which` is beyond them.
    pub(super) fn take(&mut self, which: usize, reason: ReasonCode) {
        let range = if which < self.held.len() { which..which + 1 } else { 0..self.held.len() };
        for receipt in self.held.drain(range) {
            match &mut self.session {
                Session::Client(client) => client.acknowledge(receipt, reason),
                Session::Server(server) => server.acknowledge(receipt, reason, None),
            }
        }
    }

    /// Messages that the application holds.
    pub(super) fn waiting(&self) -> usize {
        self.held.len()
    }

    pub(super) fn timeout(&mut self, now: Time) {
        match &mut self.session {
            Session::Client(client) => client.handle_timeout(now),
            Session::Server(server) => server.handle_timeout(now),
        }
    }

    /// The packets that are to be sent now.
    pub(super) fn poll(&mut self, now: Time) -> Vec<Vec<u8>> {
        let mut written = Vec::new();
        match &mut self.session {
            Session::Client(client) => {
                client.poll_transmit(now, &mut written);
                while client.poll_event().is_some() {}
            }
            Session::Server(server) => {
                server.poll_transmit(now, &mut written);
                while server.poll_event().is_some() {}
            }
        }
        self.frames(written)
    }

    fn frames(&self, mut written: Vec<u8>) -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        while !written.is_empty() {
            let header = FixedHeader::parse(&written, &Rules::new(Version::V5, self.reader()));
            let len = header.expect("a header").expect("a whole header").packet_len();
            let rest = written.split_off(len);
            frames.push(std::mem::replace(&mut written, rest));
        }
        frames
    }

    /// What the peer reads.
    pub(super) fn read<'f>(&self, frame: &'f [u8], version: Version) -> PacketRef<'f> {
        PacketRef::decode(frame, &Rules::new(version, self.reader()))
            .expect("a packet that the peer can read")
    }

    const fn reader(&self) -> Role {
        match self.session {
            Session::Client(_) => Role::Server,
            Session::Server(_) => Role::Client,
        }
    }

    pub(super) fn close_reason(&self) -> Option<CloseReason> {
        match &self.session {
            Session::Client(client) => client.close_reason(),
            Session::Server(server) => server.close_reason(),
        }
    }

    pub(super) fn queued(&self) -> usize {
        match &self.session {
            Session::Client(client) => client.queued(),
            Session::Server(server) => server.queued(),
        }
    }

    pub(super) fn in_flight(&self) -> usize {
        match &self.session {
            Session::Client(client) => client.in_flight(),
            Session::Server(server) => server.in_flight(),
        }
    }

    /// Limits that one role has.
    pub(super) fn check(&self) {
        if let Session::Client(client) = &self.session {
            assert!(client.pending_requests() <= REQUESTS + 1);
            assert!(!client.version().is_v5() || client.unacknowledged() <= usize::from(WINDOW));
        }
    }
}
