//! A client's and a server's session, and the bytes between them.

mod store;

use std::sync::Arc;

use mqtt_codec::{Connect, Decoder, Message, Packet, PacketRef, QoS, ReasonCode, Seconds, Version};
use mqtt_session::{
    CleanStart, ClientConfig, ClientEvent, ClientSession, CloseReason, Delivered, Matched, Outbound,
    Received, ServerConfig, ServerEvent, ServerSession, StoreEffect, Ticket, Time,
};

use store::stored;

use super::disk::Disk;
use super::pipe::Pipe;
use super::{Got, client_config, message, number, resuming, server_config};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

pub(crate) struct Pair {
    pub(crate) now: Time,
    pub(crate) version: Version,
    pub(crate) client: ClientSession,
    pub(crate) server: ServerSession,
    pub(crate) server_config: ServerConfig,
    client_config: ClientConfig,
    pub(crate) connect: Connect,
    pub(crate) to_server: Pipe,
    pub(crate) to_client: Pipe,
    pub(crate) at_server: Vec<Got>,
    pub(crate) at_client: Vec<Got>,
    pub(crate) events: Vec<ClientEvent>,
    pub(crate) server_events: Vec<ServerEvent>,
    /// Every packet in the order in which it was read, and who sent it.
    pub(crate) trace: Vec<(Side, Packet)>,
    /// Whether messages are acknowledged as they come.
    pub(crate) client_takes: bool,
    pub(crate) server_takes: bool,
    /// Effects of the server's session; stored at once unless told otherwise.
    pub(crate) effects: Vec<StoreEffect>,
    pub(crate) stores: bool,
    /// What stores have of the client's and the server's session, where they are looked at.
    pub(crate) client_disk: Option<Disk>,
    pub(crate) server_disk: Option<Disk>,
    last_ticket: u64,
    /// Why each side gave the last connection up.
    pub(crate) client_closed: Option<CloseReason>,
    pub(crate) server_closed: Option<CloseReason>,
    connected: bool,
}

impl Pair {
    /// Two sessions that resume, not connected.
    pub(crate) fn new(version: Version) -> Self {
        Self::with(version, client_config(), server_config())
    }

    pub(crate) fn with(version: Version, client_config: ClientConfig, server_config: ServerConfig) -> Self {
        Self {
            now: Time::from_secs(1_000),
            version,
            client: ClientSession::new(version, client_config),
            server: ServerSession::new(&server_config),
            connect: resuming(version),
            to_server: Pipe::new(Decoder::server(server_config.maximum_packet_size)),
            to_client: Pipe::new(Decoder::client(version, client_config.maximum_packet_size)),
            server_config,
            client_config,
            at_server: Vec::new(),
            at_client: Vec::new(),
            events: Vec::new(),
            server_events: Vec::new(),
            trace: Vec::new(),
            client_takes: true,
            server_takes: true,
            effects: Vec::new(),
            stores: true,
            client_disk: client_config.store.then(|| Disk::new(false)),
            server_disk: None,
            last_ticket: 0,
            client_closed: None,
            server_closed: None,
            connected: false,
        }
    }

    /// Two sessions that resume, connected, with a clean trace.
    pub(crate) fn connected(version: Version) -> Self {
        let mut pair = Self::new(version);
        pair.reconnect();
        pair.trace.clear();
        pair
    }

    /// The transport comes up; nothing is said yet.
    pub(crate) fn open(&mut self) {
        self.cut();
        self.to_server.renew(Decoder::server(self.server_config.maximum_packet_size));
        self.to_client.renew(Decoder::client(self.version, self.client_config.maximum_packet_size));
        self.to_client.decoder.set_topic_alias_maximum(self.client_config.topic_alias_maximum);
        self.client.handle_connected(self.now, self.connect.clone());
        (self.client_closed, self.server_closed) = (None, None);
        self.connected = true;
    }

    /// A new connection, driven to rest.
    pub(crate) fn reconnect(&mut self) {
        self.open();
        self.drive();
    }

    /// The transport is lost, with everything in transit.
    pub(crate) fn cut(&mut self) {
        self.connected = false;
        self.client_closed = self.client_closed.or_else(|| self.client.close_reason());
        self.server_closed = self.server_closed.or_else(|| self.server.close_reason());
        self.client.handle_disconnected();
        self.server.handle_disconnected(self.now);
        self.take_events();
    }

