//! Two sessions, what is between them, and what can happen next.

mod crash;

use std::collections::VecDeque;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::num::NonZeroU16;
use std::sync::Arc;

use mqtt_codec::{
    Connect, FixedHeader, Message, PacketId, PacketRef, QoS, ReasonCode, Role, Rules, Seconds, Text, Topic,
    Version,
};
use mqtt_session::{
    CleanStart, ClientConfig, ClientSession, Delivered, Matched, Outbound, QueueLimits, Receipt, Received,
    ServerConfig, ServerSession, StoredMessage, Ticket, Time,
};

use crate::disk::Disk;
use crate::wire::{self, WINDOW, Wire};

/// What is enumerated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) version: Version,
    /// The client's messages.
    pub(crate) up: &'static [QoS],
    /// The server's messages.
    pub(crate) down: &'static [QoS],
    /// What may go wrong, once and at any time.
    pub(crate) fault: Fault,
    /// How many packet identifiers each side has.
    pub(crate) packet_ids: u16,
    /// The side whose effects are stored, each when its action comes.
    pub(crate) store: Option<Side>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// The connection ends with what is in transit, and both sides hear of it.
    Cut,
    /// The same, but the server hears of it when the client connects again.
    HalfOpen,
    /// The server begins with no session.
    ServerLost,
    /// The client begins with no session, and says so.
    ClientLost,
    /// The side with a store is gone, and begins with what the store has.
    Crash,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Action {
    /// The application of this side sends its next message.
    Send(Side),
    /// This side writes what it has.
    Poll(Side),
    /// The first packet in transit comes to this side.
    Carry(Side),
    /// The application of this side takes one of the messages that it holds.
    Take(Side, usize),
    /// The oldest effect of the session with a store is safe.
    Store,
    Reconnect,
    Fault(Fault),
}

impl Action {
    pub(crate) const fn is_fault(self) -> bool {
        matches!(self, Self::Fault(_))
    }
}

/// A state.
#[derive(Clone, Debug)]
pub(crate) struct World {
    case: Case,
    client: ClientSession,
    server: ServerSession,
    to_client: VecDeque<Vec<u8>>,
    to_server: VecDeque<Vec<u8>>,
    /// What the applications have not taken.
    at_client: Vec<(Receipt, usize)>,
    at_server: Vec<(Receipt, usize)>,
    up: Wire,
    down: Wire,
    disk: Disk,
    /// Whether the client has a connection.
    connected: bool,
    /// Whether the server writes to a connection that is no more.
    half_open: bool,
    faults: u8,
}

const NOW: Time = Time::from_secs(1_000);

fn queue(packet_ids: u16) -> QueueLimits {
    QueueLimits {
        window: NonZeroU16::new(WINDOW).unwrap(),
        packet_ids: PacketId::new(packet_ids).unwrap(),
        ..QueueLimits::default()
    }
}

fn client(case: Case, clean_start: CleanStart) -> ClientSession {
    ClientSession::new(case.version, client_config(case, clean_start))
}

fn client_config(case: Case, clean_start: CleanStart) -> ClientConfig {
    let receive_maximum = NonZeroU16::new(WINDOW).unwrap();
    ClientConfig {
        queue: queue(case.packet_ids),
        receive_maximum,
        clean_start,
        store: case.store == Some(Side::Client),
        ..ClientConfig::default()
    }
}

fn server_config(case: Case) -> ServerConfig {
    let receive_maximum = NonZeroU16::new(WINDOW).unwrap();
    ServerConfig {
        queue: queue(case.packet_ids),
        receive_maximum,
        store: case.store == Some(Side::Server),
        ..ServerConfig::default()
    }
}

fn connect(version: Version) -> Connect {
    let mut connect = Connect::new(version, Text::new("client").unwrap());
    connect.keep_alive = 0;
    if version.is_v5() {
        connect.properties.session_expiry = Some(Seconds(3_600));
    }
    connect
}

