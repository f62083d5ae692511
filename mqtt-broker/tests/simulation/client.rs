//! A simulated client: a session, the program around it, and what that program was promised.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::num::NonZeroU16;
use std::sync::Arc;

use mqtt_broker::core::Lobby;
use mqtt_codec::{
    Connect, Message, Packet, PacketId, QoS, ReasonCode, Rules, Seconds, SubscriptionId, SubscriptionOptions,
    Text, Topic, TopicFilter, Will,
};
use mqtt_session::{
    CleanStart, ClientConfig, ClientSession, CloseReason, QueueLimits, Receipt, StoredMessage, Ticket,
};

use super::disk::Disk;
use super::link::{Writer, open};
use super::plan::{ClientPlan, Options, Plan, Profile, TOPICS};
use super::rng::Rng;
use super::wire::Flights;
use super::world::World;

/// Messages with numbers from here on are Wills.
pub(crate) const WILL: u32 = 1_000_000;
/// Messages with numbers from here on have no payload, and with it no number of their own.
pub(crate) const EMPTY: u32 = 2_000_000;

pub(crate) struct Client {
    pub(crate) plan: ClientPlan,
    pub(crate) session: ClientSession,
    pub(crate) packet_ids: u16,
    /// Which life of the program this is.
    pub(crate) program: u32,
    /// Whether it resumes what an earlier life began, without its state.
    pub(crate) resumes_blindly: bool,
    /// The broker's session that the program has heard of last, and whether that ended with its connection.
    pub(crate) known: Option<(u32, bool)>,
    pub(crate) link: Option<u64>,
    pub(crate) away_until: u32,
    connects: u32,
    /// Messages that the application has not taken, at QoS 2 with their identifiers.
    pub(crate) receipts: VecDeque<(Receipt, Option<PacketId>)>,
    /// What the program has published and has not heard the end of.
    pub(crate) promised: BTreeMap<Ticket, (u32, QoS)>,
    /// Those of them that the server is known to have.
    pub(crate) taken: BTreeSet<Ticket>,
    pub(crate) flights: Flights,
    /// Where the program keeps its session, if it does.
    pub(crate) disk: Option<Disk>,
    pub(crate) clean_start: CleanStart,
}

impl Client {
    pub(crate) fn new(mut plan: ClientPlan, world: &Plan) -> Self {
        if world.profile != Profile::Tight || plan.is_watcher() {
            plan.packet_size = u32::MAX;
        }
        let packet_ids = world.server.packet_ids;
        let session = ClientSession::new(plan.version, config(&plan, plan.clean_start, packet_ids));
        Self {
            session,
            disk: plan.has_disk.then(Disk::default),
            clean_start: plan.clean_start,
            plan,
            packet_ids,
            program: 0,
            resumes_blindly: false,
            known: None,
            link: None,
            away_until: 0,
            connects: 0,
            receipts: VecDeque::new(),
            promised: BTreeMap::new(),
            taken: BTreeSet::new(),
            flights: Flights::default(),
        }
    }

    /// The program ends and another begins, which knows nothing of it.
    pub(crate) fn begin_again(&mut self, clean: bool) {
        let clean_start = match (clean, self.plan.clean_start) {
            (_, CleanStart::Always) => CleanStart::Always,
            (true, _) => CleanStart::First,
            (false, _) => CleanStart::Never,
        };
        self.session =
            ClientSession::new(self.plan.version, config(&self.plan, clean_start, self.packet_ids));
        self.clean_start = clean_start;
        self.disk = self.plan.has_disk.then(Disk::default);
        self.program += 1;
        self.known = None;
        self.resumes_blindly = clean_start == CleanStart::Never;
        self.receipts.clear();
        self.promised.clear();
        self.taken.clear();
        self.flights = Flights::default();
    }

    /// Whether nothing is on its way in its session.
    pub(crate) fn is_at_rest(&self) -> bool {
        let session = &self.session;
        session.queued() + session.in_flight() + session.unreleased() + session.pending_requests() == 0
            && session.unacknowledged() + session.held_bytes() == 0
            && self.promised.is_empty()
    }
}

pub(crate) fn config(plan: &ClientPlan, clean_start: CleanStart, packet_ids: u16) -> ClientConfig {
    let packet_ids = PacketId::new(packet_ids).unwrap();
    ClientConfig {
        queue: QueueLimits { packet_ids, ..QueueLimits::default() },
        clean_start,
        receive_maximum: NonZeroU16::new(plan.receive_maximum).unwrap(),
        maximum_packet_size: plan.packet_size.min(Rules::MAX_PACKET_SIZE),
        topic_alias_maximum: plan.aliases,
        outgoing_topic_aliases: plan.aliases,
        store: plan.has_disk,
        ..ClientConfig::default()
    }
}

