//! A session after a crash of the server.

use core::time::Duration;

use mqtt_codec::Seconds;

use super::{Life, ServerSession, State};
use crate::config::ServerConfig;
use crate::incoming::Incoming;
use crate::store::{Effects, StoreOp};
use crate::stored::{StoredMessage, StoredSession};
use crate::time::Time;

impl ServerSession {
    /// The session that a store has, without a connection: a client that connects finds it again.
    ///
    /// `away` says for how long it has had no connection, by a clock that went on while the server was down; the
    /// session expires, and its Will becomes due, by that. A session whose connection ended with the server
    /// ([`StoredSession::connected`]) is treated as if it had ended `away` ago, and says so to the store.
    ///
    /// `messages` are those that the store has for it and that none of its effects ended, in the order of their
    /// delivery. All identifiers are in their places before the first of them. A message of QoS 1 that was
    /// delivered, but whose end is not stored, is delivered again; one of QoS 2 never. Where [`packet_ids`] has no identifier for
    /// one of QoS 1 that stands before one of QoS 2 which has one, it comes later: each QoS keeps its order. [MQTT-4.6.0-6]
    ///
    /// [`packet_ids`]: crate::QueueLimits::packet_ids
    ///
    /// A session that is over by now gives its Will and [`ServerEvent::Ended`] as events at once.
    ///
    /// [`ServerEvent::Ended`]: crate::ServerEvent::Ended
    pub fn restore(
        now: Time,
        config: &ServerConfig,
        stored: StoredSession,
        away: Duration,
        messages: impl IntoIterator<Item = StoredMessage>,
    ) -> Self {
        let mut session = Self::new(config);
        if !stored.exists {
            return session;
        }
        let State { outgoing, incoming, effects } = &mut session.state;
        *effects = Effects::known(config.store, stored.expiry > 0);
        outgoing.restore(&stored, messages, effects);
        *incoming = Incoming::restored(stored.exchanges().received.iter().copied());
        let StoredSession { connected, expiry, will, .. } = stored;
        let delay = will.as_ref().and_then(|will| will.delay).unwrap_or(Seconds(0));
        let left = |seconds: u32| now.after(Duration::from_secs(seconds.into()).saturating_sub(away));
        session.life = Life {
            exists: true,
            expiry,
            will_at: will.is_some().then(|| left(delay.0)),
            ends_at: (expiry != u32::MAX).then(|| left(expiry)),
            will,
            ..Life::default()
        };
        session.handle_timeout(now);
        if session.life.exists && connected {
            let will = session.life.will.is_some();
            session.state.effects.live(StoreOp::Detached { expiry, will });
        }
        session
    }
}
