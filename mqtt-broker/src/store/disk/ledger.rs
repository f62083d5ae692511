//! Who is owed which message, without the messages; and what of it a commit has to write.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use mqtt_codec::{Topic, TopicFilter};
use mqtt_session::{StoreOp, StoredSession, Ticket};

use super::records::{Life, write_message, write_retained};
use super::tickets::Tickets;
use crate::core::router::Granted;
use crate::store::{Kept, Op, Owed, SessionNumber, StoredClient, WallTime};

/// A session as the store knows it.
pub(super) struct Account {
    pub(super) life: Life,
    pub(super) owed: Tickets,
    /// The highest that was settled.
    pub(super) high: Ticket,
}

/// All sessions, and how many of them need each message still.
#[derive(Default)]
pub(super) struct Ledger {
    // in boxes, since a map has room for as many again
    pub(super) sessions: HashMap<SessionNumber, Box<Account>>,
    /// Messages that more than one session needs, and how many; most are one's.
    shared: BTreeMap<Ticket, u32>,
}

/// What a commit writes. What comes and goes before it is not in here.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) messages: BTreeMap<Ticket, Vec<u8>>,
    pub(super) gone: BTreeSet<Ticket>,
    pub(super) lives: HashSet<SessionNumber>,
    pub(super) progress: HashSet<SessionNumber>,
    pub(super) ended: HashSet<SessionNumber>,
    pub(super) subscriptions: BTreeMap<(SessionNumber, TopicFilter), Option<Granted>>,
    pub(super) retained: BTreeMap<Topic, Option<Vec<u8>>>,
    pub(super) last_ticket: Ticket,
    pub(super) last_session: u64,
}

impl Ledger {
    pub(super) fn apply(&mut self, op: Op, batch: &mut Batch) {
        match op {
            Op::Client { session, client } => self.set_client(session, client, batch),
            Op::Effect { session, op, at } => self.apply_effect(session, &op, at, batch),
            Op::Subscribed { session, filter, granted } if self.sessions.contains_key(&session) => {
                batch.subscriptions.insert((session, filter), Some(granted));
            }
            Op::Unsubscribed { session, filter } if self.sessions.contains_key(&session) => {
                batch.subscriptions.insert((session, filter), None);
            }
            Op::Message { ticket, kept, owed } => self.insert_message(ticket, &kept, owed, batch),
            Op::Retained(kept) => {
                let value = write_retained(&kept);
                batch.retained.insert(kept.message.topic.clone(), Some(value));
            }
            Op::RetainedGone(topic) => _ = batch.retained.insert(topic, None),
            // of a session that has ended
            Op::Subscribed { .. } | Op::Unsubscribed { .. } => {}
        }
    }

    fn set_client(&mut self, session: SessionNumber, client: StoredClient, batch: &mut Batch) {
        batch.last_session = batch.last_session.max(session.0.get());
        batch.lives.insert(session);
        let account = self.sessions.entry(session).or_insert_with(|| {
            let life = Life {
                client: client.clone(),
                state: StoredSession::default(),
                detached: WallTime::default(),
            };
            Box::new(Account { life, owed: Tickets::default(), high: Ticket::default() })
        });
        account.life.client = client;
    }

    fn apply_effect(&mut self, session: SessionNumber, op: &StoreOp, at: WallTime, batch: &mut Batch) {
        let Some(account) = self.sessions.get_mut(&session) else { return };
        let settled = account.life.state.apply(op);
        match op {
            StoreOp::Detached { .. } => {
                account.life.detached = at;
                batch.lives.insert(session);
            }
            StoreOp::Attached { .. } | StoreOp::WillReleased => _ = batch.lives.insert(session),
            StoreOp::Ended => return self.end(session, batch),
            _ => _ = batch.progress.insert(session),
        }
        if let Some(ticket) = settled
            && account.owed.remove(ticket)
        {
            account.high = account.high.max(ticket);
            self.release(ticket, batch);
        }
    }

    fn end(&mut self, session: SessionNumber, batch: &mut Batch) {
        let Some(account) = self.sessions.remove(&session) else { return };
        account.owed.into_iter().for_each(|ticket| self.release(ticket, batch));
        batch.lives.remove(&session);
        batch.progress.remove(&session);
        batch.ended.insert(session);
        batch.subscriptions.retain(|(other, _), _| *other != session);
    }

    /// One session less needs the message.
    fn release(&mut self, ticket: Ticket, batch: &mut Batch) {
        if let Some(needed) = self.shared.get_mut(&ticket) {
            *needed -= 1;
            if *needed == 1 {
                self.shared.remove(&ticket);
            }
        } else if batch.messages.remove(&ticket).is_none() {
            batch.gone.insert(ticket);
        }
    }

    /// So many sessions need the message.
    pub(super) fn note_needed(&mut self, ticket: Ticket, needed: u32) {
        if needed > 1 {
            self.shared.insert(ticket, needed);
        }
    }

    fn insert_message(&mut self, ticket: Ticket, kept: &Kept, owed: Box<[Owed]>, batch: &mut Batch) {
        batch.last_ticket = batch.last_ticket.max(ticket);
        let mut needed = 0;
        for Owed { session, .. } in &owed {
            if let Some(account) = self.sessions.get_mut(session)
                && account.owed.insert(ticket)
            {
                needed += 1;
                if ticket <= account.high {
                    // below the bound only what is named is owed
                    batch.progress.insert(*session);
                }
            }
        }
        if needed > 0 {
            self.note_needed(ticket, needed);
            batch.messages.insert(ticket, write_message(ticket, kept, &owed));
        }
    }
}