pub(crate) fn payload(number: u32, size: usize) -> Vec<u8> {
    let mut payload = format!("{number}.").into_bytes();
    payload.resize(payload.len() + size, b'x');
    payload
}

pub(crate) fn number(topic: &str, payload: &[u8]) -> Option<u32> {
    if payload.is_empty() {
        if let Some(client) = topic.strip_prefix("will/") {
            return client.parse().ok().map(|client: u32| EMPTY + 100 + client);
        }
        return TOPICS.iter().position(|each| *each == topic).map(|index| EMPTY + index as u32);
    }
    let digits = payload.split(|byte| *byte == b'.').next()?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

impl World {
    /// The client's program opens a connection.
    pub(crate) fn open(&mut self, client: usize) {
        self.connections += 1;
        let id = mqtt_broker::core::ConnectionId(self.connections);
        let this = &mut self.clients[client];
        let plan = &this.plan;
        this.connects += 1;
        let program = (this.program, this.resumes_blindly);
        let mut link = open(id, client, plan.version, plan.capacity, Lobby::new(&self.hub.config().lobby));
        link.program = program;
        link.will = WILL + client as u32 * 10_000 + this.connects;
        link.decoder.set_topic_alias_maximum(plan.aliases);
        link.written.set_topic_alias_maximum(plan.aliases);
        link.spoken.set_topic_alias_maximum(u16::MAX);
        link.given.set_topic_alias_maximum(u16::MAX);
        if plan.version.is_v5() {
            link.upward.maximum = Some(usize::from(self.plan.server.receive_maximum));
            link.downward.maximum = Some(usize::from(plan.receive_maximum));
        }
        let mut connect = Connect::new(plan.version, Text::new(&format!("c{client}")).unwrap());
        connect.keep_alive = plan.keep_alive;
        if plan.version.is_v5() {
            connect.properties.session_expiry = Some(Seconds(plan.expiry));
        }
        connect.will = plan.will.map(|will| Will {
            message: Arc::new(Message::new(
                Topic::new(&format!("will/{client}")).unwrap(),
                payload(link.will, 3),
            )),
            qos: will.qos,
            retain: will.retain,
            expiry: will.expiry.map(Seconds),
            delay: (will.delay > 0).then_some(Seconds(will.delay)),
        });
        if connect.will.is_some() {
            self.said.insert(link.will, (format!("will/{client}"), 3));
        }
        this.session.handle_connected(self.now, connect);
        this.link = Some(id.0);
        self.report.connections += 1;
        self.log.say(|| format!("c{client} connects (connection {})", id.0));
        self.links.insert(id.0, link);
        self.write_client(client);
    }

    pub(crate) fn publish(
        &mut self,
        client: usize,
        number: u32,
        (topic, qos, retain): (&str, QoS, bool),
        expiry: Option<u32>,
        size: Option<usize>,
    ) {
        let text = size.map_or_else(Vec::new, |size| payload(number, size));
        self.said.insert(number, (topic.to_owned(), size.unwrap_or_default()));
        let message = Arc::new(Message::new(Topic::new(topic).unwrap(), text));
        let this = &mut self.clients[client];
        let kept = Arc::clone(&message);
        let ticket = this.session.publish(self.now, message, qos, retain, expiry.map(Seconds));
        self.log.say(|| {
            let what = if size.is_some() { number.to_string() } else { "nothing".to_owned() };
            format!("c{client} publishes {what} to {topic:?}, {qos:?}, retain {retain}, expiry {expiry:?}")
        });
        match ticket {
            Ok(ticket) if qos > QoS::AtMostOnce => {
                if let Some(disk) = &mut this.disk {
                    let expires = expiry.map(|seconds| self.now.after_secs(seconds));
                    disk.message(StoredMessage { retain, expires, ..StoredMessage::new(ticket, kept, qos) });
                }
                let number = if size.is_some() { number } else { EMPTY };
                this.promised.insert(ticket, (number, qos));
            }
            Ok(_) => {}
            Err(error) => self.fail(format!("c{client} cannot publish: {error}")),
        }
        self.write_client(client);
    }

    pub(crate) fn subscribe(&mut self, client: usize, filters: &[(&str, Options)], id: Option<u32>) {
        let subscriptions = filters.iter().map(|(filter, options)| mqtt_codec::Subscription {
            filter: TopicFilter::new(filter).unwrap(),
            options: SubscriptionOptions {
                qos: options.qos,
                no_local: options.no_local,
                retain_as_published: options.retain_as_published,
                retain_handling: options.handling,
            },
        });
        let id = id.and_then(SubscriptionId::new);
        let asked = self.clients[client].session.subscribe(subscriptions.collect(), id);
        self.log.say(|| format!("c{client} subscribes to {filters:?}, identifier {id:?}"));
        if let Err(error) = asked {
            self.fail(format!("c{client} cannot subscribe: {error}"));
        }
        self.write_client(client);
    }

    pub(crate) fn unsubscribe(&mut self, client: usize, filters: &[&str]) {
        let filters: Vec<_> = filters.iter().map(|filter| TopicFilter::new(filter).unwrap()).collect();
        self.log.say(|| format!("c{client} unsubscribes from {filters:?}"));
        if let Err(error) = self.clients[client].session.unsubscribe(filters) {
            self.fail(format!("c{client} cannot unsubscribe: {error}"));
        }
        self.write_client(client);
    }

    /// Moves what the session has to say into the link, and ends the connection if the session wants that.
    pub(crate) fn write_client(&mut self, client: usize) {
        let this = &mut self.clients[client];
        let Some(id) = this.link else { return self.hear_events(client) };
        let Some(link) = self.links.get_mut(&id) else { return };
        let mut writer = Writer { bytes: Vec::new(), room: link.capacity.saturating_sub(link.up.len()) };
        this.session.poll_transmit(self.now, &mut writer);
        this.take_effects();
        let mut wrong = None;
        // CONNECT is heard of here as well, so that the packets behind it are understood
        match link.spoken.hear(&writer.bytes) {
            Ok(packets) => {
                for packet in packets {
                    if let Packet::Connect(connect) = &packet {
                        link.is_clean = connect.clean_start;
                    }
                    self.log.say(|| format!("c{client} => {}", super::log::describe(&packet)));
                    if let Packet::Publish(publish) = &packet
                        && let Some(number) = number(publish.message.topic.as_str(), &publish.message.payload)
                        && let Err(error) = this.flights.written(&mut link.upward, link.id.0, publish, number)
                        && number < EMPTY
                    {
                        wrong = Some(format!("c{client} publishes {number}: {error}"));
                    }
                }
            }
            Err(error) => wrong = Some(format!("c{client} writes {error}")),
        }
        link.up.extend_from_slice(&writer.bytes);
        let reason = this.session.close_reason();
        if let Some(reason) = reason {
            self.log.say(|| format!("c{client} closes connection {id}: {reason}"));
            link.client_open = false;
            this.link = None;
            this.session.handle_disconnected();
            let expected = matches!(
                reason,
                CloseReason::KeepAlive | CloseReason::ConnectTimeout | CloseReason::Local(_)
            ) || matches!(reason, CloseReason::Peer(code) if is_fate(code));
            if !expected {
                wrong = Some(format!("c{client} closes its connection: {reason}"));
            }
        }
        if let Some(wrong) = wrong {
            self.fail(wrong);
        }
        self.hear_events(client);
    }

    /// The client reads so many of the bytes that have come.
    pub(crate) fn read_client(&mut self, client: usize, count: usize) {
        let Some(id) = self.clients[client].link else { return };
        let Some(link) = self.links.get_mut(&id) else { return };
        let mut bytes = std::mem::take(&mut link.read);
        bytes.extend(link.down.drain(..count.min(link.down.len())));
        let mut consumed = 0;
        while self.failure.is_none() && self.clients[client].session.close_reason().is_none() {
            if self.clients[client].link != Some(id) {
                return;
            }
            let Some(link) = self.links.get_mut(&id) else { break };
            let mut decoder = std::mem::replace(&mut link.decoder, mqtt_codec::Decoder::server(0));
            let next = match decoder.decode_next(&bytes[consumed..]) {
                Ok(Some((packet, len))) => {
                    self.take(client, id, &packet);
                    Some(len)
                }
                Ok(None) => None,
                Err(error) => {
                    self.fail(format!("c{client} reads what is no packet: {error}"));
                    None
                }
            };
            if let Some(link) = self.links.get_mut(&id) {
                link.decoder = decoder;
            }
            let Some(len) = next else { break };
            consumed += len;
        }
        bytes.drain(..consumed);
        if let Some(link) = self.links.get_mut(&id) {
            link.read = bytes;
        }
        self.write_client(client);
    }

    /// The client hears that its connection has ended.
    pub(crate) fn lose_client(&mut self, client: usize, rng: &mut Rng) {
        let this = &mut self.clients[client];
        if let Some(link) = this.link.take().and_then(|id| self.links.get_mut(&id)) {
            link.client_open = false;
            self.log.say(|| format!("c{client} hears the end of connection {}", link.id.0));
        }
        this.session.handle_disconnected();
        this.away_until = self.step + rng.below(60) as u32;
        self.hear_events(client);
    }
}

/// Whether a server may say so to a client that has done nothing wrong.
const fn is_fate(code: ReasonCode) -> bool {
    matches!(code, ReasonCode::SessionTakenOver | ReasonCode::KeepAliveTimeout | ReasonCode::QuotaExceeded)
}
