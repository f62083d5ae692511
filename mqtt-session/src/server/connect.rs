//! A connection begins: what CONNECT asks for, what CONNACK grants.

use alloc::boxed::Box;
use alloc::sync::Arc;

use core::num::{NonZeroU16, NonZeroU32};

use mqtt_codec::{ConnAck, ConnectRef, OutgoingAliases, PacketRef, ReasonCode, Seconds, Text, Version};

use super::{Life, Link, ServerSession, Welcome};
use crate::config::ServerConfig;
use crate::error::CloseReason;
use crate::exchange::Exchange;
use crate::incoming::Answers;
use crate::keep_alive::Silence;
use crate::store::{StoreOp, StoreSeq};
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
    /// A CONNECT with an Authentication Method is accepted only after its exchange, of which the broker has kept an
    /// [`Exchange`]; the last data for the client, if there is any, follows with
    /// [`ServerSession::complete_authentication`].
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
        self.handle_timeout(now);
        let existed = self.life.exists;
        let session_present = existed && !connect.clean_start;
        if !session_present {
            // [MQTT-3.1.2-4]
            self.forget();
            self.release_will();
        }
        let expiry = granted_expiry(connect, config);
        self.state.outgoing.set_limits(config.queue);
        self.life = Life {
            exists: true,
            expiry,
            // [MQTT-3.1.3-9] back in time: a Will that waits for its delay is not sent
            will: connect.will.map(|will| Arc::new(will.to_will())),
            due: core::mem::take(&mut self.life.due),
            generation: self.life.generation.wrapping_add(1),
            ..Life::default()
        };
        let wait = self.store_attached(config, session_present, existed);
        let mut link = self.new_link(now, connect, assigned, config, session_present);
        if let Some(welcome) = &mut link.welcome {
            welcome.wait = wait;
        }
        self.link = Some(Box::new(link));
        Attached { session_present }
    }

    /// What CONNACK has to wait for: a session that is kept, one that was and is no more, a Will.
    fn store_attached(
        &mut self,
        config: &ServerConfig,
        session_present: bool,
        existed: bool,
    ) -> Option<StoreSeq> {
        let Life { expiry, ref will, .. } = self.life;
        let effects = &mut self.state.effects;
        let kept = expiry > 0 || session_present;
        // what the store knows of an earlier session must go, even if nothing of this one is kept
        if !config.store || !(kept || existed && effects.is_known() || will.is_some()) {
            effects.begin_without(config.store);
            return None;
        }
        effects.begin(StoreOp::Attached { session_present, expiry, will: will.clone() }, kept)
    }

    fn new_link(
        &self,
        now: Time,
        connect: &ConnectRef<'_>,
        assigned: Option<Text>,
        config: &ServerConfig,
        session_present: bool,
    ) -> Link {
        let version = connect.version;
        let (keep_alive, told) = granted_keep_alive(connect, config);
        let expiry_asked = asked_expiry(connect, config);
        let mut connack = ConnAck::new(session_present, ReasonCode::Success);
        if version.is_v5() {
            announce(&mut connack, assigned, config);
            // [MQTT-4.12.0-5] [MQTT-4.12.0-6]
            connack.properties.authentication_method =
                connect.properties.authentication_method().and_then(|method| Text::new(method).ok());
            connack.properties.server_keep_alive = told.then_some(keep_alive);
            let granted = Seconds(self.life.expiry);
            connack.properties.session_expiry = (granted != Seconds(expiry_asked)).then_some(granted);
        }
        let properties = &connect.properties;
        let peer_maximum = properties.receive_maximum().map_or(DEFAULT_RECEIVE_MAXIMUM, NonZeroU16::get);
        let size = peer_maximum.min(config.queue.window.get());
        let mut window = Window::new(version, size, self.state.outgoing.released());
        window.maximum_packet_size = properties.maximum_packet_size().map_or(u32::MAX, NonZeroU32::get);
        // [MQTT-3.1.2-26] [MQTT-3.1.2-27]
        let aliases = properties.topic_alias_maximum().unwrap_or_default().min(config.outgoing_topic_aliases);
        window.aliases = (aliases > 0).then(|| Box::new(OutgoingAliases::new(aliases)));
        let connack = fit(connack, version, window.maximum_packet_size);
        Link {
            answers: Answers::new(version, self.life.generation, window.maximum_packet_size),
            silence: Silence::new(now, keep_alive),
            // 3.x knows no Receive Maximum, so nobody can exceed it
            receive_maximum: match version {
                Version::V5 => usize::from(config.receive_maximum.get()),
                Version::V3_1 | Version::V3_1_1 => usize::MAX,
            },
            replies: u32::try_from(config.replies).unwrap_or(u32::MAX),
            // what the client may have open by right, and as many requests as it may leave unread
            answers_maximum: u32::try_from(config.replies)
                .unwrap_or(u32::MAX)
                .saturating_add(config.receive_maximum.get().into()),
            expiry_asked,
            expiry_maximum: config.session_expiry_maximum,
            closing: connack.is_none().then_some(CloseReason::Local(ReasonCode::PacketTooLarge)),
            welcome: connack.map(|connack| Box::new(Welcome { connack, wait: None })),
            pings: 0,
            exchange: Exchange::accepted(connect).map(Box::new),
            goodbye: None,
            window,
        }
    }
}

/// The Session Expiry Interval in seconds that the client asks for.
fn asked_expiry(connect: &ConnectRef<'_>, config: &ServerConfig) -> u32 {
    match connect.version {
        Version::V5 => connect.properties.session_expiry().unwrap_or_default().0,
        // [MQTT-3.1.2-6] Clean Session 1 ends with the connection
        _ if connect.clean_start => 0,
        _ => config.session_expiry_v3,
    }
}

/// The Session Expiry Interval in seconds that the server keeps to.
fn granted_expiry(connect: &ConnectRef<'_>, config: &ServerConfig) -> u32 {
    asked_expiry(connect, config).min(config.session_expiry_maximum)
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

/// The limits in CONNACK of 5.0; what is the standard's default is left out.
fn announce(connack: &mut ConnAck, assigned: Option<Text>, config: &ServerConfig) {
    let properties = &mut connack.properties;
    properties.receive_maximum =
        (config.receive_maximum != NonZeroU16::MAX).then_some(config.receive_maximum);
    properties.maximum_packet_size = NonZeroU32::new(config.maximum_packet_size);
    properties.topic_alias_maximum = (config.topic_alias_maximum > 0).then_some(config.topic_alias_maximum);
    properties.assigned_client_id = assigned;
}

/// A client with a very small limit is told less; `None` if even what it must know is too much. [MQTT-3.1.2-24]
pub(super) fn fit(mut connack: ConnAck, version: Version, maximum: u32) -> Option<ConnAck> {
    let fits = |connack: &ConnAck| {
        PacketRef::ConnAck(connack.view()).encoded_len(version).is_ok_and(|len| len <= maximum as usize)
    };
    if !fits(&connack) {
        // the one that a client can do without
        connack.properties.topic_alias_maximum = None;
    }
    fits(&connack).then_some(connack)
}
