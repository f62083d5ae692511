//! One shard: the clients that live on it, and what they are owed.

use std::collections::VecDeque;
use std::sync::Arc;

use mqtt_codec::{ReasonCode, Text};
use mqtt_session::{CloseReason, Ticket, Time};

use super::access::{Action, Rules};
use super::clients::Clients;
use super::delivery::{Target, weigh};
use super::holding::UNLIMITED;
use super::hub::Hub;
use super::journal::Journal;
use super::local::Locals;
use super::mail::Mail;
use super::output::Output;
use super::reauthentication::Reauthentication;
use super::router::{CacheLimits, MatchCache};
use super::stats::Counters;
use super::timers::Timers;
use super::trace::TracedPacket;
use super::user::User;
use crate::config::Config;
use crate::store::Owed;

/// A client of the shard, as the driver names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot(pub u32);

/// A network connection, as the driver numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(pub u64);

/// A connection that the shard has given up: to be flushed and closed.
#[derive(Debug)]
pub struct Closed {
    /// Which connection.
    pub connection: ConnectionId,
    /// What the client should still get.
    pub output: Output,
}

/// Something that a log should say.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Notice {
    /// A client was accepted.
    Connected {
        /// Its identifier.
        client_id: Box<str>,
        /// Its user name, if somebody has judged it.
        user_name: Option<Text>,
        /// The protocol version.
        version: mqtt_codec::Version,
        /// Whether it goes on with a session.
        session_present: bool,
    },
    /// The connection of a client ended.
    Disconnected {
        /// Its identifier.
        client_id: Box<str>,
        /// Why.
        cause: CloseReason,
    },
    /// A packet of a client that is traced.
    Packet(Box<TracedPacket>),
    /// The rules of permission do not allow what a client wants. Of many in a turn this is the first, while
    /// [`Counter::PublishNotAuthorized`](super::Counter::PublishNotAuthorized) and
    /// [`Counter::SubscriptionsNotAuthorized`](super::Counter::SubscriptionsNotAuthorized) have them all.
    NotAuthorized {
        /// Its identifier.
        client_id: Box<str>,
        /// Its user name, if somebody has judged it.
        user_name: Option<Text>,
        /// What it wants to do.
        action: Action,
        /// The topic, or the filter.
        topic: Box<str>,
        /// The rule that denies it, as [`Rules::citation`] has it; none if no rule allows it, or the client's own evidence
        /// does not.
        rule: Option<String>,
    },
}

/// Bytes of the match cache for each entry that it may have: a topic and about ten targets. Topics with more take the
/// room of others.
const CACHED_BYTES: usize = 256;
/// Buffers of outputs that are kept for the next that needs one.
const POOL: usize = 256;
/// A buffer that has grown beyond this is not kept.
const POOLED_CAPACITY: usize = 256 << 10;

/// The clients of one shard and everything that happens to them, as a value.
///
/// Inputs are `connect`, `handle_*`; then [`ShardCore::end_turn`] prepares what is to be sent, and the driver
/// pulls it with `poll_*`. Any number of inputs may come between two ends of a turn.
pub struct ShardCore {
    pub(super) shard: u16,
    pub(super) hub: Arc<Hub>,
    /// What the shard has seen of the hub's.
    pub(super) config: Arc<Config>,
    pub(super) rules: Arc<Rules>,
    pub(super) rules_generation: u64,
    pub(super) clients: Clients,
    pub(super) locals: Locals,
    pub(super) cache: MatchCache<Box<[Target]>>,
    pub(super) timers: Timers,
    pub(super) work: Work,
    pub(super) mail: Vec<Mail>,
    pub(super) sys: super::sys::Sys,
    pub(super) journal: Journal,
}

/// What a turn leaves for its end, and buffers that are used again.
#[derive(Default)]
pub(super) struct Work {
    pub(super) dirty: Vec<Slot>,
    /// Clients whose output was filled and is to be written.
    pub(super) flush: Vec<Slot>,
    /// Connections that are to be read from again.
    pub(super) resumed: Vec<ConnectionId>,
    pub(super) closed: Vec<Closed>,
    pub(super) notices: VecDeque<Notice>,
    /// What a client may not do: one, however many a flood brings.
    pub(super) not_authorized: Option<Notice>,
    /// What clients say of themselves; each is silent until it is answered.
    pub(super) reauthentications: VecDeque<Reauthentication>,
    /// Who is owed the message that is being published, and under which number.
    pub(super) owed: Vec<(Ticket, Owed)>,
    /// Mail for each other shard.
    pub(super) outboxes: Vec<Vec<Mail>>,
    pub(super) scratch: Vec<u8>,
    /// Bytes that a session may hold in this turn.
    pub(super) share: usize,
    pool: Vec<Vec<u8>>,
    pub(super) stopping: bool,
}

impl Work {
    /// Gives an output without a buffer one from the pool.
    #[inline]
    pub(super) fn prepare(&mut self, output: &mut Output) {
        if !output.has_buffer()
            && let Some(buffer) = self.pool.pop()
        {
            output.give_buffer(buffer);
        }
    }

