//! The packets of single clients, for those who look for a fault.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};

use mqtt_codec::{Connect, Decoder, Packet, PacketRef, Publish, Text};

use super::clients::Client;
use super::hub::Hub;
use super::output::Output;
use super::shard::{Notice, ShardCore, Slot};

/// A packet of a client that is traced.
#[derive(Clone, Debug, PartialEq)]
pub struct TracedPacket {
    /// The client.
    pub client_id: Text,
    /// Which way it went.
    pub direction: Direction,
    /// The packet. A CONNECT is without its password.
    pub packet: Packet,
}

/// Which way a packet went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client.
    Received,
    /// To the client: it is in the output, which the client may not have taken yet.
    Sent,
}

/// Who is traced, and by how many.
#[derive(Debug, Default)]
pub(super) struct Traces {
    is_any: AtomicBool,
    watched: RwLock<HashMap<Box<str>, usize>>,
}

/// The output of a connection whose packets are traced.
pub(super) struct Tracing {
    /// Reads what the broker has written.
    decoder: Decoder,
    /// Unsent bytes that were traced.
    traced: usize,
}

impl Hub {
    /// Has the packets of a client traced, connected or not, until [`Hub::untrace`] is called as often: its shard then has a
    /// [`Notice::Packet`] of each. The shard has to be told with [`Mail::Trace`](super::Mail::Trace).
    pub fn trace(&self, client_id: &str) {
        let mut watched = self.traces.watched.write().unwrap_or_else(PoisonError::into_inner);
        *watched.entry(client_id.into()).or_default() += 1;
        self.traces.is_any.store(true, Ordering::Relaxed);
    }

    /// The end of one [`Hub::trace`].
    pub fn untrace(&self, client_id: &str) {
        let mut watched = self.traces.watched.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = watched.get_mut(client_id) {
            *count -= 1;
            if *count == 0 {
                watched.remove(client_id);
            }
        }
        self.traces.is_any.store(!watched.is_empty(), Ordering::Relaxed);
    }

    fn is_traced(&self, client_id: &str) -> bool {
        self.traces.is_any.load(Ordering::Relaxed)
            && self.traces.watched.read().unwrap_or_else(PoisonError::into_inner).contains_key(client_id)
    }
}

impl ShardCore {
    /// Begins or ends tracing a connected client, as the hub and the configuration say now.
    pub(super) fn look_at_trace(&mut self, client_id: &str) {
        let is_wanted = self.is_traced(client_id);
        if let Some(client) = self.clients.find(client_id).and_then(|slot| self.clients.get(slot)) {
            client.set_traced(is_wanted);
        }
    }

    /// The same for all clients, because the configuration has changed.
    pub(super) fn look_at_traces(&mut self) {
        for slot in self.clients.slots() {
            let is_wanted =
                self.clients.get(slot).map(|client| client.id.clone()).is_some_and(|id| self.is_traced(&id));
            if let Some(client) = self.clients.get(slot) {
                client.set_traced(is_wanted);
            }
        }
    }

    /// A client has connected; its CONNECT is the first packet of a trace.
    pub(super) fn trace_connect(&mut self, slot: Slot, connect: &Connect) {
        if !self.is_traced(&connect.client_id) {
            return;
        }
        let Some(client) = self.clients.get(slot) else { return };
        client.set_traced(true);
        let packet = Packet::Connect(Connect { password: None, ..connect.clone() });
        self.work.notices.push_back(client.traced(Direction::Received, packet));
    }

    /// A packet of a client whose connection is traced.
    pub(super) fn trace_received(&mut self, slot: Slot, packet: &PacketRef<'_>) {
        if let Some(client) = self.clients.get(slot) {
            self.work.notices.push_back(client.traced(Direction::Received, packet.to_packet()));
        }
    }

    fn is_traced(&self, client_id: &str) -> bool {
        self.hub.is_traced(client_id) || self.config.trace.iter().any(|traced| **traced == *client_id)
    }
}

impl Client {
    fn set_traced(&mut self, is_wanted: bool) {
        let version = self.session.version();
        let (Some(link), Some(version)) = (self.link.as_deref_mut(), version) else { return };
        if !is_wanted {
            link.tracing = None;
        } else if link.tracing.is_none() {
            let mut decoder = Decoder::client(version, u32::MAX);
            decoder.set_topic_alias_maximum(u16::MAX);
            link.tracing = Some(Box::new(Tracing { decoder, traced: link.output.len() }));
        }
    }

