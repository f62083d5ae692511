//! What a session is owed, and whether what its client gets is that.

use std::collections::{BTreeMap, BTreeSet};

use mqtt_broker::core::ConnectionId;
use mqtt_codec::QoS;
use mqtt_session::Time;

use super::model::{Heard, Kept, matches};
use super::wire::Flights;

/// A message that a session's own subscriptions match.
pub(crate) struct Due {
    pub(crate) number: u32,
    pub(crate) publisher: usize,
    /// When it was routed.
    pub(crate) seq: u64,
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    pub(crate) ids: Vec<u32>,
    pub(crate) expires: Option<Time>,
    /// The connection of the session at that moment.
    pub(crate) connection: Option<ConnectionId>,
    pub(crate) done: bool,
    /// Whether it may come, and need not.
    pub(crate) is_optional: bool,
}

/// Retained messages that a SUBSCRIBE asks for.
pub(crate) struct Replay {
    pub(crate) filter: String,
    pub(crate) qos: QoS,
    pub(crate) id: Option<u32>,
    pub(crate) from: u64,
    pub(crate) connection: Option<ConnectionId>,
    /// Whether the subscription was neither ended nor made anew since.
    pub(crate) is_live: bool,
}

/// A message that the client has got and whose exchange is open.
pub(crate) struct Opened {
    pub(crate) number: u32,
    pub(crate) qos: QoS,
    /// Which life of the client has seen it last.
    pub(crate) program: u32,
}

#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) has_ended: bool,
    pub(crate) dues: Vec<Due>,
    pub(crate) by_number: BTreeMap<u32, Vec<usize>>,
    pub(crate) replays: Vec<Replay>,
    /// How often replays have brought each message, or may have, and messages of each topic.
    pub(crate) replayed: BTreeMap<u32, usize>,
    pub(crate) visits: BTreeMap<String, usize>,
    /// What the broker has in flight to the client.
    pub(crate) flights: Flights,
    /// By Packet Identifier.
    pub(crate) opened: BTreeMap<u16, Opened>,
    /// By publisher, the last first delivery; and the same of each QoS.
    last: BTreeMap<(usize, Option<QoS>), (u64, u32)>,
    /// Whether there is an order only among messages of the same QoS.
    pub(crate) apart: bool,
    /// What came once, as opposed to repetitions.
    pub(crate) seen: BTreeSet<u32>,
}

/// A PUBLISH as the client's application gets it.
#[derive(Clone)]
pub(crate) struct Got {
    pub(crate) number: u32,
    pub(crate) topic: String,
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    pub(crate) id: Option<u16>,
    pub(crate) dup: bool,
    pub(crate) expiry: Option<u32>,
    pub(crate) ids: Vec<u32>,
    pub(crate) v5: bool,
    pub(crate) program: u32,
}

impl Due {
    pub(crate) fn new(publisher: usize, seq: u64, heard: &Heard, connection: Option<ConnectionId>) -> Self {
        Self {
            number: heard.number,
            publisher,
            seq,
            qos: QoS::AtMostOnce,
            retain: false,
            ids: Vec::new(),
            expires: heard.expires,
            connection,
            done: false,
            is_optional: false,
        }
    }
}

impl Replay {
    pub(crate) const fn new(
        filter: String,
        qos: QoS,
        id: Option<u32>,
        from: u64,
        connection: Option<ConnectionId>,
    ) -> Self {
        Self { filter, qos, id, from, connection, is_live: true }
    }

    pub(crate) fn explains(&self, kept: &Kept, got: &Got) -> bool {
        kept.heard.number == got.number
            && kept.to.is_none_or(|to| to > self.from)
            && self.qos.min(kept.heard.qos) == got.qos
            && got.ids.iter().copied().eq(self.id)
            && matches(&self.filter, &got.topic)
    }
}

impl Replay {
    /// Whether the message was there from the beginning, and is.
    pub(crate) fn meets(&self, kept: &Kept) -> bool {
        self.is_live
            && kept.to.is_none()
            && kept.from <= self.from
            && matches(&self.filter, &kept.heard.topic)
    }
}

impl Ledger {
    pub(crate) fn owe(&mut self, mut due: Due) {
        due.ids.sort_unstable();
        self.by_number.entry(due.number).or_default().push(self.dues.len());
        self.dues.push(due);
    }

    /// The replay of a filter goes on no longer, or not for certain.
    pub(crate) fn cancel(&mut self, filter: &str) {
        self.replays
            .iter_mut()
            .filter(|replay| replay.filter == filter)
            .for_each(|replay| replay.is_live = false);
    }

    /// The broker has handled the acknowledgement that ends an exchange.
    pub(crate) fn acknowledged(&mut self, id: u16) {
        self.opened.remove(&id);
    }

    /// The client has forgotten that these came.
    pub(crate) fn forget(&mut self, is_forgotten: impl Fn(u16) -> bool) {
        for (id, opened) in &mut self.opened {
            if is_forgotten(*id) {
                opened.program = u32::MAX;
            }
        }
    }

    /// A message that was opened before: a repetition, if the rules allow it.
    pub(crate) fn repeats(&mut self, got: &Got) -> Option<Result<(), String>> {
        let opened = self.opened.get_mut(&got.id?).filter(|opened| opened.number == got.number && got.dup)?;
        let same_program = std::mem::replace(&mut opened.program, got.program) == got.program;
        let twice = got.qos == QoS::ExactlyOnce && same_program;
        Some(if twice { Err("a message of QoS 2 came twice".to_owned()) } else { Ok(()) })
    }

    /// Whether a message may have come again because the broker died.
    pub(crate) fn may_repeat(&self, number: u32) -> bool {
        self.by_number.get(&number).into_iter().flatten().any(|due| self.dues[*due].is_optional)
    }

    /// The due that a message settles; the next in order if there are several.
    pub(crate) fn find_due(&self, got: &Got, is_optional: bool) -> Option<usize> {
        let same = |due: &&usize| {
            let due = &self.dues[**due];
            !due.done
                && due.is_optional == is_optional
                && due.qos == got.qos
                && due.retain == got.retain
                && (!got.v5 || due.ids == got.ids)
        };
        let open = || self.by_number.get(&got.number).into_iter().flatten().filter(same);
        let in_order = |due: &&usize| {
            let due = &self.dues[**due];
            let last = self.last.get(&(due.publisher, self.apart.then_some(due.qos)));
            last.is_none_or(|(last, _)| due.seq >= *last)
        };
        open().find(in_order).or_else(|| open().next()).copied()
    }

    /// Notes a first delivery, which must not come after one that was published later.
    pub(crate) fn note_order(
        &mut self,
        got: &Got,
        publisher: usize,
        seq: u64,
        is_first: bool,
    ) -> Result<(), String> {
        let mut order = Ok(());
        for qos in [None, Some(got.qos)] {
            let last = self.last.entry((publisher, qos)).or_insert((0, 0));
            if seq > last.0 {
                *last = (seq, got.number);
            } else if is_first && seq < last.0 && self.apart == qos.is_some() {
                order = Err(format!("came after message {}, which its publisher sent later", last.1));
            }
        }
        order
    }
}
