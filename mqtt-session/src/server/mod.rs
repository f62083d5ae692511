//! The server's session of one client: it outlives connections, and decides what each of them says.
//!
//! ```text
//!            attach                    handle_disconnected, DISCONNECT, timeout
//! Away ------------------> Connected ------------------------------------------> Away
//!   \__ session expiry: Ended                          will delay: Will __/
//! ```

mod authentication;
mod connect;
mod deliver;
mod end;
mod packets;
mod questions;
mod restore;

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use mqtt_codec::{ConnAck, DecodeError, DisconnectRef, PacketId, PacketRef, ReasonCode, Will};

use crate::config::ServerConfig;
use crate::error::CloseReason;
use crate::event::{Receipt, ServerEvent};
use crate::exchange::Exchange;
use crate::incoming::{Answers, Incoming};
use crate::keep_alive::Silence;
use crate::lazy::Lazy;
use crate::outgoing::{Outgoing, Progress};
use crate::store::{Effects, StoreEffect, StoreSeq};
use crate::time::{Time, earliest};
use crate::transmit::Transmit;
use crate::window::Window;

pub use connect::Attached;
pub use deliver::{Delivered, Matched};
pub use questions::Drops;

/// The session that a server keeps for one client identifier.
///
/// Methods come in four groups. **Inputs** say what happened (`attach`, `handle_*`) and cannot fail. **Commands**
/// say what the broker wants (`deliver`, `acknowledge`, `answer_*`, `disconnect`). **Outputs** are pulled
/// (`poll_*`) after any of the two, until there is nothing more. **Questions** change nothing. Any order of
/// calls is allowed.
#[derive(Clone, Debug)]
pub struct ServerSession {
    state: State,
    link: Option<Box<Link>>,
    life: Life,
    drops: Drops,
    written: u32,
}

/// What the standard calls Session State, except the subscriptions, which the broker's router holds.
#[derive(Clone, Debug)]
struct State {
    outgoing: Outgoing,
    incoming: Incoming,
    effects: Effects,
}

/// What belongs to one network connection and ends with it.
#[derive(Clone, Debug)]
struct Link {
    window: Window,
    answers: Answers,
    silence: Silence,
    receive_maximum: usize,
    replies: u32,
    /// Answers that may wait for anything: the client to read, the application, the store.
    answers_maximum: u32,
    /// Session Expiry Interval of CONNECT in seconds, and the longest that DISCONNECT can set.
    expiry_asked: u32,
    expiry_maximum: u32,
    /// Until it is written.
    welcome: Option<Box<Welcome>>,
    pings: u32,
    /// If CONNECT has named a method.
    exchange: Option<Box<Exchange>>,
    /// Set when the connection must end; a last DISCONNECT may still be owed.
    closing: Option<CloseReason>,
    goodbye: Option<ReasonCode>,
}

/// The answer to CONNECT.
#[derive(Clone, Debug)]
struct Welcome {
    connack: ConnAck,
    /// What must be stored before it says that the session exists.
    wait: Option<StoreSeq>,
}

impl Link {
    #[inline]
    fn wants_read(&self) -> bool {
        self.closing.is_none()
            && self.answers.unread() + (self.pings as usize) < self.replies as usize
            && self.answers.waiting() < self.answers_maximum as usize
    }

    /// When the client has been silent for too long; not while it is not read from.
    fn silence_deadline(&self) -> Option<Time> {
        if self.wants_read() { self.silence.deadline() } else { None }
    }
}

/// How long the session lives without a connection, and what happens then.
#[derive(Clone, Debug, Default)]
struct Life {
    /// Whether there is Session State that a client may resume.
    exists: bool,
    /// Session Expiry Interval in seconds.
    expiry: u32,
    /// The Will of this connection, or of the last one while its delay runs.
    will: Option<Arc<Will>>,
    will_at: Option<Time>,
    /// Wills to publish, of this session and those before it under the same identifier.
    due: Lazy<Vec<Arc<Will>>>,
    ends_at: Option<Time>,
    /// The session's end is to be told.
    ended: bool,
    generation: u32,
}

impl ServerSession {
    /// A session without a connection and without a past.
    pub fn new(config: &ServerConfig) -> Self {
        let state = State {
            outgoing: Outgoing::new(config.queue),
            incoming: Incoming::default(),
            effects: Effects::default(),
        };
        Self { state, link: None, life: Life::default(), drops: Drops::default(), written: 0 }
    }

    /// The next packets for the client, as long as `out` has room.
    ///
    /// CONNACK comes first, then answers, then what an earlier connection left open, then new messages. What
    /// depends on an effect that is not stored waits.
    pub fn poll_transmit(&mut self, now: Time, out: &mut impl Transmit) {
        let Some(link) = self.link.as_deref_mut() else { return };
        let version = link.window.version;
        if link.welcome.as_ref().is_some_and(|welcome| !self.state.effects.is_stored(welcome.wait)) {
            return;
        }
        if let Some(welcome) = link.welcome.take() {
            let written = PacketRef::ConnAck(welcome.connack.view()).encode(version, out);
            debug_assert!(written.is_ok(), "CONNACK: {written:?}");
        }
        if link.closing.is_none() && !self.transmit_connected(now, out) {
            self.close(CloseReason::Local(ReasonCode::PacketTooLarge));
        }
        let Some(link) = self.link.as_deref_mut() else { return };
        // a 3.x server has no DISCONNECT: the connection just ends
        if let Some(reason) = link.goodbye.take().filter(|_| version.is_v5()) {
            let written = PacketRef::Disconnect(DisconnectRef::new(reason)).encode(version, out);
            debug_assert!(written.is_ok(), "DISCONNECT: {written:?}");
        }
    }