/// The first packet of `bytes`, as `reader` reads it, and the rest.
fn packet(bytes: &[u8], version: Version, reader: Role) -> (PacketRef<'_>, &[u8], &[u8]) {
    let rules = Rules::new(version, reader);
    let header = FixedHeader::parse(bytes, &rules).unwrap().expect("whole packets");
    let (frame, rest) = bytes.split_at(header.packet_len());
    (PacketRef::decode(frame, &rules).unwrap(), frame, rest)
}

impl World {
    /// A session that both sides know, on a connection on which nothing was said yet.
    pub(crate) fn established(case: Case) -> Self {
        let mut world = Self {
            case,
            client: client(case, CleanStart::Never),
            server: ServerSession::new(&server_config(case)),
            to_client: VecDeque::new(),
            to_server: VecDeque::new(),
            at_client: Vec::new(),
            at_server: Vec::new(),
            up: Wire::new(case.up),
            down: Wire::new(case.down),
            disk: Disk::new(case.store != Some(Side::Client)),
            connected: false,
            half_open: false,
            faults: 1,
        };
        let connection = [Action::Reconnect, Action::Poll(Side::Client), Action::Carry(Side::Server)];
        connection.into_iter().for_each(|action| world.apply(action).unwrap());
        while world.to_client.is_empty() {
            world.apply(Action::Store).unwrap();
            world.apply(Action::Poll(Side::Server)).unwrap();
        }
        world.apply(Action::Carry(Side::Client)).unwrap();
        while world.client.poll_event().is_some() {}
        world
    }

    /// What can happen now.
    pub(crate) fn actions(&self) -> Vec<Action> {
        use Side::{Client, Server};
        let mut actions = Vec::new();
        let mut possible = |action, is_possible: bool| is_possible.then(|| actions.push(action));
        possible(Action::Send(Client), self.up.next().is_some());
        possible(Action::Send(Server), self.down.next().is_some());
        possible(Action::Poll(Client), self.connected);
        possible(Action::Poll(Server), self.server.is_connected());
        possible(Action::Carry(Client), !self.to_client.is_empty());
        possible(Action::Carry(Server), !self.to_server.is_empty());
        possible(Action::Store, self.case.store.is_some());
        possible(Action::Reconnect, !self.connected);
        possible(Action::Fault(self.case.fault), self.faults > 0 && self.connected);
        actions.extend((0..self.at_client.len()).map(|index| Action::Take(Client, index)));
        actions.extend((0..self.at_server.len()).map(|index| Action::Take(Server, index)));
        actions
    }

    /// Does `action`; `Err` if what follows must not be.
    pub(crate) fn apply(&mut self, action: Action) -> Result<(), String> {
        match action {
            Action::Send(Side::Client) => {
                let (message, qos) = (message(self.up.sent), self.up.next().unwrap());
                self.up.sent += 1;
                let kept = Arc::clone(&message);
                let ticket = self.client.publish(NOW, message, qos, false, None);
                let ticket = ticket.map_err(|error| error.to_string())?;
                if self.case.store == Some(Side::Client) && qos != QoS::AtMostOnce {
                    self.disk.message(self.up.sent - 1, StoredMessage::new(ticket, kept, qos));
                }
            }
            Action::Send(Side::Server) => return self.deliver(),
            Action::Poll(Side::Client) => {
                let mut out = Vec::new();
                self.client.poll_transmit(NOW, &mut out);
                return self.written_by_client(&out);
            }
            Action::Poll(Side::Server) => {
                let mut out = Vec::new();
                self.server.poll_transmit(NOW, &mut out);
                return self.written_by_server(&out);
            }
            Action::Carry(Side::Client) => self.read_at_client()?,
            Action::Carry(Side::Server) => self.read_at_server()?,
            Action::Take(Side::Client, index) => {
                let (receipt, message) = self.at_client.remove(index);
                let qos = self.case.down[message];
                self.down.taken(message);
                self.write_effects();
                self.client.acknowledge(receipt, ReasonCode::Success);
                self.write_effects();
                match qos {
                    _ if self.case.store != Some(Side::Client) => {}
                    QoS::ExactlyOnce => self.disk.taken_with_effect(message),
                    _ => _ = self.disk.durable.insert(message),
                }
            }
            Action::Take(Side::Server, index) => {
                let (receipt, message) = self.at_server.remove(index);
                self.up.taken(message);
                self.take_at_server(receipt, message);
            }
            Action::Store => {
                self.write_effects();
                if let Some(seq) = self.disk.store() {
                    match self.case.store {
                        Some(Side::Client) => self.client.handle_stored(seq),
                        _ => self.server.handle_stored(seq),
                    }
                }
            }
            Action::Reconnect => {
                self.client.handle_connected(NOW, connect(self.case.version));
                self.connected = true;
            }
            Action::Fault(fault) => self.fail(fault),
        }
        while self.client.poll_event().is_some() {}
        match (self.client.close_reason(), self.server.close_reason()) {
            (None, None) => Ok(()),
            closed => Err(format!("{closed:?}")),
        }
    }

