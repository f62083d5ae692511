//! The clients of one shard: their sessions, and the connections that they have.

use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashTable;
use mqtt_codec::{Decoder, Text};
use mqtt_session::{Drops, ServerSession, Time};

use super::access::ClientAccess;
use super::backlog::Backlog;
use super::filters::Filters;
use super::names::Names;
use super::output::Output;
use super::pace::Pace;
use super::replay::Replays;
use super::router::SessionKey;
use super::shard::{ConnectionId, Slot};
use super::trace::Tracing;
use super::user::User;
use crate::store::SessionNumber;

/// One client identifier with its session.
pub(super) struct Client {
    pub(super) id: Text,
    /// Names the session towards the router and other shards; a session that begins anew has a new one.
    pub(super) key: SessionKey,
    /// The generation of its first session, by which the store knows the client.
    first_generation: u16,
    pub(super) session: ServerSession,
    /// The number under which the store has the session, if it has.
    pub(super) number: Option<SessionNumber>,
    /// What waits for the session in the store alone.
    pub(super) backlog: Option<Box<Backlog>>,
    pub(super) link: Option<Box<Link>>,
    /// Whose session it is: the user who began it, or who went on with one of nobody in particular.
    pub(super) user: Option<Arc<User>>,
    /// What it may do; `None` if that is everything.
    pub(super) access: Option<Arc<ClientAccess>>,
    /// Whether it may not have all that its subscriptions match.
    pub(super) guarded: bool,
    /// Bytes at the beginning of topics that it does not see.
    pub(super) hidden: u16,
    pub(super) filters: Filters,
    /// Retained messages that the client is still owed, on this connection or the next.
    pub(super) replays: Replays,
    /// Bytes that the session holds, as they were counted.
    pub(super) held: usize,
    /// Messages of the session that were counted as dropped.
    pub(super) dropped: Drops,
    /// The deadline that the timers hold for this slot.
    pub(super) armed: Option<Time>,
    /// Whether the turn has something to send.
    pub(super) dirty: bool,
}

/// What the shard knows of a client's connection.
pub(super) struct Link {
    pub(super) connection: ConnectionId,
    /// `None` while its bytes are being handled.
    pub(super) reader: Option<Box<Reader>>,
    pub(super) output: Output,
    /// Whether packets are left unread because the client must read first, or has published too fast.
    pub(super) throttled: bool,
    /// How fast it publishes, where that has a limit.
    pub(super) pace: Option<Box<Pace>>,
    /// Whether the session had more to send than the output had room for.
    pub(super) starved: bool,
    /// Since when the client has taken nothing of its output; `None` while nothing waits for it.
    pub(super) stalled: Option<Time>,
    /// When the client's evidence of who it is ceases to hold.
    pub(super) expires: Option<Time>,
    /// Whether the store keeps what the client publishes.
    pub(super) stores: bool,
    /// Its topics, where those of the broker are others.
    pub(super) names: Option<Arc<Names>>,
    /// Where its packets are traced.
    pub(super) tracing: Option<Box<Tracing>>,
}

impl Link {
    pub(super) fn new(connection: ConnectionId, decoder: Decoder, output: usize) -> Self {
        Self {
            connection,
            reader: Some(Box::new(Reader { decoder, unread: Vec::new() })),
            output: Output::new(output),
            throttled: false,
            pace: None,
            starved: false,
            stalled: None,
            expires: None,
            stores: true,
            names: None,
            tracing: None,
        }
    }

    /// The client has taken `bytes` of its output.
    pub(super) fn note_taken(&mut self, now: Time, bytes: usize) {
        if let Some(tracing) = &mut self.tracing {
            tracing.note_taken(bytes);
        }
        self.stalled = match self.stalled {
            _ if self.output.is_empty() => None,
            Some(since) if bytes == 0 => Some(since),
            _ => Some(now),
        };
    }
}

impl Client {
    /// When the client has taken nothing for `limit`.
    pub(super) fn stalled_at(&self, limit: Duration) -> Option<Time> {
        Some(self.link.as_deref()?.stalled?.after(limit))
    }

    /// When its packets are handled again.
    pub(super) fn resumes_at(&self) -> Option<Time> {
        self.link.as_deref()?.pace.as_deref()?.resumes
    }

    /// Names the client towards the store.
    pub(super) const fn stored_as(&self) -> SessionKey {
        SessionKey { generation: self.first_generation, ..self.key }
    }

    /// When its connection ends because it no longer holds who the client is.
    pub(super) fn expires_at(&self) -> Option<Time> {
        self.link.as_deref()?.expires
    }
}

