//! The seam to a store: what must be safe before a client is told.
//!
//! A session emits effects with numbers, and holds what depends on them; the shard adds what only it knows
//! (messages taken over, subscriptions) under numbers of the same row. A [`Store`] takes them in order and says
//! later up to which number each session's are safe. Without a store nothing waits.

use std::collections::VecDeque;
use std::sync::Arc;

use mqtt_codec::{Message, QoS, TopicFilter};
use mqtt_session::{StoreEffect, StoreSeq};

use super::router::{Granted, SessionKey};
use super::shard::{ShardCore, Slot, mark};

/// Something to be remembered for a session.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Record {
    /// An effect of the session's own state machine.
    Effect(StoreEffect),
    /// A message of the client that the broker takes over: its acknowledgement waits for this. At QoS 2 an effect with
    /// the same number follows, which keeps its identifier.
    Message {
        /// The number that the acknowledgement waits for.
        seq: StoreSeq,
        /// The message.
        message: Arc<Message>,
        /// Its QoS.
        qos: QoS,
        /// Whether it is the retained message of its topic.
        retain: bool,
    },
    /// A subscription that was made or replaced: SUBACK waits for this.
    Subscribed {
        /// The number that SUBACK waits for.
        seq: StoreSeq,
        /// The filter as it was subscribed to.
        filter: TopicFilter,
        /// What it was granted.
        granted: Granted,
    },
    /// A subscription that has ended: UNSUBACK waits for this.
    Unsubscribed {
        /// The number that UNSUBACK waits for.
        seq: StoreSeq,
        /// The filter as it was subscribed to.
        filter: TopicFilter,
    },
}

impl Record {
    /// The number under which the session waits for it.
    pub const fn seq(&self) -> StoreSeq {
        match self {
            Self::Effect(effect) => effect.seq,
            Self::Message { seq, .. } | Self::Subscribed { seq, .. } | Self::Unsubscribed { seq, .. } => *seq,
        }
    }
}

/// Keeps records of sessions. It may answer at once or whenever it likes, but for each session in order.
pub trait Store: Send {
    /// Takes a record. Those of one session come in the order of their numbers; those with the same number follow one
    /// another and are stored as one: all or none.
    fn append(&mut self, session: SessionKey, record: Record);

    /// The next session whose records are safe, and up to which number.
    fn poll_stored(&mut self) -> Option<(SessionKey, StoreSeq)>;
}

/// A store that remembers nothing beyond the process, and therefore answers at once.
#[derive(Debug, Default)]
pub struct MemoryStore {
    stored: VecDeque<(SessionKey, StoreSeq)>,
}

impl Store for MemoryStore {
    fn append(&mut self, session: SessionKey, record: Record) {
        match self.stored.back_mut() {
            Some((last, seq)) if *last == session => *seq = record.seq(),
            _ => self.stored.push_back((session, record.seq())),
        }
    }

    fn poll_stored(&mut self) -> Option<(SessionKey, StoreSeq)> {
        self.stored.pop_front()
    }
}

impl ShardCore {
    /// Puts another store in the place of the one in memory. To be called before the first client.
    ///
    /// Sessions use it only where `config.session.store` is set.
    pub fn set_store(&mut self, store: Box<dyn Store>) {
        self.store = store;
    }

    /// The store has become ready with something: looks at it in the next turn.
    pub fn handle_stored(&mut self) {
        while let Some((key, seq)) = self.store.poll_stored() {
            if let Some(client) = self.clients.get(Slot(key.slot)).filter(|client| client.stored_as() == key)
            {
                client.session.handle_stored(seq);
                mark(client, &mut self.work.dirty);
            }
        }
    }

    /// Hands the effects of a session to the store.
    pub(super) fn store_effects(&mut self, slot: Slot) {
        let Some(client) = self.clients.get(slot) else { return };
        while let Some(effect) = client.session.poll_store() {
            self.store.append(client.stored_as(), Record::Effect(effect));
        }
    }

    /// Hands a record of the shard itself to the store, behind the effects that came before it. The number that
    /// the answer must wait for; `None` without a store.
    pub(super) fn store_record(
        &mut self,
        slot: Slot,
        record: impl FnOnce(StoreSeq) -> Record,
    ) -> Option<StoreSeq> {
        self.store_effects(slot);
        let client = self.clients.get(slot)?;
        let seq = client.session.reserve_store_seq()?;
        self.store.append(client.stored_as(), record(seq));
        Some(seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_store_answers_for_each_session_up_to_its_last_record() {
        let key = |slot| SessionKey { shard: 0, generation: 1, slot };
        let effect = |seq| {
            let op = mqtt_session::StoreOp::Received(mqtt_codec::PacketId::MIN);
            Record::Effect(StoreEffect { seq: StoreSeq(seq), op })
        };
        let mut store = MemoryStore::default();
        for (slot, seq) in [(1, 1), (1, 2), (2, 1), (1, 3)] {
            store.append(key(slot), effect(seq));
        }
        let mut answers = Vec::new();
        while let Some((key, seq)) = store.poll_stored() {
            answers.push((key.slot, seq.0));
        }
        assert_eq!(answers, [(1, 2), (2, 1), (1, 3)]);
    }
}