    fn deliver(&mut self) -> Result<(), String> {
        let (message, qos) = (message(self.down.sent), self.down.next().unwrap());
        self.down.sent += 1;
        let (mut scratch, mut out) = (Vec::new(), Vec::new());
        let mut outbound = Outbound::kept(&message, qos, false, None, &mut scratch);
        if self.case.store == Some(Side::Server) && qos != QoS::AtMostOnce {
            outbound.ticket = Ticket(self.down.sent as u64);
            self.disk
                .message(self.down.sent - 1, StoredMessage::new(outbound.ticket, Arc::clone(&message), qos));
        }
        let matched = Matched { qos: QoS::ExactlyOnce, retain: false, subscription_ids: &[] };
        let connection = self.server.is_connected().then_some(&mut out);
        let ticket = outbound.ticket;
        if let Delivered::Dropped(_) = self.server.deliver(NOW, &mut outbound, &matched, connection) {
            self.disk.forget(ticket);
        }
        self.written_by_server(&out)
    }

    fn written_by_client(&mut self, mut out: &[u8]) -> Result<(), String> {
        while !out.is_empty() {
            let (packet, frame, rest) = packet(out, self.case.version, Role::Server);
            if self.case.store == Some(Side::Client) {
                crash::check_stored(&self.disk, &packet)?;
            }
            let of_sender = wire::is_of_sender(&packet);
            judge(&packet, if of_sender { &mut self.up } else { &mut self.down }, of_sender)?;
            self.to_server.push_back(frame.to_vec());
            out = rest;
        }
        Ok(())
    }

    fn written_by_server(&mut self, mut out: &[u8]) -> Result<(), String> {
        while !out.is_empty() {
            let (packet, frame, rest) = packet(out, self.case.version, Role::Client);
            if self.case.store == Some(Side::Server) {
                crash::check_stored(&self.disk, &packet)?;
            }
            let of_sender = wire::is_of_sender(&packet);
            judge(&packet, if of_sender { &mut self.down } else { &mut self.up }, of_sender)?;
            // a server that has not noticed the end of a connection writes to nobody
            if !self.half_open {
                self.to_client.push_back(frame.to_vec());
            }
            out = rest;
        }
        Ok(())
    }

    fn read_at_client(&mut self) -> Result<(), String> {
        let frame = self.to_client.pop_front().unwrap();
        let (packet, ..) = packet(&frame, self.case.version, Role::Client);
        self.up.read_by_sender(&packet);
        self.down.read_by_receiver(&packet);
        let Some(Received::Message { publish, receipt }) = self.client.handle_packet(NOW, &packet) else {
            return Ok(());
        };
        let message = wire::number(&publish);
        self.at_client.extend(receipt.map(|receipt| (receipt, message)));
        self.down.delivered(message)
    }

