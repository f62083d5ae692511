//! The client's session: it outlives connections, and knows what is still owed to the server and the application.
//!
//! ```text
//!        handle_connected            CONNACK 0                  close, handle_disconnected
//! Away -------------------> Waiting -----------> Connected -------------------------------> Away
//!                              \__ refused, timeout: close __/
//! ```

mod authentication;
mod commands;
mod connect;
mod disconnect;
mod packets;
mod requests;
mod restore;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

use mqtt_codec::{Connect, DecodeError, Disconnect, PacketRef, QoS, ReasonCode, Sink, Text, Version};

use crate::config::ClientConfig;
use crate::error::{CloseReason, DropReason, PublishError};
use crate::event::{ClientEvent, Receipt, Ticket};
use crate::exchange::Exchange;
use crate::incoming::{Answers, Incoming};
use crate::keep_alive::Ping;
use crate::outgoing::{Outgoing, Progress};
use crate::store::{Effects, StoreEffect, StoreSeq};
use crate::time::Time;
use crate::transmit::Transmit;
use crate::window::Window;

use requests::Requests;

/// The session that a client keeps with one server.
///
/// Methods come in four groups. **Inputs** say what happened (`handle_*`) and cannot fail. **Commands** say what
/// the application wants (`publish`, `subscribe`, `unsubscribe`, `acknowledge`, `disconnect`); they may be refused.
/// **Outputs** are pulled (`poll_*`) after any of the two, until there is nothing more. **Questions** change
/// nothing. Any order of calls is allowed.
#[derive(Clone, Debug)]
pub struct ClientSession {
    config: ClientConfig,
    version: Version,
    state: State,
    requests: Requests,
    link: Option<Box<Link>>,
    events: VecDeque<ClientEvent>,
    next_ticket: u64,
    /// The identifier that the server gave to a client without one.
    assigned_client_id: Option<Text>,
    /// Whether a CONNACK has accepted this session before.
    connected_before: bool,
    /// Whether the server's session has ended with the last connection, as that of 3.x does after a clean start. The next
    /// CONNACK need not say so: an attempt in between may have begun another.
    ended_with_connection: bool,
    generation: u32,
    finished: bool,
}

/// What the standard calls Session State.
#[derive(Clone, Debug)]
struct State {
    outgoing: Outgoing,
    incoming: Incoming,
    effects: Effects,
}

/// What belongs to one network connection and ends with it.
#[derive(Clone, Debug)]
struct Link {
    phase: Phase,
    window: Window,
    answers: Answers,
    ping: Ping,
    receive_maximum: usize,
    server: ServerLimits,
    /// Whether CONNECT asked for a clean start.
    clean_start: bool,
    /// Whether CONNECT asked for reason codes alone: Request Problem Information 0.
    codes_alone: bool,
    /// If CONNECT has named a method.
    exchange: Option<Box<Exchange>>,
    closing: Option<CloseReason>,
    /// DISCONNECT that is to be sent.
    goodbye: Option<Box<Disconnect>>,
    /// Whether the session ends with the connection, as CONNECT said.
    expires_at_once: bool,
}

#[derive(Clone, Debug)]
enum Phase {
    /// CONNECT is not written yet.
    Connecting(Box<Connect>, Time),
    /// CONNACK must come until then.
    Waiting(Time),
    Connected,
}

/// What CONNACK says of the server.
#[derive(Clone, Copy, Debug)]
struct ServerLimits {
    maximum_qos: QoS,
    retain_available: bool,
    wildcards: bool,
    subscription_ids: bool,
    shared: bool,
}

impl ClientSession {
    /// A session without a connection and without a past, for connections of one version.
    pub fn new(version: Version, config: ClientConfig) -> Self {
        Self {
            config,
            version,
            state: State {
                outgoing: Outgoing::new(config.queue),
                incoming: Incoming::default(),
                effects: Effects::known(config.store, true),
            },
            requests: Requests::default(),
            link: None,
            events: VecDeque::new(),
            next_ticket: 1,
            assigned_client_id: None,
            connected_before: false,
            ended_with_connection: false,
            generation: 0,
            finished: false,
        }
    }

