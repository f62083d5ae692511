//! What was seen of each sender.

use std::collections::HashMap;
use std::time::Duration;

/// How far back an opener looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplayLimits {
    /// Senders that are remembered; each takes about 250 bytes. Beyond them the one that was silent for longest is forgotten,
    /// and whatever an unknown sender has sealed before that is refused. Default 1,024: more than most applications have.
    pub senders: usize,
    /// How old a message may be. Default: as old as it likes, since retained messages and those that wait for a session are.
    pub max_age: Option<Duration>,
    /// How far ahead the clock of a sender may be, where `max_age` is set. Default 5 minutes.
    pub max_ahead: Duration,
}

impl Default for ReplayLimits {
    fn default() -> Self {
        Self { senders: 1_024, max_age: None, max_ahead: Duration::from_secs(300) }
    }
}

/// Numbers that are told apart: more than a client has in flight usually.
pub(super) const WINDOW: u64 = 1_024;
const WORDS: usize = (WINDOW / 64) as usize;

/// The last numbers of one sender: a bit for each, by number modulo [`WINDOW`].
#[derive(Clone, Debug, Default)]
pub(super) struct Window {
    /// One more than the highest.
    end: u64,
    seen: [u64; WORDS],
}

impl Window {
    /// Whether the number was not seen, and can be told from those that were.
    pub(super) fn is_new(&self, number: u64) -> bool {
        number >= self.end || (self.end - number <= WINDOW && self.seen[word(number)] & bit(number) == 0)
    }

    pub(super) fn note(&mut self, number: u64) {
        if number >= self.end {
            if number - self.end >= WINDOW {
                self.seen = [0; WORDS];
            } else {
                (self.end..number).for_each(|skipped| self.seen[word(skipped)] &= !bit(skipped));
            }
            self.end = number.saturating_add(1);
        }
        self.seen[word(number)] |= bit(number);
    }
}

const fn word(number: u64) -> usize {
    (number % WINDOW / 64) as usize
}

const fn bit(number: u64) -> u64 {
    1 << (number % 64)
}

/// A sender under one key.
pub(super) type Sender = (Box<str>, [u8; 16]);

/// The senders, and from when on others may be new.
#[derive(Debug, Default)]
pub(super) struct Senders {
    known: HashMap<Sender, (Window, u64)>,
    /// Up to this time unknown senders may be forgotten ones; `None` while none was forgotten.
    floor: Option<u64>,
}

impl Senders {
    /// Whether a message was not seen before, as far as can be told. `Err` if it is too old to tell.
    pub(super) fn is_new(&self, sender: &Sender, time: u64, number: u64) -> Result<bool, ()> {
        match self.known.get(sender) {
            Some((window, _)) => Ok(window.is_new(number)),
            None if Some(time) <= self.floor => Err(()),
            None => Ok(true),
        }
    }

    pub(super) fn note(&mut self, sender: Sender, time: u64, number: u64, limit: usize) {
        if !self.known.contains_key(&sender) {
            self.make_room(limit);
        }
        let (window, last) = self.known.entry(sender).or_default();
        if window.is_new(number) {
            window.note(number);
        }
        *last = time.max(*last);
    }

    fn make_room(&mut self, limit: usize) {
        while self.known.len() >= limit.max(1) {
            let oldest = self.known.iter().min_by_key(|(_, (_, last))| *last);
            let Some((sender, last)) = oldest.map(|(sender, (_, last))| (sender.clone(), *last)) else {
                return;
            };
            self.known.remove(&sender);
            self.floor = self.floor.max(Some(last));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_number_is_new_once_and_old_ones_never_are() {
        let (mut window, mut seen, mut highest, mut random) = (Window::default(), HashSet::new(), 0, 1_u64);
        for _ in 0..20_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let jump = if random >> 60 == 0 { (random >> 33) % 3_000 } else { (random >> 33) % 8 };
            let number = (highest + jump).saturating_sub((random >> 20) % 1_200);
            let can_be_told = number >= highest || highest - number < WINDOW;
            assert_eq!(
                window.is_new(number),
                can_be_told && !seen.contains(&number),
                "{number} after {highest}"
            );
            if window.is_new(number) {
                window.note(number);
                seen.insert(number);
                highest = highest.max(number);
            }
        }
    }

    #[test]
    fn whoever_was_forgotten_is_not_taken_for_somebody_new() {
        let sender = |number: u8| -> Sender { ("k".into(), [number; 16]) };
        let mut senders = Senders::default();
        (1..=3).for_each(|each| senders.note(sender(each), u64::from(each) * 100, 0, 2));
        assert_eq!(senders.is_new(&sender(1), 100, 0), Err(()));
        assert_eq!(senders.is_new(&sender(2), 200, 0), Ok(false));
        assert_eq!(senders.is_new(&sender(9), 101, 0), Ok(true));
        assert_eq!(senders.known.len(), 2);
    }
}
