//! What a turn asks the store to remember, and who waits for it.
//!
//! A session emits effects with numbers of its own and holds what depends on them; the shard adds what only it knows
//! (messages taken over, subscriptions) under numbers of the same row. All of a turn goes to the store at once, before
//! any mail leaves: another shard may settle a message only after the store has heard of it.

use std::collections::VecDeque;
use std::time::Duration;

use mqtt_codec::{Connect, Seconds, Version};
use mqtt_session::{Outbound, StoreOp, StoreSeq, Ticket, Time};

use super::clients::Client;
use super::durable::Durable;
use super::hub::Hub;
use super::router::SessionKey;
use super::shard::{ShardCore, Slot, mark};
use crate::store::{Op, Position, SessionNumber, StoredClient, StoredUser, WallTime};

/// Operations of a turn that are appended before its end, so that a turn cannot gather any number.
const OPS: usize = 4_096;
/// Mail for another shard that is posted before the end of the turn, for the same reason.
const POST: usize = 1_024;
/// How long a client waits before it is looked at again whose message the store has no room for.
const RETRY: Duration = Duration::from_millis(10);

/// The operations of a turn, and the sessions that wait for earlier ones.
#[derive(Default)]
pub(super) struct Journal {
    ops: Vec<Op>,
    /// Who waits for `ops`: up to this number of its own.
    waits: Vec<(SessionKey, StoreSeq)>,
    /// The same of what was appended, in the order of positions.
    appended: VecDeque<(Position, SessionKey, StoreSeq)>,
}

impl Journal {
    pub(super) fn note(&mut self, op: Op) {
        self.ops.push(op);
    }

    /// The session no longer needs the message.
    pub(super) fn settle(&mut self, session: SessionNumber, ticket: Ticket) {
        // when makes no difference
        let at = WallTime::default();
        self.note(Op::Effect { session, op: StoreOp::Finished(ticket), at });
    }

    fn wait(&mut self, key: SessionKey, seq: StoreSeq) {
        match self.waits.last_mut() {
            Some((last, waits)) if *last == key => *waits = seq,
            _ => self.waits.push((key, seq)),
        }
    }

    /// Takes the effects of a session.
    fn take_effects(&mut self, durable: &Durable, at: WallTime, client: &mut Client) {
        while let Some(effect) = client.session.poll_store() {
            if let StoreOp::Attached { session_present, .. } = effect.op {
                self.attach(durable, at, client, session_present);
            }
            if let Some(session) = client.number {
                if effect.op == StoreOp::Ended {
                    client.number = None;
                }
                self.note(Op::Effect { session, op: effect.op, at });
            }
            self.wait(client.stored_as(), effect.seq);
        }
    }

    /// A new session has a new number, and takes the place of the one before.
    fn attach(&mut self, durable: &Durable, at: WallTime, client: &mut Client, session_present: bool) {
        let before = client.number.take_if(|_| !session_present);
        self.ops.extend(before.map(|session| Op::Effect { session, op: StoreOp::Ended, at }));
        let session = *client.number.get_or_insert_with(|| durable.next_session());
        let user = client.user.as_deref();
        let user =
            user.map(|user| Box::new(StoredUser { name: user.name.clone(), groups: user.groups.clone() }));
        let client = StoredClient { client_id: client.id.clone(), user };
        self.note(Op::Client { session, client });
    }

    /// The next session that has waited for something up to `stored`.
    fn pop_stored(&mut self, stored: Position) -> Option<(SessionKey, StoreSeq)> {
        let (position, ..) = self.appended.front()?;
        if *position > stored {
            return None;
        }
        self.appended.pop_front().map(|(_, key, seq)| (key, seq))
    }

    /// Hands everything to the store.
    pub(super) fn append(&mut self, hub: &Hub, shard: u16) {
        let Some(durable) = hub.durable() else { return };
        if self.ops.is_empty() && self.waits.is_empty() {
            return;
        }
        let position = durable.store.append(shard, &mut self.ops);
        self.appended.extend(self.waits.drain(..).map(|(key, seq)| (position, key, seq)));
    }
}

