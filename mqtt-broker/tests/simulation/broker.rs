//! The broker's border: what goes in is told to the reference at the moment when it is handled.

use mqtt_broker::core::{
    Admission, Closed, ConnectionId, Counter, NewConnection, Notice, Slot, User, Verdict,
};
use mqtt_codec::{Packet, ReasonCode, Seconds};
use mqtt_session::CloseReason;

use std::sync::Arc;

use super::client::{EMPTY, WILL, number};
use super::link::{Link, ServerEnd};
use super::model::{Heard, Model};
use super::world::World;

impl World {
    /// The broker reads bytes of a connection.
    pub(crate) fn give(&mut self, id: u64, bytes: &[u8]) {
        let Some(link) = self.links.get_mut(&id) else { return };
        match link.given.hear(bytes) {
            Ok(packets) => link.unhandled.extend(packets),
            Err(error) => return self.fail(format!("connection {id} carries {error}")),
        }
        match &mut link.server {
            ServerEnd::Lobby(lobby) => match lobby.handle_bytes(bytes) {
                Verdict::More => {}
                Verdict::Connect { connect, decoder, unread } => {
                    // so that a session on the disk says which connection it had last
                    let name = mqtt_codec::Text::new(&link.id.0.to_string()).ok();
                    let user = Some(Arc::new(User { name, ..User::default() }));
                    let (connection, admission) = (link.id, Admission { user, ..Admission::default() });
                    let new = NewConnection {
                        connection,
                        connect,
                        assigned: false,
                        decoder,
                        unread,
                        admission,
                        terms: Arc::default(),
                    };
                    link.server = ServerEnd::Arriving(Box::new(new));
                }
                Verdict::Refuse(refusal) => self.fail(format!("connection {id} is refused: {refusal:?}")),
            },
            ServerEnd::Arriving(new) => new.unread.extend_from_slice(bytes),
            &mut ServerEnd::Attached(shard, slot) => {
                let before = self.packets(shard);
                self.cores[shard].handle_bytes(self.now, slot, bytes);
                self.observe(id, shard, before);
                self.settle(shard);
            }
            ServerEnd::Closed => {}
        }
    }

    fn packets(&self, shard: usize) -> u64 {
        self.hub.counters(shard as u16).get(Counter::PacketsReceived)
    }

