//! The acknowledgements of QoS 1 and 2, as the sender and as the receiver of messages.

use super::packets::{PUBACK, PUBCOMP, PUBREC};

/// A publisher's packet identifiers and what each of them waits for.
///
/// Apart from this the closed loop does not count handshakes: a message that was received no longer fills the
/// window, even if the broker acknowledges it late.
#[derive(Debug)]
pub(crate) struct Handshakes {
    /// The packet type that the identifier `index + 1` waits for, 0 if the identifier is free.
    awaited: Vec<u8>,
    next: usize,
    open: usize,
    limit: usize,
}

impl Handshakes {
    /// At most `receive_maximum` handshakes are open at a time.
    pub(crate) fn new(window: u32, receive_maximum: u16) -> Self {
        let identifiers = window.clamp(IDENTIFIERS, u16::MAX.into()) as usize;
        Self { awaited: vec![0; identifiers], next: 0, open: 0, limit: receive_maximum.into() }
    }

    /// Whether the next message could be sent now.
    pub(crate) fn has_room(&self) -> bool {
        self.open < self.limit && self.awaited[self.next] == 0
    }

    /// Takes an identifier for a PUBLISH of QoS 1 or 2, after `has_room`.
    pub(crate) fn start(&mut self, qos: u8) -> u16 {
        let index = self.next;
        self.awaited[index] = if qos == 1 { PUBACK } else { PUBREC };
        self.next = (index + 1) % self.awaited.len();
        self.open += 1;
        index as u16 + 1
    }

    /// Takes the acknowledgement of type `kind` for `id`, and tells whether one was due.
    pub(crate) fn acknowledge(&mut self, kind: u8, id: u16) -> bool {
        let Some(awaited) = usize::from(id).checked_sub(1).and_then(|index| self.awaited.get_mut(index))
        else {
            return false;
        };
        if *awaited != kind {
            return false;
        }
        if kind == PUBREC {
            *awaited = PUBCOMP;
        } else {
            *awaited = 0;
            self.open -= 1;
        }
        true
    }

    /// Handshakes that are not complete.
    pub(crate) fn open(&self) -> usize {
        self.open
    }
}

/// The packet identifiers of QoS 2 messages that a subscriber has received but whose PUBREL has not come.
#[derive(Debug)]
pub(crate) struct Unreleased {
    bits: Vec<u64>,
    count: usize,
}

impl Unreleased {
    pub(crate) fn new() -> Self {
        Self { bits: vec![0; 1024], count: 0 }
    }

    /// Notes a received PUBLISH; a second one with the same identifier changes nothing.
    pub(crate) fn insert(&mut self, id: u16) {
        let (word, bit) = (&mut self.bits[usize::from(id >> 6)], 1 << (id & 63));
        if *word & bit == 0 {
            *word |= bit;
            self.count += 1;
        }
    }

    /// Notes a received PUBREL; `false` if no PUBLISH used the identifier.
    pub(crate) fn release(&mut self, id: u16) -> bool {
        let (word, bit) = (&mut self.bits[usize::from(id >> 6)], 1 << (id & 63));
        if *word & bit == 0 {
            return false;
        }
        *word &= !bit;
        self.count -= 1;
        true
    }

    /// How many PUBREL are due.
    pub(crate) fn len(&self) -> usize {
        self.count
    }
}

/// Identifiers of a publisher go round in this many, unless its window is larger.
const IDENTIFIERS: u32 = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn qos_2_needs_pubrec_and_then_pubcomp() {
        let mut handshakes = Handshakes::new(16, u16::MAX);
        let id = handshakes.start(2);
        assert!(!handshakes.acknowledge(PUBCOMP, id));
        assert!(handshakes.acknowledge(PUBREC, id));
        assert!(!handshakes.acknowledge(PUBREC, id));
        assert_eq!(handshakes.open(), 1);
        assert!(handshakes.acknowledge(PUBCOMP, id));
        assert_eq!(handshakes.open(), 0);
    }

    #[test]
    fn an_acknowledgement_that_is_not_due_is_noticed() {
        let mut handshakes = Handshakes::new(16, u16::MAX);
        let id = handshakes.start(1);
        for (kind, id) in [(PUBACK, 0), (PUBACK, id + 1), (PUBREC, id), (PUBACK, u16::MAX)] {
            assert!(!handshakes.acknowledge(kind, id), "{kind} for {id}");
        }
        assert!(handshakes.acknowledge(PUBACK, id));
        assert!(!handshakes.acknowledge(PUBACK, id));
    }

    #[test]
    fn the_receive_maximum_is_kept() {
        let mut handshakes = Handshakes::new(16, 2);
        let first = handshakes.start(1);
        handshakes.start(1);
        assert!(!handshakes.has_room());
        handshakes.acknowledge(PUBACK, first);
        assert!(handshakes.has_room());
    }

    #[test]
    fn an_identifier_in_use_is_not_taken_again() {
        let mut handshakes = Handshakes::new(16, u16::MAX);
        let first = handshakes.start(1);
        for _ in 1..IDENTIFIERS {
            let id = handshakes.start(1);
            handshakes.acknowledge(PUBACK, id);
        }
        assert!(!handshakes.has_room());
        handshakes.acknowledge(PUBACK, first);
        assert_eq!((handshakes.has_room(), handshakes.start(1)), (true, first));
    }

    #[test]
    fn a_pubrel_releases_one_identifier_once() {
        let mut unreleased = Unreleased::new();
        [1, u16::MAX, 1].into_iter().for_each(|id| unreleased.insert(id));
        assert_eq!(unreleased.len(), 2);
        assert!(unreleased.release(1) && !unreleased.release(1) && !unreleased.release(2));
        assert!(unreleased.len() == 1 && unreleased.release(u16::MAX) && unreleased.len() == 0);
    }
}