    fn read_at_server(&mut self) -> Result<(), String> {
        let frame = self.to_server.pop_front().unwrap();
        let (packet, ..) = packet(&frame, self.case.version, Role::Server);
        if let PacketRef::Connect(connect) = &packet {
            self.attach(connect);
            return Ok(());
        }
        self.down.read_by_sender(&packet);
        self.up.read_by_receiver(&packet);
        let Some(Received::Message { publish, receipt }) = self.server.handle_packet(NOW, &packet) else {
            return Ok(());
        };
        let message = wire::number(&publish);
        self.at_server.extend(receipt.map(|receipt| (receipt, message)));
        self.up.delivered(message)
    }

    fn attach(&mut self, connect: &mqtt_codec::ConnectRef<'_>) {
        self.up.receiver_cut();
        self.down.sender_cut();
        self.half_open = false;
        let attached = self.server.attach(NOW, connect, None, &server_config(self.case));
        if !attached.session_present {
            self.up.session_lost();
            self.down.session_lost();
            self.down.sender_lost();
        }
    }

    fn fail(&mut self, fault: Fault) {
        self.faults -= 1;
        self.connected = false;
        self.to_client.clear();
        self.to_server.clear();
        self.client.handle_disconnected();
        self.up.sender_cut();
        self.down.receiver_cut();
        if matches!(fault, Fault::HalfOpen) {
            self.half_open = true;
            return;
        }
        self.server.handle_disconnected(NOW);
        self.up.receiver_cut();
        self.down.sender_cut();
        match fault {
            Fault::Cut | Fault::HalfOpen => {}
            Fault::ServerLost => {
                self.server = ServerSession::new(&server_config(self.case));
                self.at_server.clear();
                self.up.receiver_lost();
            }
            Fault::Crash => self.crash(),
            Fault::ClientLost => {
                self.client = client(self.case, CleanStart::First);
                self.at_client.clear();
                self.up.sender_lost();
            }
        }
    }

    /// Nothing more can happen: everything has arrived, and both sides are at rest.
    pub(crate) fn check_end(&self) -> Result<(), String> {
        let faultless = self.faults > 0;
        self.up.check_end(faultless).map_err(|violation| format!("client to server: {violation}"))?;
        self.down.check_end(faultless).map_err(|violation| format!("server to client: {violation}"))?;
        let (client, server) = (&self.client, &self.server);
        let at_client = client.queued() + client.in_flight() + client.unreleased() + client.unacknowledged();
        let at_server = server.queued() + server.in_flight() + server.unreleased() + server.held_bytes();
        if at_client + at_server + client.held_bytes() > 0 || !client.is_connected() {
            return Err("the sessions are not at rest".into());
        }
        if !self.disk.is_at_rest() {
            return Err(format!("the store still has {:?}", self.disk));
        }
        Ok(())
    }

    /// What tells this state from others.
    pub(crate) fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        format!("{:?}{:?}", self.client, self.server).hash(&mut hasher);
        format!("{:?}", self.disk).hash(&mut hasher);
        (&self.to_client, &self.to_server, &self.at_client, &self.at_server).hash(&mut hasher);
        (&self.up, &self.down, self.connected, self.half_open, self.faults).hash(&mut hasher);
        hasher.finish()
    }
}

fn message(number: usize) -> Arc<Message> {
    Arc::new(Message::new(Topic::new("t").unwrap(), vec![number as u8]))
}

fn judge(packet: &PacketRef<'_>, wire: &mut Wire, of_sender: bool) -> Result<(), String> {
    if wire::blames(packet) {
        return Err(format!("{packet:?}"));
    }
    if of_sender { wire.written_by_sender(packet) } else { wire.written_by_receiver(packet) }
}