    /// The connection reaches the shard of its client.
    pub(crate) fn arrive(&mut self, id: u64) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let ServerEnd::Arriving(_) = &link.server else { return };
        let ServerEnd::Arriving(new) = std::mem::replace(&mut link.server, ServerEnd::Closed) else { return };
        let connect = new.connect.clone();
        let (client, connection, will) = (link.client, link.id, link.will);
        let shard = usize::from(self.hub.home(&connect.client_id));
        let before = self.packets(shard);
        let attached = self.cores[shard].connect(self.now, *new);
        let is_present = self.model.connect(self.now, (client, connection), &connect, will);
        let slot = match attached {
            Ok(slot) => slot,
            Err(refusal) => return self.fail(format!("c{client} is refused: {refusal:?}")),
        };
        let session = self.model.sessions[client].as_ref().map_or(0, |session| session.number);
        if let Some(link) = self.links.get_mut(&id) {
            link.server = ServerEnd::Attached(shard, slot);
            (link.session, link.is_present) = (session, is_present);
        }
        self.log.say(|| {
            format!("shard {shard} attaches connection {id} of c{client}, session present {is_present}")
        });
        self.observe(id, shard, before);
        self.settle(shard);
    }

    /// Tells the reference of the packets that the shard has handled since it counted `before`.
    fn observe(&mut self, id: u64, shard: usize, before: u64) {
        let handled = (self.packets(shard) - before) as usize;
        let Some(link) = self.links.get_mut(&id) else { return };
        if handled > link.unhandled.len() {
            return self.fail(format!("shard {shard} has handled {handled} packets of connection {id}"));
        }
        for packet in link.unhandled.drain(..handled).collect::<Vec<_>>() {
            if self.failure.is_none() {
                self.heed(id, &packet);
            }
        }
    }

    /// One packet that a shard has handled.
    fn heed(&mut self, id: u64, packet: &Packet) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let client = link.client;
        let ledger = &mut self.model.ledgers[link.session as usize];
        self.log.say(|| format!("   broker <= c{client}: {}", super::log::describe(packet)));
        self.report.packets += 1;
        match packet {
            Packet::Publish(publish) => {
                let program = link.program;
                let number = number(publish.message.topic.as_str(), &publish.message.payload);
                if let (Some(id), Some(number)) = (publish.delivery.id(), number) {
                    link.publishing.insert(id.get(), number);
                }
                self.heed_publish(client, program, publish)
            }
            Packet::PubRel(ack) => {
                if let Some(session) = &mut self.model.sessions[client] {
                    session.held.remove(&ack.id.get());
                }
            }
            Packet::Subscribe(subscribe) => {
                let filters = subscribe.filters.iter().map(|each| each.filter.as_str().to_owned());
                link.changing.insert(subscribe.id.get(), filters.collect());
                link.answers.insert(subscribe.id.get(), self.model.subscribe(client, subscribe));
            }
            Packet::Unsubscribe(unsubscribe) => {
                let filters = unsubscribe.filters.iter().map(|each| each.as_str().to_owned());
                link.changing.insert(unsubscribe.id.get(), filters.collect());
                let codes = unsubscribe.filters.iter().map(|filter| {
                    let existed = self.model.unsubscribe(client, filter.as_str());
                    if existed { 0 } else { ReasonCode::NoSubscriptionExisted as u8 }
                });
                link.answers.insert(unsubscribe.id.get(), codes.collect());
            }
            Packet::Disconnect(disconnect) => {
                self.model.disconnect(client, disconnect.reason != ReasonCode::Success);
            }
            packet => {
                if let Some(ended) = ledger.flights.handled(&mut link.downward, packet) {
                    ledger.acknowledged(ended);
                }
            }
        }
    }

    fn heed_publish(&mut self, client: usize, (program, blind): (u32, bool), publish: &mqtt_codec::Publish) {
        let topic = publish.message.topic.as_str();
        let Some(number) = number(topic, &publish.message.payload) else {
            return self.fail(format!("c{client} has published what it was not told to"));
        };
        let Some(session) = &mut self.model.sessions[client] else { return };
        if let mqtt_codec::Delivery::ExactlyOnce { id, .. } = publish.delivery {
            let routed = self.model.seq + 1;
            match session.held.insert(id.get(), number) {
                Some(before) if before == number => return,
                // the broker takes it for what an earlier life of the program has sent: that life knew the identifier
                Some(before) if blind => {
                    session.held.insert(id.get(), before);
                    self.report.swallowed += 1;
                    return;
                }
                Some(before) => {
                    return self.fail(format!("c{client} gives {number} the identifier of {before}"));
                }
                None => drop(session.held_once.insert(id.get(), (number, routed))),
            }
            if session.taken.insert(number, program) == Some(program) && number < WILL {
                return self.fail(format!("c{client} sends {number} again, which is released"));
            }
        }
        let expires = publish.expiry.map(|Seconds(seconds)| self.now.after_secs(seconds));
        let heard = Heard {
            number,
            topic: topic.to_owned(),
            qos: publish.delivery.qos(),
            retain: publish.retain,
            expires,
            empty: number >= EMPTY,
        };
        self.model.published += 1;
        self.model.route(self.now, client, &heard);
    }

    /// Connections that the shard has given up, with their last words.
    pub(crate) fn settle(&mut self, shard: usize) {
        let closed: Vec<_> = std::iter::from_fn(|| self.cores[shard].poll_closed()).collect();
        // the one that was given up last comes first
        for Closed { connection, mut output } in closed.into_iter().rev() {
            let mut bytes = Vec::new();
            while !output.is_empty() && output.write_to(&mut bytes).is_ok() {}
            if let Some(link) = self.links.get_mut(&connection.0) {
                link.server = ServerEnd::Closed;
                let client = link.client;
                self.log.say(|| format!("   broker ends connection {} of c{client}", connection.0));
                self.overhear(connection.0, &bytes);
                let is_its = |session: &&mut super::model::Session| session.connection == Some(connection);
                if self.model.sessions[client].as_mut().filter(is_its).is_some() {
                    self.model.close(self.now, client);
                }
            }
        }
        while let Some(notice) = self.cores[shard].poll_notice() {
            if let Notice::Disconnected { client_id, cause } = &notice
                && matches!(cause, CloseReason::Violation(_) | CloseReason::Malformed(_))
            {
                self.fail(format!("the broker finds fault with {client_id}: {cause}"));
            }
        }
    }

    /// Bytes that the broker has written to a connection.
    fn overhear(&mut self, id: u64, bytes: &[u8]) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let client = link.client;
        let mut wrong = None;
        match link.written.hear(bytes) {
            Ok(packets) => {
                for packet in packets {
                    self.log.say(|| format!("   broker => c{client}: {}", super::log::describe(&packet)));
                    promise(&mut self.model, link, &packet);
                    let Packet::Publish(publish) = &packet else { continue };
                    let number = number(publish.message.topic.as_str(), &publish.message.payload);
                    if let Some(number) = number
                        && let Err(error) = self.model.ledgers[link.session as usize].flights.written(
                            &mut link.downward,
                            id,
                            publish,
                            number,
                        )
                    {
                        wrong = Some(format!("the broker sends {number} to c{client}: {error}"));
                    }
                }
            }
            Err(error) => wrong = Some(format!("the broker writes {error}")),
        }
        link.down.extend_from_slice(bytes);
        if let Some(wrong) = wrong {
            self.fail(wrong);
        }
    }

    /// Some or all of what a shard does in one turn.
    pub(crate) fn turn(&mut self, shard: usize, mail: bool, timeout: bool, end: bool) {
        if mail {
            self.woken[shard].store(false, std::sync::atomic::Ordering::Relaxed);
            self.cores[shard].handle_mail(self.now);
            self.settle(shard);
        }
        if timeout {
            for client in 0..self.clients.len() {
                if usize::from(self.hub.home(&format!("c{client}"))) == shard {
                    self.model.pass(self.now, client);
                }
            }
            self.cores[shard].handle_timeout(self.now);
            self.settle(shard);
        }
        if end {
            self.cores[shard].end_turn(self.now);
            self.settle(shard);
            while let Some((slot, id)) = self.cores[shard].poll_flush() {
                self.write(shard, slot, id.0);
            }
            self.settle(shard);
        }
    }

    /// The socket of a connection takes what it has room for.
    pub(crate) fn write(&mut self, shard: usize, slot: Slot, id: u64) {
        let Some(room) = self.links.get(&id).map(Link::room) else { return };
        let Some(output) = self.cores[shard].output(slot) else { return };
        if output.is_empty() {
            return;
        }
        let mut socket = Socket { bytes: Vec::new(), room };
        while !output.is_empty() && output.write_to(&mut socket).is_ok() {}
        let (before, written) = (self.packets(shard), socket.bytes.len());
        self.overhear(id, &socket.bytes);
        self.cores[shard].handle_written(self.now, slot, written);
        self.observe(id, shard, before);
        self.settle(shard);
    }

    /// The client has read: the socket can be written to again.
    pub(crate) fn drain(&mut self, id: u64) {
        if let Some(Link { server: ServerEnd::Attached(shard, slot), .. }) = self.links.get(&id) {
            let (shard, slot) = (*shard, *slot);
            self.write(shard, slot, id);
        }
    }

    /// The broker hears that a connection has ended.
    pub(crate) fn lose_server(&mut self, id: u64) {
        let Some(link) = self.links.get_mut(&id) else { return };
        self.log.say(|| format!("   broker hears the end of connection {id}"));
        match std::mem::replace(&mut link.server, ServerEnd::Closed) {
            ServerEnd::Attached(shard, slot) => {
                let client = link.client;
                self.cores[shard].handle_closed(self.now, slot);
                self.settle(shard);
                let still = self.model.sessions[client]
                    .as_ref()
                    .is_some_and(|it| it.connection.map(|c| c.0) == Some(id));
                if still {
                    self.fail(format!("the broker keeps connection {id} although it has ended"));
                }
            }
            // without CONNECT it was nobody's
            ServerEnd::Lobby(_) | ServerEnd::Arriving(_) | ServerEnd::Closed => {}
        }
    }
}