    /// Writes everything but the first and the last packet; false if an answer is larger than the client takes.
    fn transmit_connected(&mut self, now: Time, out: &mut impl Transmit) -> bool {
        let Some(link) = self.link.as_deref_mut() else { return true };
        let paused = !link.wants_read();
        while link.pings > 0 && out.has_room() {
            link.pings -= 1;
            out.put(&[0xD0, 0]);
        }
        if let Some(exchange) = &mut link.exchange
            && !exchange.transmit(link.window.maximum_packet_size, out)
        {
            return false;
        }
        let State { outgoing, incoming, effects } = &mut self.state;
        if !link.answers.transmit(incoming, effects, out) {
            return false;
        }
        if paused && link.wants_read() {
            // nobody listened to the client while it was not read from
            link.silence.heard(now);
        }
        let (drops, written) = (&mut self.drops, &mut self.written);
        outgoing.transmit(now, &mut link.window, effects, out, |_, progress| match progress {
            Progress::Dropped(reason) => drops.count(reason, 1),
            Progress::Written => *written = written.saturating_add(1),
        });
        true
    }

    /// The next event of the session's life.
    pub fn poll_event(&mut self) -> Option<ServerEvent> {
        if let Some(due) = self.life.due.made() {
            let will = due.remove(0);
            if due.is_empty() {
                self.life.due.take();
            }
            return Some(ServerEvent::Will(will));
        }
        core::mem::take(&mut self.life.ended).then_some(ServerEvent::Ended)
    }

    /// When [`ServerSession::handle_timeout`] wants to be called; asked again at that time it may say later.
    pub fn poll_timeout(&self) -> Option<Time> {
        let silence = self.link.as_ref().and_then(|link| link.silence_deadline());
        earliest(silence, earliest(self.life.will_at, self.life.ends_at))
    }

    /// The next effect to store; in the order of their numbers.
    ///
    /// Nothing while a Will waits to be fetched from [`ServerSession::poll_event`]: the effects say that it was
    /// published, so a store should have the message before.
    pub fn poll_store(&mut self) -> Option<StoreEffect> {
        if !self.life.due.is_empty() {
            return None;
        }
        self.state.effects.poll()
    }

    /// Everything up to `seq` is stored: what was held for it may be sent.
    pub fn handle_stored(&mut self, seq: StoreSeq) {
        self.state.effects.handle_stored(seq);
        if let Some(link) = &mut self.link {
            link.answers.advance(&self.state.effects);
        }
    }

    /// A number for something that the driver stores itself, and that an answer then waits for; `None` without a
    /// store. Also for a client whose session is not kept: what it publishes is for others.
    pub fn reserve_store_seq(&mut self) -> Option<StoreSeq> {
        self.state.effects.reserve()
    }

    /// The application has taken the message of `receipt`, or refuses it with `reason`, once `wait` is stored.
    ///
    /// `wait` is the number under which the driver stores the message, the last that it has reserved. At QoS 2 an
    /// effect with the same number follows, and the two are stored as one: the identifier without the message would
    /// lose it in a crash, the message without the identifier would deliver it twice.
    ///
    /// A receipt of an earlier connection is passed over at QoS 1: the client will send the message again. At
    /// QoS 2 it stays good.
    pub fn acknowledge(&mut self, receipt: Receipt, reason: ReasonCode, wait: Option<StoreSeq>) {
        let State { incoming, effects, .. } = &mut self.state;
        let mut answers = self.link.as_mut().map(|link| &mut link.answers);
        incoming.acknowledge(receipt, reason, wait, answers.as_deref_mut(), effects);
        if let Some(answers) = answers {
            answers.advance(effects);
        }
    }

    /// Answers SUBSCRIBE with a code for each filter, in their order. [MQTT-3.8.4-6]
    pub fn answer_subscribe(&mut self, id: PacketId, reasons: Vec<ReasonCode>, wait: Option<StoreSeq>) {
        if let Some(link) = &mut self.link {
            link.answers.answer_subscribe(id, reasons.into(), wait);
            link.answers.advance(&self.state.effects);
        }
    }

    /// Answers UNSUBSCRIBE with a code for each filter, in their order. [MQTT-3.10.4-5]
    pub fn answer_unsubscribe(&mut self, id: PacketId, reasons: Vec<ReasonCode>, wait: Option<StoreSeq>) {
        if let Some(link) = &mut self.link {
            link.answers.answer_unsubscribe(id, reasons.into(), wait);
            link.answers.advance(&self.state.effects);
        }
    }

    /// The bytes of the client are no packet: the connection ends, with DISCONNECT in 5.0.
    pub fn handle_malformed(&mut self, error: DecodeError) {
        self.close(CloseReason::Malformed(error));
    }

    /// The client of this connection does not see the first `bytes` bytes of topics: they name the part of the broker's
    /// topics that is all it knows. To be said after [`ServerSession::attach`]; the driver delivers nothing from elsewhere.
    pub fn hide_prefix(&mut self, bytes: u16) {
        if let Some(link) = &mut self.link {
            link.window.hidden = bytes;
        }
    }

    /// The driver has not read from the client for a reason of its own: that was no silence of the client's.
    pub fn handle_unheard(&mut self, now: Time) {
        if let Some(link) = &mut self.link {
            link.silence.heard(now);
        }
    }

    /// The client has read nothing of what it was sent for longer than the driver allows: the connection ends.
    ///
    /// Its silence is not counted while it is not read from, so without this a client that never reads could stay.
    pub fn handle_stalled(&mut self) {
        self.close(CloseReason::Stalled);
    }
}
