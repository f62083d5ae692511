//! A store as one value: what operations mean.

use std::collections::{BTreeMap, BTreeSet};

use mqtt_codec::{Topic, TopicFilter};
use mqtt_session::{StoreOp, StoredSession, Ticket};

use super::op::{Kept, Op, Owed, SessionNumber, StoredClient, WallTime};
use super::restored::{Restored, RestoredSession, StoredDelivery, Waiting};
use crate::core::router::Granted;

/// What a store has after some operations, all in memory.
///
/// Other stores have to give back the same after the same operations.
#[derive(Clone, Debug, Default)]
pub struct Image {
    sessions: BTreeMap<SessionNumber, Session>,
    messages: BTreeMap<Ticket, Stored>,
    retained: BTreeMap<Topic, Kept>,
    last_ticket: Ticket,
    last_session: u64,
}

#[derive(Clone, Debug)]
struct Session {
    client: StoredClient,
    state: StoredSession,
    detached: WallTime,
    subscriptions: BTreeMap<TopicFilter, Granted>,
    owed: BTreeSet<Ticket>,
}

#[derive(Clone, Debug)]
struct Stored {
    kept: Kept,
    owed: BTreeMap<SessionNumber, Owed>,
}

impl Image {
    /// Applies the next operation.
    pub fn apply(&mut self, op: Op) {
        match op {
            Op::Client { session, client } => self.set_client(session, client),
            Op::Effect { session, op, at } => self.apply_effect(session, &op, at),
            Op::Subscribed { session, filter, granted } => {
                if let Some(session) = self.sessions.get_mut(&session) {
                    session.subscriptions.insert(filter, granted);
                }
            }
            Op::Unsubscribed { session, filter } => {
                if let Some(session) = self.sessions.get_mut(&session) {
                    session.subscriptions.remove(&filter);
                }
            }
            Op::Message { ticket, kept, owed } => self.insert_message(ticket, kept, owed),
            Op::Retained(kept) => _ = self.retained.insert(kept.message.topic.clone(), kept),
            Op::RetainedGone(topic) => _ = self.retained.remove(&topic),
        }
    }

    fn set_client(&mut self, number: SessionNumber, client: StoredClient) {
        self.last_session = self.last_session.max(number.0.get());
        let session = self.sessions.entry(number).or_insert_with(|| Session {
            client: client.clone(),
            state: StoredSession::default(),
            detached: WallTime::default(),
            subscriptions: BTreeMap::new(),
            owed: BTreeSet::new(),
        });
        session.client = client;
    }

    fn apply_effect(&mut self, number: SessionNumber, op: &StoreOp, at: WallTime) {
        let Some(session) = self.sessions.get_mut(&number) else { return };
        if let StoreOp::Detached { .. } = op {
            session.detached = at;
        }
        let settled = session.state.apply(op);
        if let Some(ticket) = settled {
            session.owed.remove(&ticket);
            self.settle(number, ticket);
        }
        if *op == StoreOp::Ended
            && let Some(session) = self.sessions.remove(&number)
        {
            session.owed.into_iter().for_each(|ticket| self.settle(number, ticket));
        }
    }

    /// The session needs the message no longer; who needs it last takes it away.
    fn settle(&mut self, number: SessionNumber, ticket: Ticket) {
        if let Some(stored) = self.messages.get_mut(&ticket) {
            stored.owed.remove(&number);
            if stored.owed.is_empty() {
                self.messages.remove(&ticket);
            }
        }
    }

    fn insert_message(&mut self, ticket: Ticket, kept: Kept, owed: Box<[Owed]>) {
        self.last_ticket = self.last_ticket.max(ticket);
        let mut by_session = BTreeMap::new();
        for owed in owed {
            if let Some(session) = self.sessions.get_mut(&owed.session) {
                session.owed.insert(ticket);
                by_session.insert(owed.session, owed);
            }
        }
        if !by_session.is_empty() {
            self.messages.insert(ticket, Stored { kept, owed: by_session });
        }
    }

    /// A message as it is owed to a session.
    pub fn delivery(&self, session: SessionNumber, ticket: Ticket) -> Option<StoredDelivery> {
        let Stored { kept, owed } = self.messages.get(&ticket)?;
        let Owed { qos, retain, ref subscription_ids, .. } = *owed.get(&session)?;
        Some(StoredDelivery {
            ticket,
            kept: kept.clone(),
            qos,
            retain,
            subscription_ids: subscription_ids.clone(),
        })
    }

    /// What a broker restores that starts now and ran until `alive`.
    pub fn restored(&self, alive: WallTime) -> Restored {
        Restored {
            alive,
            sessions: self.sessions.iter().map(|(number, session)| self.restore(*number, session)).collect(),
            retained: self.retained.values().cloned().collect(),
            last_ticket: self.last_ticket,
            last_session: self.last_session,
        }
    }

    fn restore(&self, number: SessionNumber, session: &Session) -> RestoredSession {
        let last = session.state.exchanges().sent.iter().map(|(_, ticket)| *ticket).max();
        let owed = session.owed.iter().filter_map(|ticket| self.delivery(number, *ticket));
        let (in_flight, behind): (Vec<_>, Vec<_>) = owed.partition(|owed| Some(owed.ticket) <= last);
        RestoredSession {
            number,
            client_id: session.client.client_id.clone(),
            user: session.client.user.clone(),
            state: session.state.clone(),
            detached: session.detached,
            subscriptions: session.subscriptions.iter().map(|(f, granted)| (f.clone(), *granted)).collect(),
            in_flight,
            waiting: behind.iter().map(|owed| Waiting { ticket: owed.ticket, bytes: owed.bytes() }).collect(),
        }
    }

    /// Messages that some session is owed.
    pub fn messages(&self) -> usize {
        self.messages.len()
    }

    /// Sessions.
    pub fn sessions(&self) -> usize {
        self.sessions.len()
    }
}
