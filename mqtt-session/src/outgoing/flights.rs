//! Exchanges of QoS 1 and 2 that have an identifier and are not over.
//!
//! Those whose PUBLISH is not answered stand in the order in which they began, which is the order in which they
//! are sent again [MQTT-4.6.0-1]. Those whose PUBREC has come stand in the order of the PUBRECs, which is the order
//! of the PUBRELs [MQTT-4.6.0-4]. They are apart, because a window that is full holds back the former only.

use alloc::collections::VecDeque;

use mqtt_codec::PacketId;

use super::queue::Queued;
use crate::event::Ticket;
use crate::lazy::Untouched;
use crate::store::StoreSeq;
use crate::window::Window;

/// An exchange whose PUBLISH is not answered.
#[derive(Clone, Debug)]
pub(super) struct Flight {
    pub(super) id: PacketId,
    /// `None` once the exchange has gone on, but an older one has not.
    pub(super) queued: Option<Queued>,
    /// Whether PUBLISH was sent on any connection: the next one has DUP. [MQTT-3.3.1-1]
    pub(super) attempted: bool,
    /// What must be stored before PUBLISH is sent.
    pub(super) wait: Option<StoreSeq>,
}

/// An exchange whose PUBREC has come: only the identifier is left. [MQTT-4.3.3-6]
#[derive(Clone, Debug)]
pub(super) struct Released {
    pub(super) id: PacketId,
    /// `None` if the message was given up, and its owner told.
    pub(super) ticket: Option<Ticket>,
    /// What must be stored before PUBREL is sent.
    pub(super) wait: Option<StoreSeq>,
}

/// The exchanges of one session.
#[derive(Clone, Debug, Default)]
pub(super) struct Flights {
    pub(super) published: VecDeque<Flight>,
    pub(super) released: VecDeque<Released>,
    /// Entries of `published` that have gone on.
    gone: usize,
    /// Bytes of the messages in `published`.
    bytes: usize,
}

impl Untouched for Flights {
    const UNTOUCHED: &'static Self =
        &Self { published: VecDeque::new(), released: VecDeque::new(), gone: 0, bytes: 0 };
}

/// Entries that have gone on and may stand among the others, whatever their share.
const GONE_ALLOWED: usize = 32;

impl Flights {
    pub(super) fn len(&self) -> usize {
        self.published.len() - self.gone + self.released.len()
    }

    pub(super) fn tickets(&self) -> impl Iterator<Item = Ticket> {
        let released = self.released.iter().filter_map(|released| released.ticket);
        let published = self.published.iter().filter_map(|flight| flight.queued.as_ref());
        released.chain(published.map(|queued| queued.ticket))
    }

    /// Where the unanswered PUBLISH with `id` stands, among those that this connection has seen.
    pub(super) fn find_published(&self, id: PacketId, window: &Window) -> Option<usize> {
        let first = self.published.front()?.id;
        // identifiers are given in order, so without gaps the distance is the place
        let guess = usize::from(id.get().wrapping_sub(first.get()));
        let is_it = |flight: &Flight| flight.id == id && flight.queued.is_some();
        if guess < window.sent && self.published.get(guess).is_some_and(is_it) {
            return Some(guess);
        }
        self.published.iter().take(window.sent).position(is_it)
    }

    /// Where the PUBREL with `id` stands, sent on this connection or not.
    pub(super) fn find_released(&self, id: PacketId) -> Option<usize> {
        self.released.iter().position(|released| released.id == id)
    }

    /// Bytes of the messages that are kept to be sent again.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Begins an exchange.
    pub(super) fn publish(&mut self, id: PacketId, queued: Queued, attempted: bool, wait: Option<StoreSeq>) {
        self.bytes += queued.bytes();
        self.published.push_back(Flight { id, queued: Some(queued), attempted, wait });
    }

    /// The exchange at `index` has gone on, or is over: its message.
    pub(super) fn take_message(&mut self, index: usize, window: &mut Window) -> Option<Queued> {
        let queued = self.published.get_mut(index)?.queued.take()?;
        self.bytes -= queued.bytes();
        self.gone += 1;
        self.forget_gone(window);
        Some(queued)
    }

    /// Forgets what has gone on from the front; also from within, where one exchange that never ends would
    /// else keep all later ones.
    fn forget_gone(&mut self, window: &mut Window) {
        while window.sent > 0 && self.published.front().is_some_and(|flight| flight.queued.is_none()) {
            self.published.pop_front();
            self.gone -= 1;
            window.sent -= 1;
        }
        if self.gone > GONE_ALLOWED && self.gone > self.published.len() / 2 && self.gone <= window.sent {
            // only what this connection has seen has gone on
            window.sent -= self.gone;
            self.tidy();
        }
        self.give_back_memory();
    }

    /// Leaves only what a next connection has to send.
    pub(super) fn tidy(&mut self) {
        self.published.retain(|flight| flight.queued.is_some());
        self.gone = 0;
        self.give_back_memory();
    }

    /// Nothing more will come soon: no room is kept for it.
    pub(super) fn shrink(&mut self) {
        self.published.shrink_to_fit();
        self.released.shrink_to_fit();
    }

    pub(super) fn give_back_memory(&mut self) {
        if self.published.is_empty() {
            self.published.shrink_to(4);
        }
        if self.released.is_empty() {
            self.released.shrink_to(4);
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::boxed::Box;
    use alloc::sync::Arc;

    use mqtt_codec::{Message, QoS, Topic, Version};

    use super::*;

    #[test]
    fn one_exchange_that_never_ends_does_not_keep_the_places_of_all_later_ones() {
        let message = Arc::new(Message::new(Topic::new("t").unwrap(), ""));
        let mut flights = Flights::default();
        let mut window = Window::new(Version::V5, 100, 0);
        let mut id = PacketId::MIN;
        for round in 0..10_000 {
            let queued = Queued {
                message: Arc::clone(&message),
                qos: QoS::AtLeastOnce,
                retain: false,
                expires: None,
                subscription_ids: Box::default(),
                ticket: Ticket(round),
            };
            flights.publish(id, queued, true, None);
            window.sent += 1;
            if round > 0 {
                let index = flights.find_published(id, &window).unwrap();
                flights.take_message(index, &mut window).unwrap();
            }
            assert_eq!((flights.len(), window.sent), (1, flights.published.len()));
            assert_eq!(flights.bytes(), message.bytes());
            assert!(flights.published.len() <= 2 + GONE_ALLOWED);
            id = id.next();
        }
        flights.take_message(0, &mut window).unwrap();
        assert!(flights.published.is_empty() && flights.published.capacity() <= 4);
        assert_eq!(flights.bytes(), 0);
    }
}