    fn traced(&self, direction: Direction, packet: Packet) -> Notice {
        Notice::Packet(Box::new(TracedPacket { client_id: self.id.clone(), direction, packet }))
    }
}

impl Tracing {
    /// The packets that were written since the last call.
    pub(super) fn written(&mut self, output: &Output) -> Vec<Packet> {
        let bytes = output.last(output.len().saturating_sub(self.traced));
        self.traced = output.len();
        let (mut packets, mut rest) = (Vec::new(), &*bytes);
        while let Ok(Some(len)) = self.decoder.frame_len(rest)
            && let Some((frame, behind)) = rest.split_at_checked(len)
        {
            // a Topic Alias from before the trace is not known here
            packets.extend(self.decoder.decode(frame).ok().map(|packet| packet.to_packet()));
            rest = behind;
        }
        packets
    }

    /// The client has taken this much.
    pub(super) const fn note_taken(&mut self, bytes: usize) {
        self.traced = self.traced.saturating_sub(bytes);
    }
}

/// Notes what was written for a client that is traced.
pub(super) fn trace_written(
    client_id: &Text,
    link: &mut super::clients::Link,
    notices: &mut impl Extend<Notice>,
) {
    let Some(tracing) = &mut link.tracing else { return };
    let packets = tracing.written(&link.output);
    notices.extend(packets.into_iter().map(|packet| {
        let client_id = client_id.clone();
        Notice::Packet(Box::new(TracedPacket { client_id, direction: Direction::Sent, packet }))
    }));
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Received => "received",
            Self::Sent => "sent",
        })
    }
}

/// One line without payloads, passwords and what a method of authentication says.
impl fmt::Display for TracedPacket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.direction)?;
        match &self.packet {
            Packet::Connect(connect) => write!(
                f,
                "CONNECT {}, clean start {}, keep alive {} s{}",
                connect.version,
                u8::from(connect.clean_start),
                connect.keep_alive,
                if connect.will.is_some() { ", with a Will" } else { "" }
            ),
            Packet::ConnAck(connack) => {
                write!(f, "CONNACK {}, session present {}", connack.reason, u8::from(connack.session_present))
            }
            Packet::Publish(publish) => publish_line(f, publish),
            Packet::PubAck(ack) => write!(f, "PUBACK {} {}", ack.id, ack.reason),
            Packet::PubRec(ack) => write!(f, "PUBREC {} {}", ack.id, ack.reason),
            Packet::PubRel(ack) => write!(f, "PUBREL {} {}", ack.id, ack.reason),
            Packet::PubComp(ack) => write!(f, "PUBCOMP {} {}", ack.id, ack.reason),
            Packet::Subscribe(subscribe) => {
                write!(f, "SUBSCRIBE {}", subscribe.id)?;
                subscribe.filters.iter().try_for_each(|one| {
                    write!(f, ", {:?} QoS {}", one.filter.as_str(), one.options.qos as u8)
                })
            }
            Packet::SubAck(suback) => {
                write!(f, "SUBACK {}", suback.id)?;
                suback.reasons.iter().try_for_each(|reason| write!(f, ", {reason}"))
            }
            Packet::Unsubscribe(unsubscribe) => {
                write!(f, "UNSUBSCRIBE {}", unsubscribe.id)?;
                unsubscribe.filters.iter().try_for_each(|filter| write!(f, ", {:?}", filter.as_str()))
            }
            Packet::Disconnect(disconnect) => write!(f, "DISCONNECT {}", disconnect.reason),
            Packet::Auth(auth) => write!(f, "AUTH {}", auth.reason),
            other => write!(f, "{}", other.view().packet_type()),
        }
    }
}

fn publish_line(f: &mut fmt::Formatter<'_>, publish: &Publish) -> fmt::Result {
    write!(f, "PUBLISH QoS {}", publish.delivery.qos() as u8)?;
    if let Some(id) = publish.delivery.id() {
        write!(f, " {id}")?;
    }
    let flags = [(publish.delivery.dup(), ", DUP"), (publish.retain, ", RETAIN")];
    flags.into_iter().filter(|(is_set, _)| *is_set).try_for_each(|(_, name)| f.write_str(name))?;
    write!(f, ", {:?}, {} bytes", publish.message.topic.as_str(), publish.message.payload.len())
}
