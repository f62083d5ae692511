//! Answers that are remembered for a while.
//!
//! They are found by a keyed hash of the whole question. The key is made anew with each cache, so what is in memory neither
//! holds a password nor lets anybody try some, who has not the key as well.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant, SystemTime};

use super::super::cryptography::{hmac, rand};
use crate::auth::{Decision, Refused};
use crate::config::HttpSettings;

/// Admitted and others apart: a flood of wrong passwords does not drive out who is known.
#[derive(Debug)]
pub(super) struct Cache {
    key: Option<hmac::Key>,
    admitted: Kept,
    others: Kept,
}

/// A question, hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Fingerprint([u8; 32]);

/// Decisions that live equally long, so that the oldest is the first to go.
#[derive(Debug)]
struct Kept {
    limit: usize,
    life: Duration,
    decisions: HashMap<Fingerprint, (Instant, Decision)>,
    /// By their age. One that was replaced is in it twice.
    order: VecDeque<(Instant, Fingerprint)>,
}

impl Cache {
    pub(super) fn new(settings: &HttpSettings) -> Self {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &rand::SystemRandom::new());
        Self {
            // without random numbers nothing is remembered
            key: key.ok().filter(|_| settings.cache > 0),
            admitted: Kept::new(settings.cache, settings.cache_admitted),
            others: Kept::new(settings.cache, settings.cache_refused),
        }
    }

    /// None if nothing is remembered.
    pub(super) fn fingerprint(&self, question: &[u8]) -> Option<Fingerprint> {
        let tag = hmac::sign(self.key.as_ref()?, question);
        tag.as_ref().try_into().ok().map(Fingerprint)
    }

    pub(super) fn get(&self, question: &Fingerprint, now: Instant, clock: SystemTime) -> Option<Decision> {
        let decision = self.admitted.get(question, now).or_else(|| self.others.get(question, now))?;
        match decision {
            Decision::Admit(identity) if identity.expires.is_some_and(|end| end <= clock) => None,
            known => Some(known.clone()),
        }
    }

    /// The newest answer counts, whichever the one before was.
    pub(super) fn insert(&mut self, question: Fingerprint, decision: &Decision, now: Instant) {
        let (kept, other) = match decision {
            Decision::Admit(_) => (&mut self.admitted, &mut self.others),
            Decision::Refuse(Refused::Unavailable) => return,
            Decision::Refuse(_) | Decision::Pass => (&mut self.others, &mut self.admitted),
        };
        other.decisions.remove(&question);
        kept.insert(question, decision.clone(), now);
    }
}

impl Kept {
    fn new(limit: usize, life: Duration) -> Self {
        Self { limit, life, decisions: HashMap::new(), order: VecDeque::new() }
    }

    fn get(&self, question: &Fingerprint, now: Instant) -> Option<&Decision> {
        let (since, decision) = self.decisions.get(question)?;
        (now.saturating_duration_since(*since) < self.life).then_some(decision)
    }

    fn insert(&mut self, question: Fingerprint, decision: Decision, now: Instant) {
        self.decisions.insert(question, (now, decision));
        self.order.push_back((now, question));
        while let Some(&(since, oldest)) = self.order.front() {
            let is_old = now.saturating_duration_since(since) >= self.life;
            if !is_old && self.order.len() <= self.limit {
                break;
            }
            self.order.pop_front();
            if self.decisions.get(&oldest).is_some_and(|(kept, _)| *kept == since) {
                self.decisions.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Identity;

    fn cache(limit: usize) -> Cache {
        Cache::new(&HttpSettings { cache: limit, ..HttpSettings::default() })
    }

    fn admit() -> Decision {
        Decision::Admit(Identity::default())
    }

    const REFUSE: Decision = Decision::Refuse(Refused::Credentials);

    #[test]
    fn an_answer_is_remembered_for_a_while() {
        let mut cache = cache(10);
        let now = Instant::now();
        let [alice, bob] = ["alice", "bob"].map(|name| cache.fingerprint(name.as_bytes()).expect("a hash"));
        cache.insert(alice, &admit(), now);
        cache.insert(bob, &REFUSE, now);
        let get = |question, seconds| {
            let later = now + Duration::from_secs(seconds);
            cache.get(question, later, SystemTime::UNIX_EPOCH)
        };
        assert_eq!(get(&alice, 59), Some(admit()));
        assert_eq!(get(&alice, 60), None);
        assert_eq!(get(&bob, 4), Some(REFUSE));
        assert_eq!(get(&bob, 5), None);
    }

    #[test]
    fn nobody_is_admitted_for_longer_than_the_answer_says() {
        let mut cache = cache(10);
        let now = Instant::now();
        let end = SystemTime::UNIX_EPOCH + Duration::from_secs(100);
        let alice = cache.fingerprint(b"alice").expect("a hash");
        cache.insert(alice, &Decision::Admit(Identity { expires: Some(end), ..Identity::default() }), now);
        assert!(cache.get(&alice, now, end - Duration::from_secs(1)).is_some());
        assert_eq!(cache.get(&alice, now, end), None);
    }

    #[test]
    fn the_newest_answer_counts() {
        let mut cache = cache(10);
        let now = Instant::now();
        let alice = cache.fingerprint(b"alice").expect("a hash");
        for decision in [admit(), REFUSE, Decision::Pass, admit()] {
            cache.insert(alice, &decision, now);
            assert_eq!(cache.get(&alice, now, SystemTime::UNIX_EPOCH), Some(decision));
        }
        cache.insert(alice, &Decision::Refuse(Refused::Unavailable), now);
        assert_eq!(
            cache.get(&alice, now, SystemTime::UNIX_EPOCH),
            Some(admit()),
            "no answer changes nothing"
        );
    }

    #[test]
    fn only_so_many_are_remembered_and_wrong_passwords_drive_nobody_out() {
        let mut cache = cache(3);
        let now = Instant::now();
        let alice = cache.fingerprint(b"alice").expect("a hash");
        cache.insert(alice, &admit(), now);
        for number in 0..1000_u32 {
            let guess = cache.fingerprint(&number.to_be_bytes()).expect("a hash");
            cache.insert(guess, &REFUSE, now + Duration::from_millis(number.into()));
            assert!(cache.others.decisions.len() <= 3 && cache.others.order.len() <= 3);
        }
        assert_eq!(cache.get(&alice, now, SystemTime::UNIX_EPOCH), Some(admit()));
        let newest = cache.fingerprint(&999_u32.to_be_bytes()).expect("a hash");
        assert_eq!(cache.get(&newest, now + Duration::from_secs(1), SystemTime::UNIX_EPOCH), Some(REFUSE));
    }

    #[test]
    fn each_cache_hashes_in_its_own_way() {
        assert_ne!(cache(1).fingerprint(b"alice"), cache(1).fingerprint(b"alice"));
        assert_eq!(cache(0).fingerprint(b"alice"), None);
    }
}