    /// The connection breaks after so many more bytes towards `to`.
    pub(crate) fn drop_bytes_after(&mut self, to: Side, bytes: usize) {
        match to {
            Side::Client => self.to_client.life = Some(bytes),
            Side::Server => self.to_server.life = Some(bytes),
        }
    }

    /// Carries bytes and packets until nothing moves. A side that gives up ends the connection.
    pub(crate) fn drive(&mut self) {
        while self.step() {}
    }

    /// One turn of both sides; whether anything moved.
    pub(crate) fn step(&mut self) -> bool {
        if !self.connected {
            self.take_events();
            return false;
        }
        self.client.poll_transmit(self.now, &mut self.to_server);
        let mut moved = self.to_server.carry();
        while self.server_reads() && self.read_at_server() {}
        self.server.poll_transmit(self.now, &mut self.to_client);
        moved |= self.to_client.carry();
        while self.client.close_reason().is_none() && self.read_at_client() {}
        moved |= self.take_events();
        let closed = self.client.close_reason().is_some() || self.server.close_reason().is_some();
        let broken = self.to_client.is_broken() || self.to_server.is_broken();
        if broken || (closed && !moved) {
            self.cut();
            return false;
        }
        moved
    }

    fn server_reads(&self) -> bool {
        !self.server.is_connected() || self.server.wants_read()
    }

    fn read_at_server(&mut self) -> bool {
        let Self { to_server, server, now, server_config, trace, .. } = self;
        let mut alias_maximum = None;
        let mut asked = None;
        let mut got = None;
        let read = to_server.read(|packet| match packet {
            Ok(PacketRef::Connect(connect)) if !server.is_connected() => {
                trace.push((Side::Client, PacketRef::Connect(connect).to_packet()));
                server.attach(*now, &connect, None, server_config);
                alias_maximum = Some(server_config.topic_alias_maximum);
            }
            Ok(packet) => {
                trace.push((Side::Client, packet.to_packet()));
                match server.handle_packet(*now, &packet) {
                    Some(Received::Message { publish, receipt }) => got = Some(Got::new(&publish, receipt)),
                    Some(Received::Subscribe(_) | Received::Unsubscribe(_)) => {
                        asked = Some(packet.to_packet());
                    }
                    Some(Received::Authentication(_) | Received::Disconnect(_)) | None => {}
                }
            }
            Err(error) => server.handle_malformed(error),
        });
        if let Some(maximum) = alias_maximum {
            self.to_server.decoder.set_topic_alias_maximum(maximum);
        }
        match asked {
            Some(Packet::Subscribe(subscribe)) => {
                let granted = |s: &mqtt_codec::Subscription| ReasonCode::granted(s.options.qos);
                let reasons = subscribe.filters.iter().map(granted).collect();
                self.server.answer_subscribe(subscribe.id, reasons, None);
            }
            Some(Packet::Unsubscribe(unsubscribe)) => {
                let reasons = unsubscribe.filters.iter().map(|_| ReasonCode::Success).collect();
                self.server.answer_unsubscribe(unsubscribe.id, reasons, None);
            }
            _ => {}
        }
        if let Some(got) = got {
            if self.server_takes {
                self.take_at_server(&got);
            }
            self.at_server.push(got);
        }
        if read.is_some() {
            self.store();
        }
        read.is_some()
    }

    fn read_at_client(&mut self) -> bool {
        let Self { to_client, client, now, trace, .. } = self;
        let mut got = None;
        let read = to_client.read(|packet| match packet {
            Ok(packet) => {
                trace.push((Side::Server, packet.to_packet()));
                if let Some(Received::Message { publish, receipt }) = client.handle_packet(*now, &packet) {
                    got = Some(Got::new(&publish, receipt));
                }
            }
            Err(error) => client.handle_malformed(error),
        });
        if let Some(got) = got {
            if self.client_takes {
                self.take_at_client(&got);
            }
            self.at_client.push(got);
        }
        read.is_some()
    }

    fn take_events(&mut self) -> bool {
        let moved = self.store();
        self.events.extend(std::iter::from_fn(|| self.client.poll_event()));
        self.server_events.extend(std::iter::from_fn(|| self.server.poll_event()));
        moved
    }

