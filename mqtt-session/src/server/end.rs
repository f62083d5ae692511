//! A connection ends, a Will becomes due, a session expires.

use mqtt_codec::{PacketType, ReasonCode, Seconds};

use super::{Life, ServerSession};
use crate::error::{CloseReason, DropReason};
use crate::store::StoreOp;
use crate::time::Time;

impl ServerSession {
    /// The server ends the connection, with DISCONNECT and `reason` in 5.0.
    ///
    /// The Will is kept: it is published as if the connection was lost.
    pub fn disconnect(&mut self, reason: ReasonCode) {
        self.close(CloseReason::Local(reason));
    }

    /// The network connection has ended, whoever ended it. Harmless if there was none.
    pub fn handle_disconnected(&mut self, now: Time) {
        let Some(link) = self.link.take() else { return };
        self.state.incoming.handle_disconnected(&link.answers);
        self.state.outgoing.handle_disconnected();
        let dropped = self.state.outgoing.drop_qos0();
        self.drops.count(DropReason::Offline, u32::try_from(dropped).unwrap_or(u32::MAX));
        self.life.ends_at = match self.life.expiry {
            u32::MAX => None,
            seconds => Some(now.after_secs(seconds)),
        };
        let delay = self.life.will.as_ref().and_then(|will| will.delay).unwrap_or(Seconds(0));
        match delay {
            Seconds(0) => self.release_will(),
            delay => self.life.will_at = self.life.will.is_some().then(|| now.after_secs(delay.0)),
        }
        self.handle_timeout(now);
        if self.life.exists {
            let Life { expiry, ref will, .. } = self.life;
            let will = will.is_some();
            self.state.effects.live(StoreOp::Detached { expiry, will });
        }
    }

    /// Looks at the deadlines. A call too early, or too often, does nothing.
    pub fn handle_timeout(&mut self, now: Time) {
        if let Some(link) = &self.link {
            if link.silence_deadline().is_some_and(|deadline| deadline <= now) {
                self.close(CloseReason::KeepAlive);
            }
            return;
        }
        let ended = self.life.ends_at.is_some_and(|ends| ends <= now);
        // [MQTT-3.1.2-8] after its delay or with the session, whichever is first
        if ended || self.life.will_at.is_some_and(|at| at <= now) {
            self.release_will();
            self.state.effects.live(StoreOp::WillReleased);
        }
        if ended {
            self.life.ends_at = None;
            self.life.ended = true;
            self.life.exists = false;
            self.forget();
            self.state.effects.end();
        }
    }

    /// The broker ends a session that has no connection, as if it had expired now.
    pub fn end(&mut self, now: Time) {
        if self.link.is_none() {
            self.life.ends_at = Some(now);
            self.handle_timeout(now);
        }
    }

    pub(super) fn close(&mut self, reason: CloseReason) {
        let Some(link) = self.link.as_deref_mut() else { return };
        if link.closing.is_some() {
            return;
        }
        link.closing = Some(reason);
        link.goodbye = match reason.disconnect_code() {
            Some(code) if !code.allowed_in(PacketType::Disconnect) => Some(ReasonCode::UnspecifiedError),
            code => code,
        };
    }

    /// The Will is due, if there is one.
    pub(super) fn release_will(&mut self) {
        self.life.will_at = None;
        if let Some(will) = self.life.will.take() {
            self.life.due.push(will);
        }
    }

    /// Session State ends. [MQTT-4.1.0-2]
    pub(super) fn forget(&mut self) {
        self.state.outgoing.clear();
        self.state.incoming.clear();
        self.state.effects.forget_pending();
    }
}
