//! The sending side after a crash: identifiers first, then messages.

use alloc::collections::VecDeque;

use mqtt_codec::{PacketId, QoS};

use super::flights::Released;
use super::{Outgoing, Queued};
use crate::event::Ticket;
use crate::store::{Effects, StoreOp};
use crate::stored::{StoredMessage, StoredSession};

impl Outgoing {
    /// Takes what a store has, for one that is empty.
    ///
    /// Messages up to the last that has an identifier were in flight, and are sent in this order again
    /// [MQTT-4.6.0-1]: those of QoS 1, whose identifiers are not stored, get new ones. What follows them waits in
    /// the queue, whatever its limits say: it was accepted before.
    pub(crate) fn restore(
        &mut self,
        stored: &StoredSession,
        messages: impl IntoIterator<Item = StoredMessage>,
        effects: &mut Effects,
    ) {
        // all that is in use is known before anything gets an identifier
        let exchanges = stored.exchanges();
        exchanges.sent.iter().for_each(|(id, _)| self.ids.insert(*id));
        exchanges.taken.iter().for_each(|id| self.ids.insert(*id));
        let waits = |id: &PacketId| Released { id: *id, ticket: None, wait: None };
        if !exchanges.taken.is_empty() {
            self.flights.released.extend(exchanges.taken.iter().map(waits));
        }
        let mut sent = exchanges.sent.clone();
        for message in messages {
            let (ticket, mut queued) = (message.ticket, Queued::from(message));
            queued.qos = queued.qos.max(QoS::AtLeastOnce);
            if let Some(id) = take_id(&mut sent, ticket) {
                self.send_what_waited(effects);
                self.flights.publish(id, queued, true, None);
            } else {
                self.queue.push_accepted(queued);
            }
        }
        for (id, _) in sent {
            // its message is lost, but the receiver may know the identifier: as when a message is given up
            let wait = effects.push(StoreOp::Taken(id));
            self.flights.released.push_back(Released { id, ticket: None, wait });
        }
    }

    /// What stands before a message in flight was in flight too.
    fn send_what_waited(&mut self, effects: &mut Effects) {
        while let Some(queued) = self.queue.pop() {
            let Some(id) = self.ids.take() else {
                self.queue.push_front(queued);
                return;
            };
            self.begin(id, queued, effects);
        }
    }
}

/// The identifier with which the message of `ticket` was sent.
fn take_id(sent: &mut VecDeque<(PacketId, Ticket)>, ticket: Ticket) -> Option<PacketId> {
    let index = sent.iter().position(|(_, message)| *message == ticket)?;
    sent.remove(index).map(|(id, _)| id)
}

impl From<StoredMessage> for Queued {
    fn from(stored: StoredMessage) -> Self {
        let StoredMessage { ticket, message, qos, retain, expires, subscription_ids } = stored;
        Self { message, qos, retain, expires, subscription_ids, ticket }
    }
}