    /// Time passes up to `until`; each side is woken when it wants to be.
    pub(crate) fn drive_until(&mut self, until: Time) {
        for _ in 0..100_000 {
            self.drive();
            let (client, server) = (self.client.poll_timeout(), self.server.poll_timeout());
            let next = [client, server].into_iter().flatten().min().filter(|next| *next <= until);
            let Some(next) = next else {
                self.now = until;
                return;
            };
            self.now = self.now.max(next);
            self.client.handle_timeout(self.now);
            self.server.handle_timeout(self.now);
            self.take_events();
        }
        panic!("a deadline does not move: {:?} {:?}", self.client.poll_timeout(), self.server.poll_timeout());
    }

    /// So many seconds pass.
    pub(crate) fn sleep(&mut self, seconds: u32) {
        self.drive_until(self.now.after_secs(seconds));
    }

    pub(crate) fn publish(&mut self, payload: &str, qos: QoS) -> Ticket {
        self.publish_with(payload, qos, None)
    }

    pub(crate) fn publish_expiring(&mut self, payload: &str, qos: QoS, seconds: u32) -> Ticket {
        self.publish_with(payload, qos, Some(Seconds(seconds)))
    }

    fn publish_with(&mut self, payload: &str, qos: QoS, expiry: Option<Seconds>) -> Ticket {
        let message = message(payload);
        let ticket = self.client.publish(self.now, Arc::clone(&message), qos, false, expiry).unwrap();
        if let (Some(disk), true) = (&mut self.client_disk, qos != QoS::AtMostOnce) {
            let expires = expiry.map(|seconds| self.now.after_secs(seconds.0));
            disk.message(number(&message.payload), stored(ticket, &message, qos, expires));
        }
        ticket
    }

    /// The server delivers a message to the client.
    pub(crate) fn deliver(&mut self, payload: &str, qos: QoS) -> Delivered {
        self.deliver_message(&message(payload), qos, None)
    }

    pub(crate) fn deliver_expiring(&mut self, payload: &str, qos: QoS, seconds: u32) -> Delivered {
        self.deliver_message(&message(payload), qos, Some(self.now.after_secs(seconds)))
    }

    pub(crate) fn deliver_message(
        &mut self,
        message: &Arc<Message>,
        qos: QoS,
        expires: Option<Time>,
    ) -> Delivered {
        let mut scratch = Vec::new();
        let mut outbound = Outbound::kept(message, qos, false, expires, &mut scratch);
        let matched = Matched { qos: QoS::ExactlyOnce, retain: false, subscription_ids: &[] };
        if let (Some(disk), true) = (&mut self.server_disk, qos != QoS::AtMostOnce) {
            self.last_ticket += 1;
            outbound.ticket = Ticket(self.last_ticket);
            disk.message(number(&message.payload), stored(outbound.ticket, message, qos, expires));
        }
        let out = self.connected.then_some(&mut self.to_client);
        let ticket = outbound.ticket;
        let delivered = self.server.deliver(self.now, &mut outbound, &matched, out);
        if let (Delivered::Dropped(_), Some(disk)) = (delivered, &mut self.server_disk) {
            disk.forget(ticket);
        }
        delivered
    }

    /// What one side sent and the other read, as words.
    pub(crate) fn sent_by(&self, side: Side) -> Vec<String> {
        self.trace.iter().filter(|(from, _)| *from == side).map(|(_, packet)| super::name(packet)).collect()
    }

    /// Nothing is left to do on either side, and no store has anything.
    pub(crate) fn is_at_rest(&self) -> bool {
        let mut disks = [&self.client_disk, &self.server_disk].into_iter().flatten();
        if !disks.all(Disk::is_at_rest) {
            return false;
        }
        let (client, server) = (&self.client, &self.server);
        client.queued() + client.in_flight() + client.unreleased() + client.pending_requests() == 0
            && server.queued() + server.in_flight() + server.unreleased() + server.held_bytes() == 0
            && client.unacknowledged() + client.held_bytes() == 0
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.connected
    }
}

/// A configuration of a client that starts clean on each connection.
pub(crate) fn clean() -> ClientConfig {
    ClientConfig { clean_start: CleanStart::Always, ..client_config() }
}
