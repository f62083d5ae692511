//! Wrong passwords, counted by user name: whoever guesses has to wait.

use std::collections::BTreeSet;
use std::hash::BuildHasher;

use ::core::net::IpAddr;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use mqtt_session::Time;

use super::failures::{Allowance, Failures};
use crate::config::{GuessLimits, Network};

/// How many that may be forgotten are looked for when another one comes.
const FORGOTTEN_AT_ONCE: usize = 2;

/// Wrong passwords of each user name, from each address and in all.
///
/// From one address guessing soon takes minutes for each password, and the owner of the name, who is elsewhere, does not
/// notice. Whoever guesses from very many addresses meets the second count, whose delay is short: all of them together have
/// one guess in that time, and the owner a chance in each of them. A name costs memory only while something is held against
/// it, and who would be forgotten first makes room.
#[derive(Debug)]
pub struct Guesses {
    limits: GuessLimits,
    hasher: FixedState,
    records: HashMap<u64, Failures, FixedState>,
    /// By the time at which nothing is held against them.
    idle: BTreeSet<(Time, u64)>,
}

impl Guesses {
    /// None yet. The seed should not be guessed by strangers: names are known by their hashes.
    pub fn new(limits: GuessLimits, seed: u64) -> Self {
        let hasher = FixedState::with_seed(seed);
        Self { limits, records: HashMap::with_hasher(hasher.clone()), hasher, idle: BTreeSet::new() }
    }

    /// Whether a password of this user is not even looked at now.
    pub fn is_delayed(&self, now: Time, user: &str, address: Option<IpAddr>) -> bool {
        let keys = [self.key_here(user, address), self.key_in_all(user)];
        keys.iter().any(|key| self.records.get(key).is_some_and(|failures| failures.is_delayed(now)))
    }

    /// A password was wrong.
    pub fn fail(&mut self, now: Time, user: &str, address: Option<IpAddr>) {
        let GuessLimits { per_address, in_all, recovery, delay, delay_maximum, delay_in_all, .. } =
            self.limits;
        let here = Allowance { failures: per_address, recovery, delay, delay_maximum };
        let everywhere =
            Allowance { failures: in_all, recovery, delay: delay_in_all, delay_maximum: delay_in_all };
        self.fail_key(now, self.key_here(user, address), &here);
        self.fail_key(now, self.key_in_all(user), &everywhere);
    }

    /// A password was right: nothing is held against the user at this address.
    pub fn succeed(&mut self, user: &str, address: Option<IpAddr>) {
        let key = self.key_here(user, address);
        if let Some(failures) = self.records.remove(&key) {
            self.idle.remove(&(failures.forgotten_at(self.limits.recovery), key));
        }
    }

    /// Names, and names at addresses, that something is held against.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether nothing is held against anybody.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    fn fail_key(&mut self, now: Time, key: u64, allowance: &Allowance) {
        if !self.records.contains_key(&key) {
            self.make_room(now);
        }
        let failures = self.records.entry(key).or_default();
        self.idle.remove(&(failures.forgotten_at(allowance.recovery), key));
        failures.fail(now, allowance);
        self.idle.insert((failures.forgotten_at(allowance.recovery), key));
    }

    fn make_room(&mut self, now: Time) {
        for _ in 0..FORGOTTEN_AT_ONCE {
            match self.idle.first() {
                Some((at, _)) if *at <= now => self.forget_first(),
                _ => break,
            }
        }
        if self.records.len() >= self.limits.remembered {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        if let Some((_, key)) = self.idle.pop_first() {
            self.records.remove(&key);
        }
    }

    fn key_here(&self, user: &str, address: Option<IpAddr>) -> u64 {
        let network = address.map(|address| Network::around(address, 32, 64));
        self.hasher.hash_one((user, Some(network)))
    }

    fn key_in_all(&self, user: &str) -> u64 {
        self.hasher.hash_one((user, None::<Option<Network>>))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn limits() -> GuessLimits {
        GuessLimits { per_address: 2, in_all: 10, remembered: 100, ..GuessLimits::default() }
    }

    fn address(last: u8) -> Option<IpAddr> {
        Some([10, 0, 0, last].into())
    }

    #[test]
    fn who_guesses_waits_twice_as_long_each_time_and_the_owner_elsewhere_does_not() {
        let mut guesses = Guesses::new(limits(), 7);
        let mut now = Time::from_secs(1);
        for _ in 0..2 {
            guesses.fail(now, "ann", address(1));
            assert!(!guesses.is_delayed(now, "ann", address(1)));
        }
        for seconds in [1, 2, 4, 8] {
            guesses.fail(now, "ann", address(1));
            assert!(guesses.is_delayed(now, "ann", address(1)));
            assert!(!guesses.is_delayed(now, "ann", address(2)));
            assert!(!guesses.is_delayed(now, "bob", address(1)));
            now = now.after_secs(seconds - 1).after(Duration::from_millis(999));
            assert!(guesses.is_delayed(now, "ann", address(1)));
            now = now.after(Duration::from_millis(1));
            assert!(!guesses.is_delayed(now, "ann", address(1)));
        }
    }

    #[test]
    fn guesses_from_everywhere_come_one_in_a_second() {
        let mut guesses = Guesses::new(limits(), 7);
        let now = Time::from_secs(1);
        for last in 0..200 {
            guesses.fail(now, "ann", address(last));
        }
        assert!(guesses.is_delayed(now, "ann", address(250)));
        let later = now.after(limits().delay_in_all);
        assert!(!guesses.is_delayed(later, "ann", address(250)));
        assert!(guesses.len() <= 100);
    }

    #[test]
    fn a_right_password_and_time_make_up_for_wrong_ones() {
        let mut guesses = Guesses::new(limits(), 7);
        let now = Time::from_secs(1);
        for _ in 0..2 {
            guesses.fail(now, "ann", address(1));
        }
        guesses.succeed("ann", address(1));
        guesses.fail(now, "ann", address(1));
        assert!(!guesses.is_delayed(now, "ann", address(1)));
        let later = now.after(limits().recovery * 10);
        guesses.fail(later, "bob", None);
        guesses.fail(later, "eve", None);
        // both of ann are forgotten, and these two names have two each
        assert_eq!(guesses.len(), 4);
        assert!(!guesses.is_empty());
    }
}