    pub(super) fn give_back(&mut self, output: &mut Output) {
        if let Some(buffer) = output.take_buffer()
            && self.pool.len() < POOL
            && buffer.capacity() <= POOLED_CAPACITY
        {
            self.pool.push(buffer);
        }
    }

    /// Has the log say what a client may not do, unless it says that of another one already.
    pub(super) fn note_not_authorized(
        &mut self,
        (client_id, user): (&str, Option<&Arc<User>>),
        action: Action,
        topic: &str,
        rule: impl FnOnce() -> Option<String>,
    ) {
        self.not_authorized.get_or_insert_with(|| Notice::NotAuthorized {
            client_id: client_id.into(),
            user_name: user.and_then(|user| user.name.clone()),
            action,
            topic: topic.into(),
            rule: rule(),
        });
    }
}

impl ShardCore {
    /// Shard number `shard` of the broker that `hub` belongs to.
    pub fn new(shard: u16, hub: Arc<Hub>) -> Self {
        let config = hub.config();
        let limits = CacheLimits {
            entries: config.limits.match_cache,
            bytes: config.limits.match_cache.saturating_mul(CACHED_BYTES),
        };
        let seed = hub.seed();
        let outboxes = (0..hub.shards()).map(|_| Vec::new()).collect();
        let work = Work { outboxes, share: UNLIMITED, ..Work::default() };
        Self {
            shard,
            clients: Clients::new(shard, seed),
            locals: Locals::default(),
            cache: MatchCache::new(limits, weigh, seed),
            timers: Timers::default(),
            work,
            mail: Vec::new(),
            sys: super::sys::Sys::new(shard, config.sys_interval),
            journal: Journal::default(),
            config,
            rules_generation: hub.rules_generation(),
            rules: hub.rules(),
            hub,
        }
    }

    /// The configuration, as the shard has seen it last.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Looks at the configuration and the rules of permission anew.
    pub(super) fn handle_reload(&mut self) {
        let config = self.hub.config();
        let traces = std::mem::replace(&mut self.config, config).trace.clone();
        if traces != self.config.trace {
            self.look_at_traces();
        }
        self.follow_rules();
    }

    /// What all shards share.
    pub fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// The counters of this shard.
    pub fn counters(&self) -> &Counters {
        self.hub.counters(self.shard)
    }

    /// Looks at the deadlines of sessions.
    pub fn handle_timeout(&mut self, now: Time) {
        self.follow_rules();
        while let Some((deadline, slot)) = self.timers.pop(now) {
            let slot = Slot(slot);
            let Some(client) = self.clients.get(slot) else { continue };
            if client.armed != Some(deadline) {
                continue;
            }
            client.armed = None;
            client.session.handle_timeout(now);
            if client.stalled_at(self.config.limits.stall).is_some_and(|at| at <= now) {
                client.session.handle_stalled();
            }
            if client.expires_at().is_some_and(|at| at <= now) {
                client.session.disconnect(ReasonCode::NotAuthorized);
            }
            self.resume(now, slot);
            self.handle_session(now, slot);
        }
        self.publish_delayed(now);
        self.publish_sys(now);
        self.sweep_retained(now);
    }

    /// When [`ShardCore::handle_timeout`] wants to be called.
    pub fn poll_timeout(&self) -> Option<Time> {
        [self.timers.next(), self.sys.next(), self.hub.sweep_at(), self.hub.delayed_at()]
            .into_iter()
            .flatten()
            .min()
    }

    /// The next client whose output is to be written, and its connection; see [`ShardCore::output`].
    pub fn poll_flush(&mut self) -> Option<(Slot, ConnectionId)> {
        while let Some(slot) = self.work.flush.pop() {
            if let Some(link) = self.clients.get(slot).and_then(|client| client.link.as_deref())
                && !link.output.is_empty()
            {
                return Some((slot, link.connection));
            }
        }
        None
    }

    /// The output of a client that has a connection.
    pub fn output(&mut self, slot: Slot) -> Option<&mut Output> {
        Some(&mut self.clients.get(slot)?.link.as_deref_mut()?.output)
    }

    /// The next connection to flush and close.
    pub fn poll_closed(&mut self) -> Option<Closed> {
        self.work.closed.pop()
    }

    /// The next thing to log, in the order in which it happened; then what was not authorized.
    pub fn poll_notice(&mut self) -> Option<Notice> {
        self.work.notices.pop_front().or_else(|| self.work.not_authorized.take())
    }

    /// Whether every client was told that the broker stops.
    pub const fn is_stopped(&self) -> bool {
        self.work.stopping
    }

    /// Marks a client as having something to send.
    pub(super) fn mark(&mut self, slot: Slot) {
        if let Some(client) = self.clients.get(slot) {
            mark(client, &mut self.work.dirty);
        }
    }
}

impl Drop for ShardCore {
    fn drop(&mut self) {
        self.hub.close_mailbox(self.shard);
    }
}

/// Marks a client as having something to send.
#[inline]
pub(super) fn mark(client: &mut super::clients::Client, dirty: &mut Vec<Slot>) {
    if !client.dirty {
        client.dirty = true;
        dirty.push(Slot(client.key.slot));
    }
}
