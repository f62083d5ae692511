//! A connection begins: what CONNECT asks for, what CONNACK grants.

use alloc::boxed::Box;

use core::num::{NonZeroU16, NonZeroU32};

use mqtt_codec::{ConnAck, ConnectRef, OutgoingAliases, PacketRef, ReasonCode, Seconds, Text, Version};

use super::{Life, Link, ServerSession};
use crate::config::ServerConfig;
use crate::incoming::Answers;
use crate::keep_alive::Silence;
use crate::outgoing::Outgoing;
use crate::store::StoreOp;
use crate::time::Time;
use crate::window::Window;

/// The Receive Maximum of a peer that names none, and of 3.x.
const DEFAULT_RECEIVE_MAXIMUM: u16 = u16::MAX;

/// What [`ServerSession::attach`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attached {
    /// Whether the session goes on; if not, its subscriptions must be removed.
    pub session_present: bool,
}

impl ServerSession {
    /// A CONNECT for this session was accepted: CONNACK is the first thing that the client will get.
    ///
    /// `assigned` is the identifier that the server gave to a client without one. A connection that is still
    /// attached ends here without a word: call [`ServerSession::disconnect`] with Session taken over, and
    /// [`ServerSession::handle_disconnected`], before, so that the old client hears of it and its Will is dealt
    /// with. [MQTT-3.1.4-3]
    pub fn attach(
        &mut self,
        now: Time,
        connect: &ConnectRef<'_>,
        assigned: Option<Text>,
        config: &ServerConfig,
    ) -> Attached {
        self.handle_disconnected(now);
        // a session that has just run out is none, whoever comes first: its timer or its client
        let expired = self.life.ends_at.is_some_and(|ends| ends <= now) || self.life.ended;
        let session_present = !connect.clean_start && self.life.generation > 0 && !expired;
        if session_present {
            // [MQTT-3.1.3-9] back in time: the delayed Will is not sent
            self.life.will_at = None;
            if !self.life.will_due {
                self.life.will = None;
            }
        } else {
            // [MQTT-3.1.2-4]
            self.state.outgoing = Outgoing::new(config.queue);
            self.state.incoming.clear();
            self.release_will();
        }
        let generation = self.life.generation.wrapping_add(1).max(1);
        let expiry = granted_expiry(connect, config);
        // a Will of the session before that is due and not yet fetched is not lost
        let overdue = if self.life.will_due { self.life.will.take() } else { self.life.overdue.take() };
        self.life = Life {
            expiry,
            connect_expiry: expiry,
            will: connect.will.map(|will| Box::new(will.to_will())),
            overdue,
            generation,
            ..Life::default()
        };
        let mut link = new_link(now, connect, assigned, config, session_present, expiry, generation);
        link.connack_wait = self.state.effects.push(StoreOp::Attached { session_present, expiry });
        self.link = Some(Box::new(link));
        Attached { session_present }
    }
}

/// The Session Expiry Interval in seconds that the server keeps to.
fn granted_expiry(connect: &ConnectRef<'_>, config: &ServerConfig) -> u32 {
    let asked = match connect.version {
        Version::V5 => connect.properties.session_expiry.unwrap_or_default().0,
        // [MQTT-3.1.2-6] Clean Session 1 ends with the connection
        _ if connect.clean_start => 0,
        _ => config.session_expiry_v3,
    };
    asked.min(config.session_expiry_maximum)
}

/// The keep alive in seconds that holds, and whether the client must be told.
fn granted_keep_alive(connect: &ConnectRef<'_>, config: &ServerConfig) -> (u16, bool) {
    match config.keep_alive_maximum {
        Some(maximum)
            if connect.version.is_v5() && (connect.keep_alive == 0 || connect.keep_alive > maximum.get()) =>
        {
            (maximum.get(), true)
        }
        _ => (connect.keep_alive, false),
    }
}

fn new_link(
    now: Time,
    connect: &ConnectRef<'_>,
    assigned: Option<Text>,
    config: &ServerConfig,
    session_present: bool,
    expiry: u32,
    generation: u32,
) -> Link {
    let version = connect.version;
    let (keep_alive, told) = granted_keep_alive(connect, config);
    let mut connack = ConnAck::new(session_present, ReasonCode::Success);
    if version.is_v5() {
        announce(&mut connack, connect, assigned, config);
        connack.properties.server_keep_alive = told.then_some(keep_alive);
        let asked = connect.properties.session_expiry.unwrap_or_default();
        connack.properties.session_expiry = (asked != Seconds(expiry)).then_some(Seconds(expiry));
    }
    let properties = &connect.properties;
    let peer_maximum = properties.receive_maximum.map_or(DEFAULT_RECEIVE_MAXIMUM, NonZeroU16::get);
    // [MQTT-3.1.2-26] [MQTT-3.1.2-27]
    let aliases = properties.topic_alias_maximum.unwrap_or_default().min(config.outgoing_topic_aliases);
    Link {
        window: Window {
            version,
            size: peer_maximum.min(config.queue.window.get()),
            open: 0,
            sent: 0,
            maximum_packet_size: properties.maximum_packet_size.map_or(u32::MAX, NonZeroU32::get),
            aliases: (aliases > 0).then(|| OutgoingAliases::new(aliases)),
        },
        answers: Answers::new(version, generation),
        silence: Silence::new(now, keep_alive),
        // 3.x knows no Receive Maximum, so nobody can exceed it
        receive_maximum: if version.is_v5() { usize::from(config.receive_maximum.get()) } else { usize::MAX },
        replies: config.replies,
        connack: Some(Box::new(connack)),
        connack_wait: None,
        pings: 0,
        closing: None,
        goodbye: None,
    }
}

/// The limits in CONNACK of 5.0; what is the standard's default is left out.
fn announce(connack: &mut ConnAck, connect: &ConnectRef<'_>, assigned: Option<Text>, config: &ServerConfig) {
    let properties = &mut connack.properties;
    properties.receive_maximum =
        (config.receive_maximum != NonZeroU16::MAX).then_some(config.receive_maximum);
    properties.maximum_packet_size = NonZeroU32::new(config.maximum_packet_size);
    properties.topic_alias_maximum = (config.topic_alias_maximum > 0).then_some(config.topic_alias_maximum);
    properties.assigned_client_id = assigned;
    // [MQTT-3.1.2-24] a client with a very small limit is told less
    if let Some(maximum) = connect.properties.maximum_packet_size {
        let fits = |connack: &ConnAck| {
            PacketRef::ConnAck(connack.view())
                .encoded_len(Version::V5)
                .is_ok_and(|len| len <= maximum.get() as usize)
        };
        if !fits(connack) {
            connack.properties.topic_alias_maximum = None;
        }
    }
}