    /// The next packets for the server, as long as `out` has room.
    ///
    /// CONNECT comes first and alone but for AUTH, if it names a method [MQTT-3.1.2-30]; after CONNACK a PINGREQ that is due, answers, requests, what an earlier
    /// connection left open, then new messages. DISCONNECT is the last.
    pub fn poll_transmit(&mut self, now: Time, out: &mut impl Transmit) {
        let Some(link) = self.link.as_deref_mut() else { return };
        let mut out = Counted { out, bytes: 0 };
        if link.closing.is_none() {
            match &link.phase {
                Phase::Connecting(connect, deadline) => {
                    let written = PacketRef::Connect(connect.view()).encode(self.version, &mut out);
                    link.phase = Phase::Waiting(*deadline);
                    if written.is_err() {
                        link.closing = Some(CloseReason::Local(ReasonCode::ImplementationSpecificError));
                    }
                }
                Phase::Waiting(_) => link.transmit_auth(&mut out),
                Phase::Connected => self.transmit_connected(now, &mut out),
            }
        }
        let Some(link) = self.link.as_deref_mut() else { return };
        link.transmit_goodbye(self.version, &mut out);
        if out.bytes > 0 {
            link.ping.sent(now);
        }
    }

    fn transmit_connected(&mut self, now: Time, out: &mut Counted<'_, impl Transmit>) {
        let Some(link) = self.link.as_deref_mut() else { return };
        if link.ping.is_due(now) {
            out.put(&[0xC0, 0]);
            link.ping.pinged(now);
        }
        link.transmit_auth(out);
        let State { outgoing, incoming, effects } = &mut self.state;
        let fits = link.answers.transmit(incoming, effects, out);
        debug_assert!(fits, "a client answers with nothing that could be long");
        let events = &mut self.events;
        self.requests.transmit(&link.window, &link.server, &mut outgoing.ids, out, events);
        outgoing.transmit(now, &mut link.window, effects, out, |ticket, progress| {
            events.push_back(progress_event(ticket, progress));
        });
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<ClientEvent> {
        self.events.pop_front()
    }

    /// When [`ClientSession::handle_timeout`] wants to be called; asked again at that time it may say later.
    pub fn poll_timeout(&self) -> Option<Time> {
        let link = self.link.as_ref().filter(|link| link.closing.is_none())?;
        match &link.phase {
            Phase::Connecting(_, deadline) | Phase::Waiting(deadline) => Some(*deadline),
            Phase::Connected => link.ping.deadline(),
        }
    }

    /// The next effect to store; in the order of their numbers.
    pub fn poll_store(&mut self) -> Option<StoreEffect> {
        self.state.effects.poll()
    }

    /// Everything up to `seq` is stored: what was held for it may be sent.
    pub fn handle_stored(&mut self, seq: StoreSeq) {
        self.state.effects.handle_stored(seq);
    }

    /// Looks at the deadlines. A call too early, or too often, does nothing.
    ///
    /// A PINGREQ that has become due is written by the next [`ClientSession::poll_transmit`].
    pub fn handle_timeout(&mut self, now: Time) {
        let Some(link) = self.link.as_deref() else { return };
        match &link.phase {
            Phase::Connecting(_, deadline) | Phase::Waiting(deadline) if *deadline <= now => {
                self.close(CloseReason::ConnectTimeout);
            }
            Phase::Connected if link.ping.is_lost(now) => self.close(CloseReason::KeepAlive),
            _ => {}
        }
    }

    /// The bytes of the server are no packet: the connection ends, with DISCONNECT in 5.0.
    pub fn handle_malformed(&mut self, error: DecodeError) {
        self.close(CloseReason::Malformed(error));
    }

    /// The network connection has ended, whoever ended it. Messages and requests stay for the next one.
    pub fn handle_disconnected(&mut self) {
        let Some(link) = self.link.take() else { return };
        let was_connected = matches!(link.phase, Phase::Connected);
        self.ended_with_connection |= was_connected && link.clean_start && !self.version.is_v5();
        self.state.incoming.handle_disconnected(&link.answers);
        self.state.outgoing.handle_disconnected();
        self.requests.handle_disconnected(&mut self.state.outgoing.ids);
    }

    /// Whether CONNACK has accepted the connection and nothing has ended it.
    pub fn is_connected(&self) -> bool {
        self.link
            .as_ref()
            .is_some_and(|link| matches!(link.phase, Phase::Connected) && link.closing.is_none())
    }

    /// Why the connection must end: flush what [`ClientSession::poll_transmit`] gave, close, then call
    /// [`ClientSession::handle_disconnected`].
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.link.as_ref().and_then(|link| link.closing)
    }