/// What the broker has written is a promise, whether it arrives or not.
fn promise(model: &mut Model, link: &mut Link, packet: &Packet) {
    let (client, connection): (usize, ConnectionId) = (link.client, link.id);
    match packet {
        Packet::ConnAck(_) => {
            let session = model.sessions[client].as_mut();
            if let Some(session) = session.filter(|session| session.attached == connection.0) {
                session.is_acknowledged = true;
            }
        }
        Packet::PubAck(ack) | Packet::PubRec(ack) if !ack.reason.is_error() => {
            if let Some(number) = link.publishing.get(&ack.id.get()) {
                model.acknowledge(*number);
            }
        }
        Packet::SubAck(suback) => {
            let filters = link.changing.remove(&suback.id.get()).unwrap_or_default();
            model.assure(client, connection, &filters);
        }
        Packet::UnsubAck(unsuback) => {
            let filters = link.changing.remove(&unsuback.id.get()).unwrap_or_default();
            model.assure(client, connection, &filters);
        }
        _ => {}
    }
}

struct Socket {
    bytes: Vec<u8>,
    room: usize,
}

impl std::io::Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let taken = bytes.len().min(self.room);
        if taken == 0 && !bytes.is_empty() {
            return Err(std::io::ErrorKind::WouldBlock.into());
        }
        self.room -= taken;
        self.bytes.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