/// The reading side of a connection.
pub(super) struct Reader {
    pub(super) decoder: Decoder,
    /// Bytes of a packet that is not complete, or that must wait.
    pub(super) unread: Vec<u8>,
}

/// A slab of clients, and the directory of their identifiers.
pub(super) struct Clients {
    shard: u16,
    slots: Vec<Place>,
    free: Vec<u32>,
    /// Slots, found by the identifiers of their clients.
    by_id: HashTable<u32>,
    hasher: foldhash::fast::FixedState,
    connected: usize,
}

struct Place {
    generation: u16,
    client: Option<Box<Client>>,
}

impl Clients {
    pub(super) fn new(shard: u16, seed: u64) -> Self {
        Self {
            shard,
            slots: Vec::new(),
            free: Vec::new(),
            by_id: HashTable::new(),
            hasher: foldhash::fast::FixedState::with_seed(seed),
            connected: 0,
        }
    }

    pub(super) fn find(&self, client_id: &str) -> Option<Slot> {
        let has_id = |slot: &u32| self.id(*slot) == client_id;
        self.by_id.find(self.hasher.hash_one(client_id), has_id).copied().map(Slot)
    }

    fn id(&self, slot: u32) -> &str {
        self.slots
            .get(slot as usize)
            .and_then(|place| place.client.as_deref())
            .map_or("", |client| &client.id)
    }

    #[inline]
    pub(super) fn get(&mut self, slot: Slot) -> Option<&mut Client> {
        self.slots.get_mut(slot.0 as usize)?.client.as_deref_mut()
    }

    /// The client of `key`, unless another has its slot by now.
    #[inline]
    pub(super) fn get_key(&mut self, key: SessionKey) -> Option<&mut Client> {
        self.get(Slot(key.slot)).filter(|client| client.key == key)
    }

    pub(super) fn insert(&mut self, client_id: &Text, session: ServerSession) -> Slot {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Place { generation: 0, client: None });
            (self.slots.len() - 1) as u32
        });
        if let Some(place) = self.slots.get_mut(slot as usize) {
            place.generation = place.generation.wrapping_add(1);
            let key = SessionKey { shard: self.shard, generation: place.generation, slot };
            place.client = Some(Box::new(Client {
                id: client_id.clone(),
                key,
                first_generation: key.generation,
                session,
                number: None,
                backlog: None,
                link: None,
                user: None,
                access: None,
                guarded: false,
                hidden: 0,
                filters: Filters::default(),
                replays: Replays::default(),
                held: 0,
                dropped: Drops::default(),
                armed: None,
                dirty: false,
            }));
        }
        let Self { slots, by_id, hasher, .. } = self;
        let id = |slot: &u32| {
            let client = slots.get(*slot as usize).and_then(|place| place.client.as_deref());
            hasher.hash_one(client.map_or("", |client| client.id.as_str()))
        };
        by_id.insert_unique(hasher.hash_one(client_id.as_str()), slot, id);
        Slot(slot)
    }

    /// The client begins a new session: what is still on the way to the one before does not reach it.
    pub(super) fn renew_key(&mut self, slot: Slot) {
        if let Some(place) = self.slots.get_mut(slot.0 as usize)
            && let Some(client) = &mut place.client
        {
            place.generation = place.generation.wrapping_add(1);
            client.key.generation = place.generation;
        }
    }

    pub(super) fn remove(&mut self, slot: Slot) -> Option<Box<Client>> {
        let client = self.slots.get_mut(slot.0 as usize)?.client.take()?;
        let hash = self.hasher.hash_one(client.id.as_str());
        if let Ok(entry) = self.by_id.find_entry(hash, |other| *other == slot.0) {
            entry.remove();
        }
        self.free.push(slot.0);
        Some(client)
    }

    /// Puts the connection to its client, or takes it away.
    pub(super) fn set_link(&mut self, slot: Slot, link: Option<Box<Link>>) -> Option<Box<Link>> {
        let client = self.slots.get_mut(slot.0 as usize)?.client.as_deref_mut()?;
        let before = std::mem::replace(&mut client.link, link);
        match (before.is_some(), client.link.is_some()) {
            (false, true) => self.connected += 1,
            (true, false) => self.connected -= 1,
            _ => {}
        }
        before
    }

    pub(super) fn slots(&self) -> impl Iterator<Item = Slot> + use<> {
        (0..self.slots.len() as u32).map(Slot)
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(super) const fn connected(&self) -> usize {
        self.connected
    }
}