    /// The version of the session's connections.
    pub const fn version(&self) -> Version {
        self.version
    }

    /// Messages that wait for their first PUBLISH.
    pub fn queued(&self) -> usize {
        self.state.outgoing.queued()
    }

    /// Bytes of messages that wait or are kept until the server has said to have them.
    pub fn held_bytes(&self) -> usize {
        self.state.outgoing.held_bytes()
    }

    /// Messages of QoS 1 and 2 that were sent and are not acknowledged.
    pub fn in_flight(&self) -> usize {
        self.state.outgoing.in_flight()
    }

    /// Requests that the server has not answered.
    pub fn pending_requests(&self) -> usize {
        self.requests.len()
    }

    /// Identifiers of QoS 2 that the server has not released.
    pub fn unreleased(&self) -> usize {
        self.state.incoming.unreleased()
    }

    /// Received messages of QoS 1 and 2 whose exchange is open on this connection.
    pub fn unacknowledged(&self) -> usize {
        self.link.as_ref().map_or(0, |link| link.answers.open())
    }

    /// Whether the server may send no further message of QoS 1 or 2 until one is acknowledged.
    ///
    /// In 3.x, which has no such promise, it may go on all the same.
    pub fn is_receive_window_full(&self) -> bool {
        self.unacknowledged() >= usize::from(self.config.receive_maximum.get())
    }

    /// The oldest message that was not acknowledged; what came later is answered after it.
    pub fn oldest_receipt(&self) -> Option<Receipt> {
        self.link.as_ref().and_then(|link| link.answers.oldest_waiting())
    }

    /// Tickets of everything that is not over: what an application that gives up must hear of.
    pub fn unfinished(&self) -> Vec<Ticket> {
        self.state.outgoing.tickets().chain(self.requests.tickets()).collect()
    }
}

fn progress_event(ticket: Ticket, progress: Progress) -> ClientEvent {
    match progress {
        Progress::Written => ClientEvent::Written(ticket),
        Progress::Dropped(reason) => ClientEvent::Dropped(
            ticket,
            match reason {
                DropReason::Expired => PublishError::Expired,
                DropReason::TooLarge => PublishError::PacketTooLarge,
                DropReason::Replaced => PublishError::Replaced,
                DropReason::Offline | DropReason::QueueFull => PublishError::QueueFull,
            },
        ),
    }
}

/// An output that knows whether anything was written: that puts off the next PINGREQ.
struct Counted<'o, O> {
    out: &'o mut O,
    bytes: usize,
}

impl<O: Transmit> Sink for Counted<'_, O> {
    fn put(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len();
        self.out.put(bytes);
    }
}

impl<O: Transmit> Transmit for Counted<'_, O> {
    fn has_room(&self) -> bool {
        self.out.has_room()
    }

    fn put_shared(&mut self, payload: &bytes::Bytes) {
        self.bytes += payload.len();
        self.out.put_shared(payload);
    }
}
