//! Passwords that were found right a short while ago, so that they need not be hashed again.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use mqtt_session::Time;
use sha2::Sha256;

use super::Verifier;

/// Stands for user, password and stored hash. Without the secret of the process it tells nothing of them.
pub(super) type Key = [u8; 32];

/// A bounded set of [`Key`]s that forgets.
pub(super) struct Cache {
    secret: Hmac<Sha256>,
    limit: usize,
    time: Duration,
    keys: HashSet<Key>,
    /// In the order in which they came, which is that in which they go.
    order: VecDeque<(Time, Key)>,
}

impl Cache {
    /// Of so many passwords, for so long. Without a secret from the system it stays empty.
    pub(super) fn new(limit: usize, time: Duration) -> Self {
        let mut secret = [0; 64];
        let limit = if getrandom::fill(&mut secret).is_ok() { limit } else { 0 };
        let secret = Hmac::new(&secret.into());
        Self { secret, limit, time, keys: HashSet::new(), order: VecDeque::new() }
    }

    pub(super) fn key(&self, user: &str, password: &[u8], verifier: &Verifier) -> Key {
        let [salt, hash] = verifier.parts();
        let mut mac = self.secret.clone();
        for part in [user.as_bytes(), password, salt, hash] {
            // the length first, so that no two quadruples are the same bytes
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }

    pub(super) fn contains(&mut self, now: Time, key: &Key) -> bool {
        self.forget(now);
        self.keys.contains(key)
    }

    pub(super) fn insert(&mut self, now: Time, key: Key) {
        if self.limit == 0 || self.time.is_zero() || !self.keys.insert(key) {
            return;
        }
        self.order.push_back((now.after(self.time), key));
        if self.keys.len() > self.limit {
            self.forget_first();
        }
    }

    fn forget(&mut self, now: Time) {
        while self.order.front().is_some_and(|(until, _)| *until <= now) {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        if let Some((_, key)) = self.order.pop_front() {
            self.keys.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verifier(salt: u8) -> Verifier {
        let hash = |byte| data_encoding::BASE64.encode(&[byte; 64]);
        Verifier::parse(&format!("$6${}${}", data_encoding::BASE64.encode(&[salt; 12]), hash(1)))
            .expect("a hash")
    }

    #[test]
    fn a_key_is_that_of_user_password_and_hash_together() {
        let cache = Cache::new(9, Duration::MAX);
        let key = cache.key("ann", b"pw", &verifier(1));
        assert_eq!(key, cache.key("ann", b"pw", &verifier(1)));
        for other in [
            cache.key("an", b"npw", &verifier(1)),
            cache.key("ann", b"pW", &verifier(1)),
            cache.key("ann", b"pw", &verifier(2)),
            Cache::new(9, Duration::MAX).key("ann", b"pw", &verifier(1)),
        ] {
            assert_ne!(key, other);
        }
    }

    #[test]
    fn it_forgets_what_is_old_and_what_is_too_much() {
        let mut cache = Cache::new(2, Duration::from_secs(10));
        for second in 0..3 {
            cache.insert(Time::from_secs(second), [second as u8; 32]);
        }
        let known = |cache: &mut Cache, second| {
            [0, 1, 2].map(|key| cache.contains(Time::from_secs(second), &[key; 32]))
        };
        assert_eq!(known(&mut cache, 3), [false, true, true]);
        assert_eq!(known(&mut cache, 11), [false, false, true]);
        assert_eq!(known(&mut cache, 12), [false; 3]);
        assert!(cache.order.is_empty());
    }

    #[test]
    fn one_of_no_size_or_no_time_stays_empty() {
        for (limit, time) in [(0, Duration::MAX), (9, Duration::ZERO)] {
            let mut cache = Cache::new(limit, time);
            cache.insert(Time::ZERO, [1; 32]);
            assert!(!cache.contains(Time::ZERO, &[1; 32]) && cache.order.is_empty());
        }
    }
}