impl ShardCore {
    /// Takes the effects of a session, and gives other shards the number that it is owed messages under.
    pub(super) fn store_effects(&mut self, now: Time, slot: Slot) {
        let Some(durable) = self.hub.durable() else { return };
        if let Some(client) = self.clients.get(slot) {
            self.journal.take_effects(durable, durable.wall(now), client);
        }
    }

    /// A number for what was noted last; the answer must wait for it. `None` without a store.
    pub(super) fn wait_for_store(&mut self, now: Time, slot: Slot) -> Option<StoreSeq> {
        self.store_effects(now, slot);
        let client = self.clients.get(slot)?;
        let seq = client.session.reserve_store_seq()?;
        self.journal.wait(client.stored_as(), seq);
        Some(seq)
    }

    /// Notes the message with those who are owed it; whether there is anybody.
    pub(super) fn store_message(&mut self, now: Time, message: &mut Outbound<'_>) -> bool {
        let Some(durable) = self.hub.durable().filter(|_| !self.work.owed.is_empty()) else { return false };
        let kept = durable.kept(now, message.share(), message.qos, message.expires);
        // one for all, and one for each share group
        self.work.owed.sort_by_key(|(ticket, _)| *ticket);
        let mut owed = self.work.owed.drain(..).peekable();
        while let Some((ticket, first)) = owed.next() {
            let mut same = vec![first];
            while let Some((_, next)) = owed.next_if(|(next, _)| *next == ticket) {
                same.push(next);
            }
            self.journal.note(Op::Message { ticket, kept: kept.clone(), owed: same.into() });
        }
        true
    }

    /// Hands the operations of the turn so far to the store, and lets go what is safe.
    pub(super) fn append_journal(&mut self) {
        self.journal.append(&self.hub, self.shard);
        self.release_stored();
    }

    /// Sends on what a turn has gathered, if that is much: not between things that are to be stored as one.
    pub(super) fn relieve(&mut self) {
        let crowded = self.work.outboxes.iter().any(|outbox| outbox.len() >= POST);
        if crowded || self.journal.ops.len() >= OPS {
            // the store hears of messages before those whom they are for
            self.append_journal();
            self.post(POST);
        }
    }

    /// Until when a packet has to wait because the store takes no more; only one that has something for it.
    #[inline]
    pub(super) fn waits_for_store(&self, now: Time, frame: &[u8]) -> Option<Time> {
        let durable = self.hub.durable()?;
        let wants = match frame.first()? {
            // with QoS or RETAIN
            publish @ 0x30..=0x3F => publish & 0b0111 != 0,
            // SUBSCRIBE, UNSUBSCRIBE
            first => matches!(first >> 4, 8 | 10),
        };
        (wants && durable.store.is_full()).then(|| now.after(RETRY))
    }

    /// Whether a client that connects now would have more to be stored, while the store takes no more: it could come and go
    /// as often as it likes.
    pub(super) fn would_crowd_store(&self, connect: &Connect, has_session: bool) -> bool {
        let is_kept = match connect.version {
            Version::V5 => connect.properties.session_expiry.unwrap_or_default() != Seconds(0),
            Version::V3_1 | Version::V3_1_1 => !connect.clean_start,
        };
        let is_full = self.hub.durable().is_some_and(|durable| durable.store.is_full());
        is_full && (is_kept || has_session || connect.will.is_some())
    }

    /// Lets go what has waited for operations that are safe now.
    pub(super) fn release_stored(&mut self) {
        let Some(durable) = self.hub.durable().filter(|_| !self.journal.appended.is_empty()) else { return };
        let stored = durable.store.stored();
        while let Some((key, seq)) = self.journal.pop_stored(stored) {
            if let Some(client) = self.clients.get(Slot(key.slot)).filter(|client| client.stored_as() == key)
            {
                client.session.handle_stored(seq);
                mark(client, &mut self.work.dirty);
            }
        }
    }
}
